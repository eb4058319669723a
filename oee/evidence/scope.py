"""Which machine and which stretch of its time a question about a figure means."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from floor.domain.shifts import ShiftWindow, hour_start
from floor.models import Equipment, Line
from floor.models.shifts import calendar
from oee.analysis import Days
from oee.domain.clock import from_ms, to_ms
from oee.domain.factors import FIELDS, Totals, total
from oee.domain.ledger import Entry, Track
from oee.domain.readings import company, staffed_ms
from oee.models import HourTotals, LinePolicy
from oee.rows import hours_of
from oee.setup import policy_of_hour, reading
from oee.shift import Shift

LONGEST = timedelta(hours=168)
MOST_DAYS = 7
DAY = timedelta(days=1)


class NoSuchScope(LookupError):
    """There is no such stretch of time on this line, or it is too long."""


@dataclass(frozen=True)
class Scope:
    """[start, end) of one machine. A shift, all shifts of production days, or whole hours of the plant's clock.

    `line` comes with its site, `machine` with its live row. `shift` and `days` say which of the three it is.
    """

    line: Line
    machine: Equipment
    label: str
    start: datetime
    end: datetime
    now: datetime
    shift: ShiftWindow | None = None
    days: Days | None = None

    @property
    def zone(self) -> ZoneInfo:
        return self.line.site.zone

    @cached_property
    def shifts(self) -> tuple[ShiftWindow, ...]:
        if self.shift is not None:
            return (self.shift,)
        around = calendar(self.line).between(self.start, self.end)
        return tuple(window for window in around if self.days is None or window.work_date in self.days)

    @cached_property
    def rows(self) -> tuple[HourTotals, ...]:
        """Hours in time order."""
        found = HourTotals.objects.filter(equipment=self.machine, **self._rows_that_belong()).order_by("starts_at")
        return tuple(found)

    def _rows_that_belong(self) -> dict[str, Any]:
        if self.shift is not None:
            return {"shift_starts_at": self.shift.starts_at}
        if self.days is not None:
            return {"work_date__range": (self.days.first, self.days.last)}
        return {"starts_at__gte": self.start, "starts_at__lt": self.end}

    @cached_property
    def by_time(self) -> Track[HourTotals]:
        return Track((to_ms(row.starts_at), to_ms(row.ends_at), row) for row in self.rows)

    @cached_property
    def unseen(self) -> tuple[tuple[Entry, LinePolicy], ...]:
        """Elapsed time of the shifts without rows, as the screen counts it, with the policy that judges it."""
        begun = [window for window in self.shifts if window.starts_at < self.now]
        hours_of.foresee((self.machine.id, window.starts_at) for window in begun)
        return tuple(pair for window in begun for pair in self._unseen_in(window))

    def _unseen_in(self, window: ShiftWindow) -> Iterator[tuple[Entry, LinePolicy]]:
        shift = Shift(self.line, window, self.now, self.machine)
        first, last = to_ms(self.start), to_ms(self.end)
        for entry in shift.unseen:
            inside = entry._replace(start=max(entry.start, first), end=min(entry.end, last))
            if inside.start < inside.end:
                yield inside, shift.policy_of(entry)

    @cached_property
    def totals(self) -> Totals:
        """As judged by the policies in force."""
        found = Totals(*(sum(getattr(row, name) for row in self.rows) for name in FIELDS))
        for entry, policy in self.unseen:
            found += total([entry]).judged(reading(policy))
        return found

    @cached_property
    def staffed_ms(self) -> int:
        """Time of the shifts, as each policy in force counts it."""
        hours = [(Totals(*(getattr(row, name) for name in FIELDS)), self.policy_of(row)) for row in self.rows]
        dark = [(total([entry]), policy) for entry, policy in self.unseen]
        return sum(staffed_ms(totals, company(reading(policy))) for totals, policy in [*hours, *dark])

    def policy_of(self, row: HourTotals) -> LinePolicy:
        """That under which its shift began, unless the hour to which the row belongs was judged anew."""
        hour = hour_start(self.line.site.zone, row.starts_at)
        return policy_of_hour(self.line, max(hour, row.shift_starts_at or hour), row.shift_starts_at)

    @property
    def as_of(self) -> datetime:
        """Up to when something is known."""
        ends = [to_ms(row.starts_at) + row.calendar_ms for row in self.rows] + [e.end for e, _ in self.unseen]
        return from_ms(max(ends)) if ends else self.start


def scope_of_shift(line: Line, machine: Equipment, start: datetime, now: datetime) -> Scope:
    """The shift that begins then. Raises NoSuchScope."""
    window = calendar(line).at(start)
    if window is None or window.starts_at != start or start > now:
        raise NoSuchScope("No shift of this line began at that time.")
    return Scope(line, machine, window.label(line.site.zone), start, window.ends_at, now, shift=window)


def scope_of_days(line: Line, machine: Equipment, days: Days, now: datetime) -> Scope:
    """All shifts that began on these days, and what is outside shifts on them; a week at most. Raises NoSuchScope."""
    if days.count < 1:
        raise NoSuchScope("The last day must not be before the first.")
    if days.count > MOST_DAYS:
        raise NoSuchScope(f"Ask for at most {MOST_DAYS} days at once.")
    midnights = [datetime.combine(day, time(), tzinfo=line.site.zone) for day in (days.first, days.last + DAY)]
    near = [w for w in calendar(line).between(midnights[0] - DAY, midnights[1] + DAY) if w.work_date in days]
    start = min([midnights[0], *(window.starts_at for window in near)])
    end = max([midnights[1], *(window.ends_at for window in near)])
    if start > now:
        raise NoSuchScope("This day has not begun." if days.count == 1 else "These days have not begun.")
    return Scope(line, machine, _label(days), start, end, now, days=days)


def _label(days: Days) -> str:
    first, last = (f"{day.day} {day:%b %Y}" for day in (days.first, days.last))
    return f"Production day {first}" if days.count == 1 else f"Production days {first} to {last}"


def scope_of_hours(line: Line, machine: Equipment, start: datetime, end: datetime, now: datetime) -> Scope:
    """Whole hours of the plant's clock that touch [start, end), a week at most. Raises NoSuchScope."""
    zone = line.site.zone
    first, last = hour_start(zone, start), hour_start(zone, end)
    last = last if last == end else hour_start(zone, last + timedelta(hours=1))
    if end <= start:
        raise NoSuchScope("The end must be later than the start.")
    if last - first > LONGEST:
        raise NoSuchScope("Ask for at most 168 hours at once.")
    if first > now:
        raise NoSuchScope("This time has not begun.")
    begins, ends = first.astimezone(zone), last.astimezone(zone)
    until = f"{ends:%H:%M}" if begins.date() == ends.date() else f"{ends.day} {ends:%b %H:%M}"
    label = f"{begins.day} {begins:%b} · {begins:%H:%M}–{until}"
    return Scope(line, machine, label, first, last, now)
