"""Scoring by reveal: what the number is, and what a model can't do to it."""

import math
import re
import sys
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from autoresearch.data.held_out_split import split_corpus
from autoresearch.data.token_feed import read_corpus
from autoresearch.errors import ScoringError
from autoresearch.records import Measurement
from autoresearch.run_directory import RunDir
from autoresearch.sandboxes.unsandboxed import Unsandboxed
from autoresearch.scoring.character_scorer import score_characters
from autoresearch.scoring.scorer import score_run
from tests.support.fakes import BIGRAM, NAMES, make_run, model_target


def scored_run(folder: Path, train: str, **changes: object) -> RunDir:
    """A run directory whose training is over; its checkpoint holds a square of ones."""
    rundir = make_run(folder, train, **changes)
    rundir.out.mkdir()
    rundir.scratch.mkdir()
    vocab = read_corpus(folder / "documents.txt").vocab
    np.save(rundir.out / "model.npy", np.arange(vocab**2, dtype=float).reshape(vocab, vocab))
    return rundir


def measure(folder: Path, train: str, **changes: object) -> Measurement:
    rundir = scored_run(folder, train, **changes)
    return score_characters(rundir, rundir.read_spec(), Unsandboxed())


def failure(folder: Path, train: str, **changes: object) -> str:
    with pytest.raises(ScoringError) as caught:
        measure(folder, train, **changes)
    return caught.value.message


@pytest.mark.slow
def test_a_uniform_model_costs_the_logarithm_of_the_vocabulary(tmp_path: Path) -> None:
    (tmp_path / "documents.txt").write_text("\n".join([*NAMES, "ö", "öl"] * 2))
    found = measure(tmp_path, model_target("return np.zeros((len(tokens), vocab))"))
    corpus = read_corpus(tmp_path / "documents.txt")
    held_out = split_corpus(corpus, split_seed=3, held_out=4).held_out
    predictions = sum(len(document) + 1 for document in held_out)
    size = sum(len(document.encode()) + 1 for document in held_out)
    assert (found.documents, found.tokens) == (4, predictions)
    assert found.value == pytest.approx(math.log2(corpus.vocab) * predictions / size, rel=1e-12)


@pytest.mark.slow
def test_it_equals_a_plain_computation_and_repeats_in_any_order(tmp_path: Path) -> None:
    (tmp_path / "documents.txt").write_text("\n".join(NAMES * 2 + ("a" * 40, "be" * 20)))
    rundir = scored_run(tmp_path, BIGRAM, held_out=30)
    spec = rundir.read_spec()
    values = [score_characters(rundir, spec, Unsandboxed()).value for _ in range(2)]
    assert values[0] == pytest.approx(values[1], rel=1e-12)
    corpus = read_corpus(tmp_path / "documents.txt")
    counts = np.load(rundir.out / "model.npy") + 0.1
    chances = counts / counts.sum(axis=1, keepdims=True)
    bits, size = 0.0, 0
    for document in split_corpus(corpus, split_seed=3, held_out=30).held_out:
        ids = [corpus.bos, *(corpus.characters.index(c) for c in document), corpus.bos]
        bits -= sum(math.log2(chances[a, b]) for a, b in pairwise(ids))
        size += len(document) + 1
    assert values[0] == pytest.approx(bits / size, rel=1e-12)


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_model_sees_prefixes_only_each_grown_by_one_column(tmp_path: Path) -> None:
    """It writes down all it is shown; a prefix is never shown before it was asked about."""
    body = """open("/dev/fd/2", "wb").close()
        import os
        with open(os.environ["AUTORESEARCH_OUT"] + f"/seen-{os.getpid()}", "a") as file:
            file.write(repr(tokens.tolist()) + "\\n")
        return np.zeros((len(tokens), vocab))"""
    rundir = scored_run(tmp_path, model_target(body), held_out=3)
    score_characters(rundir, rundir.read_spec(), Unsandboxed())
    corpus = read_corpus(tmp_path / "documents.txt")
    split = split_corpus(corpus, split_seed=3, held_out=3)
    both = {3: split.held_out, 4: (*split.held_out, *split.spare_part(0))}
    by_process = list(rundir.scratch.rglob("seen-*"))
    assert len(by_process) == 2
    for file in by_process:
        seen = [eval(line) for line in file.read_text().splitlines()]
        shown = both.pop(sum(len(rows) for rows in seen if len(rows[0]) == 1))
        prefixes = Counter(
            (corpus.bos, *(corpus.characters.index(c) for c in d[:t]))
            for d in shown
            for t in range(len(d) + 1)
        )
        assert Counter(tuple(row) for rows in seen for row in rows) == prefixes
        lengths = [len(rows[0]) for rows in seen]
        assert all(b in (1, a + 1) for a, b in pairwise(lengths))


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_model_that_changes_what_it_was_given_harms_only_itself(tmp_path: Path) -> None:
    body = "tokens += 1; return np.zeros((len(tokens), vocab))"
    found = measure(tmp_path, model_target(body))
    vocab = read_corpus(tmp_path / "documents.txt").vocab
    assert found.value == pytest.approx(math.log2(vocab))


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_model_may_print_and_write_to_standard_output(tmp_path: Path) -> None:
    body = """import os
        print("x" * 100000); os.write(1, b"y" * 100000)
        return np.zeros((len(tokens), vocab))"""
    assert measure(tmp_path, model_target(body)).documents == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            "return np.zeros((len(tokens), vocab - 1))",
            "returned a shape that is shorter in dimension 2 of 2 than it should be",
        ),
        ("return np.zeros((len(tokens), vocab), int)", "returned int64 instead of floats"),
        ("return None", "returned object instead of floats"),
        ("return np.full((len(tokens), vocab), np.inf)", "logits that are NaN or infinite"),
        (
            "return np.where(np.arange(vocab) == 0, 1e200, 0.0) + np.zeros((len(tokens), 1))",
            r"^the metric is \S+e\+\d+, but must be less than 1e\+06$",
        ),
        ("raise KeyError('lost\\nit')", r"the model failed: KeyError in line \d+; its message is"),
        ("raise SystemExit(0)", r"the model failed: SystemExit in line \d+; its message"),
        (
            "raise type('held' + 'out', (Exception,), {})()",
            "^the model failed; its message is not shown, because it has seen held-out documents$",
        ),
        ("return np.zeros((7, 8, 9, 10))", "a shape of 4 dimensions instead of 2"),
        ("import os; os._exit(7)", "the model's process ended with exit status 7"),
        ("import os; os.kill(os.getpid(), 9)", "the model's process ended by signal 9"),
        (
            "import time; time.sleep(1000)",
            "the model had not answered for all documents after 1.5 s",
        ),
    ],
)
def test_a_model_that_does_not_answer_fails_with_the_reason(
    tmp_path: Path, body: str, words: str
) -> None:
    slow = {"score_s": 1.5} if "sleep" in body else {}
    assert re.search(words, failure(tmp_path, model_target(body), **slow))


