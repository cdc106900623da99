"""Inputs: files outside git that a run may read, hashed at opening and compared before each run.

Files may have tens of GB, so a file is read again only if its size, time or inode changed since it
was last read; those states are kept beside the ledger, which records the hashes.
"""

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from autoresearch.errors import ContractError
from autoresearch.git.content_elsewhere import is_pointer
from autoresearch.run_directory import write_json
from autoresearch.sandboxes.private_paths import private_in

STATES = "inputs.json"  # in the lab's folder
State = tuple[int, int, int, str]  # size, time of change (ns), inode, hash of the content
States = dict[str, State]  # by path below the input; "" is the input itself


@dataclass(frozen=True, slots=True)
class Input:
    """One file or folder: its source, and the place at which a run sees it.

    The place is relative (to the run's tree), from ~ (its home folder), or absolute (the source).
    """

    source: Path
    place: str


def find_inputs(
    names: Collection[str],
    repository: Path | None,
    committed: Collection[str],
    private: Collection[Path],
    elsewhere: Collection[str] = (),
) -> tuple[Input, ...]:
    """Return the inputs that a contract names; raise ContractError with a fix for each mistake.

    Of a folder that git carries in part, the rest is an input; of a submodule, all but its `.git`.
    `committed` are the files whose content the commit holds, `elsewhere` the submodules and Git LFS
    pointers, of which it has names alone. `private` are the lab's home and other places that no run
    may see, beside those that are always private.
    """
    found: list[Input] = []
    mistakes: list[str] = []
    reasons: set[str] = set()
    for name in names:
        try:
            for one in _parts(_locate(name, repository), committed, elsewhere):
                _refuse_private(one, private)
                found.append(one)
        except (ContractError, OSError) as error:
            mistakes.append(f"- inputs.read_only: {error}")
            reasons.add(error.reason if isinstance(error, ContractError) else "input_unreadable")
    if mistakes:
        reason = reasons.pop() if len(reasons) == 1 else "inputs"
        raise ContractError("\n".join(mistakes), reason=reason)
    return tuple(dict.fromkeys(found))


def input_at(place: str, repository: Path | None) -> Input:
    """Return the input that a lab recorded at a place."""
    return Input(_source(place, repository), place)


def hash_inputs(inputs: Collection[Input], folder: Path) -> tuple[tuple[str, str], ...]:
    """Return (place, hash) of each input, and store the file states in the lab's folder."""
    states = {one.place: read_states(one.source, {}) for one in inputs}
    write_json(folder / STATES, states)
    return tuple((place, digest(_without_bytecode(found))) for place, found in states.items())


def changed_inputs(
    recorded: Collection[tuple[str, str]], repository: Path | None, folder: Path
) -> tuple[str, ...]:
    """Return a sentence for each input that changed since it was recorded."""
    if not recorded:
        return ()
    known, now = _stored_states(folder), {}
    said = []
    for place, sha256 in recorded:
        before = known.get(place, {})
        try:
            now[place] = read_states(_source(place, repository), before)
        except (OSError, ContractError) as error:
            said.append(f"The input {place} can no longer be read: {error}.")
            continue
        if sha256 not in (digest(now[place]), digest(_without_bytecode(now[place]))):
            change = _first_change(before, now[place])
            said.append(f"The input {place} has changed since the lab was opened{change}")
    if not said and now != known:
        write_json(folder / STATES, now)
    return tuple(said)


def read_states(source: Path, known: Mapping[str, State]) -> States:
    """Return the state of every file; content is read only if `known` lacks the file's state."""
    found: States = {}
    for name, path in _files(source):
        s = path.lstat()
        size, time_ns, inode = s.st_size, s.st_mtime_ns, s.st_ino
        before = known.get(name)
        if before is not None and before[:3] == (size, time_ns, inode):
            found[name] = before
        elif stat.S_ISLNK(s.st_mode):
            found[name] = (size, time_ns, inode, f"link to {path.readlink()}")
        else:
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            found[name] = (size, time_ns, inode, sha256)
    return found


def digest(states: Mapping[str, State]) -> str:
    """Return a file's hash, or one over the sorted paths, sizes and hashes in a folder."""
    if set(states) == {""}:
        return states[""][3]
    lines = (f"{name}\0{states[name][0]}\0{states[name][3]}\n" for name in sorted(states))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _without_bytecode(states: States) -> States:
    """Return the files but Python's bytecode in a folder, which changes as the user goes on."""
    return {name: s for name, s in states.items() if not name.endswith(".pyc")}


