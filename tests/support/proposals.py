"""Proposals for small repositories that need no git: a commit of texts, with files around it."""

import os
from collections.abc import Mapping
from pathlib import Path

from autoresearch.attachment.contract_proposal import propose
from autoresearch.attachment.proposal_parts import Answers, Proposal
from autoresearch.git.snapshot import Snapshot

NOTHING = Answers()
NOWHERE = Path("/nowhere/my work")


def seen(files: Mapping[str, str], root: Path = NOWHERE) -> Snapshot:
    """A commit of these texts; whatever else lies below `root` is untracked."""
    folders = {parent for name in files for parent in Path(name).parents}
    around = []
    for folder, below, names in os.walk(root):
        here = Path(folder).relative_to(root)
        for name in [*below]:
            if here / name not in folders:
                around.append(f"{(here / name).as_posix()}/")
                below.remove(name)
        around += [(here / n).as_posix() for n in names if (here / n).as_posix() not in files]
    return Snapshot(
        root=root,
        files=tuple(files),
        untracked=tuple(sorted(around)),
        read=lambda path: files.get(path, ""),
    )


def look(files: Mapping[str, str], answers: Answers = NOTHING, *, root: Path = NOWHERE) -> Proposal:
    """What is proposed for it."""
    return propose(seen(files, root), answers, {})