@pytest.mark.slow
@pytest.mark.real_runs
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            "raise MemoryError",
            "out of memory: while being scored, the model raised MemoryError in line 13, its limit "
            "is 600 MB; its message is not shown, because it has seen held-out documents",
        ),
        (
            "raise type('OutOfMemoryError', (RuntimeError,), {})(repr(tokens))",
            "out of GPU memory: while being scored, the model raised OutOfMemoryError in line 13; "
            "its message is not shown, because it has seen held-out documents",
        ),
        (
            "raise RuntimeError('CUDA out of memory. Tried to allocate 2.00 GiB.')",
            "the model failed: RuntimeError in line 13; its message is not shown, because it has "
            "seen held-out documents",
        ),
    ],
)
def test_a_model_without_memory_says_so_by_the_kind_of_its_exception_alone(
    tmp_path: Path, body: str, words: str
) -> None:
    assert failure(tmp_path, model_target(body)) == words


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_model_that_can_not_be_loaded_for_want_of_memory_says_how_much_it_wanted(
    tmp_path: Path,
) -> None:
    load = "def load(path):\n    raise MemoryError('Unable to allocate 2.00 GiB for an array')\n"
    assert failure(tmp_path, load) == (
        "out of memory: it wanted 2.0 GiB more, its limit is 600 MB, while train.py:load was "
        "being loaded for scoring"
    )


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_model_that_the_kernel_ended_for_its_memory_is_said_to_be(tmp_path: Path) -> None:
    class Counting(Unsandboxed):
        def oom_kills(self) -> int:
            return 1

    rundir = scored_run(tmp_path, model_target("import os; os.kill(os.getpid(), 9)"))
    with pytest.raises(ScoringError) as caught:
        score_characters(rundir, rundir.read_spec(), Counting())
    assert caught.value.message == (
        "out of memory: while being scored, the model was killed by the kernel above its 600 MB"
    )


@pytest.mark.slow
@pytest.mark.real_runs
def test_an_entry_that_is_not_there_fails_with_the_reason(tmp_path: Path) -> None:
    words = failure(tmp_path, "x = 1")
    assert words.startswith("train.py:load could not be loaded: AttributeError")


@pytest.mark.slow
@pytest.mark.real_runs
def test_words_of_a_model_come_back_without_control_characters(tmp_path: Path) -> None:
    words = failure(tmp_path, 'raise ValueError("\\x1b[2J\\u202e" * 500)')
    assert words.isprintable()
    assert len(words) < 700


