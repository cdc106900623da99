"""Early stopping: compare a run's training curve with those of control runs. Pure, no files.

A curve is the training loss as the run itself reports it, lower being better, placed by the share
of the budget used when the supervisor read it. It is self-reported, so it may cost the run its
time and nothing else: a run that is not stopped is measured as if it had written no curve.

The bar at a point of the budget lies above the worst control run there, by four times the spread
of the control runs plus all that they went on to gain from there to their end. A run that stays
above it would have to gain more than twice as much as they did only to end level with the worst
of them. A run that is catching up is not stopped either: a run is catching up if its gap to the
control runs, shrinking at the rate of the last half of its curve, would end within their noise.
Standard library only: supervisors import this.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

POINTS = 100  # of a curve: one for each hundredth of the budget
FEWEST_CONTROLS = 4
EARLIEST = 20  # hundredths of the budget before a run may be stopped
LATEST = 90  # hundredths after which stopping saves too little to be worth it
STRETCH = 5  # hundredths for which a run must have stayed above the bar
FEWEST_SEEN = 3  # points of the curve within that stretch
WINDOW = 5  # hundredths over which the loss is averaged
SPREADS = 4.0  # standard deviations of the control runs between the worst of them and the bar
LEAST_SPREAD = 0.002  # of the loss: the least spread assumed where controls agree by chance

Curve = Sequence[float | None]  # POINTS of them: the mean loss in each hundredth of the budget


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyStop:
    """The point at which a run fell too far behind, and the control runs' losses there."""

    point: int  # the last full hundredth of the budget that was compared
    loss: float
    low: float  # lowest loss of a control run there
    high: float
    final: float  # mean final loss of the control runs
    controls: int

    @property
    def share(self) -> float:
        """Share of the budget that was used by then, 0 to 1."""
        return (self.point + 1) / POINTS

    @property
    def sentence(self) -> str:
        """The reason with its numbers, to follow "stopped early: "."""
        return (
            f"at {self.share:.0%} of its budget its loss was {self.loss:.4g}, while the "
            f"incumbent's {self.controls} controls had {self.low:.4g} to {self.high:.4g}, "
            f"and ended with {self.final:.4g}"
        )


@dataclass(frozen=True, slots=True)
class _Reference:
    """The control runs' losses at one point, and the bar above them."""

    low: float
    mean: float
    high: float
    noise: float  # distance above the mean that chance alone explains
    bar: float


def find_early_stop(curve: Curve, controls: Sequence[Curve]) -> EarlyStop | None:
    """Return the first point at which a run is too far behind to be worth finishing.

    The newest point is left out, since more may be added to it. The answer for a longer curve is
    the same as for its beginning.

    Args:
        curve: The run's mean training loss in each hundredth of the budget (POINTS values).
        controls: Curves of the incumbent's control runs, in the same form.

    Returns:
        The point and the losses there, or None if the run is not too far behind, if there are
        fewer than FEWEST_CONTROLS control runs, or if one of these lacks the end of its curve.
    """
    if len(controls) < FEWEST_CONTROLS or not all(_reaches_end(one) for one in controls):
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
            return EarlyStop(
                point=at,
                loss=loss,
                low=here.low,
                high=here.high,
                final=final,
                controls=len(controls),
            )
    return None


def _stays_above(curve: Curve, controls: Sequence[Curve], final: float, at: int) -> bool:
    """Return whether each point of a stretch that ends there lies above the bar.

    The stretch is longer where points are few.
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
    """Return whether the gap to the controls' mean, extrapolated, ends within their noise."""
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
    """Return the control runs' losses and the bar at one point; None if one has no point yet."""
    losses = [loss for one in controls if (loss := _smooth(one, at)) is not None]
    if len(losses) < len(controls):
        return None
    spread = max(stdev(losses), LEAST_SPREAD * abs(fmean(losses)))
    to_come = max(0.0, fmean(losses) - final)
    mean, high = fmean(losses), max(losses)
    bar = high + SPREADS * spread
    return _Reference(min(losses), mean, high, bar - mean, bar + to_come)


def _smooth(curve: Curve, at: int) -> float | None:
    """Return the mean loss of the window ending there, else the last loss before; None if none."""
    window = [loss for loss in curve[max(0, at - WINDOW + 1) : at + 1] if loss is not None]
    if window:
        return fmean(window)
    return next((loss for loss in reversed(curve[: at + 1]) if loss is not None), None)


def _reaches_end(curve: Curve) -> bool:
    return any(loss is not None for loss in curve[LATEST:])
