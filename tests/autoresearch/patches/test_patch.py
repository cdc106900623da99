"""Patches are checked before they cost anything, and known again in disguise."""

from pathlib import Path

import pytest

from autoresearch.equivalence.fingerprint import fingerprint
from autoresearch.errors import PatchRefusedError
from autoresearch.git.repository import Repository
from autoresearch.patches.patch import Edit, Limits, PreparedPatch, prepare
from tests.support.refusals import raises

TRAIN = '''"""Train."""
import math

lr = 1e-2


def schedule(step, steps=10):
    """Decay."""
    rest = 1 - step / steps
    return lr * rest  # linear


class Model:
    width = 16
'''
ALLOW = ("train.py", "models/**")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository.create(tmp_path_factory.mktemp("lab") / "repository.git")


@pytest.fixture(scope="module")
def base(lab: Repository) -> str:
    files = {
        "train.py": TRAIN.encode(),
        "tensor.py": b"x = 1\n",
        "data/held_out.txt": b"the secret line\nand another\n",
        "models/many.py": b"a" * 100_000,
        "models/dos.py": b"a = 1\r\nb = 2\r\n",
        "models/new_syntax.py": b"a = = 1\n",
        "models/latin.py": b"# -*- coding: latin-1 -*-\nname = '\xe9'\n",
    }
    return lab.import_files(files, "base")


def edited(lab: Repository, base: str, *edits: tuple[str, str, str]) -> PreparedPatch:
    given = [Edit(path=path, find=find, replace=replace) for path, find, replace in edits]
    return prepare(lab, base, edits=given, allow=ALLOW)


def editable_fingerprint(lab: Repository, commit: str) -> str:
    return fingerprint({p: lab.read_file(commit, p) for p in lab.matching(commit, ALLOW)})


@pytest.mark.slow
def test_an_edit_gives_a_tree_its_changes_and_a_fingerprint(lab: Repository, base: str) -> None:
    patch = edited(lab, base, ("train.py", "lr = 1e-2", "lr = 2e-2"))
    assert lab.read_file(patch.tree, "train.py").decode() == TRAIN.replace("1e-2", "2e-2")
    [change] = patch.changes
    assert (change.path, change.added, change.removed) == ("train.py", 1, 1)
    assert change.spans == ((4, 4),)
    assert patch.fingerprint == editable_fingerprint(lab, patch.tree)
    assert patch.fingerprint != editable_fingerprint(lab, base)


def test_edits_apply_one_after_the_other_and_may_write_new_files(
    lab: Repository, base: str
) -> None:
    patch = edited(
        lab,
        base,
        ("train.py", "lr = 1e-2", "lr = 2e-2"),
        ("./train.py", "lr = 2e-2", "lr = 3e-2"),
        ("models/deep/mlp.py", "", "layers = 2\n"),
    )
    assert b"lr = 3e-2" in lab.read_file(patch.tree, "train.py")
    assert lab.read_file(patch.tree, "models/deep/mlp.py") == b"layers = 2\n"


def test_a_diff_and_the_same_edit_are_one_patch(lab: Repository, base: str) -> None:
    by_edit = edited(lab, base, ("train.py", "lr = 1e-2", "lr = 2e-2"))
    diff = "--- a/train.py\n+++ b/train.py\n@@ -4 +4 @@\n-lr = 1e-2\n+lr = 2e-2\n"
    assert prepare(lab, base, diff=diff, allow=ALLOW) == by_edit


def test_line_ends_of_the_file_are_kept(lab: Repository, base: str) -> None:
    patch = edited(lab, base, ("models/dos.py", "a = 1\nb = 2", "a = 3\nb = 2"))
    assert lab.read_file(patch.tree, "models/dos.py") == b"a = 3\r\nb = 2\r\n"


