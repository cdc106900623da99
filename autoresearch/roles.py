"""Roles of child processes, each imported only when it is needed."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


def run_role(name: str, arguments: Sequence[str]) -> int:
    """Run a role and return its exit status.

    `name` comes from our own code only; ValueError for any other.
    """
    if name in _PLAIN:
        return _PLAIN[name]()
    if name not in _IN_FOLDER:
        raise ValueError(f"no role is named {name!r}")
    folder = Path(arguments[0])
    if name in _DETACHED:
        from autoresearch.system.detach import detach

        if not detach(_DETACHED[name](folder)):
            return 0
    return _IN_FOLDER[name](folder)


def _supervise(folder: Path) -> int:
    from autoresearch.training.supervisor import supervise

    return supervise(folder)


def _supervise_undisturbed(folder: Path) -> int:
    from autoresearch.training.supervisor import ignore_others, supervise

    return supervise(folder, ignore_others)


def _environment(folder: Path) -> int:
    from autoresearch.setup.background_build import build_environment

    return build_environment(folder)


def _score(folder: Path) -> int:
    from autoresearch.scoring.scorer import score_run

    return score_run(folder)


def _search(settings: Path) -> int:
    from autoresearch.search.process import search_process

    return search_process(settings)


def _campaign(folder: Path) -> int:
    from autoresearch.campaigns.guardian import guard

    def supervise() -> int:
        from autoresearch.campaigns.supervisor import supervise_campaign

        return supervise_campaign(folder)

    return guard(supervise)


def _snippets() -> int:
    from autoresearch.sandboxes.snippets import serve

    return serve()


def _bytecode() -> int:
    from autoresearch.system.bytecode import compile_product

    return compile_product()


_PLAIN: Mapping[str, Callable[[], int]] = {"snippets": _snippets, "bytecode": _bytecode}
_IN_FOLDER: Mapping[str, Callable[[Path], int]] = {
    "supervise": _supervise,
    "supervise_undisturbed": _supervise_undisturbed,
    "environment": _environment,
    "score": _score,
    "search": _search,
    "campaign": _campaign,
}


def _errors_within(folder: Path) -> Path:
    return folder / "supervisor.err"


def _errors_beside(folder: Path) -> Path:
    return folder.with_suffix(".err")


# Roles that outlive whoever starts them, and the file of their errors.
_DETACHED: Mapping[str, Callable[[Path], Path]] = {
    "supervise": _errors_within,
    "supervise_undisturbed": _errors_within,
    "environment": _errors_beside,
    "campaign": _errors_within,
}
