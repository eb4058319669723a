from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from floor.actions.standards import (
    ImpossibleStandard,
    PastIsJudged,
    Scope,
    change_ideal_cycle,
    correct_ideal_cycle,
    take_back_ideal_cycle,
)
from floor.models import AuditEntry, Equipment, IdealCycle, Line, LineState, Product, User
from tests.factories import make_line, make_machine, make_user
from tests.oee.stage import at

pytestmark = pytest.mark.django_db

NOW = at("12:00")
LATER = NOW + timedelta(days=2)


@pytest.fixture
def line() -> Line:
    return make_line()


@pytest.fixture
def machine(line: Line) -> Equipment:
    return make_machine(line, "BAG1")


@pytest.fixture
def erin() -> User:
    return make_user("erin", "engineer")


def ran(line: Line) -> None:
    LineState.objects.create(line=line, facts_version=1)


def told() -> list[tuple[int, object, object]]:
    rows = IdealCycle.objects.order_by("valid_from")
    return [(row.ideal_cycle_ms, row.valid_from, row.valid_to) for row in rows]


def test_a_change_ends_one_standard_and_begins_the_next(line: Line, machine: Equipment, erin: User) -> None:
    scope = Scope(None, machine, None)
    change_ideal_cycle(scope, 600, by=erin, now=NOW - timedelta(days=9))
    ran(line)

    change_ideal_cycle(scope, 500, by=erin, now=NOW)

    assert told() == [(600, NOW - timedelta(days=9), NOW), (500, NOW, None)]
    entry = AuditEntry.objects.latest("pk")
    assert (entry.actor, entry.action, entry.detail["before"], entry.detail["after"]) == (
        erin, "standard.ideal_cycle", "600 ms", "500 ms",
    )  # fmt: skip


def test_what_is_planned_for_later_stays_planned(machine: Equipment, erin: User) -> None:
    scope = Scope(None, machine, None)
    change_ideal_cycle(scope, 600, by=erin, now=NOW)
    change_ideal_cycle(scope, 400, by=erin, now=NOW, starts_at=LATER)

    change_ideal_cycle(scope, 500, by=erin, now=NOW + timedelta(hours=1))

    assert [row[0] for row in told()] == [600, 500, 400]
    assert told()[1][2] == LATER


def test_what_was_planned_can_be_taken_back(line: Line, machine: Equipment, erin: User) -> None:
    scope = Scope(None, machine, None)
    change_ideal_cycle(scope, 600, by=erin, now=NOW)
    planned = change_ideal_cycle(scope, 400, by=erin, now=NOW, starts_at=LATER)
    ran(line)

    take_back_ideal_cycle(planned, by=erin, now=NOW + timedelta(hours=1))

    assert told() == [(600, NOW, None)]


def test_the_past_of_a_line_that_ran_is_not_changed(line: Line, machine: Equipment, erin: User) -> None:
    row = change_ideal_cycle(Scope(None, machine, None), 600, by=erin, now=NOW - timedelta(days=9))
    ran(line)

    for change in (
        lambda: change_ideal_cycle(Scope(None, machine, None), 500, by=erin, now=NOW, starts_at=at("11:59")),
        lambda: correct_ideal_cycle(row, 500, by=erin, now=NOW),
        lambda: take_back_ideal_cycle(row, by=erin, now=NOW),
    ):
        with pytest.raises(PastIsJudged, match="Restate"):
            change()
    assert told() == [(600, NOW - timedelta(days=9), None)]


def test_before_a_line_has_run_everything_may_be_corrected(machine: Equipment, erin: User) -> None:
    row = change_ideal_cycle(Scope(None, machine, None), 600, by=erin, now=NOW, starts_at=at("00:00", -9))

    correct_ideal_cycle(row, 500, by=erin, now=NOW)

    assert told() == [(500, at("00:00", -9), None)]


def test_a_standard_for_a_product_anywhere_is_judged_by_any_line(line: Line, erin: User) -> None:
    white = Product.objects.create(code="W", name="White")
    ran(line)

    with pytest.raises(PastIsJudged):
        change_ideal_cycle(Scope(None, None, white), 500, by=erin, now=NOW, starts_at=at("11:00"))


@pytest.mark.parametrize("ms", [0, -1, 3_600_001])
def test_an_absurd_cycle_is_refused_in_words(machine: Equipment, erin: User, ms: int) -> None:
    with pytest.raises(ImpossibleStandard, match="at most one hour"):
        change_ideal_cycle(Scope(None, machine, None), ms, by=erin, now=NOW)
    with pytest.raises(ValidationError, match="at most one hour"):
        IdealCycle(equipment=machine, ideal_cycle_ms=ms, valid_from=NOW).clean_fields()


def test_a_standard_for_nothing_is_refused(erin: User) -> None:
    with pytest.raises(ImpossibleStandard, match="Name a line"):
        change_ideal_cycle(Scope(None, None, None), 500, by=erin, now=NOW)


def test_two_standards_of_the_same_key_never_hold_at_the_same_time(machine: Equipment, line: Line) -> None:
    white = Product.objects.create(code="W", name="White")
    for scope in (Scope(None, machine, None), Scope(line, None, None), Scope(None, machine, white)):
        IdealCycle.objects.create(**scope._asdict(), ideal_cycle_ms=600, valid_from=NOW)
        with pytest.raises(IntegrityError, match="one_ideal_cycle_at_a_time"), transaction.atomic():
            IdealCycle.objects.create(**scope._asdict(), ideal_cycle_ms=500, valid_from=LATER)
    with pytest.raises(IntegrityError, match="ideal_cycle_possible"), transaction.atomic():
        IdealCycle.objects.create(product=white, ideal_cycle_ms=3_600_001, valid_from=NOW)
