"""The supervisor of one campaign: a process of its own, which outlives terminal and clients.

It starts agents and ends them, climbs the ladder, brings experiments that nobody looks after to
their verdicts, and closes the campaign. All that must last is in the ledger, so that it can be
killed at any time; `campaign resume` starts another.
"""

import contextlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from autoresearch.campaigns.brief import brief
from autoresearch.campaigns.budget import Used, limit_reached, used
from autoresearch.campaigns.ladder import Surroundings, next_step
from autoresearch.campaigns.notices import Notice, Notifier
from autoresearch.campaigns.records import Recorder
from autoresearch.campaigns.report import write_report
from autoresearch.campaigns.settings import CampaignFolder, CampaignSettings, shown_agent
from autoresearch.campaigns.workers import (
    MOST_EMPTY,
    WorkerSlot,
    empty_starts,
    pause_s,
    start_cause,
)
from autoresearch.common.files import replace_file
from autoresearch.errors import LabError
from autoresearch.lab import Lab
from autoresearch.ledger.campaign_records import CampaignEnd, LadderStep, WorkerEnd
from autoresearch.ledger.campaign_state import CampaignState
from autoresearch.ledger.history import History
from autoresearch.system.locks import try_lock

TICK_S = 1.0
CARE_S = 5.0  # between two looks at experiments that nobody looks after
SAVE_S = 10.0  # between two writings of the seconds worked
LAST_WORDS_S = 120.0  # for agents that have concluded everything
WAVE = 8  # experiments that a search takes when the ladder says so
FEWEST_MB = 500.0  # free on the lab's disk; below it no agent is started


def supervise_campaign(path: Path) -> int:
    """Supervise the campaign of a folder to its end; 0 also where another supervisor does."""
    folder = CampaignFolder(path)
    lock = try_lock(folder.lock_file)
    if lock is None:
        return 0
    try:
        settings = folder.read_settings()
        lab = Lab.reopen(settings.lab, home=settings.home_path)
        Supervisor(lab=lab, folder=folder, settings=settings).run()
    finally:
        lock.release()
    return 0


