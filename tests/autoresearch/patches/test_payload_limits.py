"""Data and luck do not come in with a patch; code, however much of it, does."""

import base64
import random
import zlib

import pytest

from autoresearch.errors import PatchRefusedError
from autoresearch.patches.payload_limits import (
    CONSTANT_BYTES,
    WORD_BYTES,
    check_payload,
    measure,
)
from tests.support.paths import ROOT
from tests.support.refusals import raises

TRAIN = (ROOT / "autoresearch/targets/microgpt/train.py").read_bytes()
NAMES = (ROOT / "microgpt/data/surnames.txt").read_text().split()
PASTED = random.Random(1).sample(NAMES, 800)


def with_code(code: str) -> dict[str, bytes]:
    return {"train.py": TRAIN.replace(b"CURVE_LINES = 80", f"{code}\nCURVE_LINES = 80".encode())}


def refusal(code: str) -> str:
    with pytest.raises(PatchRefusedError) as refused:
        check_payload({"train.py": TRAIN}, with_code(code))
    assert refused.value.remedy
    return str(refused.value)


PACKED = base64.b85encode(zlib.compress("\n".join(PASTED).encode())).decode()
DISGUISES = {
    "a list": f"KNOWN = {PASTED}",
    "a text": f'KNOWN = """{" ".join(PASTED)}"""',
    "bytes": f"KNOWN = {' '.join(PASTED).encode()!r}",
    "base 85 of deflate": f"KNOWN = {PACKED!r}",
    "one large number": f"KNOWN = {int.from_bytes(' '.join(PASTED).encode()):#x}",
    "many small numbers": f"KNOWN = {[ord(c) for c in ' '.join(PASTED)]}",
    "floats": f"KNOWN = {[float(ord(c)) for c in ' '.join(PASTED)]}",
    "an f-string": f'KNOWN = f"{" ".join(PASTED)}{{WIDTH}}"',
    "identifiers": "\n".join(f"{name}_ = 0" for name in PASTED),
    "attributes": "class K: pass\n" + "\n".join(f"K.{name}_ = 0" for name in PASTED),
    "keywords": f"KNOWN = dict({', '.join(f'{name}_=0' for name in PASTED)})",
    "comments": "\n".join(f"# {name}" for name in PASTED),
    "a class pattern": "match WIDTH:\n  case int("
    + ", ".join(f"{name}_=_" for name in dict.fromkeys(PASTED))
    + "):\n    pass",
    "blanks at the ends of lines": "\n".join(
        "KNOWN = 0" + "".join(" \t"[int(bit)] for c in name for bit in f"{ord(c):08b}")
        for name in PASTED
    ),
    "blanks within lines": "\n".join(
        "KNOWN =" + "".join(" " * (ord(c) - 95) + "-" for c in name) + "1" for name in PASTED
    ),
    "a docstring": f'def known():\n    """{" ".join(PASTED)}"""\n    return known.__doc__',
}


@pytest.mark.slow
@pytest.mark.parametrize("code", DISGUISES.values(), ids=DISGUISES)
def test_pasted_names_are_refused_in_every_disguise(code: str) -> None:
    assert "learn" in refusal(code) or "one idea" in refusal(code)


@pytest.mark.slow
def test_the_refusal_does_not_tell_what_was_pasted() -> None:
    others = random.Random(2).sample(NAMES, 800)
    words = refusal(f"KNOWN = {PASTED}"), refusal(f"KNOWN = {others}")
    assert words[0].split("bytes")[1] == words[1].split("bytes")[1]


@pytest.mark.slow
def test_what_the_base_has_counts_nothing() -> None:
    base = with_code(DISGUISES["a list"]) | {"more.py": DISGUISES["comments"].encode()}
    check_payload(base, {**base, "train.py": base["train.py"].replace(b"= 80", b"= 81")})


def test_a_new_file_that_is_no_code_is_data() -> None:
    with raises("patch_refused.new_constants"):
        check_payload({}, {"names.txt": "\n".join(PASTED).encode()})


@pytest.mark.slow
def test_the_order_of_known_constants_counts() -> None:
    draw = random.Random(3)
    bits = [draw.randrange(2) for _ in range(8_000)]
    assert measure({"train.py": TRAIN}, with_code(f"BITS = {bits}")).constants > CONSTANT_BYTES


def test_much_honest_code_is_far_below_both_caps() -> None:
    twin = (ROOT / "microgpt/gpt.py").read_bytes()  # 200 lines that are nothing like train.py
    found = measure({"train.py": TRAIN}, {"train.py": TRAIN, "gpt.py": twin})
    assert found.constants < CONSTANT_BYTES
    assert found.words < 2 * WORD_BYTES


def test_what_does_not_parse_and_deep_nesting_are_measured_too() -> None:
    names = " ".join(PASTED)
    assert measure({}, {"a.py": f"x = = {names}".encode()}).constants > CONSTANT_BYTES
    deep = "(" * 150 + "1" + ")" * 150
    assert measure({}, {"a.py": f"x = {deep}".encode()}).constants < 30
