"""Limits that a child sets on itself between fork and exec, and keeps."""

import resource
from collections.abc import Callable

from autoresearch.sandboxes.base import Confinement
from autoresearch.system.processes import die_with_parent

_OPEN_FILES = 1024


def limiter(
    confinement: Confinement, further: Callable[[], None] | None = None
) -> Callable[[], None]:
    """A `preexec_fn`: dies with its parent, is limited; then `further`.

    It may only be used where the parent has no threads. A GPU's driver reserves many times the
    memory that it uses, so there only what is used counts: to its supervisor and its control group.
    """
    data = () if confinement.gpu else ((resource.RLIMIT_DATA, confinement.memory_mb * 2**20),)
    limits = (
        *data,
        (resource.RLIMIT_FSIZE, int(confinement.file_mb * 2**20)),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    )

    def limit() -> None:
        die_with_parent()
        for kind, value in limits:
            hard = resource.getrlimit(kind)[1]
            most = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (most, most))
        if further is not None:
            further()

    return limit
