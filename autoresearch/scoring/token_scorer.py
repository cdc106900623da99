"""Scorer of large token models: a claim made in bulk, checked at secret places by prefixes alone.

A first process is shown whole rows of held-out tokens and claims what each token costs, so that
logits stay on its device. It could look ahead, remember, or lie. So once the claim is made, places
(row, position) are drawn, and a second, fresh process is shown only the prefix of each. Its logits
are sent here, and this process, which never imports code under research, computes the cost. Every
one must agree with the claim, and their mean must agree more closely. docs/nanolm.md explains what
that proves; in short: a claim that is wrong at a share f of the places passes k samples with
probability (1 - f)^k.
"""

import math
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from autoresearch.data.token_file import TokenFile, read_token_file
from autoresearch.errors import ScoringError
from autoresearch.records import Measurement
from autoresearch.run_directory import RunDir, RunSpec
from autoresearch.sandboxes.base import Sandbox
from autoresearch.scoring.character_scorer import DEPENDS_ON, check_metric
from autoresearch.scoring.host import Host
from autoresearch.scoring.model_watch import ModelWatch

Ids = npt.NDArray[np.int64]
Nats = npt.NDArray[np.float64]

_ROWS, _PREFIXES = -1, -2
_LOGITS = 2**24  # numbers in one answer: 64 MB in float32
_MOST_ROWS = 64
_MEAN_SHARE = 0.1  # of the tolerance: allowed mean difference over the sample
_NO_COST = -1e-4  # nats: rounding may put a certain token's cost this far below zero


@dataclass(frozen=True, slots=True)
class Rows:
    """Disjoint rows of tokens (R, T + 1); the first `held_out` are scored, the rest are spare."""

    tokens: Ids
    held_out: int


def score_tokens(rundir: RunDir, spec: RunSpec, sandbox: Sandbox) -> Measurement:
    """Score a run's model in bits per byte on the held-out rows.

    Args:
        rundir: The run directory, with the checkpoint.
        spec: The run's spec; `spec.score_s` is the limit in seconds.
        sandbox: The sandbox in which the model runs.

    Returns:
        Bits per byte over all tokens but the first of each row; `spare` is the same on a spare
        part.

    Raises:
        ScoringError: The model fails, its claim is wrong, or it takes more seconds than it may.
    """
    watch = ModelWatch.of(rundir, spec)
    with watch.blaming():
        return _score(rundir, spec, sandbox, watch)


def _score(rundir: RunDir, spec: RunSpec, sandbox: Sandbox, watch: ModelWatch) -> Measurement:
    started = time.monotonic()
    corpus = read_token_file(Path(spec.documents))
    rows = held_out_rows(corpus, spec)
    deadline = started + spec.score_s
    start = partial(Host, rundir, spec, sandbox, corpus.vocab, program=_PROGRAM, watch=watch)
    with start(deadline=deadline) as first, start(deadline=deadline) as second:
        claimed = claim(first, corpus, rows.tokens)
        first.finish()  # before the second loads the model: the two never live at the same time
        places = draw_places(rows, spec.samples)
        shown = nats_by_prefix(second, corpus, rows.tokens, places)
        second.finish()
    value = _bits_per_byte(corpus, rows.tokens[: rows.held_out], claimed[: rows.held_out])
    spare = _bits_per_byte(corpus, rows.tokens[rows.held_out :], claimed[rows.held_out :])
    check_metric(value, spare)
    assert value is not None
    check_claim(np.array([claimed[place] for place in places]), shown, spec.tolerance)
    return Measurement(
        value=value,
        documents=spec.held_out,
        tokens=claimed[: rows.held_out].size,
        score_s=time.monotonic() - started,
        spare=spare,
        load_cpu_s=watch.load_s,
        score_cpu_s=watch.answer_s,
    )


_PROGRAM = "token_host.py"


def held_out_rows(corpus: TokenFile, spec: RunSpec) -> Rows:
    """Return held-out documents in secret order, each after a BOS, cut into rows; then spare ones.

    The rest at the end, shorter than a row, is not scored.
    """
    split = corpus.split(split_seed=spec.split_seed, held_out=spec.held_out)
    width = spec.context + 1
    held_out = _cut(corpus, split.held_out, width)
    spare = _cut(corpus, split.spare_part(spec.spare_part), width)
    if not len(held_out):
        raise ScoringError(
            f"the held-out documents have fewer than {width} tokens, a row's length",
            reason="too_few_tokens",
        )
    return Rows(np.concatenate((held_out, spare)), len(held_out))


def _cut(corpus: TokenFile, places: Sequence[int], width: int) -> Ids:
    order = list(places)
    secrets.SystemRandom().shuffle(order)
    bos = corpus.bos.to_bytes(2, "little")
    stream = b"".join(bos + bytes(corpus.document(place)) for place in order)
    ids = np.frombuffer(stream, "<u2").astype(np.int64)
    whole = len(ids) // width
    return ids[: whole * width].reshape(whole, width)


