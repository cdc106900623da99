"""Files that a commit names and does not hold: Git LFS content and submodules, taken as inputs."""

import shlex
from collections.abc import Collection, Iterator

from autoresearch.attachment.same_program.places import covers
from autoresearch.errors import ContractError
from autoresearch.git.content_elsewhere import is_pointer
from autoresearch.git.snapshot import Snapshot

SHOWN = 5


def content_elsewhere(snapshot: Snapshot, leave_out: Collection[str]) -> dict[str, str]:
    """Return the places of what lies in the user's folder, with the reason.

    Raises ContractError where the folder has Git LFS pointers in place of content.
    """
    wanted = [path for path in snapshot.lfs if not any(covers(one, path) for one in leave_out)]
    pointers = [path for path in wanted if is_pointer(snapshot.root / path)]
    if pointers:
        more = f" and {len(pointers) - SHOWN} more" if len(pointers) > SHOWN else ""
        raise ContractError(
            f"Git carries only a pointer in place of {', '.join(pointers[:SHOWN])}{more}, and the "
            "content is not in your folder: a run would take the pointer's text for data.",
            "Run `git lfs pull`, then this again; or name what no run needs: "
            f"--leave-out {shlex.quote(pointers[0])}.",
            reason="lfs_content_missing",
        )
    found = {
        path: "git carries a Git LFS pointer; your folder has the content"
        for path in wanted
        if (snapshot.root / path).is_file()
    }
    absent = set(absent_submodules(snapshot))
    for folder in snapshot.submodules:
        if folder not in absent and not any(covers(one, folder) for one in leave_out):
            found[folder] = "a submodule, as it is checked out"
    return found


def absent_submodules(snapshot: Snapshot) -> Iterator[str]:
    """Yield the submodules that are not checked out."""
    for folder in snapshot.submodules:
        place = snapshot.root / folder
        if not place.is_dir() or not any(place.iterdir()):
            yield folder


def absence_words(snapshot: Snapshot) -> str:
    """Return a sentence on submodules that are not checked out, "" where none is missing."""
    absent = list(absent_submodules(snapshot))
    if not absent:
        return ""
    what = "submodule" if len(absent) == 1 else "submodules"
    return (
        f"The {what} {', '.join(absent[:SHOWN])} {'is' if len(absent) == 1 else 'are'} not checked "
        "out, so a run has none of its files: `git submodule update --init`."
    )
