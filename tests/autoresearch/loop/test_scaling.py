"""Power laws with true parameters known, constants set to sizes, and runs at several sizes."""

import random
import re
import sys
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest

from autoresearch.errors import LabError, NotFoundError
from autoresearch.lab import Lab
from autoresearch.loop.scaling import CEILINGS, MOST_REPEATS, RUNS, ScalingView
from autoresearch.patches.constants import find_constant, set_constant
from autoresearch.records import RunState
from autoresearch.run_directory import RunDir
from autoresearch.statistics.scaling_laws import REACH, Point, Scaling, fit_scaling
from server.reports.scaling_report import chart_of, scaling_shown
from server.views.next_steps import after_scaling
from server.views.scaling_chart import draw_scaling
from server.views.scaling_text import sentence
from tests.support.instant import judge, with_executor
from tests.support.refusals import raises
from tests.support.repositories import git, make_repository, propose
from tests.support.sized import SCALED, Sized

Law = tuple[float, float, float]  # floor, scale at x = 1, exponent
SIZES = (8.0, 16.0, 32.0, 64.0)
TRUE: Law = (3.0, 0.9, 0.5)
BETTER: Law = (2.98, 0.9, 0.5)  # by 0.02 at every compute


def y(law: Law, x: float) -> float:
    return law[0] + law[1] * x ** -law[2]


def runs(draw: random.Random, law: Law, seeds: int = RUNS, spread: float = 0.005) -> list[Point]:
    return [
        Point(size, 3 * size / 8, y(law, 3 * size / 8) + draw.gauss(0, spread))
        for size in SIZES
        for _ in range(seeds)
    ]


def fitted(seed: int, base: Law = TRUE, candidate: Law = BETTER, **how: float) -> Scaling:
    pytest.importorskip("scipy", reason="needs autoresearch-mcp[scaling]")
    draw = random.Random(seed)
    sides = (runs(draw, base, **how), runs(draw, candidate, **how))  # type: ignore[arg-type]
    return fit_scaling(*sides, lower_is_better=True)


@pytest.mark.slow
def test_without_noise_the_law_is_found_as_it_is() -> None:
    found = fitted(1, spread=1e-7)
    assert found.baseline.floor.value == pytest.approx(3.0, abs=2e-3)
    assert found.baseline.exponent.value == pytest.approx(0.5, abs=5e-3)
    assert found.gain.value == pytest.approx(0.02, abs=1e-6)
    assert found.reach.compute == REACH * 24.0
    assert found.reach.gain.value == pytest.approx(0.02, abs=1e-4)
    assert found.answer == "it holds"
    assert found.costs == pytest.approx(1.0)


@pytest.mark.long
@pytest.mark.parametrize(
    "candidate",
    [
        BETTER,
        (3.0, 0.9, 0.7),
        (3.0, 0.8, 0.5),
    ],
)
def test_the_intervals_hold_the_truth_in_95_of_100_sets(candidate: Law) -> None:
    far = REACH * 24.0
    true = y(TRUE, far) - y(candidate, far)
    here = fmean(y(TRUE, 3 * s / 8) - y(candidate, 3 * s / 8) for s in SIZES)
    sets = [fitted(seed, candidate=candidate) for seed in range(200)]
    for share in (
        sum(one.reach.gain.low <= true <= one.reach.gain.high for one in sets) / 200,
        sum(one.gain.low <= here <= one.gain.high for one in sets) / 200,
        sum(one.baseline.exponent.low <= 0.5 <= one.baseline.exponent.high for one in sets) / 200,
    ):
        assert 0.90 <= share <= 0.995  # three standard errors about .95


@pytest.mark.slow
@pytest.mark.real_runs
def test_a_gain_that_wears_off_and_one_that_noise_hides_are_not_said_to_hold() -> None:
    assert fitted(1, candidate=(3.05, 0.7, 0.5), spread=1e-4).answer == "it turns into a loss"
    assert fitted(1, spread=0.05).answer == "it is not known whether it holds"
    assert fitted(1, candidate=(3.2, 0.9, 0.5)).answer == "it stays a loss"


@pytest.mark.slow
def test_runs_that_follow_no_power_law_are_said_to_follow_none() -> None:
    pytest.importorskip("scipy", reason="needs autoresearch-mcp[scaling]")
    draw = random.Random(1)
    base, other = runs(draw, TRUE), runs(draw, BETTER)
    worse = [replace(one, value=one.value + 0.1 * (one.size == 64)) for one in other]
    assert fit_scaling(base, other, lower_is_better=True).candidate.fits
    found = fit_scaling(base, worse, lower_is_better=True)
    assert (found.baseline.fits, found.candidate.fits) == (True, False)


@pytest.mark.slow
def test_where_a_larger_metric_is_better_the_signs_turn() -> None:
    pytest.importorskip("scipy", reason="needs autoresearch-mcp[scaling]")
    draw = random.Random(1)
    sides = [[replace(one, value=-one.value) for one in runs(draw, law)] for law in (TRUE, BETTER)]
    found = fit_scaling(*sides, lower_is_better=False)
    assert found.gain.value == pytest.approx(0.02, abs=0.01)
    assert found.gain.low < found.gain.value < found.gain.high


