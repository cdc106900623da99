"""A small ledger of made-up events, and ways to do things to it that no lab does."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoresearch.git.repository import Repository
from autoresearch.ledger.anchor import Anchor, write_anchor
from autoresearch.ledger.events import Event
from autoresearch.ledger.history import History
from autoresearch.ledger.ledger import FILE, LEDGER_REF, Ledger
from autoresearch.ledger.search_index import Question
from autoresearch.ledger.verification import verify
from tests.support.samples import all_kinds, concluded, finished, judged, proposed, started

APPENDING = """
import sys
from pathlib import Path
from autoresearch.ledger.ledger import Ledger
from autoresearch.git.repository import Repository
from tests.support.samples import concluded
from tests.support.small import recall
folder, name = Path(sys.argv[1]), sys.argv[2]
ledger = Ledger(Repository(folder / "l.git"), folder / "cache.sqlite", folder / "anchor.json")
for i in range(50):
    ledger.append(lambda _: concluded("e0", f"{name} {i}"))
    if i % 10 == 0:
        assert recall(ledger, words=name)
"""  # a program: 50 events under a name, into a folder's ledger
_WHY = {1: "a higher learning rate trains faster", 2: "a wider model learns more"}


def recall(ledger: Ledger, words: str = "", **narrow: Any) -> tuple[str, ...]:
    """What the ledger's cache answers of its present history."""
    question = Question(words=words, **narrow)
    return ledger.cache.recall(ledger.history().entries, question)


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
    """For `append`."""
    return lambda _: event


def make_small(folder: Path) -> Small:
    """The ledger of `Small`, 16 events long."""
    small = Small(folder)
    repo = Repository.create(small.repo.path)
    base = repo.import_files({"train.py": b"lr = 1\n"}, "base")
    ledger = small.ledger()
    ledger.append_all(lambda _: all_kinds(base))
    for text in ("lr = 2\n", "width = 3\n"):
        commit = edited(repo, base, {"train.py": text.encode()}, text)
        ledger.append(
            lambda h, commit=commit: proposed(h, commit, hypothesis=_WHY[len(h.experiments)])
        )
    for name, lesson in (("e1", "the schedule matters"), ("e2", "wider is slower")):
        ledger.append(lambda h, name=name: started(h, name))
        ledger.append(one(finished(f"{name}-r1")))
        verdict = judged(name, "e0", moved=name == "e1", candidate_runs=(f"{name}-r1",))
        ledger.append_all(lambda _, v=verdict, n=name, t=lesson: (v, concluded(n, t)))
    return small


def copied(small: Small, into: Path) -> Small:
    """A copy to do things to."""
    shutil.copytree(small.folder, into)
    return Small(into)


def edited(repo: Repository, base: str, files: dict[str, bytes | None], message: str) -> str:
    """A commit on `base` with new contents by path."""
    return repo.commit_tree(repo.edit_tree(base, files), (base,), message)


def forge(small: Small, blob: bytes, *, n: int | None = None) -> str:
    """Write a commit as an attacker would, on the head or in the place of event `n`."""
    repo, entries = small.repo, small.ledger().history().entries
    parent = entries[-1 if n is None else n - 1].commit
    commit = repo.commit_tree(repo.make_tree({FILE: repo.write_blob(blob)}), [parent], "forged")
    assert repo.move_refs({LEDGER_REF: (commit, entries[-1].commit)})
    return commit


def write_down(small: Small) -> None:
    """Write the head down as the lab does, whoever put it there."""
    head = small.repo.resolve(LEDGER_REF)
    assert head is not None
    anchor = Anchor(head=head, count=len(small.repo.parents(head)))
    write_anchor(small.folder / "anchor.json", anchor)


def findings(small: Small) -> str:
    """What `verify` finds, where every verdict is believed."""
    found = verify(small.ledger(), lambda _, word: word)
    assert found.ok == (not found.findings)
    return "\n".join(found.findings)
