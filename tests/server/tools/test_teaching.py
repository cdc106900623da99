"""The teaching tools on a course of two lessons, in memory, in both protocol eras."""

import json
import re
from pathlib import Path

import pytest
from fastmcp.client.elicitation import ElicitResult
from inline_snapshot import snapshot

from curricula.mastery.standing import OUTSIDE_TEXT as OUTSIDE
from curricula.records.events import Attempt, Hint
from server.sessions.teaching_calls import TeachingCalls
from server.tools import teaching as teaching_tools
from tests.server.conftest import call, refused
from tests.support.small_course import Clock, Instant, right, write_course

pytestmark = pytest.mark.anyio
SMALL = {"course": "small"}
WRONG = "def total(values):\n    return sum(values)\n"


class Classroom:
    """A school for one learner, and what a test needs to know of it."""

    def __init__(self, folder: Path):
        self.clock, self.runner = Clock(), Instant()
        self.courses = write_course(folder / "courses").parent
        self.home, self.desk = folder / "home", folder / "desk"
        self.desk.mkdir()
        self.school = TeachingCalls(
            self.home, courses=[self.courses], runner=self.runner, clock=self.clock
        )

    @property
    def teacher(self):
        return self.school.teacher("small")

    def events(self, kind):
        return [event for event in self.teacher.record.events() if isinstance(event, kind)]

    def right(self, exercise, which=0):
        opened = [o for o in self.teacher.openings().all() if o.exercise == exercise]
        return right(self.teacher.instance_of(opened[-1]), which)

    async def start(self, client, lesson="", **more):
        return await call(
            client, "start_lesson", **SMALL, lesson=lesson, folder=str(self.desk), **more
        )

    async def submit(self, client, exercise, answer=None, **more):
        answer = answer or self.right(exercise)
        return await call(
            client, "submit_exercise", exercise=exercise, answer=answer, **SMALL, **more
        )

    async def finish(self, client, lesson=""):
        """Pass all that is left of the lesson; the names of it."""
        done = []
        while name := (await self.start(client, lesson)).get("exercise"):
            assert (await self.submit(client, name))["passed"]
            done.append(name)
            lesson = lesson or "totals"
        return done


@pytest.fixture
def room(tmp_path):
    return Classroom(tmp_path)


@pytest.fixture
def client(connect, room):
    """`async with client() as client`, of a server that only teaches."""
    return lambda **options: connect(school=room.school, toolset="teach", **options)


async def test_start_lesson_says_what_to_teach_and_makes_the_learners_workbook(client, room):
    async with client() as learner:
        seen = await room.start(learner)
    assert seen["lesson"] == "totals"
    assert seen["exercise"] == "guess-total"
    assert seen["left"] == ["guess-total", "write-total", "mend-total"]
    assert seen["summary"] == snapshot("totals: 0 of 3 exercises passed.")
    assert [one["section"] for one in seen["teach"]] == ["Why", "Predict first"]
    assert seen["listen_for"][0] == "Your sum is not scaled. What should each value count for?"
    assert Path(seen["taught_file"]) == room.desk / "small" / "sums.py"
    workbook = Path(seen["workbook"])
    assert workbook == room.desk / "small" / "01-totals" / "guess-total.py"
    text = workbook.read_text()
    assert "# instance " in text
    assert "answer = ..." in text
    assert f"submit_exercise(exercise='guess-total', file='{workbook}'" in seen["next_step"]


async def test_a_server_that_runs_in_the_plugins_folder_asks_for_the_learners(
    client, room, monkeypatch
):
    monkeypatch.setenv("AUTORESEARCH_OWN_FOLDER", "1")
    monkeypatch.chdir(room.desk)
    async with client() as learner:
        said = await refused(learner, "start_lesson", **SMALL)
        assert said.code == "arguments.folder"
        assert (await room.start(learner))["workbook"]


async def test_each_exercise_comes_after_the_sections_that_lead_to_it(client, room):
    async with client() as learner:
        await room.start(learner)
        await room.submit(learner, "guess-total")
        seen = await room.start(learner)
    assert seen["exercise"] == "write-total"
    assert [one["section"] for one in seen["teach"]] == [
        "Explanation: As a heap",
        "Explanation: As a walk",
        "Worked example",
        "Faded example",
        "Your own writing",
    ]


