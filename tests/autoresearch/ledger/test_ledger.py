"""Appending to the ledger and reading it."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autoresearch.errors import LedgerDamagedError
from autoresearch.git.repository import Repository
from autoresearch.ledger import serialization as envelope
from autoresearch.ledger.anchor import Anchor, write_anchor
from autoresearch.ledger.events import Event
from autoresearch.ledger.history import History
from autoresearch.ledger.ledger import INCUMBENT_REF, LEDGER_REF, Ledger
from autoresearch.ledger.verification import verify
from autoresearch.records import Concluded
from tests.support.paths import ROOT
from tests.support.refusals import raises
from tests.support.samples import (
    concluded,
    finished,
    judged,
    proposed,
)
from tests.support.small import APPENDING, Small, findings, forge, one, recall


@pytest.mark.slow
def test_what_was_appended_is_read_by_a_server_that_starts_later(small: Small) -> None:
    history = small.ledger().history()
    assert [type(entry.event).__name__ for entry in history.entries[:3]] == [
        *("LabOpened", "Proposed", "RunStarted")
    ]
    assert [entry.n for entry in history.entries] == list(range(16))
    assert [entry.at for entry in history.entries] == [float(1_000 + n) for n in range(16)]
    assert history.kept == ("e0", "e1")
    assert small.repo.resolve(LEDGER_REF) == history.head
    assert small.repo.resolve(INCUMBENT_REF) == history.experiments["e1"].commit


@pytest.mark.slow
def test_a_build_that_gives_nothing_appends_nothing(small: Small) -> None:
    ledger = small.ledger()
    before = ledger.history().head
    assert ledger.append(lambda _: None) is None
    assert ledger.history().head == before


@pytest.mark.slow
def test_history_is_read_again_only_when_the_branch_moved(small: Small) -> None:
    one_server, other = small.ledger(), small.ledger()
    before = one_server.history()
    assert one_server.history() is before
    other.append(one(concluded("e2", "seen from elsewhere")))
    assert len(one_server.history().entries) == len(before.entries) + 1
    assert before.lessons["e2"][-1].lesson == "wider is slower"


def test_a_ref_that_git_keeps_in_no_file_is_read_every_time(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert small.repo.ref_stamp("refs/heads/nowhere") is None
    monkeypatch.setattr(Repository, "ref_stamp", lambda *_: None)  # as with reftable
    one_server, other = small.ledger(), small.ledger()
    before = one_server.history()
    other.append(one(concluded("e2", "seen from elsewhere")))
    assert len(one_server.history().entries) == len(before.entries) + 1


def test_an_event_that_contradicts_the_history_is_not_written(small: Small) -> None:
    ledger = small.ledger()
    before = ledger.history().head
    with raises("ledger_damaged.ended_twice"):
        ledger.append(one(finished("e1-r1")))
    with raises("ledger_damaged.not_finite"):
        ledger.append(one(judged("e1", "e0", effect=float("nan"))))
    assert small.ledger().history().head == before


def test_of_several_events_all_are_written_or_none(small: Small) -> None:
    ledger = small.ledger()
    with pytest.raises(LedgerDamagedError):
        ledger.append_all(lambda _: (concluded("e1", "x"), finished("e1-r1")))
    assert len(small.ledger().history().entries) == 16


@pytest.mark.slow
def test_nothing_is_built_on_what_a_stranger_put_into_the_ledger(small: Small) -> None:
    """Else the next head written down would take the stranger's event in for good."""
    ledger, seen = small.ledger(), []

    def build(history: History) -> Event:
        seen.append(len(history.entries))
        if len(seen) == 1:  # somebody who does not know of the lock
            forge(small, envelope.encode(16, 0.0, concluded("e1", "theirs")))
        return concluded("e1", "ours")

    for _ in range(2):
        with raises("ledger_damaged.anchor_differs", "16", "15"):
            ledger.append(build)
    assert seen == [16]
    assert "Events were added by others: 16 events were recorded, 17 read" in findings(small)


def test_nothing_is_appended_where_the_written_head_is_gone(small: Small) -> None:
    (small.folder / "anchor.json").unlink()
    with raises("ledger_damaged.anchor_differs", "anchor.json"):
        small.ledger().append(one(concluded("e1", "x")))


@pytest.mark.slow
@pytest.mark.parametrize("moved", [True, False], ids=["after the move", "before the move"])
def test_a_process_that_dies_between_moving_and_writing_down_leaves_a_sound_ledger(
    small: Small, moved: bool
) -> None:
    last = small.ledger().history().entries[-1]
    new = forge(small, envelope.encode(16, 0.0, concluded("e1", "x")))
    if not moved:
        assert small.repo.move_refs({LEDGER_REF: (last.commit, new)})
    then = Anchor(head=new, count=17)
    write_anchor(small.folder / "anchor.json", Anchor(head=last.commit, count=16, next=then))
    assert findings(small) == ""
    small.ledger().append(one(concluded("e1", "and on")))
    assert findings(small) == ""
    assert "next" not in (small.folder / "anchor.json").read_text()


