"""Checks that records of experiments match their commits, read in bulk for `verify`.

They repeat what `prepare` ensured when the experiment was proposed. Of the record, only the
commit's id and the base are trusted.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version

from autoresearch.contract import FILE_NAME, Contract, parse_contract, sha256
from autoresearch.data.packed_files import pack_files
from autoresearch.equivalence.fingerprint import fingerprint
from autoresearch.errors import ContractError
from autoresearch.git.bulk_reads import changes_of, outside_of, read_commits
from autoresearch.git.raw_diff import ABSENT, RawChange
from autoresearch.git.repository import Repository
from autoresearch.ledger.history import History
from autoresearch.records import Experiment, FileChange

Files = Mapping[str, bytes]  # editable files by path
Changes = Mapping[str, tuple[RawChange, ...]]  # by commit
Simpler = Callable[[Files, Files, int], int]  # `Experiment.simpler` by its version's measure
_ID = re.compile(r"[0-9a-f]{40}")


class Note(str):
    """Sentence about something that could not be compared; not a finding."""

    __slots__ = ()


def check_experiments(
    repo: Repository, history: History, simpler: Simpler | None = None
) -> Iterator[str]:
    """Yield each disagreement as a sentence; `simpler` is not checked without its function."""
    if history.opened is None or "e0" not in history.experiments:
        return
    misnamed = [e for e in history.experiments.values() if not _ID.fullmatch(e.commit)]
    if misnamed:
        yield from (f"{e.id} does not name a commit: {e.commit[:60]!r}." for e in misnamed)
        return
    first = history.experiments["e0"]
    text: bytes | None = history.opened.contract.encode()  # if it was given beside the files
    if not text:
        [text] = repo.read_many([f"{first.commit}:{FILE_NAME}"])
    if text is None or sha256(text) != history.opened.contract_sha256:
        yield f"{FILE_NAME} of e0 is not the contract that the lab was opened with."
        return
    try:
        contract = parse_contract(text)
    except ContractError as error:
        yield f"The contract of e0 can't be read: {error.message}"
        return
    yield from _check_opening(repo, history, contract)
    sound, strays = _split_by_parent(repo, history)
    yield from strays
    made_by = history.opened.product_version
    changes = changes_of(repo, [e.commit for e in sound])
    outside = outside_of(repo, [e.commit for e in sound], contract.edit.allow)
    for experiment in sound:
        yield from _check_changes(experiment, changes[experiment.commit])
        for path in outside[experiment.commit]:
            yield f"{experiment.id} changes {path}, which is frozen."
    yield from _check_code(repo, contract, first, sound, changes, simpler, made_by)


def _check_opening(repo: Repository, history: History, contract: Contract) -> Iterator[str]:
    assert history.opened is not None
    commit = history.experiments["e0"].commit
    if history.opened.source_commit not in ("", commit):
        yield "e0 is not the commit that the lab was opened on."
    paths = contract.sealed_paths
    found = repo.read_many([f"{commit}:{path}" for path in paths])
    files = [(path, data) for path, data in zip(paths, found, strict=True) if data is not None]
    whole = pack_files(files) if files and len(files) == len(paths) else None
    if paths and (whole is None or sha256(whole) != history.opened.sealed_sha256):
        yield f"{' and '.join(paths)} of e0 is not the data that the lab was opened with."


def _split_by_parent(repo: Repository, history: History) -> tuple[list[Experiment], list[str]]:
    """Return experiments whose only parent is their base's commit, and a sentence on each other."""
    experiments = list(history.experiments.values())
    sound, strays = [], []
    commits = read_commits(repo, [e.commit for e in experiments])
    for experiment, commit in zip(experiments, commits, strict=True):
        if commit is None:
            strays.append(f"The commit {experiment.commit[:12]} of {experiment.id} is missing.")
        elif experiment.base is None:
            continue
        elif commit.parents == (history.experiments[experiment.base].commit,):
            sound.append(experiment)
        else:
            strays.append(f"The commit of {experiment.id} does not stand on {experiment.base}.")
    return sound, strays


def _check_changes(experiment: Experiment, changes: Sequence[RawChange]) -> Iterator[str]:
    found = tuple(
        FileChange(path=one.path, added=one.added, removed=one.removed, spans=one.spans)
        for one in changes
    )
    if found != experiment.changes:
        yield f"The changes that are recorded of {experiment.id} are not those of its patch."


def _check_code(
    repo: Repository,
    contract: Contract,
    first: Experiment,
    sound: Sequence[Experiment],
    changes: Changes,
    simpler: Simpler | None,
    made_by: str,
) -> Iterator[str]:
    """Compare fingerprints and sizes; an experiment's files are its base's with its changes."""
    files = {first.id: _editable(repo, contract, first)}
    if fingerprint(files[first.id]) != first.fingerprint:
        if made_by != version("autoresearch-mcp"):
            yield Note(f"Fingerprints were not compared: version {made_by} made them in its way.")
        else:
            yield "The fingerprint that is recorded of e0 is not that of its code."
        return
    new = _new_contents(repo, sound, changes)
    for experiment in sound:
        before = files.get(experiment.base or "")
        if before is None:
            continue  # something is wrong with its base, and that was said
        gone = {one.path for one in changes[experiment.commit] if one.new_mode == ABSENT}
        kept = {path: content for path, content in before.items() if path not in gone}
        after = files[experiment.id] = {**kept, **new.get(experiment.id, {})}
        if fingerprint(after) != experiment.fingerprint:
            yield f"The fingerprint that is recorded of {experiment.id} is not that of its code."
        if simpler is None:
            continue
        due = simpler(before, after, experiment.simpler_version)
        if due != experiment.simpler:
            yield (
                f"{experiment.id} is recorded to be {experiment.simpler} nodes simpler than "
                f"{experiment.base}, but it is {due}."
            )


def _editable(repo: Repository, contract: Contract, experiment: Experiment) -> Files:
    paths = repo.matching(experiment.commit, contract.edit.allow)
    contents = repo.read_many([f"{experiment.commit}:{path}" for path in paths])
    return {p: c for p, c in zip(paths, contents, strict=True) if c is not None}


def _new_contents(
    repo: Repository, experiments: Sequence[Experiment], changes: Changes
) -> dict[str, dict[str, bytes]]:
    """Return the changed and added files of each experiment, by its id."""
    asked = [
        (experiment, change.path)
        for experiment in experiments
        for change in changes[experiment.commit]
        if change.new_mode != ABSENT and "\n" not in change.path
    ]
    contents = repo.read_many([f"{experiment.commit}:{path}" for experiment, path in asked])
    found: dict[str, dict[str, bytes]] = {}
    for (experiment, path), content in zip(asked, contents, strict=True):
        if content is not None:
            found.setdefault(experiment.id, {})[path] = content
    return found
