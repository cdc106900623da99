"""No patch wins by other random draws: seeds are the lab's, whatever a patch calls them."""

import pytest

from autoresearch.errors import PatchRefusedError
from autoresearch.patches.seeds import check_seeds
from tests.support.paths import ROOT
from tests.support.refusals import raises

TRAIN = (ROOT / "autoresearch/targets/microgpt/train.py").read_bytes()


def with_code(code: str) -> dict[str, bytes]:
    return {"train.py": TRAIN.replace(b"CURVE_LINES = 80", f"{code}\nCURVE_LINES = 80".encode())}


LUCKY = [
    "rng = np.random.default_rng(1234)",
    "rng = np.random.default_rng(seed=1234)",
    "np.random.seed(7)",
    "LUCK = 7\nrng = np.random.default_rng(LUCK)",
    "LUCK = 7\nMORE = LUCK + 1\nrng = np.random.default_rng([MORE, 2])",
    "import random\nrandom.seed('lucky')",
    "import random\nrng = random.Random(2 ** 7 - 3)",
    "rng = np.random.RandomState(1)",
    "rng = np.random.Generator(np.random.PCG64(3))",
    "def f(random_state):\n    pass\nf(random_state=3)",
    "x = 1\nx += 1\nrng = np.random.default_rng(x)",
    "for k in range(3):\n    rng = np.random.default_rng(k)\n",
    "for k in [20240607]:\n    rng = np.random.default_rng(k)\n",
    "rngs = [np.random.default_rng(k) for k in (3, 7)]",
    "A, B = 3, 7\nrng = np.random.default_rng(B)",
    "LUCKS = [3, 7]\nrng = np.random.default_rng(LUCKS[1])",
    "def made(k=7):\n    return np.random.default_rng(k)",
    "def made(k):\n    return np.random.default_rng(k)\nrng = made(7)",
    "def made(k):\n    return np.random.default_rng(k)\nrng = made(k=7)",
    "class D:\n    def __init__(self, k):\n        self.r = np.random.default_rng(k)\nD(7)",
    "class C:\n    luck = 7\nrng = np.random.default_rng(C.luck)",
    "def luck():\n    return 7\nrng = np.random.default_rng(luck())",
    "luck = lambda: 7\nrng = np.random.default_rng(luck())",
    "rng = np.random.default_rng(int('7'))",
    "rng = np.random.default_rng(hash('lucky') % 2**32)",
    "import zlib\nrng = np.random.default_rng(zlib.crc32(b'lucky'))",
    "import hashlib\nrng = np.random.default_rng(int(hashlib.md5(b'x').hexdigest(), 16))",
    "rng = np.random.default_rng(sum(map(ord, 'lucky')))",
    "rng = np.random.default_rng(7 if True else 8)",
    "def set_seed(k):\n    pass\nset_seed(7)",
    "seed_everything(7)",
    "key = jax.random.key(7)",
    "rng.bit_generator.advance(1000)",
    "rng = np.random.default_rng(int(os.environ['AUTORESEARCH_SEED']) % 1 + 7)",
    "rng = np.random.default_rng(int(os.environ['AUTORESEARCH_SEED']) and 7)",
    "rng = np.random.default_rng(min(int(os.environ['AUTORESEARCH_SEED']), 7))",
    "K = int(os.environ['AUTORESEARCH_SEED']) * 0\nrng = np.random.default_rng(K + 7)",
    "seed = 7",
    "class Config:\n    seed: int = 7",
    "config = {'seed': 7}",
    "config = {}\nconfig['random_seed'] = 7",
    "def train(steps, seed=7):\n    pass",
    "train(data_seed=7)",
    "parser.add_argument('--seed', type=int, default=7)",
    "os.environ['PYTHONHASHSEED'] = '7'",
]


@pytest.mark.parametrize("code", LUCKY)
def test_a_constant_seed_is_refused(code: str) -> None:
    with raises("patch_refused.constant_seed") as refused:
        check_seeds({"train.py": TRAIN}, with_code(code))
    assert 'os.environ["AUTORESEARCH_SEED"]' in refused.value.remedy


HONEST = [
    "SEED = int(os.environ['AUTORESEARCH_SEED'])\nrng = np.random.default_rng([SEED, 1])",
    "def second(seed):\n    return np.random.default_rng(seed + 1)",
    "SEED = int(os.environ['AUTORESEARCH_SEED'])\n"
    "for k in range(3):\n    rng = np.random.default_rng([SEED, k])\n",
    "def made(seed, k=1):\n    return np.random.default_rng([seed, k])\n"
    "rng = made(int(os.environ['AUTORESEARCH_SEED']))",
    "rng = np.random.default_rng(None)",
    "rng = np.random.default_rng()",
    "def train(seed=None):\n    pass",
    "noise = np.random.default_rng(int(os.environ['AUTORESEARCH_SEED'])).normal(0, 1, (3, 4))",
    "rng = np.random.default_rng(int(os.environ.get('AUTORESEARCH_SEED', 7)))",
    "n_seeds = 5",
    "use_seed = True",
    "progress.advance(1)",
    "torch.nn.init.normal(weights, 0, 0.02)",
    "weights = rng.normal(0, 1, (3, 4))",
    "rng.shuffle(batches)",
    "began = time.time()",
]


