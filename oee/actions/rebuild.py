"""Derive stops, ledger and hour totals from facts and notes.

Rebuilding a range gives the same rows as rebuilding everything: derived rows may be dropped at any time.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db import models, transaction
from django.db.models import Count, F, Max, Min
from django.db.models.functions import Coalesce

from floor import live
from floor.domain.shifts import hour_start
from floor.models import Equipment, FactsChange, Line
from oee.actions.facts import Facts, read_edges, read_facts, read_minutes, read_notes, stored_stops, verdict_of
from oee.domain.clock import from_ms, to_ms
from oee.domain.derive import Derived, Machine, Verdict, account, derive, plan
from oee.domain.factors import FIELDS
from oee.domain.ledger import Entry
from oee.domain.stops import notes_of
from oee.models import HourTotals, LedgerEntry, LineDerived, Stop, stop_key
from oee.setup import LineSetup, setups

logger = logging.getLogger(__name__)

# Causes, bridged silences and first-up faults are settled by then; facts older than this change nothing before it.
SETTLED_AFTER = timedelta(seconds=60)
RETRY_AFTER = timedelta(seconds=30)
TICK_MS = 5_000
TOPICS = ("state", "pace", "rate", "oee", "strip", "stops")

Row = TypeVar("Row", bound=models.Model)


@dataclass(slots=True)
class Changed:
    """What a rebuild changed, as far as screens care."""

    topics: set[str] = field(default_factory=set)
    rows: int = 0


@transaction.atomic
def rebuild(line: Line, *, since: datetime | None, now: datetime) -> Changed:
    """Derive the line's rows again from the hour of `since` on (None: all of them) and tell the screens."""
    derived = lock_line(line.id)
    version, unseen = news(line.id, derived.seen_version)
    if since is not None and version > derived.seen_version:
        since = None if unseen is None else min(since, unseen)
    changed = fold(setups([line])[line.id], since)
    _finish(derived, version, changed)
    return changed


def rebuild_dirty(now: datetime) -> int:
    """Catch up with every line whose facts have changed; return how many were rebuilt.

    A line that fails is put aside for a while, with its error, and the others go on.
    """
    _notice_silence(now)
    dirty = _dirty(now)
    if not dirty:
        return 0
    prepared = setups(dirty)
    return sum(_catch_up_or_postpone(prepared[line.id], now) for line in dirty)


def _dirty(now: datetime) -> list[Line]:
    return list(
        Line.objects.enabled()
        .annotate(seen_version=Coalesce("derived__seen_version", 0))  # a line never derived has no row yet
        .filter(line_state__facts_version__gt=F("seen_version"))
        .exclude(derived__retry_at__gt=now)
        .select_related("site")
        .order_by("pk")
    )


def _catch_up_or_postpone(setup: LineSetup, now: datetime) -> bool:
    try:
        return _catch_up(setup, now)
    except Exception as error:
        logger.exception("line_rebuild_failed", extra={"line": setup.line.code})
        LineDerived.objects.update_or_create(
            line=setup.line, defaults={"error": repr(error)[:500], "retry_at": now + RETRY_AFTER}
        )
        return False


@transaction.atomic
def _catch_up(setup: LineSetup, now: datetime) -> bool:
    LineDerived.objects.bulk_create([LineDerived(line=setup.line)], ignore_conflicts=True)
    derived = LineDerived.objects.select_for_update(no_key=True, skip_locked=True).filter(line=setup.line).first()
    if derived is None:
        return False  # somebody else is at it
    version, since = news(setup.line.id, derived.seen_version)
    if version == derived.seen_version:
        return False
    _finish(derived, version, fold(setup, since))
    return True


def news(line_id: UUID, seen: int) -> tuple[int, datetime | None]:
    """The facts' version and the earliest moment touched since `seen`; None when that is not known any more."""
    changes = FactsChange.objects.filter(line=line_id, version__gt=seen)
    found = changes.aggregate(count=Count("pk"), since=Min("since"), version=Max("version"))
    version = found["version"] or seen
    complete = found["count"] == version - seen
    return version, found["since"] if complete and seen else None


