"""Every write of the reader: leases, links and, through floor, facts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Greatest
from psycopg.types.json import Jsonb

from floor import live
from floor.actions.machine import MachineBatch
from floor.actions.machine import record as record_machines
from floor.domain.counters import CounterSetup
from floor.domain.fold import MachineSetup
from plc.drivers.base import ConfigurationError, Endpoint, Identity, TagSpec, Value
from plc.models import Binding, Controller, Link
from plc.spool import Seen
from plc.translate import Machine, Source

# A reader that dies is replaced when its lease has lapsed and the next look of `supervise` finds it: within 10 s.
LEASE = timedelta(seconds=5)
Meaning = Binding.Meaning


@dataclass(frozen=True, slots=True)
class Lease:
    controller_id: UUID
    token: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything the reader needs to know about one controller. `fingerprint` changes with any part of it."""

    controller_id: UUID
    code: str
    kind: str
    endpoint: Endpoint
    scan_s: float
    expected_serial: str
    tags: tuple[TagSpec, ...]
    machines: tuple[Machine, ...]
    fingerprint: str


@dataclass(slots=True)
class LinkReport:
    """What is said about a link on the engineer's page. `announce`: the screens of its lines show it too."""

    state: Link.State
    since: datetime
    error: str = ""
    hint: str = ""
    last_ok_at: datetime | None = None
    achieved_rate_hz: float | None = None
    read_ms: float | None = None
    scans: int = 0
    missed_slots: int = 0
    clock_offset_s: float = 0.0
    spool_rows: int = 0
    values: Mapping[str, Value] = field(default_factory=dict)
    identity: dict[str, str] = field(default_factory=dict)
    line_ids: frozenset[UUID] = frozenset()
    announce: bool = False


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan of one controller under one lease."""

    controller_id: UUID
    token: int
    seen: list[Seen]


@transaction.atomic
def take_lease(controller_id: UUID, owner: str, now: datetime) -> Lease | None:
    """Become the only reader of a controller; None while somebody else is. `now` is the database's time.

    Tokens grow from lease to lease, and with the clock, so that they also grow when a machine moves from one
    controller to another.
    """
    Link.objects.bulk_create([Link(controller_id=controller_id)], ignore_conflicts=True)
    free = Link.objects.filter(Q(lease_until=None) | Q(lease_until__lte=now), controller_id=controller_id)
    token = Greatest(F("token") + 1, int(now.timestamp() * 1000))
    if free.update(lease_owner=owner, lease_until=now + LEASE, token=token) != 1:
        return None
    return Lease(controller_id, Link.objects.values_list("token", flat=True).get(controller_id=controller_id))


def renew_leases(tokens: dict[UUID, int], now: datetime) -> set[UUID]:
    """Prolong leases; return the controllers whose lease somebody else has taken."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE plc_link l SET lease_until = %s"
            " FROM unnest(%s::uuid[], %s::int8[]) AS mine (controller_id, token)"
            " WHERE l.controller_id = mine.controller_id AND l.token = mine.token RETURNING l.controller_id",
            [now + LEASE, list(tokens), list(tokens.values())],
        )
        return set(tokens) - {row[0] for row in cursor.fetchall()}


def release_lease(lease: Lease, now: datetime, state: Link.State | None = None) -> None:
    mine = Link.objects.filter(controller_id=lease.controller_id, token=lease.token)
    mine.update(lease_owner="", lease_until=now)
    if state is not None:
        mine.update(state=state, since=now, error="", hint="")


def fingerprints(controller_ids: Iterable[UUID]) -> dict[UUID, str]:
    """A digest of each enabled controller's whole configuration; a missing one was disabled or deleted."""
    with connection.cursor() as cursor:
        # Three index scans per controller; rows as text, so that no edit by whatever way can be overlooked.
        cursor.execute(
            "SELECT c.id, md5(c::text"
            " || (SELECT coalesce(string_agg(t::text, '' ORDER BY t.id), '') FROM plc_tag t"
            "     WHERE t.controller_id = c.id)"
            " || (SELECT coalesce(string_agg(b::text, '' ORDER BY b.id), '') FROM plc_binding b"
            "     JOIN plc_tag t ON t.id = b.tag_id WHERE t.controller_id = c.id))"
            " FROM plc_controller c WHERE c.enabled AND c.id = ANY(%s)",
            [list(controller_ids)],
        )
        return dict(cursor.fetchall())


def load_plan(controller_id: UUID) -> Plan | None:
    """The controller's configuration as it is now; None when it is not to be read."""
    fingerprint = fingerprints([controller_id]).get(controller_id)
    if fingerprint is None:
        return None
    controller = Controller.objects.get(pk=controller_id)
    bindings = (
        Binding.objects.filter(tag__controller=controller, tag__enabled=True, equipment__enabled=True)
        .select_related("tag", "equipment")
        .order_by("equipment_id", "position", "id")
    )
    by_machine: dict[UUID, list[Binding]] = {}
    for binding in bindings:
        by_machine.setdefault(binding.equipment_id, []).append(binding)
    return Plan(
        controller_id=controller_id,
        code=controller.code,
        kind=controller.kind,
        endpoint=controller.endpoint,
        scan_s=controller.scan_s,
        expected_serial=controller.expected_serial,
        tags=tuple(tag.spec for tag in controller.tags.filter(enabled=True).order_by("name")),
        machines=tuple(_machine(group, controller.scan_s) for group in by_machine.values()),
        fingerprint=fingerprint,
    )


WIDTHS = {"SINT": 8, "USINT": 8, "INT": 16, "UINT": 16, "DINT": 32, "UDINT": 32}


