from autoresearch.devices.disturbance import Counters, find_disturbance, read_machine

QUIET = Counters(at=100.0, cores=2, busy_s=50.0, stalled_s=1.0, free_mb=1000.0)


def after(
    *, wall_s: float = 10.0, busy_s: float = 0.0, stalled_s: float = 0.0, cores: int = 2
) -> Counters:
    return Counters(
        at=100.0 + wall_s, cores=cores, busy_s=50.0 + busy_s, stalled_s=1.0 + stalled_s, free_mb=9.0
    )


def words(
    reading: Counters, own_cpu_s: float = 9.0, peak_mb: float = 100.0, timed: bool = True
) -> str:
    return find_disturbance(QUIET, reading, own_cpu_s=own_cpu_s, own_peak_mb=peak_mb, timed=timed)


def test_a_run_that_had_its_core_is_not_disturbed() -> None:
    assert words(after(busy_s=9.5)) == ""
    assert words(after(busy_s=19.0)) == ""  # the other core was another run's


def test_a_timed_run_without_its_core_is_disturbed_and_one_that_counts_tokens_is_not() -> None:
    crowded = after(busy_s=20.0)
    assert words(crowded, own_cpu_s=5.0) == (
        "other processes used 1.5 of 2 cores, leaving the run 0.5"
    )
    assert words(crowded, own_cpu_s=5.0, timed=False) == ""


def test_a_run_that_loads_the_machine_itself_is_not_disturbed() -> None:
    assert words(after(busy_s=20.0), own_cpu_s=19.5) == ""


def test_want_of_memory_counts_unless_the_run_may_have_caused_it() -> None:
    stalled = after(busy_s=9.0, stalled_s=2.0)
    assert "lack of memory 20% of the time" in words(stalled, timed=False)
    assert words(stalled, peak_mb=900.0, timed=False) == ""


def test_a_run_too_short_for_the_counters_is_not_disturbed() -> None:
    assert words(after(wall_s=0.2, busy_s=4.0), own_cpu_s=0.1) == ""


def test_this_machine_can_be_read() -> None:
    before = read_machine()
    busy = sum(range(200_000))
    assert busy
    reading = read_machine()
    assert reading.at > before.at
    assert reading.busy_s >= before.busy_s
    assert reading.free_mb > 0
