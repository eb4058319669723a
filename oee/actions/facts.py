"""Facts and notes of one line, read in bulk as the values that the core works on."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, Subquery

from floor.domain.fold import NO_PRODUCT
from floor.domain.machine import State
from floor.models import Equipment, FaultEvent, MachineMinute, MachineState, StateEdge
from oee.counts import counted_by_people
from oee.domain.clock import MILLISECOND, MINUTE_MS, to_ms
from oee.domain.derive import Machine, Parts, Verdict
from oee.domain.judging import Steps
from oee.domain.ledger import Edge, Kind, Told, Track
from oee.domain.standards import RunningJob
from oee.domain.stops import FIRST_UP_MS, Fault, FaultLog, Merge, Note, PlannedTime, Proposal
from oee.domain.stops import Stop as Standstill
from oee.jobs import Jobs, JobsIn, jobs_of
from oee.models import ManualStop, PlannedStop, Stop, StopCoding, StopMerge
from oee.parts import note_of, planned_time_of
from oee.setup import LineSetup


@dataclass(slots=True)
class Facts:
    """What happened in [since, until). `stored` are the stops that may change, as they stand in the database."""

    since: datetime | None
    owners: dict[UUID, LineSetup]
    machines: dict[UUID, Machine]
    stored: list[Stop]


class Window:
    """[since, until) of these machines; None is without limit. Each question is one query for all of them."""

    def __init__(self, owners: dict[UUID, LineSetup], since: datetime | None, until: datetime | None) -> None:
        self.owners, self.since, self.until = owners, since, until
        self.ids = list(owners)
        self.lines = {setup.line.id: setup for setup in owners.values()}.values()

    @cached_property
    def jobs(self) -> dict[UUID, Jobs]:
        """What ran on each line."""
        asked = {line: JobsIn(line, self.since, self.until) for line in {setup.line.id for setup in self.lines}}
        found = jobs_of.answer_all(list(asked.values()))
        return {line: found[its] for line, its in asked.items()}

    def jobs_on(self, machine: UUID) -> Jobs:
        return self.jobs[self.owners[machine].line.id]

    def of(self, rows: Any, column: str) -> Any:
        """Rows of these machines whose `column` lies in the window."""
        found = rows.filter(equipment__in=self.ids)
        if self.since is not None:
            found = found.filter(**{f"{column}__gte": self.since})
        return found if self.until is None else found.filter(**{f"{column}__lt": self.until})


def read_facts(setups: Iterable[LineSetup], since: datetime | None, until: datetime | None = None) -> Facts:
    """Read what derivation of [since, until) needs; machines never seen are left out.

    No stop may cross `until`. Several lines cost as many queries as one.
    """
    owners = {machine.id: setup for setup in setups for machine in setup.machines}
    window = Window(owners, since, until)
    stored = stored_stops(window.ids, since, until)
    read = _Read(window, stored)
    seen = (machine for setup in window.lines for machine in setup.machines if read.has_seen(machine.id))
    return Facts(since, owners, {machine.id: read.machine(machine) for machine in seen}, stored)


class _Read:
    """Everything about the machines of a window, read table by table and told machine by machine."""

    def __init__(self, window: Window, stored: list[Stop]) -> None:
        self._window = window
        window_of_notes = Window(window.owners, _earliest(window.since, stored), window.until)
        self._watermarks = _watermarks(window.ids)
        self._edges, self._faults = _edges(window), _faults(window)
        self._minutes, self._products = _minutes(window), _opening_products(window)
        self._counts, self._known = _counts(window, self._edges), _known(stored, window.since)
        self._told, self._merges = _told(window), _merges(window)
        self._notes, self._planned = _notes(window_of_notes), _planned(window_of_notes)

    def has_seen(self, key: UUID) -> bool:
        return key in self._watermarks and bool(self._edges[key])

    def machine(self, machine: Equipment) -> Machine:
        key, start, end = machine.id, self._start(machine.id), self._end(machine.id)
        return Machine(
            key=key,
            name=machine.name,
            start=start,
            until=end,
            edges=self._edges_of(key, end),
            product=self._products.get(key, NO_PRODUCT),
            products=self._minutes[key].products,
            known=self._known[key],
            faults=FaultLog(self._faults[key]),
            minutes=[*self._minutes[key].parts, *(_not_before(start, parts) for parts in self._counts[key])],
            notes=self._notes[key],
            planned=self._planned[self._window.owners[key].line.id],
            told=[*self._told[key], *(ran for _, ran in self._merges[key] if ran is not None)],
            merges=[merge for merge, _ in self._merges[key]],
            jobs=Track((start, end, job.key) for start, end, job in self._window.jobs_on(key).spans),
        )

    def _start(self, key: UUID) -> int:
        first, since = min(edge.at for edge in self._edges[key]), self._window.since
        return first if since is None else max(first, to_ms(since))

    def _end(self, key: UUID) -> int:
        """Time is accounted for as far as it was seen, or as far as people told about it while nobody saw."""
        said = [told.end for told in self._told[key]] + [parts.minute + 1 for parts in self._counts[key]]
        end, until = max([self._watermarks[key], *said]), self._window.until
        return end if until is None else min(end, to_ms(until))

    def _edges_of(self, key: UUID, end: int) -> list[Edge]:
        """With the beginnings of stops that are known, and with the silence since the last reading, if any."""
        known = (Edge(start, State.STOP) for start in self._known[key])
        silent = [Edge(self._watermarks[key], State.UNKNOWN)] if end > self._watermarks[key] else []
        return [*known, *self._edges[key], *silent]


def _watermarks(ids: list[UUID]) -> dict[UUID, int]:
    seen = MachineState.objects.filter(equipment__in=ids).values_list("equipment_id", "observed_until")
    return {machine: to_ms(until) for machine, until in seen if until is not None}


def _not_before(start: int, parts: Parts) -> Parts:
    """Parts counted before the machine was ever seen belong to its first minute."""
    return parts if parts.minute >= start // MINUTE_MS * MINUTE_MS else parts._replace(minute=start)


def stored_stops(ids: list[UUID], since: datetime | None, until: datetime | None = None) -> list[Stop]:
    rows = Stop.objects.filter(equipment__in=ids)
    if since is not None:
        rows = rows.filter(Q(ended_at=None) | Q(ended_at__gte=since))
    if until is not None:
        rows = rows.filter(started_at__lt=until)
    return list(rows)


def verdict_of(row: Stop) -> Verdict:
    ended = None if row.ended_at is None else to_ms(row.ended_at)
    proposal = Proposal(row.proposed_reason_id, row.proposed_why, row.fault_text)
    return Verdict(
        Standstill(to_ms(row.started_at), ended),
        row.is_minor,
        proposal,
        row.caused_by_id,
        row.coding_id,
        Kind(row.kind),
        row.planned_stop_id,
    )


def _known(rows: Iterable[Stop], since: datetime | None) -> dict[UUID, dict[int, Verdict]]:
    """Stops that began before `since`: their cause is settled, only their end may still move."""
    found: dict[UUID, dict[int, Verdict]] = defaultdict(dict)
    for row in rows:
        if since is not None and row.started_at < since:
            found[row.equipment_id][to_ms(row.started_at)] = verdict_of(row)
    return found


def _earliest(since: datetime | None, stored: list[Stop]) -> datetime | None:
    return None if since is None else min([since, *(row.started_at for row in stored)])


# ---------------------------------------------------------------- facts


def _edges(window: Window) -> dict[UUID, list[Edge]]:
    """Edges in the window, and the last one before, which gives the opening state."""
    found: dict[UUID, list[Edge]] = defaultdict(list)
    if window.since is not None:
        before = StateEdge.objects.filter(equipment=OuterRef("pk"), at__lt=window.since).order_by("-at")
        opening = Equipment.objects.filter(pk__in=window.ids).annotate(
            edge_at=Subquery(before.values("at")[:1]), edge_state=Subquery(before.values("state")[:1])
        )
        for machine, at, state in opening.values_list("pk", "edge_at", "edge_state"):
            if at is not None:
                found[machine].append(Edge(to_ms(at), State(state)))
    rows = window.of(StateEdge.objects.order_by("at"), "at")
    for machine, at, state in rows.values_list("equipment_id", "at", "state"):
        found[machine].append(Edge(to_ms(at), State(state)))
    return found


def _faults(window: Window) -> dict[UUID, list[Fault]]:
    rows = FaultEvent.objects.filter(equipment__in=window.ids)
    if window.since is not None:
        rows = rows.filter(Q(off_at=None) | Q(off_at__gt=window.since - FIRST_UP_MS * MILLISECOND))
    if window.until is not None:
        rows = rows.filter(on_at__lt=window.until)
    found: dict[UUID, list[Fault]] = defaultdict(list)
    for machine, bit, on_at, off_at in rows.values_list("equipment_id", "bit", "on_at", "off_at"):
        setup = window.owners[machine]
        meaning = setup.faults.get((machine, bit))
        if meaning is not None:
            reason = meaning.reason_code if meaning.reason_code in setup.classes else None
            ended = None if off_at is None else to_ms(off_at)
            found[machine].append(Fault(to_ms(on_at), ended, bit, meaning.text, meaning.origin, reason))
    return found


class _Minutes:
    """Of one machine: which products were seen when, and what was counted."""

    __slots__ = ("parts", "products")

    def __init__(self) -> None:
        self.products: list[tuple[int, int]] = []
        self.parts: list[Parts] = []


COUNTS = ("made", "rejected", "unobserved_made", "unobserved_rejected")


def _minutes(window: Window) -> dict[UUID, _Minutes]:
    cycles = _Cycles(window)
    found: dict[UUID, _Minutes] = defaultdict(_Minutes)
    rows = window.of(MachineMinute.objects.order_by("minute"), "minute")
    for machine, minute, number, *counts in rows.values_list("equipment_id", "minute", "product_number", *COUNTS):
        at = to_ms(minute)
        found[machine].products.append((at, number))
        if any(counts):
            made, rejected, unobserved_made, unobserved_rejected = counts
            cycle = cycles.of(machine, number, at)
            found[machine].parts.append(Parts(at, number, made, rejected, unobserved_made, unobserved_rejected, cycle))
    return found


def counted(setup: LineSetup, machine: UUID, since: datetime, until: datetime) -> list[Parts]:
    """What was made in [since, until), by the counter and by people; whole minutes."""
    window = Window({machine: setup}, since, until)
    return [*_minutes(window)[machine].parts, *_counts(window, {})[machine]]


class _Cycles:
    """Ideal cycles of machines, products and jobs, each looked up once for all time."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._known: dict[tuple[UUID, int, RunningJob | None], Steps[int | None]] = {}

    def of(self, machine: UUID, number: int, moment: int) -> int | None:
        """In ms, as of that moment or of the day by which it was judged anew; None: no standard is known.

        Which job ran is a fact of the moment itself, however it is judged.
        """
        setup, job = self._window.owners[machine], self._window.jobs_on(machine).at(moment)
        key = (machine, number, job)
        if key not in self._known:
            self._known[key] = setup.ideal_cycles(machine, None if number == NO_PRODUCT else number, job)
        return self._known[key].at(setup.judging.at(moment))