def _machine(bindings: Sequence[Binding], scan_s: float) -> Machine:
    def sources(*meanings: str) -> tuple[Source, ...]:
        return tuple(_source(binding) for binding in bindings if binding.meaning in meanings)

    equipment = bindings[0].equipment
    made = sources(Meaning.TOTAL_COUNT) or sources(Meaning.GOOD_COUNT)
    setup = MachineSetup(
        limit_ms=int(max(3 * scan_s, 2.0) * 1000),
        made=_counter(bindings, Meaning.TOTAL_COUNT, Meaning.GOOD_COUNT),
        rejected=_counter(bindings, Meaning.REJECT_COUNT),
        counts_good=not sources(Meaning.TOTAL_COUNT) and bool(made),
    )
    return Machine(
        equipment_id=equipment.pk,
        line_id=equipment.line_id,
        setup=setup,
        running=sources(Meaning.RUNNING),
        speed=sources(Meaning.SPEED),
        product=sources(Meaning.PRODUCT),
        made=made,
        rejected=sources(Meaning.REJECT_COUNT),
        faults=sources(Meaning.FAULT_BITS),
    )


def _source(binding: Binding) -> Source:
    tag = binding.tag
    width = max(1, tag.length) if tag.data_type == "BOOL" else WIDTHS.get(tag.data_type, 64)
    return Source(tag.name, binding.bit, binding.invert, binding.scale, binding.offset, binding.modulus, width)


def _counter(bindings: Sequence[Binding], *meanings: str) -> CounterSetup:
    for meaning in meanings:
        for binding in bindings:
            if binding.meaning == meaning:
                rate = binding.max_rate_per_min
                return CounterSetup(binding.modulus, None if rate is None else rate / 60)
    return CounterSetup()


@transaction.atomic
def record(scans: Sequence[Scan], reports: dict[Lease, LinkReport]) -> set[Lease]:
    """Store scans and reports of those that still hold their lease; return the leases that were lost.

    The lease rows are locked until the commit, so nobody can take a lease over while its last scans are going in.
    """
    mine = {(scan.controller_id, scan.token) for scan in scans} | {(r.controller_id, r.token) for r in reports}
    locked = Link.objects.select_for_update(no_key=True).order_by("controller_id")
    current = set(locked.filter(controller_id__in={pair[0] for pair in mine}).values_list("controller_id", "token"))
    record_seen([row for scan in scans if (scan.controller_id, scan.token) in current for row in scan.seen])
    _write_links({lease: r for lease, r in reports.items() if (lease.controller_id, lease.token) in current})
    return {Lease(*pair) for pair in mine - current}


def record_seen(rows: Iterable[Seen]) -> int:
    """Hand observations to the floor, each machine's in their order; return how many were new."""
    batches: dict[UUID, MachineBatch] = {}
    for equipment_id, setup, observation in rows:
        batch = batches.get(equipment_id)
        if batch is None:
            batches[equipment_id] = MachineBatch(equipment_id, setup, [observation])
        else:
            batch.observations.append(observation)
    return record_machines(list(batches.values())) if batches else 0


def _write_links(reports: dict[Lease, LinkReport]) -> None:
    if not reports:
        return
    rows = [
        (
            lease.controller_id, r.state, r.since, r.error, r.hint, r.last_ok_at, r.achieved_rate_hz, r.read_ms,
            r.scans, r.missed_slots, r.clock_offset_s, r.spool_rows, Jsonb(shown(r.values)), Jsonb(r.identity),
        )
        for lease, r in reports.items()
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE plc_link l SET state = v.state, since = v.since, error = v.error, hint = v.hint,"
            " last_ok_at = coalesce(v.last_ok_at, l.last_ok_at), achieved_rate_hz = v.rate, read_ms = v.read_ms,"
            " scans = v.scans, missed_slots = v.missed, clock_offset_s = v.clock, spool_rows = v.spooled,"
            " values = v.values, identity = v.identity"
            " FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::timestamptz[],"
            " %s::float8[], %s::float8[], %s::int8[], %s::int8[], %s::float8[], %s::int4[], %s::jsonb[], %s::jsonb[])"
            " AS v (controller_id, state, since, error, hint, last_ok_at, rate, read_ms, scans, missed, clock, spooled,"
            " values, identity) WHERE l.controller_id = v.controller_id",
            [[row[index] for row in rows] for index in range(14)],
        )
    for line_id in {line_id for r in reports.values() if r.announce for line_id in r.line_ids}:
        live.changed(line_id, "link")


def shown(values: Mapping[str, Value]) -> dict[str, dict[str, Any]]:
    """Values as the engineer's page keeps them: v value, q quality, e error if there is one."""
    return {
        name: {"v": value, "q": quality, "e": error} if error else {"v": value, "q": quality}
        for name, (value, quality, error) in values.items()
    }


def check_identity(expected_serial: str, identity: Identity) -> None:
    """Refuse a controller that is not the one configured; a swapped one would feed the wrong line."""
    if expected_serial and _plain(identity.serial) != _plain(expected_serial):
        raise ConfigurationError(
            f"This is another controller: serial number {identity.serial or 'unknown'} instead of {expected_serial}.",
            "If it was exchanged, enter the new serial number; otherwise check the address.",
        )


def _plain(serial: str) -> str:
    """People leave out leading zeros and write serial numbers in either case."""
    return serial.strip().lower().removeprefix("0x").lstrip("0")


def database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row: tuple[datetime] = cursor.fetchone()
    return row[0].astimezone(UTC)
