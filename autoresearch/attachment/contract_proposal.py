"""Look at a repository and propose a contract for it: what is found, why, and what must be asked.

Only reads. A program that prints a number is proposed before a test suite that takes time; of
several that are as likely, none is chosen.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath

from autoresearch.attachment.clues.duration import clock_line
from autoresearch.attachment.clues.other_commands import files_of, texts_with_numbers
from autoresearch.attachment.commands import PYTHON, typed
from autoresearch.attachment.editable_files import (
    as_globs,
    asks_the_question,
    sources_of,
    tested_sources,
)
from autoresearch.attachment.imports import Reach, as_inputs, reach_of
from autoresearch.attachment.karpathy import recognise
from autoresearch.attachment.metric_names import Number, candidates, direction_of
from autoresearch.attachment.print_statements import printed_numbers
from autoresearch.attachment.programs import Program, find_programs, program_of, tests_of
from autoresearch.attachment.proposal_parts import Answers, Meter, Part, Proposal, Sureness
from autoresearch.attachment.same_program.content_elsewhere import content_elsewhere
from autoresearch.attachment.same_program.places import covers
from autoresearch.attachment.same_program.variables import given_variables
from autoresearch.attachment.surroundings import (
    Interpreter,
    choose_interpreter,
    read_inputs,
    text_beside,
)
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
    text = None
    if _adds_nothing(answers) and not snapshot.folder:
        text = recognise(snapshot.files, snapshot.read)
    programs = find_programs(snapshot)
    subject = _subject(snapshot, answers, programs)
    reach = subject.reach if subject else Reach((), (), ())
    guards = _guards(snapshot, answers, subject)
    started = subject.command.value if subject else ()
    needed = reach.packages
    if any("pytest" in argv for argv in (started, *guards.value.values())):
        needed = tuple(dict.fromkeys([*needed, "pytest"]))
    interpreter = choose_interpreter(snapshot, needed, environ, answers.packages)
    if answers.python:
        interpreter = replace(interpreter, packages=None, lock=None, unknown=())
    metric = _metric(answers, subject)
    edit = _edit(snapshot, answers, subject)
    return Proposal(
        name=_name(snapshot),
        command=subject.command if subject else None,
        metric=metric,
        direction=_direction(answers, metric),
        edit=edit,
        budget_s=_budget(answers),
        ends=_ends(snapshot, subject),
        python=Part(answers.python, "", SAID) if answers.python else interpreter.python,
        packages=interpreter.packages,
        lock=interpreter.lock,
        inputs=_inputs(snapshot, answers, reach),
        network=Part(answers.network, "", SAID if answers.network else GUESSED),
        guards=guards,
        env=_env(subject, answers, environ),
        goal=Part(answers.goal, "", SAID) if answers.goal is not None else None,
        most=Part(_most(answers), "", SAID),
        text=_known(text, answers, interpreter) if text else None,
        needed=needed,
        unknown=interpreter.unknown,
        submodules=snapshot.submodules,
        folder=snapshot.folder,
        notebooks=() if subject else tuple(p for p in snapshot.files if p.endswith(".ipynb")),
        leave_out=answers.leave_out,
        device=_device(needed),
        choices=_choices(subject, programs),
    )


def _adds_nothing(answers: Answers) -> bool:
    """Return whether the answers add nothing to the contract of a known kind."""
    others = replace(answers, python="", goal=None, experiments=None, hours=None)
    return others == Answers()


def _known(text: str, answers: Answers, interpreter: Interpreter) -> Part[str]:
    """Return a recogniser's contract; an interpreter, if given, replaces its environment."""
    python = answers.python or interpreter.python.value
    if python:
        text = re.sub(r"\[environment\]\n(?:\w+ = .*\n)+\n?", "", text)
        text = text.replace("[run]\n", f"[run]\npython = {json.dumps(python)}\n", 1)
    if answers.goal is not None:
        text += f"goal = {answers.goal!r}\n"  # its last table is [metric]
    if most := _most(answers):
        text += "\n[stop]\n" + "".join(f"{name} = {number!r}\n" for name, number in most.items())
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
        reached = [_reach(path, snapshot) for path in _tests(snapshot)]
        return _Subject(command=command, env=env, reach=_all(reached), numbers=(), suite=True)
    program = program_of(command.value, snapshot)
    if not program:
        files = files_of(command.value, snapshot)
        program = next(iter(files), "")
    if not program.endswith(".py"):
        texts = [n for path in files for n in texts_with_numbers(path, snapshot.read(path))]
        reach = Reach(files, (), ())
        numbers = candidates(texts)
        return _Subject(command=command, env=env, reach=reach, numbers=numbers, program=program)
    reach = _reach(program, snapshot)
    printed = [
        number for path in reach.files for number in printed_numbers(path, snapshot.read(path))
    ]
    own = [number for number in printed if number.where.startswith(f"{program}:")]
    return _Subject(
        command=command,
        env=env,
        reach=reach,
        numbers=candidates(own) or candidates(printed),
        program=program,
    )


def _reach(path: str, snapshot: Snapshot) -> Reach:
    beside = partial(text_beside, snapshot, snapshot.submodules)
    return reach_of(path, snapshot.files, snapshot.read, beside)


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
        trained = bool({"train", "training"} & set(number.words))
        why = f"{number.where} prints {number.label!r}{', on data that it trains on' * trained}"
        return Part(meter_of(number), why, GUESSED if trained else Sureness.FOUND)
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
    fixed = [path for path in subject.reach.files if asks_the_question(path)]
    stays = f"; {', '.join(fixed)} stays as it is" if fixed and set(fixed) - set(sources) else ""
    if subject.program not in sources:
        return Part(globs, f"what {subject.program} measures; it stays unchanged")
    beside = " and what it imports" if len(sources) > 1 else ""
    why = f"{subject.program}{beside}; it prints its own number, so a patch could change how{stays}"
    return Part(globs, why, GUESSED)


def _ends(snapshot: Snapshot, subject: _Subject | None) -> bool:
    """Return whether the program decides itself when it is done, rather than a clock."""
    if subject is None or subject.suite:
        return True
    if subject.command.value[0] in ("timeout", "gtimeout"):
        return False
    return not any(clock_line(snapshot.read(path)) for path in subject.reach.files)


def _budget(answers: Answers) -> Part[float]:
    if answers.budget_s is not None:
        return Part(answers.budget_s, "", SAID)
    return Part(BUDGET_S, "seconds a run may take; the baseline shows if they are enough", GUESSED)


def _most(answers: Answers) -> Mapping[str, float]:
    """Return the limits of [stop] that the user gave."""
    given = {"experiments": answers.experiments, "hours": answers.hours}
    return {name: most for name, most in given.items() if most is not None}


def _inputs(snapshot: Snapshot, answers: Answers, reach: Reach) -> Part[tuple[str, ...]]:
    found = read_inputs(snapshot, reach.files)
    for place in as_inputs(reach.beside):
        if not any(place == path or place.startswith(f"{path.rstrip('/')}/") for path in found):
            found[place] = "it is imported, but not in the commit"
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
        tuple(dict.fromkeys(path for reach in reached for path in reach.beside)),
    )


def _name(snapshot: Snapshot) -> Part[str]:
    name = re.sub(r"[^a-z0-9]+", "-", snapshot.root.name.lower()).strip("-")[:40].strip("-")
    return Part(name or "target", "the folder's name")
