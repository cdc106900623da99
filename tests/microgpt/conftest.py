"""The files of microgpt are run by path, and import each other by bare name: so do these tests."""

import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

MICROGPT = ROOT / "microgpt"
sys.path.insert(0, str(MICROGPT))


@pytest.fixture
def original_names() -> Path:
    path = ROOT.parent / "shared" / "data" / "names.txt"
    if not path.exists():
        pytest.skip("../shared/data/names.txt, the original's own data, is not on this machine")
    return path
