"""Budgets of a model while it is scored, and whose doing a failure is once its code has run."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autoresearch.data.token_feed import read_corpus
from autoresearch.records import EndCause, RunState
from autoresearch.run_directory import RunDir
from autoresearch.sandboxes.selection import make_sandbox
from autoresearch.sandboxes.unsandboxed import Unsandboxed
from autoresearch.scoring import array_scorer, character_scorer
from autoresearch.scoring.array_scorer import score_arrays
from autoresearch.scoring.character_scorer import score_characters
from autoresearch.scoring.model_watch import ModelWatch
from autoresearch.scoring.scorer import score_run
from autoresearch.training.end_reason import scored_end
from tests.autoresearch.scoring.test_array_scorer import EVALUATE, prepared
from tests.support.fakes import make_run, model_target, run_to_end
from tests.support.refusals import raises

LIMITS = {"load_cpu_s": 1.0, "score_cpu_s": 1.0}
FOREVER = "sum(range(10**5))"


def test_each_process_may_load_as_long_as_the_limit_and_the_most_is_told() -> None:
    watch = ModelWatch(load_limit_s=1.0)
    watch.loading(0.7)
    watch.end_process()
    watch.loading(0.9)
    assert watch.load_s == 0.9
    with raises("scoring.over_scoring", "load_cpu_s"):
        watch.loading(1.01)


def test_the_answers_of_all_processes_share_one_limit() -> None:
    watch = ModelWatch(answer_limit_s=1.0)
    watch.answering(0.4)
    watch.answering(0.6)
    watch.end_process()
    watch.answering(0.3)
    assert watch.answer_s == 0.9
    with raises("scoring.over_scoring", "score_cpu_s"):
        watch.answering(0.45)


def test_without_a_limit_seconds_are_counted_and_never_too_many() -> None:
    watch = ModelWatch()
    watch.loading(1e6)
    watch.answering(1e6)
    assert (watch.load_s, watch.answer_s) == (1e6, 1e6)


def test_seconds_are_told_in_two_digits_for_more_could_spell_what_a_model_was_shown() -> None:
    watch = ModelWatch()
    watch.loading(0.123456)
    watch.answering(12.3456)
    assert (watch.load_s, watch.answer_s) == (0.12, 12.0)


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_training_that_costs_more_allows_its_model_more_to_answer(tmp_path: Path) -> None:
    rundir, _ = run_to_end(tmp_path)
    report = rundir.read_status()
    assert report is not None
    share = 100 / report.cpu_s
    spec = replace(rundir.read_spec(), score_cpu_s=2.0, score_cpu_share=share)
    watch = ModelWatch.of(rundir, spec)
    watch.answering(99.0)
    with raises("scoring.over_scoring"):
        watch.answering(101.0)
    cheap = ModelWatch.of(rundir, replace(spec, score_cpu_share=0.0))
    with raises("scoring.over_scoring"):
        cheap.answering(2.1)


def test_a_failure_is_ours_until_code_under_research_has_run_and_then_its_own() -> None:
    watch = ModelWatch()
    with pytest.raises(OSError, match="disk"), watch.blaming():
        raise OSError("the disk is full")
    watch.begin()
    for error in (OverflowError("7" * 99), MemoryError(), UnicodeDecodeError("a", b"", 0, 1, "x")):
        with raises("scoring.unscorable", type(error).__name__) as caught, watch.blaming():
            raise error
        assert "777" not in caught.value.message, "an exception's message could be held-out data"


def test_an_interrupt_is_nobodys_failure() -> None:
    watch = ModelWatch()
    watch.begin()
    with pytest.raises(KeyboardInterrupt), watch.blaming():
        raise KeyboardInterrupt


def scored(folder: Path, train: str, **changes: object) -> RunDir:
    """A run directory whose training is over, scored as the supervisor has it scored."""
    rundir = make_run(folder, train, **changes)
    rundir.out.mkdir()
    rundir.scratch.mkdir()
    vocab = read_corpus(folder / "documents.txt").vocab
    np.save(rundir.out / "model.npy", np.arange(vocab**2, dtype=float).reshape(vocab, vocab))
    assert score_run(rundir.path) == 0
    return rundir


LOADS_LONG = """
def load(path):
    while True:
        sum(range(10**5))
"""
IMPORTS_LONG = """
while True:
    sum(range(10**5))
"""
IN_A_CHILD = """
import os, time

def load(path):
    if os.fork() == 0:
        while time.process_time() < 20:
            sum(range(10**5))
        os._exit(0)
    time.sleep(1000)
"""
IN_A_THREAD = """
import threading
import numpy as np

def work():
    while True:
        sum(range(10**5))

def load(path):
    vocab = np.load(path).shape[1]
    threading.Thread(target=work, daemon=True).start()
    def model(tokens):
        import time
        time.sleep(1000)
    return model
