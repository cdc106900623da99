"""Files that git does not carry: found, hashed, seen by runs, compared before each of them."""

import os
from pathlib import Path

import pytest

from autoresearch.errors import ContractError, LabError
from autoresearch.lab import Lab
from autoresearch.records import RunState
from autoresearch.sandboxes.selection import CHOICE, NAMES, make_sandbox
from autoresearch.setup import inputs
from autoresearch.setup.inputs import find_inputs, read_states
from tests.support.fakes import final_report
from tests.support.printed import CONTRACT, make_printed, quietly
from tests.support.refusals import raises
from tests.support.repositories import CONTRACT as SEALED
from tests.support.repositories import git, make_repository
from tests.support.same_programs import LARGE_FILE, POINTER, SUBMODULE

HOME = Path("/nowhere/labs")


def wants(*names: str) -> str:
    quoted = ", ".join(f'"{name}"' for name in names)
    return CONTRACT.replace("[run]", f"[inputs]\nread_only = [{quoted}]\n[run]")


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home folder."""
    home = tmp_path / "user"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """With a folder that git carries in part, and one that it does not carry."""
    source = make_printed(tmp_path / "repository", {"data/README": "what it is\n"})
    for name in ("data/train.bin", "data/more/one.bin", "cache/a/b.bin"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(name.encode())
    return source


def found(repository: Path, *names: str) -> dict[str, Path]:
    committed = git(repository, "ls-files").split()
    return {one.place: one.source for one in find_inputs(names, repository, committed, (HOME,))}


def refusal(repository: Path, *names: str) -> str:
    with pytest.raises(ContractError) as error:
        found(repository, *names)
    return error.value.message


def test_inputs_are_found_in_the_repository_at_home_and_anywhere(
    repository: Path, user: Path, tmp_path: Path
) -> None:
    (user / ".cache").mkdir()
    (user / ".cache" / "corpus.bin").touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "linked").symlink_to("elsewhere")
    assert found(repository, "cache/", "~/.cache/corpus.bin", str(tmp_path / "linked")) == {
        "cache": repository / "cache",
        "~/.cache/corpus.bin": user / ".cache" / "corpus.bin",
        str(tmp_path / "linked"): tmp_path / "elsewhere",
    }


def test_of_a_folder_that_git_carries_in_part_the_rest_is_taken(repository: Path) -> None:
    assert list(found(repository, "data/")) == ["data/more", "data/train.bin"]


def test_what_cannot_be_an_input_is_refused_by_name_with_what_to_do(
    repository: Path, user: Path
) -> None:
    said = refusal(repository, "weights.bin", "../outside", "work.py", "~/none")
    lines = said.splitlines()
    names = ("'weights.bin'", "'../outside'", "'work.py'", "'~/none'")
    assert [name for name, line in zip(names, lines, strict=True) if name in line] == [*names]
    assert f"{user}/none" in lines[3]
    for name, reason in zip(
        ("weights.bin", "../outside", "work.py", "~/none"),
        ("input_absent", "input_path", "input_committed", "input_absent"),
        strict=True,
    ):
        with raises(f"contract.{reason}", name):
            found(repository, name)


@pytest.mark.parametrize("place", [".ssh/key", ".aws", ".cache/huggingface/token"])
def test_what_is_private_is_refused_itself_and_with_what_holds_it(
    repository: Path, user: Path, place: str
) -> None:
    (user / place).parent.mkdir(parents=True, exist_ok=True)
    (user / place).write_text("secret")
    for name in (f"~/{place}", f"~/{Path(place).parts[0]}", str(user)):
        with raises("contract.input_private"):
            found(repository, name)


def test_the_lab_the_product_and_any_git_folder_are_refused(
    repository: Path, tmp_path: Path
) -> None:
    (tmp_path / "labs" / "one").mkdir(parents=True)
    (repository / "vendor").mkdir()
    git(repository / "vendor", "init", "-q")
    product = Path(inputs.__file__).parent
    for path in (tmp_path / "labs" / "one", tmp_path, repository, product, "vendor", ".git"):
        with raises("contract.input_private"):
            find_inputs([str(path)], repository, (), (tmp_path / "labs",))


def test_a_file_is_read_again_only_where_it_looks_different(repository: Path) -> None:
    folder = repository / "cache"
    known = read_states(folder, {})
    forged = {name: (*state[:3], "as it was") for name, state in known.items()}
    assert read_states(folder, forged) == forged
    os.utime(folder / "a" / "b.bin", (1, 1))
    again = read_states(folder, forged)
    assert again["a/b.bin"][3] == known["a/b.bin"][3]


SEES = """
import os
for path in PATHS:
    path = os.path.expanduser(path)
    text = open(path).read()
    print(text.rstrip())
    if not path.endswith("README"):
        try:
            open(path, "a").write("changed")
            print("wrote", path)
        except OSError:
            pass
