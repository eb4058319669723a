from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from floor.domain.rotations import OFF, RotaShift, Rotation, Team
from floor.domain.shifts import (
    BadCalendar,
    Break,
    Calendar,
    Pattern,
    Plan,
    ShiftsOverlap,
    ShiftTwiceADay,
    ShiftWindow,
    Special,
    SpecialDay,
    check_overlap,
    clock,
    hours,
    instant,
    window_at,
    windows,
)

LONDON = ZoneInfo("Europe/London")
NAMES = (
    "Europe/London",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Havana",  # changes its clock at midnight
    "Africa/Cairo",  # skips the first hour of a day
    "UTC",
)
ZONES = [ZoneInfo(name) for name in NAMES]
EVERY_DAY = frozenset(range(1, 8))
NIGHT = Pattern("Night", EVERY_DAY, time(22), time(6), breaks=(Break("Supper", time(2), time(2, 30)),))
EARLY = Pattern("Early", EVERY_DAY, time(6), time(14), breaks=(Break("Tea", time(10), time(10, 15)),))
LATE = Pattern("Late", EVERY_DAY, time(14), time(22))
THREE = (EARLY, LATE, NIGHT)


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def found(window: ShiftWindow | None) -> ShiftWindow:
    assert window is not None
    return window


def test_the_night_shift_belongs_to_the_day_on_which_it_starts() -> None:
    night = window_at(THREE, LONDON, utc(2026, 11, 22, 3))

    assert night is not None
    assert night.work_date == date(2026, 11, 21)
    assert (night.starts_at, night.ends_at) == (utc(2026, 11, 21, 22), utc(2026, 11, 22, 6))
    assert night.label(LONDON) == "Night 21 Nov · 22:00–06:00"


def test_a_break_after_midnight_is_on_the_next_day() -> None:
    night = window_at(THREE, LONDON, utc(2026, 11, 21, 23))

    assert night is not None
    assert [(b.name, b.starts_at, b.ends_at) for b in night.breaks] == [
        ("Supper", utc(2026, 11, 22, 2), utc(2026, 11, 22, 2, 30))
    ]


def test_the_moment_a_shift_ends_belongs_to_the_next_one() -> None:
    assert found(window_at(THREE, LONDON, utc(2026, 11, 21, 14))).name == "Late"


@pytest.mark.parametrize(
    ("zone", "day", "length_h"),
    [
        ("Europe/London", date(2026, 3, 28), 7),
        ("Europe/London", date(2026, 10, 24), 9),
        ("America/New_York", date(2026, 3, 7), 7),
        ("America/New_York", date(2026, 10, 31), 9),
        ("Australia/Lord_Howe", date(2026, 4, 4), 8.5),
        ("Australia/Lord_Howe", date(2026, 10, 3), 7.5),
        ("Asia/Kathmandu", date(2026, 3, 28), 8),
    ],
)
def test_a_night_shift_is_as_long_as_the_clock_change_makes_it(zone: str, day: date, length_h: float) -> None:
    local = ZoneInfo(zone)
    night = window_at(THREE, local, instant(local, datetime.combine(day, time(23))))

    assert night is not None
    assert night.ends_at - night.starts_at == timedelta(hours=length_h)


def test_sunday_is_off_when_nobody_works_on_sundays() -> None:
    weekdays = frozenset(range(1, 7))
    patterns = [Pattern("Day", weekdays, time(6), time(18))]

    assert window_at(patterns, LONDON, utc(2026, 11, 22, 12)) is None
    assert found(Calendar(tuple(patterns), LONDON).next_start(utc(2026, 11, 22, 12))).work_date == date(2026, 11, 23)


def test_a_shift_on_leave_of_its_dates_does_not_exist() -> None:
    old = Pattern("Day", EVERY_DAY, time(6), time(18), valid_to=date(2026, 11, 10))
    new = Pattern("Day", EVERY_DAY, time(8), time(16), valid_from=date(2026, 11, 10))

    starts = [w.starts_at for w in windows([old, new], LONDON, utc(2026, 11, 9), utc(2026, 11, 11))]

    assert starts == [utc(2026, 11, 9, 6), utc(2026, 11, 10, 8)]


