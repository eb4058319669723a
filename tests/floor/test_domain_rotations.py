"""Published shift plans give their published hours, and those for 24/7 leave no minute without a shift."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floor.domain.rotations import (
    OFF,
    Rotation,
    Team,
    Unreadable,
    misfits,
    read_breaks,
    read_sequence,
    read_shifts,
    read_teams,
    write_breaks,
    write_shifts,
    write_teams,
)
from floor.domain.shifts import Calendar, ShiftsOverlap, check_overlap, instant

LONDON = ZoneInfo("Europe/London")
ZONES = [ZoneInfo(name) for name in ("Europe/London", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "UTC")]
MONDAY = date(2016, 10, 31)
TWELVES = "Day 07:00-19:00\nNight 19:00-07:00"
EIGHTS = "Day 07:00-15:00\nSwing 15:00-23:00\nNight 23:00-07:00"


def rotation(shifts: str, sequence: str, teams: str, first_day: date = MONDAY) -> Rotation:
    its = read_shifts(shifts)
    return Rotation(its, read_sequence(sequence, its), first_day, read_teams(teams))


class Published(NamedTuple):
    """A plan as its authors describe it, with the hours they print."""

    shifts: str
    sequence: str
    teams: str
    cycle_days: int
    hours: float
    hours_per_week: float
    is_round_the_clock: bool = True


PLANS = {
    "4 on, 4 off": Published(TWELVES, "4 Day 4 off 4 Night 4 off", "A 0, B 4, C 8, D 12", 16, 96, 42),
    "2 days, 2 nights, 4 off": Published(
        TWELVES, "Day Day Night Night off off off off", "A 0, B 2, C 4, D 6", 8, 48, 42
    ),
    "DuPont": Published(
        TWELVES, "4 Night 3 off 3 Day 1 off 3 Night 3 off 4 Day 7 off", "A 0, B 21, C 14, D 7", 28, 168, 42
    ),
    "Panama, slow": Published(
        TWELVES,
        "2 Day 2 off 3 Day 2 off 2 Day 3 off 2 Day 2 off 3 Day 2 off 2 Day 3 off "
        "2 Night 2 off 3 Night 2 off 2 Night 3 off 2 Night 2 off 3 Night 2 off 2 Night 3 off",
        "A 0, B 28, C 49, D 21",
        56,
        336,
        42,
    ),
    "Panama, 28 days": Published(
        TWELVES,
        "2 Day 2 off 3 Day 2 off 2 Day 3 off 2 Night 2 off 3 Night 2 off 2 Night 3 off",
        "A 0, B 7, C 14, D 21",
        28,
        168,
        42,
    ),
    "5/4/9": Published(
        "Nine 07:00-16:00\nEight 07:00-15:00",
        "4 Nine 1 Eight 3 off 4 Nine 3 off 4 Nine 2 off 4 Nine 1 Eight 2 off",
        "A 0, B 14",
        28,
        160,
        40,
        is_round_the_clock=False,
    ),
    "three teams of 24 hours": Published(
        "Full 00:00-24:00", "Full off Full off Full off off off off", "A 0, B 3, C 6", 9, 72, 56
    ),
    "24 on, 48 off": Published("Full 08:00-08:00", "Full off off", "A 0, B 1, C 2", 3, 24, 56),
    "DNO": Published(TWELVES, "Day Night off", "A 0, B 1, C 2", 3, 24, 56),
    "8 + 12": Published(
        "Day 07:00-15:00\nSwing 15:00-23:00\nNight 23:00-07:00\nLongday 07:00-19:00\nLongnight 19:00-07:00",
        "5 Day 2 Longday 3 off 2 Night 2 Longnight 3 Night 4 off 5 Swing 2 off",
        "A 0, B 21, C 14, D 7",
        28,
        168,
        42,
    ),
    "low night demand": Published(
        EIGHTS,
        "3 Day 4 Swing 3 off 4 Day 3 Swing 4 off 3 Day 4 Night 3 off 4 Day 3 Night 4 off",
        "A 0, B 21, C 35, D 14, E 28, F 7",
        42,
        224,
        37 + 1 / 3,
    ),
    "9 to 5": Published("Day 09:00-17:00", "5 Day 2 off", "A 0", 7, 40, 40, is_round_the_clock=False),
}
ROUND_THE_CLOCK = {name: plan for name, plan in PLANS.items() if plan.is_round_the_clock}


def planned(plan: Published) -> Rotation:
    return rotation(plan.shifts, plan.sequence, plan.teams)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_published_plan_gives_each_team_its_published_hours(plan: Published) -> None:
    found = planned(plan)

    assert list(misfits(found)) == []
    check_overlap([found], LONDON)
    assert found.cycle_days == plan.cycle_days
    assert found.work_time == timedelta(hours=plan.hours)
    assert found.hours_per_week == pytest.approx(plan.hours_per_week)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_each_team_is_on_the_calendar_as_often_as_the_sequence_says(plan: Published) -> None:
    found = planned(plan)
    calendar = Calendar((found,), ZoneInfo("UTC"))
    start = datetime.combine(MONDAY, time(), UTC)

    cycle = [w for w in calendar.between(start, start + timedelta(days=plan.cycle_days)) if w.work_date >= MONDAY]

    shifts = sum(word != OFF for word in found.sequence)
    for team in found.teams:
        assert sum(team.name in w.team.split(" + ") for w in cycle) == shifts


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize("plan", ROUND_THE_CLOCK.values(), ids=ROUND_THE_CLOCK)
def test_a_plan_round_the_clock_covers_every_day_for_exactly_its_length(plan: Published, zone: ZoneInfo) -> None:
    """Every day of a year: those of 23, 24.5, 23.5 and 25 hours too."""
    first = instant(zone, datetime(2026, 1, 1))  # noqa: DTZ001 – what a clock on the wall shows
    last = instant(zone, datetime(2027, 1, 1))  # noqa: DTZ001

    year = Calendar((planned(plan),), zone).between(first, last)

    assert year[0].starts_at <= first
    assert year[-1].ends_at >= last
    assert all(before.ends_at == after.starts_at for before, after in pairwise(year))
    assert all(window.team for window in year)


def test_four_panama_teams_of_two_weeks_are_two_rotations() -> None:
    days = rotation(TWELVES, "2 Day 2 off 3 Day 2 off 2 Day 3 off", "A 0, B 7")
    nights = rotation(TWELVES, "2 Night 2 off 3 Night 2 off 2 Night 3 off", "C 0, D 7")
    check_overlap([days, nights], LONDON)

    monday = Calendar((days, nights), LONDON).between(
        datetime(2016, 10, 31, 7, tzinfo=UTC), datetime(2016, 11, 1, 7, tzinfo=UTC)
    )

    assert [(w.name, w.team) for w in monday] == [("Day", "A"), ("Night", "C")]
    assert days.hours_per_week == nights.hours_per_week == 42


def test_two_teams_in_the_same_shift_are_one_window() -> None:
    both = rotation("Day 06:00-18:00", "Day Day off off", "A 0, B 1")

    week = Calendar((both,), LONDON).between(datetime(2016, 10, 31, tzinfo=UTC), datetime(2016, 11, 4, tzinfo=UTC))

    assert [(w.work_date.day, w.team) for w in week] == [(31, "A"), (1, "A + B"), (2, "B")]


def test_teams_that_begin_together_are_one_window_until_the_last_has_left() -> None:
    plan = planned(PLANS["5/4/9"])

    friday = Calendar((plan,), ZoneInfo("UTC")).at(datetime(2016, 11, 4, 12, tzinfo=UTC))

    assert friday is not None
    assert (friday.name, friday.team) == ("Nine", "A + B")
    assert friday.ends_at == datetime(2016, 11, 4, 16, tzinfo=UTC)


def test_shifts_of_a_rotation_that_overlap_are_refused_although_it_happens_only_once_in_a_cycle() -> None:
    found = rotation("Day 06:00-18:00\nLate 14:00-22:00", "20 Day 1 Late 9 off", "A 0, B 10")

    with pytest.raises(ShiftsOverlap, match=r"Day .* 06:00–18:00 and Late .* 14:00–22:00 overlap"):
        check_overlap([found], LONDON)


def test_the_first_day_may_lie_in_the_future_or_long_ago() -> None:
    near = rotation(TWELVES, "Day Night off", "A 0", date(2026, 11, 20))
    far = rotation(TWELVES, "Day Night off", "A 0", date(2026, 11, 20) + timedelta(days=3000))

    assert [near.word(near.teams[0], date(2026, 11, day)) for day in (20, 21, 22)] == ["Day", "Night", OFF]
    assert all(near.on(MONDAY + timedelta(days=n)) == far.on(MONDAY + timedelta(days=n)) for n in range(9))


@pytest.mark.parametrize(
    ("shifts", "sequence", "teams", "field", "sentence"),
    [
        (TWELVES, "Day Nite off", "A 0", "sequence", "Nite is not a shift of this rotation; use Day, Night, off."),
        (TWELVES, " ", "A 0", "sequence", "The sequence is empty."),
        (TWELVES, "3 off", "A 0", "sequence", "Nobody ever works"),
        (TWELVES, "399 Day 9 off", "A 0", "sequence", "408 days; at most 400"),
        (TWELVES, "Day off", "A 0, B 2", "teams", "Team B begins 2 days after the first day; .* so use 0 to 1."),
        (TWELVES, "Day off", "A 0, a 1", "teams", "Team a stands twice."),
        (TWELVES, "Day off", "", "teams", "Name at least one team"),
        ("Off 06:00-18:00", "off", "A 0", "shifts", "a name of one word, not Off"),
        ("", "off", "A 0", "shifts", "Name at least one shift"),
        ("Day 06:00-14:00 breaks 15:00-15:30", "Day", "A 0", "shifts", "Break 15:00–15:30 lies outside Day."),
        ("Day 06:00-14:00\nDAY 14:00-22:00", "Day", "A 0", "shifts", "day stands twice"),
    ],
)
def test_what_does_not_fit_is_said_in_words(shifts: str, sequence: str, teams: str, field: str, sentence: str) -> None:
    found = list(misfits(rotation(shifts, sequence, teams)))

    import re

    assert any(where == field and re.search(sentence, words) for where, words in found), found


@pytest.mark.parametrize(
    "text", ["Day", "Day 6-18", "Day 06:00-25:00", "Day 06:00-24:30", "Day 06:00-18:00 09:00-09:30"]
)
def test_a_line_that_is_no_shift_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Unreadable, match="write"):
        read_shifts(text)


@pytest.mark.parametrize("text", ["A", "A x", "0", "A -1"])
def test_a_team_without_its_day_is_refused(text: str) -> None:
    with pytest.raises(Unreadable, match="A 0, B 4"):
        read_teams(text)


def test_a_number_at_the_end_of_a_sequence_is_refused() -> None:
    with pytest.raises(Unreadable, match="ends with a number"):
        read_sequence("Day 4", ())


def test_a_plan_is_written_as_it_was_read() -> None:
    shifts = read_shifts("Day 6:00 – 18:00, breaks: 09:30-10:00 Tea, 13:00-13:30;Night 18:00-06:00")

    assert [shift.name for shift in shifts] == ["Day", "Night"]
    assert write_shifts(shifts) == "Day 06:00–18:00 breaks 09:30–10:00 Tea, 13:00–13:30 Break\nNight 18:00–06:00"
    assert read_shifts(write_shifts(shifts)) == shifts
    assert read_breaks(write_breaks(shifts[0].breaks)) == shifts[0].breaks
    assert read_sequence("day 2 NIGHT, off", shifts) == ("Day", "Night", "Night", OFF)
    assert read_teams(write_teams((Team("A"), Team("Blue team", 4)))) == (Team("A"), Team("Blue team", 4))


@given(
    st.lists(st.sampled_from(["Day", "Night", OFF]), min_size=1, max_size=30),
    st.lists(st.integers(0, 29), min_size=1, max_size=6, unique=True),
    st.integers(-5000, 5000),
)
def test_in_any_rotation_each_team_works_its_hours_in_every_cycle(
    sequence: list[str], offsets: list[int], from_day: int
) -> None:
    teams = tuple(Team(str(n), offset % len(sequence)) for n, offset in enumerate(offsets))
    found = Rotation(read_shifts(TWELVES), tuple(sequence), MONDAY, teams)

    cycle = [MONDAY + timedelta(days=from_day + n) for n in range(len(sequence))]

    for team in teams:
        worked = sum(shift.team == team.name for day in cycle for shift in found.on(day))
        assert worked * timedelta(hours=12) == found.work_time
