"""The rows that figures of a shift are made of, read for one machine or for many in the same number of queries."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, Subquery

from floor.glance import AskedForMany
from floor.models import Equipment, Line, MachineMinute, ProductNumber
from oee.counts import counted_by_people
from oee.models import HourTotals, LedgerEntry, Stop

R = TypeVar("R", bound=tuple[Any, ...])


class Span(NamedTuple):
    """A stretch of a machine's time, [start, end)."""

    machine: UUID
    start: datetime
    end: datetime


def _any(spans: Sequence[Span], since: str, until: str) -> Q:
    """Rows of any of these: lines mostly share their shifts, so the condition stays short."""
    machines: dict[tuple[datetime, datetime], list[UUID]] = defaultdict(list)
    for span in spans:
        machines[span.start, span.end].append(span.machine)
    stretches = [Q(equipment__in=ids, **{since: start, until: end}) for (start, end), ids in machines.items()]
    return reduce(or_, stretches)


def _by_machine(rows: Iterable[tuple[Any, ...]]) -> dict[UUID, list[tuple[Any, ...]]]:
    """The first column is the machine; it is left out."""
    found: dict[UUID, list[tuple[Any, ...]]] = defaultdict(list)
    for machine, *row in rows:
        found[machine].append(tuple(row))
    return found


@AskedForMany
def primary_machine(lines: Sequence[Line]) -> dict[Line, Equipment | None]:
    """The machine that speaks for its line, with its live row."""
    machines = Equipment.objects.filter(line__in=lines, enabled=True).select_related("machine_state")
    first = machines.order_by("line", "-is_primary", "position").distinct("line")
    found = {machine.line_id: machine for machine in first}
    return {line: found.get(line.id) for line in lines}


@AskedForMany
def product_name(keys: Sequence[tuple[Line, int]]) -> dict[tuple[Line, int], str | None]:
    """What a line's controllers call by this number."""
    lines, numbers = {line for line, _ in keys}, {number for _, number in keys}
    rows = ProductNumber.objects.filter(line__in=lines, number__in=numbers)
    names = {(line, number): name for line, number, name in rows.values_list("line", "number", "product__name")}
    return {(line, number): names.get((line.id, number)) for line, number in keys}


@AskedForMany
def hours_of(keys: Sequence[tuple[UUID, datetime]]) -> dict[tuple[UUID, datetime], list[HourTotals]]:
    """Totals of a machine's shift that starts then, in time order."""
    found: dict[tuple[UUID, datetime], list[HourTotals]] = {key: [] for key in keys}
    machines, starts = {machine for machine, _ in keys}, {start for _, start in keys}
    before = HourTotals.objects.filter(equipment=OuterRef("equipment"), starts_at__lt=OuterRef("starts_at"))
    rows = HourTotals.objects.filter(equipment__in=machines, shift_starts_at__in=starts)
    for row in rows.annotate(was_seen_before=Exists(before)).order_by("starts_at"):
        row.follows = row.was_seen_before
        if row.shift_starts_at is not None and (key := (row.equipment_id, row.shift_starts_at)) in found:
            found[key].append(row)
    return found


@AskedForMany
def counts_of(spans: Sequence[Span]) -> dict[Span, list[tuple[datetime, int, int, int]]]:
    """(moment, product number, made, rejected) in time order: of each minute, parts found after a silence included,
    and what people counted."""
    made, rejected = F("made") + F("unobserved_made"), F("rejected") + F("unobserved_rejected")
    found = _minutes(spans, made, rejected)
    if not spans:
        return found
    since, until = min(span.start for span in spans), max(span.end for span in spans)
    for row in counted_by_people({span.machine for span in spans}, since, until):
        for span in spans:
            if span.machine == row.machine and span.start <= row.at < span.end:
                told = (row.unobserved_made, row.rejected + row.unobserved_rejected)
                found[span].append((row.at, row.product_number, *told))
    return {span: sorted(rows, key=lambda row: row[0]) for span, rows in found.items()}


@AskedForMany
def minutes_of(spans: Sequence[Span]) -> dict[Span, list[tuple[datetime, int, int, int, int]]]:
    """(minute, product number, made, rejected, ms of running) as observed, in time order."""
    return _minutes(spans, "made", "rejected", "run_ms")


def _minutes(spans: Sequence[Span], *columns: Any) -> dict[Span, list[Any]]:
    rows = MachineMinute.objects.filter(_any(spans, "minute__gte", "minute__lt")).order_by("minute", "product_number")
    found = _by_machine(rows.values_list("equipment", "minute", "product_number", *columns))
    return {span: [row for row in found[span.machine] if span.start <= row[0] < span.end] for span in spans}


@AskedForMany
def uncoded_of(spans: Sequence[Span]) -> dict[Span, list[tuple[UUID, datetime, datetime]]]:
    """(stop, start, end) of lost time that nobody has explained, as the ledger is cut."""
    entries = LedgerEntry.objects.filter(_any(spans, "ended_at__gt", "started_at__lt")).uncoded()
    found = _by_machine(entries.values_list("equipment", "stop", "started_at", "ended_at"))
    return {
        span: [(stop, start, end) for stop, start, end in found[span.machine] if start < span.end and end > span.start]
        for span in spans
    }


@AskedForMany
def last_stop(machines: Sequence[UUID]) -> dict[UUID, Stop | None]:
    newest = Stop.objects.filter(equipment=OuterRef("pk")).order_by("-started_at").values("pk")[:1]
    ids = Equipment.objects.filter(pk__in=machines).annotate(newest=Subquery(newest)).values("newest")
    found = {stop.equipment_id: stop for stop in Stop.objects.filter(pk__in=ids).with_words()}
    return {machine: found.get(machine) for machine in machines}


@AskedForMany
def unexplained(stops: Sequence[UUID]) -> dict[UUID, timedelta]:
    """Time lost to each stop that nobody has explained."""
    lost = dict.fromkeys(stops, timedelta())
    entries = LedgerEntry.objects.filter(stop__in=stops).uncoded()
    for stop, start, end in entries.values_list("stop", "started_at", "ended_at"):
        lost[stop] += end - start
    return lost
