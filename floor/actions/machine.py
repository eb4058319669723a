"""The one door for machine data: controllers, the history maker and tests all come in here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from floor import live
from floor.domain.fold import Facts, MachineSetup, Watermark, fold
from floor.domain.machine import Observation, State
from floor.models import MachineState

READING_COLUMNS = {
    "equipment_id": "uuid",
    "counts_good": "bool",
    "at": "timestamptz",
    "epoch": "int8",
    "sequence": "int8",
    "state": "int2",
    "speed": "float8",
    "product_number": "int4",
    "made_raw": "int8",
    "rejected_raw": "int8",
    "made": "int4",
    "rejected": "int4",
    "duration_ms": "int4",
    "fault_bits": "bytea",
}


@dataclass(frozen=True, slots=True)
class MachineBatch:
    """Observations of one machine, in the order they were made."""

    equipment_id: UUID
    setup: MachineSetup
    observations: list[Observation]


@dataclass(slots=True)
class _Folded:
    equipment_id: UUID
    line_id: UUID
    setup: MachineSetup
    mark: Watermark
    facts: Facts
    state_changed: bool


@transaction.atomic
def record(batches: Sequence[MachineBatch], *, announce: bool = True) -> int:
    """Store what machines were seen doing, exactly once; return how many readings were new.

    Readings that were recorded before (same or lower epoch and sequence) change nothing, so a batch may be
    delivered any number of times. `announce` False leaves the screens alone (history).
    """
    folded = _fold_all(batches)
    news = [item for item in folded if item.facts.since is not None]
    if news:
        _write(news)
        if announce:
            _announce(news)
    return sum(len(item.facts.readings) for item in news)


def _fold_all(batches: Sequence[MachineBatch]) -> list[_Folded]:
    """Lock the watermarks, in one order for every writer, and fold each machine's batch on top of its own."""
    by_machine: dict[UUID, MachineBatch] = {}
    for batch in batches:
        known = by_machine.get(batch.equipment_id)
        merged = batch.observations if known is None else known.observations + batch.observations
        by_machine[batch.equipment_id] = MachineBatch(batch.equipment_id, batch.setup, merged)
    _add_missing_states(by_machine)
    rows = (
        MachineState.objects.filter(equipment_id__in=list(by_machine))
        .select_for_update(of=("self",), no_key=True)
        .order_by("equipment_id")
        .select_related("equipment")
    )
    folded = []
    for row in rows:
        batch = by_machine[row.equipment_id]
        mark = _watermark(row)
        since = mark.since
        facts = fold(mark, batch.setup, batch.observations)
        changed = mark.since != since or bool(facts.faults or facts.faults_ended)
        folded.append(_Folded(row.equipment_id, row.equipment.line_id, batch.setup, mark, facts, changed))
    return folded


def _add_missing_states(by_machine: dict[UUID, MachineBatch]) -> None:
    known = set(MachineState.objects.filter(equipment_id__in=list(by_machine)).values_list("equipment_id", flat=True))
    MachineState.objects.bulk_create(
        [MachineState(equipment_id=machine) for machine in by_machine if machine not in known], ignore_conflicts=True
    )


def _watermark(row: MachineState) -> Watermark:
    return Watermark(
        state=State(row.state),
        since=row.since,
        observed_until=row.observed_until,
        speed=row.speed,
        product=row.product_number,
        fault_bits=None if row.fault_bits is None else int.from_bytes(row.fault_bits, "little"),
        epoch=row.epoch,
        sequence=row.sequence,
        made_raw=row.made_raw,
        made_at=row.made_at,
        made_suspect=row.made_suspect,
        rejected_raw=row.rejected_raw,
        rejected_at=row.rejected_at,
        rejected_suspect=row.rejected_suspect,
    )


