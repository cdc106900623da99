"""Targets that bring an evaluation function: the model sees inputs, the function the answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autoresearch.data.arrays import read_arrays
from autoresearch.data.packed_files import pack_files
from autoresearch.errors import ContractError, LabError, ScoringError
from autoresearch.lab import Lab
from autoresearch.records import Measurement, Outcome, RunState
from autoresearch.run_directory import RunDir
from autoresearch.sandboxes.selection import current_sandbox, make_sandbox
from autoresearch.scoring.array_scorer import score_arrays
from tests.support.fakes import final_report, make_run
from tests.support.printed import make_printed, propose_work, quietly
from tests.support.refusals import raises
from tests.support.repositories import to_verdict

CONTRACT = """
[target]
name = "lines"
[edit]
allow = ["work.py"]
[run]
command = ["{python}", "work.py"]
startup_s = 20
memory_mb = 600
budget = { cpu_s = 20 }
[metric]
name = "error"
unit = "metres"
direction = "min"
scoring = "sealed"
[sealed]
vocab = "arrays"
entry = "work.py:load"
data = "held_out/x.csv"
targets = "held_out/y.jsonl"
function = "evaluate.py:score"
checkpoint = "model.npy"
"""
EVALUATE = """
import numpy as np

def score(targets, answers):
    assert targets.shape == answers.shape, (targets, answers)
    return np.abs(targets - answers).mean()
"""
# What it should find is 3 x + 1; the seed moves it a little.
WORK = """
import os
import numpy as np

SLOPE = 2.0

def load(path):
    slope, offset = np.load(path)
    return lambda x: slope * x[:, 0] + offset

if __name__ == "__main__":
    assert not os.path.exists("held_out"), os.listdir("held_out")
    assert "AUTORESEARCH_DATA" not in os.environ
    draw = np.random.default_rng(int(os.environ["AUTORESEARCH_SEED"]))
    out = os.environ["AUTORESEARCH_OUT"]
    np.save(out + "/saving.npy", [SLOPE, 1 + draw.normal() / 100])
    os.replace(out + "/saving.npy", out + "/model.npy")
"""
ROWS = 300
X = [[n / 100, -n] for n in range(ROWS)]
Y = [3 * x + 1 for x, _ in X]
FILES = {
    "work.py": WORK,
    "evaluate.py": EVALUATE,
    "held_out/x.csv": "x,other\n" + "".join(f"{a},{b}\n" for a, b in X),
    "held_out/y.jsonl": "".join(f"{y}\n" for y in Y),
}
HONEST = "lambda x: 2 * x[:, 0] + 1"


# A model that writes to the scorer itself, in the form of its host.
WRITES = """
import os, struct, sys

def say(reply):
    os.write(int(sys.argv[-1]), reply)
    os._exit(0)

def words(text):
    say(b"E" + struct.pack("<I", len(text)) + text.encode())

def array(kind, dimensions, *lengths):
    say(b"A" + struct.pack("<cB4q", kind, dimensions, *lengths) + bytes(8))
"""


def scored(folder: Path, model: str = HONEST, evaluate: str = EVALUATE) -> Measurement:
    """What the scorer finds of a model that is this expression."""
    code = f"import numpy as np\ncalls = []\ndef load(path):\n    return {model}\n{WRITES}"
    rundir = prepared(folder, code, evaluate)
    sandbox = make_sandbox(rundir.read_spec().sandbox)
    try:
        return score_arrays(rundir, rundir.read_spec(), sandbox)
    finally:
        sandbox.release()


def prepared(folder: Path, code: str, evaluate: str) -> RunDir:
    folder.mkdir(exist_ok=True)
    held_out = folder / "held-out"
    held_out.write_bytes(pack_files([(n, FILES[n].encode()) for n in FILES if "held" in n]))
    changes: dict[str, Any] = {
        "documents": str(held_out),
        "vocab": "arrays",
        "function": "evaluate.py:score",
    }
    rundir = make_run(folder, code, **changes)
    (rundir.tree / "evaluate.py").write_text(evaluate)
    rundir.out.mkdir()
    rundir.scratch.mkdir()
    (rundir.out / "model.npy").touch()
    return rundir


def failure(folder: Path, model: str = HONEST, evaluate: str = EVALUATE) -> str:
    with pytest.raises(ScoringError) as error:
        scored(folder, model, evaluate)
    return error.value.message


@pytest.mark.slow
@pytest.mark.real_runs
def test_the_function_scores_the_answers_to_inputs_that_the_run_never_saw(tmp_path: Path) -> None:
    found = scored(tmp_path)
    assert found.value == pytest.approx(
        np.mean([y - 2 * x - 1 for (x, _), y in zip(X, Y, strict=True)])
    )
    assert (found.documents, found.tokens) == (ROWS, ROWS)


@pytest.mark.slow
def test_a_model_that_answers_by_what_it_was_asked_before_is_found_out(tmp_path: Path) -> None:
    counts = "lambda x: (calls.extend(x), x[:, 0] + len(calls) / 1000)[1]"
    assert "depend on more than the row itself" in failure(tmp_path, counts)


ORDER = """
import numpy as np

