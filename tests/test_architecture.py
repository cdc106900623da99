"""The picture of the rooms is fresh: its arrows are the imports in the code."""

import re
import subprocess
import sys

import grimp
import pytest

from tests.support.paths import ROOT

PICTURE = ROOT / "docs" / "img" / "architecture.svg"
FOLDERS = ("server", "autoresearch", "curricula")
ARROW = re.compile(r'data-from="([\w.]+)" data-to="([\w.]+)"')


def test_the_arrows_of_the_picture_are_the_imports_in_the_code() -> None:
    graph = grimp.build_graph(*FOLDERS, cache_dir=None)
    imports = set()
    for module in graph.modules - set(FOLDERS):
        for other in graph.find_modules_directly_imported_by(module) - set(FOLDERS):
            ends = tuple(name.split(".")[:2] for name in (module, other))
            if ends[0] == ends[1]:
                continue
            depth = 2 if ends[0][0] == ends[1][0] else 1  # between folders, one arrow sums up all
            imports.add((".".join(ends[0][:depth]), ".".join(ends[1][:depth])))
    arrows = set(ARROW.findall(PICTURE.read_text()))
    assert arrows == imports, "run `uv run python scripts/draw_architecture.py`"


@pytest.mark.slow
def test_the_tables_of_rooms_and_the_contract_in_agents_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/draw_architecture.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
