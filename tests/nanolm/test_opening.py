"""Opening a lab on token files: the shipped one, one outside the repository, and bad ones."""

import sys
from pathlib import Path

import pytest

from autoresearch.contract import parse_contract
from autoresearch.data.token_file import read_token_file
from autoresearch.errors import ContractError, InvalidStateError, NotFoundError
from autoresearch.lab import Lab
from autoresearch.targets import contract_for
from server.commands.init.command import init
from tests.nanolm.conftest import some_documents, write_token_file
from tests.support.repositories import git

CONTRACT = """
[target]
name = "tokens"
[edit]
allow = ["train.py"]
[run]
command = ["{{python}}", "train.py"]
budget = {{ tokens = 1000, cpu_s = 10 }}
[metric]
name = "val_bpb"
direction = "min"
scoring = "sealed"
[sealed]
entry = "train.py:load"
data = "{data}"
vocab = "tokens"
context = 24
checkpoint = "model.pt"
held_out = {held_out}
"""


def opened(folder: Path, data: str, held_out: int = 100) -> Lab:
    text = CONTRACT.format(data=data, held_out=held_out)
    mine = folder / "mine"
    mine.mkdir()
    (mine / "train.py").write_text("")
    (mine / "autoresearch.toml").write_text(text)
    git(mine, "init", "-q")
    git(mine, "add", ".")
    git(mine, "-c", "user.name=U", "-c", "user.email=u@example.org", "commit", "-qm", "mine")
    return Lab.open(str(mine), home=folder / "home")


@pytest.mark.slow
def test_the_shipped_target_opens_and_no_run_or_reader_gets_its_text(tmp_path: Path) -> None:
    lab = Lab.open("nanolm", home=tmp_path, contract=contract_for("nanolm", sys.executable))
    assert read_token_file(lab.runs.documents).problem == ""
    commit = lab.history().experiments["e0"].commit
    lab.repository.export(commit, tmp_path / "tree", exclude=lab.contract.sealed_paths)
    found = {path.relative_to(tmp_path / "tree").as_posix() for path in tmp_path.rglob("tree/**/*")}
    assert "train.py" in found
    assert "data/plays.tokens" not in found
    with pytest.raises(NotFoundError, match="held-out data"):
        lab.read_file("data/plays.tokens", commit)
    assert lab.verify().ok


@pytest.mark.slow
def test_a_token_file_outside_is_copied_and_a_changed_copy_stops_runs(tmp_path: Path) -> None:
    outside = write_token_file(tmp_path / "much.tokens", some_documents(1200))
    lab = opened(tmp_path, str(outside))
    assert lab.runs.documents.read_bytes() == outside.read_bytes()
    assert lab.contract.sealed_paths == ()
    outside.unlink()
    assert lab.runs.changed_files() == ()
    write_token_file(lab.runs.documents, some_documents(1200, seed=2))
    with pytest.raises(InvalidStateError, match="is not the held-out data"):
        lab.start_run("e0")


@pytest.mark.parametrize(
    ("documents", "words"),
    [
        (some_documents(900), "900 different documents, so 100 can't be held out"),
        ([*some_documents(1200), some_documents(1)[0]], "holds 1 documents twice"),
        (None, "can't be read"),
    ],
    ids=["too few", "one twice", "none"],
)
def test_a_token_file_that_can_not_be_used_is_refused(
    tmp_path: Path, documents: list[list[int]] | None, words: str
) -> None:
    path = tmp_path / "some.tokens"
    if documents is not None:
        write_token_file(path, documents)
    with pytest.raises(ContractError, match=words):
        opened(tmp_path, str(path))
    assert not list((tmp_path / "home").glob("labs/*/lab.json"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"context = 24": ""}, 'vocab = "tokens" needs context'),
        ({"context = 24": "context = 24\nbulk = true"}, 'bulk is for vocab = "characters"'),
        ({'"tokens"\ncontext': '"characters"\ncontext'}, "outside the repository must be a token"),
    ],
)
def test_a_contract_that_mixes_the_two_kinds_is_refused(
    changes: dict[str, str], words: str
) -> None:
    text = CONTRACT.format(data="/x.tokens", held_out=100)
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    with pytest.raises(ContractError, match=words):
        parse_contract(text.encode())


@pytest.mark.slow
def test_init_takes_an_interpreter_in_place_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTORESEARCH_HOME", str(tmp_path))
    assert init("nanolm", python=sys.executable) == 0
    contract = Lab.reopen("nanolm", home=tmp_path).contract
    assert contract.run.python == sys.executable
    assert contract.environment is None
    shipped = parse_contract(contract_for("nanolm", sys.executable).encode())
    assert (contract.run.budget, contract.knobs) == (shipped.run.budget, shipped.knobs)
