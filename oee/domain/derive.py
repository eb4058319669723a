"""From facts and notes to stops, ledger and totals of one line. Times are milliseconds."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import pairwise
from typing import NamedTuple

from floor.domain.fold import NO_PRODUCT
from floor.domain.shifts import Calendar, ShiftWindow, hours
from oee.domain import stops as stopping
from oee.domain.clock import from_ms, to_ms
from oee.domain.factors import FIELDS, Policy, Totals, column
from oee.domain.judging import Rules
from oee.domain.ledger import (
    Edge,
    Entry,
    Kind,
    Ledger,
    Part,
    Schedule,
    Segment,
    Told,
    Track,
    clipped,
    ledger,
    overlay,
    segments,
)
from oee.domain.stops import FaultLog, Merge, Neighbour, Note, PlannedTime, Proposal, Stop, propose, standing_before


@dataclass(frozen=True, slots=True)
class Bucket:
    """One hour of the plant's clock within one shift, or outside shifts (`shift` empty), with one product and job.

    `hour` is where it began before changes of product and job cut it; `job` None: none ran.
    """

    hour: int
    start: int
    end: int
    work_date: date
    shift: str
    shift_start: int | None
    team: str = ""
    product: int = NO_PRODUCT
    job: Hashable | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """When a line works, from `start` to `end`."""

    schedule: Schedule
    buckets: Track[Bucket]


class Parts(NamedTuple):
    """What was counted in one minute with one product; `ideal_cycle_ms` None when no standard is known.

    `reworked` and `startup` say how many of the rejected ones went to rework, or were lost in starting up.
    """

    minute: int
    product: int
    made: int
    rejected: int
    unobserved_made: int
    unobserved_rejected: int
    ideal_cycle_ms: int | None
    reworked: int = 0
    startup: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """A stop with what is thought of it.

    `culprit` is the machine that starved or blocked this one, `coding` the last note about it, `kind` and `planned`
    belong to its last part.
    """

    stop: Stop
    is_minor: bool
    proposal: Proposal
    culprit: Hashable | None = None
    coding: int | None = None
    kind: Kind = Kind.FAILURE
    planned: int | None = None


@dataclass(slots=True)
class Machine:
    """Facts and notes of one machine from `start` on; `known` are stops that began before and may still go on.

    `product` is what the machine was making at `start`; `products` are the numbers seen minute by minute. `jobs` ran
    on its line, on whole minutes.
    """

    key: Hashable
    name: str
    start: int
    until: int
    edges: list[Edge]
    product: int = NO_PRODUCT
    products: list[tuple[int, int]] = field(default_factory=list)
    known: dict[int, Verdict] = field(default_factory=dict)
    faults: FaultLog = field(default_factory=lambda: FaultLog([]))
    minutes: list[Parts] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    planned: list[PlannedTime] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)
    jobs: Track[Hashable] = field(default_factory=lambda: Track[Hashable](()))


class Loss(NamedTuple):
    """Standstill of one sort and reason; `events` are the parts of stops that began in it."""

    kind: Kind
    reason: str | None
    lost_ms: int
    events: int


class Hour(NamedTuple):
    bucket: Bucket
    totals: Totals
    losses: tuple[Loss, ...]


@dataclass(frozen=True, slots=True)
class Derived:
    verdicts: tuple[Verdict, ...]
    entries: tuple[Entry, ...]
    hours: tuple[Hour, ...]


def plan(calendar: Calendar, start: int, end: int) -> Plan:
    shifts = calendar.between(from_ms(start), from_ms(end))
    return Plan(schedule_of(shifts), Track((b.start, b.end, b) for b in _buckets(calendar, shifts, start, end)))


def schedule_of(shifts: Sequence[ShiftWindow]) -> Schedule:
    return Schedule(
        Track((to_ms(shift.starts_at), to_ms(shift.ends_at), shift.name) for shift in shifts),
        Track((to_ms(b.starts_at), to_ms(b.ends_at), b.name) for shift in shifts for b in shift.breaks),
    )


def _buckets(calendar: Calendar, shifts: Sequence[ShiftWindow], start: int, end: int) -> Iterator[Bucket]:
    on = Track((to_ms(shift.starts_at), to_ms(shift.ends_at), shift) for shift in shifts)
    for since, until in hours(calendar.zone, from_ms(start), from_ms(end)):
        low, high = to_ms(since), to_ms(until)
        cuts = sorted({low, high, *(cut for cut in on.cuts() if low < cut < high)})
        for first, last in pairwise(cuts):
            shift = on.at(first)
            if shift is None:
                yield Bucket(first, first, last, from_ms(first).astimezone(calendar.zone).date(), "", None)
            else:
                yield Bucket(first, first, last, shift.work_date, shift.name, to_ms(shift.starts_at), shift.team)


def derive(machines: Sequence[Machine], plan: Plan, rules: Rules) -> list[Derived]:
    """Derive each machine's rows; `machines` are in the order of the line, the first is upstream of the second."""
    line = _Line(machines, plan, rules)
    return [_machine(line, place) for place in range(len(machines))]


