"""A course of two lessons as text, for tests to write into a folder; and a child without a process.

`totals` teaches a scaled sum, `means` builds on it. The taught file is three lines of its own.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from curricula.content.catalog import Course, find_course
from curricula.content.instance import Instance
from curricula.grading import child
from curricula.grading.grader import Part, Reply
from curricula.records.record import Record
from curricula.teacher import Teacher

SUBJECT = '''\
"""Sums."""


def total(values):
    return sum(values)


def mean(values):
    """Of some values."""
    if not values:
        return 0.0
    return total(values) / len(values)
'''
COURSE = """\
id = "small"
title = "Sums and means"
goal = "You can add up, and divide by how many there were."
subject = "{subject}"
"""
HINTS = """
#### Hints

1. What comes out for one value?
2. Look at the sum in the worked example.
3. A factor that is in every part can be taken out.
4. Add up first, and then multiply once.
5. A price in euros, with {{ p.gain }} of them to a dollar: add up, then change the money.
"""
TOTALS = f"""\
---
id: totals
title: Scaled sums
goal: Add up values and scale what comes out.
prerequisites: []
owns: [total]
minutes: 10
skills:
  total: add up values and scale the sum
questions:
  - What is the sum of nothing?
  - Does it matter when you multiply?
misconceptions:
  forgets-gain: Your sum is not scaled. What should each value count for?
  first-only: Only one of the values counts in yours. What do the others do?
---

## Why

Sums are everywhere.

## Predict first

Guess before you run it.

### guess-total: What comes out

What is {{{{ p.gain }}}} times the sum of 1, 2 and {{{{ p.last }}}}?

```python
answer = ...
```
{HINTS}
## Explanation

### As a heap

Put all on one heap.

### As a walk

Go one step for each value.

## Worked example

```python
print(gpt.total([1, 2]))
```

```text
3
```

## Faded example

The sum of 1, 2 and 3 is …

## Your own writing

Now you.

### write-total: A scaled sum

Write `total(values)`: the sum, times {{{{ p.gain }}}}.

```python
def total(values):
    ...
```
{HINTS}
## Find the bug

### mend-total: It forgets the last one

This should be the sum, times {{{{ p.gain }}}}. Mend it.

```python
def total(values):
    return {{{{ p.gain }}}} * sum(values[:-1])
```
{HINTS}
## Transfer

Where else?
"""
MEANS = f"""\
---
id: means
title: Scaled means
goal: Divide a sum by how many values there were.
prerequisites: [totals]
owns: [mean]
minutes: 10
skills:
  mean: find the mean of values and scale it
questions:
  - What is the mean of one value?
  - And of none?
misconceptions:
  forgets-gain-again: Your mean is not scaled. What should it be multiplied by?
---

## Why

Means are everywhere.

## Predict first

### guess-mean: What comes out

What is {{{{ p.gain }}}} times the mean of 1 and {{{{ p.last }}}}?

```python
answer = ...
```
{HINTS}
## Explanation

### As a balance

The point at which it balances.

### As a share

All get the same.

## Worked example

```python
print(gpt.mean([1, 3]))
```

```text
2.0
```

## Faded example

The mean of 1, 2 and 3 is …

## Your own writing

### write-mean: A scaled mean

Write `mean(values)`: the mean, times {{{{ p.gain }}}}; 0 of nothing.

```python
def mean(values):
    ...
```
{HINTS}
## Find the bug

Nothing here.

## Transfer

Where else?
"""
HEAD = """\
from curricula import subject
from curricula.exercise import Exercise, Mutant

SUMS = subject.load("{subject}")


def draw(rng):
    return {{"gain": rng.randrange(2, 1000), "last": rng.randrange(3, 1000)}}


def cases(rng, p):
    some = [[rng.randrange(1, 50) for _ in range(n)] for n in (1, 2, 3, 5, 8)]
    return [[values] for values in [[], *some]]


"""
TOTALS_PY = '''\
def scaled(p, values):
    return p["gain"] * SUMS.total(values)


LOOP = """\
def total(values):
    found = 0
    for value in values:
        found += {{ p.gain }} * value
    return found
"""
PLAIN = "def total(values):\\n    return {{ p.gain }} * sum(values)\\n"
SPLIT = """\
def total(values):
    return {{ p.gain }} * values[0] + total(values[1:]) if values else 0
