"""Less code is a simplification; code that only left the syntax tree is not."""

import base64
import zlib

import pytest

from autoresearch.patches.payload_limits import measure
from autoresearch.patches.seeds import check_seeds
from autoresearch.patches.simplification import simpler
from tests.support.paths import ROOT
from tests.support.refusals import raises

TRAIN = (ROOT / "autoresearch/targets/microgpt/train.py").read_text()
ADAM = TRAIN[TRAIN.index("class Adam") : TRAIN.index("# ---- Data")]
BODY = "\n".join(line for line in ADAM.splitlines() if '"""' not in line)
PACKED = zlib.compress(BODY.encode(), 9)


def replaced(code: str, old: str = ADAM, base: str = TRAIN) -> tuple[dict[str, bytes], ...]:
    assert base.count(old) == 1
    return {"train.py": base.encode()}, {"train.py": base.replace(old, code).encode()}


def indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


HIDING = {
    "a docstring": f'def parts():\n    """\n{indented(BODY)}    """\n\n\n'
    "import inspect\nexec(inspect.getdoc(parts))\n",
    "a docstring that nothing seems to read": f'def parts():\n    """\n{indented(BODY)}    """\n'
    'vars(np)["__buil" + "tins__"]["ex" + "ec"](getattr(parts, "__do" + "c__"))\n',
    "comments": "".join(f"#: {line}\n" for line in BODY.splitlines())
    + 'exec("".join(line[3:] for line in open(__file__) if line.startswith("#: ")))\n',
    "a bare string": f"'''{BODY}'''\nexec(open(__file__).read().split(\"'''\")[1])\n",
    "a string": f"exec({BODY!r})\n",
    "base 85 of deflate": "import base64, zlib\n"
    f"exec(zlib.decompress(base64.b85decode({base64.b85encode(PACKED)!r})))\n",
    "bytes": f"import zlib\nexec(zlib.decompress({PACKED!r}))\n",
    "one number": f"import zlib\nexec(zlib.decompress(({int.from_bytes(PACKED):#x}).to_bytes(900)"
    ".lstrip(bytes(1))))\n",
    "many numbers": "import zlib\nexec(zlib.decompress(b''.join(n.to_bytes(8) for n in "
    f"{[int.from_bytes(PACKED[at : at + 8]) for at in range(0, len(PACKED), 8)]})))\n",
    "names of attributes": "class parts:\n"
    + "".join(f"    p{PACKED[n : n + 24].hex()} = 0\n" for n in range(0, len(PACKED), 24))
    + "run(bytes.fromhex(''.join(name[1:] for name in vars(parts) if name[0] == 'p')))\n",
    "blanks": "".join(
        f"pass{''.join(' 	'[int(bit)] for bit in f'{byte:08b}')}\n" for byte in PACKED
    )
    + "run(open(__file__))\n",
    "names that are global": "def parts():\n    global "
    + ", ".join(f"p{PACKED[n : n + 24].hex()}" for n in range(0, len(PACKED), 24))
    + "\nrun(parts)\n",
}


TELLING = ("exec", "inspect", "getdoc", "__file__")


@pytest.mark.parametrize("code", HIDING.values(), ids=HIDING)
def test_code_that_hides_is_no_simplification(code: str) -> None:
    assert simpler(*replaced(code)) == 0
    for name in TELLING:  # its text alone says so too
        code = code.replace(name, "run")
    assert simpler(*replaced(code)) == 0


def test_prose_of_the_base_in_another_order_is_new_text() -> None:
    prose = [f"word{n}" for n in range(400)]
    base = TRAIN.replace("# ---- Data", f"# {' '.join(prose)}\n# ---- Data")
    before, after = replaced("", base=base)
    assert simpler(before, after) > 100
    shuffled = after["train.py"].replace(
        " ".join(prose).encode(), " ".join(reversed(prose)).encode()
    )
    assert simpler(before, {"train.py": shuffled}) == 0


def test_less_code_with_a_word_on_why_stays_a_simplification() -> None:
    sentence = '"""Moves each weight against its gradient alone, since momentum bought nothing."""'
    plain = f"class Adam:\n    {sentence}\n"
    found = simpler(*replaced(plain))
    assert simpler(*replaced("class Adam:\n    pass\n")) > found > 100


def test_an_edited_docstring_costs_its_new_words_alone() -> None:
    old = '"""Return the rate when this share of the budget is done: up over WARMUP, then straight'
    code = ADAM.replace(BODY[BODY.index("    def step") : BODY.index("def learning_rate")], "")
    edited = code.replace(old, old.replace("straight", "right"))
    assert edited != code
    assert simpler(*replaced(code)) - simpler(*replaced(edited)) < 20


@pytest.mark.parametrize(
    "use",
    [
        "exec(text)",
        "eval(text)",
        "import inspect",
        "from importlib import reload",
        "text = load.__doc__",
        "text = open(__file__)",
        'run = getattr(vars()["__builtins__"], "compile")',
    ],
)
def test_what_gains_a_use_of_text_as_code_is_no_simplification(use: str) -> None:
    before, after = replaced(f"{use}\n")
    assert simpler(before, after, 1) > 100
    assert simpler(before, after) == 0
    old = {"train.py": before["train.py"] + f"{use}\n".encode()}
    assert simpler(old, after) > 100


def test_methods_that_share_a_builtins_name_are_no_such_use() -> None:
    before, after = replaced("model.eval()\nnp.compile(re.compile)\n")
    assert simpler(before, after) > 100


def test_the_first_measure_answers_as_it_did() -> None:
    hides = replaced(HIDING["a docstring"])
    assert simpler(*hides, 1) == 270
    assert simpler(*replaced("class Adam:\n    pass\n"), 1) > 200


def test_constants_and_seeds_of_code_in_a_docstring_count() -> None:
    data = list(range(1_000, 1_400))
    before, after = replaced(f'def parts():\n    """\n    KNOWN = {data}\n    """\n{ADAM}')
    assert measure(before, after).constants > 400
    seeding = "    rng = np.random.default_rng(1234)"
    for hidden in (f'def parts():\n    """\n{seeding}\n    """\n', f"parts = {seeding!r}\n"):
        with raises("patch_refused.constant_seed", "default_rng(1234)"):
            check_seeds(*replaced(hidden + ADAM))


def test_a_seed_that_prose_mentions_is_no_seed() -> None:
    before, after = replaced(f'def f():\n    """Use default_rng(1) with care."""\n{ADAM}')
    check_seeds(before, after)
