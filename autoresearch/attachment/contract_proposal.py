"""Look at a repository and propose a contract for it: what is found, why, and what must be asked.

Only reads. A program that prints a number is proposed before a test suite that takes time; of
several that are as likely, none is chosen.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from autoresearch.attachment.commands import PYTHON, typed
from autoresearch.attachment.editable_files import as_globs, sources_of, tested_sources
from autoresearch.attachment.imports import Reach, reach_of
from autoresearch.attachment.karpathy import recognise
from autoresearch.attachment.metric_names import Number, candidates, direction_of
from autoresearch.attachment.print_statements import printed_numbers
from autoresearch.attachment.programs import Program, find_programs, tests_of
from autoresearch.attachment.proposal_parts import Answers, Meter, Part, Proposal, Sureness
from autoresearch.attachment.same_program.content_elsewhere import content_elsewhere
from autoresearch.attachment.same_program.places import covers
from autoresearch.attachment.same_program.variables import given_variables
from autoresearch.attachment.surroundings import Interpreter, choose_interpreter, read_inputs
from autoresearch.errors import ContractError
from autoresearch.git.snapshot import Snapshot

PYTEST = (PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider")
BUDGET_S = 60.0
ON_GPUS = ("torch", "jax", "cupy", "tensorflow", "mlx", "triton")
CLOCKS = ("wall_s", "cpu_s")
SAID = Sureness.SAID
GUESSED = Sureness.GUESSED


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """A run's command, the files it uses, and the numbers it prints."""

    command: Part[tuple[str, ...]]
    env: Mapping[str, str]
    reach: Reach
    numbers: tuple[Number, ...]
    program: str = ""  # its file, where it is one of the repository's
    suite: bool = False  # pytest: the tests stay, what they test may change


def propose(snapshot: Snapshot, answers: Answers, environ: Mapping[str, str]) -> Proposal:
    """Raise ContractError where an answer is not one; None stands for what must be asked."""
    text = recognise(snapshot.files, snapshot.read) if _adds_nothing(answers) else None
    programs = find_programs(snapshot)
    subject = _subject(snapshot, answers, programs)
    reach = subject.reach if subject else Reach((), (), ())
    guards = _guards(snapshot, answers, subject)
    started = subject.command.value if subject else ()
    needed = reach.packages
    if any("pytest" in argv for argv in (started, *guards.value.values())):
        needed = tuple(dict.fromkeys([*needed, "pytest"]))
    interpreter = choose_interpreter(snapshot, needed, environ)
    if answers.python:
        interpreter = replace(interpreter, packages=None, lock=None)
    metric = _metric(answers, subject)
    edit = _edit(snapshot, answers, subject)
    return Proposal(
        name=_name(snapshot),
        command=subject.command if subject else None,
        metric=metric,
        direction=_direction(answers, metric),
        edit=edit,
        budget_s=_budget(answers),
        python=Part(answers.python, "", SAID) if answers.python else interpreter.python,
        packages=interpreter.packages,
        lock=interpreter.lock,
        inputs=_inputs(snapshot, answers, reach),
        network=Part(answers.network, "", SAID if answers.network else GUESSED),
        guards=guards,
        env=_env(subject, answers, environ),
        text=_known(text, answers, interpreter) if text else None,
        needed=needed,
        leave_out=answers.leave_out,
        device=_device(needed),
        choices=_choices(subject, programs),
    )


def _adds_nothing(answers: Answers) -> bool:
    """Return whether the answers add nothing to the contract of a known kind."""
    return replace(answers, python="") == Answers()


def _known(text: str, answers: Answers, interpreter: Interpreter) -> Part[str]:
    """Return a recogniser's contract; an interpreter, if given, replaces its environment."""
    python = answers.python or interpreter.python.value
    if python:
        text = re.sub(r"\[environment\]\n(?:\w+ = .*\n)+\n?", "", text)
        text = text.replace("[run]\n", f"[run]\npython = {json.dumps(python)}\n", 1)
    return Part(text, "its prepare.py and train.py are those of karpathy/autoresearch")


def _subject(snapshot: Snapshot, answers: Answers, programs: Sequence[Program]) -> _Subject | None:
    """Return the user's choice, else the likeliest program, else the tests; None to ask."""
    if answers.command:
        said = typed(answers.command)
        return _of_command(snapshot, Part(said.argv, "", SAID), said.env)
    likeliest = [program for program in programs if program.rank == programs[0].rank]
    if len(likeliest) == 1:
        said = typed(likeliest[0].words)
        return _of_command(snapshot, Part(said.argv, likeliest[0].why), said.env)
    tests, why = tests_of(snapshot)
    return None if programs or not tests else _of_command(snapshot, Part(PYTEST, why), {})