@pytest.mark.parametrize("code", HONEST)
def test_a_seed_that_comes_from_the_run_is_allowed(code: str) -> None:
    check_seeds({"train.py": TRAIN}, with_code(code))


def test_a_patch_may_not_stop_reading_the_labs_seed() -> None:
    blind = TRAIN.replace(b'int(os.environ["AUTORESEARCH_SEED"])', b"os.getpid()")
    assert blind != TRAIN
    with raises("patch_refused.seed_not_read", "AUTORESEARCH_SEED"):
        check_seeds({"train.py": TRAIN}, {"train.py": blind + b"# AUTORESEARCH_SEED\n"})


def test_a_constant_seed_that_the_base_has_may_stay() -> None:
    base = with_code("rng = np.random.default_rng(1234)")
    check_seeds(base, {"train.py": base["train.py"] + b"x = 1\n"})
    with raises("patch_refused.constant_seed"):
        check_seeds(base, {"train.py": base["train.py"] + b"np.random.default_rng(1234)\n"})


# Code that never reads the lab's seed, and a change of it that only draws other numbers.
TURNED = {
    "a constant elsewhere": ("SEED = 42\nrandom.seed(SEED)\n", "SEED = 43\nrandom.seed(SEED)\n"),
    "under another name": ("K = 42\nrandom.seed(K)\n", "LUCK = 43\nrandom.seed(LUCK)\n"),
    "a step": ("SEED = 42\nrandom.seed(SEED)\n", "SEED = 42\nSEED += 1\nrandom.seed(SEED)\n"),
    "a step of no seed's name": ("K = 42\nrandom.seed(K)\n", "K = 42\nK += 1\nrandom.seed(K)\n"),
    "a default": (
        "def main(seed=42):\n    random.seed(seed)\nmain()\n",
        "def main(seed=43):\n    random.seed(seed)\nmain()\n",
    ),
    "an argument": (
        "def start(k):\n    random.seed(k)\nstart(42)\n",
        "def start(k):\n    random.seed(k)\nstart(43)\n",
    ),
    "an option": (
        "p.add_argument('--seed', default=42)\na = p.parse_args()\nrandom.seed(a.seed)\n",
        "p.add_argument('--seed', default=43)\na = p.parse_args()\nrandom.seed(a.seed)\n",
    ),
    "beside an offset": (
        "offset = rank() or 0\ntorch.manual_seed(1337 + offset)\n",
        "offset = rank() or 0\ntorch.manual_seed(1338 + offset)\n",
    ),
    "a dataclass": (
        "class C:\n    k: int = 42\nc = C()\nrandom.seed(c.k)\n",
        "class C:\n    k: int = 43\nc = C()\nrandom.seed(c.k)\n",
    ),
    "a global": (
        "K = 42\ndef more():\n    global K\n    K += 0\nmore()\nrandom.seed(K)\n",
        "K = 42\ndef more():\n    global K\n    K += 1\nmore()\nrandom.seed(K)\n",
    ),
    "a key": (
        "cfg = {'k': 42}\nrandom.seed(cfg['k'])\n",
        "cfg = {'k': 43}\nrandom.seed(cfg['k'])\n",
    ),
}


@pytest.mark.parametrize("both", TURNED.values(), ids=TURNED)
def test_a_fixed_seed_may_not_be_turned(both: tuple[str, str]) -> None:
    before, after = both
    with pytest.raises(PatchRefusedError) as refused:
        check_seeds({"a.py": before.encode()}, {"a.py": after.encode()})
    assert refused.value.reason in ("constant_seed", "turned_seed")


