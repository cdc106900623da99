"""Makes the text of a contract out of a proposal that lacks nothing."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from autoresearch.attachment.editable_files import literal
from autoresearch.attachment.metric_names import best_possible
from autoresearch.attachment.proposal_parts import Part, Proposal
from autoresearch.contract import parse_contract

if TYPE_CHECKING:
    from tomlkit.items import Item

Value: TypeAlias = str | bool | float | Sequence[str] | Mapping[str, "Value"]
_LONGEST = 79  # characters of a line, where a list or a table can be broken


def contract_text(proposal: Proposal) -> str:
    """autoresearch.toml as it would be committed; checked, so ContractError where it is none."""
    text = proposal.text.value if proposal.text else _written(_from_the_top(proposal))
    parse_contract(text.encode(), "the proposed contract")
    return text


def _from_the_top(proposal: Proposal) -> Proposal:
    """The same for the repository's top folder, where runs start, if it is about a folder below."""
    folder = proposal.folder
    if not folder:
        return proposal
    assert proposal.command and proposal.metric and proposal.edit
    start = ("sh", "-c", f'cd {shlex.quote(folder)} && exec "$0" "$@"')
    meter = proposal.metric.value

    def below(path: str) -> str:
        return path if path.startswith(("/", "~")) else f"{folder}/{path}"

    def changed(part: Part[tuple[str, ...]], values: Sequence[str]) -> Part[tuple[str, ...]]:
        return replace(part, value=tuple(values))

    return replace(
        proposal,
        command=changed(proposal.command, (*start, *proposal.command.value)),
        edit=changed(proposal.edit, [f"{literal(folder)}/{glob}" for glob in proposal.edit.value]),
        inputs=changed(proposal.inputs, [below(path) for path in proposal.inputs.value]),
        guards=replace(
            proposal.guards,
            value={name: (*start, *argv) for name, argv in proposal.guards.value.items()},
        ),
        metric=replace(
            proposal.metric, value=replace(meter, file=below(meter.file) if meter.file else "")
        ),
    )


def _written(proposal: Proposal) -> str:
    import tomlkit

    document = tomlkit.document()
    for name, fields in _tables(proposal):
        given = ((key, value) for key, value in fields.items() if value is not None)
        present = dict(
            sorted(given, key=lambda one: _is_broken(*one))
        )  # a table of its own is last
        if not present:
            continue
        if document:
            document.add(tomlkit.nl())
        table = tomlkit.table()
        for key, value in present.items():
            table.add(key, _item(key, value))
        if name == "metric" and (offered := _offered_goal(proposal)):
            table.add(tomlkit.comment(offered))
        document.add(name, table)
    return tomlkit.dumps(document)


def _tables(proposal: Proposal) -> Iterator[tuple[str, Mapping[str, Value | None]]]:
    """Yield each table's name and fields; None stands for a field that is left out."""
    command, metric, direction, edit = (
        proposal.command, proposal.metric, proposal.direction, proposal.edit,
    )  # fmt: skip
    assert command and metric and direction and edit
    yield "target", {"name": proposal.name.value}
    yield "edit", {"allow": edit.value}
    yield (
        "inputs",
        {
            "read_only": proposal.inputs.value or None,
            "network": proposal.network.value or None,
        },
    )
    if proposal.lock:
        yield "environment", {"lock": proposal.lock.value}
    elif proposal.packages:
        yield "environment", {"packages": proposal.packages.value}
    yield (
        "run",
        {
            "command": command.value,
            "python": proposal.python.value or None,
            "env": proposal.env.value or None,
            "device": proposal.device.value if proposal.device else None,
            "memory_mb": proposal.memory_mb.value if proposal.memory_mb else None,
            "budget": {"timeout_s" if proposal.ends else "wall_s": _short(proposal.budget_s.value)},
        },
    )
    meter = metric.value
    yield (
        "metric",
        {
            "name": meter.name,
            "unit": meter.unit or None,
            "direction": direction.value,
            "scoring": meter.scoring,
            "pattern": meter.pattern or None,
            "file": meter.file or None,
            "goal": _whole(proposal.goal.value) if proposal.goal else None,
        },
    )
    yield "stop", {name: _whole(most) for name, most in proposal.most.value.items()}
    yield "guards", proposal.guards.value


def _offered_goal(proposal: Proposal) -> str:
    """Return a comment with the best possible value as the goal; "" where none is evident."""
    assert proposal.metric and proposal.direction
    meter = proposal.metric.value
    best = best_possible(meter.name, meter.unit, proposal.direction.value)
    if best is None or proposal.goal is not None:
        return ""
    return f"goal = {best:g}  # the best possible: the lab says when it is reached"


def _short(seconds: float) -> float:
    return _whole(float(f"{seconds:g}"))


def _whole(number: float) -> float:
    """Return a whole number as one, so that the contract says `goal = 1`."""
    return int(number) if float(number).is_integer() else number


def _is_broken(key: str, value: Value) -> bool:
    """Return whether a table is too long for one line."""
    if not isinstance(value, Mapping):
        return False
    inner = ", ".join(f"{name} = {_item(name, one).as_string()}" for name, one in value.items())
    return len(f"{key} = {{ {inner} }}") > _LONGEST


def _item(key: str, value: Value) -> "Item":
    import tomlkit

    if isinstance(value, str):
        # An expression stays readable.
        return tomlkit.string(value, literal="\\" in value and not set(value) & set("'\n\r\x7f"))
    if isinstance(value, Mapping):
        table = tomlkit.table() if _is_broken(key, value) else tomlkit.inline_table()
        for name, inner in value.items():
            table.add(name, _item(name, inner))
        return table
    if isinstance(value, Sequence):
        array = tomlkit.array()
        array.extend(_item("", one) for one in value)
        return array.multiline(len(f"{key} = {array.as_string()}") > _LONGEST)
    return tomlkit.item(value)
