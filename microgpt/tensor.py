"""A tensor autograd on NumPy: gpt.py's Value, grown from one number to arrays of them.

    w = Tensor(rng.normal(size=(27, 16)), requires_grad=True)
    loss = cross_entropy(embedding(w, ids) @ w.T, targets)
    loss.backward()  # w.grad now holds d(loss) / d(w), and the graph is gone
    with no_grad():  # inside, no graph is built

Any shapes that NumPy broadcasts are broadcast, and their gradients summed back. Numbers are
float64 unless an array or a dtype of float32 is given. Constants may be plain numbers or arrays.
There are no modules and no optimisers here, and no second derivatives: backward builds no graph.
"""

import numpy as np

_recording = True


class no_grad:
    """A context in which results forget what they were made from: for inference, and updates."""

    def __enter__(self):
        global _recording
        self.before, _recording = _recording, False

    def __exit__(self, *_):
        global _recording
        _recording = self.before


class Tensor:
    """An array, its parents in the graph, and `pull`: from its gradient, theirs."""

    # A pull holds arrays, never the tensor it belongs to, so a graph has no reference cycles.
    __slots__ = ("data", "grad", "parents", "pull", "requires_grad")
    __array_ufunc__ = None  # so that array + tensor asks the tensor, not the array

    def __init__(self, data, requires_grad=False, dtype=None):
        data = np.asarray(data)
        if dtype is None:
            dtype = np.float32 if data.dtype == np.float32 else np.float64
        self.data = data.astype(dtype, copy=False)
        self.grad = None  # an array of data's shape, on leaves that require it, after backward
        self.parents, self.pull = (), None
        self.requires_grad = requires_grad

    shape = property(lambda self: self.data.shape)
    ndim = property(lambda self: self.data.ndim)
    size = property(lambda self: self.data.size)
    dtype = property(lambda self: self.data.dtype)
    T = property(lambda self: self.transpose())

    def item(self):
        return self.data.item()

    def __repr__(self):
        return f"Tensor({self.data!r}, requires_grad={self.requires_grad})"

    def backward(self):
        """Add d(self) / d(leaf) to the grad of every leaf that requires it, then drop the graph."""
        if self.data.size != 1:
            raise ValueError(f"backward starts from one number, not from shape {self.shape}")
        if self.pull is None:
            raise ValueError("backward: nothing here requires a gradient, or it ran under no_grad")
        order, seen, stack = [], set(), [self]
        while stack:
            node = stack.pop()
            if node is None:  # all parents of the node under this mark are in order
                order.append(stack.pop())
            elif node.pull is not None and node not in seen:
                seen.add(node)
                stack += (node, None, *node.parents)
        self.grad = np.ones_like(self.data)
        for node in reversed(order):
            for parent, grad in zip(node.parents, node.pull(node.grad), strict=True):
                if parent.requires_grad:
                    _accumulate(parent, grad)
            node.grad, node.parents, node.pull = None, (), _freed

    # ---- arithmetic -----------------------------------------------------------------------------
    def __add__(self, other):
        other = _tensor(other, self.dtype)
        return _node(_apply(np.add, self, other), (self, other), lambda g: (g, g))

    def __sub__(self, other):
        other = _tensor(other, self.dtype)
        return _node(_apply(np.subtract, self, other), (self, other), lambda g: (g, -g))

    def __mul__(self, other):
        other = _tensor(other, self.dtype)
        a, b = self.data, other.data
        return _node(_apply(np.multiply, self, other), (self, other), lambda g: (g * b, g * a))

    def __truediv__(self, other):
        other = _tensor(other, self.dtype)
        b, out = other.data, _apply(np.divide, self, other)
        return _node(out, (self, other), lambda g: (g / b, -g * out / b))

    def __pow__(self, power):
        if isinstance(power, Tensor):
            raise TypeError("the power must be a number; for a tensor write (b * a.log()).exp()")
        x = self.data
        return _node(x**power, (self,), lambda g: (g * (power * x ** (power - 1)),))

    def __matmul__(self, other):
        return matmul(self, _tensor(other, self.dtype))

    def __rmatmul__(self, other):
        return matmul(_tensor(other, self.dtype), self)

    def __rsub__(self, other):
        return _tensor(other, self.dtype) - self

    def __rtruediv__(self, other):
        return _tensor(other, self.dtype) / self

    def __neg__(self):
        return self * -1.0

    __radd__ = __add__
    __rmul__ = __mul__

    # ---- number by number -----------------------------------------------------------------------
    def exp(self):
        out = np.exp(self.data)
        return _node(out, (self,), lambda g: (g * out,))

    def log(self):
        x = self.data
        return _node(np.log(x), (self,), lambda g: (g / x,))

    def sqrt(self):
        return self**0.5

    def tanh(self):
        out = np.tanh(self.data)
        return _node(out, (self,), lambda g: (g * (1 - out * out),))

    def sigmoid(self):
        out = _sigmoid(self.data)
        return _node(out, (self,), lambda g: (g * out * (1 - out),))

    def relu(self):
        out = np.maximum(self.data, 0)
        return _node(out, (self,), lambda g: (g * (out > 0),))

    def silu(self):
        x, s = self.data, _sigmoid(self.data)
        return _node(x * s, (self,), lambda g: (g * s * (1 + x * (1 - s)),))

    def gelu(self):
        """The usual tanh form of x times the chance that a normal number is below x."""
        x, c = self.data, (2 / np.pi) ** 0.5
        t = np.tanh(c * (x + 0.044715 * x * x * x))

        def pull(g):
            return (g * 0.5 * (1 + t + x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x)),)

        return _node(0.5 * x * (1 + t), (self,), pull)

    # ---- over axes ------------------------------------------------------------------------------
    def sum(self, axis=None, keepdims=False):
        shape, out = self.shape, self.data.sum(axis=axis, keepdims=keepdims)
        return _node(out, (self,), lambda g: (np.broadcast_to(_expand(g, axis, keepdims), shape),))

    def mean(self, axis=None, keepdims=False):
        total = self.sum(axis, keepdims)
        return total * (total.size / self.size)

    def max(self, axis=None, keepdims=False):
        """The largest; where several are, they share its gradient equally."""
        out = self.data.max(axis=axis, keepdims=True)
        winners = self.data == out
        share = (winners / winners.sum(axis=axis, keepdims=True)).astype(out.dtype)
        out = out if keepdims else out.squeeze(axis)
        return _node(out, (self,), lambda g: (share * _expand(g, axis, keepdims),))

    # ---- shape ----------------------------------------------------------------------------------
    def reshape(self, *shape):
        before = self.shape
        try:
            out = self.data.reshape(*shape)
        except ValueError:
            raise ValueError(f"cannot reshape {before} to {shape}") from None
        return _node(out, (self,), lambda g: (g.reshape(before),))

    def transpose(self, *axes):
        """Put the axes in this order; without any, the last two change places."""
        if not axes:
            axes = (*range(self.ndim - 2), self.ndim - 1, self.ndim - 2)
        back = sorted(range(len(axes)), key=lambda i: axes[i] % len(axes))
        return _node(self.data.transpose(axes), (self,), lambda g: (g.transpose(back),))

    def __getitem__(self, index):
        x = self.data
        parts = index if isinstance(index, tuple) else (index,)
        once = all(part is None or isinstance(part, (int, slice, type(...))) for part in parts)

        def pull(g):
            grad = np.zeros_like(x)
            if once:
                grad[index] = g
            else:
                np.add.at(grad, index, g)  # an array of indices may name an element twice
            return (grad,)

        return _node(x[index], (self,), pull)


