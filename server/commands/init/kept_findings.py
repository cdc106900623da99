"""Findings of an `init` that failed, for the next one on the same folder.

    attachments/KEY.json   in the home; KEY is of the folder's path

Kept are the parts that runs and answers taught, not those that are read off the code again. After
another commit, only what lies around the code is taken: inputs, packages, memory, time.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from autoresearch.attachment.proposal_parts import Answers, Meter, Part, Proposal, Sureness
from autoresearch.common.files import replace_file
from autoresearch.git.repository import survey

_AROUND = ("budget_s", "python", "packages", "lock", "memory_mb", "inputs", "network")
_PARTS = ("command", "metric", "direction", "edit", "env", "guards", "device", *_AROUND)
_WHY = "kept from the init that failed"


def keep(home: Path, top: Path, before: Proposal, last: Proposal) -> None:
    """Keep what `last` has and `before`, read off the code alone, has not."""
    learned = {
        name: asdict(part) if (part := getattr(last, name)) is not None else None
        for name in _PARTS
        if getattr(last, name) != getattr(before, name)
    }
    path = _file(home, top, last.folder)
    if last.text is not None or not learned:
        path.unlink(missing_ok=True)
        return
    found = {"head": survey(top).head, "ends": last.ends, "needed": last.needed, "parts": learned}
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, json.dumps(found).encode())


def forget(home: Path, top: Path, folder: str) -> None:
    """Remove what was kept."""
    _file(home, top, folder).unlink(missing_ok=True)


def recall(home: Path, top: Path, proposal: Proposal, answers: Answers) -> Proposal:
    """Return the proposal with what an earlier init learned, where no answer says otherwise."""
    try:
        found = json.loads(_file(home, top, proposal.folder).read_bytes())
        parts = {name: _part(name, part) for name, part in found["parts"].items()}
        same = survey(top).head == found["head"]
    except (OSError, ValueError, LookupError, TypeError):
        return proposal
    command = parts.get("command") or proposal.command
    other = bool(answers.command) and (
        command is None or proposal.command is None or command.value != proposal.command.value
    )
    if other or proposal.text is not None:
        return proposal
    taken: dict[str, Any] = {
        name: part
        for name, part in parts.items()
        if name in (_PARTS if same else _AROUND) and not _said(proposal, name, answers)
    }
    if inputs := parts.get("inputs"):
        taken["inputs"] = _with_those_there(proposal.inputs, inputs, top / proposal.folder)
    if answers.python or answers.packages:
        taken = {k: v for k, v in taken.items() if k not in ("python", "packages", "lock")}
    if same:
        needed = tuple(found["needed"])
        proposal = replace(proposal, ends=bool(found["ends"]), needed=needed, unknown=())
    return replace(proposal, **taken)


def _with_those_there(
    now: Part[tuple[str, ...]], kept: Part[tuple[str, ...]], root: Path
) -> Part[tuple[str, ...]]:
    """The inputs of now, and those of then that still exist."""
    there = [path for path in kept.value if (root / Path(path).expanduser()).exists()]
    paths = tuple(dict.fromkeys([*now.value, *there]))
    return now if paths == now.value else replace(kept, value=paths)


def _said(proposal: Proposal, name: str, answers: Answers) -> bool:
    if name in ("metric", "direction") and (answers.pattern or answers.metric_file):
        return True
    if name == "direction" and answers.metric:
        return True  # it was another metric's
    part = getattr(proposal, name)
    return part is not None and part.sure is Sureness.SAID


def _part(name: str, kept: Mapping[str, Any] | None) -> Part[Any] | None:
    if kept is None:
        return None
    value = kept["value"]
    if name == "metric":
        value = Meter(**value)
    elif name == "guards":
        value = {key: tuple(argv) for key, argv in value.items()}
    elif isinstance(value, list):
        value = tuple(value)
    why = f"{_WHY}: {kept['why']}" if kept["why"] else _WHY
    return Part(value, why)


def _file(home: Path, top: Path, folder: str) -> Path:
    key = sha256(str(top / folder).encode()).hexdigest()[:16]
    return home / "attachments" / f"{key}.json"
