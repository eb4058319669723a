"""Facts are kept for as long as the settings say, to the day, and what remains still tells the whole story."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import LazySettings
from django.db import connection, transaction
from structlog.testing import capture_logs

from floor.actions import retention
from floor.actions.machine import MachineBatch, record
from floor.actions.retention import (
    detail_horizon,
    drop_old,
    ensure_partitions,
    partitions,
    prune_events,
    prune_reconciliations,
)
from floor.domain.fold import MachineSetup
from floor.domain.machine import Observation
from floor.models import CounterEvent, Equipment, FaultEvent, MachineMinute, Reading, Reconciliation, StateEdge
from floor.tasks import tidy
from floor.timeseries import MINUTES, SERIES
from tests.factories import make_line, make_machine

DAY = timedelta(days=1)
MONDAY = datetime(2024, 3, 4, tzinfo=UTC)  # the horizon of these stories
NOW = MONDAY + timedelta(days=90, hours=6)
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _ninety_days(settings: LazySettings) -> None:
    settings.READING_RETENTION_DAYS = settings.DETAIL_RETENTION_DAYS = 90
    settings.ROLLUP_RETENTION_DAYS = 800


@pytest.fixture
def bagger(db: None) -> Equipment:
    ensure_partitions((MONDAY - 8 * DAY).date(), (MONDAY + DAY).date())
    return make_machine(make_line())


def see(machine: Equipment, *moments: datetime) -> None:
    seen = [
        Observation(at, 1, int(at.timestamp() * 1000), True, True, 100.0, 7, n, 0, 0) for n, at in enumerate(moments)
    ]
    record([MachineBatch(machine.id, MachineSetup(), seen)])


def edge(machine: Equipment, at: datetime, state: str) -> StateEdge:
    return StateEdge.objects.create(equipment=machine, at=at, state=state)


def fault(machine: Equipment, bit: int, on_at: datetime, off_at: datetime | None) -> FaultEvent:
    return FaultEvent.objects.create(equipment=machine, bit=bit, on_at=on_at, off_at=off_at)


# ---------------------------------------------------------------- pieces


def test_days_before_the_horizon_are_dropped_whole_and_its_own_day_is_complete(bagger: Equipment) -> None:
    see(bagger, MONDAY - timedelta(milliseconds=1), MONDAY, MONDAY + SECOND)

    assert "floor_reading_20240303" in drop_old(NOW)

    assert list(Reading.objects.order_by("at").values_list("at", flat=True)) == [MONDAY, MONDAY + SECOND]
    assert detail_horizon(NOW) == MONDAY


def test_a_week_of_minutes_goes_when_all_of_it_is_too_old(bagger: Equipment) -> None:
    for at in (MONDAY - 8 * DAY, MONDAY - DAY, MONDAY):
        MachineMinute.objects.create(equipment=bagger, minute=at, made=1)

    dropped = drop_old(NOW - DAY)
    assert "floor_machineminute_20240219" in dropped
    assert "floor_machineminute_20240226" not in dropped  # its Sunday is still kept

    assert "floor_machineminute_20240226" in drop_old(NOW)
    assert MachineMinute.objects.get().minute == MONDAY


def test_just_after_midnight_nothing_is_taken_from_whoever_still_works_on_the_day_before(bagger: Equipment) -> None:
    midnight = MONDAY + 90 * DAY
    drop_old(midnight + timedelta(minutes=59))
    assert "floor_reading_20240303" in partitions()
    drop_old(midnight + timedelta(minutes=60))
    assert "floor_reading_20240303" not in partitions()


def test_readings_may_go_earlier_than_details(bagger: Equipment, settings: LazySettings) -> None:
    settings.READING_RETENTION_DAYS = 30
    dropped = drop_old(NOW)
    assert "floor_reading_20240305" in dropped
    assert "floor_machineminute_20240304" not in dropped
    assert detail_horizon(NOW) == MONDAY


@pytest.fixture
def _room(transactional_db: None) -> Iterator[None]:
    yield
    with connection.cursor() as cursor:
        for series in SERIES:
            for name in partitions(series):
                if "_2024" in name:
                    cursor.execute(f"DROP TABLE {name}")


@pytest.mark.usefixtures("_room")
def test_what_somebody_reads_is_dropped_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "LOCK_WAIT", "10ms")
    ensure_partitions((MONDAY - DAY).date(), (MONDAY - DAY).date())
    reads, may_end = threading.Event(), threading.Event()

    def long_report() -> None:
        with transaction.atomic():
            Reading.objects.count()
            reads.set()
            may_end.wait()
        connection.close()

    report = threading.Thread(target=long_report)
    report.start()
    reads.wait()
    with capture_logs() as said:
        assert "floor_reading_20240303" not in drop_old(NOW)
    may_end.set()
    report.join()

    assert {line["event"] for line in said} == {"table is busy, tried again later"}
    assert "floor_reading_20240303" in drop_old(NOW)


# ---------------------------------------------------------------- events


def test_pruning_keeps_the_edge_that_opens_the_horizon(bagger: Equipment) -> None:
    other = make_machine(bagger.line, primary=False, position=2)
    edge(bagger, MONDAY - 3 * DAY, "run")
    edge(bagger, MONDAY - 2 * DAY, "stop")
    opening = edge(bagger, MONDAY - DAY, "run")
    inside = edge(bagger, MONDAY + DAY, "stop")
    long_silent = edge(other, MONDAY - 400 * DAY, "run")

    assert prune_events(NOW) == 2

    assert set(StateEdge.objects.all()) == {opening, inside, long_silent}
    assert StateEdge.objects.shaping(bagger.id, MONDAY, MONDAY + 2 * DAY).count() == 2


def test_pruning_keeps_open_faults_and_those_that_reach_into_the_horizon(bagger: Equipment) -> None:
    fault(bagger, 1, MONDAY - 3 * DAY, MONDAY - 2 * DAY)
    still_set = fault(bagger, 2, MONDAY - 300 * DAY, None)
    reaching = fault(bagger, 3, MONDAY - DAY, MONDAY + SECOND)
    just_before = fault(bagger, 4, MONDAY - 2 * SECOND, MONDAY - SECOND)  # the first cause of a stop at midnight

    assert prune_events(NOW) == 1

    assert set(FaultEvent.objects.all()) == {still_set, reaching, just_before}


def test_counter_events_go_with_the_details(bagger: Equipment) -> None:
    for at in (MONDAY - 2 * DAY, MONDAY):
        CounterEvent.objects.create(equipment=bagger, counter="made", kind="reset", at=at, after=1, delta=1)
    prune_events(NOW)
    assert CounterEvent.objects.get().at == MONDAY


def test_pruning_goes_in_portions_and_goes_on_where_it_stopped(
    bagger: Equipment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    monkeypatch.setattr(retention, "BATCHES", 2)
    for n in range(11):
        edge(bagger, MONDAY - 20 * DAY + n * SECOND, "run" if n % 2 else "stop")

    assert [prune_events(NOW) for _ in range(3)] == [6, 4, 0]


def test_comparisons_with_the_counters_are_kept_as_long_as_totals(bagger: Equipment) -> None:
    for at in (NOW - 801 * DAY, NOW - 799 * DAY):
        Reconciliation.objects.create(
            equipment=bagger, counter="made", hour=at, booked=1, in_minutes=1, expected=1, difference=0,
            reconciled_at=at,
        )  # fmt: skip
    assert prune_reconciliations(NOW) == 1
    assert Reconciliation.objects.get().hour == NOW - 799 * DAY


# ---------------------------------------------------------------- how far back


@pytest.mark.django_db
@pytest.mark.parametrize("hour", [0, 6, 23])
def test_the_horizon_is_a_whole_day(hour: int) -> None:
    assert detail_horizon(MONDAY + timedelta(days=90, hours=hour)) == MONDAY


def test_keeping_longer_does_not_bring_back_what_was_dropped(bagger: Equipment, settings: LazySettings) -> None:
    drop_old(NOW)
    settings.DETAIL_RETENTION_DAYS = 365
    assert detail_horizon(NOW) == MONDAY
    assert detail_horizon(NOW + 400 * DAY) == MONDAY + 125 * DAY


@pytest.mark.django_db
def test_keeping_longer_counts_at_once_where_nothing_was_dropped(settings: LazySettings) -> None:
    settings.DETAIL_RETENTION_DAYS = 365
    assert detail_horizon(NOW) == MONDAY - 275 * DAY


def test_tidying_twice_is_like_tidying_once(bagger: Equipment) -> None:
    see(bagger, MONDAY, MONDAY + SECOND)
    tidy()
    kept = [partitions(), partitions(MINUTES), StateEdge.objects.count()]
    tidy()
    assert [partitions(), partitions(MINUTES), StateEdge.objects.count()] == kept
