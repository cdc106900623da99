"""Read a results.tsv of karpathy/autoresearch, and say which of its keeps stand above the noise.

A line is `commit val_bpb memory_gb status description` between tabs. Lower is better, a crash is
written as 0.000000. A keep's gain is the best kept value before it minus its own. Both are single
runs, so code that changes nothing gains g or more with probability 1 - Phi(g / (sigma sqrt 2)):
that is its chance from luck alone. A log keeps the best of several tries, so beside it stands
1 - (1 - p)^m, the chance that any of the m runs since the keep before would have gained so much.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from autoresearch.errors import LabError, NotFoundError

COLUMNS = ("commit", "val_bpb", "memory_gb", "status", "description")
STATUSES = ("keep", "discard", "crash")
LUCK = 0.01  # a keep that luck gives less often than this stands above the noise
LARGEST = 50_000_000  # bytes
LEAST_SIGMA, MOST_SIGMA = 1e-12, 1e6  # bits per byte; far outside, gain / sigma leaves the floats


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRun:
    """One line of the log."""

    line: int
    commit: str
    value: float
    status: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedKeep:
    """A keep after the first, and what its gain is worth."""

    line: int
    commit: str
    description: str
    value: float
    gain: float  # over the best kept before it; metric units, positive is better
    sigmas: float
    tries: int  # runs since the keep before it, its own with them
    luck: float  # the chance of such a gain if the change did nothing
    luck_of_tries: float  # that one of the tries shows such a gain if none did anything
    stands: bool  # luck_of_tries is below 1 %


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedLog:
    """The keeps of a log, judged at a given noise."""

    sigma: float
    runs: int
    crashes: int
    first: LoggedRun  # the first keep: what the others are measured from
    keeps: tuple[LoggedKeep, ...]
    below_sigma: int  # keeps that gained less than sigma
    standing: int
    claimed: float  # from the first keep to the best
    damaged: tuple[str, ...]  # lines that were left out, and why


def judge_log(path: Path, sigma: float) -> JudgedLog:
    """Weigh each keep of the log at `path` against `sigma`, the spread of single runs.

    Raises LabError where sigma is no spread or the file is no such log, NotFoundError if there is
    no file.
    """
    if not LEAST_SIGMA <= sigma <= MOST_SIGMA:  # not for a nan either
        raise LabError(
            f"--sigma {sigma:g} is not a possible spread.",
            f"Give {LEAST_SIGMA:g} to {MOST_SIGMA:g}: how far runs that differ only in their seed "
            "lie apart (their standard deviation), such as 0.000695.",
            reason="bad_sigma",
        )
    found, damaged = _parse(_read(path), path)
    keeps = [run for run in found if run.status == "keep"]
    if not keeps:
        raise LabError(
            f"{path} has no keeps.",
            "Give a log in which something was kept.",
            reason="no_keep",
        )
    weighed = _weigh(found, sigma)
    return JudgedLog(
        sigma=sigma,
        runs=len(found),
        crashes=sum(run.status == "crash" for run in found),
        first=keeps[0],
        keeps=weighed,
        below_sigma=sum(keep.gain < sigma for keep in weighed),
        standing=sum(keep.stands for keep in weighed),
        claimed=keeps[0].value - min(run.value for run in keeps),
        damaged=damaged,
    )


def _weigh(runs: Sequence[LoggedRun], sigma: float) -> tuple[LoggedKeep, ...]:
    weighed: list[LoggedKeep] = []
    best, tries = math.nan, 0
    for run in runs:
        tries += 1
        if run.status != "keep":
            continue
        if not math.isnan(best):
            weighed.append(_keep(run, best - run.value, tries, sigma))
        best = run.value if math.isnan(best) else min(best, run.value)
        tries = 0
    return tuple(weighed)


def _keep(run: LoggedRun, gain: float, tries: int, sigma: float) -> LoggedKeep:
    luck = math.erfc(gain / (2 * sigma)) / 2  # 1 - Phi(gain / (sigma sqrt 2)), not cut to 0
    # log1p and expm1 keep a chance of 1e-20 from becoming 0.
    of_tries = -math.expm1(tries * math.log1p(-luck))
    return LoggedKeep(
        line=run.line,
        commit=run.commit,
        description=run.description,
        value=run.value,
        gain=gain,
        sigmas=gain / sigma,
        tries=tries,
        luck=luck,
        luck_of_tries=of_tries,
        stands=of_tries < LUCK,
    )


def _read(path: Path) -> str:
    if not path.is_file():
        there = "is not a file" if path.exists() else "does not exist"
        raise NotFoundError(
            f"{path} {there}.", "Give a results.tsv of karpathy/autoresearch.", reason="file"
        )
    if path.stat().st_size > LARGEST:
        raise LabError(
            f"{path} has {path.stat().st_size:,} bytes.",
            f"At most {LARGEST:,} are allowed.",
            reason="file_too_large",
        )
    return path.read_bytes().decode("utf-8-sig", errors="replace")


def _parse(text: str, path: Path) -> tuple[list[LoggedRun], tuple[str, ...]]:
    """Return the runs, and a sentence for each line that could not be read."""
    lines = text.splitlines()
    header = tuple(cell.strip() for cell in lines[0].split("\t")) if lines else ()
    if header != COLUMNS:
        shown = "it is empty" if not lines else f"its line 1 is {lines[0][:80]!r}"
        raise LabError(
            f"{path} is not a results.tsv: {shown}.",
            f"Line 1 must name the columns, separated by tabs: {' '.join(COLUMNS)}.",
            reason="not_results_tsv",
        )
    found: list[LoggedRun] = []
    damaged: list[str] = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        run = _parse_line(number, line)
        if isinstance(run, str):
            damaged.append(f"line {number}: {run}")
        else:
            found.append(run)
    if not found:
        raise LabError(
            f"No line of {path} can be read{'; ' + damaged[0] if damaged else ''}.",
            "Give a log with runs in it.",
            reason="no_readable_line",
        )
    return found, tuple(damaged)


def _parse_line(number: int, line: str) -> LoggedRun | str:
    """The run, or what is wrong with the line."""
    cells = line.split("\t", len(COLUMNS) - 1)
    if len(cells) < len(COLUMNS):
        return f"{len(cells)} columns instead of {len(COLUMNS)}"
    commit, written, _, status, description = (cell.strip() for cell in cells)
    try:
        value = float(written)
    except ValueError:
        return f"val_bpb is {written[:20]!r}, not a number"
    if status not in STATUSES:
        return f"status is {status[:20]!r}, not one of {', '.join(STATUSES)}"
    if not math.isfinite(value) or value < 0 or (value == 0 and status != "crash"):
        return f"val_bpb is {written[:20]} in a {status}"
    return LoggedRun(
        line=number, commit=commit, value=value, status=status, description=description
    )
