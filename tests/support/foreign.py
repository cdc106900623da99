"""Repositories of kinds that are out there, with no contract: small real programs, NumPy at most.

Each has what such repositories have: a README, tests or none, data that git does not carry.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.paths import ROOT
from tests.support.repositories import git

Change = tuple[str, str, str]  # (path, find, replace)


@dataclass(frozen=True)
class Foreign:
    """A repository as it is written, and two changes to try on it."""

    name: str
    files: Mapping[str, str]
    better: Change
    worse: Change
    untracked: Mapping[str, str] = ()  # type: ignore[assignment]
    options: tuple[str, ...] = ()  # of init, beside --yes

    def make(self, folder: Path) -> Path:
        """Write and commit it, then lay beside it what git does not carry."""
        root = folder / self.name
        for path, text in self.files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        git(root, "init", "-q", "-b", "main")
        git(root, "add", ".")
        git(root, "-c", "user.name=U", "-c", "user.email=u@example.org", "commit", "-qm", "mine")
        for path, text in dict(self.untracked).items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        return root


SUITE = Foreign(
    name="wordcount",
    files={
        "README.md": "# wordcount\n\nCounts words. Run the tests with `pytest`.\n",
        "pyproject.toml": '[project]\nname = "wordcount"\nversion = "0"\n'
        '[tool.pytest.ini_options]\ntestpaths = ["tests"]\n',
        "wordcount/__init__.py": "",
        "wordcount/counting.py": '''\
"""Counts words."""


def common(text, most):
    """The most frequent words, ties by the alphabet."""
    words = text.split()
    counts = []
    for word in words:
        if word not in [known for known, _ in counts]:
            counts.append((word, words.count(word)))
    return sorted(counts, key=lambda one: (-one[1], one[0]))[:most]
''',
        "tests/test_counting.py": """\
from collections import Counter

from wordcount.counting import common

TEXT = " ".join(str(n * n % 2301) for n in range(10000))


def test_the_most_frequent_words_come_first():
    assert common("a b a c b a", 2) == [("a", 3), ("b", 2)]


def test_a_long_text():
    assert common(TEXT, 1)[0][1] == max(Counter(TEXT.split()).values())
""",
    },
    better=(
        "wordcount/counting.py",
        """\
    counts = []
    for word in words:
        if word not in [known for known, _ in counts]:
            counts.append((word, words.count(word)))
""",
        "    counts = list(__import__('collections').Counter(words).items())\n",
    ),
    worse=("wordcount/counting.py", "(-one[1], one[0])", "(one[1], one[0])"),
)

KERNEL = Foreign(
    name="smooth",
    files={
        "README.md": "# smooth\n\n```bash\npython bench.py\n```\n",
        "smoothing.py": '''\
"""A moving mean."""

import numpy as np


def smooth(values, width):
    """The mean of each window of that width."""
    found = np.empty(len(values) - width + 1)
    for n in range(len(found)):
        found[n] = values[n : n + width].mean()
    return found
''',
        "bench.py": '''\
"""How long smoothing takes."""

import time

import numpy as np

from smoothing import smooth

values = np.random.default_rng(0).normal(size=3000)
began = time.perf_counter()
for _ in range(3):
    smooth(values, 25)
print(f"smooth: {(time.perf_counter() - began) / 3 * 1e3:.3f} ms")
''',
        "test_smoothing.py": """\
import numpy as np

from smoothing import smooth


def test_it_is_the_mean_of_each_window():
    assert np.allclose(smooth(np.arange(6.0), 3), [1, 2, 3, 4])
