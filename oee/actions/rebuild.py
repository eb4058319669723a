"""Derive stops, ledger and hour totals from facts and notes.

Rebuilding a range gives the same rows as rebuilding everything: derived rows may be dropped at any time.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import models, transaction
from django.db.models import Count, F, Max, Min, OuterRef, Subquery
from django.db.models.functions import Coalesce

from floor import live
from floor.domain.shifts import hour_start
from floor.models import Equipment, FactsChange, Line, StateEdge
from oee.actions.facts import Facts, read_facts, verdict_of
from oee.domain.clock import from_ms, to_ms
from oee.domain.derive import Bucket, Derived, Hour, Loss, Machine, Verdict, derive, plan
from oee.domain.factors import FIELDS
from oee.domain.ledger import Entry
from oee.models import HourLoss, HourTotals, LedgerEntry, LineDerived, Stop, stop_key
from oee.setup import LineSetup, setups

logger = logging.getLogger(__name__)

# Causes, bridged silences and first-up faults are settled by then; facts older than this change nothing before it.
SETTLED_AFTER = timedelta(seconds=60)
RETRY_AFTER = timedelta(seconds=30)
HOUR = timedelta(hours=1)
LONG_AGO = datetime.min.replace(tzinfo=UTC)
TICK_MS = 5_000
TOPICS = ("state", "pace", "rate", "oee", "strip", "stops")


@dataclass(slots=True)
class Changed:
    """What a rebuild changed on one line, as far as screens care."""

    topics: set[str] = field(default_factory=set)
    rows: int = 0


@dataclass(frozen=True, slots=True)
class News:
    """Version of a line's facts, and the earliest moment touched since they were last derived.

    `since` None: not known any more; everything has to be derived.
    """

    version: int
    since: datetime | None


@transaction.atomic
def rebuild(line: Line, *, since: datetime | None, now: datetime) -> Changed:
    """Derive the line's rows again from the hour of `since` on (None: all of them) and tell the screens."""
    derived = lock_line(line.id)
    latest = news([derived])[line.id]
    if since is not None and latest.version > derived.seen_version:
        since = None if latest.since is None else min(since, latest.since)
    changed = fold([setups([line])[line.id]], since)
    _finish([derived], {line.id: latest}, changed)
    return changed[line.id]


def rebuild_dirty(now: datetime) -> int:
    """Catch up with every line whose facts have changed; return how many were rebuilt.

    All lines go together, which costs as many queries as one. When that fails each goes alone: one that fails is
    put aside for a while, with its error, and the others go on.
    """
    _notice_silence(now)
    dirty = _dirty(now)
    if not dirty:
        return 0
    LineDerived.objects.bulk_create([LineDerived(line=line) for line in dirty], ignore_conflicts=True)
    prepared = list(setups(dirty).values())
    try:
        return _catch_up(prepared)
    except Exception:
        if len(prepared) > 1:
            logger.warning("lines_rebuilt_one_by_one", exc_info=True)
    return sum(_catch_up_or_postpone(setup, now) for setup in prepared)


def _dirty(now: datetime) -> list[Line]:
    return list(
        Line.objects.enabled()
        .annotate(seen_version=Coalesce("derived__seen_version", 0))  # a line never derived has no row yet
        .filter(line_state__facts_version__gt=F("seen_version"))
        .exclude(derived__retry_at__gt=now)
        .select_related("site")
        .order_by("pk")
    )


def _catch_up_or_postpone(setup: LineSetup, now: datetime) -> int:
    try:
        return _catch_up([setup])
    except Exception as error:
        logger.exception("line_rebuild_failed", extra={"line": setup.line.code})
        LineDerived.objects.filter(line=setup.line).update(error=repr(error)[:500], retry_at=now + RETRY_AFTER)
        return 0


@transaction.atomic
def _catch_up(prepared: Sequence[LineSetup]) -> int:
    """Derive what is new on these lines; a line that somebody else is deriving is left to them."""
    by_line = {setup.line.id: setup for setup in prepared}
    locked = LineDerived.objects.filter(line__in=list(by_line)).order_by("line")
    derived = list(locked.select_for_update(no_key=True, skip_locked=True))
    latest = news(derived)
    derived = [row for row in derived if latest[row.line_id].version > row.seen_version]
    changed: dict[UUID, Changed] = {}
    for together in _groups([by_line[row.line_id] for row in derived], latest):
        changed |= fold(together, latest[together[0].line.id].since)
    _finish(derived, latest, changed)
    return len(derived)


def _groups(prepared: Iterable[LineSetup], latest: dict[UUID, News]) -> Iterable[list[LineSetup]]:
    """Lines to be derived from the same hour of the same clock; those to be derived whole go alone."""
    groups: dict[object, list[LineSetup]] = defaultdict(list)
    for setup in prepared:
        since = latest[setup.line.id].since
        key = setup.line.id if since is None else (setup.calendar.zone.key, _first_hour(setup, since))
        groups[key].append(setup)
    return groups.values()


