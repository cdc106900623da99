"""Start git without the user's settings, and report git's own message when it fails.

Only the modules of this room use it; it knows no repository layout and no experiment.
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
MOST_CHARS = 600  # characters of git's message in an error

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
    # Only objects are trusted, not caches about them.
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
    """Options and environment for git on one repository: the lab's own, or the user's."""

    options: tuple[str, ...]
    env: Mapping[str, str]

    @classmethod
    def lab(cls, bare: Path) -> "Git":
        """Return git for the lab's bare repository, with no configuration but what is set here."""
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
        """Return git for the user's repository: safe.directory holds, their hooks do not run."""
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
        """Run git and return what it printed; raise GitError with its message if it fails."""
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
        """Run git and return the finished process, whatever its exit status.

        Without a `terminal`, no program that git starts can prompt. Raises GitError if git is not
        installed or exceeds `timeout_s` seconds.
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


def output_text(output: bytes) -> str:
    """Return git's output as text, at most MOST_CHARS characters."""
    text = output.decode(errors="replace").strip()
    return text if len(text) <= MOST_CHARS else text[:MOST_CHARS] + " …"


def failure(args: Sequence[str], done: subprocess.CompletedProcess[bytes]) -> GitError:
    """Return the error for a command that did not exit with 0."""
    said = output_text(done.stderr or done.stdout or b"") or f"exit status {done.returncode}"
    return GitError(f"`git {args[0]}` failed: {said}", reason="command_failed")


def _environment(keep: Sequence[str]) -> dict[str, str]:
    """Return this process's environment without GIT_*, which a hook or an editor may have set."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("GIT_") or key.startswith(tuple(keep) or ("\0",))
    }
    return {**kept, **_COMMON, **_IDENTITY}
