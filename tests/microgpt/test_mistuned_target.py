"""microgpt-mistuned: the shipped target with other settings, and the truth about them elsewhere."""

import ast
import io
import json
import shutil
from typing import Any

import numpy as np
import pytest

from autoresearch.contract import parse_contract
from autoresearch.lab import Lab
from autoresearch.search.knobs import find_space
from autoresearch.targets import shipped_files
from tests.support.paths import ROOT
from tests.support.repositories import to_verdict

TARGET = ROOT / "autoresearch" / "targets" / "microgpt-mistuned"
TRUTH = json.loads((ROOT / "tests" / "data" / "mistuned.json").read_text())
EFFECTS = json.loads((ROOT / "tests" / "data" / "mistuned_effects.json").read_text())


def shipped_space():
    contract = parse_contract((TARGET / "autoresearch.toml").read_bytes())
    return {
        knob.name: knob
        for knob in find_space({"train.py": (TARGET / "train.py").read_text()}, contract.knobs)
    }


def test_its_frozen_files_are_microgpts_own():
    mine, others = shipped_files("microgpt-mistuned"), shipped_files("microgpt")
    assert mine.keys() == others.keys()
    same = {path for path in mine if mine[path] == others[path]}
    assert same == {"tensor.py", "data/surnames.txt"}


def test_every_declared_knob_is_one():
    contract = parse_contract((TARGET / "autoresearch.toml").read_bytes())
    assert shipped_space().keys() == contract.knobs.keys()
    for knob in shipped_space().values():
        table = contract.knobs[knob.name]
        assert knob.value in table.choices or table.low <= knob.value <= table.high


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["flaws", "decoys"])
def test_each_flaw_and_decoy_can_be_mended_by_one_knob_and_is_not_yet(kind):
    space = shipped_space()
    for name, one in TRUTH[kind].items():
        knob = space[one["knob"]]
        assert one["low"] <= one["mended"] <= one["high"], name
        assert knob.low <= one["mended"] <= knob.high, name
        assert not one["low"] <= knob.value <= one["high"], name


def test_there_are_four_flaws_and_two_decoys():
    assert (len(TRUTH["flaws"]), len(TRUTH["decoys"])) == (4, 2)


def test_each_flaw_was_measured_to_be_one_and_each_decoy_to_be_none():
    for name, one in EFFECTS["effects"].items():
        if one["kind"] == "decoys":
            assert abs(one["sigmas"]) <= 0.5, name
        else:
            assert one["sigmas"] >= 2.0, name
            assert one["low"] > 0, name


def test_no_step_is_made_on_the_few_names_that_fill_no_batch():
    """At the end of a schedule that never decays, such a step ruined one run in eight."""
    tree = ast.parse((TARGET / "train.py").read_text())
    wanted = [n for n in tree.body if getattr(n, "name", "") in ("documents", "batches", "pad")]
    code: dict[str, Any] = {"np": np, "CONTEXT": 8, "BATCH": 4}
    exec(compile(ast.Module(wanted, []), "train.py", "exec"), code)
    stream = io.BytesIO(np.array([26, *([1, 2, 26] * 11)], "<u2").tobytes())
    assert [len(tokens) for tokens, _, _ in code["batches"](stream, 26)] == [4, 4]


def test_nothing_that_a_lab_shows_tells_which_they_are():
    shown = " ".join(
        path.read_text() for path in shipped_files("microgpt-mistuned").values()
    ).lower()
    names = [*TRUTH["flaws"], *TRUTH["decoys"]]
    for word in ("flaw", "decoy", "planted", "mistuned.json", "mistuned_effects", *names):
        assert word.lower() not in shown.replace("microgpt-mistuned", "")


@pytest.mark.long
@pytest.mark.real_runs
def test_its_baseline_can_be_measured(tmp_path):
    lab = Lab.open("microgpt-mistuned", home=tmp_path)
    found = to_verdict(lab, "e0")
    assert found.controls.count == 6
    assert found.incumbent.mean == pytest.approx(EFFECTS["as_shipped"], abs=0.15)
    shutil.rmtree(tmp_path)
