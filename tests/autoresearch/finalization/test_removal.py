"""Keeps left out of the code: what merges, what is built on what."""

from pathlib import Path

import pytest

from autoresearch.finalization.removal import KeptLine, variant_name
from autoresearch.git.repository import EMPTY_TREE, Repository
from autoresearch.git.three_way_merge import MergeRefusedError
from autoresearch.ledger.history import History
from tests.support.samples import proposed

ORIGINAL = "a = 1\n\nb = 1\n\nc = 1\n"


@pytest.fixture
def line(tmp_path: Path) -> KeptLine:
    """e1 changes a, e2 adds two lines, e3 changes one of these, e4 changes c."""
    texts = [ORIGINAL]
    texts.append(texts[-1].replace("a = 1", "a = 2"))
    texts.append(texts[-1].replace("b = 1\n", "b = 1\nfor _ in range(3):\n    b += 1\n"))
    texts.append(texts[-1].replace("range(3)", "range(9)"))
    texts.append(texts[-1].replace("c = 1", "c = 2"))
    return made(Repository.create(tmp_path / "l.git"), texts)


def made(repository: Repository, texts: list[str]) -> KeptLine:
    history, commits = History(), []
    for n, text in enumerate(texts):
        parents = commits[-1:]
        tree = repository.edit_tree(EMPTY_TREE, {"t.py": text.encode()})
        commits.append(repository.commit_tree(tree, parents, f"e{n}", at=n))
        history.experiments[f"e{n}"] = proposed(history, commits[-1]).experiment
        history.proposed_at[f"e{n}"] = float(n)
        history.kept = (*history.kept, f"e{n}")
    return KeptLine(repository, history)


def text(line: KeptLine, *left_out: str, upto: str | None = None) -> str:
    tree = line.tree_without(left_out, upto)
    return line.repository.read_many([f"{tree}:t.py"])[0].decode()  # type: ignore[union-attr]


@pytest.mark.slow
def test_a_keep_that_stands_alone_is_left_out_and_all_else_stays(line: KeptLine) -> None:
    whole = text(line)
    assert text(line, "e1") == whole.replace("a = 2", "a = 1")
    assert text(line, "e4", "e1") == whole.replace("a = 2", "a = 1").replace("c = 2", "c = 1")
    assert text(line, "e1", upto="e2") == ORIGINAL.replace(
        "b = 1\n", "b = 1\nfor _ in range(3):\n    b += 1\n"
    )


@pytest.mark.slow
def test_a_keep_that_another_is_built_on_can_go_only_with_it(line: KeptLine) -> None:
    assert not line.removable("e2")
    assert line.built_on("e2") == "e3"
    assert line.built_on("e1") is None
    with pytest.raises(MergeRefusedError):
        line.tree_without({"e2"})
    assert line.removable("e2", beside=["e3"])
    assert "for" not in text(line, "e2", "e3")


@pytest.mark.slow
def test_leaving_all_out_is_the_original_code(line: KeptLine) -> None:
    assert text(line, "e1", "e2", "e3", "e4") == ORIGINAL


@pytest.mark.slow
def test_the_same_keeps_left_out_are_the_same_commit(line: KeptLine) -> None:
    assert line.commit_without(["e4", "e1"]) == line.commit_without(["e1", "e4"])
    assert line.commit_without([]) == line.commit_of("e4")
    assert variant_name(line.in_order(["e4", "e1"])) == "without-e1-e4"


def test_a_keep_that_a_later_one_replaced_leaves_the_code_as_it_is(tmp_path: Path) -> None:
    texts = [ORIGINAL, ORIGINAL.replace("a = 1", "a = 2"), ORIGINAL]
    line = made(Repository.create(tmp_path / "l.git"), texts)
    assert line.removable("e1")
    assert line.tree_without({"e1"}) == line.tree_of(line.commit_of("e2"))
