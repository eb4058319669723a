import uuid
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from floor.models import FaultDefinition, FaultEvent, MachineState, Product, ProductNumber
from floor.models.shifts import shift_at
from oee.actions.planned_stops import plan_stop
from oee.actions.rebuild import rebuild_dirty
from oee.actions.stops import code_stop
from oee.domain.factors import Ratio
from oee.models import LinePolicy, Stop, to_stop_key
from oee.shift_report import shift_report
from oee.tiles import (
    ReasonChoice,
    oee_tile,
    pace_tile,
    rate_tile,
    state_tile,
    stops_tile,
    strip_tile,
)
from tests.factories import make_user
from tests.oee.stage import Stage, at, make_stage

pytestmark = pytest.mark.django_db


def seen(story: str, until: str, **more: Any) -> Stage:
    stage = make_stage(**more)
    stage.sees(story, until=at(until))
    rebuild_dirty(at(until))
    return stage


def state(stage: Stage, clock: str) -> tuple[str, str]:
    tile = state_tile(stage.line, at(clock))
    return tile.state, tile.word


def jam(stage: Stage, clock: str) -> None:
    FaultDefinition.objects.create(equipment=stage.machine, bit=3, text="Loaf jam", reason_code="MAT_JAM")
    FaultEvent.objects.create(equipment=stage.machine, bit=3, on_at=at(clock))


def test_a_running_line() -> None:
    stage = seen("06:00 run", "07:00")

    assert state(stage, "07:00:02") == ("run", "RUNNING")


def test_a_line_that_is_not_heard_of_shows_no_data_since_the_last_good_reading() -> None:
    stage = seen("06:00 run", "07:00")

    tile = state_tile(stage.line, at("07:00:04"))

    assert (tile.state, tile.since) == ("nodata", at("07:00"))
    assert tile.why == f"No answer from {stage.machine.code}"


def test_a_stopped_line_says_why_and_offers_a_reason() -> None:
    stage = make_stage()
    jam(stage, "07:00")
    stage.sees("06:00 run, 07:00 stop", until=at("07:03"))
    rebuild_dirty(at("07:03"))

    tile = state_tile(stage.line, at("07:03:01"))

    assert (tile.state, tile.word, tile.since, tile.why) == ("stop", "STOPPED", at("07:00"), "Loaf jam (3)")
    assert tile.stop_id == Stop.objects.get().id
    assert tile.suggestion == ReasonChoice("MAT_JAM", "Jam")


def test_the_banner_does_not_wait_for_the_ledger() -> None:
    stage = seen("06:00 run", "07:00")
    stage.sees("07:00:01 stop", until=at("07:00:01"))

    tile = state_tile(stage.line, at("07:00:02"))

    assert (tile.state, tile.since) == ("stop", at("07:00:01"))
    assert tile.stop_id == to_stop_key(stage.machine.id, at("07:00:01"))


def test_a_coded_stop_asks_no_more_and_a_planned_one_is_called_by_its_name() -> None:
    stage = seen("06:00 run, 07:00 stop", "07:03")

    code_stop(Stop.objects.get().id, "CHANGEOVER", by=make_user(), now=at("07:03"), request_id=uuid.uuid4())

    tile = state_tile(stage.line, at("07:03:01"))
    assert (tile.state, tile.word, tile.stop_id) == ("planned", "CHANGEOVER", None)
    assert tile.coded == ReasonChoice("CHANGEOVER", "Changeover")


def test_the_banner_of_a_planned_stop_counts_against_what_was_expected() -> None:
    stage = seen("06:00 run, 07:00 stop", "07:03")

    plan_stop(stage.line, "CHANGEOVER", by=make_user(), now=at("07:03"), request_id=uuid.uuid4(), expected_s=600)

    tile = state_tile(stage.line, at("07:03:01"))
    assert tile.planned is not None
    assert (tile.state, tile.word, tile.since) == ("planned", "CHANGEOVER", at("07:00"))
    assert (tile.planned.expected_s, tile.planned.due_at, tile.planned.is_over) == (600, at("07:10"), False)
    MachineState.objects.update(observed_until=at("07:11"))
    over = state_tile(stage.line, at("07:11:01")).planned
    assert over is not None
    assert over.is_over


def test_the_screen_asks_by_itself_once_a_stop_is_no_minor_one_any_more() -> None:
    stage = seen("06:00 run, 07:00 stop", "07:01")

    tile = state_tile(stage.line, at("07:01:01"))

    assert (tile.stop_id, tile.ask_at) == (Stop.objects.get().id, at("07:02"))


