"""Resource limits that a child sets on itself between fork and exec, and can't raise."""

import resource
from collections.abc import Callable

from autoresearch.sandboxes.base import Confinement
from autoresearch.system.processes import die_with_parent

_OPEN_FILES = 1024


def limiter(
    confinement: Confinement, further: Callable[[], None] | None = None
) -> Callable[[], None]:
    """Return a `preexec_fn`: die with the parent, set limits, then call `further`.

    Only for parents without threads. A GPU's driver reserves many times the memory that it uses, so
    there only used memory is limited, by the supervisor and the control group.
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
