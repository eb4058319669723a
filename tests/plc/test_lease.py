"""Exactly one reader per controller, whoever dies, sleeps or wakes up."""

from datetime import UTC, datetime, timedelta

import pytest

from floor.domain.fold import MachineSetup
from floor.domain.machine import Observation
from floor.models import Equipment, MachineState
from plc.actions import LEASE, Lease, LinkReport, Scan, record, release_lease, renew_leases, take_lease
from plc.models import Controller, Link
from tests.factories import make_line, make_machine
from tests.plc.plant import make_controller

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 23, 6, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def controller() -> Controller:
    return make_controller()


@pytest.fixture
def machine() -> Equipment:
    return make_machine(make_line())


def taken(controller: Controller, owner: str, now: datetime) -> Lease:
    lease = take_lease(controller.pk, owner, now)
    assert lease is not None
    return lease


def scan(lease: Lease, machine: Equipment, number: int, made: int) -> Scan:
    seen = Observation(NOW + number * SECOND, lease.token, number, seen=True, running=True, made=made)
    return Scan(lease.controller_id, lease.token, [(machine.pk, MachineSetup(), seen)])


def test_a_held_controller_is_nobody_elses(controller: Controller) -> None:
    taken(controller, "plc@a", NOW)

    assert take_lease(controller.pk, "plc@b", NOW + LEASE - SECOND) is None


def test_the_controller_of_a_killed_reader_is_free_within_ten_seconds(controller: Controller) -> None:
    """The lease lasts 5 s after its last renewal, and the next look for controllers without reader comes 5 s later."""
    dead = taken(controller, "plc@a", NOW)

    heir = taken(controller, "plc@b", NOW + LEASE)

    assert LEASE + timedelta(seconds=5) <= timedelta(seconds=10)
    assert heir.token > dead.token


def test_renewing_keeps_the_others_away(controller: Controller) -> None:
    lease = taken(controller, "plc@a", NOW)

    lost = renew_leases({controller.pk: lease.token}, NOW + 4 * SECOND)

    assert lost == set()
    assert take_lease(controller.pk, "plc@b", NOW + 8 * SECOND) is None


def test_a_reader_that_slept_too_long_learns_that_it_lost(controller: Controller) -> None:
    sleeper = taken(controller, "plc@a", NOW)
    heir = taken(controller, "plc@b", NOW + LEASE)

    assert renew_leases({controller.pk: sleeper.token}, NOW + 2 * LEASE) == {controller.pk}
    assert renew_leases({controller.pk: heir.token}, NOW + LEASE + SECOND) == set()


def test_a_reader_that_slept_and_was_not_replaced_goes_on(controller: Controller) -> None:
    lease = taken(controller, "plc@a", NOW)

    assert renew_leases({controller.pk: lease.token}, NOW + timedelta(hours=1)) == set()


def test_a_lease_given_back_can_be_taken_at_once(controller: Controller) -> None:
    release_lease(taken(controller, "plc@a", NOW), NOW + SECOND)

    taken(controller, "plc@b", NOW + SECOND)


def test_giving_back_a_lost_lease_does_not_disturb_the_heir(controller: Controller) -> None:
    sleeper = taken(controller, "plc@a", NOW)
    taken(controller, "plc@b", NOW + LEASE)

    release_lease(sleeper, NOW + LEASE + SECOND, Link.State.DISABLED)

    link = Link.objects.get(controller=controller)
    assert link.lease_owner == "plc@b"
    assert take_lease(controller.pk, "plc@c", NOW + LEASE + SECOND) is None


def test_tokens_grow_across_controllers_so_that_a_machine_can_move(controller: Controller) -> None:
    old = taken(controller, "plc@a", NOW)

    new = taken(make_controller(code="BAG2"), "plc@a", NOW + SECOND)

    assert new.token > old.token


def test_tokens_grow_even_when_the_clock_is_set_back(controller: Controller) -> None:
    first = taken(controller, "plc@a", NOW)
    release_lease(first, NOW - timedelta(hours=1))

    assert taken(controller, "plc@b", NOW - timedelta(hours=1)).token > first.token


def test_a_reader_without_the_lease_writes_nothing(controller: Controller, machine: Equipment) -> None:
    sleeper = taken(controller, "plc@a", NOW)
    heir = taken(controller, "plc@b", NOW + LEASE)
    report = LinkReport(Link.State.BACKOFF, NOW, error="The sleeper's view")

    lost = record([scan(sleeper, machine, 1, 100)], {sleeper: report})

    assert lost == {sleeper}
    assert not MachineState.objects.filter(equipment=machine).exists()
    assert Link.objects.get(controller=controller).error == ""
    assert record([scan(heir, machine, 1, 200)], {}) == set()
    assert MachineState.objects.get(equipment=machine).made_raw == 200


def test_unheld_controllers_are_those_whose_lease_has_lapsed_by_the_databases_clock(controller: Controller) -> None:
    now = datetime.now(UTC)
    held, lapsed, off = (make_controller(code=code, enabled=code != "OFF") for code in ("HELD", "LAPSED", "OFF"))
    taken(held, "plc@a", now + timedelta(minutes=1))
    taken(lapsed, "plc@a", now - timedelta(minutes=1))

    assert set(Controller.objects.unheld()) == {controller, lapsed}
    assert not off.enabled