def test_overlapping_shifts_are_refused_in_words() -> None:
    patterns = [Pattern("Early", EVERY_DAY, time(6), time(14)), Pattern("Day", EVERY_DAY, time(8), time(16))]

    with pytest.raises(ShiftsOverlap, match=r"Early .* 06:00–14:00 and Day .* 08:00–16:00 overlap"):
        check_overlap(patterns, LONDON)


def test_a_24_hour_shift_and_itself_the_next_day_do_not_overlap() -> None:
    check_overlap([Pattern("All day", EVERY_DAY, time(6), time(6))], LONDON)


def test_the_last_finished_shift_is_the_one_before_this_one() -> None:
    assert (
        found(Calendar(THREE, LONDON).last_finished(utc(2026, 11, 22, 7))).label(LONDON) == "Night 21 Nov · 22:00–06:00"
    )


def test_a_new_shift_plan_ends_the_shift_that_still_runs_when_its_first_one_begins() -> None:
    """The old night shift of the 9th would run to 06:00; from the 10th the early shift begins at 04:00."""
    old = [replace(shift, valid_to=date(2026, 11, 10)) for shift in THREE]
    new = [
        Pattern("Early", EVERY_DAY, time(4), time(12), valid_from=date(2026, 11, 10)),
        Pattern("Late", EVERY_DAY, time(12), time(20), valid_from=date(2026, 11, 10)),
    ]
    calendar = Calendar((*old, *new), LONDON)
    check_overlap(calendar.patterns, LONDON)

    night, early = calendar.between(utc(2026, 11, 10, 3), utc(2026, 11, 10, 5))

    assert (night.name, night.starts_at, night.ends_at) == ("Night", utc(2026, 11, 9, 22), utc(2026, 11, 10, 4))
    assert (early.name, early.starts_at, early.ends_at) == ("Early", utc(2026, 11, 10, 4), utc(2026, 11, 10, 12))
    assert calendar.at(utc(2026, 11, 10, 4)) == early


def test_a_break_that_lies_behind_the_cut_is_gone() -> None:
    old = replace(NIGHT, valid_to=date(2026, 11, 10))
    new = Pattern("Early", EVERY_DAY, time(2, 15), time(12), valid_from=date(2026, 11, 10))

    night = found(Calendar((old, new), LONDON).at(utc(2026, 11, 10, 1)))

    assert [(b.starts_at, b.ends_at) for b in night.breaks] == [(utc(2026, 11, 10, 2), utc(2026, 11, 10, 2, 15))]


def test_a_newer_shift_that_meets_one_that_still_holds_is_an_overlap() -> None:
    """Only what has ended gives way."""
    new = Pattern("Early", EVERY_DAY, time(4), time(6), valid_from=date(2026, 11, 10))

    with pytest.raises(ShiftsOverlap, match="Night 9 Nov"):
        check_overlap([NIGHT, new], LONDON)


def test_an_overlap_in_a_later_version_is_found_before_it_begins() -> None:
    ahead = [
        Pattern("A", frozenset({3}), time(6), time(14), valid_from=date(2027, 3, 1)),
        Pattern("B", frozenset({3}), time(13), time(20), valid_from=date(2027, 3, 1)),
    ]

    with pytest.raises(ShiftsOverlap, match=r"A 3 Mar .* B 3 Mar"):
        check_overlap([Pattern("Day", frozenset({1}), time(6), time(14)), *ahead], LONDON)


def test_two_shifts_of_one_name_on_a_day_are_refused() -> None:
    patterns = [Pattern("Day", EVERY_DAY, time(6), time(10)), Pattern("Day", EVERY_DAY, time(12), time(16))]

    with pytest.raises(ShiftTwiceADay, match="Day is planned twice on"):
        check_overlap(patterns, LONDON)


# ---------------------------------------------------------------- special days

CHRISTMAS = date(2026, 12, 25)
CLOSED = SpecialDay(Special.CLOSED, CHRISTMAS, date(2026, 12, 26))
EVE = date(2026, 12, 24)