def lock_line(line_id: UUID) -> LineDerived:
    LineDerived.objects.bulk_create([LineDerived(line_id=line_id)], ignore_conflicts=True)
    return LineDerived.objects.select_for_update(no_key=True).get(line=line_id)


def _finish(derived: LineDerived, version: int, changed: Changed) -> None:
    derived.seen_version, derived.error, derived.retry_at = version, "", None
    derived.save(update_fields=["seen_version", "error", "retry_at"])
    if changed.topics:
        live.changed(derived.line_id, *sorted(changed.topics))


def _notice_silence(now: datetime) -> None:
    """No fact arrives when a machine falls silent, so somebody has to look at the clock."""
    rows = (
        Equipment.objects.filter(is_primary=True, enabled=True, line__enabled=True)
        .filter(machine_state__isnull=False, line__derived__isnull=False)
        .values_list("line_id", "line__derived__is_silent", "machine_state__observed_until", "machine_state__limit_ms")
    )
    for line_id, was_silent, observed_until, limit_ms in rows:
        silent = observed_until is None or now - observed_until > timedelta(milliseconds=limit_ms)
        if silent != was_silent:
            LineDerived.objects.filter(line=line_id).update(is_silent=silent)
            live.changed(line_id, *TOPICS)


def fold(setup: LineSetup, since: datetime | None) -> Changed:
    """Derive from the clock hour of `since` on and store what differs; the line is locked by the caller."""
    facts, found = _derive(setup, since)
    changed = Changed()
    for machine_id, derived in found.items():
        start = from_ms(facts.machines[machine_id].start)
        whole = since is None
        is_primary = any(m.id == machine_id and m.is_primary for m in setup.machines)
        _keep_stops(setup, machine_id, facts.stored.get(machine_id, []), derived.verdicts, changed)
        _keep_time(setup, machine_id, None if whole else start, None, derived, changed, is_primary=is_primary)
    return changed


def _derive(setup: LineSetup, since: datetime | None) -> tuple[Facts, dict[UUID, Derived]]:
    """Derive from the clock hour of `since` on, or from further back when a stop turns out minor after all."""
    start = None if since is None else hour_start(setup.calendar.zone, since - SETTLED_AFTER)
    while True:
        facts = read_facts(setup, start)
        found = derive_all(setup, facts)
        restated = [
            verdict.stop.started_at
            for machine_id, derived in found.items()
            for verdict in derived.verdicts
            if _is_restated(facts.machines[machine_id], verdict)
        ]
        if start is None or not restated:
            return facts, found
        start = hour_start(setup.calendar.zone, from_ms(min(restated)))


def derive_all(setup: LineSetup, facts: Facts) -> dict[UUID, Derived]:
    machines = facts.machines
    if not machines:
        return {}
    first = min(machine.start for machine in machines.values())
    last = max(machine.until for machine in machines.values())
    found = derive(list(machines.values()), plan(setup.calendar, first, last + 1), setup.thresholds)
    return dict(zip(machines, found, strict=True))


def _is_restated(machine: Machine, verdict: Verdict) -> bool:
    known = machine.known.get(verdict.stop.started_at)
    return known is not None and known.is_minor != verdict.is_minor


@transaction.atomic
def restate(line: Line, machine_id: UUID, *, start: datetime, end: datetime | None) -> Changed:
    """Account again for [start, end) of one machine after people said something; its stops stay as they are."""
    lock_line(line.id)
    setup = setups([line])[line.id]
    zone = setup.calendar.zone
    since = hour_start(zone, start)
    until = None if end is None else hour_start(zone, end) + timedelta(hours=1)
    changed = Changed({"state", "strip", "stops", "oee"})
    machine, stored = _machine(setup, machine_id, since, until)
    if machine is None:
        return changed
    by_start = {to_ms(row.started_at): row for row in stored}
    verdicts = tuple(_recoded(verdict_of(row), machine) for row in stored)
    derived = account(machine, verdicts, plan(setup.calendar, machine.start, machine.until + 1))
    for verdict in verdicts:
        row = by_start[verdict.stop.started_at]
        if row.coding_id != verdict.coding:
            Stop.objects.filter(pk=row.pk).update(coding=verdict.coding)
    _keep_time(setup, machine_id, from_ms(machine.start), until, derived, changed)
    live.changed(line.id, *sorted(changed.topics))
    return changed


