"""The lab's own bare repository: experiments are commits, made without a working tree.

Commits are built in a temporary index, so nothing is checked out and nothing of the user's is
touched. It knows git objects and refs, but not experiments.
"""

import difflib
import os
import posixpath
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from autoresearch.errors import GitError, NotFoundError, PatchRefusedError
from autoresearch.git import ref_files, unified_diff
from autoresearch.git import signatures as signing
from autoresearch.git.plumbing import LONG_TIMEOUT_S, Git, failure, output_text
from autoresearch.git.raw_diff import OPTIONS, PLAIN, Hunk, RawChange, read_changes, read_hunks
from autoresearch.git.snapshot import Snapshot
from autoresearch.git.user_repository import Source, Survey

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
ZERO = "0" * 40
FIXED_DATE_S = 1_767_225_600  # of root commits, so that the same files give the same commit
# The target's .gitattributes must not drop, expand or convert anything on the way to a run.
ATTRIBUTES = "* -export-ignore -export-subst -text -ident -filter -working-tree-encoding !diff\n"
# Flaws of old histories that do not indicate damage.
_OLD_FLAWS = ("badTimezone", "missingSpaceBeforeDate", "zeroPaddedDate", "missingNameBeforeEmail")
_NAMES = ("diff-tree", "-r", "--name-only", "-z", "--no-renames")

Moves = Mapping[str, tuple[str | None, str | None]]  # ref: (new, old); None is "no such ref"


def git_version() -> str:
    """Return the output of `git --version`; raise GitError if git is not installed."""
    return Git((), os.environ).run("--version").decode().strip()


def survey(source: Path) -> Survey:
    """Return the user's HEAD and the names that it leaves out; only reads."""
    return Source.open(source).survey()


def snapshot(source: Path) -> Snapshot:
    """Return the user's HEAD, readable, and the names around it; only reads."""
    return Source.open(source).snapshot()


def dirty(source: Path) -> tuple[str, ...]:
    """Return the user's files that differ from their HEAD, untracked ones included."""
    found = survey(source)
    return found.dirty + found.untracked


class Entry(NamedTuple):
    """A path's mode and object id in a tree; the id is a blob's or a submodule's."""

    mode: str
    id: str


