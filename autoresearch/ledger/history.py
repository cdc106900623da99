"""The history: the ledger's events folded into one state. Pure; no git, no files, no clock.

An event that contradicts what came before it raises LedgerDamagedError before anything changes.
"""

from dataclasses import dataclass, field

from autoresearch.errors import LedgerDamagedError, NotFoundError
from autoresearch.records import (
    Concluded,
    Entry,
    Event,
    Experiment,
    Judged,
    LabOpened,
    Outcome,
    Proposed,
    Reversal,
    Reverted,
    Run,
    RunFinished,
    RunReport,
    RunStarted,
    RunState,
    Verdict,
)


@dataclass(slots=True)
class History:
    """The state after `entries`. Treat its contents as read-only."""

    entries: list[Entry] = field(default_factory=list)
    opened: LabOpened | None = None
    experiments: dict[str, Experiment] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    reports: dict[str, RunReport] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)  # one an experiment
    lessons: dict[str, tuple[Concluded, ...]] = field(default_factory=dict)
    kept: tuple[str, ...] = ()  # the kept line, e0 first
    reversals: dict[str, Reversal] = field(default_factory=dict)  # of experiments once kept
    proposed_at: dict[str, float] = field(default_factory=dict)
    _runs_of: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def head(self) -> str | None:
        """The ledger's last commit, None without events."""
        return self.entries[-1].commit if self.entries else None

    @property
    def incumbent(self) -> str | None:
        """The experiment at the end of the kept line, None before e0."""
        return self.kept[-1] if self.kept else None

    @property
    def incumbent_commit(self) -> str | None:
        """The commit of the incumbent's code."""
        return self.experiments[self.kept[-1]].commit if self.kept else None

    @property
    def next_experiment(self) -> str:
        """The id of the next experiment."""
        return f"e{len(self.experiments)}"

    def next_run(self, experiment: str) -> str:
        """Return the id of the experiment's next run."""
        return f"{experiment}-r{len(self._runs_of.get(experiment, ())) + 1}"

    def experiment(self, name: str) -> Experiment:
        """Return one experiment; raise NotFoundError, listing the valid ids, if there is none."""
        if name not in self.experiments:
            raise NotFoundError(f"There is no experiment {name!r}.", self._ids("experiments"))
        return self.experiments[name]

    def run(self, name: str) -> Run:
        """Return one run; raise NotFoundError, listing the valid ids, if there is none."""
        if name not in self.runs:
            raise NotFoundError(f"There is no run {name!r}.", self._ids("runs"))
        return self.runs[name]

    def runs_of(self, experiment: str) -> tuple[Run, ...]:
        """Return the experiment's runs, in the order they were planned."""
        return tuple(self.runs[name] for name in self._runs_of.get(experiment, ()))

    def reports_of(self, experiment: str) -> tuple[RunReport, ...]:
        """Return the reports of the experiment's runs that ended."""
        names = self._runs_of.get(experiment, ())
        return tuple(self.reports[name] for name in names if name in self.reports)

    def peak_mb(self, experiment: str) -> float:
        """Return the peak memory in MB of its runs that finished; 0.0 where nothing is known."""
        reports = self.reports_of(experiment)
        return max((r.peak_mb for r in reports if r.state is RunState.FINISHED), default=0.0)

    def unfinished(self) -> tuple[Run, ...]:
        """Return the runs that were started and have no report yet."""
        return tuple(run for name, run in self.runs.items() if name not in self.reports)

    def copy(self) -> "History":
        """Return an independent copy, so that a reader's history does not change under it."""
        return History(
            entries=list(self.entries),
            opened=self.opened,
            experiments=dict(self.experiments),
            runs=dict(self.runs),
            reports=dict(self.reports),
            verdicts=dict(self.verdicts),
            lessons=dict(self.lessons),
            kept=self.kept,
            reversals=dict(self.reversals),
            proposed_at=dict(self.proposed_at),
            _runs_of=dict(self._runs_of),
        )

    def apply(self, entry: Entry) -> None:
        """Fold in one entry; raise LedgerDamagedError if it contradicts the ones before."""
        if entry.n != len(self.entries):
            raise LedgerDamagedError(
                f"The ledger's commit {entry.commit[:12]} says it is number {entry.n}, "
                f"but it is number {len(self.entries)} in the chain."
            )
        self.check(entry.event)
        self._fold(entry.event, entry.at)
        self.entries.append(entry)

    def check(self, event: Event) -> None:
        """Raise LedgerDamagedError if the event cannot come next."""
        contradiction = self._contradiction(event)
        if contradiction:
            raise LedgerDamagedError(f"Event {len(self.entries)}: {contradiction}")

    def _contradiction(self, event: Event) -> str:  # noqa: PLR0911 (one a kind)
        """Return the reason why the event cannot come next, or ""."""
        match event:
            case LabOpened():
                return "the lab was opened already." if self.entries else ""
            case _ if self.opened is None:
                return "the first event must be that the lab was opened."
            case Proposed(experiment=experiment):
                return self._wrong_experiment(experiment)
            case RunStarted(run=run):
                return self._unknown(run.experiment) or self._wrong_run(run)
            case RunFinished(report=report):
                return self._wrong_report(report)
            case Judged(verdict=verdict):
                return self._wrong_verdict(verdict)
            case Concluded(experiment=name):
                return self._unknown(name)
            case Reverted(reversal=reversal):
                return self._wrong_reversal(reversal)

    def _wrong_experiment(self, experiment: Experiment) -> str:
        if experiment.id != self.next_experiment:
            return f"experiment {experiment.id} is proposed where {self.next_experiment} is due."
        if (experiment.base is None) != (experiment.id == "e0"):
            return "e0, and only e0, has no base."
        return self._unknown(experiment.base) if experiment.base else ""

    def _wrong_run(self, run: Run) -> str:
        due = self.next_run(run.experiment)
        return "" if run.id == due else f"run {run.id} is started where {due} is due."

    def _wrong_report(self, report: RunReport) -> str:
        if report.run not in self.runs:
            return f"run {report.run} ended, but was never started."
        if report.run in self.reports:
            return f"run {report.run} ended twice."
        return "" if report.state.final else f"run {report.run} ended as {report.state.value}."

    def _wrong_verdict(self, verdict: Verdict) -> str:
        unknown = self._unknown(verdict.experiment) or self._unknown(verdict.base)
        return unknown or self._wrong_claim(verdict) or self._wrong_evidence(verdict)

    def _wrong_claim(self, verdict: Verdict) -> str:
        if verdict.experiment in self.verdicts:
            return f"{verdict.experiment} is judged a second time."
        base = self.experiments[verdict.experiment].base or verdict.experiment  # e0 has only itself
        if verdict.base != base:
            return f"{verdict.experiment} is judged against {verdict.base}, but its base is {base}."
        newest = max((v.judge_version for v in self.verdicts.values()), default=0)
        if verdict.judge_version < newest:
            return (
                f"{verdict.experiment} is judged by version {verdict.judge_version} of the judge "
                f"after version {newest} was in use."
            )
        if verdict.moved_incumbent and verdict.outcome is not Outcome.KEEP:
            return f"{verdict.experiment} is made incumbent, but its outcome is {verdict.outcome}."
        return ""

    def _wrong_reversal(self, reversal: Reversal) -> str:
        name = reversal.experiment
        if len(self.kept) < 2 or self.kept[-1] != name:
            return f"{name} is taken back, but the incumbent is {self.incumbent}."
        if reversal.base != self.kept[-2]:
            return f"{name} is taken back to {reversal.base}, but was kept on {self.kept[-2]}."
        stranger = self._unfinished_run(reversal)
        return f"taking back {name} rests on {stranger}, which has no end." if stranger else ""

    def _unfinished_run(self, ruling: Verdict | Reversal) -> str:
        groups = (ruling.candidate_runs, ruling.control_runs, *ruling.noise_runs)
        return next((run for group in groups for run in group if run not in self.reports), "")

    def _wrong_evidence(self, verdict: Verdict) -> str:
        stranger = self._unfinished_run(verdict)
        if stranger:
            return f"the verdict on {verdict.experiment} rests on {stranger}, which has no end."
        if verdict.moved_incumbent and verdict.base != self.incumbent:
            return (
                f"{verdict.experiment} was judged against {verdict.base} and made incumbent, "
                f"but the incumbent is {self.incumbent}."
            )
        return ""

    def _unknown(self, experiment: str) -> str:
        return "" if experiment in self.experiments else f"experiment {experiment} is unknown."

    def _fold(self, event: Event, at: float) -> None:
        match event:
            case LabOpened():
                self.opened = event
            case Proposed(experiment=experiment):
                self.experiments[experiment.id] = experiment
                self.proposed_at[experiment.id] = at
                if experiment.base is None:
                    self.kept = (experiment.id,)
            case RunStarted(run=run):
                self.runs[run.id] = run
                self._runs_of[run.experiment] = (*self._runs_of.get(run.experiment, ()), run.id)
            case RunFinished(report=report):
                self.reports[report.run] = report
            case Judged(verdict=verdict):
                self.verdicts[verdict.experiment] = verdict
                if verdict.moved_incumbent:
                    self.kept = (*self.kept, verdict.experiment)
            case Concluded(experiment=name):
                self.lessons[name] = (*self.lessons.get(name, ()), event)
            case Reverted(reversal=reversal):
                self.kept = self.kept[:-1]
                self.reversals[reversal.experiment] = reversal

    def _ids(self, what: str) -> str:
        names = list(self.experiments if what == "experiments" else self.runs)
        if not names:
            return f"There are no {what} yet."
        shown = names if len(names) <= 5 else [names[0], "…", *names[-3:]]
        return f"There are: {', '.join(shown)}."
