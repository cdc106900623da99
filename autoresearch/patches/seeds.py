"""Seed checks: refuse a patch whose gain could be other random draws and nothing else.

The lab draws the seed of each run. Where code ignores it, nothing varies between runs, so that the
best of twenty constants looks like a gain to every test on runs: what a patch may do to random
draws is checked here, before anything runs. docs/decisions/28-endings-and-seeds.md says what stays
open.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from autoresearch.errors import PatchRefusedError
from autoresearch.patches.constant_values import (
    CONSTANT,
    LAB,
    SEED_VARIABLE,
    ConstantValues,
    bindings_of,
    defaults_of,
    entries_of,
    last_name,
    options_of,
    text_of,
    words,
)
from autoresearch.patches.hidden_code import code_in
from autoresearch.patches.seed_values import never_varies
from autoresearch.patches.syntax_trees import in_order, tree_of

Files = Mapping[str, bytes]

# Functions that take a seed, by the last part of their names: NumPy, random, torch, JAX.
SEEDED = frozenset(
    (
        *("default_rng", "RandomState", "SeedSequence", "PCG64", "PCG64DXSM", "MT19937"),
        *("Philox", "SFC64", "Random", "PRNGKey", "jumped", "set_state", "setstate"),
        *("set_rng_state", "set_rng_state_all"),
    )
)
SEED_KEYWORDS = frozenset(("seed", "random_state", "entropy"))
CLOCKS = words(
    "time time_ns perf_counter perf_counter_ns monotonic monotonic_ns process_time "
    "process_time_ns thread_time default_timer now utcnow today getpid getppid urandom "
    "token_bytes randbits randbelow uuid1 uuid4 id gethostname getmtime stat"
)
DRAWS = words(
    "rand randn randint random random_sample uniform normal standard_normal integers choice "
    "choices permutation randperm getrandbits gauss normalvariate bernoulli multinomial "
    "exponential randbytes rand_like randn_like"
)
_COUNTS = frozenset(("n", "num", "number", "count", "max", "min"))  # of seeds, which are none
_IN_TEXT = re.compile(
    r"""(?:[\w.-]*(?:seed|random[_-]?state)[\w-]*["']?\s*[:=({\s]\s*|srand\w*\s*\(\s*"""
    r"""|mt19937\w*\s+\w+\s*[({]\s*)["']?(-?\d+)""",
    re.IGNORECASE,
)
USE_THE_LABS = (
    f'Use the lab\'s seed: seed = int(os.environ["{SEED_VARIABLE}"]), and for a second stream '
    "default_rng([seed, 1]). The best of 20 seeds is worth 1.9 sigma, so no patch may bring its "
    "own."
)


@dataclass(frozen=True, slots=True)
class _Finding:
    """One place that decides about random draws."""

    kind: str  # the reason of a refusal
    key: str  # equal in two files where they draw the same
    where: str
    text: str
    like: str = ""  # the key without its numbers, of a seed that is no constant


def check_seeds(before: Files, after: Files) -> None:
    """Raise PatchRefusedError if a patch turns random draws instead of using the lab's seed."""
    if _mentions_seed(before) and not _mentions_seed(after):
        raise PatchRefusedError(
            f"The patch no longer reads {SEED_VARIABLE}.",
            "Seed every random generator from it: the lab draws the seed, so that nobody can "
            "choose a lucky one.",
            reason="seed_not_read",
        )
    old, new = _findings(_frozen(before)), _findings(_frozen(after))
    known = Counter((one.kind, one.key) for one in old)
    gone = known - Counter((one.kind, one.key) for one in new)
    turned = {one.like for one in old if one.like and gone[one.kind, one.key]}
    for one in new:
        if known[one.kind, one.key]:
            known[one.kind, one.key] -= 1
        elif one.kind != "turned_seed" or one.like in turned:
            raise _refusal(one)


def _refusal(found: _Finding) -> PatchRefusedError:
    said = {
        "constant_seed": "seeds random numbers with a constant",
        "turned_seed": "changes nothing but a constant in a seed",
        "clock_seed": "seeds random numbers from the clock or the process",
        "seed_overwritten": f"sets {SEED_VARIABLE}, which is the lab's",
        "dropped_draw": "draws random numbers and drops them, so that all later draws differ",
    }
    return PatchRefusedError(
        f"{found.where} {said[found.kind]}: {found.text[:80]}.",
        USE_THE_LABS,
        reason=found.kind,
    )


def _frozen(files: Files) -> tuple[tuple[str, bytes], ...]:
    return tuple(sorted(files.items()))


def _mentions_seed(files: Files) -> bool:
    """Return whether any code names the variable; a comment does not count."""
    for path, content in files.items():
        tree = tree_of(path, content)
        if tree is None:
            if SEED_VARIABLE.encode() in content:
                return True
            continue
        if any(isinstance(n, ast.Constant) and n.value == SEED_VARIABLE for n in ast.walk(tree)):
            return True
    return False


@lru_cache(maxsize=8)  # the base is read once for all patches on it
def _findings(files: tuple[tuple[str, bytes], ...]) -> tuple[_Finding, ...]:
    trees = {path: tree for path, content in files if (tree := tree_of(path, content)) is not None}
    found = [one for path, content in files if path not in trees for one in _in_text(path, content)]
    waiting = list(trees.items())
    for path, tree in waiting:  # code in a string waits in the same line, whatever holds it
        for node in in_order(tree):
            if isinstance(node, ast.Constant) and (within := code_in(node.value)):
                name = f"{path}, text at line {node.lineno}"
                trees[name] = within
                waiting.append((name, within))
    values = ConstantValues(trees)
    for path, tree in trees.items():
        found += _in_code(path, tree, values)
    return tuple(found)


def _in_text(path: str, content: bytes) -> Iterator[_Finding]:
    """Look for seeds in a configuration or another language, by what they are called."""
    for n, line in enumerate(content.decode(errors="replace").splitlines(), 1):
        for match in _IN_TEXT.finditer(line):
            yield _Finding("constant_seed", f"text {match[1]}", f"{path}:{n}", match[0].strip())


def _in_code(path: str, tree: ast.Module, values: ConstantValues) -> Iterator[_Finding]:
    loops = {
        id(inner): text_of(node.iter)
        for node in in_order(tree)
        if isinstance(node, ast.For | ast.AsyncFor)
        for inner in node.body
    }
    for node in in_order(tree):
        where = f"{path}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Call):
            yield from _of_call(path, where, node, values)
        for value in _named_seeds(node):
            if values.is_constant(path, value) and _has_number(value, values, path):
                key = f"named {_operator(node)}{values.resolved(path, value)}"
                yield _Finding("constant_seed", key, where, text_of(node))
        if _overwrites(path, node, values):
            yield _Finding("seed_overwritten", text_of(node), where, text_of(node))
        if _drops(node):
            key = f"{loops.get(id(node), '')} {text_of(node)}"
            yield _Finding("dropped_draw", key, where, text_of(node))


def _of_call(path: str, where: str, call: ast.Call, values: ConstantValues) -> Iterator[_Finding]:
    seeds = [k.value for k in call.keywords if k.arg in SEED_KEYWORDS]
    name = last_name(call.func)
    if _takes_seed(call):
        seeds += [*call.args[:1], *(k.value for k in call.keywords if k.arg == "key")]
    given = [seed for seed in seeds if not _is_none(seed)]
    if not given:
        return
    key = f"{name} {', '.join(values.resolved(path, seed) for seed in given)}"
    kinds = [values.kinds(path, seed) for seed in given]
    if any(_reads_clock(path, seed, values) for seed in given):
        yield _Finding("clock_seed", key, where, text_of(call))
    elif any(
        kind == CONSTANT or (LAB in kind and never_varies(path, seed, values))
        for kind, seed in zip(kinds, given, strict=True)
    ):
        yield _Finding("constant_seed", key, where, text_of(call))
    elif not any(LAB in kind for kind in kinds):
        like = re.sub(r"\d+(?:\.\d+)?", "0", key)
        yield _Finding("turned_seed", key, where, text_of(call), like)


def _takes_seed(call: ast.Call) -> bool:
    """Return whether a call's first argument is a seed: by its name, or any name with `seed`."""
    name = last_name(call.func)
    if name == "key" and isinstance(call.func, ast.Attribute):
        return last_name(call.func.value) == "random"  # jax.random.key
    if name == "advance" and isinstance(call.func, ast.Attribute):
        return last_name(call.func.value) == "bit_generator"
    return name in SEEDED or _is_seed_name(name)


def _is_seed_name(name: str) -> bool:
    """Return whether a name says that its value is a seed; `n_seeds` is a number of them."""
    words = re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower())
    if set(words) & _COUNTS:
        return False
    named = any(word.endswith(("seed", "seeds")) for word in words)
    return (named or "random_state" in name.lower()) and name != SEED_VARIABLE


