"""What a run printed becomes one number, or one sentence that says why not."""

import itertools
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoresearch.errors import ScoringError
from autoresearch.records import Measurement
from autoresearch.run_output.stdout_metric import OutputReader
from tests.support.fakes import make_spec
from tests.support.golden import BLOCK, NUMBERS, golden_log, progress
from tests.support.refusals import raises

VAL = "val_bpb:          0.997900\n"


def read(output: str | bytes, tmp_path: Path, **source: str) -> Measurement:
    """Of a run whose whole output this is."""
    fields: dict[str, Any] = {"scoring": "stdout", "metric": "loss", **source}
    reader = OutputReader(make_spec(tmp_path, **fields))
    reader.feed(output if isinstance(output, bytes) else output.encode())
    return reader.finish(tmp_path)


def read_block(output: str | bytes, tmp_path: Path) -> Measurement:
    return read(output, tmp_path, metric="val_bpb", block="---")


def refusal(output: str | bytes, tmp_path: Path, reason: str, *mentions: str, **source: str) -> str:
    """Read it, which must be refused for that reason, in one printable sentence."""
    with raises(f"scoring.{reason}", *mentions) as refused:
        read(output, tmp_path, **source)
    assert "\n" not in refused.value.message
    assert refused.value.message.isprintable()
    assert len(refused.value.message) < 300
    return refused.value.message


def refused_block(output: str | bytes, tmp_path: Path, reason: str, mention: str) -> str:
    return refusal(output, tmp_path, reason, mention, metric="val_bpb", block="---")


@pytest.mark.parametrize(
    "output",
    [
        "METRIC loss=1.25\n",
        "begin\nMETRIC loss=1.25\nend",
        "METRIC loss = 1.25  \n",
        "\x1b[1mMETRIC loss=\x1b[32m1.25\x1b[0m\n",
        "\x1b]0;a title\x07METRIC loss=1.25\r\n",
        "METRIC loss=1.25\r",
        "METRIC loss=+125e-2\n",
        "METRIC loss=1.25\nMETRIC loss2=7\nMETRIC other.loss=8\n",
        "  50%\r100%\rMETRIC loss=1.25\n",
        b"\xff\xfe\x00 no text \x80\nMETRIC loss=1.25\n\xc3",
        "METRIC is a word\nMETRIC loss=1.25\n",
    ],
)
def test_one_metric_line_is_read_whatever_is_around_it(output: str, tmp_path: Path) -> None:
    assert read(output, tmp_path).value == 1.25


def test_what_else_is_said_stands_beside_the_metric(tmp_path: Path) -> None:
    output = "METRIC steps=7\nMETRIC loss=1.25\nMETRIC twice=1\nMETRIC twice=2\nMETRIC name=x\n"
    found = read(output, tmp_path)
    assert found.said == (("steps", 7.0),)
    assert (found.documents, found.tokens, found.spare) == (0, 0, None)


@pytest.mark.parametrize(
    ("output", "reason", "mention"),
    [
        ("", "not_printed", "`METRIC loss=...`"),
        ("METRIC loss2=1\n", "not_printed", "`METRIC loss=...`"),
        ("step 7 METRIC loss=1\n", "not_printed", "'step 7 METRIC loss=1'"),
        ("METRIC loss=1\nMETRIC loss=1\n", "printed_twice", "`METRIC loss=...` (2)"),
        ("METRIC loss=3\rMETRIC loss=2\rMETRIC loss=1\n", "printed_twice", "(3)"),
        ("METRIC loss=\n", "not_a_number", "loss is ''"),
        ("METRIC loss=nan\n", "not_finite", "loss is 'nan'"),
        ("METRIC loss=-Infinity\n", "not_finite", "'-Infinity'"),
        ("METRIC loss=1e400\n", "not_finite", "'1e400'"),
        ("METRIC loss=1,250\n", "not_a_number", "'1,250'"),
        ("METRIC loss=12 ms\n", "not_a_number", "'12 ms'"),
        ("METRIC loss=12%\n", "not_a_number", "'12%'"),
        ("METRIC loss=1_000\n", "not_a_number", "'1_000'"),
        ("METRIC loss=0x1f\n", "not_a_number", "'0x1f'"),
        ("METRIC loss=\u0661\n", "not_a_number", ""),
        ("METRIC loss=1.2", "cut_off", "'METRIC loss=1.2'"),
        ("METRIC loss=1 \x1b[2K 2\n", "not_a_number", ""),
    ],
)
def test_what_is_not_one_finite_number_is_one_sentence(
    output: str, reason: str, mention: str, tmp_path: Path
) -> None:
    refusal(output, tmp_path, reason, mention)


