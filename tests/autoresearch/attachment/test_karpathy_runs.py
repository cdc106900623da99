"""Runs of a clone of karpathy/autoresearch through the real supervisor: broken ones and cheats."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from autoresearch.lab import Lab
from autoresearch.records import RunReport, RunState
from autoresearch.sandboxes.selection import current_sandbox
from tests.support.fakes import QuietExecutor, final_report, make_run
from tests.support.golden import BLOCK, NUMBERS, golden_log
from tests.support.karpathy_clone import FILES, open_clone, prepare_data, propose_change
from tests.support.refusals import raises
from tests.support.repositories import to_verdict

PRINTS = "import sys\nsys.stdout.write(open('golden').read())\n"
TRAIN = (FILES / "train.py").read_text()


def run(folder: Path, train: str = PRINTS, log: str | None = None, **changes: Any) -> RunReport:
    """A run of this train.py beside the fixture's prepare.py and a log that it may print."""
    rundir = make_run(
        folder,
        train,
        **{
            "documents": "/nowhere",
            "scoring": "stdout",
            "metric": "val_bpb",
            "block": "---",
            "budget_unit": "wall_s",
            "budget": 20.0,
            "wall_ceiling_s": 40.0,
            "cpu_ceiling_s": None,
            "checkpoint": "",
            "checkpoint_mb": 64.0,
            **changes,
        },
    )
    (rundir.tree / "prepare.py").write_bytes((FILES / "prepare.py").read_bytes())
    (rundir.tree / "golden").write_bytes((golden_log() if log is None else log).encode())
    QuietExecutor().submit(rundir)
    return final_report(rundir)


def cached(folder: Path) -> dict[str, Any]:
    """The fixture's data as an input, for a run's spec."""
    cache = prepare_data(FILES, folder / "user")
    return {"inputs": ((str(cache), "~/.cache/autoresearch"),)}


def crash(report: RunReport) -> str:
    assert (report.state, report.measurement) == (RunState.CRASHED, None), report.reason
    return report.reason


@pytest.mark.slow
@pytest.mark.real_runs
def test_the_golden_log_is_a_measurement(tmp_path: Path) -> None:
    report = run(tmp_path)
    assert report.measurement is not None, report.reason
    assert report.measurement.value == 0.9979
    assert dict(report.measurement.said) == NUMBERS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("log", "words"),
    [
        (golden_log() + BLOCK, "more than one block"),
        (golden_log() + "saved\nval_bpb: 0.9\n", "outside the block"),
        (golden_log().replace("0.997900", "nan"), "finite number"),
        (golden_log()[:-400], "it printed no block"),
    ],
    ids=["two blocks", "another val_bpb", "nan", "truncated"],
)
def test_a_broken_log_gives_no_number(tmp_path: Path, log: str, words: str) -> None:
    assert words in crash(run(tmp_path, log=log))


@pytest.mark.slow
def test_a_block_before_a_bad_exit_counts_for_nothing(tmp_path: Path) -> None:
    said = crash(run(tmp_path, PRINTS + "sys.exit(1)\n"))
    assert "exit status 1" in said
    assert "the val_bpb of 0.9979 that it printed does not count" in said


@pytest.mark.slow
def test_a_loss_that_is_nan_prints_fail_and_is_a_crash(tmp_path: Path) -> None:
    train = TRAIN.replace("loss = sum", "loss = float('nan') * sum")
    assert crash(run(tmp_path, train, **cached(tmp_path))) == "exit status 1; its last line: FAIL"


@pytest.mark.slow
def test_standard_error_is_the_same_stream(tmp_path: Path) -> None:
    report = run(tmp_path, PRINTS.replace("stdout", "stderr"))
    assert report.measurement is not None
    (tmp_path / "both").mkdir()
    both = crash(run(tmp_path / "both", PRINTS + PRINTS.replace("stdout", "stderr")))
    assert "more than one block" in both


@pytest.mark.slow
def test_the_block_is_found_behind_50_mb_of_progress(tmp_path: Path) -> None:
    flood = (
        "import sys\nfor _ in range(800):\n    sys.stdout.write('\\rstep 12345 ' * 5462)\nprint()\n"
    )
    report = run(tmp_path, flood + PRINTS)
    assert report.measurement is not None, report.reason
    assert report.measurement.value == 0.9979
    assert (tmp_path / "e1-r1" / "log").stat().st_size < 2**20


@pytest.mark.slow
def test_a_block_before_a_kill_counts_for_nothing(tmp_path: Path) -> None:
    hangs = PRINTS + "sys.stdout.flush()\nimport time\ntime.sleep(1000)\n"
    said = crash(run(tmp_path, hangs, wall_ceiling_s=2.0))
    assert re.search(r"killed after .* at its ceiling of 2 wall seconds", said)
    assert "does not count" in said


