"""A clone of karpathy/autoresearch is recognised by its content, and gets its contract."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from autoresearch.attachment.contract_proposal import propose
from autoresearch.attachment.contract_text import contract_text as written
from autoresearch.attachment.karpathy import contract_text, look, recognise, refuse_unready
from autoresearch.attachment.proposal_parts import Answers
from autoresearch.contract import Contract, parse_contract
from autoresearch.git.repository import snapshot
from tests.support.karpathy_clone import FILES, make_clone
from tests.support.refusals import raises

# What the published files say, in our words: the constants and names that matter.
PREPARE = """
import os
MAX_SEQ_LEN = 2048
TIME_BUDGET = 300
EVAL_TOKENS = 40 * 524288
CACHE_DIR = os.path.join(os.path.expanduser("~"), ".cache", "autoresearch")
DATA_DIR = os.path.join(CACHE_DIR, "data")
class Tokenizer: ...
def make_dataloader(tokenizer, B, T, split): return "cuda"
def evaluate_bpb(model, tokenizer, batch_size): ...
"""
TRAIN = """
import torch
from kernels import get_kernel
hopper = torch.cuda.get_device_capability() == (9, 0)
fa3 = get_kernel("varunneal/flash-attention-3" if hopper else "kernels-community/flash-attn3")
from prepare import MAX_SEQ_LEN, TIME_BUDGET, Tokenizer, make_dataloader, evaluate_bpb
val_bpb = evaluate_bpb(None, None, 1)
print("---")
print(f"val_bpb:          {val_bpb:.6f}")
"""
ALL = {
    "prepare.py": PREPARE,
    "train.py": TRAIN,
    "program.md": "# brief",
    "pyproject.toml": "[project]",
    "uv.lock": "version = 1",
    "README.md": "",
}
CACHED = "~/.cache/huggingface/hub/models--varunneal--flash-attention-3"


CLONE = look(ALL, ALL.__getitem__)


def nothing(_: str) -> bool:
    return False


def contract(
    files: dict[str, str] | None = None, there: Callable[[str], bool] = nothing
) -> Contract | None:
    whole = {**ALL, **(files or {})}
    text = recognise(whole, whole.__getitem__, there)
    return None if text is None else parse_contract(text.encode())


def test_a_clone_gets_the_contract_that_its_own_files_state() -> None:
    found = contract(there=lambda path: path == CACHED)
    assert found is not None
    assert found.edit.allow == ("train.py",)
    assert found.brief is not None
    assert found.brief.path == "program.md"
    assert found.inputs.read_only == ("~/.cache/autoresearch", CACHED)
    assert not found.inputs.network
    assert found.environment is not None
    assert found.environment.lock == "uv.lock"
    assert found.run.command == ("{python}", "train.py")
    assert (found.run.device, found.run.env) == ("gpu", {"HF_HUB_OFFLINE": "1"})
    assert found.run.budget.wall_s == 300
    assert found.run.wall_ceiling_s == 600
    metric = found.metric
    assert (metric.name, metric.direction, metric.block) == ("val_bpb", "min", "---")
    assert (metric.unit, metric.provenance) == ("bits per byte", "self-reported")


def test_kernels_that_are_not_cached_are_told_and_not_asked_for() -> None:
    text = recognise(ALL, ALL.__getitem__, nothing)
    assert text is not None
    assert "attention kernels are not cached yet" in text
    found = parse_contract(text.encode())
    assert found.inputs.read_only == ("~/.cache/autoresearch",)
    assert found.run.env == {}


def test_our_fixture_is_recognised_and_may_run_anywhere() -> None:
    files = [path.name for path in FILES.iterdir()]
    clone = look(files, lambda name: (FILES / name).read_text())
    assert clone is not None
    assert (clone.time_budget_s, clone.sequence, clone.eval_tokens) == (0.2, 64, 4096)
    assert (clone.cache, clone.kernels, clone.cuda) == ("~/.cache/autoresearch", (), False)
    text = recognise(files, lambda name: (FILES / name).read_text())
    assert text is not None
    assert parse_contract(text.encode()).run.device == "any"


@pytest.mark.parametrize(
    "cache",
    [
        '"~/.cache/autoresearch"',
        'Path.home() / ".cache" / "autoresearch"',
        'pathlib.Path("~/.cache/autoresearch")',
        'os.path.expanduser("~/.cache/autoresearch")',
    ],
)
def test_the_cache_is_read_off_however_it_is_written(cache: str) -> None:
    old = 'os.path.join(os.path.expanduser("~"), ".cache", "autoresearch")'
    found = contract({"prepare.py": PREPARE.replace(old, cache)})
    assert found is not None
    assert found.inputs.read_only == ("~/.cache/autoresearch",)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("prepare.py", "TIME_BUDGET = 300", "TIME_BUDGET = int(os.environ['T'])"),
        ("prepare.py", "TIME_BUDGET = 300", "TIME_BUDGET = 300\nTIME_BUDGET = read()"),
        ("prepare.py", "TIME_BUDGET = 300", "TIME_BUDGET = 0"),
        ("prepare.py", "TIME_BUDGET = 300", "TIME_BUDGET = 300 / 0"),
        ("prepare.py", "TIME_BUDGET = 300", "TIME_BUDGET = True"),
        ("prepare.py", "EVAL_TOKENS", "EVALUATED"),
        ("prepare.py", "def evaluate_bpb", "def evaluate"),
        ("prepare.py", "CACHE_DIR", "FOLDER"),
        ("prepare.py", '"~"', '"~", ".."'),
        ("prepare.py", "import os", "import os ="),
        ("train.py", "TIME_BUDGET, ", ""),
        ("train.py", "from prepare", "from other"),
        ("train.py", '"---"', '"==="'),
        ("train.py", "val_bpb:", "val_rmse:"),
        ("train.py", "import torch", "import torch\n  x"),
    ],
)
def test_what_does_not_keep_the_agreement_is_another_repository(
    file: str, old: str, new: str
) -> None:
    assert old in ALL[file]
    assert contract({file: ALL[file].replace(old, new)}) is None


@pytest.mark.parametrize("missing", ["prepare.py", "train.py"])
def test_both_files_must_be_there(missing: str) -> None:
    files = [name for name in ALL if name != missing]
    assert recognise(files, ALL.__getitem__) is None


def test_a_clone_without_brief_and_lock_is_driven_too() -> None:
    files = ["prepare.py", "train.py"]
    text = recognise(files, ALL.__getitem__, nothing)
    assert text is not None
    found = parse_contract(text.encode())
    assert (found.brief, found.environment) == (None, None)


@pytest.mark.slow
def test_init_proposes_the_contract_of_a_clone_and_asks_nothing(tmp_path: Path) -> None:
    seen = snapshot(make_clone(tmp_path / "clone"))
    proposal = propose(seen, Answers(), {})
    assert proposal.missing == ()
    found = parse_contract(written(proposal).encode())
    assert (found.metric.block, found.edit.allow) == ("---", ("train.py",))
    said = propose(seen, Answers(command="python prepare.py"), {})
    assert said.text is None


def test_no_line_of_a_clone_is_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    nasty = f"open({str(mark)!r}, 'w')\n"
    assert contract({"prepare.py": nasty + PREPARE, "train.py": nasty + TRAIN}) is not None
    assert not mark.exists()


def test_a_clone_without_data_or_gpu_is_told_what_to_run_and_what_it_needs(tmp_path: Path) -> None:
    assert CLONE is not None
    clone = replace(CLONE, cache=str(tmp_path / "cache"), cuda=True)
    contract = parse_contract(contract_text(clone, nothing).encode())
    both = ("uv run prepare.py", str(tmp_path / "cache"), "GPU", "doctor")
    with raises("contract.not_prepared", *both):
        refuse_unready(contract, tmp_path, gpu=False)
    with raises("contract.not_prepared", "uv run prepare.py", str(tmp_path)):
        refuse_unready(contract, tmp_path, gpu=True)
    (tmp_path / "cache").mkdir()
    with raises("contract.no_gpu", "NVIDIA", "CUDA"):
        refuse_unready(contract, tmp_path, gpu=False)
    refuse_unready(contract, tmp_path, gpu=True)


def test_its_contract_is_readable_at_80_columns() -> None:
    kernels = ("kernels-community/flash-attn3", "varunneal/flash-attention-3")
    assert CLONE is not None
    for clone in (CLONE, replace(CLONE, cuda=True, kernels=kernels)):
        for there in (nothing, lambda path: True):
            text = contract_text(clone, there)
            parse_contract(text.encode())
            assert max(map(len, text.splitlines())) <= 80