@pytest.mark.parametrize("after", ["x" * 5000, "x" * 200_000])
def test_a_number_anywhere_in_a_line_that_is_too_long_is_a_second_answer(
    tmp_path: Path, after: str
) -> None:
    said = f"{'y' * 9000}METRIC loss=9{after}\nMETRIC loss=1\n"
    with raises("scoring.printed_twice"):
        read(said, tmp_path)


@pytest.mark.parametrize(
    "before",
    ["x", "METRIC other=", "x" * 5000, "x" * 200_000, "\x1b]0;", "METRIC loss=7" + "x" * 5000],
    ids=["words", "another", "a long line", "a flood", "a title", "a number, and a long line"],
)
@pytest.mark.parametrize("pattern", ["", r"METRIC loss=(\d)$"])
def test_a_number_hidden_behind_words_without_an_end_is_a_second_answer(
    tmp_path: Path, before: str, pattern: str
) -> None:
    """What a frozen program prints would else be lost behind what it started printed."""
    output = f"METRIC loss=9\n{before}METRIC loss=1\n"
    refusal(output, tmp_path, "printed_twice", pattern=pattern)


def test_a_pattern_is_matched_once(tmp_path: Path) -> None:
    pattern = r"^score on test: (\S+)$"
    assert read("score on test: 0.5\n", tmp_path, pattern=pattern).value == 0.5
    refusal("score on test: 1\n" * 2, tmp_path, "printed_twice", "(2)", pattern=pattern)
    refusal("score on train: 1\n", tmp_path, "not_printed", pattern=pattern)
    refusal("score on test: high\n", tmp_path, "not_a_number", "'high'", pattern=pattern)
    refusal("a=1 a=2\n", tmp_path, "printed_twice", "(2)", pattern=r"a=(\d)")
    refusal("a=1\n" * 99, tmp_path, "printed_twice", "at least 41", pattern=r"a=(\d)")


def test_a_group_that_took_no_part_is_no_number(tmp_path: Path) -> None:
    refusal("done\n", tmp_path, "not_a_number", "''", pattern=r"done(?: in (\d+))?")


def test_a_line_that_is_too_long_is_said_to_be_unread(tmp_path: Path) -> None:
    refusal("x" * 5000 + " a=1\n", tmp_path, "not_printed", "1 line", "4096", pattern=r"a=(\d)")


def test_the_golden_log_parses(tmp_path: Path) -> None:
    found = read_block(golden_log(), tmp_path)
    assert found.value == 0.9979
    assert dict(found.said) == NUMBERS


@pytest.mark.parametrize(
    "output",
    [
        golden_log().replace("\n", "\r\n"),
        golden_log() + "---\n",
        "---\n" + golden_log(),
        golden_log() + "Saved.\nnot: a block\n",
        golden_log().replace(VAL, "").replace("depth: ", f"{VAL}depth: "),
        golden_log().removesuffix("\n"),
        golden_log().replace(
            "depth:            8\n", "depth:            8\ndepth: 9\nwhere: here\n"
        ),
    ],
    ids=["crlf", "closed", "a rule first", "more after", "last", "no end of line", "keys"],
)
def test_what_does_not_touch_the_metric_does_not_matter(output: str, tmp_path: Path) -> None:
    assert read_block(output, tmp_path).value == 0.9979


def test_a_key_that_is_cut_off_or_said_twice_is_not_kept(tmp_path: Path) -> None:
    cut = read_block(golden_log().removesuffix("\n"), tmp_path)
    twice = read_block(golden_log() + "depth: 9\n", tmp_path)
    assert "depth" not in dict(cut.said)
    assert "depth" not in dict(twice.said)