@pytest.mark.slow
def test_a_dearer_candidate_is_compared_at_equal_compute_beyond_the_sizes() -> None:
    pytest.importorskip("scipy", reason="needs autoresearch-mcp[scaling]")
    draw = random.Random(1)
    base = runs(draw, TRUE, spread=1e-5)
    dear = [
        replace(one, compute=2 * one.compute) for one in base
    ]  # the same values, twice the cost
    found = fit_scaling(base, dear, lower_is_better=True)
    assert found.costs == pytest.approx(2.0)
    assert found.gain.value == 0.0
    assert found.reach.gain.high < 0


@pytest.mark.slow
def test_too_few_sizes_or_seeds_are_refused_with_what_is_missing() -> None:
    pytest.importorskip("scipy", reason="needs autoresearch-mcp[scaling]")
    draw = random.Random(1)
    base, other = runs(draw, TRUE), runs(draw, BETTER)
    with pytest.raises(LabError, match="2 sizes were measured for both; a power law needs 3"):
        fit_scaling([p for p in base if p.size < 32], other, lower_is_better=True)
    with pytest.raises(LabError, match="One run per size says nothing about the noise"):
        fit_scaling(runs(draw, TRUE, seeds=1), runs(draw, BETTER, seeds=1), lower_is_better=True)


@pytest.mark.slow
@pytest.mark.real_runs
def test_without_scipy_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch, scaled: Lab
) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(LabError, match=r"needs scipy.*autoresearch-mcp\[scaling\]"):
        scaled.scale("e1")
    assert not (scaled.folder / "scaling").exists()  # nothing was run for nothing


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("WIDTH = 16  # wide\nX = WIDTH\n", "WIDTH = 32  # wide\nX = WIDTH\n"),
        ("é = 'ü'; WIDTH = 4 * (\n 4)  # ö\n", "é = 'ü'; WIDTH = 32  # ö\n"),
        ("WIDTH: int = 16\n", "WIDTH: int = 32\n"),
        ("def f():\n    WIDTH = 1\nWIDTH = 2\n", "def f():\n    WIDTH = 1\nWIDTH = 32\n"),
    ],
)
def test_only_the_constants_own_characters_change(text: str, expected: str) -> None:
    assert set_constant(text, "WIDTH", 32.0) == expected


@pytest.mark.parametrize(
    "text",
    ["", "x = = 1", "W = 1\n", "WIDTH = 1\nWIDTH = 2\n", "WIDTH, X = 1, 2\n", "WIDTH: int\n"],
)
def test_what_is_no_plain_constant_is_not_set(text: str) -> None:
    assert find_constant(text, "WIDTH") is None
    with pytest.raises(LookupError):
        set_constant(text, "WIDTH", 2.0)


def test_a_size_that_is_no_whole_number_is_written_as_it_is() -> None:
    assert set_constant("RATE = 1\n", "RATE", 0.125) == "RATE = 0.125\n"


@pytest.fixture
def scaled(tmp_path: Path) -> Lab:
    folder = make_repository(tmp_path / "mine")
    (folder / "autoresearch.toml").write_text(SCALED)
    git(folder, "-c", "user.name=U", "-c", "user.email=u@e.org", "commit", "-qam", "scales")
    lab = with_executor(Lab.open(str(folder), home=tmp_path / "scaled"), Sized())
    propose(lab, ("SMOOTHING = 30.0", "SMOOTHING = 20.0"))
    return lab


def to_end(lab: Lab, experiment: str = "e1", base: str = "") -> ScalingView:
    pytest.importorskip("scipy", reason="needs autoresearch-mcp[scaling]")
    for _ in range(30):
        view = lab.scale(experiment, base)
        if not view.missing:
            return view
    raise AssertionError("runs are still missing")


@pytest.mark.slow
@pytest.mark.real_runs
def test_runs_at_each_size_are_outside_the_ledger_and_give_the_answer(scaled: Lab) -> None:
    before = len(scaled.history().entries)
    first = scaled.scale("e1")
    assert first.missing == 2 * 4 * RUNS
    assert first.going == 4  # as many as there are devices
    assert "24 missing, 4 of these going" in sentence(first)
    assert "fit_scaling" in after_scaling(first)
    view = to_end(scaled)
    assert view.fit is not None
    assert view.fit.gain.value == pytest.approx(0.1, abs=0.01)
    said = re.match(
        r"e1 on e0 at SCALE = 1, 2, 4, 8: the gain is (\S+) \((\S+) to (\S+)\) .* at the sizes run"
        r".*, and \S+ \(\S+ to \S+\) at ten times the compute: ",
        sentence(view),
    )
    assert said is not None, sentence(view)
    gain = view.fit.gain
    assert [float(n) for n in said.groups()] == pytest.approx(
        [gain.value, gain.low, gain.high], abs=0.001
    )
    assert view.compute_unit == "CPU seconds"
    assert len(scaled.history().entries) == before
    assert scaled.verify().ok
    shown = scaling_shown(view, None, scaled.contract.metric)
    assert "self-reported" not in shown["summary"]
    own = scaled.contract.metric.model_copy(update={"scoring": "stdout"})
    assert "val_bpb is self-reported" in scaling_shown(view, None, own)["summary"]
    assert {"summary", "next_step", "gain", "gain_at_ten_times"} <= set(shown)
    assert len(shown["sizes"]) == 4
    assert all(len(row["base"]) == RUNS for row in shown["sizes"])


