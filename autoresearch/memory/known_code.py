"""Code that was tried before, however it is written: experiments by their normal form.

A ledger has each experiment's normal form with the version that made it. Where it has none, or an
older version's, the form is made again from the commit, for the newest experiments on the
incumbent: on another base the whole code is hardly ever the same.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from autoresearch.equivalence.interface import Interface
from autoresearch.equivalence.near_duplicates import Change, read_change
from autoresearch.equivalence.normal_form import VERSION, interface_of, normal_form
from autoresearch.git.repository import Repository
from autoresearch.ledger.history import History
from autoresearch.records import Experiment

MOST_MADE_AGAIN = 12  # forms that one proposal makes of older experiments


def form_of(
    repository: Repository, history: History, files: dict[str, bytes], allow: Sequence[str]
) -> str:
    """Return the normal form of editable files, beside the original code of this lab."""
    first = history.experiments["e0"].commit
    return normal_form(files, _interface(repository, first, tuple(allow)))


def same_code(
    repository: Repository, history: History, form: str, allow: Sequence[str]
) -> Iterator[Experiment]:
    """Yield the experiments whose code has this normal form, the oldest first."""
    tip = history.kept[-1]
    without = [
        e.id
        for e in history.experiments.values()
        if e.normal_form_version != VERSION and tip in (e.base, e.id)
    ]
    again = {*without[-MOST_MADE_AGAIN:], tip}
    first = history.experiments["e0"].commit
    for known in history.experiments.values():
        if known.normal_form_version == VERSION:
            found = known.normal_form
        elif known.id in again:
            found = _form_at(repository, known.commit, first, tuple(allow))
        else:
            continue
        if found == form:
            yield known


def change_of(repository: Repository, history: History, experiment: Experiment) -> Change:
    """Return what an experiment's patch changes, for a comparison with others."""
    if experiment.base is None:
        return Change((), (), (), ())
    return _change(repository, history.experiments[experiment.base].commit, experiment.commit)


@lru_cache(maxsize=512)
def _change(repository: Repository, base: str, commit: str) -> Change:
    return read_change(repository.diff(base, commit))


@lru_cache(maxsize=8)
def _interface(repository: Repository, commit: str, allow: tuple[str, ...]) -> Interface:
    return interface_of(_files(repository, commit, allow))


@lru_cache(maxsize=256)
def _form_at(repository: Repository, commit: str, first: str, allow: tuple[str, ...]) -> str:
    return normal_form(_files(repository, commit, allow), _interface(repository, first, allow))


def _files(repository: Repository, commit: str, allow: tuple[str, ...]) -> dict[str, bytes]:
    paths = repository.matching(commit, allow)
    contents = repository.read_many([f"{commit}:{path}" for path in paths])
    return {p: c for p, c in zip(paths, contents, strict=True) if c is not None}
