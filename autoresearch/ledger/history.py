"""The history: the ledger's events folded into one state. Pure; no git, no files, no clock.

An event that contradicts what came before it raises LedgerDamagedError before anything changes.
"""

from dataclasses import dataclass, field

from autoresearch.errors import LedgerDamagedError, NotFoundError
from autoresearch.ledger import campaign_state
from autoresearch.ledger.campaign_records import IdeaClaimed
from autoresearch.ledger.campaign_state import CampaignState, Timed
from autoresearch.ledger.contradiction import Contradiction
from autoresearch.ledger.events import Entry, Event
from autoresearch.records import (
    Concluded,
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
    entry_of: dict[str, int] = field(default_factory=dict)  # of experiments and runs, where begun
    campaigns: dict[str, CampaignState] = field(default_factory=dict)
    claims: tuple[Timed[IdeaClaimed], ...] = ()
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
            raise NotFoundError(
                f"There is no experiment {name!r}.", self._ids("experiments"), reason="experiment"
            )
        return self.experiments[name]

    def run(self, name: str) -> Run:
        """Return one run; raise NotFoundError, listing the valid ids, if there is none."""
        if name not in self.runs:
            raise NotFoundError(f"There is no run {name!r}.", self._ids("runs"), reason="run")
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

    def proposed_in(self, campaign: CampaignState) -> tuple[Experiment, ...]:
        """Return the experiments proposed since a campaign began, without the lab's replays."""
        return tuple(
            experiment
            for name, experiment in self.experiments.items()
            if experiment.replay_of is None and self.entry_of[name] > campaign.entry
        )

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
            entry_of=dict(self.entry_of),
            campaigns=dict(self.campaigns),
            claims=self.claims,
            _runs_of=dict(self._runs_of),
        )

    def apply(self, entry: Entry) -> None:
        """Fold in one entry; raise LedgerDamagedError if it contradicts the ones before."""
        if entry.n != len(self.entries):
            raise LedgerDamagedError(
                f"The ledger's commit {entry.commit[:12]} says it is number {entry.n}, "
                f"but it is number {len(self.entries)} in the chain.",
                reason="wrong_number",
            )
        self.check(entry.event)
        self._fold(entry.event, entry.at)
        self.entries.append(entry)

    def check(self, event: Event) -> None:
        """Raise LedgerDamagedError if the event cannot come next."""
        contradiction = self._contradiction(event)
        if contradiction:
            said = f"Event {len(self.entries)}: {contradiction.text}"
            raise LedgerDamagedError(said, reason=contradiction.reason)

    def _contradiction(self, event: Event) -> Contradiction | None:  # noqa: PLR0911 (one a kind)
        """Return why the event cannot come next, None if it can."""
        match event:
            case LabOpened():
                opened = Contradiction("opened_twice", "the lab had already been opened.")
                return opened if self.entries else None
            case _ if self.opened is None:
                return Contradiction(
                    "not_opened", "the first event must be the opening of the lab."
                )
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
            case IdeaClaimed():
                return None
            case _:
                return campaign_state.contradiction(event, self.campaigns)

    def _wrong_experiment(self, experiment: Experiment) -> Contradiction | None:
        if experiment.id != self.next_experiment:
            words = f"experiment {experiment.id} is proposed, but {self.next_experiment} is next."
            return Contradiction("wrong_experiment", words)
        if (experiment.base is None) != (experiment.id == "e0"):
            return Contradiction("wrong_base", "e0, and no other, has no base.")
        return self._unknown(experiment.base) if experiment.base else None

    def _wrong_run(self, run: Run) -> Contradiction | None:
        due = self.next_run(run.experiment)
        words = f"run {run.id} is started, but {due} is next."
        return None if run.id == due else Contradiction("wrong_run", words)

    def _wrong_report(self, report: RunReport) -> Contradiction | None:
        if report.run not in self.runs:
            words = f"run {report.run} ended, but was never started."
            return Contradiction("never_started", words)
        if report.run in self.reports:
            return Contradiction("ended_twice", f"run {report.run} ended twice.")
        words = f"run {report.run} ended in the state {report.state.value}."
        return None if report.state.final else Contradiction("not_final", words)

    def _wrong_verdict(self, verdict: Verdict) -> Contradiction | None:
        unknown = self._unknown(verdict.experiment) or self._unknown(verdict.base)
        return unknown or self._wrong_claim(verdict) or self._wrong_evidence(verdict)

    def _wrong_claim(self, verdict: Verdict) -> Contradiction | None:
        if verdict.experiment in self.verdicts:
            words = f"{verdict.experiment} is judged a second time."
            return Contradiction("judged_twice", words)
        base = self.experiments[verdict.experiment].base or verdict.experiment  # e0 has only itself
        if verdict.base != base:
            words = (
                f"{verdict.experiment} is judged against {verdict.base}, but its base is {base}."
            )
            return Contradiction("wrong_base", words)
        last = next(reversed(self.verdicts.values()), None)
        newest = last.judge_version if last else 0  # versions never fall
        if verdict.judge_version < newest:
            return Contradiction(
                "older_judge",
                f"{verdict.experiment} is judged by version {verdict.judge_version} of the judge "
                f"after version {newest} was in use.",
            )
        if verdict.moved_incumbent and verdict.outcome is not Outcome.KEEP:
            words = f"{verdict.experiment} is made incumbent, but its outcome is {verdict.outcome}."
            return Contradiction("not_kept", words)
        return None

    def _wrong_reversal(self, reversal: Reversal) -> Contradiction | None:
        name = reversal.experiment
        if len(self.kept) < 2 or self.kept[-1] != name:
            words = f"{name} is reversed, but the incumbent is {self.incumbent}."
            return Contradiction("not_incumbent", words)
        if reversal.base != self.kept[-2]:
            words = f"{name} is reversed to {reversal.base}, but it was kept on {self.kept[-2]}."
            return Contradiction("wrong_base", words)
        stranger = self._unfinished_run(reversal)
        words = f"the reversal of {name} rests on {stranger}, which has not ended."
        return Contradiction("unended_run", words) if stranger else None

    def _unfinished_run(self, ruling: Verdict | Reversal) -> str:
        groups = (ruling.candidate_runs, ruling.control_runs, *ruling.noise_runs)
        return next((run for group in groups for run in group if run not in self.reports), "")

    def _wrong_evidence(self, verdict: Verdict) -> Contradiction | None:
        stranger = self._unfinished_run(verdict)
        if stranger:
            words = f"the verdict on {verdict.experiment} rests on {stranger}, which has not ended."
            return Contradiction("unended_run", words)
        if verdict.moved_incumbent and verdict.base != self.incumbent:
            return Contradiction(
                "not_incumbent",
                f"{verdict.experiment} was judged against {verdict.base} and made incumbent, "
                f"but the incumbent is {self.incumbent}.",
            )
        return None

    def _unknown(self, experiment: str) -> Contradiction | None:
        words = f"experiment {experiment} is unknown."
        known = experiment in self.experiments
        return None if known else Contradiction("unknown_experiment", words)

    def _fold(self, event: Event, at: float) -> None:
        match event:
            case LabOpened():
                self.opened = event
            case Proposed(experiment=experiment):
                self.experiments[experiment.id] = experiment
                self.proposed_at[experiment.id] = at
                self.entry_of[experiment.id] = len(self.entries)
                if experiment.base is None:
                    self.kept = (experiment.id,)
            case RunStarted(run=run):
                self.runs[run.id] = run
                self.entry_of[run.id] = len(self.entries)
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
            case IdeaClaimed():
                self.claims = (*self.claims, Timed(at, event))
            case _:
                n = len(self.entries)
                self.campaigns = campaign_state.folded(event, self.campaigns, at, n)

    def _ids(self, what: str) -> str:
        names = list(self.experiments if what == "experiments" else self.runs)
        if not names:
            return f"There are no {what} yet."
        shown = names if len(names) <= 5 else [names[0], "…", *names[-3:]]
        return f"There are: {', '.join(shown)}."
