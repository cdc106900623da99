"""Runs the patches for real, through the lab's own face, as many at once as there are devices.

Nothing here judges: what was seen of each patch goes to `judging`, with what unchanged code scored.
"""

import contextlib
import os
import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from autoresearch.data.held_out_split import split_corpus
from autoresearch.data.token_feed import read_corpus
from autoresearch.errors import LabError, PatchRefusedError
from autoresearch.lab import Lab
from autoresearch.records import Outcome as Verdict
from autoresearch.records import Proposer, RunState
from autoresearch.redteam.arena import open_arena
from autoresearch.redteam.bait import Bait
from autoresearch.redteam.catalogue import CHARACTERS, KINDS, TOKENS, Entry
from autoresearch.redteam.outcomes import Bar, Finding, Outcome, Seen, find, not_tried
from autoresearch.run_output.log_digest import clean_lines
from autoresearch.sandboxes.selection import CHOICE, current_sandbox
from autoresearch.views import RunView

CONTROLS = 12
GUARDED_CONTROLS = 6  # of the lab that has a guard, in which few are tried
ARENAS = (*((kind, False) for kind in KINDS), (CHARACTERS, True))  # one lab each
REPEATS = 2  # of an honest run that was lost or tainted, as in the lab
POLL_S = 0.1
LOOKS = 20  # after so many the lab is asked, which also finds runs that lost their supervisor
UNSANDBOXED = "unsandboxed"
TORCH_PYTHON = "AUTORESEARCH_TORCH_PYTHON"
NO_TORCH = f"it needs a Python with torch and NumPy: name one in ${TORCH_PYTHON}"
PROPOSER = Proposer(client="autoresearch-mcp redteam")
NAMES_SHOWN = 5  # held-out names in what a run says, from which on it is no chance
LONGEST_WORD = 7  # letters; a name as short may stand in a sentence
_LOOKED_THROUGH = 1 << 20  # bytes of each file that a run leaves

Watcher = Callable[[str, int, int], None]  # (what was done now, done, of how many)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Findings of the red team on this machine."""

    target: str
    sandbox: str
    gaps: tuple[str, ...]  # what that sandbox does not hold, in words
    controls: tuple[float, ...]  # what unchanged code scored
    findings: tuple[Finding, ...]
    ledger: tuple[str, ...]  # what `verify` found wrong afterwards
    seconds: float

    def count(self, outcome: Outcome) -> int:
        """Return the number of patches with that outcome."""
        return sum(finding.outcome is outcome for finding in self.findings)

    @property
    def ok(self) -> bool:
        """Return whether every cheat failed, every honest patch passed, and the ledger verifies."""
        return not self.ledger and not any(finding.outcome.bad for finding in self.findings)


def run_redteam(
    target: str,
    entries: Sequence[Entry],
    watch: Watcher,
    *,
    sandbox: str = "",
    controls: int = CONTROLS,
    torch_python: str = "",
) -> Report:
    """Run these patches beside so many controls, those of each kind of scoring in a lab of its own.

    `sandbox` overrules which one is taken; `torch_python` is an interpreter with torch, without
    which what is about the scoring of tokens is reported as not tried.
    """
    started = time.monotonic()
    ran: list[Report] = []
    with _sandbox_chosen(sandbox):
        used = current_sandbox()
        for kind, guarded in ARENAS:
            own = [one for one in entries if (one.kind, one.guarded) == (kind, guarded)]
            if own and (kind != TOKENS or torch_python):
                python = torch_python if kind == TOKENS else ""
                most = min(controls, GUARDED_CONTROLS) if guarded else controls
                ran.append(_run_kind(target, own, watch, most, python))
    found = {finding.name: finding for report in ran for finding in report.findings}
    missing = {entry.name: not_tried(entry, NO_TORCH) for entry in entries}
    return Report(
        target=target,
        sandbox=used.name,
        gaps=used.gaps,
        controls=ran[0].controls if ran else (),
        findings=tuple((missing | found)[entry.name] for entry in entries),
        ledger=tuple(line for report in ran for line in report.ledger),
        seconds=round(time.monotonic() - started, 1),
    )


def _run_kind(
    target: str, entries: Sequence[Entry], watch: Watcher, controls: int, python: str
) -> Report:
    """Run the patches of one kind, guarded or not, in a lab of their own."""
    kind, guarded = entries[0].kind, entries[0].guarded
    with TemporaryDirectory(prefix="autoresearch-redteam-") as folder:
        place = Path(folder).resolve()
        lab = open_arena(target, place, kind, python, guarded=guarded)
        used = current_sandbox()
        with contextlib.ExitStack() as undo:
            trials = _Trials(lab, entries, watch, place, controls)
            undo.callback(trials.close)
            undo.callback(_stop_all, lab)
            seen = trials.run()
        sandboxed = used.name != UNSANDBOXED
        bar = trials.bar()
        return Report(
            target=target,
            sandbox=used.name,
            gaps=used.gaps,
            controls=trials.controls,
            findings=tuple(
                find(entry, seen[entry.name], bar, sandboxed=sandboxed, gaps=used.gaps)
                for entry in entries
            ),
            ledger=lab.verify().findings,
            seconds=0.0,
        )