@pytest.mark.slow
def test_a_model_that_was_shown_documents_can_not_say_them(tmp_path: Path) -> None:
    told = []
    for body in (
        "raise ValueError(tokens.tolist())",
        "raise ValueError('x (line 5)' + repr(tokens.tolist()))",
        "import os; os.write(int(__import__('sys').argv[-1]), b'E\\x09\\0\\0\\0held out!')",
    ):
        folder = tmp_path / str(len(told))
        folder.mkdir()
        told.append(failure(folder, model_target(body)))
    assert all("its message is not shown" in words for words in told)
    assert not any("[" in words or "held out!" in words for words in told)


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_model_knows_no_documents(tmp_path: Path) -> None:
    body = """import os, sys
        told = [*os.environ.values(), *sys.argv]
        assert not any("documents" in part for part in told), told
        assert os.environ["AUTORESEARCH_DATA"] == "/dev/null"
        return np.zeros((len(tokens), vocab))"""
    assert measure(tmp_path, model_target(body)).documents == 4


@pytest.mark.slow
def test_a_failed_scoring_is_written_down(tmp_path: Path) -> None:
    rundir = scored_run(tmp_path, model_target("return None"))
    assert score_run(rundir.path) == 0
    assert "instead of floats" in rundir.measurement_file.read_text()


@pytest.mark.slow
@pytest.mark.real_runs
def test_the_scorer_never_loads_researched_code(tmp_path: Path) -> None:
    measure(tmp_path, BIGRAM)
    assert "train" not in sys.modules


LEARNING = """
        for row in tokens.tolist():
            for a, b in zip(row, row[1:]):
                counts[a, b] += 1
        return np.log(counts[tokens[:, -1]] / counts[tokens[:, -1]].sum(axis=1, keepdims=True))

    counts = np.full((vocab, vocab), 0.1)
    return model
def unused():
    def model(tokens):
        return None"""


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_model_that_learns_while_it_is_scored_is_found_out(tmp_path: Path) -> None:
    words = failure(tmp_path, model_target(LEARNING), held_out=30)
    assert words.startswith("the model's answers depend on more than the row itself")


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_model_that_knows_which_batch_it_is_in_is_found_out(tmp_path: Path) -> None:
    body = """calls.append(1)
        logits = np.zeros((len(tokens), vocab)); logits[:, 0] = len(calls) > 1
        return logits
    calls = []
    return model
def unused():
    def model(tokens): pass"""
    words = failure(tmp_path, model_target(body), held_out=30)
    assert "depend on more than the row itself" in words


BULK = """return logits(tokens[:, -1])
    def logits(ids):
        return np.log(counts[ids] / counts[ids].sum(axis=1, keepdims=True))
    def bulk(tokens):
        all_logits = logits(tokens.ravel()).reshape(*tokens.shape, vocab)
        LOOK
        return all_logits
    model.bulk = bulk
    counts = np.load(path) + 0.1
    return model
def unused():
    def model(tokens): pass"""
LOOK_AHEAD = (
    "all_logits[np.arange(len(tokens))[:, None], np.arange(2)[None, :], tokens[:, 1:3]] = 9.0"
)


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_score_in_bulk_is_the_score_by_reveal(tmp_path: Path) -> None:
    honest = model_target(BULK.replace("LOOK", ""))
    rundir = scored_run(tmp_path, honest, bulk=True)
    spec = rundir.read_spec()
    by_reveal = score_characters(rundir, replace(spec, bulk=False), Unsandboxed())
    in_bulk = score_characters(rundir, spec, Unsandboxed())
    assert in_bulk.value == pytest.approx(by_reveal.value, rel=1e-9)


@pytest.mark.slow
def test_a_model_that_looks_ahead_in_bulk_is_found_out(tmp_path: Path) -> None:
    words = failure(tmp_path, model_target(BULK.replace("LOOK", LOOK_AHEAD)), bulk=True)
    assert "depend on more than the row itself" in words


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_spare_part_is_scored_beside_and_is_no_part_of_the_value(tmp_path: Path) -> None:
    names = [a + b for a in NAMES for b in ("", *NAMES)]
    (tmp_path / "documents.txt").write_text("\n".join(names))
    body = "return np.tile(np.arange(vocab) * 0.3, (len(tokens), 1))"
    rundir = scored_run(tmp_path, model_target(body), held_out=40)
    found = score_characters(rundir, rundir.read_spec(), Unsandboxed())
    split = split_corpus(read_corpus(tmp_path / "documents.txt"), split_seed=3, held_out=40)
    assert found.documents == 40
    assert found.tokens == sum(len(name) + 1 for name in split.held_out)
    assert found.spare is not None
    assert len(split.spare_part(0)) == 10
    assert found.spare != found.value
