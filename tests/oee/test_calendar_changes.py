"""Calendars that change: what was planned otherwise is accounted for otherwise, the rest stays."""

from datetime import date

import pytest

from floor.actions.calendar import add_special_day
from floor.models import Rotation, ShiftPattern, SpecialDay
from oee.actions.check import differences
from oee.actions.rebuild import rebuild_dirty
from oee.models import HourTotals
from tests.oee.stage import at, make_stage
from tests.oee.test_rebuild import totals

pytestmark = pytest.mark.django_db


def test_a_holiday_entered_afterwards_takes_the_day_out_of_planned_time() -> None:
    stage = make_stage()
    stage.sees("06:00 run, 08:00 stop, 08:30 run", until=at("15:00"))
    rebuild_dirty(at("15:00"))
    assert totals(stage)["run_ms"] == 510
    day = SpecialDay(
        site=stage.line.site, line=stage.line, kind=SpecialDay.Kind.CLOSED, shift="Day",
        first_day=date(2026, 11, 20), last_day=date(2026, 11, 20), note="Town fair",
    )  # fmt: skip

    add_special_day(day, by=None, now=at("15:00"))
    rebuild_dirty(at("15:00"))

    assert totals(stage) == {"off_shift_ms": 480, "run_ms": 60}
    assert differences(stage.line) == []


def test_hours_know_which_team_was_on() -> None:
    stage = make_stage(shifts=False)
    ShiftPattern.objects.all().delete()
    Rotation.objects.create(
        site=stage.line.site, name="Two teams", sequence="Day off", shifts="Day 06:00–18:00", teams="A 0, B 1",
        first_day=date(2026, 11, 19), valid_from=date(2020, 1, 1),
    )  # fmt: skip
    stage.sees("06:00 run", until=at("07:00", 1))

    rebuild_dirty(at("07:00", 1))

    teams = dict(HourTotals.objects.exclude(shift_name="").values_list("starts_at", "team"))
    assert (teams[at("06:00")], teams[at("06:00", 1)]) == ("B", "A")
