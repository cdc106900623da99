"""The contract of the shipped research target, with the test in the part of the lab."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
import tomllib

import numpy as np
import pytest

from tests.support.paths import ROOT

from .conftest import MICROGPT

TARGET = ROOT / "autoresearch" / "targets" / "microgpt"
VOCAB = 27
BOS = VOCAB - 1


def names(count):
    listed = (MICROGPT / "data" / "surnames.txt").read_text().split()
    return listed[:: len(listed) // count]


def served(documents):
    """Every document preceded by BOS, and one more BOS after the last."""
    tokens = [BOS]
    for document in documents:
        tokens += [*(ord(letter) - ord("a") for letter in document), BOS]
    return np.array(tokens, "<u2").tobytes()


def train(folder, stream, budget, seed=1, edit=("", "")):
    """Run train.py as the lab does, its tokens on a pipe, and return the finished process."""
    out = folder / "out"
    out.mkdir(parents=True)
    (folder / "train.py").write_text((TARGET / "train.py").read_text().replace(*edit, 1))
    shutil.copy(MICROGPT / "tensor.py", folder)
    reading, writing = os.pipe()

    def feed():
        try:
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(stream)
        except BrokenPipeError:  # the run ended before its data did
            pass

    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "AUTORESEARCH_SEED": str(seed),
        "AUTORESEARCH_BUDGET": str(budget),
        "AUTORESEARCH_VOCAB": str(VOCAB),
        "AUTORESEARCH_DATA": f"/dev/fd/{reading}",
        "AUTORESEARCH_OUT": str(out),
    }
    process = subprocess.Popen(
        [sys.executable, "train.py"],
        cwd=folder,
        env=environment,
        pass_fds=[reading],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(reading)
    feeder = threading.Thread(target=feed)
    feeder.start()
    process.stdout_text, process.stderr_text = process.communicate()
    feeder.join()
    return process


def load(folder):
    spec = importlib.util.spec_from_file_location("trained_target", folder / "train.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load(folder / "out" / "model.npz")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    documents = names(1500)
    budget = sum(len(document) + 1 for document in documents)
    folder = tmp_path_factory.mktemp("target") / "run"
    process = train(folder, served(documents), budget)
    assert process.returncode == 0, process.stderr_text
    return folder, budget, process


@pytest.fixture(scope="module")
def model(trained):
    return load(trained[0])


@pytest.mark.slow
def test_a_run_leaves_a_checkpoint_and_nothing_half_written(trained):
    folder, _, _ = trained
    assert sorted(p.name for p in (folder / "out").iterdir()) == ["curve.jsonl", "model.npz"]


@pytest.mark.slow
def test_the_curve_counts_every_token_and_falls(trained):
    folder, budget, _ = trained
    points = [
        json.loads(line) for line in (folder / "out" / "curve.jsonl").read_text().splitlines()
    ]
    assert all(set(point) == {"tokens", "loss"} for point in points)
    assert [point["tokens"] for point in points] == sorted({point["tokens"] for point in points})
    assert points[-1]["tokens"] == budget
    assert points[-1]["loss"] < points[0]["loss"] < np.log(VOCAB) + 0.1


@pytest.mark.slow
def test_a_run_says_little(trained):
    assert 2 <= len(trained[2].stdout_text.splitlines()) <= 15
    assert trained[2].stderr_text == ""


def test_the_model_gives_finite_float64_logits_for_the_next_token(model):
    for length in (1, 2, 14):
        logits = model(np.full((3, length), BOS, np.int64))
        assert (logits.shape, logits.dtype) == ((3, VOCAB), np.float64)
        assert np.isfinite(logits).all()


def test_a_row_is_scored_the_same_alone_and_in_a_batch(model):
    rows = np.array([[BOS, 1, 4, 2], [BOS, 20, 3, 3], [BOS, 0, 0, 0]])
    alone = np.concatenate([model(row[None]) for row in rows])
    np.testing.assert_allclose(model(rows), alone, atol=1e-5)


def test_a_document_longer_than_the_context_is_scored_by_its_end(model):
    long = np.random.default_rng(0).integers(0, BOS, (2, 60))
    np.testing.assert_array_equal(model(long), model(long[:, -40:]))


def test_training_has_learned_more_than_how_often_letters_occur(model):
    held_out = [name for name in names(4001) if len(name) == 6][:300]
    tokens = np.frombuffer(served(held_out), "<u2")[:-1].reshape(-1, 7).astype(np.int64)
    tokens = np.pad(tokens, ((0, 0), (0, 1)), constant_values=BOS)
    losses = []
    for t in range(1, 8):
        logits = model(tokens[:, :t])
        chosen = logits[np.arange(len(tokens)), tokens[:, t]]
        losses.append(np.log(np.exp(logits).sum(-1)) - chosen)
    shares = np.unique(tokens[:, 1:], return_counts=True)[1] / tokens[:, 1:].size
    assert np.mean(losses) < -(shares * np.log(shares)).sum()


@pytest.mark.slow
def test_the_same_seed_and_data_give_the_same_weights(trained, tmp_path):
    documents = names(200)
    for run, seed in (("a", 5), ("b", 5), ("c", 6)):
        train(tmp_path / run, served(documents), 2000, seed)
    a, b, c = (np.load(tmp_path / run / "out" / "model.npz")["head"] for run in "abc")
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


@pytest.mark.slow
def test_a_loss_that_is_no_number_ends_the_run_with_an_error(tmp_path):
    edit = ("loss.backward()", "loss = loss * float('nan')\n            loss.backward()")
    process = train(tmp_path / "run", served(names(100)), 1000, edit=edit)
    assert process.returncode == 1
    assert "FloatingPointError: the loss is nan after" in process.stderr_text


@pytest.mark.slow
def test_heads_that_do_not_divide_the_width_end_the_run_with_an_error(tmp_path):
    process = train(tmp_path / "run", served(names(100)), 1000, edit=("HEADS = 4", "HEADS = 5"))
    assert process.returncode == 1
    assert "ValueError: cannot reshape" in process.stderr_text


def test_the_budget_is_less_than_one_pass_over_the_training_names():
    contract = tomllib.loads((TARGET / "autoresearch.toml").read_text())
    listed = (MICROGPT / "data" / "surnames.txt").read_text().split()
    tokens = 0.9 * sum(len(name) + 1 for name in listed)
    assert contract["run"]["budget"]["tokens"] < tokens


def test_every_knob_is_one_constant_of_train_py_within_its_range():
    contract = tomllib.loads((TARGET / "autoresearch.toml").read_text())
    lines = (TARGET / "train.py").read_text().splitlines()
    for knob, limits in contract["knobs"].items():
        [line] = [line for line in lines if line.startswith(f"{knob} = ")]
        value = float(line.split(" = ")[1].split("#")[0])
        assert limits["low"] <= value <= limits["high"], knob
