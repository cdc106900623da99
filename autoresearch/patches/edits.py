"""Find-and-replace edits of texts; each `find` must occur exactly once."""

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from autoresearch.errors import PatchRefusedError

SHOWN = 120  # characters of a line in an error
MOST = 10  # occurrences of a `find` that are counted
SEARCHED = 20_000  # lines searched for something similar to a `find`


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One replacement of the only occurrence of `find`. An empty `find` creates a new file."""

    path: str
    find: str
    replace: str


def checked_path(path: str) -> str:
    """Return a path in git's form; raise PatchRefusedError if it could leave the repository."""
    parts = PurePosixPath(path).parts
    bad = any(part == ".." or part.lower() == ".git" for part in parts)
    if not parts or bad or path.startswith("/") or not path.isprintable() or "\\" in path:
        raise PatchRefusedError(
            f"{path!r} is not a path inside the repository.",
            "Give one relative to its top folder, such as train.py.",
            reason="bad_path",
        )
    return str(PurePosixPath(*parts))


def check_place(path: str, files: Collection[str]) -> None:
    """Raise PatchRefusedError if the path is a folder, or lies below a file."""
    remedy = "Give the path of a file in an existing or new folder."
    if any(file.startswith(f"{path}/") for file in files):
        raise PatchRefusedError(f"{path} is a folder.", remedy, reason="is_folder")
    for parent in PurePosixPath(path).parents:
        if str(parent) in files:
            raise PatchRefusedError(
                f"{parent} is a file, not a folder.", remedy, reason="parent_is_file"
            )


def replace_once(before: bytes | None, edit: Edit, label: str, existing: Sequence[str]) -> bytes:
    """Return the file after an edit.

    Args:
        before: The file's content, None if there is no such file.
        edit: The edit.
        label: The edit's name in messages.
        existing: Paths of the repository's files, for messages.

    Raises:
        PatchRefusedError: `find` does not occur exactly once, or the file is not UTF-8.
    """
    if before is None:
        if edit.find:
            near = difflib.get_close_matches(edit.path, existing, n=3) or list(existing[:5])
            raise PatchRefusedError(
                f"{label}: there is no file {edit.path!r}.",
                f"There are: {', '.join(near)}. To write a new file, leave `find` empty.",
                reason="no_file",
            )
        return edit.replace.encode(errors="replace")
    if not edit.find:
        raise PatchRefusedError(
            f"{label}: `find` is empty, but {edit.path} exists.",
            "Put the lines to replace into `find`, exactly as they are.",
            reason="file_exists",
        )
    try:
        text = before.decode()
    except UnicodeDecodeError:
        raise PatchRefusedError(
            f"{label}: {edit.path} is not UTF-8 text.", "Use a diff.", reason="not_text"
        ) from None
    find, replace = _with_line_ends_of(text, edit.find), _with_line_ends_of(text, edit.replace)
    starts = _starts(text, find)
    if len(starts) == 1:
        at = starts[0]
        return (text[:at] + replace + text[at + len(find) :]).encode(errors="replace")
    if starts:
        lines = ", ".join(str(text.count("\n", 0, at) + 1) for at in starts)
        times = f"{len(starts)} times" if len(starts) < MOST else f"{MOST} times or more"
        raise PatchRefusedError(
            f"{label}: `find` occurs {times} in {edit.path}, at lines {lines}.",
            "Include more of the lines around the one you mean, so that it occurs once.",
            reason="find_repeated",
        )
    raise PatchRefusedError(
        f"{label}: `find` does not occur in {edit.path}. {_closest(text, find)}",
        "Copy the lines exactly as they are, with their indentation.",
        reason="find_absent",
    )


def _with_line_ends_of(text: str, given: str) -> str:
    given = given.replace("\r\n", "\n")
    return given.replace("\n", "\r\n") if "\r\n" in text else given


def _starts(text: str, find: str) -> list[int]:
    starts: list[int] = []
    at = text.find(find)
    while at >= 0 and len(starts) < MOST:
        starts.append(at)
        at = text.find(find, at + 1)
    return starts


def _closest(text: str, find: str) -> str:
    """Return a message with the lines most similar to the first non-empty line of `find`."""
    lines = text.splitlines()[:SEARCHED]
    wanted = next((line.strip() for line in find.splitlines() if line.strip()), "")
    stripped = [line.strip() for line in lines]
    near = difflib.get_close_matches(wanted[:SHOWN], {s[:SHOWN] for s in stripped}, n=3)
    numbers = [i for i, line in enumerate(stripped) if line[:SHOWN] in near][:3]
    if not numbers:
        return "No line resembles its first one."
    shown = "".join(f"\n  {i + 1}: {lines[i][:SHOWN]}" for i in numbers)
    return f"The lines most like its first one are:{shown}\n"