def _opening_products(window: Window) -> dict[UUID, int]:
    """What each machine was making when the window opens."""
    if window.since is None:
        return {}
    seen = MachineMinute.objects.filter(equipment=OuterRef("pk"), minute__lt=window.since)
    last = seen.exclude(product_number=NO_PRODUCT).order_by("-minute", "-product_number")
    rows = Equipment.objects.filter(pk__in=window.ids).annotate(last=Subquery(last.values("product_number")[:1]))
    return {machine: number for machine, number in rows.values_list("pk", "last") if number is not None}


# ---------------------------------------------------------------- what people said


def _notes(window: Window) -> dict[UUID, list[Note]]:
    """Notes that begin in the window, by their start."""
    found: dict[UUID, list[Note]] = defaultdict(list)
    rows = window.of(StopCoding.objects.order_by("covers__startswith", "pk"), "covers__startswith")
    for row in rows:
        found[row.equipment_id].append(note_of(row, window.owners[row.equipment_id].loss_class))
    for notes in found.values():
        notes.sort(key=lambda note: note.start)
    return found


def _planned(window: Window) -> dict[UUID, list[PlannedTime]]:
    """By line, the earlier said first."""
    setups = {setup.line.id: setup for setup in window.lines}
    found: dict[UUID, list[PlannedTime]] = defaultdict(list)
    rows = PlannedStop.objects.standing().touching(window.since, window.until).filter(line__in=list(setups))
    for row in rows.order_by("pk"):
        found[row.line_id].append(planned_time_of(row, setups[row.line_id].loss_class))
    return found


