"""What is proposed for a repository that never heard of the lab, and what is asked instead."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from autoresearch.attachment.commands import shown, typed
from autoresearch.attachment.contract_proposal import propose
from autoresearch.attachment.contract_text import contract_text
from autoresearch.attachment.metric_names import best_possible, candidates, direction_of
from autoresearch.attachment.print_statements import printed_numbers
from autoresearch.attachment.printed_numbers import said_numbers
from autoresearch.attachment.proposal_parts import Answers, Part, Sureness
from autoresearch.attachment.repairs import repair
from autoresearch.contract import parse_contract
from autoresearch.errors import ContractError
from autoresearch.git.repository import snapshot
from autoresearch.git.snapshot import Snapshot
from autoresearch.records import EndCause
from autoresearch.run_directory import ended_report
from tests.support.foreign import CLONE, KERNEL, SCORE, SUITE, TRAINER, Foreign
from tests.support.proposals import look
from tests.support.refusals import raises
from tests.support.repositories import every_byte

WORK = Answers(command="python work.py")


@pytest.mark.parametrize(
    ("code", "label", "line", "value"),
    [
        ('print(f"val loss {loss:.3f}")', "val loss", "val loss 2.125", 2.125),
        ('print("accuracy:", acc)', "accuracy", "accuracy: 0.9", 0.9),
        ('print("Test accuracy: {:.3f}".format(a))', "Test accuracy", "Test accuracy: 1", 1.0),
        ('print("r2 = %.3f" % r2)', "r2", "r2 = -0.25", -0.25),
        (
            'print("took %d rounds, mean %.1f ms" % (n, t))',
            "mean",
            "took 3 rounds, mean 1.5 ms",
            1.5,
        ),
        ('print("rmse: " + str(rmse))', "rmse", "rmse: 1e-3", 1e-3),
        ('print(json.dumps({"auc": auc, "n": n}))', "auc", '{"auc": 0.5, "n": 3}', 0.5),
        ('sys.stdout.write(f"{name} done\\nscore: {s}\\n")', "score", "score: 7", 7.0),
        ('logging.info("epoch %d loss %.2f", e, loss)', "loss", "INFO epoch 3 loss 0.12", 0.12),
    ],
)
def test_a_number_that_is_printed_is_found_again_in_the_output(code, label, line, value):
    import re

    [number] = [one for one in printed_numbers("t.py", code) if one.label == label]
    assert number.where == "t.py:1"
    found = re.search(number.pattern, line)
    assert found
    assert float(found[1]) == value


@pytest.mark.parametrize(
    "code",
    ['print("done")', 'print(f"saved to {path}")', 'print(f"{name}: {value}")', "print(", "x = 1"],
)
def test_what_has_no_name_or_is_no_number_is_none(code):
    assert printed_numbers("t.py", code) == ()


def test_a_metric_line_needs_no_pattern():
    [number] = printed_numbers("t.py", 'print(f"METRIC score={s}")')
    assert (number.name, number.pattern) == ("score", "")


def test_a_held_out_loss_is_likelier_than_that_of_the_training_or_a_time():
    code = 'print(f"step {i}: train loss {a:.2f}, val loss {b:.2f}")\nprint(f"time {t} s")'
    assert [number.name for number in candidates(printed_numbers("t.py", code))] == ["val_loss"]


@pytest.mark.parametrize(
    ("name", "unit", "direction"),
    [
        ("val_bpb", "", "min"),
        ("Test accuracy", "", "max"),
        ("tokens per second", "", "max"),
        ("time per call", "", "min"),
        ("smooth", "ms", "min"),
        ("answer", "", ""),
    ],
)
def test_which_way_is_better_is_known_by_words_or_units_or_not_at_all(name, unit, direction):
    assert direction_of(name, unit) == direction


def test_output_is_read_as_code_is():
    log = "step 1: val loss 3.0\nstep 2: val loss 2.5\n\x1b[1mval_bpb:      0.9979\x1b[0m\n"
    log += 'loss 1.5 (v1.2.3)\n{"auc": 0.75}\nMETRIC speed=12.5\n'
    told = {number.name: number.value for number in said_numbers(log)}
    assert told == {
        "step": 2.0, "val_loss": 2.5, "val_bpb": 0.9979, "loss": 1.5, "auc": 0.75, "speed": 12.5,
    }  # fmt: skip


def test_a_command_is_taken_as_people_type_it():
    assert typed("python work.py --n 3").argv == ("{python}", "work.py", "--n", "3")
    assert typed(".venv/bin/python3.12 -m x").argv == ("{python}", "-m", "x")
    assert typed("uv run train.py").argv == ("{python}", "train.py")
    assert typed("pytest -q").argv == ("{python}", "-m", "pytest", "-q")
    assert typed("N=2 ./bench 'a b'") == typed("N=2 ./bench a\\ b")
    assert typed("N=2 ./bench").env == {"N": "2"}
    assert shown(("{python}", "a b.py")) == "python 'a b.py'"


@pytest.mark.parametrize("command", ["", "a | b", "a && b", "a > f", "python 'x"])
def test_a_command_that_only_a_shell_understands_is_refused_with_what_to_type(command):
    with pytest.raises(ContractError):
        typed(command)
    assert typed("bash -c 'a | b'").argv == ("bash", "-c", "a | b")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (SUITE, (("cpu_s", "clock", "min"), ("wordcount/**/*.py",), "-m pytest")),
        (KERNEL, (("smooth", "stdout", "min"), ("smoothing.py",), "bench.py")),
        (SCORE, (("accuracy", "stdout", "max"), ("work.py",), "work.py")),
        (TRAINER, (("val_loss", "stdout", "min"), ("model.py", "train.py"), "--max_iters=40")),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_repository_of_a_known_kind_needs_no_question(tmp_path, kind: Foreign, said):
    root = kind.make(tmp_path)
    before = every_byte(root)
    found = propose(snapshot(root), Answers(), {})
    assert every_byte(root) == before
    contract = parse_contract(contract_text(found).encode())
    metric = contract.metric
    assert found.missing == ()
    assert ((metric.name, metric.scoring, metric.direction), contract.edit.allow) == said[:2]
    assert said[2] in " ".join(contract.run.command)


@pytest.mark.slow
def test_tests_beside_a_benchmark_become_a_guard(tmp_path):
    found = propose(snapshot(KERNEL.make(tmp_path)), Answers(), {})
    assert found.guards.value["tests"][:3] == ("{python}", "-m", "pytest")


def test_of_two_programs_that_are_as_likely_none_is_chosen():
    found = look({"fit_a.py": 'print("loss:", a)', "fit_b.py": 'print("loss:", b)'})
    assert found.command is None
    assert found.choices["command"] == ("python fit_a.py", "python fit_b.py")
    assert found.missing == ("command", "edit", "metric", "direction")
    chosen = look(
        {"fit_a.py": 'print("loss:", a)', "fit_b.py": 'print("loss:", b)'},
        Answers(command="python fit_b.py"),
    )
    assert chosen.missing == ()
    assert chosen.edit is not None
    assert chosen.edit.value == ("fit_b.py",)


def test_the_readmes_command_settles_which_program_is_meant():
    found = look({
        "a.py": 'print("loss:", a)',
        "b.py": 'print("loss:", b)',
        "README.md": "Run it:\n\n    python b.py --steps 3\n",
    })  # fmt: skip
    assert found.command is not None
    assert shown(found.command.value) == "python b.py --steps 3"
    assert "README.md says" in found.command.why


def test_a_number_that_does_not_say_which_way_is_better_is_asked_about():
    found = look({"work.py": 'print("answer:", a)'})
    assert found.metric is not None
    assert found.missing == ("direction",)
    assert look({"work.py": 'print("answer:", a)'}, Answers(direction="max")).missing == ()
    with raises("contract.bad_direction", "'up'", '"min"', '"max"'):
        look({"work.py": 'print("answer:", a)'}, Answers(direction="up"))


def test_a_program_that_prints_nothing_known_leaves_its_metric_to_be_seen():
    found = look({"work.c": "int main() {}", "run.sh": ""}, Answers(command="sh run.sh"))
    assert found.missing == ("edit", "metric", "direction")


def test_modules_of_a_src_layout_are_found_where_they_lie_and_not_in_an_installed_copy():
    found = look({
        "src/fast/__init__.py": "",
        "src/fast/core.py": "def f(): pass",
        "benchmarks/bench.py": 'from fast.core import f\nprint(f"ms: {t}")',
    })  # fmt: skip
    assert found.env.value == {"PYTHONPATH": "src"}
    assert found.edit is not None
    assert found.edit.value == ("src/fast/**/*.py",)


def test_every_answer_overrules_what_was_found():
    answers = Answers(
        command="A=1 python other.py",
        metric="score",
        direction="max",
        edit=("x/*.py",),
        budget_s=9,
        inputs=("~/data",),
        python="/opt/python",
        network=True,
        guards=("lint=ruff check .",),
    )
    found = look({"work.py": 'print("loss:", a)'}, answers)
    contract = parse_contract(contract_text(found).encode())
    assert contract.run.command == ("{python}", "other.py")
    assert contract.run.env == {"A": "1"}
    assert contract.run.python == "/opt/python"
    assert contract.run.budget.timeout_s == 9
    assert (contract.metric.name, contract.metric.pattern) == ("score", "")
    assert contract.inputs.read_only == ("~/data",)
    assert contract.inputs.network
    assert contract.guards == {"lint": ("ruff", "check", ".")}
    assert contract.edit.allow == ("x/*.py",)


def test_a_metric_can_be_read_in_a_file_that_the_command_writes():
    answers = Answers(metric="test.accuracy", metric_file="./out/results.json")
    found = look({"work.py": 'print("loss:", a)'}, answers)
    contract = parse_contract(contract_text(found).encode())
    metric = contract.metric
    assert (metric.name, metric.file) == ("test.accuracy", "out/results.json")
    assert (metric.scoring, metric.direction) == ("stdout", "max")


@pytest.mark.parametrize(
    ("answers", "code", "mentions"),
    [
        (Answers(metric_file="r.json"), "contract.metric_key_unknown", ["--metric KEY"]),
        (
            Answers(metric_file="r.json", metric="a", pattern="a=(.*)"),
            "contract.file_and_pattern",
            ["--metric-file", "--pattern"],
        ),
        (
            Answers(metric_file="/tmp/r.json", metric="a"),
            "contract.metric_file_outside",
            ["/tmp/r.json"],
        ),
        (
            Answers(metric_file="../r.json", metric="a"),
            "contract.metric_file_outside",
            ["../r.json"],
        ),
    ],
)
def test_a_metrics_file_lies_in_the_repository_and_needs_a_key(answers, code, mentions):
    with raises(code, *mentions):
        look({"work.py": ""}, answers)


@pytest.mark.parametrize("cause", [EndCause.OVER_MEMORY, EndCause.OUT_OF_MEMORY])
def test_a_run_that_was_short_of_memory_gets_more(cause):
    proposal = replace(look({"work.py": ""}), memory_mb=Part(1024, ""))
    seen = Snapshot(root=Path("/nowhere"), files=(), untracked=(), read=lambda _: "")
    mended = repair(proposal, seen, ended_report("e0-r1", cause, ""), "")
    assert mended is not None
    assert mended.words.startswith("it needs more than 1024 MB: ")


def test_wall_seconds_can_be_asked_of_a_suite():
    found = look({"test_x.py": "import x", "x.py": ""}, Answers(metric="wall_s"))
    assert found.metric is not None
    assert found.metric.value.scoring == "clock"
    assert found.missing == ()


def test_data_that_git_does_not_carry_is_found_where_it_is_read(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.npy").write_text("")
    (tmp_path / "out.npy").write_text("")
    (tmp_path / "fast.cpython-311-x86_64-linux-gnu.so").write_text("")
    code = 'import fast\nx = np.load("data/x.npy")\nopen("out.npy", "w")\nprint("loss:", x)'
    found = look({"work.py": code}, root=tmp_path)
    assert found.inputs.value == ("data/x.npy", "fast.cpython-311-x86_64-linux-gnu.so")
    assert "work.py:2" in found.inputs.why


def test_the_repositorys_own_environment_runs_it_if_it_has_what_is_imported(tmp_path):
    there = tmp_path / ".venv" / "bin" / "python"
    there.parent.mkdir(parents=True)
    there.symlink_to(sys.executable)
    found = look({"work.py": 'import json\nprint("loss:", x)'}, root=tmp_path)
    assert found.python.value == str(there)


@pytest.mark.slow
def test_what_no_interpreter_has_is_installed_from_where_it_is_declared():
    work = 'import nosuch_a, nosuch_b\nprint("loss:", x)'
    found = look({"work.py": work})
    assert (found.packages, found.unknown) == (None, ("nosuch_a", "nosuch_b"))
    found = look({"work.py": work, "requirements.txt": "-e .\n# x\nNosuch-A==1.0 # y\nother\n"})
    assert found.packages is not None
    assert found.packages.value == ("Nosuch-A==1.0", "other")
    assert found.unknown == ()  # the other one may have nosuch_b
    known = look({"work.py": "import nevergrad, nosuch_a", "requirements.txt": "nosuch_a\n"}, WORK)
    assert known.packages is not None
    assert (known.packages.value, known.packages.sure) == (
        ("nosuch_a", "nevergrad"),
        Sureness.GUESSED,
    )
    found = look({"work.py": work, "uv.lock": "", "pyproject.toml": "[project]"})
    assert found.lock is not None
    assert found.packages is None
    project = '[project]\ndependencies = ["nosuch-a>=2", "nosuch_b"]'
    found = look({"work.py": work, "pyproject.toml": project})
    assert found.packages is not None
    assert (found.packages.value, found.packages.sure) == (
        ("nosuch-a>=2", "nosuch_b"),
        Sureness.FOUND,
    )


def test_an_import_that_may_fail_is_no_need():
    work = 'try:\n    import nosuch\nexcept ImportError:\n    pass\nprint("loss:", x)'
    found = look({"work.py": work})
    assert (found.packages, found.python.value) == (None, "")


def test_a_clone_of_karpathys_is_known_and_its_interpreter_may_be_another(tmp_path):
    found = look(dict(CLONE.files))
    assert found.text is not None
    assert found.missing == ()
    contract = parse_contract(contract_text(found).encode())
    assert (contract.metric.name, contract.metric.block) == ("val_bpb", "---")
    assert contract.environment is not None
    other = look(dict(CLONE.files), Answers(python="/opt/python"))
    contract = parse_contract(contract_text(other).encode())
    assert (contract.run.python, contract.environment) == ("/opt/python", None)
    assert look(dict(CLONE.files), Answers(metric="wall_s")).text is None


@pytest.mark.parametrize(
    ("name", "unit", "direction", "best"),
    [
        ("accuracy", "", "max", 1),
        ("val_acc", "%", "max", 100),
        ("accuracy_percent", "", "max", 100),
        ("pass_rate", "", "max", 1),
        ("failures", "", "min", 0),
        ("failed_tests", "", "min", 0),
        ("feature_score", "", "max", None),
        ("val_loss", "", "min", None),
        ("error_rate", "", "min", None),
        ("learning_rate", "", "max", None),
    ],
)
def test_the_best_possible_value_is_known_where_the_name_tells_it(
    name: str, unit: str, direction: str, best: float | None
) -> None:
    assert best_possible(name, unit, direction) == best


def test_a_best_possible_value_is_offered_as_a_comment_and_taken_when_it_is_said() -> None:
    code = {"eval.py": 'print(f"accuracy: {a:.3f}")\n'}
    said = Answers(command="python eval.py", edit=("eval.py",))
    text = contract_text(look(code, said))
    assert "\n# goal = 1 " in text
    assert parse_contract(text.encode()).metric.goal is None
    ending = replace(said, goal=0.95, experiments=20, hours=1.5)
    contract = parse_contract(contract_text(look(code, ending)).encode())
    assert contract.metric.goal == 0.95
    assert contract.stop is not None
    assert (contract.stop.experiments, contract.stop.hours) == (20, 1.5)


def test_a_recognised_clone_takes_an_end_too() -> None:
    found = look(dict(CLONE.files), Answers(goal=0.9, experiments=3))
    assert found.text is not None
    contract = parse_contract(contract_text(found).encode())
    assert contract.metric.goal == 0.9
    assert contract.metric.block
    assert contract.stop is not None
    assert contract.stop.experiments == 3