def starts(calendar: Calendar, first: date, days: int = 1) -> list[tuple[str, int, str]]:
    """(name, day of the month, hours) of the shifts that start on these days, by the clock in London."""
    start = instant(LONDON, datetime.combine(first, time()))
    return [
        (w.name, w.work_date.day, f"{clock(LONDON, w.starts_at)}-{clock(LONDON, w.ends_at)}")
        for w in calendar.between(start, start + timedelta(days=days))
        if first <= w.work_date < first + timedelta(days=days)
    ]


def test_on_a_holiday_no_shift_starts_and_the_night_before_runs_to_its_end() -> None:
    calendar = Calendar(THREE, LONDON, (CLOSED,))

    assert found(calendar.at(utc(2026, 12, 25, 5))).work_date == EVE
    assert calendar.at(utc(2026, 12, 25, 6)) is None
    assert calendar.at(utc(2026, 12, 27, 5, 59)) is None
    assert found(calendar.next_start(utc(2026, 12, 25, 6))).starts_at == utc(2026, 12, 27, 6)
    assert found(calendar.last_finished(utc(2026, 12, 26, 12))).label(LONDON) == "Night 24 Dec · 22:00–06:00"


def test_one_shift_can_be_closed_and_another_end_early() -> None:
    specials = (
        SpecialDay(Special.CHANGED, EVE, EVE, "Early", None, time(12)),
        SpecialDay(Special.CLOSED, EVE, EVE, "Late"),
        SpecialDay(Special.CLOSED, EVE, EVE, "Night"),
    )
    calendar = Calendar(THREE, LONDON, specials)
    check_overlap(THREE, LONDON, specials)

    assert starts(calendar, EVE) == [("Early", 24, "06:00-12:00")]
    assert [b.name for b in found(calendar.at(utc(2026, 12, 24, 7))).breaks] == ["Tea"]


def test_a_shift_that_ends_before_its_break_has_none() -> None:
    early = SpecialDay(Special.CHANGED, EVE, EVE, "Early", None, time(9))

    assert found(Calendar(THREE, LONDON, (early,)).at(utc(2026, 12, 24, 7))).breaks == ()


def test_overtime_is_a_shift_of_its_own_day() -> None:
    saturday = date(2026, 11, 21)
    day = Pattern("Day", frozenset(range(1, 6)), time(6), time(14))
    overtime = SpecialDay(Special.EXTRA, saturday, saturday, "Day", time(6), time(12))

    assert starts(Calendar((day,), LONDON), saturday) == []
    assert starts(Calendar((day,), LONDON, (overtime,)), saturday) == [("Day", 21, "06:00-12:00")]


def test_overtime_inside_a_usual_shift_is_an_overlap() -> None:
    overtime = SpecialDay(Special.EXTRA, EVE, EVE, "Overtime", time(5), time(8))

    with pytest.raises(ShiftsOverlap, match=r"Night 23 Dec .* and Overtime 24 Dec · 05:00–08:00 overlap"):
        check_overlap(THREE, LONDON, (overtime,))


def test_overtime_needs_a_name_that_is_free_that_day() -> None:
    day = Pattern("Day", EVERY_DAY, time(6), time(14))
    overtime = SpecialDay(Special.EXTRA, EVE, EVE, "Day", time(15), time(18))

    with pytest.raises(ShiftTwiceADay, match="Day is planned twice on 24 Dec 2026"):
        check_overlap([day], LONDON, [overtime])


def test_what_is_said_of_the_line_beats_what_is_said_of_its_site() -> None:
    """The site is closed over Christmas; this line bakes for the hospital on the 25th and works the 26th as usual."""
    baking = SpecialDay(Special.EXTRA, CHRISTMAS, CHRISTMAS, "Hospital", time(6), time(10), is_of_line=True)
    usual = SpecialDay(Special.USUAL, date(2026, 12, 26), date(2026, 12, 26), is_of_line=True)
    calendar = Calendar(THREE, LONDON, (usual, baking, CLOSED))
    check_overlap(THREE, LONDON, calendar.special_days)

    assert starts(calendar, CHRISTMAS, 2) == [
        ("Hospital", 25, "06:00-10:00"),
        ("Early", 26, "06:00-14:00"),
        ("Late", 26, "14:00-22:00"),
        ("Night", 26, "22:00-06:00"),
    ]