async def test_a_learners_file_is_never_written_again(client, room):
    async with client() as learner:
        workbook = Path((await room.start(learner))["workbook"])
        workbook.write_text(workbook.read_text() + "\nmy = 'work'\n")
        before = workbook.read_bytes()
        again = await room.start(learner)
        assert again["workbook"] == str(workbook)
        assert workbook.read_bytes() == before
        workbook.write_text("something else of mine")
        other = Path((await room.start(learner))["workbook"])
    assert workbook.read_text() == "something else of mine"
    assert other != workbook
    assert "# instance" in other.read_text()


@pytest.mark.parametrize("mine", [b"\xff\xfe", b"x" * 70_000, None])
async def test_whatever_already_has_the_workbooks_name_stays_as_it_is(client, room, mine):
    place = room.desk / "small" / "01-totals" / "guess-total.py"
    place.parent.mkdir(parents=True)
    place.mkdir() if mine is None else place.write_bytes(mine)
    async with client() as learner:
        workbook = Path((await room.start(learner))["workbook"])
    assert workbook.name == "guess-total-new.py"
    assert place.is_dir() if mine is None else place.read_bytes() == mine


async def test_a_right_answer_passes_and_says_what_praise_may_rest_on(client, room):
    async with client() as learner:
        await room.start(learner)
        await room.submit(learner, "guess-total")
        await room.start(learner)
        seen = await room.submit(learner, "write-total")
    assert seen["passed"]
    assert seen["counts_for_mastery"]
    assert seen["praise_only_for"] == snapshot(
        [
            "No hint was taken on this instance.",
            "It was the first try on this instance.",
        ]
    )
    assert seen["skill"]["state"] == "passed"
    assert OUTSIDE in seen["skill"]["missing"]
    assert seen["sandbox"] == "instant"
    assert seen["next_step"]


async def test_a_wrong_answer_names_belief_and_smallest_input_and_not_what_is_right(client, room):
    async with client() as learner:
        await room.start(learner)
        await room.submit(learner, "guess-total")
        await room.start(learner)
        seen = await room.submit(learner, "write-total", WRONG)
    assert not seen["passed"]
    assert seen["misconception"].startswith("Your sum is not scaled")
    [shown] = json.loads(seen["smallest_input"])
    assert len([shown]) == 1
    assert json.loads(seen["gave"]) == shown
    opened = room.teacher.openings().all()[-1]
    gain = room.teacher.instance_of(opened).params["gain"]
    told = {key: value for key, value in seen.items() if key != "skill"}
    assert str(gain * shown) not in json.dumps(told).replace('"', " ").split()
    assert seen["praise_only_for"] == []
    assert "predict" in seen["next_step"]


async def test_the_file_that_the_learner_saved_is_graded(client, room):
    async with client() as learner:
        workbook = Path((await room.start(learner))["workbook"])
        workbook.write_text(workbook.read_text().replace("answer = ...", room.right("guess-total")))
        arguments = {"exercise": "guess-total", "file": str(workbook), **SMALL}
        assert (await call(learner, "submit_exercise", **arguments))["passed"]
    [attempt] = room.events(Attempt)
    assert (attempt.author, attempt.via, attempt.first) == ("learner", "agent", True)


@pytest.mark.parametrize("through", ["file", "answer"])
async def test_a_byte_order_mark_that_an_editor_left_is_no_part_of_the_answer(
    client, room, through
):
    async with client() as learner:
        workbook = Path((await room.start(learner))["workbook"])
        text = workbook.read_text().replace("answer = ...", room.right("guess-total"))
        workbook.write_text(text, encoding="utf-8-sig")
        given = {"file": str(workbook)} if through == "file" else {"answer": f"\ufeff{text}"}
        seen = await call(learner, "submit_exercise", exercise="guess-total", **given, **SMALL)
    assert seen["passed"]
    assert [attempt.submission for attempt in room.events(Attempt)] == [text]


async def test_a_value_is_an_answer_too(client, room):
    async with client() as learner:
        await room.start(learner)
        value = room.right("guess-total").removeprefix("answer = ")
        assert (await room.submit(learner, "guess-total", value))["passed"]


@pytest.mark.slow
async def test_what_the_agent_wrote_is_practice_and_leaves_the_exercise_open(client, room):
    async with client() as learner:
        await room.start(learner)
        await room.submit(learner, "guess-total")
        await room.start(learner)
        seen = await room.submit(learner, "write-total", author="agent")
        again = await room.start(learner)
    assert seen["passed"]
    assert not seen["counts_for_mastery"]
    assert seen["why_not"] == snapshot("the agent wrote it")
    assert seen["praise_only_for"] == []
    assert seen["skill"]["state"] == "practised"
    assert again["exercise"] == "write-total"


