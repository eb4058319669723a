from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floor.domain.shifts import (
    Break,
    Calendar,
    Pattern,
    ShiftsOverlap,
    ShiftWindow,
    check_overlap,
    hours,
    instant,
    window_at,
    windows,
)

LONDON = ZoneInfo("Europe/London")
NAMES = ("Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
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
