"""Shift patterns of the plant's clock, and the windows of real time they cut.

Calendars are local, durations are not: every window is in UTC and half-open. A shift belongs to the day on which
it starts, so the night shift from 22:00 to 06:00 is all of one day, and a production day begins with its first shift.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class ShiftsOverlap(ValueError):
    """Two shifts claim the same time; the message says which and when."""


@dataclass(frozen=True, slots=True)
class Break:
    name: str
    starts_at: time
    ends_at: time


@dataclass(frozen=True, slots=True)
class Pattern:
    """One shift as the plant describes it. Ending at or before its start means ending the next day.

    `weekdays` are ISO (1 = Monday) and name the day on which the shift starts. Valid on
    [valid_from, valid_to); `valid_to` None is without end.
    """

    name: str
    weekdays: frozenset[int]
    starts_at: time
    ends_at: time
    valid_from: date = date.min
    valid_to: date | None = None
    breaks: tuple[Break, ...] = ()

    def is_worked_on(self, day: date) -> bool:
        in_force = self.valid_from <= day and (self.valid_to is None or day < self.valid_to)
        return in_force and day.isoweekday() in self.weekdays


@dataclass(frozen=True, slots=True)
class BreakWindow:
    name: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class ShiftWindow:
    name: str
    work_date: date
    starts_at: datetime
    ends_at: datetime
    breaks: tuple[BreakWindow, ...] = ()
    team: str = ""

    def label(self, zone: ZoneInfo) -> str:
        """By the plant's clock, as in “Night 21 Nov · 22:00–06:00”."""
        start, end = self.starts_at.astimezone(zone), self.ends_at.astimezone(zone)
        return f"{self.name} {_day(self.work_date)} · {start:%H:%M}–{end:%H:%M}"


@dataclass(frozen=True, slots=True)
class Calendar:
    """The shifts of one line."""

    patterns: tuple[Pattern, ...]
    zone: ZoneInfo

    def between(self, start: datetime, end: datetime) -> tuple[ShiftWindow, ...]:
        return windows(self.patterns, self.zone, start, end)

    def at(self, moment: datetime) -> ShiftWindow | None:
        return window_at(self.patterns, self.zone, moment)

    def last_finished(self, moment: datetime, within: timedelta = 14 * DAY) -> ShiftWindow | None:
        finished = [w for w in self.between(moment - within, moment) if w.ends_at <= moment]
        return finished[-1] if finished else None

    def next_start(self, moment: datetime, within: timedelta = 14 * DAY) -> ShiftWindow | None:
        return next((w for w in self.between(moment, moment + within) if w.starts_at > moment), None)

    def label(self, window: ShiftWindow) -> str:
        return window.label(self.zone)


def windows(patterns: Iterable[Pattern], zone: ZoneInfo, start: datetime, end: datetime) -> tuple[ShiftWindow, ...]:
    """Return every shift that shares time with [start, end), whole (not clipped), in time order.

    Raises ShiftsOverlap when two of them share time.
    """
    first = start.astimezone(zone).date() - 2 * DAY
    last = end.astimezone(zone).date() + DAY
    patterns = tuple(patterns)
    days = (first + n * DAY for n in range((last - first).days + 1))
    found = [_window(p, zone, day) for day in days for p in patterns if p.is_worked_on(day)]
    # A shift that lies wholly inside the hour that the clock skips in spring has no time at all.
    found = sorted((w for w in found if w.starts_at < w.ends_at), key=lambda w: (w.starts_at, w.ends_at))
    for before, after in pairwise(found):
        if after.starts_at < before.ends_at:
            raise ShiftsOverlap(
                f"{before.label(zone)} and {after.label(zone)} overlap. "
                "Change the times, the weekdays or the dates of one of them."
            )
    return tuple(w for w in found if w.starts_at < end and w.ends_at > start)


def window_at(patterns: Iterable[Pattern], zone: ZoneInfo, moment: datetime) -> ShiftWindow | None:
    """The shift that is on at `moment`, or None."""
    return next(iter(windows(patterns, zone, moment, moment + timedelta(microseconds=1))), None)


def check_overlap(patterns: Sequence[Pattern], zone: ZoneInfo) -> None:
    """Raise ShiftsOverlap when the patterns ever claim the same time in an ordinary week."""
    starts = {p.valid_from for p in patterns if p.valid_from > date.min} or {date(2024, 1, 1)}
    for day in sorted(starts):
        monday = max(day, date(1970, 1, 5))
        start = datetime.combine(monday, time(), UTC)
        windows(patterns, zone, start, start + 9 * DAY)


def instant(zone: ZoneInfo, local: datetime) -> datetime:
    """The moment at which the plant's clock shows `local` (naive).

    A time that the clock shows twice means the first; one that it skips means the moment of the jump. So the
    order of local times is kept, and shifts that touch on paper touch on both clock-change nights.
    """
    moment = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == local.replace(fold=0):
        return moment
    return _jump(zone, local.replace(tzinfo=zone, fold=1).astimezone(UTC), moment)


def hour_start(zone: ZoneInfo, moment: datetime) -> datetime:
    """The last moment at or before `moment` at which the plant's clock showed a full hour, or jumped."""
    local = moment.astimezone(zone)
    start = moment - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    if start.astimezone(zone).utcoffset() == local.utcoffset():
        return start.astimezone(UTC)
    return _jump(zone, start, moment)


def hours(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The hours of the plant's clock that share time with [start, end), whole, without gap or overlap."""
    at = hour_start(zone, start)
    while at < end:
        after = hour_start(zone, at + HOUR)
        # Half an hour is skipped or shown twice where the clock changes by half an hour.
        after = after if after > at else at + HOUR
        yield at, after
        at = after


def _window(pattern: Pattern, zone: ZoneInfo, day: date) -> ShiftWindow:
    start, end = _span(pattern.starts_at, pattern.ends_at, datetime.combine(day, pattern.starts_at))
    breaks = (_break(zone, rest, start, end) for rest in pattern.breaks)
    return ShiftWindow(
        pattern.name,
        day,
        instant(zone, start),
        instant(zone, end),
        tuple(sorted((b for b in breaks if b.starts_at < b.ends_at), key=lambda b: b.starts_at)),
    )


def _break(zone: ZoneInfo, rest: Break, shift_start: datetime, shift_end: datetime) -> BreakWindow:
    """A break at 02:00 in a shift from 22:00 is on the next day; what sticks out of the shift is cut off."""
    start, end = _span(rest.starts_at, rest.ends_at, datetime.combine(shift_start.date(), rest.starts_at))
    if start < shift_start and end <= shift_start:
        start, end = start + DAY, end + DAY
    start, end = max(start, shift_start), min(end, shift_end)
    return BreakWindow(rest.name, instant(zone, start), instant(zone, max(start, end)))


def _span(starts_at: time, ends_at: time, start: datetime) -> tuple[datetime, datetime]:
    end = datetime.combine(start.date(), ends_at)
    return start, end if ends_at > starts_at else end + DAY


def _jump(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The moment in (before, after] from which the zone's offset is that of `after`."""
    low, high = int(before.timestamp()), int(-(-after.timestamp() // 1))
    offset = after.astimezone(zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return datetime.fromtimestamp(high, UTC)


def _day(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]}"
