"""The knobs of a lab's code: at the incumbent, and at any experiment's commit."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from autoresearch.errors import InvalidStateError
from autoresearch.lab import Lab
from autoresearch.ledger.history import History
from autoresearch.loop.touched_lines import touched_lines
from autoresearch.patches.patch import Edit
from autoresearch.search.knobs import Settings, Space, find_space, settings_of, turned
from autoresearch.search.neighbours import near_knobs, structural_keep
from autoresearch.search.observations import Observation, observations
from autoresearch.search.sites import Value, written

CACHED = 512  # commits whose files are kept in memory


class LabKnobs:
    """Reads knobs off a lab's commits; `names` narrows them, () takes all."""

    def __init__(self, lab: Lab, names: Sequence[str] = ()) -> None:
        """Read e0's knobs, so that a wrong name is refused at once.

        Raises NotFoundError for a name that is no knob.
        """
        self._lab, self._names = lab, tuple(names)
        self._files = lru_cache(CACHED)(self._read)
        self._near = lru_cache(8)(self._find_near)
        self.space(lab.history())

    def space(self, history: History) -> Space:
        """Return the incumbent's knobs; InvalidStateError if there are none.

        A knob that a keep has done away with is left out.
        """
        files = self._files(history.experiments[history.kept[-1]].commit)
        declared, names = self._lab.contract.knobs, self._names
        if names and len(history.kept) > 1:
            known = {knob.name for each in (declared, {}) for knob in find_space(files, each)}
            names = tuple(name for name in names if name in known)
        gone = self._names and not names
        space = () if gone else find_space(files, declared, names)
        if not space:
            raise InvalidStateError(
                "There is no knob to turn: no editable Python file assigns a plain number once, at "
                "its top level, or as a parameter's default.",
                "Move the numbers worth tuning into such constants, or declare them in [knobs] of "
                "the contract (docs/search.md), and open it as a new lab.",
                reason="no_knobs",
            )
        return space

    def settings_at(self, commit: str) -> dict[str, Value]:
        """Return the values that a commit's code gives the incumbent's knobs."""
        return settings_of(self._files(commit), self.space(self._lab.history()))

    def observations(self, lower: bool) -> Iterator[tuple[str, Observation]]:
        """Yield what every judged experiment showed, the oldest first."""
        return observations(self._lab.history(), self.settings_at, lower=lower)

    def edits(self, history: History, settings: Settings) -> list[Edit]:
        """Return the patch that gives the incumbent these settings; empty if it has them."""
        files = self._files(history.experiments[history.kept[-1]].commit)
        now = turned(files, self.space(history), settings)
        return [Edit(path=path, find=files[path], replace=after) for path, after in now.items()]

    def changes(self, history: History, experiment: str) -> str:
        """Return what an experiment turned, for people: "BETA2 0.9 → 0.99"."""
        known = history.experiments[experiment]
        assert known.base is not None
        before = self.settings_at(history.experiments[known.base].commit)
        after = self.settings_at(known.commit)
        return ", ".join(
            f"{name} {written(before[name])} → {written(value)}"
            for name, value in after.items()
            if name in before and before[name] != value
        )

    def near(self, history: History, space: Space) -> frozenset[str]:
        """Return the knobs near the last structural keep."""
        keep = structural_keep(history)
        return frozenset() if keep is None else self._near(keep, history.kept[-1], space)

    def _find_near(self, keep: str, incumbent: str, space: Space) -> frozenset[str]:
        history = self._lab.history()
        files = self._files(history.experiments[incumbent].commit)

        def touched(experiment: str, path: str) -> tuple[tuple[int, int], ...]:
            return tuple(touched_lines(self._lab, history, path).get(experiment, ()))

        return near_knobs(space, keep, files.__getitem__, touched)

    def _read(self, commit: str) -> dict[str, str]:
        paths = self._lab.repository.matching(commit, self._lab.contract.edit.allow)
        python = [path for path in paths if path.endswith(".py")]
        return {path: self._lab.read_file(path, commit) for path in python}