@pytest.mark.parametrize(
    ("edit", "reason", "mentions"),
    [
        (("train.py", "lr = 1e-3", "x"), "find_absent", ["train.py", "4: lr = 1e-2"]),
        (("train.py", "qqqqqqqq", "x"), "find_absent", ["train.py"]),
        (("train.py", "step", "x"), "find_repeated", ["train.py", "4 times", "7, 7, 9, 9"]),
        (("models/many.py", "aaa", "x"), "find_repeated", ["models/many.py", "10 times", "1, 1"]),
        (("trian.py", "lr", "x"), "no_file", ["'trian.py'", "train.py"]),
        (("train.py", "", "x = 1"), "file_exists", ["train.py"]),
        (("train.py", "lr = 1e-2", "lr = 1e-2"), "no_change", []),
        (("tensor.py", "x = 1", "x = 2"), "not_editable", ["tensor.py", "train.py, models/**"]),
        (("new.py", "", "x = 2"), "not_editable", ["new.py"]),
        (("../train.py", "", "x"), "bad_path", []),
        (("models/../../x", "", "x"), "bad_path", []),
        (("/etc/passwd", "", "x"), "bad_path", []),
        (("models/.GIT/config", "", "x"), "bad_path", []),
        (("models\\x.py", "", "x"), "bad_path", []),
        (("models/a\nb.py", "", "x"), "bad_path", []),
        (("", "", "x"), "bad_path", []),
        (("models", "", "x"), "is_folder", ["models"]),
        (("train.py/x.py", "", "x"), "parent_is_file", ["train.py"]),
        (("models/latin.py", "name", "x"), "not_text", ["models/latin.py"]),
        (("train.py", "lr = 1e-2", "lr = = 2"), "syntax", ["train.py:4", "\n  lr = = 2\n ", "^"]),
        (("train.py", "lr = 1e-2", "return 1"), "syntax", ["train.py:4", "'return' outside"]),
        (("train.py", "lr = 1e-2", "lr = '\0'"), "binary", ["train.py"]),
        (("train.py", "lr = 1e-2", "lr = " + "-" * 50_000 + "1"), "syntax", ["train.py"]),
        (("train.py", "lr = 1e-2", "lr = " + "(" * 500 + ")" * 500), "syntax", ["train.py"]),
        (("train.py", "lr = 1e-2", "x = 1\n" * 2_001), "too_large", ["2,003", "1 file", "2,000"]),
        (("train.py", "lr = 1e-2", "#" * 200_001), "file_too_large", ["200,0", "200,000"]),
        (("train.py", "  # linear", ""), "no_effect", []),
        (("train.py", '    """Decay."""\n', ""), "no_effect", []),
        (("train.py", "lr = 1e-2", "lr = (0.010)"), "no_effect", []),
        (("train.py", "lr = 1e-2", "lr = 1 / 100"), "no_effect", []),
    ],
)
def test_an_edit_is_refused_with_what_is_wrong(
    lab: Repository, base: str, edit: tuple[str, str, str], reason: str, mentions: list[str]
) -> None:
    with raises(f"patch_refused.{reason}", *mentions) as refused:
        edited(lab, base, edit)
    assert refused.value.remedy
    assert len(str(refused.value)) < 1_000


def test_one_of_edits_and_diff_must_be_given(lab: Repository, base: str) -> None:
    edit = Edit(path="train.py", find="lr = 1e-2", replace="lr = 2e-2")
    with raises("patch_refused.edits_or_diff"):
        prepare(lab, base, allow=ALLOW)
    with raises("patch_refused.edits_or_diff"):
        prepare(lab, base, edits=[edit], diff="--- a", allow=ALLOW)
    with raises("patch_refused.diff_too_long", "1,000,001"):
        prepare(lab, base, diff="-" * 1_000_001, allow=ALLOW)


NEW_FILE = (
    "diff --git a/{0} b/{0}\nnew file mode {1}\n--- /dev/null\n+++ b/{0}\n@@ -0,0 +1 @@\n+{2}\n"
)