@dataclass(slots=True, kw_only=True)
class Supervisor:
    """The loop and what it holds between two looks."""

    lab: Lab
    folder: CampaignFolder
    settings: CampaignSettings
    pause: Callable[[float], None] = time.sleep
    workers: list[WorkerSlot] = field(default_factory=list)
    worked_s: float = 0.0
    _looked: float = 0.0  # monotonic; so are the next two
    _cared: float = 0.0
    _saved: float = 0.0
    _notifier: Notifier | None = None

    @property
    def name(self) -> str:
        """Return the campaign's id."""
        return self.folder.path.name

    def run(self) -> None:
        """Look again and again until the campaign has ended, or its lab is gone."""
        self._notifier = Notifier(self.settings.notify, self.lab.name, self.name)
        recorder = Recorder(self.lab, self.name)
        state = self.lab.history().campaigns[self.name]
        self.worked_s = worked_seconds(self.folder)
        self.workers = [
            WorkerSlot(
                worker=worker,
                folder=self.folder.worker(worker.name),
                settings=self.settings,
                campaign=self.name,
                recorder=recorder,
                silence_s=state.started.silence_s,
            )
            for worker in state.started.workers
        ]
        for slot in self.workers:
            slot.take_over(state)
        self._looked = time.monotonic()
        try:
            while self._look():
                self.pause(TICK_S)
        finally:
            for slot in self.workers:
                if slot.process is not None:
                    slot.process.end()

    def _look(self) -> bool:
        """Take one look; return whether another is due. Trouble of a moment does not end it."""
        if not (self.lab.folder / "lab.json").exists():
            return False  # the lab was deleted: there is no ledger to write into
        now = time.monotonic()
        passed, self._looked = now - self._looked, now
        try:
            history = self.lab.history()
            state = history.campaigns[self.name]
            if not state.goes_on:
                return False
            if not state.paused:
                self.worked_s += passed
            self._save_clock(now)
            return self._act(history, state, now)
        except (LabError, OSError) as error:
            self._notify(Notice.TROUBLE, f"{type(error).__name__}: {error}")
            return True

    def _act(self, history: History, state: CampaignState, now: float) -> bool:
        spent = self.spent(history, state)
        contract = self.lab.contract
        end = limit_reached(history, contract, state.started.budget, spent, time.time())
        if state.stop_wanted:
            end = (CampaignEnd.STOPPED, "Its user stopped it.")
        elif end is None and all(state.is_retired(slot.name) for slot in self.workers):
            end = (CampaignEnd.NO_WORKERS, "Every worker was given up.")
        if end is not None:
            self._finish(*end)
            return False
        if state.paused:
            for slot in self.workers:
                slot.end(WorkerEnd.PAUSED, "The campaign was paused.", now=now)
        else:
            self._tend_workers(history, state, spent, now)
            if self._climb(history, state, now):
                return True
        self._care(now)
        return True

    def spent(self, history: History, state: CampaignState) -> Used:
        """Return what the campaign has used, its running agents included."""
        going = tuple(slot.going for slot in self.workers)
        return used(history, state, self.worked_s, going)

    def _tend_workers(
        self, history: History, state: CampaignState, spent: Used, now: float
    ) -> None:
        room = _free_mb(self.lab.folder) >= FEWEST_MB
        if not room:
            self._notify(Notice.DISK, f"Less than {FEWEST_MB:g} MB are free at {self.lab.folder}.")
        for slot in self.workers:
            slot.tend(now)
            if slot.process is not None or state.is_retired(slot.name):
                continue
            fresh = self.lab.history()
            state = fresh.campaigns[self.name]
            empty = empty_starts(fresh, state, slot.name)
            if empty >= MOST_EMPTY:
                self._give_up(slot, state, empty)
            elif room and now >= slot.not_before + pause_s(empty):
                self._start(slot, fresh, state, spent, now)

    def _start(
        self, slot: WorkerSlot, history: History, state: CampaignState, spent: Used, now: float
    ) -> None:
        cause = start_cause(state, slot.name)
        text = brief(history, self.lab.contract, state, slot.name, cause, spent)
        slot.start(state, text, len(history.entries), now)

    def _give_up(self, slot: WorkerSlot, state: CampaignState, empty: int) -> None:
        ends = state.ends_of(slot.name)
        last = ends[-1].sentence if ends else ""
        words = (
            f"{slot.name} ({shown_agent(slot.worker.agent)}) was started {empty} times in a row "
            f"without an experiment and is given up. The last time: {last}"
        )
        slot.recorder.retired(slot.name, words)
        self._notify(Notice.GAVE_UP, words)

    def _climb(self, history: History, state: CampaignState, now: float) -> bool:
        """Take a step of the ladder if one is due; return whether the campaign must look again."""
        step = next_step(history, state, self._around)
        if step is None:
            return False
        self.workers[0].recorder.stepped(step)
        if step.step is LadderStep.SEARCH and can_search():
            self.workers[-1].end(WorkerEnd.STUCK, step.words, now=now)
            self.workers[-1].wave = WAVE
        if step.step is LadderStep.RESTART:
            for slot in self.workers:
                slot.end(WorkerEnd.STUCK, step.words, now=now)
        if step.step is LadderStep.PLATEAU:
            self._finish(CampaignEnd.PLATEAU, step.words)
        return True

    def _around(self) -> Surroundings:
        view = self.lab.overview()
        return Surroundings(
            untouched=tuple(f"{region.path}: {region.name}" for region in view.untouched),
            stackable=view.stackable,
            can_search=can_search(),
        )

    def _care(self, now: float) -> None:
        """Bring experiments that no agent looks after a step further, and use idle devices."""
        if now - self._cared < CARE_S:
            return
        self._cared = now
        running = {slot.name for slot in self.workers if slot.process is not None}
        for name in self._open_experiments(running):
            self.lab.evaluate(name)
        self.lab.tend()
        self._tell_of_keeps()

    def _open_experiments(self, running: set[str]) -> list[str]:
        history = self.lab.history()
        looked_after = {f"{self.name}/{worker}" for worker in running}
        return [
            experiment.id
            for experiment in history.experiments.values()
            if experiment.base is not None
            and experiment.id not in history.verdicts
            and experiment.proposer.worker not in looked_after
        ]

    def _tell_of_keeps(self) -> None:
        history = self.lab.history()
        campaign = history.campaigns[self.name]
        for experiment in history.proposed_in(campaign):
            verdict = history.verdicts.get(experiment.id)
            if verdict is not None and verdict.moved_incumbent:
                self._notify(Notice.KEPT, f"{experiment.id}: {verdict.sentence}", experiment.id)

    def _finish(self, cause: CampaignEnd, sentence: str) -> None:
        """End the agents, bring open verdicts to their end within the grace, and close."""
        grace_s = self.lab.history().campaigns[self.name].started.grace_s
        deadline = time.monotonic() + grace_s
        if cause is CampaignEnd.EXPERIMENTS:
            self._let_conclude(deadline)
        for slot in self.workers:
            slot.end(WorkerEnd.ENDED, "The campaign ended.", now=time.monotonic())
        while self._open_experiments(set()) and time.monotonic() < deadline:
            for name in self._open_experiments(set()):
                with contextlib.suppress(LabError):  # a base that fails is said in the report
                    self.lab.evaluate(name)
            self.pause(TICK_S)
        self._tell_of_keeps()
        left = self._open_experiments(set())
        more = f" Without a verdict: {', '.join(left)}." if left else ""
        self.workers[0].recorder.closed(cause, f"{sentence}{more}")
        write_report(self.lab, self.folder, self.name, self.worked_s)
        self._notify(Notice.ENDED, f"{sentence}{more}")

    def _let_conclude(self, deadline: float) -> None:
        """Wait until agents that can propose nothing more have concluded what they proposed.

        They are told at their next proposal, and have a moment to end by themselves: a client says
        what it cost only then.
        """
        concluded_at = 0.0
        while time.monotonic() < deadline:
            for slot in self.workers:
                slot.tend(time.monotonic())
            history = self.lab.history()
            mine = history.proposed_in(history.campaigns[self.name])
            running = any(slot.process is not None for slot in self.workers)
            if not running or history.campaigns[self.name].stop_wanted:
                return
            if all(e.id in history.lessons for e in mine):
                concluded_at = concluded_at or time.monotonic()
                if time.monotonic() - concluded_at > LAST_WORDS_S:
                    return
            self._care(time.monotonic())
            self.pause(TICK_S)

    def _notify(self, notice: Notice, words: str, about: str = "") -> None:
        if self._notifier is not None:
            self._notifier.send(notice, words, about)

    def _save_clock(self, now: float) -> None:
        if now - self._saved >= SAVE_S:
            self._saved = now
            content = json.dumps({"worked_s": self.worked_s}).encode()
            replace_file(self.folder.clock_file, content, durable=False)


def can_search() -> bool:
    """Return whether the packages of a search are installed."""
    return find_spec("optuna") is not None


def worked_seconds(folder: CampaignFolder) -> float:
    """Return the seconds that a campaign was supervised and not paused."""
    try:
        return max(0.0, float(json.loads(folder.clock_file.read_text())["worked_s"]))
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0


def _free_mb(folder: Path) -> float:
    return shutil.disk_usage(folder).free / 2**20
