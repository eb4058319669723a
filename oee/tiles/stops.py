"""The stops of a shift, those without a reason first."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from floor.models import Line
from oee.shift import StopLine
from oee.tiles.words import ReasonChoice, pair, shift_of

STOPS_SHOWN = 8
LOSSES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class StopRow:
    id: UUID
    started_at: datetime
    ended_at: datetime | None
    duration_s: float
    equipment_code: str
    text: str
    reason: ReasonChoice | None
    coded_by: str | None
    suggestion: ReasonChoice | None


@dataclass(frozen=True, slots=True)
class StopsTile:
    uncoded: int
    rows: tuple[StopRow, ...]  # uncoded first, newest first
    top_losses: tuple[tuple[str, float], ...]  # label, minutes


def stops_tile(line: Line, now: datetime) -> StopsTile:
    shift = shift_of(line, now)
    if shift is None or shift.machine is None:
        return StopsTile(0, (), ())
    shown = sorted(shift.listed, key=lambda stop: stop not in shift.uncoded_ms)[:STOPS_SHOWN]
    losses = tuple((loss.label, loss.lost_s / 60) for loss in shift.losses[:LOSSES_SHOWN])
    return StopsTile(len(shift.uncoded_ms), tuple(stop_row(stop) for stop in shift.stop_lines(shown)), losses)


def stop_row(stop: StopLine) -> StopRow:
    return StopRow(
        id=stop.id,
        started_at=stop.started_at,
        ended_at=stop.ended_at,
        duration_s=stop.duration_s,
        equipment_code=stop.equipment_code,
        text=stop.text,
        reason=pair(stop.reason_code, stop.reason),
        coded_by=stop.coded_by,
        suggestion=pair(stop.suggestion_code, stop.suggestion),
    )
