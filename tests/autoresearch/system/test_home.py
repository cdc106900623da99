"""The interpreter that outlives the command which started it."""

import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from autoresearch.system.home import default_home, lasting_python


@pytest.fixture
def cached_environment(tmp_path: Path) -> Path:
    """An environment where uvx would have put it, with one package in it."""
    prefix = tmp_path / "uv" / "archive-v0" / "abc"
    venv.EnvBuilder(symlinks=True).create(prefix)
    [packages] = prefix.glob("lib/python*/site-packages")
    (packages / "carried.py").write_text("word = 'still here'\n")
    return prefix


def test_an_interpreter_outside_uvs_cache_is_used_as_it_is(tmp_path: Path) -> None:
    assert lasting_python(tmp_path) == sys.executable
    assert not list(tmp_path.iterdir())


def test_pruning_uvs_cache_takes_nothing_from_an_interpreter_that_was_copied(
    tmp_path: Path, cached_environment: Path
) -> None:
    python = lasting_python(tmp_path / "home", cached_environment)
    shutil.rmtree(tmp_path / "uv")
    said = subprocess.run(
        [python, "-c", "import carried, sys; print(carried.word, sys.prefix)"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert said.stdout.startswith("still here")
    assert str(tmp_path / "home") in said.stdout


def test_the_copy_is_made_once(tmp_path: Path, cached_environment: Path) -> None:
    python = Path(lasting_python(tmp_path / "home", cached_environment))
    made = python.lstat().st_mtime_ns
    assert lasting_python(tmp_path / "home", cached_environment) == str(python)
    assert python.lstat().st_mtime_ns == made


def test_home_is_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AUTORESEARCH_HOME", str(tmp_path))
    assert default_home() == tmp_path
    monkeypatch.delenv("AUTORESEARCH_HOME")
    assert default_home().name == "autoresearch-mcp"
