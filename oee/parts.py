"""The parts into which people cut stops, as they stand now."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from floor.models import Line
from oee.domain.clock import to_ms
from oee.domain.ledger import Kind, Part
from oee.domain.stops import Note, PlannedTime, parts
from oee.domain.stops import Stop as Standstill
from oee.models import PlannedStop, Stop, StopCoding
from oee.setup import judging_of, loss_class, loss_classes

LossClassOf = Callable[[str, int], Kind]


def note_of(row: StopCoding, loss_class_of: LossClassOf) -> Note:
    start = to_ms(row.covers.lower)
    end = None if row.covers.upper is None else to_ms(row.covers.upper)
    loss = None if row.reason_id is None else loss_class_of(row.reason_id, start)
    return Note(row.pk, start, end, row.reason_id, loss)


def planned_time_of(row: PlannedStop, loss_class_of: LossClassOf) -> PlannedTime:
    start, end = to_ms(row.starts_at), None if row.ends_at is None else to_ms(row.ends_at)
    return PlannedTime(row.pk, start, end, row.reason_id, loss_class_of(row.reason_id, start))


def parts_of(line: Line, stops: Sequence[Stop], now: datetime) -> dict[UUID, list[Part]]:
    """Of stops of one line, by stop; an open stop goes on until `now`. The number of queries is always the same."""
    if not stops:
        return {}
    loss_class_of = partial(loss_class, loss_classes(), judging_of(line))
    notes = _notes(stops, loss_class_of)
    first, last = min(stop.started_at for stop in stops), max(stop.ended_at or now for stop in stops)
    rows = PlannedStop.objects.standing().touching(first, last).filter(line=line).order_by("pk")
    planned = [planned_time_of(row, loss_class_of) for row in rows]
    return {
        stop.id: parts(_standstill(stop), notes[stop.equipment_id], stop.is_minor, to_ms(stop.ended_at or now), planned)
        for stop in stops
    }


def _standstill(stop: Stop) -> Standstill:
    return Standstill(to_ms(stop.started_at), None if stop.ended_at is None else to_ms(stop.ended_at))


def _notes(stops: Sequence[Stop], loss_class_of: LossClassOf) -> dict[UUID, list[Note]]:
    """By machine, in order of their start."""
    machines, first = {stop.equipment_id for stop in stops}, min(stop.started_at for stop in stops)
    rows = StopCoding.objects.filter(equipment__in=machines, covers__startswith__gte=first)
    found: dict[UUID, list[Note]] = defaultdict(list)
    for row in rows.order_by("covers__startswith", "pk"):
        found[row.equipment_id].append(note_of(row, loss_class_of))
    return found
