"""A folder of a commit is seen as if it were all: with what git carries elsewhere, too."""

from pathlib import Path

from autoresearch.attachment.same_program.content_elsewhere import content_elsewhere
from autoresearch.git.snapshot import Snapshot
from tests.support.refusals import raises
from tests.support.same_programs import POINTER


def test_a_folder_keeps_its_own_submodules_and_git_lfs_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "sizes.csv").write_text(POINTER)
    whole = Snapshot(
        root=tmp_path,
        files=("a/sizes.csv", "a/work.py", "b/work.py"),
        untracked=(),
        submodules=("a/lib", "b/lib"),
        lfs=("a/sizes.csv", "b/sizes.csv"),
        read=lambda path: "",
    )
    seen = whole.below("a")
    assert (seen.submodules, seen.lfs) == (("lib",), ("sizes.csv",))
    with raises("contract.lfs_content_missing", "sizes.csv", "git lfs pull"):
        content_elsewhere(seen, ())
