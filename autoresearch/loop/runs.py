"""The runs of a lab: start them, stop them, and record how they ended. Holds no state itself.

The run directory is the truth about a run, the ledger the record that it was started and how it
ended. `absorb` brings the second up to date with the first, at any time and by anyone.
"""

import secrets
import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from autoresearch.contract import Contract
from autoresearch.devices.descriptions import describe_slots
from autoresearch.devices.leases import gpu_leases
from autoresearch.devices.slots import Slot
from autoresearch.errors import InvalidStateError, LabError
from autoresearch.executors import Executor
from autoresearch.git.content_elsewhere import as_glob
from autoresearch.git.repository import Repository
from autoresearch.ledger.events import Event
from autoresearch.ledger.history import History
from autoresearch.ledger.ledger import Ledger
from autoresearch.records import EndCause, Run, RunFinished, RunReport, RunStarted, RunState
from autoresearch.run_directory import RunDir, RunSpec, empty_report, ended_report, with_end
from autoresearch.run_output.curve import read_curve
from autoresearch.run_output.log_digest import digest, true_exception
from autoresearch.sandboxes.selection import current_sandbox
from autoresearch.scheduling.scheduler import ActiveRun, Machine, Plan
from autoresearch.setup.inputs import changed_inputs, input_at
from autoresearch.setup.run_fields import filled, scored_by
from autoresearch.system.hashes import file_sha256
from autoresearch.training.curve_watch import write_controls
from autoresearch.verdicts.evidence import ages, spare_part, stopped_beside, was_kept
from autoresearch.verdicts.scoring_cost import scoring_limits, scoring_remark
from autoresearch.views import RunView