# ---- the engine's parts -------------------------------------------------------------------------
def _node(data, parents, pull):
    """Return a result: part of the graph if a parent requires a gradient, else just its data."""
    node = Tensor.__new__(Tensor)
    node.data, node.grad, node.parents, node.pull, node.requires_grad = data, None, (), None, False
    if _recording:
        for parent in parents:
            if parent.requires_grad:
                node.parents, node.pull, node.requires_grad = parents, pull, True
                break
    return node


def _tensor(value, dtype):
    return value if isinstance(value, Tensor) else Tensor(value, dtype=dtype)


def _apply(function, a, b):
    try:
        return function(a.data, b.data)
    except ValueError:
        shapes = f"shapes {a.shape} and {b.shape}"
        raise ValueError(f"{function.__name__}: {shapes} do not broadcast") from None


def _accumulate(tensor, grad):
    shape = tensor.data.shape
    if grad.shape != shape:  # the tensor was broadcast: each of its numbers was used many times
        grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))
        stretched = tuple(i for i, n in enumerate(shape) if n == 1 and grad.shape[i] != 1)
        grad = grad.sum(axis=stretched, keepdims=True) if stretched else grad
    if tensor.grad is not None:
        tensor.grad = tensor.grad + grad
    elif tensor.pull is None:  # a leaf keeps its gradient, so it must not share the array
        tensor.grad = np.array(grad, dtype=tensor.data.dtype)
    else:
        tensor.grad = grad


