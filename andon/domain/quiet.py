"""Quiet periods: when mail and webhooks wait. What is critical never waits, and the bell never does."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from andon.domain.call import Priority
from andon.domain.escalation import NextShift
from floor.domain.shifts import instant

DAY = timedelta(days=1)
# Periods that follow each other without a gap: after so long a message leaves whatever they say.
LONGEST = timedelta(days=4)


@dataclass(frozen=True, slots=True)
class Quiet:
    """By the plant's clock, on the ISO weekdays on which it starts; ending at or before its start: the next day.

    `line` None: every line of the site.
    """

    site: UUID
    line: UUID | None
    up_to: Priority
    weekdays: frozenset[int]
    starts_at: time
    ends_at: time

    def concerns(self, site: UUID, line: UUID, priority: Priority) -> bool:
        return self.site == site and self.line in (None, line) and priority <= self.up_to < Priority.CRITICAL

    def end(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """When the period that is on at `moment` ends; None if none is."""
        today = moment.astimezone(zone).date()
        for day in (today - DAY, today):
            starts, ends = self._on(day, zone)
            if day.isoweekday() in self.weekdays and starts <= moment < ends:
                return ends
        return None

    def _on(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
        last = day if self.ends_at > self.starts_at else day + DAY
        return instant(zone, datetime.combine(day, self.starts_at)), instant(zone, datetime.combine(last, self.ends_at))


def held_until(periods: Iterable[Quiet], moment: datetime, zone: ZoneInfo, next_shift: NextShift) -> datetime | None:
    """When a message of `moment` may leave: when it is not quiet any more, or a shift begins. None: at once."""
    periods = list(periods)
    shift = next_shift(moment)
    latest = moment + LONGEST if shift is None else min(shift, moment + LONGEST)
    at = moment
    while at < latest and (ends := _ends(periods, at, zone)):
        at = max(ends)
    return None if at == moment else min(at, latest)


def _ends(periods: Sequence[Quiet], at: datetime, zone: ZoneInfo) -> list[datetime]:
    return [end for period in periods if (end := period.end(at, zone)) is not None]
