"""Makes the text of a contract out of a proposal that lacks nothing."""

import json
from collections.abc import Iterator, Mapping, Sequence

from autoresearch.attachment.proposal import Proposal
from autoresearch.contract import parse_contract


def contract_text(proposal: Proposal) -> str:
    """autoresearch.toml as it would be committed; checked, so ContractError where it is none."""
    text = proposal.text.value if proposal.text else "\n".join(_lines(proposal)) + "\n"
    parse_contract(text.encode(), "the proposed contract")
    return text


def _lines(proposal: Proposal) -> Iterator[str]:
    command, metric, direction, edit = (
        proposal.command, proposal.metric, proposal.direction, proposal.edit,
    )  # fmt: skip
    assert command and metric and direction and edit
    yield from ("[target]", f"name = {_text(proposal.name.value)}", "")
    yield from ("[edit]", f"allow = {_list(edit.value)}", "")
    if proposal.inputs.value or proposal.network.value:
        yield "[inputs]"
        if proposal.inputs.value:
            yield f"read_only = {_list(proposal.inputs.value)}"
        if proposal.network.value:
            yield "network = true"
        yield ""
    if proposal.lock:
        yield from ("[environment]", f"lock = {_text(proposal.lock.value)}", "")
    elif proposal.packages:
        yield from ("[environment]", f"packages = {_list(proposal.packages.value)}", "")
    yield from ("[run]", f"command = {_list(command.value)}")
    if proposal.python.value:
        yield f"python = {_text(proposal.python.value)}"
    if proposal.env.value:
        yield f"env = {_table(proposal.env.value)}"
    if proposal.device:
        yield f"device = {_text(proposal.device.value)}"
    if proposal.memory_mb:
        yield f"memory_mb = {proposal.memory_mb.value}"
    yield from (f"budget = {{ wall_s = {proposal.budget_s.value:g} }}", "")
    yield from _metric(proposal)
    if proposal.guards.value:
        yield from ("", "[guards]")
        yield from (f"{name} = {_list(argv)}" for name, argv in proposal.guards.value.items())


def _metric(proposal: Proposal) -> Iterator[str]:
    assert proposal.metric and proposal.direction
    meter = proposal.metric.value
    yield from ("[metric]", f"name = {_text(meter.name)}")
    if meter.unit:
        yield f"unit = {_text(meter.unit)}"
    yield f"direction = {_text(proposal.direction.value)}"
    yield f"scoring = {_text(meter.scoring)}"
    if meter.pattern:
        yield f"pattern = {_text(meter.pattern)}"
    if meter.file:
        yield f"file = {_text(meter.file)}"


def _text(value: str) -> str:
    if "\\" in value and not set(value) & set("'\n\r"):
        return f"'{value}'"  # an expression stays readable
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list(values: Sequence[str]) -> str:
    short = f"[{', '.join(map(_text, values))}]"
    if len(short) <= 90:
        return short
    return "[\n" + "".join(f"    {_text(value)},\n" for value in values) + "]"


def _table(values: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f"{name} = {_text(value)}" for name, value in values.items()) + " }"
