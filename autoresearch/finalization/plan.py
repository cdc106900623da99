"""The plan of a finalize: all that it would do, and what that would cost. Starts nothing."""

from dataclasses import dataclass
from pathlib import Path

from autoresearch.finalization.ablation import ROUNDS, Ablation, KeepAnswer
from autoresearch.finalization.branch import IdeaCommit, idea_commits
from autoresearch.finalization.confirmation import count_parts, unseen_parts
from autoresearch.finalization.finalization import (
    CONFIRMING_RUNS,
    Options,
    default_branch,
    folder_of,
    refuse_early,
    run_seconds,
)
from autoresearch.finalization.fresh_runs import FreshRuns
from autoresearch.finalization.near_misses import offered
from autoresearch.finalization.passenger_test import (
    FIRST_CONTROLS,
    FIRST_RUNS,
    MORE_CONTROLS,
    MOST_RUNS,
    Standing,
)
from autoresearch.finalization.removal import KeptLine
from autoresearch.lab import Lab
from autoresearch.loop.scaling import RUNS as RUNS_OF_A_SIZE

MOST_CONTROLS = FIRST_CONTROLS + MORE_CONTROLS * (ROUNDS - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedKeep:
    """One keep, and what is planned for it."""

    keep: str
    hypothesis: str
    left_out: bool  # the code is run without it
    built_on: str = ""  # the later keep that makes that impossible
    gone: bool = False  # later keeps replaced all of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that would be done."""

    lab: str
    incumbent: str
    near_misses: tuple[str, ...]
    keeps: tuple[PlannedKeep, ...]
    fewest_runs: int  # if every answer comes in the first round
    most_runs: int  # if every answer takes the last one; without near misses
    done: int  # fresh runs that an earlier call made
    seconds_each: float | None  # of a run
    at_once: int
    unseen_parts: int  # of the held-out documents; 0: the lab has none
    sizes: tuple[float, ...]
    commits: tuple[IdeaCommit, ...]  # if no passenger is found
    branch: str
    repository: Path  # in which the branch is written
    shipped: bool  # it is the lab's own
    folder: Path  # of the fresh runs


def plan(lab: Lab, options: Options) -> Plan:
    """Return all that `finalize` would do; raise what it would raise at its start."""
    refuse_early(lab, options)
    history = lab.history()
    line = KeptLine(lab.repository, history)
    whole = line.tree_of(line.commit_of(history.kept[-1]))
    keeps = tuple(_planned(line, keep, whole) for keep in line.keeps)
    tested = sum(one.left_out for one in keeps)
    sizes = lab.contract.scaling.sizes if lab.contract.scaling else ()
    others = CONFIRMING_RUNS + 2 * RUNS_OF_A_SIZE * len(sizes)
    most = MOST_CONTROLS + MOST_RUNS * tested
    # Passengers that go together are judged once more; at worst each of them returns in turn.
    most += (MOST_CONTROLS + MOST_RUNS) * max(0, tested - 1)
    folder = folder_of(lab, history.kept[-1])
    source = lab.settings.origin.repository
    return Plan(
        lab=lab.name,
        incumbent=history.kept[-1],
        near_misses=offered(lab),
        keeps=keeps,
        fewest_runs=others + (FIRST_CONTROLS + FIRST_RUNS * tested if tested else 0),
        most_runs=options.runs or others + (most if tested else 0),
        done=FreshRuns(lab, folder, lambda *_: None).used,
        seconds_each=run_seconds(history),
        at_once=lab.runs.at_once(),
        unseen_parts=len(unseen_parts(history, count_parts(lab))),
        sizes=sizes,
        commits=idea_commits(lab, line, _nothing_dropped(keeps)),
        branch=options.branch or default_branch(lab),
        repository=source or lab.repository.path,
        shipped=source is None,
        folder=folder,
    )


def _planned(line: KeptLine, keep: str, whole: str) -> PlannedKeep:
    removable = line.removable(keep)
    gone = removable and line.tree_without({keep}) == whole
    return PlannedKeep(
        keep=keep,
        hypothesis=line.history.experiments[keep].hypothesis,
        left_out=removable and not gone,
        built_on="" if removable else line.built_on(keep) or "",
        gone=gone,
    )


def _nothing_dropped(keeps: tuple[PlannedKeep, ...]) -> Ablation:
    answers = (
        KeepAnswer(keep=one.keep, standing=Standing.GONE if one.gone else Standing.UNDECIDED)
        for one in keeps
    )
    return Ablation(answers=tuple(answers))