def _packed(bits: int | None) -> bytes | None:
    """Fault bits as stored: little-endian, as many bytes as the highest set bit needs."""
    return None if bits is None else bits.to_bytes((bits.bit_length() + 7) // 8, "little")


def _write(news: list[_Folded]) -> None:
    with connection.cursor() as cursor:
        _copy_readings(cursor, news)
        _insert_edges(cursor, news)
        _insert_faults(cursor, news)
        _add_minutes(cursor, news)
        _insert_notes(cursor, news)
        _move_watermarks(cursor, news)
        _raise_versions(cursor, news)


def _copy_readings(cursor: Any, news: list[_Folded]) -> None:
    with cursor.copy(f"COPY floor_reading ({', '.join(READING_COLUMNS)}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(list(READING_COLUMNS.values()))
        for item in news:
            machine, counts_good = item.equipment_id, item.setup.counts_good
            for row in item.facts.readings:
                copy.write_row((machine, counts_good, *row[:11], _packed(row[11])))


def _insert_edges(cursor: Any, news: list[_Folded]) -> None:
    # A machine seen for one reading only leaves an edge at the very moment it becomes unknown: the later wins.
    edges = {(item.equipment_id, at): state.value for item in news for at, state in item.facts.edges}
    if edges:
        cursor.execute(
            "INSERT INTO floor_stateedge (equipment_id, at, state)"
            " SELECT * FROM "
            + _unnest("uuid timestamptz text")
            + " ON CONFLICT (equipment_id, at) DO UPDATE SET state = EXCLUDED.state",
            [[key[0] for key in edges], [key[1] for key in edges], list(edges.values())],
        )


def _insert_faults(cursor: Any, news: list[_Folded]) -> None:
    ended = [(item.equipment_id, bit, at) for item in news for bit, at in item.facts.faults_ended]
    if ended:
        cursor.execute(
            "UPDATE floor_faultevent f SET off_at = greatest(e.at, f.on_at)"
            " FROM " + _unnest("uuid int timestamptz") + " AS e (equipment_id, bit, at)"
            " WHERE f.equipment_id = e.equipment_id AND f.bit = e.bit AND f.off_at IS NULL",
            _columns(ended, 3),
        )
    begun = [(item.equipment_id, *fault) for item in news for fault in item.facts.faults]
    if begun:
        cursor.execute(
            "INSERT INTO floor_faultevent (equipment_id, bit, on_at, off_at)"
            " SELECT * FROM " + _unnest("uuid int timestamptz timestamptz"),
            _columns(begun, 4),
        )


def _add_minutes(cursor: Any, news: list[_Folded]) -> None:
    rows = [
        (
            item.equipment_id,
            minute,
            product,
            m.made,
            m.rejected,
            m.unobserved_made,
            m.unobserved_rejected,
            m.run_ms,
            m.stop_ms,
        )
        for item in news
        for (minute, product), m in item.facts.minutes.items()
    ]
    if rows:
        cursor.execute(
            "INSERT INTO floor_machineminute AS m (equipment_id, minute, product_number, made, rejected,"
            " unobserved_made, unobserved_rejected, run_ms, stop_ms)"
            " SELECT * FROM "
            + _unnest("uuid timestamptz int int int int int int int")
            + " ON CONFLICT (equipment_id, minute, product_number) DO UPDATE SET made = m.made + EXCLUDED.made,"
            " rejected = m.rejected + EXCLUDED.rejected,"
            " unobserved_made = m.unobserved_made + EXCLUDED.unobserved_made,"
            " unobserved_rejected = m.unobserved_rejected + EXCLUDED.unobserved_rejected,"
            " run_ms = m.run_ms + EXCLUDED.run_ms, stop_ms = m.stop_ms + EXCLUDED.stop_ms",
            _columns(rows, 9),
        )


def _insert_notes(cursor: Any, news: list[_Folded]) -> None:
    rows = [
        (item.equipment_id, n.counter.value, n.kind.value, n.at, n.before, n.after, n.delta)
        for item in news
        for n in item.facts.notes
    ]
    if rows:
        cursor.execute(
            "INSERT INTO floor_counterevent (equipment_id, counter, kind, at, before, after, delta)"
            " SELECT * FROM " + _unnest("uuid text text timestamptz int8 int8 int8"),
            _columns(rows, 7),
        )


def _move_watermarks(cursor: Any, news: list[_Folded]) -> None:
    rows = [
        (
            item.equipment_id, m.state.value, m.since, m.observed_until, m.speed, m.product, _packed(m.fault_bits),
            item.setup.limit_ms, m.epoch, m.sequence, m.made_raw, m.made_at, m.made_suspect,
            m.rejected_raw, m.rejected_at, m.rejected_suspect,
        )
        for item in news
        for m in (item.mark,)
    ]  # fmt: skip
    cursor.execute(
        "UPDATE floor_machinestate s SET state = v.state, since = v.since, observed_until = v.observed_until,"
        " speed = v.speed, product_number = v.product, fault_bits = v.bits, limit_ms = v.limit_ms,"
        " epoch = v.epoch, sequence = v.sequence, made_raw = v.made_raw, made_at = v.made_at,"
        " made_suspect = v.made_suspect, rejected_raw = v.rejected_raw, rejected_at = v.rejected_at,"
        " rejected_suspect = v.rejected_suspect"
        " FROM "
        + _unnest(
            "uuid text timestamptz timestamptz float8 int bytea int int8 int8 int8 timestamptz int8 int8"
            " timestamptz int8"
        )
        + " AS v (equipment_id, state, since, observed_until, speed, product, bits, limit_ms, epoch, sequence,"
        " made_raw, made_at, made_suspect, rejected_raw, rejected_at, rejected_suspect)"
        " WHERE s.equipment_id = v.equipment_id",
        _columns(rows, 16),
    )


def _raise_versions(cursor: Any, news: list[_Folded]) -> None:
    since: dict[UUID, datetime] = {}
    for item in sorted(news, key=lambda item: item.line_id):
        touched = item.facts.since
        if touched is not None:
            since[item.line_id] = min(touched, since.get(item.line_id, touched))
    raise_versions(cursor, since)


def raise_versions(cursor: Any, since: dict[UUID, datetime]) -> None:
    """Count a change on each of these lines and say since when; the row lock puts versions in commit order."""
    cursor.execute(
        "WITH touched (line_id, since) AS (SELECT * FROM " + _unnest("uuid timestamptz") + "),"
        " raised AS (INSERT INTO floor_linestate AS s (line_id, facts_version)"
        "  SELECT line_id, 1 FROM touched ORDER BY line_id"
        "  ON CONFLICT (line_id) DO UPDATE SET facts_version = s.facts_version + 1"
        "  RETURNING line_id, facts_version)"
        " INSERT INTO floor_factschange (line_id, version, since)"
        " SELECT r.line_id, r.facts_version, t.since FROM raised r JOIN touched t USING (line_id)",
        [list(since), list(since.values())],
    )


def _unnest(types: str) -> str:
    """One array parameter per column, so that any number of rows is one statement."""
    return "unnest(" + ", ".join(f"%s::{name}[]" for name in types.split()) + ")"


def _columns(rows: Sequence[Sequence[object]], width: int) -> list[list[object]]:
    return [[row[index] for row in rows] for index in range(width)]


def _announce(news: list[_Folded]) -> None:
    for item in news:
        if item.state_changed:
            live.changed(item.line_id, "state", "strip", "stops", "rate")
        if item.facts.parts_changed:
            live.changed(item.line_id, "pace", "rate", "state")


@transaction.atomic
def forget_changes(*, before: datetime) -> None:
    """Drop notes of changes that every reader of facts has long seen; the versions themselves stay."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM floor_factschange c USING floor_linestate s"
            " WHERE c.line_id = s.line_id AND c.version < s.facts_version - 1000 AND c.since < %s",
            [before - timedelta(hours=1)],
        )
