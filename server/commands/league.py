"""The command `league`: everybody who ever proposed in this home, side by side."""

from rich.text import Text

from autoresearch.system.home import default_home
from server.commands.output import JsonOption, console, print_json, say, table
from server.reports.home_league import rows_of_home
from server.reports.league_table import (
    LEAGUE_COLUMNS,
    LEAGUE_NOTE,
    league_cells,
    league_figures,
)
from server.views import figures


def league(*, json: JsonOption = False) -> int:
    """Compare all who proposed in this home: agents, searches and people.

    Counts experiments and keeps, sets them against device time and tokens, and scores predictions.
    Exits with 1 if a lab can't be read.
    """
    rows, broken = rows_of_home(default_home())
    if json:
        print_json({"proposers": [league_figures(row) for row in rows], "broken": broken})
        return 1 if broken else 0
    shown = table(*LEAGUE_COLUMNS)
    for column in shown.columns[2:]:
        column.no_wrap = True  # a narrow terminal folds names and no number
    for row in rows:
        shown.add_row(*map(Text, league_cells(row)))
    console.print(shown)
    for line in broken:
        say(line, "red")
    say(LEAGUE_NOTE)
    labs = len({lab for row in rows for lab in row.labs})
    say(f"{figures.count(len(rows), 'proposer')} in {figures.count(labs, 'lab')}")
    return 1 if broken else 0
