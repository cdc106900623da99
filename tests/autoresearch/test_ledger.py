"""Appending to the ledger, reading it, asking it, and finding out what was done to it."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from autoresearch import envelope
from autoresearch.errors import LedgerDamaged, NotNow
from autoresearch.history import History
from autoresearch.ledger import FILE, INCUMBENT_REF, LEDGER_REF, Ledger
from autoresearch.records import Concluded, Event, FileChange, Outcome, Verdict
from autoresearch.workspace import Repository
from tests.autoresearch.samples import (
    OPENED,
    all_kinds,
    concluded,
    finished,
    judged,
    proposed,
    started,
)

ROOT = Path(__file__).parents[2]
OTHER_PROCESS = """
import sys
from pathlib import Path
from autoresearch.ledger import Ledger
from autoresearch.workspace import Repository
from tests.autoresearch.samples import concluded
folder, name = Path(sys.argv[1]), sys.argv[2]
ledger = Ledger(Repository(folder / "l.git"), folder / "cache.sqlite", folder / "anchor.json")
for i in range(50):
    ledger.append(lambda _: concluded("e0", f"{name} {i}"))
    if i % 10 == 0:
        assert ledger.recall(words=name)
"""


@dataclass(frozen=True, slots=True)
class Small:
    """A lab's folder with e0 (kept) and e1, e2 on it, each with a verdict and a lesson."""

    folder: Path

    @property
    def repo(self) -> Repository:
        return Repository(self.folder / "l.git")

    def ledger(self) -> Ledger:
        """As a server that starts now would open it."""
        paths = (self.folder / "cache.sqlite", self.folder / "anchor.json")
        return Ledger(self.repo, *paths, clock=iter(range(1_000, 9_000)).__next__)


def one(event: Event) -> Callable[[History], Event]:
    return lambda _: event


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Small:
    small = Small(tmp_path_factory.mktemp("small"))
    repo = Repository.create(small.repo.path)
    base = repo.import_files({"train.py": b"lr = 1\n"}, "base")
    ledger = small.ledger()
    ledger.append_all(lambda _: all_kinds(base))
    for text in ("lr = 2\n", "width = 3\n"):
        commit = repo.commit_edits(base, {"train.py": text.encode()}, text)
        ledger.append(lambda h, commit=commit: proposed(h, commit, hypothesis=_WHY[commit_of(h)]))
    for name, lesson in (("e1", "the schedule matters"), ("e2", "wider is slower")):
        ledger.append(lambda h, name=name: started(h, name))
        ledger.append(one(finished(f"{name}-r1")))
        verdict = judged(name, "e0", moved=name == "e1", candidate_runs=(f"{name}-r1",))
        ledger.append_all(lambda _, v=verdict, n=name, t=lesson: (v, concluded(n, t)))
    return small


_WHY = {1: "a higher learning rate trains faster", 2: "a wider model learns more"}


def commit_of(history: History) -> int:
    return len(history.experiments)


@pytest.fixture
def small(made: Small, tmp_path: Path) -> Small:
    shutil.copytree(made.folder, tmp_path / "small")
    return Small(tmp_path / "small")


def forge(small: Small, blob: bytes, *, n: int | None = None) -> str:
    """Write a commit as an attacker would, on the head or in the place of event `n`."""
    repo, entries = small.repo, small.ledger().history().entries
    parent = entries[-1 if n is None else n - 1].commit
    commit = repo.commit_tree(repo.make_tree({FILE: repo.write_blob(blob)}), [parent], "forged")
    assert repo.move_refs({LEDGER_REF: (commit, entries[-1].commit)})
    return commit


def findings(small: Small) -> str:
    found = small.ledger().verify(lambda _, verdict: verdict)
    assert found.ok == (not found.findings)
    return "\n".join(found.findings)


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


def test_a_build_that_gives_nothing_appends_nothing(small: Small) -> None:
    ledger = small.ledger()
    before = ledger.history().head
    assert ledger.append(lambda _: None) is None
    assert ledger.history().head == before


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
    with pytest.raises(LedgerDamaged, match="ended twice"):
        ledger.append(one(finished("e1-r1")))
    with pytest.raises(LedgerDamaged, match="not finite"):
        ledger.append(one(judged("e1", "e0", effect=float("nan"))))
    assert small.ledger().history().head == before


