import sys
from pathlib import Path

import pytest

from autoresearch.sandboxes import interpreter_folders
from tests.support.paths import ROOT
from tests.support.refusals import raises

PRODUCT = ROOT


def test_another_interpreter_is_asked_where_its_libraries_are(tmp_path: Path) -> None:
    link = tmp_path / "python"
    link.symlink_to(sys.executable)
    asked = interpreter_folders.of_interpreter(str(link))
    assert Path(sys.base_prefix) in asked
    with pytest.raises(OSError, match="does not start"):
        interpreter_folders.of_interpreter("/bin/false")


def test_an_interpreter_is_asked_with_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "abc")
    spy = tmp_path / "python"
    spy.write_text(f"#!/bin/sh\n{{ env; pwd; }} >{tmp_path}/seen\necho '[[], []]'\n")
    spy.chmod(0o755)
    assert interpreter_folders.of_product(str(spy)) == (PRODUCT,)
    seen = (tmp_path / "seen").read_text().splitlines()
    assert not [line for line in seen if "SECRET_TOKEN" in line]
    assert seen[-1] == "/"


@pytest.fixture
def checkout(tmp_path: Path) -> tuple[Path, Path]:
    """A user's checkout with tools/python tracked and a .venv that is not, and a run's tree."""
    source, tree = tmp_path / "source", tmp_path / "run" / "tree"
    for folder in (source / ".git", source / ".venv" / "bin", source / "tools", tree / "tools"):
        folder.mkdir(parents=True)
    for python in (source / "tools", tree / "tools", source / ".venv" / "bin"):
        (python / "python").symlink_to(sys.executable)
    return source, tree


def test_an_interpreter_that_came_with_the_repository_is_not_started(
    checkout: tuple[Path, Path], tmp_path: Path
) -> None:
    source, tree = checkout
    (tmp_path / "link").symlink_to(source)
    for python, reason in (
        ("python3", "not_full_path"),
        ("tools/python", "not_full_path"),
        ("/proc/self/exe", "changes"),
        (f"/proc/self/root{source}/.venv/bin/python", "changes"),
        (f"{tree}/tools/python", "of_run"),
        (f"{source}/tools/python", "of_repository"),
        (f"{tmp_path}/link/tools/python", "of_repository"),
        (f"{source}/.venv/../tools/python", "of_repository"),
    ):
        with raises(f"contract.python_{reason}"):
            interpreter_folders.check_interpreter(python, tree)
    planted = tree / ".venv" / "pyvenv.cfg"
    planted.parent.mkdir()
    planted.touch()
    with raises("contract.python_of_repository", "pyvenv.cfg"):
        interpreter_folders.check_interpreter(f"{source}/.venv/bin/python", tree)


def test_the_systems_interpreter_and_a_virtual_environment_of_the_users_are_started(
    checkout: tuple[Path, Path],
) -> None:
    source, tree = checkout
    (tree / "python").touch()
    for python in ("/usr/bin/python", f"{source}/.venv/bin/python", sys.executable):
        interpreter_folders.check_interpreter(python, tree)
