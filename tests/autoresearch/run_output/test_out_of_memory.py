"""What libraries say when there is no memory left, and the sentence that becomes of it."""

from pathlib import Path

import pytest

from autoresearch.records import EndCause
from autoresearch.run_output.out_of_memory import MemoryUsage, Shortage, out_of_memory
from autoresearch.sandboxes.cgroup import Cgroups

TAKEN = MemoryUsage(limit_mb=4096.0, peak_mb=900.0, gpu_peak_mb=79_872.0)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a "
            "total capacity of 79.30 GiB of which 200.00 MiB is free. Including non-PyTorch memory",
            "out of GPU memory: it wanted 2.0 GiB more, 79.1 GiB of 79.3 GiB were in use "
            "(peak 78.0 GiB)",
        ),
        (
            "RuntimeError: CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 7.79 GiB total "
            "capacity; 6.00 GiB already allocated; 10.00 MiB free; 6.10 GiB reserved in total)",
            "out of GPU memory: it wanted 20 MB more, 7.8 GiB of 7.8 GiB were in use "
            "(peak 78.0 GiB)",
        ),
        (
            "RuntimeError: MPS backend out of memory (MPS allocated: 5.42 GB, other allocations: "
            "3.24 GB, max allowed: 9.07 GB). Tried to allocate 1024.00 MB on private pool.",
            "out of GPU memory: it wanted 1.0 GiB more, 8.7 GiB of 9.1 GiB were in use "
            "(peak 78.0 GiB)",
        ),
        (
            "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(h)`",
            "out of GPU memory: RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling "
            "`cublasCreate(h)` (peak 78.0 GiB)",
        ),
        (
            "jaxlib.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate "
            "8589934592 bytes.",
            "out of GPU memory: it wanted 8.0 GiB more (peak 78.0 GiB)",
        ),
        (
            "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 74.5 GiB for an array "
            "with shape (100000, 100000) and data type float64",
            "out of memory: it wanted 74.5 GiB more, its limit is 4.0 GiB, peak 900 MB",
        ),
        (
            "RuntimeError: [enforce fail at alloc_cpu.cpp:114] data. DefaultCPUAllocator: can't "
            "allocate memory: you tried to allocate 40000000000 bytes. Error code 12",
            "out of memory: it wanted 37.3 GiB more, its limit is 4.0 GiB, peak 900 MB",
        ),
        ("MemoryError", "out of memory: its limit is 4.0 GiB, peak 900 MB"),
    ],
)
def test_a_librarys_words_become_one_sentence(said: str, sentence: str) -> None:
    short = out_of_memory(said, TAKEN)
    assert short is not None
    assert short.text == sentence
    on_gpu = short.cause is EndCause.OUT_OF_GPU_MEMORY
    assert on_gpu == ("GPU" in sentence)


def test_what_died_of_something_else_keeps_its_own_words() -> None:
    assert out_of_memory("RuntimeError: CUDA error: device-side assert triggered", TAKEN) is None
    assert out_of_memory("", TAKEN) is None


def test_what_the_kernel_ended_is_known_by_its_control_group() -> None:
    taken = MemoryUsage(limit_mb=120.0, peak_mb=119.0, kills=1)
    assert out_of_memory("Killed", taken) == Shortage(
        EndCause.OUT_OF_MEMORY,
        "out of memory: the kernel killed it above its 120 MB, peak 119 MB",
    )


def test_what_nobody_saw_is_not_said() -> None:
    assert out_of_memory("MemoryError", MemoryUsage(limit_mb=512.0)) == Shortage(
        EndCause.OUT_OF_MEMORY, "out of memory: its limit is 512 MB"
    )


def test_a_control_group_tells_how_many_the_kernel_ended(tmp_path: Path) -> None:
    (tmp_path / "user.slice").mkdir()
    for name in ("cpu.stat", "cgroup.procs"):
        (tmp_path / "user.slice" / name).touch()
    groups = Cgroups(mount=tmp_path, own="0::/user.slice/shell.scope")
    assert groups.oom_kills() == 0
    groups.make(memory_mb=100, tasks=7)
    assert groups.oom_kills() == 0  # a kernel that does not tell
    [group] = (tmp_path / "user.slice").glob("autoresearch-*")
    (group / "memory.events").write_text("low 0\noom 3\noom_kill 2\noom_group_kill 0\n")
    assert groups.oom_kills() == 2
