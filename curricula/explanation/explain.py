"""A section of gpt.py, explained: its lines, what they really hold on an example, whose they are.

The catalog says who owns which lines (`Owner`), the caller which lines are withheld because the
learner's exercise on them is open. Neither their text nor the values that they make are told.
"""

import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches

from curricula import subject
from curricula.errors import UnknownNameError
from curricula.explanation.statements import Statement, statements
from curricula.explanation.tracing import (
    SUBJECT,
    LineValues,
    Shown,
    check_example,
    positions,
    trace,
)

FILE = "gpt.py"
MOST_CODE = 2_600  # bytes of code; a longer section is cut, and says where to go on
MOST_ALL = 5_800  # bytes of the whole as JSON
MOST_MISCONCEPTIONS = 5
WHY_WITHHELD = "an exercise on these lines is open: write them first, then ask again"
WHENCE = {
    "read_documents": "The file holds the example and the first names that come with gpt.py.",
    "initial_weights": "These weights are fresh, drawn with seed 42; elsewhere they are trained.",
    "Value.backward": "Shown is the first visit: the way back begins at the loss of the example.",
    "attention": "Shown is the first head.",
    "train": "Two of 1,000 steps on the example, from trained weights; shown are the first step "
    "and the first weight.",
    "invent": "The model invents a name of its own, with seed 42; shown is its first letter.",
}  # what the values of a function's lines are of
NO_VALUES_WITHHELD = "No values: all of it is withheld."
NO_VALUES_NO_CODE = "No values: no code is here."
NO_VALUES_ARGUMENTS = "No values: it only reads arguments and calls the functions above it."
NO_VALUES_NOT_RUN = "No values: these lines did not run on this example."
LINES = re.compile(r"^(?P<first>\d+)(?:-(?P<last>\d+))?$")


@dataclass(frozen=True, slots=True)
class Owner:
    """A lesson's text on the lines it owns."""

    lesson: str  # its id
    title: str
    spans: tuple[range, ...]  # line numbers of the subject: range(106, 111) is 106 to 110
    questions: tuple[str, ...]  # two, to ask the learner
    misconceptions: tuple[str, ...]  # to listen for


@dataclass(frozen=True, slots=True)
class Withheld:
    """Lines first to last, 1-based and inclusive, that were asked for and are not told."""

    first: int
    last: int
    why: str


@dataclass(frozen=True, slots=True)
class Explained:
    """The answer, under 6 kB as JSON."""

    section: str  # "gpt.py:106-110"
    inside: str  # "softmax", "Value.backward"; empty where it is more than one
    code: str  # with line numbers; a placeholder where lines are withheld
    example: str
    position: int  # in the document that the values are taken at; 0 reads BOS
    values: tuple[LineValues, ...]
    lesson: str  # the id of the one that owns most of the lines; empty where none does
    title: str
    also: tuple[str, ...]  # ids of other lessons that own some
    questions: tuple[str, ...]
    misconceptions: tuple[str, ...]
    withheld: tuple[Withheld, ...]
    left_out: str  # what was too much for one answer, and how to ask for it
    note: str  # what the values are of, where that needs a word, or why there are none
    summary: str


def explain(
    section: str,
    example: str = "emma",
    withheld: Collection[range] = (),
    *,
    owners: Sequence[Owner] = (),
    position: int | None = None,
) -> Explained:
    """Explain "gpt.py:101-110", "softmax", "Value.backward" or a lesson's id.

    Values are taken at `position` of the example (default: the last one), at the first visit there.
    Raises Unknown for a section, SubmissionError for an example or position that there is not.
    """
    check_example(example)
    source = subject.locate(SUBJECT).read_text("utf-8")
    every = statements(source)
    asked = find_lines(section, source, owners)
    hidden = {number for span in withheld for number in span}
    hidden |= {n for one in every if hidden & set(_lines(one)) for n in _lines(one)}
    code, lines = _numbered(source, asked, hidden)
    traced = trace(set(lines) - hidden, example, position)
    values = _told(traced, every, hidden)
    mine = _owners_of(lines, owners)
    found = Explained(
        section=f"{FILE}:{_spans(lines)}",
        inside=_inside(lines, source),
        code=code,
        example=example,
        position=positions(example) - 1 if position is None else position,
        values=values,
        lesson=mine[0].lesson if mine else "",
        title=mine[0].title if mine else "",
        also=tuple(owner.lesson for owner in mine[1:]),
        questions=mine[0].questions if mine else (),
        misconceptions=mine[0].misconceptions[:MOST_MISCONCEPTIONS] if mine else (),
        withheld=tuple(
            Withheld(run.start, run.stop - 1, WHY_WITHHELD) for run in _runs(set(lines) & hidden)
        ),
        left_out=_rest(asked, lines),
        note=_whence(values, every) if values else _why_no_values(lines, hidden, every),
        summary="",
    )
    found = _fitted(found)
    return replace(found, summary=_summary(found))


