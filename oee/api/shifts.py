"""Shifts over the API: the same reports as the screen and the paper print."""

from datetime import date, datetime, timedelta
from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from floor.domain.shifts import ShiftWindow
from floor.models import Line
from floor.models.shifts import calendar
from floor.rest import Asked, PlantDate, PlantTime, Query, find_line, local
from floor.roles import Capability
from oee.api.reasons import ReasonRow
from oee.api.rows import RatioRow, ShiftRow, TotalsRow, factor_rows, shift_row, totals_row
from oee.shift import HourRow, StopLine
from oee.shift_report import ShiftFigures, shift_report


class CurrentRow(serializers.Serializer[Any]):
    """Where the shift stands. Everything is null while the line is not scheduled."""

    line = serializers.CharField()
    equipment = serializers.CharField(allow_null=True, help_text="The machine that speaks for the line.")
    shift = ShiftRow(allow_null=True)
    as_of = PlantTime(allow_null=True, help_text="Up to when the figures hold.")
    availability = RatioRow(allow_null=True)
    performance = RatioRow(allow_null=True)
    quality = RatioRow(allow_null=True)
    oee = RatioRow(allow_null=True)
    completeness = serializers.FloatField(allow_null=True, help_text="Share of the elapsed scheduled time observed.")
    good = serializers.IntegerField(allow_null=True)
    rejected = serializers.IntegerField(allow_null=True)
    target_now = serializers.IntegerField(allow_null=True)
    target_shift = serializers.IntegerField(allow_null=True)
    totals = TotalsRow(allow_null=True)
    planned_stops_reduce_availability = serializers.BooleanField(allow_null=True)
    uncoded_stops = serializers.IntegerField(allow_null=True)
    flags = serializers.ListField(child=serializers.CharField())


class ShiftStopRow(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    started_at = PlantTime()
    ended_at = PlantTime(allow_null=True)
    duration_s = serializers.FloatField()
    lost_s = serializers.FloatField(help_text="The part that lies in this shift and lowers availability.")
    text = serializers.CharField()
    reason = ReasonRow(allow_null=True)
    is_planned = serializers.BooleanField()
    is_uncoded = serializers.BooleanField()


class HourOut(serializers.Serializer[Any]):
    starts_at = PlantTime()
    ends_at = PlantTime()
    target = serializers.IntegerField()
    good = serializers.IntegerField(allow_null=True)
    rejected = serializers.IntegerField(allow_null=True)
    difference = serializers.IntegerField(allow_null=True)
    stop_s = serializers.FloatField()
    top_reason = serializers.CharField()


class LossRow(serializers.Serializer[Any]):
    label = serializers.CharField()  # type: ignore[assignment]
    lost_s = serializers.FloatField()
    count = serializers.IntegerField()


class ShiftReportRow(CurrentRow):
    """A whole shift, as its paper report prints it."""

    products = serializers.ListField(child=serializers.CharField())
    hours = HourOut(many=True)
    stops = ShiftStopRow(many=True)
    losses = LossRow(many=True)


def current_row(line: Line, figures: ShiftFigures | None) -> dict[str, Any]:
    if figures is None:
        unknown = dict.fromkeys(CurrentRow().fields)
        return {**unknown, "line": line.code, "flags": []}
    return {
        "line": figures.line_code,
        "equipment": figures.equipment_code,
        "shift": shift_row(line, figures.window),
        "as_of": local(figures.as_of, line.site.zone),
        **factor_rows(figures.totals),
        "completeness": figures.completeness,
        "good": figures.good,
        "rejected": figures.rejected,
        "target_now": figures.target_now,
        "target_shift": figures.target_shift,
        "totals": totals_row(figures.totals),
        "planned_stops_reduce_availability": figures.policy.planned_stops_reduce_availability,
        "uncoded_stops": figures.uncoded,
        "flags": figures.flags,
    }


def report_row(line: Line, figures: ShiftFigures) -> dict[str, Any]:
    return {
        **current_row(line, figures),
        "products": figures.products,
        "hours": [_hour_row(line, hour) for hour in figures.hours],
        "stops": [_shift_stop_row(line, stop) for stop in figures.stops],
        "losses": figures.losses,
    }


def _hour_row(line: Line, hour: HourRow) -> dict[str, Any]:
    zone = line.site.zone
    names = ("target", "good", "rejected", "difference", "stop_s", "top_reason")
    times = {"starts_at": local(hour.starts_at, zone), "ends_at": local(hour.ends_at, zone)}
    return {**times, **{name: getattr(hour, name) for name in names}}


def _shift_stop_row(line: Line, stop: StopLine) -> dict[str, Any]:
    zone = line.site.zone
    return {
        "id": stop.id,
        "started_at": local(stop.started_at, zone),
        "ended_at": local(stop.ended_at, zone),
        "duration_s": stop.duration_s,
        "lost_s": stop.lost_s,
        "text": stop.text,
        "reason": {"code": stop.reason_code, "label": stop.reason} if stop.reason_code else None,
        "is_planned": stop.is_planned,
        "is_uncoded": stop.is_uncoded,
    }


class CurrentOee(Asked):
    capability = Capability.VIEW_FLOOR
    serializer_class = CurrentRow

    @extend_schema(operation_id="oee_current")
    def get(self, request: Request, line: str) -> Response:
        """The shift that is on now, with the evidence of each figure."""
        found, now = find_line(line), timezone.now()
        window = calendar(found).at(now)
        return self.answer(current_row(found, shift_report(found, window, now) if window else None))


class NoSuchShift(Http404):
    def __init__(self) -> None:
        super().__init__("There was no such shift on this line.")


class ShiftQuery(Query):
    date = PlantDate(required=False, help_text="The day on which the shift began; together with `shift`.")
    shift = serializers.CharField(required=False, help_text="The shift's name; together with `date`.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        if ("date" in attrs) != ("shift" in attrs):
            raise ValidationError({"date": ["Give the date and the name of the shift, or neither."]})
        return attrs


def asked_window(line: Line, now: datetime, asked: dict[str, Any]) -> ShiftWindow | None:
    shifts = calendar(line)
    if not asked:
        return shifts.last_finished(now)
    day: date = asked["date"]
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=line.site.zone)
    near = shifts.between(noon - timedelta(days=1), noon + timedelta(days=1))
    return next((w for w in near if w.work_date == day and w.name == asked["shift"]), None)


def begun(window: ShiftWindow | None, now: datetime) -> ShiftWindow:
    if window is None or window.starts_at > now:
        raise NoSuchShift
    return window