def _of_command(
    snapshot: Snapshot, command: Part[tuple[str, ...]], env: Mapping[str, str]
) -> _Subject:
    if "pytest" in command.value[:3]:
        reached = [reach_of(path, snapshot.files, snapshot.read) for path in _tests(snapshot)]
        return _Subject(command=command, env=env, reach=_all(reached), numbers=(), suite=True)
    program = _program_of(command.value, snapshot)
    if not program:
        return _Subject(command=command, env=env, reach=Reach((), (), ()), numbers=())
    reach = reach_of(program, snapshot.files, snapshot.read)
    numbers = [
        number for path in reach.files for number in printed_numbers(path, snapshot.read(path))
    ]
    own = [number for number in numbers if number.where.startswith(f"{program}:")]
    return _Subject(
        command=command,
        env=env,
        reach=reach,
        numbers=candidates(own) or candidates(numbers),
        program=program,
    )


def _program_of(argv: Sequence[str], snapshot: Snapshot) -> str:
    """The file of the repository that a command starts, "" if it names none."""
    files = set(snapshot.files)
    for before, part in zip(("", *argv), argv, strict=False):
        path = part.removeprefix("./")
        if path in files and path.endswith(".py"):
            return path
        if before == "-m":
            stem = part.replace(".", "/")
            places = (f"{r}{stem}{end}" for r in ("", "src/") for end in ("/__main__.py", ".py"))
            return next((place for place in places if place in files), "")
    return ""


def _metric(answers: Answers, subject: _Subject | None) -> Part[Meter] | None:
    if answers.metric_file:
        return Part(_meter_in_file(answers), "", SAID)
    if answers.metric:
        return Part(_said_meter(answers, subject), "", SAID)
    if subject is None or answers.pattern:
        return None
    if subject.suite:
        return Part(*_clock(subject))
    if len(subject.numbers) == 1:
        number = subject.numbers[0]
        return Part(meter_of(number), f"{number.where} prints {number.label!r}")
    return None


def _said_meter(answers: Answers, subject: _Subject | None) -> Meter:
    """The metric of that name: the lab's clock, or what is printed by that name."""
    name = answers.metric
    if answers.pattern:
        return Meter(name=name, pattern=answers.pattern)
    if name in CLOCKS:
        return Meter(name=name, scoring="clock", unit="s")
    printed = {number.name: number for number in (subject.numbers if subject else ())}
    if name in printed:
        return meter_of(printed[name])
    return Meter(name=name)


def _meter_in_file(answers: Answers) -> Meter:
    """The number at that key of a JSON file, which must be one that the run itself writes."""
    path = PurePosixPath(answers.metric_file)
    if path.is_absolute() or ".." in path.parts:
        raise ContractError(
            f"The metric's file {answers.metric_file} lies outside the repository.",
            "Give its path relative to the top of the repository, such as out/results.json.",
            reason="metric_file_outside",
        )
    if answers.pattern:
        raise ContractError(
            "--metric-file and --pattern can't be used together.",
            "Leave --pattern out: it is for printed metrics.",
            reason="file_and_pattern",
        )
    if not answers.metric:
        raise ContractError(
            f"It isn't clear which number in {path} is the metric.",
            "Add --metric KEY, with dots for nested keys: --metric test.accuracy.",
            reason="metric_key_unknown",
        )
    return Meter(name=answers.metric, file=path.as_posix())


def meter_of(number: Number) -> Meter:
    """Return the contract's fields that find that number."""
    return Meter(name=number.name, pattern=number.pattern, unit=number.unit)


def _clock(subject: _Subject) -> tuple[Meter, str]:
    """CPU seconds where a suite computes, wall seconds where it may wait."""
    return Meter(name="cpu_s", scoring="clock", unit="s"), (
        "how long the tests compute; --metric wall_s includes waiting"
    )


def _direction(answers: Answers, metric: Part[Meter] | None) -> Part[str] | None:
    if answers.direction:
        if answers.direction not in ("min", "max"):
            raise ContractError(
                f"{answers.direction!r} is not a direction.",
                'Give "min" if lower is better, else "max".',
                reason="bad_direction",
            )
        return Part(answers.direction, "", SAID)
    if metric is None:
        return None
    meter = metric.value
    named = "min" if meter.scoring == "clock" else direction_of(meter.name)
    known = named or direction_of(meter.name, meter.unit)
    why = f"judging by its name, {meter.name}" if named else f"judging by its unit, {meter.unit}"
    return Part(known, why) if known else None


