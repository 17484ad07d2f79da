"""What the scheduler compares builds of one share by, for the database: `scheduler.Ready.urgency` over rows."""

from typing import TYPE_CHECKING, Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import DateTimeField, F, FloatField, Func, Q, Subquery
from django.db.models.functions import Coalesce
from django.db.models.sql.compiler import SQLCompiler

if TYPE_CHECKING:
    from summit.models.tasks import BuildTask

_Sql = tuple[str, Any]


class _Seconds(Func):
    """Gives a moment in seconds since 1970."""

    arity = 1
    output_field = FloatField()

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: str) -> _Sql:
        template = "((julianday(%(expressions)s) - 2440587.5) * 86400.0)"  # days since noon, 24 November 4714 BC
        return self.as_sql(compiler, connection, template=template, **context)

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: str) -> _Sql:
        template = "EXTRACT(EPOCH FROM %(expressions)s)::double precision"
        return self.as_sql(compiler, connection, template=template, **context)


# Seconds of the longest chain that waits for a build, less the moment since when it waits.
URGENCY = F("priority") - _Seconds(Coalesce("queued_at", "created_at", output_field=DateTimeField()))
# What goes first, as far as it does not depend on what shares hold.
FIRST = (F("is_expedited").desc(), F("is_security").desc(), URGENCY.desc(), F("pk").asc())


def goes_before(task: "BuildTask") -> Q:
    """Filters rows, annotated with their `urgency`, to what goes before a task."""
    own = Subquery(type(task).objects.filter(pk=task.pk).values(urgency=URGENCY))
    found = Q(urgency__gt=own) | Q(urgency=own, pk__lt=task.pk)
    for mark in ("is_security", "is_expedited"):
        found = Q(found, **{mark: getattr(task, mark)})
        if not getattr(task, mark):
            found |= Q(**{mark: True})
    return found