def _locate(name: str, repository: Path | None) -> Input:
    """Locate an input; raise ContractError if there is no such file or folder."""
    place = os.path.normpath(name)
    if place.split("/")[0] in ("..", ".") or not name:
        raise ContractError(
            f"{name!r} is not a path in the repository: name files or folders in it",
            reason="input_path",
        )
    if not place.startswith(("/", "~/")) and repository is None:
        raise ContractError(
            f"{name!r} is relative, but a shipped target has no repository: give the full path",
            reason="input_of_shipped",
        )
    source = _source(place, repository)
    if not (source.is_file() or source.is_dir()):
        raise ContractError(
            f"{name!r} is missing ({source} is neither a file nor a folder): make or fetch it, or "
            "remove it from the contract",
            reason="input_absent",
        )
    if is_pointer(source):
        raise ContractError(
            f"{name!r} is a Git LFS pointer, whose content is not here: run `git lfs pull`",
            reason="input_is_pointer",
        )
    return Input(source, place)


def _source(place: str, repository: Path | None) -> Path:
    if place.startswith("~/"):
        return Path(place).expanduser().resolve()
    return ((repository or Path("/")) / place).resolve()


def _parts(found: Input, committed: Collection[str], elsewhere: Collection[str]) -> Iterator[Input]:
    """Yield the input, or, if the commit holds a part of it, the rest."""
    place = found.place
    if place.startswith(("/", "~/")):
        yield found
    elif place in committed:
        raise ContractError(
            f"{place!r} is already in the commit: remove it from the contract",
            reason="input_committed",
        )
    elif not (
        any(path.startswith(f"{place}/") for path in (*committed, *elsewhere))
        or _is_checkout(found.source)
    ):
        yield found
    else:
        for path in sorted(found.source.iterdir()):
            one = f"{place}/{path.name}"
            if one not in committed and path.name != ".git":
                yield from _parts(Input(path.resolve(), one), committed, elsewhere)


def _is_checkout(folder: Path) -> bool:
    """Return whether a submodule's files are checked out in a folder, or below it."""
    return folder.is_dir() and any(
        path.name == ".git" and path.is_file() for _, path in _files(folder)
    )


def _refuse_private(one: Input, private: Collection[Path]) -> None:
    """Raise ContractError if it contains, or lies in, a private place."""
    found = private_in(one.source, private)
    if found is None:
        found = next((path for _, path in _files(one.source) if path.name == ".git"), None)
    if found is not None:
        raise ContractError(
            f"{one.place!r} would show runs {found}, which they may not see: name the files and "
            "folders that they need, one by one",
            reason="input_private",
        )


def _files(source: Path) -> Iterator[tuple[str, Path]]:
    """Yield every file and symbolic link with its path below the source; `.git` counts as a file.

    Raises ContractError for anything that is neither a file nor a folder, and OSError.
    """
    if not source.is_dir():
        yield "", source
        return
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        with os.scandir(source / folder) as entries:
            below = list(entries)
        for entry in below:
            name = os.path.join(folder, entry.name)  # noqa: PTH118 - names are text, for the record
            if entry.is_dir(follow_symlinks=False) and entry.name != ".git":
                waiting.append(name)
            elif entry.is_file() or entry.is_symlink() or entry.name == ".git":
                yield name, Path(entry.path)
            else:
                raise ContractError(
                    f"{entry.path} is neither a file nor a folder", reason="input_special"
                )


def _stored_states(folder: Path) -> dict[str, States]:
    """Return the stored states, {} if they are unreadable, so that all files are read again."""
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
        written = json.loads((folder / STATES).read_text())
        return {
            place: {name: (int(a), int(b), int(c), str(d)) for name, (a, b, c, d) in found.items()}
            for place, found in written.items()
        }
    return {}


def _first_change(before: Mapping[str, State], now: Mapping[str, State]) -> str:
    """Return a text with the first changed file, if known."""
    contents = [{name: state[3] for name, state in one.items()} for one in (before, now)]
    for name in sorted({*before, *now}) if before else ():
        if contents[0].get(name) != contents[1].get(name):
            how = "is new" if name not in before else "is gone" if name not in now else "differs"
            return f": {name} {how}." if name else "."
    return "."
