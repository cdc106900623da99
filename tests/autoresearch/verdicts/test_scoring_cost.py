"""What a model may take while it is scored, and what is said of one that took more than others."""

from dataclasses import replace
from pathlib import Path

import pytest

from autoresearch.contract import Contract, parse_contract
from autoresearch.lab import Lab
from autoresearch.records import RunFinished
from autoresearch.run_directory import RunDir, RunSpec
from autoresearch.verdicts.scoring_cost import (
    LEAST_S,
    MULTIPLE,
    SHARE,
    ScoringLimits,
    scoring_limits,
    scoring_remark,
)
from tests.support.instant import InstantExecutor, judge, with_executor
from tests.support.repositories import BETTER, CONTRACT, WORSE, make_repository, propose
from tests.support.samples import finished, started
from tests.support.told import BASELINE, IN_SECONDS, TINY, Told


def run(told: Told, experiment: str, *, load: float, score: float, cpu: float = 100.0) -> str:
    """A run that ended, its model scored in so many CPU seconds; its id."""
    begun = started(told.history, experiment)
    told.tell(begun)
    report = finished(begun.run.id).report
    assert report.measurement is not None
    measurement = replace(report.measurement, load_cpu_s=load, score_cpu_s=score)
    told.tell(RunFinished(report=replace(report, measurement=measurement, cpu_s=cpu)))
    return begun.run.id


def told_of(*costs: tuple[float, float], cpu: float = 100.0) -> Told:
    """A lab whose e0 has runs with these seconds to load and to answer."""
    told = Told()
    for load, score in costs:
        run(told, "e0", load=load, score=score, cpu=cpu)
    return told


def test_a_lab_whose_runs_nobody_counted_has_no_limits() -> None:
    told = Told(*BASELINE)
    assert scoring_limits(told.history, "e0", TINY) == ScoringLimits()
    assert scoring_limits(told.history, told.propose(), TINY) == ScoringLimits()


def test_limits_are_a_multiple_of_the_most_that_the_first_code_took() -> None:
    told = told_of((8.0, 30.0), (9.0, 20.0))
    found = scoring_limits(told.history, told.propose(), IN_SECONDS)
    assert found == ScoringLimits(load_cpu_s=MULTIPLE * 9.0, score_cpu_s=MULTIPLE * 30.0)


def test_a_model_may_always_take_a_share_of_what_a_training_takes_and_time_to_import() -> None:
    costly = told_of((0.01, 0.02))
    found = scoring_limits(costly.history, "e0", IN_SECONDS)
    assert (found.load_cpu_s, found.score_cpu_s) == (SHARE * 100, SHARE * 100)
    cheap = told_of((0.01, 0.02), cpu=0.3)
    found = scoring_limits(cheap.history, "e0", IN_SECONDS)
    assert (found.load_cpu_s, found.score_cpu_s) == (LEAST_S, LEAST_S)


def test_with_a_budget_of_tokens_answers_may_grow_as_the_training_does() -> None:
    told = told_of((1.0, 30.0))
    share = scoring_limits(told.history, "e0", TINY).score_cpu_share
    assert share * 100.0 == pytest.approx(MULTIPLE * 30.0)
    assert scoring_limits(told.history, "e0", IN_SECONDS).score_cpu_share == 0.0


def test_a_keep_does_not_move_the_limits_else_each_could_move_them_further() -> None:
    told = told_of((1.0, 30.0), (1.0, 30.0), (1.0, 30.0))
    before = scoring_limits(told.history, "e0", IN_SECONDS)
    kept = told.propose()
    told.runs(kept, 1.0, 1.01)
    for _ in range(3):
        run(told, kept, load=4.0, score=110.0)
    child = told.propose(base=kept)
    assert scoring_limits(told.history, child, IN_SECONDS) == before


