"""NVIDIA GPUs by way of NVML, which a test plays: this machine need not have any."""

import ast
import inspect
import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from autoresearch.devices import HEAT, POWER_BRAKE
from autoresearch.devices import nvidia as module
from autoresearch.devices.nvidia import Nvidia

pynvml = pytest.importorskip("pynvml", reason="nvidia-ml-py is installed on Linux only")
GB = 2**30


class Card:
    """What NVML tells of one GPU; what it lacks is not supported."""

    def __init__(self, uuid: str, **told: Any) -> None:
        self.told: dict[str, Any] = {
            "nvmlDeviceGetUUID": uuid,
            "nvmlDeviceGetName": "NVIDIA H100 80GB HBM3",
            "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=80 * GB, free=30 * GB, used=50 * GB),
            "nvmlDeviceGetMinorNumber": 3,
            "nvmlDeviceGetTemperature": 61,
            "nvmlDeviceGetTemperatureThreshold": 92,
            "nvmlDeviceGetCurrentClocksEventReasons": 0,
            "nvmlDeviceGetComputeRunningProcesses": [],
            "nvmlDeviceGetProcessUtilization": [],
            **told,
        }


class FakeNvml:
    """The module pynvml with these cards in the machine; constants and errors are its own."""

    def __init__(self, *cards: Card, broken: bool = False) -> None:
        self.cards = cards
        self.broken = broken

    def __getattr__(self, name: str) -> Any:
        real = getattr(pynvml, name)  # only what there is
        return self._played(name) if inspect.isfunction(real) else real

    def _played(self, name: str) -> Callable[..., Any]:
        def play(*arguments: Any) -> Any:
            if name == "nvmlInit" and self.broken:
                raise pynvml.NVMLError(pynvml.NVML_ERROR_DRIVER_NOT_LOADED)
            if name == "nvmlInit":
                return None
            if name == "nvmlDeviceGetCount":
                return len(self.cards)
            if name == "nvmlSystemGetDriverVersion":
                return b"570.86.10"
            if name == "nvmlDeviceGetHandleByIndex":
                return self.cards[arguments[0]]
            found = arguments[0].told.get(name)
            if found is None:
                raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
            if isinstance(found, pynvml.NVMLError):
                raise found
            return found[arguments[1]] if isinstance(found, dict) else found

        return play


def seen(*cards: Card, **environ: str) -> Nvidia:
    return Nvidia(FakeNvml(*cards), environ)


def process(pid: int, used: int | None) -> SimpleNamespace:
    return SimpleNamespace(pid=pid, usedGpuMemory=used)


def sample(pid: int, at: int, busy: int) -> SimpleNamespace:
    return SimpleNamespace(pid=pid, timeStamp=at, smUtil=busy)


def test_every_function_that_is_asked_for_is_one_of_the_package() -> None:
    named = {
        node.value
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.startswith("nvml")
    }
    assert len(named) > 12
    assert {name for name in named if not hasattr(pynvml, name)} == set()


def test_a_gpu_is_found_with_its_name_memory_and_device_file() -> None:
    [device] = seen(Card("GPU-1")).devices()
    assert (device.name, device.uuid, device.kind) == ("gpu-0", "GPU-1", "nvidia")
    assert (device.title, device.driver) == ("NVIDIA H100 80GB HBM3", "570.86.10")
    assert device.memory_mb == 80 * 1024
    assert device.node == "/dev/nvidia3"  # by its minor number, which is not its index


def test_without_a_driver_there_is_none() -> None:
    assert Nvidia(FakeNvml(Card("GPU-1"), broken=True), {}).devices() == ()
    assert seen().devices() == ()


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        ("1", ["gpu-1"]),
        ("1,0", ["gpu-1", "gpu-0"]),
        ("GPU-bb", ["gpu-1"]),
        ("", []),
        ("-1", []),
        ("0,9,1", ["gpu-0"]),  # CUDA reads no further than the first that is none
        ("GPU-", []),  # two begin so
    ],
)
def test_the_users_choice_for_cuda_is_honoured(visible: str, names: list[str]) -> None:
    probe = seen(Card("GPU-aa"), Card("GPU-bb"), CUDA_VISIBLE_DEVICES=visible)
    assert [device.name for device in probe.devices()] == names