@pytest.mark.parametrize(
    ("diff", "reason", "mention"),
    [
        (NEW_FILE.format("models/l.py", "120000", "../tensor.py"), "bad_mode", "models/l.py"),
        (NEW_FILE.format("models/x.py", "100755", "x = 1"), "bad_mode", "models/x.py"),
        (
            "diff --git a/train.py b/train.py\nold mode 100644\nnew mode 100755\n",
            "bad_mode",
            "train.py",
        ),
        (
            "diff --git a/tensor.py b/models/t.py\nsimilarity index 100%\n"
            "rename from tensor.py\nrename to models/t.py\n",
            "not_editable",
            "tensor.py",
        ),
        (
            "diff --git a/m b/models/m\nnew file mode 160000\n--- /dev/null\n+++ b/models/m\n"
            "@@ -0,0 +1 @@\n+Subproject commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n",
            "bad_mode",
            "models/m",
        ),
        (NEW_FILE.format("models/../../x.py", "100644", "x = 1"), "does_not_apply", ""),
        (NEW_FILE.format(".git/hooks/x", "100644", "x = 1"), "does_not_apply", ""),
    ],
)
def test_a_diff_that_reaches_too_far_is_refused(
    lab: Repository, base: str, diff: str, reason: str, mention: str
) -> None:
    with raises(f"patch_refused.{reason}", mention):
        prepare(lab, base, diff=diff, allow=ALLOW)


SEALED = "data/held_out.txt"
SEALED_DIFF = f"--- a/{SEALED}\n+++ b/{SEALED}\n@@ -1,2 +1,2 @@\n-GUESS\n+x\n and another\n"


@pytest.mark.parametrize("find", ["the secret lime", "the secret line", "", "\n"])
@pytest.mark.parametrize("path", [SEALED, f"./{SEALED}", "data//held_out.txt"])
def test_an_edit_of_a_sealed_file_learns_nothing_of_its_content(
    lab: Repository, base: str, path: str, find: str
) -> None:
    with pytest.raises(PatchRefusedError) as refused:
        edited(lab, base, (path, find, "x"))
    assert refused.value.message == f"The patch changes frozen files: {SEALED}."
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("guess", ["the secret lime", "the secret line"])
@pytest.mark.parametrize(
    "diff",
    [
        SEALED_DIFF,
        SEALED_DIFF.replace(" a/", " ").replace(" b/", " "),
        f"diff --git z/{SEALED} z/{SEALED}\n{SEALED_DIFF.replace('a/', 'z/', 1)}",
        NEW_FILE.format("models/x.py", "100644", "x = 1") + SEALED_DIFF,
    ],
    ids=["plain", "no prefixes", "other prefix", "second"],
)
def test_a_diff_of_a_sealed_file_does_not_learn_whether_it_guessed_a_line(
    lab: Repository, base: str, diff: str, guess: str
) -> None:
    with pytest.raises(PatchRefusedError) as refused:
        prepare(lab, base, diff=diff.replace("GUESS", guess), allow=ALLOW)
    assert refused.value.message == f"The patch changes frozen files: {SEALED}."


def test_a_diff_does_not_copy_a_sealed_file_to_where_it_may_be_read(
    lab: Repository, base: str
) -> None:
    diff = f"diff --git a/{SEALED} b/models/x.txt\nsimilarity index 100%\n"
    diff += f"copy from {SEALED}\ncopy to models/x.txt\n"
    with raises("patch_refused.not_editable", "data/held_out"):
        prepare(lab, base, diff=diff, allow=ALLOW)


def test_a_link_that_is_there_may_not_be_turned_elsewhere(lab: Repository, base: str) -> None:
    link = NEW_FILE.format("models/l", "120000", "dos.py").rstrip("\n")
    tree = lab.apply_diff(base, link + "\n\\ No newline at end of file\n")
    turned = lab.edit_tree(tree, {"models/l": b"/etc/passwd"})
    with raises("patch_refused.bad_mode"):
        prepare(lab, tree, diff=lab.diff(tree, turned), allow=ALLOW)


def test_a_file_may_be_deleted(lab: Repository, base: str) -> None:
    diff = "--- a/models/dos.py\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-a = 1\n-b = 2\n"
    patch = prepare(lab, base, diff=diff, allow=ALLOW)
    assert "models/dos.py" not in lab.list_files(patch.tree)


