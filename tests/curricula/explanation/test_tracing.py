"""What is told of a line is what the line really held."""

import math
import random
from collections import defaultdict

import pytest

from curricula import subject
from curricula.errors import SubmissionError
from curricula.explanation import tracing
from curricula.explanation.statements import statements
from curricula.explanation.tracing import LineValues, Shown, attention_shares, trace, trained
from tests.support.paths import ROOT

SOURCE = (ROOT / "microgpt" / "gpt.py").read_text()


def lines_of(symbol: str) -> range:
    first, last = subject.symbols(SOURCE)[symbol]
    return range(first, last + 1)


def value(lines: tuple[LineValues, ...], name: str) -> Shown:
    [shown, *_] = [one for line in lines for one in (*line.after, *line.before) if one.name == name]
    return shown


def numbers(text: str) -> list[float]:
    return [float(part) for part in text.removesuffix(", ...").split(", ")]


def real_weights():
    gpt = subject.load()
    return {
        (name.partition(".")[0], int(name.partition(".")[2])) if "." in name else name: [
            [gpt.Value(number) for number in row] for row in matrix
        ]
        for name, matrix in trained().weights.items()
    }


def test_a_statement_tells_what_it_reads_and_binds() -> None:
    text = "def f(a, b):\n    for i, x in enumerate(a):\n        b[i] += x.data * g(y for y in a)\n"
    _, loop, step = statements(text)
    assert (loop.first, loop.last, loop.binds) == (2, 2, ("i", "x"))
    assert (step.function, step.binds) == ("f", ("b[i]",))
    assert set(step.reads) == {"x.data", "g", "a", "b[i]"}


def test_every_code_line_of_the_subject_is_of_a_statement() -> None:
    covered = {n for one in statements(SOURCE) for n in range(one.first, one.last + 1)}
    assert subject.code_lines(SOURCE) <= covered


def test_the_trained_weights_have_the_subjects_shapes() -> None:
    gpt = subject.load()
    fresh = gpt.initial_weights(len(trained().letters) + 1, random.Random(1))
    assert real_weights().keys() == fresh.keys()
    for name, matrix in real_weights().items():
        assert [len(row) for row in matrix] == [len(row) for row in fresh[name]]
    assert tracing.TRAINED.stat().st_size < 60_000


@pytest.mark.slow
def test_the_loss_and_its_gradients_are_the_ones_that_the_subject_computes() -> None:
    seen = trace([*lines_of("gpt"), *lines_of("document_loss")], "emma")
    gpt, weights = subject.load(), real_weights()
    tokens = [26, 4, 12, 12, 0, 26]
    loss = gpt.document_loss(weights, tokens)
    loss.backward()
    returned = next(one for one in reversed(seen) if one.after[-1].name == "returns")
    assert numbers(returned.after[-1].data) == [pytest.approx(loss.data, rel=1e-3)]
    head = value(seen, "weights['head']")
    assert head.shape == "27 x 16"
    assert numbers(head.data) == [w.data for w in weights["head"][0][:4]]
    assert numbers(head.grad) == pytest.approx([w.grad for w in weights["head"][0][:4]], rel=1e-3)


@pytest.mark.parametrize("example", ["Emma", "zoë", "a b", "", "a" * 41])
def test_an_example_that_the_model_cannot_read_is_refused_with_what_it_can(example: str) -> None:
    with pytest.raises(SubmissionError) as refused:
        tracing.check_example(example)
    assert refused.value.remedy


def test_a_capital_letter_is_answered_with_the_small_one() -> None:
    with pytest.raises(SubmissionError, match=r"abcdefghijklmnopqrstuvwxyz.*'emma'") as refused:
        tracing.check_example("Emma")
    assert refused.value.code == "submission.unknown_character"


def test_a_position_beyond_the_example_is_refused() -> None:
    with pytest.raises(SubmissionError, match=r"5.*0 \(BOS\).*4") as refused:
        trace([110], "emma", position=5)
    assert refused.value.code == "submission.position"


@pytest.mark.slow
def test_every_line_that_computes_is_seen_on_an_ordinary_name() -> None:
    seen = {one.line for one in trace(range(1, 201), "emma")}
    skipped = set(lines_of("main")) | {
        n for n, text in enumerate(SOURCE.splitlines(), 1) if n > 194
    }
    expected = {
        one.first
        for one in statements(SOURCE)
        if one.kind not in ("functiondef", "classdef", "import", "importfrom", "break", "raise")
        and one.first not in skipped
        and "__radd__" not in one.binds
    }
    assert expected <= seen


@pytest.mark.long
def test_attention_is_seen_at_the_position_that_was_chosen() -> None:
    for position in range(5):
        shares = value(trace(lines_of("attention"), "emma", position), "shares")
        assert shares.shape == str(position + 1)


@pytest.mark.slow
def test_what_each_head_looked_at_sums_to_one_and_never_reaches_ahead() -> None:
    heads = attention_shares("emma")
    assert len(heads) == subject.load().HEADS
    for rows in heads:
        assert [len(row) for row in rows] == [1, 2, 3, 4, 5]
        assert [math.fsum(row) for row in rows] == pytest.approx([1.0] * 5)


@pytest.mark.slow
def test_the_lines_of_adam_show_a_step_that_follows_from_the_gradient() -> None:
    seen = trace(lines_of("train"), "emma")
    assert value(seen, "loss").data
    gradient = numbers(value(seen, "p.grad").data)[0]
    [moved] = [line for line in seen if any(one.name == "p.data" for one in line.after)]
    before = next(one for one in moved.before if one.name == "p.data")
    step = numbers(before.data)[0] - numbers(moved.after[0].data)[0]
    assert step == pytest.approx(math.copysign(0.01, gradient), abs=1e-4)  # Adam's first step


@pytest.mark.long
def test_a_text_longer_than_the_context_is_read_up_to_it() -> None:
    seen = trace(lines_of("document_loss"), "abcdefghijklmnopqrstuvwxyz")
    assert max(one.position or 0 for one in seen) == 15


@pytest.mark.slow
def test_counts_are_the_subjects_own() -> None:
    gpt = subject.load()
    calls = defaultdict(int)
    original = gpt.Value.exp

    def counted(self):
        calls["exp"] += 1
        return original(self)

    gpt.Value.exp = counted
    try:
        gpt.document_loss(real_weights(), [26, 0, 26])
    finally:
        gpt.Value.exp = original
    [line] = trace(lines_of("Value.exp"), "a")
    assert line.runs == calls["exp"]