def _first_hour(setup: LineSetup, since: datetime) -> datetime:
    return hour_start(setup.calendar.zone, since - SETTLED_AFTER)


def news(derived: Iterable[LineDerived]) -> dict[UUID, News]:
    seen = {row.line_id: row.seen_version for row in derived}
    changes = FactsChange.objects.filter(line__in=list(seen), version__gt=F("line__derived__seen_version"))
    found = {row[0]: row[1:] for row in changes.values_list("line").annotate(Count("pk"), Min("since"), Max("version"))}
    return {line: _news(version, *found.get(line, (0, None, version))) for line, version in seen.items()}


def _news(seen: int, count: int, since: datetime | None, version: int) -> News:
    is_complete = count == version - seen
    return News(version, since if is_complete else None)


def lock_line(line_id: UUID) -> LineDerived:
    LineDerived.objects.bulk_create([LineDerived(line_id=line_id)], ignore_conflicts=True)
    return LineDerived.objects.select_for_update(no_key=True).get(line=line_id)


def _finish(derived: Iterable[LineDerived], latest: dict[UUID, News], changed: dict[UUID, Changed]) -> None:
    rows = list(derived)
    for row in rows:
        row.seen_version, row.error, row.retry_at = latest[row.line_id].version, "", None
        if changed[row.line_id].topics:
            live.changed(row.line_id, *sorted(changed[row.line_id].topics))
    LineDerived.objects.bulk_update(rows, ["seen_version", "error", "retry_at"])


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


@transaction.atomic
def rederive(line: Line, *, start: datetime, end: datetime | None) -> Changed:
    """Derive the hours that [start, end) touches again, after people said something about them.

    `end` None is up to now. What reaches further than `end` (a stop that goes on) is taken along.
    """
    lock_line(line.id)
    setup = setups([line])[line.id]
    changed = fold([setup], start, None if end is None else _quiet_hour(setup, max(end, _first_sight(setup, start))))
    live.changed(line.id, *sorted({*changed[line.id].topics, "state", "strip", "stops", "oee"}))
    return changed[line.id]


def _first_sight(setup: LineSetup, start: datetime) -> datetime:
    """The last moment after `start` at which one of the machines was seen for the first time, else `start`.

    Parts that people counted before are in the hour of that moment, judged by when they were made.
    """
    edges = StateEdge.objects.filter(equipment=OuterRef("pk")).order_by("at").values("at")
    machines = Equipment.objects.filter(pk__in=[machine.id for machine in setup.machines])
    first_seen = machines.annotate(first=Subquery(edges[:1])).filter(first__gt=start)
    found: datetime | None = first_seen.aggregate(last=Max("first"))["last"]
    return found or start


def _quiet_hour(setup: LineSetup, end: datetime) -> datetime | None:
    """The first full hour from which on no stop of this line reaches back; None: only the end of the facts."""
    machines, zone = [machine.id for machine in setup.machines], setup.calendar.zone
    until = hour_start(zone, end + SETTLED_AFTER) + HOUR
    while True:
        across = Stop.objects.filter(equipment__in=machines, started_at__lt=until + SETTLED_AFTER)
        open_ones = across.filter(ended_at=None).exists()
        last = across.filter(ended_at__gt=until - SETTLED_AFTER).aggregate(last=Max("ended_at"))["last"]
        if open_ones or until > _seen_until(machines):
            return None
        if last is None:
            return until
        until = hour_start(zone, last + SETTLED_AFTER) + HOUR


def _seen_until(machines: list[UUID]) -> datetime:
    """Before this moment everything has been seen of every machine that was ever seen."""
    seen = Equipment.objects.filter(pk__in=machines, machine_state__observed_until__isnull=False)
    found: datetime | None = seen.aggregate(first=Min("machine_state__observed_until"))["first"]
    return found or LONG_AGO


def fold(prepared: Sequence[LineSetup], since: datetime | None, until: datetime | None = None) -> dict[UUID, Changed]:
    """Derive lines of one clock from the hour of `since` on and store what differs; the caller has locked them.

    `until` is a full hour that no stop crosses; None: up to the end of the facts.
    """
    facts, found = _derive(prepared, since, until)
    changed = {setup.line.id: Changed() for setup in prepared}
    stops = {_stop_values(row.line_id, row.equipment_id, verdict_of(row)): row.pk for row in facts.stored}
    wanted = rows_of(prepared, found)
    for machine_id, moved in _exchange(Stop, stops, wanted.stops).items():
        line = changed[facts.owners[machine_id].line.id]
        line.topics |= {"state", "strip", "stops", "oee"}
        line.rows += moved
    _keep_time(prepared, list(found), facts.since, until, wanted, changed)
    return changed


