"""Runs whose number is read from what they print, or from the lab's clock."""

from pathlib import Path
from typing import Any

import pytest

from autoresearch.records import EndCause, Measurement, RunReport, RunState
from autoresearch.sandboxes.selection import current_sandbox
from tests.support.fakes import run_to_end

PRINTS = "print('METRIC score=2.5')\n"


def run(folder: Path, program: str = PRINTS, **changes: Any) -> RunReport:
    """A run that prints, or is timed, and never sees the lab's documents."""
    given: dict[str, Any] = {
        "documents": "/nowhere",
        "scoring": "stdout",
        "metric": "score",
        "budget_unit": "wall_s",
        "budget": 5.0,
        "cpu_ceiling_s": None,
        "checkpoint": "",
        "checkpoint_mb": 64.0,
    }
    _, report = run_to_end(folder, program, quiet=True, **{**given, **changes})
    return report


def value(report: RunReport) -> float:
    assert report.state is RunState.FINISHED, report.reason
    assert isinstance(report.measurement, Measurement)
    return report.measurement.value


def crash(report: RunReport, cause: EndCause) -> str:
    ended = (report.state, report.cause, report.measurement)
    assert ended == (RunState.CRASHED, cause, None), report.reason
    return report.reason


@pytest.mark.slow
def test_the_number_that_a_run_prints_is_its_measurement(tmp_path: Path) -> None:
    report = run(tmp_path)
    assert value(report) == 2.5
    assert (report.cause, report.tokens, report.cut) == (EndCause.MEASURED, 0, "")
    assert "score 2.5" in report.reason
    assert report.sandbox == current_sandbox().name


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_run_is_given_its_seed_budget_and_out_folder_and_no_data(tmp_path: Path) -> None:
    program = """
import os
ours = sorted(name for name in os.environ if name.startswith("AUTORESEARCH_"))
names = ("BUDGET", "BUDGET_UNIT", "DEVICE", "OUT", "SEED")
assert ours == [f"AUTORESEARCH_{name}" for name in names], ours
assert os.environ["AUTORESEARCH_BUDGET"] == "5"
open(os.environ["AUTORESEARCH_OUT"] + "/left", "w").write("x")
print("METRIC score=" + os.environ["AUTORESEARCH_SEED"])
"""
    assert value(run(tmp_path, program)) == 7


@pytest.mark.slow
@pytest.mark.real_runs
def test_any_command_of_the_system_can_be_run(tmp_path: Path) -> None:
    command = ("/bin/sh", "-c", "echo METRIC score=$((20 + 3))")
    assert value(run(tmp_path, command=command)) == 23


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_number_beside_a_bad_exit_counts_for_nothing(tmp_path: Path) -> None:
    reason = crash(run(tmp_path, PRINTS + "raise SystemExit(3)\n"), EndCause.EXIT_STATUS)
    assert " 3; " in reason
    assert "METRIC score=2.5; " in reason
    assert "does not count" in reason


@pytest.mark.slow
@pytest.mark.parametrize(
    ("waits", "limits", "cause", "clock"),
    [
        (
            "import time; time.sleep(100)",
            {"wall_ceiling_s": 0.6},
            EndCause.HUNG,
            "0.6 wall seconds",
        ),
        ("while True: pass", {"cpu_ceiling_s": 0.6}, EndCause.OVER_TIME, "0.6 CPU seconds"),
    ],
)
def test_a_number_before_a_kill_counts_for_nothing(
    tmp_path: Path, waits: str, limits: dict[str, float], cause: EndCause, clock: str
) -> None:
    reason = crash(run(tmp_path, f"print('METRIC score=2.5')\n{waits}\n", **limits), cause)
    assert f" {clock}; " in reason
    assert " score of 2.5 " in reason


@pytest.mark.slow
@pytest.mark.real_runs
def test_the_budget_itself_kills_no_program_that_is_still_starting(tmp_path: Path) -> None:
    """It is told to the run, which has the start-up on top of it."""
    program = f"import time\ntime.sleep(.2)\n{PRINTS}"
    assert value(run(tmp_path, program, budget=0.1, wall_ceiling_s=10.0)) == 2.5


@pytest.mark.slow
def test_nothing_printed_is_a_crash_with_a_reason(tmp_path: Path) -> None:
    assert "METRIC score" in crash(run(tmp_path, "print('hello')"), EndCause.NO_NUMBER)