@pytest.mark.slow
def test_long_untimed_steps_end_at_the_ceiling(tmp_path: Path) -> None:
    train = TRAIN.replace("UNTIMED_STEPS = 11", "UNTIMED_STEPS = 10**9")
    assert train != TRAIN
    said = crash(run(tmp_path, train, wall_ceiling_s=2.0, **cached(tmp_path)))
    assert "at its ceiling of 2 wall seconds" in said


@pytest.mark.slow
def test_a_rebound_budget_ends_at_the_ceiling(tmp_path: Path) -> None:
    train = TRAIN.replace("started = time", "TIME_BUDGET = 1000\nstarted = time")
    assert train != TRAIN
    said = crash(run(tmp_path, train, wall_ceiling_s=2.0, **cached(tmp_path)))
    assert "at its ceiling of 2 wall seconds" in said


@pytest.mark.slow
def test_a_run_that_rewrites_prepare_py_has_no_number(tmp_path: Path) -> None:
    said = crash(run(tmp_path, PRINTS + "open('prepare.py', 'a').write('TIME_BUDGET = 9')\n"))
    assert said == "the training changed prepare.py in its own tree"


@pytest.mark.slow
@pytest.mark.skipif(current_sandbox().name == "unsandboxed", reason="nothing here is read-only")
def test_a_run_can_not_write_into_the_cache(tmp_path: Path) -> None:
    data = cached(tmp_path)
    train = """
import os
folder = os.path.expanduser("~/.cache/autoresearch/")
tried = []
for name, how in (("tokenizer/token_bytes.json", "w"), ("data/shard_00002.txt", "a"), ("new", "w")):
    try:
        open(folder + name, how).write("0")
    except OSError as error:
        tried.append(name)
for act in (os.unlink, os.rename):
    try:
        act(folder + "data/shard_00002.txt", *[folder + "data/other"] * (act is os.rename))
    except OSError as error:
        tried.append(act.__name__)
print("---")
print(f"val_bpb: {len(tried)}")
"""
    before = read_all(tmp_path / "user")
    report = run(tmp_path, train, **data)
    assert report.measurement is not None, report.reason
    assert report.measurement.value == 5
    assert read_all(tmp_path / "user") == before


@pytest.mark.slow
@pytest.mark.skipif(current_sandbox().name == "unsandboxed", reason="nothing here is barred")
def test_a_run_has_no_network(tmp_path: Path) -> None:
    train = """
import socket
try:
    socket.create_connection(("192.0.2.1", 80), timeout=2)
except OSError as error:
    print(f"---\\nval_bpb: {error.errno or 0}")
"""
    report = run(tmp_path, train)
    assert report.measurement is not None, report.reason
    assert report.measurement.value > 0  # refused at once, where a time-out has no number


def read_all(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    return open_clone(tmp_path)


@pytest.mark.long
@pytest.mark.real_runs
def test_what_is_frozen_is_refused_before_it_costs_a_run(lab: Lab) -> None:
    for path, change in {
        "prepare.py": ("TIME_BUDGET = 2 / 10", "TIME_BUDGET = 2000"),
        "uv.lock": ("version = 1", "version = 2"),
        "pyproject.toml": ("dependencies = []", 'dependencies = ["torch"]'),
        "program.md": ("Simpler is better", "Longer is better"),
    }.items():
        with raises("patch_refused.not_editable", path):
            propose_change(lab, change, "have more time", path)
    assert list(lab.history().experiments) == ["e0"]


@pytest.mark.long
@pytest.mark.real_runs
def test_a_cache_that_was_changed_refuses_the_next_run(lab: Lab, tmp_path: Path) -> None:
    sizes = tmp_path / "user" / ".cache" / "autoresearch" / "tokenizer" / "token_bytes.json"
    sizes.write_text(json.dumps([9] * len(json.loads(sizes.read_text()))))
    with raises("invalid_state.data_changed", ".cache/autoresearch"):
        lab.runs.start("e0")


@pytest.mark.slow
@pytest.mark.real_runs
def test_nothing_is_left_for_the_next_run(lab: Lab) -> None:
    leaves = """import os, tempfile
for place in {".", os.path.expanduser("~"), tempfile.gettempdir(), os.environ["AUTORESEARCH_OUT"]}:
    mark = os.path.join(place, "left-by-a-run")
    assert not os.path.exists(mark), mark
    open(mark, "w").close()
BLEND = 0.02"""
    found = to_verdict(lab, propose_change(lab, ("BLEND = 0.3", leaves), "leave something")).verdict
    assert found is not None
    assert found.outcome.value == "keep", found.sentence
    assert len(found.candidate_runs) >= 2
