"""What questions about longer times share: which days, in what portions, and how a portion is printed."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Max, Min
from django.db.models.functions import Coalesce
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from floor.domain.fold import NO_PRODUCT
from floor.domain.shifts import hour_start
from floor.models import Equipment, Job, JobRun, Line, ProductNumber
from floor.models.shifts import calendar
from floor.rest import PlantDate, PlantTime, Query, local
from oee.analysis import Days, Part, Period, Scope, Step, sums
from oee.api.rows import FiguresRow, figures_row
from oee.domain.factors import Totals

# How many production days one answer may span, and spans unless somebody asks.
MOST_DAYS = {
    Step.HOUR: (7, 1),
    Step.SHIFT: (92, 7),
    Step.DAY: (366, 30),
    Step.WEEK: (732, 84),
    Step.MONTH: (1464, 366),
    Step.PRODUCT: (366, 30),
    Step.JOB: (366, 30),
}
MOST, USUAL = 0, 1
NO_JOB = "no job"


class DaysQuery(Query):
    """`by` is the portion whose bounds hold where a question has no granularity of its own."""

    by = Step.DAY

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python's own and cannot be written as a class attribute.
        days = {
            "from": PlantDate(required=False, help_text="First production day."),
            "to": PlantDate(required=False, help_text="Last production day, included; without it today."),
        }
        return {**super().get_fields(), **days}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        most = MOST_DAYS[self.granularity(attrs)][MOST]
        if {"from", "to"} <= set(attrs):
            if attrs["to"] < attrs["from"]:
                raise ValidationError({"to": ["The last day must not be before the first."]})
            if (attrs["to"] - attrs["from"]).days >= most:
                raise ValidationError({"to": [f"Ask for at most {most} days at once."]})
        return attrs

    @classmethod
    def granularity(cls, asked: dict[str, Any]) -> Step:
        return Step(asked.get("granularity", cls.by))


class PeriodQuery(DaysQuery):
    def get_fields(self) -> dict[str, Any]:
        choices = [step.value for step in Step]
        words = "Portions; hours for at most 7 days, shifts 92, days, products and jobs 366, weeks 732, months 1464."
        return {
            **super().get_fields(),
            "granularity": serializers.ChoiceField(choices, required=False, help_text=words),
            "job": serializers.CharField(
                required=False, max_length=40, help_text="Only what this job (its number) made."
            ),
        }

    def validate_job(self, number: str) -> str:
        if not Job.objects.filter(number=number).exists():
            raise ValidationError(f"There is no job {number}.")
        return number


def production_day(line: Line, now: datetime) -> date:
    """The day of the shift that is on, else the date by the plant's clock."""
    shift = calendar(line).at(now)
    return shift.work_date if shift else now.astimezone(line.site.zone).date()


def days_of(asked: dict[str, Any], line: Line, now: datetime, by: Step) -> Days:
    """What was asked for; without a first or a last day as many as are usual."""
    usual = timedelta(days=MOST_DAYS[by][USUAL] - 1)
    if "to" in asked:
        return Days(asked.get("from", asked["to"] - usual), asked["to"])
    today = production_day(line, now)
    if "from" not in asked:
        return Days(today - usual, today)
    most = timedelta(days=MOST_DAYS[by][MOST] - 1)
    return Days(asked["from"], max(asked["from"], min(today, asked["from"] + most)))


def days_of_job(number: str, line: Line, now: datetime, by: Step) -> Days | None:
    """From its first start to its last end, or as many of the last of these days as may be asked for at once."""
    runs = JobRun.objects.filter(job__number=number, line=line)
    ends = runs.aggregate(first=Min("started_at"), last=Max(Coalesce("ended_at", now)))
    if ends["first"] is None:
        return None
    first, last = (production_day(line, moment) for moment in (ends["first"], ends["last"]))
    return Days(max(first, last - timedelta(days=MOST_DAYS[by][MOST] - 1)), last)


# ---------------------------------------------------------------- sums of machines


def asked_scope(machines: Iterable[Equipment], days: Days, *parts: Part, by: Step = Step.DAY, job: str = "") -> Scope:
    return Scope(tuple(machine.id for machine in machines), days, frozenset(parts), step=by, job=job)


def whole(machines: Sequence[Equipment], days: Days) -> dict[UUID, Totals]:
    """Each machine's totals of all these days."""
    found = sums(asked_scope(machines, days, Part.MACHINES)).machines
    return {machine.id: found.get(machine.id, Totals()) for machine in machines}


