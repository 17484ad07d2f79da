"""Many rows of one table at a time: a fraction of the work of model instances where a whole tree is read."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import TypeVar

from django.db import connection, models

Value = str | int | float | datetime | None
_Item = TypeVar("_Item")
_CHUNK = 500  # as many values as a statement may hold on every database, with room to spare


def chunks(values: Iterable[_Item]) -> Iterator[list[_Item]]:
    """Divides values into lists of which a statement may hold one."""
    rest = iter(values)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk


def insert(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
    """Inserts rows; `columns` are column names, values are what the database driver takes."""
    names = ", ".join(map(connection.ops.quote_name, columns))
    places = ", ".join(["%s"] * len(columns))
    _execute(f"INSERT INTO {_table(model)} ({names}) VALUES ({places})", rows)  # noqa: S608 - names only


def update(
    model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Value]], *, guard: str = ""
) -> None:
    """Updates rows; each is the values of `columns`, the row's id, and what its column `guard` must still hold."""
    changes = ", ".join(f"{connection.ops.quote_name(column)} = %s" for column in columns)
    where = f"{connection.ops.quote_name('id')} = %s"
    if guard:
        where += f" AND {connection.ops.quote_name(guard)} = %s"
    _execute(f"UPDATE {_table(model)} SET {changes} WHERE {where}", rows)  # noqa: S608 - names only


def upsert(
    model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Value]], *, unique: Collection[str]
) -> None:
    """Inserts rows, and gives those that are there already by their `unique` columns the other values."""
    quote = connection.ops.quote_name
    names, places = ", ".join(map(quote, columns)), ", ".join(["%s"] * len(columns))
    changes = ", ".join(f"{quote(name)} = EXCLUDED.{quote(name)}" for name in columns if name not in unique)
    conflict = f"ON CONFLICT ({', '.join(map(quote, unique))}) DO UPDATE SET {changes}"
    _execute(f"INSERT INTO {_table(model)} ({names}) VALUES ({places}) {conflict}", rows)  # noqa: S608 - names only


def delete(model: type[models.Model], keys: Iterable[int]) -> None:
    """Deletes rows that nothing refers to, by their ids: any number of them."""
    where = f"{connection.ops.quote_name('id')} = %s"
    _execute(f"DELETE FROM {_table(model)} WHERE {where}", ((key,) for key in keys))  # noqa: S608 - names only


def _table(model: type[models.Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)  # noqa: SLF001 - Django's documented meta API


def _execute(statement: str, rows: Iterable[Sequence[Value]]) -> None:
    adapted = [[_adapted(value) for value in row] for row in rows]
    with connection.cursor() as cursor:
        cursor.executemany(statement, adapted)


def _adapted(value: Value) -> Value:
    """Gives times the form in which the database's backend stores them."""
    if isinstance(value, datetime):
        stored: Value = connection.ops.adapt_datetimefield_value(value)
        return stored
    return value