def find_lines(section: str, source: str, owners: Sequence[Owner] = ()) -> tuple[int, ...]:
    """The line numbers of a section; Unknown says what there is instead."""
    total = len(source.splitlines())
    wanted = section.strip()
    for owner in owners:
        if wanted == owner.lesson:
            own = sorted({n for span in owner.spans for n in span if 1 <= n <= total})
            if not own:
                raise UnknownNameError(
                    f"Lesson {wanted} owns no lines of {FILE}.",
                    "Open the lesson itself, or ask for a symbol such as softmax.",
                    reason="no_lines",
                )
            return tuple(own)
    path, _, within = wanted.rpartition(":")
    if not path and wanted.endswith(".py"):
        path, within = wanted, ""
    if path and path not in (FILE, SUBJECT):
        raise UnknownNameError(f"No file {path!r}.", f"The course is about {FILE}.", reason="file")
    if path and not within:
        return tuple(range(1, total + 1))
    lines = LINES.match(within)
    if lines:
        first, last = int(lines["first"]), int(lines["last"] or lines["first"])
        if not 1 <= first <= min(last, total):
            raise UnknownNameError(
                f"{FILE} has lines 1-{total}, not {within}.",
                "Ask for lines in that range.",
                reason="line_range",
            )
        return tuple(range(first, min(last, total) + 1))
    return tuple(_symbol(within, source, owners))


def _symbol(name: str, source: str, owners: Sequence[Owner]) -> range:
    known = subject.symbols(source)
    short = {long.rpartition(".")[2]: span for long, span in reversed(known.items())}
    span = known.get(name) or short.get(name)
    if span is None:
        names = [*(owner.lesson for owner in owners), *known]
        near = get_close_matches(name, names, n=3, cutoff=0.5)
        shown = near + [one for one in names if one not in near and not one.isupper()]
        raise UnknownNameError(
            f"{FILE} has no {name!r}.",
            f"Ask for lines as {FILE}:106-110, or for one of: {', '.join(shown[:24])}.",
            reason="symbol",
        )
    return range(span[0], span[1] + 1)


def _numbered(source: str, asked: Sequence[int], hidden: set[int]) -> tuple[str, tuple[int, ...]]:
    """The code with its numbers, up to MOST_CODE bytes, and the lines that it is of."""
    text = source.splitlines()
    width = len(str(asked[-1]))
    rows: list[str] = []
    told: list[int] = []
    for number in asked:
        gap = told and number > told[-1] + 1
        if number not in hidden:
            row = f"{number:>{width}} {text[number - 1]}".rstrip()
        elif gap or not told or told[-1] not in hidden:
            row = f"{number:>{width}} [withheld: {WHY_WITHHELD}]"
        else:
            row = f"{number:>{width}} [withheld]"
        if sum(map(len, rows)) + len(row) > MOST_CODE:
            break
        rows += ["...", row] if gap else [row]
        told.append(number)
    return "\n".join(rows), tuple(told)


def _told(
    traced: Iterable[LineValues], every: Sequence[Statement], hidden: set[int]
) -> tuple[LineValues, ...]:
    """Without what withheld lines have made, and without what was just told of the same name."""
    by_line = {one.first: one for one in every}
    secret = {
        (one.function, _root(name))
        for one in every
        if hidden & set(_lines(one))
        for name in one.binds
    }
    last: dict[tuple[str, str], Shown] = {}
    kept = []
    for line in traced:
        function = by_line[line.line].function
        sides: list[tuple[Shown, ...]] = []
        for side in (line.before, line.after):
            new = []
            for shown in side:
                key = (function, shown.name)
                if (function, _root(shown.name)) not in secret and last.get(key) != shown:
                    new.append(shown)
                    last[key] = shown
            sides.append(tuple(new))
        if any(sides):
            kept.append(replace(line, before=sides[0], after=sides[1]))
    return tuple(kept)


