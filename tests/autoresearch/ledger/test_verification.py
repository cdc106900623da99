"""Whatever was done to the ledger, `verify` finds it and says it in a sentence."""

import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest

from autoresearch.errors import InvalidStateError
from autoresearch.git.repository import Repository
from autoresearch.ledger import serialization as envelope
from autoresearch.ledger.history import History
from autoresearch.ledger.ledger import INCUMBENT_REF, LEDGER_REF
from autoresearch.ledger.verification import verify
from autoresearch.records import Outcome, Verdict
from tests.support.paths import ROOT
from tests.support.refusals import raises
from tests.support.samples import (
    OPENED,
    concluded,
    finished,
    judged,
    proposed,
)
from tests.support.small import APPENDING, Small, findings, forge, one, recall


def test_verify_finds_nothing_where_nothing_was_done(small: Small) -> None:
    found = verify(small.ledger(), lambda _, verdict: verdict)
    assert (found.ok, found.findings, found.cache) == (True, (), "rebuilt")
    assert (found.entries, found.experiments, found.verdicts) == (16, 3, 3)
    assert "as event 15, from" in found.anchor
    assert verify(small.ledger()).cache == "agrees"


@pytest.mark.long
def test_verify_finds_nothing_while_another_process_appends(small: Small) -> None:
    command = [sys.executable, "-c", APPENDING, str(small.folder), "other"]
    with subprocess.Popen(command, cwd=ROOT) as child:
        seen = [verify(small.ledger())]
        while child.poll() is None:
            seen.append(verify(small.ledger()))
    assert child.returncode == 0
    seen.append(verify(small.ledger()))
    assert {found.findings for found in seen} == {()}
    counts = [found.entries for found in seen]
    assert counts == sorted(counts)
    assert counts[-1] == 66


@pytest.mark.slow
def test_verify_compares_what_belonged_together_when_it_began(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, fsck = small.ledger(), Repository.fsck
    recall(ledger)

    def fsck_while_others_append(repo: Repository) -> str | None:
        other = small.ledger()
        commit = other.history().experiments["e2"].commit
        other.append(lambda h: proposed(h, commit))
        other.append(one(judged("e3", "e1", moved=True)))
        recall(other)
        return fsck(repo)

    monkeypatch.setattr(Repository, "fsck", fsck_while_others_append)
    found = verify(ledger)
    assert (found.findings, found.entries, found.cache) == ((), 16, "agrees")
    with sqlite3.connect(small.folder / "cache.sqlite") as db:
        assert db.execute("SELECT count(*) FROM events").fetchone() == (18,)


def test_verify_finds_a_dropped_tail(small: Small) -> None:
    entries = small.ledger().history().entries
    small.repo.move_refs({LEDGER_REF: (entries[-3].commit, entries[-1].commit)})
    assert "tail was dropped: 16 events were recorded, 14 read" in findings(small)


def test_verify_finds_a_dropped_branch(small: Small) -> None:
    head = small.repo.resolve(LEDGER_REF)
    small.repo.move_refs({LEDGER_REF: (None, head)})
    assert "tail was dropped: 16 events were recorded, 0 read" in findings(small)


def test_verify_finds_a_consistent_rewrite(small: Small) -> None:
    forge(small, envelope.encode(15, 1_015.0, concluded("e2", "wider is better")), n=15)
    assert "rewritten: event 15 is not the one recorded" in findings(small)


def test_verify_finds_a_verdict_that_does_not_follow(small: Small) -> None:
    def judge_again(history: History, verdict: Verdict) -> Verdict:
        assert verdict.experiment not in history.verdicts
        return replace(verdict, outcome=Outcome.DISCARD, moved_incumbent=False)

    found = verify(small.ledger(), judge_again)
    assert not found.ok
    [said] = found.findings
    assert "verdict on e1 does not follow" in said
    assert "outcome" in said


def test_verify_reports_a_verdict_that_cannot_be_derived(small: Small) -> None:
    def judge_again(history: History, verdict: Verdict) -> Verdict:
        raise InvalidStateError("there is no judge of version 1")

    assert "no judge of version 1" in verify(small.ledger(), judge_again).findings[0]


def test_verify_finds_an_incumbent_that_was_moved_by_hand(small: Small) -> None:
    commits = {e.id: e.commit for e in small.ledger().history().experiments.values()}
    small.repo.move_refs({INCUMBENT_REF: (commits["e2"], commits["e1"])})
    assert "incumbent's branch is at" in findings(small)


@pytest.mark.slow
def test_verify_finds_an_experiment_without_its_code(small: Small) -> None:
    ledger = small.ledger()
    commit = ledger.history().experiments["e2"].commit
    forge(small, envelope.encode(16, 0.0, proposed(ledger.history(), commit)))
    assert "Event 16" in findings(small)
    assert "the experiment's commit" in findings(small)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        (b"{}", "unreadable_event"),
        (envelope.encode(9, 0.0, concluded("e1", "x")), "wrong_number"),
        (envelope.encode(16, 0.0, finished("e1-r1")), "ended_twice"),
        (envelope.encode(16, 0.0, OPENED), "opened_twice"),
    ],
)
def test_an_event_written_by_hand_stops_reading_and_is_found(
    small: Small, blob: bytes, reason: str
) -> None:
    forge(small, blob)
    with raises(f"ledger_damaged.{reason}") as refused:
        small.ledger().history()
    assert refused.value.message in findings(small)
    assert verify(small.ledger()).entries == 16


@pytest.mark.slow
def test_a_commit_without_an_event_is_damage(small: Small) -> None:
    repo, head = small.repo, small.repo.resolve(LEDGER_REF)
    assert head is not None
    tree = repo.make_tree({"other.json": repo.write_blob(b"{}")})
    repo.move_refs({LEDGER_REF: (repo.commit_tree(tree, [head], "x"), head)})
    with raises("ledger_damaged.no_event", "event.json") as refused:
        small.ledger().history()
    assert refused.value.message in findings(small)


@pytest.mark.slow
def test_a_missing_or_unreadable_anchor_is_said(small: Small) -> None:
    anchor = small.folder / "anchor.json"
    anchor.write_text("{")
    assert "can't be read" in findings(small)
    anchor.unlink()
    found = verify(small.ledger())
    assert "no anchor" in found.anchor
    assert not found.ok
