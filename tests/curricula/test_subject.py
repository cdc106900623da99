"""The taught file: found by path, loaded once, its lines and symbols known, run as a program."""

import pytest

from curricula import subject
from curricula.errors import UnknownNameError

SOURCE = '''\
"""A file."""

A, (B, C) = 1, (2, 3)


class K:
    """A class."""

    x = 1

    def go(self):
        """Go."""
        return self.x


def f():
    return A
'''


def test_gpt_is_the_same_module_for_everyone_and_where_the_product_is():
    assert subject.load("microgpt/gpt.py") is subject.load("microgpt/gpt.py")
    assert subject.locate("microgpt/gpt.py").is_file()


@pytest.mark.parametrize("path", ["microgpt/none.py", "microgpt"])
def test_a_subject_that_there_is_not_is_refused(path):
    with pytest.raises(UnknownNameError, match=r"course\.toml") as refused:
        subject.locate(path)
    assert refused.value.code == "unknown_name.subject"


def test_lines_of_code_are_where_the_interpreter_stops():
    assert subject.code_lines(SOURCE) == {3, 6, 9, 11, 13, 16, 17}


def test_symbols_are_functions_classes_methods_and_names():
    assert subject.symbols(SOURCE) == {
        "A": (3, 3), "B": (3, 3), "C": (3, 3),
        "K": (6, 13), "K.x": (9, 9), "K.go": (11, 13), "f": (16, 17),
    }  # fmt: skip


def test_what_runs_at_import_is_definitions_and_class_bodies(tmp_path):
    file = tmp_path / "file.py"
    file.write_text(SOURCE)
    assert {3, 6, 9, 11, 16} <= subject.import_lines(str(file))
    assert not {13, 17} & subject.import_lines(str(file))


def test_a_program_runs_in_a_folder_of_its_own_and_its_reader_may_leave(tmp_path):
    file = tmp_path / "file.py"
    file.write_text("import sys\nprint(open('a.txt').read())\nprint(sys.argv[1])\nsys.exit(3)\n")
    ran = subject.run_program(["x"], {"a.txt": "hello"}, path=str(file))
    assert (ran.code, ran.lines, ran.error) == (3, ("hello", "x"), "")
    file.write_text("import itertools\nfor n in itertools.count(): print(n, flush=True)\n")
    left = subject.run_program([], {}, stop_after_lines=2, path=str(file))
    assert left.lines == ("0", "1")
    assert "BrokenPipeError" in left.error
