"""The order of the served tokens is drawn from a secret that the run is never told."""

import os
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autoresearch.data.held_out_split import split_corpus
from autoresearch.data.token_feed import read_corpus
from autoresearch.lab import Lab
from autoresearch.ledger.serialization import decode, encode
from autoresearch.records import Run, RunStarted
from autoresearch.replays import experiment_replay as replaying
from autoresearch.run_directory import RunDir, RunSpec
from autoresearch.training.token_source import ServedTokens
from tests.support.fakes import NAMES, make_spec, run_to_end
from tests.support.instant import InstantExecutor, with_executor

ORDER = 2**61 + 12345


def spec_of(folder: Path, **changes: object) -> RunSpec:
    (folder / "documents.txt").write_text("\n".join(NAMES) + "\n")
    return make_spec(folder, budget=180, **changes)


def served(spec: RunSpec) -> list[int]:
    source = ServedTokens(spec)
    [reading_end] = source.pass_fds
    reader = os.dup(reading_end)
    source.begin()
    while source.pump():
        pass
    with os.fdopen(reader, "rb") as stream:
        ids = np.frombuffer(stream.read(), "<u2").tolist()
    source.abandon()
    return ids


def names_of(spec: RunSpec, ids: list[int]) -> list[str]:
    corpus = read_corpus(Path(spec.documents))
    text = "".join("|" if n == corpus.bos else corpus.characters[n] for n in ids)
    return text.strip("|").split("|")


def test_a_run_that_repeats_the_shuffle_by_its_seed_does_not_find_the_order(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, order=ORDER)
    split = split_corpus(read_corpus(Path(spec.documents)), split_seed=3, held_out=4)
    guessed = list(split.training)
    random.Random(spec.seed).shuffle(guessed)
    found = names_of(spec, served(spec))
    assert found != guessed[: len(found)]
    assert found == names_of(spec, served(spec)), "the lab can serve the same order again"
    assert found != names_of(spec, served(replace(spec, order=ORDER + 1)))


def test_a_run_of_an_older_ledger_is_served_in_the_order_of_its_seed(tmp_path: Path) -> None:
    spec = spec_of(tmp_path)
    assert spec.order is None
    split = split_corpus(read_corpus(Path(spec.documents)), split_seed=3, held_out=4)
    order = list(split.training)
    random.Random(spec.seed).shuffle(order)
    found = names_of(spec, served(spec))
    assert found == order[: len(found)]


TELLS = """
import glob, os, sys
told = [*os.environ.values(), *sys.argv]
for path in glob.glob("**", recursive=True):
    if os.path.isfile(path):
        told.append(open(path, errors="replace").read())
print("the order is", any("ORDER" in text for text in told if "TELLS" not in text))
"""


@pytest.mark.slow
@pytest.mark.real_runs
def test_the_order_stands_nowhere_that_a_run_can_see(tmp_path: Path) -> None:
    code = "# TELLS\n" + TELLS.replace("ORDER", str(ORDER))
    rundir, _ = run_to_end(tmp_path, code, order=ORDER)
    assert "the order is False" in rundir.log_file.read_text()
    assert str(ORDER) in rundir.spec_file.read_text()


def test_a_started_run_of_an_older_ledger_has_no_order_and_is_written_as_it_was() -> None:
    old = RunStarted(run=Run(id="e1-r1", experiment="e1", seed=5))
    text = encode(3, 1.0, old).replace(b',"order":null', b"")
    assert b"order" not in text
    assert decode("c" * 40, text).event == old


class Noting(InstantExecutor):
    """Takes note of the orders of the runs that are submitted."""

    def __init__(self) -> None:
        super().__init__()
        self.orders: list[int | None] = []

    def submit(self, rundir: RunDir) -> None:
        self.orders.append(rundir.read_spec().order)
        super().submit(rundir)


@pytest.mark.slow
def test_a_replay_serves_what_the_recorded_run_was_served(judged_lab: Lab) -> None:
    run = judged_lab.history().runs["e2-r1"]
    assert run.order is not None
    assert len({one.order for one in judged_lab.history().runs.values()}) > 1
    executor = Noting()
    with_executor(judged_lab, executor)
    [found] = replaying.replay(judged_lab, replaying.plan(judged_lab, "e2-r1"), lambda *_: None)
    assert found.same
    assert executor.orders == [run.order]
