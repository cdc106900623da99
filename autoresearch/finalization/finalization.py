"""Finalize a lab: near misses, ablation, confirmation, other sizes, and one clean branch.

    finalization/<incumbent>/   below the lab's folder: its fresh runs, and result.json

Everything but the stacks of near misses happens outside the ledger. A finalize that was killed goes
on where it was, for what its runs measured is kept; one that is repeated gives the same answer.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean

from autoresearch.common.files import replace_file
from autoresearch.errors import InvalidStateError, LabError
from autoresearch.finalization.ablation import Ablation, Ablator
from autoresearch.finalization.branch import (
    IdeaCommit,
    Published,
    branch_exists,
    check_branch,
    existing_tip,
    idea_commits,
    publish,
    write_commits,
)
from autoresearch.finalization.confirmation import PAIRS, Confirmation, confirm
from autoresearch.finalization.fresh_runs import LOOK_S, Allowance, FreshRuns, Variant, Watch
from autoresearch.finalization.near_misses import (
    NearMisses,
    StackAnswer,
    runs_of_stacks,
    stacks_left,
)
from autoresearch.finalization.passenger_test import FIRST_CONTROLS, FIRST_RUNS
from autoresearch.finalization.removal import KeptLine, variant_name
from autoresearch.lab import Lab
from autoresearch.ledger.campaign_state import going_on
from autoresearch.ledger.history import History
from autoresearch.loop.scaling import RUNS as RUNS_OF_A_SIZE
from autoresearch.loop.scaling import ScalingView
from autoresearch.system.locks import try_lock
from autoresearch.verdicts.evidence import measured

FOLDER = "finalization"  # below the lab's folder
RESULT_FILE = "result.json"
CONFIRMING_RUNS = 2 * PAIRS
FEWEST_RUNS = CONFIRMING_RUNS + FIRST_CONTROLS + FIRST_RUNS


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The user's wishes."""

    branch: str = ""  # "": a name that follows from the lab and the incumbent
    runs: int | None = None  # fresh runs at most, those of near misses and sizes included
    hours: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedOver:
    """The gain of the incumbent over e0 at other sizes, or why it is not known."""

    view: ScalingView | None
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalized:
    """The whole answer."""

    lab: str
    incumbent: str
    stacks: tuple[StackAnswer, ...]
    ablation: Ablation
    commits: tuple[IdeaCommit, ...]
    confirmation: Confirmation | None  # None where nothing stands
    carried_over: CarriedOver | None  # None where the contract has no sizes
    published: Published | None  # None where nothing stands
    runs: int  # fresh ones, of this and of earlier calls
    folder: Path


def finalize(
    lab: Lab, options: Options, watch: Watch, now: Callable[[], float] = time.time
) -> Finalized:
    """Do all of it; only what an earlier call did not finish is run.

    Raises:
        InvalidStateError: Nothing was kept, a campaign or another finalize goes on, the branch
            exists, or a run of the incumbent fails.
        LabError: A run can't be started.
    """
    refuse_early(lab, options)
    began = now()
    with _alone(lab):
        allowance = _allowance(lab, options, began)
        stacks = NearMisses(lab, _half(allowance, began), watch, now).try_all()
        line = KeptLine(lab.repository, lab.history())
        if not line.keeps:
            raise _nothing_kept(lab)
        incumbent = line.history.kept[-1]
        fresh = FreshRuns(lab, folder_of(lab, incumbent), watch)
        ablation = Ablator(lab, line, fresh, _left(allowance, lab), now).ablate()
        commits = idea_commits(lab, line, ablation)
        confirmation = _confirm(lab, line, fresh, ablation) if commits else None
        spent = replace(allowance, runs=options.runs)
        carried = _carry_over(lab, incumbent, spent, fresh, watch, now) if commits else None
        published = _publish(lab, line, commits, options) if commits else None
        found = Finalized(
            lab=lab.name,
            incumbent=incumbent,
            stacks=stacks,
            ablation=ablation,
            commits=commits,
            confirmation=confirmation,
            carried_over=carried,
            published=published,
            runs=fresh.used + runs_of_stacks(lab),
            folder=fresh.folder,
        )
        _keep_result(found)
    return found


def refuse_early(lab: Lab, options: Options) -> None:
    """Raise what can be known before any run: InvalidStateError or GitError."""
    history = lab.history()
    campaign = going_on(history.campaigns)
    if campaign is not None:
        raise InvalidStateError(
            f"The campaign {campaign.name} goes on, so the incumbent may still move.",
            "Wait for its end, or stop it: autoresearch-mcp campaign stop",
            reason="campaign_goes_on",
        )
    if len(history.kept) < 2 and not stacks_left(lab):
        raise _nothing_kept(lab)
    if options.runs is not None and options.runs < FEWEST_RUNS:
        raise InvalidStateError(
            f"With {options.runs} runs nothing can be told.",
            f"Give at least --runs {FEWEST_RUNS}: {CONFIRMING_RUNS} compare the final code with "
            "e0, and the others tell of one keep whether the code needs it.",
            reason="too_few_runs",
        )
    branch = options.branch or default_branch(lab)
    check_branch(lab, branch)
    there = existing_tip(lab, options.branch) if options.branch else None
    if there is not None and there not in _published_before(lab):
        raise branch_exists(lab, options.branch)