def test_where_the_first_code_was_never_counted_the_oldest_that_was_sets_the_limits() -> None:
    told = Told(*BASELINE)  # of a version that did not count
    kept = told.propose()
    run(told, kept, load=2.0, score=30.0)
    child = told.propose(base=kept)
    assert scoring_limits(told.history, child, IN_SECONDS).score_cpu_s == MULTIPLE * 30.0
    assert scoring_limits(told.history, kept, IN_SECONDS) == ScoringLimits()


def sealed(lines: str) -> Contract:
    return parse_contract(CONTRACT.replace("[sealed]\n", f"[sealed]\n{lines}\n").encode())


def test_the_contract_has_the_last_word() -> None:
    contract = sealed("load_cpu_s = 3\nscore_cpu_s = 7")
    told = told_of((1.0, 30.0))
    found = scoring_limits(told.history, "e0", contract)
    assert found == ScoringLimits(load_cpu_s=3.0, score_cpu_s=7.0)
    assert scoring_limits(Told(*BASELINE).history, "e0", contract) == found


def test_a_scoring_that_took_longer_than_the_controls_is_said_by_phase() -> None:
    told = told_of((0.2, 2.0), (0.3, 2.5))
    experiment = told.propose()
    slow = run(told, experiment, load=0.9, score=2.4)
    said = scoring_remark(told.history, experiment, [slow])
    assert "0.9 CPU seconds to load" in said
    assert "0.2 to 0.3" in said
    assert "to answer" not in said


def test_a_scoring_within_the_controls_range_or_of_a_control_is_not_worth_a_word() -> None:
    told = told_of((0.2, 2.0), (0.3, 2.5))
    experiment = told.propose()
    like = run(told, experiment, load=0.32, score=2.6)
    assert scoring_remark(told.history, experiment, [like]) == ""
    assert scoring_remark(told.history, "e0", ["e0-r1"]) == ""
    uncounted = Told(*BASELINE)
    other = uncounted.propose()
    assert scoring_remark(uncounted.history, other, [run(uncounted, other, load=9, score=9)]) == ""


class Counting(InstantExecutor):
    """Says what scoring took: of BETTER code three times as long as of other."""

    def __init__(self) -> None:
        super().__init__()
        self.specs: list[RunSpec] = []

    def submit(self, rundir: RunDir) -> None:
        self.specs.append(rundir.read_spec())
        long = 3.0 if BETTER[1] in (rundir.tree / "train.py").read_text() else 1.0
        super().submit(rundir)
        report = rundir.read_status()
        assert report is not None
        assert report.measurement is not None
        measurement = replace(report.measurement, load_cpu_s=0.2, score_cpu_s=long)
        rundir.write_status(replace(report, measurement=measurement))


@pytest.mark.long
def test_a_lab_gives_its_runs_limits_and_says_in_run_and_verdict_which_took_long(
    tmp_path: Path,
) -> None:
    executor = Counting()
    lab = Lab.open(str(make_repository(tmp_path / "tiny")), home=tmp_path / "home")
    with_executor(lab, executor)
    while lab.evaluate("e0").needs:
        pass
    assert (executor.specs[0].load_cpu_s, executor.specs[0].score_cpu_s) == (0.0, 0.0)
    better, worse = (propose(lab, edit, "smooth otherwise") for edit in (BETTER, WORSE))
    for experiment in (better, worse):
        judge(lab, experiment)
    assert executor.specs[-1].load_cpu_s == pytest.approx(MULTIPLE * 0.2)
    assert executor.specs[-1].score_cpu_s == pytest.approx(MULTIPLE * 1.0)
    assert executor.specs[-1].score_cpu_share == pytest.approx(MULTIPLE * 1.0)
    verdict = lab.history().verdicts[better]
    assert "took 3 CPU seconds to answer" in verdict.sentence
    assert "took 3 CPU seconds to answer" in lab.view_run(verdict.candidate_runs[0]).reason
    assert "CPU seconds to answer" not in lab.history().verdicts[worse].sentence
    assert lab.verify().ok