@pytest.mark.slow
async def test_hints_climb_one_rung_at_a_time_and_are_recorded(client, room):
    async with client() as learner:
        await room.start(learner)
        await room.submit(learner, "guess-total")
        await room.start(learner)
        seen = [await call(learner, "get_hint", exercise="write-total", **SMALL) for _ in range(6)]
        passed = await room.submit(learner, "write-total")
    assert [one["level"] for one in seen] == [1, 2, 3, 4, 5, 5]
    assert [one["kind"] for one in seen[:5]] == [
        "question", "place", "concept", "pseudocode", "worked sibling",
    ]  # fmt: skip
    assert [one["can_still_count"] for one in seen[:3]] == [True, True, False]
    assert [event.level for event in room.events(Hint)] == [1, 2, 3, 4, 5, 5]
    assert not passed["counts_for_mastery"]
    assert "5" in passed["why_not"]


@pytest.mark.slow
async def test_progress_is_read_off_the_record(client, room):
    async with client() as learner:
        before = await call(learner, "show_progress", **SMALL)
        await room.finish(learner)
        after = await call(learner, "show_progress", **SMALL)
    assert [one["state"] for one in before["lessons"]] == ["open", "locked"]
    assert [one["state"] for one in after["lessons"]] == ["passed", "open"]
    assert [one["state"] for one in after["skills"]] == ["passed"]  # the chart shows the rest
    assert after["summary"] == snapshot(
        "1 of 2 lessons passed, 0 of 2 skills mastered, 0 reviews due."
    )
    assert "totals" in after["chart"]
    assert "missing" in after["skills"][0]


@pytest.mark.slow
async def test_a_locked_lesson_says_what_it_builds_on(client, room):
    async with client() as learner:
        said = await refused(
            learner, "start_lesson", **SMALL, lesson="means", folder=str(room.desk)
        )
        assert said.code == "prerequisite.locked"
        assert all(named in said for named in ("means", "totals", "placement=true"))
        await room.finish(learner)
        assert (await room.start(learner))["lesson"] == "means"


async def test_a_finished_lesson_says_what_is_next(client, room):
    async with client() as learner:
        await room.finish(learner)
        seen = await room.start(learner, "totals")
    assert "exercise" not in seen or seen["exercise"] is None
    assert "start_lesson(lesson='means', course='small')" in seen["next_step"]


@pytest.mark.slow
async def test_who_was_not_there_is_told_of_a_check_in_the_terminal(client, room):
    async with client() as learner:
        first = await room.start(learner)
        assert "last_check" not in first
        teacher, source = room.teacher, "answer = -1\n"
        teacher.submit("guess-total", source, author="learner", via="terminal")
        failed = (await room.start(learner))["last_check"]
        teacher.submit("guess-total", room.right("guess-total"), author="learner", via="terminal")
        passed = (await room.start(learner))["last_check"]
        shown = (await call(learner, "show_progress", **SMALL))["last_check"]
        await room.submit(learner, "write-total")
        seen_by_all = await room.start(learner)
    assert (failed["passed"], failed["via"], failed["tries"]) == (False, "terminal", 1)
    assert failed["gave"] == "-1"
    assert passed["passed"]
    assert passed["praise_only_for"] == snapshot(["No hint was taken on this instance."])
    assert shown == passed
    assert "last_check" not in seen_by_all


async def test_a_failed_check_of_the_open_exercise_is_told_to_the_next_session(client, room):
    async with client() as learner:
        await room.start(learner)
        marked = await room.submit(learner, "guess-total", "-1")
    async with client() as later:
        last = (await room.start(later))["last_check"]
    assert (last["via"], last["gave"], last["seen"]) == ("agent", "-1", marked["seen"])


async def test_a_file_that_passed_already_is_no_new_try(client, room):
    async with client() as learner:
        seen = await room.start(learner)
        workbook = Path(seen["workbook"])
        workbook.write_text(workbook.read_text() + room.right("guess-total"))
        file = {"answer": "", "file": str(workbook)}
        first = await call(learner, "submit_exercise", exercise="guess-total", **SMALL, **file)
        again = await call(learner, "submit_exercise", exercise="guess-total", **SMALL, **file)
    assert len(room.events(Attempt)) == 1
    assert again["praise_only_for"] == first["praise_only_for"] != []
    assert "2026-01-01" in again["summary"]
    assert again["summary"] != first["summary"]


