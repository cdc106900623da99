"""A lab on any repository: five kinds that are out there, proposed, proved, researched, untouched.

`pytest -s` prints what is proposed for each. Runs are real; to them the machine seems idle.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from autoresearch.attachment.baseline import Baseline, measure_baseline
from autoresearch.attachment.contract_proposal import propose
from autoresearch.attachment.metric_choice import choose_alone
from autoresearch.attachment.metric_names import Number
from autoresearch.attachment.proposal_parts import Answers, Part, Proposal
from autoresearch.git.repository import snapshot
from autoresearch.lab import Lab
from autoresearch.patches.patch import Edit
from autoresearch.records import Outcome
from autoresearch.system.home import lab_names
from tests.support.foreign import CLONE, KINDS, SCORE, Change, Foreign
from tests.support.karpathy_clone import prepare_data
from tests.support.printed import quietly
from tests.support.refusals import raises
from tests.support.repositories import TESTER, every_byte, git, to_verdict

NO_CHANGE: Change = ("", "", "")


class Heard:
    """A watch that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def said(self, line: str) -> None:
        self.lines.append(line)

    def now(self, line: str) -> None:
        pass


def opener(root: Path, home: Path) -> Callable[[str], Lab]:
    return lambda contract: quietly(Lab.open(str(root), home=home, contract=contract))


def attached(
    root: Path, home: Path, answers: Answers | None = None, watch: Heard | None = None
) -> Baseline:
    """As `init --yes` does it."""
    seen = snapshot(root)
    proposal = propose(seen, answers or Answers(), {})
    return measure_baseline(proposal, seen, opener(root, home), watch or Heard(), choose_alone)


def make(folder: Path, work: str, untracked: Mapping[str, str] | None = None) -> Path:
    kind = Foreign(
        name="work",
        files={"work.py": work},
        untracked=untracked or {},
        better=NO_CHANGE,
        worse=NO_CHANGE,
    )
    return kind.make(folder)


def status(root: Path) -> str:
    return git(root, "--no-optional-locks", "status", "--porcelain=v1", "--ignored")


def judged(lab: Lab, change: Change) -> tuple[Outcome, str]:
    path, find, text = change
    edits = [Edit(path=path, find=find, replace=text)]
    proposed = lab.propose("a change", edits=edits, proposer=TESTER)
    verdict = to_verdict(lab, proposed.experiment.id, within_s=400.0).verdict
    assert verdict is not None
    return verdict.outcome, verdict.sentence