class _Line:
    """What the machines of a line were seen doing, and who made whom stand."""

    def __init__(self, machines: Sequence[Machine], plan: Plan, rules: Rules) -> None:
        self.machines, self.plan, self.rules = machines, plan, rules
        self.seen = [_seen(machine) for machine in machines]
        self.stops = [
            stopping.merged(stopping.stops(seen, machine.until + 1), machine.merges)
            for seen, machine in zip(self.seen, machines, strict=True)
        ]
        self._neighbours = [
            Neighbour(machine.name, tuple(stops)) for machine, stops in zip(machines, self.stops, strict=True)
        ]

    def proposal(self, place: int, started_at: int) -> Proposal:
        machine = self.machines[place]
        known = machine.known.get(started_at)
        if known is not None:
            return known.proposal
        upstream, downstream = self._beside(place - 1), self._beside(place + 1)
        return propose(started_at, self.plan.schedule.breaks, machine.faults, upstream, downstream)

    def _beside(self, place: int) -> Neighbour | None:
        return self._neighbours[place] if 0 <= place < len(self._neighbours) else None

    def culprit(self, place: int, started_at: int) -> Hashable | None:
        """The machine that stood by itself and made this one stand; None: this one did, or nobody can tell."""
        found = self._origin(place, started_at)
        return None if found == self.machines[place].key else found

    def _origin(self, place: int, started_at: int) -> Hashable:
        """Walk along the line, from stop to the earlier stop that caused it; it may lead back to where it began."""
        while (known := self.machines[place].known.get(started_at)) is None:
            toward = self.proposal(place, started_at).toward
            stop = self._standing(place + toward, started_at) if toward else None
            if stop is None:
                return self.machines[place].key
            place, started_at = place + toward, stop.started_at
        return known.culprit or self.machines[place].key

    def _standing(self, place: int, moment: int) -> Stop | None:
        return standing_before(moment, self.stops[place]) if 0 <= place < len(self.stops) else None


def _seen(machine: Machine) -> list[Segment]:
    """From the beginning of the oldest known stop on, with what people saw while the controller was silent.

    One millisecond further than time is accounted for: a stop that has just begun is one already.
    """
    if not machine.edges:
        return []
    first = min(edge.at for edge in machine.edges)
    return overlay(segments(machine.edges, first, machine.until + 1), machine.told)


def _machine(line: _Line, place: int) -> Derived:
    machine = line.machines[place]
    stops = [stop for stop in line.stops[place] if stop.ended_at is None or stop.ended_at >= machine.start]
    judged = [(stop, stop.is_minor(line.rules.at(stop.started_at).micro_ms)) for stop in stops]
    pieces = [
        stopping.parts(stop, machine.notes, is_minor, machine.until, machine.planned) for stop, is_minor in judged
    ]
    verdicts = tuple(
        _verdict(line, place, stop, is_minor, parts) for (stop, is_minor), parts in zip(judged, pieces, strict=True)
    )
    flat = [part for parts in pieces for part in parts]
    buckets = _by_job(_by_product(line.plan.buckets, machine), machine.jobs)
    seen = clipped(line.seen[place], machine.start, machine.until)
    cuts = (start for start, _, _ in buckets.spans)
    laid = Track((part.start, part.end, part) for part in flat)
    entries = ledger(seen, line.plan.schedule, laid, machine.start, machine.until, cuts) if seen else []
    hours = accounted(entries, machine.minutes, buckets, {part.start for part in flat})
    return Derived(verdicts, tuple(entries), tuple(_judged(hour, line.rules) for hour in hours))


def _verdict(line: _Line, place: int, stop: Stop, is_minor: bool, parts: Sequence[Part]) -> Verdict:
    machine = line.machines[place]
    said = stopping.notes_of(stop, machine.notes)
    return Verdict(
        stop,
        is_minor,
        line.proposal(place, stop.started_at),
        line.culprit(place, stop.started_at),
        said[-1].key if said else None,
        parts[-1].kind,
        parts[-1].planned,
    )


# ---------------------------------------------------------------- products and jobs


