"""One line, and one machine, over time."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from floor.models import Equipment
from floor.models.shifts import calendar
from floor.rest import Asked, PlantDate, PlantTime, Query, find_line, find_machine, local
from floor.roles import Capability
from oee.analysis import Days, Step, lost
from oee.api.machines import DaysRow, MachineDaysHead, MachineHead, days_row, head, speaking
from oee.api.periods import (
    DaysQuery,
    PeriodQuery,
    PeriodRow,
    asked_scope,
    days_of,
    days_of_job,
    period_rows,
    portions,
    production_day,
    whole,
)
from oee.api.rows import FiguresRow, figures_row
from oee.api.shifts import (
    CurrentRow,
    NoSuchShift,
    ShiftQuery,
    ShiftReportRow,
    asked_window,
    begun,
    current_row,
    report_row,
)
from oee.api.statistics import TOP, LostRow, lost_row
from oee.domain.factors import Totals, added
from oee.domain.kpis import rating
from oee.domain.trend import change, trend
from oee.shift_report import shift_report
from oee.tiles import rate_tile, state_tile

FACTORS = ("availability", "performance", "quality", "oee")
TRENDS = ("improving", "stable", "declining")


class SeriesRow(MachineDaysHead):
    granularity = serializers.ChoiceField(choices=[step.value for step in Step])
    whole = FiguresRow(help_text="All of it together, added first and divided last.")
    periods = PeriodRow(many=True)


def series_row(machine: Equipment, asked: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Three queries, however many periods; the calendar's come to it when no day is given.

    A job without days is told from its first day to its last.
    """
    by = PeriodQuery.granularity(asked)
    job = asked.get("job", "")
    of_job = days_of_job(job, machine.line, now, by) if job and not {"from", "to"} & set(asked) else None
    days = of_job or days_of(asked, machine.line, now, by)
    found = portions([machine], days, by, job)
    return {
        **head(machine, days),
        "granularity": by.value,
        "whole": figures_row(added(portion.totals for portion in found)),
        "periods": period_rows(found),
    }


