"""When the research is over: a goal that control runs confirm, and limits of the whole."""

import pytest

from autoresearch.contract import Contract, parse_contract
from autoresearch.records import Proposer
from autoresearch.verdicts.ending import Ending, ending_of
from tests.support.repositories import CONTRACT
from tests.support.told import BASELINE, Told


def contract(goal: str = "", stop: str = "") -> Contract:
    text = CONTRACT.replace('direction = "min"', f'direction = "min"\n{goal}')
    return parse_contract(text.replace("[sealed]", f"{stop}\n[sealed]").encode())


AT_3 = contract("goal = 3.0")


def kept(*candidate: float, baseline: tuple[float, ...] = BASELINE) -> Told:
    """e1, kept on these runs, which are far below the baseline's."""
    told = Told(*baseline)
    told.propose()
    told.runs("e1", *candidate)
    assert told.judge("e1").moved_incumbent
    return told


def after(told: Told, *controls: float, by: Contract = AT_3, now: float = 1e6) -> Ending:
    told.runs(told.history.kept[-1], *controls)
    return ending_of(told.history, by, now)


def test_a_contract_without_an_end_never_ends() -> None:
    found = ending_of(kept(2.9, 2.91, 2.9, 2.91).history, contract(), 1e9)
    assert not found.over
    assert not found.reached
    assert found.sentence == ""


def test_runs_that_were_chosen_for_being_good_do_not_confirm_a_goal() -> None:
    found = ending_of(kept(2.9, 2.91, 2.9, 2.91).history, AT_3, 0)
    assert found.unconfirmed
    assert (found.controls, found.missing) == (0, 3)
    assert not found.over
    assert "e1" in found.sentence


def test_the_mean_of_three_control_runs_confirms_it() -> None:
    told = kept(2.9, 2.91, 2.9, 2.91)
    assert after(told, 2.9, 3.01).missing == 1
    found = after(told, 3.0)
    assert found.done
    assert found.over
    assert found.value == pytest.approx(2.97)
    assert "3 control runs of e1" in found.sentence


def test_control_runs_that_fall_short_leave_the_goal_open() -> None:
    found = after(kept(2.9, 2.91, 2.9, 2.91), 3.05)
    assert not found.reached
    assert not found.over
    assert found.sentence == ""


def test_where_every_run_gives_the_same_number_one_control_run_confirms() -> None:
    told = kept(3.0, 3.0, baseline=(3.2,) * 6)
    assert ending_of(told.history, AT_3, 0).missing == 1
    assert after(told, 3.0).done


def test_the_original_code_can_be_at_the_goal_already() -> None:
    told = Told(2.9)
    assert ending_of(told.history, AT_3, 0).unconfirmed
    assert after(told, 2.9).done
    assert not after(Told(), by=AT_3).reached


def test_a_metric_to_maximise_reaches_its_goal_from_below() -> None:
    told = Told(0.9, 0.9)
    text = CONTRACT.replace('direction = "min"', 'direction = "max"\ngoal = 1')
    up = parse_contract(text.encode())
    assert not ending_of(told.history, up, 0).reached
    assert ending_of(Told(1.0, 1.0).history, up, 0).done


def test_equal_numbers_are_compared_as_they_are() -> None:
    text = CONTRACT.replace('direction = "min"', 'direction = "max"\ngoal = 0.1')
    assert ending_of(Told(*[0.1] * 3).history, parse_contract(text.encode()), 0).done


def test_experiments_are_counted_without_what_the_lab_proposed_again() -> None:
    limited = contract(stop="[stop]\nexperiments = 2\n")
    told = Told(*BASELINE)
    told.propose()
    told.propose(replay_of="e1")
    found = ending_of(told.history, limited, 0)
    assert (found.experiments, found.used_up) == (1, "")
    told.propose()
    found = ending_of(told.history, limited, 0)
    assert found.used_up == "experiments"
    assert found.over
    assert "2 experiments" in found.sentence


def test_hours_are_counted_from_the_first_experiment_on() -> None:
    limited = contract(stop="[stop]\nhours = 2\n")
    told = Told(*BASELINE)
    assert not ending_of(told.history, limited, 1e9).over
    told.propose(proposer=Proposer(client="c"))
    began = told.history.proposed_at["e1"]
    assert not ending_of(told.history, limited, began + 7199).over
    found = ending_of(told.history, limited, began + 7200)
    assert found.used_up == "hours"
    assert "2.0 hours" in found.sentence
    assert not ending_of(told.history, limited, began - 50).over  # a clock that was set back


def test_a_limit_is_said_beside_a_goal_that_waits_to_be_confirmed() -> None:
    both = contract("goal = 3.0", "[stop]\nexperiments = 1\n")
    told = kept(2.9, 2.91, 2.9, 2.91)
    found = ending_of(told.history, both, 0)
    assert found.unconfirmed
    assert found.over
    assert "confirm" in found.sentence
    assert "[stop]" in found.sentence
    assert "[stop]" not in after(told, 2.9, 2.9, 2.9, by=both).sentence


def test_a_number_that_the_program_prints_is_called_so() -> None:
    text = CONTRACT.replace('direction = "min"', 'direction = "min"\ngoal = 9')
    text = text.replace('scoring = "sealed"', 'scoring = "stdout"').replace("tokens = 1500, ", "")
    printed = parse_contract(text[: text.index("[sealed]")].encode())
    assert "self-reported" in ending_of(Told(3.0, 3.0).history, printed, 0).sentence
