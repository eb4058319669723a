"""Facts and notes of one line, read in bulk as the values that the core works on."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import OuterRef, Q, Subquery

from floor.domain.fold import NO_PRODUCT
from floor.domain.machine import State
from floor.models import Equipment, FaultEvent, MachineMinute, MachineState, StateEdge
from oee.domain.clock import MILLISECOND, to_ms
from oee.domain.derive import Machine, Parts, Verdict
from oee.domain.ledger import Edge
from oee.domain.stops import FIRST_UP_MS, Fault, FaultLog, Note, Proposal
from oee.domain.stops import Stop as Standstill
from oee.models import Stop, StopCoding
from oee.setup import LineSetup


@dataclass(slots=True)
class Facts:
    """What happened from `since` on. `stored` are the stops that may change, as they stand in the database."""

    since: datetime | None
    owners: dict[UUID, LineSetup]
    machines: dict[UUID, Machine]
    stored: list[Stop]


def read_facts(setups: Iterable[LineSetup], since: datetime | None) -> Facts:
    """Read what derivation from `since` on (None: from the beginning) needs; machines never seen are left out.

    Several lines cost as many queries as one.
    """
    owners = {machine.id: setup for setup in setups for machine in setup.machines}
    names = {machine.id: machine.name for setup in owners.values() for machine in setup.machines}
    ids = list(owners)
    seen = MachineState.objects.filter(equipment__in=ids).values_list("equipment_id", "observed_until")
    watermarks = {machine: to_ms(until) for machine, until in seen if until is not None}
    stored = stored_stops(ids, since)
    known = _known(stored, since)
    edges = read_edges(ids, since)
    faults = _faults(owners, since)
    minutes = read_minutes(owners, since)
    notes = read_notes(ids, _earliest(since, stored))
    machines = {}
    for machine in ids:
        if machine not in watermarks or not edges[machine]:
            continue
        first = min(edge.at for edge in edges[machine])
        machines[machine] = Machine(
            names[machine],
            first if since is None else max(first, to_ms(since)),
            watermarks[machine],
            [*(Edge(start, State.STOP) for start in known[machine]), *edges[machine]],
            known[machine],
            FaultLog(faults[machine]),
            minutes[machine],
            notes[machine],
        )
    return Facts(since, owners, machines, stored)


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
    return Verdict(Standstill(to_ms(row.started_at), ended), row.is_minor, proposal, row.coding_id)


def _known(rows: Iterable[Stop], since: datetime | None) -> dict[UUID, dict[int, Verdict]]:
    """Stops that began before `since`: their cause is settled, only their end may still move."""
    found: dict[UUID, dict[int, Verdict]] = defaultdict(dict)
    for row in rows:
        if since is not None and row.started_at < since:
            found[row.equipment_id][to_ms(row.started_at)] = verdict_of(row)
    return found


def _earliest(since: datetime | None, stored: list[Stop]) -> datetime | None:
    return None if since is None else min([since, *(row.started_at for row in stored)])


def read_edges(ids: list[UUID], since: datetime | None, until: datetime | None = None) -> dict[UUID, list[Edge]]:
    """Edges in [since, until), and the last one before, which gives the opening state."""
    found: dict[UUID, list[Edge]] = defaultdict(list)
    rows = StateEdge.objects.filter(equipment__in=ids)
    if since is not None:
        rows = rows.filter(at__gte=since)
        before = StateEdge.objects.filter(equipment=OuterRef("pk"), at__lt=since).order_by("-at")
        opening = Equipment.objects.filter(pk__in=ids).annotate(
            edge_at=Subquery(before.values("at")[:1]), edge_state=Subquery(before.values("state")[:1])
        )
        for machine, at, state in opening.values_list("pk", "edge_at", "edge_state"):
            if at is not None:
                found[machine].append(Edge(to_ms(at), State(state)))
    if until is not None:
        rows = rows.filter(at__lt=until)
    for machine, at, state in rows.order_by("at").values_list("equipment_id", "at", "state"):
        found[machine].append(Edge(to_ms(at), State(state)))
    return found


def _faults(owners: dict[UUID, LineSetup], since: datetime | None) -> dict[UUID, list[Fault]]:
    rows = FaultEvent.objects.filter(equipment__in=list(owners))
    if since is not None:
        rows = rows.filter(Q(off_at=None) | Q(off_at__gt=since - FIRST_UP_MS * MILLISECOND))
    found: dict[UUID, list[Fault]] = defaultdict(list)
    for machine, bit, on_at, off_at in rows.values_list("equipment_id", "bit", "on_at", "off_at"):
        setup = owners[machine]
        meaning = setup.faults.get((machine, bit))
        if meaning is not None:
            reason = meaning.reason_code if meaning.reason_code in setup.reasons else None
            ended = None if off_at is None else to_ms(off_at)
            found[machine].append(Fault(to_ms(on_at), ended, bit, meaning.text, meaning.origin, reason))
    return found


def read_minutes(
    owners: dict[UUID, LineSetup], since: datetime | None, until: datetime | None = None
) -> dict[UUID, list[Parts]]:
    rows = MachineMinute.objects.filter(equipment__in=list(owners))
    if since is not None:
        rows = rows.filter(minute__gte=since)
    if until is not None:
        rows = rows.filter(minute__lt=until)
    cycles: dict[tuple[UUID, int, datetime], int | None] = {}
    found: dict[UUID, list[Parts]] = defaultdict(list)
    columns = ("equipment_id", "minute", "product_number", "made", "rejected", "unobserved_made", "unobserved_rejected")
    for machine, minute, number, *counts in rows.values_list(*columns):
        made, rejected, unobserved_made, unobserved_rejected = counts
        if not any(counts):
            continue
        # A standard holds for whole quarters of an hour, so that one look-up serves fifteen minutes.
        key = (machine, number, minute.replace(minute=minute.minute // 15 * 15))
        if key not in cycles:
            cycles[key] = owners[machine].ideal_cycle_ms(machine, None if number == NO_PRODUCT else number, key[2])
        found[machine].append(Parts(to_ms(minute), made, rejected, unobserved_made, unobserved_rejected, cycles[key]))
    return found


def read_notes(ids: list[UUID], since: datetime | None, until: datetime | None = None) -> dict[UUID, list[Note]]:
    """Notes that begin in [since, until), by their start."""
    rows = StopCoding.objects.filter(equipment__in=ids)
    if since is not None:
        rows = rows.filter(covers__startswith__gte=since)
    if until is not None:
        rows = rows.filter(covers__startswith__lt=until)
    found: dict[UUID, list[Note]] = defaultdict(list)
    for row in rows.select_related("reason"):
        end = None if row.covers.upper is None else to_ms(row.covers.upper)
        found[row.equipment_id].append(Note(row.pk, to_ms(row.covers.lower), end, row.reason_id, row.reason.is_planned))
    for notes in found.values():
        notes.sort(key=lambda note: note.start)
    return found