def test_a_seed_may_not_be_turned_in_another_editable_file() -> None:
    train = b"from config import LUCK\nimport random\nrandom.seed(LUCK)\n"
    before = {"config.py": b"LUCK = 42\n", "train.py": train}
    with raises("patch_refused.constant_seed"):
        check_seeds(before, before | {"config.py": b"LUCK = 43\n"})


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("config.yaml", "train:\n  seed: 42\n", "train:\n  seed: 43\n"),
        ("config.json", '{"random_state": 42}', '{"random_state": 43}'),
        ("run.toml", "data_seed = 42\n", "data_seed = 43\n"),
        ("run.sh", "python train.py --seed 42\n", "python train.py --seed 43\n"),
        (".env", "SEED=42\n", "SEED=43\n"),
        ("work.c", "srand(42);\n", "srand(43);\n"),
        ("work.cpp", "std::mt19937 draw(42);\n", "std::mt19937 draw(43);\n"),
        ("work.rs", "StdRng::seed_from_u64(42)", "StdRng::seed_from_u64(43)"),
        ("work.js", "seedrandom('42')", "seedrandom('43')"),
        ("work.ipynb", '"torch.manual_seed(42)\\n"', '"torch.manual_seed(43)\\n"'),
    ],
)
def test_a_seed_may_not_be_turned_in_a_file_of_another_kind(
    path: str, before: str, after: str
) -> None:
    check_seeds({path: before.encode()}, {path: f"{before}\n".encode()})
    with raises("patch_refused.constant_seed", path):
        check_seeds({path: before.encode()}, {path: after.encode()})


RENAMED = [
    ("SEED = 42\nrandom.seed(SEED)\n", "START = 42\nrandom.seed(START)\n"),
    ("random.seed(42)\nx = 1\n", "x = 2\nrandom.seed(42)\n"),
    ("SEED = 42\nrandom.seed(SEED)\n", "random.seed(int(os.environ['AUTORESEARCH_SEED']))\n"),
    ("SEED = 42\nrandom.seed(SEED)\nRATE = 1\n", "SEED = 42\nrandom.seed(SEED)\nRATE = 2\n"),
]


LOOP = "for epoch in range(EPOCHS):\n    rng = np.random.default_rng(epoch)\n"
RENAMED.append((f"EPOCHS = 10\n{LOOP}", f"EPOCHS = 20\n{LOOP}"))
STEPS = "step = 0\nwhile step < 10:\n    rng = np.random.default_rng(step)\n    step += 1\n"
RENAMED.append((STEPS, STEPS.replace("10", "20")))


@pytest.mark.parametrize(("before", "after"), RENAMED)
def test_a_fixed_seed_may_be_renamed_moved_or_given_up(before: str, after: str) -> None:
    check_seeds({"a.py": before.encode()}, {"a.py": after.encode()})


CLOCKS = [
    "rng = np.random.default_rng(int(time.time()))",
    "rng = np.random.default_rng(time.time_ns() // 10**18)",
    "rng = np.random.default_rng(os.getpid())",
    "now = int(time.time())\nrng = np.random.default_rng(now)",
    "rng = np.random.default_rng(int(os.environ['AUTORESEARCH_SEED']) + os.getpid())",
]


@pytest.mark.parametrize("code", CLOCKS)
def test_a_seed_of_the_clock_or_the_process_is_refused(code: str) -> None:
    with raises("patch_refused.clock_seed"):
        check_seeds({"train.py": TRAIN}, with_code(code))


OVERWRITTEN = [
    "os.environ['AUTORESEARCH_SEED'] = '7'",
    "os.environ.update(AUTORESEARCH_SEED='7')",
    "os.environ.update({'AUTORESEARCH_SEED': '7'})",
    "os.putenv('AUTORESEARCH_SEED', '7')",
    "del os.environ['AUTORESEARCH_SEED']",
    "env = {**os.environ, 'AUTORESEARCH_SEED': '7'}",
]


@pytest.mark.parametrize("code", OVERWRITTEN)
def test_the_labs_seed_may_not_be_overwritten(code: str) -> None:
    with raises("patch_refused.seed_overwritten"):
        check_seeds({"train.py": TRAIN}, with_code(code))


def test_the_labs_seed_may_be_handed_on() -> None:
    handed = "env = {'AUTORESEARCH_SEED': os.environ['AUTORESEARCH_SEED']}"
    check_seeds({"train.py": TRAIN}, with_code(handed))


DROPPED = [
    "rng.random()",
    "np.random.rand(3)",
    "_ = rng.normal(size=7)",
    "for _ in range(7):\n    rng.random()",
]


@pytest.mark.parametrize("code", DROPPED)
def test_random_numbers_may_not_be_drawn_and_dropped(code: str) -> None:
    with raises("patch_refused.dropped_draw"):
        check_seeds({"train.py": TRAIN}, with_code(code))


def test_numbers_that_the_base_drops_may_not_become_more() -> None:
    before = b"for _ in range(3):\n    rng.random()\n"
    check_seeds({"a.py": before}, {"a.py": before + b"x = 1\n"})
    with raises("patch_refused.dropped_draw"):
        check_seeds({"a.py": before}, {"a.py": before.replace(b"3", b"4")})
