"""The shipped target: its training in the real lab's run, what it leaves, and its parts."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from autoresearch.contract import parse_contract
from autoresearch.records import RunReport, RunState
from autoresearch.run_directory import RunDir
from tests.nanolm.conftest import write_token_file
from tests.support.fakes import QuietExecutor, make_run, wait_for
from tests.support.paths import ROOT

TARGET = ROOT / "autoresearch" / "targets" / "nanolm"
SMALL = {"DEPTH = 2": "DEPTH = 1", "BATCH = 2048": "BATCH = 96", "ASPECT = 64": "ASPECT = 32"}
SMALL["HEAD_DIM = 64"] = "HEAD_DIM = 16"


def small_train() -> str:
    text = (TARGET / "train.py").read_text()
    for shipped, small in SMALL.items():
        assert text.count(shipped) == 1, shipped
        text = text.replace(shipped, small)
    return text


def trained(folder: Path, python: str, **changes: object) -> RunDir:
    """A run of the small model on documents whose tokens follow each other in a circle."""
    start = np.random.default_rng(2)
    circles = [
        [(first + n) % 32 for n in range(length)]
        for first in range(32)
        for length in start.choice(np.arange(20, 60), 12, replace=False).tolist()
    ]
    write_token_file(folder / "documents", circles)
    fields = {
        "documents": str(folder / "documents"),
        "command": (python, "train.py"),
        "python": python,
        "vocab": "tokens",
        "context": 24,
        "samples": 128,
        "tolerance": 1e-3,
        "held_out": 20,
        "checkpoint": "model.pt",
        "checkpoint_mb": 8,
        "memory_mb": 4000,
        "score_s": 300.0,
        "budget": 6000,
        "cpu_ceiling_s": 300.0,
        "wall_ceiling_s": 600.0,
        **changes,
    }
    rundir = make_run(folder, small_train(), **fields)
    (rundir.tree / "meter.py").write_text((TARGET / "meter.py").read_text())
    QuietExecutor().submit(rundir)
    return rundir


def ended(rundir: RunDir) -> RunReport:
    """Its final report; torch takes its time to be imported three times on a busy machine."""
    report = wait_for(
        lambda: (found := rundir.read_status()) and found.state.final and found, within_s=600.0
    )
    assert isinstance(report, RunReport)
    return report


@pytest.mark.long
def test_a_run_learns_what_can_be_learned_and_reports_how_fast(
    tmp_path: Path, torch_python: str
) -> None:
    rundir = trained(tmp_path, torch_python)
    report = ended(rundir)
    log = rundir.log_file.read_text()
    assert report.state is RunState.FINISHED, f"{report.reason}\n{log}"
    assert report.measurement is not None
    assert report.measurement.value < 1.2  # 1.7 for one who knows nothing, 0.1 for a circle's heir
    assert report.tokens == 6000
    assert "tokens," in log
    assert "a second, MFU" in log.splitlines()[-1]
    lines = [json.loads(line) for line in rundir.curve_file.read_text().splitlines()]
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert set(lines[-1]) == {"tokens", "loss", "tokens_per_s", "mfu", "peak_mb"}


@pytest.mark.long
def test_with_a_budget_of_seconds_it_ends_by_itself_before_they_are_over(
    tmp_path: Path, torch_python: str
) -> None:
    rundir = trained(tmp_path, torch_python, budget_unit="cpu_s", budget=12.0, cpu_ceiling_s=None)
    report = ended(rundir)
    assert report.state is RunState.FINISHED, rundir.log_file.read_text()
    assert report.measurement is not None
    assert rundir.log_file.read_text().count("peak memory") == 1


PARTS = """
import sys, torch
sys.path.insert(0, sys.argv[1])
import meter, train
torch.manual_seed(0)
gpt = train.GPT(33, 2, 24)
gpt.initialise()
for p in gpt.parameters():
    torch.nn.init.normal_(p, std=0.05)
tokens = torch.randint(0, 33, (3, 24))
whole = gpt(tokens)
assert whole.shape == (3, 24, 33) and whole.dtype == torch.float32
changed = tokens.clone()
changed[:, 12:] = 0
assert torch.allclose(whole[:, :12], gpt(changed)[:, :12], atol=1e-5), "it looks ahead"
assert not torch.allclose(whole[:, 12:], gpt(changed)[:, 12:], atol=1e-2)
swapped = tokens[:, [1, 0, *range(2, 24)]]
assert not torch.allclose(whole[:, 5], gpt(swapped)[:, 5], atol=1e-4), "it knows no order"
weights = sum(p.numel() for p in gpt.blocks.parameters()) + gpt.head.weight.numel()
assert gpt.flops_per_token() == 6 * weights + 12 * 2 * 128 * 24

moves = train.orthogonal(torch.randn(4, 24, 96))
singular = torch.linalg.svdvals(moves)
assert 0.5 < singular.min() and singular.max() < 1.4, singular
ones = torch.ones(1, 4, 8)
assert torch.allclose(train.orthogonal(ones.mT).mT, train.orthogonal(ones))

assert train.rate_share(0.0) == 1.0 and train.rate_share(1.0) == train.FINAL_RATE
assert meter.peak_flops(torch.device("cpu")) > 1e8
import io, numpy as np
stream = train.Stream(io.BytesIO(np.arange(100, dtype="<u2").tobytes()), 24)
first, second = stream.rows(2), stream.rows(8)
assert first.shape == (2, 25) and second.shape == (2, 25), (first.shape, second.shape)
assert first[1, -1] == second[0, 0] == 48 and stream.rows(1) is None
names = {"NVIDIA H100 80GB HBM3": 989, "NVIDIA H100 PCIe": 756, "NVIDIA H200": 989,
         "NVIDIA A100-SXM4-80GB": 312, "NVIDIA GeForce RTX 4090": 165.2, "NVIDIA L40S": 362}
for name, peak in names.items():
    assert next(p for part, p in meter.PEAKS if part in name) == peak, name
"""


@pytest.mark.long
def test_its_parts_do_what_they_say(torch_python: str) -> None:
    done = subprocess.run(
        [torch_python, "-c", PARTS, str(TARGET)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_contract_reads_and_its_knobs_are_constants_of_train_py() -> None:
    contract = parse_contract((TARGET / "autoresearch.toml").read_bytes())
    text = (TARGET / "train.py").read_text()
    assert contract.scaling is not None
    for name in (*contract.knobs, contract.scaling.knob):
        assert text.count(f"\n{name} = ") == 1, name
    assert contract.sealed is not None
    assert contract.sealed.vocab == "tokens"


def test_train_py_is_short_enough_to_be_read_at_once() -> None:
    assert len((TARGET / "train.py").read_text().splitlines()) <= 350
