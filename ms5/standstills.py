"""The stops that are on, as the andon needs them: what the machines do, and what people said about it.

Read from facts and notes alone. The stops of `oee` are derived by a task that may be late or dead; calls must not be.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import F

from andon.domain.machine_calls import CHATTER, Category, Fault, Standstill, Window, overlap
from floor.domain.machine import State
from floor.domain.shifts import Calendar, ShiftWindow
from floor.glance import one_glance
from floor.models import Equipment, FaultDefinition, Line, MachineState, StateEdge
from floor.models.shifts import calendar
from oee.domain import stops as story
from oee.domain.clock import from_ms, to_ms
from oee.domain.ledger import PLANNED_KINDS, Part, Track
from oee.models import PlannedStop, StopCoding, StopReason
from oee.parts import LossClassOf, note_of, planned_time_of
from oee.setup import judging_of, loss_class, loss_classes, policies_of, policy_at

BRIDGE = timedelta(milliseconds=story.BRIDGE_MS)
# Longer than any rule waits; what a stop of weeks was before makes no difference to whom it calls.
LOOKS_BACK = timedelta(days=7)
NOT_KNOWN = "UNKNOWN"
FAULTS_LOOK_BACK = timedelta(hours=4)


class Standing(NamedTuple):
    machine: Equipment
    began_at: datetime


def standstills(now: datetime) -> list[Standstill]:
    """Every stop that is on and seen. A machine that nobody sees (NO DATA) does not stand, as far as anybody knows."""
    with one_glance():
        standing = _standing(now)
        return _told(standing, now) if standing else []


# ---------------------------------------------------------------- what machines do


def _standing(now: datetime) -> list[Standing]:
    rows = MachineState.objects.filter(state=State.STOP, equipment__enabled=True, equipment__line__enabled=True)
    seen = [row for row in rows.select_related("equipment__line__site") if row.since and _is_seen(row, now)]
    silences = _silences_before([row.equipment_id for row in seen])
    return [
        Standing(row.equipment, _bridged(row.equipment_id, row.since) if row.equipment_id in silences else row.since)
        for row in seen
        if row.since is not None
    ]


def _is_seen(row: MachineState, now: datetime) -> bool:
    return row.observed_until is not None and now - row.observed_until <= timedelta(milliseconds=row.limit_ms)


def _silences_before(machines: Sequence[UUID]) -> set[UUID]:
    """Those of which nobody saw anything just before they stood."""
    since = F("equipment__machine_state__since")
    edges = StateEdge.objects.filter(equipment__in=machines, at__lt=since, at__gte=since - BRIDGE).order_by("at")
    last = dict(edges.values_list("equipment_id", "state"))
    return {machine for machine, state in last.items() if state == State.UNKNOWN}


def _bridged(machine: UUID, began_at: datetime) -> datetime:
    """When the stop began of which `began_at` follows a silence: a short one does not end it."""
    while True:
        before = list(StateEdge.objects.filter(equipment=machine, at__lt=began_at).order_by("-at")[:2])
        states = [edge.state for edge in before]
        if states != [State.UNKNOWN, State.STOP] or began_at - before[0].at > BRIDGE:
            return began_at
        began_at = before[1].at


class Shown(NamedTuple):
    """A fault bit from when it came up until it went for a minute at least; None: it stands."""

    bit: int
    on_at: datetime
    off_at: datetime | None


# A bit that flickers twice a second for an hour has thousands of rows; what counts is from when until when it did. Rows
# of one minute always belong together, so they are put together first, which needs no sorting.
# Plan: the index on (equipment, on_at) for each standing machine, a hash aggregate, one sort of some rows per bit.
_FAULTS = """
WITH asked AS (SELECT * FROM unnest(%s::uuid[], %s::timestamptz[]) AS asked (equipment_id, since)),
minutes AS (
    SELECT equipment_id, bit, min(on_at) AS on_at,
           CASE WHEN bool_or(off_at IS NULL) THEN NULL ELSE max(off_at) END AS off_at
    FROM asked JOIN floor_faultevent USING (equipment_id)
    WHERE on_at >= since OR off_at IS NULL
    GROUP BY equipment_id, bit, date_bin('1 minute', on_at, '2000-01-01Z')
),
events AS (
    SELECT equipment_id, bit, on_at, off_at,
           coalesce(on_at - lag(off_at) OVER bits <= interval '1 second' * %s, false) AS goes_on
    FROM minutes
    WINDOW bits AS (PARTITION BY equipment_id, bit ORDER BY on_at)
),
spans AS (
    SELECT *, count(*) FILTER (WHERE NOT goes_on) OVER (PARTITION BY equipment_id, bit ORDER BY on_at) AS span
    FROM events
)
SELECT equipment_id, bit, min(on_at), CASE WHEN bool_or(off_at IS NULL) THEN NULL ELSE max(off_at) END
FROM spans GROUP BY equipment_id, bit, span ORDER BY min(on_at), bit
"""


def _shown(standing: Iterable[Standing], now: datetime) -> Mapping[UUID, list[Shown]]:
    since = {one.machine.pk: max(one.began_at - CHATTER, now - FAULTS_LOOK_BACK) for one in standing}
    found: dict[UUID, list[Shown]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_FAULTS, [list(since), list(since.values()), CHATTER.total_seconds()])
        for machine, *shown in cursor.fetchall():
            found[machine].append(Shown(*shown))
    return found


# ---------------------------------------------------------------- what people said


def _told(standing: Sequence[Standing], now: datetime) -> list[Standstill]:
    lines = list({one.machine.line_id: one.machine.line for one in standing}.values())
    for question in (calendar, judging_of, policies_of):
        question.foresee(lines)
    said, shown = _Said(standing, lines, now), _shown(standing, now)
    meanings = _meanings(standing)
    neighbours = _Neighbours(standing, lines)
    return [_standstill(one, said, shown[one.machine.pk], meanings, neighbours, now) for one in standing]


class _Said:
    """Notes about the stops that are on, read table by table and told stop by stop."""

    def __init__(self, standing: Sequence[Standing], lines: Sequence[Line], now: datetime) -> None:
        first, classes = min(one.began_at for one in standing), loss_classes()
        class_of: dict[UUID, LossClassOf] = {line.pk: partial(loss_class, classes, judging_of(line)) for line in lines}
        self._notes: dict[UUID, list[story.Note]] = defaultdict(list)
        machines = {one.machine.pk: one.machine.line_id for one in standing}
        codings = StopCoding.objects.filter(equipment__in=list(machines), covers__startswith__gte=first)
        for row in codings.order_by("covers__startswith", "pk"):
            self._notes[row.equipment_id].append(note_of(row, class_of[machines[row.equipment_id]]))
        self._planned: dict[UUID, list[story.PlannedTime]] = defaultdict(list)
        rows = PlannedStop.objects.standing().touching(first, now).filter(line__in=list(class_of))
        for plan in rows.order_by("pk"):
            self._planned[plan.line_id].append(planned_time_of(plan, class_of[plan.line_id]))
        self.labels = dict(StopReason.objects.values_list("code", "label"))

    def parts(self, one: Standing, now: datetime) -> list[Part]:
        stop = story.Stop(to_ms(one.began_at), None)
        return story.parts(
            stop, self._notes[one.machine.pk], False, to_ms(now), self._planned[one.machine.line_id]
        )  # fmt: skip


Meanings = Mapping[tuple[UUID, int], FaultDefinition]


def _meanings(standing: Iterable[Standing]) -> Meanings:
    machines = [one.machine.pk for one in standing]
    rows = FaultDefinition.objects.filter(equipment__in=machines, kind=FaultDefinition.Kind.FAULT)
    return {(row.equipment_id, row.bit): row for row in rows}


class _Neighbours:
    """The machines before and after one on its line, with the stop in which each of them is now."""

    def __init__(self, standing: Iterable[Standing], lines: Sequence[Line]) -> None:
        self._began = {one.machine.pk: one.began_at for one in standing}
        self._machines: dict[UUID, list[Equipment]] = defaultdict(list)
        for machine in Equipment.objects.filter(line__in=lines, enabled=True).order_by("position"):
            self._machines[machine.line_id].append(machine)

    def of(self, machine: Equipment) -> tuple[story.Neighbour | None, story.Neighbour | None]:
        its = self._machines[machine.line_id]
        place = its.index(machine)
        upstream = its[place - 1] if place else None
        downstream = its[place + 1] if place + 1 < len(its) else None
        return self._neighbour(upstream), self._neighbour(downstream)

    def _neighbour(self, machine: Equipment | None) -> story.Neighbour | None:
        if machine is None or machine.pk not in self._began:
            return None
        return story.Neighbour(machine.name, (story.Stop(to_ms(self._began[machine.pk]), None),))


def _standstill(
    one: Standing, said: _Said, shown: Sequence[Shown], meanings: Meanings, neighbours: _Neighbours, now: datetime
) -> Standstill:
    line, until = one.machine.line, from_ms(to_ms(now))
    parts = said.parts(one, now)
    unplanned = [(from_ms(part.start), from_ms(part.end)) for part in parts if part.loss not in PLANNED_KINDS]
    lost = overlap(unplanned, _working(calendar(line), max(one.began_at, now - LOOKS_BACK), until))
    known = [(fault, meaning) for fault in shown if (meaning := meanings.get((one.machine.pk, fault.bit)))]
    reason = (parts[-1].reason if parts else None) or _proposed(one, known, neighbours) or ""
    return Standstill(
        line_id=line.pk,
        equipment_id=one.machine.pk,
        began_at=one.began_at,
        lost=lost,
        is_lost_now=bool(lost) and lost[-1][1] == until,
        reason=reason,
        reason_words=said.labels.get(reason, ""),
        minor_s=policy_at(line, one.began_at).micro_stop_s,
        faults=tuple(Fault(f.bit, _category(meaning), meaning.text, f.on_at, f.off_at) for f, meaning in known),
    )


def _working(its: Calendar, start: datetime, end: datetime) -> list[Window]:
    """The time in which the line is meant to work: always, of a line without a calendar, or it could never call."""
    if not its.patterns and not its.special_days:
        return [(start, end)]
    return [window for shift in its.between(start, end) for window in _between_breaks(shift)]


def _between_breaks(shift: ShiftWindow) -> Iterable[Window]:
    at = shift.starts_at
    for rest in shift.breaks:
        yield at, rest.starts_at
        at = max(at, rest.ends_at)
    yield at, shift.ends_at


def _proposed(one: Standing, known: Sequence[tuple[Shown, FaultDefinition]], neighbours: _Neighbours) -> str | None:
    """The reason until a person gives one: that of the first fault, or a neighbour that stood before."""
    faults = story.FaultLog(
        story.Fault(
            to_ms(shown.on_at), None if shown.off_at is None else to_ms(shown.off_at), shown.bit, meaning.text,
            meaning.origin, _reason(meaning),
        )
        for shown, meaning in known
    )  # fmt: skip
    no_breaks: Track[str] = Track(())
    return story.propose(to_ms(one.began_at), no_breaks, faults, *neighbours.of(one.machine)).reason


def _category(meaning: FaultDefinition) -> Category:
    if meaning.origin == FaultDefinition.Origin.INTERNAL:
        return Category(meaning.category)
    return Category(meaning.origin)


def _reason(meaning: FaultDefinition) -> str | None:
    """None: that it comes from a neighbour says enough. Of a fault of its own without a reason nothing is guessed."""
    is_its_own = meaning.origin == FaultDefinition.Origin.INTERNAL
    return meaning.reason_code or (NOT_KNOWN if is_its_own else None)
