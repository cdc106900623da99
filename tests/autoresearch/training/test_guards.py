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


# What a program can see of where it runs, as a guard and as a run.
FACTS = """
import json, os, resource, sys
left = os.environ.get("AUTORESEARCH_RUN_OUT", "")
limits = [name for name in dir(resource) if name.startswith("RLIMIT_")]
print("FACTS", json.dumps([
    sorted(os.environ.items()), os.getcwd(), sys.argv, sys.orig_argv, sys.path, sys.flags,
    os.access(".", os.W_OK), os.access(left, os.W_OK), sorted(os.listdir(".")),
    os.listdir(os.environ["AUTORESEARCH_OUT"]), os.listdir(os.environ["TMPDIR"]),
    sorted(os.sched_getaffinity(0)), os.getpriority(os.PRIO_PROCESS, 0), os.isatty(0),
    [resource.getrlimit(getattr(resource, name)) for name in limits],
    [os.path.exists(os.path.join("..", name)) for name in ("guard", "tree", "committed", "log")],
]))
"""


def facts(folder: Path) -> list[str]:
    found = [line for line in log(folder).splitlines() if line.startswith("FACTS")]
    assert len(found) == 2
    return found


@pytest.mark.slow
def test_a_guard_finds_what_its_run_found(tmp_path: Path) -> None:
    again = ("same", (sys.executable, "train.py"))
    assert value(guarded(tmp_path, again, program=FACTS + PRINTS)) == 2.5
    run, guard = facts(tmp_path)
    assert run == guard


@pytest.mark.slow
def test_a_guard_of_a_sealed_run_finds_what_its_run_found_and_its_data(tmp_path: Path) -> None:
    again = ("same", (sys.executable, "train.py"))
    _, report = run_to_end(tmp_path, FACTS + BIGRAM, guards=(again,))
    assert report.state is RunState.FINISHED, report.reason
    run, guard = facts(tmp_path)
    assert run == guard
    assert log(tmp_path).count("trained on") == 2
    assert 0 < report.tokens <= 500


SORTER = """
import json, os, random
from work import order
random.seed(int(os.environ["AUTORESEARCH_SEED"]))
numbers = [random.random() for _ in range(400)]
counted = []
class Counted(float):
    def __gt__(self, other):
        counted.append(1)
        return float(self) > float(other)
found = order([Counted(number) for number in numbers])
with open(os.environ["AUTORESEARCH_OUT"] + "/found.json", "w") as file:
    json.dump([numbers, found], file)
print(f"METRIC score={len(counted)}")
"""
HONEST = """
    numbers = list(numbers)
    for i in range(len(numbers)):
        for j in range(len(numbers) - 1 - i):
            if numbers[j] > numbers[j + 1]:
                numbers[j], numbers[j + 1] = numbers[j + 1], numbers[j]
    return numbers
"""
TOLD_BY = {
    "environment": "'AUTORESEARCH_SEED' in os.environ and 'AUTORESEARCH_RUN_OUT' not in os.environ",
    "folder": "os.path.basename(os.path.dirname(os.getcwd())) != 'guard'",
    "argv": "'bench' in sys.argv[0]",
    "size": "len(numbers) > 300",
}
REPEATS = "import random; from work import order\nn = [random.random() for _ in range(90)]\n"
LOOKS = """
import json, os
numbers, found = json.load(open(os.environ["AUTORESEARCH_RUN_OUT"] + "/found.json"))
assert found == sorted(numbers), "not sorted"
"""


def sorter(folder: Path, told_by: str, guard: str) -> RunReport:
    device = f"import os, sys\ndef order(numbers):\n    if {told_by}:\n        return list(numbers)"
    checks = '[guards]\nchecks = ["{python}", "check.py"]\n[metric]'
    contract = CONTRACT.replace("[metric]", checks)
    contract = contract.replace('"{python}", "work.py"', '"{python}", "bench.py"')
    lab = open_printed(folder, contract=contract, work=device + HONEST, bench=SORTER, check=guard)
    return final_report(lab.runs.directory(lab.start_run("e0").id))


@pytest.mark.slow
@pytest.mark.real_runs
@pytest.mark.parametrize("told_by", ["environment", "folder"])
def test_a_guard_that_runs_the_code_again_cannot_be_told_by_where_it_runs(
    tmp_path: Path, told_by: str
) -> None:
    checks = REPEATS + "assert order(n) == sorted(n)\n"
    report = sorter(tmp_path, TOLD_BY[told_by], checks)
    cheated = report.measurement is not None and report.measurement.value == 0
    assert not cheated, report.reason


@pytest.mark.slow
@pytest.mark.real_runs
@pytest.mark.parametrize("told_by", ["argv", "size"])
def test_a_guard_of_what_the_run_itself_made_is_fooled_by_nothing_that_tells_them_apart(
    tmp_path: Path, told_by: str
) -> None:
    report = sorter(tmp_path, TOLD_BY[told_by], LOOKS)
    assert (report.measurement, report.cause) == (None, EndCause.GUARD_FAILED)
    assert "not sorted" in report.reason


@pytest.mark.slow
def test_a_number_that_a_guard_prints_is_recorded_with_the_run(tmp_path: Path) -> None:
    weighs = python("memory", "print('METRIC peak_mb=120.5')")
    metrics = (("memory", "peak_mb"),)
    report = guarded(tmp_path, weighs, python("lint", ""), guard_metrics=metrics)
    assert value(report) == 2.5
    assert report.guard_numbers == (("memory", 120.5),)


@pytest.mark.slow
@pytest.mark.parametrize("prints", ["print('METRIC peak_mb=nan')", "print('peak_mb=7')"])
def test_a_guard_without_its_number_fails(tmp_path: Path, prints: str) -> None:
    metrics = (("memory", "peak_mb"),)
    report = guarded(tmp_path, python("memory", prints), guard_metrics=metrics)
    reason = crash(report, EndCause.GUARD_FAILED)
    assert "guard memory" in reason
    assert "peak_mb" in reason


@pytest.mark.slow
def test_a_labs_guard_with_a_number_reaches_its_runs(tmp_path: Path) -> None:
    table = '[guards.steps]\ncommand = ["{python}", "weigh.py"]\nmetric = "steps"\nmay_grow = 1\n'
    lab = open_printed(
        tmp_path,
        contract=CONTRACT.replace("[metric]", f"{table}[metric]"),
        weigh="import frozen\nprint(f'METRIC steps={frozen.weigh(3)}')\n",
    )
    report = final_report(lab.runs.directory(lab.start_run("e0").id))
    assert report.state is RunState.FINISHED, report.reason
    assert report.guard_numbers == (("steps", 7.0),)
    lab.runs.absorb()
    assert lab.history().reports[report.run].guard_numbers == (("steps", 7.0),)