def _told(window: Window) -> dict[UUID, list[Told]]:
    found: dict[UUID, list[Told]] = defaultdict(list)
    rows = ManualStop.objects.standing().touching(window.since, window.until).filter(equipment__in=window.ids)
    for row in rows:
        found[row.equipment_id].append(Told(to_ms(row.starts_at), to_ms(_end_of(row)), State.UNKNOWN))
    return found


def _merges(window: Window) -> dict[UUID, list[tuple[Merge, Told | None]]]:
    """Each with the running that belongs to the stop, where somebody said so."""
    found: dict[UUID, list[tuple[Merge, Told | None]]] = defaultdict(list)
    rows = StopMerge.objects.standing().touching(window.since, window.until).filter(equipment__in=window.ids)
    for row in rows.order_by("pk"):
        start, end = to_ms(row.starts_at), to_ms(_end_of(row))
        found[row.equipment_id].append((Merge(start, end), Told(start, end, State.RUN) if row.run_is_stop else None))
    return found


def _end_of(note: ManualStop | StopMerge) -> datetime:
    assert note.ends_at is not None, "a constraint says so"  # noqa: S101
    return note.ends_at


def _counts(window: Window, edges: Mapping[UUID, Sequence[Edge]]) -> dict[UUID, list[Parts]]:
    """What people counted before a machine was ever seen belongs to the window in which it is seen first."""
    cycles, since = _Cycles(window), window.since
    new = (
        []
        if since is None
        else [m for m in window.ids if m in edges and all(edge.at >= to_ms(since) for edge in edges[m])]
    )
    found: dict[UUID, list[Parts]] = defaultdict(list)
    for row in [
        *counted_by_people(window.ids, since, window.until),
        *(counted_by_people(new, None, since) if new else ()),
    ]:
        minute = to_ms(row.at) // MINUTE_MS * MINUTE_MS
        cycle = cycles.of(row.machine, row.product_number, minute)
        found[row.machine].append(
            Parts(
                minute, row.product_number, 0, row.rejected, row.unobserved_made, row.unobserved_rejected,
                cycle, row.reworked, row.startup,
            )
        )  # fmt: skip
    return found
