"""An agent that only wants to be done, let loose on the teaching tools of a real server.

It calls every tool, claims completion, submits stubs, the taught file and the names of what it
can't see, asks for solutions in every way there is, and edits the record. It blindfolds what
watches its wrong answers, has them graded by a doctored copy of the course, and passes its own
answers off as the learner's. Whatever it is told is kept and searched for lines of solutions; what
it has reached is read off the record.
"""

import ast
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError

from curricula import subject
from curricula.content.catalog import COURSE_FILE, Course
from curricula.content.instance import Instance
from curricula.content.lesson import LADDER
from curricula.mastery.standing import State
from curricula.teacher import Teacher
from server.app import build_server
from server.scripted_agents.teaching_attacks import blindfolded, doctored_copy, second_hand
from server.sessions.answer_runner import SandboxRunner
from server.sessions.teaching_calls import TeachingCalls

LEAST_LINE = 12  # characters; shorter lines are `else:`, `return x` and the like
CLAIMS = ("I have completed this exercise.", "passed = True", "answer = 'done'", "None", "...")
ASKS = ("solution", "reference", "solutions", "exercises.py", "EXERCISES", "../exercises.py")
SURFACES = ("gpt.py", "microgpt/gpt.py:1-200", "exercises.py", "curricula/grading/grader.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Findings of the audit: what the agent reached, and what leaked to it."""

    calls: int
    submissions: int
    passed: tuple[str, ...]  # exercises
    mastered: tuple[str, ...]  # skills, before or after the record was edited
    leaked: tuple[str, ...]  # lines of solutions, with where they came out
    tampered: tuple[str, ...]  # edits of the record that went unnoticed

    @property
    def ok(self) -> bool:
        """Return whether the agent got nothing."""
        return not (self.passed or self.mastered or self.leaked or self.tampered)


@dataclass(slots=True)
class _Agent:
    """Calls tools and keeps all that it hears."""

    client: Client[Any]
    course: str
    heard: list[tuple[str, str]] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    submissions: int = 0

    async def call(self, tool: str, **arguments: object) -> dict[str, Any]:
        try:
            result = await self.client.call_tool(tool, arguments)
        except ToolError as error:
            self.heard.append((f"{tool} {arguments}"[:200], str(error)))
            return {}
        told = result.structured_content or {}
        words = "\n".join(getattr(part, "text", "") for part in result.content)
        self.heard.append((f"{tool} {arguments}"[:200], f"{words}\n{_texts(told)}"))
        return told

    async def submit(self, exercise: str, **answer: str) -> None:
        self.submissions += 1
        told = await self.call("submit_exercise", exercise=exercise, **answer)
        if told.get("passed"):
            self.passed.append(f"{exercise} with {answer}"[:300])


async def audit(
    course: str,
    *,
    courses: tuple[Path, ...] = (),
    only: Sequence[str] = (),
    watch: Callable[[str], None] = lambda _: None,
) -> Audit:
    """Let it loose on a learner's record of its own, which is gone afterwards.

    `only`: the exercises of these lessons; all without it.
    """
    with (
        TemporaryDirectory(prefix="autoresearch-audit-") as folder,
        SandboxRunner() as runner,
    ):
        home = Path(folder)
        if (Path(course) / COURSE_FILE).is_file():
            courses, course = (*courses, Path(course).resolve()), Path(course).resolve().name
        school = TeachingCalls(home, courses=courses, runner=runner)
        teacher = school.teacher(course)
        server = build_server(toolset="teach", school=school)
        async with Client(server) as client:
            agent = _Agent(client, course)
            await _look_around(agent, server, teacher.course, folder)
            instances = []
            for unit in teacher.course.units:
                for name in unit.exercises if not only or unit.id in only else ():
                    watch(name)
                    instances.append(await _finish(agent, teacher, name, home))
            mastered = list(_reached(teacher))
            mastered += doctored_copy(teacher, home, only, courses, runner)
            mastered += second_hand(teacher.course, home / "second", only, courses, runner)
            tampered = [words async for words in _tamper(agent, teacher)]
            mastered += _reached(teacher)
        return Audit(
            calls=len(agent.heard),
            submissions=agent.submissions,
            passed=tuple(agent.passed),
            mastered=tuple(mastered),
            leaked=tuple(_leaks(teacher.course, instances, agent.heard)),
            tampered=tuple(tampered),
        )


async def _look_around(agent: _Agent, server: FastMCP, course: Course, folder: str) -> None:
    """Every tool, prompt and resource, with what one would try first."""
    for tool in await agent.client.list_tools():
        agent.heard.append((f"description of {tool.name}", tool.model_dump_json()))
    for prompt in await agent.client.list_prompts():
        got = await agent.client.get_prompt(prompt.name)
        agent.heard.append((f"prompt {prompt.name}", got.model_dump_json()))
    for resource in await agent.client.list_resources():
        read = await agent.client.read_resource(resource.uri)
        agent.heard.append((str(resource.uri), str(read)))
    agent.heard.append(("instructions", str(server.instructions)))
    for section in (*SURFACES, *ASKS, *(unit.id for unit in course.units)):
        await agent.call("explain_code_section", section=section)
    for lesson in (*ASKS, "review", *(unit.id for unit in course.units)):
        await agent.call("start_lesson", course=agent.course, lesson=lesson, folder=folder)
    await agent.call("show_progress", course=agent.course)


async def _finish(agent: _Agent, teacher: Teacher, name: str, home: Path) -> Instance:
    """Open it, ask for everything, and hand in whatever might slip through."""
    step = teacher.open_exercise(name, home)
    agent.heard.append((f"the task of {name}", _texts([step.statement, step.sections])))
    assert step.workbook is not None
    entry = teacher.course.unit_of(name).exercises[name].entry
    for _ in range(len(LADDER) + 1):
        await agent.call("get_hint", exercise=name, course=agent.course)
    await agent.submit(name, file=str(step.workbook), course=agent.course)
    for source in (*CLAIMS, *_stubs(entry), *_pasted(teacher.course, entry)):
        await agent.submit(name, answer=source, course=agent.course)
    await agent.submit(
        name, answer=f"def {entry}(*a): return None", author="agent", course=agent.course
    )
    await agent.call("explain_code_section", section=teacher.course.unit_of(name).id)
    [opened] = [o for o in teacher.openings().all() if o.instance == step.instance]
    instance = teacher.instance_of(opened)
    for source in blindfolded(instance):
        await agent.submit(name, answer=source, course=agent.course)
    return instance


def _stubs(entry: str) -> Iterator[str]:
    yield f"def {entry}(*args, **kwargs):\n    pass\n"
    yield f"def {entry}(*args):\n    return args[0] if args else 0\n"
    yield f"{entry} = reference\n"
    yield f"from curricula.courses import *\n{entry} = REFERENCE\n"
    yield (
        "class Yes:\n    def __eq__(self, other): return True\n"
        f"    def __getattr__(self, name): return self\n{entry} = lambda *a: Yes()\n"
    )
    yield (
        f"import sys\ndef {entry}(*args):\n    frame = sys._getframe()\n    while frame:\n"
        "        if 'expected' in frame.f_locals: return frame.f_locals['expected']\n"
        "        frame = frame.f_back\n"
    )


def _pasted(course: Course, entry: str) -> Iterator[str]:
    if not course.about.subject:
        return
    source = subject.locate(course.about.subject).read_text(encoding="utf-8-sig")
    yield source
    names = [n for n in subject.symbols(source) if "." not in n and not n.isupper()]
    for name in get_close_matches(entry, names, n=3, cutoff=0.0):  # `teach mutate` tries them all
        yield f"{source}\n\n{entry} = {name}\n"


async def _tamper(agent: _Agent, teacher: Teacher) -> Any:  # noqa: ANN401 - an async generator
    """Edit the record in the ways that suggest themselves, one after another."""
    file = teacher.record.file
    original = file.read_bytes()
    before = teacher.progress()
    for words, edited in _edits(original):
        file.write_bytes(edited)
        await agent.call("show_progress", course=agent.course)
        after = teacher.progress()
        gained = [name for name, one in after.lessons.items() if one.passed]
        if any(not before.lessons[name].passed for name in gained):
            yield words
        elif not teacher.record.damaged:
            yield f"{words}: not noticed"
        file.write_bytes(original)


def _edits(original: bytes) -> Iterator[tuple[str, bytes]]:
    """The record with every failure a pass, with a line doubled, without its hints."""
    yield "failures turned into passes", original.replace(b'"passed":false', b'"passed":true')
    lines = original.splitlines(keepends=True)
    attempts = [line for line in lines if b'"attempt"' in line]
    forged = attempts[-1].replace(b'"passed":false', b'"passed":true')
    yield "a forged pass at its end", original + forged
    yield "its hints removed", b"".join(line for line in lines if b'"hint"' not in line)
    yield "its tail dropped", b"".join(lines[: len(lines) // 2])


def _reached(teacher: Teacher) -> Iterator[str]:
    standing = teacher.progress()
    for name, skill in standing.skills.items():
        if skill.state in (State.PASSED, State.MASTERED):
            yield f"{name}: {skill.state}"
    yield from (f"lesson {name}" for name, one in standing.lessons.items() if one.passed)


def _leaks(
    course: Course, instances: list[Instance], heard: list[tuple[str, str]]
) -> Iterator[str]:
    """Lines of solutions that came out, and stand in no lesson's text."""
    open_text = "\n".join(_open_text(course, instances))
    known = {_bare(line) for line in open_text.splitlines()}
    secrets = {
        _bare(line): instance.exercise.id
        for instance in instances
        for solution in instance.exercise.solutions
        for line in instance.fill(solution).splitlines()
        if len(line.strip()) >= LEAST_LINE and _says_something(line.strip())
    }
    for where, text in heard:
        for line in text.splitlines():
            said = _bare(line)
            if said in secrets and said not in known:
                yield f"{secrets[said]}: {said!r} came out of {where}"


def _open_text(course: Course, instances: list[Instance]) -> Iterator[str]:
    """Return the text given to learners: lessons without hints, tasks, starters, taught file."""
    for unit in course.units:
        yield from unit.lesson.sections.values()
        yield from (text for _, text in unit.lesson.explanations)
    for instance in instances:
        yield instance.statement
        yield instance.starter
    if course.about.subject:
        yield subject.locate(course.about.subject).read_text(encoding="utf-8-sig")


def _says_something(line: str) -> bool:
    """Return whether a line reveals more than a function header, a loop or an import."""
    opening = line.removesuffix(":")
    try:
        tree = ast.parse(line if opening == line else f"{line} pass")
    except SyntaxError:
        return True
    match tree.body[0] if tree.body else None:
        case ast.FunctionDef() | ast.ClassDef() | ast.Import() | ast.ImportFrom() | None:
            return False
        case ast.For(target=ast.Name(), iter=ast.Name()):
            return False
        case ast.Return(value=ast.Name() | ast.Constant() | None):
            return False
        case ast.Assign(value=ast.Constant() | ast.Name() | ast.List(elts=[]) | ast.Dict(keys=[])):
            return False
    return True


def _bare(line: str) -> str:
    """Without comment signs, list marks, line numbers and spaces around it."""
    return line.strip().lstrip("#>- ").strip()


def _texts(value: Any) -> str:  # noqa: ANN401 - whatever a tool answers
    """Every string in it, a line each."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "\n".join(map(_texts, value.values()))
    if isinstance(value, list | tuple):
        return "\n".join(map(_texts, value))
    return json.dumps(value, default=str)
