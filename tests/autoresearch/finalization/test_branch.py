"""The branch at the end: its commits, and where it is written."""

from pathlib import Path

import pytest

from autoresearch.finalization.ablation import Ablation, KeepAnswer
from autoresearch.finalization.branch import existing_tip, idea_commits, publish, write_commits
from autoresearch.finalization.passenger_test import Standing
from autoresearch.finalization.removal import KeptLine
from autoresearch.lab import Lab
from tests.support.passengers import copied_lab
from tests.support.refusals import raises
from tests.support.repositories import git


def answered(**standings: Standing) -> Ablation:
    return Ablation(
        answers=tuple(KeepAnswer(keep=keep, standing=one) for keep, one in standings.items())
    )


@pytest.mark.long
def test_the_same_commits_are_made_again_and_what_was_dropped_is_in_none(
    passengers_folder: Path, tmp_path: Path
) -> None:
    lab = copied_lab(passengers_folder, tmp_path)
    line = KeptLine(lab.repository, lab.history())
    found = answered(
        e1=Standing.GAIN,
        e2=Standing.PASSENGER,
        e3=Standing.GAIN,
        e4=Standing.PASSENGER,
        e5=Standing.UNDECIDED,
    )
    commits = idea_commits(lab, line, found)
    tip = write_commits(line, commits)
    assert write_commits(line, commits) == tip
    assert [one.keeps for one in commits] == [("e1",), ("e3",), ("e5",)]
    for one in commits:
        text = lab.repository.read_many([f"{one.tree}:train.py"])[0] or b""
        assert b"SALT = 1.0" in text
        assert b"PEPPER = 1.0" in text
    assert lab.repository.parents(tip)[0] == (line.commit_of("e0"),)


@pytest.mark.slow
def test_a_keep_that_is_gone_has_no_commit_and_dropping_all_leaves_none(
    passengers_folder: Path, tmp_path: Path
) -> None:
    lab = copied_lab(passengers_folder, tmp_path)
    line = KeptLine(lab.repository, lab.history())
    all_dropped = answered(**dict.fromkeys(line.keeps, Standing.PASSENGER))
    assert idea_commits(lab, line, all_dropped) == ()
    every = dict.fromkeys(line.keeps, Standing.GAIN)
    commits = idea_commits(lab, line, answered(**{**every, "e3": Standing.GONE}))
    assert [one.keeps for one in commits] == [("e1",), ("e2",), ("e4",), ("e5",)]
    assert commits[-1].tree == line.tree_of(line.commit_of("e5"))


@pytest.mark.slow
def test_a_shipped_targets_branch_is_in_the_labs_own_repository_and_can_be_cloned(
    tmp_path: Path,
) -> None:
    lab = Lab.open("microgpt", home=tmp_path / "home")
    history = lab.history()
    tip = lab.repository.commit_tree(
        KeptLine(lab.repository, history).tree_of(history.experiments["e0"].commit),
        (history.experiments["e0"].commit,),
        "an idea",
        at=1.0,
    )
    found = publish(lab, tip, "autoresearch/microgpt-e1")
    assert found.shipped
    assert publish(lab, tip, "autoresearch/microgpt-e1") == found
    assert existing_tip(lab, "autoresearch/microgpt-e1") == tip
    with raises("invalid_state.branch_exists"):
        publish(lab, history.experiments["e0"].commit, "autoresearch/microgpt-e1")
    command = found.look.split()
    git(tmp_path, *command[1:], "cloned")
    assert git(tmp_path / "cloned", "rev-parse", "HEAD").strip() == tip
    assert lab.verify().ok
