"""Shifts as the plant plans them, and the windows of real time they cut.

Calendars are local, durations are not: every window is in UTC and half-open. A shift belongs to the day on which
it starts, so the night shift from 22:00 to 06:00 is all of one day, and a production day begins with its first shift.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# A plan is checked for one whole cycle; of plans that only meet again after years, the first years.
LONGEST_CYCLE_DAYS = 1000
# Where to look at a plan that has held for ever.
AN_ORDINARY_DAY = date(2024, 1, 1)
# Days of a calendar that are remembered: more than any page asks for, little enough to keep for every line.
REMEMBERED_DAYS = 800


class BadCalendar(ValueError):
    """A calendar that contradicts itself; the message is for whoever plans."""


class ShiftsOverlap(BadCalendar):
    """Two shifts claim the same time; the message says which and when."""


class ShiftTwiceADay(BadCalendar):
    """Two shifts of one day have the same name, so that nobody could tell their reports apart."""


@dataclass(frozen=True, slots=True)
class Break:
    name: str
    starts_at: time
    ends_at: time


class Planned(NamedTuple):
    """A shift that a plan puts on a day. Ending at or before its start means ending the next day.

    `valid_from` and `valid_to` are those of the plan it comes from.
    """

    name: str
    starts_at: time
    ends_at: time
    breaks: tuple[Break, ...] = ()
    team: str = ""
    valid_from: date = date.min
    valid_to: date | None = None


class Plan(Protocol):
    """What puts shifts on days: a weekly pattern, or a rotation. Valid on [valid_from, valid_to)."""

    @property
    def valid_from(self) -> date: ...

    @property
    def valid_to(self) -> date | None: ...

    @property
    def cycle_days(self) -> int:
        """After so many days the plan begins again."""

    @property
    def shift_names(self) -> frozenset[str]: ...

    def on(self, day: date) -> Iterable[Planned]:
        """The shifts that start on this day, if the plan is in force."""

    def __hash__(self) -> int: ...


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

    @property
    def cycle_days(self) -> int:
        return 7

    @property
    def shift_names(self) -> frozenset[str]:
        return frozenset({self.name})

    def is_worked_on(self, day: date) -> bool:
        return in_force(self, day) and day.isoweekday() in self.weekdays

    def on(self, day: date) -> tuple[Planned, ...]:
        if not self.is_worked_on(day):
            return ()
        return (Planned(self.name, self.starts_at, self.ends_at, self.breaks, "", self.valid_from, self.valid_to),)


class Special(StrEnum):
    """What is special about a day."""

    CLOSED = "closed"
    USUAL = "usual"
    CHANGED = "changed"
    EXTRA = "extra"


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """How [first_day, last_day], both included, differ from the plan; they name the day on which a shift starts.

    `shift` empty means all of them. Hours are those of an extra shift, or what changes in a usual one (None: as usual).
    What is said of one line (`is_of_line`) beats what is said of its site, and a named shift beats all of them.
    """

    kind: Special
    first_day: date
    last_day: date
    shift: str = ""
    starts_at: time | None = None
    ends_at: time | None = None
    is_of_line: bool = False

    def rank(self) -> tuple[bool, bool, bool]:
        """What comes later has the last word."""
        return self.is_of_line, bool(self.shift), self.kind is Special.EXTRA

    def applied(self, planned: list[Planned], usual: Sequence[Planned]) -> list[Planned]:
        """The shifts of a day, given those planned so far and those of an ordinary day."""
        if self.kind is Special.EXTRA:
            return [*planned, Planned(self.shift, self.starts_at or time(), self.ends_at or time())]
        others = [shift for shift in planned if self.shift not in ("", shift.name)]
        if self.kind is Special.CLOSED:
            return others
        return others + [self._changed(shift) for shift in usual if self.shift in ("", shift.name)]

    def _changed(self, shift: Planned) -> Planned:
        return shift._replace(starts_at=self.starts_at or shift.starts_at, ends_at=self.ends_at or shift.ends_at)


@dataclass(frozen=True, slots=True)
class BreakWindow:
    name: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class ShiftWindow:
    """`team` is who works it where teams rotate, as in “A” or “A + B”."""

    name: str
    work_date: date
    starts_at: datetime
    ends_at: datetime
    breaks: tuple[BreakWindow, ...] = ()
    team: str = ""

    def label(self, zone: ZoneInfo) -> str:
        """By the plant's clock, as in “Night 21 Nov · 22:00–06:00”."""
        return f"{self.name} {_day(self.work_date)} · {clock(zone, self.starts_at)}–{clock(zone, self.ends_at)}"

    def cut_at(self, end: datetime) -> "ShiftWindow":
        """The same shift, ended early."""
        breaks = (replace(rest, ends_at=min(rest.ends_at, end)) for rest in self.breaks if rest.starts_at < end)
        return replace(self, ends_at=end, breaks=tuple(breaks))


