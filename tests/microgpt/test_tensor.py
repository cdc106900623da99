import gc

import numpy as np
import pytest
import tensor
from tensor import Tensor

MASK = np.array([[True, False, True], [True, True, False]])
IDS = np.array([[0, 2, 2], [1, 0, 2]])

# name: (function, shapes of its inputs); every input is checked, so every broadcast is too
OPERATIONS = {
    "add": (lambda a, b: a + b, [(2, 3), (2, 3)]),
    "add, stretched": (lambda a, b: a + b, [(2, 1, 3), (4, 1)]),
    "add, number": (lambda a: 2.0 + a + 1, [(2, 3)]),
    "add, one to many": (lambda a, b: a + b, [(1,), (2, 3)]),
    "subtract": (lambda a, b: a - b, [(3,), (2, 3)]),
    "subtract from a number": (lambda a: 1.5 - a, [(2, 3)]),
    "multiply": (lambda a, b: a * b, [(2, 3), (3,)]),
    "multiply, stretched": (lambda a, b: a * b, [(2, 1), (1, 3)]),
    "multiply, array first": (lambda a: np.arange(3.0) * a, [(2, 3)]),
    "multiply by itself": (lambda a: a * a + a, [(2, 3)]),
    "divide": (lambda a, b: a / (b * b + 1), [(2, 3), (2, 1)]),
    "divide a number": (lambda a: 2 / (a * a + 1), [(2, 3)]),
    "negate": (lambda a: -a, [(2, 3)]),
    "power": (lambda a: a**3, [(2, 3)]),
    "power, negative": (lambda a: (a * a + 1) ** -0.5, [(2, 3)]),
    "exp": (lambda a: a.exp(), [(2, 3)]),
    "log": (lambda a: (a * a + 1).log(), [(2, 3)]),
    "sqrt": (lambda a: (a * a + 1).sqrt(), [(2, 3)]),
    "tanh": (lambda a: a.tanh(), [(2, 3)]),
    "sigmoid": (lambda a: a.sigmoid(), [(2, 3)]),
    "relu": (lambda a: a.relu(), [(2, 3)]),
    "silu": (lambda a: a.silu(), [(2, 3)]),
    "gelu": (lambda a: a.gelu(), [(2, 3)]),
    "sum": (lambda a: a.sum() * a, [(2, 3)]),
    "sum, axis": (lambda a: a.sum(1) * 2, [(2, 3, 2)]),
    "sum, axes": (lambda a: a.sum((0, -1), keepdims=True) * a, [(2, 3, 2)]),
    "mean": (lambda a: a.mean() * a, [(2, 3)]),
    "mean, axis": (lambda a: a - a.mean(-1, keepdims=True), [(2, 3)]),
    "max": (lambda a: a.max() * a, [(2, 3)]),
    "max, axis": (lambda a: a.max(1), [(2, 3)]),
    "max, kept": (lambda a: a - a.max(0, keepdims=True), [(2, 3)]),
    "reshape": (lambda a: a.reshape(3, -1) * np.arange(6.0).reshape(3, 2), [(2, 3)]),
    "transpose": (lambda a: a.T, [(2, 3)]),
    "transpose, axes": (lambda a: a.transpose(2, 0, -2), [(2, 3, 4)]),
    "index": (lambda a: a[1], [(2, 3)]),
    "index, slices": (lambda a: a[:, None, 1:], [(2, 3)]),
    "index, from the end": (lambda a: a[..., ::-2], [(2, 3)]),
    "index, array twice": (lambda a: a[IDS] * np.arange(18.0).reshape(2, 3, 3), [(4, 3)]),
    "index, booleans": (lambda a: a[MASK], [(2, 3)]),
    "matmul": (lambda a, b: a @ b, [(2, 3), (3, 4)]),
    "matmul, one matrix": (lambda a, b: a @ b, [(2, 5, 3), (3, 4)]),
    "matmul, batches": (lambda a, b: a @ b, [(2, 5, 3), (2, 3, 4)]),
    "matmul, stretched": (lambda a, b: a @ b, [(5, 1, 2, 3), (2, 3, 4)]),
    "matmul, one row": (lambda a, b: a @ b, [(1, 3), (6, 3, 1)]),
    "matmul with itself": (lambda a: a @ a.T, [(2, 3)]),
    "matmul, array first": (lambda a: np.ones((4, 2)) @ a, [(2, 3)]),
    "embedding": (lambda a: tensor.embedding(a, IDS), [(3, 2)]),
    "embedding, many rows": (lambda a: tensor.embedding(a, IDS * 100), [(300, 2)]),
    "concatenate": (lambda a, b: tensor.concatenate([a, b, a]), [(2, 3), (2, 1)]),
    "concatenate, axis": (lambda a, b: tensor.concatenate([a, b], 0), [(2, 3), (1, 3)]),
    "where": (lambda a, b: tensor.where(MASK, a, b), [(2, 3), (2, 3)]),
    "where, stretched": (lambda a, b: tensor.where(MASK, a, b), [(3,), (2, 1)]),
    "where, number": (lambda a: tensor.where(MASK, a, 0.0), [(2, 3)]),
    "softmax": (tensor.softmax, [(2, 3)]),
    "softmax, axis": (lambda a: tensor.softmax(a, 0), [(2, 3)]),
    "softmax, masked": (lambda a: tensor.softmax(tensor.where(MASK, a, -np.inf)), [(2, 3)]),
    "log_softmax": (tensor.log_softmax, [(2, 3)]),
    "log_softmax, axis": (lambda a: tensor.log_softmax(a, 0), [(2, 3)]),
    "cross_entropy": (lambda a: tensor.cross_entropy(a, IDS), [(2, 3, 4)]),
    "cross_entropy, weighted": (lambda a: tensor.cross_entropy(a, IDS, MASK), [(2, 3, 4)]),
    "rmsnorm": (tensor.rmsnorm, [(2, 3, 4)]),
    "layernorm": (tensor.layernorm, [(2, 3, 4)]),
    "attention": (tensor.attention, [(2, 3, 4), (2, 5, 4), (2, 5, 2)]),
    "attention, causal": (
        lambda q, k, v: tensor.attention(q, k, v, tensor.causal_mask(3)),
        [(2, 2, 3, 4)] * 3,
    ),
    "attention, shared": (lambda a: tensor.attention(a, a, a), [(3, 4)]),
}


