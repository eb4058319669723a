"""Totals of machines by hour, shift, day, week, month or product, added up by the database in one query."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import QuerySet, Sum
from django.db.models.functions import TruncMonth, TruncWeek

from floor.domain.shifts import hour_start
from floor.models import Equipment, Line
from floor.models.shifts import calendar
from oee.domain.factors import FIELDS, Totals
from oee.models import HourLoss, HourTotals

DAY = timedelta(days=1)


class Granularity(StrEnum):
    HOUR = "hour"
    SHIFT = "shift"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    PRODUCT = "product"


# How many production days one answer may span, and spans unless somebody asks.
MOST_DAYS = {
    Granularity.HOUR: (7, 1),
    Granularity.SHIFT: (92, 7),
    Granularity.DAY: (366, 30),
    Granularity.WEEK: (732, 84),
    Granularity.MONTH: (1464, 366),
    Granularity.PRODUCT: (366, 30),
}


class Days(NamedTuple):
    """Production days, both included."""

    first: date
    last: date

    @property
    def before(self) -> "Days":
        """As many days, ending the day before."""
        return Days(self.first - (self.last - self.first) - DAY, self.first - DAY)


@dataclass(frozen=True, slots=True)
class Period:
    """Totals of one machine in one period; what does not name the period is None."""

    machine: UUID
    totals: Totals
    label: str
    starts_at: datetime | None = None
    work_date: date | None = None
    shift: str | None = None
    product_number: int | None = None


def production_day(line: Line, now: datetime) -> date:
    """The day of the shift that is on, else the date by the plant's clock."""
    shift = calendar(line).at(now)
    return shift.work_date if shift else now.astimezone(line.site.zone).date()


def periods(machines: Sequence[Equipment], days: Days, by: Granularity, zone: ZoneInfo) -> list[Period]:
    """In time order for each machine; products by number. `zone` is the clock whose hours are meant."""
    rows = within(HourTotals.objects.all(), machines, days)
    if by is Granularity.HOUR:
        return _hours(rows, zone)
    return [_GROUPED[by](machine, Totals(*sums), *key) for machine, key, sums in _sums(*_keys(rows, by))]


def whole(machines: Sequence[Equipment], days: Days) -> dict[UUID, Totals]:
    """Each machine's totals of all these days."""
    rows = within(HourTotals.objects.all(), machines, days)
    found = {machine: Totals(*sums) for machine, _, sums in _sums(rows, ())}
    return {machine.id: found.get(machine.id, Totals()) for machine in machines}


def within(rows: QuerySet[Any], machines: Sequence[Equipment], days: Days) -> QuerySet[Any]:
    lines = {machine.line_id for machine in machines}
    found = rows.filter(line__in=lines, equipment__in=machines)
    return found.filter(work_date__gte=days.first, work_date__lte=days.last)


def _keys(rows: QuerySet[Any], by: Granularity) -> tuple[QuerySet[Any], tuple[str, ...]]:
    if by is Granularity.SHIFT:
        return rows.exclude(shift_starts_at=None), ("shift_starts_at", "shift_name", "work_date")
    if by is Granularity.WEEK:
        return rows.annotate(monday=TruncWeek("work_date")), ("monday",)
    if by is Granularity.MONTH:
        return rows.annotate(first=TruncMonth("work_date")), ("first",)
    return rows, ("work_date",) if by is Granularity.DAY else ("product_number",)


Sums = Iterable[tuple[UUID, tuple[Any, ...], list[int]]]


def _sums(rows: QuerySet[Any], keys: tuple[str, ...]) -> Sums:
    """Machine, key and the sums of every column of totals."""
    columns = {f"sum_{name}": Sum(name) for name in FIELDS}
    found = rows.values_list("equipment", *keys).annotate(**columns).order_by("equipment", *keys)
    for machine, *values in found:
        yield machine, tuple(values[: len(keys)]), values[len(keys) :]


def _hours(rows: QuerySet[Any], zone: ZoneInfo) -> list[Period]:
    """A clock hour is one, whatever shift or product cut it."""
    found: dict[tuple[UUID, datetime], Totals] = defaultdict(Totals)
    dates: dict[tuple[UUID, datetime], date] = {}
    for machine, (starts_at, work_date), sums in _sums(rows, ("starts_at", "work_date")):
        key = (machine, hour_start(zone, starts_at))
        found[key] += Totals(*sums)
        dates.setdefault(key, work_date)
    return [
        Period(machine, totals, f"{hour.astimezone(zone):%Y-%m-%d %H:%M}", hour, dates[machine, hour])
        for (machine, hour), totals in found.items()
    ]


def _shift(machine: UUID, totals: Totals, starts_at: datetime, name: str, work_date: date) -> Period:
    return Period(machine, totals, f"{work_date} {name}", starts_at, work_date, name)


def _day(machine: UUID, totals: Totals, day: date) -> Period:
    return Period(machine, totals, day.isoformat(), work_date=day)


def _week(machine: UUID, totals: Totals, monday: date) -> Period:
    year, week, _ = monday.isocalendar()
    return Period(machine, totals, f"{year}-W{week:02d}", work_date=monday)


def _month(machine: UUID, totals: Totals, first: date) -> Period:
    return Period(machine, totals, f"{first:%Y-%m}", work_date=first)


def _product(machine: UUID, totals: Totals, number: int) -> Period:
    return Period(machine, totals, str(number), product_number=number)


_GROUPED: dict[Granularity, Callable[..., Period]] = {
    Granularity.SHIFT: _shift,
    Granularity.DAY: _day,
    Granularity.WEEK: _week,
    Granularity.MONTH: _month,
    Granularity.PRODUCT: _product,
}


# ---------------------------------------------------------------- losses


class Lost(NamedTuple):
    """Standstill of one sort and reason (its code and words; None: nobody has given one)."""

    kind: str
    reason: str | None
    label: str | None
    lost_ms: int
    events: int


def losses(machines: Sequence[Equipment], days: Days) -> list[Lost]:
    """Largest first."""
    rows = within(HourLoss.objects.all(), machines, days)
    sums = rows.values_list("kind", "reason", "reason__label").annotate(Sum("lost_ms"), Sum("events"))
    return [Lost(*row) for row in sums.order_by("-lost_ms__sum", "kind", "reason")]


def losses_by_day(machines: Sequence[Equipment], days: Days) -> list[tuple[date, str, int, int]]:
    """(production day, kind, lost_ms, events)."""
    rows = within(HourLoss.objects.all(), machines, days)
    sums = rows.values_list("work_date", "kind").annotate(Sum("lost_ms"), Sum("events"))
    return list(sums.order_by("work_date", "kind"))