@pytest.mark.slow
async def test_a_placement_test_lets_those_who_know_skip_a_lesson(client, room):
    async with client() as learner:
        seen = await room.start(learner, "totals", placement=True)
        assert seen["exercise"] == "mend-total"
        assert seen["teach"] == []
        marked = await room.submit(learner, "mend-total")
        progress = await call(learner, "show_progress", **SMALL)
    assert marked["passed"]
    assert [one["state"] for one in progress["lessons"]] == ["placed", "open"]


@pytest.mark.slow
async def test_a_failed_placement_test_skips_nothing(client, room):
    async with client() as learner:
        await room.start(learner, "totals", placement=True)
        await room.submit(learner, "mend-total", WRONG)
        progress = await call(learner, "show_progress", **SMALL)
    assert [one["state"] for one in progress["lessons"]] == ["open", "locked"]


@pytest.mark.slow
async def test_a_review_opens_a_fresh_instance_once_it_is_due(client, room):
    async with client() as learner:
        nothing = {**SMALL, "lesson": "review", "folder": str(room.desk)}
        unpassed = await refused(learner, "start_lesson", **nothing)
        assert unpassed.code == "prerequisite.nothing_passed"
        await room.finish(learner)
        early = await refused(learner, "start_lesson", **nothing)
        assert early.code == "prerequisite.nothing_due"
        assert re.search(r"due 20\d\d-\d\d-\d\d", early)
        room.clock.pass_days(60)
        assert (await call(learner, "show_progress", **SMALL))["due_reviews"] == ["total"]
        seen = await room.start(learner, "review")
        assert seen["exercise"] in ("write-total", "mend-total")
        assert Path(seen["workbook"]).name == f"{seen['exercise']}-2.py"
        marked = await room.submit(learner, seen["exercise"], room.right(seen["exercise"], 2))
        later = await call(learner, "show_progress", **SMALL)
    assert marked["passed"]
    assert marked["skill"]["missing"] == [OUTSIDE]
    assert later["due_reviews"] == []


async def test_an_own_course_needs_no_lab_and_a_server_that_teaches_has_none(client, room):
    async with client() as learner:
        names = {tool.name for tool in await learner.list_tools()}
    assert "open_lab" not in names