@pytest.mark.parametrize(
    ("output", "reason", "mention"),
    [
        (golden_log() + BLOCK, "printed_twice", "block"),
        (BLOCK.replace("0.99", "0.10") + golden_log(), "printed_twice", "block"),
        (golden_log().replace("0.997900", "nan"), "not_finite", "val_bpb is 'nan'"),
        (golden_log().replace("0.997900", "inf"), "not_finite", "val_bpb is 'inf'"),
        (golden_log().replace("0.997900", "0.9979 bits"), "not_a_number", "'0.9979 bits'"),
        (progress(), "not_printed", "'---'"),
        (golden_log().partition(VAL)[0], "not_printed", "block"),
        (golden_log().partition("900\ntrain")[0], "cut_off", "'val_bpb:"),
        (golden_log().replace(VAL, ""), "not_in_block", "`val_bpb: ...`"),
        (golden_log().replace(VAL, VAL + VAL), "printed_twice", "`val_bpb: ...`"),
        (golden_log().replace("\n---", "---"), "not_printed", "---'"),
        (golden_log() + "done\nval_bpb: 0.1\n", "outside_block", "'val_bpb'"),
        ("val_bpb: 0.1\n" + golden_log(), "outside_block", "'val_bpb'"),
        (golden_log().replace("val_bpb:", "val_loss:"), "not_in_block", "`val_bpb: ...`"),
        (golden_log().replace("---\n", ""), "not_printed", "block"),
        (golden_log().replace("---\n", "---\n\n"), "not_printed", "block"),
        (golden_log().replace(VAL, "cut\n" + VAL), "not_printed", "block"),
        (golden_log().replace("training_s", "cut\ntraining_s", 1) + VAL, "outside_block", ""),
        (b"\x00" * 5000 + b"\xff---", "not_printed", "block"),
    ],
)
def test_a_broken_golden_log_gives_no_number(
    output: str | bytes, reason: str, mention: str, tmp_path: Path
) -> None:
    refused_block(output, tmp_path, reason, mention)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 4096])
def test_it_does_not_matter_where_the_output_is_cut_in_pieces(size: int, tmp_path: Path) -> None:
    spec = make_spec(tmp_path, scoring="stdout", metric="val_bpb", block="---")
    whole = (progress(20) + "\r\n" + BLOCK.replace("\n", "\r\n")).encode()
    reader = OutputReader(spec)
    for n in range(0, len(whole), size):
        reader.feed(whole[n : n + size])
    found = reader.finish(tmp_path)
    assert (found.value, dict(found.said)) == (0.9979, NUMBERS)