def test_of_several_events_all_are_written_or_none(small: Small) -> None:
    ledger = small.ledger()
    with pytest.raises(LedgerDamaged):
        ledger.append_all(lambda _: (concluded("e1", "x"), finished("e1-r1")))
    assert len(small.ledger().history().entries) == 16


def test_a_lost_race_is_run_again_on_the_newer_history(small: Small) -> None:
    ledger, seen = small.ledger(), []

    def build(history: History) -> Event:
        seen.append(len(history.entries))
        if len(seen) == 1:  # somebody who does not know of the lock
            forge(small, envelope.encode(16, 0.0, concluded("e1", "theirs")))
        return concluded("e1", "ours")

    entry = ledger.append(build)
    assert entry is not None
    assert (entry.n, seen) == (17, [16, 17])
    assert [told.lesson for told in small.ledger().history().lessons["e1"]][-2:] == [
        *("theirs", "ours")
    ]


@pytest.mark.slow
def test_two_processes_lose_nothing_and_write_nothing_twice(small: Small) -> None:
    command = [sys.executable, "-c", OTHER_PROCESS, str(small.folder)]
    children = [subprocess.Popen([*command, name], cwd=ROOT) for name in ("left", "right")]
    assert [child.wait(timeout=60) for child in children] == [0, 0]
    history = small.ledger().history()
    told = [e.event.lesson for e in history.entries if isinstance(e.event, Concluded)]
    assert sorted(told[3:]) == sorted(f"{n} {i}" for n in ("left", "right") for i in range(50))
    for name in ("left", "right"):
        assert [t for t in told if t.startswith(name)] == [f"{name} {i}" for i in range(50)]
    assert findings(small) == ""


def test_threads_of_one_server_share_a_ledger(small: Small) -> None:
    ledger = small.ledger()

    def work(name: int) -> None:
        for i in range(5):
            ledger.append(one(concluded("e1", f"{name} {i}")))
            assert f"{name} {i}" in [told.lesson for told in ledger.history().lessons["e1"]]
            ledger.recall(str(i))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    told = [one.lesson for one in small.ledger().history().lessons["e1"][1:]]
    assert sorted(told) == sorted(f"{name} {i}" for name in range(4) for i in range(5))


def test_a_ledger_with_no_events_is_empty_and_sound(tmp_path: Path) -> None:
    repo = Repository.create(tmp_path / "l.git")
    ledger = Ledger(repo, tmp_path / "cache.sqlite", tmp_path / "anchor.json")
    assert ledger.history() == History()
    assert ledger.recall("anything") == ()
    assert ledger.verify().ok


def test_words_find_hypotheses_and_lessons(small: Small) -> None:
    ledger = small.ledger()
    assert ledger.recall("learning RATES") == ("e1", "e2")
    assert ledger.recall("schedule") == ("e1",)
    assert ledger.recall("wider") == ("e2",)
    assert ledger.recall("train.py", outcome=Outcome.DISCARD) == ("e2",)
    assert ledger.recall('nothing "like* this) OR') == ()
    ledger.append(one(concluded("e2", "dropout hurts")))
    assert ledger.recall("dropout") == ("e2",)


def test_without_words_the_newest_come_first(small: Small) -> None:
    ledger = small.ledger()
    assert ledger.recall() == ("e2", "e1", "e0")
    assert ledger.recall(limit=1) == ("e2",)
    assert ledger.recall(words="?!") == ("e2", "e1", "e0")


def test_paths_lines_and_outcomes_narrow(small: Small) -> None:
    ledger = small.ledger()
    commit = ledger.history().experiments["e2"].commit
    change = FileChange(path="models/mlp.py", added=9, removed=0, spans=())
    ledger.append(lambda h: proposed(h, commit, changes=(change,)))
    assert ledger.recall(path="train.py") == ("e2", "e1")
    assert ledger.recall(path="models") == ledger.recall(path="models/") == ("e3",)
    assert ledger.recall(path="model") == ()
    assert ledger.recall(path="train.py", lines=(4, 8)) == ("e2", "e1")
    assert ledger.recall(path="train.py", lines=(5, 8)) == ()
    assert ledger.recall(outcome=Outcome.KEEP) == ("e1",)


