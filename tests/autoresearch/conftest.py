"""A measured lab of the test's own."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from autoresearch.lab import Lab
from tests.support.instant import InstantExecutor, with_executor
from tests.support.small import Small, copied, make_small


@pytest.fixture
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Lab:
    """A lab opened on its repository, with six control runs.

    In a test marked `real_runs` they were measured, and runs are real; elsewhere runs take no time.
    """
    home = tmp_path / "home"
    real = request.node.get_closest_marker("real_runs") is not None
    shutil.copytree(request.getfixturevalue("measured_home" if real else "instant_home"), home)
    lab = Lab.reopen("tiny", home=home)
    return lab if real else with_executor(lab, InstantExecutor())


@pytest.fixture
def again(lab: Lab) -> Callable[[], Lab]:
    """The same lab as another process would open it."""
    return lambda: Lab.reopen("tiny", home=lab.home)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """A ledger with e0 (kept) and e1, e2 on it; not to be changed."""
    return make_small(tmp_path_factory.mktemp("small"))


@pytest.fixture
def small(made: Small, tmp_path: Path) -> Small:
    """The same, for one test alone."""
    return copied(made, tmp_path / "small")


@pytest.fixture
def judged_lab(judged_home: Path, tmp_path: Path) -> Lab:
    """e1 kept, e2 discarded, e3 without a run; runs take no time."""
    shutil.copytree(judged_home, tmp_path / "judged")
    return with_executor(Lab.reopen("tiny", home=tmp_path / "judged"), InstantExecutor())