def check(function, inputs, rng):
    """Compare backward with central differences of a random weighted sum of the outputs."""
    weights = rng.normal(size=function(*inputs).shape)

    def objective():
        return (function(*inputs) * weights).sum()

    objective().backward()
    for x in inputs:
        slopes = np.zeros_like(x.data)
        for place in np.ndindex(x.shape):
            middle, ends = x.data[place], []
            for end in (middle + 1e-6, middle - 1e-6):
                x.data[place] = end
                ends.append(objective().item())
            x.data[place] = middle
            slopes[place] = (ends[0] - ends[1]) / 2e-6
        np.testing.assert_allclose(x.grad, slopes, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_gradient_equals_finite_differences(name):
    function, shapes = OPERATIONS[name]
    rng = np.random.default_rng(sum(map(ord, name)))
    check(function, [Tensor(rng.normal(size=s), requires_grad=True) for s in shapes], rng)


@pytest.mark.parametrize("seed", range(20))
def test_gradients_of_random_graphs_with_shared_nodes_equal_finite_differences(seed):
    rng = np.random.default_rng(seed)
    choices = rng.integers(0, 5, size=8)
    picks = rng.random((8, 2))

    def graph(*inputs):
        nodes = list(inputs)
        for kind, pick in zip(choices, picks, strict=True):
            a, b = (nodes[int(p * len(nodes))] for p in pick)
            made = (a + b, a * b, a.tanh() - b, tensor.rmsnorm(a) + b, (a * a + 1).log() * b)
            nodes.append(made[kind])
        return sum(nodes[1:], nodes[0])

    shapes = [(2, 3), (3,), (2, 1)]
    check(graph, [Tensor(rng.normal(size=s), requires_grad=True) for s in shapes], rng)


def test_equal_largest_numbers_share_the_gradient_of_max():
    x = Tensor([3.0, 1.0, 3.0], requires_grad=True)
    x.max().backward()
    assert x.grad.tolist() == [0.5, 0.0, 0.5]


def test_the_operations_are_the_ones_numpy_knows():
    x = np.linspace(-3, 3, 12).reshape(3, 4)
    soft = np.exp(x) / np.exp(x).sum(-1, keepdims=True)
    targets = np.array([0, 3, 1])
    t = Tensor(x)
    np.testing.assert_allclose(tensor.softmax(t).data, soft)
    np.testing.assert_allclose(tensor.log_softmax(t).data, np.log(soft))
    np.testing.assert_allclose(t.sigmoid().data, 1 / (1 + np.exp(-x)))
    assert tensor.cross_entropy(t, targets).item() == pytest.approx(
        -np.log(soft[range(3), targets]).mean()
    )
    assert tensor.cross_entropy(t, targets, [0, 2, 0]).item() == pytest.approx(-np.log(soft[1, 3]))


def test_huge_scores_do_not_overflow():
    x = Tensor([[1000.0, 0.0, -1000.0]], requires_grad=True)
    assert tensor.cross_entropy(x, [2]).item() == 2000.0
    assert np.isfinite((tensor.softmax(x) + x.sigmoid()).data).all()


def test_numbers_are_float64_unless_float32_is_asked_for():
    assert Tensor([1, 2]).dtype == Tensor(np.float16(1)).dtype == np.float64
    assert Tensor([1, 2], dtype=np.float32).dtype == np.float32


@pytest.mark.parametrize("name", OPERATIONS)
def test_float32_stays_float32_forwards_and_backwards(name):
    function, shapes = OPERATIONS[name]
    rng = np.random.default_rng(0)
    inputs = [Tensor(rng.normal(size=s), requires_grad=True, dtype=np.float32) for s in shapes]
    out = function(*inputs)
    assert out.dtype == np.float32
    out.sum().backward()
    assert {x.grad.dtype for x in inputs} == {np.dtype(np.float32)}


def test_gradients_add_up_over_backwards_until_they_are_cleared():
    x = Tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    (x * 3).sum().backward()
    assert x.grad.tolist() == [5.0, 7.0]


def test_two_leaves_never_share_the_array_of_their_gradients():
    a, b = (Tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    (a + b).sum().backward()
    a.grad *= 10
    assert b.grad.tolist() == [1.0, 1.0]


def test_no_grad_builds_no_graph_and_ends_with_its_block():
    x = Tensor([1.0], requires_grad=True)
    with tensor.no_grad():
        with tensor.no_grad():
            pass
        y = (x * 2).sum()
    assert (y.parents, y.requires_grad) == ((), False)
    with pytest.raises(ValueError, match="under no_grad"):
        y.backward()
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2.0]


@pytest.mark.slow
def test_the_graph_is_freed_by_backward_and_has_no_cycles():
    x = Tensor(np.ones((3, 4)), requires_grad=True)
    gc.collect()
    gc.disable()
    try:
        for function, shapes in OPERATIONS.values():
            function(*(Tensor(np.ones(s), requires_grad=True) for s in shapes))
        hidden = tensor.rmsnorm(x)
        loss = (hidden * hidden).sum()
        loss.backward()
        assert (loss.parents, hidden.parents, hidden.grad) == ((), (), None)
        del loss, hidden, function, shapes
        assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.mark.slow
def test_a_very_deep_graph_does_not_exhaust_the_stack():
    x = y = Tensor([1.0], requires_grad=True)
    for _ in range(20_000):
        y = y + x
    y.backward()
    assert x.grad.tolist() == [20_001.0]


def test_backward_through_a_freed_graph_says_so():
    x = Tensor([1.0], requires_grad=True)
    y = x * 2
    loss = y.sum()
    loss.backward()
    for again in (loss, (y * 3).sum()):
        with pytest.raises(ValueError, match="already run through this graph"):
            again.backward()


def ones(*shape):
    return Tensor(np.ones(shape), requires_grad=True)


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (lambda: ones(2, 3).backward(), r"one number, not from shape \(2, 3\)"),
        (lambda: Tensor(1.0).backward(), "nothing here requires a gradient"),
        (lambda: ones(2, 3) + ones(4), r"add: shapes \(2, 3\) and \(4,\) do not broadcast"),
        (lambda: ones(2, 3) @ ones(2, 3), r"matmul: \(2, 3\) @ \(2, 3\)"),
        (lambda: ones(2, 2, 3) @ ones(5, 3, 2), r"matmul: shapes \(2, 2, 3\) and \(5, 3, 2\)"),
        (lambda: ones(2, 3).reshape(4, -1), r"cannot reshape \(2, 3\) to \(4, -1\)"),
        (lambda: tensor.concatenate([ones(2, 3), ones(3, 3)]), "concatenate: shapes"),
        (lambda: tensor.cross_entropy(ones(2, 3), [1]), "cross_entropy: logits"),
        (lambda: tensor.cross_entropy(ones(1, 3), [1], [0]), "a sum above 0"),
        (lambda: tensor.attention(ones(2, 3), ones(2, 4), ones(2, 4)), "attention: query"),
    ],
)
def test_a_mistake_is_named_with_its_shapes(mistake, words):
    with pytest.raises(ValueError, match=words):
        mistake()


def test_a_token_outside_the_table_is_refused():
    with pytest.raises(IndexError, match="ids 0 to 3, but 3 rows"):
        tensor.embedding(ones(3, 2), [0, 3])


def test_a_target_below_0_is_refused_not_counted_from_the_end():
    with pytest.raises(IndexError, match="weigh it 0"):
        tensor.cross_entropy(ones(2, 3), [0, -1])