def test_a_line_can_be_closed_on_the_day_of_the_sites_overtime() -> None:
    overtime = SpecialDay(Special.EXTRA, EVE, EVE, "Overtime", time(15), time(18))
    closed = SpecialDay(Special.CLOSED, EVE, EVE, is_of_line=True)

    assert starts(Calendar((EARLY,), LONDON, (closed, overtime)), EVE) == []


def test_a_special_day_of_a_shift_that_is_not_worked_then_changes_nothing() -> None:
    sunday = date(2026, 11, 22)
    day = Pattern("Day", frozenset(range(1, 7)), time(6), time(14))
    early = SpecialDay(Special.CHANGED, sunday, sunday, "Day", None, time(12))

    assert starts(Calendar((day,), LONDON, (early,)), sunday) == []


# ---------------------------------------------------------------- the clock


@pytest.mark.parametrize(
    ("zone", "moment", "shown"),
    [
        ("Europe/Berlin", utc(2026, 10, 25, 0, 30), "02:30 (+02:00)"),
        ("Europe/Berlin", utc(2026, 10, 25, 1, 30), "02:30 (+01:00)"),
        ("Europe/Berlin", utc(2026, 10, 25, 2, 0), "03:00"),
        ("Europe/Berlin", utc(2026, 3, 29, 1, 0), "03:00"),
        ("Australia/Lord_Howe", utc(2026, 4, 4, 14, 40), "01:40 (+11:00)"),
        ("Australia/Lord_Howe", utc(2026, 4, 4, 15, 10), "01:40 (+10:30)"),
        ("America/New_York", utc(2026, 11, 1, 6, 30), "01:30 (-05:00)"),
        ("UTC", utc(2026, 10, 25, 1, 30), "01:30"),
    ],
)
def test_a_time_that_the_clock_shows_twice_is_printed_with_its_offset(zone: str, moment: datetime, shown: str) -> None:
    assert clock(ZoneInfo(zone), moment) == shown


def test_a_shift_that_ends_in_the_repeated_hour_says_in_which() -> None:
    evening = Pattern("Evening", EVERY_DAY, time(18), time(1, 30))
    window = found(window_at([evening], LONDON, utc(2026, 10, 24, 20)))

    assert window.label(LONDON) == "Evening 24 Oct · 18:00–01:30 (+01:00)"


@pytest.mark.parametrize(
    ("day", "label"),
    [
        (date(2028, 2, 28), "Night 28 Feb · 22:00–06:00"),
        (date(2028, 2, 29), "Night 29 Feb · 22:00–06:00"),
        (date(2026, 12, 31), "Night 31 Dec · 22:00–06:00"),
    ],
)
def test_leap_day_and_new_year_are_nights_like_others(day: date, label: str) -> None:
    nights = windows(THREE, LONDON, utc(day.year, day.month, day.day, 22), utc(day.year, day.month, day.day, 23))

    assert [night.label(LONDON) for night in nights] == [label]
    assert nights[0].ends_at - nights[0].starts_at == timedelta(hours=8)


def test_a_day_that_begins_an_hour_late_begins_with_the_jump() -> None:
    """In Cairo the clock jumps from 24:00 to 01:00: a shift from midnight to 08:00 has seven hours."""
    cairo = ZoneInfo("Africa/Cairo")
    jump = instant(cairo, datetime(2026, 4, 24))  # noqa: DTZ001 – what a clock on the wall shows
    shifts = [Pattern("First", EVERY_DAY, time(0), time(8)), Pattern("Rest", EVERY_DAY, time(8), time(0))]

    first = found(window_at(shifts, cairo, jump))

    assert (first.name, first.work_date, clock(cairo, jump)) == ("First", date(2026, 4, 24), "01:00")
    assert first.ends_at - first.starts_at == timedelta(hours=7)


# ---------------------------------------------------------------- whatever people plan

FROM, TO = datetime(2025, 1, 1), datetime(2028, 1, 1)  # noqa: DTZ001 – what a clock on the wall shows
MOMENTS = st.datetimes(FROM, TO, timezones=st.just(UTC))


