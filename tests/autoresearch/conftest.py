"""A measured lab of the test's own."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from autoresearch.lab import Lab


@pytest.fixture
def lab(measured_home: Path, tmp_path: Path) -> Lab:
    """A lab opened on its repository, with six control runs."""
    home = tmp_path / "home"
    shutil.copytree(measured_home, home)
    return Lab.reopen("tiny", home=home)


@pytest.fixture
def again(lab: Lab) -> Callable[[], Lab]:
    """The same lab as another process would open it."""
    return lambda: Lab.reopen("tiny", home=lab.home)
