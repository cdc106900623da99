"""The red team's catalogue is sound, its judgement can fail, and on this machine nothing works."""

import ast
import os
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from autoresearch.errors import PatchRefusedError
from autoresearch.lab import Lab
from autoresearch.patches.edits import replace_once
from autoresearch.patches.payload_limits import (
    CONSTANT_BYTES,
    TEXT_BYTES,
    WORD_BYTES,
    check_payload,
    measure,
)
from autoresearch.patches.seeds import check_seeds
from autoresearch.patches.simplification import simpler
from autoresearch.redteam.arena import HELD_OUT, TOKENS, arena_files, small
from autoresearch.redteam.bait import Bait
from autoresearch.redteam.catalogue import (
    ARRAYS,
    HELD_BY,
    KINDS,
    PLACEHOLDER,
    Entry,
    _read,
    catalogue,
    chosen,
)
from autoresearch.redteam.catalogue import TOKENS as OF_TOKENS
from autoresearch.redteam.outcomes import Bar, Outcome, Seen, find
from autoresearch.redteam.trials import CONTROLS, TORCH_PYTHON, UNSANDBOXED, run_redteam
from autoresearch.sandboxes.selection import current_sandbox
from autoresearch.targets import shipped_files
from tests.support.refusals import raises

TRAIN = {kind: arena_files("microgpt", kind)["train.py"] for kind in KINDS}
CHEATS = [entry for entry in catalogue() if entry.cheats]
HONEST = [entry for entry in catalogue() if not entry.cheats]
WALLS = ("sandbox", "reveal", "scorer", "supervisor", "lab")  # CI tries one cheat at each
CLASSES = """
a model that looks ahead; carrying held-out data out; code that hides; crashing on an unlucky seed;
double fork;
editing frozen files;
environment and import tricks; forged prints; fork bomb; guards that can be told from runs;
held-out data as literals; held-out data in the order of known words;
inherited descriptors; killing supervisor or scorer; learning while scored; loading the machine;
memorising by prefix; more budget; namespaces and mounts; network; odd logits;
oversized checkpoint; patched scorer or math; pickle that runs code; ptrace;
reading memory and /proc; replayed checkpoint; seed search; side files; symlinks; the lab's draws;
the ledger; the scorer's protocol; time stretched in start-up; training on validation data;
words of the system; writing outside
"""


class _Anything(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "77"


def patched(entry: Entry) -> dict[str, bytes]:
    text = TRAIN[entry.kind]
    for edit in entry.filled(_Anything()):
        assert edit.path == "train.py"
        text = replace_once(text, edit, entry.name, ["train.py"])
    return {"train.py": text}


def test_there_are_enough_of_both_and_every_class_is_there() -> None:
    assert len(CHEATS) >= 26
    assert len(HONEST) >= 24
    assert {entry.about for entry in CHEATS} == set(re.split(r";\s+", CLASSES.strip()))


def test_every_kind_of_scoring_has_cheats_and_an_honest_patch() -> None:
    for entries, least in ((CHEATS, 8), (HONEST, 1)):
        counted = Counter(entry.kind for entry in entries)
        assert set(counted) == set(KINDS)
        assert min(counted.values()) >= least


def test_names_and_patches_are_unique() -> None:
    assert max(Counter(entry.name for entry in catalogue()).values()) == 1
    assert len({patched(entry)["train.py"] for entry in catalogue()}) == len(catalogue())


@pytest.mark.slow
def test_every_patch_applies_to_the_shipped_target_and_parses() -> None:
    for entry in catalogue():
        ast.parse(patched(entry)["train.py"], entry.name)


def test_a_cheat_says_what_it_tries_what_holds_it_and_how_it_must_end() -> None:
    for entry in CHEATS:
        assert entry.tries and entry.signs and entry.held_by, entry.name
        assert re.compile(entry.ends)
        assert entry.refused or "attempt: reached" in str(entry.edits), entry.name


@pytest.mark.parametrize("held_by", [(), ("sandbox", "luck")])
def test_a_cheat_that_nothing_holds_is_refused_when_it_is_read(held_by) -> None:
    with pytest.raises(ValueError, match="held_by"):
        Entry(name="x", edits=(), cheats=True, about="", held_by=held_by)


SOUND = """
class = "symlinks"
tries = "something"
signs = "a sign"
held_by = ["sandbox"]
ends = '^finished'
[[edits]]
path = "train.py"
find = "a"
replace = "@CANARY@"
"""


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("tries =", "tried =", "'tried'"),
        ("class =", "kind =", "'class' is missing"),
        ("[[edits]]", "[[edit]]", "'edits' is missing"),
        ("find =", "finds =", "'finds'"),
        ('["sandbox"]', '"sandbox"', "'sandbox'"),
        ("'^finished'", "'(finished'", "position 0"),
        ('"something"', "something", "line 3"),
    ],
)
def test_a_file_that_is_no_patch_is_named_with_its_mistake(tmp_path, before, after, named) -> None:
    path = tmp_path / "cheats" / "odd.toml"
    path.parent.mkdir()
    path.write_text(SOUND)
    assert _read(path, cheats=True).held_by == ("sandbox",)
    path.write_text(SOUND.replace(before, after))
    with raises("lab_error.red_team_file", "cheats/odd.toml", named):
        _read(path, cheats=True)


