"""Give a verdict on the runs there are, and derive one again: pure, from a history.

A verdict is given with the present gate and derived again with the gate of the version that gave
it, so that a newer product does not call an old ledger wrong.
"""

from dataclasses import replace

from autoresearch.contract import Contract
from autoresearch.errors import LedgerDamagedError
from autoresearch.ledger.history import History
from autoresearch.records import Outcome, Reversal, Ruling, RunState, Verdict
from autoresearch.statistics.gates import NON_INFERIORITY
from autoresearch.statistics.rounding import decimals
from autoresearch.statistics.sequential_test import GATES, JUDGE_VERSION, Gate, Judgement
from autoresearch.verdicts.assessment import assess
from autoresearch.verdicts.evidence import Evidence, gather, going
from autoresearch.verdicts.reversals import due_reversal

MOST_REPEATS = 2  # of runs that were lost or disturbed to no fault of their own


def judge_again(history: History, word: Ruling, contract: Contract) -> Ruling:
    """Derive a verdict or a reversal anew from all that came before it; `verify` compares the two.

    Nothing of the word is believed but which experiment it is on and which version gave it. How it
    is worded is left as it is, since words may change and what they say may not. Raises
    LedgerDamagedError where the runs allow no such word, or the version is unknown.
    """
    known_gate(word.judge_version, word.experiment)
    again: Verdict | Reversal | None
    if isinstance(word, Verdict):
        again = due_verdict(word.experiment, history, contract, word.judge_version)
    else:
        again = due_reversal(history, contract, word.judge_version)
    if again is None:
        kind = "verdict on" if isinstance(word, Verdict) else "taking back of"
        raise LedgerDamagedError(f"The runs before the {kind} {word.experiment} allow none.")
    return replace(again, sentence=word.sentence)


def known_gate(version: int, experiment: str) -> Gate:
    """Return the gate of that judge version; raise LedgerDamagedError if there is none."""
    if version not in GATES:
        known = ", ".join(map(str, sorted(GATES)))
        raise LedgerDamagedError(
            f"The word on {experiment} was given by version {version} of the judge, which this "
            f"product does not know; it knows {known}.",
            "Verify it with the product that wrote it, or a newer one.",
        )
    return GATES[version]


def due_verdict(
    experiment: str, history: History, contract: Contract, version: int = JUDGE_VERSION
) -> Verdict | None:
    """The verdict that the runs so far allow; None while more are needed or going."""
    base = history.experiments[experiment].base
    if base is None:
        return None
    ended = _ended_early(history, experiment)
    if ended is not None:
        return _early_verdict(experiment, base, *ended, contract, version)
    if going(history, experiment):
        return None
    evidence = gather(history, experiment, contract, version=version)
    judgement = assess(history, experiment, evidence, contract, version)
    if judgement.outcome is None:
        return None
    moves = judgement.outcome is Outcome.KEEP and base == history.incumbent
    assert judgement.noise is not None
    return Verdict(
        experiment=experiment,
        base=base,
        outcome=judgement.outcome,
        effect=judgement.effect,
        low=judgement.low,
        high=judgement.high,
        sigma=judgement.noise.sigma,
        evidence=judgement.evidence,
        candidate_runs=evidence.candidate,
        control_runs=evidence.controls,
        noise_runs=evidence.noise,
        sentence=_sentence(history, experiment, judgement, evidence, contract, GATES[version]),
        judge_version=version,
        moved_incumbent=moves,
    )


def _ended_early(history: History, experiment: str) -> tuple[Outcome, str, str] | None:
    """The first crash, stop or cut, or too many repeats: what ends an experiment unmeasured."""
    reports = history.reports_of(experiment)
    for report in reports:
        if report.state is RunState.CRASHED:
            return Outcome.CRASHED, report.run, report.reason
        if report.hopeless:
            return Outcome.DISCARD, report.run, f"stopped early: {report.hopeless}"
        if report.state is RunState.STOPPED:
            return Outcome.DISCARD, report.run, "it was stopped before it could be measured"
        if report.cut:
            used = f" after {report.tokens:,} training tokens" if report.tokens else ""
            words = f"cut at {report.cut}{used}: it costs more than a run may, so it was not judged"
            return Outcome.DISCARD, report.run, words
    repeated = [report for report in reports if report.state.repeated]
    if len(repeated) <= MOST_REPEATS:
        return None
    lost = sum(report.state is RunState.LOST for report in repeated)
    counts = [(lost, "lost"), (len(repeated) - lost, "disturbed by the machine")]
    said = " and ".join(f"{count} runs were {how}" for count, how in counts if count)
    words = f"{said}, the last: {repeated[-1].reason}"
    return Outcome.TAINTED, repeated[-1].run, words


def _early_verdict(
    experiment: str,
    base: str,
    outcome: Outcome,
    run: str,
    reason: str,
    contract: Contract,
    version: int,
) -> Verdict:
    return Verdict(
        experiment=experiment,
        base=base,
        outcome=outcome,
        effect=None,
        low=None,
        high=None,
        sigma=None,
        evidence=None,
        candidate_runs=(run,),
        control_runs=(),
        noise_runs=(),
        sentence=contract.metric.attributed(f"{run}: {reason.rstrip('.')}: {outcome}"),
        judge_version=version,
        moved_incumbent=False,
    )


def _sentence(
    history: History,
    experiment: str,
    judgement: Judgement,
    evidence: Evidence,
    contract: Contract,
    gate: Gate,
) -> str:
    """One sentence with numbers; why it was not kept is added, for the next idea can use that."""
    assert judgement.noise is not None
    digits = decimals(judgement.noise.sigma)
    unit = f" {contract.metric.unit}".rstrip()
    n, k = len(evidence.candidate), len(evidence.controls)
    kept = judgement.outcome is Outcome.KEEP
    why, more = "", "" if kept else f" ({judgement.reason})"
    if kept and history.experiments[experiment].base != history.incumbent:
        more = f", but overtaken: {history.incumbent} had become the incumbent meanwhile"
    if kept and judgement.test == NON_INFERIORITY and gate.no_worse is not None:
        nodes, most = history.experiments[experiment].simpler, gate.no_worse.shift
        why = f"simpler by {nodes} syntax nodes and shown to cost less than {most:g} sigma: "
    assert judgement.effect is not None
    effect = round(judgement.effect, digits) + 0.0  # no -0.000
    return contract.metric.attributed(
        f"{why}{effect:+.{digits}f}{unit} (95 % interval {judgement.low:.{digits}f} to "
        f"{judgement.high:.{digits}f}) over {n} run{'s' * (n != 1)} against {k} controls: "
        f"{judgement.outcome}{more}"
    )
