"""Compare what is stored with what the facts say."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

from django.db import OperationalError, connection, models, transaction

from floor.models import Line
from oee.actions.facts import read_facts
from oee.actions.rebuild import STOP_COLUMNS, Values, derivable, derive_all, fold, news, rows_of, stored
from oee.models import HourLoss, HourTotals, LedgerEntry, LineDerived, Stop
from oee.setup import LineSetup, setups

TRIES = 5
ENDED = STOP_COLUMNS.index("ended_at")


def differences(line: Line) -> list[str]:
    """Derive a line again from nothing and tell each stored row that is missing, extra or different.

    Nothing is changed. The line may be live: facts and rows are compared in one snapshot of the database.
    """
    for _ in range(TRIES - 1):
        try:
            return _compare_in_snapshot(line)
        except OperationalError:  # the worker folded new facts into the same rows meanwhile
            continue
    return _compare_in_snapshot(line)


def _compare_in_snapshot(line: Line) -> list[str]:
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        setup = setups([line])[line.id]
        derived = LineDerived.objects.filter(line=line).first()
        if derived is not None:
            latest = news([derived])[line.id]
            if derived.seen_version and latest.version > derived.seen_version:
                fold([setup], latest.since)  # facts that wait to be folded are no difference
        found = list(_compare(setup))
        transaction.set_rollback(True)
    return found


def _compare(setup: LineSetup) -> Iterator[str]:
    machines, start = [machine.id for machine in setup.machines], derivable(setup, None)
    codes = {machine.id: machine.code for machine in setup.machines}
    wanted = rows_of([setup], derive_all(setup, read_facts([setup], start)))
    for model, rows in zip((Stop, LedgerEntry, HourTotals, HourLoss), wanted, strict=True):
        kept, derived, name = set(_kept(model, machines, start)), set(rows), model._meta.verbose_name
        yield from (f"{codes[row[0]]} {name}: stored, not derived: {_spell(row)}" for row in _in_order(kept - derived))
        yield from (f"{codes[row[0]]} {name}: derived, not stored: {_spell(row)}" for row in _in_order(derived - kept))


def _kept(model: type[models.Model], machines: list[UUID], start: datetime | None) -> Iterable[Values]:
    """Stored rows that can be derived again; a stop that reaches into that time can."""
    rows = stored(model, machines, None if model is Stop else start)
    if model is not Stop or start is None:
        return rows
    return [row for row in rows if row[ENDED] is None or row[ENDED] >= start]


def _in_order(rows: set[Values]) -> list[Values]:
    return sorted(rows, key=lambda row: (str(row[0]), row[1]))


def _spell(row: Values) -> str:
    return ", ".join(str(value) for value in row[1:] if value not in (None, ""))
