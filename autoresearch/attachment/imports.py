"""Imports of a Python program: files of its repository, and packages from elsewhere.

Reads the code; nothing is run. Imports inside functions count, those that only a type checker sees
or whose failure is caught do not count as packages that are needed.
"""

import ast
import posixpath
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
    "faiss": "faiss-cpu",
    "hydra": "hydra-core",
    "lightning_fabric": "lightning-fabric",
    "rdkit": "rdkit",
    "skopt": "scikit-optimize",
    "ruamel": "ruamel.yaml",
    "slugify": "python-slugify",
    "Levenshtein": "levenshtein",
    "jwt": "pyjwt",
    "git": "gitpython",
    "serial": "pyserial",
    "pkg_resources": "setuptools",
}


@dataclass(frozen=True, slots=True)
class Reach:
    """Files and packages that a program's imports reach."""

    files: tuple[str, ...]  # of the repository, the program's own first
    packages: tuple[str, ...]  # top-level modules that are neither of these nor Python's own
    roots: tuple[str, ...]  # folders on the path that its modules were found from; "" is the top
    beside: tuple[
        str, ...
    ] = ()  # files of the user's folder that it imports and git does not carry


Beside = Callable[[str], str | None]  # the text of a file that git does not carry; None without one


def reach_of(
    path: str,
    files: Collection[str],
    read: Callable[[str], str],
    beside: Beside = lambda path: None,
) -> Reach:
    """Follow the imports of the file at `path` through the repository's `files`, and beside them.

    A module is looked for in the commit, then in the user's folder, before it counts as a package.
    """
    there = set(files)
    roots = tuple(dict.fromkeys([_parent(path), "", "src", "lib"]))
    added: set[str] = set()  # roots that the code itself puts on its path
    seen: dict[str, None] = {}
    packages: dict[str, None] = {}
    used: dict[str, None] = {}
    waiting = [path]
    while waiting:
        here = waiting.pop(0)
        if here in seen:
            continue
        seen[here] = None
        code = read(here) if here in there else beside(here) or ""
        added |= set(_added_roots(code)) - set(roots)
        roots = tuple(dict.fromkeys([*roots, *sorted(added)]))
        for module, needed in imported(code, _package_of(here, roots)):
            place = _find(module, roots, there)
            if place is None and _is_foreign(module):
                place = _find_beside(module, roots, beside)
            if place is not None:
                root, found = place
                used[root] = None
                waiting += found
            elif needed and _is_foreign(module):
                packages[module.partition(".")[0]] = None
    return Reach(
        files=tuple(path for path in seen if path in there),
        packages=tuple(sorted(packages)),
        roots=tuple(root for root in used if root not in added),
        beside=tuple(path for path in seen if path not in there),
    )


def as_inputs(beside: Collection[str]) -> tuple[str, ...]:
    """Return these files, those of a package as the package's folder."""
    found: dict[str, None] = {}
    for path in beside:
        place = path
        while f"{_parent(place)}/__init__.py" in beside:
            place = _parent(place)
        found[place] = None
    return tuple(found)


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


def _find_beside(
    module: str, roots: tuple[str, ...], beside: Beside
) -> tuple[str, list[str]] | None:
    """The root in the user's folder that holds the module, and its files there."""
    parts = [part for part in module.split(".") if part]
    for root in roots:
        stems = [PurePosixPath(root, *parts[:n]).as_posix() for n in range(1, len(parts) + 1)]
        places = [place for s in stems for place in (f"{s}.py", f"{s}/__init__.py")]
        if found := [place for place in places if beside(place) is not None]:
            return root, found
    return None


def _added_roots(code: str) -> Iterator[str]:
    """Folders of the repository that the code puts on its path: `sys.path.insert(0, "libs")`."""
    if "sys.path" not in code:
        return
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("sys.path."):
            texts = [
                part.value
                for argument in node.args
                for part in ast.walk(argument)
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            ]
            folder = posixpath.normpath("/".join(texts)) if texts else "."
            if not folder.startswith((".", "/")):
                yield folder


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