class _Dated(NamedTuple):
    """A window and the plan it comes from."""

    window: ShiftWindow
    planned: Planned


@dataclass(frozen=True, slots=True)
class Calendar:
    """The shifts of one line: what is planned, and the days that differ."""

    patterns: tuple[Plan, ...]
    zone: ZoneInfo
    special_days: tuple[SpecialDay, ...] = ()

    def between(self, start: datetime, end: datetime) -> tuple[ShiftWindow, ...]:
        """Return every shift that shares time with [start, end), whole (not clipped), in time order.

        A shift that still runs when a newer version of the plan begins its first one ends there. Raises
        ShiftsOverlap when two shifts share time in any other way.
        """
        first, last = start.astimezone(self.zone).date() - DAY, end.astimezone(self.zone).date() + DAY
        return tuple(w for w in self._starting(first, last) if w.starts_at < end and w.ends_at > start)

    def at(self, moment: datetime) -> ShiftWindow | None:
        """The shift that is on at `moment`, or None."""
        day = moment.astimezone(self.zone).date()
        return next((w for w in self._starting(day - DAY, day + DAY) if w.starts_at <= moment < w.ends_at), None)

    def last_finished(self, moment: datetime, within: timedelta = 14 * DAY) -> ShiftWindow | None:
        finished = (w for w in reversed(self.between(moment - within, moment)) if w.ends_at <= moment)
        return next(finished, None)

    def next_start(self, moment: datetime, within: timedelta = 14 * DAY) -> ShiftWindow | None:
        return next((w for w in self.between(moment, moment + within) if w.starts_at > moment), None)

    def settled(self, moment: datetime, now: datetime) -> ShiftWindow | None:
        """The shift of `moment`, or the last before it, if the one that followed it is over too; else None."""
        shift = self.at(moment) or self.last_finished(moment)
        if shift is None or now < shift.ends_at:
            return None
        following = self.at(shift.ends_at) or self.next_start(shift.ends_at)
        return shift if following is None or now >= following.ends_at else None

    def label(self, window: ShiftWindow) -> str:
        return window.label(self.zone)

    def on(self, day: date) -> list[Planned]:
        """The shifts that start on this day, special days considered."""
        usual = _together(shift for plan in self.patterns for shift in plan.on(day))
        specials = [special for special in self.special_days if special.first_day <= day <= special.last_day]
        planned = usual
        for special in sorted(specials, key=SpecialDay.rank):
            planned = special.applied(planned, usual)
        return planned

    def _starting(self, first: date, last: date) -> list[ShiftWindow]:
        """The windows of the shifts that start on these days, both included."""
        known = _days(self)
        if len(known) > REMEMBERED_DAYS:
            known.clear()
        found: list[_Dated] = []
        for day in dates(first, last):
            of_day = known.get(day)
            if of_day is None:
                of_day = known[day] = tuple(self._dated(day))
            for dated in of_day:
                _append(found, dated, self.zone)
        return [dated.window for dated in found]

    def _dated(self, day: date) -> list[_Dated]:
        dated = [_Dated(_window(shift, self.zone, day), shift) for shift in self.on(day)]
        # A shift that lies wholly inside the hour that the clock skips in spring has no time at all.
        real = [one for one in dated if one.window.starts_at < one.window.ends_at]
        return sorted(real, key=lambda one: (one.window.starts_at, one.window.ends_at))


@lru_cache(maxsize=256)
def _days(calendar: Calendar) -> dict[date, tuple[_Dated, ...]]:
    """What is remembered of a calendar: it is asked the same every second, and read from its rows anew each time."""
    return {}


def _append(found: list[_Dated], new: _Dated, zone: ZoneInfo) -> None:
    """Put the next shift behind those before it, which end at the latest where it begins."""
    if found and new.window.starts_at < found[-1].window.ends_at:
        before = found.pop()
        if not _succeeds(new, before):
            raise ShiftsOverlap(
                f"{before.window.label(zone)} and {new.window.label(zone)} overlap. "
                "Change the times, the days or the dates of one of them."
            )
        if before.window.starts_at < new.window.starts_at:
            found.append(before._replace(window=before.window.cut_at(new.window.starts_at)))
    found.append(new)


def _succeeds(new: _Dated, before: _Dated) -> bool:
    """A newer version of the plan has begun, and the older one no longer holds."""
    ended = before.planned.valid_to
    return ended is not None and before.planned.valid_from < new.planned.valid_from and ended <= new.window.work_date


