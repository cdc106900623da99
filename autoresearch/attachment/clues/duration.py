"""Duration of a program, by its code: whether it ends, by a clock or itself, what bounds it."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_CLOCKS = re.compile(
    r"(?:^|\.)(?:time|monotonic|perf_counter|process_time|default_timer|now|utcnow)(?:_ns)?$"
)
_BOUND = re.compile(
    r"(?:^|_)(?:steps?|iters?|iterations?|epochs?|rounds?|episodes?|updates?|generations?|trials?|"
    r"duration|seconds|minutes|hours|limit|max_time|budget)$"
)
_NO_BOUND = re.compile(r"log|eval|save|warm|print|every|interval|accum|decay|checkpoint|patience")
_ENDS = ("exit", "quit", "_exit", "abort")
BUDGET = "AUTORESEARCH_BUDGET"  # a program that reads it spends it


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """An option, a variable or a constant that decides how much a program does."""

    typed: str  # "--max_iters=N", "STEPS=N", or a constant's name
    where: str  # "train.py:12"
    default: str = ""
    constant: bool = False  # to be changed in the code


def clock_line(code: str) -> int:
    """Return the line on which a clock decides when the program stops; 0 where none does.

    Such a program does less on a busy machine: its seconds are a budget, not a time-out.
    """
    tree = _parsed(code)
    if tree is None:
        return 0
    told = _of_a_clock(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value == BUDGET:
            return node.lineno
        leaves = isinstance(node, ast.While) or (isinstance(node, ast.If) and _leaves(node.body))
        if leaves and isinstance(node, ast.While | ast.If):
            compares = [n for n in ast.walk(node.test) if isinstance(n, ast.Compare)]
            if any(_by_clock(compare, told) for compare in compares):
                return node.lineno
    return 0


def endless_line(code: str) -> int:
    """Return the line of a loop that nothing in it ends; 0 where there is none."""
    tree = _parsed(code)
    for node in ast.walk(tree) if tree else ():
        forever = isinstance(node, ast.While) and isinstance(node.test, ast.Constant)
        if isinstance(node, ast.While) and forever and node.test.value and not _leaves(node.body):  # type: ignore[attr-defined]
            return node.lineno
    return 0


def bounds(path: str, code: str) -> tuple[Bound, ...]:
    """Return the options, variables and constants that decide how long the program runs."""
    tree = _parsed(code)
    if tree is None:
        return ()
    found = [*_options(path, tree), *_variables(path, tree)]
    typed = bool(re.search(r"\bsys\.argv\b|configurator", code))
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(target, ast.Name) and isinstance(node, ast.Assign) and _bounds(target.id):
            name = f"--{target.id}=N" if typed else target.id
            found.append(
                Bound(
                    typed=name,
                    where=f"{path}:{node.lineno}",
                    default=ast.unparse(node.value),
                    constant=not typed,
                )
            )
    return tuple({bound.typed: bound for bound in reversed(found)}.values())[::-1]


def _options(path: str, tree: ast.Module) -> Iterator[Bound]:
    """Options of argparse, click and their like."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr not in ("add_argument", "option", "Option", "add_option"):
            continue
        texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
        name = next((t for t in texts if isinstance(t, str) and t.startswith("--")), "")
        if name and _bounds(name):
            default = next((k.value for k in node.keywords if k.arg == "default"), None)
            words = ast.unparse(default) if default is not None else ""
            yield Bound(typed=f"{name}=N", where=f"{path}:{node.lineno}", default=words)


def _variables(path: str, tree: ast.Module) -> Iterator[Bound]:
    """Variables of the environment: `os.environ.get("STEPS", 100)`."""
    for node in ast.walk(tree):
        name: ast.expr | None = None
        if isinstance(node, ast.Call) and node.args:
            called = ast.unparse(node.func)
            name = node.args[0] if called.endswith(("environ.get", "getenv")) else None
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("environ"):
            name = node.slice
        if isinstance(name, ast.Constant) and isinstance(name.value, str) and _bounds(name.value):
            yield Bound(typed=f"{name.value}=N", where=f"{path}:{name.lineno}")


def _bounds(name: str) -> bool:
    word = name.lstrip("-").replace("-", "_").lower()
    return bool(_BOUND.search(word)) and not _NO_BOUND.search(word)


def _of_a_clock(tree: ast.Module) -> set[str]:
    """Names whose values come from a clock, through any number of assignments."""
    told: set[str] = set()
    while True:
        before = len(told)
        for node in ast.walk(tree):
            if not isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
                continue
            if node.value and _by_clock(node.value, told):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                told |= {ast.unparse(target) for target in targets}
        if len(told) == before:
            return told


def _by_clock(expression: ast.expr, told: set[str]) -> bool:
    for node in ast.walk(expression):
        if isinstance(node, ast.Call) and _CLOCKS.search(ast.unparse(node.func)):
            return True
        if isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) in told:
            return True
    return False


def _leaves(body: Sequence[ast.stmt], *, inside: bool = False) -> bool:
    """Return whether something in a loop's body leaves it; `inside`: within a loop of its own."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if isinstance(node, ast.Return | ast.Raise) or (isinstance(node, ast.Break) and not inside):
            return True
        expressions = [n for n in ast.iter_child_nodes(node) if isinstance(n, ast.expr)]
        for part in (p for e in expressions for p in ast.walk(e)):
            if isinstance(part, ast.Yield | ast.YieldFrom | ast.Await):
                return True
            if isinstance(part, ast.Call) and ast.unparse(part.func).endswith(_ENDS):
                return True
        nested = inside or isinstance(node, ast.For | ast.While | ast.AsyncFor)
        parts = [getattr(node, name, []) for name in ("body", "orelse", "finalbody")]
        parts += [handler.body for handler in getattr(node, "handlers", [])]
        parts += [case.body for case in getattr(node, "cases", [])]
        if any(_leaves(part, inside=nested) for part in parts):
            return True
    return False


def _parsed(code: str) -> ast.Module | None:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return None
