"""Runs on a GPU that is not there: real supervisors and sandboxes, a probe that is passed in."""

from pathlib import Path
from typing import Any

import pytest

from autoresearch.devices.nvidia import Nvidia
from autoresearch.records import EndCause, RunState
from tests.support.fake_gpus import on_gpu
from tests.support.fakes import model_target

TELLS = """
import os, sys
print("METRIC score=1.5")
for name in ("AUTORESEARCH_DEVICE", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"):
    print(name, os.environ.get(name))
"""
# 0x4000: without a promise that there is as much
RESERVES = """
import mmap
held = mmap.mmap(-1, 50 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)
held[0] = 1
print("METRIC score=1.5")
"""
CUDA_WORDS = (
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.30 GiB of "
    "which 200.00 MiB is free. Including non-PyTorch memory, this process has 78.90 GiB memory in "
    "use. Of the allocated memory 78.00 GiB is allocated by PyTorch"
)
RUNS_OUT = f"""
import time
class OutOfMemoryError(RuntimeError): pass
OutOfMemoryError.__module__ = "torch"
time.sleep(1.2)
raise OutOfMemoryError({CUDA_WORDS!r})
"""


def sealed(folder: Path) -> dict[str, Any]:
    """What makes a run one whose model is scored, with a budget in tokens."""
    return {
        "scoring": "sealed",
        "budget_unit": "tokens",
        "budget": 500,
        "cpu_ceiling_s": 20.0,
        "checkpoint": "model.npy",
        "documents": str(folder / "documents.txt"),
    }


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_run_is_told_its_device_and_nothing_of_the_others(tmp_path: Path) -> None:
    rundir, report = on_gpu(tmp_path, TELLS, "empty", cpus=3)
    assert (report.state, report.device) == (RunState.FINISHED, "gpu-0"), report.reason
    assert rundir.log_file.read_text().splitlines()[1:] == [
        "AUTORESEARCH_DEVICE cuda",
        "CUDA_VISIBLE_DEVICES GPU-fake-0",
        "OMP_NUM_THREADS 3",
    ]


@pytest.mark.slow
def test_a_run_on_a_core_is_shown_no_gpu(tmp_path: Path) -> None:
    cores = {"devices": ("cpu-0", "cpu-1"), "gpus": (), "cpus": 2}
    rundir, report = on_gpu(tmp_path, TELLS, "empty", **cores)
    assert (report.state, report.device) == (RunState.FINISHED, "cpu-0,cpu-1"), report.reason
    assert rundir.log_file.read_text().splitlines()[1:] == [
        "AUTORESEARCH_DEVICE cpu",
        "CUDA_VISIBLE_DEVICES ",
        "OMP_NUM_THREADS 2",
    ]


@pytest.mark.slow
def test_what_is_reserved_is_not_what_is_used(tmp_path: Path) -> None:
    (tmp_path / "gpu").mkdir()
    (tmp_path / "cpu").mkdir()
    _, report = on_gpu(tmp_path / "gpu", RESERVES, "empty", memory_mb=600)
    assert report.state is RunState.FINISHED, report.reason
    cores = {"devices": ("cpu-0",), "gpus": ()}
    _, report = on_gpu(tmp_path / "cpu", RESERVES, "empty", memory_mb=600, **cores)
    assert report.state is RunState.CRASHED


@pytest.mark.slow
def test_memory_that_is_used_is_limited_on_a_gpu_too(tmp_path: Path) -> None:
    uses = "import time\nx = bytearray(b'x') * (900 << 20)\ntime.sleep(100)\n"
    _, report = on_gpu(tmp_path, uses, "empty", memory_mb=300)
    assert report.state is RunState.CRASHED
    assert report.cause is EndCause.OVER_MEMORY
    assert "300 MB" in report.reason


@pytest.mark.slow
def test_a_run_waits_for_room_on_its_gpu(tmp_path: Path) -> None:
    _, report = on_gpu(tmp_path, TELLS, "full_at_first", gpu_memory_mb=4000)
    assert report.state is RunState.FINISHED, report.reason


