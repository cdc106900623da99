"""Text that a person saved with some editor: read if it is UTF-8, else refused clearly."""

import codecs
from pathlib import Path

import pytest

from curricula.capstone.own_model import read_model
from curricula.content.catalog import find_course
from curricula.grading.own_text import read_own_text
from curricula.workbook import read_workbook
from tests.support.refusals import raises
from tests.support.small_course import write_course

WORKBOOK = "# instance 0123456789ab\nanswer = 'é'\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "answer.py"


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_utf_8_is_read_with_or_without_a_mark_and_with_any_line_ends(file, mark, end):
    file.write_bytes(mark + WORKBOOK.replace("\n", end).encode())
    assert read_own_text(file) == WORKBOOK
    assert read_workbook(file) == ("0123456789ab", WORKBOOK)
    assert read_model(file) == WORKBOOK


@pytest.mark.parametrize(
    ("encoding", "named"),
    [
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("utf-32", "UTF-32"),
        ("latin-1", "UTF-8"),
    ],
)
@pytest.mark.parametrize("read", [read_workbook, read_model])
def test_another_encoding_is_named_with_what_to_do(file, encoding, named, read):
    file.write_bytes(WORKBOOK.encode(encoding))
    with raises("submission.unreadable_file", str(file), named, "Save it again as UTF-8"):
        read(file)


def test_the_files_of_a_course_are_read_with_a_mark_too(tmp_path):
    folder = write_course(tmp_path)
    for file in [folder / "course.toml", folder / "sums.py", *folder.glob("*/*")]:
        file.write_bytes(codecs.BOM_UTF8 + file.read_bytes())
    course = find_course(str(folder))
    assert len(course.units) == 2
    assert course.units[0].owned_lines(course.about.subject) == {4, 5}
