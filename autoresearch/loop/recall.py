"""Recall: earlier experiments that match a question, or resemble a new one."""

import re
from collections.abc import Iterable
from itertools import takewhile

from autoresearch.errors import NotFoundError
from autoresearch.ledger.history import History
from autoresearch.ledger.search_index import Question
from autoresearch.loop.incumbent import sandbox_names
from autoresearch.loop.open_lab import OpenLab
from autoresearch.loop.touched_lines import touching
from autoresearch.records import Experiment, Outcome
from autoresearch.verdicts.evidence import built_on_reversed, overtaken
from autoresearch.views import Remembered

MOST_SIMILAR = 3
EMPTY_WORDS = set(  # as `alike` sees them: without a final s
    re.findall(
        r"\w+",
        "and are but can could for from help how into it ha have may more much not should so than "
        "that the their them then there these thi those too very wa what when where which while "
        "will with would better change fewer higher improve le longer lower make smaller larger",
    )
)


def recall(
    lab: OpenLab, question: Question, lines: tuple[int, int] | None
) -> tuple[Remembered, ...]:
    """Return earlier experiments that match; `lines` are those of the incumbent's file."""
    history = lab.history()
    found = lab.ledger.cache.recall(history.entries, question)
    if lines is not None:
        first, last = lines
        if first > last:
            raise NotFoundError(
                f"Lines {first}-{last} end before they begin.",
                "Give them as 10-40.",
                reason="lines",
            )
        touched = touching(lab, history, question.path, first, last)
        found = tuple(experiment for experiment in found if experiment in touched)
    return remember(history, [experiment for experiment in found if experiment != "e0"])


def similar(lab: OpenLab, experiment: Experiment) -> tuple[Remembered, ...]:
    """Return earlier experiments on the same lines, then those with a similar hypothesis."""
    history = lab.history()
    found = [
        earlier
        for change in experiment.changes
        for first, last in change.spans
        for earlier in reversed(touching(lab, history, change.path, first, last))
    ]
    found += [
        earlier.id
        for earlier in reversed(history.experiments.values())
        if alike(earlier.hypothesis, experiment.hypothesis)
    ]
    others = [e for e in dict.fromkeys(found) if e not in (experiment.id, "e0")]
    return remember(history, others[:MOST_SIMILAR])


def alike(one: str, other: str) -> bool:
    """Return whether two hypotheses share half of the shorter one's words, and at least two words.

    Words without a subject, such as "better", numbers, and the ends of words do not count.
    """
    both = [
        {word.rstrip("s") for word in re.findall(r"[a-z]{3,}", text.lower())} - EMPTY_WORDS
        for text in (one, other)
    ]
    return len(both[0] & both[1]) >= max(2, min(map(len, both)) / 2)


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
        sandbox=sandbox_names(history, verdict.candidate_runs if verdict else ()),
    )
