"""The metric that an unsealed run reports on stdout, or in a JSON file.

The output is parsed as it comes, so that a flood takes no memory and nothing has to be kept. There
must be exactly one number: two answers, half a line, NaN or a unit raise a ScoringError, whose
sentence ends the run. Nothing here can tell whether the number is true. Standard library only.

A line ends with a line feed or a carriage return: every state of a progress bar is a line. Escape
sequences of terminals are removed first, and bytes that are no UTF-8 become replacement characters.
"""

import math
import re
from pathlib import Path
from typing import Protocol, TypeVar

from autoresearch.errors import ScoringError
from autoresearch.records import Measurement
from autoresearch.run_directory import RunSpec
from autoresearch.run_output.log_digest import ESCAPE
from autoresearch.run_output.result_file import read_result_file

LINE_BYTES = 4096  # of a line; longer lines are not searched for a number
MOST_SAID = 40  # numbers beside the metric that are kept
_SHOWN = 80  # characters of somebody's line in a sentence
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_METRIC = re.compile(r"METRIC\s+([A-Za-z_][A-Za-z0-9_.-]*)\s*=(.*)")
_KEY_VALUE = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*)\s*:\s*(\S.*)")

_One = TypeVar("_One")


class _Collector(Protocol):
    """A collector of the one number among lines."""

    def wants(self, text: bytes) -> bool:
        """Return whether any line of the text may matter; cheap, since floods are checked too."""

    def take(self, line: str) -> None:
        """Take in one line, without its end."""

    def missed(self, raw: str, line: str) -> bool:
        """Return whether the metric is in the raw line, but not in what `take` got of it."""

    def found(self) -> tuple[str, tuple[tuple[str, float], ...]]:
        """Return the metric as printed, and other numbers; ScoringError unless it is unique."""


class OutputReader:
    """A parser of a run's output: `feed` it all, then, if the run exited well, `finish` once."""

    def __init__(self, spec: RunSpec) -> None:
        self._spec = spec
        self._collector = _collector(spec)
        self._rest = b""  # of a line that has not ended
        self._held = b""  # a carriage return, until the next byte shows whether a line feed follows
        self._too_long = 0
        self._missed = ""  # the first line that hides the metric: it counts as another answer

    def feed(self, chunk: bytes) -> None:
        """Take in the next bytes of the output; never raises, whatever they are."""
        chunk = self._held + chunk
        self._held = b"\r" if chunk.endswith(b"\r") else b""
        chunk = chunk[: len(chunk) - len(self._held)]
        text = self._rest + chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        ended, end, self._rest = text.rpartition(b"\n")
        if len(self._rest) > LINE_BYTES:
            # Its end is enough to see that it is too long, and to find what follows.
            self._look_for_missed(self._rest, "")
            self._rest = self._rest[-LINE_BYTES - 1 :]
        if end and self._collector.wants(ended):
            for line in ended.split(b"\n"):
                self._end_line(line)

    def finish(self, tree: Path) -> Measurement:
        """Return the measurement; raise ScoringError if there is not exactly one number.

        `tree` is the folder that holds the contract's result file.
        """
        spec = self._spec
        if self._held:
            self.feed(b"\n")
        if spec.file:
            value = read_result_file(tree, spec.file, spec.metric)
            return Measurement(value=value, documents=0, tokens=0, score_s=0.0)
        self._refuse_half_a_line()
        try:
            printed, said = self._collector.found()
        except ScoringError as failure:
            if not self._too_long:
                raise
            raise ScoringError(
                f"{failure.message} ({self._too_long} lines of more than {LINE_BYTES} bytes "
                "were not read)",
                reason=failure.reason,
            ) from None
        if self._missed:
            raise ScoringError(
                f"it printed {spec.metric} more than once, once within the line "
                f"{_quoted(self._missed)}: it is unclear which one counts, so print it once",
                reason="printed_twice",
            )
        value = finite_number(printed, spec.metric)
        return Measurement(value=value, documents=0, tokens=0, score_s=0.0, said=said)

    def _end_line(self, line: bytes) -> None:
        if len(line) > LINE_BYTES:
            self._too_long += 1
            self._look_for_missed(line, "")
            self._collector.take("")  # it ends a block, as any other line does
        elif self._collector.wants(line):
            plain = _plain(line)
            self._look_for_missed(line, plain)
            self._collector.take(plain)

    def _look_for_missed(self, line: bytes, plain: str) -> None:
        """Search in overlapping windows, since a pattern may take long on a long text."""
        for start in range(0, max(1, len(line) - LINE_BYTES), LINE_BYTES):
            raw = line[start : start + 2 * LINE_BYTES].decode("utf-8", "replace")
            if not self._missed and self._collector.missed(raw, plain):
                self._missed = raw[-_SHOWN:]

    def _refuse_half_a_line(self) -> None:
        """Raise ScoringError if the last line has the number but no end: it may be cut off."""
        half = _plain(self._rest)
        alone = _collector(self._spec)
        for line in (self._spec.block, half):
            alone.take(line)
        try:
            alone.found()
        except ScoringError:
            return
        raise ScoringError(
            f"its output ends within the line {_quoted(half)}, so that the number may be cut off: "
            "end that line with a newline",
            reason="cut_off",
        )


def finite_number(printed: str, name: str) -> float:
    """Parse a plain decimal number; raise ScoringError for anything else."""
    printed = printed.strip()
    value = float(printed) if _NUMBER.fullmatch(printed) else math.nan
    if math.isfinite(value):
        return value
    if _NOT_FINITE.fullmatch(printed) or math.isinf(value):
        raise ScoringError(
            f"{name} is {_quoted(printed)}, not a finite number", reason="not_finite"
        )
    raise ScoringError(
        f"{name} is {_quoted(printed)}, not a plain number: print it without commas, units "
        "and percent signs",
        reason="not_a_number",
    )


