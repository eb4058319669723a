"""Readings through the whole pipeline (facts, stops, ledger, totals) against a bare binary COPY of the same rows."""

import time
from datetime import UTC, datetime, timedelta

from django.db import connection

from floor.actions.machine import READING_COLUMNS, MachineBatch, record
from floor.actions.retention import ensure_partitions
from floor.domain.counters import CounterSetup
from floor.domain.fold import MachineSetup
from floor.domain.machine import Observation
from floor.models import Equipment
from oee.actions.rebuild import rebuild_dirty
from tests.factories import make_ideal_cycle, make_line, make_machine, make_shifts, make_site

SIX = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
LINES = 20
SECONDS = 3600
SETUP = MachineSetup(made=CounterSetup(2**32, 5.0), rejected=CounterSetup(2**32, 5.0))


def run() -> None:
    machines = _plant()
    readings = [_history(place) for place in range(LINES)]
    count = LINES * SECONDS
    bare_s = min(_bare_copy(machines, readings) for _ in range(3))
    begun = time.perf_counter()
    for start in range(0, SECONDS, 600):
        record(
            [
                MachineBatch(machine.id, SETUP, seen[start : start + 600])
                for machine, seen in zip(machines, readings, strict=True)
            ]
        )
        rebuild_dirty(SIX + timedelta(seconds=start + 600))
    ours_s = time.perf_counter() - begun
    print(f"  bare binary COPY      {count / bare_s:10,.0f} readings/s")
    print(f"  the whole pipeline    {count / ours_s:10,.0f} readings/s   ({LINES} machines, {SECONDS} s each)")
    print(f"  ratio                 1 / {ours_s / bare_s:.1f}   (budget 1 / 10)")


def _plant() -> list[Equipment]:
    site = make_site()
    make_shifts(site)
    ensure_partitions(SIX.date(), SIX.date())
    machines = [make_machine(make_line(f"L-{n:02}", site=site)) for n in range(LINES)]
    for machine in machines:
        make_ideal_cycle(machine)
    return machines


def _history(place: int) -> list[Observation]:
    """Runs at 100 a minute, with a stop of 40 s and a fault in every ten minutes."""
    seen, made = [], 0
    for second in range(SECONDS):
        running = (second + place * 31) % 600 > 40
        made += running and second % 3 > 0
        at = SIX + timedelta(seconds=second)
        bits = 0 if running else 1 << place % 60
        seen.append(Observation(at, 1, second + 1, True, running, 100.0, 1, made, made // 50, bits))
    return seen


def _bare_copy(machines: list[Equipment], readings: list[list[Observation]]) -> float:
    """The same number of the same rows into a table of the same shape, nothing else."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_reading")
        cursor.execute("CREATE TABLE bench_reading (LIKE floor_reading INCLUDING ALL)")
        rows = [
            (m.id, False, o.at, o.epoch, o.sequence, 1, o.speed, o.product, o.made, o.rejected, 1, 0, 1000, b"\x00")
            for m, seen in zip(machines, readings, strict=True)
            for o in seen
        ]
        begun = time.perf_counter()
        with cursor.copy(f"COPY bench_reading ({', '.join(READING_COLUMNS)}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(list(READING_COLUMNS.values()))
            for row in rows:
                copy.write_row(row)
        took_s = time.perf_counter() - begun
        cursor.execute("DROP TABLE bench_reading")
    return took_s
