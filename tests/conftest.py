"""Labs that are made once for all workers and copied for each test."""

import os
import signal
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from autoresearch.lab import Lab
from tests.support.instant import make_judged_lab
from tests.support.repositories import make_repository, to_verdict

# The same few examples in every run: a failure is this change's, and can be had again.
settings.register_profile(
    "quick",
    max_examples=40,
    derandomize=True,
    deadline=None,  # machines are noisy
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
# Many and new ones, for somebody who looks for trouble: pytest --hypothesis-profile thorough
settings.register_profile(
    "thorough", settings.get_profile("quick"), max_examples=2000, derandomize=False
)
settings.load_profile("quick")

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
