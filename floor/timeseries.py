"""Tables of what happened when, cut into pieces by time so that old pieces can be dropped whole.

Every statement that knows how they are cut is here. One of two ways is taken at the first migrate, and the database
itself remembers which: range partitions of plain PostgreSQL, or hypertables of TimescaleDB (2.20 or newer).

Migrations 0002 and 0003 call `choose`, `create` and `cover`: what those send is what every database was made with.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

DAY = timedelta(days=1)
# A chunk is compressed once nothing is expected to change in it; a reader spools for hours, never for a week.
COMPRESS_AFTER = "7 days"
FREE_LICENCE = "apache"


class Branch(StrEnum):
    PARTITIONS = "partitions"
    TIMESCALE = "timescale"


class BranchRefused(Exception):
    """What was asked for cannot be had in this database; `hint` says what to do."""

    def __init__(self, words: str, hint: str) -> None:
        super().__init__(words)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Series:
    """A table cut by `column` into pieces of `step` (whole days). `order` is how rows lie in a compressed chunk."""

    table: str
    column: str
    step: timedelta
    order: str

    @property
    def strays(self) -> str:
        """The partition for rows whose time has no piece: empty, or somebody has to look."""
        return f"{self.table}_strays"

    def first_day(self, day: date) -> date:
        """The day with which the partition of `day` begins; weeks begin on Monday."""
        return day - timedelta(days=(day.toordinal() - 1) % self.step.days)

    def name(self, first_day: date) -> str:
        return f"{self.table}_{first_day:%Y%m%d}"


# A day of readings of 20 machines is 165 MB. A week of minutes is 30 MB: a quarter of details are 13 pieces to plan
# over instead of 90, and dropping whole weeks keeps six days too many at most, where months would keep thirty.
READINGS = Series("floor_reading", "at", DAY, "at DESC")
MINUTES = Series("floor_machineminute", "minute", 7 * DAY, "minute DESC, product_number")
SERIES = (READINGS, MINUTES)


@dataclass(frozen=True, slots=True)
class Piece:
    """A partition or chunk, [start, end). `rows` is the server's estimate, None where it has none yet."""

    name: str
    start: datetime
    end: datetime
    rows: int | None
    size: int
    compressed: bool


@dataclass(frozen=True, slots=True)
class Strays:
    count: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Extension:
    version: str
    licence: str

    @property
    def compresses(self) -> bool:
        """Compression is part of the community edition only; under the Apache licence the server refuses it."""
        return self.licence != FREE_LICENCE


# ---------------------------------------------------------------- which way


def branch(cursor: Any) -> Branch | None:
    """The way this database was made; None before the first migrate."""
    cursor.execute("SELECT relkind FROM pg_class WHERE oid = to_regclass('floor_reading')")
    row = cursor.fetchone()
    if row is None:
        return None
    return Branch.PARTITIONS if row[0] == "p" else Branch.TIMESCALE


def extension(cursor: Any) -> Extension | None:
    cursor.execute(
        "SELECT extversion, current_setting('timescaledb.license', true) FROM pg_extension"
        " WHERE extname = 'timescaledb'"
    )
    row = cursor.fetchone()
    return None if row is None else Extension(row[0], row[1] or "unknown")


def choose(cursor: Any, wanted: Branch) -> Branch:
    """The way to go: what the database is already, else what is wanted. Raises BranchRefused."""
    standing = branch(cursor)
    if standing is Branch.PARTITIONS and wanted is Branch.TIMESCALE:
        raise BranchRefused(
            "MS5_TIMESERIES asks for TimescaleDB, but this database was made with plain partitions, which cannot"
            " become hypertables.",
            "Leave MS5_TIMESERIES out, or begin with an empty database.",
        )
    if standing is None and wanted is Branch.TIMESCALE and not _is_available(cursor):
        raise BranchRefused(
            "MS5_TIMESERIES asks for TimescaleDB, but this PostgreSQL server does not have the extension.",
            "Install TimescaleDB 2.20 or newer on the server, or leave MS5_TIMESERIES out for plain partitions.",
        )
    return standing or wanted


def _is_available(cursor: Any) -> bool:
    cursor.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'")
    return cursor.fetchone() is not None


# ---------------------------------------------------------------- making them


def create(cursor: Any, series: Series, columns: str, way: Branch) -> None:
    """Make the empty table. `columns` has the column definitions and the primary key, the same either way."""
    if way is Branch.PARTITIONS:
        cursor.execute(f"CREATE TABLE {series.table} ({columns}) PARTITION BY RANGE ({series.column})")
        cursor.execute(f"CREATE TABLE {series.strays} PARTITION OF {series.table} DEFAULT")
        return
    cursor.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    cursor.execute(f"CREATE TABLE {series.table} ({columns})")
    cursor.execute(
        f"SELECT create_hypertable('{series.table}', by_range('{series.column}', INTERVAL '{series.step.days} days'),"
        " create_default_indexes => false)"
    )
    if (found := extension(cursor)) is not None and found.compresses:
        _compress(cursor, series)


