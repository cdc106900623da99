"""Output of the commands: one console, tables, JSON, and shared options."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from autoresearch.contract_tables.metric import Metric
from server.views.attribution import who_says

LabOption = Annotated[str, Parameter(name="--lab", help="A lab's name, if there are several.")]
JsonOption = Annotated[bool, Parameter(name="--json", help="Print JSON, for a program.")]

console = Console(highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:  # noqa: ANN401 - anything that JSON can hold
    """One JSON document on stdout."""
    print(json.dumps(plain(value), indent=2, allow_nan=False))


def plain(value: Any) -> Any:  # noqa: ANN401
    """Dataclasses, at any depth, as what JSON can hold."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return value


def say(words: str, style: str = "") -> None:
    """A line for a person; markup in it is not interpreted."""
    console.print(words, style=style or None, markup=False)


def say_who(metric: Metric) -> None:
    """A line on who says the numbers above, where the lab does not compute them itself."""
    words = who_says(metric)
    if words:
        say(words)


@contextmanager
def spinner(on: Console) -> Iterator[Callable[[str], None]]:
    """Show what goes on, in the words passed to the function that it gives, and for how long."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=on,
        transient=True,
    ) as progress:
        task = progress.add_task("")
        yield lambda words: progress.update(task, description=words)


def table(*columns: str) -> Table:
    """An empty table in the house's style."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    return made
