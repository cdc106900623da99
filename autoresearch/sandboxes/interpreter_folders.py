"""Folders that an interpreter needs to run, and those among them that hold this product.

To find them, the interpreter is started outside any sandbox. So it must be one that the user put
there: an absolute path, and no file that came with the repository. A virtual environment inside the
user's checkout is fine if git does not track it: a tracked file is also in the run's tree.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from autoresearch.errors import ContractError
from autoresearch.sandboxes.base import Confinement, clean_environment
from autoresearch.sandboxes.system_folders import wordy_folders

_ALLOWED = (
    "[run] python may be the full path of an interpreter outside the repository, or of one in a "
    "virtual environment that git does not track; empty, it is the one this product runs on. "
    "Change it in the contract and commit that."
)
_ASK = """
import json, site, sys, sysconfig
print(json.dumps([[sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix],
                  [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]]))
"""


def check_interpreter(python: str, tree: Path, others: Iterable[Path] = ()) -> None:
    """Raise ContractError if that interpreter may not be started outside the sandbox.

    `tree` holds the committed files; nothing in it or in `others` may be started.
    """
    if python in (sys.executable, own_base()):
        return
    path = Path(python)
    if not path.is_absolute():
        raise ContractError(
            f"[run] python is {python!r}, which is not a full path.",
            _ALLOWED,
            reason="python_not_full_path",
        )
    # Folders are followed, the last link is not: a virtual environment's leads to the system's.
    placed = path.parent.resolve() / path.name
    ends = (path, placed, path.resolve())
    if any(Path("/proc") in end.parents for end in ends):
        raise ContractError(
            f"[run] python is {python}, which differs from process to process.",
            _ALLOWED,
            reason="python_changes",
        )
    for folder in (tree, *others):
        if any(folder.resolve() in end.parents for end in ends):
            raise ContractError(
                f"[run] python is {python}, a file of the run itself.",
                _ALLOWED,
                reason="python_of_run",
            )
    for end in ends:
        settings = (end.parent / "pyvenv.cfg", end.parent.parent / "pyvenv.cfg")
        for file in (end, *settings):
            if _is_committed(file, tree):
                raise ContractError(
                    f"[run] python is {python}, but {file.name} there is the repository's: it "
                    "would run outside the sandbox.",
                    _ALLOWED,
                    reason="python_of_repository",
                )


def own_base() -> str:
    """Return the interpreter that this product's environment is based on, without its packages."""
    return str(getattr(sys, "_base_executable", sys.executable))


def check_confinement(confinement: Confinement) -> None:
    """Raise ContractError if its interpreter may not be started outside the sandbox."""
    others = (*confinement.readable, *confinement.writable, confinement.scratch)
    check_interpreter(confinement.interpreter, confinement.cwd, others)


def _is_committed(file: Path, tree: Path) -> bool:
    """Return whether the tree holds a file at that file's place in its git checkout."""
    checkouts = [folder for folder in file.parents if (folder / ".git").exists()]
    return any(os.path.lexists(tree / file.relative_to(folder)) for folder in checkouts)


@cache
def of_interpreter(python: str) -> tuple[Path, ...]:
    """Return an interpreter's and its packages' folders; raise OSError if it does not start."""
    found = {Path(folder) for folder in _ask(python)[0]}
    executable = Path(python)
    # A link from elsewhere, such as a virtual environment's, is resolved too.
    found |= {executable.parent, executable.resolve().parent}
    return tuple(sorted(folder for folder in found if len(folder.parts) > 2))


@cache
def of_product(python: str) -> tuple[Path, ...]:
    """Return this product's folders, wherever that interpreter would find them."""
    here = Path(__file__).resolve().parents[2]
    installed = [Path(folder) / "autoresearch_mcp" for folder in _ask(python)[1]]
    return tuple(dict.fromkeys([*installed, here]))


def hidden_from(confinement: Confinement) -> tuple[Path, ...]:
    """Return what a child may not see inside what it is shown: this product, words, the rest."""
    own = of_product(confinement.interpreter)
    if confinement.whole_system:
        return (*own, *confinement.hidden)
    return (*own, *confinement.hidden, *wordy_folders(of_interpreter(confinement.interpreter)))


@cache
def _ask(python: str) -> tuple[list[str], list[str]]:
    if python == sys.executable:
        import sysconfig

        prefixes = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix]
        return prefixes, [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    asked = subprocess.run(
        [python, "-I", "-c", _ASK],
        cwd="/",
        env=clean_environment(Path("/"), {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    if asked.returncode != 0:
        raise FileNotFoundError(2, f"does not start: {asked.stderr.strip()[-200:]}", python)
    prefixes, packages = json.loads(asked.stdout)
    return prefixes, packages
