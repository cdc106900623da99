"""Which devices runs may have, how they are leased, and when one of them is ready."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from autoresearch.devices import HEAT, Look, Tenant, Wanted
from autoresearch.devices.acquisition import DeviceAcquisition
from autoresearch.devices.descriptions import describe_machine, describe_slots
from autoresearch.devices.disturbance import Counters
from autoresearch.devices.leases import Lease, LeaseSet
from autoresearch.devices.memory import LOOK_S, MemoryCheck
from autoresearch.devices.readiness import reason_not_ready
from autoresearch.devices.slots import slots_of
from autoresearch.executors.local import LocalExecutor
from autoresearch.run_directory import RunSpec
from tests.support.fake_devices import EMPTY, FakeProbe, core, gpu
from tests.support.fakes import idle_machine, make_spec
from tests.support.refusals import raises

HERE = (gpu(0), gpu(1), core(0), core(1))
NOTEBOOK = Tenant(pid=4242, name="jupyter", memory_mb=6000.0, busy=0.0)


def names(choice: str, wanted: str, memory_mb: float = 0) -> list[str]:
    return [slot.name for slot in slots_of(HERE, choice, wanted, memory_mb)]  # type: ignore[arg-type]


def on_gpus(folder: Path, *slots: str, **changes: object) -> RunSpec:
    """A spec that may have these slots, `gpu-0/2` being one of a shared device."""
    gpus = tuple((s, f"GPU-fake-{s[4]}", "/dev/null") for s in slots)
    where = str(folder / "gpus")
    return make_spec(folder, devices=slots, gpus=gpus, gpu_leases=where, **changes)


def on_cores(folder: Path, cpus: int, count: int = 4) -> RunSpec:
    return make_spec(folder, devices=tuple(f"cpu-{n}" for n in range(count)), cpus=cpus)


def device_of(lease: Lease | None) -> str:
    return lease.device if lease else "none"


def test_a_target_gets_slots_of_the_kind_it_asks_for() -> None:
    assert names("", "cpu") == ["cpu-0", "cpu-1"]
    assert names("", "gpu") == ["gpu-0", "gpu-1"]
    assert names("", "any") == ["gpu-0", "gpu-1"]
    assert [s.name for s in slots_of((core(0),), "", "any")] == ["cpu-0"]


def test_the_user_chooses_devices_and_shares_them() -> None:
    assert names("gpu-1", "gpu") == ["gpu-1"]
    assert names("gpu-0*2, cpu-0", "any") == ["gpu-0/1", "gpu-0/2"]
    assert names("gpu-0*2,cpu-0", "cpu") == ["cpu-0"]
    assert names("cpu", "any") == ["cpu-0", "cpu-1"]
    assert names("cpu*2", "cpu") == ["cpu-0/1", "cpu-0/2", "cpu-1/1", "cpu-1/2"]


@pytest.mark.parametrize("choice", ["gpu-0*0", "gpu-0*9", "0", "gpu-0*x"])
def test_words_that_are_no_device_are_refused_with_what_would_do(choice: str) -> None:
    with raises("lab_error.bad_device_choice", "gpu-0*2,cpu-0"):
        names(choice, "gpu")


def test_a_device_that_is_not_here_is_refused_with_those_that_are() -> None:
    with raises("lab_error.device_absent", "gpu-7", "gpu-0, gpu-1"):
        names("gpu-7", "gpu")


def test_where_there_is_no_gpu_a_target_that_needs_one_is_told_what_was_found() -> None:
    with raises("invalid_state.no_device", "GPU", "cpu-0, cpu-1") as refused:
        slots_of((core(0), core(1)), "", "gpu")
    assert 'device = "any"' in refused.value.remedy
    with raises("invalid_state.no_device", "AUTORESEARCH_DEVICES=gpu", "gpu-0"):
        names("gpu", "cpu")


def test_a_gpu_that_is_too_small_is_none() -> None:
    mixed = (gpu(0), gpu(1, memory_mb=24_000.0), core(0))
    assert [s.name for s in slots_of(mixed, "", "gpu", 16_000)] == ["gpu-1"]
    assert [s.name for s in slots_of(mixed, "", "any", 40_000)] == ["cpu-0"]
    with raises("invalid_state.gpu_memory", "40,000 MB", "gpu-0 has 8,192 MB", "gpu-1"):
        slots_of(mixed, "", "gpu", 40_000)


def test_an_executor_does_not_ask_for_gpus_where_a_target_wants_a_core(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Touchy(FakeProbe):
        def devices(self, wanted: str = "any") -> tuple:
            assert wanted == "cpu"
            return super().devices("cpu")

    monkeypatch.delenv("AUTORESEARCH_DEVICES", raising=False)
    assert [s.name for s in LocalExecutor("", Touchy()).slots("cpu")] == ["cpu-0"]


def test_a_slot_is_leased_once_and_freed_with_its_holder(tmp_path: Path) -> None:
    spec = on_cores(tmp_path, 1, count=2)
    first, second = LeaseSet(spec).take(), LeaseSet(spec).take()
    assert {device_of(first), device_of(second)} == {"cpu-0", "cpu-1"}
    assert LeaseSet(spec).take() is None
    assert first is not None
    first.release()
    assert device_of(LeaseSet(spec).take()) == first.device


def test_a_gpu_is_leased_by_its_uuid_whatever_two_labs_call_it(tmp_path: Path) -> None:
    here = on_gpus(tmp_path, "gpu-0")
    there = make_spec(
        tmp_path,
        devices=("gpu-5",),
        devices_dir=str(tmp_path / "another home"),
        gpus=(("gpu-5", "GPU-fake-0", "/dev/null"),),
        gpu_leases=here.gpu_leases,
    )
    lease = LeaseSet(here).take()
    assert device_of(lease) == "gpu-0"
    assert LeaseSet(there).take() is None
    assert lease is not None
    lease.release()
    assert device_of(LeaseSet(there).take()) == "gpu-5"


def test_a_gpu_is_shared_only_by_runs_that_were_told_to(tmp_path: Path) -> None:
    shared = on_gpus(tmp_path, "gpu-0/1", "gpu-0/2")
    alone = on_gpus(tmp_path, "gpu-0")
    first, second = LeaseSet(shared).take(), LeaseSet(shared).take()
    assert [device_of(first), device_of(second)] == ["gpu-0/1", "gpu-0/2"]
    assert LeaseSet(shared).take() is None
    assert first is not None
    first.release()
    assert LeaseSet(alone).take() is None  # one of them is still there
    assert second is not None
    second.release()
    whole = LeaseSet(alone).take()
    assert device_of(whole) == "gpu-0"
    assert LeaseSet(shared).take() is None


def test_several_cores_are_leased_together_or_not_at_all(tmp_path: Path) -> None:
    single = LeaseSet(on_cores(tmp_path, 1)).take()
    two = LeaseSet(on_cores(tmp_path, 2)).take()
    assert device_of(single) == "cpu-0"
    assert device_of(two) == "cpu-1,cpu-2"
    waiting = LeaseSet(on_cores(tmp_path, 2))
    assert waiting.take() is None  # one is free, which it keeps for itself
    assert LeaseSet(on_cores(tmp_path, 1)).take() is None
    assert single is not None
    single.release()
    assert device_of(waiting.take()) == "cpu-0,cpu-3"


def test_two_runs_that_need_all_cores_do_not_wait_for_each_other(tmp_path: Path) -> None:
    spec = on_cores(tmp_path, 4)
    busy = LeaseSet(on_cores(tmp_path, 1)).take()
    first, second = LeaseSet(spec), LeaseSet(spec)
    assert (first.take(), second.take()) == (None, None)
    assert busy is not None
    busy.release()
    assert second.take() is None  # it never held a part
    lease = first.take()
    assert device_of(lease) == "cpu-0,cpu-1,cpu-2,cpu-3"
    assert second.take() is None
    assert lease is not None
    lease.release()
    assert device_of(second.take()) == "cpu-0,cpu-1,cpu-2,cpu-3"


def test_who_gives_up_gathering_leaves_nothing_taken(tmp_path: Path) -> None:
    busy = LeaseSet(on_cores(tmp_path, 1, count=2)).take()
    waiting = LeaseSet(on_cores(tmp_path, 2, count=2))
    assert waiting.take() is None
    waiting.give_up()
    assert device_of(busy) == "cpu-0"
    assert device_of(LeaseSet(on_cores(tmp_path, 1, count=2)).take()) == "cpu-1"


def test_more_cores_than_there_are_means_all_of_them(tmp_path: Path) -> None:
    assert device_of(LeaseSet(on_cores(tmp_path, 16, count=2)).take()) == "cpu-0,cpu-1"


def why(look: Look, needed_mb: float = 4000, *, shared: bool = False, timed: bool = True) -> str:
    return reason_not_ready(gpu(0), look, needed_mb, shared=shared, timed=timed)


def test_a_gpu_without_room_is_not_ready_and_it_is_said_who_holds_it() -> None:
    assert why(EMPTY) == ""
    full = Look(free_mb=2192.0, tenants=(NOTEBOOK,))
    assert why(full, 4000, timed=False) == (
        "gpu-0 (Fake 8G) has 2,192 of 8,192 MB free, and it needs 4,000: "
        "jupyter (pid 4242) holds 6,000 MB"
    )
    assert why(full, 2000) == ""


def test_a_hot_gpu_is_not_ready_for_a_budget_in_seconds() -> None:
    hot = Look(free_mb=8000.0, temperature_c=91.0, slowdown_c=90.0)
    assert why(hot) == "gpu-0 (Fake 8G) is hot at 91 °C, and lowers its clocks"
    assert why(hot, timed=False) == ""
    assert why(Look(free_mb=8000.0, slowed_by=(HEAT,))) != ""


def test_a_gpu_on_which_somebody_computes_is_not_ready_unless_it_is_shared() -> None:
    taken = Look(free_mb=8000.0, tenants=(Tenant(pid=7, name="ray", memory_mb=10.0, busy=0.9),))
    assert why(taken) == "ray (pid 7) computes on gpu-0 (Fake 8G)"
    assert why(taken, shared=True) == ""
    assert why(taken, timed=False) == ""
    assert why(Look(free_mb=8000.0, tenants=(NOTEBOOK,))) == ""  # it only sits there


def test_a_claim_passes_over_a_gpu_that_is_not_ready(tmp_path: Path) -> None:
    spec = on_gpus(tmp_path, "gpu-0", "gpu-1", gpu_memory_mb=4000)
    full = Look(free_mb=100.0)
    probe = FakeProbe(HERE, lambda device: full if device.name == "gpu-0" else EMPTY)
    lease = DeviceAcquisition(spec, probe).take()
    assert device_of(lease) == "gpu-1"
    alone = on_gpus(tmp_path, "gpu-0", gpu_memory_mb=4000)
    waiting = DeviceAcquisition(alone, probe, patience_s=0.0)
    assert waiting.take() is None
    assert waiting.reason.startswith("waits: gpu-0 (Fake 8G) has 100 of 8,192 MB free")
    assert waiting.exhausted


def test_a_claim_is_patient_while_one_of_its_gpus_is_only_leased(tmp_path: Path) -> None:
    spec = on_gpus(tmp_path, "gpu-0", "gpu-1", gpu_memory_mb=4000)
    full = Look(free_mb=100.0)
    probe = FakeProbe(HERE, lambda device: full if device.name == "gpu-0" else EMPTY)
    lease = DeviceAcquisition(spec, probe).take()
    assert device_of(lease) == "gpu-1"
    waiting = DeviceAcquisition(spec, probe, patience_s=0.0)
    assert waiting.take() is None
    assert waiting.reason.startswith("waits: gpu-0 (Fake 8G) has 100 of 8,192 MB free")
    assert not waiting.exhausted


def test_a_claim_that_only_waits_for_a_lease_is_never_exhausted(tmp_path: Path) -> None:
    spec = on_gpus(tmp_path, "gpu-0")
    lease = DeviceAcquisition(spec, FakeProbe(HERE)).take()
    assert device_of(lease) == "gpu-0"
    waiting = DeviceAcquisition(spec, FakeProbe(HERE), patience_s=0.0)
    assert waiting.take() is None
    assert waiting.reason == "waits for a device"
    assert not waiting.exhausted


def test_a_gpu_that_was_unplugged_is_not_ready(tmp_path: Path) -> None:
    claim = DeviceAcquisition(on_gpus(tmp_path, "gpu-0"), FakeProbe((core(0),)))
    assert claim.take() is None
    assert claim.reason == "waits: gpu-0 is gone"


def test_a_claim_waits_for_the_memory_that_its_run_is_known_to_need(tmp_path: Path) -> None:
    spec = replace(on_cores(tmp_path, 1), needed_mb=3000.0)
    full = machine_with(1000.0)
    waiting = DeviceAcquisition(spec, FakeProbe(HERE), 0.0, full)
    assert waiting.take() is None
    assert waiting.reason == ("waits: the machine has 1,000 MB of memory free, and it needs 3,000")
    assert waiting.exhausted
    assert (
        device_of(DeviceAcquisition(spec, FakeProbe(HERE), 0.0, machine_with(3000.0)).take())
        == "cpu-0"
    )
    unknown = replace(spec, needed_mb=0.0)
    assert DeviceAcquisition(unknown, FakeProbe(HERE), 0.0, full).take() is not None


def test_a_claim_is_patient_with_memory_while_a_run_that_will_end_has_a_device(
    tmp_path: Path,
) -> None:
    spec = replace(on_cores(tmp_path, 1), needed_mb=3000.0)
    lease = DeviceAcquisition(spec, FakeProbe(HERE), 0.0, machine_with(4000.0)).take()
    waiting = DeviceAcquisition(spec, FakeProbe(HERE), 0.0, machine_with(1000.0))
    assert waiting.take() is None
    assert not waiting.exhausted
    assert device_of(lease) == "cpu-0"


def test_memory_is_looked_at_once_a_second_until_there_is_enough() -> None:
    seen = iter((100.0, 200.0))
    room = MemoryCheck(150.0, lambda: replace(idle_machine(), free_mb=next(seen)))
    assert room.look(now=0.0)
    assert room.short
    assert not room.look(now=0.9 * LOOK_S)  # one more would fail
    assert room.look(now=LOOK_S)
    assert room.short == ""


def test_a_need_above_all_that_the_machine_has_keeps_no_run_waiting() -> None:
    room = MemoryCheck(5000.0, machine_with(1000.0, total_mb=4096.0))
    assert room.look()
    assert room.short == ""


def machine_with(free_mb: float, total_mb: float = 8192.0) -> Callable[[], Counters]:
    return lambda: replace(idle_machine(), free_mb=free_mb, total_mb=total_mb)


def described(
    probe: FakeProbe, folder: Path, monkeypatch: pytest.MonkeyPatch, **environ: str
) -> tuple[str, str]:
    for variable in ("AUTORESEARCH_DEVICES", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(variable, raising=False)
    for variable, said in environ.items():
        monkeypatch.setenv(variable, said)
    return describe_machine(folder, probe)


def test_the_doctor_names_devices_with_their_memory_and_who_holds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = LeaseSet(on_cores(tmp_path, 1)).take()
    look = Look(free_mb=2192.0, temperature_c=41.0, tenants=(NOTEBOOK,))
    probe = FakeProbe((gpu(0), core(0), core(1)), lambda _: look)
    found, remedy = described(probe, tmp_path / "devices", monkeypatch)
    assert found == (
        "gpu-0 Fake 8G, 2,192 of 8,192 MB free, 41 °C (jupyter (pid 4242) holds 6,000 MB); "
        "cpu-0 to cpu-1, 1 of 2 leased"
    )
    assert device_of(lease) == "cpu-0"
    assert remedy == ""


def test_a_lab_names_what_its_runs_may_lease_and_what_is_leased(tmp_path: Path) -> None:
    def words(choice: str, wanted: Wanted) -> str:
        slots = slots_of(HERE, choice, wanted)
        return describe_slots(slots, tmp_path / "devices", tmp_path / "gpus")

    lease = LeaseSet(on_gpus(tmp_path, "gpu-1/2")).take()
    also = LeaseSet(on_cores(tmp_path, 1)).take()
    assert words("", "gpu") == "gpu-0 Fake 8G, free; gpu-1 Fake 8G, leased"
    assert words("gpu-1*2", "any") == "gpu-1/1 Fake 8G, free; gpu-1/2 Fake 8G, leased"
    assert words("", "cpu") == "cpu-0 to cpu-1, 1 of 2 leased"
    assert (device_of(lease), device_of(also)) == ("gpu-1/2", "cpu-0")


def test_the_doctor_says_what_the_user_chose_and_refuses_what_is_not_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = FakeProbe((gpu(0), core(0)))
    found, _ = described(probe, tmp_path, monkeypatch, AUTORESEARCH_DEVICES="gpu-0*2")
    assert "AUTORESEARCH_DEVICES=gpu-0*2; runs may lease gpu-0/1, gpu-0/2" in found
    with raises("lab_error.device_absent", "gpu-3"):
        described(probe, tmp_path, monkeypatch, AUTORESEARCH_DEVICES="gpu-3")