@dataclass(frozen=True, slots=True)
class Repository:
    """The lab's bare repository."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> "Repository":
        """Make it, or find it already made."""
        repo = cls(path)
        if not (path / "HEAD").is_file():
            path.mkdir(parents=True, exist_ok=True)
            init = ("init", "--bare", "--quiet", "--template=", "--object-format=sha1")
            repo.git.run(*init, "--initial-branch=autoresearch/incumbent", str(path))
        attributes = path / "info" / "attributes"
        if not attributes.is_file():
            attributes.parent.mkdir(exist_ok=True)
            attributes.write_text(ATTRIBUTES)
        return repo

    @property
    def git(self) -> Git:
        """Git, set up for this repository."""
        return Git.lab(self.path)

    # Taking code in and giving it back

    def import_head(self, source: Path) -> str:
        """Copy the user's HEAD and its history, which is only read; return its id."""
        theirs = Source.open(source)
        cut = theirs.shallow_file()
        if cut is not None:
            shutil.copyfile(cut, self.path / "shallow")
        with self._scratch() as scratch:
            pack = scratch / "pack"
            theirs.pack(pack)
            with pack.open("rb") as file:
                self.git.run("index-pack", "--stdin", stdin=file, timeout_s=LONG_TIMEOUT_S)
        return theirs.head

    def import_files(self, files: Mapping[str, Path | bytes], message: str) -> str:
        """Commit these files as a root; the same files and message give the same commit id."""
        contents = {
            name: file if isinstance(file, bytes) else file.read_bytes()
            for name, file in files.items()
        }
        tree = self.edit_tree(EMPTY_TREE, contents)
        return self.commit_tree(tree, (), message, at=FIXED_DATE_S)

    def publish(self, commit: str, into: Path, branch: str) -> None:
        """Write `commit` into the user's repository as a new branch; no other reference moves."""
        theirs = Source.open(into)
        theirs.check_new_branch(branch)
        history = self.git.run("rev-list", "--topo-order", commit, timeout_s=LONG_TIMEOUT_S)
        known = theirs.has(history.decode().split())[:1]
        wanted = "\n".join([commit, *(f"^{base}" for base in known)]) + "\n"
        with self._scratch() as scratch:
            pack = scratch / "pack"
            with pack.open("wb") as file:
                self.git.run(
                    *("pack-objects", "--revs", "--stdout", "-q"),
                    stdin=wanted.encode(),
                    stdout=file,
                    timeout_s=LONG_TIMEOUT_S,
                )
            theirs.receive(pack, commit, branch)

    def export(self, commit: str, into: Path, exclude: Sequence[str] = ()) -> None:
        """Write the commit's files into an existing or new folder, without `.git`."""
        pathspecs = [".", *(f":(exclude,glob){glob}" for glob in exclude)]
        into.mkdir(parents=True, exist_ok=True)
        with self._scratch() as scratch:
            archive = scratch / "tree.tar"
            with archive.open("wb") as file:
                self.git.run(
                    *("archive", "--format=tar", commit, "--", *pathspecs),
                    stdout=file,
                    timeout_s=LONG_TIMEOUT_S,
                )
            with tarfile.open(archive) as tar:
                for member in tar.getmembers():
                    _refuse_leading_out(member)
                # Early 3.11 has no filters; git's own trees hold no other way out than links.
                safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
                tar.extractall(into, **safely)  # type: ignore[arg-type]  # noqa: S202

    # Reading

    def resolve(self, ref: str) -> str | None:
        """Return the commit that a ref or an id names, None if there is none."""
        done = self.git.attempt("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        return None if done.returncode else done.stdout.decode().strip()

    def is_at(self, ref: str, commit: str | None) -> bool:
        """Return what `ref_files.is_at` does, in this repository."""
        return ref_files.is_at(self.path, ref, commit)

    def ref_stamp(self, ref: str) -> object:
        """Return what `ref_files.ref_stamp` does, in this repository."""
        return ref_files.ref_stamp(self.path, ref)

    def list_files(self, commit: str) -> tuple[str, ...]:
        """Return every path in a commit, given by its id."""
        return _list_files(self, commit)

    def matching(self, commit: str, allow: Sequence[str]) -> tuple[str, ...]:
        """Return the paths in a commit, given by its id, that a glob in `allow` matches."""
        return _matching(self, commit, tuple(allow)) if allow else ()

    def outside(self, base: str, other: str, allow: Sequence[str]) -> tuple[str, ...]:
        """Return the paths changed from `base` to `other` that no glob in `allow` matches."""
        globs = [f":(exclude,glob){glob}" for glob in allow]
        return self.names(*_NAMES, base, other, "--", ".", *globs)

    def read_file(self, commit: str, path: str) -> bytes:
        """Return one file's content, by the commit's id; NotFoundError lists the nearest paths."""
        content = _read_file(self, commit, path)
        if content is not None:
            return content
        files = self.list_files(commit)
        near = difflib.get_close_matches(path, files, n=3, cutoff=0.5) or list(files[:5])
        there = f"There are: {', '.join(near)}."
        raise NotFoundError(f"There is no file {path!r} here.", there, reason="file")

    def read_many(self, names: Sequence[str]) -> list[bytes | None]:
        """Return the content of many blobs at once; None for each that is missing or no blob."""
        return self.read_objects(names, b"blob")

    def read_objects(self, names: Sequence[str], kind: bytes) -> list[bytes | None]:
        """Return the content of many objects of one kind: b"blob", b"tree" or b"commit"."""
        asked = "".join(f"{name}\n" for name in names).encode(errors="surrogateescape")
        out = self.git.run("cat-file", "--batch", stdin=asked, timeout_s=LONG_TIMEOUT_S)
        contents: list[bytes | None] = []
        at = 0
        for _ in names:
            end = out.index(b"\n", at)
            header = out[at:end].rsplit(b" ", 2)
            at = end + 1
            if header[-1] in (b"missing", b"ambiguous"):
                contents.append(None)
                continue
            size = int(header[2])
            contents.append(out[at : at + size] if header[1] == kind else None)
            at += size + 1
        return contents

    def parents(self, head: str, after: str | None = None) -> list[tuple[str, ...]]:
        """Return (commit, parent, …) along the first parents up to `head`, oldest first."""
        since = [f"^{after}"] if after else []
        walk = ("rev-list", "--first-parent", "--reverse", "--format=%H %P", "--no-commit-header")
        out = self.git.run(*walk, head, *since, timeout_s=LONG_TIMEOUT_S)
        return [tuple(line.split()) for line in out.decode().splitlines()]

    def changes(self, base: str, other: str) -> tuple[RawChange, ...]:
        """Return the changes from one commit or tree to another, file by file."""
        return read_changes(self.git.run("diff-tree", *OPTIONS, base, other))

    def diff(self, base: str, other: str) -> str:
        """Return the unified diff from one commit or tree to another."""
        return self.git.run("diff-tree", "-r", "-p", *PLAIN, base, other).decode(errors="replace")

    def entries(self, tree: str) -> dict[str, Entry]:
        """Return the entry of every path in a commit or tree."""
        listed = self.names("ls-tree", "-r", "-z", "--full-tree", tree)
        split = (line.split("\t", 1) for line in listed)
        return {path: Entry(told.split()[0], told.split()[2]) for told, path in split}

    def hunks(self, old: str, new: str, lines: Sequence[bytes]) -> tuple[Hunk, ...]:
        """Return the changes between two blobs as git merges see them; `lines`: the new one's."""
        form = ("diff", "-U0", "--inter-hunk-context=0", "--histogram", "--text", *PLAIN)
        return read_hunks(self.git.run(*form, old, new), lines)

    # Writing

    def write_blob(self, content: bytes) -> str:
        """Store content as a blob; return its id."""
        return self.git.run("hash-object", "-w", "--stdin", stdin=content).decode().strip()

    def make_tree(self, blobs: Mapping[str, str]) -> str:
        """Store a flat tree of names and blob ids; return its id."""
        lines = "".join(f"100644 blob {blob}\t{name}\n" for name, blob in blobs.items())
        return self.git.run("mktree", stdin=lines.encode()).decode().strip()

    def edit_tree(self, base: str, files: Mapping[str, bytes | None]) -> str:
        """Store `base` with new contents by path (None removes one); return its id. Modes stay."""
        entries = self.entries(base)
        for path, content in files.items():
            known = entries.pop(path, None)
            if content is not None:
                mode = known.mode if known else "100644"
                entries[path] = Entry(mode, self.write_blob(content))
        return self.write_tree(entries)

    def write_tree(self, entries: Mapping[str, Entry]) -> str:
        """Store a tree of these paths; return its id."""
        lines = "".join(f"{entry.mode} {entry.id}\t{path}\0" for path, entry in entries.items())
        with self._scratch() as scratch:
            env = {"GIT_INDEX_FILE": str(scratch / "index")}
            update = ("update-index", "-z", "--index-info")
            self.git.run(*update, stdin=lines.encode(errors="surrogateescape"), env=env)
            return self.git.run("write-tree", env=env).decode().strip()

    def apply_diff(self, base: str, diff: str) -> str:
        """Apply a diff to `base` and return the tree; raise PatchRefusedError if it fails."""
        patch = unified_diff.clean(diff)
        form = ("apply", "--cached", "--recount", "--whitespace=nowarn", f"-p{patch.strip}", "-")
        attempts = (
            (patch.text, ()),
            (patch.text, ("--unidiff-zero",)),  # a wrong line 1 does not mean "only at the top"
            (patch.text + " \n", ()),  # its last blank line was cut off
            (patch.text.replace("\n", "\r\n"), ("--unidiff-zero",)),  # for a file with CRLF
        )
        said = b""
        for text, options in attempts:
            with self._scratch() as scratch:
                env = {"GIT_INDEX_FILE": str(scratch / "index")}
                self.git.run("read-tree", base, env=env)
                text_bytes = text.encode(errors="replace")
                done = self.git.attempt(*form, *options, stdin=text_bytes, env=env)
                if not done.returncode:
                    return self.git.run("write-tree", env=env).decode().strip()
                said = said or done.stderr
        raise PatchRefusedError(
            f"The diff does not apply to the base: {_error_line(said)}.",
            "Read the file as it is in the base and make the diff against that, "
            "or use `edits`, which need no line numbers.",
            reason="does_not_apply",
        )

    def commit_tree(
        self,
        tree: str,
        parents: Sequence[str],
        message: str,
        at: float | None = None,
        sign: Path | None = None,
    ) -> str:
        """Commit a tree by the lab's fixed identity; return its id. `at`: epoch seconds, or now.

        Signs with the SSH key `sign` if one is given; raises InvalidStateError if that fails.
        """
        date = f"@{int(time.time() if at is None else at)} +0000"
        text = message.replace("\0", "").encode(errors="replace") or b"(no message)"
        options = [option for parent in parents for option in ("-p", parent)]
        dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        form = ("commit-tree", tree, *options, "-F", "-")
        if sign is None:
            return self.git.run(*form, stdin=text, env=dates).decode().strip()
        made = self.git.attempt(
            *(*signing.OPTIONS, *form, f"-S{sign}"),
            stdin=text,
            env={**dates, **signing.QUIET},
            terminal=False,
        )
        if made.returncode:
            raise signing.refusal(sign, output_text(made.stderr))
        return made.stdout.decode().strip()

    def move_refs(self, moves: Moves) -> bool:
        """Move all refs or none; return False if one was not where `moves` says."""
        lines = "".join(
            f"update {ref}\0{new or ZERO}\0{old or ZERO}\0" for ref, (new, old) in moves.items()
        )
        done = self.git.attempt("update-ref", "--stdin", "-z", stdin=lines.encode())
        if not done.returncode:
            return True
        if any(self.resolve(ref) != old for ref, (_, old) in moves.items()):
            return False
        raise failure(("update-ref",), done)

    def remove_locks(self, refs: Sequence[str]) -> None:
        """Remove a killed git's lock files; the caller ensures that nobody moves these refs."""
        for ref in refs:
            (self.path / f"{ref}.lock").unlink(missing_ok=True)

    def fsck(self) -> str | None:
        """Return None if every object is sound and connected, else git's message."""
        tolerated = [option for flaw in _OLD_FLAWS for option in ("-c", f"fsck.{flaw}=ignore")]
        check = ("fsck", "--full", "--no-dangling", "--no-progress")
        done = self.git.attempt(*tolerated, *check, timeout_s=LONG_TIMEOUT_S)
        if not done.returncode:
            return None
        return output_text(done.stdout + done.stderr) or f"exit status {done.returncode}"

    def names(self, *args: str) -> tuple[str, ...]:
        """Return the names that a git command lists with -z."""
        out = self.git.run(*args, timeout_s=LONG_TIMEOUT_S)
        return tuple(name for name in out.decode(errors="surrogateescape").split("\0") if name)

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="scratch-", dir=self.path) as folder:
            yield Path(folder)


def _refuse_leading_out(member: tarfile.TarInfo) -> None:
    place = posixpath.normpath(str(PurePosixPath(member.name).parent / member.linkname))
    if member.issym() and place.startswith(("/", "..")):
        words = f"{member.name} points outside the tree, so runs don't get it."
        raise GitError(words, "Commit the file itself instead of a link.", reason="leads_out")


def _error_line(said: bytes) -> str:
    """Return git's error messages as one line."""
    lines = [line.removeprefix("error: ") for line in output_text(said).splitlines()]
    return "; ".join(lines)


# The content of a commit never changes, so git is asked only once.
@lru_cache(maxsize=1024)
def _list_files(repository: Repository, commit: str) -> tuple[str, ...]:
    return repository.names("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit)


@lru_cache(maxsize=128)
def _read_file(repository: Repository, commit: str, path: str) -> bytes | None:
    return repository.read_many([f"{commit}:{path}"])[0] if "\n" not in path else None


@lru_cache(maxsize=1024)
def _matching(repository: Repository, commit: str, allow: tuple[str, ...]) -> tuple[str, ...]:
    globs = [f":(glob){glob}" for glob in allow]
    return repository.names(*_NAMES, EMPTY_TREE, commit, "--", *globs)
