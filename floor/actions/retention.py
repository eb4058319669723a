"""Daily partitions of raw readings: made ahead of time, dropped whole when they are too old."""

from datetime import date, datetime, timedelta

from django.db import connection, transaction

PREFIX = "floor_reading_"
DAYS_AHEAD = 7


@transaction.atomic
def ensure_partitions(first: date, last: date) -> None:
    """Make the partition of each UTC day in [first, last]; existing ones stay as they are."""
    with connection.cursor() as cursor:
        # Two starters at once: one waits here instead of failing on a name that exists.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('floor_reading partitions'))")
        day = first
        while day <= last:
            name = f"{PREFIX}{day:%Y%m%d}"
            cursor.execute(
                f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF floor_reading"
                f" FOR VALUES FROM ('{day:%Y-%m-%d} 00:00+00') TO ('{day + timedelta(days=1):%Y-%m-%d} 00:00+00')"
            )
            day += timedelta(days=1)


def keep_partitions(now: datetime, *, keep_days: int) -> list[str]:
    """Make the coming week's partitions and drop those older than `keep_days`; return the names dropped."""
    today = now.date()
    ensure_partitions(today - timedelta(days=1), today + timedelta(days=DAYS_AHEAD))
    oldest = f"{PREFIX}{today - timedelta(days=keep_days):%Y%m%d}"
    gone = [name for name in partitions() if name < oldest]
    with connection.cursor() as cursor:
        for name in gone:
            cursor.execute(f"DROP TABLE {name}")
    return gone


def partitions() -> list[str]:
    """Names of the daily partitions, oldest first; the one for strays is left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = 'floor_reading'::regclass AND c.relname ~ %s ORDER BY 1",
            [f"^{PREFIX}[0-9]{{8}}$"],
        )
        return [row[0] for row in cursor.fetchall()]
