"""No file has a word that codespell knows as a misspelling."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT


@pytest.mark.slow
def test_nothing_is_misspelt() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    codespell = Path(sys.executable).with_name("codespell")
    pasted = "autoresearch/redteam/cheats/"  # holds names and code that are no English
    there = [name for name in tracked if (ROOT / name).is_file() and not name.startswith(pasted)]
    found = subprocess.run(
        [codespell, *there], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout
