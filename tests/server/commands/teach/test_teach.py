"""`teach ...` in a terminal: what learners and authors run, on a course of two lessons."""

import json
import os
import pty
import re
import shutil
import subprocess
import sys

import pytest

from curricula.records.events import Attempt
from server.commands import run
from server.commands.teach import authoring
from server.commands.teach.learning import NOT_A_TERMINAL
from server.sessions import answer_runner as grading
from server.sessions.teaching_calls import TeachingCalls
from tests.support.small_course import TOTALS, TOTALS_PY, Instant, right, write_course


class Closing(Instant):
    """An instant runner that can be closed, as the real one."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTORESEARCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AUTORESEARCH_COURSES", str(tmp_path / "courses"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def instant(monkeypatch):
    monkeypatch.setattr(grading, "SandboxRunner", Closing)
    monkeypatch.setattr(authoring, "SandboxRunner", Closing)


@pytest.fixture
def course(home, instant):
    return write_course(home / "courses")


@pytest.fixture
def teacher(course):
    return TeachingCalls().teacher("small")


@pytest.fixture
def workbook(teacher, home):
    """The first exercise's, answered rightly."""
    return answered(teacher, home)


def answered(teacher, folder):
    step = teacher.start("", folder)
    source = right(teacher.instance_of(teacher.openings().all()[-1]))
    head = step.workbook.read_text().partition("\n\n")[0]
    step.workbook.write_text(f"{head}\n\n{source}\n")
    return step.workbook


def attempts(teacher):
    return [event for event in teacher.record.events() if isinstance(event, Attempt)]


def test_check_grades_the_file_and_records_it(workbook, teacher, capsys):
    assert run(["teach", "check", str(workbook), "--course", "small"]) == 0
    assert "guess-total" in capsys.readouterr().out
    [attempt] = attempts(teacher)
    assert (attempt.passed, attempt.author) == (True, "learner")


def test_check_without_a_terminal_says_that_it_was_none(workbook, capsys):
    assert run(["teach", "check", str(workbook), "--course", "small"]) == 0
    assert NOT_A_TERMINAL in capsys.readouterr().out


def test_check_without_a_terminal_counts_as_the_agents_shell(workbook, teacher):
    run(["teach", "check", str(workbook), "--course", "small"])
    assert [attempt.via for attempt in attempts(teacher)] == ["agent"]


def test_check_of_a_wrong_answer_says_what_to_try_and_exits_with_one(workbook, capsys):
    workbook.write_text(workbook.read_text() + "\nanswer = -1\n")
    assert run(["teach", "check", str(workbook), "--course", "small"]) == 1
    out = capsys.readouterr().out
    assert "guess-total" in out
    assert re.search(r"gave: -1\b", out)


def test_check_as_json_is_what_the_tool_gives(workbook, capsys):
    run(["teach", "check", str(workbook), "--course", "small", "--json"])
    shown = json.loads(capsys.readouterr().out)
    assert shown["passed"] is True
    assert shown["sandbox"] == "instant"


@pytest.mark.parametrize(
    ("text", "code", "named"),
    [
        (None, "submission.unreadable_file", "No such file"),
        ("x = 1", "submission.no_instance_line", "# instance"),
        ("# instance 0123456789ab\n", "submission.unknown_instance", "0123456789ab"),
    ],
)
def test_check_of_what_is_no_workbook_is_one_clear_line(
    teacher, home, refused_command, text, code, named
):
    file = home / "file.py"
    if text is not None:
        file.write_text(text)
    said = refused_command(["teach", "check", str(file), "--course", "small"])
    assert said.code == code
    assert named in said
    assert len(said.splitlines()) == 1
    assert attempts(teacher) == []


def test_a_workbook_of_another_course_says_which_one_to_name(workbook, home, refused_command):
    other = home / "courses" / "other"
    (home / "courses" / "small").rename(other)
    file = other / "course.toml"
    subject = str(other / "sums.py")
    file.write_text(
        file.read_text()
        .replace('id = "small"', 'id = "other"')
        .replace(str(home / "courses" / "small" / "sums.py"), subject)
    )
    for exercises in other.glob("*/exercises.py"):
        exercises.write_text(
            exercises.read_text().replace(str(home / "courses" / "small" / "sums.py"), subject)
        )
    said = refused_command(["teach", "check", str(workbook), "--course", "other"])
    assert said.code == "submission.other_course"
    assert "guess-total" in said
    assert "--course small" in said


def test_progress_shows_a_chart_and_what_is_missing(workbook, capsys):
    run(["teach", "check", str(workbook), "--course", "small"])
    capsys.readouterr()
    assert run(["teach", "progress", "--course", "small"]) == 0
    out = capsys.readouterr().out
    assert "total: practised" in out
    assert "0 of 2 lessons" in out
    run(["teach", "progress", "--course", "small", "--json"])
    assert json.loads(capsys.readouterr().out)["course"] == "small"


def test_replay_grades_every_attempt_again_and_finds_one_that_came_out_otherwise(
    workbook, teacher, capsys
):
    run(["teach", "check", str(workbook), "--course", "small"])
    assert run(["teach", "replay", "--course", "small"]) == 0
    assert "1 of 1 attempt" in capsys.readouterr().out
    [attempt] = attempts(teacher)
    teacher.record.append(attempt.model_copy(update={"submission": "answer = -1"}))
    assert run(["teach", "replay", "--course", "small"]) == 1
    assert "1 of 2 attempts" in capsys.readouterr().out