def _compress(cursor: Any, series: Series) -> None:
    """The names since 2.18; the ones before it are deprecated in every release we accept."""
    cursor.execute(
        f"ALTER TABLE {series.table} SET (timescaledb.enable_columnstore, timescaledb.segmentby = 'equipment_id',"
        f" timescaledb.orderby = '{series.order}')"
    )
    cursor.execute(
        f"CALL add_columnstore_policy('{series.table}', after => INTERVAL '{COMPRESS_AFTER}', if_not_exists => true)"
    )


def cover(cursor: Any, series: Series, days: Iterable[date]) -> list[str]:
    """Make the missing partitions of these UTC days, inside the caller's transaction; return their names.

    A hypertable makes its chunks itself. Strays that belong into a new partition move there.
    """
    if branch(cursor) is not Branch.PARTITIONS:
        return []
    # Two at once: one waits here instead of failing on a name that exists.
    cursor.execute(f"SELECT pg_advisory_xact_lock(hashtext('{series.table} partitions'))")
    wanted = {series.name(first): first for first in sorted({series.first_day(day) for day in days})}
    there = {piece.name for piece in _partitions(cursor, series)}
    missing = {name: first for name, first in wanted.items() if name not in there}
    for name, first in missing.items():
        _add(cursor, series, name, first)
    return list(missing)


def _add(cursor: Any, series: Series, name: str, first: date) -> None:
    """Made apart and then attached: that lets reading and writing of the other partitions go on, CREATE … OF does not.

    The strays are locked first, so that nobody adds one for this time between moving them and attaching.
    """
    start, end = _midnight(first), _midnight(first + series.step)
    cursor.execute(f"LOCK TABLE {series.strays} IN ACCESS EXCLUSIVE MODE")
    cursor.execute(f"CREATE TABLE {name} (LIKE {series.table} INCLUDING ALL)")
    cursor.execute(
        f"WITH home AS (DELETE FROM {series.strays} WHERE {series.column} >= %s AND {series.column} < %s RETURNING *)"
        f" INSERT INTO {name} SELECT * FROM home",
        [start, end],
    )
    cursor.execute(
        f"ALTER TABLE {series.table} ATTACH PARTITION {name} FOR VALUES FROM ('{start:%Y-%m-%d} 00:00+00')"
        f" TO ('{end:%Y-%m-%d} 00:00+00')"
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


# ---------------------------------------------------------------- looking at them


def pieces(cursor: Any, series: Series) -> list[Piece]:
    """All pieces but the one for strays, oldest first."""
    return _partitions(cursor, series) if branch(cursor) is Branch.PARTITIONS else _chunks(cursor, series)


def _partitions(cursor: Any, series: Series) -> list[Piece]:
    cursor.execute(
        "SELECT c.relname, CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END, pg_total_relation_size(c.oid)"
        " FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        f" WHERE i.inhparent = '{series.table}'::regclass AND c.relname ~ '^{series.table}_[0-9]{{8}}$' ORDER BY 1"
    )
    found = []
    for name, rows, size in cursor.fetchall():
        start = datetime.strptime(name.removeprefix(f"{series.table}_"), "%Y%m%d").replace(tzinfo=UTC)
        found.append(Piece(name, start, start + series.step, rows, size, compressed=False))
    return found


def _chunks(cursor: Any, series: Series) -> list[Piece]:
    cursor.execute(
        "SELECT c.chunk_name, c.range_start, c.range_end,"
        " CASE WHEN k.reltuples >= 0 AND NOT c.is_compressed THEN k.reltuples::bigint END,"
        " s.total_bytes, c.is_compressed"
        " FROM timescaledb_information.chunks c"
        f" JOIN chunks_detailed_size('{series.table}') s USING (chunk_schema, chunk_name)"
        " JOIN pg_namespace n ON n.nspname = c.chunk_schema"
        " JOIN pg_class k ON k.relnamespace = n.oid AND k.relname = c.chunk_name"
        f" WHERE c.hypertable_schema = current_schema() AND c.hypertable_name = '{series.table}'"
        " ORDER BY c.range_start"
    )
    return [Piece(*row) for row in cursor.fetchall()]


def strays(cursor: Any, series: Series) -> Strays | None:
    """Rows whose time has no partition; a hypertable makes a chunk for every time and has none."""
    if branch(cursor) is not Branch.PARTITIONS:
        return None
    cursor.execute(f"SELECT count(*), min({series.column}), max({series.column}) FROM {series.strays}")
    count, first, last = cursor.fetchone()
    return Strays(count, first, last) if count else None


def stray_days(cursor: Any, series: Series) -> list[date]:
    """The UTC days of the strays."""
    cursor.execute(f"SELECT DISTINCT ({series.column} AT TIME ZONE 'UTC')::date FROM {series.strays} ORDER BY 1")
    return [row[0] for row in cursor.fetchall()]


# ---------------------------------------------------------------- dropping them


def drop(cursor: Any, series: Series, piece: Piece) -> None:
    """Drop `piece`. Go from the oldest on: TimescaleDB drops by age, not by name."""
    if branch(cursor) is Branch.PARTITIONS:
        cursor.execute(f"DROP TABLE {piece.name}")
    else:
        cursor.execute(f"SELECT drop_chunks('{series.table}', older_than => %s::timestamptz)", [piece.end])


def drop_strays(cursor: Any, series: Series, before: datetime) -> int:
    cursor.execute(f"DELETE FROM {series.strays} WHERE {series.column} < %s", [before])
    count: int = cursor.rowcount
    return count
