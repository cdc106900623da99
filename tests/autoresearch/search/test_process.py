"""A search as a child process, as a campaign starts it."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from autoresearch.lab import Lab
from autoresearch.roles import run_role
from tests.support.fakes import wait_for

ROLE = [sys.executable, "-m", "autoresearch_mcp", "_role", "search"]


def write(folder: Path, **content: object) -> Path:
    folder.mkdir()
    (folder / "settings.json").write_text(json.dumps(content))
    return folder / "settings.json"


def result(settings: Path) -> dict[str, object]:
    found = json.loads((settings.parent / "result.json").read_text())
    assert isinstance(found, dict)
    return found


@pytest.mark.long
@pytest.mark.real_runs
def test_a_search_by_its_settings_file_ends_at_its_bound_and_under_a_workers_name(
    measured_home: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(measured_home, home)
    asked = {"method": "random", "experiments": 1, "worker": "c1/w2", "seed": 3}
    settings = write(tmp_path / "w2", home=str(home), lab="tiny", search=asked)
    assert subprocess.run([*ROLE, settings], check=False).returncode == 0
    assert result(settings)["why"] == "experiments"
    history = Lab.reopen("tiny", home=home).history()
    assert history.experiments["e1"].proposer.worker == "c1/w2"
    assert "e1" in history.verdicts
    lines = (settings.parent / "progress.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["experiment"] == "e1"


@pytest.mark.long
@pytest.mark.real_runs
def test_told_to_end_it_ends_at_its_next_step_and_says_what_is_open(
    measured_home: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(measured_home, home)
    settings = write(tmp_path / "w1", home=str(home), lab="tiny", search={"method": "random"})
    lab = Lab.reopen("tiny", home=home)
    with subprocess.Popen([*ROLE, settings], env=dict(os.environ)) as child:
        wait_for(lambda: len(lab.history().experiments) > 1)
        child.send_signal(signal.SIGTERM)
        assert child.wait(60) == 0
    found = result(settings)
    assert found["why"] == "told_to"
    history = lab.history()
    left = [e.id for e in history.experiments.values() if e.base and e.id not in history.verdicts]
    assert found["still_open"] == left


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"home": "/nowhere", "lab": "tiny"}, "not_found.lab"),
        ({"lab": "tiny"}, "lab_error.settings"),
        ({"home": "/nowhere", "lab": "tiny", "search": {"method": "luck"}}, "lab_error.settings"),
    ],
)
def test_what_can_not_be_run_is_said_in_its_result(
    tmp_path: Path, content: dict[str, object], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # this process keeps its own
    settings = write(tmp_path / "w", **content)
    assert run_role("search", [str(settings)]) == 1
    assert result(settings)["code"] == code
