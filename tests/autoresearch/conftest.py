"""A lab whose noise is measured, made once and copied for each test that needs one."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from autoresearch.lab import Lab
from tests.repositories import make_repository, to_verdict


@pytest.fixture(scope="session")
def measured_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("measured") / "home"
    lab = Lab.open(str(make_repository(home.parent / "repository")), home=home)
    to_verdict(lab, "e0")
    return home


@pytest.fixture
def lab(measured_home: Path, tmp_path: Path) -> Lab:
    """A lab of the test's own, opened on its repository, with six control runs."""
    home = tmp_path / "home"
    shutil.copytree(measured_home, home)
    return Lab.reopen("tiny", home=home)


@pytest.fixture
def again(lab: Lab) -> Callable[[], Lab]:
    """The same lab as another process would open it."""
    return lambda: Lab.reopen("tiny", home=lab.home)
