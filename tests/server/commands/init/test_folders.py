"""`init` on a folder of a repository: its commands start there, its paths are relative to it."""

from pathlib import Path

import pytest

from autoresearch.attachment.proposal_parts import Answers
from autoresearch.contract import parse_contract
from autoresearch.lab import Lab
from autoresearch.system.home import lab_names
from server.commands import run
from server.commands.init.command import attach
from tests.support.foreign import Foreign
from tests.support.printed import quietly
from tests.support.refusals import raises
from tests.support.repositories import every_byte

MONOREPO = Foreign(
    name="mono repo",
    files={
        "a/train.py": "print('accuracy:', 0.5)\n",
        "libs/b ü/train.py": "import own\nprint('accuracy:', own.read())\n",
        "libs/b ü/own.py": "def read():\n    return float(open('data/n.txt').read())\n",
        "libs/b ü/test_own.py": "def test_it():\n    import own\n",
    },
    untracked={"libs/b ü/data/n.txt": "0.6", "a/other.txt": "x"},
    better=("", "", ""),
    worse=("", "", ""),
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUTORESEARCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    return tmp_path / "home"


@pytest.mark.long
def test_a_folder_of_a_repository_is_attached_alone(home: Path, tmp_path: Path) -> None:
    top = MONOREPO.make(tmp_path)
    folder = top / "libs" / "b ü"
    before = every_byte(top)
    opened: list[Lab] = []

    def open_lab(contract: str) -> Lab:
        opened.append(quietly(Lab.open(str(top), home=home, contract=contract)))
        return opened[-1]

    assert attach(folder, Answers(), yes=True, open_lab=open_lab) == 0
    lab = opened[-1]
    assert lab.contract.edit.allow == ("libs/b ü/own.py", "libs/b ü/train.py")
    assert lab.contract.inputs.read_only == ("libs/b ü/data/n.txt",)
    assert lab.contract.run.command[-2:] == ("{python}", "train.py")
    assert set(lab.contract.guards) == {"tests"}
    assert lab.overview().incumbent.mean == 0.6
    assert every_byte(top) == before
    assert list(lab_names(home)) == ["b"]
    with raises("invalid_state.lab_exists", "AUTORESEARCH_HOME"):
        attach(top / "a", Answers(), yes=True, open_lab=open_lab)


@pytest.mark.long
def test_a_data_file_that_the_first_run_misses_is_found_in_the_folder(
    home: Path, tmp_path: Path
) -> None:
    work = "import os\nprint('loss:', float(open(os.path.join('data', 'n.txt')).read()))\n"
    top = Foreign(
        name="mono", files={"a/b/work.py": work}, untracked={"a/b/data/n.txt": "3"},
        better=("", "", ""), worse=("", "", ""),
    ).make(tmp_path)  # fmt: skip
    opened: list[Lab] = []

    def open_lab(contract: str) -> Lab:
        opened.append(quietly(Lab.open(str(top), home=home, contract=contract)))
        return opened[-1]

    assert attach(top / "a" / "b", Answers(), yes=True, open_lab=open_lab) == 0
    assert opened[-1].contract.inputs.read_only == ("a/b/data/n.txt",)


@pytest.mark.slow
def test_a_dry_run_and_an_empty_folder(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    top = MONOREPO.make(tmp_path)
    assert run(["init", str(top / "a"), "--dry-run"]) == 0
    contract = parse_contract(capsys.readouterr().out.encode())
    assert contract.edit.allow == ("a/train.py",)
    (top / "empty").mkdir()
    assert run(["init", str(top / "empty"), "--yes"]) == 1
    assert str(top / "empty") in capsys.readouterr().err
    assert not home.exists()
