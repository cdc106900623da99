"""What git does not carry and a run may read: hashed at opening, compared before each run.

Files may have tens of GB, so a file is read again only where its size, time or inode is another
than when it was last read; what was found then lies beside the ledger, which holds the hashes.
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
from autoresearch.run_directory import write_json
from autoresearch.sandboxes.private_paths import private_in

STATES = "inputs.json"  # in the lab's folder
State = tuple[int, int, int, str]  # size, time of change (ns), inode, hash of the content
States = dict[str, State]  # by path below the input; "" is the input itself


@dataclass(frozen=True, slots=True)
class Input:
    """One file or folder: where it lies, and the place at which a run sees it.

    The place is relative (below the run's tree), from ~ (below its home), or full (where it is).
    """

    source: Path
    place: str


def find_inputs(
    names: Collection[str],
    repository: Path | None,
    committed: Collection[str],
    private: Collection[Path],
) -> tuple[Input, ...]:
    """The inputs that a contract names; raise ContractError, each with what to do.

    Of a folder that git carries in part, what it does not carry. `private` are the lab's home, and
    what no run may see beside that which none may ever see.
    """
    found: list[Input] = []
    mistakes: list[str] = []
    reasons: set[str] = set()
    for name in names:
        try:
            for one in _parts(_located(name, repository), committed):
                _refuse_private(one, private)
                found.append(one)
        except (ContractError, OSError) as error:
            mistakes.append(f"- inputs.read_only: {error}")
            reasons.add(error.reason if isinstance(error, ContractError) else "input_unreadable")
    if mistakes:
        reason = reasons.pop() if len(reasons) == 1 else "inputs"
        raise ContractError("\n".join(mistakes), reason=reason)
    return tuple(dict.fromkeys(found))


def place_again(place: str, repository: Path | None) -> Input:
    """The input that a lab recorded at that place."""
    return Input(_source(place, repository), place)


def hash_inputs(inputs: Collection[Input], folder: Path) -> tuple[tuple[str, str], ...]:
    """(place, hash) of each; what was read is written into the lab's folder."""
    states = {one.place: read_states(one.source, {}) for one in inputs}
    write_json(folder / STATES, states)
    return tuple((place, digest(found)) for place, found in states.items())


def changed_inputs(
    recorded: Collection[tuple[str, str]], repository: Path | None, folder: Path
) -> tuple[str, ...]:
    """What is no longer as it was hashed, a sentence each."""
    if not recorded:
        return ()
    known, now = _known(folder), {}
    said = []
    for place, sha256 in recorded:
        before = known.get(place, {})
        try:
            now[place] = read_states(_source(place, repository), before)
        except (OSError, ContractError) as error:
            said.append(f"The input {place} cannot be read any more: {error}.")
            continue
        if digest(now[place]) != sha256:
            said.append(
                f"The input {place} is not what the lab was opened with{_which(before, now[place])}"
            )
    if not said and now != known:
        write_json(folder / STATES, now)
    return tuple(said)


def read_states(source: Path, known: Mapping[str, State]) -> States:
    """The state of every file; a content is read only where `known` says nothing of the file."""
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
    """Of a file its hash; of a folder one over the paths, sizes and hashes in it, sorted."""
    if set(states) == {""}:
        return states[""][3]
    lines = (f"{name}\0{states[name][0]}\0{states[name][3]}\n" for name in sorted(states))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _located(name: str, repository: Path | None) -> Input:
    """Where that is; ContractError where there is no such file or folder."""
    place = os.path.normpath(name)
    if place.split("/")[0] in ("..", ".") or not name:
        raise ContractError(
            f"{name!r} is no path in the repository: name files or folders in it",
            reason="input_path",
        )
    if not place.startswith(("/", "~/")) and repository is None:
        raise ContractError(
            f"{name!r} is in no repository, since this target ships: give it whole",
            reason="input_of_shipped",
        )
    source = _source(place, repository)
    if not (source.is_file() or source.is_dir()):
        raise ContractError(
            f"{name!r} is not there ({source} is no file and no folder): make or fetch it, or take "
            "it out of the contract",
            reason="input_absent",
        )
    return Input(source, place)


def _source(place: str, repository: Path | None) -> Path:
    if place.startswith("~/"):
        return Path(place).expanduser().resolve()
    return ((repository or Path("/")) / place).resolve()


def _parts(found: Input, committed: Collection[str]) -> Iterator[Input]:
    """All of it, or, where the commit holds some of it, the rest."""
    place = found.place
    if place.startswith(("/", "~/")):
        yield found
    elif place in committed:
        raise ContractError(
            f"{place!r} is in the commit already: take it out of the contract",
            reason="input_committed",
        )
    elif not any(path.startswith(f"{place}/") for path in committed):
        yield found
    else:
        for path in sorted(found.source.iterdir()):
            one = f"{place}/{path.name}"
            if one not in committed:
                yield from _parts(Input(path.resolve(), one), committed)


def _refuse_private(one: Input, private: Collection[Path]) -> None:
    """Raise ContractError where it holds, or lies in, what no run may see."""
    found = private_in(one.source, private)
    if found is None:
        found = next((path for _, path in _files(one.source) if path.name == ".git"), None)
    if found is not None:
        raise ContractError(
            f"{one.place!r} would show a run {found}, which none may see: name the files and "
            "folders that it needs, one by one",
            reason="input_private",
        )


def _files(source: Path) -> Iterator[tuple[str, Path]]:
    """Every file and symbolic link, with its path below the source; `.git` as if it was a file.

    Raises ContractError for what is neither a file nor a folder, and OSError.
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


def _known(folder: Path) -> dict[str, States]:
    """As it was written; nothing where that does not read, so that all is read again."""
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
        written = json.loads((folder / STATES).read_text())
        return {
            place: {name: (int(a), int(b), int(c), str(d)) for name, (a, b, c, d) in found.items()}
            for place, found in written.items()
        }
    return {}


def _which(before: Mapping[str, State], now: Mapping[str, State]) -> str:
    """Which file it is, where that is known."""
    contents = [{name: state[3] for name, state in one.items()} for one in (before, now)]
    for name in sorted({*before, *now}) if before else ():
        if contents[0].get(name) != contents[1].get(name):
            how = "is new" if name not in before else "is gone" if name not in now else "differs"
            return f": {name} {how}." if name else "."
    return "."
