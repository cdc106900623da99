"""Labs that are made once for all workers and copied for each test."""

import contextlib
import gc
import os
import signal
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from autoresearch.lab import Lab
from tests.support.instant import make_judged_lab, make_measured_lab
from tests.support.passengers import make_lab_with_passengers
from tests.support.paths import ROOT
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

# A shell that starts pytest in the background has it ignore Ctrl-C, and nohup a closed terminal,
# which children would inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection(session: pytest.Session) -> None:
    """Let every second worker import the test modules from the last to the first.

    On a fresh clone compiling them takes most of a collection. Workers that begin at both ends
    each compile one half and read what the other has written.
    """
    odd = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw") in ("1", "3", "5", "7")
    if not odd or [Path(one).name for one in session.config.args] != ["tests"]:
        return
    for path in sorted((ROOT / "tests").rglob("test_*.py"), reverse=True):
        with contextlib.suppress(Exception, pytest.skip.Exception):  # collection reports it
            import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))


def pytest_collection_finish() -> None:
    """Keep what was imported and collected out of every later garbage collection."""
    gc.collect()
    gc.freeze()


SECONDS = {"slow": 600, "long": 3600}  # until a hanging test is ended; pyproject says of the others
CAUSES = {"torch_python": "torch"}  # what a fixture needs


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give slow and long tests their time, and mark tests by what their fixtures need."""
    for item in items:
        for name in getattr(item, "fixturenames", ()):
            if name in CAUSES:
                item.add_marker(CAUSES[name])
        for name, seconds in SECONDS.items():
            if item.get_closest_marker(name):
                item.add_marker(pytest.mark.timeout(seconds))


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that one worker fills and that all others wait for; not to be changed."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with FileLock(f"{folder}.lock"):
        if not (folder / "done").exists():
            folder.mkdir(exist_ok=True)
            make(folder)
            (folder / "done").touch()
    return folder


@pytest.fixture(scope="session")
def measured_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the lab `tiny`, opened on a repository beside it, with six control runs."""

    def make(folder: Path) -> None:
        lab = Lab.open(str(make_repository(folder / "repository")), home=folder / "home")
        to_verdict(lab, "e0")

    return once(tmp_path_factory, "measured", make) / "home"


@pytest.fixture(scope="session")
def instant_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Like `measured_home`, with control runs that took no time."""

    def make(folder: Path) -> None:
        make_measured_lab(folder / "repository", folder / "home")

    return once(tmp_path_factory, "instant", make) / "home"


@pytest.fixture(scope="session")
def judged_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of `make_judged_lab`, made once for all workers; not to be changed."""

    def make(folder: Path) -> None:
        make_judged_lab(folder / "repository", folder / "home")

    return once(tmp_path_factory, "judged", make) / "home"


@pytest.fixture(scope="session")
def passengers_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home and its repository, with three real gains kept and two passengers; instant runs."""

    def make(folder: Path) -> None:
        make_lab_with_passengers(folder / "repository", folder / "home")

    return once(tmp_path_factory, "passengers", make)
