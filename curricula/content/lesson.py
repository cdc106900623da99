"""Reads a lesson.md: front matter, sections an agent teaches from, the words of its exercises.

docs/write-a-course.md describes the form. Everything that is wrong is collected, each with its
line and how to fix it, so that an author sees all of it at once.
"""

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.front_matter import front_matter_plugin
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from curricula.exercise import Kind

SECTIONS = (
    *("Why", "Predict first", "Explanation", "Worked example", "Faded example"),
    *("Your own writing", "Find the bug", "Transfer"),
)
KINDS = {
    "Predict first": Kind.PREDICT,
    "Faded example": Kind.FADED,
    "Your own writing": Kind.WRITE,
    "Find the bug": Kind.BUG,
    "Transfer": Kind.TRANSFER,
}
LADDER = ("question", "place", "concept", "pseudocode", "worked sibling")
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=48)]
_MARKDOWN = MarkdownIt().use(front_matter_plugin)
_HEADING = re.compile(r"^(?P<id>[a-z0-9-]+):\s*(?P<title>.+)$")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that the author of a course has to fix."""

    file: Path
    line: int  # 1-based
    code: str  # a stable identifier for programs and tests, such as "section_missing"
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message} {self.remedy}"


class FrontMatter(BaseModel):
    """Front matter of a lesson, between the two `---` lines at its top."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Slug
    title: Annotated[str, Field(min_length=3)]
    goal: Annotated[str, Field(min_length=10)]
    prerequisites: tuple[Slug, ...] = ()
    owns: tuple[str, ...] = ()  # symbols of the subject, or spans of its lines: "12-19"
    minutes: Annotated[int, Field(ge=5, le=240)]
    skills: Annotated[dict[Slug, str], Field(min_length=1)]  # what one can do then
    optional: tuple[Slug, ...] = ()  # skills that the next lessons do not wait for
    questions: Annotated[tuple[str, ...], Field(min_length=2, max_length=2)]  # to ask about it
    misconceptions: dict[Slug, str] = {}  # in words to the learner, without the answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The words of one exercise, before an instance's parameters are filled in."""

    id: str
    title: str
    kind: Kind
    text: str  # markdown with jinja
    starter: str  # what the learner finds in the workbook; Python with jinja
    hints: tuple[str, ...]  # as in LADDER; markdown with jinja
    line: int


@dataclass(frozen=True, slots=True)
class Example:
    """A block of a worked example, and what running it prints."""

    source: str
    prints: str | None
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """One lesson, as its author wrote it."""

    path: Path
    front: FrontMatter
    sections: dict[str, str]  # by title: markdown, without its exercises
    explanations: tuple[tuple[str, str], ...]  # (title, markdown), two ways to see it
    examples: tuple[Example, ...]
    tasks: tuple[Task, ...]

    @property
    def id(self) -> str:
        """Its name in prerequisites and in tools."""
        return self.front.id


def read_lesson(path: Path) -> tuple[Lesson | None, list[Problem]]:
    """The lesson, None if it can't be read at all, and everything that is wrong with it."""
    reader = _Reader(path)
    return reader.read(), reader.problems


@dataclass(slots=True)
class _Heading:
    level: int
    title: str
    line: int  # 0-based, of the heading
    end: int = 0  # where the next heading of this level or above begins


