"""A lab with verdicts that took no time: runs end as they are submitted, the rest is real."""

import re
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from autoresearch.devices import Wanted
from autoresearch.devices.slots import Slot
from autoresearch.lab import Lab
from autoresearch.records import EndCause, Measurement, RunReport, RunState
from autoresearch.run_directory import RunDir, with_end
from autoresearch.setup.lab_creation import open_signed
from tests.support.fake_devices import cores
from tests.support.repositories import BETTER, TESTER, WORSE, make_repository, propose


@dataclass
class InstantExecutor:
    """Scores a run by its code and its seed alone; `drift` makes the machine another one."""

    drift: float = 0.0
    noise: float = 1e-3  # 0.0: a metric that repeats exactly
    apart: float | None = None  # how much more the spare part says; None: it is not scored
    file: str = "train.py"
    knob: str = "SMOOTHING"
    state: RunState = RunState.FINISHED
    peak_mb: float = 0.0
    submitted: list[RunDir] = field(default_factory=list)

    def value(self, rundir: RunDir) -> float:
        """What a run measures."""
        found = re.search(rf"^{self.knob} = (\S+)$", (rundir.tree / self.file).read_text(), re.M)
        assert found is not None
        noise = (rundir.read_spec().seed % 997) / 997 * self.noise
        return 2.0 + float(found[1]) / 100 + noise + self.drift

    def submit(self, rundir: RunDir) -> None:
        self.submitted.append(rundir)
        spec = rundir.read_spec()
        value = self.value(rundir)
        now = time.time()
        report = RunReport(
            run=spec.run,
            state=self.state,
            reason="instantly",
            started=now,
            ended=now,
            wall_s=1.0,
            cpu_s=1.0,
            tokens=int(spec.budget),
            device="cpu-0",
            sandbox="none",
            peak_mb=self.peak_mb,
            measurement=Measurement(
                value=value,
                documents=100,
                tokens=900,
                score_s=0.1,
                spare=None if self.apart is None else value + self.apart,
            )
            if self.state is RunState.FINISHED
            else None,
            cause=EndCause.MEASURED if self.state is RunState.FINISHED else None,
        )
        rundir.write_status(report)
        if self.state.final:
            rundir.remove_leftovers()

    def alive(self, rundir: RunDir) -> bool:
        """A run that does not end by itself ends when it is asked to."""
        return not self.state.final and not rundir.stop_file.exists()

    def settle(self, rundir: RunDir) -> RunReport | None:
        report = rundir.read_status()
        assert report is not None
        if report.state.final or self.alive(rundir):
            return report if report.state.final else None
        stopped = with_end(report, EndCause.ASKED_TO_STOP, "asked to")
        rundir.write_status(stopped)
        return stopped

    def slots(self, wanted: Wanted, gpu_memory_mb: float = 0) -> tuple[Slot, ...]:
        return cores(4)


def with_executor(lab: Lab, executor: InstantExecutor) -> Lab:
    """The lab, its runs in the hands of that executor."""
    lab.__dict__["runs"] = replace(lab.runs, executor=executor)  # what the cached property keeps
    return lab


def judge(lab: Lab, experiment: str) -> None:
    """Evaluate until there is a verdict; a step is enough for a few runs."""
    for _ in range(20):
        if lab.evaluate(experiment).verdict is not None:
            return
    raise AssertionError(f"{experiment} has no verdict")


def make_measured_lab(folder: Path, home: Path) -> Lab:
    """The lab `tiny` on a repository in `folder`, its e0 with six control runs."""
    lab = with_executor(Lab.open(str(make_repository(folder)), home=home), InstantExecutor())
    while lab.evaluate("e0").needs:
        pass
    return lab


def make_judged_lab(folder: Path, home: Path, key: Path | None = None) -> Lab:
    """The lab `tiny` on a repository in `folder`: e1 kept, e2 discarded, e3 without a run.

    With a `key` its verdicts are signed.
    """
    repository = str(make_repository(folder))
    if key is not None:
        open_signed(repository, home, key)
    lab = Lab.open(repository, home=home)
    with_executor(lab, InstantExecutor())
    while lab.evaluate("e0").needs:
        pass
    judge(lab, propose(lab, BETTER, "smooth less"))
    judge(lab, propose(lab, (BETTER[1], WORSE[1]), "smooth more"))
    lab.conclude("e2", "more smoothing drowns the counts", TESTER)
    propose(lab, (BETTER[1], "SMOOTHING = 0.25"), "smooth even less")
    return lab
