"""How long derived rows are kept. The ledger goes with the details it is made of, totals and stops stay for longer."""

from datetime import datetime

from django.conf import settings
from django.db import connection, models, transaction

from floor.actions.retention import detail_horizon, kept_from
from oee.models import HourLoss, HourTotals, LedgerEntry, Stop

BATCH = 5000
BATCHES = 40
# Table → when a row lies wholly before a moment. An open stop never does.
DETAILS: dict[type[models.Model], str] = {LedgerEntry: "ended_at <= %s"}
ROLL_UPS: dict[type[models.Model], str] = {
    HourTotals: "ends_at <= %s",
    HourLoss: "starts_at < %s",
    Stop: "ended_at <= %s",
}


def drop_old_figures(now: datetime) -> int:
    """Delete derived rows that are older than they are kept, a bounded number at a time; return how many."""
    rolled_up_from = kept_from(now, days=settings.ROLLUP_RETENTION_DAYS)
    return _drop_all(DETAILS, detail_horizon(now)) + _drop_all(ROLL_UPS, rolled_up_from)


def _drop_all(tables: dict[type[models.Model], str], before: datetime) -> int:
    return sum(_drop(model._meta.db_table, is_old, before) for model, is_old in tables.items())


def _drop(table: str, is_old: str, before: datetime) -> int:
    statement = f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE {is_old} LIMIT {BATCH})"  # noqa: S608
    count = 0
    for _ in range(BATCHES):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [before])
            gone = cursor.rowcount
        count += gone
        if gone < BATCH:
            break
    return count
