"""What a recorded run writes down, in plain processes; and what a hostile one writes instead."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autoresearch.attachment.same_program.lookups import Lookups, read_lookups
from autoresearch.run_directory import RunDir
from autoresearch.training.lookup_recording import FOLDER, keep_lookups, recorder_environment
from autoresearch.training.tree_integrity import record_tree


def recorded(
    folder: Path, code: str, env: dict[str, str] | None = None, *options: str
) -> tuple[Lookups, RunDir]:
    """What a program looked for whose code is a file of a run's tree."""
    rundir = RunDir(folder / "e0-r1")
    for path in (rundir.tree, rundir.out, rundir.scratch):
        path.mkdir(parents=True)
    (rundir.tree / "work.py").write_text(code)
    before = record_tree(rundir.tree)
    clean = {"HOME": str(rundir.scratch), "PATH": os.environ["PATH"], **(env or {})}
    subprocess.run(
        [sys.executable, *options, "work.py"],
        cwd=rundir.tree,
        env={**clean, **recorder_environment(rundir, clean), "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
    )
    keep_lookups(rundir, before)
    return read_lookups(rundir.lookups_file), rundir


LOOKS = {
    "os.path.exists('a')": "a",
    "os.path.isdir('a/b')": "a/b",
    "os.access('a', os.R_OK)": "a",
    "pathlib.Path('a').exists()": "a",
    "pathlib.Path('a').is_file()": "a",
    "tried(open, 'a')": "a",
    "tried(os.open, 'a', os.O_RDONLY)": "a",
    "tried(os.stat, 'a')": "a",
    "os.path.lexists('a')": "a",
    "os.chdir('/') or os.path.exists('tree-of-none/a')": "/tree-of-none/a",
}
TRIED = (
    "import os, pathlib\n"
    "def tried(f, *a):\n    try:\n        f(*a)\n    except OSError:\n        pass\n"
)


@pytest.mark.slow
@pytest.mark.parametrize("look", LOOKS)
def test_a_path_that_is_looked_for_is_written_down(look: str, tmp_path: Path) -> None:
    found, rundir = recorded(tmp_path, TRIED + look)
    assert found.began
    assert found.missed[str(rundir.tree / LOOKS[look])] is True


@pytest.mark.slow
def test_listings_patterns_variables_modules_and_writes_are_written_down(tmp_path: Path) -> None:
    code = (
        "import glob, os, pathlib\n"
        "os.mkdir('made'); open('made/file', 'w').close(); os.listdir('made')\n"
        "glob.glob('parts/*.txt'); list(pathlib.Path('parts').glob('*.bin'))\n"
        "os.environ.get('WIDTH'); os.getenv('DEPTH'); 'HEIGHT' in os.environ; os.environ['HOME']\n"
        "try:\n    import extras\nexcept ImportError:\n    pass\n"
    )
    found, rundir = recorded(tmp_path, code)
    tree = str(rundir.tree)
    assert set(found.listed) == {f"{tree}/made"}
    assert set(found.patterns) == {f"{tree}/parts/*.txt", f"{tree}/parts/*.bin"}
    assert {"WIDTH", "DEPTH", "HEIGHT"} <= {n for n, own in found.variables.items() if own}
    assert "HOME" not in found.variables
    assert found.modules["extras"][0]
    assert tree in found.modules["extras"][1]
    assert {f"{tree}/made", f"{tree}/made/file"} <= found.made


@pytest.mark.slow
def test_children_record_too_and_a_sitecustomize_of_the_interpreters_own_still_runs(
    tmp_path: Path,
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text("import builtins; builtins.hidden = 1")
    code = (
        "import os, subprocess, sys\nassert hidden == 1\n"
        "subprocess.run([sys.executable, '-c', 'import os; os.path.exists(\"deep\")'], check=True)"
    )
    found, rundir = recorded(tmp_path, code, {"PYTHONPATH": str(own)})
    assert str(rundir.tree / "deep") in found.missed


@pytest.mark.slow
def test_an_isolated_python_records_nothing_and_that_is_seen(tmp_path: Path) -> None:
    found, _ = recorded(tmp_path, "import os; os.path.exists('a')", None, "-I")
    assert not found.began
    assert not found.missed


@pytest.mark.slow
def test_more_look_ups_than_are_kept_are_cut_and_that_is_said(tmp_path: Path) -> None:
    found, _ = recorded(tmp_path, "import os\nfor n in range(21_000): os.path.exists(str(n))")
    assert found.cut
    assert len(found.missed) <= 20_001


@pytest.mark.parametrize(
    "written",
    [
        b"\xff\xfe\0\n",
        b"m zz\nq 00\nm\nm 2f\0\n" + b"m " + b"ab" * 40_000,
        b"m 61\nM 0061\nw 2e2e\n",
    ],
)
def test_what_is_no_line_of_the_recorders_is_left_out(written: bytes, tmp_path: Path) -> None:
    (tmp_path / "lookups").write_bytes(written)
    found = read_lookups(tmp_path / "lookups")
    assert not (found.began or found.missed or found.made)


def test_a_run_that_puts_a_link_in_the_place_of_the_record_gives_none_away(
    tmp_path: Path,
) -> None:
    rundir = RunDir(tmp_path / "e0-r1")
    for path in (rundir.tree, rundir.out):
        path.mkdir(parents=True)
    recorder_environment(rundir, {})
    (tmp_path / "private").write_text("b 00\nsecret")
    (rundir.out / FOLDER / "found").symlink_to(tmp_path / "private")
    keep_lookups(rundir, record_tree(rundir.tree))
    assert rundir.lookups_file.read_bytes() == b""
