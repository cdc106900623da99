"""What is seen on a GPU during a run, and what of it counts against the run."""

import os
from collections.abc import Iterable

from autoresearch.devices import HEAT, POWER_BRAKE, Device, Look, Tenant
from autoresearch.devices.gpu_watch import SAMPLE_S, Watch
from tests.support.fake_devices import EMPTY, FakeProbe, gpu

OWN = Tenant(pid=-7, name="own", memory_mb=700.0, busy=1.0)
STRANGER = Tenant(pid=os.getpid(), name="ray", memory_mb=100.0, busy=0.5)
UNSEEN = Tenant(pid=2**22 + 1, name="?", memory_mb=100.0, busy=1.0)  # no process has that number


def watched(looks: Iterable[Look], before: Look = EMPTY, *, shared: bool = False) -> Watch:
    """A watch that began with `before` and then saw these, each when it was time to look."""
    seen = iter([before, *looks])

    def show(_: Device) -> Look:
        return next(seen)

    watch = Watch(FakeProbe(show=show), gpu(0), shared=shared)
    watch.begin()
    for n, _ in enumerate(list(looks)):
        watch.sample(lambda: {OWN.pid}, now=n * SAMPLE_S)
    return watch


def look(*tenants: Tenant, free_mb: float = 8000.0, slowed_by: tuple[str, ...] = ()) -> Look:
    return Look(free_mb=free_mb, tenants=tenants, slowed_by=slowed_by)


def test_a_run_alone_on_its_gpu_is_not_disturbed_and_its_peak_is_kept() -> None:
    watch = watched([look(OWN), look(Tenant(pid=OWN.pid, name="own", memory_mb=900.0)), look()])
    assert watch.disturbance() == ""
    assert watch.peak_mb == 900.0


def test_it_looks_once_a_second() -> None:
    looks = iter([EMPTY, look(OWN)])
    watch = Watch(FakeProbe(show=lambda _: next(looks)), gpu(0), shared=False)
    watch.begin()
    for now in (0.0, 0.05, 0.5, 0.95 * SAMPLE_S):
        watch.sample(lambda: {OWN.pid}, now=now)  # one more look would fail


def test_a_process_that_computes_beside_it_disturbs_it() -> None:
    watch = watched([look(OWN), look(OWN, STRANGER), look(OWN, STRANGER)])
    assert watch.disturbance() == f"ray (pid {os.getpid()}) computed on gpu-0 67% of the time"
    assert watched([look(OWN, STRANGER)], shared=True).disturbance() == ""


def test_a_process_that_only_sits_there_does_not() -> None:
    idle = Tenant(pid=os.getpid(), name="notebook", memory_mb=100.0, busy=0.0)
    assert watched([look(OWN, idle)] * 3).disturbance() == ""


def test_where_nobody_tells_who_computes_being_there_counts() -> None:
    there = Tenant(pid=os.getpid(), name="notebook", memory_mb=100.0)
    assert watched([look(OWN, there)] * 3).disturbance() == (
        f"notebook (pid {os.getpid()}) holds 100 MB on gpu-0 100% of the time"
    )


def test_a_moments_visit_counts_for_nothing() -> None:
    watch = watched([*([look(OWN)] * 40), look(OWN, STRANGER)])
    assert watch.disturbance() == ""


def test_a_number_that_is_not_seen_from_here_is_the_runs_own_unless_it_was_there_before() -> None:
    assert watched([look(UNSEEN)] * 3).disturbance() == ""
    assert watched([look(UNSEEN)] * 3, before=look(UNSEEN)).disturbance() != ""


def test_what_it_holds_is_counted_by_what_is_free_where_its_processes_are_not_told() -> None:
    watch = watched([look(free_mb=7000.0), look(free_mb=2000.0), look(free_mb=7500.0)], EMPTY)
    assert watch.peak_mb == 6000.0


def test_a_power_brake_disturbs_it() -> None:
    watch = watched([look(OWN, slowed_by=(POWER_BRAKE,)), look(OWN)])
    assert watch.disturbance() == "a power brake lowered the clocks on gpu-0 50% of the time"


def test_who_holds_memory_beside_it_is_said_by_its_last_look_and_by_one_more() -> None:
    notebook = Tenant(pid=os.getpid(), name="notebook", memory_mb=6000.0, busy=0.0)
    here = f"notebook (pid {os.getpid()}) held 6,000 MB on gpu-0"
    both = look(OWN, notebook, free_mb=100.0)
    assert crowd(both, look()) == here  # it left when the run was dead
    assert crowd(look(OWN, free_mb=100.0), look(notebook)) == here
    assert crowd(both, look(), shared=True) == ""
    assert crowd(look(OWN, free_mb=100.0), look(OWN)) == ""
    assert crowd(look(OWN, notebook, free_mb=1000.0), look(notebook)) == ""  # it was never full


def test_as_much_as_a_desktop_holds_is_no_crowd() -> None:
    desktop = Tenant(pid=os.getpid(), name="Xorg", memory_mb=400.0, busy=0.0)
    assert crowd(look(OWN, desktop, free_mb=0.0), look(desktop)) == ""
    untold = Tenant(pid=os.getpid(), name="?", memory_mb=None)
    assert crowd(look(OWN, untold, free_mb=0.0), look()) == ""


def crowd(last: Look, afterwards: Look, *, shared: bool = False) -> str:
    """Of a watch that saw these at its last sample and after the run."""
    seen = iter((EMPTY, last, afterwards))
    watch = Watch(FakeProbe(show=lambda _: next(seen)), gpu(0), shared=shared)
    watch.begin()
    watch.sample(lambda: {OWN.pid})
    return watch.crowd()


def test_heat_is_said_and_counts_for_nothing() -> None:
    watch = watched([look(OWN, slowed_by=(HEAT,)), look(OWN)])
    assert watch.disturbance() == ""
    assert watch.notice() == "gpu-0 lowered its clocks because of heat 50% of the time"
    assert watched([look(OWN)]).notice() == ""
