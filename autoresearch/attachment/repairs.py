"""Repair a proposal from a failed first run: a missing file is named in its error.

A proposal is amended by what can be read off the run's log and found around the repository; a
guess is amended, what the user said is not. Logs are the output of untrusted programs.
"""

import re
import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from autoresearch.attachment.clues.duration import Bound, bounds, endless_line
from autoresearch.attachment.clues.package_names import package_of
from autoresearch.attachment.commands import shown
from autoresearch.attachment.metric_names import NUMBER
from autoresearch.attachment.printed_numbers import said_numbers
from autoresearch.attachment.programs import program_of
from autoresearch.attachment.proposal_parts import Meter, Part, Proposal, Sureness
from autoresearch.attachment.same_program.modules import installed
from autoresearch.attachment.surroundings import (
    carried_around,
    declared,
    may_install,
)
from autoresearch.contract import DEFAULT_MEMORY_MB
from autoresearch.git.snapshot import Snapshot
from autoresearch.records import EndCause, RunReport
from autoresearch.run_output.log_digest import clean_lines, true_exception
from autoresearch.sandboxes.private_paths import private_in

MOST_BUDGET_S = 300.0  # that is tried where nobody gave one
_MORE_BUDGET = 5
_MORE_MEMORY = 4
_MEMORY_SHARE = 0.8  # of the machine's, beyond which no run is let
_LAST_LINES = 6
_ABSENT = re.compile(
    r"No such file|not found|does not exist|doesn't exist|[Cc]annot open|[Cc]an't open|missing"
    r"|Permission denied"  # under Landlock what lies outside the run can be seen and not opened
)
_NO_MODULE = re.compile(r"No module named '?([\w.]+)")
_RUN_FOLDER = re.compile(r"^.*/runs/[^/]+/(tree|scratch)/")


@dataclass(frozen=True, slots=True)
class Repaired:
    """A proposal that is worth another try, and what was changed."""

    proposal: Proposal
    words: str


def repair(proposal: Proposal, snapshot: Snapshot, report: RunReport, log: str) -> Repaired | None:
    """The proposal without what made the run fail; None where that is not to be known."""
    for known in (_file, _editable, _module, _metric, _memory, _budget):
        mended = known(proposal, snapshot, report, log)
        if mended is not None:
            return mended
    return None


def hint(proposal: Proposal, snapshot: Snapshot, report: RunReport, log: str) -> str:
    """Say what to do about a failure that can't be repaired, "" where only the log tells."""
    too_long = report.cause is EndCause.DISTURBED and report.wall_s >= proposal.budget_s.value
    if report.cause in (EndCause.OVER_TIME, EndCause.HUNG) or too_long:
        return _never_ended(proposal, snapshot)
    found = _NO_MODULE.findall(log)
    return unknown_module(found[-1].partition(".")[0], snapshot.submodules) if found else ""


def unknown_module(module: str, folders: tuple[str, ...]) -> str:
    """Say what to do about a module that nothing has and nothing declares."""
    inside = (
        f" If it lies in a git submodule ({', '.join(folders)}), check that out." if folders else ""
    )
    return (
        f"If {module} is yours, commit it ({module}.py is in none of the folders that were looked "
        f"at).{inside} If it is a package, name it in requirements.txt or pyproject.toml and "
        f"commit that, or add --package {package_of(module)}; or give an interpreter that has it: "
        "--python PATH. No name is asked of a package index on an import's word alone, since "
        "anybody can own it there."
    )


def _never_ended(proposal: Proposal, snapshot: Snapshot) -> str:
    """Say what to do about a program that was killed by its time-out."""
    program = _program(proposal, snapshot)
    code = snapshot.read(program) if program else ""
    line, found = endless_line(code), bounds(program, code)
    loops = f" {program}:{line} is a loop that nothing ends." if line else ""
    typed = [bound for bound in found if not bound.constant]
    fixed = [bound for bound in found if bound.constant]
    if typed:
        command = shlex.quote(_bounded(proposal, typed[0].typed.removesuffix("=N")))
        named = ", ".join(_bound_words(bound) for bound in typed[:4])
        bounded = f"What bounds it: {named}. Try --command {command}"
    elif fixed:
        named = ", ".join(_bound_words(bound) for bound in fixed[:4])
        bounded = f"What seems to bound it: {named}. Lower that and commit it"
    else:
        bounded = "No option of it bounds it: give it one, such as --steps, and use it in --command"
    return (
        f"A run has to end by itself: at {proposal.budget_s.value:g} s it is killed, and what a "
        f"killed run printed counts for nothing.{loops} {bounded}; or give it more time: "
        "--budget-s SECONDS."
    )


