"""Reverse a keep that its own further runs do not support."""

from autoresearch.contract import Contract
from autoresearch.ledger.events import Event
from autoresearch.ledger.history import History
from autoresearch.ledger.ledger import Ledger
from autoresearch.records import Reversal, Reverted
from autoresearch.statistics.gates import GATES, JUDGE_VERSION
from autoresearch.statistics.reversal_test import ReversalEvidence, falls_behind
from autoresearch.statistics.rounding import decimals
from autoresearch.verdicts.evidence import (
    AGEING_SINCE,
    ages,
    began,
    comparable,
    controls_of,
    noise_groups,
    values,
)
from autoresearch.verdicts.judgement import kept_as_simpler, log_scale, lower_is_better


def due_reversal(
    history: History, contract: Contract, version: int = JUDGE_VERSION
) -> Reversal | None:
    """Return the reversal of the incumbent if its runs since it was kept put it behind its base.

    The runs it was kept on do not count: they were chosen for being good. None if it is not
    behind, or nothing was kept.
    """
    if len(history.kept) < 2:
        return None
    incumbent, parent = history.kept[-1], history.kept[-2]
    fresh, controls = controls_of(history, incumbent), controls_of(history, parent)
    if version >= AGEING_SINCE and ages(contract):
        controls = comparable(history, controls, began(history, fresh))
    no_worse = GATES[version].no_worse
    simpler = no_worse is not None and kept_as_simpler(history, incumbent, contract)
    groups = noise_groups(history, parent)
    found = falls_behind(
        values(history, fresh),
        values(history, controls),
        [values(history, group) for group in groups],
        lower_is_better=lower_is_better(contract),
        gate=GATES[version],
        margin_sigmas=no_worse.shift if simpler and no_worse else 0.0,
        log=log_scale(contract),
    )
    if found is None:
        return None
    return Reversal(
        experiment=incumbent,
        base=parent,
        effect=found.effect,
        low=found.low,
        high=found.high,
        sigma=found.noise.sigma,
        candidate_runs=fresh[: found.runs],
        control_runs=controls,
        noise_runs=groups,
        sentence=contract.metric.attributed(
            _sentence(incumbent, parent, found, contract.metric.unit)
        ),
        judge_version=version,
    )


def reverse_if_due(ledger: Ledger, contract: Contract) -> None:
    """Write a due reversal into the ledger, once; its base is then the incumbent again."""

    def build(history: History) -> Event | None:
        reversal = due_reversal(history, contract)
        return None if reversal is None else Reverted(reversal=reversal)

    if due_reversal(ledger.history(), contract) is not None:
        ledger.append(build)


def _sentence(incumbent: str, parent: str, found: ReversalEvidence, unit: str) -> str:
    digits = decimals(found.noise.sigma)
    return (
        f"{found.effect:+.{digits}f} {unit}".rstrip()
        + f" (95 % interval {found.low:.{digits}f} to "
        f"{found.high:.{digits}f}) over {found.runs} runs since {incumbent} was kept against "
        f"{found.controls} controls of {parent}: reversed"
    )
