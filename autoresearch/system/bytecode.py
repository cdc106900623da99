"""Bytecode of the product and of what it needs, written once, so that no start has to compile.

Installers leave it to the first import, and where PYTHONDONTWRITEBYTECODE is set (in most
containers) no import ever writes it: then each start of the server compiles everything again.
"""

import compileall
import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import cache_from_source
from pathlib import Path

PRODUCT = "autoresearch-mcp"
OURS = ("autoresearch", "curricula", "server")
# Files that are data to the product: nothing may lie beside them that their author did not write.
DATA = ("targets", "courses", "cheats")
TESTS = ("tests", "testing")  # of libraries
NAME = re.compile(r"[A-Za-z0-9._-]+")
ROOT = Path(__file__).resolve().parents[2]
CHUNK = 32


def compile_product() -> int:
    """Compile what is not compiled yet; return 0, or 1 where our own bytecode can't be written."""
    ours = own_files(ROOT)
    compile_files([*ours, *library_files()])
    return 0 if all(is_compiled(path) for path in ours) else 1


def own_files(root: Path) -> list[Path]:
    """The modules of the product below a folder that holds its packages."""
    found = [path for name in OURS for path in sorted((root / name).rglob("*.py"))]
    return [
        path for path in found if not any(part in DATA for part in path.relative_to(root).parts)
    ]


def library_files() -> list[Path]:
    """The modules of every installed package that the product needs, without their tests."""
    return [
        Path(str(file.locate()))
        for name in _needed(PRODUCT, set())
        for file in distribution(name).files or ()
        if file.suffix == ".py" and not any(part in TESTS for part in file.parts)
    ]


def compile_files(files: list[Path]) -> None:
    """Write the bytecode of those that have none of their present text; failures leave it so."""
    with ProcessPoolExecutor() as pool:
        list(pool.map(_compile, map(str, files), chunksize=CHUNK))


def is_compiled(path: Path) -> bool:
    """Return whether bytecode of a module is where Python looks for it."""
    return Path(cache_from_source(str(path))).exists()


def _compile(file: str) -> None:
    compileall.compile_file(file, quiet=2)  # passes over what is up to date


def _needed(name: str, seen: set[str]) -> Iterator[str]:
    """Yield an installed distribution and those that it requires, each once."""
    plain = re.sub(r"[-_.]+", "-", name).lower()
    if plain in seen:
        return
    seen.add(plain)
    try:
        requires = distribution(name).requires or ()
    except PackageNotFoundError:
        return  # for another system, or of an extra that is not installed
    yield name
    for line in requires:
        if (found := NAME.match(line)) is not None:
            yield from _needed(found[0], seen)