"""


@pytest.mark.slow
@pytest.mark.real_runs
@pytest.mark.parametrize(
    ("train", "where"),
    [
        pytest.param(LOADS_LONG, "to load", id="in load"),
        pytest.param(
            IMPORTS_LONG, "to load", id="at the import of its file", marks=pytest.mark.long
        ),
        pytest.param(IN_A_CHILD, "to load", id="in a child while it waits"),
        pytest.param(model_target(f"while True: {FOREVER}"), "to answer", id="in a forward pass"),
        pytest.param(
            IN_A_THREAD, "to answer", id="in a thread that goes on", marks=pytest.mark.long
        ),
    ],
)
def test_a_model_that_goes_on_computing_where_nobody_counted_is_over_its_budget(
    tmp_path: Path, train: str, where: str
) -> None:
    rundir = scored(tmp_path, train, **LIMITS)
    end = scored_end(rundir, 0)
    assert (end.cause, end.state) == (EndCause.OVER_SCORING, RunState.CRASHED)
    assert where in end.reason


SECOND_ALONE = """
        while len(tokens) == 1 and tokens.shape[1] == 1:  # the first is asked about four at once
            sum(range(10**5))
        return np.zeros((len(tokens), vocab))"""


@pytest.mark.slow
@pytest.mark.real_runs
def test_the_second_process_is_counted_too(tmp_path: Path) -> None:
    """It is asked in other batches, by which a model could tell it from the first."""
    end = scored_end(scored(tmp_path, model_target(SECOND_ALONE), **LIMITS), 0)
    assert end.cause is EndCause.OVER_SCORING


@pytest.mark.slow
@pytest.mark.real_runs
def test_what_an_honest_model_takes_is_measured_and_its_hosts_start_is_not(tmp_path: Path) -> None:
    busy = "for _ in range(20): sum(range(10**5))\n        return np.zeros((len(tokens), vocab))"
    rundir = scored(tmp_path, model_target(busy))
    found = scored_end(rundir, 0).measurement
    assert found is not None
    assert 0 < found.load_cpu_s < found.score_cpu_s


@pytest.mark.slow
@pytest.mark.real_runs
def test_costs_whose_sum_overflows_are_the_models_own_crash(tmp_path: Path) -> None:
    body = """logits = np.zeros((len(tokens), vocab))
        logits[:, :4] = -1.7e308
        return logits"""
    end = scored_end(scored(tmp_path, model_target(body), held_out=30), 0)
    assert (end.cause, end.state) == (EndCause.MODEL_FAILED, RunState.CRASHED)


def test_a_spare_part_without_a_finite_cost_is_the_models_own_crash() -> None:
    """JSON and the ledger know no infinity, so recording it would fail for ever."""
    with raises("scoring.metric_too_large"):
        character_scorer.check_metric(2.0, float("inf"))
    with raises("scoring.metric_too_large"):
        character_scorer.check_metric(2.0, float("nan"))
    character_scorer.check_metric(2.0, None)


@pytest.mark.slow
@pytest.mark.real_runs
def test_whatever_the_scorer_raises_on_what_a_model_answered_is_the_models_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OverflowError("intermediate overflow in fsum")

    monkeypatch.setattr(character_scorer, "_check_agreement", fails)
    honest = model_target("return np.zeros((len(tokens), vocab))")
    rundir = scored(tmp_path, honest)
    end = scored_end(rundir, 0)
    assert (end.cause, end.state) == (EndCause.MODEL_FAILED, RunState.CRASHED)
    monkeypatch.setattr(array_scorer, "_check_agreement", fails)
    rundir = prepared(tmp_path / "arrays", "def load(path): return lambda x: x[:, 0]\n", EVALUATE)
    with raises("scoring.unscorable", "OverflowError"):
        score_arrays(rundir, rundir.read_spec(), Unsandboxed())


@pytest.mark.slow
@pytest.mark.real_runs
def test_what_fails_before_the_models_code_runs_is_no_crash_of_it(tmp_path: Path) -> None:
    rundir = make_run(tmp_path, python="/nowhere/python")
    rundir.out.mkdir()
    rundir.scratch.mkdir()
    with pytest.raises(OSError, match="nowhere"):
        score_characters(rundir, rundir.read_spec(), Unsandboxed())


@pytest.mark.slow
def test_an_array_model_is_counted_and_the_targets_own_function_is_not(tmp_path: Path) -> None:
    slow = "def score(targets, answers):\n    return sum(range(4 * 10**7)) * 0.0\n"
    code = "def load(path):\n    return lambda x: x[:, 0]\n"
    rundir = prepared(tmp_path / "honest", code, slow)
    spec = rundir.read_spec()
    rundir.write_spec(replace(spec, load_cpu_s=0.4, score_cpu_s=0.4))
    sandbox = make_sandbox(spec.sandbox)
    assert score_arrays(rundir, rundir.read_spec(), sandbox).value == 0.0
    sandbox.release()
    rundir = prepared(tmp_path / "long", LOADS_LONG, EVALUATE)
    rundir.write_spec(replace(rundir.read_spec(), load_cpu_s=0.4, score_cpu_s=0.4))
    sandbox = make_sandbox(spec.sandbox)
    with raises("scoring.over_scoring", "to load"):
        score_arrays(rundir, rundir.read_spec(), sandbox)
    sandbox.release()


NORMALISES = "lambda x: x[:, 0] - x[:, 0].mean()"


@pytest.mark.slow
def test_a_model_that_normalises_by_its_batch_is_told_of_the_other_rows(tmp_path: Path) -> None:
    rundir = prepared(tmp_path, f"def load(path):\n    return {NORMALISES}\n", EVALUATE)
    sandbox = make_sandbox(rundir.read_spec().sandbox)
    with raises("scoring.depends_on_order", "other rows of its batch", "earlier calls"):
        score_arrays(rundir, rundir.read_spec(), sandbox)
    sandbox.release()
