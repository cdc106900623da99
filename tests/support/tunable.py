"""A lab whose metric is a function of its knobs, told in Python; runs take no time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from autoresearch.lab import Lab
from autoresearch.records import EndCause, RunState
from autoresearch.run_directory import RunDir
from autoresearch.search.sites import Value, find_sites
from tests.support.instant import InstantExecutor, with_executor
from tests.support.repositories import CONTRACT, TRAIN, git, make_repository

KNOBS = """
[knobs]
RATE = { low = 1e-3, high = 1.0, log = true }
DECAY = { low = 0.0, high = 1.0 }
WIDTH = { low = 4, high = 64, log = true }
KIND = { choices = ["plain", "gated"] }
"""
CONSTANTS = """\
SMOOTHING = 30.0
SCALE = 1.0
RATE = 0.01
DECAY = 0.9
WIDTH = 16
KIND = "plain"
"""

Landscape = Callable[[Mapping[str, Value]], float]  # MemoryError: that runs out of memory


def bowl(knobs: Mapping[str, Value]) -> float:
    """Best without decay; the rest hardly matters."""
    return 3.0 + float(knobs["DECAY"])


@dataclass
class TunableExecutor(InstantExecutor):
    """Scores a run by the knobs of its code: `landscape` of them, and a little noise."""

    landscape: Landscape = field(default=bowl)

    def submit(self, rundir: RunDir) -> None:
        sites = find_sites((rundir.tree / self.file).read_text())
        knobs = {name: site.value for name, site in sites.items()}
        seed = rundir.read_spec().seed
        super().submit(rundir)
        report = rundir.read_status()
        assert report is not None
        try:
            value = self.landscape(knobs) + (seed % 997) / 997 * self.noise
        except MemoryError:
            report = replace(
                report,
                state=RunState.CRASHED,
                measurement=None,
                cause=EndCause.OUT_OF_MEMORY,
                reason="it ran out of memory",
            )
        except ArithmeticError:
            report = replace(
                report,
                state=RunState.CRASHED,
                measurement=None,
                cause=EndCause.EXCEPTION,
                reason="FloatingPointError: the loss is nan",
            )
        else:
            assert report.measurement is not None
            report = replace(report, measurement=replace(report.measurement, value=value))
        rundir.write_status(report)


def tunable_repository(folder: Path, knobs: str = KNOBS, constants: str = CONSTANTS) -> Path:
    contract = CONTRACT.partition("[knobs]")[0] + knobs
    made = make_repository(folder, contract)
    train = TRAIN.replace("SMOOTHING = 30.0\nSCALE = 1.0\n", constants)
    (made / "train.py").write_text(train)
    git(made, "-c", "user.name=U", "-c", "user.email=u@example.org", "commit", "-qam", "knobs")
    return made


def tunable_lab(folder: Path, landscape: Landscape = bowl, knobs: str = KNOBS) -> Lab:
    """The lab `tiny` on that repository; its baseline is not measured yet."""
    lab = Lab.open(str(tunable_repository(folder / "repository", knobs)), home=folder / "home")
    return with_executor(lab, TunableExecutor(landscape=landscape))