def _nothing_kept(lab: Lab) -> InvalidStateError:
    return InvalidStateError(
        f"The lab {lab.name} has kept nothing, so there is nothing to finalize.",
        "Go on with the research; `autoresearch-mcp log` shows what was tried.",
        reason="nothing_kept",
    )


def folder_of(lab: Lab, incumbent: str) -> Path:
    """Return the folder of an incumbent's fresh runs."""
    return lab.folder / FOLDER / incumbent


def default_branch(lab: Lab) -> str:
    """Return the branch's name where the user gives none."""
    return f"autoresearch/{lab.name}-{lab.history().kept[-1]}"


def dropped_by_finalize(lab_folder: Path, history: History) -> frozenset[str] | None:
    """Return the keeps that a finalize of the present incumbent dropped; None if there was none."""
    file = lab_folder / FOLDER / (history.incumbent or "") / RESULT_FILE
    try:
        return frozenset(json.loads(file.read_text())["dropped"])
    except (FileNotFoundError, NotADirectoryError):
        return None


def run_seconds(history: History) -> float | None:
    """Return how long a run of the incumbent takes, on average; None where nothing is known."""
    incumbent = history.incumbent or "e0"
    walls = [history.reports[run].wall_s for run in measured(history, incumbent)]
    return fmean(walls) if walls else None


def _allowance(lab: Lab, options: Options, began: float) -> Allowance:
    """Return what may be spent before the runs that confirm, which are always made."""
    until = None
    if options.hours is not None:
        rounds = -(-CONFIRMING_RUNS // max(1, lab.runs.at_once()))
        confirming_s = rounds * (run_seconds(lab.history()) or 0.0)
        until = began + 3600.0 * options.hours - confirming_s
    runs = None if options.runs is None else options.runs - CONFIRMING_RUNS
    return Allowance(runs=runs, until=until)


def _half(allowance: Allowance, began: float) -> Allowance:
    """Return what near misses may take of it, so that the ablation is left the rest."""
    return Allowance(
        runs=None if allowance.runs is None else allowance.runs // 2,
        until=None if allowance.until is None else (began + allowance.until) / 2,
    )


def _left(allowance: Allowance, lab: Lab) -> Allowance:
    """Return what the stacks have left of it."""
    if allowance.runs is None:
        return allowance
    return replace(allowance, runs=allowance.runs - runs_of_stacks(lab))


def _confirm(lab: Lab, line: KeptLine, fresh: FreshRuns, ablation: Ablation) -> Confirmation:
    final = Variant(
        name=f"final-{variant_name(ablation.dropped)}",
        commit=line.commit_without(ablation.dropped),
        experiment=line.history.kept[-1],
    )
    return confirm(lab, fresh, final)


def _carry_over(
    lab: Lab,
    incumbent: str,
    allowance: Allowance,
    fresh: FreshRuns,
    watch: Watch,
    now: Callable[[], float],
) -> CarriedOver | None:
    """Run the incumbent and e0 at the contract's sizes, if it has any and the runs are left."""
    sizes = lab.contract.scaling
    if sizes is None:
        return None
    needed = 2 * RUNS_OF_A_SIZE * len(sizes.sizes)
    used = fresh.used + runs_of_stacks(lab)
    if not allowance.covers(used, needed, now()):
        return CarriedOver(view=None, why_not=f"the {needed} runs that it takes were not left")
    try:
        while (view := lab.scale(incumbent, base="e0")).missing:
            watch(f"{incumbent} and e0 at other sizes, {view.missing} runs missing", fresh.used)
            time.sleep(LOOK_S)
    except LabError as error:
        return CarriedOver(view=None, why_not=str(error))
    return CarriedOver(view=view)


def _publish(
    lab: Lab, line: KeptLine, commits: tuple[IdeaCommit, ...], options: Options
) -> Published:
    tip = write_commits(line, commits)
    if options.branch:
        return publish(lab, tip, options.branch)
    for name in _free_names(default_branch(lab)):
        if existing_tip(lab, name) in (None, tip):
            return publish(lab, tip, name)
    raise AssertionError("there is always another name")


def _free_names(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def _published_before(lab: Lab) -> frozenset[str]:
    """Return the tips of the branches that finalize wrote."""
    results = (lab.folder / FOLDER).glob(f"*/{RESULT_FILE}")
    return frozenset(json.loads(file.read_text())["tip"] for file in results)


def _keep_result(found: Finalized) -> None:
    shown = {
        "incumbent": found.incumbent,
        "dropped": found.ablation.dropped,
        "standing": found.ablation.standing,
        "tip": found.published.commit if found.published else "",
        "branch": found.published.branch if found.published else "",
        "answers": [asdict(one) for one in found.ablation.answers],
    }
    found.folder.mkdir(parents=True, exist_ok=True)
    replace_file(found.folder / RESULT_FILE, json.dumps(shown, indent=2).encode())


@contextmanager
def _alone(lab: Lab) -> Iterator[None]:
    lock = try_lock(lab.folder / f"{FOLDER}.lock")
    if lock is None:
        raise InvalidStateError(
            f"Another finalize of the lab {lab.name} goes on.",
            "Wait for its end, or end it with Ctrl-C; what it measured is kept.",
            reason="finalize_goes_on",
        )
    try:
        yield
    finally:
        lock.release()
