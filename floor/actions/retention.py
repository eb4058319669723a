"""How long facts are kept: pieces of time are made ahead, dropped whole when too old, and events pruned with them.

Details are what figures can be derived from again: minutes, edges, faults and counter events. The totals made from
them are kept for longer; each app prunes its own by settings.ROLLUP_RETENTION_DAYS.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

from floor import timeseries
from floor.models import RetentionMark
from floor.timeseries import MINUTES, READINGS, SERIES, Series

log = structlog.get_logger(__name__)

DAYS_AHEAD = 7
# Whoever asked for the horizon just before midnight may still be at work on the day that it left behind.
GRACE = timedelta(hours=1)
# A stop in the first seconds of the horizon looks for a fault shortly before it.
MARGIN = timedelta(hours=1)
# A lock that is not to be had within this is tried again the next time: waiting for it would hold up recording.
LOCK_WAIT = "2s"
BATCH = 5000
BATCHES = 40

# Opening edge per machine by the key (equipment, at), then what lies before it: index scans only.
EDGES = """
DELETE FROM floor_stateedge WHERE id IN (
    SELECT old.id FROM floor_equipment m
    CROSS JOIN LATERAL (SELECT at FROM floor_stateedge WHERE equipment_id = m.id AND at < %(before)s
                        ORDER BY at DESC LIMIT 1) AS opening
    CROSS JOIN LATERAL (SELECT id FROM floor_stateedge WHERE equipment_id = m.id AND at < opening.at
                        ORDER BY at LIMIT %(batch)s) AS old
    LIMIT %(batch)s)
"""
FAULTS = """
DELETE FROM floor_faultevent WHERE id IN (
    SELECT old.id FROM floor_equipment m
    CROSS JOIN LATERAL (SELECT id FROM floor_faultevent WHERE equipment_id = m.id AND on_at < %(before)s
                        AND off_at < %(before)s ORDER BY on_at LIMIT %(batch)s) AS old
    LIMIT %(batch)s)
"""
NOTES = """
DELETE FROM floor_counterevent WHERE id IN (
    SELECT old.id FROM floor_equipment m
    CROSS JOIN LATERAL (SELECT id FROM floor_counterevent WHERE equipment_id = m.id AND at < %(before)s
                        ORDER BY at LIMIT %(batch)s) AS old
    LIMIT %(batch)s)
"""
RECONCILIATIONS = """
DELETE FROM floor_reconciliation WHERE id IN (
    SELECT id FROM floor_reconciliation WHERE hour < %(before)s ORDER BY hour LIMIT %(batch)s)
"""


# ---------------------------------------------------------------- how far back


def detail_horizon(now: datetime) -> datetime:
    """Start of the oldest UTC day for which details are complete; what came before cannot be derived again.

    It never goes back: what was dropped stays dropped, also when details are later kept for longer.
    """
    horizon = kept_from(now, days=settings.DETAIL_RETENTION_DAYS)
    mark = RetentionMark.objects.filter(kind=RetentionMark.Kind.DETAIL).values_list("kept_since", flat=True).first()
    return horizon if mark is None else max(horizon, mark)


def kept_from(now: datetime, *, days: int) -> datetime:
    """The midnight (UTC) from which on things are kept that are kept for so many days and the day that is on."""
    return datetime.combine(now.astimezone(UTC).date() - timedelta(days=days), time(), UTC)


def days_kept(series: Series) -> int:
    days: int = settings.READING_RETENTION_DAYS if series is READINGS else settings.DETAIL_RETENTION_DAYS
    return days


def leaves_at(series: Series, piece: timeseries.Piece) -> datetime:
    """When `piece` will be old enough to be dropped."""
    return piece.end + timedelta(days=days_kept(series)) + GRACE


# ---------------------------------------------------------------- ahead


@transaction.atomic
def ensure_partitions(first: date, last: date) -> None:
    """Make what is missing to hold readings and minutes of the UTC days in [first, last], before they come."""
    with connection.cursor() as cursor:
        for series in SERIES:
            timeseries.cover(cursor, series, _days(first, last))


def partitions(series: Series = READINGS) -> list[str]:
    """Names of the pieces, oldest first; the one for strays is left out."""
    with connection.cursor() as cursor:
        return [piece.name for piece in timeseries.pieces(cursor, series)]


def keep_ahead(now: datetime) -> None:
    """Make the coming week's pieces. Rows that strayed meanwhile come home; those for no sensible time are told."""
    for series in SERIES:
        with _gently(series) as cursor:
            _keep_ahead(cursor, series, now)


