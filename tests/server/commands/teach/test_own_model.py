"""From a rebuilt file and a list of names to a lab of one's own, by the command that does it."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from autoresearch.contract import parse_contract
from autoresearch.lab import Lab
from autoresearch.patches.patch import Edit
from autoresearch.sandboxes.selection import current_sandbox
from tests.support.paths import ROOT
from tests.support.repositories import TESTER, git, to_verdict

GPT = (ROOT / "microgpt" / "gpt.py").read_text()
REBUILT = (
    GPT.replace("WIDTH = 16 ", "WIDTH = 4 ", 1)
    .replace("HEADS = 4 ", "HEADS = 2 ", 1)
    .replace("CONTEXT = 16 ", "CONTEXT = 6 ", 1)
)


def write_names(path: Path, count: int = 1000) -> Path:
    """So many different made-up names."""
    rng, found = random.Random(4), set()
    while len(found) < count:
        found.add(
            "".join(rng.choice(("ba", "de", "ki", "lo", "mu")) for _ in range(5))[: 4 + count % 7]
        )
        found.add("".join(rng.choice("abdeiklomu") for _ in range(4)))
    path.write_text("\n".join(sorted(found)[:count]) + "\n")
    return path


def own(tmp_path: Path, source: str, *, names: int = 1000, folder: str = "mine"):
    """Run `teach own` as a learner does."""
    (tmp_path / "rebuilt.py").write_text(source)
    command = ("-m", "autoresearch_mcp", "teach", "own", "rebuilt.py", "--seconds", "2")
    given = ("--names", str(write_names(tmp_path / "names.txt", names)), "--folder", folder)
    return subprocess.run(
        [sys.executable, *command, *given],
        cwd=tmp_path,
        env={**os.environ, "AUTORESEARCH_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.long
def test_a_rebuilt_model_becomes_a_lab_with_a_baseline_and_a_judged_experiment(tmp_path) -> None:
    made = own(tmp_path, REBUILT)
    assert made.returncode == 0, made.stderr
    folder = tmp_path / "mine"
    assert f"(sandbox: {current_sandbox().name})" in made.stdout
    assert made.stdout.count("step ") == 10
    assert made.stdout.count("it invents: ") == 10
    assert f"autoresearch-mcp init {folder}" in made.stdout
    assert (folder / "gpt.py").read_text() == REBUILT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "names.txt", "rebuilt.py"]
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=U", "-c", "user.email=u@example.org", "commit", "-qm", "mine")

    lab = Lab.open(str(folder), home=tmp_path / "home")
    baseline = to_verdict(lab, "e0", within_s=500)
    assert baseline.incumbent.runs == 6
    assert 1 < baseline.incumbent.mean < 4.5
    still = [Edit(path="gpt.py", find="LEARNING_RATE = 0.01 ", replace="LEARNING_RATE = 0.0 ")]
    proposed = lab.propose("learn nothing at all", edits=still, proposer=TESTER)
    judged = to_verdict(lab, proposed.experiment.id, within_s=500)
    assert judged.verdict.outcome == "discard"
    assert judged.verdict.effect < 0
    assert lab.verify().ok


@pytest.mark.long
def test_a_file_whose_gradients_are_wrong_is_refused_and_leaves_nothing(tmp_path) -> None:
    wrong = REBUILT.replace("parent.grad += slope", "parent.grad = slope")
    refused = own(tmp_path, wrong)
    assert refused.returncode == 1
    assert "- value: " in refused.stderr
    assert "- slopes: " in refused.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["names.txt", "rebuilt.py"]


@pytest.mark.long
def test_a_model_that_stops_while_it_learns_is_refused_and_leaves_nothing(tmp_path) -> None:
    stops = REBUILT.replace(
        "        yield loss.data", "        yield loss.data if step < 9 else 1 / 0"
    )
    refused = own(tmp_path, stops)
    assert refused.returncode == 1
    assert "ZeroDivisionError" in refused.stderr
    assert "Traceback (most" not in refused.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["names.txt", "rebuilt.py"]


@pytest.mark.slow
def test_a_folder_that_is_there_is_left_as_it_is(tmp_path) -> None:
    (tmp_path / "mine").mkdir()
    refused = own(tmp_path, REBUILT)
    assert refused.returncode == 1
    assert str(tmp_path / "mine") in refused.stderr
    assert not list((tmp_path / "mine").iterdir())


@pytest.mark.slow
def test_the_contract_fits_what_the_model_costs(tmp_path) -> None:
    assert own(tmp_path, REBUILT, folder="My Gpt_2").returncode == 0
    contract = parse_contract((tmp_path / "My Gpt_2" / "autoresearch.toml").read_bytes())
    assert contract.target.name == "my-gpt-2"
    assert contract.run.budget.tokens >= 400
    assert contract.knobs["WIDTH"].low == 4
