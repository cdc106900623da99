"""Private folders and files, which no run may see, wherever a contract finds them."""

import sys
from collections.abc import Collection
from functools import cache
from pathlib import Path

from autoresearch.sandboxes import interpreter_folders

_USER_PLACES = (
    *(".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".netrc", ".git-credentials"),
    *(".pypirc", ".npmrc", ".password-store", ".config/gcloud", ".config/gh", ".config/rclone"),
    *(".local/share/keyrings", ".cache/huggingface/token", ".huggingface/token", ".mozilla"),
    *(".config/google-chrome", ".bash_history", ".zsh_history", ".claude", ".codex"),
)
_SYSTEM_PLACES = (
    "/etc/shadow",
    "/etc/gshadow",
    "/proc",
    "/sys",
    "/dev",
    "/run/user",
    "/run/secrets",
)


def private_in(path: Path, others: Collection[Path] = ()) -> Path | None:
    """Return the private place that a path is, lies in or contains; None if there is none.

    `others` are private too, such as the lab's home, which holds the ledger and held-out data.
    """
    for place in (*others, *_places(Path.home())):
        resolved = place.resolve()
        if path == resolved or resolved in path.parents:
            return place
        if path in resolved.parents and resolved.exists():
            return place
    return Path(".git") if ".git" in path.parts else None


@cache
def _places(user: Path) -> tuple[Path, ...]:
    own = [user / name for name in _USER_PLACES]
    return (
        *own,
        *map(Path, _SYSTEM_PLACES),
        *interpreter_folders.of_product(sys.executable),
    )
