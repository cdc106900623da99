"""`explain_code_section`: one tool for both sides, the course's file and a lab's incumbent."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.tools.base import ToolResult
from fastmcp.utilities.types import Image
from pydantic import Field

from server.errors import Refusal, bad_arguments
from server.sessions.lab_calls import LabCalls
from server.sessions.teaching_calls import TeachingCalls
from server.tools.research import LabName, looks
from server.views import research_views as shaping
from server.views.attribution import attributed

if TYPE_CHECKING:
    from curricula.teacher import Teacher

COURSE = "microgpt"
TAUGHT = Path("microgpt/gpt.py")
Picture = Literal["", "attention", "loss", "embedding", "graph"]


def add_explaining(
    server: FastMCP, desk: LabCalls, school: TeachingCalls, *, course_only: bool, draws: bool = True
) -> None:
    """Register it."""

    @server.tool(annotations=looks("Explain a code section"), output_schema=None)
    async def explain_code_section(
        section: Annotated[
            str,
            Field(description="gpt.py:101-110, softmax, a lesson; or of a lab: train.py:10-40"),
        ],
        example: Annotated[str, Field(description="a name to trace values on")] = "emma",
        picture: Annotated[
            Picture, Field(description="of gpt.py; graph draws the expression in `example`")
        ] = "",
        lab: LabName = "",
    ) -> Any:  # noqa: ANN401 - the course's answer or the lab's, with or without an image
        """The code with line numbers and what it really does.

        Of the course: shapes and values of a real pass, the lesson, questions to ask. Of a lab's
        incumbent: knobs, and what experiments on these lines showed; read it before you patch.
        """
        if not course_only and (lab or not await _is_of_course(desk, school, section)):
            here = await desk.lab(lab)
            found = await desk.call(here, lambda: here.explain(section))
            ending = await desk.call(here, here.ending)
            return attributed(here.contract.metric, shaping.section_result(found, ending))
        if picture and not draws:
            raise bad_arguments(
                "A picture is written to a file, but this server only reads. Omit `picture`.",
                "picture",
            )
        if picture:
            return await school.call(COURSE, lambda t: _drawn(t, picture, example))
        return await school.call(COURSE, lambda t: _explained(t, section, example))


async def _is_of_course(desk: LabCalls, school: TeachingCalls, section: str) -> bool:
    """Return whether the taught file is meant: by name, lesson, or symbol with no lab open."""
    file = Path(section.partition(":")[0])
    if file.suffix == ".py":
        return file in (TAUGHT, Path(TAUGHT.name))
    try:
        return await school.call(COURSE, lambda t: _knows(t, section, in_use=desk.in_use))
    except ToolError:  # a course that can't be read is no hindrance for a lab
        return False


def _knows(teacher: "Teacher", section: str, *, in_use: bool) -> bool:
    from curricula import subject

    path = Path(teacher.course.about.subject)
    if section in {unit.id for unit in teacher.course.units}:
        return True
    known = subject.symbols(subject.locate(str(path)).read_text(encoding="utf-8"))
    return not in_use and section in known


def _explained(teacher: "Teacher", section: str, example: str) -> Any:  # noqa: ANN401
    from dataclasses import asdict

    from curricula.content.line_owners import owners_of
    from curricula.explanation.explain import explain

    found = explain(section, example, teacher.withheld(), owners=owners_of(teacher.course))
    told = {key: value for key, value in asdict(found).items() if value not in ("", (), [])}
    told["next_step"] = (
        "Explain it in the learner's language, ask one of the questions, and wait for the answer."
    )
    return told


def _drawn(teacher: "Teacher", picture: Picture, example: str) -> ToolResult:
    from curricula.explanation.pictures import EXPRESSION
    from curricula.explanation.pictures import picture as draw

    expression = example if picture == "graph" and not example.isalpha() else EXPRESSION
    data = draw(picture, "emma" if picture == "graph" else example, expression)
    folder = teacher.record.folder / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{picture}-{''.join(c if c.isalnum() else '-' for c in example)[:40]}.png"
    try:
        file.write_bytes(data)
    except OSError as error:
        raise Refusal(
            f"The picture can't be written to {file}: {error.strerror}.", "picture.not_written"
        ) from error
    told = {
        "summary": f"A picture of {picture} for {example!r}.",
        "file": str(file),
        "next_step": "Show the file, and ask what the learner sees before you say what it shows.",
    }
    image = Image(data=data, format="png").to_image_content()
    return ToolResult(content=[image], structured_content=told)