@pytest.mark.slow
def test_a_run_that_finds_no_room_is_lost_and_says_who_holds_it(tmp_path: Path) -> None:
    _, report = on_gpu(tmp_path, TELLS, "full", gpu_memory_mb=4000)
    assert (report.state, report.measurement) == (RunState.LOST, None)
    assert report.cause is EndCause.NO_DEVICE
    for part in ("gpu-0 (Fake 8G)", "1,000 of 8,192 MB", "4,000", "notebook (pid 1)", "7,192 MB"):
        assert part in report.reason


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_stranger_on_its_gpu_taints_a_run(tmp_path: Path) -> None:
    _, report = on_gpu(tmp_path, TELLS, "strange")
    assert (report.state, report.measurement) == (RunState.TAINTED, None)
    assert report.cause is EndCause.DISTURBED
    for part in ("stranger (pid 1)", "gpu-0", "100%"):
        assert part in report.reason


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_stranger_does_not_taint_a_run_that_shares_its_gpu(tmp_path: Path) -> None:
    shared = {"devices": ("gpu-0/2",), "gpus": (("gpu-0/2", "GPU-fake-0", "/dev/null"),)}
    _, report = on_gpu(tmp_path, TELLS, "strange", **shared)
    assert (report.state, report.device) == (RunState.FINISHED, "gpu-0/2"), report.reason


@pytest.mark.slow
@pytest.mark.real_runs
def test_heat_under_its_own_load_does_not_taint_a_run_and_is_said(tmp_path: Path) -> None:
    _, report = on_gpu(tmp_path, TELLS, "hot")
    assert report.state is RunState.FINISHED
    for part in ("gpu-0", "heat", "100%"):
        assert part in report.reason.rpartition("; ")[2]


@pytest.mark.slow
def test_out_of_gpu_memory_is_a_sentence_with_numbers(tmp_path: Path) -> None:
    _, report = on_gpu(tmp_path, RUNS_OUT, "empty")
    assert report.state is RunState.CRASHED
    assert report.cause is EndCause.OUT_OF_GPU_MEMORY
    for part in ("2.0 GiB", "79.1 GiB of 79.3 GiB", "500 MB"):
        assert part in report.reason
    assert report.gpu_peak_mb == 500.0
    assert report.peak_mb > 0


@pytest.mark.slow
@pytest.mark.real_runs
@pytest.mark.parametrize("kind", ["printed", "sealed"])
def test_out_of_gpu_memory_that_another_process_held_taints_a_run(
    tmp_path: Path, kind: str
) -> None:
    train = RUNS_OUT.replace("time.sleep(1.2)", "print('METRIC score=1.5')")
    changes = sealed(tmp_path) if kind == "sealed" else {}
    _, report = on_gpu(tmp_path, train, "crowded", **changes)
    assert (report.state, report.measurement) == (RunState.TAINTED, None)
    assert report.cause is EndCause.GPU_CROWDED
    for part in ("2.0 GiB", "79.1 GiB of ", "notebook (pid 1)", "7,192 MB", "gpu-0"):
        assert part in report.reason


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_run_that_only_says_that_a_gpu_is_full_is_a_crash(tmp_path: Path) -> None:
    _, report = on_gpu(tmp_path, RUNS_OUT.replace("time.sleep(1.2)", ""), "roomy")
    assert report.state is RunState.CRASHED
    assert report.cause is EndCause.OUT_OF_GPU_MEMORY
    assert "2.0 GiB" in report.reason


@pytest.mark.slow
@pytest.mark.real_runs
def test_any_other_crash_beside_another_process_is_a_crash(tmp_path: Path) -> None:
    _, report = on_gpu(tmp_path, "1 / 0", "crowded")
    assert (report.state, report.cause) == (RunState.CRASHED, EndCause.EXCEPTION)
    assert report.reason == "ZeroDivisionError: division by zero"


@pytest.mark.slow
def test_a_model_is_scored_on_the_device_it_was_trained_on(tmp_path: Path) -> None:
    body = "import os; assert os.environ['CUDA_VISIBLE_DEVICES'] == 'GPU-fake-0'; "
    answer = "return np.zeros((len(tokens), vocab))"
    target = model_target(body + answer)
    _, report = on_gpu(tmp_path, target, "strange", **sealed(tmp_path))
    assert report.state is RunState.FINISHED, report.reason  # a stranger takes no tokens
    assert report.device == "gpu-0"


@pytest.mark.skipif(not Nvidia().devices(), reason="there is no NVIDIA GPU on this machine")
@pytest.mark.slow
def test_a_real_gpu_is_seen_from_inside_the_sandbox(tmp_path: Path) -> None:
    """By the driver alone: a context is made, memory is taken, and NVML sees whose it is."""
    from tests.support.real_gpu import USES_CUDA, on_real_gpu

    rundir, report = on_real_gpu(tmp_path, USES_CUDA)
    assert report.state is RunState.FINISHED, (report.reason, rundir.log_file.read_text())
    assert report.gpu_peak_mb > 100
