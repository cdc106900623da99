"""Two slots, four experiments: never two on one slot; and what a load beside a run does to it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from autoresearch.devices.disturbance import read_machine
from autoresearch.errors import InvalidStateError
from autoresearch.executors.local import LocalExecutor
from autoresearch.lab import Lab
from autoresearch.records import Outcome, RunReport, RunState
from tests.support.fake_devices import FakeProbe, core, gpu
from tests.support.fake_gpus import OnGpus
from tests.support.fakes import QuietExecutor, final_report, run_to_end, wait_for
from tests.support.printed import BETTER, CONTRACT, WORK, open_printed, propose_work
from tests.support.repositories import to_verdict

# Goes on until the test lets it: only so is it sure that runs wait for each other's slots.
WAITS = WORK.replace(
    "random.seed",
    "import time\nwhile not os.path.exists(os.environ['AUTORESEARCH_OUT'] + '/go'):\n"
    "    time.sleep(0.01)\nrandom.seed",
    1,
)
ON_GPU = CONTRACT.replace("[run]", '[run]\ndevice = "gpu"')


def state(lab: Lab, run: str) -> RunState | None:
    report = lab.runs.directory(run).read_status()
    return report.state if report else None


def let_go(lab: Lab, runs: list[str]) -> None:
    for run in runs:
        (lab.runs.directory(run).out / "go").touch()


def reports_of(lab: Lab, runs: list[str]) -> list[RunReport]:
    """As the ledger has them."""
    for run in runs:
        final_report(lab.runs.directory(run))
    lab.runs.absorb()
    return [lab.history().reports[run] for run in runs]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cores", "gpus"])
def test_two_slots_and_four_experiments_are_never_two_on_one_slot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))  # where GPUs are leased
    two = {"cores": "cpu-0,cpu-1", "gpus": "gpu-0,gpu-1"}[kind]
    monkeypatch.setenv("AUTORESEARCH_DEVICES", two)
    lab = open_printed(tmp_path, contract=CONTRACT if kind == "cores" else ON_GPU, work=WAITS)
    two_cores = QuietExecutor(FakeProbe((core(0), core(1))))
    executor = two_cores if kind == "cores" else OnGpus()
    lab.__dict__["runs"] = replace(lab.runs, executor=executor)
    assert lab.runs.at_once() == 2
    proposed = [propose_work(lab, ("STEP = 3.0", f"STEP = {n}.5")) for n in range(4)]
    runs = [lab.start_run(experiment).id for experiment in proposed[:2]]
    wait_for(lambda: all(state(lab, run) is RunState.TRAINING for run in runs))
    runs += [lab.start_run(experiment).id for experiment in proposed[2:]]
    wait_for(lambda: all(state(lab, run) is RunState.QUEUED for run in runs[2:]))
    assert lab.runs.machine(lab.history()).free_slots == 0
    let_go(lab, runs)
    reports = reports_of(lab, runs)
    assert [report.state for report in reports] == [RunState.FINISHED] * 4, reports
    by_slot = {
        slot: sorted((report.started, report.ended) for report in reports if report.device == slot)
        for slot in two.split(",")
    }
    assert sum(map(len, by_slot.values())) == 4
    assert {reports[0].device, reports[1].device} == set(two.split(","))
    for spans in by_slot.values():
        assert all(ended <= begun for (_, ended), (begun, _) in pairwise(spans)), by_slot


@pytest.mark.parametrize(
    ("scene", "contract", "words"),
    [
        pytest.param(
            "loaded_at_the_first",
            CONTRACT,
            "other processes used 1.5 of 2 cores",
            marks=pytest.mark.long,  # the test below has a real load
        ),
        pytest.param(
            "strange_to_the_first",
            ON_GPU,
            "stranger (pid 1) computed on gpu-",
            marks=pytest.mark.long,
        ),
    ],
)
def test_a_run_beside_an_injected_load_is_tainted_and_another_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scene: str, contract: str, words: str
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("AUTORESEARCH_DEVICES", raising=False)
    lab = open_printed(tmp_path, contract=contract)
    lab.__dict__["runs"] = replace(lab.runs, executor=OnGpus(scene))
    to_verdict(lab, "e0")
    verdict = to_verdict(lab, propose_work(lab, BETTER)).verdict
    assert verdict is not None
    assert verdict.outcome is Outcome.KEEP, verdict.sentence
    reports = lab.history().reports
    assert reports["e1-r1"].state is RunState.TAINTED
    assert reports["e1-r1"].reason.startswith(words)
    assert reports["e1-r1"].measurement is None
    assert "e1-r1" not in verdict.candidate_runs
    assert set(verdict.candidate_runs) <= set(reports)
    assert len(verdict.candidate_runs) == len(lab.history().runs_of("e1")) - 1
    assert lab.verify().ok, lab.verify().findings


@contextmanager
def burners(count: int) -> Iterator[None]:
    """Processes that use a core each, in sessions of their own so that none yields to the run."""
    spin = (sys.executable, "-c", "while True: pass")
    going = [subprocess.Popen(spin, start_new_session=True) for _ in range(count)]
    try:
        yield
    finally:
        for process in going:
            process.kill()
            process.wait()


@pytest.mark.long
def test_a_real_load_beside_a_run_with_a_budget_in_seconds_taints_it(tmp_path: Path) -> None:
    cores = psutil.cpu_count() or 1
    work = "import time\nbegun = time.process_time()\nwhile time.process_time() < 1: pass\n"
    before = read_machine()
    with burners(3 * cores):
        _, report = run_to_end(
            tmp_path,
            work + "print('METRIC score=1')",
            documents="/nowhere",
            scoring="stdout",
            metric="score",
            budget_unit="wall_s",
            budget=60.0,
            wall_ceiling_s=60.0,
            cpu_ceiling_s=None,
            checkpoint="",
        )
    after = read_machine()
    if (after.busy_s - before.busy_s) / (after.at - before.at) < 0.9 * cores:
        pytest.skip("this machine does not give its cores to processes from here")
    assert report.state is RunState.TAINTED, report.reason
    assert report.reason.startswith("other processes used ")


@pytest.mark.slow
def test_with_a_budget_in_seconds_runs_lease_gpus_of_one_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUTORESEARCH_DEVICES", raising=False)
    lab = open_printed(tmp_path, contract=ON_GPU)
    mixed = FakeProbe((gpu(0), gpu(1), replace(gpu(2), title="Another"), core(0)))
    lab.__dict__["runs"] = replace(lab.runs, executor=QuietExecutor(mixed))
    assert lab.runs.at_once() == 2


@pytest.mark.slow
def test_a_target_that_needs_a_gpu_is_refused_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUTORESEARCH_DEVICES", raising=False)
    lab = open_printed(tmp_path, contract=ON_GPU)
    only_a_core = LocalExecutor(sys.executable, FakeProbe((core(0),)))
    lab.__dict__["runs"] = replace(lab.runs, executor=only_a_core)
    experiment = propose_work(lab, BETTER)
    with pytest.raises(InvalidStateError, match=r"runs need a GPU\. Found: cpu-0\."):
        lab.start_run(experiment)
    assert not lab.history().runs_of(experiment)
    with pytest.raises(InvalidStateError, match="doctor"):
        lab.evaluate(experiment)
    assert lab.overview().devices.startswith("none. This target's runs need a GPU. Found: cpu-0.")
