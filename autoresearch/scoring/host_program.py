"""Source text of the host programs, and a host's confinement: tree and checkpoint, no documents."""

import os
import re
from pathlib import Path

from autoresearch.devices.grants import make_grant
from autoresearch.run_directory import RunDir, RunSpec
from autoresearch.sandboxes.base import Confinement

_ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = {
    "model_host.py": ("scoring/hosts/host_io.py", "scoring/hosts/model_host.py"),
    "token_host.py": ("scoring/hosts/host_io.py", "scoring/hosts/token_host.py"),
    "array_host.py": (
        "data/array_frames.py",
        "scoring/hosts/host_io.py",
        "scoring/hosts/array_host.py",
    ),
}
_OWN_IMPORT = re.compile(r"^from autoresearch[\w.]* import (?:\([^)]*\)|[^\n(]+)$", re.M)


def program_text(name: str) -> str:
    """Return a host program's text, preceded by our modules that it needs.

    It imports nothing from the tree before it loads the model: such code would run as soon as the
    second host starts, while the first is still being asked.
    """
    outside = "import sys\nsys.path[:] = [path for path in sys.path if path]"
    parts = [_OWN_IMPORT.sub("", (_ROOT / part).read_text()) for part in PROGRAMS[name]]
    return "\n".join((outside, *parts))


def host_confinement(
    rundir: RunDir, spec: RunSpec, vocab: int, scratch: Path, ends: tuple[int, int], program: str
) -> Confinement:
    """Return the confinement of a model: it sees its tree and checkpoint, and no documents.

    It gets the training's variables, since the same file may read them when imported.
    """
    requests, replies = ends
    source = program_text(program)
    checkpoint = str(rundir.out / spec.checkpoint)
    status = rundir.read_status()
    grant = make_grant(spec, status.device if status else "")
    arguments = (spec.entry, checkpoint, str(vocab), str(requests), str(replies))
    environment = {
        **grant.env,
        "AUTORESEARCH_SEED": str(spec.seed),
        "AUTORESEARCH_BUDGET": "0",
        "AUTORESEARCH_BUDGET_UNIT": spec.budget_unit,
        "AUTORESEARCH_CONTEXT": str(spec.context),
        "AUTORESEARCH_VOCAB": str(vocab),
        "AUTORESEARCH_DATA": os.devnull,
        "AUTORESEARCH_OUT": str(scratch),
    }
    return Confinement(
        argv=(spec.python, "-c", source, *arguments),
        cwd=rundir.tree,
        env=environment,
        interpreter=spec.python,
        readable=(rundir.tree, rundir.out / spec.checkpoint, *grant.readable),
        writable=(),
        scratch=scratch,
        links=spec.links(rundir.tree, scratch),
        secluded=True,
        hidden=tuple(map(Path, spec.hidden)),
        devices=grant.devices,
        gpu=grant.gpu,
        memory_mb=spec.memory_mb,
        file_mb=spec.checkpoint_mb,
        pass_fds=(requests, replies),
    )