"""
BELIEFS = {
    "forgets-gain": lambda p, values: sum(values),
    "first-only": lambda p, values: p["gain"] * (values[0] if values else 0),
}
MUTANTS = (
    Mutant(name="no-gain", find="{{ p.gain }} * ", replace="", of=1, stands_for="forgets-gain"),
    Mutant(
        name="first", find="sum(values)", replace="sum(values[:1])", of=1, stands_for="first-only"
    ),
    Mutant(name="nothing", source="def total(values):\\n    return 0\\n"),
    Mutant(name="float", find="return", replace="return 1.0 *", of=1, equivalent="1.0 times"),
)


def writing(name):
    return Exercise(
        id=name, skill="total", entry="total", draw=draw, cases=cases, reference=scaled,
        misconceptions=BELIEFS, solutions=(LOOP, PLAIN, SPLIT), mutants=MUTANTS,
    )


EXERCISES = [
    Exercise(
        id="guess-total", skill="total", entry="answer", draw=draw, cases=lambda rng, p: [[]],
        reference=lambda p: scaled(p, [1, 2, p["last"]]),
        solutions=(
            "answer = {{ p.gain * (3 + p.last) }}",
            "answer = {{ p.gain }} * (1 + 2 + {{ p.last }})",
            "def answer():\\n    return sum([1, 2, {{ p.last }}]) * {{ p.gain }}\\n",
        ),
        mutants=(Mutant(name="none", source="answer = 0"),),
    ),
    writing("write-total"),
    writing("mend-total"),
]
'''
MEANS_PY = '''\
def scaled(p, values):
    return p["gain"] * SUMS.mean(values)


def hint_of(p, args, answer):
    """A property in place of the answer; it trips over what is no number."""
    return "" if abs(answer - scaled(p, *args)) < 1e-6 else "it is not the scaled mean"


FIRST = """\
def mean(values):
    return {{ p.gain }} * sum(values) / len(values) if values else 0
"""
EXERCISES = [
    Exercise(
        id="guess-mean", skill="mean", entry="answer", draw=draw, cases=lambda rng, p: [[]],
        reference=lambda p: scaled(p, [1, p["last"]]),
        solutions=("answer = {{ p.gain * (1 + p.last) / 2 }}",) * 3, mutants=(),
    ),
    Exercise(
        id="write-mean", skill="mean", entry="mean", draw=draw, cases=cases, reference=scaled,
        check=hint_of, solutions=(FIRST,) * 3,
        misconceptions={
            "forgets-gain-again": lambda p, args, answer: (
                abs(answer * p["gain"] - scaled(p, *args)) < 1e-6
            )
        },
        mutants=(
            Mutant(
                name="no-gain", find="{{ p.gain }} * ", stands_for="forgets-gain-again"
            ),
        ),
    ),
]
'''


def write_course(folder: Path, **changes: str) -> Path:
    """Write it to `folder/small`; `changes` replace a text, by the name of its constant here."""
    texts = {name: changes.get(name, globals()[name]) for name in FILES.values()}
    course = folder / "small"
    course.mkdir(parents=True)
    subject = course / "sums.py"
    for path, name in FILES.items():
        file = course / path
        file.parent.mkdir(exist_ok=True)
        head = HEAD.format(subject=subject) if path.endswith("exercises.py") else ""
        text = texts[name]
        file.write_text(head + (text.format(subject=subject) if name == "COURSE" else text))
    return course


FILES = {
    "course.toml": "COURSE",
    "sums.py": "SUBJECT",
    "01-totals/lesson.md": "TOTALS",
    "01-totals/exercises.py": "TOTALS_PY",
    "02-means/lesson.md": "MEANS",
    "02-means/exercises.py": "MEANS_PY",
}


def small_course(folder: Path) -> Course:
    """The course, written and read."""
    return find_course("small", [write_course(folder).parent])


@dataclass
class Instant:
    """Runs parts in this process, with the child's own code, and counts how often it is asked."""

    runs: int = 0
    ended: str = "exit"
    limits: list[float] = field(default_factory=list)

    def run(self, parts: Sequence[Part], *, limit_s: float, memory_mb: int) -> Reply:
        self.runs += 1
        self.limits.append(limit_s)
        said = io.StringIO()
        job = json.loads(json.dumps({"parts": [asdict(part) for part in parts]}))
        child.answer_all(job, said)
        return Reply(lines=tuple(said.getvalue().splitlines()), ended=self.ended, sandbox="instant")


@dataclass
class Says:
    """Runs nothing: says what it was told to say."""

    lines: tuple[str, ...]
    ended: str = "exit"

    def run(self, parts: Sequence[Part], *, limit_s: float, memory_mb: int) -> Reply:
        return Reply(lines=self.lines, ended=self.ended, sandbox="none")


@dataclass
class Clock:
    """A clock that is a second later each time, and later still when it is told to be."""

    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def pass_days(self, days: float) -> None:
        self.now += timedelta(days=days)


def right(instance: Instance, which: int = 0) -> str:
    """A correct answer to that instance."""
    return instance.fill(instance.exercise.solutions[which])


@dataclass
class Class:
    """A learner in the small course, with everything around them."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    runner: Instant = field(default_factory=Instant)

    def __post_init__(self) -> None:
        record = Record(
            self.folder / "ann", key_file=self.folder / "keys" / "key", clock=self.clock
        )
        self.teacher = Teacher(small_course(self.folder), record, self.runner, self.clock)
        self.desk = self.folder / "desk"
        self.desk.mkdir()

    def answer_to(self, exercise: str, which: int = 0) -> str:
        """A correct answer to its newest opening."""
        opened = [o for o in self.teacher.openings().all() if o.exercise == exercise]
        return right(self.teacher.instance_of(opened[-1]), which)

    def passes(self, lesson: str = "", *, via: str = "agent", which: int = 0) -> str:
        """Open what comes next and pass it; which exercise that was."""
        step = self.teacher.start(lesson, self.desk)
        source = self.answer_to(step.exercise, which)
        marked = self.teacher.submit(step.exercise, source, author="learner", via=via)
        assert marked.grade.passed, marked.grade.words
        return step.exercise
