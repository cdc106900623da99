"""The file in which a learner types: made once, never written again, graded from anywhere.

It names its instance in a line of its own, so that whoever is given the file knows what it answers.
"""

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from autoresearch.common.files import NotUtf8Error, person_text
from curricula.errors import CourseError, SubmissionError
from curricula.grading.grader import MOST_BYTES

_MARK = re.compile(r"^# instance ([0-9a-f]{8,64})\b", re.MULTILINE)
_WIDTH = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Text of a new workbook above the starter."""

    course: str
    lesson: str
    exercise: str
    title: str
    instance: str
    statement: str  # markdown
    starter: str
    counts: str = ""  # whether a pass can count for mastery, in words
    options: str = ""  # of `teach check`, where it needs some


def make_workbook(folder: Path, page: Page, number: int) -> Path:
    """The file for that opening, made unless it is there; raise CourseError where it can't be.

    `number` counts the openings of this exercise from 1, so that none takes an earlier one's file.
    """
    suffix = "" if number == 1 else f"-{number}"
    path = folder / page.course / page.lesson / f"{page.exercise}{suffix}.py"
    while not _free_or_of(path, page.instance):
        suffix = f"{suffix}-new"  # a file of theirs: it stays as it is
        path = path.with_name(f"{page.exercise}{suffix}.py")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(_text(page, path))
    except FileExistsError:
        pass  # the learner's work so far
    except OSError as error:
        raise CourseError(
            f"No workbook can be made in {path.parent}: {error.strerror}.",
            "Name another folder with `folder`, one that this user may write to.",
            reason="workbook_folder",
        ) from error
    return path


def lend(folder: Path, subject: Path, reads: Sequence[str]) -> Path:
    """The learner's own copy of the taught file, with what it reads; made unless it is there.

    Raises CourseError where it can't be made.
    """
    for name in (subject.name, *reads):
        target = folder / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if not (target.exists() or target.is_symlink()):  # else it is theirs to change
                with target.open("xb") as file:
                    file.write((subject.parent / name).read_bytes())
        except OSError as error:
            raise CourseError(
                f"{name} can't be copied to {target.parent}: {error.strerror}.",
                "Name another folder with `folder`, one that this user may write to.",
                reason="workbook_folder",
            ) from error
    return folder / subject.name


def _free_or_of(path: Path, instance: str) -> bool:
    """Return whether the name is free or is that of the instance's workbook."""
    if not (path.exists() or path.is_symlink()):
        return True
    try:
        return instance_in(_read(path)) == instance
    except SubmissionError:
        return False


def read_workbook(path: Path) -> tuple[str, str]:
    """Return the instance that a file answers, and its text; raise SubmissionError without one."""
    text = _read(path)
    instance = instance_in(text)
    if not instance:
        raise SubmissionError(
            f"{path} does not say which instance it answers.",
            "A workbook has a line `# instance …`, as start_lesson made it; put it back.",
            reason="no_instance_line",
        )
    return instance, text


def instance_in(text: str) -> str:
    """The instance named in a workbook's text, "" without one."""
    found = _MARK.search(text)
    return found[1] if found else ""


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SubmissionError(
                f"{path} is over 64 kB.", "An answer is a few lines.", reason="too_large"
            )
        return person_text(path.read_bytes())
    except NotUtf8Error as error:
        raise SubmissionError(f"{path} {error}.", reason="unreadable_file") from error
    except OSError as error:
        raise SubmissionError(
            f"{path} can't be read: {error.strerror}.",
            "Give the path of a workbook that start_lesson made.",
            reason="unreadable_file",
        ) from error


def _text(page: Page, path: Path) -> str:
    head = [
        f"{page.title} ({page.course}, {page.lesson}, {page.exercise})",
        f"instance {page.instance}  <- leave this line: it says what this file answers",
        "",
        *_single_spaced(line for text in _reflowed(page.statement) for line in _wrapped(text)),
        "",
        f"Check it in a terminal: autoresearch-mcp teach check {path.name}{page.options}",
        *([page.counts] if page.counts else []),
    ]
    comments = "\n".join(f"# {line}".rstrip() for line in head)
    return f"{comments}\n\n{page.starter.rstrip()}\n"


def _reflowed(markdown: str) -> Iterator[str]:
    """Its lines, each paragraph as a single one, an item's too; tables and code stay."""
    lines = markdown.split("\n")
    paragraphs = {
        token.map[0]: token.map[1]
        for token in MarkdownIt("commonmark").enable("table").parse(markdown)
        if token.type == "paragraph_open" and token.map
        if not lines[token.map[0]].lstrip().startswith(">")
    }
    at = 0
    while at < len(lines):
        end = paragraphs.get(at, at + 1)
        yield " ".join([lines[at], *map(str.strip, lines[at + 1 : end])])
        at = end


def _single_spaced(lines: Iterable[str]) -> Iterator[str]:
    """Without the second of two empty lines, which a left-out part leaves behind."""
    before = ""
    for line in lines:
        if line.strip() or before:
            yield line
        before = line.strip()


def _wrapped(line: str) -> list[str]:
    bare = line.lstrip()
    marker = re.match(r"(?:[-*+]|\d+[.)]) +", bare)
    indent = " " * (len(line) - len(bare) + (marker.end() if marker else 0))
    return textwrap.wrap(line, _WIDTH, subsequent_indent=indent, break_long_words=False) or [""]