class _MetricLines:
    """A collector for lines such as `METRIC val_loss=1.25`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._values: list[str] = []
        self._others: list[tuple[str, str]] = []
        self._within = ""  # a line that has the metric after other text
        self._anywhere = re.compile(rf"METRIC\s+{re.escape(name)}\s*=")

    def wants(self, text: bytes) -> bool:
        return b"METRIC" in text

    def missed(self, raw: str, line: str) -> bool:
        if self._anywhere.search(raw) is None:
            return False
        match = _METRIC.fullmatch(line)
        return match is None or match[1] != self._name

    def take(self, line: str) -> None:
        match = _METRIC.fullmatch(line)
        if match is None:
            self._within = self._within or (line if f"METRIC {self._name}" in line else "")
        elif match[1] == self._name:
            _append(self._values, match[2])
        else:
            _append(self._others, (match[1], match[2]))

    def found(self) -> tuple[str, tuple[tuple[str, float], ...]]:
        what = f"line `METRIC {self._name}=...`"
        return _require_one(self._values, what, self._within), _numbers(self._others)


class _PatternLines:
    """The one match of the contract's pattern."""

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern)
        self._values: list[str] = []

    def wants(self, text: bytes) -> bool:
        return bool(text)

    def missed(self, raw: str, line: str) -> bool:
        found = self._pattern.search(raw) if raw != line else None
        return found is not None and self._pattern.search(line) is None

    def take(self, line: str) -> None:
        for match in self._pattern.finditer(line):
            _append(self._values, match[1] or "")

    def found(self) -> tuple[str, tuple[tuple[str, float], ...]]:
        return _require_one(self._values, f"match of the pattern {self._pattern.pattern!r}", ""), ()


class _BlockLines:
    """A collector for a marker line and the block of `key: value` lines right below it."""

    def __init__(self, marker: str, name: str) -> None:
        self._marker, self._name = marker.strip(), name
        self._needles = (self._marker.encode(), name.encode())
        self._open = False
        self._values: list[str] = []  # of the metric, in the block that is open
        self._others: list[tuple[str, str]] = []
        self._answers: list[tuple[list[str], list[tuple[str, str]]]] = []  # blocks with the metric
        self._without = False  # a block without the metric was seen
        self._outside = 0
        self._within = ""  # a line that has the marker after other words

    def wants(self, text: bytes) -> bool:
        return self._open or any(needle in text for needle in self._needles)

    def missed(self, raw: str, line: str) -> bool:
        return False  # without its marker a block's metric stands outside, which `found` refuses

    def take(self, line: str) -> None:
        match = _KEY_VALUE.fullmatch(line)
        if line.strip() == self._marker:
            self._close()
            self._open = True
        elif match is None:
            self._close()
            if line.endswith(self._marker):
                self._within = self._within or line
        elif match[1] != self._name:
            if self._open:
                _append(self._others, (match[1], match[2]))
        elif self._open:
            _append(self._values, match[2])
        else:
            self._outside += 1

    def found(self) -> tuple[str, tuple[tuple[str, float], ...]]:
        self._close()
        what = f"line `{self._name}: ...`"
        block = f"block of `key: value` lines below a line {self._marker!r}"
        if self._without and not self._answers:
            raise ScoringError(f"it printed no {what} in the {block}", reason="not_in_block")
        values, others = _require_one(self._answers, f"{block} with {self._name!r}", self._within)
        if self._outside:
            raise ScoringError(
                f"it printed {self._name!r} outside the {block} too: print it once, in the block",
                reason="outside_block",
            )
        return _require_one(values, f"{what} in its block", ""), _numbers(others)

    def _close(self) -> None:
        if self._values:
            _append(self._answers, (self._values, self._others))
        self._without = self._without or bool(self._others and not self._values)
        self._open, self._values, self._others = False, [], []


def _collector(spec: RunSpec) -> _Collector:
    if spec.block:
        return _BlockLines(spec.block, spec.metric)
    return _PatternLines(spec.pattern) if spec.pattern else _MetricLines(spec.metric)


def _require_one(values: list[_One], what: str, within: str) -> _One:
    """Return the one value; raise ScoringError, with a hint, for none or several."""
    if len(values) == 1:
        return values[0]
    if values:
        least = "at least " if len(values) > MOST_SAID else ""
        raise ScoringError(
            f"it printed more than one {what} ({least}{len(values)}): it is unclear "
            "which one counts, so print it once",
            reason="printed_twice",
        )
    hint = f"; {_quoted(within)} has it after other text on the same line" if within else ""
    raise ScoringError(f"it printed no {what}{hint}", reason="not_printed")


def _append(found: list[_One], one: _One) -> None:
    """Append up to a limit, so that a flood takes no memory."""
    if len(found) <= MOST_SAID:
        found.append(one)


def _numbers(pairs: list[tuple[str, str]]) -> tuple[tuple[str, float], ...]:
    """Return the finite numbers among values that were printed exactly once."""
    found = {}
    for name, printed in pairs:
        if _NUMBER.fullmatch(printed.strip()) and math.isfinite(float(printed)):
            found[name] = float(printed)
    names = [name for name, _ in pairs]
    return tuple((n, value) for n, value in found.items() if names.count(n) == 1)[:MOST_SAID]


def _plain(line: bytes) -> str:
    return ESCAPE.sub("", line.decode("utf-8", "replace")).rstrip()


def _quoted(line: str) -> str:
    """Return the program's line for a sentence of ours: quoted, printable, short."""
    line = line.strip()
    return ascii(line if len(line) <= _SHOWN else f"{line[:_SHOWN]}...")
