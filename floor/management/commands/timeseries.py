"""manage.py timeseries status [--json]: how readings and minutes lie in the database, and what goes next."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from floor import timeseries
from floor.actions.retention import days_kept, detail_horizon, leaves_at
from floor.timeseries import SERIES, Branch, Series

NONE = "–"
ROW = "  {name:<32} {start:<16} {end:<16} {rows:>14} {size:>10} {compressed:>10}"
HEADINGS = ROW.format(name="piece", start="from", end="to", rows="rows (about)", size="size", compressed="compressed")


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", choices=["status"])
        parser.add_argument("--json", action="store_true", help="for machines")

    def handle(self, *args: Any, **options: Any) -> None:
        status = _status(timezone.now())
        if options["json"]:
            self.stdout.write(json.dumps(status, indent=1, default=_written))
        else:
            self.stdout.write("\n".join(_lines(status)))


def _status(now: datetime) -> dict[str, Any]:
    """`next` is None while nothing is kept; its `at` is in the past where tidying is behind."""
    with connection.cursor() as cursor:
        way = timeseries.branch(cursor)
        if way is None:
            raise CommandError("There are no tables yet. Run manage.py migrate first.")
        extension = timeseries.extension(cursor)
        return {
            "branch": way.value,
            "extension": None if extension is None else asdict(extension),
            "details_complete_since": detail_horizon(now),
            "tables": [_table(cursor, series) for series in SERIES],
        }


def _table(cursor: Any, series: Series) -> dict[str, Any]:
    pieces = timeseries.pieces(cursor, series)
    strays = timeseries.strays(cursor, series)
    return {
        "table": series.table,
        "kept_days": days_kept(series),
        "pieces": [asdict(piece) for piece in pieces],
        "rows": _rows(pieces),
        "size": sum(piece.size for piece in pieces),
        "next": {"name": pieces[0].name, "at": leaves_at(series, pieces[0])} if pieces else None,
        "strays": None if strays is None else asdict(strays),
    }


def _rows(pieces: list[timeseries.Piece]) -> int | None:
    """Of the pieces that have an estimate; None if none has."""
    known = [piece.rows for piece in pieces if piece.rows is not None]
    return sum(known) if known else None


def _written(value: object) -> str:
    """Times as the API writes them."""
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in the status")


# ---------------------------------------------------------------- for people


def _lines(status: dict[str, Any]) -> list[str]:
    lines = [_way(status), f"Details are complete since {_moment(status['details_complete_since'])} UTC."]
    for table in status["tables"]:
        lines += ["", *_table_lines(table)]
    return [line.rstrip() for line in lines]


def _way(status: dict[str, Any]) -> str:
    if status["branch"] == Branch.PARTITIONS:
        return "Plain PostgreSQL: range partitions."
    extension = status["extension"] or {"version": NONE, "licence": NONE}
    return f"TimescaleDB {extension['version']}, licence {extension['licence']}: hypertables."


def _table_lines(table: dict[str, Any]) -> list[str]:
    heading = f"{table['table']}: {len(table['pieces'])} pieces, kept for {table['kept_days']} days"
    total = ROW.format(
        name="total", start="", end="", rows=_count(table["rows"]), size=_size(table["size"]), compressed=""
    )
    return [
        heading,
        HEADINGS,
        *(_piece_line(piece) for piece in table["pieces"]),
        total,
        _next_line(table["next"]),
        _strays_line(table["strays"]),
    ]


def _piece_line(piece: dict[str, Any]) -> str:
    return ROW.format(
        name=piece["name"],
        start=_moment(piece["start"]),
        end=_moment(piece["end"]),
        rows=_count(piece["rows"]),
        size=_size(piece["size"]),
        compressed="yes" if piece["compressed"] else "no",
    )


def _next_line(leaving: dict[str, Any] | None) -> str:
    if leaving is None:
        return "  Nothing to drop."
    return f"  Next to be dropped: {leaving['name']}, at {_moment(leaving['at'])} UTC."


def _strays_line(strays: dict[str, Any] | None) -> str:
    if strays is None:
        return "  No strays."
    return (
        f"  {_count(strays['count'])} STRAYS from {_moment(strays['first'])} to {_moment(strays['last'])} UTC: no piece"
        " covers their time. Tidying brings home what is not too old and not too far ahead; look at the reader's clock."
    )


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _count(number: int | None) -> str:
    return NONE if number is None else f"{number:,}".replace(",", " ")


def _size(size: int) -> str:
    amount, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 1000 or unit == "TB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}"