def _freed(_):
    raise ValueError("backward has already run through this graph and freed it; build it again")


def _expand(grad, axis, keepdims):
    return grad if keepdims or axis is None else np.expand_dims(grad, axis)


def _sigmoid(x):
    return 0.5 * (1 + np.tanh(0.5 * x))  # unlike 1 / (1 + exp(-x)), it can't overflow


# ---- functions of tensors -----------------------------------------------------------------------
def matmul(a, b):
    """(..., n, k) @ (..., k, m) -> (..., n, m)."""
    if min(a.ndim, b.ndim) < 2 or a.shape[-1] != b.shape[-2]:
        raise ValueError(f"matmul: {a.shape} @ {b.shape}; want (..., n, k) @ (..., k, m)")
    x, y = a.data, b.data
    if y.ndim == 2:  # one matrix for every row: one large product is faster than many small ones
        rows = x.reshape(-1, x.shape[-1])

        def pull_rows(g):
            g_rows = g.reshape(-1, g.shape[-1])
            return (g_rows @ y.T).reshape(x.shape), rows.T @ g_rows

        return _node((rows @ y).reshape(*x.shape[:-1], y.shape[-1]), (a, b), pull_rows)
    out = _apply(np.matmul, a, b)
    return _node(out, (a, b), lambda g: (g @ y.swapaxes(-1, -2), x.swapaxes(-1, -2) @ g))


def embedding(table, ids):
    """Rows of a table (V, width) by integer ids of any shape -> (*ids.shape, width)."""
    ids, (rows, width) = np.asarray(ids), table.shape
    if ids.size and not (ids.min() >= 0 and ids.max() < rows):
        raise IndexError(f"embedding: ids {ids.min()} to {ids.max()}, but {rows} rows")

    def pull(g):
        flat = ids.reshape(-1)
        if rows <= 256:  # few rows: a product with one-hot rows sums the gradients fastest
            chosen = (flat == np.arange(rows)[:, None]).astype(g.dtype)  # (V, N)
            return (chosen @ g.reshape(-1, width),)
        grad = np.zeros((rows, width), g.dtype)
        np.add.at(grad, flat, g.reshape(-1, width))
        return (grad,)

    return _node(table.data[ids], (table,), pull)


def concatenate(tensors, axis=-1):
    """Join tensors that have the same shape but for one axis."""
    try:
        out = np.concatenate([t.data for t in tensors], axis)
    except ValueError:
        raise ValueError(f"concatenate: shapes {[t.shape for t in tensors]}, axis {axis}") from None
    ends = np.cumsum([t.shape[axis] for t in tensors])[:-1]
    return _node(out, tuple(tensors), lambda g: np.split(g, ends, axis))


