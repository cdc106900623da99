"""Logs and curves of untrusted programs, read into little."""

import os
from pathlib import Path

import pytest

from autoresearch.run_output.capped_log import HEAD_BYTES, TAIL_BYTES, CappedLog
from autoresearch.run_output.curve import CurvePoint, read_curve
from autoresearch.run_output.log_digest import digest, last_line, true_exception

TRACEBACK = """Traceback (most recent call last):
  File "train.py", line 3, in <module>
    main()
    ^^^^^^
"""
PROGRESS = "".join(f"\rstep {n:06d} | loss {1 / (n + 1):.4f}" for n in range(5000))


def test_a_short_log_is_its_own_digest() -> None:
    assert digest("one\ntwo\n") == "one\ntwo"


def test_a_long_log_keeps_its_ends_and_says_how_much_is_missing() -> None:
    text = digest("\n".join(f"line {n}" for n in range(10_000)))
    assert len(text) <= 2048
    assert text.startswith("line 0\n")
    assert text.endswith("\nline 9999")
    assert " lines, " in text
    assert "characters left out" in text


@pytest.mark.parametrize("limit", [200, 2048, 10_000])
def test_a_digest_keeps_its_limit_whatever_the_lines(limit: int) -> None:
    for log in ("x" * 10**6, "\n" * 10**5, PROGRESS * 3, "wort \u202e\n" * 9999):
        assert len(digest(log, limit)) <= limit


def test_progress_by_carriage_return_becomes_its_last_state() -> None:
    assert digest("begin\n" + PROGRESS + "\nend") == "begin\nstep 004999 | loss 0.0002\nend"


def test_control_characters_and_escapes_are_gone() -> None:
    log = "\x1b[31mred\x1b[0m \x1b]0;title\x07\x00bell\x07 \x9b2J tab\there \u202eright to left"
    assert digest(log) == "red  bell   2J tab here  right to left"


def test_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert digest(tmp_path / "log") == ""
    assert true_exception(tmp_path / "log") is None


@pytest.mark.slow
def test_of_a_huge_file_both_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"first\n" + b"\xff\xfe filler\n" * 400_000 + TRACEBACK.encode() + b"OSError")
    assert digest(path).startswith("first\n")
    assert true_exception(path) == "OSError"


@pytest.mark.parametrize(
    ("log", "exception"),
    [
        ("all is well\n", None),
        (TRACEBACK + "ValueError: bad shape\n", "ValueError: bad shape"),
        (TRACEBACK + "KeyboardInterrupt\n", "KeyboardInterrupt"),
        (TRACEBACK + "my.pkg.Odd: two\nlines\n", "my.pkg.Odd: two"),
        (
            TRACEBACK + "KeyError: 1\n\nDuring handling of the above exception, another exception "
            "occurred:\n\n" + TRACEBACK + "TypeError: 2\n",
            "TypeError: 2",
        ),
        (TRACEBACK + "ValueError: bad\n" + PROGRESS, "ValueError: bad"),
        (PROGRESS + TRACEBACK + "ValueError: bad\n", "ValueError: bad"),
        (TRACEBACK.replace("\n", "\r\n") + "ValueError: bad\r\n", "ValueError: bad"),
        ('  File "train.py", line 1\n    x = = 2\n        ^\nSyntaxError: bad', "SyntaxError: bad"),
        (
            "  + Exception Group Traceback (most recent call last):\n  |   File \n"
            "  | ExceptionGroup: both (2 sub-exceptions)\n  +-+---------------- 1\n",
            "ExceptionGroup: both (2 sub-exceptions)",
        ),
    ],
)
def test_the_true_exception_is_the_last_one_raised(log: str, exception: str | None) -> None:
    assert true_exception(log) == exception


def test_an_exception_of_a_megabyte_is_cut() -> None:
    found = true_exception(TRACEBACK + "ValueError: " + "x" * 10**6)
    assert found is not None
    assert len(found) < 400


def test_the_last_line_is_the_last_that_says_something() -> None:
    assert last_line("one\n\n \n") == "one"


@pytest.mark.parametrize("chunk", [1000, 65_536, 1_000_000])
def test_a_capped_log_keeps_beginning_and_end(tmp_path: Path, chunk: int) -> None:
    log = CappedLog(tmp_path / "log")
    text = b"".join(b"%09d\n" % n for n in range(200_000))
    for first in range(0, len(text), chunk):
        log.write(text[first : first + chunk])
        assert (tmp_path / "log").stat().st_size <= HEAD_BYTES + 2 * TAIL_BYTES + 64
    log.close()
    kept = (tmp_path / "log").read_bytes()
    assert kept.startswith(text[:HEAD_BYTES] + b"\n[... ")
    assert kept.endswith(b" bytes left out ...]\n" + text[-TAIL_BYTES:])
    assert f"[... {len(text) - HEAD_BYTES - TAIL_BYTES} bytes".encode() in kept


def curve(tmp_path: Path, content: bytes) -> tuple[CurvePoint, ...]:
    path = tmp_path / "curve.jsonl"
    path.write_bytes(content)
    return read_curve(path)


def test_a_curve_is_read_by_its_own_words(tmp_path: Path) -> None:
    content = b'{"tokens": 10, "loss": 3.5}\n{"tokens": 20, "loss": 3}\n'
    assert curve(tmp_path, content) == (CurvePoint(10, 3.5), CurvePoint(20, 3.0))


def test_a_long_curve_becomes_few_points_and_keeps_its_ends(tmp_path: Path) -> None:
    points = curve(tmp_path, b"".join(b'{"step": %d, "loss": 1}\n' % n for n in range(10_000)))
    assert len(points) == 20
    assert (points[0].at, points[-1].at) == (0, 9999)


def test_of_a_huge_curve_windows_are_read(tmp_path: Path) -> None:
    points = curve(tmp_path, b"".join(b'{"step": %d, "loss": 1}\n' % n for n in range(300_000)))
    assert len(points) == 20
    assert points[-1].at == 299_999
    assert points[0].at < 1000
    assert [p.at for p in points] == sorted(p.at for p in points)


def test_garbage_in_a_curve_is_passed_over(tmp_path: Path) -> None:
    content = b"\n".join(
        (
            b'{"step": 1, "loss": 2.5}',
            b'{"step": 2, "loss": NaN}',
            b'{"step": 3, "loss": Infinity}',
            b'{"step": 4, "loss": "2"}',
            b'{"step": 5, "loss": true}',
            b'{"step": 6, "loss": 1' + b"0" * 400 + b"}",
            b'{"step": "x", "loss": 2.0}',
            b"[" * 4000,
            b"\xff\xfe\x00",
            b"null",
            b'{"step": 9, "lo',
        )
    )
    assert curve(tmp_path, content) == (CurvePoint(1, 2.5), CurvePoint(6, 2.0))


def test_a_curve_that_is_no_regular_file_is_empty(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/etc/passwd")
    for name in ("pipe", "link", "missing", "."):
        assert read_curve(tmp_path / name) == ()
