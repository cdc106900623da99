import itertools
import random
import subprocess
import sys

import gpt
import numpy as np
import pytest
import tensor_gpt

from .conftest import MICROGPT

NAMES = MICROGPT / "data" / "first_names.txt"


@pytest.fixture(autouse=True)
def collector_off():  # as gpt.py has it; in a process as large as this one it costs even more
    gpt.gc.disable()
    yield
    gpt.gc.enable()


def start():
    rng = random.Random(42)
    letters, documents = gpt.read_documents(NAMES, rng)
    state = rng.getstate()
    tensors = tensor_gpt.initial_weights(len(letters) + 1, rng)
    rng.setstate(state)
    return documents, tensors, gpt.initial_weights(len(letters) + 1, rng)


@pytest.mark.slow
def test_losses_equal_gpt_py_to_1e_9_over_20_steps():
    documents, tensors, values = start()
    ours = list(itertools.islice(tensor_gpt.train(tensors, documents, 1000), 20))
    theirs = list(itertools.islice(gpt.train(values, documents, 1000), 20))
    assert ours == pytest.approx(theirs, abs=1e-9, rel=0)


@pytest.mark.slow
def test_several_layers_equal_gpt_py_too(monkeypatch):
    monkeypatch.setattr(gpt, "LAYERS", 2)
    documents, tensors, values = start()
    loss = tensor_gpt.batch_loss(tensors, documents[:1]).item()
    assert loss == pytest.approx(gpt.document_loss(values, documents[0]).data, abs=1e-12)


def test_a_padded_batch_has_the_loss_and_gradients_of_one_document_at_a_time():
    documents, tensors, _ = start()
    chosen = [*documents[:6], documents[0] * 3]  # the last is longer than the context
    assert len({len(document) for document in chosen}) > 2

    def gradients():
        found = [weight.grad for weight in tensors.values()]
        for weight in tensors.values():
            weight.grad = None
        return found

    together = tensor_gpt.batch_loss(tensors, chosen)
    together.backward()
    batched = gradients()
    alone = [tensor_gpt.batch_loss(tensors, [document]) for document in chosen]
    for loss in alone:
        (loss * (1 / len(chosen))).backward()
    assert together.item() == pytest.approx(np.mean([loss.item() for loss in alone]), abs=1e-12)
    for a, b in zip(batched, gradients(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_no_position_sees_what_comes_after_it():
    _, tensors, _ = start()
    tokens = np.array([[26, 3, 1, 4, 1, 5], [26, 3, 1, 9, 2, 6]])
    logits = tensor_gpt.forward(tensors, tokens).data
    np.testing.assert_array_equal(logits[0, :3], logits[1, :3])
    assert not np.allclose(logits[0, 3], logits[1, 3])


@pytest.mark.slow
def test_training_in_batches_of_float32_learns():
    rng = random.Random(1)
    letters, documents = gpt.read_documents(NAMES, rng)
    weights = tensor_gpt.initial_weights(len(letters) + 1, rng, np.float32)
    losses = list(tensor_gpt.train(weights, documents, 100, batch=32))
    assert {weight.data.dtype for weight in weights.values()} == {np.dtype(np.float32)}
    assert np.mean(losses[-10:]) < 2.6 < np.mean(losses[:10])


@pytest.mark.slow
def test_the_program_prints_what_gpt_py_prints(tmp_path):
    data = tmp_path / "names.txt"
    data.write_text("ab\nba\nabba\n")
    outputs = [
        subprocess.run(
            [sys.executable, str(MICROGPT / name), "--data", str(data), "--steps", "5"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for name in ("gpt.py", "tensor_gpt.py")
    ]
    assert outputs[0] == outputs[1]


@pytest.mark.slow
def test_a_batch_of_no_documents_is_refused():
    command = [sys.executable, str(MICROGPT / "tensor_gpt.py"), "--batch", "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--batch 0: a step needs at least 1 document" in done.stderr
