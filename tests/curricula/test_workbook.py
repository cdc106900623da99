"""The learner's file: made once, theirs from then on."""

from dataclasses import replace

import pytest

from curricula.errors import CourseError, SubmissionError
from curricula.workbook import Page, instance_in, lend, make_workbook, read_workbook

PAGE = Page(
    course="c", lesson="01-l", exercise="e", title="A title", instance="0123456789ab",
    statement="Line one\nand two.\n\n    code = 1\n\n- a\n- b\n\n" + "word " * 40,
    starter="def f():\n    ...\n",
)  # fmt: skip


def test_a_workbook_is_python_that_names_its_instance_and_its_task(tmp_path):
    path = make_workbook(tmp_path, PAGE, 1)
    text = path.read_text()
    assert path == tmp_path / "c" / "01-l" / "e.py"
    assert instance_in(text) == PAGE.instance
    assert text.endswith("def f():\n    ...\n")
    assert "# Line one and two.\n" in text
    assert "# - a\n# - b\n" in text
    assert "#     code = 1" in text
    assert max(map(len, text.split("\n"))) <= 100
    compile(text, "e.py", "exec")
    assert read_workbook(path) == (PAGE.instance, text)


def test_the_lines_of_an_item_are_joined_and_a_left_out_part_leaves_one_gap(tmp_path):
    item = "- " + "many words " * 7 + "end\n  in the middle"
    page = replace(PAGE, statement=f"{item}\n  of a line.\n\n\n\nAfter it.")
    told = make_workbook(tmp_path, page, 1).read_text().partition("#\n# - ")[2]
    assert told.startswith(
        "many words " * 7 + "end in the middle\n#   of a line.\n#\n# After it.\n"
    )


def test_what_the_learner_wrote_stays_and_a_later_opening_gets_a_file_of_its_own(tmp_path):
    path = make_workbook(tmp_path, PAGE, 1)
    path.write_text(path.read_text() + "mine = 1\n")
    assert make_workbook(tmp_path, PAGE, 1) == path
    assert path.read_text().endswith("mine = 1\n")
    assert make_workbook(tmp_path, PAGE, 2).name == "e-2.py"


def test_a_link_that_leads_nowhere_is_not_followed(tmp_path):
    place = tmp_path / "c" / "01-l" / "e.py"
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path / "nowhere")
    assert make_workbook(tmp_path, PAGE, 1).name == "e-new.py"
    assert not (tmp_path / "nowhere").exists()


def test_where_none_can_be_made_another_folder_is_asked_for(tmp_path):
    (tmp_path / "c").write_text("a file in the way")
    with pytest.raises(CourseError, match="`folder`") as refused:
        make_workbook(tmp_path, PAGE, 1)
    assert refused.value.code == "course_error.workbook_folder"


def test_a_folder_is_no_workbook(tmp_path):
    with pytest.raises(SubmissionError) as refused:
        read_workbook(tmp_path)
    assert refused.value.code == "submission.unreadable_file"


def test_the_taught_file_is_lent_with_what_it_reads_and_is_then_the_learners(tmp_path):
    subject = tmp_path / "product" / "taught.py"
    (subject.parent / "data").mkdir(parents=True)
    subject.write_text("print(1)\n")
    (subject.parent / "data" / "names.txt").write_text("emma\n")
    own = lend(tmp_path / "desk", subject, ["data/names.txt"])
    assert own == tmp_path / "desk" / "taught.py"
    assert (tmp_path / "desk" / "data" / "names.txt").read_text() == "emma\n"
    own.write_text("print(2)\n")
    lend(tmp_path / "desk", subject, ["data/names.txt"])
    assert own.read_text() == "print(2)\n"


def test_where_the_taught_file_cannot_be_lent_another_folder_is_asked_for(tmp_path):
    subject = tmp_path / "taught.py"
    subject.write_text("")
    (tmp_path / "desk").write_text("a file in the way")
    with pytest.raises(CourseError, match="`folder`") as refused:
        lend(tmp_path / "desk", subject, [])
    assert refused.value.code == "course_error.workbook_folder"
