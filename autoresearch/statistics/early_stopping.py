"""Whether a run's curve is hopeless beside those of the incumbent's control runs: pure, no files.

A curve is what a run itself wrote of its training loss, lower being better, placed by how much of
the budget was used when the supervisor saw it. It is the run's own word. So it may cost the run
its time, and nothing else: a run that is not stopped is measured as if it had written none.

The bar at a point of the budget lies above the worst control there, by four times the controls'
spread and by all that the controls went on to gain from there to their end. A run that stays
above it would have to gain more than twice what they did, only to end like the worst of them. A
run that is catching up is left alone, too: its gap to the controls, shrinking on as it did over the
last half of its way, would be within their noise at the end.
Standard library only: a supervisor reads this.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

POINTS = 100  # a curve has one place for each hundredth of the budget
FEWEST_CONTROLS = 4
EARLIEST = 20  # hundredths of the budget that a run has for itself
LATEST = 90  # from here on nothing worth it is left to save
STRETCH = 5  # hundredths that a run must have been hopeless for
FEWEST_SEEN = 3  # points within it
WINDOW = 5  # hundredths that a loss is averaged over
SPREADS = 4.0
LEAST_SPREAD = 0.002  # of the loss: controls that agree by chance leave some room all the same

Curve = Sequence[float | None]  # POINTS of them: the mean loss in each hundredth of the budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Hopeless:
    """The point at which a run was found hopeless, and what the controls had there."""

    point: int  # the last whole hundredth of the budget that was looked at
    loss: float
    low: float  # of the controls' losses there
    high: float
    final: float  # what the controls ended with, on average
    controls: int

    @property
    def share(self) -> float:
        """The share of the budget that was used when this was known."""
        return (self.point + 1) / POINTS

    @property
    def sentence(self) -> str:
        """With its numbers, to follow "stopped early: "."""
        return (
            f"at {self.share:.0%} of its budget its loss was {self.loss:.4g} where the "
            f"incumbent's {self.controls} controls had {self.low:.4g} to {self.high:.4g}, "
            f"and ended with {self.final:.4g}"
        )


@dataclass(frozen=True, slots=True)
class _Reference:
    """What the controls had at one point, and the bar above it."""

    low: float
    mean: float
    high: float
    noise: float  # how far above the mean a run may be by chance
    bar: float


def find_hopeless(curve: Curve, controls: Sequence[Curve]) -> Hopeless | None:
    """The first point at which that curve is hopeless; None while it is not.

    Its newest point is not looked at, since more may be added to it. A curve that goes on gives
    the same answer as its beginning did.
    """
    if len(controls) < FEWEST_CONTROLS or not all(_whole(one) for one in controls):
        return None
    final = fmean(loss for one in controls if (loss := _smooth(one, POINTS - 1)) is not None)
    newest = max((at for at, loss in enumerate(curve) if loss is not None), default=0)
    for at in range(EARLIEST - 1, min(newest, LATEST)):
        if curve[at] is None or not _stays_above(curve, controls, final, at):
            continue
        if not _catches_up(curve, controls, final, at):
            loss, here = _smooth(curve, at), _reference(controls, final, at)
            assert loss is not None
            assert here is not None
            return Hopeless(
                point=at,
                loss=loss,
                low=here.low,
                high=here.high,
                final=final,
                controls=len(controls),
            )
    return None


def _stays_above(curve: Curve, controls: Sequence[Curve], final: float, at: int) -> bool:
    """Whether each point of a stretch up to there lies above the bar.

    Where points are few, the stretch is longer.
    """
    seen = 0
    for point in range(at, -1, -1):
        if seen >= FEWEST_SEEN and point <= at - STRETCH:
            return True
        if curve[point] is None:
            continue
        here, loss = _reference(controls, final, point), _smooth(curve, point)
        if here is None or loss is None or loss <= here.bar:
            return False
        seen += 1
    return seen >= FEWEST_SEEN


def _catches_up(curve: Curve, controls: Sequence[Curve], final: float, at: int) -> bool:
    """Whether the gap to the controls' mean, shrinking on at its rate, ends within their noise."""
    half = at // 2
    early, here = _reference(controls, final, half), _reference(controls, final, at)
    was, loss = _smooth(curve, half), _smooth(curve, at)
    if early is None or here is None or was is None or loss is None:
        return True
    before, now = was - early.mean, loss - here.mean
    if now >= before:
        return False
    left: float = now * (now / before) ** ((POINTS - 1 - at) / (at - half))
    return left <= here.noise


def _reference(controls: Sequence[Curve], final: float, at: int) -> _Reference | None:
    """None where a control has no point yet."""
    losses = [loss for one in controls if (loss := _smooth(one, at)) is not None]
    if len(losses) < len(controls):
        return None
    spread = max(stdev(losses), LEAST_SPREAD * abs(fmean(losses)))
    to_come = max(0.0, fmean(losses) - final)
    mean, high = fmean(losses), max(losses)
    bar = high + SPREADS * spread
    return _Reference(min(losses), mean, high, bar - mean, bar + to_come)


def _smooth(curve: Curve, at: int) -> float | None:
    """The mean loss in the window that ends there, else the last loss before; None without any."""
    window = [loss for loss in curve[max(0, at - WINDOW + 1) : at + 1] if loss is not None]
    if window:
        return fmean(window)
    return next((loss for loss in reversed(curve[: at + 1]) if loss is not None), None)


def _whole(curve: Curve) -> bool:
    return any(loss is not None for loss in curve[LATEST:])
