"""Edits of one table in a TOML file of which everything else stays as its user wrote it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tomlkit.items import InlineTable, Item, Key, Table

Fields = dict[str, Any]


class NotEditableError(ValueError):
    """The file is not TOML, or holds something else where the table belongs."""


def block(path: tuple[str, str], fields: Fields) -> str:
    """Return the text of a table, as it stands in a file of its own."""
    import tomlkit

    document = tomlkit.document()
    outer = tomlkit.table(is_super_table=True)
    outer.add(path[1], _table(fields))
    document.add(path[0], outer)
    return tomlkit.dumps(document)


def set_table(text: str, path: tuple[str, str], merge: Callable[[Fields], Fields]) -> str:
    """Return `text` with the table at `path` as `merge` makes it of what it holds now.

    Keys that are there keep their place and their comments. Raises NotEditableError.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError
    from tomlkit.items import InlineTable

    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise NotEditableError(str(error).rstrip(".")) from error
    outer = document.get(path[0], {})
    inner = outer.get(path[1]) if _fields(outer, path[0]) else None
    where = ".".join(path)
    if inner is None and not isinstance(outer, InlineTable):
        # At the end, because tomlkit would put it between a comment and what that is about.
        fresh = block(path, merge({}))
        return f"{text.rstrip()}\n\n{fresh}" if text.strip() else fresh
    if inner is None:
        outer[path[1]] = _inline(merge({}))
        return tomlkit.dumps(document)
    old = _fields(inner, where)
    _check_kinds(old, merge({}), where)
    _update(inner, merge(old))
    return tomlkit.dumps(document)


def _fields(value: Any, where: str) -> Fields:  # noqa: ANN401 - any TOML
    plain = value.unwrap() if hasattr(value, "unwrap") else value
    if not isinstance(plain, dict):
        raise NotEditableError(f"`{where}` is not a table")
    return plain


def _check_kinds(old: Fields, new: Fields, where: str) -> None:
    for key in old.keys() & new.keys():
        for kind in (dict, list, str):
            if isinstance(old[key], kind) != isinstance(new[key], kind):
                raise NotEditableError(f"`{where}.{key}` is not what it should be")
        if isinstance(new[key], dict):
            _check_kinds(old[key], new[key], f"{where}.{key}")


def _update(table: Any, wanted: Fields) -> None:  # noqa: ANN401 - tables have no common type
    from tomlkit.items import Table

    for key in [key for key in table if key not in wanted]:
        del table[key]
    new = {key: value for key, value in wanted.items() if key not in table}
    for key, value in wanted.items():
        if key in new or table[key] == value:
            continue
        if isinstance(value, dict):
            _update(table[key], value)
        elif isinstance(value, list) and value[: len(table[key])] == table[key]:
            table[key].extend(value[len(table[key]) :])  # comments within stay
        else:
            table[key] = value
    if isinstance(table, Table) and _has_headers(table):
        _add(table, new)
        return
    for key, value in new.items():
        table[key] = _inline(value) if isinstance(value, dict) else value


def _add(table: "Table", new: Fields) -> None:
    import tomlkit
    from tomlkit.items import SingleKey, Table

    body = table.value.body
    last = next((key for key, item in reversed(body) if key and not isinstance(item, Table)), None)
    for name, value in new.items():
        if isinstance(value, dict):
            with _without_trailing_comments(table):
                table.add(name, _table(value))
            continue
        # After the last key: `add` would put it below a comment on the table that follows.
        key = SingleKey(name)
        if last is None:
            table.value._insert_at(0, key, tomlkit.item(value))
        else:
            table.value._insert_after(last, key, tomlkit.item(value))
        last = key


def _has_headers(table: "Table") -> bool:
    """Return whether it is written below a header, or its tables are: not by dotted keys."""
    from tomlkit.items import Table

    return not table.is_super_table() or all(
        isinstance(item, Table) and not key.is_dotted() for key, item in table.value.body if key
    )


@contextmanager
def _without_trailing_comments(table: "Table") -> Iterator[None]:
    """Set aside what stands between a table and the next, which is about the next."""
    body = _last(table).value.body
    held: list[tuple[Key | None, Item]] = []
    while body and body[-1][0] is None:
        held.append(body.pop())
    yield
    _last(table).value.body.extend(reversed(held))


def _last(table: "Table") -> "Table":
    """Return the innermost table that stands last in it."""
    from tomlkit.items import Table

    items = [item for key, item in table.value.body if key is not None]
    return _last(items[-1]) if items and isinstance(items[-1], Table) else table


def _table(fields: Fields) -> "Table":
    import tomlkit

    inner = [value for value in fields.values() if isinstance(value, dict)]
    table = tomlkit.table(is_super_table=bool(inner) and len(inner) == len(fields))
    for key, value in fields.items():
        table.add(key, _table(value) if isinstance(value, dict) else value)
    return table


def _inline(fields: Fields) -> "InlineTable":
    import tomlkit

    table = tomlkit.inline_table()
    for key, value in fields.items():
        table.add(key, _inline(value) if isinstance(value, dict) else value)
    return table
