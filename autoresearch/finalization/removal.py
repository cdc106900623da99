"""Leave kept patches out of the code they are part of: merges in the lab's own repository.

Nothing here runs code, and no branch names the commits that are made.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from autoresearch.git.bulk_reads import read_commits
from autoresearch.git.repository import Repository
from autoresearch.git.three_way_merge import MergeRefusedError, merge_trees
from autoresearch.ledger.history import History


@dataclass(frozen=True, slots=True)
class KeptLine:
    """The keeps that led to the incumbent, and the code without some of them."""

    repository: Repository
    history: History

    @property
    def keeps(self) -> tuple[str, ...]:
        """Return what was kept and not reversed, in the order in which it was kept; not e0."""
        return self.history.kept[1:]

    def commit_of(self, experiment: str) -> str:
        """Return the commit of an experiment's code."""
        return self.history.experiments[experiment].commit

    def base_of(self, keep: str) -> str:
        """Return the commit that a keep's patch was made on."""
        base = self.history.experiments[keep].base
        assert base is not None  # only e0 has none, and it is no keep
        return self.commit_of(base)

    def tree_of(self, commit: str) -> str:
        """Return the tree of a commit."""
        [found] = read_commits(self.repository, [commit])
        assert found is not None
        return found.tree

    def tree_without(self, left_out: Collection[str], upto: str | None = None) -> str:
        """Return the tree of a keep's code (None: the incumbent's) without some of the keeps.

        Keeps after `upto` are not in its code, so they are passed over. The newest patch goes
        first, as it may build on an older one. Raises MergeRefusedError where one can't be left
        out.
        """
        last = upto or self.history.kept[-1]
        tree = self.tree_of(self.commit_of(last))
        line = self.history.kept[: self.history.kept.index(last) + 1]
        for keep in reversed(line):
            if keep in left_out:
                tree = merge_trees(self.repository, self.commit_of(keep), tree, self.base_of(keep))
        return tree

    def commit_without(self, left_out: Collection[str]) -> str:
        """Return a commit of the incumbent's code without these keeps; the same one every time."""
        if not left_out:
            return self.commit_of(self.history.kept[-1])
        tip = self.history.kept[-1]
        tree = self.tree_without(left_out)
        words = f"{tip} without {', '.join(self.in_order(left_out))}"
        at = self.history.proposed_at[tip]
        return self.repository.commit_tree(tree, (self.commit_of(tip),), words, at=at)

    def removable(self, keep: str, beside: Collection[str] = ()) -> bool:
        """Return whether a keep can be left out, with those `beside` it left out too."""
        try:
            self.tree_without({keep, *beside})
        except MergeRefusedError:
            return False
        return True

    def built_on(self, keep: str) -> str | None:
        """Return the first later keep after which it can be left out no more, if there is one."""
        for later in self.keeps[self.keeps.index(keep) + 1 :]:
            try:
                self.tree_without({keep}, upto=later)
            except MergeRefusedError:
                return later
        return None

    def in_order(self, names: Collection[str]) -> tuple[str, ...]:
        """Return these keeps in the order in which they were kept."""
        return tuple(keep for keep in self.keeps if keep in names)


def variant_name(left_out: Sequence[str]) -> str:
    """Return the name of the code without these keeps; it is a folder's too."""
    return f"without-{'-'.join(left_out)}" if left_out else "whole"
