"""Makes the text of a contract out of a proposal that lacks nothing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from autoresearch.attachment.metric_names import best_possible
from autoresearch.attachment.proposal_parts import Proposal
from autoresearch.contract import parse_contract

if TYPE_CHECKING:
    from tomlkit.items import Item

Value: TypeAlias = str | bool | float | Sequence[str] | Mapping[str, "Value"]
_LONGEST = 90  # characters of a list in one line


def contract_text(proposal: Proposal) -> str:
    """autoresearch.toml as it would be committed; checked, so ContractError where it is none."""
    text = proposal.text.value if proposal.text else _written(proposal)
    parse_contract(text.encode(), "the proposed contract")
    return text


def _written(proposal: Proposal) -> str:
    import tomlkit

    document = tomlkit.document()
    for name, fields in _tables(proposal):
        present = {key: value for key, value in fields.items() if value is not None}
        if not present:
            continue
        if document:
            document.add(tomlkit.nl())
        table = tomlkit.table()
        for key, value in present.items():
            table.add(key, _item(value))
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
            "budget": {"wall_s": _short(proposal.budget_s.value)},
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


def _item(value: Value) -> "Item":
    import tomlkit

    if isinstance(value, str):
        # An expression stays readable.
        return tomlkit.string(value, literal="\\" in value and not set(value) & set("'\n\r\x7f"))
    if isinstance(value, Mapping):
        table = tomlkit.inline_table()
        for key, inner in value.items():
            table.add(key, _item(inner))
        return table
    if isinstance(value, Sequence):
        array = tomlkit.array()
        array.extend(_item(one) for one in value)
        return array.multiline(len(array.as_string()) > _LONGEST)
    return tomlkit.item(value)
