"""The lab's repository, and how it treats the user's."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from autoresearch.errors import NotFoundError
from autoresearch.git.repository import Repository, dirty, survey
from tests.support.refusals import raises
from tests.support.small import edited

TRAIN = b"import math\n\nlr = 0.01\nsteps = 10\n\n\ndef main():\n    return lr * steps\n"


def git(folder: Path, *args: str) -> str:
    identity = ("-c", "user.name=u", "-c", "user.email=u@x", "-c", "commit.gpgSign=false")
    command = ["git", "-C", str(folder), *identity, "-c", f"core.hooksPath={os.devnull}", *args]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def snapshot(folder: Path) -> dict[str, tuple[int, int, str]]:
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            path.lstat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def lab(tmp_path: Path) -> Repository:
    return Repository.create(tmp_path / "lab" / "repository.git")


@pytest.fixture
def base(lab: Repository) -> str:
    files = {"train.py": TRAIN, "data/names.txt": b"anna\nbob\n", "prepare.py": b"x = 1\n"}
    return lab.import_files(files, "as it ships")


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A user's repository with two commits and with staged, dirty and untracked files."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "train.py").write_bytes(TRAIN)
    (folder / ".gitignore").write_text("*.log\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    (folder / "prepare.py").write_text("x = 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "two")
    (folder / "train.py").write_text("dirty = 1\n")
    (folder / "staged.py").write_text("staged = 1\n")
    git(folder, "add", "staged.py")
    (folder / "untracked file.py").write_text("untracked = 1\n")
    (folder / "run.log").write_text("ignored\n")
    return folder


def test_create_finds_what_it_made_before(lab: Repository, base: str) -> None:
    assert Repository.create(lab.path).resolve(base) == base


def test_the_same_shipped_files_give_the_same_commit(lab: Repository, tmp_path: Path) -> None:
    other = Repository.create(tmp_path / "other.git")
    (tmp_path / "train.py").write_bytes(TRAIN)
    by_path = lab.import_files({"train.py": tmp_path / "train.py"}, "ships")
    assert by_path == other.import_files({"train.py": TRAIN}, "ships")


def test_importing_takes_head_and_leaves_the_users_repository_byte_for_byte(
    lab: Repository, theirs: Path
) -> None:
    before = snapshot(theirs)
    commit = lab.import_head(theirs)
    found = survey(theirs)
    assert snapshot(theirs) == before
    assert commit == git(theirs, "rev-parse", "HEAD") == found.head
    assert lab.read_file(commit, "train.py") == TRAIN
    assert lab.list_files(commit) == (".gitignore", "prepare.py", "train.py")
    assert found.dirty == ("staged.py", "train.py")
    assert found.untracked == ("untracked file.py",)
    assert dirty(theirs) == ("staged.py", "train.py", "untracked file.py")
    assert lab.fsck() is None


def test_importing_shares_no_file_with_the_users_repository(lab: Repository, theirs: Path) -> None:
    lab.import_head(theirs)
    assert not (lab.path / "objects" / "info" / "alternates").exists()
    assert {path.stat().st_nlink for path in lab.path.rglob("*") if path.is_file()} == {1}


def test_publishing_brings_one_new_branch_and_moves_nothing_else(
    lab: Repository, theirs: Path
) -> None:
    head = lab.import_head(theirs)
    better = edited(lab, head, {"train.py": b"lr = 0.02\n"}, "higher")
    before = snapshot(theirs)
    lab.publish(better, theirs, "autoresearch/best")
    after = snapshot(theirs)
    new = [path for path in after if path not in before]
    kept = [".git/refs/heads/autoresearch/best", ".git/logs/refs/heads/autoresearch/best"]
    folders = [str(Path(path).parent) for path in kept]
    packs = [path for path in new if path.startswith(".git/objects/pack/")]
    assert sorted(new) == sorted(kept + folders + packs)
    assert len(packs) <= 3
    untouched = {path for path in before if not Path(theirs / path).is_dir()}
    assert {path: after[path] for path in untouched} == {path: before[path] for path in untouched}
    assert git(theirs, "rev-parse", "autoresearch/best", "autoresearch/best~1").split() == [
        better,
        head,
    ]
    assert "train.py" in git(theirs, "status", "--porcelain")
    git(theirs, "fsck", "--strict")


@pytest.mark.slow
def test_publishing_refuses_a_branch_that_exists_and_a_name_that_is_none(
    lab: Repository, theirs: Path
) -> None:
    head = lab.import_head(theirs)
    before = snapshot(theirs)
    for name, reason in (
        ("main", "branch_exists"),
        ("a..b", "bad_branch_name"),
        ("-x", "bad_branch_name"),
    ):
        with raises(f"invalid_state.{reason}", name):
            lab.publish(head, theirs, name)
    assert snapshot(theirs) == before
    with raises("invalid_state.branch_not_created", "main/below"):
        lab.publish(head, theirs, "main/below")


def test_publishing_reaches_a_user_whose_history_went_on(lab: Repository, theirs: Path) -> None:
    head = lab.import_head(theirs)
    better = edited(lab, head, {"train.py": b"lr = 0.02\n"}, "higher")
    git(theirs, "commit", "-q", "--amend", "-m", "two, amended")
    lab.publish(better, theirs, "best")
    assert git(theirs, "rev-parse", "best") == better


@pytest.mark.slow
def test_a_shallow_clone_can_be_researched_and_given_a_branch(
    lab: Repository, theirs: Path, tmp_path: Path
) -> None:
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{theirs}", str(shallow))
    head = lab.import_head(shallow)
    assert survey(shallow).shallow
    assert lab.fsck() is None
    better = edited(lab, head, {"train.py": b"lr = 0.02\n"}, "higher")
    lab.publish(better, shallow, "best")
    assert git(shallow, "log", "--format=%s", "best") == "higher\ntwo"


def test_submodules_and_large_files_are_named(lab: Repository, theirs: Path) -> None:
    head = git(theirs, "rev-parse", "HEAD")
    (theirs / ".gitattributes").write_text("*.bin filter=lfs\n")
    (theirs / "weights.bin").write_text("version https://git-lfs.github.com/spec/v1\n")
    git(theirs, "add", ".gitattributes", "weights.bin")
    git(theirs, "update-index", "--add", "--cacheinfo", f"160000,{head},vendored")
    git(theirs, "commit", "-qm", "large")
    found = survey(theirs)
    assert (found.submodules, found.lfs) == (("vendored",), ("weights.bin",))
    commit = lab.import_head(theirs)
    assert "vendored" in lab.list_files(commit)


def test_a_folder_that_cannot_be_researched_says_why(lab: Repository, tmp_path: Path) -> None:
    plain, empty, bare = tmp_path / "plain", tmp_path / "empty", tmp_path / "bare"
    plain.mkdir()
    git(tmp_path, "init", "-q", str(empty))
    git(tmp_path, "init", "-q", "--bare", str(bare))
    (empty / "inner").mkdir()
    for folder, reason in (
        (tmp_path / "nowhere", "no_folder"),
        (plain, "no_repository"),
        (empty, "no_commits"),
        (bare, "bare_repository"),
        (empty / ".git", "bare_repository"),
        (empty / "inner", "not_top_folder"),
    ):
        with raises(f"git.{reason}", str(folder)):
            lab.import_head(folder)


def test_a_repository_of_another_user_needs_safe_directory(
    lab: Repository, theirs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "gitconfig"
    config.write_text("")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setattr(
        "autoresearch.git.plumbing._COMMON", {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
    )
    with raises("git.other_owner", "safe.directory"):
        survey(theirs)
    config.write_text(f"[safe]\n\tdirectory = {theirs}\n")
    assert survey(theirs).dirty


@pytest.mark.slow
def test_hostile_configuration_and_hooks_run_nothing_and_change_nothing(
    theirs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker, hooks = tmp_path / "ran", tmp_path / "hooks"
    hooks.mkdir()
    script = hooks / "script"
    script.write_text(f"#!/bin/sh\necho $0 >> {marker}\ncat\n")
    script.chmod(0o755)
    names = ("reference-transaction", "post-checkout", "post-index-change", "pre-auto-gc")
    for name in (*names, "pre-commit", "commit-msg", "update", "post-update"):
        for folder in (hooks, theirs / ".git" / "hooks"):
            folder.mkdir(exist_ok=True)
            (folder / name).write_bytes(script.read_bytes())
            (folder / name).chmod(0o755)
    attributes = tmp_path / "attributes"
    attributes.write_text("* filter=evil export-ignore text eol=crlf\n")
    config = tmp_path / "gitconfig"
    config.write_text(
        f"[core]\nhooksPath = {hooks}\nfsmonitor = {script}\nattributesFile = {attributes}\n"
        f"autocrlf = true\n[commit]\ngpgSign = true\n[gpg]\nprogram = {script}\n"
        f"[init]\ntemplateDir = {tmp_path}\n[protocol.file]\nallow = never\n"
        f"[uploadpack]\npackObjectsHook = {script}\n[user]\nname = Somebody Else\n"
        f"[diff]\nexternal = {script}\nnoprefix = true\n[i18n]\ncommitEncoding = latin1\n"
    )
    git(theirs, "config", "core.fsmonitor", str(script))
    git(theirs, "config", "gc.auto", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "elsewhere-index"))
    before = snapshot(theirs)
    lab = Repository.create(tmp_path / "lab.git")
    head = lab.import_head(theirs)
    survey(theirs)
    assert snapshot(theirs) == before
    better = edited(lab, head, {"train.py": b"lr = 0.02\n"}, "höher")
    assert lab.move_refs({"refs/heads/x": (better, None)})
    lab.export(better, tmp_path / "out")
    assert (tmp_path / "out" / "train.py").read_bytes() == b"lr = 0.02\n"
    assert [change.path for change in lab.changes(head, better)] == ["train.py"]
    lab.publish(better, theirs, "best")
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_CONFIG_GLOBAL"):
        monkeypatch.delenv(name)
    logged = git(theirs, "log", "-1", "--format=%an %cn %s", "best")
    assert logged == "autoresearch autoresearch höher"
    assert not marker.exists()
    assert not (lab.path / "hooks").exists()


def test_a_missing_file_is_answered_with_near_names(lab: Repository, base: str) -> None:
    with raises("not_found.file", "trian.py", "train.py"):
        lab.read_file(base, "trian.py")
    with pytest.raises(NotFoundError):
        lab.read_file(base, "data")


def test_globs_are_gits_own(lab: Repository, base: str) -> None:
    assert lab.matching(base, ["*.py"]) == ("prepare.py", "train.py")
    assert lab.matching(base, ["**/*.txt"]) == ("data/names.txt",)
    assert lab.matching(base, ["data/"]) == ("data/names.txt",)
    assert lab.matching(base, []) == ()
    other = edited(lab, base, {"train.py": b"", "data/names.txt": b"", "new/a.py": b""}, "m")
    assert lab.outside(base, other, ["*.py"]) == ("data/names.txt", "new/a.py")
    assert lab.outside(base, other, ["**"]) == ()
    assert lab.outside(base, other, []) == ("data/names.txt", "new/a.py", "train.py")


def test_changes_carry_the_lines_of_the_base_that_were_touched(lab: Repository, base: str) -> None:
    text = TRAIN.replace(b"lr = 0.01\nsteps = 10\n", b"lr = 0.02\n") + b"\n\nmain()\n"
    files = {"train.py": text, "data/names.txt": None, "a b\tc.py": b"new\n", "x.bin": b"\0"}
    changes = {c.path: c for c in lab.changes(base, edited(lab, base, files, "m"))}
    assert list(changes) == ["a b\tc.py", "data/names.txt", "train.py", "x.bin"]
    train = changes["train.py"]
    assert (train.added, train.removed, train.spans) == (4, 2, ((3, 4), (8, 8)))
    assert (changes["data/names.txt"].status, changes["data/names.txt"].removed) == ("D", 2)
    assert (changes["a b\tc.py"].status, changes["a b\tc.py"].spans) == ("A", ())
    assert changes["x.bin"].binary
    assert lab.changes(base, base) == ()


def test_a_file_that_becomes_a_link_is_one_change(lab: Repository, base: str) -> None:
    link = "diff --git a/train.py b/train.py\ndeleted file mode 100644\n"
    link += "--- a/train.py\n+++ /dev/null\n"
    link += "@@ -1,8 +0,0 @@\n" + "".join(f"-{line}\n" for line in TRAIN.decode().splitlines())
    link += "diff --git a/train.py b/train.py\nnew file mode 120000\n--- /dev/null\n"
    link += "+++ b/train.py\n@@ -0,0 +1 @@\n+/etc/passwd\n\\ No newline at end of file\n"
    [change] = lab.changes(base, lab.apply_diff(base, link))
    assert (change.path, change.old_mode, change.new_mode) == ("train.py", "100644", "120000")


DIFF = "--- a/train.py\n+++ b/train.py\n@@ -2,3 +2,3 @@\n \n-lr = 0.01\n+lr = 0.02\n steps = 10\n"


@pytest.mark.parametrize(
    "diff",
    [
        DIFF,
        DIFF.rstrip("\n"),
        DIFF + "\n\n",
        DIFF.replace("a/", "").replace("b/", ""),
        DIFF.replace("\n", "\r\n"),
        DIFF.replace("@@ -2,3 +2,3 @@", "@@ -1,9 +1,7 @@"),
        DIFF.replace("\n \n", "\n\n"),
        DIFF.replace("train.py\n", "train.py\t2026-01-01 00:00:00\n"),
        f"Here is the patch:\n```diff\n{DIFF}```\nIt should help.",
        f"diff --git a/train.py b/train.py\nindex 1234567..89abcde 100644\n{DIFF}",
    ],
    ids=[
        *("plain", "no last newline", "blank tail", "no prefixes", "crlf", "wrong counts"),
        *("bare blank line", "timestamps", "fenced", "wrong hashes"),
    ],
)
def test_a_diff_applies_as_models_write_it(lab: Repository, base: str, diff: str) -> None:
    tree = lab.apply_diff(base, diff)
    assert lab.read_file(tree, "train.py") == TRAIN.replace(b"0.01", b"0.02")


def test_a_diff_of_several_files_without_git_lines_applies(lab: Repository, base: str) -> None:
    diff = DIFF + "--- /dev/null\n+++ b/new.py\n@@ -0,0 +1 @@\n+y = 1\n"
    diff += "--- a/prepare.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-x = 1\n"
    tree = lab.apply_diff(base, diff)
    assert lab.list_files(tree) == ("data/names.txt", "new.py", "train.py")


def test_a_diff_with_unix_ends_applies_to_a_file_with_dos_ends(lab: Repository) -> None:
    dos = lab.import_files({"train.py": TRAIN.replace(b"\n", b"\r\n")}, "dos")
    changed = lab.read_file(lab.apply_diff(dos, DIFF), "train.py")
    assert changed == TRAIN.replace(b"0.01", b"0.02").replace(b"\n", b"\r\n")


@pytest.mark.parametrize(
    ("diff", "reason", "mention"),
    [
        (DIFF.replace("0.01", "0.05"), "does_not_apply", "train.py:2"),
        (DIFF.replace("train.py", "trian.py"), "does_not_apply", "trian.py"),
        (DIFF.replace("train.py", "../train.py"), "does_not_apply", "train.py"),
        ("lr = 0.02", "no_file_header", ""),
        ("*** Begin Patch\n*** Update File: train.py\n", "apply_patch_format", "apply_patch"),
        (
            "--- a/train.py\n+++ b/train.py\n@@\n-lr = 0.01\n+lr = 0.02\n",
            "hunk_without_lines",
            "",
        ),
        ("--- a/train.py\n+++ b/train.py\n", "no_hunk", ""),
    ],
)
def test_a_diff_that_does_not_apply_is_refused(
    lab: Repository, base: str, diff: str, reason: str, mention: str
) -> None:
    with raises(f"patch_refused.{reason}", mention) as refused:
        lab.apply_diff(base, diff)
    assert "`edits`" in refused.value.remedy


def test_an_export_is_the_tree_alone(lab: Repository, tmp_path: Path) -> None:
    attributes = b"* text eol=crlf\n*.txt export-ignore\n*.py export-subst ident\n"
    files = {"train.py": b"# $Format:%H$ $Id$\n", "a/b.txt": b"1\n", ".gitattributes": attributes}
    commit = lab.import_files(files, "m")
    lab.export(commit, tmp_path / "out")
    lab.export(commit, tmp_path / "less", exclude=["a/**", ".gitattributes"])
    exported = [p.relative_to(tmp_path / "out") for p in (tmp_path / "out").rglob("*")]
    assert sorted(map(str, exported)) == [".gitattributes", "a", "a/b.txt", "train.py"]
    assert (tmp_path / "out" / "train.py").read_bytes() == files["train.py"]
    assert [path.name for path in (tmp_path / "less").iterdir()] == ["train.py"]


def test_a_link_out_of_the_tree_is_not_exported(lab: Repository, tmp_path: Path) -> None:
    for target in ("../../etc/passwd", "/etc/passwd"):
        diff = "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n"
        diff += f"+{target}\n\\ No newline at end of file\n"
        base = lab.import_files({"train.py": TRAIN}, "m")
        tree = lab.apply_diff(base, diff)
        with raises("git.leads_out", "l "):
            lab.export(tree, tmp_path / "out")


def test_refs_move_together_or_not_at_all(lab: Repository, base: str) -> None:
    one, two = "refs/heads/one", "refs/heads/two"
    assert lab.move_refs({one: (base, None), two: (base, None)})
    other = edited(lab, base, {"train.py": b"1\n"}, "m")
    assert not lab.move_refs({one: (other, base), two: (other, other)})
    assert not lab.move_refs({one: (other, None)})
    assert (lab.resolve(one), lab.resolve(two)) == (base, base)
    assert lab.move_refs({one: (other, base), two: (None, base)})
    assert (lab.resolve(one), lab.resolve(two)) == (other, None)


def test_a_stale_lock_is_an_error_with_gits_words(lab: Repository, base: str) -> None:
    lock = lab.path / "refs" / "heads" / "one.lock"
    lock.write_text("")
    with raises("git.command_failed", "one.lock"):
        lab.move_refs({"refs/heads/one": (base, None)})


def test_many_objects_are_read_in_one_go(lab: Repository, base: str) -> None:
    names = [f"{base}:train.py", f"{base}:no such file", f"{base}:data", f"{base}:prepare.py", ""]
    assert lab.read_many(names) == [TRAIN, None, None, b"x = 1\n", None]


def test_fsck_finds_a_flipped_byte(lab: Repository, base: str) -> None:
    assert lab.fsck() is None
    blob = lab.write_blob(b"a blob")
    file = lab.path / "objects" / blob[:2] / blob[2:]
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.chmod(0o600)
    file.write_bytes(content)
    assert blob in (lab.fsck() or "")


def test_git_that_is_not_installed_is_said(
    lab: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with raises("git.not_installed"):
        lab.resolve("HEAD")