SEEDS = 2**31
ORDERS = 2**62  # of a run's data: nobody who knows its seed can try them all
_Spec = dict[str, Any] | None  # some of a spec's fields


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
    source: Path | None = None  # the user's repository, where the target is one

    def directory(self, run: str) -> RunDir:
        """Return the run directory of that id, whether it exists or not."""
        return RunDir(self.folder / run)

    def start(self, experiment: str) -> str:
        """Draw a seed, write it down, and start a supervisor; return the run's id."""

        def plan(history: History) -> Event:
            run = Run(
                id=history.next_run(experiment),
                experiment=experiment,
                seed=secrets.randbelow(SEEDS),
                spare_part=spare_part(history, experiment),
                order=secrets.randbelow(ORDERS),
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
            lost = ended_report(run.id, EndCause.NEVER_STARTED, f"it did not start: {error}")
            directory.write_status(lost)
            directory.remove_leftovers()
            raise
        return run.id

    def start_outside(
        self, run: Run, commit: str, directory: RunDir, ceilings: float = 1.0, changes: _Spec = None
    ) -> None:
        """Start a run that the ledger never records: a replay, a calibration run, a size.

        Same sandbox, same scorer, same held-out part, `ceilings` times the contract's ceilings;
        `changes` go to its spec; only `executor.settle(directory)` tells how it ended. Raises
        InvalidStateError, RunStartError or OSError.
        """
        self._refuse_changed()
        directory.path.mkdir(parents=True)
        self._prepare(run, commit, directory, ceilings)
        if changes:
            directory.write_spec(replace(directory.read_spec(), **changes))
        self.executor.submit(directory)

    def _prepare(self, run: Run, commit: str, directory: RunDir, ceilings: float = 1.0) -> None:
        # A number that the run is to leave in a file is none if it was there before the run.
        # Nor is a Git LFS pointer there where an input has its content.
        places = [place for _, place in self._inputs]
        committed = set(self.repository.list_files(commit)) if places else set()
        pointers = (as_glob(place) for place in places if place in committed)
        sealed = (*self.contract.sealed_paths, *pointers)
        left_out = (*sealed, *filter(None, [self.contract.metric.file]))
        self.repository.export(commit, directory.tree, exclude=left_out)
        if self.contract.guards:
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
                load_cpu_s=ceilings * spec.load_cpu_s,
                score_cpu_s=ceilings * spec.score_cpu_s,
                needed_mb=spec.needed_mb if ceilings == 1.0 else 0.0,  # another size needs another
            )
        )

    def _refuse_changed(self) -> None:
        """Raise InvalidStateError where runs could not begin or be compared with earlier ones."""
        for changed in self.changed_files():
            anew = "Open the target as a new lab: new scores would not be comparable with these."
            raise InvalidStateError(changed, anew, reason="data_changed")
        python = self.contract.run.python or self.python
        if not Path(python).exists():
            raise InvalidStateError(
                f"{python}, the target's interpreter, is gone.",
                "Put it back; an environment that the lab built is rebuilt when the lab is "
                "opened (open_lab, or `autoresearch-mcp init`).",
                reason="python_gone",
            )

    def changed_files(self) -> tuple[str, ...]:
        """Return a sentence for each file that changed since the lab was opened."""
        opened = self.ledger.history().opened
        assert opened is not None
        changed = changed_inputs(opened.inputs, self.source, self.folder.parent)
        if self.contract.sealed and file_sha256(self.documents) != opened.sealed_sha256:
            first = f"{self.documents} is not the held-out data that the lab was opened with."
            changed = (first, *changed)
        return changed

    @property
    def _inputs(self) -> tuple[tuple[str, str], ...]:
        """Return where each input lies, and where a run sees it."""
        opened = self.ledger.history().opened
        assert opened is not None
        found = [input_at(place, self.source) for place, _ in opened.inputs]
        return tuple((str(one.source), one.place) for one in found)

    def absorb(self) -> None:
        """Record in the ledger how runs ended that it still has as unfinished, once each."""
        for run in self.ledger.history().unfinished():
            report = self._final_report(run.id)
            if report is not None:
                self.ledger.append(
                    lambda history, report=report: (  # type: ignore[misc]
                        None if report.run in history.reports else RunFinished(report=report)
                    )
                )

    def machine(self, history: History) -> Machine:
        """Return the slots and this lab's active runs, for the scheduler."""
        active = tuple(
            ActiveRun(
                id=run.id,
                state=self._last_state(run.id),
                control=was_kept(history, run.experiment),
                preempted=self.directory(run.id).yield_file.exists(),
            )
            for run in history.unfinished()
        )
        return Machine(slots=self.at_once(), active=active)

    def carry_out(self, plan: Plan) -> tuple[str, ...]:
        """Preempt and start what the scheduler planned; return the ids of the new runs."""
        for run in plan.preempt:
            self.directory(run).yield_file.touch()
        return tuple(self.start(experiment) for experiment in plan.starts)

    def at_once(self) -> int:
        """Return how many runs can train at once; raise InvalidStateError if no device fits one."""
        slots = self._slots()
        return len(slots) // (
            1 if slots[0].device.is_gpu else min(self.contract.run.cpus, len(slots))
        )

    def devices(self) -> str:
        """Describe what its runs may lease, and whether somebody has it now."""
        try:
            return describe_slots(self._slots(), self.devices_dir, gpu_leases())
        except LabError as error:
            return f"none. {error}"

    def _slots(self) -> tuple[Slot, ...]:
        """Return the slots; with a budget of seconds only one GPU model's, so that runs compare."""
        table = self.contract.run
        slots = self.executor.slots(table.device, table.gpu_memory_mb)
        if not ages(self.contract):
            return slots
        return tuple(slot for slot in slots if slot.device.title == slots[0].device.title)

    def state(self, run: str) -> RunState:
        """Return where a run is: as the ledger has it, else as its supervisor last wrote."""
        report = self.ledger.history().reports.get(run)
        return report.state if report else self._last_state(run)

    def _last_state(self, run: str) -> RunState:
        status = self.directory(run).read_status()
        return status.state if status else RunState.QUEUED

    def stop(self, run: str) -> None:
        """Ask a run's supervisor to end it; it looks 20 times a second."""
        history = self.ledger.history()
        known = history.run(run)
        if run in history.reports:
            raise InvalidStateError(
                f"{run} has already ended: {history.reports[run].state}.", reason="run_ended"
            )
        if was_kept(history, known.experiment):
            raise InvalidStateError(
                f"{run} is a control run, and choosing which controls count would bias verdicts.",
                f"It ends by itself within {self.contract.run.wall_ceiling_s:.0f} s.",
                reason="control_run",
            )
        self.directory(run).stop_file.touch()

    def view(self, run: str, *, detail: bool) -> RunView:
        """Return one run as it is now; its log digest only with `detail`, or if it crashed."""
        history = self.ledger.history()
        planned = history.runs[run]
        directory = self.directory(run)
        report = history.reports.get(run) or directory.read_status()
        report = report or empty_report(run, RunState.QUEUED, "waiting for its supervisor")
        hidden = self.is_active_control(run)
        shown = (detail or report.state is RunState.CRASHED) and not hidden
        log = directory.log_file
        remark = scoring_remark(history, planned.experiment, [run])
        started = report.started or time.time()
        return RunView(
            id=run,
            experiment=planned.experiment,
            state=report.state,
            reason="; ".join(
                filter(None, (report.reason, report.cut and f"cut at {report.cut}", remark))
            ),
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
            cause=report.cause,
            cut=report.cut,
        )

    def is_active_control(self, run: str) -> bool:
        """Return whether it is a control run that has not ended; its curve and log are not shown.

        Starting an experiment can preempt a control run: who saw its curve could choose which
        controls count.
        """
        history = self.ledger.history()
        return run not in history.reports and was_kept(history, history.runs[run].experiment)

    def _progress(self, report: RunReport) -> float | None:
        if report.state in (RunState.SCORING, RunState.FINISHED) and not report.cut:
            return 1.0
        budget = self.contract.run.budget
        if budget.timeout_s is not None:
            return None  # a program that ends by itself does not say how far it is
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
            return ended_report(run, EndCause.NEVER_STARTED, lost)
        return None if self.executor.alive(directory) else self.executor.settle(directory)

    def _trusted(self, report: RunReport) -> RunReport:
        """Return the report, without a score that was made on other data."""
        changed = self.changed_files() if report.measurement is not None else ()
        if not changed:
            return report
        return replace(with_end(report, EndCause.DATA_CHANGED, changed[0]), measurement=None)

    @property
    def _cpu_ceiling_s(self) -> float | None:
        """Return where a run is cut before its token budget, or killed if it is not sealed."""
        table = self.contract.run
        if table.budget.tokens is not None or table.budget.cpu_s is None:
            return table.budget.cpu_s
        return None if self.contract.sealed else table.startup_s + table.budget.cpu_s

    def _known_need(self, experiment: str) -> float:
        """Return the MB of memory that runs of its base took.

        Not by the contract's memory_mb, a ceiling that few come near, nor by its own runs: what a
        candidate takes may not end its further runs before they begin.
        """
        history = self.ledger.history()
        base = history.experiments[experiment].base or experiment
        return history.peak_mb(base) or history.peak_mb("e0")

    def _spec(self, run: Run) -> RunSpec:
        table, metric = self.contract.run, self.contract.metric
        python = table.python or self.python
        fill = partial(filled, python=python)
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
            steady=not self.contract.load_sensitive and table.budget.unit != "tokens",
            cpu_ceiling_s=self._cpu_ceiling_s,
            wall_ceiling_s=table.wall_ceiling_s,
            memory_mb=table.memory_mb,
            documents=str(self.documents),
            split_seed=self.split_seed,
            spare_part=run.spare_part,
            order=run.order,
            **asdict(scoring_limits(self.ledger.history(), run.experiment, self.contract)),
            **scored_by(self.contract.sealed),
            sandbox=current_sandbox(network=self.contract.inputs.network).name,
            hidden=(str(self.folder.parent.parent.parent),),
            scoring=metric.scoring,
            metric=metric.name,
            pattern=metric.pattern,
            file=metric.file,
            block=metric.block,
            inputs=self._inputs,
            network=self.contract.inputs.network,
            guards=tuple((n, fill(argv)) for n, argv in self.contract.guard_commands.items()),
            guard_metrics=tuple((n, g.metric) for n, g in self.contract.guard_numbers.items()),
            guard_s=table.guard_s,
            gpu_memory_mb=table.gpu_memory_mb,
            needed_mb=self._known_need(run.experiment),
            early_stop=table.early_stop,
            cpus=table.cpus,
            gpus=tuple((s.name, s.device.uuid, s.device.node) for s in slots if s.device.is_gpu),
            gpu_leases=str(gpu_leases()),
        )