@dataclass(slots=True)
class _Reader:
    path: Path
    problems: list[Problem] = field(default_factory=list)
    _lines: list[str] = field(default_factory=list)
    _tokens: list[Token] = field(default_factory=list)
    _headings: list[_Heading] = field(default_factory=list)

    def read(self) -> Lesson | None:
        try:
            text = self.path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            self._problem(0, "unreadable", f"It can't be read: {error}.", "A lesson is UTF-8 text.")
            return None
        self._lines = text.split("\n")
        self._tokens = _MARKDOWN.parse(f"{text}\n")  # the plugin fails at a last line of spaces
        front = self._front_matter()
        self._headings = self._find_headings()
        self._check_order()
        if front is None:
            return None
        return Lesson(
            path=self.path,
            front=front,
            sections={h.title: self._section(h) for h in self._of(2)},
            explanations=self._explanations(),
            examples=self._examples(),
            tasks=tuple(self._tasks()),
        )

    def _problem(self, line: int, code: str, message: str, remedy: str) -> None:
        self.problems.append(Problem(self.path, line + 1, code, message, remedy))

    def _front_matter(self) -> FrontMatter | None:
        token = next((token for token in self._tokens if token.type == "front_matter"), None)
        if token is None or token.map is None:
            self._problem(
                0,
                "front_matter_missing",
                "It has no front matter.",
                "Begin with --- lines around id, title, …",
            )
            return None
        try:
            return FrontMatter.model_validate(yaml.safe_load(token.content))
        except yaml.YAMLError as error:
            place = getattr(error, "problem_mark", None)
            line = token.map[0] + 1 + place.line if place else 0
            self._problem(
                line,
                "front_matter_syntax",
                f"The front matter is not valid YAML: {error}.",
                "Fix that line.",
            )
        except ValidationError as error:
            for mistake in error.errors():
                key = ".".join(str(part) for part in mistake["loc"])
                self._problem(
                    self._line_of(key),
                    f"front_matter_key.{key.partition('.')[0]}",
                    f"`{key}`: {mistake['msg']}.",
                    "Fix that key.",
                )
        return None

    def _line_of(self, key: str) -> int:
        name = key.partition(".")[0]
        return next((n for n, line in enumerate(self._lines) if line.startswith(f"{name}:")), 0)

    def _find_headings(self) -> list[_Heading]:
        found = [
            _Heading(int(token.tag[1]), inline.content.strip(), token.map[0])
            for token, inline in zip(self._tokens, self._tokens[1:], strict=False)
            if token.type == "heading_open" and token.level == 0 and token.map
        ]
        for n, heading in enumerate(found):
            after = (h.line for h in found[n + 1 :] if h.level <= heading.level)
            heading.end = next(after, len(self._lines))
        return found

    def _of(self, level: int, inside: _Heading | None = None) -> list[_Heading]:
        return [
            h
            for h in self._headings
            if h.level == level and (inside is None or inside.line < h.line < inside.end)
        ]

    def _check_order(self) -> None:
        titles = [h.title for h in self._of(2)]
        for missing in [title for title in SECTIONS if title not in titles]:
            line = len(self._lines) - 1
            self._problem(
                line,
                "section_missing",
                f"There is no section `## {missing}`.",
                "All eight are needed.",
            )
        for heading in self._of(2):
            if heading.title not in SECTIONS:
                known = ", ".join(SECTIONS)
                self._problem(
                    heading.line,
                    "section_unknown",
                    f"`{heading.title}` is not a section of a lesson.",
                    f"They are {known}.",
                )
        known_titles = [title for title in titles if title in SECTIONS]
        if known_titles != sorted(known_titles, key=SECTIONS.index):
            self._problem(
                self._of(2)[0].line,
                "section_order",
                "The sections are out of order.",
                " · ".join(SECTIONS),
            )

    def _section(self, heading: _Heading) -> str:
        """Its text up to its first exercise."""
        end = heading.end
        if heading.title in KINDS:
            end = next((h.line for h in self._of(3, heading)), end)
        return self._text(heading.line + 1, end)

    def _text(self, start: int, end: int) -> str:
        return "\n".join(self._lines[start:end]).strip()

    def _explanations(self) -> tuple[tuple[str, str], ...]:
        section = next((h for h in self._of(2) if h.title == "Explanation"), None)
        if section is None:
            return ()
        ways = self._of(3, section)
        if len(ways) != 2:
            self._problem(
                section.line,
                "explanation_parts",
                f"Explanation has {len(ways)} parts.",
                "Two `###` parts explain it in two different ways.",
            )
        return tuple((h.title, self._text(h.line + 1, h.end)) for h in ways)

    def _fences(self, start: int, end: int, *languages: str) -> list[Token]:
        return [
            token
            for token in self._tokens
            if token.type == "fence"
            and token.level == 0
            and token.map
            and start <= token.map[0] < end
            and token.info.strip() in languages
        ]

    def _examples(self) -> tuple[Example, ...]:
        section = next((h for h in self._of(2) if h.title == "Worked example"), None)
        if section is None:
            return ()
        blocks = self._fences(section.line, section.end, "python", "text")
        found = []
        for block, after in zip(blocks, [*blocks[1:], None], strict=True):
            if block.info.strip() != "python" or block.map is None:
                continue
            prints = after.content if after and after.info.strip() == "text" else None
            found.append(Example(block.content, prints, block.map[0] + 2))
        if not found:
            self._problem(
                section.line,
                "example_empty",
                "The worked example runs nothing.",
                "Add a ```python block.",
            )
        return tuple(found)

    def _tasks(self) -> Iterator[Task]:
        for section in self._of(2):
            for heading in self._of(3, section) if section.title in KINDS else ():
                named = _HEADING.match(heading.title)
                if named is None:
                    self._problem(
                        heading.line,
                        "exercise_name",
                        "An exercise needs a name.",
                        "`### its-id: Title`",
                    )
                    continue
                yield self._task(heading, KINDS[section.title], named["id"], named["title"])

    def _task(self, heading: _Heading, kind: Kind, name: str, title: str) -> Task:
        hints = next((h for h in self._of(4, heading) if h.title == "Hints"), None)
        end = hints.line if hints else heading.end
        starters = self._fences(heading.line, end, "python")
        starter, text = "", self._text(heading.line + 1, end)
        if len(starters) != 1:
            self._problem(
                heading.line,
                "starter_count",
                f"`{name}` has {len(starters)} ```python blocks.",
                "Exactly one: the starter. Show other code in ```py blocks.",
            )
        if starters and starters[-1].map:
            first, last = starters[-1].map
            starter = starters[-1].content
            text = f"{self._text(heading.line + 1, first)}\n\n{self._text(last, end)}".strip()
        found = tuple(self._items(hints)) if hints else ()
        if len(found) != len(LADDER):
            self._problem(
                hints.line if hints else heading.line,
                "hint_count",
                f"`{name}` has {len(found)} hints.",
                f"`#### Hints`, then a numbered list of five: {', '.join(LADDER)}.",
            )
        return Task(
            id=name, title=title, kind=kind, text=text, starter=starter, hints=found,
            line=heading.line + 1,
        )  # fmt: skip

    def _items(self, heading: _Heading) -> Iterator[str]:
        for token in self._tokens:
            if token.type == "list_item_open" and token.level == 1 and token.map:
                start, end = token.map
                if heading.line < start < heading.end:
                    yield _without_number(self._lines[start:end])


def _without_number(lines: Sequence[str]) -> str:
    first = re.sub(r"^\s*\d+[.)]\s+", "", lines[0])
    return f"{first}\n{textwrap.dedent(chr(10).join(lines[1:]))}".strip()
