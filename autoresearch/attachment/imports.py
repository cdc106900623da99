"""Imports of a Python program: files of its repository, and packages from elsewhere.

Reads the code; nothing is run. Imports inside functions count, those that only a type checker sees
or whose failure is caught do not count as packages that are needed.
"""

import ast
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

# What is installed under another name than it is imported by.
PACKAGES = {
    "sklearn": "scikit-learn",
    "cv2": "opencv-python-headless",
    "PIL": "pillow",
    "yaml": "pyyaml",
    "skimage": "scikit-image",
    "bs4": "beautifulsoup4",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "OpenSSL": "pyopenssl",
    "Crypto": "pycryptodome",
    "umap": "umap-learn",
    "attr": "attrs",
    "Bio": "biopython",
    "igraph": "python-igraph",
    "google.protobuf": "protobuf",
}


@dataclass(frozen=True, slots=True)
class Reach:
    """Files and packages that a program's imports reach."""

    files: tuple[str, ...]  # of the repository, the program's own first
    packages: tuple[str, ...]  # top-level modules that are neither of these nor Python's own
    roots: tuple[str, ...]  # folders on the path that its modules were found from; "" is the top


def reach_of(path: str, files: Collection[str], read: Callable[[str], str]) -> Reach:
    """Follow the imports of the file at `path` through the repository's `files`."""
    there = set(files)
    roots = tuple(dict.fromkeys([_parent(path), "", "src", "lib"]))
    seen: dict[str, None] = {}
    packages: dict[str, None] = {}
    used: dict[str, None] = {}
    waiting = [path]
    while waiting:
        here = waiting.pop(0)
        if here in seen:
            continue
        seen[here] = None
        for module, needed in imported(read(here), _package_of(here, roots)):
            place = _find(module, roots, there)
            if place is not None:
                root, found = place
                used[root] = None
                waiting += found
            elif needed and _is_foreign(module):
                packages[module.partition(".")[0]] = None
    return Reach(tuple(seen), tuple(sorted(packages)), tuple(used))


def imported(code: str, package: str = "") -> Iterator[tuple[str, bool]]:
    """The modules that the code of a file in that package names, and whether it needs them."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return
    spared = _spared(tree)
    for node in ast.walk(tree):
        needed = node not in spared
        if isinstance(node, ast.Import):
            yield from ((alias.name, needed) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            yield base, needed
            yield from ((f"{base}.{alias.name}", needed) for alias in node.names)


def _spared(tree: ast.Module) -> set[ast.AST]:
    """Return the nodes in a `try` that catches a failed import, or under TYPE_CHECKING."""
    spared: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Try) and node.handlers:
            spared |= {below for part in node.body for below in ast.walk(part)}
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            spared |= {below for part in node.body for below in ast.walk(part)}
    return spared


def _find(module: str, roots: tuple[str, ...], there: set[str]) -> tuple[str, list[str]] | None:
    """The root that holds the module, and its file with the packages around it."""
    parts = [part for part in module.split(".") if part]
    for root in roots:
        found = []
        for n in range(1, len(parts) + 1):
            stem = PurePosixPath(root, *parts[:n])
            found += [p for p in (f"{stem}.py", f"{stem}/__init__.py") if p in there]
        inside = PurePosixPath(root, *parts).as_posix() if parts else ""
        if found or (inside and any(path.startswith(f"{inside}/") for path in there if parts)):
            return root, found
    return None


def _is_foreign(module: str) -> bool:
    top = module.partition(".")[0]
    return bool(top) and top not in sys.stdlib_module_names and top != "__main__"


def _package_of(path: str, roots: tuple[str, ...]) -> str:
    """The dotted package that a file lies in, seen from the deepest root that holds it."""
    folder = _parent(path)
    holding = [r for r in roots if not r or folder == r or folder.startswith(f"{r}/")]
    root = min(holding, key=len) if "src" not in holding else "src"
    inside = folder.removeprefix(root).strip("/")
    return inside.replace("/", ".")


def _parent(path: str) -> str:
    parent = PurePosixPath(path).parent.as_posix()
    return "" if parent == "." else parent
