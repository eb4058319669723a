"""From facts and notes to stops, ledger and totals of one line. Times are milliseconds."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

from floor.domain.shifts import Calendar, ShiftWindow, hours
from oee.domain import stops as stopping
from oee.domain.clock import from_ms, to_ms
from oee.domain.factors import FIELDS, Totals, column
from oee.domain.ledger import Edge, Entry, Schedule, Track, ledger, segments
from oee.domain.stops import FaultLog, Neighbour, Note, Proposal, Stop, propose


@dataclass(frozen=True, slots=True)
class Bucket:
    """One hour of the plant's clock within one shift, or outside shifts (`shift` empty)."""

    start: int
    end: int
    work_date: date
    shift: str
    shift_start: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """When a line works, from `start` to `end`."""

    schedule: Schedule
    buckets: Track[Bucket]


@dataclass(frozen=True, slots=True)
class Parts:
    """What was counted in one minute with one product; `ideal_cycle_ms` None when no standard is known."""

    minute: int
    made: int
    rejected: int
    unobserved_made: int
    unobserved_rejected: int
    ideal_cycle_ms: int | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A stop with what is thought of it."""

    stop: Stop
    is_minor: bool
    proposal: Proposal
    coding: int | None = None


@dataclass(slots=True)
class Machine:
    """Facts of one machine from `start` on; `known` are stops that began before and may still go on."""

    name: str
    start: int
    until: int
    edges: list[Edge]
    known: dict[int, Verdict] = field(default_factory=dict)
    faults: FaultLog = field(default_factory=lambda: FaultLog([]))
    minutes: list[Parts] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Derived:
    verdicts: tuple[Verdict, ...]
    entries: tuple[Entry, ...]
    hours: dict[int, tuple[Bucket, Totals]]


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
                yield Bucket(first, last, from_ms(first).astimezone(calendar.zone).date(), "", None)
            else:
                yield Bucket(first, last, shift.work_date, shift.name, to_ms(shift.starts_at))


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Micro-stop thresholds in force from a moment on, earliest first."""

    steps: tuple[tuple[int, int], ...]
    default_ms: int

    def at(self, moment: int) -> int:
        return next((ms for since, ms in reversed(self.steps) if since <= moment), self.default_ms)


def derive(machines: Sequence[Machine], plan: Plan, thresholds: Thresholds) -> list[Derived]:
    """Derive each machine's rows; `machines` are in the order of the line, the first is upstream of the second."""
    found = [tuple(stopping.stops(machine.edges, machine.until + 1)) for machine in machines]
    standing = [Neighbour(machine.name, stops) for machine, stops in zip(machines, found, strict=True)]
    return [
        _machine(
            machine,
            found[place],
            plan,
            thresholds,
            standing[place - 1] if place else None,
            standing[place + 1] if place + 1 < len(machines) else None,
        )
        for place, machine in enumerate(machines)
    ]


def _machine(
    machine: Machine,
    stops: Iterable[Stop],
    plan: Plan,
    thresholds: Thresholds,
    upstream: Neighbour | None,
    downstream: Neighbour | None,
) -> Derived:
    verdicts = []
    for stop in stops:
        if stop.ended_at is not None and stop.ended_at < machine.start:
            continue
        known = machine.known.get(stop.started_at)
        if known is None:
            proposal = propose(stop.started_at, plan.schedule.breaks, machine.faults, upstream, downstream)
        else:
            proposal = known.proposal
        said = stopping.notes_of(stop, machine.notes)
        is_minor = stop.is_minor(thresholds.at(stop.started_at))
        verdicts.append(Verdict(stop, is_minor, proposal, said[-1].key if said else None))
    return account(machine, tuple(verdicts), plan)


def account(machine: Machine, verdicts: tuple[Verdict, ...], plan: Plan) -> Derived:
    """Ledger and hour totals of [machine.start, machine.until) for stops that have been judged."""
    seen = segments(machine.edges, machine.start, machine.until)
    pieces = [
        piece
        for verdict in verdicts
        for piece in stopping.parts(verdict.stop, machine.notes, verdict.is_minor, machine.until)
    ]
    cuts = (start for start, _, _ in plan.buckets.spans)
    entries = (
        ledger(seen, plan.schedule, Track((p.start, p.end, p) for p in pieces), machine.start, machine.until, cuts)
        if seen
        else []
    )
    return Derived(verdicts, tuple(entries), _hours(entries, machine.minutes, plan.buckets))


def _hours(
    entries: Iterable[Entry], minutes: Iterable[Parts], buckets: Track[Bucket]
) -> dict[int, tuple[Bucket, Totals]]:
    sums: dict[int, tuple[Bucket, dict[str, int]]] = {}

    def row(moment: int) -> dict[str, int]:
        bucket = buckets.at(moment)
        assert bucket is not None, "the plan covers every fact"  # noqa: S101
        if bucket.start not in sums:
            sums[bucket.start] = (bucket, dict.fromkeys(FIELDS, 0))
        return sums[bucket.start][1]

    for entry in entries:
        hour, length = row(entry.start), entry.end - entry.start
        hour["calendar_ms"] += length
        hour[column(entry.state, entry.planned, entry.is_minor)] += length
    for minute in minutes:
        _count(row(minute.minute), minute)
    return {start: (bucket, Totals(**spent)) for start, (bucket, spent) in sums.items()}


def _count(hour: dict[str, int], minute: Parts) -> None:
    hour["made"] += minute.made
    hour["rejected"] += minute.rejected
    hour["unobserved_made"] += minute.unobserved_made
    hour["unobserved_rejected"] += minute.unobserved_rejected
    if minute.ideal_cycle_ms is None:
        hour["unrated_made"] += minute.made
    else:
        hour["ideal_made_ms"] += minute.made * minute.ideal_cycle_ms
        hour["ideal_good_ms"] += (minute.made - minute.rejected) * minute.ideal_cycle_ms