@pytest.mark.slow
@pytest.mark.real_runs
@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e200", "-1e200"])
def test_a_number_must_be_finite_and_so_must_its_square(tmp_path: Path, number: str) -> None:
    reason = crash(run(tmp_path, f"print('METRIC score={number}')"), EndCause.NO_NUMBER)
    assert "finite" in reason


@pytest.mark.slow
@pytest.mark.real_runs
def test_the_number_survives_a_flood_of_output_that_the_log_does_not_keep(tmp_path: Path) -> None:
    flood = "import sys\nfor _ in range(8):\n    sys.stdout.write('\\rworking' * 40_000)\n"
    report = run(tmp_path, f"{flood}print()\n{PRINTS}{flood}")
    assert value(report) == 2.5
    assert b"METRIC" not in (tmp_path / "e1-r1" / "log").read_bytes()


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_second_number_that_the_log_does_not_keep_is_not_overlooked(tmp_path: Path) -> None:
    flood = "print('x' * 1_000_000)\n"
    report = run(tmp_path, f"{flood}print('METRIC score=9')\n{flood}{PRINTS}")
    assert "METRIC" in crash(report, EndCause.NO_NUMBER)


@pytest.mark.slow
def test_the_clock_times_the_command_itself(tmp_path: Path) -> None:
    idle = run(tmp_path, "import time\ntime.sleep(.3)\n", scoring="clock", metric="wall_s")
    assert 0.3 <= value(idle) == idle.wall_s
    assert idle.cpu_s < 0.3


@pytest.mark.slow
@pytest.mark.real_runs
def test_the_clock_counts_cpu_seconds(tmp_path: Path) -> None:
    busy = "import time\nwhile time.process_time() < .3: pass\n"
    report = run(tmp_path, busy, scoring="clock", metric="cpu_s")
    assert 0.3 <= value(report) == report.cpu_s


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_failing_command_has_no_time(tmp_path: Path) -> None:
    report = run(tmp_path, "raise SystemExit(1)", scoring="clock", metric="wall_s")
    assert "1" in crash(report, EndCause.EXIT_STATUS)


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_program_may_write_beside_itself(tmp_path: Path) -> None:
    program = """
import os
os.makedirs("results/one")
for name in ("results/one/run.log", "__pycache__", "metrics.json"):
    open(name, "w").write("x")
print("METRIC score=1")
"""
    assert value(run(tmp_path, program)) == 1


@pytest.mark.slow
@pytest.mark.real_runs
@pytest.mark.parametrize(
    "change",
    [
        "open('train.py', 'a').write('#')",
        "import os; os.unlink('train.py')",
        "import os; os.rename('train.py', 'other.py')",
        "text = open('train.py').read(); open('train.py', 'w').write(text)",
    ],
)
def test_a_file_of_the_commit_that_was_changed_is_a_crash(tmp_path: Path, change: str) -> None:
    reason = crash(run(tmp_path, f"{PRINTS}{change}\n"), EndCause.TREE_CHANGED)
    assert "train.py" in reason


@pytest.mark.slow
@pytest.mark.real_runs
def test_only_the_curve_stays_of_what_a_run_leaves(tmp_path: Path) -> None:
    program = """
import os
for name in ("model.bin", "curve.jsonl"):
    open(os.environ["AUTORESEARCH_OUT"] + "/" + name, "w").write("{}")
os.chmod(os.environ["AUTORESEARCH_OUT"], 0)
print("METRIC score=1")
"""
    assert value(run(tmp_path, program)) == 1
    assert (tmp_path / "e1-r1" / "out").stat().st_mode & 0o700 == 0o700
    assert [path.name for path in (tmp_path / "e1-r1" / "out").iterdir()] == ["curve.jsonl"]


@pytest.mark.slow
def test_what_a_run_writes_into_its_tree_is_limited_as_what_it_leaves_is(tmp_path: Path) -> None:
    program = """
import time
for n in range(100):
    open(f"filler{n}", "wb").write(b"x" * (4 << 20))
    time.sleep(.05)
"""
    reason = crash(run(tmp_path, program, checkpoint_mb=4.0), EndCause.OVER_DISK)
    assert " 64 MB" in reason