""",
    },
    better=(
        "smoothing.py",
        "values[n : n + width].mean()",
        "sum(values[n : n + width].tolist()) / width",
    ),
    worse=("smoothing.py", "values[n : n + width].mean()", "values[n : n + width].sum()"),
)

SCORE = Foreign(
    name="Iris Like",
    files={
        "README.md": "# A classifier\n\nPut the data into `data/`, then `python work.py`.\n",
        ".gitignore": "data/\n",
        "work.py": '''\
"""Classifies points, as one does."""

import os

import numpy as np

NEIGHBOURS = 40


def main():
    points = np.loadtxt(os.path.join("data", "points.csv"), delimiter=",")
    order = np.random.default_rng(0).permutation(len(points))
    train, test = points[order[:200]], points[order[200:]]
    far = ((test[:, None, :2] - train[None, :, :2]) ** 2).sum(-1)
    near = np.argsort(far, axis=1)[:, :NEIGHBOURS]
    guess = np.round(train[near, 2].mean(1))
    print("points", len(points))
    print("accuracy: %.4f" % (guess == test[:, 2]).mean())


if __name__ == "__main__":
    main()
''',
    },
    untracked={
        "data/points.csv": "".join(
            f"{x},{y},{int((x // 4 + y // 4) % 2)}\n"
            for x, y in ((n * 37 % 97 / 9.7, n * 53 % 89 / 8.9) for n in range(400))
        )
    },
    better=("work.py", "NEIGHBOURS = 40", "NEIGHBOURS = 3"),
    worse=("work.py", "NEIGHBOURS = 40", "NEIGHBOURS = 150"),
)

TRAINER = Foreign(
    name="nano-chars",
    files={
        "readme.md": "# chars\n\n`$ python train.py --max_iters=40`\n",
        "input.txt": "the quick brown fox jumps over the lazy dog and runs\n" * 40,
        "model.py": '''\
"""One table of logits."""

import numpy as np


class Model:
    """A bigram."""

    def __init__(self, vocab, rng):
        self.table = rng.normal(size=(vocab, vocab)) * 0.1

    def loss(self, x, y):
        logits = self.table[x]
        logits = logits - logits.max(-1, keepdims=True)
        odds = np.exp(logits)
        odds /= odds.sum(-1, keepdims=True)
        grad = odds.copy()
        grad[np.arange(len(y)), y] -= 1
        return -np.log(odds[np.arange(len(y)), y]).mean(), grad / len(y)
''',
        "train.py": '''\
"""Trains a small language model on input.txt."""

import sys
import time

import numpy as np

from model import Model

learning_rate = 1.0
batch_size = 64
max_iters = 200
eval_interval = 20
for argument in sys.argv[1:]:
    name, _, value = argument.lstrip("-").partition("=")
    globals()[name] = type(globals()[name])(value)

rng = np.random.default_rng()
text = open("input.txt").read()
letters = sorted(set(text))
ids = np.array([letters.index(c) for c in text])
train, val = ids[: int(0.9 * len(ids))], ids[int(0.9 * len(ids)) :]
print(f"vocab has {len(letters)} letters")
model = Model(len(letters), rng)
began = time.time()
for iter_num in range(max_iters + 1):
    at = rng.integers(0, len(train) - 1, batch_size)
    loss, grad = model.loss(train[at], train[at + 1])
    if iter_num % eval_interval == 0:
        seen = model.loss(train[:-1], train[1:])[0]
        held = model.loss(val[:-1], val[1:])[0]
        print(f"step {iter_num}: train loss {seen:.4f}, val loss {held:.4f}")
    np.add.at(model.table, train[at], -learning_rate * grad * batch_size / 8)
    if iter_num % 10 == 0:
        print(f"iter {iter_num}: loss {loss:.4f}, time {(time.time() - began) * 1000:.2f}ms")
''',
    },
    better=("train.py", "learning_rate = 1.0", "learning_rate = 4.0"),
    worse=("train.py", "learning_rate = 1.0", "learning_rate = 0.01"),
)

CLONE = Foreign(
    name="clone",
    files={
        path.name: path.read_text()
        for path in sorted((ROOT / "tests" / "data" / "karpathy").iterdir())
        if path.is_file()
    },
    better=("train.py", "BLEND = 0.3", "BLEND = 0.02"),
    worse=("train.py", "BLEND = 0.3", "BLEND = 0.6"),
)
"""Its data lies in the user's home: tests.support.karpathy_clone.prepare_data makes it."""

KINDS: Mapping[str, Foreign] = {
    "a pytest suite to speed up": SUITE,
    "a NumPy kernel": KERNEL,
    "a score to raise": SCORE,
    "a nanoGPT-like trainer": TRAINER,
    "a clone of karpathy/autoresearch": CLONE,
}
