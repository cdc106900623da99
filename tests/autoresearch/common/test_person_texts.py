"""Texts that a person wrote, with whatever mark their editor puts in front."""

import codecs
from pathlib import Path

import pytest

from autoresearch.common.files import NotUtf8Error, as_text, person_text
from autoresearch.contract import parse_contract
from autoresearch.git.repository import snapshot
from autoresearch.lab import Lab
from curricula.capstone.own_model import read_model
from curricula.errors import SubmissionError
from curricula.workbook import read_workbook
from tests.support.printed import CONTRACT, make_printed
from tests.support.refusals import raises
from tests.support.repositories import git, make_repository

MARK = codecs.BOM_UTF8


def test_a_mark_and_line_ends_of_windows_are_no_part_of_a_text() -> None:
    assert person_text(MARK + "a = 'ö'\r\nb\r\n".encode()) == "a = 'ö'\nb\n"
    assert person_text(b"") == ""


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le-sig", "utf-16-be-sig", "latin-1"])
def test_another_encoding_is_named_or_its_line_is(encoding: str) -> None:
    text = "a\nö"
    content = {
        "utf-16": text.encode("utf-16"),
        "utf-16-le-sig": codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
        "utf-16-be-sig": codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
        "latin-1": text.encode("latin-1"),
    }[encoding]
    with pytest.raises(NotUtf8Error, match="line 2" if encoding == "latin-1" else "UTF-16"):
        person_text(content)
    assert as_text(content).startswith("a\n")


def test_a_contract_may_begin_with_a_mark_and_is_refused_in_utf_16() -> None:
    assert parse_contract(MARK + CONTRACT.encode()).target.name == "printed"
    with raises("contract.not_utf8", "autoresearch.toml", "UTF-16", "UTF-8"):
        parse_contract(CONTRACT.encode("utf-16"))


@pytest.mark.slow
def test_a_lab_opens_on_contract_brief_and_code_with_marks(tmp_path: Path) -> None:
    source = make_printed(tmp_path / "repository")
    text = '[brief]\npath = "notes.md"\n' + CONTRACT
    (source / "autoresearch.toml").write_bytes(MARK + text.encode())
    (source / "notes.md").write_bytes(MARK + b"look at STEP\n")
    work = (source / "work.py").read_bytes()
    (source / "work.py").write_bytes(MARK + work)
    git(source, "-c", "user.name=U", "-c", "user.email=u@example.org", "commit", "-qam", "marks")
    assert snapshot(source).read("work.py") == work.decode()
    lab = Lab.open(str(source), home=tmp_path / "home")
    assert lab.brief == "look at STEP\n"
    assert [region.name for region in lab.overview().untouched] == ["STEP"]  # work.py parses


@pytest.mark.slow
def test_a_brief_in_utf_16_is_refused_by_name(tmp_path: Path) -> None:
    source = make_printed(tmp_path / "repository", contract="")
    (source / "autoresearch.toml").write_text('[brief]\npath = "notes.md"\n' + CONTRACT)
    (source / "notes.md").write_bytes("look".encode("utf-16"))
    git(source, "add", ".")
    git(source, "-c", "user.name=U", "-c", "user.email=u@example.org", "commit", "-qm", "utf-16")
    with raises("contract.does_not_fit", "notes.md", "UTF-16"):
        Lab.open(str(source), home=tmp_path / "home")


def test_held_out_documents_begin_behind_a_mark(tmp_path: Path) -> None:
    source = make_repository(tmp_path / "repository")
    data = source / "names.txt"
    plain = data.read_bytes()
    data.write_bytes(MARK + plain)
    git(source, "-c", "user.name=U", "-c", "user.email=u@example.org", "commit", "-qam", "mark")
    lab = Lab.open(str(source), home=tmp_path / "home")
    assert (lab.folder / "sealed" / "documents").read_bytes() == plain


def test_a_workbook_and_a_learners_model_may_begin_with_a_mark(tmp_path: Path) -> None:
    book = tmp_path / "e.py"
    book.write_bytes(MARK + b"# instance 0123456789ab\r\nx = 1\r\n")
    instance, text = read_workbook(book)
    assert (instance, text) == ("0123456789ab", "# instance 0123456789ab\nx = 1\n")
    model = tmp_path / "model.py"
    model.write_bytes(MARK + b"x = 1\n")
    assert read_model(model) == "x = 1\n"
    for path, read in ((book, read_workbook), (model, read_model)):
        path.write_bytes("x = 1\n".encode("utf-16"))
        with raises("submission.unreadable_file", path.name, "UTF-16") as refused:
            read(path)
        assert isinstance(refused.value, SubmissionError)
