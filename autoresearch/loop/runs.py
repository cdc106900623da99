"""Start runs, make room for them, take in how they ended. Holds no state of its own.

The run directory is the truth about a run, the ledger the record that it was started and how it
ended. `absorb` moves the second towards the first; it can be called at any time, by anyone.
"""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from autoresearch.contract import Contract, Sealed
from autoresearch.devices.descriptions import describe_slots
from autoresearch.devices.leases import gpu_leases
from autoresearch.devices.slots import Slot
from autoresearch.errors import InvalidStateError, LabError
from autoresearch.executors import Executor
from autoresearch.git.repository import Repository
from autoresearch.ledger.history import History
from autoresearch.ledger.ledger import Ledger
from autoresearch.records import Event, Run, RunFinished, RunReport, RunStarted, RunState
from autoresearch.run_directory import RunDir, RunSpec, empty_report
from autoresearch.run_output.curve import read_curve
from autoresearch.run_output.log_digest import digest, true_exception
from autoresearch.sandboxes.selection import current_sandbox
from autoresearch.setup.inputs import changed_inputs, input_at
from autoresearch.system.hashes import file_sha256
from autoresearch.training.curve_watch import write_controls
from autoresearch.verdicts.evidence import ages, spare_part, stopped_beside, was_kept
from autoresearch.views import RunView