@pytest.mark.long
def test_a_line_of_keeps_can_be_compared_with_the_original_code(scaled: Lab) -> None:
    while scaled.evaluate("e0").needs:
        pass
    judge(scaled, "e1")
    assert propose(scaled, ("SMOOTHING = 20.0", "SMOOTHING = 10.0")) == "e2"
    assert to_end(scaled, "e2").base == "e1"
    view = to_end(scaled, "e2", base="e0")
    assert (view.base, view.experiment) == ("e0", "e2")
    assert view.fit is not None
    assert view.fit.gain.value == pytest.approx(0.2, abs=0.01)


@pytest.mark.long
def test_what_was_run_is_found_again_and_a_bases_runs_serve_the_next_experiment(
    scaled: Lab,
) -> None:
    to_end(scaled)
    executor = scaled.runs.executor
    assert isinstance(executor, Sized)
    assert len(executor.submitted) == 2 * 4 * RUNS
    again = Lab.reopen("tiny", home=scaled.home)
    assert with_executor(again, executor).scale("e1").fit is not None
    assert len(executor.submitted) == 2 * 4 * RUNS
    other = propose(scaled, ("SMOOTHING = 30.0", "SMOOTHING = 10.0"))
    to_end(scaled, other)
    assert len(executor.submitted) == 3 * 4 * RUNS


@pytest.mark.long
def test_each_run_has_the_size_in_its_code_a_seed_of_its_own_and_higher_ceilings(
    scaled: Lab,
) -> None:
    pytest.importorskip("scipy", reason="needs autoresearch-mcp[scaling]")
    executor = scaled.runs.executor
    assert isinstance(executor, Sized)
    texts: dict[str, str] = {}
    seeds = set()

    def keep(rundir: RunDir) -> None:
        texts[f"{rundir.path.parent.name}/{rundir.path.name}"] = (
            rundir.tree / "train.py"
        ).read_text()
        spec = rundir.read_spec()
        seeds.add(spec.seed)
        assert spec.cpu_ceiling_s == CEILINGS * 10
        assert spec.budget == 1500
        Sized.submit(executor, rundir)

    executor.submit = keep  # type: ignore[method-assign]
    to_end(scaled)
    assert len(seeds) == 2 * 4 * RUNS
    assert "SCALE = 4\n" in texts["e0/4-r1"]
    assert "SMOOTHING = 30.0\n" in texts["e0/4-r1"]
    assert "SCALE = 8\n" in texts["e1/8-r3"]
    assert "SMOOTHING = 20.0\n" in texts["e1/8-r3"]


@pytest.mark.long
def test_a_lost_run_is_run_again_but_not_for_ever(scaled: Lab) -> None:
    pytest.importorskip("scipy", reason="needs autoresearch-mcp[scaling]")
    executor = scaled.runs.executor
    assert isinstance(executor, Sized)
    executor.state = RunState.LOST
    view = to_end(scaled)
    assert len(executor.submitted) == 2 * 4 * RUNS * (1 + MOST_REPEATS)
    assert view.fit is None
    assert "0 sizes were measured for both" in view.why_not
    assert "no answer" in sentence(view)


@pytest.mark.slow
@pytest.mark.real_runs
def test_what_cannot_be_scaled_is_refused_with_the_reason(scaled: Lab, lab: Lab) -> None:
    pytest.importorskip("scipy", reason="needs autoresearch-mcp[scaling]")
    with pytest.raises(NotFoundError):
        scaled.scale("e9")
    with raises("invalid_state.no_patch", "e0"):
        scaled.scale("e0")
    itself = propose(scaled, ("SCALE = 1.0", "SCALE = 2.0"))
    with raises("invalid_state.changes_the_knob", "SCALE", "from 1.0 to 2.0"):
        scaled.scale(itself)
    gone = propose(scaled, ("SCALE = 1.0\n", ""))
    with raises("invalid_state.knob_not_assigned", "SCALE"):
        scaled.scale(gone)
    with raises("invalid_state.no_sizes"):
        lab.scale(propose(lab, ("SMOOTHING = 30.0", "SMOOTHING = 20.0")))


@pytest.mark.long
def test_the_chart_is_a_picture_beside_the_runs(scaled: Lab) -> None:
    pytest.importorskip("matplotlib", reason="needs autoresearch-mcp[plots]")
    view = to_end(scaled)
    chart = chart_of(view)
    assert chart == scaled.folder / "scaling" / "e1" / "chart.png"
    assert chart.read_bytes().startswith(b"\x89PNG")
    draw_scaling(view, chart)
    assert chart_of(replace(view, fit=None)) is None
