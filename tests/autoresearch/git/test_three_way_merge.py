"""Patches put on a tree that moved on: what merges, what collides, and what must survive."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from autoresearch.git.raw_diff import read_hunks
from autoresearch.git.repository import Entry, Repository
from autoresearch.git.three_way_merge import Clash, MergeRefusedError, merge_trees
from autoresearch.patches.patch import prepare
from tests.support.refusals import raises

Files = dict[str, bytes | None]
TEN = [f"{n}\n".encode() for n in range(1, 11)]


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository.create(tmp_path_factory.mktemp("lab") / "repository.git")


@pytest.fixture(scope="module")
def base(repo: Repository) -> str:
    files = {
        "train.py": b"".join(TEN),
        "models/dos.py": b"a = 1\r\nb = 2\r\nc = 3\n",
        "models/latin.py": b"name = '\xe9'\nlr = 1\nend = 2",
        "models/bytes.bin": b"\0one\ntwo\nthree\n",
    }
    return repo.import_files(files, "base")


def merged(repo: Repository, base: str, ours: Files, theirs: Files) -> str:
    return merge_trees(repo, base, repo.edit_tree(base, ours), repo.edit_tree(base, theirs))


def text(changes: dict[int, bytes]) -> bytes:
    """The ten lines with other text in these places, counted from 1."""
    return b"".join(changes.get(n, line) for n, line in enumerate(TEN, start=1))


@contextmanager
def collides(path: str, clash: Clash) -> Iterator[pytest.ExceptionInfo[MergeRefusedError]]:
    """Expect a merge to be refused for this one reason, at this file."""
    with pytest.raises(MergeRefusedError) as refused:
        yield refused
    assert refused.value.code == "patch_refused.collision"
    assert refused.value.message.startswith(path)
    assert {(one.path, one.why) for one in refused.value.collisions} == {(path, clash)}


def merged_text(repo: Repository, base: str, ours: bytes, theirs: bytes) -> bytes | None:
    tree = merged(repo, base, {"train.py": ours}, {"train.py": theirs})
    return repo.read_many([f"{tree}:train.py"])[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({4: b"A\n"}, {5: b"B\n"}),  # neighbours
        ({4: b"A\n"}, {6: b"B\n"}),
        ({4: b"A\n"}, {3: b"B\n", 5: b"C\n"}),  # on both sides
        ({4: b"A\nA\nA\n"}, {5: b"B\n"}),  # one of them grows
        ({4: b""}, {5: b"B\n"}),
        ({4: b""}, {5: b""}),
        ({1: b"A\n"}, {10: b"B\n"}),
        ({2: b"A\nA\nA\n"}, {9: b""}),  # the lines below moved
        ({2: b"A\n", 7: b"S\n"}, {7: b"S\n", 9: b"B\n"}),  # one change is in both
    ],
)
def test_changes_of_different_lines_are_both_had_whichever_comes_first(
    repo: Repository, base: str, ours: dict[int, bytes], theirs: dict[int, bytes]
) -> None:
    both = text(ours | theirs)
    assert merged_text(repo, base, text(ours), text(theirs)) == both
    assert merged_text(repo, base, text(theirs), text(ours)) == both


@pytest.mark.parametrize(
    ("ours", "theirs", "clash", "lines"),
    [
        ({4: b"A\n"}, {4: b"B\n"}, Clash.SAME_LINES, "line 4 (line 4"),
        ({1: b"x\n1\n", 4: b"A\n"}, {4: b"B\n"}, Clash.SAME_LINES, "line 5 (line 4"),
        ({3: b"A\n", 4: b"A\n"}, {4: b"B\n", 5: b"B\n"}, Clash.SAME_LINES, "lines 3-4 (lines 4-5"),
        ({4: b""}, {4: b"B\n"}, Clash.SAME_LINES, ""),
        ({4: b"4\nA\n"}, {4: b"4\nB\n"}, Clash.ORDER_OPEN, ""),
        ({4: b"A\nA\n"}, {5: b"B\nB\n"}, Clash.ORDER_OPEN, ""),
        ({3: b"A\n", 4: b"A\n"}, {3: b"3\nB\n"}, Clash.SAME_LINES, ""),  # put in between
    ],
)
def test_a_collision_names_file_and_lines_now_and_in_the_patch_s_base(
    repo: Repository,
    base: str,
    ours: dict[int, bytes],
    theirs: dict[int, bytes],
    clash: Clash,
    lines: str,
) -> None:
    with collides("train.py", clash) as refused:
        merged_text(repo, base, text(ours), text(theirs))
    assert lines in refused.value.message


def test_every_collision_is_known_and_the_first_five_are_told(repo: Repository, base: str) -> None:
    odd = [1, 3, 5, 7, 9]
    with pytest.raises(MergeRefusedError) as refused:
        merged(
            repo,
            base,
            {"train.py": text(dict.fromkeys(odd, b"A\n")), "models/latin.py": None},
            {"train.py": text(dict.fromkeys(odd, b"B\n")), "models/latin.py": b"lr = 2\n"},
        )
    assert [collision.path for collision in refused.value.collisions] == [
        "models/latin.py",
        *["train.py"] * 5,
    ]
    assert [line for line in range(10) if f"line {line} (" in refused.value.message] == odd[:-1]
    assert " 1 more" in refused.value.message


@pytest.mark.parametrize(
    ("path", "ours", "theirs", "both"),
    [
        (
            "models/dos.py",  # a carriage return is part of a line, and lines may differ in it
            b"a = 9\r\nb = 2\r\nc = 3\n",
            b"a = 1\r\nb = 8\r\nc = 3\r\n",
            b"a = 9\r\nb = 8\r\nc = 3\r\n",
        ),
        (
            "models/latin.py",
            b"name = '\xe8'\nlr = 1\nend = 2",
            b"name = '\xe9'\nlr = 2\nend = 2",
            b"name = '\xe8'\nlr = 2\nend = 2",
        ),
        (
            "models/latin.py",  # a last line end comes beside a change
            b"name = '\xe9'\nlr = 7\nend = 2",
            b"name = '\xe9'\nlr = 1\nend = 2\nafter = 3\n",
            b"name = '\xe9'\nlr = 7\nend = 2\nafter = 3\n",
        ),
    ],
)
def test_line_ends_a_missing_last_one_and_other_encodings_survive(
    repo: Repository, base: str, path: str, ours: bytes, theirs: bytes, both: bytes
) -> None:
    tree = merged(repo, base, {path: ours}, {path: theirs})
    assert repo.read_many([f"{tree}:{path}"]) == [both]


def test_a_line_is_not_glued_to_one_whose_end_was_taken_away(repo: Repository, base: str) -> None:
    whole = text({})
    with collides("train.py", Clash.LAST_LINE_END):
        merged_text(repo, base, whole + b"more\n", whole.removesuffix(b"\n"))


def test_files_come_go_and_change_independently(repo: Repository, base: str) -> None:
    ours: Files = {"new.py": b"n\n", "models/dos.py": None, "train.py": text({1: b"A\n"})}
    theirs: Files = {
        "new.py": b"n\n",
        "models/latin.py": None,
        "models/bytes.bin": b"\0B",
        "z": b"",
    }
    tree = merged(repo, base, ours, theirs)
    assert tree == repo.edit_tree(base, {**ours, **theirs})


@pytest.mark.parametrize(
    ("ours", "theirs", "path", "clash"),
    [
        ({"train.py": None}, {"train.py": b"B\n"}, "train.py", Clash.GONE),
        ({"train.py": b"A\n"}, {"train.py": None}, "train.py", Clash.CHANGED_SINCE),
        ({"new.py": b"A\n"}, {"new.py": b"B\n"}, "new.py", Clash.BOTH_ADD),
        ({"new": b"A\n"}, {"new/one.py": b"B\n"}, "new", Clash.FILE_AND_FOLDER),
        ({"new/one.py": b"A\n"}, {"new": b"B\n"}, "new", Clash.FILE_AND_FOLDER),
        (
            {"models/bytes.bin": b"\0ONE\ntwo\nthree\n"},
            {"models/bytes.bin": b"\0one\ntwo\nTHREE\n"},
            "models/bytes.bin",
            Clash.BINARY,
        ),
    ],
)
def test_whole_files_that_collide_are_refused(
    repo: Repository, base: str, ours: Files, theirs: Files, path: str, clash: Clash
) -> None:
    with collides(path, clash):
        merged(repo, base, ours, theirs)


def test_modes_merge_and_links_are_never_merged_by_line(repo: Repository, base: str) -> None:
    entries = repo.entries(base)
    old = entries["train.py"]
    ran = repo.write_tree({**entries, "train.py": Entry("100755", old.id)})
    theirs = repo.edit_tree(base, {"train.py": text({2: b"B\n"})})
    expected = {**repo.entries(theirs)}
    expected["train.py"] = Entry("100755", expected["train.py"].id)
    for one, other in ((ran, theirs), (theirs, ran)):
        assert repo.entries(merge_trees(repo, base, one, other)) == expected
    link = repo.write_tree({**entries, "train.py": Entry("120000", repo.write_blob(b"notes.md"))})
    with collides("train.py", Clash.NO_PLAIN_FILE):
        merge_trees(repo, base, link, theirs)


def test_odd_names_and_a_submodule_beside_the_change_stay(repo: Repository, base: str) -> None:
    odd = {'we "quote"\t\u00e4.py': Entry("100644", repo.write_blob(text({})))}
    before = repo.write_tree({**repo.entries(base), **odd, "sub": Entry("160000", "1" * 40)})
    [name] = odd
    ours, theirs = text({4: b"A\n"}), text({5: b"B\n"})
    tree = merged(repo, before, {name: ours}, {name: theirs})
    assert tree == repo.edit_tree(before, {name: text({4: b"A\n", 5: b"B\n"})})


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_hunks_give_the_new_text_again_and_merges_go_both_ways(
    repo: Repository, base: str, seed: int
) -> None:
    draw = random.Random(seed)
    start = [b"%d\n" % draw.randrange(4) for _ in range(30)]  # many lines that are alike

    def changed() -> bytes:
        lines = [draw.choice([[line], [line], [line], [], [b"n\n", line]]) for line in start]
        return b"".join(line for put in lines for line in put).removesuffix(
            b"\n" * draw.randrange(2)
        )

    new = changed()
    lines = new.splitlines(keepends=True)
    old_id, new_id = repo.write_blob(b"".join(start)), repo.write_blob(new)
    found = list(start)
    for hunk in reversed(repo.hunks(old_id, new_id, lines)):
        found[hunk.first : hunk.after] = hunk.lines
    assert b"".join(found) == new
    before = repo.edit_tree(base, {"train.py": b"".join(start)})

    def both(one: bytes, other: bytes) -> bytes | None:
        try:
            return merged_text(repo, before, one, other)
        except MergeRefusedError:
            return None

    few = b"".join([b"first\n", *start[1:-1], b"last\n"])
    assert both(new, few) == both(few, new)
    assert both(new, b"".join(start)) == both(b"".join(start), new) == both(new, new) == new


@pytest.mark.slow
def test_a_merged_tree_is_checked_like_any_patch(repo: Repository, base: str) -> None:
    frozen, free = {"train.py": text({1: b"A\n"})}, {"models/latin.py": b"name = '\xe8'\nlr = 2\n"}
    tree = merged(repo, base, {}, frozen | free)
    with raises("patch_refused.not_editable", "train.py"):
        prepare(repo, base, tree=tree, allow=("models/**",))
    with raises("patch_refused.no_change"):
        prepare(repo, base, tree=merged(repo, base, {}, {}), allow=("models/**",))
    with raises("patch_refused.edits_or_diff"):
        prepare(repo, base, tree=tree, diff="x", allow=("models/**",))
    tree = merged(repo, base, {}, free)
    assert prepare(repo, base, tree=tree, allow=("models/**",)).tree == tree


def test_lines_that_look_like_a_diff_s_own_are_no_hunks() -> None:
    out = b"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -2 +2 @@ f\n-@@ -1 +1 @@\n+@@ -9,9 +9,9 @@\n"
    [hunk] = read_hunks(out, [b"1\n", b"@@ -9,9 +9,9 @@\n"])
    assert (hunk.first, hunk.after, hunk.lines) == (1, 2, (b"@@ -9,9 +9,9 @@\n",))
