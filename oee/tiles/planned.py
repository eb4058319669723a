"""Planned stops as the banner and their sheet print them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from floor.glance import AskedForMany
from oee.models import PlannedStop


@dataclass(frozen=True, slots=True)
class PlannedRow:
    id: int
    label: str
    starts_at: datetime
    ends_at: datetime | None
    expected_s: int | None
    due_at: datetime | None  # when it was meant to be over
    by: str
    comment: str
    is_over: bool


def planned_row(row: PlannedStop, now: datetime) -> PlannedRow:
    due = row.ends_at if row.expected_s is None else row.starts_at + timedelta(seconds=row.expected_s)
    is_over = due is not None and due <= now
    return PlannedRow(
        row.pk, row.reason.label, row.starts_at, row.ends_at, row.expected_s, due, str(row.author), row.comment, is_over
    )


@AskedForMany
def planned_now(keys: Sequence[tuple[UUID, datetime]]) -> dict[tuple[UUID, datetime], PlannedStop | None]:
    """The planned stop that is on, by line and moment."""
    moments = [moment for _, moment in keys]
    rows = PlannedStop.objects.standing().filter(line__in={line for line, _ in keys}, starts_at__lte=max(moments))
    rows = rows.touching(min(moments), None).select_related("reason", "author")
    return {key: next((row for row in rows if _is_on(row, *key)), None) for key in keys}


def _is_on(row: PlannedStop, line: UUID, now: datetime) -> bool:
    return row.line_id == line and row.starts_at <= now and (row.ends_at is None or row.ends_at > now)
