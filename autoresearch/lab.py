"""The facade: open, propose, run, evaluate, conclude, recall, explain, verify, branch.

A lab is a folder below the home: its own bare repository (experiments and the ledger), its runs,
and what only it may know. Nothing here waits, and nothing here holds state that a restart loses.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from filelock import FileLock, Timeout

from autoresearch.contract import FILE_NAME, Contract, parse_contract
from autoresearch.errors import InvalidStateError, NotFoundError
from autoresearch.executors.local import LocalExecutor
from autoresearch.git.repository import Repository
from autoresearch.git.signatures import load_signer
from autoresearch.ledger.history import History
from autoresearch.ledger.ledger import Ledger
from autoresearch.ledger.search_index import Question
from autoresearch.ledger.verification import Verification
from autoresearch.loop import evaluation, idle_controls, recall, scaling
from autoresearch.loop.arguments import checked, choose_run
from autoresearch.loop.explanation import explain
from autoresearch.loop.incumbent import incumbent_view, sandbox_names
from autoresearch.loop.lab_verification import verify_lab
from autoresearch.loop.overview import overview
from autoresearch.loop.proposals import propose
from autoresearch.loop.recall import similar
from autoresearch.loop.runs import Runs
from autoresearch.loop.touched_lines import stackable
from autoresearch.patches.code_sections import Reader
from autoresearch.patches.patch import Edit
from autoresearch.records import Concluded, Outcome, Prediction, Proposer, Ruling
from autoresearch.scheduling.demands import requested_run
from autoresearch.scheduling.scheduler import plan_runs
from autoresearch.setup.lab_creation import (
    SHIPPED,
    create_lab,
    find_source,
    target_python,
)
from autoresearch.setup.settings import Settings
from autoresearch.system.home import default_home, lab_folder, lab_names, lasting_python
from autoresearch.system.locks import try_lock
from autoresearch.verdicts.evidence import was_kept
from autoresearch.verdicts.verdicts import judge_again
from autoresearch.views import (
    CodeSection,
    Conclusion,
    Evaluation,
    Overview,
    Proposal,
    Remembered,
    RunView,
)

LOCK_S = 30.0


class Lab:
    """One target opened for research."""

    def __init__(self, home: Path, name: str) -> None:
        """For `open` and `reopen`, which check that the lab is there."""
        self.home = home
        self.name = name
        self.folder = lab_folder(home, name)
        self.repository = Repository(self.folder / "repository.git")
        self.ledger = Ledger(
            self.repository,
            cache_path=self.folder / "cache.sqlite",
            anchor_path=self.folder / "ledger-head.json",
            signer=load_signer(self.folder),
        )

    @classmethod
    def open(cls, source: str, *, home: Path | None = None, contract: str = "") -> "Lab":
        """Open a shipped target, a lab that is there, or a repository.

        A repository carries its contract, or its text is given. Raises NotFoundError or
        ContractError, having made nothing.
        """
        home = home or default_home()
        found = find_source(source, home, contract)
        if found.existing is None:
            create_lab(found, home, contract=contract)
        return cls(home, found.name)

    @classmethod
    def reopen(cls, name: str | None = None, *, home: Path | None = None) -> "Lab":
        """Open a lab that is there; None takes the only one."""
        home = home or default_home()
        names = list(lab_names(home))
        if name is None and len(names) == 1:
            name = names[0]
        if name is None or name not in names:
            said = (
                f"No lab {name!r}." if name else "Which lab?" if names else "There is no lab yet."
            )
            here = f"Labs: {', '.join(names)}. Name one: `lab`, on the command line `--lab`."
            raise NotFoundError(said, here if names else "Open one, such as 'microgpt'.")
        return cls(home, name)

    def history(self) -> History:
        """The ledger, replayed."""
        return self.ledger.history()

    def overview(self) -> Overview:
        """A look at the lab: what it is about, how far it is, where nobody looked yet."""
        with self._lock:
            self.runs.absorb()
        return overview(self)

    def propose(
        self,
        hypothesis: str,
        *,
        edits: Sequence[Edit] = (),
        diff: str = "",
        stack: Sequence[str] = (),
        prediction: Prediction | None = None,
        proposer: Proposer,
    ) -> Proposal:
        """Commit a patch on the incumbent as an experiment; PatchRefusedError costs nothing.

        Give edits, or a diff, or a stack: near misses whose patches are tried together.
        """
        with self._lock:
            experiment = propose(
                self,
                hypothesis,
                edits=edits,
                diff=diff,
                stack=stack,
                prediction=prediction,
                proposer=proposer,
            )
        return Proposal(experiment=experiment, similar=similar(self, experiment))

    def start_run(self, experiment: str) -> RunView:
        """Start one more run of an experiment; it goes on whatever happens to this process.

        A control run gives its device up where an experiment would have to wait for one.
        """
        with self._lock:
            self.runs.absorb()
            history = self.history()
            history.experiment(experiment)
            evaluation.refuse_more_runs(experiment, history)
            demand = requested_run(history, experiment)
            plan = plan_runs(self.runs.machine(history), (demand,), time.time())
            [run] = self.runs.carry_out(plan)
            return self.runs.view(run, detail=False)

    def view_run(self, run_or_experiment: str | None = None, *, detail: bool = False) -> RunView:
        """A run, an experiment's newest run, or with None a run still going, else the newest."""
        with self._lock:
            self.runs.absorb()
        history = self.history()
        return self.runs.view(choose_run(run_or_experiment, history), detail=detail)

    def stop_run(self, run: str) -> RunView:
        """Ask a run to end; its process tree is dead a moment later. What it left is kept."""
        with self._lock:
            self.runs.absorb()
            self.runs.stop(run)
        return self.runs.view(run, detail=False)

    def evaluate(self, experiment: str) -> Evaluation:
        """One step towards a verdict; call again until there is one."""
        with self._lock:
            return evaluation.evaluate(self, experiment)

    def scale(self, experiment: str) -> scaling.ScalingView:
        """One step towards whether its gain holds at other sizes; no verdict rests on it."""
        with self._lock:
            return scaling.scale(self, experiment)

    def tend(self) -> None:
        """Take in what ended and give idle devices to control runs; cheap where nothing is due.

        For whoever keeps the lab open: called every few seconds, it keeps the baseline and the
        incumbent measured while an agent thinks.
        """
        if idle_controls.nothing_to_tend(self.history(), self.contract):
            return
        lock = try_lock(self.folder / "lab.lock")
        if lock is None:
            return  # somebody is at work on this lab; there is a next time
        try:
            idle_controls.tend(self.runs, self.ledger, self.contract)
        finally:
            lock.release()

    def conclude(self, experiment: str, lesson: str, proposer: Proposer) -> Conclusion:
        """Write the lesson beside the evidence."""
        lesson = checked("lesson", lesson)
        history = self.history()
        known = history.experiment(experiment)
        if known.base is not None and experiment not in history.verdicts:
            raise InvalidStateError(
                f"{experiment} has no verdict yet, so there is no evidence to learn from.",
                f"Call evaluate_metric with experiment={experiment!r}.",
            )
        self.ledger.append(
            lambda _: Concluded(experiment=experiment, lesson=lesson, proposer=proposer)
        )
        history = self.history()
        verdict = history.verdicts.get(experiment)
        return Conclusion(
            experiment=experiment,
            hypothesis=known.hypothesis,
            lesson=lesson,
            outcome=verdict.outcome if verdict else None,
            effect=verdict.effect if verdict else None,
            low=verdict.low if verdict else None,
            high=verdict.high if verdict else None,
            prediction=known.prediction,
            incumbent=incumbent_view(history, self.contract),
            verdicts_without_keep=recall.verdicts_without_keep(history),
            stackable=stackable(self, history),
            sandbox=sandbox_names(history, verdict.candidate_runs if verdict else ()),
        )

    def recall(
        self,
        *,
        words: str = "",
        path: str = "",
        lines: tuple[int, int] | None = None,
        outcome: Outcome | None = None,
        limit: int = 10,
    ) -> tuple[Remembered, ...]:
        """Earlier experiments that match, the best match first."""
        everything = len(self.history().experiments)
        question = Question(words=words, path=path, outcome=outcome, limit=everything)
        return recall.recall(self, question, lines)[:limit]

    def explain(self, section: str) -> CodeSection:
        """Lines of a file at the incumbent, with spans, knobs and the experiments on them."""
        return explain(self, section)

    @property
    def running(self) -> tuple[str, ...]:
        """The runs that have not ended."""
        return tuple(run.id for run in self.history().unfinished())

    @property
    def awaited(self) -> tuple[str, ...]:
        """The runs that somebody waits for: those of experiments, else all that go on."""
        history = self.history()
        going = history.unfinished()
        chosen = [run.id for run in going if not was_kept(history, run.experiment)]
        return tuple(chosen) or self.running

    def verify(self, head: str = "") -> Verification:
        """Compare the ledger with everything that should agree with it, and with that head."""
        return verify_lab(self, self._judge_again, head)

    def branch(self, name: str) -> str:
        """Write the incumbent into the user's repository as a new branch; nothing else moves."""
        history = self.history()
        tip = history.experiments[history.kept[-1]]
        if self.settings.source.startswith(SHIPPED):
            raise InvalidStateError(
                f"The lab {self.name} researches a shipped target, not a repository of yours.",
                f"Clone it: git clone -b autoresearch/incumbent {self.repository.path}",
            )
        source = self.source_path()
        self.repository.publish(tip.commit, into=source, branch=name)
        return f"{name} in {source} now points at {tip.id} ({tip.commit[:12]})"

    def diff(self, experiment: str) -> str:
        """An experiment's patch on its base."""
        history = self.history()
        known = history.experiment(experiment)
        if known.base is None:
            return ""
        return self.repository.diff(history.experiments[known.base].commit, known.commit)

    def contract_text(self) -> str:
        """autoresearch.toml as the lab was opened with it."""
        history = self.history()
        if history.opened and history.opened.contract:
            return history.opened.contract
        commit = history.experiments["e0"].commit
        return self.repository.read_file(commit, FILE_NAME).decode(errors="replace")

    def log(self, run: str) -> str:
        """A run's log as it was written: output of an untrusted program.

        InvalidStateError while a control run goes on, which nobody may choose by how it does.
        """
        run = choose_run(run, self.history())
        if self.runs.is_active_control(run):
            raise InvalidStateError(
                f"{run} is a control run that goes on: how it does is not shown before it ends, "
                "or controls could be chosen by it.",
                "Ask again when check_run, or `autoresearch-mcp status`, says that it has ended.",
            )
        log = self.runs.directory(run).log_file
        return log.read_text(errors="replace") if log.exists() else ""

    def read_file(self, path: str, commit: str) -> str:
        """A file's text at a commit, never the held-out data."""
        if path in self.contract.sealed_paths:
            raise NotFoundError(
                f"{path} holds the held-out data, which nobody is shown.", "Ask for another file."
            )
        return self.repository.read_file(commit, path).decode(errors="replace")

    def reader(self, commit: str) -> Reader:
        """Reads files at a commit."""
        return _LabReader(self, commit)

    def _judge_again(self, history: History, word: Ruling) -> Ruling:
        """The verdict or reversal as the judge of its version gives it now."""
        return judge_again(history, word, self.contract)

    @cached_property
    def settings(self) -> Settings:
        """lab.json."""
        return Settings(**json.loads((self.folder / "lab.json").read_text()))

    @cached_property
    def contract(self) -> Contract:
        """The contract of e0, which no experiment can change."""
        return parse_contract(self.contract_text().encode())

    @cached_property
    def runs(self) -> Runs:
        """The lab's runs."""
        python, commit = lasting_python(self.home), self.history().experiments["e0"].commit
        return Runs(
            folder=self.folder / "runs",
            repository=self.repository,
            ledger=self.ledger,
            executor=LocalExecutor(python=python),
            contract=self.contract,
            documents=self.folder / "sealed" / "documents",
            split_seed=self.settings.split_seed,
            devices_dir=self.home / "devices",
            python=target_python(self.home, self.contract, self.repository, commit) or python,
            source=self.source_path(),
        )

    def source_path(self) -> Path:
        """The user's repository; only for labs that were opened on one."""
        return Path(self.settings.source)

    @cached_property
    def brief(self) -> str:
        """The human's own words, or "" where the contract names none."""
        table = self.contract.brief
        return self.read_file(table.path, self.history().experiments["e0"].commit) if table else ""

    @property
    @contextmanager
    def _lock(self) -> Iterator[None]:
        # Servers on one lab take turns where a decision is followed by starting a process.
        try:
            with FileLock(self.folder / "lab.lock", timeout=LOCK_S):
                yield
        except Timeout:
            raise InvalidStateError(
                f"Another process has held the lab {self.name} for {LOCK_S:g} s.",
                "Wait, then call again; a stopped server (Ctrl-Z) holds it until it goes on.",
            ) from None


class _LabReader(Reader):
    def __init__(self, lab: Lab, commit: str) -> None:
        self._lab, self._commit = lab, commit

    def __call__(self, path: str) -> str:
        return self._lab.read_file(path, self._commit)
