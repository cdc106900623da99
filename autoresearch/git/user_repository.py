"""The user's repository: read without writing a byte; one new branch is added on request.

It knows nothing of experiments; `repository.py` decides what is read and what is written.
"""

from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from autoresearch.common.files import as_text
from autoresearch.errors import GitError, InvalidStateError
from autoresearch.git.content_elsewhere import lfs_pointers, submodules
from autoresearch.git.plumbing import LONG_TIMEOUT_S, Git, output_text
from autoresearch.git.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """HEAD, and the names of what the repository holds besides it."""

    head: str
    dirty: tuple[str, ...]  # changed or staged, but Git LFS's; not copied into the lab
    untracked: tuple[str, ...]  # folders end in /
    submodules: tuple[str, ...]
    lfs: tuple[str, ...]  # files of which git carries a pointer alone
    shallow: bool


@dataclass(frozen=True, slots=True)
class Source:
    """A user's repository that has a HEAD commit and a working tree."""

    path: Path
    head: str

    @property
    def git(self) -> Git:
        """Git, set up for this repository."""
        return Git.user(self.path)

    @classmethod
    def open(cls, path: Path) -> "Source":
        """Check that a lab can start from this folder; raise GitError if it can't."""
        path = path.expanduser().resolve()
        if not path.is_dir():
            raise GitError(
                f"{path} is not a folder.",
                "Give the top folder of a git repository.",
                reason="no_folder",
            )
        git = Git.user(path)
        asked = ("--is-bare-repository", "--is-inside-work-tree", "--show-object-format")
        done = git.attempt("rev-parse", *asked)
        if done.returncode:
            raise _not_usable(path, output_text(done.stderr))
        bare, inside, object_format = done.stdout.decode().split()
        if bare == "true" or inside == "false":
            raise GitError(
                f"{path} is a bare repository, or is inside `.git`.",
                "Give the top folder of a clone that has its files checked out.",
                reason="bare_repository",
            )
        top = Path(git.run("rev-parse", "--show-toplevel").decode().rstrip("\n")).resolve()
        if top != path:
            raise GitError(
                f"{path} is a folder inside the repository {top}.",
                f"Give the top folder, {top}; or let `autoresearch-mcp init {quote(str(path))}` "
                "attach this folder alone: its commands then start in it.",
                reason="not_top_folder",
            )
        if object_format != "sha1":
            raise GitError(
                f"{path} names its objects by {object_format}, which the lab does not support.",
                "Convert it to sha1, git's default, or copy the files to a new repository.",
                reason="object_format",
            )
        head = git.attempt("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        if head.returncode:
            raise GitError(
                f"{path} has no commits yet, so there is no baseline.",
                "Commit the code once, then open the lab again.",
                reason="no_commits",
            )
        return cls(path, head.stdout.decode().strip())

    def survey(self) -> Survey:
        """List what HEAD does not contain, so that nobody believes it was measured."""
        status = ("status", "--porcelain=v1", "-z", "--untracked-files=normal")
        listed = self._names(*status, "--no-renames", "--ignore-submodules=all")
        changed = (line[3:] for line in listed if not line.startswith("??"))
        lfs = tuple(lfs_pointers(self.git, self.head))
        # Without its filter, which writes, git compares content with pointers: all seem changed.
        filtered = {*lfs, *self._names("ls-files", "-z", "--", ":(attr:filter=lfs)")}
        return Survey(
            head=self.head,
            dirty=tuple(path for path in changed if path not in filtered),
            untracked=tuple(line[3:] for line in listed if line.startswith("??")),
            submodules=submodules(self.git, self.head),
            lfs=lfs,
            shallow=self.shallow_file() is not None,
        )

    def snapshot(self) -> Snapshot:
        """Return the names in HEAD, the names around it, and a reader."""
        names = self._names("ls-tree", "-r", "-z", "--name-only", "--full-tree", self.head)
        around = self._names("ls-files", "-z", "--others", "--directory", "--no-empty-directory")
        return Snapshot(
            root=self.path,
            files=names,
            untracked=around,
            read=self._read,
            submodules=submodules(self.git, self.head),
            lfs=tuple(lfs_pointers(self.git, self.head)),
        )

    def shallow_file(self) -> Path | None:
        """Return the file that marks where a shallow clone's history ends; None if it is full."""
        name = self.git.run("rev-parse", "--git-path", "shallow").decode().rstrip("\n")
        file = self.path / name
        return file if file.is_file() and file.stat().st_size else None

    def pack(self, into: Path) -> None:
        """Copy HEAD and its whole history into a pack file; no object is shared."""
        with into.open("wb") as file:
            self.git.run(
                *("pack-objects", "--revs", "--stdout", "-q"),
                stdin=f"{self.head}\n".encode(),
                stdout=file,
                timeout_s=LONG_TIMEOUT_S,
            )

    def check_new_branch(self, branch: str) -> None:
        """Raise InvalidStateError if git rejects the name or the branch exists."""
        check_branch_name(self.git, branch)
        if self.tip(branch) is not None:
            raise InvalidStateError(
                f"{self.path} already has a branch {branch!r}.",
                "Give a new name; the lab never moves a branch of yours.",
                reason="branch_exists",
            )

    def tip(self, branch: str) -> str | None:
        """Return the commit that a branch points at, None if there is no such branch."""
        done = self.git.attempt("rev-parse", "--verify", "-q", f"refs/heads/{branch}")
        return None if done.returncode else done.stdout.decode().strip()

    def has(self, commits: list[str]) -> list[str]:
        """Return the commits that this repository contains, in the order given."""
        asked = "\n".join(commits).encode() + b"\n"
        found = self.git.run("cat-file", "--batch-check=%(objecttype)", stdin=asked).decode()
        pairs = zip(commits, found.splitlines(), strict=True)
        return [commit for commit, kind in pairs if kind == "commit"]

    def receive(self, pack: Path, commit: str, branch: str) -> None:
        """Import a pack's objects and create one branch; no other reference moves."""
        with pack.open("rb") as file:
            self.git.run("index-pack", "--stdin", "--fix-thin", stdin=file)
        self.git.run(  # complete from the user's own references on, as a fetch would check
            *("rev-list", "--objects", "--quiet", commit, "--not", "--all"),
            timeout_s=LONG_TIMEOUT_S,
        )
        created = self.git.attempt(
            *("update-ref", "-m", "autoresearch: the incumbent", "--stdin", "-z"),
            stdin=f"create refs/heads/{branch}\0{commit}\0".encode(),
        )
        if created.returncode:
            raise InvalidStateError(
                f"git did not create the branch {branch!r}: {output_text(created.stderr)}",
                "Give another name.",
                reason="branch_not_created",
            )

    def _read(self, path: str) -> str:
        found = self.git.attempt("cat-file", "blob", f"{self.head}:{path}")
        return as_text(found.stdout) if found.returncode == 0 else ""

    def _names(self, *args: str) -> tuple[str, ...]:
        out = self.git.run(*args, timeout_s=LONG_TIMEOUT_S)
        return tuple(name for name in out.decode(errors="surrogateescape").split("\0") if name)


def check_branch_name(git: Git, branch: str) -> None:
    """Raise InvalidStateError if git rejects the name."""
    if git.attempt("check-ref-format", "--branch", branch).returncode:
        raise InvalidStateError(
            f"{branch!r} is not a branch name that git accepts.",
            "Give one, such as autoresearch/best.",
            reason="bad_branch_name",
        )


def top_of(path: Path) -> Path:
    """Return the top folder of the repository that a folder lies in; itself where in none."""
    path = path.expanduser().resolve()
    if not path.is_dir():
        return path
    done = Git.user(path).attempt("rev-parse", "--show-toplevel")
    named = done.stdout.decode(errors="surrogateescape").rstrip("\n")
    return Path(named).resolve() if done.returncode == 0 and named else path


def _not_usable(path: Path, said: str) -> GitError:
    if "dubious ownership" in said:
        return GitError(
            f"{path} belongs to another user, so git will not read it.",
            f"If you trust it: git config --global --add safe.directory {path}",
            reason="other_owner",
        )
    if "not a git repository" in said:
        return GitError(
            f"{path} is not a git repository.",
            f"Run `git init` there and commit the code, or give the right folder. "
            f"Looked at: {path}.",
            reason="no_repository",
        )
    return GitError(f"git cannot read {path}: {said}", reason="unreadable_repository")