print("METRIC score=1")
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_run_reads_its_inputs_where_its_code_expects_them(
    repository: Path, user: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    try:
        make_sandbox(name)
    except LabError as error:
        pytest.skip(f"{name} does not work here: {error}")
    monkeypatch.setenv(CHOICE, name)
    (user / "deep" / "down").mkdir(parents=True)
    (user / "deep" / "down" / "b").write_text("from home")
    (tmp_path / "full").write_text("from anywhere")
    paths = ["data/train.bin", "~/deep/down/b", str(tmp_path / "full"), "data/README"]
    (repository / "work.py").write_text(f"PATHS = {paths}\n{SEES}")
    (repository / "autoresearch.toml").write_text(
        wants("data/train.bin", "~/deep", str(tmp_path / "full"))
    )
    git(repository, "-c", "user.name=U", "-c", "user.email=u@e", "commit", "-qam", "reads")
    lab = quietly(Lab.open(str(repository), home=tmp_path / "home"))
    run = lab.start_run("e0").id
    report = final_report(lab.runs.directory(run))
    log = lab.runs.directory(run).log_file.read_text()
    assert (report.state, report.sandbox) == (RunState.FINISHED, name), f"{report.reason}\n{log}"
    expected = ["data/train.bin", "from home", "from anywhere", "what it is"]
    assert [line for line in log.splitlines() if line in expected] == expected
    if name != "unsandboxed":
        assert "wrote" not in log
        assert (tmp_path / "full").read_text() == "from anywhere"
    else:
        assert "The input data/train.bin has changed" in lab.runs.changed_files()[0]


@pytest.mark.slow
def test_inputs_are_hashed_at_opening_and_a_change_refuses_the_next_run(
    repository: Path, tmp_path: Path
) -> None:
    lab = Lab.open(str(repository), home=tmp_path / "home", contract=wants("data", "cache"))
    opened = lab.history().opened
    assert opened is not None
    assert [place for place, _ in opened.inputs] == ["data/more", "data/train.bin", "cache"]
    assert lab.runs.changed_files() == ()
    os.utime(repository / "cache" / "a" / "b.bin", (1, 1))
    assert lab.runs.changed_files() == ()
    (repository / "cache" / "a" / "b.bin").write_bytes(b"other bytes")
    (repository / "data" / "more" / "new.bin").touch()
    said = (
        "The input data/more has changed since the lab was opened: new.bin is new.",
        "The input cache has changed since the lab was opened: a/b.bin differs.",
    )
    assert lab.runs.changed_files() == said
    with raises("invalid_state.data_changed", "new.bin"):
        lab.start_run("e0")
    (repository / "cache" / "a" / "b.bin").unlink()
    assert "a/b.bin is gone" in lab.runs.changed_files()[1]
    (repository / "cache" / "a" / "b.bin").write_bytes(b"cache/a/b.bin")
    (repository / "data" / "more" / "new.bin").unlink()
    assert lab.runs.changed_files() == ()
    (tmp_path / "home" / "labs" / "printed" / inputs.STATES).unlink()
    assert lab.runs.changed_files() == ()
    assert lab.verify().ok, lab.verify().findings


def test_a_lab_whose_input_is_missing_is_not_opened(repository: Path, tmp_path: Path) -> None:
    with raises("contract.input_absent", "inputs.read_only: 'none.bin'"):
        Lab.open(str(repository), home=tmp_path / "home", contract=wants("none.bin"))
    assert not list((tmp_path / "home" / "labs").glob("printed*"))


@pytest.mark.slow
def test_held_out_data_are_no_input_by_any_path(tmp_path: Path) -> None:
    source = make_repository(tmp_path / "repository")
    for path in (source / "names.txt", source):
        contract = SEALED.replace("[run]", f'[inputs]\nread_only = ["{path}"]\n[run]')
        with raises("contract.input_private", "names.txt"):
            Lab.open(str(source), home=tmp_path / "home", contract=contract)


@pytest.mark.slow
def test_the_content_of_git_lfs_takes_the_place_of_its_pointer_in_a_run(tmp_path: Path) -> None:
    source = LARGE_FILE.make(tmp_path)
    contract = wants("data").replace("work.py", "train.py")
    lab = quietly(Lab.open(str(source), home=tmp_path / "home", contract=contract))
    opened = lab.history().opened
    assert opened is not None
    assert [place for place, _ in opened.inputs] == ["data/sizes.csv"]
    run = lab.start_run("e0").id
    final_report(lab.runs.directory(run))
    assert "val loss 0.06" in lab.runs.directory(run).log_file.read_text()
    assert not [said for said in lab.overview().notices if "sizes.csv" in said]


@pytest.mark.slow
def test_content_that_runs_lack_is_named_when_a_lab_is_opened_and_is_never_called_uncommitted(
    tmp_path: Path,
) -> None:
    source = LARGE_FILE.make(tmp_path)
    contract = wants().replace("work.py", "train.py")
    notices = Lab.open(str(source), home=tmp_path / "home", contract=contract).overview().notices
    [said] = [said for said in notices if "data/sizes.csv" in said]
    assert "LFS" in said
    assert "ncommitted" not in said


def test_a_pointer_in_the_users_folder_is_no_input(repository: Path) -> None:
    (repository / "cache" / "a" / "b.bin").write_text(POINTER)
    with raises("contract.input_is_pointer", "git lfs pull"):
        found(repository, "cache/a/b.bin")


def test_of_a_submodule_all_is_taken_but_its_git_file(tmp_path: Path) -> None:
    source = SUBMODULE.make(tmp_path)
    places = {one.place for one in find_inputs(["lib"], source, ("train.py",), (HOME,))}
    assert places == {"lib/deep", "lib/table.py"}


@pytest.mark.slow
def test_bytecode_that_comes_and_goes_in_an_input_is_no_change(
    repository: Path, tmp_path: Path
) -> None:
    lab = Lab.open(str(repository), home=tmp_path / "home", contract=wants("cache"))
    (repository / "cache" / "__pycache__").mkdir()
    (repository / "cache" / "__pycache__" / "b.cpython-311.pyc").touch()
    assert lab.runs.changed_files() == ()
    (repository / "cache" / "b.py").touch()
    assert "b.py is new" in lab.runs.changed_files()[0]
