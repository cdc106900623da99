"""What the lab runs is what its user runs: kinds of files, variables and modules that git lacks.

Each program does other work where something is missing and does not say so. Runs are real; to them
the machine seems idle.
"""

import shlex
from collections.abc import Mapping
from pathlib import Path

import pytest

from autoresearch.attachment import baseline
from autoresearch.attachment.baseline import Baseline, measure_baseline
from autoresearch.attachment.contract_proposal import propose
from autoresearch.attachment.metric_choice import choose_alone
from autoresearch.attachment.proposal_parts import Answers
from autoresearch.attachment.same_program.user_run import run_of_the_user
from autoresearch.git.repository import snapshot
from autoresearch.lab import Lab
from autoresearch.sandboxes.selection import current_sandbox
from tests.support.printed import quietly
from tests.support.refusals import raises
from tests.support.repositories import every_byte, git
from tests.support.same_programs import (
    BESIDE,
    CASES,
    EDITABLE,
    LARGE_FILE,
    OPTIONAL_FILE,
    POINTER,
    SUBMODULE,
    VARIABLE,
    Case,
    install_editable,
    program,
    write,
)


class Heard:
    """A watch that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def said(self, line: str) -> None:
        self.lines.append(line)

    def now(self, line: str) -> None:
        pass


@pytest.fixture
def few_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs prove a baseline, however quick they are."""
    monkeypatch.setattr(baseline, "QUICK_S", 0.0)


def attached(root: Path, answers: Answers | None = None) -> Baseline:
    """As `init --yes` does it, in a home beside the user's."""
    home = root.parent / "labs-home"
    seen = snapshot(root)

    def open_lab(contract: str) -> Lab:
        return quietly(Lab.open(str(root), home=home, contract=contract))

    proposal = propose(seen, answers or Answers(), {})
    return measure_baseline(proposal, seen, open_lab, Heard(), choose_alone)


def made(
    case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch, env: Mapping[str, str] | None = None
) -> Path:
    root = case.make(folder)
    monkeypatch.setenv("HOME", str(folder / "user"))
    for name, value in {**case.env, **(env or {})}.items():
        monkeypatch.setenv(name, value)
    return root


def labs_left(root: Path) -> list[str]:
    labs = root.parent / "labs-home" / "labs"
    return [path.name for path in labs.iterdir()] if labs.exists() else [".lock"]


IN_CI = ("a trainer's metadata beside its data",)


@pytest.mark.usefixtures("few_runs")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in IN_CI else pytest.mark.long)
        for name in CASES
    ],
)
def test_the_labs_first_number_is_the_users(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[name]
    root = made(case, tmp_path, monkeypatch)
    if case is EDITABLE and current_sandbox().name == "landlock":
        # It shows no folder's names but those of inputs, and Python imports by listing folders.
        with raises("run_start.another_program", "extras_of_mine", "--python"):
            attached(root)
        return
    yours, before = case.number_of_the_user(root), every_byte(root)
    proven = attached(root, Answers(command=shlex.join(case.command)))
    assert proven.values == (yours, yours)
    assert proven.differences == ()
    assert every_byte(root) == before


@pytest.mark.long
@pytest.mark.usefixtures("few_runs")
def test_a_value_that_leads_beside_the_repository_brings_the_file_there_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "elsewhere", {"size.txt": "65"})
    where = str(tmp_path / "elsewhere" / "size.txt")
    root = made(BESIDE, tmp_path, monkeypatch, {"TRAINER_DATA": where})
    proven = attached(root)
    assert proven.values == (0.65, 0.65)
    assert proven.lab.contract.inputs.read_only == (where,)


@pytest.mark.long
@pytest.mark.usefixtures("few_runs")
def test_what_the_user_leaves_out_stays_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = made(OPTIONAL_FILE, tmp_path, monkeypatch)
    proven = attached(root, Answers(leave_out=("conf/settings.json",)))
    assert proven.values == (10.0, 10.0)
    assert run_of_the_user(proven.lab, "e0-r1", snapshot(root)) == 0.65


@pytest.mark.slow
@pytest.mark.usefixtures("few_runs")
def test_a_package_in_editable_mode_that_is_needed_becomes_an_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if current_sandbox().name != "bubblewrap":
        pytest.skip("Landlock shows no names beside a package; without a sandbox all is there")
    needs = "import extras_of_mine\nsize = extras_of_mine.SIZE"
    case = Case(files={".gitignore": ".venv/\n", "train.py": program(needs)}, lay=install_editable)
    proven = attached(made(case, tmp_path, monkeypatch))
    assert proven.values == (0.65, 0.65)
    package = tmp_path / "library" / "src" / "extras_of_mine"
    assert proven.lab.contract.inputs.read_only == (str(package),)