def _bounded(proposal: Proposal, option: str) -> str:
    """The command as people type it, with a small value of that option or variable."""
    argv = list(proposal.command.value) if proposal.command else ["python", "work.py"]
    if option in argv[:-1]:
        at = argv.index(option)
        del argv[at : at + 2]
    argv = [part for part in argv if not part.startswith(f"{option}=")]
    words = shown(tuple(argv))
    return f"{words} {option}=100" if option.startswith("-") else f"{option}=100 {words}"


def _bound_words(bound: Bound) -> str:
    is_now = f", now {bound.default}" if bound.default else ""
    return f"{bound.typed} ({bound.where}{is_now})"


def _program(proposal: Proposal, snapshot: Snapshot) -> str:
    return program_of(proposal.command.value, snapshot) if proposal.command else ""


def _file(proposal: Proposal, snapshot: Snapshot, _: RunReport, log: str) -> Repaired | None:
    """A file that is missing in the run, and lies in the user's folder or home."""
    if proposal.text is not None:
        return None
    for token in _absent(log):
        place = _place_of(token, snapshot, proposal.folder)
        if place and place not in proposal.inputs.value:
            inputs = _with_input(proposal.inputs.value, place, snapshot)
            why = f"{place}: the run needed it, and git does not track it"
            part = Part(inputs, "; ".join(filter(None, [proposal.inputs.why, why])))
            words = f"{place} was missing in the run: made an input"
            return Repaired(replace(proposal, inputs=part), words)
    return None


def _absent(log: str) -> list[str]:
    """Yield possible paths from the lines that report something missing."""
    lines = [*([found] if (found := true_exception(log)) else []), *clean_lines(log)[-_LAST_LINES:]]
    tokens: list[str] = []
    for line in filter(_ABSENT.search, lines):
        tokens += re.findall(r"'([^']+)'|\"([^\"]+)\"", line) and [
            one or other for one, other in re.findall(r"'([^']+)'|\"([^\"]+)\"", line)
        ]
        tokens += [word.strip("'\"`:,()") for word in line.split()]
    return [token for token in dict.fromkeys(tokens) if "/" in token or "." in token]


def _place_of(token: str, snapshot: Snapshot, folder: str) -> str:
    """Return the user's path for a run's path, as [inputs] names it; "" if nothing is there."""
    inside = _RUN_FOLDER.match(token)
    rest = token[inside.end() :] if inside else token.removeprefix("./")
    if inside and folder:
        rest = rest.removeprefix(f"{folder}/")
    if (inside and inside[1] == "scratch") or token.startswith("~/"):
        rest = rest.removeprefix("~/")
        return f"~/{rest}" if (Path.home() / rest).exists() else ""
    if rest.startswith("/"):
        outside = not rest.startswith(("/proc/", "/sys/", "/dev/", "/usr/"))
        return rest if outside and Path(rest).exists() else ""
    return rest if carried_around(snapshot, rest) else ""


def _with_input(inputs: tuple[str, ...], place: str, snapshot: Snapshot) -> tuple[str, ...]:
    """One input more; the second one of a folder that git knows nothing of is the whole folder."""
    folder = place.rpartition("/")[0] + "/"
    beside = [path for path in inputs if path.startswith(folder)]
    if beside and carried_around(snapshot, folder.rstrip("/")):
        return (*(path for path in inputs if path not in beside), folder)
    return (*inputs, place)


def _editable(proposal: Proposal, snapshot: Snapshot, _: RunReport, log: str) -> Repaired | None:
    """A module that the interpreter finds in another folder of the user's, by an editable install.

    One in the repository's own folder is none: a run has that of the commit.
    """
    found = _NO_MODULE.findall(log)
    if not found or proposal.text is not None or proposal.packages or proposal.lock:
        return None
    module = found[-1].partition(".")[0]
    place = installed(proposal.python.value or sys.executable, (module,)).get(module)
    if place is None or str(place) in proposal.inputs.value or not place.exists():
        return None
    if place.is_relative_to(snapshot.root) or private_in(place.resolve()):
        return None
    why = f"{place}: {module} is installed from there in editable mode"
    part = Part((*proposal.inputs.value, str(place)), _joined(proposal.inputs.why, why))
    words = f"{module} is installed from {place.parent}: made an input"
    return Repaired(replace(proposal, inputs=part), words)


def _joined(*parts: str) -> str:
    return "; ".join(filter(None, parts))