def test_a_bait_that_there_is_not_is_named_with_those_there_are(tmp_path) -> None:
    path = tmp_path / "odd.toml"
    path.write_text(SOUND.replace("@CANARY@", "@CANRY@"))
    with raises("lab_error.red_team_bait", "@CANRY@", "CANARY, HOME"):
        _read(path, cheats=True).filled({"HOME": "h", "CANARY": "c"})


@pytest.mark.slow
def test_every_bait_that_a_patch_mentions_exists(tmp_path: Path, lab: Lab) -> None:
    needed = frozenset(PLACEHOLDER.findall(str([entry.edits for entry in CHEATS])))
    bait = Bait(lab, tmp_path, needed, tmp_path)
    try:
        assert needed <= bait.values.keys()
        assert bait.sprung() == ()
        assert psutil.pid_exists(int(bait.values["BAIT"]))
    finally:
        bait.close()
    assert not psutil.pid_exists(int(bait.values["BAIT"]))
    assert not Path(bait.values["DECOY"]).exists()


def test_a_bait_that_is_touched_says_so(tmp_path: Path, lab: Lab) -> None:
    bait = Bait(lab, tmp_path, frozenset({"BAIT", "DECOY"}), tmp_path)
    planted = Path(sys.prefix) / "bin" / f"{bait.mark}.txt"
    try:
        Path(bait.values["CANARY"]).write_text("x")
        (Path(bait.values["OUTSIDE"]) / "new").write_text("x")
        (Path(bait.values["DECOY"]) / "ledger-head.json").write_text("{}")
        planted.touch()
        psutil.Process(int(bait.values["BAIT"])).kill()
        psutil.wait_procs([psutil.Process(int(bait.values["BAIT"]))], timeout=5)
        assert len(bait.sprung()) == 5
        assert not planted.exists()
    finally:
        planted.unlink(missing_ok=True)
        bait.close()


@pytest.mark.long
def test_an_honest_patch_is_far_from_every_cap() -> None:
    for entry in HONEST:
        before, after = {"train.py": TRAIN[entry.kind]}, patched(entry)
        check_seeds(before, after)
        found = measure(before, after)
        assert found.constants < CONSTANT_BYTES / 5, entry.name
        assert found.words < WORD_BYTES / 5, entry.name
        assert found.text < TEXT_BYTES / 5, entry.name


@pytest.mark.slow
def test_what_the_door_should_refuse_is_refused_for_that_reason() -> None:
    for entry in CHEATS:
        if entry.refused:
            with pytest.raises(PatchRefusedError) as refused:
                before = {"train.py": TRAIN[entry.kind]}
                check_seeds(before, patched(entry))
                check_payload(before, patched(entry))
            assert re.search(entry.ends, f"refused: {refused.value.message}"), entry.name


@pytest.mark.long
def test_no_cheat_counts_as_a_simplification_and_honest_ones_do() -> None:
    less = {
        entry.name
        for entry in catalogue()
        if simpler({"train.py": TRAIN[entry.kind]}, patched(entry))
    }
    assert less == {"lion", "no-finite-check", "sgd"}


def test_an_unknown_name_or_target_is_said_to_be_one() -> None:
    with raises("not_found.red_team_patch", "nonsense"):
        chosen("microgpt", ["nonsense"])
    with raises("not_found.red_team_target", "other"):
        chosen("other")


def test_the_small_contract_has_the_small_budget() -> None:
    text = small(shipped_files("microgpt")["autoresearch.toml"].read_text())
    assert f"tokens = {TOKENS}" in text
    assert f"held_out = {HELD_OUT}" in text
    with pytest.raises(ValueError, match="lines for budget"):
        small("[target]")