def _root(expression: str) -> str:
    return re.split(r"\W", expression, maxsplit=1)[0]


def _owners_of(lines: Sequence[int], owners: Sequence[Owner]) -> list[Owner]:
    """Return the owners of these lines, the one with the most lines first."""
    shares = [(len({n for s in owner.spans for n in s} & set(lines)), owner) for owner in owners]
    return [owner for share, owner in sorted(shares, key=lambda pair: -pair[0]) if share]


def _inside(lines: Sequence[int], source: str) -> str:
    """The innermost name whose lines these all are."""
    around = [
        (last - first, name)
        for name, (first, last) in subject.symbols(source).items()
        if first <= lines[0] and lines[-1] <= last
    ]
    return min(around)[1] if around else ""


def _whence(values: Sequence[LineValues], every: Sequence[Statement]) -> str:
    """Yield the origin of the values, in words for each function that needs some."""
    shown = {line.line for line in values}
    functions = dict.fromkeys(one.function for one in every if one.first in shown)
    return " ".join(WHENCE[name] for name in functions if name in WHENCE)


def _why_no_values(lines: Sequence[int], hidden: set[int], every: Sequence[Statement]) -> str:
    open_lines = [one for one in every if set(_lines(one)) & (set(lines) - hidden)]
    if not open_lines:
        return NO_VALUES_WITHHELD if hidden else NO_VALUES_NO_CODE
    if {one.function for one in open_lines} <= {"main", ""}:
        return NO_VALUES_ARGUMENTS
    return NO_VALUES_NOT_RUN


def _fitted(found: Explained) -> Explained:
    """Return the first values that fit into MOST_ALL bytes."""
    values = list(found.values)
    while values:
        short = replace(found, values=tuple(values), left_out=_cut_values(found, values))
        if len(json.dumps(asdict(short))) <= MOST_ALL - 200:  # the summary comes on top
            return short
        values.pop()
    return replace(found, values=(), left_out=_cut_values(found, values))


def _cut_values(found: Explained, kept: Sequence[LineValues]) -> str:
    gone = found.values[len(kept) :]
    if not gone:
        return found.left_out
    span = f"{FILE}:{gone[0].line}-{gone[-1].line}"
    return f"The values from line {gone[0].line} on: ask for {span}. {found.left_out}".strip()


def _rest(asked: Sequence[int], lines: Sequence[int]) -> str:
    rest = asked[len(lines) :]
    return f"Lines {_spans(rest)}: ask for {FILE}:{rest[0]}-{rest[-1]}." if rest else ""


def _summary(found: Explained) -> str:
    where = f" ({found.inside})" if found.inside else ""
    runs = max((line.runs for line in found.values), default=0)
    reads = "BOS" if found.position == 0 else repr(found.example[found.position - 1])
    seen = (
        f" for {found.example!r}, values at position {found.position}, which reads {reads}; "
        f"its busiest line ran {runs} times."
        if any(line.position is not None for line in found.values)
        else f" for {found.example!r}."
        if found.values
        else f". {found.note}"
    )
    owned = f" Lesson {found.lesson}: {found.title}." if found.lesson else ""
    gone = _spans([n for one in found.withheld for n in range(one.first, one.last + 1)])
    return f"{found.section}{where}{seen}{owned}" + (
        f" Withheld: {gone}, since {WHY_WITHHELD}." if gone else ""
    )


def _lines(one: Statement) -> range:
    return range(one.first, one.last + 1)


def _runs(numbers: set[int]) -> list[range]:
    """Consecutive numbers as ranges."""
    found: list[range] = []
    for number in sorted(numbers):
        if found and found[-1].stop == number:
            found[-1] = range(found[-1].start, number + 1)
        else:
            found.append(range(number, number + 1))
    return found


def _spans(lines: Sequence[int]) -> str:
    return ", ".join(
        f"{run.start}-{run.stop - 1}" if len(run) > 1 else str(run.start)
        for run in _runs(set(lines))
    )