def _module(proposal: Proposal, snapshot: Snapshot, _: RunReport, log: str) -> Repaired | None:
    """A module that no environment has: from the user's folder, or to be installed."""
    found = _NO_MODULE.findall(log)
    if not found or proposal.text is not None:
        return None
    module = found[-1].partition(".")[0]
    for place in (f"{module}.py", module, f"src/{module}"):
        if carried_around(snapshot, place) and place not in proposal.inputs.value:
            why = f"{place}: imported, but not tracked by git"
            part = Part((*proposal.inputs.value, place), why)
            return Repaired(replace(proposal, inputs=part), f"{place} is imported: made an input")
    package = package_of(module)
    have = proposal.packages.value if proposal.packages else ()
    if proposal.python.sure is Sureness.SAID or proposal.lock or package in have:
        return None
    if not may_install((module,), snapshot):
        return None  # a stranger may own that name: see hint()
    listed, where = declared(snapshot)
    needed = [package_of(one) for one in may_install(proposal.needed, snapshot)]
    packages = tuple(dict.fromkeys([*(have or listed or needed), package]))
    why = f"{where}; the run needed {module}" if where else f"the run needed {module}"
    repaired = replace(
        proposal,
        packages=Part(packages, why, Sureness.GUESSED),
        python=Part("", "uv builds an environment for it"),
    )
    return Repaired(repaired, f"the module {module} was missing: uv installs {package}")


def _metric(proposal: Proposal, _: Snapshot, report: RunReport, log: str) -> Repaired | None:
    """Its number, where it is printed otherwise than was read off the code, or more than once."""
    metric = proposal.metric
    if metric is None or metric.value.scoring != "stdout" or report.measurement is not None:
        return None
    if metric.value.file:
        return None
    lines = clean_lines(log.replace("\r", "\n"))
    meter = metric.value
    pattern = meter.pattern or rf"^METRIC\s+{re.escape(meter.name)}\s*=(.*)"
    matching = [line for line in lines if re.search(pattern, line)]
    if len(matching) > 1:
        found = _of_last_line(pattern, matching)
        words = f"{meter.name} is printed {len(matching)} times: told apart by the last line's text"
    else:
        same = [number for number in said_numbers(log) if number.name == meter.name]
        found = same[0].pattern if same and not matching else ""
        words = f"{meter.name} was found in the output"
    if not found or found == meter.pattern or (metric.sure is Sureness.SAID and meter.pattern):
        return None
    better = Meter(name=meter.name, pattern=found, unit=meter.unit)
    return Repaired(replace(proposal, metric=Part(better, words, metric.sure)), words)


def _of_last_line(pattern: str, lines: list[str]) -> str:
    """An expression that the last of these lines alone matches, by its words and whole numbers."""
    found = re.search(pattern, lines[-1])
    assert found is not None
    before = re.sub(r"\s+", " ", lines[-1][: found.start(1)]).lstrip()
    parts = re.split(r"(-?\d+\.\d+(?:[eE][-+]?\d+)?)", before)  # an earlier loss is another's
    own = "".join(r"\S+" if n % 2 else re.escape(part) for n, part in enumerate(parts))
    made = r"^\s*" + own.replace(r"\ ", r"\s+") + NUMBER
    return made if sum(bool(re.search(made, line)) for line in lines) == 1 else ""


def _memory(proposal: Proposal, _: Snapshot, report: RunReport, log: str) -> Repaired | None:
    """More memory, as far as the machine has it."""
    short = report.cause is not None and report.cause.short_of_memory
    if not short or proposal.text is not None:
        return None
    had = proposal.memory_mb.value if proposal.memory_mb else DEFAULT_MEMORY_MB
    most = int(psutil.virtual_memory().total / 2**20 * _MEMORY_SHARE)
    more = min(most, had * _MORE_MEMORY)
    if more <= had:
        return None
    part = Part(more, f"the run used more than {had} MB", Sureness.GUESSED)
    words = f"it needs more than {had} MB: raised to {more} MB"
    return Repaired(replace(proposal, memory_mb=part), words)


def _budget(proposal: Proposal, snapshot: Snapshot, report: RunReport, log: str) -> Repaired | None:
    """More time, where the seconds were a guess."""
    budget = proposal.budget_s
    more = min(MOST_BUDGET_S, budget.value * _MORE_BUDGET)
    too_short = report.measurement is None and report.wall_s >= budget.value
    if not too_short or budget.sure is not Sureness.GUESSED or more <= budget.value:
        return None
    if proposal.text is not None:
        return None
    program = _program(proposal, snapshot)
    if program and endless_line(snapshot.read(program)):
        return None  # more seconds would not do
    part = Part(more, f"a run takes more than {budget.value:g} s", Sureness.GUESSED)
    words = f"it takes more than {budget.value:g} s: raised to {more:g} s"
    return Repaired(replace(proposal, budget_s=part), words)