def test_standing_in_a_break_is_the_break() -> None:
    stage = seen("06:00 run, 09:58 stop", "10:05")

    tile = state_tile(stage.line, at("10:05:01"))

    assert (tile.state, tile.word, tile.since) == ("planned", "TEA", at("10:00"))


def test_outside_all_shifts_a_line_is_not_scheduled() -> None:
    stage = seen("06:00 run", "07:00", shifts=False)

    assert state(stage, "07:00:01") == ("off", "NOT SCHEDULED")


def test_a_stop_that_just_ended_can_still_be_explained_from_the_banner() -> None:
    stage = seen("06:00 run, 07:00 stop, 07:10 run", "07:12")

    tile = state_tile(stage.line, at("07:12:01"))

    assert (tile.state, tile.stop_id) == ("run", Stop.objects.get().id)
    assert tile.why == "Stopped 07:00"


def test_two_minutes_below_ninety_percent_of_ideal_are_slow() -> None:
    stage = make_stage()  # ideal is 60 a minute
    for minute in ("07:00", "07:01"):
        stage.makes(at(minute), 48, run_ms=60_000)
    stage.sees("06:00 run", until=at("07:02"))
    rebuild_dirty(at("07:02"))

    assert state(stage, "07:02:01") == ("slow", "SLOW 80 %")
    assert any(block.kind == "slow" for block in strip_tile(stage.line, at("07:02:01")).blocks)


def test_pace_compares_good_parts_with_the_plan_up_to_now() -> None:
    stage = make_stage()  # 43.6 a minute: 72.7 % of the ideal rate; 8 hours with a break of 30 minutes
    stage.sees("06:00 run", until=at("07:00"))
    stage.makes(at("06:30"), 2500, 20)

    tile = pace_tile(stage.line, at("07:00"))

    assert tile.shift_label == "Day 20 Nov · 06:00–14:00"
    assert (tile.good, tile.rejected, tile.target_now, tile.difference) == (2480, 20, 2616, -136)
    assert tile.target_shift == 19_622
    assert tile.projected == 2480 + 2480 * 390 // 30


def test_the_target_stands_still_during_the_break() -> None:
    stage = seen("06:00 run", "07:00")

    assert pace_tile(stage.line, at("10:00")).target_now == pace_tile(stage.line, at("10:30")).target_now == 10_465


def test_rate_is_good_parts_of_the_last_full_minutes() -> None:
    stage = make_stage()
    stage.makes(at("06:58"), 50, 1, run_ms=60_000)
    stage.makes(at("06:59"), 54, 1, run_ms=60_000)
    stage.sees("06:00 run", until=at("07:00:20"))

    tile = rate_tile(stage.line, at("07:00:21"))

    assert (tile.rate_per_min, tile.ideal_per_min) == (51.0, 60.0)
    assert tile.spark[-3:] == (None, 50, 54)


def test_effectiveness_comes_with_its_evidence() -> None:
    stage = make_stage()
    stage.sees("06:00 run, 07:00 stop, 07:10 run", until=at("08:00"))
    stage.makes(at("06:30"), 6000, 60)
    rebuild_dirty(at("08:00"))

    tile = oee_tile(stage.line, at("08:00:01"))

    assert tile.oee == pytest.approx(5940 / 7200)
    assert [(bar.name, bar.numerator, bar.denominator) for bar in tile.bars] == [
        ("Availability", "1 h 50 min", "2 h 0 min"),
        ("Performance", "1 h 40 min", "1 h 50 min"),
        ("Quality", "5940 good", "6000 parts"),
    ]
    assert (tile.completeness, tile.provisional, tile.uncoded) == (1, False, 1)


def test_silence_makes_the_figures_provisional_and_is_not_downtime() -> None:
    stage = seen("06:00 run", "07:00")

    tile = oee_tile(stage.line, at("08:00"))

    assert (tile.completeness, tile.provisional) == (0.5, True)
    assert tile.bars[0].value == 1


def test_a_shift_that_began_in_silence_counts_the_silence() -> None:
    stage = seen("07:00 run", "08:00")

    assert oee_tile(stage.line, at("08:00:01")).completeness == 0.5


def test_the_strip_tiles_the_shift_up_to_now_and_shows_breaks_ahead() -> None:
    stage = seen("06:10 run, 07:00 stop, 07:10 run, 08:00 unknown, 08:30 run, 09:00 stop, 09:00:30 run", "09:30")

    tile = strip_tile(stage.line, at("09:30:01"))

    kinds = [block.kind for block in tile.blocks]
    assert kinds == ["nodata", "run", "stop", "run", "nodata", "run", "minor", "run", "break_ahead"]
    elapsed = tile.blocks[:-1]
    assert all(abs(a.x + a.width - b.x) < 0.02 for a, b in pairwise(elapsed))
    assert elapsed[0].x == 0
    assert elapsed[2].uncoded
    assert tile.ticks[0] == (0.0, "06:00")
    assert "no data" in tile.blocks[0].label.lower()


