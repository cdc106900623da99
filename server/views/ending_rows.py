"""Rows on how far a lab is from its goal and its limits, for a table."""

from collections.abc import Iterator

from autoresearch.verdicts.ending import Ending


def ending_rows(ending: Ending | None) -> Iterator[tuple[str, str]]:
    """Yield (name, text) of the goal and of each limit that the contract sets."""
    if ending is None:
        return
    if ending.goal is not None:
        now = f"{ending.goal:g}, not reached yet"
        yield "goal", ending.sentence if ending.reached else now
    used = []
    if ending.most_experiments is not None:
        used.append(f"{ending.experiments} of {ending.most_experiments} experiments")
    if ending.most_hours is not None:
        used.append(f"{ending.hours:.1f} of {ending.most_hours:g} hours")
    if used:
        over = ": no further experiment is taken" if ending.used_up else ""
        yield "limits", f"{' and '.join(used)} used{over}"
