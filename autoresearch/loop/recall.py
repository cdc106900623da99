"""Recall: earlier experiments that match a question, or resemble a new one."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import takewhile

from autoresearch.equivalence.near_duplicates import near
from autoresearch.errors import NotFoundError
from autoresearch.ledger.history import History
from autoresearch.ledger.search_index import Question
from autoresearch.loop.incumbent import sandbox_names
from autoresearch.loop.open_lab import OpenLab
from autoresearch.loop.touched_lines import touching
from autoresearch.memory.known_code import change_of
from autoresearch.memory.lesson_claims import doubt_about
from autoresearch.memory.wording import alike
from autoresearch.records import Experiment, Outcome
from autoresearch.verdicts.evidence import built_on_reversed, overtaken
from autoresearch.views import Remembered

MOST_SIMILAR = 3
MOST_COMPARED = 20  # earlier patches on the same lines whose text is compared


def recall(
    lab: OpenLab, question: Question, lines: tuple[int, int] | None
) -> tuple[Remembered, ...]:
    """Return earlier experiments that match; `lines` are those of the incumbent's file."""
    history = lab.history()
    if lines is None:
        one_more = replace(question, limit=question.limit + 1)  # e0 is not shown
        found = lab.ledger.cache.recall(history.entries, one_more)
    else:
        first, last = lines
        if first > last:
            raise NotFoundError(
                f"Lines {first}-{last} end before they begin.",
                "Give them as 10-40.",
                reason="lines",
            )
        everything = replace(question, limit=len(history.experiments))
        touched = set(touching(lab, history, question.path, first, last))
        matching = lab.ledger.cache.recall(history.entries, everything)
        found = tuple(experiment for experiment in matching if experiment in touched)
    shown = [experiment for experiment in found if experiment != "e0"]
    return remember(history, shown[: question.limit])


def similar(lab: OpenLab, experiment: Experiment) -> tuple[Remembered, ...]:
    """Return near-duplicates, then experiments on the same lines, then similar hypotheses."""
    history = lab.history()
    found = [
        earlier
        for change in experiment.changes
        for first, last in change.spans
        for earlier in reversed(touching(lab, history, change.path, first, last))
    ]
    on_lines = [e for e in dict.fromkeys(found) if e not in (experiment.id, "e0")]
    near = near_duplicates(lab, history, experiment, on_lines)
    if len(near) + len(on_lines) < MOST_SIMILAR:
        found += [
            earlier.id
            for earlier in reversed(history.experiments.values())
            if alike(earlier.hypothesis, experiment.hypothesis)
        ]
    others = [e for e in dict.fromkeys([*near, *found]) if e not in (experiment.id, "e0")]
    shown = remember(history, others[:MOST_SIMILAR])
    return tuple(replace(one, near_duplicate=one.experiment in near) for one in shown)


def with_similar_hypothesis(history: History, idea: str) -> tuple[Remembered, ...]:
    """Return the newest experiments with a similar hypothesis."""
    found = [
        earlier.id
        for earlier in reversed(history.experiments.values())
        if earlier.base is not None and alike(earlier.hypothesis, idea)
    ]
    return remember(history, found[:MOST_SIMILAR])


def near_duplicates(
    lab: OpenLab, history: History, experiment: Experiment, candidates: Sequence[str]
) -> tuple[str, ...]:
    """Return those whose patches say the same but for numbers that are not far away."""
    sized = [
        history.experiments[name]
        for name in candidates
        if _sizes(history.experiments[name]) == _sizes(experiment)
    ]
    if not sized:
        return ()
    mine = change_of(lab.repository, history, experiment)
    return tuple(
        other.id
        for other in sized[:MOST_COMPARED]
        if near(change_of(lab.repository, history, other), mine)
    )


def _sizes(experiment: Experiment) -> list[tuple[str, int, int]]:
    return sorted((change.path, change.added, change.removed) for change in experiment.changes)


def remember(history: History, experiments: Iterable[str]) -> tuple[Remembered, ...]:
    """Return experiments with what they showed."""
    return tuple(_remember(history, history.experiments[e]) for e in experiments)


def verdicts_without_keep(history: History) -> int:
    """Return how many of the latest verdicts in a row kept nothing."""
    latest = reversed(history.verdicts.values())
    return sum(1 for _ in takewhile(lambda verdict: verdict.outcome is not Outcome.KEEP, latest))


def _remember(history: History, experiment: Experiment) -> Remembered:
    verdict = history.verdicts.get(experiment.id)
    lessons = history.lessons.get(experiment.id, ())
    return Remembered(
        experiment=experiment.id,
        base=experiment.base,
        hypothesis=experiment.hypothesis,
        outcome=verdict.outcome if verdict else None,
        effect=verdict.effect if verdict else None,
        low=verdict.low if verdict else None,
        high=verdict.high if verdict else None,
        lesson=lessons[-1].lesson if lessons else "",
        changes=experiment.changes,
        taken_back=experiment.id in history.reversals,
        built_on_taken_back=built_on_reversed(history, experiment.id),
        overtaken=overtaken(history, experiment.id),
        proposer=experiment.proposer,
        doubt=doubt_about(
            lessons[-1].lesson if lessons else "",
            verdict,
            reversed_since=experiment.id in history.reversals,
        ),
        sandbox=sandbox_names(history, verdict.candidate_runs if verdict else ()),
    )