class LineQuery(ShiftQuery, PeriodQuery):
    """Either a shift's report or a series: a granularity asks for the series."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        if "granularity" not in attrs and {"from", "to", "job"} & set(attrs):
            words = "Say in what portions: hour, shift, day, week, month, product or job."
            raise ValidationError({"granularity": [words]})
        if "granularity" in attrs and "date" in attrs:
            raise ValidationError({"date": ["Ask for one shift or for a granularity, not for both."]})
        return attrs


EITHER = PolymorphicProxySerializer(
    component_name="LineOee", serializers=[ShiftReportRow, SeriesRow], resource_type_field_name=None, many=False
)


class LineOee(Asked):
    capability = Capability.VIEW_FLOOR
    serializer_class = ShiftReportRow
    query = LineQuery

    @extend_schema(operation_id="oee_line", parameters=[LineQuery], responses=EITHER)
    def get(self, request: Request, line: str) -> Response:
        """A shift by date and name, without them the last one that has ended; with a granularity the line over time."""
        found, now = find_line(line), timezone.now()
        if "granularity" in self.asked:
            return Response(SeriesRow(series_row(speaking(found), self.asked, now)).data)
        window = begun(asked_window(found, now, self.asked), now)
        figures = shift_report(found, window, now)
        if figures is None:
            raise NoSuchShift
        return self.answer(report_row(found, figures))


class MachineOee(Asked):
    capability = Capability.VIEW_FLOOR
    serializer_class = SeriesRow
    query = PeriodQuery

    @extend_schema(operation_id="oee_equipment", parameters=[PeriodQuery])
    def get(self, request: Request, code: str) -> Response:
        """One machine over time, by days unless another granularity is asked for."""
        return self.answer(series_row(find_machine(code), self.asked, timezone.now()))


# ---------------------------------------------------------------- one day, and how it goes


class DailyRow(FiguresRow, MachineHead):
    work_date = serializers.DateField()
    shifts = PeriodRow(many=True)
    products = PeriodRow(many=True)
    losses = LostRow(many=True, help_text="The ten largest standstills by reason.")


class DayQuery(Query):
    date = PlantDate(required=False, help_text="Production day; without it today.")


class DailySummary(Asked):
    capability = Capability.VIEW_FLOOR
    serializer_class = DailyRow
    query = DayQuery

    @extend_schema(operation_id="oee_daily_summary", parameters=[DayQuery])
    def get(self, request: Request, line: str) -> Response:
        """One production day of a line: the whole, its shifts, its products and its largest losses."""
        found, now = find_line(line), timezone.now()
        machine, day = speaking(found), self.asked.get("date") or production_day(found, now)
        days = Days(day, day)
        shifts, products = (portions([machine], days, by) for by in (Step.SHIFT, Step.PRODUCT))
        return self.answer(
            {
                **head(machine),
                "work_date": day,
                **figures_row(added(product.totals for product in products)),
                "shifts": period_rows(shifts),
                "products": period_rows(products),
                "losses": [lost_row(loss) for loss in lost(asked_scope([machine], days))[:TOP]],
            }
        )


class ChangeRow(serializers.Serializer[Any]):
    value = serializers.FloatField(allow_null=True)
    before = serializers.FloatField(allow_null=True)
    change = serializers.FloatField(allow_null=True)
    trend = serializers.ChoiceField(choices=TRENDS, allow_null=True, help_text="More or less than 0.05 of change.")


class TrendsRow(MachineDaysHead):
    before = DaysRow(help_text="As many days, ending the day before.")
    availability = ChangeRow()
    performance = ChangeRow()
    quality = ChangeRow()
    oee = ChangeRow()
    rating = serializers.CharField(allow_null=True, help_text="excellent, good, fair or poor")
    periods = PeriodRow(many=True)


def changes(now: Totals, before: Totals) -> dict[str, dict[str, Any]]:
    """What became of each factor."""
    told, earlier = figures_row(now), figures_row(before)
    return {name: _change_row(told[name]["value"], earlier[name]["value"]) for name in FACTORS}


def _change_row(value: float | None, before: float | None) -> dict[str, Any]:
    return {"value": value, "before": before, "change": change(value, before), "trend": trend(value, before)}


class Trends(Asked):
    capability = Capability.VIEW_FLOOR
    serializer_class = TrendsRow
    query = DaysQuery

    @extend_schema(operation_id="oee_trends", parameters=[DaysQuery])
    def get(self, request: Request, line: str) -> Response:
        """Day by day, and the whole against as many days before."""
        found, now = find_line(line), timezone.now()
        machine, days = speaking(found), days_of(self.asked, found, now, Step.DAY)
        daily = portions([machine], days, Step.DAY)
        told = changes(added(day.totals for day in daily), whole([machine], days.before)[machine.id])
        return self.answer(
            {
                **head(machine, days),
                "before": days_row(days.before),
                **told,
                "rating": rating(told["oee"]["value"]),
                "periods": period_rows(daily),
            }
        )


# ---------------------------------------------------------------- at this moment


class RealtimeRow(CurrentRow):
    state = serializers.CharField(help_text="run, slow, stop, planned, nodata or off")
    word = serializers.CharField(help_text="The state as the screen says it.")
    since = PlantTime(allow_null=True)
    observed_until = PlantTime(allow_null=True, help_text="Time of the last good reading.")
    reading_age_s = serializers.FloatField(allow_null=True)
    rate_per_min = serializers.FloatField(allow_null=True, help_text="Good parts a minute in the last two minutes.")
    ideal_rate_per_min = serializers.FloatField(allow_null=True)


class Realtime(Asked):
    capability = Capability.VIEW_FLOOR
    serializer_class = RealtimeRow

    @extend_schema(operation_id="oee_realtime")
    def get(self, request: Request, line: str) -> Response:
        """What the line does at this moment, how fast, and where its shift stands."""
        found, now = find_line(line), timezone.now()
        window = calendar(found).at(now)
        state, rate, zone = state_tile(found, now), rate_tile(found, now), found.site.zone
        return self.answer(
            {
                **current_row(found, shift_report(found, window, now) if window else None),
                "state": state.state,
                "word": state.word,
                "since": local(state.since, zone),
                "observed_until": local(state.as_of, zone),
                "reading_age_s": (now - state.as_of).total_seconds() if state.as_of else None,
                "rate_per_min": rate.rate_per_min,
                "ideal_rate_per_min": rate.ideal_per_min,
            }
        )