def _named_seeds(node: ast.AST) -> Iterator[ast.expr]:
    """Yield values that a name calls a seed: assigned, by default, by key, or as an option."""
    named = [
        (_target_name(target), value) for target, value, how in bindings_of(node) if how != "in"
    ]
    named += entries_of(node)
    if isinstance(node, ast.arguments):
        named += defaults_of(node)
    if isinstance(node, ast.Call):
        given = ((k.arg, k.value) for k in node.keywords if k.arg not in SEED_KEYWORDS)
        named += [(name or "", value) for name, value in given]
        named += options_of(node)
    yield from (value for name, value in named if _is_seed_name(name))


def _target_name(target: ast.expr) -> str:
    if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        return str(target.slice.value)
    return last_name(target)


def _has_number(value: ast.expr, values: ConstantValues, path: str) -> bool:
    """Return whether a number, or a text of digits, is in it: a flag and a path are no seeds."""
    return any(
        isinstance(node, ast.Constant)
        and not isinstance(node.value, bool)
        and (isinstance(node.value, int | float) or str(node.value).lstrip("-").isdigit())
        for node in values.closure(path, value)
    )


def _operator(node: ast.AST) -> str:
    return f"{type(node.op).__name__}= " if isinstance(node, ast.AugAssign) else ""


