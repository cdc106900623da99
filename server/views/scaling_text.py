"""Words and rows for what was found at several sizes: pure, for the tool and the command alike."""

from collections.abc import Iterator

from autoresearch.loop.scaling import RUNS, ScalingView, SizeRuns
from autoresearch.statistics.scaling_laws import Interval, Law
from server.views.figures import count, digits_for


def sentence(view: ScalingView) -> str:
    """The answer, or what is still missing, with its numbers."""
    names = f"{view.experiment} on {view.base} at {sizes(view)}"
    if view.why_not:
        return f"{names}: no answer. {view.why_not}"
    if view.fit is None:
        ended = RUNS * len(view.sizes) - view.missing
        return (
            f"{names}: {count(ended, 'run')} ended, {view.missing} missing, "
            f"{view.going} of these going."
        )
    fit, digits = view.fit, digits_for(view.fit.spread)
    costs = "" if 0.9 < fit.costs < 1.1 else f", where it takes {fit.costs:.2g} times the compute"
    sides = ((view.base, fit.baseline), (view.experiment, fit.candidate))
    off = [name for name, found in sides if not found.fits]
    misfit = f". No power law fits the runs of {' and '.join(off)}: trust those" if off else ""
    return (
        f"{names}: the gain is {span(fit.gain, digits)} {view.unit} at the sizes run{costs}, and "
        f"{span(fit.reach.gain, digits)} at ten times the compute: {fit.answer}{misfit}."
    )


def sizes(view: ScalingView) -> str:
    """For example "WIDTH = 16, 32, 64"."""
    every = dict.fromkeys(one.size for one in view.sizes)
    return f"{view.knob} = {', '.join(f'{size:g}' for size in every)}"


def span(found: Interval, digits: int) -> str:
    """For example "+0.031 (+0.020 to +0.040)"."""
    return f"{found.value:+.{digits}f} ({found.low:+.{digits}f} to {found.high:+.{digits}f})"


def law(found: Law, view: ScalingView) -> str:
    """Format the law as a formula, with the interval of its exponent."""
    assert view.fit is not None
    x0, fallen = view.fit.x0, found.exponent
    return (
        f"{found.floor.value:.4f} {found.scale.value:+.4f} (x / {x0:.3g})^-{fallen.value:.2f}, "
        f"exponent {fallen.low:.2f} to {fallen.high:.2f}"
    )


def rows(view: ScalingView) -> Iterator[tuple[SizeRuns, SizeRuns]]:
    """The base and the experiment at each size."""
    half = len(view.sizes) // 2
    yield from zip(view.sizes[:half], view.sizes[half:], strict=True)