def _machine(
    setup: LineSetup, machine_id: UUID, since: datetime, until: datetime | None
) -> tuple[Machine | None, list[Stop]]:
    ids = [machine_id]
    observed = Equipment.objects.filter(pk=machine_id).values_list("machine_state__observed_until", flat=True).first()
    edges = read_edges(ids, since, until)[machine_id]
    stored = sorted(stored_stops(ids, since, until)[machine_id], key=lambda row: row.started_at)
    if observed is None or not edges:
        return None, stored
    first_note = min([since, *(row.started_at for row in stored)])
    start = max(to_ms(since), edges[0].at)
    end = min(to_ms(observed), to_ms(until)) if until is not None else to_ms(observed)
    minutes = read_minutes(setup, ids, since, until)[machine_id]
    notes = read_notes(ids, first_note, until)[machine_id]
    return Machine("", start, end, edges, minutes=minutes, notes=notes), stored


def _recoded(verdict: Verdict, machine: Machine) -> Verdict:
    said = notes_of(verdict.stop, machine.notes)
    return Verdict(verdict.stop, verdict.is_minor, verdict.proposal, said[-1].key if said else None)


def rows_of(
    setup: LineSetup, machine_id: UUID, derived: Derived
) -> tuple[list[Stop], list[LedgerEntry], list[HourTotals]]:
    """The rows that say what was derived; nothing is stored yet."""
    return (
        [_stop_row(setup, machine_id, verdict) for verdict in derived.verdicts],
        [_entry_row(machine_id, entry) for entry in derived.entries],
        [_hour_row(setup.line.id, machine_id, derived, bucket_start) for bucket_start in derived.hours],
    )


def _keep_stops(
    setup: LineSetup, machine_id: UUID, stored: Sequence[Stop], verdicts: Iterable[Verdict], changed: Changed
) -> None:
    wanted = [_stop_row(setup, machine_id, verdict) for verdict in verdicts]
    moved = _exchange(Stop, stored, wanted, STOP_COLUMNS)
    if moved:
        changed.topics |= {"state", "strip", "stops", "oee"}
        changed.rows += moved


def _keep_time(
    setup: LineSetup,
    machine_id: UUID,
    start: datetime | None,
    end: datetime | None,
    derived: Derived,
    changed: Changed,
    *,
    is_primary: bool = True,
) -> None:
    """Exchange the ledger and the hours of [start, end); None is without limit."""
    _, entries, hours = rows_of(setup, machine_id, derived)
    old_entries = list(_range(LedgerEntry.objects.filter(equipment=machine_id), start, end))
    first_hour = None if start is None else hour_start(setup.calendar.zone, start)
    old_hours = list(_range(HourTotals.objects.filter(equipment=machine_id), first_hour, end))
    entries_moved = _exchange(LedgerEntry, old_entries, entries, ENTRY_COLUMNS)
    hours_moved = _exchange(HourTotals, old_hours, hours, HOUR_COLUMNS)
    changed.rows += entries_moved + hours_moved
    if is_primary and (entries_moved or hours_moved):
        changed.topics |= _topics(old_entries, entries, old_hours, hours)


def _range(rows: Any, start: datetime | None, end: datetime | None) -> Any:
    column = "started_at" if rows.model is LedgerEntry else "starts_at"
    if start is not None:
        rows = rows.filter(**{f"{column}__gte": start})
    if end is not None:
        rows = rows.filter(**{f"{column}__lt": end})
    return rows.order_by(column)


