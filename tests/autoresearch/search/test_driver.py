"""A search on a lab: through the same door, judged by the same judge, and taken up again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from autoresearch.errors import InvalidStateError, NotFoundError
from autoresearch.lab import Lab
from autoresearch.patches.patch import Edit
from autoresearch.records import Outcome
from autoresearch.search.driver import run_search
from autoresearch.search.incumbent import LabKnobs
from autoresearch.search.observations import End, Observation, end_of
from autoresearch.search.plan import plan_search
from autoresearch.search.searchers import Method, Standing, Suggestion
from autoresearch.search.settings import Progress, SearchSettings, Why
from autoresearch.search.sites import Value
from autoresearch.system.locks import try_lock
from tests.support.instant import InstantExecutor, judge, with_executor
from tests.support.repositories import TESTER
from tests.support.tiers import first_in_ci
from tests.support.tunable import KNOBS, TunableExecutor, tunable_lab, tunable_repository

pytestmark = pytest.mark.slow  # verdicts, each with a few commits


class Listed:
    """Suggests what it was given, in that order, and remembers what it was told."""

    def __init__(self, *turns: dict[str, Value]) -> None:
        self.turns = list(turns)
        self.asked: list[Standing] = []
        self.told: dict[int, Observation] = {}
        self.learned: list[Observation] = []

    def ask(self, standing: Standing) -> Suggestion | None:
        if not self.turns:
            return None
        self.asked.append(standing)
        settings = standing.now | self.turns.pop(0)
        return Suggestion(ticket=len(self.asked), settings=settings, why="it is on the list")

    def tell(self, ticket: int, observation: Observation) -> None:
        self.told[ticket] = observation

    def learn(self, observation: Observation) -> None:
        self.learned.append(observation)


def search(lab: Lab, searcher: Listed | None = None, **settings: object) -> tuple[Why, Lab]:
    found = run_search(lab, SearchSettings(**settings), searcher=searcher, wait=lambda: None)  # type: ignore[arg-type]
    return found.why, lab


@pytest.fixture
def measured(lab: Lab) -> Lab:
    """The lab `tiny`, whose one knob is better the smaller it is; runs take no time."""
    return lab


def test_a_suggestion_becomes_an_experiment_with_a_prediction_a_verdict_and_a_lesson(
    measured: Lab,
) -> None:
    listed = Listed({"SMOOTHING": 5.0})
    result = run_search(measured, SearchSettings(), searcher=listed, wait=lambda: None)
    history = measured.history()
    assert result.why is Why.NOTHING_NEW
    assert result.proposed == result.kept == ("e1",) == history.kept[1:]
    known = history.experiments["e1"]
    assert (known.proposer.client, known.proposer.model) == ("search", "tpe")
    assert known.prediction is not None
    assert known.prediction.confidence == 0.2  # nothing was known yet
    assert known.hypothesis.startswith("SMOOTHING 30.0 → 5.0")
    [lesson] = history.lessons["e1"]
    assert lesson.lesson.startswith("SMOOTHING 30.0 → 5.0: keep")
    assert listed.told[1].end is End.MEASURED
    assert listed.told[1].gain == pytest.approx(0.25, abs=0.01)
    assert measured.verify().ok


@pytest.mark.long
def test_knobs_are_read_off_the_incumbent_for_every_suggestion(measured: Lab) -> None:
    listed = Listed({"SMOOTHING": 5.0}, {"SMOOTHING": 2.0}, {"SMOOTHING": 50.0})
    search(measured, listed, at_once=1)
    now = [standing.now["SMOOTHING"] for standing in listed.asked]
    assert now == [30.0, 5.0, 2.0]
    assert listed.asked[2].level == pytest.approx(0.28, abs=0.01)
    assert listed.told[3].effect == pytest.approx(-0.48, abs=0.01)


@pytest.mark.long
def test_an_overtaken_keep_goes_on_as_its_replay(tmp_path: Path) -> None:
    lab = tunable_lab(tmp_path, lambda k: 3 + float(k["DECAY"]) + float(k["RATE"]))
    listed = Listed({"DECAY": 0.5}, {"RATE": 0.001})
    result = run_search(lab, SearchSettings(at_once=2), searcher=listed, wait=lambda: None)
    history = lab.history()
    [replay] = [e for e in history.experiments.values() if e.replay_of]
    assert len(result.proposed) == 2
    assert set(result.kept) == {replay.id, *history.kept[1:]}
    assert len(history.kept) == 3
    [learned] = [one for one in listed.learned if one.settings["DECAY"] == 0.5]
    assert learned.settings["RATE"] == 0.001


def test_it_ends_at_its_bounds_and_brings_what_is_open_to_a_verdict(measured: Lab) -> None:
    listed = Listed({"SMOOTHING": 50.0}, {"SMOOTHING": 60.0}, {"SMOOTHING": 70.0})
    why, lab = search(measured, listed, experiments=2)
    assert why is Why.EXPERIMENTS
    assert set(lab.history().verdicts) == {"e1", "e2"}
    times = iter([0.0, 0.0, 3601.0, 3601.0])
    result = run_search(
        lab, SearchSettings(hours=1), searcher=listed, wait=lambda: None, clock=lambda: next(times)
    )
    assert result.why is Why.HOURS


@pytest.mark.long
def test_it_ends_when_the_contract_does(tmp_path: Path) -> None:
    lab = tunable_lab(tmp_path, knobs=f"{KNOBS}[stop]\nexperiments = 1\n")
    why, _ = search(lab, Listed({"DECAY": 0.5}, {"DECAY": 0.4}))
    assert why is Why.LAB_ENDED
    assert len(lab.history().experiments) == 2


def test_told_to_end_it_leaves_what_is_open_and_the_next_search_takes_it_up(
    measured: Lab, again: Callable[[], Lab]
) -> None:
    told: list[Progress] = []
    measured = with_executor(measured, InstantExecutor())
    left = run_search(
        measured,
        SearchSettings(at_once=1),
        go_on=lambda: not told,
        watch=told.append,
        searcher=Listed({"SMOOTHING": 5.0}),
        wait=lambda: None,
    )
    assert left.why is Why.TOLD_TO
    assert left.still_open == ("e1",)
    reopened = with_executor(again(), InstantExecutor())
    listed = Listed()
    found = run_search(reopened, SearchSettings(), searcher=listed, wait=lambda: None)
    assert found.kept == ("e1",)
    assert found.proposed == ()
    e0, kept = listed.learned
    assert (e0.gain, kept.end) == (0.0, End.MEASURED)
    assert kept.turned == {"SMOOTHING": 30.0}


@pytest.mark.long
def test_what_others_tried_is_learned_and_their_open_experiments_are_left_alone(
    judged_lab: Lab,
) -> None:
    listed = Listed()
    search(judged_lab, listed)
    assert [one.settings["SMOOTHING"] for one in listed.learned] == [30.0, 0.5, 900.0]
    assert "e3" not in judged_lab.history().verdicts


def test_a_repeated_suggestion_costs_nothing(measured: Lab) -> None:
    listed = Listed({"SMOOTHING": 30.0}, {"SMOOTHING": 50.0}, {"SMOOTHING": 50.0})
    search(measured, listed, at_once=1)
    assert list(measured.history().experiments) == ["e0", "e1"]
    assert [one.end for one in listed.told.values()] == [End.UNTRIED, End.MEASURED, End.UNTRIED]


@pytest.mark.long
def test_out_of_memory_is_told_as_infeasible_and_not_tried_again(tmp_path: Path) -> None:
    def landscape(knobs: dict[str, Value]) -> float:
        if float(knobs["WIDTH"]) > 40:
            raise MemoryError
        if float(knobs["RATE"]) > 0.5:
            raise FloatingPointError
        return 3 + float(knobs["DECAY"])

    lab = tunable_lab(tmp_path, landscape)  # type: ignore[arg-type]
    listed = Listed({"WIDTH": 50}, {"RATE": 0.9}, {"WIDTH": 60})
    search(lab, listed, at_once=1)
    ends = [one.end for one in listed.told.values()]
    assert ends == [End.INFEASIBLE, End.FAILED, End.UNTRIED]
    assert listed.told[1].gain is None
    history = lab.history()
    assert len(history.experiments) == 3
    assert end_of(history, history.verdicts["e1"]) is End.INFEASIBLE


@pytest.mark.long
def test_knobs_near_a_structural_keep_are_named_and_a_searchs_own_keep_is_none(
    tmp_path: Path,
) -> None:
    lab = tunable_lab(tmp_path)
    while lab.evaluate("e0").needs:
        pass
    search(lab, Listed({"DECAY": 0.5}), at_once=1)
    knobs = LabKnobs(lab)
    history = lab.history()
    assert knobs.near(history, knobs.space(history)) == frozenset()
    edit = Edit(path="train.py", find="WIDTH = 16\n", replace="WIDTH = 16\nGATES = [WIDTH]\n")
    better = Edit(path="train.py", find="DECAY = 0.5", replace="DECAY = 0.3 - 0.1")
    with_executor(lab, TunableExecutor(landscape=lambda k: 3 + float(k.get("DECAY", 0.2))))
    edits = [edit, better]
    name = lab.propose("gates over the width", edits=edits, proposer=TESTER).experiment.id
    judge(lab, name)
    history = lab.history()
    assert history.kept[-1] == name
    space = LabKnobs(lab).space(history)
    assert "DECAY" not in {knob.name for knob in space}  # it is a knob no more
    assert LabKnobs(lab).near(history, space) == {"WIDTH"}
    listed = Listed({"RATE": 0.02})
    search(lab, listed, at_once=1)
    assert listed.asked[0].near == {"WIDTH"}


def test_a_second_search_of_the_same_worker_is_refused(measured: Lab) -> None:
    lock = try_lock(measured.folder / "search-alone.lock")
    assert lock is not None
    with pytest.raises(InvalidStateError) as refused:
        search(measured, Listed())
    assert refused.value.code == "invalid_state.search_goes_on"
    search(measured, Listed(), worker="c1/w2")
    lock.release()


def test_a_wrong_knob_is_refused_before_anything_runs(measured: Lab) -> None:
    with pytest.raises(NotFoundError) as refused:
        search(measured, Listed({"SCALE": 2.0}), knobs=("SMOTHING",))
    assert refused.value.code == "not_found.knob"


def test_code_without_a_number_to_turn_is_refused(tmp_path: Path) -> None:
    fractions = "SMOOTHING = 60 / 2\nSCALE = 2 / 2\n"
    repository = tunable_repository(tmp_path / "repository", knobs="", constants=fractions)
    lab = Lab.open(str(repository), home=tmp_path / "home")
    with pytest.raises(InvalidStateError) as refused:
        LabKnobs(lab)
    assert refused.value.code == "invalid_state.no_knobs"


def test_a_plan_shows_the_knobs_and_the_first_trials_and_writes_nothing(tmp_path: Path) -> None:
    lab = tunable_lab(tmp_path)
    before = lab.history().head
    plan = plan_search(lab, SearchSettings(method=Method.TPE, seed=1))
    assert [knob.name for knob in plan.knobs] == ["RATE", "DECAY", "WIDTH", "KIND"]
    assert plan.trials == 0
    assert plan.first
    assert plan.first[0].prediction.confidence == 0.2
    assert lab.history().head == before


@pytest.mark.parametrize("method", first_in_ci(Method, 1))
def test_every_method_finds_a_gain_that_is_there(tmp_path: Path, method: Method) -> None:
    lab = tunable_lab(tmp_path)
    found = run_search(lab, SearchSettings(method=method, experiments=6, seed=2), wait=lambda: None)
    history = lab.history()
    assert found.kept
    assert history.verdicts[found.kept[0]].outcome is Outcome.KEEP
    assert lab.verify().ok