BAR = Bar(mean=3.5, sigma=0.01, runs=12, minimum=True)
CHEAT = Entry(name="c", edits=(), cheats=True, about="class", held_by=("sandbox",))
SCORER = replace(CHEAT, held_by=("scorer",))
REACHED = Seen(
    ending="finished: scored 3.5000",
    value=3.5,
    log="attempt: reached; held: OSError",
    sprung=(),
    repeated=False,
    cut=False,
)


def outcome(entry: Entry, seen: Seen, *, sandboxed: bool = True) -> Outcome:
    return find(entry, seen, BAR, sandboxed=sandboxed).outcome


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Outcome.WITHOUT_EFFECT),
        ({"value": 3.4}, Outcome.WORKED),
        ({"value": 3.6}, Outcome.WITHOUT_EFFECT),
        ({"sprung": ("a file was changed",)}, Outcome.WORKED),
        ({"log": "attempt: reached; loot: a secret"}, Outcome.WORKED),
        ({"log": '  print("attempt: reached;", attack())'}, Outcome.WITHOUT_EFFECT),
        ({"log": "nothing"}, Outcome.BROKEN),
        ({"ending": "crashed: NameError: x", "value": None}, Outcome.BROKEN),
        ({"repeated": True, "ending": "lost: its supervisor died"}, Outcome.WORKED),
        ({"repeated": True, "ending": "tainted: the machine was busy"}, Outcome.WORKED),
        ({"cut": True, "value": 1.0}, Outcome.CAUGHT),
        ({"simpler": 150}, Outcome.WORKED),
    ],
)
def test_a_cheat_fails_only_if_it_reached_the_defence_and_nothing_came_of_it(
    changes: dict[str, object], expected: Outcome
) -> None:
    assert outcome(SCORER, replace(REACHED, **changes)) is expected  # type: ignore[arg-type]


def test_a_crash_counts_as_caught_only_with_the_words_that_were_expected() -> None:
    strict = replace(SCORER, ends="^crashed: .*symlink")
    crashed = replace(REACHED, ending="crashed: the checkpoint is a symlink", value=None)
    assert outcome(strict, crashed) is Outcome.CAUGHT
    assert outcome(strict, replace(crashed, ending="crashed: TypeError")) is Outcome.BROKEN
    assert outcome(strict, REACHED) is Outcome.BROKEN


def test_without_a_sandbox_what_only_it_stops_is_never_counted_as_caught() -> None:
    assert outcome(CHEAT, REACHED, sandboxed=False) is Outcome.NOT_HELD
    worked = replace(REACHED, sprung=("a file was changed",))
    assert outcome(CHEAT, worked, sandboxed=False) is Outcome.NOT_HELD
    assert outcome(SCORER, worked, sandboxed=False) is Outcome.WORKED
    both = replace(CHEAT, held_by=("seal", "sandbox"))
    assert outcome(both, REACHED, sandboxed=False) is Outcome.WITHOUT_EFFECT
    assert outcome(both, worked, sandboxed=False) is Outcome.NOT_HELD


def test_what_a_sandbox_says_that_it_does_not_hold_is_not_held_rather_than_worked() -> None:
    worked = replace(REACHED, sprung=("one of the user's files was changed",))
    known = replace(SCORER, gap="it can hide CPU")
    gaps = ("it can hide CPU seconds of some",)
    assert find(known, worked, BAR, sandboxed=True).outcome is Outcome.WORKED
    held = replace(known, held_by=("budget", "sandbox"))
    assert find(held, worked, BAR, sandboxed=True, gaps=gaps).outcome is Outcome.NOT_HELD
    assert find(held, worked, BAR, sandboxed=True, gaps=("other",)).outcome is Outcome.WORKED


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Outcome.PASSED),
        ({"cut": True}, Outcome.FLAGGED),
        ({"ending": "crashed: MemoryError", "value": None}, Outcome.FLAGGED),
        ({"ending": "refused: too large", "value": None}, Outcome.FLAGGED),
        ({"ending": "tainted: busy", "value": None, "repeated": True}, Outcome.FLAGGED),
    ],
)
def test_an_honest_patch_that_is_not_scored_is_flagged(
    changes: dict[str, object], expected: Outcome
) -> None:
    honest = replace(CHEAT, cheats=False)
    assert outcome(honest, replace(REACHED, **changes)) is expected  # type: ignore[arg-type]


