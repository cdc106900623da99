"""Questions on a terminal: one at a time, with what was found as the answer that Enter gives."""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import Console
from rich.prompt import Confirm, Prompt
from rich.text import Text

from server.commands.init.tables import asked, value_of, why_of

if TYPE_CHECKING:
    from autoresearch.attachment.metric_names import Number
    from autoresearch.attachment.proposal_parts import Answers, Proposal

RUN_NOW = "Run it now, unchanged?"
QUESTIONS = {
    "command": "What command is a run? As you type it",
    "metric": "Which printed number counts? Its name; wall_s or cpu_s: the lab's clock",
    "direction": "Which way is better, min or max?",
    "edit": "What may experiments change? Files or globs, separated by spaces",
    "budget_s": "After how many seconds is a run killed?",
}
LOOK = "look"  # at what a run prints


def is_terminal(console: Console) -> bool:
    """Return whether there is a person to ask."""
    return console.is_terminal and sys.stdin.isatty()


class Terminal:
    """Asks a person."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def settle(
        self, proposal: "Proposal", answers: "Answers", again: "Callable[[Answers], Proposal]"
    ) -> "Proposal | None":
        """The proposal as the person wants it, None for none; each answer may change the rest."""
        from autoresearch.attachment.clues.package_names import package_of
        from autoresearch.attachment.metric_choice import refuse_unknown_modules
        from autoresearch.attachment.proposal_parts import Sureness

        for module in proposal.unknown:
            package = package_of(module)
            question = f"Nothing says where {module} comes from. Install the package {package}?"
            if Confirm.ask(Text(question), console=self._console, default=False):
                answers = replace(answers, packages=(*answers.packages, package))
                proposal = again(answers)
        refuse_unknown_modules(proposal)
        if proposal.text is not None:
            self._say(f"{proposal.text.why}:\n\n{proposal.text.value}")
        for name in QUESTIONS if proposal.text is None else ():
            part = getattr(proposal, name)
            if part is not None and part.sure is Sureness.SAID:
                continue
            if name == "direction" and proposal.metric is None:
                continue  # asked when it is known which number it is
            reply = self._ask(name, proposal)
            if reply:
                answers = _answered(answers, name, reply)
                proposal = again(answers)
        wanted = Confirm.ask(RUN_NOW, console=self._console, default=True)
        return proposal if wanted else None

    def choose(self, proposal: "Proposal", numbers: "tuple[Number, ...]") -> "Proposal":
        """The number that counts, among those that a run printed."""
        from autoresearch.attachment.contract_proposal import meter_of
        from autoresearch.attachment.metric_names import candidates, direction_of
        from autoresearch.attachment.proposal_parts import Meter, Part, Sureness

        known = {number.name: number for number in numbers}
        if proposal.metric is None:
            for number in numbers:
                self._say(f"  {number.name} = {number.value:g}")
            likeliest = candidates(numbers)
            default = likeliest[-1].name if likeliest else "wall_s"
            name = self._prompt(QUESTIONS["metric"], default, [*known, "wall_s", "cpu_s"])
            clock = Meter(name=name, scoring="clock", unit="s")
            meter = meter_of(known[name]) if name in known else clock
            proposal = replace(proposal, metric=Part(meter, "", Sureness.SAID))
        meter = proposal.metric.value  # type: ignore[union-attr]
        if proposal.direction is None:
            likely = direction_of(meter.name, meter.unit) or "min"
            way = self._prompt(QUESTIONS["direction"], likely, ["min", "max"])
            proposal = replace(proposal, direction=Part(way, "", Sureness.SAID))
        return proposal

    def _ask(self, name: str, proposal: "Proposal") -> str:
        """Return the typed answer; "" to accept what was found."""
        part = getattr(proposal, name)
        found = value_of(name, part) if part is not None else ""
        if part is not None and name == "metric":
            found = part.value.name
        if part is not None and name == "edit":
            found = " ".join(part.value)
        self._say(f"\n{why_of(part) if part is not None else asked(name, proposal)}", "dim")
        if name == "metric" and not found:
            found = LOOK
            self._say(f"{LOOK}: run it once, then choose among what it prints", "dim")
        choices = ["min", "max"] if name == "direction" else None
        reply = self._prompt(QUESTIONS[name], found, choices)
        return "" if reply in (found, LOOK) else reply

    def _prompt(self, question: str, default: str, choices: list[str] | None = None) -> str:
        while True:
            reply = Prompt.ask(
                Text(question),
                console=self._console,
                default=default or None,
                choices=choices,
                show_choices=False,
            )
            if reply:
                return reply

    def _say(self, words: str, style: str = "") -> None:
        self._console.print(Text(words, style=style))


def _answered(answers: "Answers", name: str, reply: str) -> "Answers":
    if name == "edit":
        return replace(answers, edit=tuple(reply.replace(",", " ").split()))
    if name == "budget_s":
        return replace(answers, budget_s=float(reply.split(maxsplit=1)[0].removesuffix("s")))
    if name == "command":
        return replace(answers, command=reply)
    if name == "metric":
        return replace(answers, metric=reply)
    return replace(answers, direction=reply)
