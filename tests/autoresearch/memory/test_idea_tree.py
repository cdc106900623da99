"""Each experiment stands below the one that it came from, with how it came."""

from autoresearch.memory.idea_tree import Relation, idea_tree
from server.views.memory_words import tree_lines
from tests.support.samples import judged
from tests.support.told import Told


def test_every_experiment_is_once_in_the_tree_after_its_parent() -> None:
    told = Told()
    one = told.propose()
    told.tell(judged(one, "e0", moved=True))
    two, three = told.propose(), told.propose()
    told.propose(replay_of=two)
    told.propose(stack=(two, three))
    again = told.propose(reopened_from=three)
    below = told.propose(replay_of=again)
    found = idea_tree(told.history)
    assert sorted(idea.experiment for idea in found) == sorted(told.history.experiments)
    place = {idea.experiment: n for n, idea in enumerate(found)}
    assert all(idea.parent is None or place[idea.parent] < place[idea.experiment] for idea in found)
    known = {idea.experiment: idea for idea in found}
    assert {name: (known[name].parent, known[name].relation) for name in known} == {
        "e0": (None, None),
        "e1": ("e0", Relation.BUILT_ON),
        "e2": ("e1", Relation.BUILT_ON),
        "e3": ("e1", Relation.BUILT_ON),
        "e4": ("e2", Relation.REPLAY_OF),
        "e5": ("e2", Relation.STACK_OF),
        "e6": ("e3", Relation.REOPENED_FROM),
        "e7": ("e6", Relation.REPLAY_OF),
    }
    assert known["e5"].others == ("e3",)
    assert known[below].depth == 4
    lines = list(tree_lines(told.history))
    assert lines[0].startswith("e0 baseline: ")
    assert "  e1 keep +0.1: hypothesis e1" in lines
    assert any("[a stack of e2 and e3, on e1]" in line for line in lines)


def test_a_line_longer_than_pythons_stack_is_a_tree_too() -> None:
    told = Told()
    for _ in range(1200):
        name, base = told.propose(), told.history.incumbent
        assert base is not None
        told.tell(judged(name, base, moved=True))
    assert idea_tree(told.history)[-1].depth == 1200
