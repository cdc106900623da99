"""Try an exercise: its solutions must pass, and each mutant must show its misconception.

Also wrong for every exercise: its own starter, and the taught file pasted in whole with the asked
name given to its closest function.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from curricula import subject
from curricula.content.catalog import Course, Unit
from curricula.content.instance import Instance
from curricula.exercise import Mutant
from curricula.grading.grader import Grade, Part, Runner, judge, part_of, read_reply

INSTANCES = 50  # on which every solution must pass
WRONG_INSTANCES = 10  # on which every mutant must fail
PASTED_INSTANCES = 2  # on which the starter and the taught file must fail
_LIMIT_S = 300.0
Wrong: TypeAlias = "dict[str, Callable[[Instance], str]]"
_MEMORY_MB = 1024
STARTER = "the starter"


@dataclass(frozen=True, slots=True)
class Shown:
    """A mutant that stands for a misconception, and how often its grade named that one."""

    mutant: str
    misconception: str
    named: int
    tried: int
    instead: str  # what was named in its place, where anything was


@dataclass(frozen=True, slots=True, kw_only=True)
class Surprise:
    """An answer other than a solution that came out as it must not."""

    answer: str  # STARTER, "gpt.py's softmax", or a mutant's name
    passed: bool  # though it is wrong; or it failed, though its author calls it equivalent
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """Result of trying one exercise."""

    lesson: str
    exercise: str
    solutions: int
    refused: tuple[str, ...]  # correct answers that did not pass, in words
    mutants: int  # without the equivalent ones
    survived: tuple[Surprise, ...]  # wrong answers that passed, equivalent ones that failed
    shown: tuple[Shown, ...]

    @property
    def ok(self) -> bool:
        """Return whether the grader tells right answers from wrong ones."""
        return not self.refused and not self.survived


def try_course(
    course: Course,
    runner: Runner,
    *,
    only: Sequence[str] = (),
    instances: int = INSTANCES,
    seed: str = "mutate",
    watch: Callable[[str], None] = lambda _: None,
) -> Iterator[Tried]:
    """Try its exercises one after another: all, or those of these lessons or names."""
    for unit in course.units:
        for name in unit.exercises:
            if not only or unit.id in only or name in only:
                watch(name)
                yield try_exercise(course, unit, name, runner, instances=instances, seed=seed)


def try_exercise(
    course: Course, unit: Unit, name: str, runner: Runner, *, instances: int, seed: str
) -> Tried:
    """Try one exercise on fresh instances; the seed makes them the same again."""
    exercise = unit.exercises[name]
    fresh = [course.instance(name, f"{seed}/{n}") for n in range(instances)]
    few = fresh[:WRONG_INSTANCES]
    refused = [
        words
        for n, solution in enumerate(exercise.solutions)
        for words in _failures(f"solution {n}", fresh, [i.fill(solution) for i in fresh], runner)
    ]
    survived = list(_passes(_always_wrong(course, few[0]), few[:PASTED_INSTANCES], runner))
    shown = []
    for mutant in exercise.mutants:
        grades = _grades(few, [i.wrong(mutant) for i in few], runner)
        survived += _survivals(mutant, few, grades)
        if mutant.stands_for:
            shown.append(_shown(mutant, grades))
    return Tried(
        lesson=unit.id,
        exercise=name,
        solutions=len(exercise.solutions),
        refused=tuple(refused),
        mutants=sum(not mutant.equivalent for mutant in exercise.mutants),
        survived=tuple(survived),
        shown=tuple(shown),
    )


def _grades(fresh: Sequence[Instance], sources: Iterable[str], runner: Runner) -> list[Grade]:
    """One source for each instance, all in one child."""
    parts: list[Part] = [
        part_of(instance, source, f"cases/{instance.seed}")
        for instance, source in zip(fresh, sources, strict=True)
    ]
    reply = runner.run(parts, limit_s=_LIMIT_S, memory_mb=_MEMORY_MB)
    return [
        judge(instance, part.cases, answers, reply)
        for instance, part, answers in zip(fresh, parts, read_reply(reply, parts), strict=True)
    ]


def _failures(
    what: str, fresh: Sequence[Instance], sources: Sequence[str], runner: Runner
) -> Iterator[str]:
    for instance, grade in zip(fresh, _grades(fresh, sources, runner), strict=True):
        if not grade.passed:
            yield (
                f"{what} on instance {instance.seed} {dict(instance.params)}: {grade.words} "
                f"{grade.shown_input} -> {grade.shown_answer}"
            )
            return  # one tells the author enough


def _passes(wrong: Wrong, fresh: Sequence[Instance], runner: Runner) -> Iterator[Surprise]:
    """Yield the sources that pass. One child tries them all, if none of them ends it."""
    tried = [(what, source(i), i) for what, source in wrong.items() for i in fresh]
    instances, sources = [i for _, _, i in tried], [source for _, source, _ in tried]
    grades = _grades(instances, sources, runner)
    if not all(grade.answered for grade in grades):
        grades = [_grades([i], [source], runner)[0] for _, source, i in tried]
    for (what, _, instance), grade in zip(tried, grades, strict=True):
        if grade.passed:
            yield _passing(what, instance)


def _passing(answer: str, instance: Instance) -> Surprise:
    text = f"{answer} passes on instance {instance.seed} {dict(instance.params)}"
    return Surprise(answer=answer, passed=True, text=text)


def _survivals(
    mutant: Mutant, fresh: Sequence[Instance], grades: Sequence[Grade]
) -> Iterator[Surprise]:
    passed = [i for i, grade in zip(fresh, grades, strict=True) if grade.passed]
    if mutant.equivalent and len(passed) != len(grades):
        text = f"{mutant.name} is said to be equivalent ({mutant.equivalent}), and fails"
        yield Surprise(answer=mutant.name, passed=False, text=text)
    if not mutant.equivalent and passed:
        yield _passing(mutant.name, passed[0])


def _shown(mutant: Mutant, grades: Sequence[Grade]) -> Shown:
    named = [grade.misconception for grade in grades]
    others = sorted({name or "none" for name in named if name != mutant.stands_for})
    right = named.count(mutant.stands_for)
    return Shown(mutant.name, mutant.stands_for, right, len(named), ", ".join(others))


def _always_wrong(course: Course, instance: Instance) -> Wrong:
    """Yield sources that must fail on every instance, with their descriptions."""
    path, entry = course.about.subject, instance.exercise.entry
    found: Wrong = {STARTER: lambda instance: instance.starter}
    if path:
        text = subject.locate(path).read_text(encoding="utf-8-sig")
        for name in subject.symbols(text):
            if "." not in name and not name.isupper():
                found[f"{path}'s {name}"] = partial(_pasted, f"{text}\n\n{entry} = {name}\n")
    return found


def _pasted(source: str, _: Instance) -> str:
    return source