@pytest.mark.parametrize(
    ("tool", "arguments", "code", "named"),
    [
        ("start_lesson", {"course": "other"}, "unknown_name.course", ("'other'", "microgpt")),
        ("show_progress", {"course": "other"}, "unknown_name.course", ("'other'",)),
        ("get_hint", {"course": "other", "exercise": "x"}, "unknown_name.course", ("'other'",)),
        ("start_lesson", {"lesson": "other"}, "unknown_name.lesson", ("'other'", "totals, means")),
        ("start_lesson", {"folder": "/no/such"}, "arguments.folder", ("/no/such", "`folder`")),
        (
            "get_hint",
            {"exercise": "other"},
            "unknown_name.exercise",
            ("'other'", "guess-total"),
        ),
        (
            "get_hint",
            {"exercise": "write-total"},
            "prerequisite.not_open",
            ('start_lesson(lesson="totals"',),
        ),
        ("get_hint", {}, "arguments.missing", ("`exercise`",)),
        (
            "submit_exercise",
            {"exercise": "guess-total"},
            "arguments.one_of",
            ("`file`", "`answer`", "ask_learner=true"),
        ),
        ("submit_exercise", {"exercise": "guess-total", "answer": "  "}, "arguments.one_of", ()),
        (
            "submit_exercise",
            {"exercise": "guess-total", "answer": "1", "file": "x.py"},
            "arguments.one_of",
            ("`file`", "`answer`", "ask_learner=true"),
        ),
        (
            "submit_exercise",
            {"exercise": "guess-total", "answer": "1", "ask_learner": True},
            "arguments.one_of",
            (),
        ),
        (
            "submit_exercise",
            {"exercise": "guess-total", "file": "/no/such.py"},
            "submission.unreadable_file",
            ("/no/such.py", "No such file or directory"),
        ),
        (
            "submit_exercise",
            {"exercise": "other", "answer": "1"},
            "unknown_name.exercise",
            ("'other'",),
        ),
        (
            "submit_exercise",
            {"exercise": "write-total", "answer": "1"},
            "prerequisite.not_open",
            (),
        ),
        (
            "submit_exercise",
            {"exercise": "abcdef012345", "answer": "1"},
            "submission.unknown_instance",
            ("abcdef012345",),
        ),
        (
            "submit_exercise",
            {"exercise": "abcdef01", "answer": "1"},
            "submission.unknown_instance",
            ("abcdef01",),
        ),
        (
            "submit_exercise",
            {"exercise": "x", "answer": "1", "author": "me"},
            "arguments.value",
            ("`author`",),
        ),
        (
            "submit_exercise",
            {"exercise": "guess-total", "answer": "x" * 70_000},
            "submission.too_large",
            ("64 kB",),
        ),
        (
            "submit_exercise",
            {"exercise": "guess-total", "answer": "a\0b"},
            "submission.zero_byte",
            (),
        ),
        (
            "submit_exercise",
            {"exercise": "guess-total", "answer": "x\nanswer = ("},
            "submission.syntax",
            ("Line 2 ",),
        ),
        ("submit_exercise", {"exercise": "guess-total", "answer": "..."}, "submission.starter", ()),
    ],
)
async def test_a_bad_argument_is_told_plainly_and_nothing_is_recorded(
    client, room, tool, arguments, code, named
):
    async with client() as learner:
        await room.start(learner)
        before = room.teacher.record.events()
        said = await refused(learner, tool, **{**SMALL, **arguments})
    assert said.code == code
    assert all(name in said for name in named)
    assert "Traceback" not in said
    assert room.teacher.record.events() == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "code", "named"),
    [
        ("answer = 1\n", "submission.no_instance_line", "# instance"),
        (
            "# instance 0123456789ab\nanswer = 1\n",
            "submission.unknown_instance",
            "0123456789ab",
        ),
        ("# instance 01234567\nanswer = 1\n", "submission.unknown_instance", "01234567"),
        ("x" * 70_000, "submission.too_large", "64 kB"),
        (b"\xff\xfe", "submission.unreadable_file", "UTF-8"),
        ("# instance 0123456789ab\n".encode("utf-16"), "submission.unreadable_file", "UTF-16"),
    ],
)
async def test_a_file_that_is_no_workbook_of_this_learner_is_refused(
    client, room, text, code, named
):
    file = room.desk / "mine.py"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    async with client() as learner:
        await room.start(learner)
        said = await refused(
            learner, "submit_exercise", exercise="guess-total", file=str(file), **SMALL
        )
    assert said.code == code
    assert named in said
    assert room.events(Attempt) == []


async def test_the_file_of_another_exercise_is_refused(client, room):
    async with client() as learner:
        guess = (await room.start(learner))["workbook"]
        await room.submit(learner, "guess-total")
        await room.start(learner)
        said = await refused(
            learner, "submit_exercise", exercise="write-total", file=guess, **SMALL
        )
    assert said.code == "submission.other_exercise"
    assert "guess-total" in said
    assert "write-total" in said
    assert len(room.events(Attempt)) == 1


@pytest.mark.slow
async def test_a_passed_exercise_cannot_be_passed_again_by_name(client, room):
    async with client() as learner:
        await room.start(learner)
        source = room.right("guess-total")
        await room.submit(learner, "guess-total", source)
        said = await refused(
            learner, "submit_exercise", exercise="guess-total", answer=source, **SMALL
        )
    assert said.code == "prerequisite.already_passed"


def answering(room, *answers, action="accept"):
    """A handler of the client's form, and what it was asked."""
    asked = []

    async def handler(message, response_type, params, context):
        asked.append(message)
        if action != "accept":
            return ElicitResult(action=action)
        return {"answer": answers[0] if answers else room.right("guess-total")}

    return handler, asked


async def test_the_learner_answers_in_the_clients_own_form(client, room, mode, monkeypatch):
    handler, asked = answering(room)
    sent_back = []
    form = teaching_tools.ElicitRequest
    monkeypatch.setattr(
        teaching_tools, "ElicitRequest", lambda **given: sent_back.append(given) or form(**given)
    )
    async with client(elicitation_handler=handler) as learner:
        await room.start(learner)
        seen = await call(
            learner, "submit_exercise", exercise="guess-total", ask_learner=True, **SMALL
        )
    assert seen["passed"]
    assert len(asked) == 1
    assert len(sent_back) == (mode != "legacy")  # the newer era answers a call with the request
    assert "times the sum of 1, 2 and" in asked[0]  # the task, as small_course words it
    [attempt] = room.events(Attempt)
    assert (attempt.via, attempt.author) == ("form", "learner")


