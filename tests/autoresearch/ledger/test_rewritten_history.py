"""A flipped byte of each kind, and a history rewritten in each way: `verify` finds it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from autoresearch.lab import Lab
from autoresearch.ledger import serialization as envelope
from autoresearch.ledger.anchor import Anchor, write_anchor
from autoresearch.ledger.events import Entry
from autoresearch.ledger.history import History
from autoresearch.ledger.ledger import FILE, INCUMBENT_REF, LEDGER_REF
from autoresearch.patches.patch import Edit, prepare
from autoresearch.patches.simplification import simpler
from autoresearch.records import Judged, Proposed, Run, RunFinished, RunStarted
from tests.support.refusals import raises
from tests.support.small import edited

SLOW = pytest.mark.slow  # one or two of a kind in the quick suite stand for all
Rewrite = Callable[[Lab, list[Entry]], list[Entry]]


def found_in(lab: Lab, head: str = "") -> str:
    """What a process that starts now finds."""
    found = Lab.reopen(lab.name, home=lab.home).verify(head)
    assert found.ok == (not found.findings)
    return "\n".join(found.findings)


@pytest.mark.slow
def test_a_lab_that_nobody_touched_agrees(judged_lab: Lab) -> None:
    found = judged_lab.verify()
    assert (found.findings, found.notes) == ((), ())
    assert (found.experiments, found.verdicts, found.signed, found.signer) == (4, 2, 0, "")
    assert found.head == f"{judged_lab.history().head}:{found.entries}"


# Bytes


def loose(name: str) -> Callable[[Lab], Path]:
    def find(lab: Lab) -> Path:
        commits = {key: e.commit for key, e in lab.history().experiments.items()}
        asked = name.format(ledger=LEDGER_REF, **commits)
        known = lab.repository.git.run("rev-parse", asked).decode().strip()
        return lab.repository.path / "objects" / known[:2] / known[2:]

    return find


def inside(name: str) -> Callable[[Lab], Path]:
    return lambda lab: lab.folder / name


def packed(name: str) -> Callable[[Lab], Path]:
    def find(lab: Lab) -> Path:
        lab.repository.git.run("gc", "--quiet", "--prune=now")
        [file] = lab.repository.path.glob(name)
        return file

    return find


@pytest.mark.slow
@pytest.mark.parametrize(
    "find",
    [
        pytest.param(loose("{ledger}"), id="commit of an event", marks=SLOW),
        pytest.param(loose("{ledger}~9^{{tree}}"), id="tree of an event", marks=SLOW),
        pytest.param(loose("{ledger}~9:event.json"), id="record"),
        pytest.param(loose("{e3}"), id="commit of a patch", marks=SLOW),
        pytest.param(loose("{e2}^{{tree}}"), id="tree of a patch", marks=SLOW),
        pytest.param(loose("{e2}:train.py"), id="file of a patch", marks=SLOW),
        pytest.param(inside("repository.git/refs/heads/autoresearch/ledger"), id="ledger's branch"),
        pytest.param(
            inside("repository.git/refs/heads/autoresearch/incumbent"),
            id="incumbent's branch",
            marks=SLOW,
        ),
        pytest.param(inside("repository.git/HEAD"), id="HEAD", marks=SLOW),
        pytest.param(inside("repository.git/info/attributes"), id="attributes", marks=SLOW),
        pytest.param(inside("ledger-head.json"), id="anchor"),
        pytest.param(inside("lab.json"), id="settings", marks=SLOW),
        pytest.param(inside("sealed/documents"), id="held-out data", marks=SLOW),
        pytest.param(packed("objects/pack/*.pack"), id="pack", marks=SLOW),
        pytest.param(packed("objects/pack/*.idx"), id="index of a pack", marks=SLOW),
        pytest.param(packed("packed-refs"), id="packed branches", marks=SLOW),
    ],
)
def test_a_flipped_byte_is_found_and_verify_still_ends_in_words(
    judged_lab: Lab, find: Callable[[Lab], Path]
) -> None:
    file = find(judged_lab)
    sound = file.read_bytes()
    at = sound.index(b"autoresearch/ledger") if file.name == "packed-refs" else len(sound) // 2
    file.chmod(0o600)
    file.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
    assert found_in(judged_lab)
    file.write_bytes(sound)
    assert found_in(judged_lab) == ""


@pytest.mark.long
def test_no_byte_of_branches_head_and_anchor_can_be_flipped_unseen(judged_lab: Lab) -> None:
    for name in (
        "repository.git/refs/heads/autoresearch/ledger",
        "repository.git/refs/heads/autoresearch/incumbent",
        "repository.git/HEAD",
        "ledger-head.json",
    ):
        file = judged_lab.folder / name
        sound = file.read_bytes()
        for at in range(len(sound)):
            file.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
            assert found_in(judged_lab), f"byte {at} of {name}"
        file.write_bytes(sound)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("info/grafts", "", "info/grafts"),
        ("objects/info/alternates", "/elsewhere\n", "alternates"),
        ("info/attributes", "train.py export-ignore\n", "info/attributes"),
        ("config", "[core]\n\tbare = true\n[gpg]\n\tprogram = true\n", "gpg.program is set"),
        ("config", "[core\n", "config"),
    ],
)
def test_what_changes_how_git_reads_the_record_is_found(
    judged_lab: Lab, name: str, content: str, said: str
) -> None:
    file = judged_lab.repository.path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    assert said in found_in(judged_lab)


# Consistent rewrites


def rewrite(lab: Lab, change: Rewrite) -> None:
    """Commit the changed events anew, each on the last, and move the branches along."""
    repo, old = lab.repository, lab.history().entries
    new, head, same = change(lab, list(old)), old[0].commit, True
    for n, entry in enumerate(new):
        same = same and n < len(old) and entry is old[n]
        if same:
            head = entry.commit
            continue
        tree = repo.make_tree({FILE: repo.write_blob(envelope.encode(n, entry.at, entry.event))})
        parents = [head]
        if isinstance(entry.event, Proposed):
            parents.append(entry.event.experiment.commit)
        head = repo.commit_tree(tree, parents, f"{n} {envelope.kind_of(entry.event)}", at=entry.at)
    incumbent = old[-1] and lab.history().experiments[_kept(new)].commit
    present = repo.resolve(INCUMBENT_REF)
    assert repo.move_refs({LEDGER_REF: (head, old[-1].commit), INCUMBENT_REF: (incumbent, present)})


def _kept(entries: list[Entry]) -> str:
    moved = [e.event.verdict for e in entries if isinstance(e.event, Judged)]
    return next((v.experiment for v in reversed(moved) if v.moved_incumbent), "e0")


def also_the_anchor(lab: Lab) -> None:
    head = lab.repository.resolve(LEDGER_REF)
    assert head is not None
    count = len(lab.repository.parents(head))
    write_anchor(lab.folder / "ledger-head.json", Anchor(head=head, count=count))


def a_changed_score(_: Lab, entries: list[Entry]) -> list[Entry]:
    n, report = next(
        (n, e.event.report)
        for n, e in enumerate(entries)
        if isinstance(e.event, RunFinished) and e.event.report.run == "e2-r1"
    )
    assert report.measurement is not None
    better = replace(report, measurement=replace(report.measurement, value=1.0))
    entries[n] = replace(entries[n], event=RunFinished(report=better))
    return entries


def swapped_order(_: Lab, entries: list[Entry]) -> list[Entry]:
    first, second = (
        n
        for n, e in enumerate(entries)
        if isinstance(e.event, RunFinished) and e.event.report.run in ("e0-r1", "e0-r2")
    )
    entries[first], entries[second] = entries[second], entries[first]
    return entries


def a_changed_patch(lab: Lab, entries: list[Entry]) -> list[Entry]:
    n, experiment = next(
        (n, e.event.experiment)
        for n, e in enumerate(entries)
        if isinstance(e.event, Proposed) and e.event.experiment.id == "e3"
    )
    base = lab.history().experiments["e1"].commit
    train = lab.read_file("train.py", base).replace("SMOOTHING = 0.5", "SMOOTHING = 0.26")
    commit = edited(lab.repository, base, {"train.py": train.encode()}, experiment.hypothesis)
    entries[n] = replace(entries[n], event=Proposed(experiment=replace(experiment, commit=commit)))
    return entries


def a_dropped_verdict(_: Lab, entries: list[Entry]) -> list[Entry]:
    return [
        e
        for e in entries
        if not (isinstance(e.event, Judged) and e.event.verdict.experiment == "e2")
    ]


def an_added_run(_: Lab, entries: list[Entry]) -> list[Entry]:
    report = next(e.event.report for e in entries if isinstance(e.event, RunFinished))
    started = RunStarted(run=Run(id="e3-r1", experiment="e3", seed=7))
    finished = RunFinished(report=replace(report, run="e3-r1"))
    last = entries[-1]
    return [*entries, replace(last, event=started), replace(last, event=finished)]


def a_changed_sentence(_: Lab, entries: list[Entry]) -> list[Entry]:
    n, verdict = next(
        (n, e.event.verdict) for n, e in enumerate(entries) if isinstance(e.event, Judged)
    )
    entries[n] = replace(entries[n], event=Judged(verdict=replace(verdict, sentence="superb")))
    return entries


def a_dropped_tail(_: Lab, entries: list[Entry]) -> list[Entry]:
    return entries[:-2]


REWRITES = [
    a_changed_score,
    *(
        pytest.param(change, marks=SLOW)
        for change in (
            *(swapped_order, a_changed_patch, a_dropped_verdict, an_added_run),
            *(a_changed_sentence, a_dropped_tail),
        )
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("change", REWRITES, ids=lambda change: change.__name__)
def test_a_consistent_rewrite_is_not_where_the_anchor_says(
    judged_lab: Lab, change: Rewrite
) -> None:
    rewrite(judged_lab, change)
    said = ("was rewritten: event", "tail was dropped", "Events were added by others")
    assert any(words in found_in(judged_lab) for words in said)


@pytest.mark.slow
@pytest.mark.parametrize("change", REWRITES, ids=lambda change: change.__name__)
def test_who_rewrites_the_anchor_too_is_found_by_a_head_that_was_written_down_elsewhere(
    judged_lab: Lab, change: Rewrite
) -> None:
    head, count = judged_lab.verify().head, len(judged_lab.history().entries)
    rewrite(judged_lab, change)
    also_the_anchor(judged_lab)
    said = found_in(judged_lab, head)
    if change is an_added_run:  # what was written down is in it still, and may go on
        assert said == ""
        head = Lab.reopen(judged_lab.name, home=judged_lab.home).verify().head
        assert head.endswith(f":{count + 2}")
    else:
        assert "that was recorded elsewhere is not in the ledger" in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (a_changed_score, "The verdict on e2 "),
        (a_changed_patch, "The fingerprint that is recorded of e3 is not that of its code"),
    ],
)
def test_even_with_its_anchor_rewritten_a_forged_record_contradicts_itself(
    judged_lab: Lab, change: Rewrite, words: str
) -> None:
    rewrite(judged_lab, change)
    also_the_anchor(judged_lab)
    assert words in found_in(judged_lab)


# What an experiment's record says of its commit


def propose_by_hand(lab: Lab, files: dict[str, bytes | None], **changes: object) -> None:
    """As a lab would that checks nothing: e4, like e3 but for these files and fields."""
    base = lab.history().experiments["e1"].commit
    commit = edited(lab.repository, base, files, "by hand")

    def build(history: History) -> Proposed:
        like = history.experiments["e3"]
        fields = {"id": "e4", "commit": commit, **changes}
        return Proposed(experiment=replace(like, **fields))  # type: ignore[arg-type]

    lab.ledger.append(build)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"notes.md": b"x\n"}, "e4 changes notes.md, which is frozen"),
        ({"train.py": b"x = 1\n"}, "The changes that are recorded of e4 are not those"),
        ({"train.py": None}, "The fingerprint that is recorded of e4"),
    ],
)
def test_a_record_that_its_commit_does_not_bear_out_is_found(
    judged_lab: Lab, files: dict[str, bytes | None], words: str
) -> None:
    propose_by_hand(judged_lab, files)
    assert words in found_in(judged_lab)


@pytest.mark.slow
def test_an_experiment_that_does_not_stand_on_its_base_is_found(judged_lab: Lab) -> None:
    known = judged_lab.history().experiments["e2"]
    judged_lab.ledger.append(
        lambda _: Proposed(experiment=replace(known, id="e4", base="e0", commit=known.commit))
    )
    assert "The commit of e4 does not stand on e0" in found_in(judged_lab)


@pytest.mark.slow
def test_a_simplification_that_is_none_is_found(judged_lab: Lab) -> None:
    base = judged_lab.history().experiments["e1"].commit
    train = judged_lab.read_file("train.py", base).replace("SMOOTHING = 0.5", "SMOOTHING = 0.25")
    propose_by_hand(judged_lab, {"train.py": train.encode()}, simpler=40)
    assert found_in(judged_lab) == "e4 is recorded to be 40 nodes simpler than e1, but it is 0."


@pytest.mark.slow
def test_a_simplification_is_counted_by_the_measure_that_found_it(judged_lab: Lab) -> None:
    base = judged_lab.history().experiments["e1"].commit
    train = judged_lab.read_file("train.py", base)
    body = train[train.index("    counts = ") : train.index("def main")]
    hides = train.replace(body, f'    """\n{body}    """\n    exec(load.__doc__)\n\n\n')
    found = simpler({"train.py": train.encode()}, {"train.py": hides.encode()}, 1)
    assert found > 0
    edits = [Edit(path="train.py", find=train, replace=hides)]
    patch = prepare(judged_lab.repository, base, edits=edits, allow=["train.py"])
    assert patch.simpler == 0
    propose_by_hand(
        judged_lab,
        {"train.py": hides.encode()},
        simpler=found,
        simpler_version=1,
        fingerprint=patch.fingerprint,
        changes=patch.changes,
    )
    assert found_in(judged_lab) == ""


# The secret that chose the held-out part


@pytest.mark.slow
def test_another_split_than_the_lab_committed_to_is_found(judged_lab: Lab) -> None:
    settings = judged_lab.folder / "lab.json"
    assert settings.stat().st_mode & 0o777 == 0o600
    seed = judged_lab.settings.split_seed
    settings.write_text(settings.read_text().replace(str(seed), str(seed + 1)))
    assert "not the one that the lab committed to" in found_in(judged_lab)


@pytest.mark.slow
def test_an_older_lab_without_a_commitment_is_sound_and_that_is_said(judged_lab: Lab) -> None:
    def older(_: Lab, entries: list[Entry]) -> list[Entry]:
        opened = replace(entries[0].event, split_sha256="")  # type: ignore[type-var]
        return [replace(entries[0], event=opened), *entries[1:]]

    repo, entries = judged_lab.repository, older(judged_lab, judged_lab.history().entries)
    head: str | None = None
    for n, entry in enumerate(entries):
        tree = repo.make_tree({FILE: repo.write_blob(envelope.encode(n, entry.at, entry.event))})
        code = [entry.event.experiment.commit] if isinstance(entry.event, Proposed) else []
        parents = [*([head] if head else []), *code]
        head = repo.commit_tree(tree, parents, str(n), at=entry.at)
    repo.move_refs({LEDGER_REF: (head, judged_lab.history().head)})
    also_the_anchor(judged_lab)
    found = Lab.reopen(judged_lab.name, home=judged_lab.home).verify()
    assert found.ok
    assert "opened before labs committed to it" in found.notes[0]


# A head that was written down elsewhere


@pytest.mark.slow
def test_a_written_head_is_compared_however_much_was_added_since(judged_lab: Lab) -> None:
    entries = judged_lab.history().entries
    head = entries[-3].commit
    assert found_in(judged_lab, f"{head}:{len(entries) - 2}") == ""
    assert found_in(judged_lab, head[:12].upper()) == ""
    found = judged_lab.verify(f"{head}:7")
    assert "is not in the ledger" in found.findings[0]
    assert f"and {head[:12]}:7, as given" in found.anchor


@pytest.mark.slow
@pytest.mark.parametrize("text", ["abc", "e7", "0123456789ab:0", "0123456789ab:x", "x" * 40])
def test_what_is_no_head_is_refused_with_what_one_looks_like(judged_lab: Lab, text: str) -> None:
    with raises("lab_error.bad_head", "HASH:COUNT"):
        judged_lab.verify(text)
