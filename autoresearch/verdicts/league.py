"""The league: what came of everything that a proposer tried, over all labs of a home. Pure.

A proposer is a client with its model, and the kind of worker that it was in a campaign. Device time
is that of its own runs up to the verdict; control runs serve everybody and are nobody's. Tokens are
those that clients reported of campaigns' workers, so keeps for tokens are counted over these alone.
What is refused as a repeat leaves no trace in a ledger: only repeats that were allowed are counted,
such as those of a tainted experiment.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from autoresearch.ledger.history import History
from autoresearch.records import Experiment, Proposer
from autoresearch.statistics.prediction_scores import Forecast, PredictionScore, score_predictions

BY_HAND = "by hand"  # the kind of a proposer that was no worker of a campaign
HOUR_S = 3600.0
MILLION = 1_000_000


class Contender(NamedTuple):
    """A proposer, by what tells it from others."""

    name: str  # the client and its model
    kind: str  # the campaign's agent, or BY_HAND


@dataclass(frozen=True, slots=True, kw_only=True)
class LabRecord:
    """One lab of the home."""

    name: str
    history: History
    dropped: frozenset[str] = frozenset()  # keeps that finalize found to be passengers


@dataclass(frozen=True, slots=True, kw_only=True)
class LeagueRow:
    """One proposer, over all labs."""

    contender: Contender
    labs: tuple[str, ...]
    experiments: int
    keeps: int
    survivors: int  # keeps that were neither reversed nor dropped by finalize
    repeats: int  # experiments with code that had been proposed before
    device_hours: float  # of its own runs
    tokens: int  # of language models; 0: nobody reported any
    keeps_with_tokens: int  # keeps of the workers whose tokens are known
    predictions: PredictionScore | None

    @property
    def keeps_an_hour(self) -> float | None:
        """Return surviving keeps an hour of device; None without any hour."""
        return self.survivors / self.device_hours if self.device_hours else None

    @property
    def keeps_a_million_tokens(self) -> float | None:
        """Return keeps a million tokens; None where nobody reported tokens."""
        return self.keeps_with_tokens * MILLION / self.tokens if self.tokens else None


@dataclass(slots=True)
class _Tally:
    labs: dict[str, None] = field(default_factory=dict)
    experiments: int = 0
    keeps: int = 0
    survivors: int = 0
    repeats: int = 0
    device_s: float = 0.0
    tokens: int = 0
    keeps_with_tokens: int = 0


def league(records: Iterable[LabRecord]) -> tuple[LeagueRow, ...]:
    """Return a row for every proposer, those with the most surviving keeps first."""
    tallies: dict[Contender, _Tally] = {}
    forecasts: list[tuple[Contender, Forecast]] = []
    for record in records:
        kinds, tokens = _kinds(record.history), _tokens(record.history)
        seen: set[str] = set()
        for experiment in record.history.experiments.values():
            if experiment.base is not None:
                who = _contender(experiment.proposer, kinds)
                tally = tallies.setdefault(who, _Tally())
                _count(tally, record, experiment, tokens, repeated=experiment.fingerprint in seen)
                forecasts += ((who, one) for one in _forecast(record.history, experiment))
            seen.add(experiment.fingerprint)
        for who, amount in _token_owners(record.history, kinds, tokens).items():
            tallies.setdefault(who, _Tally()).tokens += amount
    scores = _scores(forecasts)
    rows = [_row(who, tally, scores.get(who)) for who, tally in tallies.items()]
    return tuple(sorted(rows, key=lambda row: (-row.survivors, -row.keeps, row.contender)))


def _count(
    tally: _Tally,
    record: LabRecord,
    experiment: Experiment,
    tokens: Mapping[str, int],
    *,
    repeated: bool,
) -> None:
    history, name = record.history, experiment.id
    verdict = history.verdicts.get(name)
    kept = verdict is not None and verdict.moved_incumbent
    stands = kept and name in history.kept and name not in record.dropped
    tally.labs[record.name] = None
    tally.experiments += experiment.replay_of is None  # a keep re-proposed by the lab is the same
    tally.keeps += kept
    tally.survivors += stands
    tally.repeats += repeated
    tally.keeps_with_tokens += kept and tokens.get(experiment.proposer.worker, 0) > 0
    reports = history.reports_of(name)
    if kept and verdict is not None:  # its later runs are control runs
        reports = tuple(history.reports[run] for run in verdict.candidate_runs)
    tally.device_s += sum(report.wall_s for report in reports)


def _contender(who: Proposer, kinds: Mapping[str, str]) -> Contender:
    return Contender(f"{who.client} {who.model}".strip(), kinds.get(who.worker, BY_HAND))


def _kinds(history: History) -> dict[str, str]:
    """Return the agent of each campaign's workers, by the name that proposers carry."""
    return {
        f"{campaign.name}/{worker.name}": worker.agent
        for campaign in history.campaigns.values()
        for worker in campaign.started.workers
    }


def _tokens(history: History) -> Counter[str]:
    """Return the tokens that each worker's client reported."""
    spent: Counter[str] = Counter()
    for campaign in history.campaigns.values():
        for end in campaign.ends:
            spent[f"{campaign.name}/{end.event.worker}"] += end.event.tokens
    return spent


def _token_owners(
    history: History, kinds: Mapping[str, str], tokens: Mapping[str, int]
) -> dict[Contender, int]:
    """Return tokens by proposer: a worker is who proposed most of what came under its name."""
    names: dict[str, Counter[Contender]] = {}
    for experiment in history.experiments.values():
        worker = experiment.proposer.worker
        if worker:
            names.setdefault(worker, Counter())[_contender(experiment.proposer, kinds)] += 1
    owned: Counter[Contender] = Counter()
    for worker, amount in tokens.items():
        known = names.get(worker)
        kind = kinds.get(worker, BY_HAND)
        owned[known.most_common(1)[0][0] if known else Contender(kind, kind)] += amount
    return {who: amount for who, amount in owned.items() if amount}


def _forecast(history: History, experiment: Experiment) -> Iterator[Forecast]:
    verdict = history.verdicts.get(experiment.id)
    if verdict is not None:
        yield Forecast(
            proposer="",
            prediction=experiment.prediction,
            effect=verdict.effect,
            low=verdict.low,
            high=verdict.high,
            sigma=verdict.sigma,
        )


def _scores(forecasts: Iterable[tuple[Contender, Forecast]]) -> dict[Contender, PredictionScore]:
    by_who: dict[Contender, list[Forecast]] = {}
    for who, one in forecasts:
        by_who.setdefault(who, []).append(one)
    scored = ((who, score_predictions(several)) for who, several in by_who.items())
    return {who: found[""] for who, found in scored if found}


def _row(who: Contender, tally: _Tally, predictions: PredictionScore | None) -> LeagueRow:
    return LeagueRow(
        contender=who,
        labs=tuple(tally.labs),
        experiments=tally.experiments,
        keeps=tally.keeps,
        survivors=tally.survivors,
        repeats=tally.repeats,
        device_hours=tally.device_s / HOUR_S,
        tokens=tally.tokens,
        keeps_with_tokens=tally.keeps_with_tokens,
        predictions=predictions,
    )