def test_a_file_that_did_not_parse_before_may_go_on_not_parsing(lab: Repository, base: str) -> None:
    assert edited(lab, base, ("models/new_syntax.py", "a = = 1", "a = = 2")).changes


def test_the_number_of_files_is_limited(lab: Repository, base: str) -> None:
    edits = [Edit(path=f"models/m{i}.py", find="", replace="x = 1\n") for i in range(3)]
    with raises("patch_refused.too_large", "3 files"):
        prepare(lab, base, edits=edits, allow=ALLOW, limits=Limits(files=2))


ODD = "data/\u00e4 \u20ac.txt"  # git writes such a path in quotes, with octal escapes
QUOTED = r'"{}/data/\303\244 \342\202\254.txt"'


@pytest.mark.parametrize("guess", ["the secret line", "another line"])
def test_a_frozen_path_that_git_quotes_is_known_too(lab: Repository, guess: str) -> None:
    odd = lab.import_files({"train.py": b"x = 1\n", ODD: b"the secret line\n"}, "odd")
    old, new = QUOTED.format("a"), QUOTED.format("b")
    bare = f"--- {old}\n+++ {new}\n@@ -1 +1 @@\n-{guess}\n+x\n"
    for diff in (bare, f"diff --git {old} {new}\n{bare}"):
        with pytest.raises(
            PatchRefusedError, match=f"^The patch changes frozen files: {ODD}"
        ) as no:
            prepare(lab, odd, diff=diff, allow=ALLOW)
        assert "secret" not in str(no.value)


def test_a_file_whose_path_git_quotes_may_be_edited_where_it_is_allowed(lab: Repository) -> None:
    odd = lab.import_files({"models/\u00e4.py": b"x = 1\n"}, "odd")
    changed = lab.edit_tree(odd, {"models/\u00e4.py": b"x = 2\n"})
    diff = lab.diff(odd, changed)
    bare = "\n".join(line for line in diff.split("\n") if not line.startswith(("diff", "index")))
    for text in (diff, bare):
        assert prepare(lab, odd, diff=text, allow=ALLOW).tree == changed


@pytest.mark.parametrize(
    ("find", "replace", "simpler"),
    [
        ("    rest = 1 - step / steps\n    return lr * rest  # linear", "    return lr", True),
        (
            "    rest = 1 - step / steps\n    return lr * rest",
            "    return eval('(lambda rest: lr * rest)(1 - step / steps)')",
            False,
        ),
        ("steps=10", "steps=12", False),
        ("import math\n", "", False),  # two nodes are no simplification
        ('    """Decay."""\n    rest = 1', "    rest = 2", False),  # a docstring is no code
    ],
)
def test_less_code_is_known_as_a_simplification(
    lab: Repository, base: str, find: str, replace: str, simpler: bool
) -> None:
    assert (edited(lab, base, ("train.py", find, replace)).simpler > 0) is simpler


def test_code_that_moves_to_a_new_file_is_no_simplification(lab: Repository, base: str) -> None:
    body = "    rest = 1 - step / steps\n    return lr * rest  # linear"
    moved = ("models/new.py", "", "lr = 1\n")
    assert edited(lab, base, ("train.py", body, "    return lr"), moved).simpler == 0


def same(one: str, other: str) -> bool:
    return fingerprint({"a.py": one.encode()}) == fingerprint({"a.py": other.encode()})