def _keep_ahead(cursor: Any, series: Series, now: datetime) -> None:
    today = now.astimezone(UTC).date()
    days = list(_days(today - timedelta(days=1), today + timedelta(days=DAYS_AHEAD)))
    found = timeseries.strays(cursor, series)
    if found is not None:
        log.error("rows strayed", table=series.table, rows=found.count, first=str(found.first), last=str(found.last))
        oldest = kept_from(now - GRACE, days=days_kept(series))
        timeseries.drop_strays(cursor, series, oldest)
        days += [day for day in timeseries.stray_days(cursor, series) if oldest.date() <= day <= days[-1]]
    timeseries.cover(cursor, series, days)


def _days(first: date, last: date) -> Iterator[date]:
    for n in range((last - first).days + 1):
        yield first + timedelta(days=n)


# ---------------------------------------------------------------- behind


def drop_old(now: datetime) -> list[str]:
    """Drop the pieces that lie wholly before what is kept; return their names."""
    dropped = []
    for series in SERIES:
        before = kept_from(now - GRACE, days=days_kept(series))
        with connection.cursor() as cursor:
            due = [piece for piece in timeseries.pieces(cursor, series) if piece.end <= before]
        for piece in due:
            with _gently(series) as cursor:
                timeseries.drop(cursor, series, piece)
                if series is MINUTES:
                    _mark(cursor, before)
                dropped.append(piece.name)
    return dropped


def prune_events(now: datetime) -> int:
    """Delete edges, ended faults and counter events older than details; return how many, at most some batches of each.

    The last edge before stays for every machine: it says in which state the kept time opens. Open faults stay.
    """
    before = kept_from(now - GRACE, days=settings.DETAIL_RETENTION_DAYS)
    return sum(_prune(statement, before - MARGIN, mark=before) for statement in (EDGES, FAULTS, NOTES))


def prune_reconciliations(now: datetime) -> int:
    """Delete comparisons with the counters that are older than totals are kept; return how many."""
    return _prune(RECONCILIATIONS, kept_from(now, days=settings.ROLLUP_RETENTION_DAYS), mark=None)


def _prune(statement: str, before: datetime, *, mark: datetime | None) -> int:
    """In transactions of one batch, so that no lock and no vacuum has to wait for the whole."""
    count = 0
    for _ in range(BATCHES):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, {"before": before, "batch": BATCH})
            gone = cursor.rowcount
            if gone and mark is not None:
                _mark(cursor, mark)
        count += gone
        if gone < BATCH:
            break
    return count


def _mark(cursor: Any, kept_since: datetime) -> None:
    """Remember, in the transaction that drops them, that details before `kept_since` are not complete any more."""
    cursor.execute(
        "INSERT INTO floor_retentionmark AS m (kind, kept_since) VALUES (%s, %s)"
        " ON CONFLICT (kind) DO UPDATE SET kept_since = greatest(m.kept_since, EXCLUDED.kept_since)",
        [RetentionMark.Kind.DETAIL, kept_since],
    )


@contextmanager
def _gently(series: Series) -> Iterator[Any]:
    """A transaction that gives way: what a lock keeps from being done now is done the next time."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_WAIT])
            yield cursor
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        log.warning("table is busy, tried again later", table=series.table)
