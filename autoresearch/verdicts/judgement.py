"""The judge's answer on chosen runs of a history; the judge itself sees arrays alone."""

from autoresearch.contract import Contract
from autoresearch.contract_tables.metric import is_ratio
from autoresearch.ledger.history import History
from autoresearch.records import Outcome
from autoresearch.statistics.gates import GATES, JUDGE_VERSION, NON_INFERIORITY, Judgement
from autoresearch.statistics.sequential_test import judge
from autoresearch.verdicts.evidence import Evidence, ages, older_controls, values


def lower_is_better(contract: Contract) -> bool:
    """Return whether a smaller metric is a gain."""
    return contract.metric.direction == "min"


def log_scale(contract: Contract) -> bool:
    """Return whether runs are compared by the logarithm of the metric."""
    metric = contract.metric
    if metric.scale is not None:
        return metric.scale == "log"
    return is_ratio(metric)


def judge_evidence(
    history: History,
    experiment: str,
    evidence: Evidence,
    contract: Contract,
    version: int = JUDGE_VERSION,
) -> Judgement:
    """Return the answer of the judge of that version on the evidence."""
    return judge(
        values(history, evidence.candidate),
        values(history, evidence.controls),
        [values(history, group) for group in evidence.noise],
        lower_is_better=lower_is_better(contract),
        gate=GATES[version],
        simpler=history.experiments[experiment].simpler > 0,
        old=older_controls(history, evidence) if ages(contract) else 0,
        log=log_scale(contract),
    )


def kept_as_simpler(history: History, experiment: str, contract: Contract) -> bool:
    """Return whether it was kept for being simpler and no worse, and not for being better."""
    verdict = history.verdicts.get(experiment)
    if verdict is None or verdict.outcome is not Outcome.KEEP:
        return False
    evidence = Evidence(verdict.candidate_runs, verdict.control_runs, verdict.noise_runs)
    judgement = judge_evidence(history, experiment, evidence, contract, verdict.judge_version)
    return judgement.test == NON_INFERIORITY
