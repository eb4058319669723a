"""The planned stops of a line: the one that is on, those ahead, and what can be announced."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from floor.models import Line
from oee.actions.planned_stops import AHEAD
from oee.choices import planned_reasons
from oee.domain.clock import MINUTE_MS, SECOND_MS, from_ms, to_ms
from oee.models import PlannedStop, StopReason
from oee.tiles.planned import PlannedRow, planned_row

EXPECTED_MIN = (5, 10, 15, 20, 30, 45, 60, 90)
MOVES_MIN = (-60, -5, 5, 60)
STEP_MS = 5 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class StartMove:
    minutes: int
    ms: int | None  # None: that is no longer, or too far ahead


@dataclass(frozen=True, slots=True)
class Announced:
    """A planned stop about to be announced; `start` None begins now."""

    reason: StopReason
    start: datetime | None
    start_ms: int | None
    moves: tuple[StartMove, ...]
    expected_min: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PlannedSheet:
    line_code: str
    on: PlannedRow | None
    ahead: tuple[PlannedRow, ...]
    reasons: tuple[StopReason, ...]
    announced: Announced | None


def planned_sheet(line: Line, now: datetime, reason: str = "", start_ms: int | None = None) -> PlannedSheet:
    rows = PlannedStop.objects.standing().touching(now, None).filter(line=line).select_related("reason", "author")
    rows = rows.filter(starts_at__lte=now + AHEAD).order_by("starts_at")
    found = [planned_row(row, now) for row in rows]
    reasons = tuple(planned_reasons(now))
    chosen = next((one for one in reasons if one.code == reason), None)
    return PlannedSheet(
        line.code,
        next((row for row in found if row.starts_at <= now), None),
        tuple(row for row in found if row.starts_at > now),
        reasons,
        None if chosen is None else _announced(chosen, now, start_ms),
    )


def _announced(reason: StopReason, now: datetime, start_ms: int | None) -> Announced:
    start = start_ms if start_ms is not None and start_ms > to_ms(now) else None
    moves = tuple(StartMove(minutes, _moved(start, now, minutes)) for minutes in MOVES_MIN)
    return Announced(reason, None if start is None else from_ms(start), start, moves, EXPECTED_MIN)


def _moved(start: int | None, now: datetime, minutes: int) -> int | None:
    """Steps land on times that a clock shows: 07:45, not 07:43:12."""
    floor = to_ms(now) // STEP_MS * STEP_MS
    moved = (floor if start is None else start) + minutes * MINUTE_MS
    latest = to_ms(now + AHEAD - timedelta(hours=1))
    return moved if to_ms(now) - SECOND_MS < moved <= latest else None
