"""Several machines in a line: who made whom stand, and what was made when."""

import pytest

from floor.models import Equipment, Product, ProductNumber
from oee.actions.check import differences
from oee.actions.rebuild import rebuild_dirty
from oee.models import HourTotals, Stop
from tests.factories import make_machine
from tests.oee.stage import Stage, at, make_stage

pytestmark = pytest.mark.django_db
NOW = at("12:00")


def line_of_three() -> tuple[Stage, Equipment, Equipment]:
    stage = make_stage()
    slicer = make_machine(stage.line, "SLICER", primary=False, position=5)
    loader = make_machine(stage.line, "LOADER", primary=False, position=20)
    return stage, slicer, loader


def test_a_starved_machine_points_at_the_one_that_stood_by_itself() -> None:
    stage, slicer, loader = line_of_three()
    stage.sees("06:00 run, 07:00:00 stop, 07:10 run", until=at("08:00"), machine=slicer)
    stage.sees("06:00 run, 07:00:20 stop, 07:10:20 run", until=at("08:00"))
    stage.sees("06:00 run, 07:00:40 stop, 07:10:40 run", until=at("08:00"), machine=loader)

    rebuild_dirty(NOW)

    causes = dict(Stop.objects.values_list("equipment__code", "caused_by__code"))
    assert causes == {"SLICER": None, stage.machine.code: "SLICER", "LOADER": "SLICER"}
    assert differences(stage.line) == []


def test_the_walk_goes_on_from_stops_that_are_already_stored() -> None:
    stage, slicer, loader = line_of_three()
    stage.sees("06:00 run, 06:50:00 stop", until=at("06:55"), machine=slicer)
    stage.sees("06:00 run, 06:50:20 stop", until=at("06:55"))
    stage.sees("06:00 run", until=at("06:55"), machine=loader)
    rebuild_dirty(NOW)

    stage.sees("08:10 stop", until=at("08:20"), machine=loader)
    stage.sees("", until=at("08:20"))
    stage.sees("", until=at("08:20"), machine=slicer)
    rebuild_dirty(NOW)

    assert Stop.objects.get(equipment=loader).caused_by == slicer
    assert differences(stage.line) == []


def test_a_blocked_machine_points_downstream() -> None:
    stage, _, loader = line_of_three()
    stage.sees("06:00 run, 07:00:20 stop, 07:10:20 run", until=at("08:00"))
    stage.sees("06:00 run, 07:00:00 stop, 07:10:40 run", until=at("08:00"), machine=loader)

    rebuild_dirty(NOW)

    stop = Stop.objects.get(equipment=stage.machine)
    assert (stop.proposed_reason_id, stop.caused_by) == ("DOWNSTREAM_STOP", loader)


def making(stage: Stage, clock: str, product: int, made: int) -> None:
    stage.makes(at(clock), made, product_number=product, run_ms=60_000)


def test_an_hour_is_cut_where_another_product_begins() -> None:
    stage = make_stage()
    for number, code in ((1, "WHITE"), (2, "BROWN")):
        ProductNumber.objects.create(
            line=stage.line, number=number, product=Product.objects.create(code=code, name=code)
        )
    stage.sees("06:00 run", until=at("07:00"))
    for clock, product, made in (
        ("06:00", 1, 50),
        ("06:19", 1, 40),
        ("06:20", 1, 3),
        ("06:20", 2, 30),
        ("06:59", 2, 60),
    ):
        making(stage, clock, product, made)

    rebuild_dirty(NOW)

    rows = HourTotals.objects.order_by("starts_at").values_list("starts_at", "product_number", "run_ms", "made")
    assert list(rows) == [(at("06:00"), 1, 1_200_000, 93), (at("06:20"), 2, 2_400_000, 90)]
    assert differences(stage.line) == []


def test_a_product_lasts_through_stops_and_hours_without_a_number() -> None:
    stage = make_stage()
    stage.sees("06:00 run, 06:30 stop, 08:30 run", until=at("09:00"))
    making(stage, "06:10", 2, 50)
    making(stage, "08:40", 2, 50)
    rebuild_dirty(NOW)

    stage.sees("", until=at("09:10"))
    making(stage, "09:05", 3, 10)
    rebuild_dirty(NOW)

    rows = HourTotals.objects.order_by("starts_at").values_list("starts_at", "product_number")
    assert list(rows) == [
        (at("06:00"), -1),
        (at("06:10"), 2),
        (at("07:00"), 2),
        (at("08:00"), 2),
        (at("09:00"), 2),
        (at("09:05"), 3),
    ]
    assert differences(stage.line) == []
