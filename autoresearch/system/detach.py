"""Detachment from the process that started this one, before slow imports. Standard library only."""

import os
from pathlib import Path


def detach(errors: Path) -> bool:
    """Fork twice with a new session in between; return True in the grandchild, which has no pipes.

    A client that kills its process tree by parent, or its session, does not reach the grandchild.
    The grandchild's standard error goes to the file `errors`.
    """
    if os.fork():
        return False
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    log = os.open(errors, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for opened, standard in ((null, 0), (null, 1), (log, 2)):
        os.dup2(opened, standard)
    return True