@pytest.mark.slow
def test_a_record_is_carried_to_another_home_whatever_courses_it_is_of(
    workbook, home, monkeypatch, capsys
):
    run(["teach", "check", str(workbook), "--course", "small"])
    assert run(["teach", "export", "all.json"]) == 0
    assert run(["teach", "export", "all.json"]) == 1  # it is there already
    monkeypatch.setenv("AUTORESEARCH_HOME", str(home / "other"))
    capsys.readouterr()
    assert run(["teach", "import", "all.json"]) == 0  # named no course: that of each pass
    assert re.search(r"2 events\b.*\b0 ", capsys.readouterr().out)  # new, and known already
    run(["teach", "progress", "--course", "small"])
    assert "total: practised" in capsys.readouterr().out


def test_lint_of_a_good_course_finds_nothing_and_of_a_bad_one_says_where(course, home, capsys):
    assert run(["teach", "lint", "small"]) == 0
    assert "small: 0 problems" in capsys.readouterr().out
    bad = write_course(home / "bad", TOTALS=TOTALS.replace("## Why", "## Wherefore"))
    assert run(["teach", "lint", str(bad)]) == 1
    assert "lesson.md:" in capsys.readouterr().out


def test_coverage_names_what_is_run(course, capsys):
    assert run(["teach", "coverage", "small", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["share"] == 1.0


def test_mutate_fails_where_a_wrong_answer_passes(course, home, capsys):
    asked = ["teach", "mutate", "write-total", "--course", "small", "--instances", "2"]
    run(asked)
    assert re.search(r"\b0 wrong\b.*\b0 right\b", capsys.readouterr().out)
    passing = 'Mutant(name="right", source=PLAIN),\n    Mutant(name="nothing"'
    worse = write_course(
        home / "worse", TOTALS_PY=TOTALS_PY.replace('Mutant(name="nothing"', passing)
    )
    assert run([*asked[:3], "--course", str(worse), "--instances", "2"]) == 1
    assert "1 wrong" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["mutate"], "course_error.which", "--all"),
        (["mutate", "other", "--course", "small"], "course_error.exercise", "'other'"),
        (["progress", "--course", "nowhere"], "unknown_name.course", "'nowhere'"),
        (["coverage", "nowhere"], "unknown_name.course", "'nowhere'"),
    ],
)
def test_a_bad_argument_is_one_clear_line(course, refused_command, arguments, code, named):
    said = refused_command(["teach", *arguments])
    assert said.code == code
    assert named in said
    assert len(said.splitlines()) == 1


def at_a_pty(*arguments, stdin=True, stdout=True):
    """Run it with a real terminal on one or both ends; its exit status."""
    ours, theirs = pty.openpty()
    try:
        child = subprocess.Popen(
            [sys.executable, "-m", "autoresearch_mcp", *arguments],
            stdin=theirs if stdin else subprocess.DEVNULL,
            stdout=theirs if stdout else subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(theirs)
        theirs = -1
        while _read(ours):
            pass
        return child.wait()
    finally:
        os.close(ours)
        if theirs >= 0:
            os.close(theirs)


def _read(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # nobody has its other end any more
        return b""


@pytest.mark.parametrize(
    ("stdin", "stdout", "via"),
    [
        pytest.param(True, True, "terminal", marks=pytest.mark.slow),
        pytest.param(True, False, "agent", marks=pytest.mark.slow),
        pytest.param(False, True, "agent", marks=pytest.mark.long),
    ],
)
def test_only_with_a_terminal_at_both_ends_a_pass_is_one_outside_the_agent(
    workbook, teacher, stdin, stdout, via
):
    status = at_a_pty(
        "teach", "check", str(workbook), "--course", "small", stdin=stdin, stdout=stdout
    )
    assert status == 0
    assert [attempt.via for attempt in attempts(teacher)] == [via]


@pytest.mark.slow
@pytest.mark.parametrize("named", ["by its path", "by its name"])
def test_a_doctored_copy_of_the_course_signs_nothing_in_a_terminal(
    workbook, teacher, course, home, monkeypatch, named
):
    """Given by its path, or put among the user's own courses."""
    copy = home / "elsewhere" / "other-name"
    shutil.copytree(course, copy)
    for file in copy.glob("*/exercises.py"):
        file.write_text(
            file.read_text() + "\nfrom dataclasses import replace\n"
            'EXERCISES = [replace(one, check=lambda *_: "") for one in EXERCISES]\n'
        )
    workbook.write_text(workbook.read_text() + "\nanswer = 'anything'\n")
    if named == "by its name":
        monkeypatch.setenv("AUTORESEARCH_COURSES", str(copy.parent))
    name = str(copy) if named == "by its path" else copy.name
    assert at_a_pty("teach", "check", str(workbook), "--course", name) != 0
    assert attempts(teacher) == []


@pytest.mark.long
def test_an_agents_shell_is_no_terminal(workbook, teacher):
    done = subprocess.run(
        [sys.executable, "-m", "autoresearch_mcp", "teach", "check", str(workbook),
         "--course", "small"],
        check=False, capture_output=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [attempt.via for attempt in attempts(teacher)] == ["agent"]


@pytest.mark.long
def test_a_picture_is_written_where_asked_and_never_over_a_file(home, capsys, refused_command):
    pytest.importorskip("matplotlib", reason="needs pip install 'autoresearch-mcp[plots]'")
    assert run(["teach", "picture", "attention", "--example", "ada"]) == 0
    assert "'ada'" in capsys.readouterr().out
    drawn = (home / "attention.png").read_bytes()
    assert drawn.startswith(b"\x89PNG")
    said = refused_command(["teach", "picture", "attention"])
    assert said.code == "course_error.file_exists"
    assert (home / "attention.png").read_bytes() == drawn
    assert run(["teach", "picture", "loss", "--file", "mine.png"]) == 0
    assert (home / "mine.png").exists()
