"""Environments of targets: built by a real uv from a wheel made here, without any index."""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoresearch.contract import parse_contract
from autoresearch.lab import Lab
from autoresearch.setup.background_build import require_built
from autoresearch.setup.environment import Recipe, build, find_uv, python_of, recipe_for
from tests.autoresearch.test_contract import WHOLE
from tests.support.fakes import wait_for
from tests.support.printed import quietly
from tests.support.refusals import raises
from tests.support.repositories import git, make_repository


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package `answer` that nobody else has."""
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_LINK_MODE", "copy")
    path = tmp_path / "wheels" / "answer-1.0-py3-none-any.whl"
    path.parent.mkdir()
    info = "answer-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("answer.py", "VALUE = 42\n")
        file.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: answer\nVersion: 1.0\n")
        file.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{info}/RECORD", "")
    yield path


def asked(python: Path) -> str:
    done = subprocess.run(
        [python, "-I", "-c", "import answer; print(answer.VALUE)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.slow
def test_an_environment_is_built_once_for_each_recipe(tmp_path: Path, wheel: Path) -> None:
    recipe = Recipe(python="3.11", packages=(f"answer @ {wheel.as_uri()}",))
    said: list[str] = []
    python = build(tmp_path / "home", recipe, said.append)
    assert asked(python) == "42"
    assert any("answer" in line for line in said)
    again: list[str] = []
    assert build(tmp_path / "home", recipe, again.append) == python
    assert again == []
    assert [
        path.name for path in (tmp_path / "home" / "environments").iterdir() if path.is_dir()
    ] == [recipe.key]


@pytest.mark.slow
def test_a_failure_leaves_nothing_and_quotes_uv(tmp_path: Path, wheel: Path) -> None:
    recipe = Recipe(python="3.11", packages=("nosuch-package-at-all",))
    with raises("invalid_state.environment_failed", "nosuch-package-at-all") as raised:
        build(tmp_path / "home", recipe)
    assert "init --python PATH" in raised.value.remedy
    left = (tmp_path / "home" / "environments").iterdir()
    assert [path.name for path in left if path.is_dir()] == []


@pytest.mark.slow
def test_a_lock_file_is_installed_as_it_is_and_the_project_itself_is_not(
    tmp_path: Path, wheel: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[project]\nname = "mine"\nversion = "0"\nrequires-python = ">=3.11"\n'
        f'dependencies = ["answer"]\n[tool.uv]\nno-index = true\nfind-links = ["{wheel.parent}"]\n'
        '[build-system]\nrequires = ["nosuch"]\nbuild-backend = "nosuch"\n'
    )
    uv = find_uv()
    subprocess.run([uv, "lock", "-q"], cwd=project, check=True)
    text = WHOLE + '\n[environment]\nlock = "uv.lock"\n'
    recipe = recipe_for(
        parse_contract(text.encode()),
        lambda name: (project / name).read_text() if (project / name).exists() else "",
    )
    assert recipe is not None
    assert asked(build(tmp_path / "home", recipe)) == "42"


@pytest.mark.slow
def test_who_must_not_wait_is_told_how_far_it_is_until_it_is_there(
    tmp_path: Path, wheel: Path
) -> None:
    home = tmp_path / "home"
    recipe = Recipe(python="3.11", packages=(f"answer @ {wheel.as_uri()}",))
    with raises("invalid_state.environment_being_built") as raised:
        require_built(home, recipe, sys.executable)
    assert "open_lab again" in raised.value.remedy
    assert wait_for(python_of(home, recipe).exists, within_s=300)
    require_built(home, recipe, sys.executable)

    hopeless = Recipe(python="3.11", packages=("nosuch-package-at-all",))
    with raises("invalid_state.environment_being_built"):
        require_built(home, hopeless, sys.executable)
    assert wait_for((home / "environments" / f"{hopeless.key}.failed").exists, within_s=300)
    with raises("invalid_state.environment_failed", "nosuch-package-at-all"):
        require_built(home, hopeless, sys.executable)


def test_a_lock_file_needs_its_project() -> None:
    text = WHOLE + '\n[environment]\nlock = "uv.lock"\n'
    with raises("contract.lock_without_pyproject", "pyproject.toml"):
        recipe_for(parse_contract(text.encode()), lambda _: "")


def test_recipes_differ_by_what_is_in_them() -> None:
    one = Recipe(python="3.11", packages=("a", "b"))
    assert one.key == Recipe(python="3.11", packages=("b", "a")).key
    others = {
        Recipe(python="3.12", packages=("a", "b")).key,
        Recipe(python="3.11", packages=("a",)).key,
        Recipe(python="3.11", files=(("uv.lock", "x"),)).key,
        Recipe(python="3.11", files=(("uv.lock", "y"),)).key,
    }
    assert len(others | {one.key}) == 5


def test_without_uv_the_way_to_get_it_is_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with raises("invalid_state.no_uv", "pip install uv"):
        find_uv({"PATH": str(tmp_path)})


@pytest.mark.slow
def test_a_target_runs_in_the_environment_that_its_contract_asks_for(
    tmp_path: Path, wheel: Path
) -> None:
    repository = make_repository(tmp_path / "repository")
    text = (
        (repository / "autoresearch.toml").read_text().partition("[metric]")[0]
        + '[metric]\nname = "value"\ndirection = "max"\nscoring = "stdout"\n'
        + f'[environment]\npackages = ["answer @ {wheel.as_uri()}"]\n'
    ).replace("budget = { tokens = 1500, cpu_s = 10 }", "budget = { wall_s = 10 }")
    (repository / "train.py").write_text("import answer\nprint(f'METRIC value={answer.VALUE}')\n")
    git(repository, "-c", "user.name=U", "-c", "user.email=u@example.org", "commit", "-qam", "x")
    lab = quietly(Lab.open(str(repository), home=tmp_path / "home", contract=text))
    run = lab.start_run("e0").id
    wait_for(lambda: lab.view_run(run).state.final, within_s=300)
    assert lab.view_run(run).value == 42.0

    shutil.rmtree(tmp_path / "home" / "environments")
    with raises("invalid_state.python_gone"):
        lab.start_run("e0")