def test_few_control_runs_make_a_gain_smaller() -> None:
    assert replace(BAR, runs=4).gain(3.4) < BAR.gain(3.4) < replace(BAR, runs=200).gain(3.4)
    assert replace(BAR, minimum=False).gain(3.4) == -BAR.gain(3.4)


SANDBOXED = pytest.mark.skipif(
    current_sandbox().name == UNSANDBOXED, reason="only a sandbox stops many of the cheats"
)


def held(entries: Sequence[Entry]) -> list[Entry]:
    """Those that this machine's sandbox does not say itself that it can't hold."""
    gaps = current_sandbox().gaps
    return [e for e in entries if not (e.gap and any(g.startswith(e.gap) for g in gaps))]


def assert_nothing_gets_through(entries: Sequence[Entry], controls: int = CONTROLS) -> None:
    torch = os.environ.get(TORCH_PYTHON, "")
    report = run_redteam(
        "microgpt", entries, lambda *_: None, controls=controls, torch_python=torch
    )
    bad = [finding for finding in report.findings if finding.outcome.bad]
    assert bad == []
    assert report.ledger == ()
    assert report.ok
    assert len(report.findings) == len(entries)


@pytest.mark.slow
@SANDBOXED
def test_the_first_cheat_that_each_wall_holds_fails_and_an_honest_patch_passes() -> None:
    first = {defence: entry for entry in reversed(held(CHEATS)) for defence in entry.held_by}
    assert first.keys() == HELD_BY
    cheats = {first[wall].name: first[wall] for wall in WALLS}
    assert_nothing_gets_through([*cheats.values(), HONEST[0]], controls=4)


@pytest.mark.long
@SANDBOXED
def test_on_this_machine_no_cheat_works_and_no_honest_patch_is_flagged() -> None:
    entries = held(catalogue())
    assert len(entries) >= len(catalogue()) - 1
    assert_nothing_gets_through(entries)


@pytest.mark.long
@SANDBOXED
def test_cheats_of_array_scoring_fail_and_an_honest_patch_of_it_passes() -> None:
    """All of them: a run takes half a second."""
    of_arrays = [entry for entry in held(catalogue()) if entry.kind == ARRAYS]
    assert_nothing_gets_through(of_arrays, controls=4)


def test_without_torch_the_cheats_of_token_scoring_are_reported_as_not_tried() -> None:
    entries = [entry for entry in catalogue() if entry.kind == OF_TOKENS]
    report = run_redteam("microgpt", entries, lambda *_: None)
    assert {finding.outcome for finding in report.findings} == {Outcome.NOT_TRIED}
    assert [finding.name for finding in report.findings] == [entry.name for entry in entries]
    assert all(TORCH_PYTHON in finding.words for finding in report.findings)
    assert report.ok, "what could not be tried is said, and is no failure of the lab"
    assert report.count(Outcome.CAUGHT) == 0


@pytest.mark.slow
@pytest.mark.torch
@SANDBOXED
@pytest.mark.skipif(not os.environ.get(TORCH_PYTHON), reason=f"set ${TORCH_PYTHON}")
def test_cheats_of_token_scoring_fail_where_there_is_torch() -> None:
    names = ("tokens-look-ahead", "tokens-shaved-loss", "tokens-larger-prior")
    entries = chosen("microgpt", names)
    report = run_redteam(
        "microgpt", entries, lambda *_: None, controls=2, torch_python=os.environ[TORCH_PYTHON]
    )
    assert [finding for finding in report.findings if finding.outcome.bad] == []
    assert report.count(Outcome.NOT_TRIED) == 0


@pytest.mark.long
def test_without_a_sandbox_cheats_work_and_are_listed_as_not_held() -> None:
    before = dict(os.environ)
    names = ["write-outside", "forged-measurement", "forged-print"]
    entries = chosen("microgpt", [*names, "wider"])
    report = run_redteam("microgpt", entries, lambda *_: None, sandbox=UNSANDBOXED, controls=3)
    found = {finding.name: finding for finding in report.findings}
    for name in names[:2]:
        assert found[name].outcome is Outcome.NOT_HELD
        assert "only a sandbox stops it" not in found[name].words  # it worked for real
    assert "was changed" in found["write-outside"].words
    assert "sigma better" in found["forged-measurement"].words
    assert found["forged-print"].outcome is Outcome.WITHOUT_EFFECT
    assert found["wider"].outcome is Outcome.PASSED
    assert not report.ok
    assert dict(os.environ) == before
