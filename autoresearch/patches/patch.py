"""Patch checks before anything runs: which files it changes, its size, whether it parses.

The caller checks, by the fingerprint, whether the same code was tried before.
"""

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from autoresearch.equivalence.fingerprint import fingerprint
from autoresearch.errors import PatchRefusedError
from autoresearch.git.raw_diff import ABSENT, RawChange
from autoresearch.git.repository import Repository
from autoresearch.git.unified_diff import unquoted
from autoresearch.patches import edits as edit_texts
from autoresearch.patches.edits import Edit
from autoresearch.patches.payload_limits import check_payload
from autoresearch.patches.seeds import check_seeds
from autoresearch.patches.simplification import simpler
from autoresearch.records import FileChange

__all__ = ["Edit", "Limits", "PreparedPatch", "fingerprint", "prepare"]

Files = Mapping[str, bytes]

_LINKS = {"120000": "a symbolic link", "160000": "a submodule"}
_MODES = {**_LINKS, "100755": "an executable file", "100644": "a file that is not executable"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Upper limits on the size of a patch."""

    file_bytes: int = 200_000
    lines: int = 2_000  # added plus removed
    files: int = 50
    diff_bytes: int = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedPatch:
    """An accepted patch: its tree is in the repository, ready to be committed."""

    tree: str
    changes: tuple[FileChange, ...]
    fingerprint: str
    simpler: int = 0  # syntax nodes fewer than the base, where that makes it a simplification
    files: Files = field(default_factory=dict, repr=False)  # the editable ones, with the patch


def prepare(
    repo: Repository,
    base: str,
    *,
    edits: Sequence[Edit] | None = None,
    diff: str | None = None,
    tree: str | None = None,
    allow: Sequence[str],
    limits: Limits | None = None,
) -> PreparedPatch:
    """Check a patch on the commit `base` and store its tree.

    Args:
        repo: The lab's repository.
        base: The commit that the patch is made against.
        edits: The patch as find-and-replace edits; or
        diff: the patch as a unified diff; or
        tree: a tree that a merge has made already, which is checked all the same.
        allow: Globs of the files that may be edited.
        limits: Upper limits on the size, the usual ones by default.

    Returns:
        The tree's id, the changes by file, the fingerprint and whether it is a simplification.

    Raises:
        PatchRefusedError: The patch is malformed or not allowed; the message explains why.
    """
    limits = limits or Limits()
    diff = _only_one(edits, diff, tree, limits)
    if edits:
        tree = _apply_edits(repo, base, edits, allow, limits)
    elif tree is None:
        tree = _apply_diff(repo, base, diff, allow)
    changes = repo.changes(base, tree)
    if not changes:
        raise PatchRefusedError(
            "The patch changes nothing.", "Give one that changes the code.", reason="no_change"
        )
    _check_reach(repo, base, tree, allow)
    _check_modes(changes)
    before, after = _editable_files(repo, base, tree, allow, changes)
    _check_size(changes, after, limits)
    _check_text(before, after, changes)
    mark = fingerprint(after)
    if mark == fingerprint(before):
        raise PatchRefusedError(
            "The patch has no effect: only comments, formatting, docstrings, the spelling of "
            "numbers or the names of local variables differ from the base.",
            "Change what the code does.",
            reason="no_effect",
        )
    check_seeds(before, after)
    check_payload(before, after)
    return PreparedPatch(
        tree=tree,
        changes=tuple(map(_summary, changes)),
        fingerprint=mark,
        simpler=simpler(before, after),
        files=after,
    )


def _only_one(
    edits: Sequence[Edit] | None, diff: str | None, tree: str | None, limits: Limits
) -> str:
    """Return the diff, "" if it is given otherwise; raise PatchRefusedError unless one is given."""
    diff = (diff or "").strip("\n")
    if sum(map(bool, (edits, diff, tree))) != 1:
        several = edits or diff
        given = "Both `edits` and `diff`" if several else "Neither `edits` nor `diff`"
        raise PatchRefusedError(f"{given} were given.", "Give one of them.", reason="edits_or_diff")
    if len(diff) > limits.diff_bytes:
        raise PatchRefusedError(
            f"The diff has {len(diff):,} characters.",
            f"At most {limits.diff_bytes:,} are allowed.",
            reason="diff_too_long",
        )
    return diff


def _apply_edits(
    repo: Repository, base: str, edits: Sequence[Edit], allow: Sequence[str], limits: Limits
) -> str:
    paths = [edit_texts.checked_path(edit.path) for edit in edits]
    existing = repo.list_files(base)
    for path in paths:
        edit_texts.check_place(path, {*existing, *paths})
    frozen = _frozen(repo, base, allow)
    _refuse_frozen([path for path in dict.fromkeys(paths) if path in frozen], allow)
    contents = repo.read_many([f"{base}:{path}" for path in paths])
    files = dict(zip(paths, contents, strict=True))
    for number, (path, edit) in enumerate(zip(paths, edits, strict=True), start=1):
        after = edit_texts.replace_once(files[path], edit, f"Edit {number}", existing)
        if len(after) > limits.file_bytes:
            raise _too_large(path, len(after), limits)
        files[path] = after
    return repo.edit_tree(base, files)


def _apply_diff(repo: Repository, base: str, diff: str, allow: Sequence[str]) -> str:
    """Return the tree; a refusal does not reveal whether a frozen file holds the diff's lines."""
    frozen = _frozen(repo, base, allow)
    copied = "\n".join(re.findall(r"^copy from .*", diff, re.MULTILINE))
    _refuse_frozen(_named(frozen, unquoted(copied)), allow)  # the tree would not show it
    try:
        return repo.apply_diff(base, diff)
    except PatchRefusedError as refused:
        headers = re.findall(r"^(?:diff --git|---|\+\+\+|rename from) .*", diff, re.MULTILINE)
        told = unquoted("\n".join([*headers, refused.message]))
        _refuse_frozen(_named(frozen, told), allow)
        raise


def _frozen(repo: Repository, base: str, allow: Sequence[str]) -> frozenset[str]:
    """Return the base's files that may not be edited, nor read by way of a refusal."""
    return frozenset(repo.list_files(base)).difference(repo.matching(base, allow))


def _named(paths: frozenset[str], text: str) -> list[str]:
    """Return the paths that occur in a diff's headers, or in git's message."""
    around = r"(?:^|(?<=[\s\"']))(?:[abciow]/)?(?:\./)*{}(?=$|[\s\"':.;,])"
    return sorted(
        path
        for path in paths
        if path in text and re.search(around.format(re.escape(path)), text, re.MULTILINE)
    )


def _check_reach(repo: Repository, base: str, tree: str, allow: Sequence[str]) -> None:
    _refuse_frozen(repo.outside(base, tree, allow), allow)


def _refuse_frozen(outside: Sequence[str], allow: Sequence[str]) -> None:
    if outside:
        raise PatchRefusedError(
            f"The patch changes frozen files: {_listed(outside)}.",
            f"Only these may be edited: {_listed(allow)}. Leave the rest unchanged.",
            reason="not_editable",
        )


def _check_modes(changes: Sequence[RawChange]) -> None:
    for change in changes:
        old, new = change.old_mode, change.new_mode
        added = (old, new) == (ABSENT, "100644")
        if new == ABSENT or added or (old == new and new not in _LINKS):
            continue
        raise PatchRefusedError(
            f"The patch makes {change.path} {_MODES.get(new, f'a file of mode {new}')}.",
            "Only plain files may be added or changed, and modes must not change.",
            reason="bad_mode",
        )


def _editable_files(
    repo: Repository, base: str, tree: str, allow: Sequence[str], changes: Sequence[RawChange]
) -> tuple[Files, Files]:
    """Return the editable files before and after; every changed path is known to be editable."""
    paths = repo.matching(base, allow)
    changed = [change.path for change in changes if change.new_mode != ABSENT]
    names = [f"{base}:{path}" for path in paths] + [f"{tree}:{path}" for path in changed]
    contents = repo.read_many(names)
    before = {p: c for p, c in zip(paths, contents, strict=False) if c is not None}
    deleted = {change.path for change in changes if change.new_mode == ABSENT}
    after = {path: content for path, content in before.items() if path not in deleted}
    new = zip(changed, contents[len(paths) :], strict=True)
    after |= {path: content for path, content in new if content is not None}
    return before, after


def _check_size(changes: Sequence[RawChange], after: Files, limits: Limits) -> None:
    for change in changes:
        if change.binary:
            raise PatchRefusedError(
                f"{change.path} is binary.", "Change text files only.", reason="binary"
            )
        size = len(after.get(change.path, b""))
        if size > limits.file_bytes:
            raise _too_large(change.path, size, limits)
    lines = sum(change.added + change.removed for change in changes)
    if lines > limits.lines or len(changes) > limits.files:
        raise PatchRefusedError(
            f"The patch changes {lines:,} lines in {len(changes)} files.",
            f"At most {limits.lines:,} lines in {limits.files} files: test one idea at a time.",
            reason="too_large",
        )


def _too_large(path: str, size: int, limits: Limits) -> PatchRefusedError:
    return PatchRefusedError(
        f"{path} would have {size:,} bytes.",
        f"A file may have {limits.file_bytes:,} at most.",
        reason="file_too_large",
    )


def _check_text(before: Files, after: Files, changes: Sequence[RawChange]) -> None:
    """Refuse null bytes, and Python that does not compile where it did before."""
    for change in changes:
        path, content = change.path, after.get(change.path, b"")
        if b"\0" in content:
            raise PatchRefusedError(
                f"{path} holds a null byte.", "Change text files only.", reason="null_byte"
            )
        if not path.endswith(".py"):
            continue
        wrong = _syntax_error(path, content)
        if wrong and (path not in before or not _syntax_error(path, before[path])):
            raise PatchRefusedError(
                wrong, "Correct it and propose the patch again.", reason="syntax"
            )


def _syntax_error(path: str, content: bytes) -> str:
    """Return why the file does not compile, with the line and a caret; "" if it does."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(content, path, "exec", dont_inherit=True)
    except SyntaxError as error:
        where = f"{path}:{error.lineno}" if error.lineno else path
        shown = ""
        if error.text and error.offset:
            line = error.text.rstrip("\n").expandtabs(1)[:200]
            shown = f"\n  {line}\n  {' ' * (error.offset - 1)}^" if error.offset <= 200 else ""
        return f"{where} does not parse: {error.msg}.{shown}\n".rstrip()
    except ValueError as error:
        return f"{path} does not parse: {error}."
    except (RecursionError, MemoryError):
        return f"{path} is nested too deeply to parse."
    return ""


def _summary(change: RawChange) -> FileChange:
    return FileChange(
        path=change.path, added=change.added, removed=change.removed, spans=change.spans
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5]) or "nothing"
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