IN_CI = ("a nanoGPT-like trainer",)  # test_karpathy_session.py drives a clone there too


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.slow if name in IN_CI else pytest.mark.long, id=name)
        for name, kind in KINDS.items()
    ],
)
def test_a_repository_is_attached_measured_and_researched_and_stays_as_it_is(
    tmp_path: Path, kind: Foreign, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = kind.make(tmp_path)
    if kind is CLONE:
        monkeypatch.setenv("HOME", str(tmp_path / "user"))
        prepare_data(root, tmp_path / "user")
    before, told = every_byte(root), status(root)
    watch = Heard()
    proven = attached(root, tmp_path / "home", watch=watch)
    print("\n".join(["", proven.contract, *watch.lines]))
    assert len(proven.values) >= 2
    worse = judged(proven.lab, kind.worse)
    better = judged(proven.lab, kind.better)
    print(worse, better, sep="\n")
    assert better[0] is Outcome.KEEP, better[1]
    assert worse[0] in (Outcome.DISCARD, Outcome.CRASHED), worse[1]
    assert proven.lab.verify().ok, proven.lab.verify().findings
    assert every_byte(root) == before
    assert status(root) == told


@pytest.mark.long
def test_a_file_that_is_missing_in_the_run_names_itself_and_becomes_an_input(
    tmp_path: Path,
) -> None:
    watch = Heard()
    proven = attached(SCORE.make(tmp_path), tmp_path / "home", watch=watch)
    assert proven.lab.contract.inputs.read_only == ("data/points.csv",)
    assert "data/points.csv was missing in the run" in watch.lines[0]
    assert list(lab_names(tmp_path / "home")) == ["iris-like"]


@pytest.mark.long
def test_the_second_missing_file_of_a_folder_brings_the_whole_folder(tmp_path: Path) -> None:
    work = "import os\nfor n in range(3):\n    open(os.path.join('data', str(n) + '.txt'))\n"
    work += "print(f'loss: {n}')"
    root = make(tmp_path, work, {f"data/{n}.txt": "x" for n in range(3)})
    proven = attached(root, tmp_path / "home")
    assert proven.lab.contract.inputs.read_only == ("data/",)


@pytest.mark.long
def test_a_metric_is_read_off_the_output_where_the_code_does_not_tell(tmp_path: Path) -> None:
    work = "name = 'accu' + 'racy'\nprint('%s: %s' % (name, 0.5))"
    answers = Answers(command="python work.py", edit=("work.py",))
    proven = attached(make(tmp_path, work), tmp_path / "home", answers)
    assert (proven.lab.contract.metric.name, proven.values[0]) == ("accuracy", 0.5)
    assert proven.lab.contract.metric.direction == "max"


WRITES = """
import json, os
os.makedirs("out", exist_ok=True)
if not os.path.exists("out/results.json"):
    with open("out/results.json", "w") as file:
        json.dump({"test": {"accuracy": 0.5}}, file)
print("loss: 7")
"""


@pytest.mark.long
def test_a_metric_is_read_in_the_file_that_a_run_writes_and_not_in_one_that_lay_there(
    tmp_path: Path,
) -> None:
    root = make(tmp_path, WRITES)
    (root / "out").mkdir()
    (root / "out" / "results.json").write_text('{"test": {"accuracy": 0.99}}')
    git(root, "add", ".")
    git(root, "-c", "user.name=U", "-c", "user.email=u@example.org", "commit", "-qm", "results")
    answers = Answers(
        command="python work.py",
        edit=("work.py",),
        metric="test.accuracy",
        metric_file="out/results.json",
    )
    proven = attached(root, tmp_path / "home", answers)
    assert set(proven.values) == {0.5}
    assert proven.lab.contract.metric.provenance == "self-reported"


@pytest.mark.slow
def test_where_two_numbers_could_be_the_metric_the_options_are_named_and_no_lab_is_left(
    tmp_path: Path,
) -> None:
    root = make(tmp_path, "print('apples:', 3)\nprint('pears:', 4)")
    answers = Answers(command="python work.py", edit=("work.py",))
    with raises("contract.metric_ambiguous", "apples", "pears", "--metric NAME"):
        attached(root, tmp_path / "home", answers)
    assert list(lab_names(tmp_path / "home")) == []
    assert [path.name for path in (tmp_path / "home" / "labs").iterdir()] == [".lock"]


@pytest.mark.long
def test_a_person_can_choose_among_what_was_printed(tmp_path: Path) -> None:
    root = make(tmp_path, "print('apples:', 3)\nprint('pears:', 4)")
    seen = snapshot(root)
    shown: list[tuple[str, float | None]] = []

    def choose(proposal: Proposal, numbers: tuple[Number, ...]) -> Proposal:
        shown.extend((number.name, number.value) for number in numbers)
        pears = replace(proposal, direction=Part("max", ""))
        return choose_alone(pears, numbers[1:])

    proposal = propose(seen, Answers(command="python work.py", edit=("work.py",)), {})
    proven = measure_baseline(proposal, seen, opener(root, tmp_path / "home"), Heard(), choose)
    assert shown == [("apples", 3.0), ("pears", 4.0)]
    assert (proven.lab.contract.metric.name, proven.values[0]) == ("pears", 4.0)


WAITS = "import time\nprint('up', flush=True)\ntime.sleep(60)\nprint(f'loss: {x}')"


@pytest.mark.parametrize(
    ("work", "code", "said"),
    [
        pytest.param(work, code, said, marks=mark)
        for work, code, said, mark in (
            (
                "print('loss: 1')\n1 / 0\nprint(f'loss: {x}')",
                "run_start.baseline_fails",
                "ZeroDivisionError: division by zero",
                pytest.mark.slow,
            ),
            (
                "loss = 1\nprint('loss', 'is', loss) if loss > 1 else print('no')",
                "run_start.baseline_fails",
                "loss",
                pytest.mark.slow,
            ),
            (WAITS, "run_start.baseline_fails", "killed", pytest.mark.long),
        )
    ],
)
def test_a_baseline_that_fails_leaves_nothing_and_quotes_what_it_wrote(
    tmp_path: Path, work: str, code: str, said: str
) -> None:
    root = make(tmp_path, work)
    before = every_byte(root)
    answers = Answers(command="python work.py", metric="loss", edit=("work.py",), budget_s=0.5)
    short = replace(answers, budget_s=0.2)
    with raises(code, said) as raised:
        attached(root, tmp_path / "home", short)
    assert "untrusted program" in raised.value.message or "no" in raised.value.message
    assert [path.name for path in (tmp_path / "home" / "labs").iterdir()] == [".lock"]
    assert every_byte(root) == before


@pytest.mark.slow
def test_who_interrupts_leaves_neither_a_lab_nor_a_run(tmp_path: Path) -> None:
    root = make(tmp_path, "import time\ntime.sleep(60)\nprint(f'loss: {x}')")

    class Impatient(Heard):
        def now(self, line: str) -> None:
            if "training" in line:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attached(root, tmp_path / "home", watch=Impatient())
    assert [path.name for path in (tmp_path / "home" / "labs").iterdir()] == [".lock"]