FUNCTION = """
def main(xs, scale=2):
    total = 0
    def add(n):
        nonlocal total
        total += n
    for x in xs:
        add(scale * x)
    squares = [x * x for x in xs if x]
    import numpy as np
    with open("f") as handle:
        text = handle.read()
    try:
        (last := squares[-1])
    except IndexError as error:
        print(error, text, last)
    match xs:
        case [first, *rest] | {"k": first, **rest}:
            pass
    class Box:
        size = total
    return np.sum(squares) + total + Box.size
"""
RENAMED = FUNCTION
for _old, _new in (
    ("total = 0", "t = 0"),
    ("nonlocal total", "nonlocal t"),
    ("total += n", "t += n"),
    ("+ total +", "+ t +"),
    ("size = total", "size = t"),
    ("add(", "plus("),
    ("for x in xs:\n        plus(scale * x)", "for item in xs:\n        plus(scale * item)"),
    ("x * x for x in xs if x", "q * q for q in xs if q"),
    ("squares", "sq"),
    ("import numpy as np", "import numpy as xp"),
    ("np.sum", "xp.sum"),
    ("handle", "h"),
    ("text", "content"),
    ("last", "final"),
    ("error", "e"),
    ("first", "one"),
    ("rest", "others"),
    ("class Box", "class Crate"),
    ("Box.size", "Crate.size"),
):
    RENAMED = RENAMED.replace(_old, _new)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1  # c\n", "# d\nx = (\n    1\n)\n"),
        ("'doc'\nx = 1", "x = 1"),
        ("class A:\n    'doc'", "class A:\n    pass"),
        ("lr = 1e-2", "lr = 0.01"),
        ("n = 1_000", "n = 0x3e8"),
        ("n = 2 * 5 - 3 ** 2", "n = 1"),
        ("n = -(-2)", "n = 2"),
        ("s = 'a'", 's = "a"'),
        ("if x:\n    y = 1\nelse:\n    pass", "if x:\n    y = 1"),
        (FUNCTION, RENAMED),
        ("f = lambda x: [y for y in x]", "f = lambda x: [z for z in x]"),
        (
            "def f():\n    a = 1\n    b = 2\n    return a - b",
            "def f():\n b = 1\n a = 2\n return b - a",
        ),
    ],
)
def test_a_disguise_does_not_change_the_fingerprint(one: str, other: str) -> None:
    assert one != other
    assert same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "y = 1"),
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 2", "x = -2"),
        ("a.b = 1", "a.c = 1"),
        ("def f(a): return a", "def f(b): return b"),
        ("def f(a): return a", "def g(a): return a"),
        ("f(a=1)", "f(b=1)"),
        ("class A:\n    x = 1", "class A:\n    y = 1"),
        ("def f():\n    global n\n    n = 1", "def f():\n    global m\n    m = 1"),
        ("def f():\n    n = 1\n    return locals()", "def f():\n    m = 1\n    return locals()"),
        ("def f():\n    a = 1\n    return a", "def f():\n    a = 1\n    return b"),
        ("def f():\n    a = 1\n    b = 2\n    return a", "def f():\n a = 1\n b = 2\n return b"),
        ("x = 'doc' 'a'", "x = 'doc'"),
        ("async def f(): pass", "def f(): pass"),
        ("x = 1 / 0", "x = 2 / 0"),
        ("x = [a for a in b]", "x = (a for a in b)"),
    ],
)
def test_a_change_of_what_runs_changes_the_fingerprint(one: str, other: str) -> None:
    assert not same(one, other)


def test_what_cannot_be_parsed_is_compared_by_its_lines() -> None:
    assert same("a = = 1  \n\n", "a = = 1\n")
    assert not same("a = = 1\n", "a = = 2\n")
    assert same("x = 0x" + "f" * 10_000, "x = 0X" + "F" * 10_000)
    assert not same("-" * 50_000 + "1", "-" * 50_000 + "2")
    deep = " + ".join("abc" for _ in range(3_000))
    assert not same(f"x = {deep}", f"x = {deep} + d")


def test_paths_and_other_files_count() -> None:
    assert fingerprint({"a.py": b"x"}) != fingerprint({"b.py": b"x"})
    assert fingerprint({"a.txt": b"# x\n"}) != fingerprint({"a.txt": b"# y\n"})
    assert fingerprint({"a.txt": b"x \r\n"}) == fingerprint({"a.txt": b"x\n"})
    assert fingerprint({"a.py": b"x"}) != fingerprint({"a.py": b"x", "b.py": b""})


def test_a_fingerprint_does_not_depend_on_the_python_version() -> None:
    expected = "05ad99"  # written under Python 3.11
    assert fingerprint({"a.py": FUNCTION.encode()})[:6] == expected


def test_the_shipped_names_of_paths_need_not_be_text(tmp_path: Path) -> None:
    assert fingerprint({"a\udcff.py": b"x = 1"})
