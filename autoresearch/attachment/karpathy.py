"""Recognises a clone of karpathy/autoresearch and writes the contract that drives it unmodified.

By what its files say, never by its remote: a fork that kept the agreement between prepare.py and
train.py is driven too. Reads Python as a syntax tree and runs none of it. Knows no git.
"""

import ast
import json
import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from autoresearch.contract import Contract
from autoresearch.errors import ContractError

PREPARE, TRAIN, BRIEF, LOCK = "prepare.py", "train.py", "program.md", "uv.lock"
STARTUP_S = 60.0  # for compiling and evaluating, at least
METRIC = "val_bpb"
BLOCK = "---"
MEMORY_MB = 32768  # of the host, beside a GPU
_KERNELS = "~/.cache/huggingface/hub/models--"  # where a hub's client keeps what it fetched
_FETCH_FIRST = """\
# Its attention kernels are not cached yet, and a run has no network: run its
# command once yourself, then write this contract again.
"""
_CONSTANTS = ("TIME_BUDGET", "MAX_SEQ_LEN", "EVAL_TOKENS")
_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_SHARED = ("TIME_BUDGET", "evaluate_bpb")  # what train.py takes from prepare.py
_ARITHMETIC: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clone:
    """Facts about a clone that its contract needs."""

    time_budget_s: float  # as its own constant says: of training, without start-up and evaluation
    sequence: int  # tokens a row
    eval_tokens: int
    cache: str  # where prepare.py puts data and tokenizer, such as ~/.cache/autoresearch
    kernels: tuple[str, ...]  # that train.py loads from a hub's cache, by repository
    brief: bool  # there is a program.md
    lock: bool  # there is a uv.lock
    cuda: bool  # it names CUDA, so it runs on an NVIDIA GPU only


def recognise(
    files: Collection[str],
    read: Callable[[str], str],
    there: Callable[[str], bool] = lambda path: Path(path).expanduser().exists(),
) -> str | None:
    """The contract's text for a clone, None for any other repository.

    `files` are the paths of a commit, `read` gives the text of one, and `there` says whether this
    machine has a path.
    """
    clone = look(files, read)
    return None if clone is None else contract_text(clone, there)


def look(files: Collection[str], read: Callable[[str], str]) -> Clone | None:
    """Return the facts about a clone, or None if the repository is not one."""
    if not {PREPARE, TRAIN} <= set(files):
        return None
    prepare, train = _parsed(read(PREPARE)), _parsed(read(TRAIN))
    if prepare is None or train is None or not _agree(prepare, train):
        return None
    constants = _constants(prepare)
    cache = _cache(prepare)
    if not set(_CONSTANTS) <= set(constants) or not cache or constants["TIME_BUDGET"] <= 0:
        return None
    return Clone(
        time_budget_s=constants["TIME_BUDGET"],
        sequence=int(constants["MAX_SEQ_LEN"]),
        eval_tokens=int(constants["EVAL_TOKENS"]),
        cache=cache,
        kernels=_kernels(train),
        brief=BRIEF in files,
        lock={LOCK, "pyproject.toml"} <= set(files),
        cuda=any("cuda" in ast.unparse(module) for module in (prepare, train)),
    )


def contract_text(clone: Clone, there: Callable[[str], bool]) -> str:
    """autoresearch.toml for it; it goes beside the clone, in which nothing is written."""
    budget = f"{clone.time_budget_s:g}"
    kernels = [_KERNELS + kernel.replace("/", "--") for kernel in clone.kernels]
    cached = [path for path in kernels if there(path)]  # which of them depends on the GPU
    offline = 'env = { HF_HUB_OFFLINE = "1" }\n' if cached else ""
    fetched = "" if cached or not kernels else _FETCH_FIRST
    device = f'device = "gpu"\nmemory_mb = {MEMORY_MB}\n' if clone.cuda else 'device = "any"\n'
    brief = f'[brief]\npath = "{BRIEF}"\n\n' if clone.brief else ""
    environment = f'[environment]\nlock = "{LOCK}"\n\n' if clone.lock else ""
    return f"""\
# A clone of karpathy/autoresearch, used unchanged: {budget} s of training on
# sequences of {clone.sequence:,} tokens, judged on {clone.eval_tokens:,}.
# It prints its own metric.
[target]
name = "autoresearch"
description = "a small GPT trained for {budget} s; val_bpb is self-reported"

{brief}[edit]
allow = ["{TRAIN}"]

{fetched}[inputs]
read_only = {_list([clone.cache, *cached])}

{environment}[run]
command = ["{{python}}", "{TRAIN}"]
# Killed at twice its budget, as program.md says; a short run may still be
# compiling.
{offline}{device}startup_s = {max(clone.time_budget_s, STARTUP_S):g}
budget = {{ wall_s = {budget} }}

[metric]
name = "{METRIC}"
unit = "bits per byte"
direction = "min"
scoring = "stdout"
block = "{BLOCK}"
"""