@given(MOMENTS, st.sampled_from(ZONES), st.lists(st.integers(0, 95), min_size=2, max_size=5, unique=True))
def test_shifts_that_touch_on_paper_tile_every_week(start: datetime, zone: ZoneInfo, quarters: list[int]) -> None:
    cuts = [time(q // 4, q % 4 * 15) for q in sorted(quarters)]
    patterns = [Pattern(str(a), EVERY_DAY, a, b) for a, b in zip(cuts, [*cuts[1:], cuts[0]], strict=True)]

    week = windows(patterns, zone, start, start + timedelta(days=7))

    assert week[0].starts_at <= start
    assert week[-1].ends_at >= start + timedelta(days=7)
    assert all(a.ends_at == b.starts_at for a, b in pairwise(week))


@given(MOMENTS, st.sampled_from(ZONES))
def test_a_local_week_lasts_168_hours_give_or_take_the_clock_change(start: datetime, zone: ZoneInfo) -> None:
    monday = datetime.combine(start.date() - timedelta(days=start.weekday()), time())
    length = instant(zone, monday + timedelta(days=7)) - instant(zone, monday)

    assert abs(length - timedelta(days=7)) <= timedelta(hours=1)


@given(MOMENTS, st.sampled_from(ZONES), st.integers(1, 60))
def test_clock_hours_tile_time(start: datetime, zone: ZoneInfo, length_h: int) -> None:
    end = start + timedelta(hours=length_h)

    clock = list(hours(zone, start, end))

    assert clock[0][0] <= start < clock[0][1]
    assert clock[-1][1] >= end
    assert all(a[1] == b[0] for a, b in pairwise(clock))
    assert all(timedelta(0) < b - a <= timedelta(minutes=90) for a, b in clock)


@given(MOMENTS, st.sampled_from(ZONES))
def test_an_hour_starts_at_the_same_moment_wherever_one_looks_from(moment: datetime, zone: ZoneInfo) -> None:
    from_before = set(hours(zone, moment - timedelta(hours=5), moment + timedelta(hours=3)))

    assert set(hours(zone, moment, moment + timedelta(hours=2))) <= from_before


@given(
    st.datetimes(FROM, TO),
    st.timedeltas(timedelta(0), timedelta(hours=4)),
    st.sampled_from(ZONES),
)
def test_a_later_time_on_the_clock_is_never_an_earlier_moment(
    local: datetime, later: timedelta, zone: ZoneInfo
) -> None:
    assert instant(zone, local) <= instant(zone, local + later)


@st.composite
def shifts_of_a_day(draw: st.DrawFn) -> list[tuple[str, time, time]]:
    """Shifts that share no time on paper, in quarters of an hour, the last perhaps across midnight."""
    cuts = draw(st.lists(st.integers(0, 95), min_size=2, max_size=6, unique=True).map(sorted))
    times = [time(q // 4, q % 4 * 15) for q in cuts]
    pairs = list(zip(times, [*times[1:], times[0]], strict=True))
    kept = draw(st.lists(st.booleans(), min_size=len(pairs), max_size=len(pairs)))
    return [(f"S{n}", *pair) for n, pair in enumerate(pairs) if kept[n]] or [("S0", *pairs[0])]


@st.composite
def weekly(draw: st.DrawFn) -> list[Plan]:
    days = st.frozensets(st.integers(1, 7), min_size=1)
    rest = st.lists(st.builds(Break, st.just("Tea"), st.times(), st.times()), max_size=2).map(tuple)
    return [Pattern(name, draw(days), a, b, breaks=draw(rest)) for name, a, b in draw(shifts_of_a_day())]


@st.composite
def rotating(draw: st.DrawFn) -> list[Plan]:
    shifts = tuple(RotaShift(*shift) for shift in draw(shifts_of_a_day()))
    words = st.sampled_from([*(shift.name for shift in shifts), OFF])
    sequence = tuple(draw(st.lists(words, min_size=1, max_size=12)))
    offsets = draw(st.lists(st.integers(0, len(sequence) - 1), min_size=1, max_size=4))
    teams = tuple(Team(str(n), offset) for n, offset in enumerate(offsets))
    return [Rotation(shifts, sequence, date(2026, 1, 5), teams)]


SPECIALS = st.builds(
    lambda kind, first, days, shift, a, b, own: SpecialDay(
        kind, first, first + timedelta(days=days), "X" if kind is Special.EXTRA else shift, a, b, own
    ),
    st.sampled_from(Special),
    st.dates(date(2025, 12, 1), date(2026, 12, 31)),
    st.integers(0, 20),
    st.sampled_from(["", "S0", "S1", "S2"]),
    st.times().map(lambda t: t.replace(second=0, microsecond=0, fold=0)),
    st.times().map(lambda t: t.replace(second=0, microsecond=0, fold=0)),
    st.booleans(),
)


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    """Whatever may be entered: a calendar that passes the check at entry."""
    plans = draw(st.one_of(weekly(), rotating()))
    if draw(st.booleans()):  # followed by another plan from a day on
        turn = draw(st.dates(date(2026, 1, 1), date(2026, 12, 31)))
        plans = [replace(plan, valid_to=turn) for plan in plans]  # type: ignore[type-var]
        plans += [replace(plan, valid_from=turn) for plan in draw(st.one_of(weekly(), rotating()))]  # type: ignore[type-var]
    specials = tuple(draw(st.lists(SPECIALS, max_size=4)))
    zone = draw(st.sampled_from(ZONES))
    try:
        check_overlap(plans, zone, specials)
    except BadCalendar:
        assume(False)
    return Calendar(tuple(plans), zone, specials)


SOON = st.datetimes(datetime(2025, 12, 1), datetime(2027, 1, 31), timezones=st.just(UTC))  # noqa: DTZ001
SPANS = st.timedeltas(timedelta(minutes=1), timedelta(days=40))


@given(calendars(), SOON, SPANS)
def test_what_passed_the_check_never_overlaps(calendar: Calendar, start: datetime, span: timedelta) -> None:
    whole = calendar.between(start, start + span)

    assert all(a.ends_at <= b.starts_at for a, b in pairwise(whole))
    assert all(w.starts_at < w.ends_at for w in whole)
    assert all(w.starts_at <= b.starts_at < b.ends_at <= w.ends_at for w in whole for b in w.breaks)
    assert len({(w.work_date, w.name) for w in whole}) == len(whole)


@given(calendars(), SOON, SPANS, st.integers(0, 100))
def test_the_shift_of_a_moment_is_the_one_that_lists_show(
    calendar: Calendar, start: datetime, span: timedelta, percent: int
) -> None:
    moment = start + span * percent / 100

    listed = [w for w in calendar.between(start, start + span) if w.starts_at <= moment < w.ends_at]

    assert moment >= start + span or listed == ([now] if (now := calendar.at(moment)) else [])


@given(calendars(), SOON, SPANS, SPANS)
def test_two_stretches_side_by_side_have_the_shifts_of_the_whole(
    calendar: Calendar, start: datetime, first: timedelta, second: timedelta
) -> None:
    a, b, c = start, start + first, start + first + second

    assert set(calendar.between(a, b)) | set(calendar.between(b, c)) == set(calendar.between(a, c))


@given(calendars(), SOON, SPANS)
def test_the_hours_of_a_stretch_add_up_to_it(calendar: Calendar, start: datetime, span: timedelta) -> None:
    for piece in calendar.between(start, start + span)[:20]:
        clipped = [
            min(b, piece.ends_at) - max(a, piece.starts_at)
            for a, b in hours(calendar.zone, piece.starts_at, piece.ends_at)
        ]
        assert sum(clipped, timedelta()) == piece.ends_at - piece.starts_at


@given(st.one_of(weekly(), rotating()), st.sampled_from(ZONES), SOON, SPANS, st.integers(0, 30), st.booleans())
def test_a_holiday_only_ever_takes_time_away(
    plans: list[Plan], zone: ZoneInfo, start: datetime, span: timedelta, days: int, one: bool
) -> None:
    first = start.date() + timedelta(days=2)
    holiday = SpecialDay(Special.CLOSED, first, first + timedelta(days=days), "S0" if one else "")

    usual = Calendar(tuple(plans), zone).between(start, start + span)
    left = Calendar(tuple(plans), zone, (holiday,)).between(start, start + span)

    assert set(left) <= set(usual)
    assert all(first <= gone.work_date <= holiday.last_day for gone in set(usual) - set(left))