def _together(planned: Iterable[Planned]) -> list[Planned]:
    """Teams that begin at the same time are one shift until the last of them leaves."""
    found: dict[time | int, Planned] = {}
    for shift in planned:
        key = shift.starts_at if shift.team else len(found)
        found[key] = _joined(found[key], shift) if key in found else shift
    return list(found.values())


def _joined(shift: Planned, other: Planned) -> Planned:
    longer = max(shift, other, key=lambda one: length(one.starts_at, one.ends_at))
    return longer._replace(team=f"{shift.team} + {other.team}")


def length(starts_at: time, ends_at: time) -> timedelta:
    """On an ordinary day; 24 hours when a shift ends at the time at which it starts."""
    start, end = _span(starts_at, ends_at, datetime.combine(date(2024, 1, 1), starts_at))
    return end - start


def lies_inside(rest: Break, starts_at: time, ends_at: time) -> bool:
    """On a clock that starts with the shift, the break begins and ends before the shift does."""
    begins = length(starts_at, rest.starts_at) % DAY
    return begins < begins + length(rest.starts_at, rest.ends_at) <= length(starts_at, ends_at)


def in_force(plan: Plan, day: date) -> bool:
    return plan.valid_from <= day and (plan.valid_to is None or day < plan.valid_to)


def dates(first: date, last: date) -> Iterator[date]:
    """From `first` to `last`, both included."""
    return (first + n * DAY for n in range((last - first).days + 1))


def windows(patterns: Iterable[Plan], zone: ZoneInfo, start: datetime, end: datetime) -> tuple[ShiftWindow, ...]:
    return Calendar(tuple(patterns), zone).between(start, end)


def window_at(patterns: Iterable[Plan], zone: ZoneInfo, moment: datetime) -> ShiftWindow | None:
    return Calendar(tuple(patterns), zone).at(moment)


def check_overlap(patterns: Sequence[Plan], zone: ZoneInfo, special_days: Sequence[SpecialDay] = ()) -> None:
    """Raise BadCalendar when shifts ever claim the same time, or the same name on one day.

    Looks at a whole cycle of the plans from each day on which one begins or ends, and at every special day.
    """
    calendar = Calendar(tuple(patterns), zone, tuple(special_days))
    for first, last in _worth_a_look(calendar):
        for day in dates(first, last):
            _check_names(calendar, day)
        start, end = (datetime.combine(day, time(), UTC) for day in (first, last + DAY))
        calendar.between(start, end)


def _worth_a_look(calendar: Calendar) -> Iterator[tuple[date, date]]:
    cycle = cycle_days(calendar.patterns) * DAY
    turns = {turn for plan in calendar.patterns for turn in (plan.valid_from, plan.valid_to) if turn}
    for turn in sorted({turn if turn > date.min else AN_ORDINARY_DAY for turn in turns}):
        yield turn - DAY, turn + cycle + DAY
    for special in calendar.special_days:
        yield special.first_day - DAY, min(special.last_day, special.first_day + cycle) + DAY
        yield special.last_day - DAY, special.last_day + DAY


def cycle_days(plans: Iterable[Plan]) -> int:
    """After so many days all of the plans begin again together (at most LONGEST_CYCLE_DAYS)."""
    return min(math.lcm(*(plan.cycle_days for plan in plans)), LONGEST_CYCLE_DAYS)


def _check_names(calendar: Calendar, day: date) -> None:
    names = sorted(shift.name for shift in calendar.on(day))
    for name, other in pairwise(names):
        if name == other:
            raise ShiftTwiceADay(f"{name} is planned twice on {_day(day)} {day.year}. Give one of them another name.")


def clock(zone: ZoneInfo, moment: datetime) -> str:
    """By the plant's clock, as in “02:30”; with its offset when the clock shows it twice, as in “02:30 (+02:00)”."""
    local = moment.astimezone(zone)
    if not is_shown_twice(local):
        return f"{local:%H:%M}"
    offset = f"{local:%z}"
    return f"{local:%H:%M} ({offset[:3]}:{offset[3:5]})"


def is_shown_twice(local: datetime) -> bool:
    """Whether the clock of its zone shows this time a second time that night."""
    return local.replace(fold=1 - local.fold).utcoffset() != local.utcoffset()


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


def _window(shift: Planned, zone: ZoneInfo, day: date) -> ShiftWindow:
    start, end = _span(shift.starts_at, shift.ends_at, datetime.combine(day, shift.starts_at))
    breaks = (_break(zone, rest, start, end) for rest in shift.breaks)
    return ShiftWindow(
        shift.name,
        day,
        instant(zone, start),
        instant(zone, end),
        tuple(sorted((b for b in breaks if b.starts_at < b.ends_at), key=lambda b: b.starts_at)),
        shift.team,
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
