"""Scorer of arrays: a model is scored by the target's own evaluation function.

One process has the code under research and is shown inputs, never targets. A second, fresh one gets
a secret sample of the same inputs in another order and must give the same answers with the same
value, so that nothing can be learnt during scoring. A third has the frozen function's file and no
code under research, and is given targets and answers. Other output of these processes is not shown.
"""

import dataclasses
import secrets
import shutil
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from autoresearch.data.array_frames import HEAD, MOST_NUMBERS, content_size, pack_array, read_shape
from autoresearch.data.arrays import Numbers, read_arrays
from autoresearch.errors import ScoringError
from autoresearch.records import MOST_VALUE, Measurement
from autoresearch.run_directory import RunDir, RunSpec, remove_tree
from autoresearch.sandboxes.base import Sandbox
from autoresearch.scoring.character_scorer import DEPENDS_ON
from autoresearch.scoring.host import Host
from autoresearch.scoring.model_watch import ModelWatch

CHECKED = 250  # rows that the second process answers again
TOLERANCE = 1e-4  # relative to an answer, absolute for answers below 1
_PROGRAM = "array_host.py"
_ROWS, _NUMBERS = 256, 2**20  # of one request, at most


def score_arrays(rundir: RunDir, spec: RunSpec, sandbox: Sandbox) -> Measurement:
    """Score a run's model by the target's evaluation function.

    Args:
        rundir: The run directory, with the checkpoint.
        spec: The run's spec; `spec.score_s` is the limit in seconds.
        sandbox: The sandbox in which models and function run.

    Returns:
        The function's number, in the metric's unit.

    Raises:
        ScoringError: The model or the function fails, answers depend on earlier requests, or the
            model takes more seconds than it may.
    """
    watch = ModelWatch.of(rundir, spec)
    with watch.blaming():
        return _score(rundir, spec, sandbox, watch)


def _score(rundir: RunDir, spec: RunSpec, sandbox: Sandbox, watch: ModelWatch) -> Measurement:
    started = time.monotonic()
    inputs, targets = read_arrays(Path(spec.documents))
    deadline = started + spec.score_s
    draw = np.random.default_rng(secrets.randbits(128))
    order = draw.permutation(len(inputs))
    start = partial(Host, rundir, spec, sandbox, 1, program=_PROGRAM, watch=watch)
    with start(deadline=deadline) as first, start(deadline=deadline) as second:
        said = _ask_all(first, inputs[order], _ROWS)
        answers = np.empty_like(said)
        answers[order] = said
        first.finish()  # before the second loads the model: the two never live at the same time
        sample = draw.permutation(len(inputs))[:CHECKED]
        # In other batches too, or rows of one batch could teach each other.
        again = _ask_all(second, inputs[sample], max(1, len(sample) // 4))
        second.finish()
    _check_agreement(answers[sample], again)
    mixed = answers.astype(np.result_type(answers, again))
    mixed[sample] = again
    both = (answers,) if np.array_equal(mixed, answers) else (answers, mixed)
    value, *others = _evaluate(rundir, spec, sandbox, targets, both, deadline)
    _check_same(value, others)
    return Measurement(
        value=value,
        documents=len(targets),
        tokens=answers.size,
        score_s=time.monotonic() - started,
        load_cpu_s=watch.load_s,
        score_cpu_s=watch.answer_s,
    )


def _ask_all(model: Host, inputs: Numbers, rows: int) -> Numbers:
    """Return the answers to all inputs, in their order."""
    most = max(1, min(rows, _NUMBERS // max(1, inputs[0].size)))
    parts: list[Numbers] = []
    for first in range(0, len(inputs), most):
        batch = inputs[first : first + most]
        answer = _ask(model, pack_array(batch))
        if answer.shape != (len(batch), *(parts or [answer])[0].shape[1:]):
            raise ScoringError(
                "the model's answers have different shapes for different inputs",
                reason="shapes_differ",
            )
        parts.append(answer)
        if not 0 < sum(part.size for part in parts) <= MOST_NUMBERS:
            raise ScoringError(
                f"the model's answers have no numbers, or more than {MOST_NUMBERS:,} in all",
                reason="answer_size",
            )
    whole = np.concatenate(parts)
    if not np.isfinite(whole).all():
        raise ScoringError("the model's answers are NaN or infinite", reason="not_finite")
    return whole


def _ask(host: Host, request: bytes) -> Numbers:
    try:
        dtype, shape = read_shape(host.ask(request, HEAD.size))
        return np.frombuffer(host.receive(content_size(shape)), dtype).reshape(shape)
    except ValueError as error:  # numpy has no array of no numbers with 2^62 rows, either
        raise ScoringError("the model's answer is too large", reason="answer_size") from error


def _check_agreement(first: Numbers, second: Numbers) -> None:
    """Raise ScoringError if an answer depends on earlier requests."""
    if first.shape != second.shape:
        raise ScoringError(
            "the model's answers have a different shape when it is asked again",
            reason="shape_changed",
        )
    apart = np.abs(first.astype(np.float64) - second.astype(np.float64))
    off = ~(apart <= TOLERANCE * np.maximum(1.0, np.abs(first)))
    if off.any():
        rows = int(off.reshape(len(off), -1).any(axis=1).sum())
        raise ScoringError(
            "the model's answers depend on more than the row itself: asked again in another order, "
            f"a fresh process of it answered {rows} of {len(off)} inputs differently. {DEPENDS_ON}",
            reason="depends_on_order",
        )


def _check_same(value: float, others: Sequence[float]) -> None:
    """Raise ScoringError if the function values the fresh process's answers differently.

    Small answers can agree within the tolerance and yet differ in all that counts, such as their
    order.
    """
    if any(abs(value - other) > TOLERANCE * max(1.0, abs(value)) for other in others):
        raise ScoringError(
            "the model's answers depend on more than the row itself: with those of a fresh process "
            f"of it, the evaluation function gives a different number. {DEPENDS_ON}",
            reason="depends_on_order",
        )


def _evaluate(
    rundir: RunDir,
    spec: RunSpec,
    sandbox: Sandbox,
    targets: Numbers,
    answers: Sequence[Numbers],
    deadline: float,
) -> list[float]:
    """Return the frozen function's number for each, run in a folder with its file alone."""
    alone = RunDir(rundir.path / "evaluation")
    path = Path(spec.function.rpartition(":")[0])
    remove_tree(alone.path)
    (alone.tree / path).parent.mkdir(parents=True)
    shutil.copyfile(rundir.tree / path, alone.tree / path)
    own = dataclasses.replace(spec, entry=spec.function, checkpoint="", inputs=())
    try:
        with Host(alone, own, sandbox, 2, deadline=deadline, program=_PROGRAM) as function:
            head = pack_array(targets)
            found = [_number(_ask(function, head + pack_array(one))) for one in answers]
    except ScoringError as failure:
        words = failure.message.replace("the model", "the evaluation function")
        raise ScoringError(words, reason=failure.reason) from failure
    finally:
        remove_tree(alone.path)
    return found


def _number(found: Numbers) -> float:
    if found.size != 1:
        raise ScoringError(
            f"the evaluation function gave {found.size} numbers instead of one",
            reason="bad_evaluation",
        )
    value = float(found.reshape(-1)[0])
    if not abs(value) <= MOST_VALUE:  # nor is NaN
        raise ScoringError(
            f"the evaluation function gave {value}, not a finite number up to {MOST_VALUE:g}",
            reason="bad_evaluation",
        )
    return value
