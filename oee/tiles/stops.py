"""The stops of a shift, those without a reason first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from uuid import UUID

from django.db.models import Max, Q

from floor.models import Line
from oee.choices import ReasonChoice, pair, recent_reasons
from oee.coded import NOTHING_STOOD, Coded
from oee.models import ManualStop, StopCoding, StopConfirmation, StopMerge
from oee.rows import primary_machine
from oee.shift import Shift, StopLine
from oee.tiles.words import shift_of

STOPS_SHOWN = 5
LOSSES_SHOWN = 3
NO_REASON = "no reason"


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
    reasons: tuple[str, ...] = ()  # of its parts in this shift, in time order
    is_uncoded: bool = False
    coded_after_s: float | None = None
    marks: tuple[str, ...] = ()  # confirmed | merged | by hand | planned
    seen: int | None = None


@dataclass(frozen=True, slots=True)
class StopsTile:
    uncoded: int
    rows: tuple[StopRow, ...]  # uncoded first, newest first
    top_losses: tuple[tuple[str, float], ...]  # label, minutes
    coded: Coded = NOTHING_STOOD
    shift_label: str = ""
    page: int = 1
    pages: int = 1
    stops: int = 0


def stops_tile(line: Line, now: datetime) -> StopsTile:
    shift = shift_of(line, now)
    if shift is None or shift.machine is None:
        return StopsTile(0, (), ())
    return stop_list(shift)


def stop_list(shift: Shift, page: int = 1) -> StopsTile:
    """One page of the stops of a shift; a page that does not exist is the last one."""
    ids = sorted(shift.listed, key=lambda stop: stop not in shift.uncoded_ms)
    pages = max(1, -(-len(ids) // STOPS_SHOWN))
    page = min(max(page, 1), pages)
    shown = shift.stop_lines(ids[(page - 1) * STOPS_SHOWN : page * STOPS_SHOWN])
    marks = _marks(shown, shift)
    return StopsTile(
        uncoded=len(shift.uncoded_ms),
        rows=tuple(stop_row(stop, _reasons(shift, stop), marks[stop.id]) for stop in shown),
        top_losses=tuple((loss.label, loss.lost_s / 60) for loss in shift.losses[:LOSSES_SHOWN]),
        coded=shift.coded,
        shift_label=shift.window.label(shift.line.site.zone),
        page=page,
        pages=pages,
        stops=len(ids),
    )


def stop_row(stop: StopLine, reasons: tuple[str, ...] = (), marks: tuple[str, ...] = ()) -> StopRow:
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
        reasons=reasons,
        is_uncoded=stop.is_uncoded,
        coded_after_s=stop.coded_after_s,
        marks=marks,
        seen=stop.seen,
    )


def _reasons(shift: Shift, stop: StopLine) -> tuple[str, ...]:
    """Neighbouring parts with one reason are one; empty when nothing was said."""
    parts = [block for block in shift.blocks if block.stop == stop.id and not block.is_minor]
    labels = [block.label or NO_REASON for block in parts if block.label or block.kind != "break"]
    if all(label == NO_REASON for label in labels):
        return ()
    return tuple(dict.fromkeys(labels))


# ---------------------------------------------------------------- marks


def _marks(shown: Sequence[StopLine], shift: Shift) -> dict[UUID, tuple[str, ...]]:
    if not shown:
        return {}
    confirmed, merged, by_hand = _confirmed(shown, shift), _merged(shown, shift), _by_hand(shown, shift)
    return {
        stop.id: tuple(
            mark
            for mark, holds in (
                ("confirmed", stop.id in confirmed),
                ("merged", stop.started_at in merged),
                (
                    "by hand",
                    any(start < (stop.ended_at or shift.now) and end > stop.started_at for start, end in by_hand),
                ),
                ("planned", stop.is_planned),
            )
            if holds
        )
        for stop in shown
    }


def _confirmed(shown: Sequence[StopLine], shift: Shift) -> set[UUID]:
    """What was said after the agreement needs agreement again."""
    starts = {stop.started_at: stop for stop in shown}
    rows = StopConfirmation.objects.filter(equipment=shift.machine, stop_started_at__in=starts)
    agreed = dict(rows.values_list("stop_started_at").annotate(last=Max("made_at")))
    said = dict(StopCoding.objects.filter(pk__in=[s.seen for s in shown if s.seen]).values_list("pk", "made_at"))
    return {
        starts[start].id
        for start, at in agreed.items()
        if (key := starts[start].seen) is None or said.get(key, at) <= at
    }


def _merged(shown: Sequence[StopLine], shift: Shift) -> set[datetime]:
    rows = StopMerge.objects.standing().filter(equipment=shift.machine, starts_at__in=[s.started_at for s in shown])
    return set(rows.values_list("starts_at", flat=True))


def _by_hand(shown: Sequence[StopLine], shift: Shift) -> list[tuple[datetime, datetime]]:
    touching = [Q(starts_at__lt=stop.ended_at or shift.now, ends_at__gt=stop.started_at) for stop in shown]
    rows = ManualStop.objects.standing().filter(reduce(or_, touching), equipment=shift.machine)
    return [(start, end) for start, end in rows.values_list("starts_at", "ends_at") if end is not None]


# ---------------------------------------------------------------- what people chose lately


@dataclass(frozen=True, slots=True)
class LikelyTile:
    reasons: tuple[ReasonChoice, ...]


def likely_tile(line: Line) -> LikelyTile:
    """The last choices of people on the machine that speaks for the line."""
    machine = primary_machine(line)
    return LikelyTile(() if machine is None else tuple(recent_reasons(machine.id)))
