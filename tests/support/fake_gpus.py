"""Supervisors that see GPUs which are not there, each in a state of its own."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, count, repeat
from pathlib import Path
from typing import Any

import psutil

from autoresearch.devices import HEAT, Device, Look, Tenant
from autoresearch.devices.disturbance import Counters
from autoresearch.records import RunReport
from autoresearch.run_directory import RunDir
from autoresearch.training.supervisor import supervise
from tests.support.fake_devices import EMPTY, FakeProbe, core, gpu
from tests.support.fakes import QuietExecutor, idle_machine, run_to_end

FULL = Look(free_mb=1000.0, tenants=(Tenant(pid=1, name="notebook", memory_mb=7192.0, busy=0.0),))
STRANGER = Tenant(pid=1, name="stranger", memory_mb=100.0, busy=0.9)
GPUS = (gpu(0), gpu(1), core(0))


class OnGpus(QuietExecutor):
    """Runs supervisors that see GPUS as the function of that name here shows them."""

    def __init__(self, scene: str = "empty") -> None:
        super().__init__(FakeProbe(GPUS))
        self.supervises = f"tests.support.fake_gpus:{scene}"


def on_gpu(folder: Path, train: str, scene: str, **changes: Any) -> tuple[RunDir, RunReport]:
    """A run that may have one GPU and prints its number, to its end."""
    given: dict[str, Any] = {
        "documents": "/nowhere",
        "scoring": "stdout",
        "metric": "score",
        "budget_unit": "wall_s",
        "budget": 20.0,
        "cpu_ceiling_s": None,
        "checkpoint": "",
        "devices": ("gpu-0",),
        "gpus": (("gpu-0", "GPU-fake-0", "/dev/null"),),
        "gpu_leases": str(folder / "gpus"),
    }
    return run_to_end(folder, train, executor=OnGpus(scene), **{**given, **changes})


def empty(path: str) -> None:
    """Nobody else is there, and the run's processes hold 500 MB each."""
    _supervise(path, repeat(EMPTY))


def full(path: str) -> None:
    """There is no room, and there will be none."""
    _supervise(path, repeat(FULL), patience_s=0.0)


def full_at_first(path: str) -> None:
    """There is room at the second look."""
    _supervise(path, chain((FULL,), repeat(EMPTY)))


def crowded(path: str) -> None:
    """Somebody holds most of its memory and computes nothing; the run takes the rest."""
    _supervise(path, chain((FULL, FULL), repeat(replace(FULL, free_mb=200.0))))


def roomy(path: str) -> None:
    """Somebody holds most of its memory, and some is left at every look."""
    _supervise(path, repeat(FULL))


def strange(path: str) -> None:
    """Somebody begins to compute once the run was let in."""
    _supervise(path, chain((EMPTY, EMPTY), repeat(_with(STRANGER))))


def hot(path: str) -> None:
    """It grows hot while the run trains."""
    slowed = Look(free_mb=8000.0, slowed_by=(HEAT,), temperature_c=92.0, slowdown_c=90.0)
    _supervise(path, chain((EMPTY, EMPTY), repeat(slowed)))


def _supervise(path: str, looks: Iterator[Look], patience_s: float = 60.0) -> None:
    def show(device: Device) -> Look:
        return next(looks)

    probe = FakeProbe(GPUS, lambda device: _with_the_run(show(device)))
    supervise(Path(path), idle_machine, probe, patience_s)


def _with(tenant: Tenant) -> Look:
    return Look(free_mb=8000.0, tenants=(tenant,))


def _with_the_run(look: Look) -> Look:
    """Its processes, the sandbox's own apart, hold some memory each."""
    below = psutil.Process().children(recursive=True)
    python = [p for p in below if sys.executable in _command(p)[:1]]
    own = tuple(Tenant(pid=p.pid, name="own", memory_mb=500.0, busy=1.0) for p in python)
    return Look(
        free_mb=look.free_mb,
        tenants=(*look.tenants, *own),
        temperature_c=look.temperature_c,
        slowdown_c=look.slowdown_c,
        slowed_by=look.slowed_by,
    )


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def strange_to_the_first(path: str) -> None:
    """Somebody computes beside the first run of e1, and beside no other."""
    (strange if Path(path).name == "e1-r1" else empty)(path)


def loaded_at_the_first(path: str) -> None:
    """Others take all cores but a half beside e1-r1, from look to look, and none beside another."""
    loaded = (_reading(at=10.0 * n, busy_s=15.0 * n) for n in count())
    first = Path(path).name == "e1-r1"
    supervise(Path(path), (lambda: next(loaded)) if first else idle_machine)


def _reading(*, at: float, busy_s: float) -> Counters:
    return Counters(at=at, cores=2, busy_s=busy_s, stalled_s=0.0, free_mb=4096.0)
