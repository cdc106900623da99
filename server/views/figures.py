"""Numbers as a reader wants them: measurements, effects with intervals, durations.

Pure functions. Effects are in metric units and positive is better. A sigma of 0 stands for runs
that repeat to the last bit: what is shown of them has no interval.
"""

from autoresearch.common.text import cut
from autoresearch.statistics.rounding import decimals

digits_for = decimals  # one rule for sentences of the lab and tables of the server


def shorten(value: float | None, digits: int = 6) -> float | None:
    """A float of that many significant digits, so that a result costs few tokens."""
    return None if value is None else float(f"{value:.{digits}g}")


def measured(value: float | None, unit: str, sigma: float | None = None) -> str:
    """For example "2.9051 bits per byte", or "not measured"."""
    if value is None:
        return "not measured"
    if sigma == 0:  # runs repeat exactly, so every digit counts
        return f"{value:.10g} {unit}".rstrip()
    return f"{value:.{digits_for(sigma)}f} {unit}".rstrip()


def effect(
    value: float | None, low: float | None, high: float | None, sigma: float | None = None
) -> str:
    """For example "+0.0121 (95 % +0.0034 to +0.0208)", "exactly +2", or "no effect measured"."""
    if value is None:
        return "no effect measured"
    if sigma == 0:
        return f"exactly {value:+.6g}"
    digits = digits_for(sigma)
    shown = f"{value:+.{digits}f}"
    if low is None or high is None:
        return shown
    return f"{shown} (95 % {low:+.{digits}f} to {high:+.{digits}f})"


def count(number: int, noun: str) -> str:
    """For example "1 run" or "3 runs"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def quote(text: str, longest: int = 200) -> str:
    """The first line of an untrusted text, in quotes and cut, for use inside a sentence."""
    line = next((part.strip() for part in text.splitlines() if part.strip()), "")
    return f"“{cut(line, longest)}”" if line else ""
