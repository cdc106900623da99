"""The assessment: all that the runs so far say of one experiment, computed once a call."""

from dataclasses import dataclass

from autoresearch.contract import Contract
from autoresearch.ledger.history import History
from autoresearch.records import Verdict
from autoresearch.statistics.gates import GATES, JUDGE_VERSION, Gate, Judgement
from autoresearch.verdicts.derivation import derive_verdict
from autoresearch.verdicts.evidence import (
    AGEING_SINCE,
    Evidence,
    ages,
    comparable,
    count_unfinished,
    gather,
)
from autoresearch.verdicts.guard_numbers import held_to_guards
from autoresearch.verdicts.judgement import judge_evidence

BASELINE_RUNS = 6  # after which e0 counts as measured; the gate can do with fewer, less sharply


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingRuns:
    """Runs that are to be started before a verdict is possible, beside those that go on."""

    candidate: int = 0
    controls: int = 0  # of the base; of e0, which has none, its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """The evidence on an experiment, what the judge says of it, and what follows.

    It stays true while runs are started and verdicts given; a run that ends makes it old.
    """

    experiment: str
    base: str | None
    evidence: Evidence
    judgement: Judgement
    given: Verdict | None  # what the history has already
    verdict: Verdict | None  # what the runs allow; None while more are needed or go on
    missing: MissingRuns
    controls_suffice: bool  # for the judge's next answer, so that a candidate may preempt one

    @property
    def controlled_by(self) -> str:
        """The experiment whose runs are the controls: the base, and of e0 itself."""
        return self.base or self.experiment


def assess(
    experiment: str,
    history: History,
    contract: Contract,
    *,
    now: float | None = None,
    version: int = JUDGE_VERSION,
) -> Assessment:
    """Assess an experiment on the runs that a history holds.

    Args:
        experiment: The id of an experiment in the history.
        history: The events up to now, or up to the verdict that is derived again.
        contract: The lab's contract.
        now: Seconds since the epoch. With it, controls that are too old for a candidate which
            begins now count as missing; None counts them all until the candidate has begun.
        version: The judge version that answers.
    """
    base = history.experiments[experiment].base
    evidence = gather(history, experiment, contract, version=version)
    judgement = judge_evidence(history, experiment, evidence, contract, version)
    judgement = held_to_guards(judgement, history, evidence, contract)
    given = history.verdicts.get(experiment)
    verdict = derive_verdict(history, experiment, evidence, judgement, contract, version)
    young = evidence.controls
    if not evidence.candidate and version >= AGEING_SINCE and ages(contract):
        young = comparable(history, young, now)
    gate = GATES[version]
    missing = MissingRuns()
    if verdict is None and given is None:
        missing = _missing(history, experiment, evidence, judgement, len(young), gate)
    return Assessment(
        experiment=experiment,
        base=base,
        evidence=evidence,
        judgement=judgement,
        given=given,
        verdict=verdict,
        missing=missing,
        controls_suffice=not evidence.candidate or len(young) >= gate.fewest_controls,
    )


def _missing(
    history: History,
    experiment: str,
    evidence: Evidence,
    judgement: Judgement,
    young: int,
    gate: Gate,
) -> MissingRuns:
    """Count what the judge asks for and nobody has started; `young` controls can be compared."""
    base = history.experiments[experiment].base
    unfinished = count_unfinished(history, experiment)
    if base is None:
        wanted = BASELINE_RUNS - len(evidence.candidate)
        return MissingRuns(controls=max(0, wanted - unfinished))
    wanted = max(judgement.more_controls, gate.fewest_controls - young)
    return MissingRuns(
        candidate=max(0, judgement.more_runs - unfinished),
        controls=max(0, wanted - count_unfinished(history, base)),
    )