async def test_what_was_typed_in_the_form_is_the_learners_whatever_the_agent_says(client, room):
    handler, _ = answering(room)
    async with client(elicitation_handler=handler) as learner:
        await room.start(learner)
        await call(
            learner, "submit_exercise", exercise="guess-total", ask_learner=True,
            author="agent", **SMALL,
        )  # fmt: skip
    assert [attempt.author for attempt in room.events(Attempt)] == ["learner"]


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_form_that_is_not_filled_in_grades_nothing(client, room, action):
    handler, asked = answering(room, action=action)
    async with client(elicitation_handler=handler) as learner:
        await room.start(learner)
        said = await refused(
            learner, "submit_exercise", exercise="guess-total", ask_learner=True, **SMALL
        )
    assert said.code == "form.empty"
    assert asked
    assert room.events(Attempt) == []


async def test_an_empty_form_grades_nothing(client, room):
    handler, _ = answering(room, "   ")
    async with client(elicitation_handler=handler) as learner:
        await room.start(learner)
        said = await refused(
            learner, "submit_exercise", exercise="guess-total", ask_learner=True, **SMALL
        )
    assert said.code == "form.empty"
    assert room.events(Attempt) == []


async def test_a_client_without_forms_is_sent_to_a_terminal(client, room):
    async with client() as learner:
        await room.start(learner)
        said = await refused(
            learner, "submit_exercise", exercise="guess-total", ask_learner=True, **SMALL
        )
    assert said.code == "form.unsupported"
    assert "autoresearch-mcp teach check FILE" in said
    assert room.events(Attempt) == []


@pytest.mark.slow
async def test_code_is_explained_with_real_values_to_a_server_that_only_teaches(client, room):
    async with client() as learner:
        seen = await call(learner, "explain_code_section", section="softmax", example="ab")
    assert "softmax" in seen["code"]
    assert seen["values"]
    assert seen["next_step"]


async def test_results_are_structured_and_said_in_text_too(client, room):
    async with client() as learner:
        await room.start(learner)
        result = await learner.call_tool(
            "submit_exercise", {"exercise": "guess-total", "answer": "1", **SMALL}
        )
    assert result.structured_content["passed"] is False
    assert json.loads(result.content[0].text)["summary"] == result.structured_content["summary"]


@pytest.mark.slow
async def test_a_picture_comes_with_its_words_and_without_structured_content(client, room):
    pytest.importorskip("matplotlib", reason="needs pip install 'autoresearch-mcp[plots]'")
    async with client() as learner:
        result = await learner.call_tool(
            "explain_code_section", {"section": "gpt.py", "picture": "attention", "example": "ada"}
        )
    assert result.structured_content is None
    text, image = result.content
    assert image.mime_type == "image/png"
    told = json.loads(text.text)
    assert "'ada'" in told["summary"]
    assert "autoresearch-mcp teach picture attention --example ada" in told["next_step"]


@pytest.mark.long
async def test_a_picture_says_that_it_has_no_example(client, room):
    pytest.importorskip("matplotlib", reason="needs pip install 'autoresearch-mcp[plots]'")
    async with client() as learner:
        result = await learner.call_tool(
            "explain_code_section", {"section": "gpt.py", "picture": "loss", "example": "ada"}
        )
    told = json.loads(result.content[0].text)
    assert "'ada'" in told["summary"]
    assert "--example" not in told["next_step"]


@pytest.mark.slow
async def test_explaining_writes_nothing(client, room):
    pytest.importorskip("matplotlib", reason="needs pip install 'autoresearch-mcp[plots]'")
    async with client() as learner:
        await room.start(learner)
        before = files(room)
        for more in ({}, {"picture": "attention"}, {"picture": "graph", "example": "1 + 2"}):
            await learner.call_tool("explain_code_section", {"section": "softmax", **more})
        await call(learner, "show_progress", **SMALL)
    assert files(room) == before


def files(room):
    found = [path for folder in (room.home, room.desk) for path in sorted(folder.rglob("*"))]
    return {path: path.read_bytes() if path.is_file() else None for path in found}


async def test_a_server_that_only_teaches_refuses_a_lab(client, room):
    async with client() as learner:
        said = await refused(learner, "explain_code_section", section="softmax", lab="fake")
    assert said.code == "arguments.lab"
