"""The model as it grows: every stage runs, learns, and has the property that it brings."""

import ast
import importlib
import math
import random
import re
import subprocess
import sys

import gpt
import pytest

from tests.support.tiers import first_in_ci

from .conftest import MICROGPT

STAGES = MICROGPT / "stages"
FILES = sorted(STAGES.glob("[0-9]_*.py"))
NEURAL = ("2_mlp", "3_autograd", "4_attention", "5_heads")
DOCUMENT = [5, 0, 1, 1, 4, 5]  # tokens of an alphabet of 5 letters and BOS


def stage(name):
    if str(STAGES) not in sys.path:
        sys.path.insert(0, str(STAGES))
    return importlib.import_module(name)


def run(file, *arguments):
    command = [sys.executable, str(file), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def collector_off():
    gpt.gc.disable()
    yield
    gpt.gc.enable()


def plain(weights):
    return {name: [[w.data for w in row] for row in m] for name, m in weights.items()}


def test_there_are_five_stages_before_gpt_py():
    assert [file.stem for file in FILES] == ["1_bigram", *NEURAL]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_stage_is_short_and_needs_the_standard_library_only(file):
    text = file.read_text()
    assert len(text.splitlines()) <= 120
    modules = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module)
    assert modules <= sys.stdlib_module_names
    taken = re.findall(r'"(\d_\w+)"', text)  # from the stages before it, and no other
    assert all(name < file.stem for name in taken)


def test_counts_are_those_of_the_pairs_that_were_read():
    bigram = stage("1_bigram")
    counts = bigram.initial_weights(6, random.Random(1))
    list(bigram.train(counts, [DOCUMENT, [5, 0, 0, 5]], 3))  # the first of them twice
    assert sum(map(sum, counts)) == 6 * 6 + 2 * (len(DOCUMENT) - 1) + 3
    assert counts[5][0] == 1 + 3
    assert counts[1][1] == 1 + 2
    assert math.fsum(bigram.probabilities(counts, 5)) == pytest.approx(1)


def test_a_document_is_asked_for_before_it_is_counted():
    bigram = stage("1_bigram")
    losses = bigram.train(bigram.initial_weights(27, random.Random(1)), [[26, 0, 26]], 2)
    assert next(losses) == pytest.approx(math.log(27))
    assert next(losses) < math.log(27)


@pytest.mark.slow
def test_gradients_by_hand_equal_finite_differences():
    mlp = stage("2_mlp")
    weights = mlp.initial_weights(6, random.Random(3))
    assert mlp.largest_error(weights, DOCUMENT) < 1e-7
    weights["head"][0][0] += 0.5  # and a wrong gradient would be seen
    wrong = {name: [[0.0] * len(row) for row in m] for name, m in weights.items()}
    original, mlp.gradients = mlp.gradients, lambda *_: wrong
    try:
        assert mlp.largest_error(weights, DOCUMENT) > 1e-3
    finally:
        mlp.gradients = original


@pytest.mark.slow
def test_autograd_finds_the_gradients_that_were_written_by_hand():
    mlp, autograd = stage("2_mlp"), stage("3_autograd")
    weights = autograd.initial_weights(6, random.Random(3))
    loss = autograd.document_loss(weights, DOCUMENT)
    loss.backward()
    assert loss.data == pytest.approx(mlp.document_loss(plain(weights), DOCUMENT), abs=1e-12)
    by_hand = mlp.gradients(plain(weights), DOCUMENT)
    for name, matrix in weights.items():
        for row, d_row in zip(matrix, by_hand[name], strict=True):
            assert [w.grad for w in row] == pytest.approx(d_row, abs=1e-12)


@pytest.mark.parametrize("name", ["4_attention", "5_heads"])
def test_what_comes_later_changes_no_earlier_bet(name, collector_off):
    model = stage(name)
    weights = model.initial_weights(6, random.Random(1))

    def logits(tokens):
        memory = model.defaultdict(list)
        return [
            [x.data for x in model.gpt(weights, token, position, memory)]
            for position, token in enumerate(tokens)
        ]

    one, other = logits([5, 0, 1, 2]), logits([5, 0, 3, 2])
    assert one[:2] == other[:2]
    assert one[2] != other[2]
    assert one[3] != other[3]  # the same token there, but another past


@pytest.mark.parametrize("layers", [1, 2])
def test_the_last_stage_is_the_model_of_gpt_py(layers, monkeypatch, collector_off):
    heads = stage("5_heads")
    for module in (heads, gpt):
        monkeypatch.setattr(module, "LAYERS", layers)
        monkeypatch.setattr(module, "WIDTH", 8)
    theirs = gpt.initial_weights(6, random.Random(1))
    ours = heads.initial_weights(6, random.Random(1))
    assert plain(ours) == plain(theirs)
    assert heads.document_loss(ours, DOCUMENT).data == gpt.document_loss(theirs, DOCUMENT).data
    assert heads.HEADS == gpt.HEADS > 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["1_bigram", *NEURAL[:2]])
def test_a_stage_learns_a_document_that_it_sees_again_and_again(name, collector_off):
    model = stage(name)
    weights = model.initial_weights(6, random.Random(1))
    losses = list(model.train(weights, [DOCUMENT], 12))
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.long
@pytest.mark.parametrize("name", NEURAL[2:])
def test_a_stage_with_attention_learns_it_too(name, collector_off):
    model = stage(name)
    weights = model.initial_weights(6, random.Random(1))
    losses = list(model.train(weights, [DOCUMENT], 40))
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("file", first_in_ci(FILES, 2), ids=lambda file: file.stem)
def test_a_stage_is_a_program_that_prints_its_steps_and_20_samples(file, tmp_path):
    (tmp_path / "names.txt").write_text("ab\nba\nabba\n")
    arguments = ("--data", tmp_path / "names.txt", "--steps", 3, "--seed", 7)
    done = run(file, *arguments)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert len(lines) == 23
    assert re.fullmatch(r"step 3 / 3 \| loss \d\.\d{4}", lines[2])
    assert lines[-1].startswith("sample 20: ")
    assert run(file, *arguments).stdout == done.stdout
    refused = run(file, "--data", tmp_path / "none.txt")
    assert refused.returncode == 2
    assert "cannot learn from" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.slow
def test_the_mlp_checks_itself_on_demand():
    done = run(STAGES / "2_mlp.py", "--check")
    assert done.returncode == 0
    assert float(done.stdout.split()[-1]) < 1e-6


@pytest.mark.slow
def test_stages_2_and_3_print_the_same_digits():
    two, three = (run(STAGES / f"{name}.py", "--steps", 4).stdout for name in NEURAL[:2])
    assert two == three
    assert two.count("\n") == 24


@pytest.mark.slow
def test_the_table_of_the_stages_names_every_file_with_its_lines():
    table = (STAGES / "README.md").read_text()
    for file in [*FILES, MICROGPT / "gpt.py"]:
        lines = len(file.read_text().splitlines())
        assert re.search(rf"\| \[`{file.name}`\]\([^)]*\) \| {lines} \|", table)
