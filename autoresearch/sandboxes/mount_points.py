"""Mount points: where a child sees its links and the files of the network.

Links are made in a run's tree or scratch folder, which the lab may write to; an absolute path is
shown at its own place.
"""

import os
from pathlib import Path

from autoresearch.sandboxes.base import Confinement

# Files by which names, ports and certificates are found; nothing private lies there.
NETWORK_FILES = tuple(
    f"/etc/{name}"
    for name in (
        *("resolv.conf", "hosts", "nsswitch.conf", "gai.conf", "services", "protocols"),
        *("ssl/certs", "ssl/openssl.cnf", "ca-certificates", "pki/tls/certs", "pki/ca-trust"),
    )
)


def own_links(confinement: Confinement, *, scratch: bool) -> list[tuple[Path, Path]]:
    """Return the links whose places the lab makes; those in the scratch folder only on demand."""
    folders = (confinement.cwd, *((confinement.scratch,) if scratch else ()))
    return [
        (target, place)
        for target, place in confinement.links
        if any(folder in place.parents for folder in folders)
    ]


def make_mount_points(confinement: Confinement) -> None:
    """Make an empty file or folder to mount on, at each place in the tree."""
    for target, place in own_links(confinement, scratch=False):
        if target.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()


def make_symlinks(confinement: Confinement) -> None:
    """Make a symbolic link at each place."""
    for target, place in own_links(confinement, scratch=True):
        place.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(place):
            place.symlink_to(target)