@pytest.mark.slow
def test_two_processes_lose_nothing_and_write_nothing_twice(small: Small) -> None:
    command = [sys.executable, "-c", APPENDING, str(small.folder)]
    children = [subprocess.Popen([*command, name], cwd=ROOT) for name in ("left", "right")]
    assert [child.wait(timeout=60) for child in children] == [0, 0]
    history = small.ledger().history()
    told = [e.event.lesson for e in history.entries if isinstance(e.event, Concluded)]
    assert sorted(told[3:]) == sorted(f"{n} {i}" for n in ("left", "right") for i in range(50))
    for name in ("left", "right"):
        assert [t for t in told if t.startswith(name)] == [f"{name} {i}" for i in range(50)]
    assert findings(small) == ""


@pytest.mark.slow
def test_threads_of_one_server_share_a_ledger(small: Small) -> None:
    ledger = small.ledger()

    def work(name: int) -> None:
        for i in range(5):
            ledger.append(one(concluded("e1", f"{name} {i}")))
            assert f"{name} {i}" in [told.lesson for told in ledger.history().lessons["e1"]]
            recall(ledger, str(i))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    told = [one.lesson for one in small.ledger().history().lessons["e1"][1:]]
    assert sorted(told) == sorted(f"{name} {i}" for name in range(4) for i in range(5))


def test_a_ledger_with_no_events_is_empty_and_sound(tmp_path: Path) -> None:
    repo = Repository.create(tmp_path / "l.git")
    ledger = Ledger(repo, tmp_path / "cache.sqlite", tmp_path / "anchor.json")
    assert ledger.history() == History()
    assert recall(ledger, "anything") == ()
    assert verify(ledger).ok


@pytest.mark.slow
@pytest.mark.parametrize("there", ["e0", "e2", None], ids=["behind", "elsewhere", "gone"])
def test_an_incumbent_that_is_not_where_the_ledger_says_is_put_back_by_the_next_event(
    small: Small, there: str | None
) -> None:
    ledger = small.ledger()
    commits = {e.id: e.commit for e in ledger.history().experiments.values()}
    small.repo.move_refs({INCUMBENT_REF: (commits[there] if there else None, commits["e1"])})
    ledger.append(lambda h: proposed(h, commits["e2"]))
    assert small.repo.resolve(INCUMBENT_REF) == commits["e1"]
    assert findings(small) == ""


@pytest.mark.slow
@pytest.mark.parametrize("there", ["e0", "e3"], ids=["behind", "ahead"])
def test_a_keep_moves_an_incumbent_that_a_killed_git_left_elsewhere(
    small: Small, there: str
) -> None:
    ledger = small.ledger()
    base = ledger.history().experiments["e2"].commit
    commit = small.repo.commit_tree(small.repo.make_tree({}), [base], "e3")
    ledger.append(lambda h: proposed(h, commit))
    commits = {e.id: e.commit for e in ledger.history().experiments.values()}
    small.repo.move_refs({INCUMBENT_REF: (commits[there], commits["e1"])})
    ledger.append(one(judged("e3", "e1", moved=True)))
    assert small.repo.resolve(INCUMBENT_REF) == commit
    assert findings(small) == ""


@pytest.mark.slow
@pytest.mark.parametrize("ref", [LEDGER_REF, INCUMBENT_REF])
def test_a_lock_that_a_killed_git_left_over_does_not_block_the_lab(small: Small, ref: str) -> None:
    ledger = small.ledger()
    commit = ledger.history().experiments["e2"].commit
    ledger.append(lambda h: proposed(h, commit))
    lock = small.repo.path / f"{ref}.lock"
    lock.write_text("")
    ledger.append(one(judged("e3", "e1", moved=True)))
    assert not lock.exists()
    assert findings(small) == ""


@pytest.mark.slow
def test_a_server_notices_that_the_branch_was_rewritten_under_it(small: Small) -> None:
    ledger = small.ledger()
    ledger.history()
    forge(small, envelope.encode(15, 1_015.0, concluded("e2", "wider is better")), n=15)
    with raises("ledger_damaged.not_continued"):
        ledger.history()
    head, earlier = small.repo.resolve(LEDGER_REF), small.ledger().history().entries[3].commit
    small.repo.move_refs({LEDGER_REF: (earlier, head)})
    with raises("ledger_damaged.not_continued"):
        ledger.history()
    small.repo.move_refs({LEDGER_REF: (None, earlier)})
    with raises("ledger_damaged.branch_gone"):
        ledger.history()


@pytest.mark.slow
def test_the_anchor_is_the_last_head(small: Small) -> None:
    entry = small.ledger().append(one(concluded("e1", "x")))
    assert entry is not None
    anchor = json.loads((small.folder / "anchor.json").read_text())
    assert anchor == {"head": entry.commit, "count": 17}
    assert not list(small.folder.glob("*.new"))
