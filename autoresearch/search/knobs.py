"""Knobs: named values of the editable files, each with the values that a search may set it to.

They are those that the contract declares. Where it declares none, those found in the syntax tree,
with a range proposed from the value. Pure functions on texts.
"""

import ast
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autoresearch.contract_tables.knobs import KnobTable
from autoresearch.errors import NotFoundError
from autoresearch.search.sites import Site, Value, find_sites, rewrite, written

Settings = Mapping[str, Value]  # by knob


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """One value that a search may turn."""

    name: str
    path: str
    line: int  # 1-based, where its value is written
    value: Value  # that the code has now
    low: float = 0.0  # of a range
    high: float = 1.0
    log: bool = False
    integer: bool = False
    choices: tuple[Value, ...] = ()  # instead of a range
    declared: bool = True  # in the contract; else found in the code

    def share(self, value: Value) -> float:
        """Return the place of a value in the range, 0 to 1; the nearest end for one outside."""
        if self.choices:
            at = self.choices.index(value) if value in self.choices else 0
            return at / (len(self.choices) - 1)
        number = min(max(float(value), self.low), self.high)
        if self.log:
            return math.log(number / self.low) / math.log(self.high / self.low)
        return (number - self.low) / (self.high - self.low)

    def at(self, share: float) -> Value:
        """Return the value at that place, as it will be written; the inverse of `share`."""
        share = min(max(share, 0.0), 1.0)
        if self.choices:
            return self.choices[round(share * (len(self.choices) - 1))]
        if self.log:
            return self.rounded(self.low * (self.high / self.low) ** share)
        return self.rounded(self.low + share * (self.high - self.low))

    def rounded(self, number: float) -> Value:
        """Return a number of the range as it will be written."""
        if self.integer:
            return round(number)
        return float(written(float(number)))

    @property
    def nominal(self) -> bool:
        """Return whether its choices have no order."""
        return any(isinstance(choice, bool | str) for choice in self.choices)

    @property
    def values(self) -> str:
        """The values it may take, for people."""
        if self.choices:
            return ", ".join(written(choice) for choice in self.choices)
        kind = "log" * self.log + " " * (self.log and self.integer) + "whole" * self.integer
        return f"{self.low:g} to {self.high:g}" + (f", {kind}" if kind else "")


Space = tuple[Knob, ...]


def find_space(
    files: Mapping[str, str], tables: Mapping[str, KnobTable], names: Sequence[str] = ()
) -> Space:
    """Return the knobs of these editable files, in the order in which they are written.

    Args:
        files: The editable files' texts by path.
        tables: The knobs that the contract declares.
        names: Those that are wanted, declared or not; () takes all that are declared, or if none
            is, all that are found.

    Raises:
        NotFoundError: A name that is wanted is no knob of these files; the message lists them.
    """
    sites = {path: find_sites(text) for path, text in files.items()}
    declared = [
        knob
        for name, table in tables.items()
        if (knob := _declared(name, table, sites)) is not None
    ]
    found = [knob for path, text in files.items() for knob in _found(path, text, sites[path])]
    known = {knob.name: knob for knob in (*found, *declared)}  # what is declared wins
    for name in names:
        if name not in known:
            raise NotFoundError(
                f"There is no knob {name!r}.",
                f"Knobs: {', '.join(sorted(known)) or 'none'}. A knob is a constant that an "
                "editable file assigns once, at its top level, to a plain number, or "
                "FUNCTION.PARAMETER for a default.",
                reason="knob",
            )
    chosen = [known[name] for name in dict.fromkeys(names)] if names else declared or found
    return tuple(sorted(chosen, key=lambda knob: (knob.path, knob.line, knob.name)))


def settings_of(files: Mapping[str, str], space: Space) -> dict[str, Value]:
    """Return the values that these files give the knobs; those that they don't bind are absent."""
    sites = {path: find_sites(text) for path, text in files.items()}
    return {
        knob.name: sites[knob.path][knob.name].value
        for knob in space
        if knob.name in sites.get(knob.path, {})
    }


def turned(files: Mapping[str, str], space: Space, values: Settings) -> dict[str, str]:
    """Return the new text of each file that setting these knobs changes, by path."""
    new = {}
    for path, text in files.items():
        mine = {k.name: values[k.name] for k in space if k.path == path and k.name in values}
        if mine and (after := rewrite(text, mine)) != text:
            new[path] = after
    return new


def _declared(name: str, table: KnobTable, sites: Mapping[str, Mapping[str, Site]]) -> Knob | None:
    """Return the knob as it stands in the code; None where nothing binds it, or several files."""
    places = [path for path in sites if name in sites[path] and table.path in ("", path)]
    if len(places) != 1:
        return None
    site = sites[places[0]][name]
    if table.choices:
        choices: tuple[Value, ...] = table.choices
        if site.value not in choices:
            choices = (site.value, *choices)
        return Knob(name=name, path=places[0], line=site.line, value=site.value, choices=choices)
    if isinstance(site.value, bool | str) or table.low is None or table.high is None:
        return None
    whole = isinstance(site.value, int) and table.low.is_integer() and table.high.is_integer()
    integer = whole if table.integer is None else table.integer
    log = table.log and site.value > 0  # a factor can't lead to 0, nor away from it
    return Knob(
        name=name,
        path=places[0],
        line=site.line,
        value=site.value,
        low=min(table.low, site.value),  # the code may be outside its own contract's range
        high=max(table.high, site.value),
        log=log,
        integer=integer,
    )


def _found(path: str, text: str, sites: Mapping[str, Site]) -> list[Knob]:
    """Return the numbers of a file that its code reads, each with a range from its value."""
    if not sites:
        return []
    read = {
        node.id
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    knobs = []
    for name, site in sites.items():
        last = name.rpartition(".")[2]
        number = isinstance(site.value, int | float) and not isinstance(site.value, bool)
        if not number or last not in read or "seed" in name.lower() or name.startswith("_"):
            continue  # no patch may choose a seed
        whole = isinstance(site.value, int)
        low, high, log = proposed_range(float(site.value), whole=whole)
        knobs.append(
            Knob(
                name=name,
                path=path,
                line=site.line,
                value=site.value,
                low=low,
                high=high,
                log=log,
                integer=whole,
                declared=False,
            )
        )
    return knobs


def proposed_range(number: float, *, whole: bool) -> tuple[float, float, bool]:
    """Return (low, high, whether steps are factors) for a number of which nothing else is known.

    What lies between 0 and 1 stays there, for it is probably a share: a rate, a decay, a
    probability. From one half up its distance to 1 is what counts, to a quarter and to four times.
    """
    if number < 0:
        low, high, _ = proposed_range(-number, whole=whole)
        return -high, -low, False
    if whole:
        return (0.0, 1.0, False) if number == 0 else (max(1.0, number // 4), 4 * number, True)
    if number == 0:
        return 0.0, 0.3, False
    if number < 0.5:
        return number / 10, min(number * 10, 0.9), True
    if number < 1:
        return max(0.0, 1 - 4 * (1 - number)), 1 - (1 - number) / 4, False
    return number / 4, number * 4, True