def where(condition, a, b):
    """Take from a where the condition (an array of booleans) holds, else from b."""
    dtype = next((t.dtype for t in (a, b) if isinstance(t, Tensor)), None)
    a, b = _tensor(a, dtype), _tensor(b, dtype)
    out = np.where(condition, a.data, b.data)
    return _node(out, (a, b), lambda g: (np.where(condition, g, 0), np.where(condition, 0, g)))


def softmax(x, axis=-1):
    """Scores to probabilities along an axis; a score of -inf gets 0."""
    out = _softmax(x.data, axis)
    return _node(out, (x,), lambda g: (out * (g - (g * out).sum(axis, keepdims=True)),))


def _softmax(x, axis=-1):
    exps = np.exp(x - x.max(axis, keepdims=True))
    return exps / exps.sum(axis, keepdims=True)


def log_softmax(x, axis=-1):
    """The logarithm of softmax, exact where softmax itself would round to 0."""
    out = _log_softmax(x.data, axis)
    return _node(out, (x,), lambda g: (g - np.exp(out) * g.sum(axis, keepdims=True),))


def _log_softmax(x, axis=-1):
    shifted = x - x.max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


def cross_entropy(logits, targets, weights=None):
    """Mean of -log(probability of the target), in nats, weighted: 0 leaves a padded place out.

    logits (..., V); targets (...) integers; weights (...) or None for all the same.
    """
    targets, shape = np.asarray(targets), logits.shape
    if targets.shape != shape[:-1]:
        raise ValueError(f"cross_entropy: logits {shape}, but targets {targets.shape}")
    if targets.size and targets.min() < 0:
        raise IndexError("cross_entropy: a target below 0; to leave a place out, weigh it 0")
    logs = _log_softmax(logits.data).reshape(-1, shape[-1])  # (N, V)
    share = np.ones(targets.size) if weights is None else np.broadcast_to(weights, targets.shape)
    if not share.sum() > 0:
        raise ValueError("cross_entropy: the weights must have a sum above 0")
    share = (share / share.sum()).reshape(-1).astype(logs.dtype)  # (N), sums to 1
    places = np.arange(targets.size), targets.reshape(-1)

    def pull(g):
        grad = np.exp(logs)
        grad[places] -= 1
        grad *= (g * share)[:, None]
        return (grad.reshape(shape),)

    return _node(-(logs[places] @ share), (logits,), pull)


def rmsnorm(x, eps=1e-5):
    """Scale the last axis to a mean square of 1. There is no gain: multiply by one if wanted."""
    scale = (np.square(x.data).mean(-1, keepdims=True) + eps) ** -0.5
    out = x.data * scale
    return _node(out, (x,), lambda g: (scale * (g - out * (g * out).mean(-1, keepdims=True)),))


def layernorm(x, eps=1e-5):
    """Shift and scale the last axis to mean 0 and variance 1. There is no gain and no bias."""
    return rmsnorm(x - x.mean(-1, keepdims=True), eps)


def attention(query, key, value, mask=None):
    """softmax(query @ key.T / sqrt(width)) @ value, in one node.

    query (..., T, width), key and value (..., S, width); mask broadcasts to (..., T, S), and is
    True where a query may look. Every query needs at least one place to look at.
    """
    q, k, v = query.data, key.data, value.data
    if not (q.shape[:-2] == k.shape[:-2] == v.shape[:-2] and q.shape[-1] == k.shape[-1]):
        raise ValueError(f"attention: query {q.shape}, key {k.shape}, value {v.shape}")
    scale = q.shape[-1] ** -0.5
    scores = (q * scale) @ k.swapaxes(-1, -2)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    shares = _softmax(scores)  # (..., T, S)

    def pull(g):
        d_shares = g @ v.swapaxes(-1, -2)
        d_scores = shares * (d_shares - (d_shares * shares).sum(-1, keepdims=True)) * scale
        d_value = shares.swapaxes(-1, -2) @ g
        return d_scores @ k, d_scores.swapaxes(-1, -2) @ q, d_value

    return _node(shares @ v, (query, key, value), pull)


def causal_mask(length):
    """(T, T) of booleans: position t may look at itself and at what came before it."""
    return np.tri(length, dtype=bool)