def test_the_search_works_without_full_text_search(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autoresearch.cache._FTS", "CREATE VIRTUAL TABLE words USING missing(x)")
    (small.folder / "cache.sqlite").unlink(missing_ok=True)
    ledger = small.ledger()
    assert ledger.recall("rate learn") == ("e1", "e2")
    assert ledger.recall("dropout") == ()
    ledger.append(one(concluded("e2", "dropout hurts")))
    assert ledger.recall("dropout", path="train.py", lines=(1, 3)) == ("e2",)


def old_schema(cache: Path) -> None:
    cache.unlink()
    with sqlite3.connect(cache) as db:
        db.execute("CREATE TABLE events (something TEXT)")
        db.execute("PRAGMA user_version=999")


def torn(cache: Path) -> None:
    content = bytearray(cache.read_bytes())
    content[100:] = b"\xff" * (len(content) - 100)
    cache.write_bytes(content)


@pytest.mark.parametrize(
    "spoil",
    [
        Path.unlink,
        lambda cache: cache.write_bytes(b"no database " * 1_000),
        lambda cache: cache.write_bytes(b""),
        lambda cache: cache.write_bytes(cache.read_bytes()[:5_000]),
        torn,
        old_schema,
    ],
    ids=["deleted", "garbage", "empty", "truncated", "torn", "old schema"],
)
def test_a_spoilt_cache_is_rebuilt_without_a_word(
    small: Small, spoil: Callable[[Path], object]
) -> None:
    small.ledger().recall("anything")
    spoil(small.folder / "cache.sqlite")
    assert small.ledger().recall("schedule") == ("e1",)
    found = small.ledger().verify()
    assert (found.ok, found.cache) == (True, "agrees")


def test_a_cache_that_cannot_be_written_is_done_without(small: Small) -> None:
    cache = small.folder / "cache.sqlite"
    cache.unlink(missing_ok=True)
    (small.folder / "cache.sqlite-journal").mkdir()
    assert small.ledger().recall("schedule") == ("e1",)


def test_a_cache_of_another_ledger_is_rebuilt(small: Small, made: Small) -> None:
    small.ledger().recall()
    with sqlite3.connect(small.folder / "cache.sqlite") as db:
        db.execute("UPDATE events SET hash = 'x' WHERE n = 15")
    assert small.ledger().recall("schedule") == ("e1",)
    assert small.ledger().verify().cache == "agrees"


def test_verify_finds_nothing_where_nothing_was_done(small: Small) -> None:
    found = small.ledger().verify(lambda _, verdict: verdict)
    assert (found.ok, found.findings, found.cache) == (True, (), "rebuilt")
    assert (found.entries, found.experiments, found.verdicts) == (16, 3, 3)
    assert "as event 15, from" in found.anchor
    assert small.ledger().verify().cache == "agrees"


def test_verify_sees_an_edited_row_of_the_cache(small: Small) -> None:
    small.ledger().recall()
    with sqlite3.connect(small.folder / "cache.sqlite") as db:
        db.execute("UPDATE events SET record = replace(record, 'discard', 'keep')")
    assert small.ledger().verify().cache == "rebuilt"


@pytest.mark.slow
def test_verify_finds_nothing_while_another_process_appends(small: Small) -> None:
    command = [sys.executable, "-c", OTHER_PROCESS, str(small.folder), "other"]
    with subprocess.Popen(command, cwd=ROOT) as child:
        seen = [small.ledger().verify()]
        while child.poll() is None:
            seen.append(small.ledger().verify())
    assert child.returncode == 0
    seen.append(small.ledger().verify())
    assert {found.findings for found in seen} == {()}
    counts = [found.entries for found in seen]
    assert counts == sorted(counts)
    assert counts[-1] == 66


def test_verify_compares_what_belonged_together_when_it_began(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, fsck = small.ledger(), Repository.fsck
    ledger.recall()

    def fsck_while_others_append(repo: Repository) -> str | None:
        other = small.ledger()
        commit = other.history().experiments["e2"].commit
        other.append(lambda h: proposed(h, commit))
        other.append(one(judged("e3", "e1", moved=True)))
        other.recall()
        return fsck(repo)

    monkeypatch.setattr(Repository, "fsck", fsck_while_others_append)
    found = ledger.verify()
    assert (found.findings, found.entries, found.cache) == ((), 16, "agrees")
    with sqlite3.connect(small.folder / "cache.sqlite") as db:
        assert db.execute("SELECT count(*) FROM events").fetchone() == (18,)


def test_verify_finds_a_flipped_byte_in_any_event(small: Small) -> None:
    for entry in small.ledger().history().entries[::5]:
        for suffix in ("", f":{FILE}"):
            name = small.repo.git.run("rev-parse", entry.commit + suffix).decode().strip()
            file = small.repo.path / "objects" / name[:2] / name[2:]
            sound = file.read_bytes()
            file.chmod(0o600)
            file.write_bytes(sound[:20] + bytes([sound[20] ^ 1]) + sound[21:])
            assert name[:12] in findings(small)
            file.write_bytes(sound)
    assert findings(small) == ""


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

    found = small.ledger().verify(judge_again)
    assert not found.ok
    [said] = found.findings
    assert "verdict on e1 does not follow" in said
    assert "outcome" in said


def test_verify_reports_a_verdict_that_cannot_be_derived(small: Small) -> None:
    def judge_again(history: History, verdict: Verdict) -> Verdict:
        raise NotNow("there is no judge of version 1")

    assert "no judge of version 1" in small.ledger().verify(judge_again).findings[0]


def test_verify_finds_an_incumbent_that_was_moved_by_hand(small: Small) -> None:
    commits = {e.id: e.commit for e in small.ledger().history().experiments.values()}
    small.repo.move_refs({INCUMBENT_REF: (commits["e2"], commits["e1"])})
    assert "incumbent's branch is at" in findings(small)


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


def test_verify_finds_an_experiment_without_its_code(small: Small) -> None:
    ledger = small.ledger()
    commit = ledger.history().experiments["e2"].commit
    forge(small, envelope.encode(16, 0.0, proposed(ledger.history(), commit)))
    assert "Event 16" in findings(small)
    assert "the experiment's commit" in findings(small)


@pytest.mark.parametrize(
    ("blob", "why"),
    [
        (b"{}", "does not read"),
        (envelope.encode(9, 0.0, concluded("e1", "x")), "says it is number 9"),
        (envelope.encode(16, 0.0, finished("e1-r1")), "ended twice"),
        (envelope.encode(16, 0.0, OPENED), "opened already"),
    ],
)
def test_an_event_written_by_hand_stops_reading_and_is_found(
    small: Small, blob: bytes, why: str
) -> None:
    forge(small, blob)
    with pytest.raises(LedgerDamaged, match=why):
        small.ledger().history()
    assert why in findings(small)
    assert small.ledger().verify().entries == 16


def test_a_commit_without_an_event_is_damage(small: Small) -> None:
    repo, head = small.repo, small.repo.resolve(LEDGER_REF)
    assert head is not None
    tree = repo.make_tree({"other.json": repo.write_blob(b"{}")})
    repo.move_refs({LEDGER_REF: (repo.commit_tree(tree, [head], "x"), head)})
    with pytest.raises(LedgerDamaged, match=r"has no event\.json"):
        small.ledger().history()
    assert "has no event.json" in findings(small)


def test_a_server_notices_that_the_branch_was_rewritten_under_it(small: Small) -> None:
    ledger = small.ledger()
    ledger.history()
    forge(small, envelope.encode(15, 1_015.0, concluded("e2", "wider is better")), n=15)
    with pytest.raises(LedgerDamaged, match="no longer continues"):
        ledger.history()
    head, earlier = small.repo.resolve(LEDGER_REF), small.ledger().history().entries[3].commit
    small.repo.move_refs({LEDGER_REF: (earlier, head)})
    with pytest.raises(LedgerDamaged, match="no longer continues"):
        ledger.history()
    small.repo.move_refs({LEDGER_REF: (None, earlier)})
    with pytest.raises(LedgerDamaged, match="is gone"):
        ledger.history()


def test_a_missing_or_unreadable_anchor_is_said(small: Small) -> None:
    anchor = small.folder / "anchor.json"
    anchor.write_text("{")
    assert "does not read" in findings(small)
    anchor.unlink()
    found = small.ledger().verify()
    assert "no anchor" in found.anchor
    assert not found.ok


def test_the_anchor_is_the_last_head(small: Small) -> None:
    entry = small.ledger().append(one(concluded("e1", "x")))
    assert entry is not None
    anchor = json.loads((small.folder / "anchor.json").read_text())
    assert anchor == {"head": entry.commit, "count": 17}
    assert not list(small.folder.glob("*.new"))
