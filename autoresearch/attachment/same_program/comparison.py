"""Compare the program that the lab runs with the user's, by runs outside the ledger.

A first run records what the program looks for. Where that can't be seen, since the command is no
Python or switches the recorder off, a second run gets all that lies in the user's folder, and its
number is compared.
"""

import os
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from autoresearch.attachment.commands import PYTHON
from autoresearch.attachment.proposal_parts import Part, Proposal
from autoresearch.attachment.same_program.content_elsewhere import absence_words
from autoresearch.attachment.same_program.differences import Differences, find_differences
from autoresearch.attachment.same_program.lookups import Lookups, read_lookups
from autoresearch.attachment.same_program.places import (
    MOST_MB,
    Places,
    covers,
    is_secret,
    too_large,
)
from autoresearch.attachment.same_program.unrecorded_run import unrecorded_run
from autoresearch.attachment.same_program.variables import UNTOLD, is_telling
from autoresearch.errors import RunStartError
from autoresearch.git.snapshot import Snapshot
from autoresearch.lab import Lab
from autoresearch.records import RunReport

MOST_READ = 400  # files of the commit whose text is searched for variables
SHOWN = 6
# Quantiles of Student's t, two-sided at one in 200, by degrees of freedom: runs less one.
_T = {1: 127.3, 2: 14.1, 3: 7.45, 4: 5.6}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Findings of a comparison, beside a baseline that runs."""

    differences: Differences
    beside: float | None = None  # the number with all of the user's files; None: not measured
    names: tuple[str, ...] = ()  # of those files


def compare(
    lab: Lab,
    first: RunReport,
    proposal: Proposal,
    snapshot: Snapshot,
    tell: Callable[[str], None],
    environ: Mapping[str, str] = os.environ,
) -> Compared:
    """Run the program once more, recorded; and once with all files, where that is not enough."""
    contract = lab.contract
    recorded = {"records_lookups": True, "guards": ()}
    with unrecorded_run(lab, first.run, tell, recorded) as (directory, _):
        looked = read_lookups(directory.lookups_file)
        places = Places(
            snapshot=snapshot,
            home=Path.home(),
            tree=directory.tree,
            scratch=directory.scratch,
            inputs=tuple(place for _, place in directory.read_spec().inputs),
            private=(lab.home,),
        )
    differences = find_differences(
        looked,
        places,
        environ,
        python=contract.run.python or lab.runs.python,
        leave_out=proposal.leave_out,
        results=tuple(filter(None, [contract.metric.file])),
    )
    if words := absence_words(snapshot):
        differences.said.append(words)
    if proposal.text is not None and (lacking := [*differences.inputs, *differences.env]):
        differences.said.append(
            f"The program looks for {', '.join(lacking[:SHOWN])}, which you have and runs have "
            "not: commit an autoresearch.toml that gives it in [inputs] read_only or [run] env."
        )
    if looked.began and not looked.cut and contract.run.command[0] == PYTHON:
        return Compared(differences=differences)
    differences.said += _named_variables(snapshot, environ, looked, proposal)
    names, large = _everything(places, looked, proposal)
    if large:
        differences.said.append(
            f"What {contract.run.command[0]} looks for can't be seen, and {', '.join(large)} is "
            "too large to try: give --input, if runs need it."
        )
    if not names:
        return Compared(differences=differences)
    shown = tuple((str(places.source(name).resolve()), name) for name in names)
    spec = lab.runs.directory(first.run).read_spec()
    changed = {"guards": (), "inputs": (*spec.inputs, *shown)}
    with unrecorded_run(lab, first.run, tell, changed) as (_, report):
        value = report.measurement.value if report.measurement else None
    return Compared(differences=differences, beside=value, names=names)


def amended(proposal: Proposal, differences: Differences) -> Proposal | None:
    """Return the proposal with what the program needs; None where nothing can be taken."""
    inputs = [one for one in differences.inputs if one not in proposal.inputs.value]
    env = {
        name: value
        for name, value in differences.env.items()
        if name not in proposal.env.value or name == "PYTHONPATH"
    }
    path = [*filter(None, [env.get("PYTHONPATH")]), proposal.env.value.get("PYTHONPATH", "")]
    if "PYTHONPATH" in env:
        env["PYTHONPATH"] = ":".join(filter(None, dict.fromkeys(":".join(path).split(":"))))
        if env["PYTHONPATH"] == proposal.env.value.get("PYTHONPATH"):
            del env["PYTHONPATH"]
    if proposal.text is not None or not (inputs or env):
        return None
    why = [f"{place}: {differences.inputs[place]}" for place in inputs]
    named = f"{', '.join(env)}: the program reads it, and you have set it" if env else ""
    return replace(
        proposal,
        inputs=Part(
            (*proposal.inputs.value, *inputs), "; ".join(filter(None, [proposal.inputs.why, *why]))
        ),
        env=Part({**proposal.env.value, **env}, "; ".join(filter(None, [proposal.env.why, named]))),
    )


def taken_words(before: Proposal, after: Proposal) -> str:
    """Return what a proposal has and the one before had not."""
    inputs = [one for one in after.inputs.value if one not in before.inputs.value]
    env = [name for name, value in after.env.value.items() if before.env.value.get(name) != value]
    parts = [f"{', '.join(inputs[:SHOWN])}: made an input"] * bool(inputs)
    parts += [f"{', '.join(env[:SHOWN])}: given to runs"] * bool(env)
    return "your program has more than the run had; " + "; ".join(parts)


def refuse(differences: Differences) -> None:
    """Raise RunStartError where the lab would run another program than the user does."""
    if differences.stops:
        raise RunStartError(
            "The lab would run another program than you do. " + " ".join(differences.stops),
            "Nothing was kept. Run this again with the options that it names.",
            reason="another_program",
        )


def differing_words(compared: Compared, values: Sequence[float]) -> str:
    """Return how the number with all files stands beside the runs', "" where it is the same.

    Raises RunStartError where it can't be noise.
    """
    if compared.beside is None or compared.beside in values:
        return ""
    names = ", ".join(compared.names[:SHOWN])
    words = (
        f"With all that git does not carry ({names}) the program gives {compared.beside:g}, "
        f"without it {statistics.fmean(values):g}."
    )
    spread = statistics.stdev(values)
    least = _T.get(len(values) - 1, min(_T.values())) * spread * (1 + 1 / len(values)) ** 0.5
    if abs(compared.beside - statistics.fmean(values)) > least:
        raise RunStartError(
            f"The lab would run another program than you do. {words}",
            "Nothing was kept. Give what the program reads as --input PATH, what it should not "
            "have as --leave-out PATH.",
            reason="another_program",
        )
    return f"{words} That may be noise; if the program reads one of them, give it as --input PATH."


def _everything(
    places: Places, looked: Lookups, proposal: Proposal
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what lies in the user's folder alone, but secrets and outputs; and what is too large.

    What the run itself wrote is its output.
    """
    made = places.made(looked.made)
    names: list[str] = []
    large: list[str] = []
    waiting = [
        ".",
        *sorted({Path(path).parent.as_posix() for path in places.snapshot.files} - {"."}),
    ]
    while waiting:
        for place in places.left_behind(waiting.pop(0)):
            left_out = any(covers(one, place) for one in proposal.leave_out)
            if left_out or is_secret(place) or any(covers(place, one) for one in made):
                continue
            if any(covers(place, one) for one in places.inputs):
                waiting.append(place)  # a part of it is there
            elif not places.private_place(place):
                (large if too_large(places.source(place), MOST_MB) else names).append(place)
    return tuple(dict.fromkeys(names)), tuple(dict.fromkeys(large))


def _named_variables(
    snapshot: Snapshot, environ: Mapping[str, str], looked: Lookups, proposal: Proposal
) -> list[str]:
    """Return a sentence on variables of the user's that the text of the commit names."""
    wanted = [
        name
        for name in environ
        if not UNTOLD.fullmatch(name) and name not in looked.variables and len(name) > 2
    ]
    text = "\n".join(snapshot.read(path) for path in snapshot.files[:MOST_READ])
    words = set(re.findall(r"\w+", text))
    known = {*proposal.env.value, *proposal.leave_out}
    named = [name for name in wanted if name in words and name not in known]
    if not named:
        return []
    first = next((name for name in named if not is_telling(name, environ[name])), named[0])
    return [
        f"The code names {', '.join(named[:SHOWN])}, which you have set and runs have not; if it "
        f"reads them: --env {first}."
    ]