def _derive(
    prepared: Sequence[LineSetup], since: datetime | None, until: datetime | None
) -> tuple[Facts, dict[UUID, Derived]]:
    """Derive from the clock hour of `since` on, or from further back when an older stop is judged otherwise now."""
    start = derivable(prepared[0], None if since is None else _first_hour(prepared[0], since))
    while True:
        facts = read_facts(prepared, start, until)
        found = {machine: derived for setup in prepared for machine, derived in derive_all(setup, facts).items()}
        rejudged = [
            verdict.stop.started_at
            for machine_id, derived in found.items()
            for verdict in derived.verdicts
            if _is_rejudged(facts.machines[machine_id], verdict)
        ]
        if start is None or not rejudged:
            return facts, found
        further = derivable(prepared[0], hour_start(prepared[0].calendar.zone, from_ms(min(rejudged))))
        if further == start:
            return facts, found
        start = further


def derivable(setup: LineSetup, start: datetime | None) -> datetime | None:
    """`start`, or the first hour after it whose details have not been dropped; rows before that stay as they are."""
    limit = setup.derivable_since
    return start if limit is None else max(limit, start or limit)


def derive_all(setup: LineSetup, facts: Facts) -> dict[UUID, Derived]:
    machines = {m.id: facts.machines[m.id] for m in setup.machines if m.id in facts.machines}
    if not machines:
        return {}
    first = min(machine.start for machine in machines.values())
    last = max(machine.until for machine in machines.values())
    found = derive(list(machines.values()), plan(setup.calendar, first, last + 1), setup.rules)
    return dict(zip(machines, found, strict=True))


def _is_rejudged(machine: Machine, verdict: Verdict) -> bool:
    known = machine.known.get(verdict.stop.started_at)
    return known is not None and known.is_minor != verdict.is_minor


Values = tuple[Any, ...]
STOP_COLUMNS = (
    "equipment_id",
    "started_at",
    "line_id",
    "ended_at",
    "is_minor",
    "proposed_reason_id",
    "proposed_why",
    "fault_text",
    "caused_by_id",
    "coding_id",
    "kind",
    "planned_stop_id",
    "id",
)
ENTRY_COLUMNS = (
    "equipment_id",
    "started_at",
    "ended_at",
    "state",
    "kind",
    "stop_id",
    "reason_id",
    "coding_id",
    "planned_stop_id",
)
HOUR_COLUMNS = (
    "equipment_id",
    "starts_at",
    "line_id",
    "ends_at",
    "work_date",
    "shift_name",
    "shift_starts_at",
    "team",
    "product_number",
    "job_id",
    *FIELDS,
)
LOSS_COLUMNS = ("equipment_id", "starts_at", "line_id", "work_date", "kind", "reason_id", "lost_ms", "events")
COLUMNS: dict[type[models.Model], tuple[str, ...]] = {
    Stop: STOP_COLUMNS,
    LedgerEntry: ENTRY_COLUMNS,
    HourTotals: HOUR_COLUMNS,
    HourLoss: LOSS_COLUMNS,
}
COUNTS = [HOUR_COLUMNS.index(name) for name in ("made", "rejected", "unobserved_made", "unobserved_rejected")]


class Rows(NamedTuple):
    """Rows as values, in the order of COLUMNS; machine and start come first."""

    stops: list[Values]
    entries: list[Values]
    hours: list[Values]
    losses: list[Values]


def rows_of(prepared: Iterable[LineSetup], found: dict[UUID, Derived]) -> Rows:
    """The rows that say what was derived; nothing is stored yet."""
    lines = {machine.id: setup.line.id for setup in prepared for machine in setup.machines}
    return Rows(
        [_stop_values(lines[m], m, verdict) for m, derived in found.items() for verdict in derived.verdicts],
        [_entry_values(m, entry) for m, derived in found.items() for entry in derived.entries],
        [_hour_values(lines[m], m, hour) for m, derived in found.items() for hour in derived.hours],
        [
            _loss_values(lines[m], m, hour.bucket, loss)
            for m, derived in found.items()
            for hour in derived.hours
            for loss in hour.losses
        ],
    )


def _stop_values(line_id: UUID, machine_id: UUID, verdict: Verdict) -> Values:
    stop, proposal = verdict.stop, verdict.proposal
    return (
        machine_id,
        from_ms(stop.started_at),
        line_id,
        None if stop.ended_at is None else from_ms(stop.ended_at),
        verdict.is_minor,
        proposal.reason,
        proposal.why[:300],
        proposal.fault_text[:200],
        verdict.culprit,
        verdict.coding,
        verdict.kind.value,
        verdict.planned,
        stop_key(machine_id, stop.started_at),
    )


