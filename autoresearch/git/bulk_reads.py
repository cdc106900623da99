"""Bulk reads of the lab's repository for `verify`: many commits with one start of git."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from autoresearch.errors import LedgerDamagedError
from autoresearch.git import signatures as signing
from autoresearch.git.raw_diff import OPTIONS, RawChange, read_changes
from autoresearch.git.repository import ATTRIBUTES, Repository

TIMEOUT_S = 3600.0
HEAD = "ref: refs/heads/autoresearch/incumbent\n"
# Settings that `git init` writes, by platform, and that a person's backup to a remote may add.
_SETTINGS = (
    *("core.repositoryformatversion", "core.filemode", "core.bare", "core.ignorecase"),
    *("core.precomposeunicode", "core.symlinks", "remote.", "branch."),
)
_NAMES = ("-r", "--name-only", "-z", "--no-renames")


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """The header of a commit object."""

    tree: str
    parents: tuple[str, ...]
    signed: bool  # whether it carries a signature, good or not


def read_commits(repo: Repository, commits: Sequence[str]) -> list[Commit | None]:
    """Return the headers of many commits, in order; None for an id that names no commit."""
    contents = repo.read_objects(commits, b"commit")
    return [None if content is None else _commit(content) for content in contents]


def changes_of(repo: Repository, commits: Sequence[str]) -> dict[str, tuple[RawChange, ...]]:
    """Return, by commit, its changes against its first parent."""
    return {
        commit: read_changes(text)
        for commit, text in _diffs(repo, list(dict.fromkeys(commits)), OPTIONS)
    }


def outside_of(
    repo: Repository, commits: Sequence[str], allow: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Return, by commit, the paths that it changed and that no glob in `allow` matches."""
    globs = [f":(exclude,glob){glob}" for glob in allow]
    diffs = _diffs(repo, list(dict.fromkeys(commits)), (*_NAMES, "--", ".", *globs))
    return {
        commit: tuple(filter(None, text.decode(errors="surrogateescape").split("\0")))
        for commit, text in diffs
    }


def signatures(repo: Repository, commits: Sequence[str], allowed: Path) -> dict[str, list[str]]:
    """Return git's check of signed commits: [its letter, the key's fingerprint]; "G" is good.

    `allowed` is the file of allowed signers.
    """
    options = (*signing.OPTIONS, "-c", f"gpg.ssh.allowedSignersFile={allowed}")
    check = ("log", "--no-walk=unsorted", "--stdin", "--format=%H %G? %GF")
    out = repo.git.run(*options, *check, stdin=_lines(commits), timeout_s=TIMEOUT_S)
    rows = (line.split(" ") for line in out.decode(errors="replace").splitlines())
    return {commit: found for commit, *found in rows}


def find_foreign_config(repo: Repository) -> Iterator[str]:
    """Yield git settings and files in the repository that the lab never creates, as sentences."""
    for name, due in (("HEAD", HEAD), ("info/attributes", ATTRIBUTES)):
        file = repo.path / name
        if not file.is_file() or file.read_bytes() != due.encode():
            yield f"{name} in the lab's repository is not what the lab wrote."
    for name in ("info/grafts", "objects/info/alternates", "refs/replace"):
        if (repo.path / name).exists():
            yield f"There is {name} in the lab's repository, which the lab never creates."
    asked = ("config", "--file", str(repo.path / "config"), "--list", "--name-only", "-z")
    for key in repo.names(*asked):
        if not key.startswith(_SETTINGS):
            yield f"{key} is set in the lab's repository, but the lab never sets it."


def _commit(content: bytes) -> Commit:
    """Parse a commit object's header; grafts and replacements have no influence on it."""
    header = content.partition(b"\n\n")[0].decode(errors="replace").splitlines()
    fields = [line.partition(" ") for line in header if not line.startswith(" ")]
    return Commit(
        tree=next((value for key, _, value in fields if key == "tree"), ""),
        parents=tuple(value for key, _, value in fields if key == "parent"),
        signed=any(key == "gpgsig" for key, _, _ in fields),
    )


def _diffs(
    repo: Repository, commits: Sequence[str], options: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    """Yield each commit with its part of git's output; a commit without parent changes nothing.

    A part begins with the commit's id and a null byte, which no text of a patch can hold.
    """
    every = ("diff-tree", "--stdin", "--always")
    out = repo.git.run(*every, *options, stdin=_lines(commits), timeout_s=TIMEOUT_S)
    starts, at = [], 0
    for commit in commits:
        at = out.find(commit.encode() + b"\0", at)
        if at < 0:
            raise LedgerDamagedError(f"git did not list what the commit {commit[:12]} changed.")
        starts.append(at)
        at += len(commit) + 1
    ends = [*starts, len(out)][1:]
    for commit, start, end in zip(commits, starts, ends, strict=True):
        yield commit, out[start + len(commit) + 1 : end]


def _lines(commits: Sequence[str]) -> bytes:
    return "".join(f"{commit}\n" for commit in commits).encode()