@pytest.mark.long
@pytest.mark.usefixtures("few_runs")
def test_secrets_and_what_the_program_writes_itself_are_named_and_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = (
        "if os.path.exists('.env'):\n    size = 2000\n"
        "if os.environ.get('TRAINER_API_KEY'):\n    size = 3000\n"
        "if os.path.exists('out/checkpoint.txt'):\n    size = 4000\n"
        "os.makedirs('out', exist_ok=True)\n"
        "open('out/checkpoint.txt', 'w').write('mine')"
    )
    case = Case(
        files={".gitignore": ".env\nout/\n", "train.py": program(look)},
        untracked={".env": "KEY=sesame\n", "out/checkpoint.txt": "old"},
        env={"TRAINER_API_KEY": "open-sesame"},
    )
    proven = attached(made(case, tmp_path, monkeypatch))
    assert proven.values == (10.0, 10.0)
    said = "\n".join(proven.differences)
    assert all(name in said for name in (".env", "TRAINER_API_KEY", "out/checkpoint.txt"))
    assert "sesame" not in said + proven.contract
    assert proven.lab.contract.inputs.read_only == ()


@pytest.mark.usefixtures("few_runs")
@pytest.mark.parametrize(
    "words",
    [
        pytest.param("sh work.sh", marks=pytest.mark.slow),
        pytest.param("python -I train.py", marks=pytest.mark.long),
    ],
)
def test_a_program_whose_looks_cannot_be_seen_is_compared_with_all_files_of_the_user(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case(
        files={
            ".gitignore": "flags/\n",
            "work.sh": "[ -f flags/small ] && echo 'val loss 0.65' || echo 'val loss 10.0'\n",
            "train.py": program("if os.path.isfile('flags/small'):\n    size = 65"),
        },
        untracked={"flags/small": ""},
    )
    root = made(case, tmp_path, monkeypatch)
    answers = Answers(
        command=words,
        metric="val_loss",
        pattern=r"^val loss (\S+)",
        direction="min",
        edit=("train.py",),
    )
    with raises("run_start.another_program", "flags", "0.65", "10"):
        attached(root, answers)
    assert labs_left(root) == [".lock"]


@pytest.mark.slow
@pytest.mark.usefixtures("few_runs")
def test_what_is_too_large_to_take_unasked_stops_init_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = made(OPTIONAL_FILE, tmp_path, monkeypatch)
    monkeypatch.setattr("autoresearch.attachment.same_program.differences.MOST_MB", 1e-6)
    with raises("run_start.another_program", "--input conf/settings.json", "--leave-out"):
        attached(root)
    assert labs_left(root) == [".lock"]


def test_a_pointer_without_its_content_stops_init_and_names_git_lfs_pull(tmp_path: Path) -> None:
    root = LARGE_FILE.make(tmp_path)
    (root / "data" / "sizes.csv").write_text(POINTER)
    with raises("contract.lfs_content_missing", "git lfs pull", "data/sizes.csv"):
        attached(root)
    assert not (tmp_path / "labs-home").exists()


def test_a_pointer_that_no_run_needs_can_be_left_out(tmp_path: Path) -> None:
    root = LARGE_FILE.make(tmp_path)
    (root / "data" / "sizes.csv").write_text(POINTER)
    answers = Answers(leave_out=("data",))
    assert propose(snapshot(root), answers, {}).inputs.value == ()


@pytest.mark.long
@pytest.mark.usefixtures("few_runs")
def test_a_submodule_that_is_not_checked_out_is_named_with_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = made(SUBMODULE, tmp_path, monkeypatch)
    git(root, "submodule", "deinit", "-q", "-f", "lib")
    proven = attached(root)
    assert proven.values == (10.0, 10.0)  # as for the user, now
    assert "git submodule update --init" in " ".join(proven.differences)


def test_given_variables_are_the_users_values_or_their_own(tmp_path: Path) -> None:
    root = VARIABLE.make(tmp_path)
    given = Answers(env=("TRAINER_WIDTH", "MODE=fast"))
    found = propose(snapshot(root), given, {"TRAINER_WIDTH": "12"})
    assert found.env.value == {"TRAINER_WIDTH": "12", "MODE": "fast"}
    with raises("contract.variable_unknown", "TRAINER_WIDTH"):
        propose(snapshot(root), given, {})
