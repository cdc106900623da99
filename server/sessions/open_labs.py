"""Labs that this process works in: the home's labs, opened when first asked for.

Does not know tools or threads. The lab's own code is imported with the first lab, so that the
server answers before git and SQLite are needed.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from autoresearch.lab import Lab
    from autoresearch.setup.environment import Recipe


class Labs(Protocol):
    """Source of the tools' labs; tests pass their own."""

    def open(self, source: str) -> "Lab":
        """Create or open the lab of a shipped target, a lab's name, or a repository's path."""

    def get(self, name: str) -> "Lab":
        """An existing lab; "" means the last one opened here, else the only one there is."""


class HomeLabs:
    """The labs in one home folder."""

    def __init__(self, home: Path | None = None) -> None:
        self._home = home
        self._opened: dict[str, Lab] = {}
        self._last = ""

    def open(self, source: str) -> "Lab":
        """Create or open, and make it the one that calls without `lab` mean."""
        from autoresearch.lab import Lab

        _require_environment(source, self._home)
        lab = Lab.open(source, home=self._home)
        lab = self._opened.setdefault(lab.name, lab)
        self._last = lab.name
        return lab

    def get(self, name: str) -> "Lab":
        """The lab of that name; raises NotFoundError with the names there are."""
        wanted = name or self._last
        if wanted not in self._opened:
            from autoresearch.lab import Lab

            lab = Lab.reopen(wanted or None, home=self._home)
            return self._opened.setdefault(lab.name, lab)
        return self._opened[wanted]


def recipe_of(source: str, home: Path) -> "Recipe | None":
    """Return the recipe of a target's or an existing lab's environment, if it has one."""
    from autoresearch.lab import Lab
    from autoresearch.setup.lab_creation import find_source, needed_environment, target_recipe

    found = find_source(source, home)
    if found.existing is None:
        return needed_environment(found)
    lab = Lab.reopen(found.name, home=home)
    commit = lab.history().experiments["e0"].commit
    return target_recipe(lab.contract, lab.repository, commit)


def _require_environment(source: str, home: Path | None) -> None:
    """Raise InvalidStateError while the environment that a target needs is still being built."""
    from autoresearch.setup.background_build import require_built
    from autoresearch.system.home import default_home, lasting_python

    home = home or default_home()
    recipe = recipe_of(source, home)
    if recipe is not None:
        require_built(home, recipe, lasting_python(home))
