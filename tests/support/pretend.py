"""An executor whose runs are what a test says they are: no process is started."""

from dataclasses import replace

from autoresearch.devices import Wanted
from autoresearch.devices.slots import Slot
from autoresearch.lab import Lab
from autoresearch.records import EndCause, Measurement, RunReport, RunState
from autoresearch.run_directory import RunDir, empty_report, ended_report
from tests.support.fake_devices import cores


class Pretend:
    """An executor whose runs are what the test says they are."""

    def __init__(self, lab: Lab, devices: int, begin: RunState = RunState.TRAINING) -> None:
        self.lab, self.devices, self.begin = lab, devices, begin
        lab.runs = replace(lab.runs, executor=self)  # type: ignore[misc]

    def submit(self, rundir: RunDir) -> None:
        self.put(rundir.path.name, self.begin)

    def alive(self, rundir: RunDir) -> bool:
        return True

    def settle(self, rundir: RunDir) -> RunReport | None:
        raise AssertionError("every run here has a living supervisor")

    def slots(self, wanted: Wanted, gpu_memory_mb: float = 0) -> tuple[Slot, ...]:
        return cores(self.devices)

    def put(self, run: str, state: RunState, value: float | None = None) -> None:
        """Make the run be in that state, with that value."""
        report = empty_report(run, state, "")
        if value is not None:
            measurement = Measurement(value=value, documents=1, tokens=1, score_s=0.0)
            report = replace(report, measurement=measurement)
        self.lab.runs.directory(run).write_status(report)

    def measure(self, experiment: str, *values: float) -> None:
        """Start a run for each value and end it there, whether the judge asked for it or not."""
        for value in values:
            self.put(self.lab.runs.start(experiment), RunState.FINISHED, value)
            self.lab.runs.absorb()

    def yielding(self) -> list[str]:
        """The runs that were asked to give their device up."""
        return [
            run.id
            for run in self.lab.history().runs.values()
            if self.lab.runs.directory(run.id).yield_file.exists()
        ]

    def give_up(self) -> None:
        """End the runs that were asked to, as their supervisors do."""
        for run in set(self.yielding()) & set(self.lab.running):
            preempted = ended_report(run, EndCause.PREEMPTED, "gave its device up after 1.0 s")
            self.lab.runs.directory(run).write_status(preempted)