def _entry_values(machine_id: UUID, entry: Entry) -> Values:
    return (
        machine_id,
        from_ms(entry.start),
        from_ms(entry.end),
        entry.state.value,
        entry.kind.value,
        None if entry.stop is None else stop_key(machine_id, entry.stop),
        entry.reason,
        entry.coding,
        entry.planned,
    )


def _hour_values(line_id: UUID, machine_id: UUID, hour: Hour) -> Values:
    bucket, totals = hour.bucket, hour.totals
    return (
        machine_id,
        from_ms(bucket.start),
        line_id,
        from_ms(bucket.end),
        bucket.work_date,
        bucket.shift,
        None if bucket.shift_start is None else from_ms(bucket.shift_start),
        bucket.team,
        bucket.product,
        bucket.job,
        *(getattr(totals, name) for name in FIELDS),
    )


def _loss_values(line_id: UUID, machine_id: UUID, bucket: Bucket, loss: Loss) -> Values:
    kind, reason, lost_ms, events = loss
    return (machine_id, from_ms(bucket.start), line_id, bucket.work_date, kind.value, reason, lost_ms, events)


def stored(
    model: type[models.Model], machines: list[UUID], start: datetime | None = None, end: datetime | None = None
) -> dict[Values, Any]:
    """Rows of these machines that begin in [start, end), and their keys; None is without limit."""
    columns = COLUMNS[model]
    rows: Any = model._default_manager.filter(equipment__in=machines)
    if start is not None:
        rows = rows.filter(**{f"{columns[1]}__gte": start})
    if end is not None:
        rows = rows.filter(**{f"{columns[1]}__lt": end})
    return {values[:-1]: values[-1] for values in rows.order_by(columns[1]).values_list(*columns, "pk")}


def _keep_time(
    prepared: Sequence[LineSetup],
    machines: list[UUID],
    start: datetime | None,
    end: datetime | None,
    wanted: Rows,
    changed: dict[UUID, Changed],
) -> None:
    """Exchange the ledger, the hours and their losses of [start, end), which begins and ends with a clock hour."""
    entries, hours = stored(LedgerEntry, machines, start, end), stored(HourTotals, machines, start, end)
    losses = stored(HourLoss, machines, start, end)
    moved = _exchange(LedgerEntry, entries, wanted.entries) + _exchange(HourTotals, hours, wanted.hours)
    moved += _exchange(HourLoss, losses, wanted.losses)
    before, after = _by_machine(entries, hours), _by_machine(wanted.entries, wanted.hours)
    for setup in prepared:
        line = changed[setup.line.id]
        for machine in setup.machines:
            line.rows += moved[machine.id]
            if machine.is_primary and moved[machine.id]:
                line.topics |= _topics(before[machine.id], after[machine.id])


def _exchange(model: type[models.Model], before: dict[Values, Any], after: list[Values]) -> Counter[UUID]:
    """Make the stored rows equal to `after`, touching only those that differ; return how many did, by machine."""
    wanted = set(after)
    gone = [values for values in before if values not in wanted]
    come = [values for values in after if values not in before]
    if gone:
        model._default_manager.filter(pk__in=[before[values] for values in gone]).delete()
    if come:
        rows = [model(**dict(zip(COLUMNS[model], values, strict=True))) for values in come]
        model._default_manager.bulk_create(rows, batch_size=2000)
    return Counter(values[0] for values in gone + come)


def _by_machine(entries: Iterable[Values], hours: Iterable[Values]) -> dict[UUID, Rows]:
    found: dict[UUID, Rows] = defaultdict(lambda: Rows([], [], [], []))
    for entry in entries:
        found[entry[0]].entries.append(entry)
    for hour in hours:
        found[hour[0]].hours.append(hour)
    return found


def _topics(before: Rows, after: Rows) -> set[str]:
    topics: set[str] = set()
    if _shapes(before) != _shapes(after):
        topics |= {"state", "strip", "oee"}
    if _counts(before) != _counts(after):
        topics |= {"pace", "rate", "oee", "state"}
    # The clock's own progress is drawn every five seconds, not with every scan.
    if _tick(before) != _tick(after):
        topics |= {"pace", "oee", "strip"}
    return topics


def _shapes(rows: Rows) -> list[Values]:
    """The ledger without its ends, the last of which grows with every scan, and without the cuts at full hours."""
    shapes: list[Values] = []
    for entry in rows.entries:
        if not shapes or shapes[-1][1:] != entry[3:]:
            shapes.append((entry[1], *entry[3:]))
    return shapes


def _counts(rows: Rows) -> list[int]:
    return [sum(hour[column] for hour in rows.hours) for column in COUNTS]


def _tick(rows: Rows) -> int:
    return to_ms(rows.entries[-1][2]) // TICK_MS if rows.entries else 0