def _edit(
    snapshot: Snapshot, answers: Answers, subject: _Subject | None
) -> Part[tuple[str, ...]] | None:
    if answers.edit:
        return Part(answers.edit, "", SAID)
    if subject is None:
        return None
    return _suite_sources(snapshot, subject) if subject.suite else _sources(snapshot, subject)


def _suite_sources(snapshot: Snapshot, subject: _Subject) -> Part[tuple[str, ...]] | None:
    sources = tested_sources(snapshot.files, subject.reach.files)
    why = "what the tests import; the tests stay unchanged"
    return Part(as_globs(sources, snapshot.files), why) if sources else None


def _sources(snapshot: Snapshot, subject: _Subject) -> Part[tuple[str, ...]] | None:
    sources = sources_of(subject.program, subject.reach)
    if not sources:
        return None
    globs = as_globs(sources, snapshot.files)
    if subject.program not in sources:
        return Part(globs, f"what {subject.program} measures; it stays unchanged")
    beside = " and what it imports" if len(sources) > 1 else ""
    why = f"{subject.program}{beside}; it prints its own number, so a patch could change how"
    return Part(globs, why, GUESSED)


def _budget(answers: Answers) -> Part[float]:
    if answers.budget_s is not None:
        return Part(answers.budget_s, "", SAID)
    return Part(BUDGET_S, "seconds a run may take; the baseline shows if they are enough", GUESSED)


def _inputs(snapshot: Snapshot, answers: Answers, reach: Reach) -> Part[tuple[str, ...]]:
    found = read_inputs(snapshot, reach.files)
    found |= content_elsewhere(snapshot, answers.leave_out)
    out = answers.leave_out
    found = {path: why for path, why in found.items() if not any(covers(o, path) for o in out)}
    paths = tuple(dict.fromkeys([*answers.inputs, *found]))
    why = "; ".join(f"{path}: {why}" for path, why in found.items())
    return Part(paths, why, SAID if answers.inputs and not found else Sureness.FOUND)


def _guards(
    snapshot: Snapshot, answers: Answers, subject: _Subject | None
) -> Part[Mapping[str, tuple[str, ...]]]:
    """The user's, and the tests where the run is something else; a suite guards itself."""
    guards: dict[str, tuple[str, ...]] = {}
    for given in answers.guards:
        name, _, command = given.partition("=")
        if not re.fullmatch(r"[A-Za-z][\w-]*", name) or not command:
            raise ContractError(
                f"The guard {given!r} can't be parsed.",
                'Give one as --guard "tests=pytest -q".',
                reason="guard_unreadable",
            )
        guards[name] = typed(command).argv
    if guards or subject is None or subject.suite:
        return Part(guards, "", SAID)
    tests, why = tests_of(snapshot)
    if not tests:
        return Part({}, "no tests were found")
    return Part({"tests": PYTEST}, f"{why}: a change that breaks them is never kept")


def _env(
    subject: _Subject | None, answers: Answers, environ: Mapping[str, str]
) -> Part[Mapping[str, str]]:
    """Return variables that were given, typed before the command, and the path to its modules."""
    given = given_variables(answers.env, environ)
    if subject is None:
        return Part(given, "")
    env = {**subject.env, **given}
    own = PurePosixPath(subject.program).parent.as_posix() if subject.program else "."
    roots = [root or "." for root in subject.reach.roots]
    away = [root for root in roots if root != own and not (subject.suite and root == ".")]
    if away and "PYTHONPATH" not in env:
        env["PYTHONPATH"] = ":".join(away)
    return Part(env, f"its modules are in {', '.join(away)}" if away else "")


def _device(needed: Sequence[str]) -> Part[str] | None:
    """A GPU for what can use one, where there is one."""
    named = [module for module in needed if module in ON_GPUS]
    return Part("any", f"it imports {named[0]}: a GPU if there is one") if named else None


def _choices(
    subject: _Subject | None, programs: Sequence[Program]
) -> Mapping[str, tuple[str, ...]]:
    if subject is None:
        return {"command": tuple(program.words for program in programs)}
    return {"metric": tuple(number.name for number in subject.numbers)}


def _tests(snapshot: Snapshot) -> tuple[str, ...]:
    return tests_of(snapshot)[0]


def _all(reached: Sequence[Reach]) -> Reach:
    """Merge the reach of several programs."""
    return Reach(
        tuple(dict.fromkeys(path for reach in reached for path in reach.files)),
        tuple(sorted({package for reach in reached for package in reach.packages})),
        tuple(dict.fromkeys(root for reach in reached for root in reach.roots)),
    )


def _name(snapshot: Snapshot) -> Part[str]:
    name = re.sub(r"[^a-z0-9]+", "-", snapshot.root.name.lower()).strip("-")[:40].strip("-")
    return Part(name or "target", "the folder's name")
