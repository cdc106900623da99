import ast
import gc
import itertools
import json
import random
import signal
import subprocess
import sys

import gpt
import pytest

from .conftest import MICROGPT

SCRIPT = MICROGPT / "gpt.py"


@pytest.fixture(autouse=True)
def collector_off():  # as gpt.py has it; in a process as large as this one it costs even more
    gc.disable()
    yield
    gc.enable()


def run(*arguments):
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def start(path):
    rng = random.Random(42)
    letters, documents = gpt.read_documents(path, rng)
    return letters, documents, gpt.initial_weights(len(letters) + 1, rng), rng


def test_the_file_holds_at_most_200_lines():
    assert len(SCRIPT.read_text().splitlines()) <= 200


def test_only_the_standard_library_is_imported():
    names = set()
    for node in ast.walk(ast.parse(SCRIPT.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add(node.module.split(".")[0])
    assert names <= sys.stdlib_module_names


@pytest.mark.slow
def test_losses_equal_the_originals_digits_on_its_own_data(original_names):
    _, documents, weights, _ = start(original_names)
    losses = itertools.islice(gpt.train(weights, documents, 1000), 3)
    assert [f"{loss:.4f}" for loss in losses] == ["3.3660", "3.4243", "3.1778"]


FIRST_STEPS = """
import gc, itertools, json, random, re, sys
import gpt
gc.disable()
rng = random.Random(42)
letters, documents = gpt.read_documents(sys.argv[1], rng)
weights = gpt.initial_weights(len(letters) + 1, rng)
losses = list(itertools.islice(gpt.train(weights, documents, 1000), int(sys.argv[2])))
samples = [gpt.invent(weights, letters, rng) for _ in range(3)]
peak_kb = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
print(json.dumps([losses, samples, peak_kb]))
"""
ON_LINUX = pytest.mark.skipif(
    sys.platform != "linux", reason="peak memory is read from /proc, as on Linux"
)


def first_steps(path, steps):
    """Losses, samples and peak memory in kB of the first of a thousand steps, by gpt.py."""
    command = [sys.executable, "-c", FIRST_STEPS, str(path), str(steps)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=MICROGPT)
    return json.loads(done.stdout)


def twins_first_steps(path, steps):
    """The same losses and samples, by its tensor twin."""
    import tensor_gpt

    rng = random.Random(42)
    letters, documents = gpt.read_documents(path, rng)
    weights = tensor_gpt.initial_weights(len(letters) + 1, rng)
    losses = list(itertools.islice(tensor_gpt.train(weights, documents, 1000), steps))
    return losses, [tensor_gpt.invent(weights, letters, rng) for _ in range(3)]


def assert_original(losses, samples):
    """The figures that the original prints after its thousand steps on its own data."""
    assert f"{losses[-1]:.4f}" == "2.6497"
    assert f"{sum(losses[-100:]) / 100:.3f}" == "2.276"
    assert samples == ["kamon", "ann", "karai"]


@pytest.mark.slow
def test_a_thousand_steps_of_the_tensor_twin_equal_the_original(original_names):
    assert_original(*twins_first_steps(original_names, 1000))


@pytest.mark.slow
@ON_LINUX
def test_twenty_steps_equal_the_tensor_twin_within_80_mb(original_names):
    losses, samples, peak_kb = first_steps(original_names, 20)
    twins, invented = twins_first_steps(original_names, 20)
    assert max(abs(a - b) for a, b in zip(losses, twins, strict=True)) < 1e-5
    assert samples == invented
    assert peak_kb < 80 * 1024


@pytest.mark.long
@ON_LINUX
def test_a_thousand_steps_equal_the_original_and_tensors_within_80_mb(original_names):
    losses, samples, peak_kb = first_steps(original_names, 1000)
    assert_original(losses, samples)
    assert peak_kb < 80 * 1024
    twins, invented = twins_first_steps(original_names, 1000)
    assert max(abs(a - b) for a, b in zip(losses, twins, strict=True)) < 1e-5
    assert invented == samples


@pytest.mark.slow
def test_the_program_prints_every_step_and_20_samples(tmp_path):
    (tmp_path / "names.txt").write_text("a\naa\n")
    done = run("--steps", 2, "--data", tmp_path / "names.txt")
    lines = done.stdout.splitlines()
    assert [line.rsplit(" ", 1)[0] for line in lines[:2]] == [
        "step 1 / 2 | loss",
        "step 2 / 2 | loss",
    ]
    assert len(lines) == 22
    assert lines[-1].startswith("sample 20: ")


def test_help_names_every_option():
    text = run("--help").stdout
    assert all(option in text for option in ("--data", "--steps", "--seed"))


@pytest.mark.parametrize("content", [None, b"", b"\n  \n", b"\xff\xfe\x00"])
def test_data_that_cannot_be_read_ends_in_one_clear_sentence(tmp_path, content):
    path = tmp_path / "names.txt"
    if content is not None:
        path.write_bytes(content)
    done = run("--data", path)
    assert done.returncode == 2
    assert f"cannot learn from {path}: " in done.stderr
    assert "Traceback" not in done.stderr


# A job in the background starts with SIGINT ignored, and so would the program.
HEEDING_SIGINT = """
import runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.slow
def test_ctrl_c_ends_the_program_without_a_traceback():
    command = [sys.executable, "-c", HEEDING_SIGINT, str(SCRIPT), "--steps", "100000"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline().startswith("step 1 / 100000")
        process.send_signal(signal.SIGINT)
        try:
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, errors) == (130, "")


@pytest.mark.slow
def test_a_reader_that_leaves_early_causes_no_traceback():
    command = [sys.executable, str(SCRIPT), "--steps", "100000"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
    assert errors == ""


@pytest.mark.slow
def test_no_reference_cycle_keeps_a_graph_alive():
    weights = gpt.initial_weights(27, random.Random(1))
    training = gpt.train(weights, [[26, 0, 1, 26]], 3)
    gc.collect()
    next(training)
    next(training)
    assert gc.collect() == 0


def test_a_value_used_twice_gets_the_gradient_of_both_uses():
    a, b = gpt.Value(2.0), gpt.Value(-3.0)
    c = a * b + a
    (c * c + c).backward()  # d/dc = 2c + 1 = -7
    assert (a.grad, b.grad) == (-7.0 * (-3.0 + 1), -7.0 * 2.0)


@pytest.mark.slow
def test_gradients_equal_finite_differences(monkeypatch):
    monkeypatch.setattr(gpt, "WIDTH", 8)
    weights = gpt.initial_weights(5, random.Random(7))
    tokens = [4, 0, 1, 1, 2, 4]
    gpt.document_loss(weights, tokens).backward()
    rng = random.Random(8)
    for matrix in weights.values():
        weight = rng.choice(matrix[: len(tokens) - 1])[3]
        middle, losses = weight.data, []
        for weight.data in (middle + 1e-5, middle - 1e-5):
            losses.append(gpt.document_loss(weights, tokens).data)
        weight.data = middle
        assert weight.grad == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-5, abs=1e-9)


def test_a_deep_model_does_not_exhaust_the_stack(monkeypatch):
    monkeypatch.setattr(gpt, "LAYERS", 6)
    monkeypatch.setattr(gpt, "WIDTH", 8)
    weights = gpt.initial_weights(3, random.Random(1))
    gpt.document_loss(weights, [2, 0, 1, 0, 2]).backward()
    assert weights["query", 0][0][0].grad != 0.0


def test_a_long_document_is_cut_to_the_context(monkeypatch):
    monkeypatch.setattr(gpt, "CONTEXT", 4)
    weights = gpt.initial_weights(3, random.Random(1))
    short, long = [2] + [0] * gpt.CONTEXT, [2] + [0] * 40
    assert gpt.document_loss(weights, short).data == gpt.document_loss(weights, long).data