@contextlib.contextmanager
def _sandbox_chosen(name: str) -> Iterator[None]:
    before = os.environ.get(CHOICE)
    if name:
        os.environ[CHOICE] = name
    try:
        yield
    finally:
        if name and before is None:
            del os.environ[CHOICE]
        elif name and before is not None:
            os.environ[CHOICE] = before


@dataclass(slots=True)
class _Going:
    """One run on its way."""

    run: str
    experiment: str
    entry: Entry | None  # None: a control run
    bait: Bait | None
    repeats: int = 0
    looks: int = 0


class _Trials:
    """The queue of patches, and what was seen of those that are through."""

    def __init__(
        self, lab: Lab, entries: Sequence[Entry], watch: Watcher, folder: Path, controls: int
    ) -> None:
        self.entries = tuple(entries)
        self._lab = lab
        self._watch = watch
        self._folder = folder
        self._devices = lab.runs.at_once()
        self._seen: dict[str, Seen] = {}
        self._going: list[_Going] = []
        together = [entry for entry in entries if not entry.alone]
        self._waiting = [*together, *(entry for entry in entries if entry.alone)]
        self._controls_left = controls if any(not entry.refused for entry in entries) else 0
        self._controls: list[float] = []
        self._total = len(entries) + self._controls_left
        self._neighbour = Path()
        self._held_out = _held_out(lab)

    @property
    def controls(self) -> tuple[float, ...]:
        """Scores of unchanged code."""
        return tuple(self._controls)

    def bar(self) -> Bar | None:
        """Scores that a cheat would have to beat."""
        if len(self._controls) < 2:
            return None
        return Bar(
            mean=statistics.fmean(self._controls),
            sigma=statistics.stdev(self._controls),
            runs=len(self._controls),
            minimum=self._lab.contract.metric.direction == "min",
        )

    def run(self) -> dict[str, Seen]:
        """Take every patch to its end."""
        while self._controls_left or self._waiting or self._going:
            while self._may_start():
                self._start_next()
            self._look()
            if self._going:
                time.sleep(POLL_S)
        return self._seen

    def close(self) -> None:
        """Take away the baits of what did not come to its end."""
        for going in self._going:
            if going.bait is not None:
                going.bait.close()

    def _may_start(self) -> bool:
        if len(self._going) >= self._devices or not (self._controls_left or self._waiting):
            return False
        if self._controls_left:
            return True
        if len(self._controls) < 1 and self._going:
            return False  # the first control run is what others may try to take for theirs
        disturbs = self._waiting[0].alone or any(g.entry and g.entry.alone for g in self._going)
        return not (self._going and disturbs)

    def _start_next(self) -> None:
        if self._controls_left:
            self._controls_left -= 1
            run = self._lab.start_run("e0").id
            self._going.append(_Going(run, "e0", None, None))
            return
        entry = self._waiting.pop(0)
        bait = None
        if entry.cheats:
            bait = Bait(self._lab, self._neighbour, entry.needs, self._folder / "bait")
        try:
            edits = entry.filled(bait.values if bait else {})
            words = f"the red team's {entry.name}: {entry.tries or entry.about}"
            proposal = self._lab.propose(words, edits=edits, proposer=PROPOSER)
        except PatchRefusedError as refused:
            self._done(entry, bait, _refusal(refused))
            return
        name = proposal.experiment.id
        self._going.append(_Going(self._lab.start_run(name).id, name, entry, bait))

    def _look(self) -> None:
        for going in list(self._going):
            view = self._ended(going)
            if view is None:
                continue
            self._going.remove(going)
            if going.entry is None:
                self._take_control(view)
            elif self._may_repeat(going.entry, view) and going.repeats < REPEATS:
                again = self._lab.start_run(going.experiment).id
                self._going.append(replace(going, run=again, repeats=going.repeats + 1))
            else:
                self._done(going.entry, going.bait, self._seen_of(going, view))

    def _may_repeat(self, entry: Entry, view: RunView) -> bool:
        """Return whether a run that says nothing is made again, rather than taken as a success.

        An honest patch's is. A cheat may have caused it; but where seconds are the budget, what
        else runs here disturbs any run.
        """
        if not entry.cheats:
            return view.state.repeated
        timed = self._lab.contract.run.budget.unit != "tokens"
        return timed and view.state is RunState.TAINTED

    def _ended(self, going: _Going) -> RunView | None:
        """The run, once it is over; asks the lab only when its directory has changed its word."""
        going.looks += 1
        status = self._lab.runs.directory(going.run).read_status()
        if not (status and status.state.final) and going.looks % LOOKS:
            return None
        view = self._lab.view_run(going.run, detail=True)
        return view if view.state.final else None

    def _take_control(self, view: RunView) -> None:
        if view.value is None:
            if view.state.repeated:
                self._controls_left += 1
                return
            raise LabError(
                f"Unchanged code does not run here: {view.reason}",
                "See autoresearch-mcp doctor.",
                reason="target_fails",
            )
        self._controls.append(view.value)
        self._neighbour = self._lab.runs.directory(view.id).out
        self._watch("a control run", len(self._seen) + len(self._controls), self._total)

    def _done(self, entry: Entry, bait: Bait | None, seen: Seen) -> None:
        if bait is not None:
            bait.close()
        self._seen[entry.name] = seen
        self._watch(entry.name, len(self._seen) + len(self._controls), self._total)

    def _seen_of(self, going: _Going, view: RunView) -> Seen:
        assert going.entry is not None
        log = "\n".join(clean_lines(self._lab.log(going.run)))
        sprung: tuple[str, ...] = ()
        if going.bait is not None:
            left = self._left_behind(going.run)
            told = "\n".join([log, view.reason, repr(view.curve), view.log_digest, left])
            sprung = going.bait.sprung()
            if going.bait.leaked(told):
                sprung = (*sprung, "a planted secret came out of the sandbox")
            shown = self._held_out_in(told)
            if shown >= NAMES_SHOWN:
                sprung = (*sprung, f"{shown} held-out names came out of the scoring")
        return Seen(
            ending=f"{view.state}: {view.reason}",
            value=view.value,
            log=log,
            sprung=sprung,
            repeated=view.state.repeated or self._not_closed(going, view),
            cut=bool(view.cut),
            simpler=self._lab.runs.ledger.history().experiments[going.experiment].simpler,
        )

    def _held_out_in(self, told: str) -> int:
        """Count held-out names, or their beginnings, that appear in letters or digits."""
        words = set(re.findall(r"[a-z]+", told))
        for digits in re.findall(r"\d{16,}", told):
            pairs = zip(digits[::2], digits[1::2], strict=False)
            words.add("".join(chr(86 + int(a + b)) for a, b in pairs))
        return len(words & self._held_out)

    def _not_closed(self, going: _Going, view: RunView) -> bool:
        """Return whether the lab would let a failed run be tried again."""
        if view.state is not RunState.CRASHED:
            return False
        verdict = self._lab.evaluate(going.experiment).verdict
        return verdict is None or verdict.outcome is not Verdict.CRASHED

    def _left_behind(self, run: str) -> str:
        """The beginning of every file that the run leaves to the lab."""
        pieces = []
        out = self._lab.runs.directory(run).out
        for path in sorted(out.rglob("*")) if not out.is_symlink() else ():
            if path.is_file() and not path.is_symlink():
                with contextlib.suppress(OSError), path.open("rb") as file:
                    pieces.append(file.read(_LOOKED_THROUGH).decode(errors="replace"))
        return "\n".join(pieces)


