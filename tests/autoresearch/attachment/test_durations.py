"""How long a program runs: what ends it, what bounds it, and what is said when nothing does."""

from dataclasses import replace

import pytest

from autoresearch.attachment.baseline import refuse_signed
from autoresearch.attachment.clues.duration import bounds, clock_line, endless_line
from autoresearch.attachment.contract_text import contract_text
from autoresearch.attachment.metric_names import may_have_a_sign
from autoresearch.attachment.proposal_parts import Answers, Part, Sureness
from autoresearch.attachment.repairs import hint, repair
from autoresearch.contract import parse_contract
from autoresearch.records import EndCause, Measurement
from autoresearch.run_directory import ended_report
from tests.support.foreign import CLONE, TRAINER
from tests.support.proposals import look, seen
from tests.support.refusals import raises

ENDLESS = "import time\nn = 0\nwhile True:\n    n += 1\n    print('step', n, 'val loss', 1 / n)\n"
LATE = replace(ended_report("e0-r1", EndCause.OVER_TIME, "killed"), wall_s=60.0)


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("import time\nt = time.time()\nwhile time.time() - t < 60:\n    step()\n", 3),
        (
            "t0 = perf_counter()\nfor n in x:\n    d = perf_counter() - t0\n    if d > 5: break",
            4,
        ),
        (
            "s = 0\nwhile 1:\n    a = time.time()\n    s += time.time() - a\n    if s >= B: break",
            5,
        ),
        ("import os\nb = float(os.environ['AUTORESEARCH_BUDGET'])\n", 2),
        ("t = time.time()\nfor n in x: f()\nprint('time', time.time() - t)\n", 0),
        ("for n in range(9):\n    if n == 5:\n        break\n", 0),
        ("print(", 0),
    ],
)
def test_a_program_that_a_clock_ends_is_told_from_one_that_only_reads_it(
    code: str, line: int
) -> None:
    assert clock_line(code) == line


def test_a_program_that_ends_by_itself_gets_a_time_out_and_one_on_a_clock_a_budget() -> None:
    ends = parse_contract(contract_text(look(TRAINER.files)).encode())
    assert (ends.run.budget.unit, ends.load_sensitive) == ("timeout_s", False)
    clocked = (
        "import time\nt = time.time()\nwhile time.time() - t < 60:\n    f()\nprint('loss:', x)\n"
    )
    spends = parse_contract(contract_text(look({"work.py": clocked})).encode())
    assert (spends.run.budget.unit, spends.load_sensitive) == ("wall_s", True)
    killed = look({"work.py": "print('loss:', x)"}, Answers(command="timeout 60 python work.py"))
    assert not killed.ends
    theirs = parse_contract(contract_text(look(CLONE.files)).encode())
    assert theirs.load_sensitive  # it trains for seconds


@pytest.mark.parametrize(
    ("code", "line"),
    [
        (ENDLESS, 3),
        ("while 1:\n    for n in x:\n        break\n", 1),
        ("while True:\n    if done:\n        break\n", 0),
        ("def f():\n    while True:\n        if done: return 1\n", 0),
        ("while True:\n    try:\n        f()\n    except E:\n        sys.exit()\n", 0),
        ("while True:\n    yield_ = (yield 1)\n", 0),
        ("while n < 5:\n    n += 1\n", 0),
    ],
)
def test_a_loop_that_nothing_ends_is_found(code: str, line: int) -> None:
    assert endless_line(code) == line


def test_options_variables_and_constants_that_bound_a_program_are_found() -> None:
    code = (
        "p.add_argument('-n', '--max-steps', type=int, default=10_000)\n"
        "p.add_argument('--log-steps', default=5)\n"
        "epochs = int(os.environ.get('EPOCHS', 3))\n"
        "MAX_ITERS = 600000\n"
    )
    found = {bound.typed: (bound.where, bound.default) for bound in bounds("t.py", code)}
    assert found == {
        "--max-steps=N": ("t.py:1", "10000"),
        "EPOCHS=N": ("t.py:3", ""),
        "epochs": ("t.py:3", "int(os.environ.get('EPOCHS', 3))"),
        "MAX_ITERS": ("t.py:4", "600000"),
    }
    [typed] = bounds("train.py", "max_iters = 600000\nexec(open('configurator.py').read())\n")
    assert (typed.typed, typed.constant) == ("--max_iters=N", False)


def test_of_a_program_that_did_not_end_the_ceiling_is_explained_and_what_bounds_it() -> None:
    bounded = "max_iters = 9999\nimport sys; sys.argv\nwhile True:\n    print('loss:', 1)\n"
    proposal = look({"train.py": bounded}, Answers(command="python train.py"))
    words = hint(proposal, seen({"train.py": bounded}), LATE, "")
    for named in ("60 s", "train.py:3", "--max_iters=N", "9999", "--max_iters=100", "--budget-s"):
        assert named in words
    none = look({"train.py": ENDLESS}, Answers(command="python train.py"))
    assert "--steps" in hint(none, seen({"train.py": ENDLESS}), LATE, "")


def test_a_loop_without_an_end_is_not_given_more_seconds_and_any_other_program_is() -> None:
    files = {"train.py": ENDLESS}
    assert repair(look(files, Answers(command="python train.py")), seen(files), LATE, "") is None
    files = {"train.py": "for n in range(9): f()\nprint('loss:', n)"}
    longer = repair(look(files), seen(files), LATE, "")
    assert longer is not None
    assert longer.proposal.budget_s.value == 300


def test_an_error_with_a_sign_is_not_minimised_below_zero_on_a_guess() -> None:
    proposal = look({"work.py": "print(f'train err {e:+.3f}')"})
    assert proposal.metric is not None
    assert proposal.metric.sure is Sureness.GUESSED  # of the data that it trains on
    measured = Measurement(value=-0.02, documents=0, tokens=0, score_s=0.0)
    run = replace(ended_report("e0-r1", EndCause.MEASURED, ""), measurement=measured)
    with raises("run_start.signed_error", "train_err", "-0.02", "--direction"):
        refuse_signed(proposal, [run])
    refuse_signed(replace(proposal, direction=Part("min", "", Sureness.SAID)), [run])
    assert may_have_a_sign("val_error")
    assert not may_have_a_sign("nll")
