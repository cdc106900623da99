"""autoresearch.toml: what is accepted, and how every mistake is named."""

import pytest

from autoresearch.contract import parse_contract
from autoresearch.errors import ContractError
from tests.support.paths import ROOT

WHOLE = """
[target]
name = "tiny"
[edit]
allow = ["train.py"]
[run]
command = ["{python}", "train.py"]
budget = { tokens = 1000, cpu_s = 5 }
[metric]
name = "val_bpb"
unit = "bits per byte"
direction = "min"
scoring = "sealed"
[sealed]
entry = "train.py:load"
data = "data.txt"
vocab = "characters"
checkpoint = "model.npz"
"""


def test_a_whole_contract_is_read() -> None:
    contract = parse_contract(WHOLE.encode())
    assert contract.run.budget.unit == "tokens"
    assert contract.run.budget.amount == 1000
    assert contract.run.wall_ceiling_s == 35
    assert contract.run.budget.describe() == "1,000 training tokens within 5 CPU-seconds"


@pytest.mark.parametrize(
    ("line", "instead", "said"),
    [
        ('direction = "min"', 'direction = "down"', "metric.direction: Input should be 'min'"),
        ('allow = ["train.py"]', 'alow = ["train.py"]', "edit.alow: no such key; allowed here: a"),
        ('allow = ["train.py"]', "", "edit.allow: missing"),
        ("budget = { tokens = 1000, cpu_s = 5 }", "budget = {}", "run.budget: give one of wall_s"),
        ("tokens = 1000, cpu_s = 5", "tokens = 1000", "run.budget: a token budget is"),
        ("tokens = 1000, cpu_s = 5", "wall_s = 0", "run.budget.wall_s: Input should be greater"),
        ('entry = "train.py:load"', 'entry = "load"', "sealed.entry: String should match"),
        ('scoring = "sealed"', 'scoring = "mine"', "metric.scoring: Input should be 'sealed'"),
        ('scoring = "sealed"', 'scoring = "stdout"', '- [sealed] is for scoring = "sealed"'),
        ("[sealed]", "[scaling]", "scaling.knob: missing"),
        ('unit = "bits', 'block = "---"\nunit = "bits', 'metric: block is for scoring = "stdout"'),
        (
            "[sealed]",
            "[guards]\ntests = []\n[sealed]",
            "guards.tests: Tuple should have at least 1",
        ),
        ('name = "tiny"', 'name = "Tiny Target"', "target.name: String should match"),
        ("[edit]", "[knobs]\nA = {}\n[edit]", "knobs.A: give low and high, or choices"),
        ("[edit]", "[knobs]\nA = { low = 1, high = 1 }\n[edit]", "low must be below high, and 1"),
        (
            "[edit]",
            "[knobs]\nA = { low = 0, high = 1, log = true }\n[edit]",
            "knobs.A: log = true needs low above 0, not 0",
        ),
        (
            "[edit]",
            "[knobs]\nA = { low = 0.5, high = 2, integer = true }\n[edit]",
            "knobs.A: integer = true needs whole numbers as low and high",
        ),
        ("[edit]", "[knobs]\nA = { choices = [1] }\n[edit]", "choices needs at least two values"),
        ("[edit]", "[knobs]\nA = { choices = [1, 1] }\n[edit]", "choices names one value twice"),
        (
            "[edit]",
            "[knobs]\nA = { choices = [1, 2], low = 0 }\n[edit]",
            "knobs.A: give choices, or a range",
        ),
        (
            "[edit]",
            "[knobs]\nA = { choices = [1, [2]] }\n[edit]",
            "knobs.A.choices.1: is [2]: a choice is a number, a text, true or false",
        ),
        ("[edit]", '[knobs]\n"a b" = { low = 0, high = 1 }\n[edit]', "knobs.a b"),
        (
            "[edit]",
            "[knobs]\nA = { lo = 1 }\n[edit]",
            "knobs.A.lo: no such key; allowed here: path, low, high, log, integer, choices",
        ),
        ("[edit]", "[edits]", "edits: no such key; allowed here: target, brief, edit"),
    ],
)
def test_a_mistake_is_named_by_its_key_and_what_is_allowed(
    line: str, instead: str, said: str
) -> None:
    with pytest.raises(ContractError) as error:
        parse_contract(WHOLE.replace(line, instead).encode())
    assert said in str(error.value)


PRINTED = """
[target]
name = "suite"
[edit]
allow = ["src/**"]
[inputs]
read_only = ["data/", "~/.cache/corpus"]
[run]
command = ["{python}", "work.py"]
budget = { wall_s = 60 }
[metric]
name = "accuracy"
direction = "max"
scoring = "stdout"
[guards]
tests = ["{python}", "-m", "pytest", "-q"]
"""


def test_a_target_that_prints_its_own_number_is_called_self_reported() -> None:
    contract = parse_contract(PRINTED.encode())
    assert contract.metric.provenance == "self-reported"
    assert contract.guards == {"tests": ("{python}", "-m", "pytest", "-q")}
    assert contract.sealed_paths == ()


@pytest.mark.parametrize(
    ("line", "instead", "said"),
    [
        ("wall_s = 60", "tokens = 9, cpu_s = 5", "a token budget is for sealed targets"),
        ('"stdout"', '"clock"', 'scoring = "clock" measures name = "wall_s" or "cpu_s"'),
        ('"stdout"', '"sealed"', 'scoring = "sealed" needs the table [sealed]'),
        ('"stdout"', '"stdout"\npattern = "a("', "metric.pattern: is not a regular expression"),
        ('"stdout"', '"stdout"\npattern = "a"', "metric.pattern: must have one group"),
        ('"stdout"', '"stdout"\nfile = "m"\nblock = "-"', "metric: give one of file and block"),
    ],
)
def test_a_printed_number_has_one_form_and_no_sealed_parts(
    line: str, instead: str, said: str
) -> None:
    with pytest.raises(ContractError) as error:
        parse_contract(PRINTED.replace(line, instead).encode())
    assert said in str(error.value)


