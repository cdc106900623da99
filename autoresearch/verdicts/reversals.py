"""Take a keep back that its own further runs do not bear out."""

from autoresearch.contract import Contract
from autoresearch.ledger.history import History
from autoresearch.ledger.ledger import Ledger
from autoresearch.records import Event, Reversal, Reverted
from autoresearch.statistics.rounding import decimals
from autoresearch.statistics.sequential_test import (
    GATES,
    JUDGE_VERSION,
    ReversalEvidence,
    falls_behind,
)
from autoresearch.verdicts.assessment import kept_as_simpler, lower_is_better
from autoresearch.verdicts.evidence import (
    AGEING_SINCE,
    ages,
    began,
    comparable,
    controls_of,
    noise_groups,
    values,
)


def due_reversal(
    history: History, contract: Contract, version: int = JUDGE_VERSION
) -> Reversal | None:
    """That the incumbent fell behind what it was built on, by the runs since it was kept.

    Those that it was kept on are not counted: they were chosen for being good. None while nothing
    says so, and where nothing was kept.
    """
    if len(history.kept) < 2:
        return None
    tip, parent = history.kept[-1], history.kept[-2]
    fresh, controls = controls_of(history, tip), controls_of(history, parent)
    if version >= AGEING_SINCE and ages(contract):
        controls = comparable(history, controls, began(history, fresh))
    no_worse = GATES[version].no_worse
    simpler = no_worse is not None and kept_as_simpler(history, tip, contract)
    groups = noise_groups(history, parent)
    word = falls_behind(
        values(history, fresh),
        values(history, controls),
        [values(history, group) for group in groups],
        lower_is_better=lower_is_better(contract),
        gate=GATES[version],
        margin_sigmas=no_worse.shift if simpler and no_worse else 0.0,
    )
    if word is None:
        return None
    return Reversal(
        experiment=tip,
        base=parent,
        effect=word.effect,
        low=word.low,
        high=word.high,
        sigma=word.noise.sigma,
        candidate_runs=fresh[: word.runs],
        control_runs=controls,
        noise_runs=groups,
        sentence=contract.metric.attributed(_sentence(tip, parent, word, contract.metric.unit)),
        judge_version=version,
    )


def take_back(ledger: Ledger, contract: Contract) -> None:
    """Write a due reversal down, once; the incumbent is then what the keep was built on."""

    def build(history: History) -> Event | None:
        reversal = due_reversal(history, contract)
        return None if reversal is None else Reverted(reversal=reversal)

    if due_reversal(ledger.history(), contract) is not None:
        ledger.append(build)


def _sentence(tip: str, parent: str, word: ReversalEvidence, unit: str) -> str:
    digits = decimals(word.noise.sigma)
    return (
        f"{word.effect:+.{digits}f} {unit}".rstrip() + f" (95 % interval {word.low:.{digits}f} to "
        f"{word.high:.{digits}f}) over {word.runs} runs since {tip} was kept against "
        f"{word.controls} controls of {parent}: taken back"
    )