@pytest.mark.slow
@pytest.mark.parametrize("piece", [progress(50).encode(), b"x" * 65536, b"\r"])
def test_a_flood_of_50_mb_is_read_in_little_memory(piece: bytes, tmp_path: Path) -> None:
    spec = make_spec(tmp_path, scoring="stdout", metric="val_bpb", block="---")
    reader, chunk = OutputReader(spec), (piece * (65536 // len(piece) + 1))[:65536]
    for n in range(800):
        if n == 795:
            tracemalloc.start()
        reader.feed(chunk)
    reader.feed(b"\n" + BLOCK.encode())
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reader.finish(tmp_path).value == 0.9979
    assert kept < 2**20
    assert peak < 16 * 2**20


def left(tmp_path: Path, text: str | bytes, metric: str = "loss") -> Measurement:
    """Of a run that left this text in result.json."""
    (tmp_path / "result.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read("METRIC loss=7\n", tmp_path, metric=metric, file="result.json")


def test_a_file_has_the_metric_as_a_key_and_dots_go_deeper(tmp_path: Path) -> None:
    assert left(tmp_path, '{"loss": 1.25, "other": "x"}').value == 1.25
    assert left(tmp_path, '{"loss": -3}').value == -3.0
    assert left(tmp_path, '{"test": {"loss": 2}}', "test.loss").value == 2.0


MANY_KEYS = "{" + ",".join(f'"{min(n, 80_000)}":1' for n in range(80_002)) + "}"


@pytest.mark.parametrize(
    ("text", "reason", "mention"),
    [
        ("", "not_json", ""),
        ('{"loss": 1', "not_json", ""),
        ("[1]", "no_object", "'loss'"),
        ('{"los": 1}', "no_key", "'loss'"),
        ('{"loss": NaN}', "not_finite", "NaN"),
        ('{"other": Infinity, "loss": 1}', "not_finite", "Infinity"),
        ('{"loss": 1e400}', "not_finite", "loss"),
        (f'{{"loss": 1{"0" * 400}}}', "not_finite", "loss"),
        (f'{{"loss": 1{"0" * 9999}}}', "not_finite", ""),
        ('{"loss": true}', "not_a_number", "true or false at loss"),
        ('{"loss": "1.25"}', "not_a_number", "string at loss"),
        ('{"loss": null}', "not_a_number", "null at loss"),
        ('{"loss": {"mean": 1}}', "not_a_number", "object at loss"),
        ('{"loss": 1, "loss": 2}', "key_twice", "'loss'"),
        (MANY_KEYS, "key_twice", "'80000'"),
        ("[" * 100_000, "too_deep", ""),
        (b'{"loss": "\xff"}', "not_utf8", ""),
        (" " * 2**21, "file_too_large", "1,048,576"),
    ],
)
def test_a_file_without_one_finite_number_is_one_sentence(
    text: str | bytes, reason: str, mention: str, tmp_path: Path
) -> None:
    with raises(f"scoring.{reason}", "result.json", mention):
        left(tmp_path, text)


def test_what_is_no_file_of_its_own_is_not_read(tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text(json.dumps({"loss": 1}))
    tree = tmp_path / "tree"
    (tree / "folder").mkdir(parents=True)
    (tree / "link.json").symlink_to(outside)
    (tree / "linked").symlink_to(tmp_path)
    (tree / "loop").symlink_to("loop")
    os.mkfifo(tree / "pipe.json")
    for name, reason in (
        ("link.json", "file_outside"),
        ("linked/outside.json", "file_outside"),
        ("../outside.json", "file_outside"),
        ("loop", "file_outside"),
        ("pipe.json", "not_regular"),
        ("folder", "not_regular"),
        ("none.json", "no_file"),
    ):
        spec = make_spec(tmp_path, scoring="stdout", metric="loss", file=name)
        with raises(f"scoring.{reason}", name):
            OutputReader(spec).finish(tree)


NOISE = st.lists(
    st.sampled_from(
        (
            *(b"METRIC loss", b"METRIC ", b"loss", b"=1", b"=nan", b"= ", b".5", b"e9", b"---"),
            *(b": 2", b"\n", b"\r", b"\r\n", b"\xff", b"\x1b[1m", b"x" * 5000),
        )
    ),
    max_size=12,
).map(b"".join)
SOURCES = st.sampled_from([{}, {"block": "---"}, {"pattern": r"loss=(\S*)"}])
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def ended(chunks: list[bytes], folder: Path, source: dict[str, str]) -> Measurement | str:
    fields: dict[str, Any] = {"scoring": "stdout", "metric": "loss", **source}
    reader = OutputReader(make_spec(folder, **fields))
    for chunk in chunks:
        reader.feed(chunk)
    try:
        return reader.finish(folder)
    except ScoringError as refused:
        return refused.message


@pytest.mark.slow
@same_folder
@given(NOISE, SOURCES, st.lists(st.integers(0, 60), max_size=6))
def test_how_the_output_is_cut_into_chunks_does_not_count(tmp_path, output, source, cuts):
    ends = [0, *sorted(cuts), len(output)]
    chunks = [output[a:b] for a, b in itertools.pairwise(ends)]
    assert ended(chunks, tmp_path, source) == ended([output], tmp_path, source)


@same_folder
@given(st.floats(allow_nan=False, allow_infinity=False), SOURCES)
def test_any_finite_number_comes_back_as_it_was_printed(tmp_path, value, source):
    lines = {"block": f"---\nloss: {value!r}\n", "pattern": f"loss={value!r}\n"}
    printed = lines.get(next(iter(source), ""), f"METRIC loss={value!r}\n")
    found = ended([printed.encode()], tmp_path, source)
    assert isinstance(found, Measurement)
    assert found.value == value
