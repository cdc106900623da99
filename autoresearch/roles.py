"""Roles of child processes, each imported only when it is needed."""

from collections.abc import Sequence
from pathlib import Path


def run_role(name: str, arguments: Sequence[str]) -> int:
    """Run a role and return its exit status.

    `name` comes from our own code only; ValueError for any other.
    """
    if name in ("snippets", "bytecode"):
        return _without_folder(name)
    folder = Path(arguments[0])
    if name in ("supervise", "supervise_undisturbed"):
        from autoresearch.system.detach import detach

        if not detach(folder / "supervisor.err"):
            return 0
        from autoresearch.training.supervisor import ignore_others, supervise

        return supervise(folder) if name == "supervise" else supervise(folder, ignore_others)
    if name == "environment":
        from autoresearch.system.detach import detach

        if not detach(folder.with_suffix(".err")):
            return 0
        from autoresearch.setup.background_build import build_environment

        return build_environment(folder)
    if name in ("score", "search"):
        return _attached(name, folder)
    raise ValueError(f"no role is named {name!r}")


def _attached(name: str, path: Path) -> int:
    """Run a role that ends with whoever started it."""
    if name == "score":
        from autoresearch.scoring.scorer import score_run

        return score_run(path)
    from autoresearch.search.process import search_process

    return search_process(path)


def _without_folder(name: str) -> int:
    if name == "snippets":
        from autoresearch.sandboxes.snippets import serve

        return serve()
    from autoresearch.system.bytecode import compile_product

    return compile_product()
