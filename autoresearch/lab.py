"""The lab, the public face: open, propose, run, evaluate, conclude, recall, explain, verify.

A lab is a folder below the home: its own bare repository (experiments and the ledger), its runs,
and its secrets. Nothing here waits, and nothing here holds state that a restart loses.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from filelock import FileLock, Timeout

from autoresearch.common.files import as_text
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
from autoresearch.loop.arguments import choose_run
from autoresearch.loop.explanation import explain
from autoresearch.loop.lab_verification import verify_lab
from autoresearch.loop.overview import overview
from autoresearch.loop.proposals import claim_idea, propose
from autoresearch.loop.recall import similar
from autoresearch.loop.runs import Runs
from autoresearch.memory.claims import held_by_others
from autoresearch.patches.code_sections import Reader
from autoresearch.patches.patch import Edit
from autoresearch.records import Outcome, Prediction, Proposer, Ruling
from autoresearch.scheduling.demands import requested_run
from autoresearch.scheduling.scheduler import plan_runs
from autoresearch.setup.lab_creation import create_lab, find_source, target_python
from autoresearch.setup.settings import Settings
from autoresearch.system.home import default_home, lab_folder, lab_names, lasting_python
from autoresearch.system.locks import try_lock
from autoresearch.verdicts.ending import Ending, ending_of
from autoresearch.verdicts.evidence import was_kept
from autoresearch.verdicts.verdicts import judge_again
from autoresearch.views import (
    Claimed,
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
        """Prepare a lab that exists; call `open` or `reopen`, which check that it does."""
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
        """Open a shipped target, a lab that exists, or a repository.

        Args:
            source: The name of a shipped target or of a lab, or the path of a repository.
            home: The folder of all labs; None takes the default.
            contract: The contract's text, for a repository that does not carry one.

        Raises:
            NotFoundError: There is no such target, lab or repository; nothing was made.
            ContractError: The contract is missing or wrong; nothing was made.
        """
        home = home or default_home()
        found = find_source(source, home, contract)
        if found.existing is None:
            create_lab(found, home, contract=contract)
        return cls(home, found.name)

    @classmethod
    def reopen(cls, name: str | None = None, *, home: Path | None = None) -> "Lab":
        """Open a lab that exists; None takes the only one. Raises NotFoundError."""
        home = home or default_home()
        names = list(lab_names(home))
        if name is None and len(names) == 1:
            name = names[0]
        if name is None or name not in names:
            none = "There is no lab yet." if not names else "Which lab?"
            message = f"There is no lab {name!r}." if name else none
            known = f"Labs: {', '.join(names)}. Name one: `lab`, on the command line `--lab`."
            remedy = known if names else "Open one, such as 'microgpt'."
            raise NotFoundError(message, remedy, reason="lab")
        return cls(home, name)

    def history(self) -> History:
        """Return the ledger's events, folded into a history."""
        return self.ledger.history()

    def overview(self) -> Overview:
        """Return a look at the lab: its target, how far it is, and what nobody has touched yet."""
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
        """Commit a patch on the incumbent as an experiment; a refused one leaves no trace.

        Args:
            hypothesis: A sentence of what is expected and why.
            edits: The patch as replacements of text.
            diff: Instead of edits, the patch as a unified diff.
            stack: Instead of both, ids of near misses whose patches are tried together.
            prediction: The effect that the proposer expects.
            proposer: The client and its model.

        Raises:
            PatchRefusedError: The patch is not allowed, does not apply, or repeats an experiment.
            LabError: The hypothesis says too little, or a stack came with a patch.
            InvalidStateError: The incumbent moved meanwhile.
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
        claims = held_by_others(self.history(), time.time(), proposer)
        return Proposal(experiment=experiment, similar=similar(self, experiment), claims=claims)

    def claim(self, idea: str, area: str, proposer: Proposer) -> Claimed:
        """Hold an idea for a while; raise InvalidStateError if somebody else holds it."""
        return claim_idea(self, idea, area, proposer, time.time())

    def start_run(self, experiment: str) -> RunView:
        """Start one more run of an experiment; it continues whatever happens to this process.

        A control run is preempted if an experiment's run would have to wait for a device.

        Raises:
            NotFoundError: There is no such experiment.
            InvalidStateError: It has the runs that the judge asked for, or none can be started.
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
        """Return a run, an experiment's newest run, or with None an active run, else the newest."""
        with self._lock:
            self.runs.absorb()
        history = self.history()
        return self.runs.view(choose_run(run_or_experiment, history), detail=detail)

    def stop_run(self, run: str) -> RunView:
        """Ask a run to end; its process tree is dead a moment later, and its files are kept."""
        with self._lock:
            self.runs.absorb()
            self.runs.stop(run)
        return self.runs.view(run, detail=False)

    def evaluate(self, experiment: str) -> Evaluation:
        """Take one step towards a verdict; call again until there is one."""
        with self._lock:
            return evaluation.evaluate(self, experiment)

    def scale(self, experiment: str, base: str = "") -> scaling.ScalingView:
        """Take one step towards whether its gain holds at other sizes; no verdict rests on it.

        The gain is over what it was built on, or over another `base`.
        """
        with self._lock:
            return scaling.scale(self, experiment, base)

    def tend(self) -> None:
        """Record what ended and give idle devices to control runs; cheap if nothing is due.

        Call it every few seconds: it keeps the baseline and the incumbent measured while an agent
        thinks.
        """
        if idle_controls.nothing_to_tend(self.history(), self.contract):
            return
        lock = try_lock(self.folder / "lab.lock")
        if lock is None:
            return  # another process works on this lab; the next call will do
        try:
            idle_controls.tend(self.runs, self.ledger, self.contract)
        finally:
            lock.release()

    def conclude(self, experiment: str, lesson: str, proposer: Proposer) -> Conclusion:
        """Record the lesson of an experiment; raise InvalidStateError if it has no verdict yet."""
        return evaluation.conclude(self, experiment, lesson, proposer)

    def ending(self) -> Ending:
        """Return whether the contract's goal is reached and its limits are used up, as of now."""
        return ending_of(self.history(), self.contract, time.time())

    def recall(
        self,
        *,
        words: str = "",
        path: str = "",
        lines: tuple[int, int] | None = None,
        outcome: Outcome | None = None,
        min_effect: float | None = None,
        max_effect: float | None = None,
        by: str = "",
        limit: int = 10,
    ) -> tuple[Remembered, ...]:
        """Return earlier experiments that match, the best match first."""
        question = Question(
            words=words,
            path=path,
            outcome=outcome,
            min_effect=min_effect,
            max_effect=max_effect,
            by=by,
            limit=limit,
        )
        return recall.recall(self, question, lines)

    def explain(self, section: str) -> CodeSection:
        """Return lines of a file at the incumbent, with what is known about them."""
        return explain(self, section)

    @property
    def running(self) -> tuple[str, ...]:
        """Return the runs that have not ended."""
        return tuple(run.id for run in self.history().unfinished())

    @property
    def awaited(self) -> tuple[str, ...]:
        """Return the active runs that a caller waits for: those of experiments, else all."""
        history = self.history()
        active = history.unfinished()
        chosen = [run.id for run in active if not was_kept(history, run.experiment)]
        return tuple(chosen) or self.running

    def verify(self, head: str = "") -> Verification:
        """Compare the ledger with everything that should agree with it, and with that head."""
        return verify_lab(self, self._judge_again, head)

    def branch(self, name: str) -> str:
        """Write the incumbent into the user's repository as a new branch; nothing else changes."""
        history = self.history()
        incumbent = history.experiments[history.kept[-1]]
        source = self.settings.origin.repository
        if source is None:
            raise InvalidStateError(
                f"The lab {self.name} researches a shipped target, not a repository of yours.",
                f"Clone it: git clone -b autoresearch/incumbent {self.repository.path}",
                reason="shipped_target",
            )
        self.repository.publish(incumbent.commit, into=source, branch=name)
        return f"{name} in {source} now points at {incumbent.id} ({incumbent.commit[:12]})"

    def diff(self, experiment: str) -> str:
        """Return an experiment's patch on its base as a diff."""
        history = self.history()
        known = history.experiment(experiment)
        if known.base is None:
            return ""
        return self.repository.diff(history.experiments[known.base].commit, known.commit)

    def contract_text(self) -> str:
        """Return autoresearch.toml as the lab was opened with it."""
        history = self.history()
        if history.opened and history.opened.contract:
            return history.opened.contract
        commit = history.experiments["e0"].commit
        return self.repository.read_file(commit, FILE_NAME).decode(errors="replace")

    def log(self, run: str) -> str:
        """Return a run's log as it was written: output of an untrusted program.

        Raises InvalidStateError for a control run that has not ended: controls could be chosen by
        how they do.
        """
        run = choose_run(run, self.history())
        if self.runs.is_active_control(run):
            raise InvalidStateError(
                f"{run} is a control run that has not ended: its log is shown only once it ends, "
                "so that controls can't be picked by their results.",
                "Ask again when check_run, or `autoresearch-mcp status`, shows that it has ended.",
                reason="control_goes_on",
            )
        log = self.runs.directory(run).log_file
        return log.read_text(errors="replace") if log.exists() else ""

    def read_file(self, path: str, commit: str) -> str:
        """Return a file's text at a commit; raise NotFoundError for held-out data."""
        if path in self.contract.sealed_paths:
            raise NotFoundError(
                f"{path} holds the held-out data, which is never shown.",
                "Ask for another file.",
                reason="held_out",
            )
        return as_text(self.repository.read_file(commit, path))

    def reader(self, commit: str) -> Reader:
        """Return a reader of files at a commit."""
        return _LabReader(self, commit)

    def _judge_again(self, history: History, ruling: Ruling) -> Ruling:
        """Return the verdict or reversal as the judge of its version gives it now."""
        return judge_again(history, ruling, self.contract)

    @cached_property
    def settings(self) -> Settings:
        """The content of lab.json."""
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
            source=self.settings.origin.repository,
        )

    @cached_property
    def brief(self) -> str:
        """The text of the human's brief; "" if the contract names none."""
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
                "Wait, then call again; a suspended server (Ctrl-Z) holds it until it is resumed.",
                reason="lab_locked",
            ) from None


class _LabReader(Reader):
    def __init__(self, lab: Lab, commit: str) -> None:
        self._lab, self._commit = lab, commit

    def __call__(self, path: str) -> str:
        return self._lab.read_file(path, self._commit)