MEMORY = """
[guards.memory]
command = ["{python}", "weigh.py"]
metric = "peak_mb"
may_grow = "5 %"
"""


def test_a_guard_may_have_a_number_and_how_far_it_may_move() -> None:
    contract = parse_contract((PRINTED + MEMORY).encode())
    assert list(contract.guard_commands) == ["tests", "memory"]
    assert contract.guard_commands["memory"] == ("{python}", "weigh.py")
    assert list(contract.guard_numbers) == ["memory"]
    plain = MEMORY.replace('metric = "peak_mb"\nmay_grow = "5 %"\n', "")
    assert parse_contract((PRINTED + plain).encode()).guard_numbers == {}


@pytest.mark.parametrize(
    ("limit", "number", "incumbent", "beyond"),
    [
        ('may_grow = "5 %"', 105.0, 100.0, ""),
        ('may_grow = "5 %"', 1.05, 1.0, ""),
        ('may_grow = "5 %"', 105.1, 100.0, "may grow 5 %"),
        ('may_grow = "5%"', -94.0, -100.0, "may grow 5%"),
        ('may_grow = "5 %"', 3.0, 100.0, ""),
        ("may_grow = 2", 102.5, 100.0, "may grow 2"),
        ("may_grow = 0.5", 100.5, 100.0, ""),
        ("may_grow = 0", 100.5, 100.0, "may grow 0"),
        ('may_shrink = "1 %"', 98.0, 100.0, "may shrink 1 %"),
        ('may_shrink = "1 %"', 130.0, 100.0, ""),
        ('may_grow = "9 %"\nmay_shrink = 1e-3', 99.9, 100.0, "may shrink 0.001"),
    ],
)
def test_a_number_beyond_its_limit_is_told_by_the_limit(
    limit: str, number: float, incumbent: float, beyond: str
) -> None:
    contract = parse_contract((PRINTED + MEMORY.replace('may_grow = "5 %"', limit)).encode())
    assert contract.guard_numbers["memory"].breach(number, incumbent) == beyond


@pytest.mark.parametrize(
    ("line", "instead", "said"),
    [
        ('may_grow = "5 %"', "", "guards.memory: metric needs may_grow or may_shrink"),
        ('metric = "peak_mb"', "", "guards.memory: may_grow and may_shrink need metric"),
        ('"5 %"', '"a bit"', "guards.memory.may_grow: is 'a bit': give a share such as"),
        ('"5 %"', "-1", "guards.memory.may_grow: is -1: "),
        ('"5 %"', "true", "guards.memory.may_grow: is True: "),
        ('"5 %"', "nan", "guards.memory.may_grow: is nan: "),
        ('"peak_mb"', '"peak mb"', "guards.memory.metric: String should match"),
        ('["{python}", "weigh.py"]', "[]", "guards.memory.command: Tuple should have at least 1"),
        ('command = ["{python}", "weigh.py"]', "", "guards.memory.command: missing"),
        ("may_grow", "may_growl", "guards.memory.may_growl: no such key; allowed here: command, "),
        ('["{python}", "-m", "pytest", "-q"]', '"pytest"', "guards.tests: Input should be"),
    ],
)
def test_a_mistake_in_a_guard_is_named_by_its_key(line: str, instead: str, said: str) -> None:
    with pytest.raises(ContractError) as error:
        parse_contract((PRINTED + MEMORY).replace(line, instead).encode())
    assert said in str(error.value)


def test_a_contract_can_name_its_end() -> None:
    ending = PRINTED.replace('"max"', '"max"\ngoal = 1') + "[stop]\nexperiments = 20\nhours = 1.5\n"
    contract = parse_contract(ending.encode())
    assert contract.metric.goal == 1
    assert contract.stop is not None
    assert (contract.stop.experiments, contract.stop.hours) == (20, 1.5)
    plain = parse_contract(PRINTED.encode())
    assert (plain.metric.goal, plain.stop) == (None, None)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("goal = nan\n", "metric.goal"),
        ('goal = "high"\n', "metric.goal"),
        ("[stop]\n", "stop: give experiments = N"),
        ("[stop]\nexperiments = 0\n", "stop.experiments"),
        ("[stop]\nhours = -1\n", "stop.hours"),
        ("[stop]\ndays = 3\n", "allowed here: experiments, hours"),
    ],
)
def test_an_end_that_is_none_is_named_by_its_key(more: str, said: str) -> None:
    text = PRINTED.replace('scoring = "stdout"\n', f'scoring = "stdout"\n{more}')
    with pytest.raises(ContractError) as error:
        parse_contract(text.encode())
    assert said in str(error.value)


def test_every_mistake_is_named_at_once() -> None:
    text = WHOLE.replace('"min"', '"down"').replace('"tiny"', '"Tiny"')
    with pytest.raises(ContractError, match="2 mistakes"):
        parse_contract(text.encode())


def test_broken_toml_is_named_by_its_line() -> None:
    with pytest.raises(ContractError, match=r"is not TOML.*line 2"):
        parse_contract(b"[target]\nname = \n")


def test_the_contracts_in_the_documentation_are_whole_ones() -> None:
    page = (ROOT / "docs" / "contract.md").read_text()
    shown = [part.split("```")[0] for part in page.split("```toml\n")[1:]]
    whole = [text for text in shown if "[target]" in text]
    assert len(whole) >= 2
    assert {parse_contract(text.encode()).metric.scoring for text in whole} >= {"sealed", "stdout"}
