"""Derive the verdict that the evidence allows: its outcome, its numbers and its sentence."""

from autoresearch.contract import Contract
from autoresearch.ledger.history import History
from autoresearch.records import Outcome, RunState, Verdict
from autoresearch.statistics.gates import GAIN, GATES, NON_INFERIORITY, Gate, Judgement
from autoresearch.statistics.rounding import decimals
from autoresearch.verdicts.evidence import Evidence, count_unfinished

MOST_REPEATS = 2  # of runs that were lost or disturbed to no fault of their own


def derive_verdict(
    history: History,
    experiment: str,
    evidence: Evidence,
    judgement: Judgement,
    contract: Contract,
    version: int,
) -> Verdict | None:
    """Return the verdict that the runs so far allow; None while more are needed or go on."""
    base = history.experiments[experiment].base
    if base is None:
        return None
    ended = _ended_early(history, experiment)
    if ended is not None:
        return _early_verdict(experiment, base, *ended, contract, version)
    if count_unfinished(history, experiment) or judgement.outcome is None:
        return None
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
        moved_incumbent=judgement.outcome is Outcome.KEEP and base == history.incumbent,
    )


def _ended_early(history: History, experiment: str) -> tuple[Outcome, str, str] | None:
    """Return the outcome, run and reason of a crash, stop or cut, or of too many repeats."""
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
            reason = (
                f"cut at {report.cut}{used}: it needs more than a run may use, so it was not judged"
            )
            return Outcome.DISCARD, report.run, reason
    repeated = [report for report in reports if report.state.repeated]
    if len(repeated) <= MOST_REPEATS:
        return None
    lost = sum(report.state is RunState.LOST for report in repeated)
    counts = [(lost, "lost"), (len(repeated) - lost, "disturbed by the machine")]
    counted = " and ".join(f"{count} runs were {how}" for count, how in counts if count)
    reason = f"{counted}, the last: {repeated[-1].reason}"
    return Outcome.TAINTED, repeated[-1].run, reason


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
    """Return one sentence with numbers, and why it was not kept, which helps the next idea."""
    assert judgement.noise is not None
    assert judgement.effect is not None
    exact = judgement.noise.sigma == 0
    digits = decimals(abs(judgement.effect) if exact else judgement.noise.sigma)
    unit = f" {contract.metric.unit}".rstrip()
    n, k = len(evidence.candidate), len(evidence.controls)
    kept = judgement.outcome is Outcome.KEEP
    simpler = history.experiments[experiment].simpler
    prefix, suffix = "", "" if kept else f" ({judgement.reason})"
    if kept and simpler > 0 and judgement.test == GAIN:
        suffix = f", and simpler by {simpler} syntax nodes"
    if kept and history.experiments[experiment].base != history.incumbent:
        suffix += f", but overtaken: {history.incumbent} had become the incumbent by then"
    if kept and judgement.test == NON_INFERIORITY and gate.no_worse is not None:
        cost = f"shown to cost less than {gate.no_worse.shift:g} sigma"
        if exact:
            cost = "shown to cost nothing"
        prefix = f"simpler by {simpler} syntax nodes and {cost}: "
    effect = round(judgement.effect, digits) + 0.0  # no -0.000
    interval = (
        "the metric repeats exactly"
        if exact
        else f"95 % interval {judgement.low:.{digits}f} to {judgement.high:.{digits}f}"
    )
    return contract.metric.attributed(
        f"{prefix}{effect:+.{digits}f}{unit} ({interval}) over {n} run{'s' * (n != 1)} "
        f"against {k} controls: {judgement.outcome}{suffix}"
    )
