"""Replaying another tool's log: which of its keeps stand above the noise."""

from pathlib import Path

import pytest

from autoresearch.replays.results_log import JudgedLog, judge_log
from tests.support.paths import ROOT
from tests.support.refusals import raises

HEADER = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
LOG = (
    HEADER
    + "baseline\t0.9979\t44.0\tkeep\tbaseline\n"
    + "aaaaaaa\t0.9860\t43.9\tkeep\thalve the batch\n"
    + "bbbbbbb\t0.9875\t43.9\tdiscard\twarmup\n"
    + "ccccccc\t0.000000\t0.0\tcrash\ttoo deep\n"
    + "ddddddd\t0.9859\t43.9\tkeep\twarmdown\n"
)
KARPATHY = ROOT.parent / "shared" / "data" / "karpathy_mar8_results.tsv"


def replay(tmp_path: Path, text: str, sigma: float = 0.0007) -> JudgedLog:
    file = tmp_path / "results.tsv"
    file.write_text(text)
    return judge_log(file, sigma)


def test_a_keep_is_measured_from_the_best_kept_before_it(tmp_path: Path) -> None:
    found = replay(tmp_path, LOG)
    assert (found.runs, found.crashes, found.first.commit) == (5, 1, "baseline")
    assert [keep.commit for keep in found.keeps] == ["aaaaaaa", "ddddddd"]
    assert [keep.gain for keep in found.keeps] == pytest.approx([0.0119, 0.0001])
    assert [keep.tries for keep in found.keeps] == [1, 3]
    assert found.claimed == pytest.approx(0.012)


def test_a_large_gain_stands_and_a_small_one_may_be_luck(tmp_path: Path) -> None:
    found = replay(tmp_path, LOG)
    large, small = found.keeps
    assert large.stands
    assert 0 < large.luck < 1e-12
    assert not small.stands
    assert small.luck == pytest.approx(0.46, abs=0.005)  # 1 - Phi(1/7/sqrt 2)
    assert small.luck_of_tries == pytest.approx(1 - (1 - small.luck) ** 3)
    assert (found.below_sigma, found.standing) == (1, 1)


def test_a_keep_that_is_worse_than_the_best_before_it_shows_a_loss(tmp_path: Path) -> None:
    found = replay(tmp_path, LOG + "eeeeeee\t0.9900\t43.9\tkeep\ta step back\n" * 2)
    assert [keep.gain for keep in found.keeps[2:]] == pytest.approx([-0.0041, -0.0041])
    assert all(keep.luck > 0.99 for keep in found.keeps[2:])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("fffffff\t0.98\tkeep", "line 7: 3 columns instead of 5"),
        ("fffffff\tnope\t1\tkeep\tx", "line 7: val_bpb is 'nope', not a number"),
        ("fffffff\t0.98\t1\tkept\tx", "line 7: status is 'kept', not one of keep, discard, crash"),
        ("fffffff\tnan\t1\tkeep\tx", "line 7: val_bpb is nan in a keep"),
        ("fffffff\t0.000000\t1\tkeep\tx", "line 7: val_bpb is 0.000000 in a keep"),
    ],
)
def test_a_damaged_line_is_named_and_the_others_are_read(
    tmp_path: Path, line: str, words: str
) -> None:
    found = replay(tmp_path, f"{LOG}{line}\n\nggggggg\t0.98\t1\tkeep\tx\n")
    assert found.damaged == (words,)
    assert found.runs == 6


@pytest.mark.parametrize(
    ("text", "code", "mention"),
    [
        ("", "lab_error.not_results_tsv", ""),
        ("\x00\x01PNG", "lab_error.not_results_tsv", "PNG"),
        (LOG.removeprefix(HEADER), "lab_error.not_results_tsv", "val_bpb"),
        (HEADER, "lab_error.no_readable_line", ""),
        (HEADER + "half a li", "lab_error.no_readable_line", "line 2: 1 "),
        (HEADER + "a\t0.9\t1\tdiscard\tx\n", "lab_error.no_keep", ""),
    ],
)
def test_what_is_no_such_log_is_refused_in_words(
    tmp_path: Path, text: str, code: str, mention: str
) -> None:
    with raises(code, mention):
        replay(tmp_path, text)


@pytest.mark.parametrize("sigma", [0.0, 1e-320, -1.0, float("nan"), float("inf")])
def test_a_sigma_that_is_no_spread_is_refused(tmp_path: Path, sigma: float) -> None:
    with raises("lab_error.bad_sigma", "1e-12", "1e+06"):
        replay(tmp_path, LOG, sigma)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with raises("not_found.file", "nowhere.tsv"):
        judge_log(tmp_path / "nowhere.tsv", 0.1)
    with raises("not_found.file", str(tmp_path)):
        judge_log(tmp_path, 0.1)


def test_of_the_best_known_logs_22_keeps_14_gained_less_than_a_change_of_seed() -> None:
    if not KARPATHY.is_file():
        pytest.skip(f"{KARPATHY.name}, the public log, is not in ../shared/data")
    found = judge_log(KARPATHY, 0.000695)
    assert (found.runs, found.crashes) == (126, 1)
    assert (len(found.keeps), found.below_sigma) == (22, 14)
    assert found.standing == 3
    assert found.claimed == pytest.approx(0.0282, abs=1e-4)
    assert found.damaged == ()