def test_a_look_tells_memory_temperature_and_what_lowers_the_clocks() -> None:
    reasons = (
        pynvml.nvmlClocksThrottleReasonHwThermalSlowdown
        | pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown
    )
    probe = seen(Card("GPU-1", nvmlDeviceGetCurrentClocksEventReasons=reasons))
    look = probe.look(probe.devices()[0])
    assert look.free_mb == 30 * 1024
    assert (look.temperature_c, look.slowdown_c) == (61, 92)
    assert look.slowed_by == (HEAT, POWER_BRAKE)


def test_idle_clocks_a_limit_of_power_and_a_users_setting_are_no_slowdown() -> None:
    reasons = (
        pynvml.nvmlClocksThrottleReasonGpuIdle
        | pynvml.nvmlClocksThrottleReasonSwPowerCap
        | pynvml.nvmlClocksThrottleReasonApplicationsClocksSetting
        | pynvml.nvmlClocksThrottleReasonSyncBoost
    )
    probe = seen(Card("GPU-1", nvmlDeviceGetCurrentClocksEventReasons=reasons))
    assert probe.look(probe.devices()[0]).slowed_by == ()


def test_an_older_driver_is_asked_under_the_older_names() -> None:
    card = Card(
        "GPU-1",
        nvmlDeviceGetCurrentClocksEventReasons=None,
        nvmlDeviceGetCurrentClocksThrottleReasons=(
            pynvml.nvmlClocksThrottleReasonSwThermalSlowdown
        ),
        nvmlDeviceGetComputeRunningProcesses=None,
        nvmlDeviceGetComputeRunningProcesses_v2=[process(os.getpid(), GB)],
        nvmlDeviceGetTemperatureThreshold=None,
    )
    probe = seen(card)
    look = probe.look(probe.devices()[0])
    assert look.slowed_by == (HEAT,)
    assert [tenant.pid for tenant in look.tenants] == [os.getpid()]
    assert look.slowdown_c is None


def test_tenants_are_named_with_their_memory_and_how_much_they_compute() -> None:
    late = 2**62
    card = Card(
        "GPU-1",
        nvmlDeviceGetComputeRunningProcesses=[process(os.getpid(), 2 * GB), process(2**30, None)],
        nvmlDeviceGetProcessUtilization=[
            sample(os.getpid(), late, 60),
            sample(os.getpid(), late + 1, 80),
        ],
    )
    probe = seen(card)
    mine, other = probe.look(probe.devices()[0]).tenants
    assert (mine.memory_mb, mine.busy) == (2048.0, pytest.approx(0.7))
    assert "python" in mine.name
    assert (other.memory_mb, other.busy) == (None, 0.0)
    # The same samples are not counted twice.
    assert probe.look(probe.devices()[0]).tenants[0].busy == 0.0


def test_nobody_computed_is_another_answer_than_nobody_tells() -> None:
    running = [process(os.getpid(), GB)]
    nobody = pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
    for answer, busy in ((nobody, 0.0), (None, None)):
        card = Card(
            "GPU-1",
            nvmlDeviceGetComputeRunningProcesses=running,
            nvmlDeviceGetProcessUtilization=answer,
        )
        probe = seen(card)
        assert probe.look(probe.devices()[0]).tenants[0].busy == busy


def test_a_gpu_that_is_split_counts_as_its_instances() -> None:
    part = Card("MIG-1", nvmlDeviceGetMinorNumber=None, nvmlDeviceGetTemperature=None)
    board = Card(
        "GPU-1",
        nvmlDeviceGetMigMode=[1, 1],
        nvmlDeviceGetMaxMigDeviceCount=2,
        nvmlDeviceGetMigDeviceHandleByIndex={0: part, 1: part},
    )
    part.told["nvmlDeviceGetDeviceHandleFromMigDeviceHandle"] = board
    probe = seen(board)
    first = probe.devices()[0]
    assert (first.name, first.uuid, first.node) == ("gpu-0m0", "MIG-1", "/dev/nvidia3")
    assert probe.look(first).temperature_c == 61


def test_a_gpu_that_is_gone_tells_nothing() -> None:
    [device] = seen(Card("GPU-1")).devices()
    assert seen(Card("GPU-2")).look(device).free_mb is None