def claim(model: Host, corpus: TokenFile, rows: Ids) -> Nats:
    """Return the model's claimed cost of each token after a row's first (R, T), in nats."""
    claimed = np.zeros((len(rows), rows.shape[1] - 1))
    most = max(1, min(_MOST_ROWS, _LOGITS // (rows.shape[1] * corpus.vocab)))
    order = np.random.default_rng(secrets.randbits(64)).permutation(len(rows))
    for first in range(0, len(rows), most):
        chosen = order[first : first + most]
        batch = rows[chosen]
        request = np.array([_ROWS, *batch.shape, *batch.ravel()], dtype=np.int64)
        answer = model.ask(request.tobytes(), 4 * batch[:, 1:].size)
        claimed[chosen] = np.frombuffer(answer, "<f4").reshape(len(batch), -1)
    if not np.isfinite(claimed).all() or (claimed < _NO_COST).any():
        raise ScoringError("the model's costs are not finite, or below 0", reason="not_finite")
    return claimed


def draw_places(rows: Rows, samples: int) -> list[tuple[int, int]]:
    """Draw secret places (row, position) uniformly from the scored rows, plus an eighth spare."""
    draw = secrets.SystemRandom()
    length = rows.tokens.shape[1] - 1
    scored = rows.held_out * length
    spare = len(rows.tokens) * length - scored
    drawn = draw.sample(range(scored), min(samples, scored))
    drawn += (scored + place for place in draw.sample(range(spare), min(samples // 8, spare)))
    return [divmod(place, length) for place in drawn]


def nats_by_prefix(
    model: Host, corpus: TokenFile, rows: Ids, places: Sequence[tuple[int, int]]
) -> Nats:
    """Return the cost, in nats, of the token after each place, if only its prefix is shown.

    Short prefixes come first, and no request has two of one row, so that nothing shown contains a
    token that is still to be predicted.
    """
    cost: dict[tuple[int, int], float] = {}
    for batch in _batches(sorted(places, key=lambda place: place[1]), rows, corpus.vocab):
        chosen, ends = (np.array(part) for part in zip(*batch, strict=True))
        width = int(ends.max()) + 1
        shown = np.where(np.arange(width) <= ends[:, None], rows[chosen, :width], corpus.bos)
        request = np.array([_PREFIXES, *shown.shape, *(ends + 1), *shown.ravel()], dtype=np.int64)
        answer = model.ask(request.tobytes(), 4 * len(batch) * corpus.vocab)
        logits = np.frombuffer(answer, "<f4").reshape(len(batch), -1).astype(np.float64)
        if not np.isfinite(logits).all():
            raise ScoringError(
                "the model returned logits that are NaN or infinite", reason="not_finite"
            )
        cost.update(zip(batch, _nats(logits, rows[chosen, ends + 1]), strict=True))
    return np.array([cost[place] for place in places])


def _batches(
    places: Sequence[tuple[int, int]], rows: Ids, vocab: int
) -> Iterator[list[tuple[int, int]]]:
    """Yield batches of places in their order, within the size limit, each row at most once."""
    batch: list[tuple[int, int]] = []
    for place in places:
        most = max(1, min(_MOST_ROWS, _LOGITS // ((place[1] + 1) * vocab)))
        if len(batch) >= most or any(place[0] == row for row, _ in batch):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _nats(logits: Nats, targets: Ids) -> Nats:
    """Return the cost of each row's target (B,), from logits (B, vocab)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    chosen = shifted[np.arange(len(targets)), targets]
    return np.asarray(np.log(np.exp(shifted).sum(axis=1)) - chosen)


def check_claim(claimed: Nats, shown: Nats, tolerance: float) -> None:
    """Raise ScoringError if the claimed costs differ from those by prefixes."""
    off = np.abs(claimed - shown)
    wrong = ~(off <= tolerance)
    if wrong.any():
        raise ScoringError(
            "the model's costs are not what it predicts from the tokens before: shown only those, "
            f"a fresh process of it differs at {wrong.sum()} of {len(off)} places by more than "
            f"{tolerance:g} nats, at most by {off.max():.4f}. {DEPENDS_ON}",
            reason="claim_differs",
        )
    mean = float(np.mean(claimed - shown))
    if abs(mean) > _MEAN_SHARE * tolerance:
        raise ScoringError(
            "the model's costs differ in one direction from what it predicts from the tokens "
            f"before: by {mean:.2g} nats on average over {len(off)} places, but only "
            f"{_MEAN_SHARE * tolerance:g} is allowed",
            reason="claim_biased",
        )


def _bits_per_byte(corpus: TokenFile, rows: Ids, nats: Nats) -> float | None:
    """Return bits per byte over all tokens but the first of each row; None without rows."""
    size = int(np.array(corpus.sizes)[rows[:, 1:]].sum())
    return float(nats.sum()) / math.log(2) / size if size else None
