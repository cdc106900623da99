"""The league of a home: every lab's record, read and put side by side."""

from pathlib import Path

from autoresearch.errors import LabError
from autoresearch.finalization.finalization import dropped_by_finalize
from autoresearch.lab import Lab
from autoresearch.system.home import lab_names
from autoresearch.verdicts.league import LabRecord, LeagueRow, league


def rows_of_home(home: Path) -> tuple[tuple[LeagueRow, ...], list[str]]:
    """Return the league of all labs of a home, and a line for each lab that can't be read."""
    records, broken = [], []
    for name in lab_names(home):
        try:
            lab = Lab.reopen(name, home=home)
            history = lab.history()
        except LabError as error:
            broken.append(f"{name}: {error}")
            continue
        dropped = dropped_by_finalize(lab.folder, history) or frozenset()
        records.append(LabRecord(name=name, history=history, dropped=dropped))
    return league(records), broken