def refuse_unready(contract: Contract, root: Path, *, gpu: bool) -> None:
    """Raise ContractError if a clone's data were not prepared, or it needs a GPU and has none.

    `gpu`: this machine has one that can be used.
    """
    cache = contract.inputs.read_only[0]
    wants, fixes, reason = [], [], ""
    if contract.run.device == "gpu" and not gpu:
        wants.append("it trains on an NVIDIA GPU (its code names CUDA), and none is found here")
        fixes.append(
            "run init on a machine with a GPU (`autoresearch-mcp doctor` shows what is found)"
        )
        reason = "no_gpu"
    if not Path(cache).expanduser().exists():
        wants.append(f"its data and tokenizer are not there: {cache} does not exist")
        fixes.append(f"run `uv run {PREPARE}` in {root} once, which makes them, then init again")
        reason = "not_prepared"
    if wants:
        said, next_ = "; ".join(wants), "; ".join(fixes)
        raise ContractError(
            f"This clone of karpathy/autoresearch can't run here: {said}.",
            f"{next_[0].upper()}{next_[1:]}.",
            reason=reason,
        )


def _list(paths: list[str]) -> str:
    """A list of TOML, one path a line where there are several."""
    if len(paths) == 1:
        return json.dumps(paths)
    return "[\n" + "".join(f"    {json.dumps(path)},\n" for path in paths) + "]"


def _agree(prepare: ast.Module, train: ast.Module) -> bool:
    """Return whether train.py takes budget and metric from prepare.py and prints the block."""
    offered = {node.name for node in prepare.body if isinstance(node, ast.FunctionDef)}
    taken = {
        name.name
        for node in ast.walk(train)
        if isinstance(node, ast.ImportFrom) and node.module == "prepare"
        for name in node.names
    }
    said = list(_texts(train))
    printed = BLOCK in said and any(text.startswith(f"{METRIC}:") for text in said)
    return "evaluate_bpb" in offered and set(_SHARED) <= taken and printed


def _constants(module: ast.Module) -> dict[str, float]:
    """The numbers that its top level names once: a name that is bound again is left out."""
    found: dict[str, float] = {}
    seen: set[str] = set()
    for name, value in _assignments(module):
        number = None if name in seen else _number(value, found)
        found.pop(name, None)
        if number is not None:
            found[name] = number
        seen.add(name)
    return found


def _number(node: ast.expr, known: Mapping[str, float]) -> float | None:
    """The value of `300`, `40 * 524288` or `5 * MINUTE`; None for what must be run to be known."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        assert isinstance(node.value, int | float)
        return node.value
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        left, right = _number(node.left, known), _number(node.right, known)
        if left is not None and right is not None:
            try:
                return _ARITHMETIC[type(node.op)](left, right)
            except (ArithmeticError, ValueError):
                return None
    return None


def _cache(module: ast.Module) -> str:
    """CACHE_DIR as a path below ~ or in full, "" where it is none that can be read off."""
    for name, value in _assignments(module):
        if name == "CACHE_DIR":
            path = _path(value)
            return path if path.startswith(("~/", "/")) and ".." not in path.split("/") else ""
    return ""


def _path(node: ast.expr) -> str:
    """Evaluate os.path.join, expanduser, Path.home and / on constants; "" for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return _joined(_path(node.left), _path(node.right))
    if isinstance(node, ast.Call) and not node.keywords:
        called, parts = ast.unparse(node.func), [_path(argument) for argument in node.args]
        if called.endswith(("path.expanduser", "Path")) and len(parts) == 1:
            return parts[0]
        if called.endswith("path.join"):
            return _joined(*parts)
        if called.endswith("Path.home") and not parts:
            return "~"
    return ""


def _joined(*parts: str) -> str:
    return str(PurePosixPath(*parts)) if parts and all(parts) else ""


def _kernels(train: ast.Module) -> tuple[str, ...]:
    """Repositories that it may load kernels from: texts like `owner/name`, if it loads any."""
    loads = any(
        isinstance(node, ast.Call) and ast.unparse(node.func).endswith("get_kernel")
        for node in ast.walk(train)
    )
    if not loads:
        return ()
    return tuple(dict.fromkeys(text for text in _texts(train) if _NAME.fullmatch(text)))


def _assignments(module: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Names and values at the top level, in order."""
    for node in module.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            yield node.target.id, node.value


def _texts(module: ast.Module) -> Iterator[str]:
    """Every constant text, the parts of f-strings too."""
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