SEEDS = 2**31
UNSEALED_OUT_MB = 256.0  # of a file that a run may leave, where no checkpoint is scored


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of one lab."""

    folder: Path
    repository: Repository
    ledger: Ledger
    executor: Executor
    contract: Contract
    documents: Path
    split_seed: int
    devices_dir: Path
    python: str  # that runs target code, where the contract names none
    source: Path = Path("/")  # the user's repository, where the target is one

    def directory(self, run: str) -> RunDir:
        """The run directory of that id, there or not."""
        return RunDir(self.folder / run)

    def start(self, experiment: str) -> str:
        """Draw a seed, write it down, and start a supervisor; return the run's id."""

        def plan(history: History) -> Event:
            run = Run(
                id=history.next_run(experiment),
                experiment=experiment,
                seed=secrets.randbelow(SEEDS),
                spare_part=spare_part(history, experiment),
            )
            return RunStarted(run=run)

        self._refuse_changed()
        self._slots()  # refuses before a run is planned that could never begin
        entry = self.ledger.append(plan)
        assert entry is not None
        assert isinstance(entry.event, RunStarted)
        run = entry.event.run
        directory = self.directory(run.id)
        directory.path.mkdir(parents=True, exist_ok=True)
        try:
            history = self.ledger.history()
            self._prepare(run, history.experiments[run.experiment].commit, directory)
            if self.contract.run.early_stop:
                compared = stopped_beside(history, run.experiment, self.contract, time.time())
                write_controls(directory, [self.directory(control) for control in compared])
            self.executor.submit(directory)
        except (OSError, LabError) as error:
            lost = empty_report(run.id, RunState.LOST, f"it did not start: {error}")
            directory.write_status(lost)
            directory.remove_leftovers()
            raise
        return run.id

    def start_outside(
        self, run: Run, commit: str, directory: RunDir, ceilings: float = 1.0
    ) -> None:
        """Start a run of a commit that the ledger never hears of: a replay, a calibration, a size.

        Same sandbox, same scorer, same held-out part, `ceilings` times the contract's ceilings;
        only `executor.settle(directory)` tells how it ended. Raises InvalidStateError,
        RunStartError or OSError.
        """
        self._refuse_changed()
        directory.path.mkdir(parents=True)
        self._prepare(run, commit, directory, ceilings)
        self.executor.submit(directory)

    def _prepare(self, run: Run, commit: str, directory: RunDir, ceilings: float = 1.0) -> None:
        # A number that the run is to leave in a file is none if it was there before the run.
        left_out = (*self.contract.sealed_paths, *filter(None, [self.contract.metric.file]))
        self.repository.export(commit, directory.tree, exclude=left_out)
        if self.contract.guards:
            sealed = self.contract.sealed_paths
            self.repository.export(commit, directory.committed, exclude=sealed)
        directory.out.mkdir(exist_ok=True)
        spec = self._spec(run)
        if spec.cpu_ceiling_s is not None:
            spec = replace(spec, cpu_ceiling_s=ceilings * spec.cpu_ceiling_s)
        directory.write_spec(
            replace(
                spec,
                wall_ceiling_s=ceilings * spec.wall_ceiling_s,
                score_s=ceilings * spec.score_s,
                needed_mb=spec.needed_mb if ceilings == 1.0 else 0.0,  # another size needs another
            )
        )

    def _refuse_changed(self) -> None:
        """Raise InvalidStateError where runs could not begin or be compared with earlier ones."""
        for changed in self.changed_files():
            raise InvalidStateError(
                changed, "Open the target as a new lab: these scores would not compare."
            )
        python = self.contract.run.python or self.python
        if not Path(python).exists():
            raise InvalidStateError(
                f"{python}, which the target runs on, is gone.",
                "Put it back; an environment of the lab's own is built again when the lab is "
                "opened (open_lab, or `autoresearch-mcp init`).",
            )

    def changed_files(self) -> tuple[str, ...]:
        """What is no longer as the lab was opened with it, a sentence each."""
        opened = self.ledger.history().opened
        assert opened is not None
        said = changed_inputs(opened.inputs, self.source, self.folder.parent)
        if self.contract.sealed and file_sha256(self.documents) != opened.sealed_sha256:
            words = f"{self.documents} is not the held-out data that the lab was opened with."
            said = (words, *said)
        return said

    @property
    def _inputs(self) -> tuple[tuple[str, str], ...]:
        """Where each lies, and where a run sees it."""
        opened = self.ledger.history().opened
        assert opened is not None
        found = [input_at(place, self.source) for place, _ in opened.inputs]
        return tuple((str(one.source), one.place) for one in found)

    def absorb(self) -> None:
        """Write into the ledger how every run ended that it still holds for open, once each."""
        for run in self.ledger.history().unfinished():
            report = self._final_report(run.id)
            if report is not None:
                self.ledger.append(
                    lambda history, report=report: (  # type: ignore[misc]
                        None if report.run in history.reports else RunFinished(report=report)
                    )
                )

    def free_devices(self, history: History) -> int:
        """Devices that no run of this lab has or waits for, those being given up included."""
        taken = [run for run in history.unfinished() if not self._yields(run.id)]
        return max(0, self.at_once() - len(taken))

    def at_once(self) -> int:
        """Return how many runs can train at once; raise InvalidStateError if no device fits one."""
        slots = self._slots()
        return len(slots) // (
            1 if slots[0].device.is_gpu else min(self.contract.run.cpus, len(slots))
        )

    def devices(self) -> str:
        """What its runs may lease, and whether somebody has it now, in words."""
        try:
            return describe_slots(self._slots(), self.devices_dir, gpu_leases())
        except LabError as error:
            return f"none. {error}"

    def _slots(self) -> tuple[Slot, ...]:
        """With a budget in seconds only GPUs of one model: runs on others could not be compared."""
        table = self.contract.run
        slots = self.executor.slots(table.device, table.gpu_memory_mb)
        if not ages(self.contract):
            return slots
        return tuple(slot for slot in slots if slot.device.title == slots[0].device.title)

    def make_room(self) -> bool:
        """Whether a device is free, or becomes so because the newest control run gives it up.

        A control that trains is asked before one that has just been started; one that is being
        scored ends by itself in a moment.
        """
        history = self.ledger.history()
        if self.free_devices(history):
            return True
        controls = [
            run.id
            for run in reversed(history.unfinished())
            if was_kept(history, run.experiment) and not self._yields(run.id)
        ]
        states = {run: self.state(run) for run in controls}
        for state in (RunState.TRAINING, RunState.QUEUED):
            for run in controls:
                if states[run] is state:
                    self.directory(run).yield_file.touch()
                    return True
        return False

    def state(self, run: str) -> RunState:
        """Where a run is: as the ledger has it, else as its supervisor last wrote."""
        report = self.ledger.history().reports.get(run) or self.directory(run).read_status()
        return report.state if report else RunState.QUEUED

    def _yields(self, run: str) -> bool:
        return self.directory(run).yield_file.exists()

    def stop(self, run: str) -> None:
        """Ask a run's supervisor to end it; it does within its next look, 20 times a second."""
        history = self.ledger.history()
        known = history.run(run)
        if run in history.reports:
            raise InvalidStateError(f"{run} has already ended: {history.reports[run].state}.")
        if was_kept(history, known.experiment):
            raise InvalidStateError(
                f"{run} is a control run, and choosing which controls count would bias verdicts.",
                f"It ends by itself within {self.contract.run.wall_ceiling_s:.0f} s.",
            )
        self.directory(run).stop_file.touch()

    def view(self, run: str, *, detail: bool) -> RunView:
        """One run as it is now; curve and log digest only with `detail`, or when it crashed."""
        history = self.ledger.history()
        planned = history.runs[run]
        directory = self.directory(run)
        report = history.reports.get(run) or directory.read_status() or _just_planned(planned)
        hidden = self.is_going_control(run)
        shown = (detail or report.state is RunState.CRASHED) and not hidden
        log = directory.log_file
        started = report.started or time.time()
        return RunView(
            id=run,
            experiment=planned.experiment,
            state=report.state,
            reason=f"{report.reason}; cut at {report.cut}" if report.cut else report.reason,
            seed=planned.seed,
            progress=self._progress(report),
            elapsed_s=report.wall_s or max(0.0, (report.ended or time.time()) - started),
            cpu_s=report.cpu_s,
            tokens=report.tokens,
            value=report.measurement.value if report.measurement else None,
            device=report.device,
            sandbox=report.sandbox,
            curve=() if hidden else read_curve(directory.curve_file),
            log_digest=digest(log) if shown and log.exists() else "",
            exception=true_exception(log)
            if report.state is RunState.CRASHED and log.exists()
            else None,
            hopeless=report.hopeless,
            peak_mb=0.0 if hidden else report.peak_mb,
            gpu_peak_mb=0.0 if hidden else report.gpu_peak_mb,
        )

    def is_going_control(self, run: str) -> bool:
        """Whether it is a control that has not ended, so that its curve and log are not shown.

        Starting an experiment can make a control give up its device: who saw how it does could
        choose which controls count.
        """
        history = self.ledger.history()
        return run not in history.reports and was_kept(history, history.runs[run].experiment)

    def _progress(self, report: RunReport) -> float | None:
        if report.state in (RunState.SCORING, RunState.FINISHED) and not report.cut:
            return 1.0
        budget = self.contract.run.budget
        used = {"tokens": report.tokens, "cpu_s": report.cpu_s, "wall_s": report.wall_s}
        return min(1.0, used[budget.unit] / budget.amount)

    def _final_report(self, run: str) -> RunReport | None:
        directory = self.directory(run)
        report = directory.read_status()
        if report is not None and report.state.final:
            return self._trusted(report)
        if not directory.spec_file.exists():
            # The lab's lock is held while a run is started, so its starter died before the spec.
            lost = "the server ended while it was starting this run"
            return empty_report(run, RunState.LOST, lost)
        return None if self.executor.alive(directory) else self.executor.settle(directory)

    def _trusted(self, report: RunReport) -> RunReport:
        """The report, without a score that was made on other data."""
        changed = self.changed_files() if report.measurement is not None else ()
        if not changed:
            return report
        return replace(report, state=RunState.LOST, reason=changed[0], measurement=None)

    @property
    def _cpu_ceiling_s(self) -> float | None:
        """Where it cuts a run before its token budget, or kills one that is not sealed."""
        table = self.contract.run
        if table.budget.tokens is not None or table.budget.cpu_s is None:
            return table.budget.cpu_s
        return None if self.contract.sealed else table.startup_s + table.budget.cpu_s

    def _known_need(self, experiment: str) -> float:
        """MB of memory, by the runs of what the experiment was built on.

        Not by the contract's memory_mb, a ceiling that few come near, nor by its own runs: what a
        candidate takes may not end its further runs before they begin.
        """
        history = self.ledger.history()
        base = history.experiments[experiment].base or experiment
        return history.peak_mb(base) or history.peak_mb("e0")

    def _spec(self, run: Run) -> RunSpec:
        table, metric = self.contract.run, self.contract.metric
        python = table.python or self.python
        fill = partial(_filled, python=python)
        slots = self._slots()
        return RunSpec(
            run=run.id,
            seed=run.seed,
            command=fill(table.command),
            python=python,
            env=dict(table.env),
            devices=tuple(slot.name for slot in slots),
            devices_dir=str(self.devices_dir),
            budget_unit=table.budget.unit,
            budget=table.budget.amount,
            cpu_ceiling_s=self._cpu_ceiling_s,
            wall_ceiling_s=table.wall_ceiling_s,
            memory_mb=table.memory_mb,
            documents=str(self.documents),
            split_seed=self.split_seed,
            spare_part=run.spare_part,
            **_scored_by(self.contract.sealed),
            sandbox=current_sandbox(network=self.contract.inputs.network).name,
            hidden=(str(self.folder.parent.parent.parent),),
            scoring=metric.scoring,
            metric=metric.name,
            pattern=metric.pattern,
            file=metric.file,
            block=metric.block,
            inputs=self._inputs,
            network=self.contract.inputs.network,
            guards=tuple((name, fill(argv)) for name, argv in self.contract.guards.items()),
            guard_s=table.guard_s,
            gpu_memory_mb=table.gpu_memory_mb,
            needed_mb=self._known_need(run.experiment),
            early_stop=table.early_stop,
            cpus=table.cpus,
            gpus=tuple((s.name, s.device.uuid, s.device.node) for s in slots if s.device.is_gpu),
            gpu_leases=str(gpu_leases()),
        )


def _scored_by(sealed: Sealed | None) -> dict[str, Any]:
    """The spec's fields that say how a model is scored; of no use where none is."""
    if sealed is None:
        return {
            "held_out": 0,
            "entry": "",
            "checkpoint": "",
            "checkpoint_mb": UNSEALED_OUT_MB,
            "score_s": 0.0,
            "bulk": False,
        }
    names = ("held_out", "entry", "checkpoint", "checkpoint_mb", "score_s", "bulk")
    of_kinds = ("vocab", "context", "samples", "tolerance", "function")
    return {name: getattr(sealed, name) for name in (*names, *of_kinds)}


def _filled(argv: Sequence[str], python: str) -> tuple[str, ...]:
    """A command of the contract's, with the interpreter that it names."""
    return tuple(part.replace("{python}", python) for part in argv)


def _just_planned(run: Run) -> RunReport:
    return empty_report(run.id, RunState.QUEUED, "waiting for its supervisor")