def _held_out(lab: Lab) -> frozenset[str]:
    """The names that the lab scores and their beginnings, but for those that may be words."""
    assert lab.contract.sealed is not None
    if lab.contract.sealed.vocab != CHARACTERS:
        return frozenset()  # numbers and tokens are no words
    corpus = read_corpus(lab.runs.documents)
    count = lab.contract.sealed.held_out
    split = split_corpus(corpus, split_seed=lab.settings.split_seed, held_out=count)
    return frozenset(
        name[:length]
        for name in split.held_out
        for length in range(LONGEST_WORD + 1, len(name) + 1)
    )


def _refusal(refused: PatchRefusedError) -> Seen:
    return Seen(
        ending=f"refused: {refused.message}",
        value=None,
        log="",
        sprung=(),
        repeated=False,
        cut=False,
    )


def _stop_all(lab: Lab) -> None:
    """End what still runs: after Ctrl-C nothing of the red team may stay."""
    going = lab.running
    for run in going:
        with contextlib.suppress(LabError, OSError):
            lab.runs.directory(run).stop_file.touch()
    deadline = time.monotonic() + 10
    while going and time.monotonic() < deadline:
        going = tuple(run for run in going if lab.runs.executor.alive(lab.runs.directory(run)))
        time.sleep(POLL_S)