def _by_product(buckets: Track[Bucket], machine: Machine) -> Track[Bucket]:
    """The line's hours, cut where this machine began to make something else."""
    changes = _changes(machine)
    product, place, found = machine.product, 0, []
    for start, end, bucket in buckets.spans:
        while place < len(changes) and changes[place][0] <= start:
            product, place = changes[place][1], place + 1
        while place < len(changes) and changes[place][0] < end:
            at, after = changes[place]
            found.append((start, at, replace(bucket, start=start, end=at, product=product)))
            start, product, place = at, after, place + 1
        found.append((start, end, replace(bucket, start=start, end=end, product=product)))
    return Track(found)


def _changes(machine: Machine) -> list[tuple[int, int]]:
    """Minutes in which another product was first seen. A minute without a number changes nothing."""
    seen: dict[int, set[int]] = defaultdict(set)
    for minute, product in machine.products:
        if product != NO_PRODUCT:
            seen[minute].add(product)
    product, changes = machine.product, []
    for minute in sorted(seen):
        others = seen[minute] - {product}
        if others:
            product = max(others)
            changes.append((max(minute, machine.start), product))
    return changes


def _by_job(buckets: Track[Bucket], jobs: Track[Hashable]) -> Track[Bucket]:
    """Cut where a job begins or ends."""
    moments = sorted(set(jobs.cuts()))
    if not moments:
        return buckets
    found = []
    for start, end, bucket in buckets.spans:
        inside = moments[bisect_right(moments, start) : bisect_left(moments, end)]
        for low, high in pairwise([start, *inside, end]):
            found.append((low, high, replace(bucket, start=low, end=high, job=jobs.at(low))))
    return Track(found)


# ---------------------------------------------------------------- hours


class _Book:
    """What is written down for one bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.spent = dict.fromkeys(FIELDS, 0)
        self.losses: dict[tuple[Kind, str | None], list[int]] = defaultdict(lambda: [0, 0])

    def account(self, entry: Entry, begins: bool) -> None:
        length = entry.end - entry.start
        self.spent["calendar_ms"] += length
        self.spent[column(entry.state, entry.kind)] += length
        if entry.kind in (Kind.NONE, Kind.BREAK):
            return
        loss = self.losses[entry.kind, entry.reason]
        loss[0] += length
        loss[1] += begins
        if entry.start == entry.stop and entry.state is Ledger.STOP:
            self.spent["failures"] += entry.kind is Kind.FAILURE
            self.spent["minor_stops"] += entry.kind is Kind.MINOR

    def count(self, parts: Parts) -> None:
        spent = self.spent
        spent["made"] += parts.made
        spent["rejected"] += parts.rejected
        spent["reworked"] += parts.reworked
        spent["unobserved_made"] += parts.unobserved_made
        spent["unobserved_rejected"] += parts.unobserved_rejected
        if parts.ideal_cycle_ms is None:
            spent["unrated_made"] += parts.made
        else:
            spent["ideal_made_ms"] += parts.made * parts.ideal_cycle_ms
            spent["ideal_good_ms"] += (parts.made - parts.rejected) * parts.ideal_cycle_ms
            spent["ideal_startup_ms"] += parts.startup * parts.ideal_cycle_ms

    def hour(self) -> Hour:
        losses = tuple(Loss(kind, reason, *spent) for (kind, reason), spent in self.losses.items())
        return Hour(self.bucket, Totals(**self.spent), losses)


def accounted(
    entries: Iterable[Entry], minutes: Iterable[Parts], buckets: Track[Bucket], beginnings: set[int]
) -> Iterator[Hour]:
    """Totals by bucket, not judged yet; `beginnings` are the moments in which parts of stops begin."""
    books: dict[int, _Book] = {}

    def book(bucket: Bucket | None) -> _Book:
        assert bucket is not None, "the plan covers every fact"  # noqa: S101
        if bucket.start not in books:
            books[bucket.start] = _Book(bucket)
        return books[bucket.start]

    for entry in entries:
        book(buckets.at(entry.start)).account(entry, entry.start in beginnings)
    for parts in minutes:
        book(_bucket_of(parts, buckets)).count(parts)
    return (found.hour() for found in books.values())


def _bucket_of(parts: Parts, buckets: Track[Bucket]) -> Bucket | None:
    """Parts of the product that was leaving in the minute of a change belong to what was before it."""
    bucket = buckets.at(parts.minute)
    if bucket is None or bucket.start != parts.minute or parts.product in (bucket.product, NO_PRODUCT):
        return bucket
    before = buckets.at(parts.minute - 1)
    is_leaving = before is not None and before.hour == bucket.hour and before.product == parts.product
    return before if is_leaving else bucket


def _judged(hour: Hour, rules: Rules) -> Hour:
    return hour._replace(totals=hour.totals.judged(policy_of(hour.bucket, rules)))


def policy_of(bucket: Bucket, rules: Rules) -> Policy:
    """A shift is judged by the policy under which it began."""
    return rules.policy(bucket.hour, bucket.shift_start)