def _topics(
    old_entries: list[LedgerEntry], entries: list[LedgerEntry], old_hours: list[HourTotals], hours: list[HourTotals]
) -> set[str]:
    topics: set[str] = set()
    if [_shape(row) for row in old_entries] != [_shape(row) for row in entries]:
        topics |= {"state", "strip", "oee"}
    if _counts(old_hours) != _counts(hours):
        topics |= {"pace", "rate", "oee", "state"}
    # The clock's own progress is drawn every five seconds, not with every scan.
    if _tick(old_entries) != _tick(entries):
        topics |= {"pace", "oee", "strip"}
    return topics


def _shape(row: LedgerEntry) -> tuple[object, ...]:
    return row.started_at, row.state, row.planned, row.is_minor, row.reason_id


def _counts(rows: Iterable[HourTotals]) -> tuple[int, int]:
    rows = list(rows)
    made = sum(row.made + row.unobserved_made for row in rows)
    return made, sum(row.rejected + row.unobserved_rejected for row in rows)


def _tick(entries: Sequence[LedgerEntry]) -> int:
    return to_ms(entries[-1].ended_at) // TICK_MS if entries else 0


STOP_COLUMNS = (
    "equipment_id",
    "started_at",
    "ended_at",
    "is_minor",
    "proposed_reason_id",
    "proposed_why",
    "fault_text",
    "coding_id",
)
ENTRY_COLUMNS = (
    "started_at",
    "ended_at",
    "state",
    "planned",
    "is_minor",
    "stop_id",
    "reason_id",
    "coding_id",
)
HOUR_COLUMNS = ("starts_at", "ends_at", "work_date", "shift_name", "shift_starts_at", *FIELDS)


def _exchange(model: type[Row], old: Iterable[Row], new: Iterable[Row], columns: tuple[str, ...]) -> int:
    """Make the stored rows equal to `new`, touching only those that differ; return how many did."""
    before = {tuple(getattr(row, name) for name in columns): row.pk for row in old}
    after = {tuple(getattr(row, name) for name in columns): row for row in new}
    gone = [pk for key, pk in before.items() if key not in after]
    come = [row for key, row in after.items() if key not in before]
    rows: Any = model._default_manager
    if gone:
        rows.filter(pk__in=gone).delete()
    if come:
        rows.bulk_create(come, batch_size=1000)
    return len(gone) + len(come)


def _stop_row(setup: LineSetup, machine_id: UUID, verdict: Verdict) -> Stop:
    stop, proposal = verdict.stop, verdict.proposal
    return Stop(
        id=stop_key(machine_id, stop.started_at),
        equipment_id=machine_id,
        line_id=setup.line.id,
        started_at=from_ms(stop.started_at),
        ended_at=None if stop.ended_at is None else from_ms(stop.ended_at),
        is_minor=verdict.is_minor,
        proposed_reason_id=proposal.reason if proposal.reason in setup.reasons else None,
        proposed_why=proposal.why[:300],
        fault_text=proposal.fault_text[:200],
        coding_id=verdict.coding,
    )


def _entry_row(machine_id: UUID, entry: Entry) -> LedgerEntry:
    return LedgerEntry(
        equipment_id=machine_id,
        started_at=from_ms(entry.start),
        ended_at=from_ms(entry.end),
        state=entry.state.value,
        planned=entry.planned.value,
        is_minor=entry.is_minor,
        stop_id=None if entry.stop is None else stop_key(machine_id, entry.stop),
        reason_id=entry.reason,
        coding_id=entry.coding,
    )


def _hour_row(line_id: UUID, machine_id: UUID, derived: Derived, bucket_start: int) -> HourTotals:
    bucket, totals = derived.hours[bucket_start]
    return HourTotals(
        equipment_id=machine_id,
        line_id=line_id,
        work_date=bucket.work_date,
        shift_name=bucket.shift,
        shift_starts_at=None if bucket.shift_start is None else from_ms(bucket.shift_start),
        starts_at=from_ms(bucket.start),
        ends_at=from_ms(bucket.end),
        **{f.name: getattr(totals, f.name) for f in fields(totals)},
    )
