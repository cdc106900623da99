"""Start git with nothing of the user's in it, and say what it said when it fails.

Only `workspace.py` and `source.py` use this; it knows no repository layout and no experiment.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from autoresearch.errors import GitError

NAME = "autoresearch"
EMAIL = "autoresearch@localhost"
TIMEOUT_S = 60.0
LONG_TIMEOUT_S = 3600.0  # whole histories: packing, fsck, archives
WORDS = 600  # characters of git's own words in an error

_QUIET = (
    *("-c", f"core.hooksPath={os.devnull}"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.quotePath=false"),
    *("-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false"),
)
_NO_LFS = (  # its filter writes into .git/lfs, even for `git status`
    *("-c", "filter.lfs.clean="),
    *("-c", "filter.lfs.process="),
    *("-c", "filter.lfs.required=false"),
)
_LAB = (
    *_QUIET,
    *("-c", "core.fsync=committed,reference"),
    *("-c", f"core.attributesFile={os.devnull}"),
    *("-c", f"core.excludesFile={os.devnull}"),
    *("-c", "core.autocrlf=false"),
    *("-c", "core.logAllRefUpdates=false"),
    # Only objects are believed, not what somebody wrote down about them.
    *("-c", "core.commitGraph=false"),
    *("-c", "core.multiPackIndex=false"),
)
_IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", NAME), ("EMAIL", EMAIL))
}
_COMMON = {
    "LC_ALL": "C",
    "LANGUAGE": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_PAGER": "cat",
}


@dataclass(frozen=True, slots=True)
class Git:
    """How to call git on one repository: the lab's own, or the user's."""

    options: tuple[str, ...]
    env: Mapping[str, str]

    @classmethod
    def lab(cls, bare: Path) -> "Git":
        """The lab's repository: no configuration but what is written here."""
        env = {
            **_environment(keep=()),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_CEILING_DIRECTORIES": str(bare.parent),
        }
        return cls((f"--git-dir={bare}", *_LAB), env)

    @classmethod
    def user(cls, path: Path) -> "Git":
        """The user's repository: their safe.directory and excludes hold, their hooks do not run."""
        env = _environment(keep=("GIT_CONFIG", "GIT_CEILING_DIRECTORIES"))
        return cls(("-C", str(path), *_QUIET, *_NO_LFS), env)

    def run(
        self,
        *args: str,
        stdin: bytes | IO[bytes] = b"",
        stdout: IO[bytes] | None = None,
        env: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> bytes:
        """What git printed; GitError, with its words, when it did not end with 0."""
        done = self.attempt(*args, stdin=stdin, stdout=stdout, env=env, timeout_s=timeout_s)
        if done.returncode:
            raise failure(args, done)
        return done.stdout or b""

    def attempt(
        self,
        *args: str,
        stdin: bytes | IO[bytes] = b"",
        stdout: IO[bytes] | None = None,
        env: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
        terminal: bool = True,
    ) -> subprocess.CompletedProcess[bytes]:
        """The same, for callers to whom a failure is an answer.

        Without a `terminal` nothing that git starts can ask a question.
        """
        try:
            return subprocess.run(
                ["git", *self.options, *args],
                input=stdin if isinstance(stdin, bytes) else None,
                stdin=None if isinstance(stdin, bytes) else stdin,
                stdout=stdout or subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**self.env, **(env or {})},
                timeout=timeout_s,
                start_new_session=not terminal,
                check=False,
            )
        except FileNotFoundError:
            raise GitError(
                "git is not installed, or not on PATH.",
                "Install git 2.36 or later (for example `apt install git`), then try again.",
                reason="not_installed",
            ) from None
        except subprocess.TimeoutExpired:
            raise GitError(
                f"`git {args[0]}` did not end within {timeout_s:g} s.",
                "Look for a slow or unreachable disk, then try again.",
                reason="timeout",
            ) from None


def words(output: bytes) -> str:
    """What git wrote, short enough for an error, without its own labels."""
    text = output.decode(errors="replace").strip()
    return text if len(text) <= WORDS else text[:WORDS] + " …"


def failure(args: Sequence[str], done: subprocess.CompletedProcess[bytes]) -> GitError:
    """The error for a command that did not end with 0."""
    said = words(done.stderr or done.stdout or b"") or f"exit status {done.returncode}"
    return GitError(f"`git {args[0]}` failed: {said}", reason="command_failed")


def _environment(keep: Sequence[str]) -> dict[str, str]:
    """The process's environment without GIT_*, which a hook or an editor may have set."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("GIT_") or key.startswith(tuple(keep) or ("\0",))
    }
    return {**kept, **_COMMON, **_IDENTITY}