def score(targets, answers):
    return np.corrcoef(targets, answers)[0, 1]
"""


@pytest.mark.slow
def test_answers_too_small_to_differ_are_compared_by_what_they_are_worth(tmp_path: Path) -> None:
    counts = "lambda x: (calls.extend(x), (x[:, 0] + len(calls)) * 1e-8)[1]"
    assert "gives a different number" in failure(tmp_path / "counts", counts, ORDER)
    rounds = "lambda x: (x[:, 0] + 1e-7 * len(x)) * 1e-8"
    assert scored(tmp_path / "rounds", rounds, ORDER).value == pytest.approx(1)


@pytest.mark.slow
def test_a_model_cannot_read_the_targets_and_its_words_are_not_shown(tmp_path: Path) -> None:
    if current_sandbox().name == "unsandboxed":
        pytest.skip("nothing is held here")
    looks = f"lambda x: open({str(tmp_path / 'held-out')!r}) and x[:, 0]"
    words = failure(tmp_path, looks)
    held = ("FileNotFoundError", "PermissionError")
    assert words in [
        f"the model failed: {error} in line 4; its message is not shown, because it has seen "
        "held-out documents"
        for error in held
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        "shape (1,) where ({}) was asked",
        "shape ({}) where (1,) was asked",
        "float{} instead of floats",
        "a shape of {} dimensions instead of 1",
        "a shape of \u0661 dimensions instead of 1",  # a digit, in Arabic
    ],
)
def test_a_model_cannot_spell_what_it_was_shown_in_numbers(tmp_path: Path, words: str) -> None:
    model = f"lambda x: words('the model returned {words}'.format(1234))"
    assert failure(tmp_path, model).startswith("the model failed; its message is not shown")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("lambda x: x[:-1, 0]", "a shape that is shorter in dimension 1 of 1 than it should be"),
        ("lambda x: x.astype(str)", "the model failed; its message is not shown"),
        ("lambda x: x[:, 0] + np.nan", "the model's answers are NaN or infinite"),
        ("lambda x: [None] * len(x)", "the model returned object instead of floats"),
        ("lambda x: 1 / 0", "the model failed: ZeroDivisionError in line 4; its message"),
        ("lambda x: x[0] if len(x) < 99 else x[:, :1]", "the model returned a shape that is"),
        ("lambda x: __import__('os')._exit(3)", "the model's process ended "),
        ("lambda x: x[:, :0]", "the model's answers have no numbers, or more than"),
        ("lambda x: np.ones((len(x), 2**16))", "no numbers, or more than 16,777,216 in all"),
        ("lambda x: array(b'f', 0, 0, 0, 0, 0)", "have different shapes for different inputs"),
        ("lambda x: array(b'f', 3, 256, 0, 2**62, 0)", "the model's answer is too large"),
        ("lambda x: array(b'f', 99, 1, 1, 1, 1)", "the model's answer is too large"),
        ("3", "TypeError: load() returned int, which can't be called"),
    ],
)
def test_a_model_that_does_not_answer_as_asked_is_a_crash_in_a_sentence(
    tmp_path: Path, model: str, said: str
) -> None:
    assert said in failure(tmp_path, model)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "raise ValueError(f'secret {targets}')",
            "function failed: ValueError in line 2; its message",
        ),
        ("return targets", "the evaluation function gave 300 numbers instead of one"),
        ("return 1e200", "the evaluation function gave 1e+200, not a finite number up to"),
        ("return float('nan')", "the evaluation function gave nan, not a finite number"),
    ],
)
def test_a_function_that_gives_no_number_says_nothing_of_the_targets(
    tmp_path: Path, body: str, said: str
) -> None:
    words = failure(tmp_path, evaluate=f"def score(targets, answers):\n    {body}\n")
    assert said in words
    assert "secret" not in words


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bubblewrap", "landlock"])
def test_what_has_seen_held_out_data_has_no_network_though_its_training_has(
    tmp_path: Path, name: str
) -> None:
    try:
        sandbox = make_sandbox(f"{name}+network")
    except LabError:
        pytest.skip(f"{name} does not work here")
    connects = """
