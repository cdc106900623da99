"""Scorer of characters, by reveal: show the model tokens, hide the next, and compute the loss.

It runs in a process of its own, which holds the targets and never imports code under research. The
model lives in another process, inside the sandbox, and must answer for column t before t is sent,
so it can't look ahead. A second, fresh process scores a secret sample of the same documents in
another order, mixed with spare ones, and must agree document by document: a model that learns
during scoring, or keeps anything from one batch to the next, does not agree.
"""

import math
import secrets
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from autoresearch.data.held_out_split import split_corpus
from autoresearch.data.token_feed import read_corpus
from autoresearch.errors import ScoringError
from autoresearch.records import Measurement
from autoresearch.run_directory import RunDir, RunSpec
from autoresearch.sandboxes.base import Sandbox
from autoresearch.scoring.host import Host
from autoresearch.scoring.model_watch import ModelWatch

CHECKED = 250  # documents that a second process scores again
CHECKED_ROWS = 128  # documents in one of its batches
WORST = 1e6  # bits per byte: a worse run would spoil the noise estimate
TOLERANCE = 1e-4  # relative to a document's nats, absolute for documents below one nat
DEPENDS_ON = (
    "A row's answer must follow from the row alone: not from earlier calls, not from random "
    "numbers, and not from the other rows of its batch (batch normalisation must use the "
    "statistics that it kept in training)"
)


def score_characters(rundir: RunDir, spec: RunSpec, sandbox: Sandbox) -> Measurement:
    """Score a run's model in bits per byte on the held-out documents.

    Args:
        rundir: The run directory, with the checkpoint.
        spec: The run's spec; `spec.score_s` is the limit in seconds.
        sandbox: The sandbox in which the model runs.

    Returns:
        Bits per byte; the end of a document counts as one byte. `spare` is the same on a spare
        part.

    Raises:
        ScoringError: The model fails, its answers depend on earlier requests, or it takes more
            seconds than it may.
    """
    watch = ModelWatch.of(rundir, spec)
    with watch.blaming():
        return _score(rundir, spec, sandbox, watch)


def _score(rundir: RunDir, spec: RunSpec, sandbox: Sandbox, watch: ModelWatch) -> Measurement:
    started = time.monotonic()
    corpus = read_corpus(Path(spec.documents))
    deadline = started + spec.score_s
    with (
        Host(rundir, spec, sandbox, corpus.vocab, deadline=deadline, watch=watch) as first,
        Host(rundir, spec, sandbox, corpus.vocab, deadline=deadline, watch=watch) as second,
    ):
        from autoresearch.scoring.reveal import (  # numpy, while the hosts import it
            reveal,
            score_in_bulk,
        )

        split = split_corpus(corpus, split_seed=spec.split_seed, held_out=spec.held_out)
        spare = split.spare_part(spec.spare_part)
        held_out = _shuffled(split.held_out)
        measure = score_in_bulk if spec.bulk else reveal
        nats = dict(zip(held_out, measure(first, corpus, held_out), strict=True))
        first.finish()  # before the second loads the model: the two never live at the same time
        again = _shuffled((*_shuffled(held_out)[:CHECKED], *spare))
        # In other batches too, or rows of one batch could teach each other.
        rows = min(CHECKED_ROWS, max(1, len(again) // 4))
        nats_again = dict(zip(again, reveal(second, corpus, again, rows), strict=True))
        second.finish()
    value, beside = _bits_per_byte(nats), _bits_per_byte({one: nats_again[one] for one in spare})
    check_metric(value, beside)
    assert value is not None
    _check_agreement(nats, nats_again)
    return Measurement(
        value=value,
        documents=len(nats),
        tokens=sum(map(len, nats)) + len(nats),
        score_s=time.monotonic() - started,
        spare=beside,
        load_cpu_s=watch.load_s,
        score_cpu_s=watch.answer_s,
    )


def check_metric(value: float | None, spare: float | None) -> None:
    """Raise ScoringError for a metric that would spoil the noise estimate, or is no number."""
    for found in (value, 0.0 if spare is None else spare):
        if found is None or not found < WORST:  # nor is NaN
            raise ScoringError(
                f"the metric is {found}, but must be less than {WORST:g}", reason="metric_too_large"
            )


def _shuffled(documents: Iterable[str]) -> list[str]:
    """Return the documents in a secret random order."""
    shuffled = list(documents)
    secrets.SystemRandom().shuffle(shuffled)
    return shuffled


def _bits_per_byte(nats: Mapping[str, float]) -> float | None:
    """Return bits per byte, each document's end counted as a byte; None without documents."""
    size = sum(len(document.encode()) + 1 for document in nats)
    try:
        return math.fsum(nats.values()) / math.log(2) / size if size else None
    except OverflowError:  # finite costs whose sum is not
        return math.inf


def _check_agreement(first: Mapping[str, float], second: Mapping[str, float]) -> None:
    """Raise ScoringError if a document's cost depends on earlier requests."""
    both = [(cost, second[document]) for document, cost in first.items() if document in second]
    off = [abs(a - b) for a, b in both if not abs(a - b) <= TOLERANCE * max(1.0, a)]
    if off:
        raise ScoringError(
            "the model's answers depend on more than the row itself: asked again in another order, "
            f"a fresh process of it made {len(off)} of {len(both)} documents cost up to "
            f"{max(off):.4f} nats more or less. {DEPENDS_ON}",
            reason="depends_on_order",
        )
