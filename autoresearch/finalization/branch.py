"""The branch at the end: one commit a surviving idea on the code as it was found.

Commits are made in the lab's own repository, with the times at which their ideas were proposed, so
that making them again gives the same ids. Then one new branch is written into the user's
repository; no branch of theirs moves, and nothing is pushed. A target that ships has no repository
of the user's: its branch is one of the lab's own repository.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from autoresearch.errors import InvalidStateError
from autoresearch.finalization.ablation import Ablation, KeepAnswer
from autoresearch.finalization.passenger_test import Standing
from autoresearch.finalization.removal import KeptLine
from autoresearch.finalization.wording import (
    gain_words,
    proposer_words,
    standing_words,
    subject_of,
)
from autoresearch.git.three_way_merge import MergeRefusedError
from autoresearch.git.user_repository import Source, check_branch_name
from autoresearch.lab import Lab


@dataclass(frozen=True, slots=True, kw_only=True)
class IdeaCommit:
    """One commit of the branch: a surviving idea, or several that can't be told apart."""

    keeps: tuple[str, ...]
    subject: str  # the message's first line
    body: str  # the rest of it
    tree: str

    @property
    def message(self) -> str:
        """Return the whole message."""
        return f"{self.subject}\n\n{self.body}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A branch as it was written."""

    branch: str
    commit: str  # its tip
    repository: Path
    shipped: bool  # in the lab's own repository, as a shipped target has no other

    @property
    def look(self) -> str:
        """Return the command that shows it, or that brings it to the user."""
        where = quote(str(self.repository))
        if self.shipped:
            return f"git clone -b {self.branch} {where}"
        return f"git -C {where} log -p {self.branch}"


def idea_commits(lab: Lab, line: KeptLine, ablation: Ablation) -> tuple[IdeaCommit, ...]:
    """Return the commits in their order, the last with the final code; none if nothing stands.

    A keep whose patch can't be had without a later one shares that one's commit.
    """
    answers = {one.keep: one for one in ablation.answers}
    shown = [keep for keep in ablation.standing if answers[keep].standing is not Standing.GONE]
    commits: list[IdeaCommit] = []
    before = line.tree_of(line.commit_of(line.history.kept[0]))
    waiting: list[str] = []
    for keep in shown:
        waiting.append(keep)
        last = keep == shown[-1]
        tree = _tree(line, ablation.dropped, None if last else keep)
        if tree is None or tree == before:
            continue
        body = "\n\n".join(_paragraphs(lab, line, answers[one]) for one in waiting)
        commits.append(
            IdeaCommit(keeps=tuple(waiting), subject=_subject(line, waiting), body=body, tree=tree)
        )
        before, waiting = tree, []
    return tuple(commits)


def write_commits(line: KeptLine, commits: Sequence[IdeaCommit]) -> str:
    """Make the commits, each on the one before and the first on e0; return the last."""
    tip = line.commit_of(line.history.kept[0])
    for one in commits:
        at = line.history.proposed_at[one.keeps[-1]]
        tip = line.repository.commit_tree(one.tree, (tip,), one.message, at=at)
    return tip


def check_branch(lab: Lab, branch: str) -> None:
    """Raise InvalidStateError or GitError where the branch could not be written later."""
    source = lab.settings.origin.repository
    if source is None:
        check_branch_name(lab.repository.git, branch)
        return
    Source.open(source)
    check_branch_name(Source.open(source).git, branch)


def existing_tip(lab: Lab, branch: str) -> str | None:
    """Return the commit of a branch that is there already."""
    source = lab.settings.origin.repository
    if source is None:
        return lab.repository.resolve(f"refs/heads/{branch}")
    return Source.open(source).tip(branch)


def publish(lab: Lab, tip: str, branch: str) -> Published:
    """Write the new branch; one that is there and points at the same commit is left as it is.

    Raises InvalidStateError where a branch of that name points at something else.
    """
    source = lab.settings.origin.repository
    there = existing_tip(lab, branch)
    if there is not None and there != tip:
        raise branch_exists(lab, branch)
    if there is None and source is not None:
        lab.repository.publish(tip, into=source, branch=branch)
    elif there is None and not lab.repository.move_refs({f"refs/heads/{branch}": (tip, None)}):
        raise branch_exists(lab, branch)
    return Published(
        branch=branch,
        commit=tip,
        repository=source or lab.repository.path,
        shipped=source is None,
    )


def branch_exists(lab: Lab, branch: str) -> InvalidStateError:
    """Return the error for a name that is taken."""
    where = lab.settings.origin.repository or lab.repository.path
    return InvalidStateError(
        f"{where} already has a branch {branch!r}, with other commits.",
        "Give a new name with --branch; the lab never moves a branch of yours.",
        reason="branch_exists",
    )


def _tree(line: KeptLine, dropped: Sequence[str], upto: str | None) -> str | None:
    """Return a keep's code without the passengers; None if they can't be left out there."""
    try:
        return line.tree_without(dropped, upto=upto)
    except MergeRefusedError:
        if upto is None:
            raise  # the final code was measured, so it can be had
        return None


def _subject(line: KeptLine, keeps: Sequence[str]) -> str:
    subject = subject_of(line.history.experiments[keeps[-1]])
    return f"{', '.join(keeps)}: {subject}" if len(keeps) > 1 else subject


def _paragraphs(lab: Lab, line: KeptLine, answer: KeepAnswer) -> str:
    history, metric = line.history, lab.contract.metric
    known = history.experiments[answer.keep]
    verdict = history.verdicts[answer.keep]
    at_the_end = gain_words(answer, metric.unit)
    at_the_end = f"{metric.attributed(at_the_end)}; " if at_the_end else ""
    stack = f" (a stack of {', '.join(known.stack)})" if known.stack else ""
    return "\n".join(
        (
            f"Hypothesis: {' '.join(known.hypothesis.split())}",
            f"Effect on {metric.name} when it was kept: {verdict.sentence}",
            f"Effect at the end: {at_the_end}{standing_words(answer)}",
            f"Proposed by: {proposer_words(known.proposer)}",
            f"Experiment: {answer.keep}{stack} of the lab {lab.name}, commit {known.commit[:12]}",
        )
    )