import socket
def load(path):
    return lambda x: socket.create_connection(("127.0.0.1", 9)) and x
"""
    rundir = prepared(tmp_path, connects, EVALUATE)
    with raises("scoring.model_failed", "PermissionError"):
        score_arrays(rundir, rundir.read_spec(), sandbox)
    sandbox.release()


@pytest.mark.slow
def test_no_module_of_the_tree_runs_before_the_model_is_loaded(tmp_path: Path) -> None:
    """Else it ran in the second process while the first is shown everything."""
    code = """
import sys
def load(path):
    early = hasattr(sys.modules["traceback"], "OURS")
    import beside
    return lambda x: 0 * x[:, 0] + early + 10 * beside.OURS
"""
    rundir = prepared(tmp_path, code, "def score(targets, answers): return answers.max()")
    for name in ("traceback.py", "beside.py"):
        (rundir.tree / name).write_text("OURS = 1\ndef extract_tb(_): return []\n")
    spec = rundir.read_spec()
    sandbox = make_sandbox(spec.sandbox)
    assert score_arrays(rundir, spec, sandbox).value == 10
    sandbox.release()


@pytest.mark.slow
def test_the_function_runs_without_any_researched_code(tmp_path: Path) -> None:
    looks = "import os\ndef score(targets, answers):\n    return len(os.listdir('.'))\n"
    assert scored(tmp_path, evaluate=looks).value == 1


@pytest.mark.long
def test_a_lab_judges_by_the_targets_own_function(tmp_path: Path) -> None:
    source = make_printed(tmp_path / "repository", FILES, contract=CONTRACT)
    lab = quietly(Lab.open(str(source), home=tmp_path / "home"))
    report = final_report(lab.runs.directory(lab.start_run("e0").id))
    assert report.state is RunState.FINISHED, report.reason
    to_verdict(lab, "e0")
    verdict = to_verdict(lab, propose_work(lab, ("SLOPE = 2.0", "SLOPE = 2.9"))).verdict
    assert verdict is not None
    assert (verdict.outcome, verdict.moved_incumbent) == (Outcome.KEEP, True), verdict.sentence
    assert "self-reported" not in verdict.sentence
    assert lab.verify().ok, lab.verify().findings
    for path in ("held_out/x.csv", "held_out/y.jsonl"):
        with raises("not_found.held_out"):
            lab.read_file(path, lab.history().experiments["e0"].commit)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.replace('["work.py"]', '["*.py"]'), "computes the metric must be frozen"),
        (lambda c: c.replace("y.jsonl", "z.npy"), "sealed.targets: 'held_out/z.npy' is not in"),
        (lambda c: c.replace("evaluate.py:", "other.py:"), "sealed.function: 'other.py' is not in"),
        (lambda c: c.replace("held_out/y.jsonl", "work.py"), "matches 'work.py', which must stay"),
        (lambda c: c.replace("y.jsonl", "short.csv"), "but must have as many rows"),
        (lambda c: c.replace("y.jsonl", "words.csv"), "sealed.targets: held_out/x.csv and"),
        (lambda c: c.replace('function = "evaluate.py:score"', ""), "takes targets and function"),
        (lambda c: c.replace("{ cpu_s", "{ tokens = 9, cpu_s"), "has no tokens: give a budget in"),
    ],
)
def test_a_contract_that_does_not_fit_is_refused_at_opening(
    tmp_path: Path, change: Callable[[str], str], said: str
) -> None:
    files = {**FILES, "held_out/short.csv": "1\n2\n", "held_out/words.csv": "a\nb\nc\n"}
    source = make_printed(tmp_path / "repository", files, contract=change(CONTRACT))
    with pytest.raises(ContractError) as error:
        Lab.open(str(source), home=tmp_path / "home")
    assert said in error.value.message


def test_arrays_of_every_kind_are_read_and_objects_never(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(3.0))
    np.savez(tmp_path / "b.npz", only=np.arange(3))
    np.save(tmp_path / "c.npy", np.array([{}, {}, {}]), allow_pickle=True)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    whole = tmp_path / "whole"
    whole.write_bytes(pack_files([(name, files[name]) for name in ("a.npy", "b.npz")]))
    inputs, targets = read_arrays(whole)
    assert (inputs.tolist(), targets.tolist()) == ([0.0, 1.0, 2.0], [0, 1, 2])
    whole.write_bytes(pack_files([(name, files[name]) for name in ("a.npy", "c.npy")]))
    with pytest.raises(ValueError, match="allow_pickle"):
        read_arrays(whole)
