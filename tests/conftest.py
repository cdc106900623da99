"""A lab whose noise is measured, made once for all workers and copied for each test."""

import os
from pathlib import Path

import pytest
from filelock import FileLock

from autoresearch.lab import Lab
from tests.repositories import make_repository, to_verdict


@pytest.fixture(scope="session")
def measured_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the lab `tiny`, opened on a repository beside it, with six control runs."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    home = shared / "measured" / "home"
    with FileLock(shared / "measured.lock"):
        if not (home.parent / "done").exists():
            lab = Lab.open(str(make_repository(home.parent / "repository")), home=home)
            to_verdict(lab, "e0")
            (home.parent / "done").touch()
    return home