class Portion(NamedTuple):
    """Totals of one machine in one portion of time; what does not name the portion is None."""

    machine: Equipment
    totals: Totals
    label: str
    starts_at: datetime | None = None
    work_date: date | None = None
    shift: str | None = None
    product_number: int | None = None
    job: str | None = None  # its number; empty: none ran


def portions(machines: Sequence[Equipment], days: Days, by: Step, job: str = "") -> list[Portion]:
    """In the order of the machines, for each in time order; products by number. Time outside shifts is in no shift."""
    found = sums(asked_scope(machines, days, Part.SERIES, by=by, job=job)).series
    return [portion for machine in machines for portion in _portions(machine, found[machine.id], by)]


def _portions(machine: Equipment, periods: dict[Period, Totals], by: Step) -> list[Portion]:
    order = _by_number if by is Step.PRODUCT else _by_time
    met = [_portion(machine, period, periods[period], by) for period in sorted(periods, key=order)]
    if by is Step.HOUR:
        return _whole_hours(met)
    return [portion for portion in met if portion.shift != ""]


def _by_number(period: Period) -> int:
    return int(period.key)


def _by_time(period: Period) -> datetime:
    return period.began_at


def _portion(machine: Equipment, period: Period, totals: Totals, by: Step) -> Portion:
    if by is Step.PRODUCT:
        return Portion(machine, totals, period.key, product_number=int(period.key))
    if by is Step.JOB:
        return Portion(machine, totals, period.key or NO_JOB, period.began_at, job=period.key)
    first, _, shift = period.key.partition(" ")
    day = date.fromisoformat(first)
    match by:
        case Step.HOUR:
            hour = hour_start(machine.line.site.zone, period.began_at)
            return Portion(machine, totals, f"{local(hour, machine.line.site.zone):%Y-%m-%d %H:%M}", hour, day)
        case Step.SHIFT:
            return Portion(machine, totals, period.key, period.began_at, day, shift)
        case Step.WEEK:
            year, week, _ = day.isocalendar()
            return Portion(machine, totals, f"{year}-W{week:02d}", work_date=day)
        case Step.MONTH:
            return Portion(machine, totals, f"{day:%Y-%m}", work_date=day)
    return Portion(machine, totals, first, work_date=day)


def _whole_hours(found: Iterable[Portion]) -> list[Portion]:
    """A clock hour is one, whatever shift or product cut it."""
    hours: dict[datetime | None, Portion] = {}
    for one in found:
        known = hours.get(one.starts_at)
        hours[one.starts_at] = one if known is None else known._replace(totals=known.totals + one.totals)
    return list(hours.values())


class PeriodRow(FiguresRow):
    period = serializers.CharField(
        help_text="2026-11-20, 2026-11-20 Day, 2026-W47, 2026-11, a product's code, or a job's number."
    )
    starts_at = PlantTime(allow_null=True, help_text="Of an hour or a shift; of a job its first hour in these days.")
    work_date = serializers.DateField(allow_null=True, help_text="Production day; of a week or month the first.")
    shift = serializers.CharField(allow_null=True)
    product = serializers.CharField(allow_null=True)
    job = serializers.CharField(
        allow_null=True, help_text="The job's number; null also for the time in which none ran."
    )


Products = dict[tuple[Any, int], str]


def product_codes(found: Sequence[Portion]) -> Products:
    """By line and number, one query; none when no portion is a product's."""
    numbers = {portion.product_number for portion in found if portion.product_number is not None}
    if not numbers:
        return {}
    rows = ProductNumber.objects.filter(line__in={one.machine.line_id for one in found}, number__in=numbers)
    return {(line, number): code for line, number, code in rows.values_list("line", "number", "product__code")}


def period_rows(found: Sequence[Portion]) -> list[dict[str, Any]]:
    products = product_codes(found)
    return [period_row(portion, products) for portion in found]


def period_row(portion: Portion, products: Products) -> dict[str, Any]:
    product = _product(portion, products)
    return {
        "period": product or portion.label,
        "starts_at": local(portion.starts_at, portion.machine.line.site.zone),
        "work_date": portion.work_date,
        "shift": portion.shift,
        "product": product,
        "job": portion.job or None,
        **figures_row(portion.totals),
    }


def _product(portion: Portion, products: Products) -> str | None:
    if portion.product_number is None:
        return None
    if portion.product_number == NO_PRODUCT:
        return "unknown"
    return products.get((portion.machine.line_id, portion.product_number), str(portion.product_number))
