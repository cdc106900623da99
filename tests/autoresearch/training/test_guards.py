"""Commands that must pass before what a run left is measured."""

import sys
from pathlib import Path
from typing import Any

import pytest

from autoresearch.records import EndCause, RunReport, RunState
from autoresearch.sandboxes.selection import current_sandbox
from tests.autoresearch.training.test_metric_source import PRINTS, crash, run, value
from tests.support.fakes import BIGRAM, QuietExecutor, final_report, make_run, run_to_end, wait_for
from tests.support.printed import CONTRACT, open_printed


def python(name: str, text: str) -> tuple[str, tuple[str, ...]]:
    """A guard that runs this text."""
    return name, (sys.executable, "-c", text)


def guarded(folder: Path, *guards: tuple[str, tuple[str, ...]], **changes: Any) -> RunReport:
    return run(folder, guards=guards, **changes)


def log(folder: Path) -> str:
    return (folder / "e1-r1" / "log").read_text()


@pytest.mark.slow
def test_a_run_whose_guards_pass_is_measured_and_its_log_shows_them(tmp_path: Path) -> None:
    report = guarded(tmp_path, python("tests", "print('12 passed')"), python("lint", ""))
    assert value(report) == 2.5
    assert "METRIC score=2.5\n\n[guard tests: " in log(tmp_path)
    assert "\n12 passed\n\n[guard lint: " in log(tmp_path)
    left = {path.name for path in (tmp_path / "e1-r1").iterdir()}
    assert not left & {"tree", "scratch", "committed", "guard"}


@pytest.mark.slow
def test_a_run_whose_guard_fails_is_a_crash_with_its_last_words(tmp_path: Path) -> None:
    fails = python("tests", "print('3 failed'); raise SystemExit(2)")
    reason = crash(
        guarded(tmp_path, fails, python("lint", "print('never')")), EndCause.GUARD_FAILED
    )
    assert "guard tests" in reason
    assert " 2; " in reason
    assert reason.endswith("3 failed")
    assert "3 failed" in log(tmp_path)
    assert "[guard lint" not in log(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("guard", "said"),
    [
        (("tests", ("/nowhere/pytest",)), "/nowhere/pytest"),
        (python("tests", "import os; os.kill(os.getpid(), 11)"), "SIGSEGV"),
        (python("tests", "x = bytearray(900 << 20)"), "MemoryError"),
    ],
)
def test_a_guard_that_cannot_end_well_is_a_crash_by_name(
    tmp_path: Path, guard: tuple[str, tuple[str, ...]], said: str
) -> None:
    reason = crash(guarded(tmp_path, guard), EndCause.GUARD_FAILED)
    assert "guard tests" in reason
    assert said in reason


@pytest.mark.slow
def test_no_file_that_the_run_left_satisfies_a_guard(tmp_path: Path) -> None:
    cheats = "open('sitecustomize.py', 'w').write('x = 1')\nopen('passed', 'w').close()\n"
    looks = "import os, sys; print(sorted(os.listdir('.'))); sys.exit(os.path.exists('passed'))"
    assert value(guarded(tmp_path, python("tests", looks), program=cheats + PRINTS)) == 2.5
    assert "\n['train.py']\n" in log(tmp_path)


@pytest.mark.slow
def test_one_guard_leaves_nothing_for_the_next(tmp_path: Path) -> None:
    leaves = python("first", "open('passed', 'w').close()")
    looks = python("second", "import os, sys; sys.exit(os.path.exists('passed'))")
    assert value(guarded(tmp_path, leaves, looks)) == 2.5


@pytest.mark.slow
def test_a_guard_reads_what_the_run_left_and_cannot_change_it(tmp_path: Path) -> None:
    if current_sandbox().name == "unsandboxed":
        pytest.skip("nothing is held here")
    leaves = "import os\nopen(os.environ['AUTORESEARCH_OUT'] + '/left', 'w').write('model')\n"
    looks = """
import os
left = os.environ["AUTORESEARCH_RUN_OUT"] + "/left"
assert open(left).read() == "model"
try:
    open(left, "w")
except OSError:
    print("held")
open(os.environ["AUTORESEARCH_OUT"] + "/own", "w").close()
open("own.log", "w").close()
"""
    assert value(guarded(tmp_path, python("tests", looks), program=leaves + PRINTS)) == 2.5
    assert "\nheld\n" in log(tmp_path)


@pytest.mark.slow
def test_all_guards_together_have_their_time(tmp_path: Path) -> None:
    waits = python("tests", "import time; time.sleep(100)")
    reason = crash(guarded(tmp_path, waits, guard_s=0.5), EndCause.GUARD_FAILED)
    assert "guard tests" in reason
    assert " 0.5 s" in reason


@pytest.mark.slow
def test_a_sealed_run_is_guarded_before_it_is_scored(tmp_path: Path) -> None:
    _, report = run_to_end(tmp_path, guards=(python("tests", "raise SystemExit(1)"),))
    assert (report.state, report.measurement) == (RunState.CRASHED, None)
    assert report.cause is EndCause.GUARD_FAILED
    assert "guard tests" in report.reason


@pytest.mark.slow
def test_a_sealed_run_whose_guards_pass_is_scored(tmp_path: Path) -> None:
    look = "import os; print(os.listdir(os.environ['AUTORESEARCH_RUN_OUT']))"
    _, report = run_to_end(tmp_path, BIGRAM, guards=(python("tests", look),))
    assert report.state is RunState.FINISHED, report.reason
    assert "model.npy" in log(tmp_path)


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_run_can_be_stopped_while_a_guard_runs(tmp_path: Path) -> None:
    waits = python("tests", "import time; time.sleep(100)")
    changes = {"scoring": "stdout", "metric": "score", "budget_unit": "wall_s", "budget": 5.0}
    rundir = make_run(tmp_path, PRINTS, guards=(waits,), cpu_ceiling_s=None, **changes)
    QuietExecutor().submit(rundir)
    wait_for(lambda: (status := rundir.read_status()) and "guard tests" in status.reason)
    rundir.stop_file.touch()
    report = final_report(rundir)
    assert (report.state, report.cause) == (RunState.STOPPED, EndCause.ASKED_TO_STOP)
    assert "guard tests" in report.reason


@pytest.mark.slow
def test_a_labs_guards_are_filled_in_and_run_on_the_files_as_committed(tmp_path: Path) -> None:
    checks = '[guards]\ntests = ["{python}", "check.py"]\n[metric]'
    lab = open_printed(
        tmp_path,
        contract=CONTRACT.replace("[metric]", checks),
        check="import frozen, os\nassert frozen.weigh(3) == 7\nprint(sorted(os.listdir('.')))\n",
    )
    directory = lab.runs.directory(lab.start_run("e0").id)
    report = final_report(directory)
    assert report.state is RunState.FINISHED, report.reason
    files = "['autoresearch.toml', 'check.py', 'frozen.py', 'notes.md', 'work.py']"
    assert files in directory.log_file.read_text()