def _is_none(seed: ast.expr) -> bool:
    return isinstance(seed, ast.Constant) and seed.value is None


def _reads_clock(path: str, seed: ast.expr, values: ConstantValues) -> bool:
    return any(
        isinstance(node, ast.Call) and last_name(node.func) in CLOCKS
        for node in values.closure(path, seed)
    )


def _overwrites(path: str, node: ast.AST, values: ConstantValues) -> bool:
    """Return whether code gives the lab's variable a value that is not derived from it."""
    if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
        return _is_variable(node.slice)
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return any(
            key is not None and _is_variable(key) and LAB not in values.kinds(path, value)
            for key, value in pairs
        )
    if not isinstance(node, ast.Call):
        return False
    if any(keyword.arg == SEED_VARIABLE for keyword in node.keywords):
        return True
    writes = last_name(node.func) in ("putenv", "unsetenv", "setenv", "setdefault", "pop")
    return writes and any(map(_is_variable, node.args))


def _is_variable(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value in (
        SEED_VARIABLE,
        SEED_VARIABLE.encode(),
    )


def _drops(node: ast.AST) -> bool:
    """Return whether a statement draws random numbers that nothing can use."""
    if isinstance(node, ast.Assign):
        unused = all(isinstance(t, ast.Name) and not t.id.strip("_") for t in node.targets)
    else:
        unused = isinstance(node, ast.Expr)
    if not unused:
        return False
    assert isinstance(node, ast.Assign | ast.Expr)
    call = node.value
    if not isinstance(call, ast.Call) or last_name(call.func) not in DRAWS:
        return False
    return "init" not in text_of(call.func).split(".")  # torch.nn.init.normal fills in place
