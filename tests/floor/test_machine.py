"""The one door for machine data, against a real PostgreSQL."""

from datetime import UTC, datetime, timedelta

import pytest

from floor.actions.machine import MachineBatch, record
from floor.actions.retention import ensure_partitions
from floor.domain.fold import MachineSetup
from floor.domain.machine import Observation
from floor.models import Equipment, FactsChange, FaultEvent, LineState, MachineMinute, MachineState, Reading, StateEdge
from tests.factories import make_line, make_machine

SIX = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def scans(count: int, *, first: int = 0, epoch: int = 1, running: bool = True, bits: int = 0) -> list[Observation]:
    """`count` scans a second apart; the counter reads the second's number."""
    return [
        Observation(SIX + timedelta(seconds=n), epoch, n + 1, True, running, 100.0, 7, n, 0, bits)
        for n in range(first, first + count)
    ]


def batch(machine: Equipment, observations: list[Observation]) -> MachineBatch:
    return MachineBatch(machine.id, MachineSetup(), observations)


@pytest.fixture
def bagger() -> Equipment:
    ensure_partitions(SIX.date(), SIX.date())
    return make_machine(make_line())


def test_a_minute_of_scans_leaves_readings_minutes_and_one_edge(bagger: Equipment) -> None:
    assert record([batch(bagger, scans(61))]) == 61
    minutes = MachineMinute.objects.order_by("minute").values_list("made", "run_ms")
    assert list(minutes) == [(59, 60_000), (1, 0)]
    assert StateEdge.objects.get().state == "run"
    assert Reading.objects.count() == 61


def test_the_same_batch_again_changes_nothing(bagger: Equipment) -> None:
    record([batch(bagger, scans(30))])
    assert record([batch(bagger, scans(30))]) == 0
    assert MachineMinute.objects.get().made == 29
    assert LineState.objects.get().facts_version == 1


def test_overlapping_batches_count_the_overlap_once(bagger: Equipment) -> None:
    record([batch(bagger, scans(20))])
    record([batch(bagger, scans(30, first=10))])
    assert MachineMinute.objects.get().made == 39


def test_a_reader_that_lost_its_lease_is_not_believed(bagger: Equipment) -> None:
    record([batch(bagger, scans(10, epoch=2))])
    assert record([batch(bagger, scans(10, first=10, epoch=1))]) == 0


def test_a_fault_opens_and_ends_across_batches(bagger: Equipment) -> None:
    record([batch(bagger, scans(5, bits=1 << 63))])
    record([batch(bagger, scans(5, first=5, bits=0))])
    fault = FaultEvent.objects.get()
    assert (fault.bit, fault.off_at) == (63, SIX + timedelta(seconds=5))


def test_every_change_says_since_when(bagger: Equipment) -> None:
    record([batch(bagger, scans(5))])
    record([batch(bagger, scans(5, first=5))])
    changes = FactsChange.objects.order_by("version").values_list("version", "since")
    assert list(changes) == [(1, SIX), (2, SIX + timedelta(seconds=4))]


def test_the_machine_s_row_says_where_it_stands(bagger: Equipment) -> None:
    record([batch(bagger, [*scans(5), *scans(3, first=5, running=False)])])
    state = MachineState.objects.get()
    assert (state.state, state.since) == ("stop", SIX + timedelta(seconds=5))
    assert state.observed_until == SIX + timedelta(seconds=7)
