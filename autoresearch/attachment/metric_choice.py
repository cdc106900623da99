"""Choose the metric among the numbers that a run printed, with nobody there to ask."""

from dataclasses import replace

from autoresearch.attachment.contract_proposal import meter_of
from autoresearch.attachment.metric_names import Number, candidates, direction_of, quoted
from autoresearch.attachment.proposal_parts import OPTIONS, Part, Proposal
from autoresearch.attachment.repairs import unknown_module
from autoresearch.errors import ContractError


def choose_alone(proposal: Proposal, numbers: tuple[Number, ...]) -> Proposal:
    """The proposal with its metric; ContractError names the options where it can't be known."""
    if proposal.metric is not None:
        known = proposal.metric.value
        same = next((number for number in numbers if number.name == known.name), None)
        unit = same.unit if same else known.unit
        return _with_direction(proposal, known.name, unit)
    likeliest = candidates(numbers)
    if len(likeliest) != 1:
        printed = f"it prints {quoted(numbers)}" if numbers else "it prints no number with a name"
        raise ContractError(
            f"It can't be known which number is the metric: {printed}.",
            f"Add {OPTIONS['metric']} (or wall_s, cpu_s: how long it takes), "
            f"{OPTIONS['direction']}, and --pattern where a line is not `METRIC name=value`, or "
            "--metric-file where a JSON file has it.",
            reason="metric_ambiguous",
        )
    number = likeliest[0]
    part = Part(meter_of(number), f"{number.where} prints {number.label!r}")
    return _with_direction(replace(proposal, metric=part), number.name, number.unit)


def refuse_unknown(proposal: Proposal, *, taken: bool, run: bool = True) -> None:
    """Raise ContractError with the options for what must be asked, where nobody can be.

    `taken`: the rest of the proposal is. `run`: it will run, which shows a metric that is not known
    yet, and which way is better.
    """
    refuse_unknown_modules(proposal)
    unknown = [name for name in proposal.missing if name != "metric" or not run]
    if run and proposal.metric is None and "direction" in unknown:
        unknown.remove("direction")
    if "command" in unknown and proposal.notebooks and not proposal.choices.get("command"):
        raise ContractError(
            f"There is no program to run: {_several(proposal.notebooks)}, and a run starts a "
            "command, not a notebook.",
            f"Make a program of it: jupyter nbconvert --to script {proposal.notebooks[0]}; let it "
            "print its number once, such as accuracy: 0.87, commit it, and run init again. Or name "
            "another command: --command.",
            reason="notebooks_only",
        )
    options = " ".join(OPTIONS[name] for name in unknown)
    if unknown:
        several = "; ".join(
            f"{name}: {', '.join(names)}"
            for name in unknown
            if (names := proposal.choices.get(name, ()))
        )
        raise ContractError(
            f"The repository does not tell the {' and the '.join(unknown)}"
            f"{f' ({several})' if several else ''}.",
            f"Add {options}{'' if taken or not run else ' and --yes'}.",
            reason="unknown_answers",
        )
    if not taken:
        raise ContractError(
            "init asks before it runs anything, but there is no terminal to ask in.",
            "Add --yes to take what was found, or --dry-run to see the contract.",
            reason="no_terminal",
        )


def refuse_unknown_modules(proposal: Proposal) -> None:
    """Raise ContractError if it imports what nothing has and nothing declares."""
    if proposal.unknown:
        named = ", ".join(proposal.unknown)
        raise ContractError(
            f"The code imports {named}, which is not in the commit, not beside it, in no "
            "interpreter here, and declared nowhere.",
            unknown_module(proposal.unknown[0], proposal.submodules),
            reason="unknown_module",
        )


def _several(notebooks: tuple[str, ...]) -> str:
    shown = ", ".join(notebooks[:3]) + ", …" * (len(notebooks) > 3)
    return f"{shown} {'is a notebook' if len(notebooks) == 1 else 'are notebooks'}"


def _with_direction(proposal: Proposal, name: str, unit: str) -> Proposal:
    if proposal.direction is not None:
        return proposal
    known = direction_of(name, unit)
    if not known:
        raise ContractError(
            f"It isn't clear whether a higher or a lower {name} is better.",
            "Add --direction min or --direction max.",
            reason="direction_unknown",
        )
    return replace(proposal, direction=Part(known, f"judging by its name, {name}"))
