"""How long a grade takes beyond the learner's own code, in the sandbox that works here.

    python scripts/benchmarks/grading.py

The answer to a standard-library exercise is graded again and again, as the server does it: fresh
calls, a child, comparison. What the learner's own code takes is measured in this process and taken
off. In the same run: a bare `python -I -S -c pass`, started as often, since machines differ.
"""

import io
import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from statistics import median

from autoresearch.sandboxes import interpreter_folders
from curricula.content.catalog import find_course
from curricula.exercise import Kind
from curricula.grading import child
from curricula.grading.grader import Part, grade, part_of
from curricula.records.record import Record
from curricula.teacher import Teacher
from server.sessions.answer_runner import SandboxRunner

COURSE = "microgpt"
GRADES = 50


def main() -> None:
    """Measure, and print three lines."""
    course = find_course(COURSE)
    written = (task for unit in course.units for task in unit.lesson.tasks)
    name = next(task.id for task in written if task.kind is Kind.WRITE)
    instance = course.instance(name, "bench")
    source = instance.fill(instance.exercise.solutions[0])
    bare = (interpreter_folders.own_base(), "-I", "-S", "-c", "pass")
    grades, own, starts, sandbox = [], [], [], ""
    with SandboxRunner() as runner:
        grade(instance, source, "warm", runner)
        for n in range(GRADES):
            part = part_of(instance, source, f"bench/{n}")
            own.append(_ms(lambda part=part: _answer(part)))
            starts.append(_ms(lambda: subprocess.run(bare, check=True)))
            began = time.perf_counter()
            found = grade(instance, source, f"bench/{n}", runner)
            grades.append(1e3 * (time.perf_counter() - began))
            assert found.passed, found.words
            sandbox = found.sandbox
    beyond = median(g - o for g, o in zip(grades, own, strict=True))
    print(f"grade: {beyond:.0f} ms at the median beyond the learner's code ({sandbox})")
    print(
        f"in the same run: the learner's code of {name} {median(own):.1f} ms, "
        f"a bare python -I -S -c pass {median(starts):.1f} ms"
    )
    with SandboxRunner() as runner, tempfile.TemporaryDirectory() as folder:
        print(_submissions(Path(folder), runner))


def _submissions(folder: Path, runner: SandboxRunner) -> str:
    """What a learner waits for: a grade, and the record written and read."""
    record = Record(folder / "learner", key_file=folder / "keys" / "key")
    teacher = Teacher(find_course(COURSE), record, runner)
    step = teacher.start("", folder)
    instance = teacher.instance_of(teacher.openings().all()[-1])
    source = instance.fill(instance.exercise.solutions[0]) + "\n# again"

    def submit() -> None:
        teacher.submit(step.instance, source, author="agent", via="agent")

    submit()
    taken = [_ms(submit) for _ in range(GRADES)]
    return f"a whole submission, recorded: {median(taken):.0f} ms at the median"


def _answer(part: Part) -> None:
    child.answer_all(json.loads(json.dumps({"parts": [asdict(part)]})), io.StringIO())


def _ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - began)


if __name__ == "__main__":
    main()
