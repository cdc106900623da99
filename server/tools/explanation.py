"""`explain_code_section`: one tool for both sides, the course's file and a lab's incumbent.

`lab` asks for a lab's file; `example` and `picture` ask for the course's. Without any of them a lab
that is in use comes first, and the course where it has no such section. The answer says which.
"""

from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.tools.base import ToolResult
from fastmcp.utilities.types import Image
from pydantic import Field

from server.errors import Refusal, bad_arguments
from server.sessions.lab_calls import LabCalls
from server.sessions.teaching_calls import TeachingCalls
from server.tools.answers import with_image
from server.tools.research import LabName, looks
from server.views import research_views as shaping
from server.views.attribution import attributed
from server.views.research_results import SectionResult

if TYPE_CHECKING:
    from curricula.teacher import Teacher

COURSE = "microgpt"
EXAMPLE = "emma"
Picture = Literal["", "attention", "loss", "embedding", "graph"]


def add_explaining(
    server: FastMCP, desk: LabCalls, school: TeachingCalls, *, course_only: bool
) -> None:
    """Register it."""

    @server.tool(annotations=looks("Explain a code section"), output_schema=None)
    async def explain_code_section(
        section: Annotated[
            str,
            Field(description="gpt.py:101-110, softmax, a lesson; or of a lab: train.py:10-40"),
        ],
        example: Annotated[
            str, Field(description="of gpt.py: a name to trace values on; emma by default")
        ] = "",
        picture: Annotated[
            Picture, Field(description="of gpt.py; graph draws the expression in `example`")
        ] = "",
        lab: LabName = "",
    ) -> Any:  # noqa: ANN401 - the course's answer or the lab's, with or without an image
        """The code with line numbers and what it really does.

        Of the course: shapes and values of a real pass, the lesson, questions to ask. Of a lab's
        incumbent: knobs, and what experiments on these lines showed; read it before you patch.
        """
        asked = {"example": example, "picture": picture}
        of_course = [name for name, value in asked.items() if value]
        if lab and (of_course or course_only):
            raise _of_one_side(of_course)
        if not course_only and not of_course:
            found = await _in_lab(desk, school, section, lab)
            if found is not None:
                return found
        if of_course and not await _taught(school, section):
            raise bad_arguments(
                f"`{of_course[0]}` goes with the course's gpt.py, which has no {section!r}. Omit "
                "it to see a lab's code, or name a section of gpt.py: softmax, gpt.py:101-110 or "
                "a lesson.",
                of_course[0],
            )
        if picture:
            return await school.call(COURSE, lambda t: _drawn(section, picture, example))
        told = await school.call(COURSE, lambda t: _explained(t, section, example or EXAMPLE))
        if desk.in_use:
            told["summary"] += " This is the course's file; `lab` asks for a lab's."
        return told


def _of_one_side(of_course: list[str]) -> Refusal:
    if not of_course:
        return bad_arguments("This server only teaches and has no labs. Omit `lab`.", "lab")
    names = " and ".join(f"`{name}`" for name in of_course)
    return bad_arguments(
        f"`lab` asks for a lab's file, {names} for the course's gpt.py. Omit one or the other.",
        "one_of",
    )


async def _in_lab(
    desk: LabCalls, school: TeachingCalls, section: str, lab: str
) -> SectionResult | None:
    """Return a lab's answer; None where the course is meant."""
    taught = await _taught(school, section)
    if not lab and taught and (not desk.in_use or await _is_lesson(school, section)):
        return None
    here = await desk.lab(lab)
    try:
        found = await desk.call(here, lambda: here.explain(section))
    except Refusal as error:
        if taught and not lab and error.code.partition(".")[0] == "not_found":
            return None
        raise
    ending = await desk.call(here, here.ending)
    shown = attributed(here.contract.metric, shaping.section_result(found, ending))
    words = f"{shown.summary} From the lab {here.name}"
    both = taught and not lab
    also = f"; `example` asks for {section} of the course's gpt.py." if both else "."
    return shown.model_copy(update={"summary": words + also})


async def _taught(school: TeachingCalls, section: str) -> bool:
    """Return whether the course's file has such a section."""
    try:
        return await school.call(COURSE, lambda t: _knows(t, section))
    except ToolError:  # a course that can't be read is no hindrance for a lab
        return False


async def _is_lesson(school: TeachingCalls, section: str) -> bool:
    return await school.call(COURSE, lambda t: section in {unit.id for unit in t.course.units})


def _knows(teacher: "Teacher", section: str) -> bool:
    from curricula import subject
    from curricula.content.line_owners import owners_of
    from curricula.errors import UnknownNameError
    from curricula.explanation.explain import find_lines

    source = subject.locate(str(teacher.course.about.subject)).read_text(encoding="utf-8")
    try:
        return bool(find_lines(section, source, owners_of(teacher.course)))
    except UnknownNameError:
        return False


def _explained(teacher: "Teacher", section: str, example: str) -> dict[str, Any]:
    from dataclasses import asdict

    from curricula.content.line_owners import owners_of
    from curricula.explanation.explain import explain

    found = explain(section, example, teacher.withheld(), owners=owners_of(teacher.course))
    told = {key: value for key, value in asdict(found).items() if value not in ("", (), [])}
    told["next_step"] = (
        "Explain it in the learner's language, ask one of the questions, and wait for the answer."
    )
    return told


def _drawn(section: str, picture: Picture, example: str) -> ToolResult:
    """Draw it and write nothing: a learner who wants a file has a command for that."""
    from curricula.explanation.pictures import drawing

    drawn = drawing(picture, example)
    chosen = f" --example {quote(example)}" if drawn.example and example else ""
    told = {
        "summary": f"A picture of {drawn.shows}. It is of the whole model, not of {section} alone.",
        "next_step": (
            "Ask what the learner sees before you say what it shows. If their client shows them no "
            f"images, `autoresearch-mcp teach picture {picture}{chosen}` in a terminal writes it "
            "to a file."
        ),
    }
    return with_image(told, Image(data=drawn.png, format="png"))
