"""One opening of an exercise: the parameters that its task, starter and solutions are filled with.

A seed decides them, so whatever was graded can be graded again. The calls that an attempt is
checked with have a seed of their own, fresh for each attempt.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from random import Random
from typing import Any

from jinja2 import Environment, StrictUndefined, Template, TemplateError

from curricula.content.lesson import Task
from curricula.errors import LessonError
from curricula.exercise import Case, Exercise, Mutant, Params

_TEMPLATES = Environment(
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701 - markdown and Python, no HTML
)


@dataclass(frozen=True)
class Instance:
    """An exercise with its parameters drawn."""

    exercise: Exercise
    task: Task
    seed: str  # of the task, as text

    @cached_property
    def params(self) -> Params:
        """Parameters that were drawn, as plain data."""
        drawn = self.exercise.draw(Random(f"{self.exercise.id}/task/{self.seed}"))
        params: Params = json.loads(as_json(drawn))
        return params

    @property
    def statement(self) -> str:
        """The task, in markdown."""
        return self.fill(self.task.text)

    @property
    def starter(self) -> str:
        """Starter code that the learner finds in the workbook."""
        return self.fill(self.task.starter)

    def hint(self, level: int) -> str:
        """The hint of that level, 1 to 5."""
        return self.fill(self.task.hints[level - 1])

    def cases(self, seed: str) -> tuple[Case, ...]:
        """The calls of one attempt, the smallest first."""
        drawn = self.exercise.cases(Random(f"{self.exercise.id}/cases/{seed}"), self.params)
        return tuple(json.loads(as_json(drawn)))

    def fill(self, template: str) -> str:
        """A text with the parameters filled in; raise LessonError where that fails."""
        return fill(template, self.params, self.exercise.id)

    def wrong(self, mutant: Mutant) -> str:
        """The source of a mutant."""
        if mutant.source:
            return self.fill(mutant.source)
        solution = self.exercise.solutions[mutant.of]
        if mutant.find not in solution:
            raise LessonError(
                f"{self.exercise.id}: mutant {mutant.name} replaces {mutant.find!r}, which is not "
                f"in solution {mutant.of}.",
                "`find` is a text of the solution as it stands in exercises.py.",
                reason="mutant",
            )
        return self.fill(solution.replace(mutant.find, mutant.replace))


def fill(template: str, params: Mapping[str, Any], name: str) -> str:
    """A jinja text with the parameters as `p`."""
    try:
        return _compiled(template).render(p=params)
    except TemplateError as error:
        raise LessonError(
            f"{name}: a text can't be filled in: {error}.",
            "`{{ p.name }}` must be a parameter that `draw` returns.",
            reason="template",
        ) from None


@lru_cache(maxsize=1024)
def _compiled(template: str) -> Template:
    return _TEMPLATES.from_string(template)


def as_json(value: object) -> str:
    """Plain data as text; what has no JSON form raises TypeError or ValueError."""
    return json.dumps(value, allow_nan=False)
