"""Words of a finalize: how a keep stands, and numbers with their intervals. Pure."""

from autoresearch.common.text import cut
from autoresearch.finalization.ablation import KeepAnswer
from autoresearch.finalization.confirmation import Span
from autoresearch.finalization.passenger_test import Standing
from autoresearch.records import Experiment, Proposer
from autoresearch.statistics.rounding import decimals

LONGEST_SUBJECT = 72  # characters of a commit message's first line
STANDS = {
    Standing.GAIN: "it stands: the code is worse without it",
    Standing.SIMPLER: "it stands as a simplification: the code is no better without it",
    Standing.PASSENGER: "a passenger, dropped: the code is no worse without it",
    Standing.COSTS: "dropped: it was kept for being simpler, and the code is better without it",
    Standing.BREAKS: "it stands: the code does not run without it",
    Standing.NEEDED: "it stays: a later keep is built on it, so it can't be left out",
    Standing.GONE: "later keeps replaced all of it, so it has no commit of its own",
    Standing.RETURNED: "it stays: it can be left out alone, but not with the other passengers",
    Standing.UNDECIDED: "it stays: its runs did not tell whether the code is worse without it",
}


def standing_words(answer: KeepAnswer) -> str:
    """Describe how a keep stands, with what is known besides."""
    more = f"built on it: {answer.why}" if answer.standing is Standing.NEEDED else answer.why
    return f"{STANDS[answer.standing]} ({more})" if more else STANDS[answer.standing]


def span_words(span: Span | None, unit: str = "", *, signed: bool = True) -> str:
    """For example "+0.0121 bits per byte (95 % interval 0.0034 to 0.0208)", or "not measured"."""
    if span is None:
        return "not measured"
    return interval_words(span.value, span.low, span.high, unit, signed=signed)


def interval_words(
    value: float, low: float | None, high: float | None, unit: str = "", *, signed: bool = True
) -> str:
    """Format a number with as many digits as its interval bears out."""
    if low is None or high is None or low == high:
        return f"{value:{'+' if signed else ''}.6g} {unit}".rstrip()
    digits = decimals((high - low) / 2)
    sign = "+" if signed else ""
    number = f"{value:{sign}.{digits}f} {unit}".rstrip()
    return f"{number} (95 % interval {low:.{digits}f} to {high:.{digits}f})"


def gain_words(answer: KeepAnswer, unit: str) -> str:
    """Say what having a keep is worth at the end, by fresh runs; "" where nothing was measured."""
    if answer.gain is None:
        return ""
    span = interval_words(answer.gain, answer.low, answer.high, unit)
    return f"{span} over {answer.runs} fresh runs without it and {answer.controls} of the whole"


def proposer_words(who: Proposer) -> str:
    """Name the client, its model, and its place in a campaign."""
    worker = f", worker {who.worker}" if who.worker else ""
    return f"{' '.join(filter(None, (who.client, who.model)))}{worker}"


def subject_of(experiment: Experiment) -> str:
    """Return a hypothesis as the first line of a commit message."""
    return cut(" ".join(experiment.hypothesis.split()), LONGEST_SUBJECT)
