"""Leases of slots: file locks, which the kernel frees when their holder dies.

A core is leased below the lab's home. A GPU is leased by its uuid in one folder for all homes of a
user, so that two labs that number GPUs differently never meet on one; a run that does not share it
takes all its places.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from filelock import FileLock

from autoresearch.devices.slots import MOST_SHARED, Slot
from autoresearch.run_directory import RunSpec
from autoresearch.system.locks import try_lock


@dataclass(frozen=True, slots=True)
class Lease:
    """The locks that a run holds; `device` names its slots, separated by commas."""

    device: str
    locks: tuple[FileLock, ...]

    def release(self) -> None:
        """Release the locks."""
        for lock in self.locks:
            lock.release()


class LeaseSet:
    """The leases that one run needs: one GPU, or as many cores as it computes with.

    While it waits for several cores, it keeps those it has, or runs on one core would always be
    quicker. Only one run at a time may do that, so no two wait for each other.
    """

    def __init__(self, spec: RunSpec) -> None:
        self._spec = spec
        self._uuids = {name: uuid for name, uuid, _ in spec.gpus}
        self._count = 1 if spec.gpus else max(1, min(spec.cpus, len(spec.devices)))
        self._turn: FileLock | None = None
        self._cores: dict[str, FileLock] = {}

    def take(self, fits: Callable[[str], bool] = lambda _: True) -> Lease | None:
        """Return a lease of free slots that fit, None while there are too few."""
        if self._count == 1:
            return next(filter(None, (self._take_one(n, fits) for n in self._spec.devices)), None)
        return self._gather()

    def all_free(self) -> bool:
        """Return whether no run holds any slot that this one may lease."""
        for name in self._spec.devices:
            locks = try_locks(self._files(name))
            if locks is None:
                return False
            Lease(name, locks).release()
        return True

    def give_up(self) -> None:
        """Release all that was gathered so far."""
        for lock in (*self._cores.values(), *filter(None, (self._turn,))):
            lock.release()
        self._cores, self._turn = {}, None

    def _take_one(self, name: str, fits: Callable[[str], bool]) -> Lease | None:
        locks = try_locks(self._files(name))
        if locks is None:
            return None
        lease = Lease(name, locks)
        if fits(name):
            return lease
        lease.release()
        return None

    def _gather(self) -> Lease | None:
        folder = Path(self._spec.devices_dir)
        folder.mkdir(parents=True, exist_ok=True)
        self._turn = self._turn or try_lock(folder / "gathering.lock")
        if self._turn is None:
            return None
        for name in self._spec.devices:
            if len(self._cores) < self._count and name not in self._cores:
                lock = try_lock(folder / f"{name}.lock")
                if lock is not None:
                    self._cores[name] = lock
        if len(self._cores) < self._count:
            return None
        names = [name for name in self._spec.devices if name in self._cores]
        lease = Lease(",".join(names), tuple(self._cores.values()))
        self._turn.release()
        self._turn, self._cores = None, {}
        return lease

    def _files(self, name: str) -> list[Path]:
        uuid = self._uuids.get(name, "")
        folder = self._spec.gpu_leases if uuid else self._spec.devices_dir
        return _files(name, uuid, Path(folder))


def gpu_leases() -> Path:
    """Return the folder where this user's GPUs are leased, whatever the lab's home is.

    It is not the user's runtime folder, which a logout empties while runs go on.
    """
    return Path(platformdirs.user_data_dir("autoresearch-mcp", appauthor=False)) / "gpus"


def try_locks(files: Sequence[Path]) -> tuple[FileLock, ...] | None:
    """Take all of these locks and return them, or none."""
    taken: list[FileLock] = []
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = try_lock(file)
        if lock is None:
            for earlier in taken:
                earlier.release()
            return None
        taken.append(lock)
    return tuple(taken)


def is_leased(slot: Slot, cores: Path, gpus: Path) -> bool:
    """Return whether any part of the slot is leased; `cores` and `gpus` are the leases' folders."""
    uuid = slot.device.uuid if slot.device.is_gpu else ""
    return any(map(_is_held, _files(slot.name, uuid, gpus if uuid else cores)))


def leased_cores(names: Iterable[str], folder: Path) -> tuple[str, ...]:
    """Return the cores that are leased now."""
    return tuple(name for name in names if _is_held(folder / f"{name}.lock"))


def _is_held(path: Path) -> bool:
    lock = try_lock(path) if path.exists() else None
    if lock is not None:
        lock.release()
    return lock is None and path.exists()


def _files(name: str, uuid: str, folder: Path) -> list[Path]:
    """Return the lock files of a slot; a core has no uuid."""
    if not uuid:
        return [folder / f"{name.replace('/', '.')}.lock"]
    _, shared, place = name.partition("/")
    places = [int(place)] if shared else range(1, MOST_SHARED + 1)
    return [folder / f"{uuid.replace('/', '_')}.{n}.lock" for n in places]
