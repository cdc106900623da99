"""The page for authors: its course, put together as it says, passes what it says to run."""

import re
from pathlib import Path

import pytest

from curricula.authoring.lint import lint
from curricula.authoring.mutation import try_course
from curricula.content.catalog import course_folders, find_course
from server.sessions.answer_runner import SandboxRunner
from tests.support.paths import ROOT

PAGE = ROOT / "docs" / "write-a-course.md"
BLOCK = re.compile(r"^`([\w./-]+)`:\n\n(`{3,})\w+\n(.*?)^\2$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def courses(tmp_path: Path) -> Path:
    """Each block of the page at the end of the file that is named above it."""
    for name, _, text in BLOCK.findall(PAGE.read_text("utf-8")):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as out:
            out.write(text)
    return tmp_path


def test_the_pages_course_is_whole_and_nothing_in_it_is_to_be_mended(courses: Path) -> None:
    files = sorted(path.name for path in courses.rglob("*") if path.is_file())
    assert files == ["course.toml", "exercises.py", "lesson.md"]
    assert lint(courses / "means") == []


def test_a_course_in_a_folder_of_ones_own_is_found_beside_those_that_ship(courses: Path) -> None:
    assert course_folders([courses])["means"] == courses / "means"
    assert find_course("means", [courses]).about.title == "Means that forget"


def test_what_an_author_gets_wrong_is_named_with_its_line(courses: Path) -> None:
    lesson = courses / "means" / "01-fading-mean" / "lesson.md"
    lesson.write_text(lesson.read_text().replace("25.0 1.5", "25.0 1.6"))
    [problem] = lint(courses / "means")
    assert (problem.file, problem.line > 1) == (lesson, True)
    assert "25.0 1.5" in problem.message


@pytest.mark.slow
def test_its_solutions_pass_its_mutants_fail_and_beliefs_are_named_right(courses: Path) -> None:
    with SandboxRunner() as runner:
        tried = list(try_course(find_course("means", [courses]), runner, instances=10))
    assert [one.exercise for one in tried] == [
        "shares-of-a-few",
        "write-fading-mean",
        "mend-fading-means",
    ]
    assert all(one.ok for one in tried), tried
    assert sum(one.mutants for one in tried) >= 8 * len(tried)
    assert all(shown.named == shown.tried for one in tried for shown in one.shown)
