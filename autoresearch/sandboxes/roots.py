"""Which folders an interpreter needs to run, and where among them this product lies."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

_ASK = """
import json, site, sys, sysconfig
print(json.dumps([[sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix],
                  [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]]))
"""


@cache
def of_interpreter(python: str) -> tuple[Path, ...]:
    """The folders that it and its installed packages lie in; raise OSError if it does not start."""
    found = {Path(folder) for folder in _ask(python)[0]}
    executable = Path(python)
    # A link from elsewhere, such as a virtual environment's, is followed to what it means.
    found |= {executable.parent, executable.resolve().parent}
    return tuple(sorted(folder for folder in found if len(folder.parts) > 2))


@cache
def of_product(python: str) -> tuple[Path, ...]:
    """This product, wherever that interpreter would find it: it holds the scorer."""
    here = Path(__file__).resolve().parents[2]
    installed = [Path(folder) / "autoresearch_mcp" for folder in _ask(python)[1]]
    return tuple(dict.fromkeys([*installed, here]))


@cache
def _ask(python: str) -> tuple[list[str], list[str]]:
    if python == sys.executable:
        import sysconfig

        prefixes = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix]
        return prefixes, [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    asked = subprocess.run(
        [python, "-I", "-c", _ASK], capture_output=True, text=True, check=False, timeout=30
    )
    if asked.returncode != 0:
        raise FileNotFoundError(2, f"does not start: {asked.stderr.strip()[-200:]}", python)
    prefixes, packages = json.loads(asked.stdout)
    return prefixes, packages
