"""Seconds that are a time-out: a busy machine changes nothing of a program that ends by itself."""

from dataclasses import replace
from pathlib import Path

import pytest

from autoresearch.contract import Contract, parse_contract
from autoresearch.errors import ContractError
from autoresearch.lab import Lab
from autoresearch.records import EndCause, RunReport
from autoresearch.verdicts.evidence import ages
from tests.support.fakes import OnABusyMachine, final_report
from tests.support.printed import CONTRACT, make_printed, quietly

TIMEOUT = CONTRACT.replace("wall_s = 10", "timeout_s = 10")
SLOW = "import time\ntime.sleep(0.7)\nprint('METRIC score=3')\n"


def of(text: str) -> Contract:
    return parse_contract(text.encode())


def ended(folder: Path, contract: str, work: str = SLOW, *, busy: bool = True) -> RunReport:
    source = make_printed(folder / "repository", {"work.py": work}, contract=contract)
    lab = quietly(Lab.open(str(source), home=folder / "home"))
    if busy:
        lab.__dict__["runs"] = replace(lab.runs, executor=OnABusyMachine())
    return final_report(lab.runs.directory(lab.start_run("e0").id))


@pytest.mark.slow
def test_a_program_that_ends_by_itself_is_measured_beside_any_load(tmp_path: Path) -> None:
    report = ended(tmp_path, TIMEOUT)
    assert report.measurement is not None, report.reason
    assert report.measurement.value == 3


@pytest.mark.slow
def test_a_budget_of_seconds_is_tainted_by_the_same_load_as_ever(tmp_path: Path) -> None:
    assert ended(tmp_path, CONTRACT).cause is EndCause.DISTURBED


@pytest.mark.slow
def test_a_time_is_tainted_by_load_though_its_program_ends_by_itself(tmp_path: Path) -> None:
    time = TIMEOUT.replace('name = "score"', 'name = "latency"')
    work = SLOW.replace("score", "latency")
    assert ended(tmp_path, time, work).cause is EndCause.DISTURBED


@pytest.mark.slow
def test_at_the_time_out_a_run_is_killed_and_load_is_named_where_it_may_be_the_cause(
    tmp_path: Path,
) -> None:
    short = TIMEOUT.replace("timeout_s = 10", "timeout_s = 0.6")
    endless = "while True: pass\n"
    alone = ended(tmp_path / "alone", short, endless, busy=False)
    assert (alone.cause, alone.measurement) == (EndCause.OVER_TIME, None)
    assert alone.wall_s < 5, "startup_s is not added to a time-out"
    assert ended(tmp_path / "beside", short, endless).cause is EndCause.DISTURBED


@pytest.mark.parametrize(
    ("name", "unit", "sensitive"),
    [
        ("val_loss", "", False),
        ("score", "points", False),
        ("error_rate", "", False),
        ("learning_rate", "", False),
        ("accuracy", "%", False),
        ("timestep_reward", "", False),
        ("latency", "", True),
        ("smooth", "ms", True),
        ("tokens_per_s", "", True),
        ("tokens_per_second", "", True),
        ("speed", "tok/s", True),
        ("fps", "", True),
        ("wall_time", "", True),
        ("fit_s", "", True),
    ],
)
def test_what_is_a_time_or_a_rate_is_known_by_its_name_or_unit(
    name: str, unit: str, sensitive: bool
) -> None:
    text = TIMEOUT.replace('"score"', f'"{name}"').replace('"points"', f'"{unit}"')
    contract = of(text)
    assert contract.load_sensitive is sensitive
    assert ages(contract) is sensitive  # old controls stay comparable


def test_the_labs_clock_is_always_a_time_and_old_budgets_mean_what_they_meant() -> None:
    clock = TIMEOUT.replace('"score"', '"cpu_s"').replace('scoring = "stdout"', 'scoring = "clock"')
    assert of(clock).load_sensitive
    assert of(CONTRACT).load_sensitive
    assert of(CONTRACT.replace("wall_s", "cpu_s")).load_sensitive
    assert of(CONTRACT).run.wall_ceiling_s == 20
    assert of(TIMEOUT).run.wall_ceiling_s == 10
    assert "10 seconds" in of(TIMEOUT).run.budget.describe()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TIMEOUT.replace("timeout_s = 10", "timeout_s = 10, wall_s = 5"), "timeout_s"),
        (TIMEOUT.replace("memory_mb", "early_stop = true\nmemory_mb"), "early_stop"),
        (TIMEOUT.replace("timeout_s = 10", "tokens = 5, timeout_s = 9"), "token budget"),
    ],
)
def test_a_time_out_is_the_only_bound_and_no_share_of_it_is_taken(text: str, said: str) -> None:
    with pytest.raises(ContractError) as error:
        of(text)
    assert said in str(error.value)
