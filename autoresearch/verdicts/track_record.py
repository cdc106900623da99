"""The track record: false keeps, overfitting, and predictions by proposer."""

from collections.abc import Iterator
from dataclasses import dataclass

from autoresearch.contract import Contract
from autoresearch.ledger.history import History
from autoresearch.statistics.false_keeps import expected_false_keeps, looks_normal
from autoresearch.statistics.overfitting import Keep, Overfitting, Scores, measure_overfitting
from autoresearch.statistics.prediction_scores import Forecast, PredictionScore, score_predictions
from autoresearch.verdicts.evidence import controls_of, values
from autoresearch.verdicts.judgement import kept_as_simpler, lower_is_better


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRecord:
    """The reliability of the lab's own conclusions and of its proposers' predictions."""

    candidates: int  # judged on measurements, but for those kept as simplifications
    simplifications: int = 0  # kept for being simpler and not worse: they claim no gain
    false_keeps: float  # to be expected among the candidates if none was a gain
    normal_noise: bool = False  # the lab's own noise looks normal; else the worst noise is assumed
    overfitting: Overfitting | None  # of all keeps together
    taste: dict[str, PredictionScore]  # by proposer: the client and its model


def track_record(history: History, contract: Contract) -> TrackRecord:
    """Return what the verdicts so far say about themselves and about who proposed.

    A keep of a simplification claims no gain and can be no false keep, so it is left out.
    """
    measured = [v for v in history.verdicts.values() if v.evidence is not None]
    judged = [v for v in measured if not kept_as_simpler(history, v.experiment, contract)]
    groups = [values(history, controls_of(history, name)) for name in history.kept]
    normal = looks_normal(groups)
    return TrackRecord(
        candidates=len(judged),
        simplifications=len(measured) - len(judged),
        false_keeps=expected_false_keeps([len(v.control_runs) for v in judged], normal=normal),
        normal_noise=normal,
        overfitting=overfitting(history, contract),
        taste=score_predictions(_forecasts(history)),
    )


def overfitting(history: History, contract: Contract) -> Overfitting | None:
    """Measure overfitting over everything that was ever kept, reversed keeps included."""
    keeps = [
        Keep(
            candidate=_scores(history, verdict.candidate_runs),
            controls=_scores(history, verdict.control_runs),
        )
        for verdict in history.verdicts.values()
        if verdict.moved_incumbent
    ]
    return measure_overfitting(keeps, lower_is_better=lower_is_better(contract))


def _forecasts(history: History) -> Iterator[Forecast]:
    for name, verdict in history.verdicts.items():
        experiment = history.experiments[name]
        who = experiment.proposer
        yield Forecast(
            proposer=f"{who.client} {who.model}".strip(),
            prediction=experiment.prediction,
            effect=verdict.effect,
            low=verdict.low,
            high=verdict.high,
            sigma=verdict.sigma,
        )


def _scores(history: History, runs: tuple[str, ...]) -> Scores:
    found = (history.reports[run].measurement for run in runs)
    return [(m.value, m.spare) for m in found if m is not None and m.spare is not None]
