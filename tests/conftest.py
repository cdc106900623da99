"""Labs that are made once for all workers and copied for each test."""

import os
import signal
from pathlib import Path

import pytest
from filelock import FileLock

from autoresearch.lab import Lab
from tests.support.instant import make_judged_lab
from tests.support.repositories import make_repository, to_verdict

# A shell that starts pytest in the background has it ignore Ctrl-C, which children would inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


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


@pytest.fixture(scope="session")
def judged_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of `make_judged_lab`, made once for all workers; not to be changed."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "judged"
    with FileLock(f"{folder}.lock"):
        if not (folder / "done").exists():
            make_judged_lab(folder / "repository", folder / "home")
            (folder / "done").touch()
    return folder / "home"
