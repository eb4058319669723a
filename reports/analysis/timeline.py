"""The states of the lines one above the other, and the stops in the same window."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, cast
from uuid import UUID

from django.db.models import Case, F, Value, When
from django.urls import NoReverseMatch, reverse

from floor.models import Equipment
from oee.analysis import Silence
from oee.charts import timeline as drawing
from oee.domain.ledger import Kind, Ledger
from oee.models import LedgerEntry, Stop
from reports.analysis.asked import ZOOMS, Asked

STOPS_LISTED = 60
LANES = 8
WHOLE_STOP = "whole stop"  # is no state of a ledger


class Happened(NamedTuple):
    """One stretch of a ledger, or (`state` WHOLE_STOP) a stop as it is listed."""

    machine: UUID
    started_at: datetime
    ended_at: datetime | None
    state: str
    kind: str
    stop: Any
    reason: str | None
    proposed: str  # what a stop without a reason is taken for

    @property
    def is_whole_stop(self) -> bool:
        return self.state == WHOLE_STOP


class ListedStop(NamedTuple):
    line: str
    started_at: datetime
    ended_at: datetime | None
    seconds: float
    text: str
    is_uncoded: bool
    href: str


@dataclass(frozen=True, slots=True)
class Timeline:
    chart: drawing.Timeline
    stops: tuple[ListedStop, ...]
    left_out: int
    lines_left_out: int
    start: datetime
    end: datetime
    hours: int
    is_zoomed: bool
    narrower: int | None
    wider: int | None
    earlier: datetime | None
    later: datetime | None


def timeline(asked: Asked) -> Timeline | None:
    """None: so many days are no picture any more."""
    if not asked.has_timeline:
        return None
    reach, window = _reach(asked), _window(asked)
    speakers = [one for one in asked.speakers if one.line in asked.spans]
    shown = speakers[:LANES]
    rows = _what_happened(shown, *window)
    lines = {machine.id: machine.line.code for machine in shown}
    listed = [_listed(asked, lines[row.machine], row) for row in reversed(rows) if row.is_whole_stop]
    return _framed(
        drawing.timeline(_lanes(asked, shown, rows), *window, asked.zone),
        listed,
        len(speakers) - len(shown),
        window,
        reach,
    )


def _framed(
    chart: drawing.Timeline,
    listed: Sequence[ListedStop],
    lines_left_out: int,
    window: tuple[datetime, datetime],
    reach: tuple[datetime, datetime],
) -> Timeline:
    """`reach` is how far the window can be moved."""
    (start, end), (since, until) = window, reach
    hours, step = round((end - start) / timedelta(hours=1)), (end - start) / 2
    is_zoomed = end - start < until - since
    return Timeline(
        chart=chart,
        stops=tuple(listed[:STOPS_LISTED]),
        left_out=max(0, len(listed) - STOPS_LISTED),
        lines_left_out=lines_left_out,
        start=start,
        end=end,
        hours=hours,
        is_zoomed=is_zoomed,
        narrower=max((zoom for zoom in ZOOMS if zoom < hours), default=None),
        wider=min((zoom for zoom in ZOOMS if zoom > hours and is_zoomed), default=None),
        earlier=start - step if start > since else None,
        later=end - step if end < until else None,
    )


def _reach(asked: Asked) -> tuple[datetime, datetime]:
    spans = asked.spans.values()
    return min(span.since for span in spans), max(span.until for span in spans)


def _window(asked: Asked) -> tuple[datetime, datetime]:
    since, until = _reach(asked)
    hours, at = asked.given.get("zoom"), asked.given.get("at")
    if not hours and at is None:
        return since, until
    length = min(timedelta(hours=hours or 8), until - since)
    start = (at or since).astimezone(UTC)
    start = min(max(start, since), until - length)
    return start, start + length


def _lanes(asked: Asked, machines: Sequence[Equipment], rows: Iterable[Happened]) -> list[drawing.Machine]:
    stretches: dict[UUID, list[drawing.Stretch]] = {machine.id: [] for machine in machines}
    for row in rows:
        if not row.is_whole_stop:
            _append(stretches[row.machine], _stretch(row))
    for silence in asked.silences:
        if silence.machine in stretches:
            stretches[silence.machine].extend(_unseen(silence))
    return [drawing.Machine(one.line.code, tuple(stretches[one.id]), f"/lines/{one.line.code}/") for one in machines]


def _listed(asked: Asked, line: str, row: Happened) -> ListedStop:
    ended = row.ended_at or asked.now
    return ListedStop(
        line,
        row.started_at,
        row.ended_at,
        (ended - row.started_at).total_seconds(),
        row.reason or row.proposed,
        is_uncoded=row.reason is None,
        href=stop_href(row.stop),
    )


def stop_href(stop: UUID) -> str:
    try:
        return reverse("stop", args=[stop])
    except NoReverseMatch:
        return ""


DRAWN = {
    Kind.BREAK: drawing.Kind.BREAK,
    Kind.IDLE: drawing.Kind.IDLE,
    Kind.PLANNED: drawing.Kind.PLANNED,
    Kind.SETUP: drawing.Kind.SETUP,
    Kind.FAILURE: drawing.Kind.STOP,
    Kind.EXTERNAL: drawing.Kind.EXTERNAL,
    Kind.MINOR: drawing.Kind.MINOR,
}
DRAWN_STATES = {
    Ledger.RUN: drawing.Kind.RUN,
    Ledger.NO_DATA: drawing.Kind.NO_DATA,
    Ledger.OFF_SHIFT: drawing.Kind.OFF,
}


def _what_happened(machines: Sequence[Equipment], start: datetime, end: datetime) -> list[Happened]:
    """What machines did in [start, end) and their stops that touch it, in time order and in one query."""
    entries = LedgerEntry.objects.filter(equipment__in=machines).inside(start, end)
    stops = Stop.objects.filter(equipment__in=machines, is_minor=False).touching(start, end)
    told = When(coding__isnull=False, then=F("coding__reason__label"))
    proposed = Case(When(fault_text="", then=F("proposed_why")), default=F("fault_text"))
    their = entries.values_list(
        *("equipment", "started_at", "ended_at", "state", "kind", "stop", "reason__label", Value("")),
    )
    whole = stops.values_list(
        *("equipment", "started_at", "ended_at", Value(WHOLE_STOP), "kind", "id"),
        Case(told, default=F("planned_stop__reason__label")),
        proposed,
    )
    return [Happened(*row) for row in their.union(whole, all=True).order_by("started_at")]


def _stretch(row: Happened) -> drawing.Stretch:
    drawn = DRAWN_STATES.get(Ledger(row.state)) or DRAWN[Kind(row.kind)]
    is_stop = row.state == Ledger.STOP and row.kind != Kind.MINOR
    href = stop_href(row.stop) if row.stop is not None and drawn is not drawing.Kind.RUN else ""
    is_uncoded = is_stop and row.reason is None
    end = cast(datetime, row.ended_at)  # only a stop as it is listed may have none
    return drawing.Stretch(row.started_at, end, drawn, row.reason or "", href, is_uncoded=is_uncoded)


def _unseen(silence: Silence) -> Iterable[drawing.Stretch]:
    for window in silence.windows:
        start, end = max(window.starts_at, silence.start), min(window.ends_at, silence.end)
        yield drawing.Stretch(start, end, drawing.Kind.NO_DATA)


def _append(stretches: list[drawing.Stretch], new: drawing.Stretch) -> None:
    """Join what only the end of an hour keeps apart."""
    if stretches and stretches[-1].end == new.start and stretches[-1][2:] == new[2:]:
        stretches[-1] = stretches[-1]._replace(end=new.end)
    else:
        stretches.append(new)
