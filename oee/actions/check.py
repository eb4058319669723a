"""Compare what is stored with what the facts say."""

from collections.abc import Iterator
from typing import Any

from django.db import OperationalError, connection, transaction

from floor.models import Line
from oee.actions.facts import read_facts
from oee.actions.rebuild import ENTRY_COLUMNS, HOUR_COLUMNS, STOP_COLUMNS, derive_all, fold, news, rows_of
from oee.models import HourTotals, LedgerEntry, LineDerived, Stop
from oee.setup import LineSetup, setups

KINDS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (Stop, STOP_COLUMNS),
    (LedgerEntry, ENTRY_COLUMNS),
    (HourTotals, HOUR_COLUMNS),
)
TRIES = 5


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
        seen = derived.seen_version if derived else 0
        version, since = news(line.id, seen)
        if seen and version > seen:
            fold(setup, since)  # facts that wait to be folded are no difference
        found = list(_compare(setup))
        transaction.set_rollback(True)
    return found


def _compare(setup: LineSetup) -> Iterator[str]:
    found = derive_all(setup, read_facts(setup, None))
    for machine in setup.machines:
        wanted = rows_of(setup, machine.id, found[machine.id]) if machine.id in found else ([], [], [])
        for (model, columns), rows in zip(KINDS, wanted, strict=True):
            stored = _values(model.objects.filter(equipment=machine), columns)
            derived = _values(rows, columns)
            name = f"{machine.code} {model._meta.verbose_name}"
            yield from (f"{name}: stored, not derived: {_spell(row)}" for row in sorted(stored - derived, key=repr))
            yield from (f"{name}: derived, not stored: {_spell(row)}" for row in sorted(derived - stored, key=repr))


def _values(rows: Any, columns: tuple[str, ...]) -> set[tuple[object, ...]]:
    return {tuple(getattr(row, name) for name in columns) for row in rows}


def _spell(row: tuple[object, ...]) -> str:
    return ", ".join(str(value) for value in row if value not in (None, ""))
