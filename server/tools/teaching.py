"""The teaching tools: what each takes, and what it gives. The teacher and its grader decide.

None of them gives out a solution, and none takes the agent's word for a pass.
"""

import ast
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from fastmcp import Context, FastMCP
from mcp_types import (
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
)
from pydantic import Field

from server.errors import Refusal, bad_arguments
from server.sessions.teaching_calls import TeachingCalls
from server.tools.research import acts, looks
from server.views import teaching_results as results

CourseName = Annotated[str, Field(description="a shipped course, or your own")]
ExerciseName = Annotated[str, Field(description="as start_lesson named it")]
FORM = "answer"
OWN_FOLDER = "AUTORESEARCH_OWN_FOLDER"  # set where a client starts the server in the plugin's


def add_teaching_tools(server: FastMCP, school: TeachingCalls) -> None:
    """Register the four."""
    _add_lessons(server, school)
    _add_submitting(server, school)


def _add_lessons(server: FastMCP, school: TeachingCalls) -> None:
    @server.tool(annotations=acts("Start a lesson", idempotent=True))
    async def start_lesson(
        course: CourseName = "microgpt",
        lesson: Annotated[
            str, Field(description='empty: continue; an id; or "review" for what is due')
        ] = "",
        folder: Annotated[
            str, Field(description="where the workbook goes; full path of the learner's folder")
        ] = "",
        placement: Annotated[
            bool, Field(description="they already know it: a test that lets them skip it")
        ] = False,
    ) -> results.LessonResult:
        """Open or continue a lesson: what to teach now, the task, and the learner's workbook.

        Teach in the learner's language, one idea at a time, and ask before you tell. The learner
        types in the workbook; you never do.
        """
        from server.views.teaching_views import lesson_result

        where = _learners_folder(folder)

        def start(teacher: Any) -> results.LessonResult:  # noqa: ANN401
            step = teacher.start(lesson, where, placement=placement)
            last = teacher.last_check(step.instance)
            return lesson_result(teacher.course, step, last, teacher.record.notes)

        return await school.call(course, start)

    @server.tool(annotations=acts("Get a hint"))
    async def get_hint(
        exercise: ExerciseName, course: CourseName = "microgpt"
    ) -> results.HintResult:
        """The next hint, one rung at a time, when the learner is stuck.

        Above level 2 a pass of this instance no longer counts for mastery. No hint is the solution.
        """
        from server.views.teaching_views import hint_result

        return hint_result(await school.call(course, lambda teacher: teacher.hint(exercise)))

    @server.tool(annotations=looks("Show progress"))
    async def show_progress(course: CourseName = "microgpt") -> results.ProgressResult:
        """Skills, mastery and due reviews, from the record alone."""
        from server.views.teaching_views import progress_result

        return await school.call(
            course,
            lambda t: progress_result(t.course, t.progress(), t.last_check(""), t.record.notes),
        )


def _learners_folder(folder: str) -> Path:
    """Return where a workbook goes; refuse what can't be the learner's folder."""
    where = Path(folder).expanduser() if folder else Path.cwd()
    if not folder and os.environ.get(OWN_FOLDER):
        raise bad_arguments(
            f"The server runs in its own folder, {where}, so it does not know the learner's. "
            "Give `folder`: the full path of theirs.",
            "folder",
        )
    if not where.is_dir():
        raise bad_arguments(f"There is no folder {where}. Give `folder` one that exists.", "folder")
    return where


def _add_submitting(server: FastMCP, school: TeachingCalls) -> None:
    @server.tool(annotations=acts("Submit an exercise"), output_schema=None)
    async def submit_exercise(
        exercise: ExerciseName,
        context: Context,
        file: Annotated[str, Field(description="full path of the workbook")] = "",
        answer: Annotated[str, Field(description="or the learner's own code or value")] = "",
        author: Annotated[
            Literal["learner", "agent"], Field(description="agent: you wrote any of it")
        ] = "learner",
        ask_learner: Annotated[
            bool, Field(description="or let the client ask the learner in its own form")
        ] = False,
        course: CourseName = "microgpt",
    ) -> Any:  # noqa: ANN401 - a result, or in the newer era a request for the form
        """Run the learner's answer against fresh checks and record the result.

        What you wrote is practice. Mastery needs two passes a day apart, one of them in a terminal
        (autoresearch-mcp teach check FILE) or through ask_learner.
        """
        from curricula.workbook import read_workbook
        from server.views.teaching_views import marked_result

        given = [bool(file), bool(answer.strip()), ask_learner]
        if sum(given) != 1:
            raise bad_arguments(
                "Give one of `file`, `answer`, or ask_learner=true. Nothing was graded.", "one_of"
            )
        via: Literal["agent", "form"] = "agent"
        if ask_learner:
            asked = await _ask(context, await school.call(course, lambda t: _question(t, exercise)))
            if isinstance(asked, InputRequiredResult):
                return asked
            answer, via, author = asked, "form", "learner"
        path = Path(file).expanduser() if file else None

        def mark(teacher: Any) -> results.MarkedResult:  # noqa: ANN401
            name, source = exercise, _as_source(answer)
            if path is not None:
                name, source = read_workbook(path)
            marked = teacher.submit(
                name, source, author=author, via=via, named=exercise if path else ""
            )
            return marked_result(teacher.course, marked)

        return await school.call(course, mark)


def _as_source(answer: str) -> str:
    """An answer that is a value is code that names it."""
    answer = answer.removeprefix("\ufeff")  # a byte order mark, pasted along
    try:
        ast.parse(answer.strip(), mode="eval")
    except (SyntaxError, ValueError):
        return answer
    return f"answer = {answer.strip()}\n"


def _question(teacher: Any, exercise: str) -> str:  # noqa: ANN401
    return str(teacher.statement(exercise))


async def _ask(context: Context, question: str) -> "str | InputRequiredResult":
    """The learner's answer through the client's form, in either protocol era."""
    given = context.session.client_params
    if given is None or given.capabilities.elicitation is None:
        raise Refusal(
            "This client has no form for asking the learner. Nothing was graded. Let them run "
            "`autoresearch-mcp teach check FILE` in a terminal instead.",
            "form.unsupported",
        )
    responses = context.input_responses
    if responses is not None and FORM in responses:
        reply = responses[FORM]
        assert isinstance(reply, ElicitResult)
        return _accepted(reply.action, (reply.content or {}).get(FORM))
    schema = {
        "type": "object",
        "properties": {FORM: {"type": "string", "title": "Your answer: code, or a value"}},
        "required": [FORM],
    }
    if context._is_modern_protocol():
        form = ElicitRequestFormParams(message=question, requested_schema=schema)
        return InputRequiredResult(input_requests={FORM: ElicitRequest(params=form)})
    reply = await context.session.elicit(
        message=question, requested_schema=schema, related_request_id=context.request_id
    )
    return _accepted(reply.action, (reply.content or {}).get(FORM))


def _accepted(action: str, answer: object) -> str:
    if action != "accept" or not isinstance(answer, str) or not answer.strip():
        raise Refusal("The learner sent no answer in the form. Nothing was graded.", "form.empty")
    return answer
