"""Every hour the booked parts are compared with the counters, in a real PostgreSQL."""

from datetime import datetime, timedelta
from random import Random

import pytest
from django.db import connection
from django.db.models import F
from structlog.testing import capture_logs

from floor.actions.machine import MachineBatch, record
from floor.actions.reconciliation import reconcile, reconcile_due
from floor.actions.retention import ensure_partitions
from floor.domain.counters import CounterSetup
from floor.domain.fold import MachineSetup
from floor.domain.machine import Observation
from floor.models import CounterEvent, Equipment, MachineMinute, Reconciliation
from tests.factories import make_line, make_machine
from tests.floor.counting import SIX, WORD, any_steps, history

HOUR = timedelta(hours=1)
TEN = SIX + 4 * HOUR
SETUP = MachineSetup(made=CounterSetup(WORD, 2.0))
pytestmark = pytest.mark.django_db


@pytest.fixture
def bagger() -> Equipment:
    ensure_partitions(SIX.date(), SIX.date())
    return make_machine(make_line())


def scans(*values: int | None, start: datetime = SIX, first: int = 1, rejected: int = 0) -> list[Observation]:
    """A scan every minute; the counter reads `values`."""
    return [
        Observation(start + timedelta(minutes=n), 1, first + n, True, True, None, 1, value, rejected * n, 0)
        for n, value in enumerate(values)
    ]


def see(machine: Equipment, seen: list[Observation], setup: MachineSetup = SETUP) -> None:
    record([MachineBatch(machine.id, setup, seen)])


def made(machine: Equipment, hour: datetime = SIX) -> Reconciliation:
    reconcile(hour, TEN)
    return Reconciliation.objects.get(equipment=machine, counter="made", hour=hour)


def change_a_reading(machine: Equipment, at: datetime, made: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE floor_reading SET made = {made} WHERE equipment_id = %s AND at = %s", [machine.id, at])


def test_plain_counting_agrees(bagger: Equipment) -> None:
    see(bagger, scans(100, 110, 125))
    row = made(bagger)
    assert (row.booked, row.in_minutes, row.expected, row.difference) == (25, 25, 25, 0)


def test_the_first_delta_of_an_hour_is_measured_from_the_hour_before(bagger: Equipment) -> None:
    see(bagger, scans(100, 110, start=SIX + timedelta(minutes=58)))
    see(bagger, scans(130, start=SIX + HOUR, first=3))
    assert made(bagger, SIX + HOUR).expected == 20
    change_a_reading(bagger, SIX + HOUR, "0")
    assert made(bagger, SIX + HOUR).difference == -20


def test_a_fall_that_is_still_in_doubt_at_the_full_hour_belongs_to_the_next(bagger: Equipment) -> None:
    see(bagger, scans(5000, 5010, 3000, start=SIX + timedelta(minutes=57)))
    see(bagger, scans(3004, 3006, start=SIX + HOUR, first=4))
    assert (made(bagger).expected, made(bagger).difference) == (10, 0)
    assert (made(bagger, SIX + HOUR).expected, made(bagger, SIX + HOUR).difference) == (6, 0)


def test_the_rejects_added_to_a_counter_of_good_parts_are_expected(bagger: Equipment) -> None:
    see(bagger, scans(100, 110, 120, rejected=3), MachineSetup(counts_good=True))
    row = made(bagger)
    assert (row.booked, row.difference) == (26, 0)


def test_a_machine_seen_again_after_a_week_has_counted_from_where_it_stood(bagger: Equipment) -> None:
    see(bagger, scans(100, start=SIX - timedelta(days=7)))
    see(bagger, scans(400, 410, first=2))
    assert (made(bagger).booked, made(bagger).difference) == (310, 0)


def test_hours_with_wraps_resets_glitches_bad_values_and_parts_held_back_agree() -> None:
    ensure_partitions(SIX.date(), SIX.date())
    line = make_line()
    for place in range(12):
        machine = make_machine(line, primary=False, position=place + 1)
        steps = any_steps(Random(place), 180)
        see(machine, history(steps), MachineSetup(made=SETUP.made, counts_good=place % 2 == 0))
    rows = [row for n in range(4) for row in reconcile(SIX + n * HOUR, TEN)]
    assert len(rows) > 70
    assert [(row.equipment.position, row.counter, row.hour, row.difference) for row in rows if row.difference] == []
    kinds = set(CounterEvent.objects.values_list("kind", flat=True))
    assert kinds == {"first", "wrap", "reset", "glitch", "gap", "quarantine"}


def test_a_lost_and_a_doubled_delta_are_found_and_told_once(bagger: Equipment) -> None:
    see(bagger, scans(100, 110, 125, 131))
    change_a_reading(bagger, SIX + timedelta(minutes=2), "0")
    with capture_logs() as told:
        assert made(bagger).difference == -15
        made(bagger)
    assert [(entry["log_level"], entry["difference"]) for entry in told] == [("error", -15)]
    change_a_reading(bagger, SIX + timedelta(minutes=2), "30")
    assert made(bagger).difference == 15


def test_a_minute_that_was_counted_twice_is_found(bagger: Equipment) -> None:
    see(bagger, scans(100, 110, 125))
    MachineMinute.objects.filter(equipment=bagger, minute=SIX + timedelta(minutes=1)).update(
        unobserved_made=F("unobserved_made") * 2
    )
    row = made(bagger)
    assert (row.booked, row.in_minutes, row.difference) == (25, 35, 10)


def test_an_hour_is_reconciled_when_it_is_over_and_not_before(bagger: Equipment) -> None:
    see(bagger, scans(100, 110))
    reconcile_due(SIX + timedelta(minutes=59))
    assert not Reconciliation.objects.exists()
    reconcile_due(SIX + timedelta(minutes=65))
    assert {row.hour for row in Reconciliation.objects.all()} == {SIX}


def test_an_hour_missed_while_nobody_reconciled_is_made_up(bagger: Equipment) -> None:
    see(bagger, scans(100, 110))
    assert reconcile_due(SIX + timedelta(hours=40, minutes=5)) == 48
    assert Reconciliation.objects.filter(counter="made").get().booked == 10


def test_readings_that_come_hours_late_are_reconciled_again(bagger: Equipment) -> None:
    see(bagger, scans(100, 110))
    reconcile_due(SIX + timedelta(hours=1, minutes=5))
    see(bagger, scans(120, 150, first=3, start=SIX + timedelta(minutes=2)))
    reconcile_due(SIX + timedelta(hours=1, minutes=15))
    assert Reconciliation.objects.get(counter="made").booked == 10
    see(bagger, scans(160, first=5, start=SIX + timedelta(hours=1, minutes=20)))
    reconcile_due(SIX + timedelta(hours=2, minutes=5))
    row = Reconciliation.objects.get(counter="made", hour=SIX)
    assert (row.booked, row.difference) == (50, 0)
