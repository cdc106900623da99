"""The tree of ideas: each experiment below the one that it came from, and how. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from autoresearch.ledger.history import History
from autoresearch.records import Experiment


class Relation(StrEnum):
    """Relation of an experiment to the one it came from."""

    BUILT_ON = "built_on"
    REPLAY_OF = "replay_of"  # the same patch, on a newer incumbent
    STACK_OF = "stack_of"  # several patches together
    REOPENED_FROM = "reopened_from"


@dataclass(frozen=True, slots=True, kw_only=True)
class Idea:
    """One experiment in the tree."""

    experiment: str
    parent: str | None  # None for e0
    relation: Relation | None
    base: str | None  # what its patch stands on, which may be another than its parent
    others: tuple[str, ...] = ()  # the rest of a stack
    depth: int = 0


def idea_tree(history: History) -> tuple[Idea, ...]:
    """Return the experiments in the order of the tree: each before those that came from it."""
    children: dict[str | None, list[Idea]] = {}
    for experiment in history.experiments.values():
        idea = _idea(experiment)
        children.setdefault(idea.parent, []).append(idea)
    return tuple(_walk(children))


def _idea(experiment: Experiment) -> Idea:
    parent, relation, others = experiment.base, Relation.BUILT_ON, tuple[str, ...]()
    if experiment.replay_of is not None:
        parent, relation = experiment.replay_of, Relation.REPLAY_OF
    elif experiment.stack:
        parent, relation, others = experiment.stack[0], Relation.STACK_OF, experiment.stack[1:]
    elif experiment.reopened_from is not None:
        parent, relation = experiment.reopened_from, Relation.REOPENED_FROM
    return Idea(
        experiment=experiment.id,
        parent=parent,
        relation=relation if parent is not None else None,
        base=experiment.base,
        others=others,
    )


def _walk(children: dict[str | None, list[Idea]]) -> Iterator[Idea]:
    waiting = [(0, idea) for idea in reversed(children.get(None, []))]
    while waiting:  # no recursion: a kept line may be thousands long
        depth, idea = waiting.pop()
        yield Idea(
            experiment=idea.experiment,
            parent=idea.parent,
            relation=idea.relation,
            base=idea.base,
            others=idea.others,
            depth=depth,
        )
        waiting += [(depth + 1, one) for one in reversed(children.get(idea.experiment, []))]