def test_stops_without_a_reason_come_first_and_a_young_standstill_is_not_asked_about() -> None:
    stage = seen("06:00 run, 06:30 stop, 06:40 run, 07:00 stop, 07:05 run, 07:30 stop", "07:31")
    newest_coded = Stop.objects.get(started_at=at("07:00"))
    code_stop(newest_coded.id, "MAT_JAM", by=make_user("ola"), now=at("07:31"), request_id=uuid.uuid4())

    tile = stops_tile(stage.line, at("07:31:01"))

    assert tile.uncoded == 1
    assert [row.started_at for row in tile.rows] == [at("06:30"), at("07:30"), at("07:00")]
    assert (tile.rows[2].reason, tile.rows[2].coded_by) == (ReasonChoice("MAT_JAM", "Jam"), "ola")


def test_nobody_is_asked_about_the_edges_of_a_break() -> None:
    stage = seen("06:00 run, 09:59:20 stop, 10:30:30 run", "10:40")

    assert stops_tile(stage.line, at("10:40:01")).uncoded == oee_tile(stage.line, at("10:40:01")).uncoded == 0
    assert state_tile(stage.line, at("10:40:01")).stop_id is None


def test_the_largest_losses_come_first() -> None:
    stage = seen("06:00 run, 06:30 stop, 06:40 run, 07:00 stop, 07:01 run", "08:00")
    stage.makes(at("06:30"), 5940)
    rebuild_dirty(at("08:00"))

    losses = stops_tile(stage.line, at("08:00:01")).top_losses
    assert losses == (("Not coded", 10.0), ("Slow running", 10.0), ("Minor stops", 1.0))


def test_the_report_of_a_finished_shift_has_the_figures_of_the_screen() -> None:
    stage = make_stage()
    LinePolicy.objects.create(line=stage.line, valid_from=at("00:00"), planned_stops_reduce_availability=False)
    product = Product.objects.create(code="WHITE", name="White 800 g")
    ProductNumber.objects.create(line=stage.line, number=7, product=product)
    stage.sees("06:00 run, 07:00 stop, 07:10 run, 10:00 stop, 10:30 run, 13:55 stop, 14:05 run", until=at("15:00"))
    stage.makes(at("06:30"), 6000, 60, product_number=7)
    rebuild_dirty(at("15:00"))
    window = shift_at(stage.line, at("07:00"))
    assert window is not None

    report = shift_report(stage.line, window, at("15:00"))

    assert report is not None
    assert report.label == "Day 20 Nov · 06:00–14:00"
    assert report.factors.availability == Ratio(435 * 60_000, 450 * 60_000)
    assert (report.good, report.rejected, report.completeness) == (5940, 60, 1)
    assert [row.label for row in report.hours] == [f"{hour:02d}:00" for hour in range(6, 14)]
    assert (report.hours[0].good, report.hours[0].target, report.hours[4].target) == (5940, 2616, 1308)
    assert [(stop.duration_s, stop.lost_s) for stop in report.stops] == [(600, 300), (600, 600)]
    assert report.products == ("White 800 g",)
    assert (report.uncoded, report.uncoded_s) == (2, 900)
    assert sum(block.end - block.start for block in report.blocks) == report.totals.calendar_ms == 8 * 3_600_000


def test_a_line_without_machines_or_facts_has_tiles_too() -> None:
    stage = make_stage()
    MachineState.objects.all().delete()
    for machine in (stage.machine, None):
        if machine is None:
            stage.machine.delete()
        assert state_tile(stage.line, at("07:00")).state == "nodata"
        assert pace_tile(stage.line, at("07:00")).good in (0, None)
        assert rate_tile(stage.line, at("07:00")).rate_per_min is None
        assert oee_tile(stage.line, at("07:00")).oee is None
        assert stops_tile(stage.line, at("07:00")).rows == ()
        assert strip_tile(stage.line, at("07:00")).now_x == 125.0


@pytest.mark.parametrize(
    ("tile", "queries"),
    [(state_tile, 9), (pace_tile, 13), (rate_tile, 6), (oee_tile, 8), (strip_tile, 10), (stops_tile, 12)],
)
def test_a_tile_costs_few_queries(tile: Any, queries: int, django_assert_max_num_queries: Any) -> None:
    stage = seen("06:00 run, 07:00 stop, 07:10 run", "08:00")
    MachineState.objects.update(product_number=7)
    line = type(stage.line).objects.on_screen().get()

    with django_assert_max_num_queries(queries):
        tile(line, at("08:00") + timedelta(seconds=1))
