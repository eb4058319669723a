"""Shift figures and stops over the API. The same reports as the screen and the paper print."""

from datetime import date, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from floor.domain.shifts import ShiftWindow
from floor.models import Line, User
from floor.models.shifts import calendar
from floor.rest import Asked, AskedList, PlantDate, PlantTime, Query, as_uuid, find_line, local
from floor.roles import Capability
from oee.actions.refusals import ShiftClosed, StopGone, UnknownReason
from oee.actions.stops import code_stop
from oee.domain.clock import SECOND_MS
from oee.domain.factors import FIELDS, Ratio, Totals
from oee.domain.ledger import PLANNED_KINDS
from oee.models import Stop, StopReason
from oee.models.reasons import LOSS_CLASS_CHOICES
from oee.shift import HourRow, ShiftFigures, StopLine, shift_report

SECONDS, PARTS = "s", "parts"
TIMES = tuple(name for name in FIELDS if name.endswith("_ms"))
COUNTS = tuple(name for name in FIELDS if not name.endswith("_ms"))


class RatioRow(serializers.Serializer[Any]):
    value = serializers.FloatField(allow_null=True, help_text="0..1, may exceed 1; null: not known.")
    numerator = serializers.FloatField()
    denominator = serializers.FloatField(allow_null=True)
    unit = serializers.ChoiceField(choices=[SECONDS, PARTS], help_text="Unit of numerator and denominator.")


class ShiftRow(serializers.Serializer[Any]):
    name = serializers.CharField()
    work_date = serializers.DateField(help_text="The day on which the shift began.")
    label = serializers.CharField()  # type: ignore[assignment]
    starts_at = PlantTime()
    ends_at = PlantTime()


def _totals_fields() -> dict[str, serializers.Field[Any, Any, Any, Any]]:
    seconds = {f"{name.removesuffix('_ms')}_s": serializers.FloatField() for name in TIMES}
    return {**seconds, **{name: serializers.IntegerField() for name in COUNTS}}


TotalsRow = type("TotalsRow", (serializers.Serializer,), _totals_fields())


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


class ReasonRow(serializers.Serializer[Any]):
    code = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]


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


def seconds(ms: int) -> float:
    return ms / SECOND_MS


def ratio_row(ratio: Ratio, unit: str = SECONDS) -> dict[str, Any]:
    scale = seconds if unit == SECONDS else float
    denominator = None if ratio.denominator is None else scale(ratio.denominator)
    return {"value": ratio.value, "numerator": scale(ratio.numerator), "denominator": denominator, "unit": unit}


def totals_row(totals: Totals) -> dict[str, Any]:
    times = {f"{name.removesuffix('_ms')}_s": seconds(getattr(totals, name)) for name in TIMES}
    return {**times, **{name: getattr(totals, name) for name in COUNTS}}


def current_row(line: Line, figures: ShiftFigures | None) -> dict[str, Any]:
    if figures is None:
        unknown = dict.fromkeys(CurrentRow().fields)
        return {**unknown, "line": line.code, "flags": []}
    zone, totals = line.site.zone, figures.totals
    by_time = totals.ideal_made_ms > 0 and not totals.unrated_made
    return {
        "line": figures.line_code,
        "equipment": figures.equipment_code,
        "shift": shift_row(line, figures.window),
        "as_of": local(figures.as_of, zone),
        "availability": ratio_row(figures.factors.availability),
        "performance": ratio_row(figures.factors.performance),
        "quality": ratio_row(figures.factors.quality, SECONDS if by_time else PARTS),
        "oee": ratio_row(figures.factors.oee),
        "completeness": figures.completeness,
        "good": figures.good,
        "rejected": figures.rejected,
        "target_now": figures.target_now,
        "target_shift": figures.target_shift,
        "totals": totals_row(totals),
        "planned_stops_reduce_availability": figures.policy.planned_stops_reduce_availability,
        "uncoded_stops": figures.uncoded,
        "flags": figures.flags,
    }


def shift_row(line: Line, window: ShiftWindow) -> dict[str, Any]:
    zone = line.site.zone
    return {
        "name": window.name,
        "work_date": window.work_date,
        "label": window.label(zone),
        "starts_at": local(window.starts_at, zone),
        "ends_at": local(window.ends_at, zone),
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


class ShiftQuery(Query):
    date = PlantDate(required=False, help_text="The day on which the shift began; together with `shift`.")
    shift = serializers.CharField(required=False, help_text="The shift's name; together with `date`.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        if ("date" in attrs) != ("shift" in attrs):
            raise ValidationError({"date": ["Give the date and the name of the shift, or neither."]})
        return attrs


class ShiftOee(Asked):
    capability = Capability.VIEW_FLOOR
    serializer_class = ShiftReportRow
    query = ShiftQuery

    @extend_schema(operation_id="oee_shift", parameters=[ShiftQuery])
    def get(self, request: Request, line: str) -> Response:
        """A shift by date and name; without them the last one that has ended."""
        found, now = find_line(line), timezone.now()
        window = asked_window(found, now, self.asked)
        figures = shift_report(found, window, now) if window else None
        if figures is None or window is None or window.starts_at > now:
            raise Http404("There was no such shift on this line.")
        return self.answer(report_row(found, figures))


def asked_window(line: Line, now: datetime, asked: dict[str, Any]) -> ShiftWindow | None:
    shifts = calendar(line)
    if not asked:
        return shifts.last_finished(now)
    day: date = asked["date"]
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=line.site.zone)
    near = shifts.between(noon - timedelta(days=1), noon + timedelta(days=1))
    return next((w for w in near if w.work_date == day and w.name == asked["shift"]), None)


# ---------------------------------------------------------------- stops


class StopRow(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    line = serializers.CharField()
    equipment = serializers.CharField()
    started_at = PlantTime()
    ended_at = PlantTime(allow_null=True, help_text="null: still standing.")
    duration_s = serializers.FloatField()
    status = serializers.ChoiceField(choices=["open", "ended"])
    is_minor = serializers.BooleanField()
    fault_text = serializers.CharField()
    why = serializers.CharField(help_text="What the machine reported around the beginning.")
    suggestion = ReasonRow(allow_null=True)
    reason = ReasonRow(allow_null=True)
    comment = serializers.CharField()
    coded_by = serializers.CharField(allow_null=True)
    coded_at = PlantTime(allow_null=True)


class CodingIn(serializers.Serializer[Any]):
    reason_code = serializers.CharField(max_length=40)
    comment = serializers.CharField(max_length=1000, required=False, allow_blank=True, default="")
    request_id = serializers.UUIDField(
        required=False, help_text="Made by the sender, so that a second try is harmless."
    )


def stop_row(stop: Stop, now: datetime) -> dict[str, Any]:
    zone, coding, reason = stop.line.site.zone, stop.coding, stop.reason
    return {
        "id": stop.id,
        "line": stop.line.code,
        "equipment": stop.equipment.code,
        "started_at": local(stop.started_at, zone),
        "ended_at": local(stop.ended_at, zone),
        "duration_s": ((stop.ended_at or now) - stop.started_at).total_seconds(),
        "status": "ended" if stop.ended_at else "open",
        "is_minor": stop.is_minor,
        "fault_text": stop.fault_text,
        "why": stop.proposed_why,
        "suggestion": stop.proposed_reason,
        "reason": reason,
        "comment": coding.comment if coding else "",
        "coded_by": str(coding.author) if coding else None,
        "coded_at": local(coding.made_at, zone) if coding else None,
    }


def stops() -> QuerySet[Stop]:
    return Stop.objects.with_words().select_related("line__site").order_by("-started_at", "id")


class StopQuery(Query):
    line = serializers.CharField(required=False, help_text="A line's id or code.")
    status = serializers.ChoiceField(choices=["open", "ended", "uncoded", "coded"], required=False)
    minor = serializers.BooleanField(required=False, help_text="Only minor stops, or none of them.")

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python's own and cannot be written as a class attribute.
        moment = {
            "from": PlantTime(required=False, help_text="Stops that lasted beyond this moment."),
            "to": PlantTime(required=False, help_text="Stops that began before this moment."),
        }
        return {**super().get_fields(), **moment}


STATUS = {
    "open": Q(ended_at=None),
    "ended": Q(ended_at__isnull=False),
    "coded": Q(coding__reason__isnull=False) | Q(coding=None, planned_stop__isnull=False),
    "uncoded": Q(coding__reason=None, planned_stop=None, is_minor=False),
}


class StopList(AskedList):
    """Stops, the newest first."""

    capability = Capability.VIEW_FLOOR
    serializer_class = StopRow
    query = StopQuery

    @extend_schema(operation_id="stops", parameters=[StopQuery])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Stop]:
        found, asked = stops(), self.asked
        if "line" in asked:
            found = found.filter(line=find_line(asked["line"]))
        if "status" in asked:
            found = found.filter(STATUS[asked["status"]])
        if "minor" in asked:
            found = found.filter(is_minor=asked["minor"])
        if "from" in asked:
            found = found.filter(Q(ended_at=None) | Q(ended_at__gt=asked["from"]))
        if "to" in asked:
            found = found.filter(started_at__lt=asked["to"])
        return found

    def rows(self, page: list[Stop]) -> list[dict[str, Any]]:
        now = timezone.now()
        return [stop_row(stop, now) for stop in page]


def find_stop(key: str) -> Stop:
    stop_id = as_uuid(key)
    found = stops().filter(pk=stop_id).first() if stop_id else None
    if found is None:
        raise Http404("There is no such stop.")
    return found


class OneStop(Asked):
    capability = {"GET": Capability.VIEW_FLOOR, "PUT": Capability.CODE_STOP}
    serializer_class = StopRow

    @extend_schema(operation_id="stop")
    def get(self, request: Request, stop: str) -> Response:
        """One stop."""
        return self.answer(stop_row(find_stop(stop), timezone.now()))

    @extend_schema(operation_id="code_stop", request=CodingIn)
    def put(self, request: Request, stop: str) -> Response:
        """Give a stop its reason. The same `request_id` twice is one coding."""
        given, now = CodingIn(data=request.data), timezone.now()
        given.is_valid(raise_exception=True)
        words = given.validated_data
        try:
            code_stop(
                as_uuid(stop) or uuid4(),
                words["reason_code"],
                by=cast(User, request.user),
                now=now,
                request_id=words.get("request_id") or uuid4(),
                comment=words["comment"],
            )
        except UnknownReason as refusal:
            raise ValidationError({"reason_code": [str(refusal)]}) from refusal
        except StopGone as refusal:
            raise Http404(str(refusal)) from refusal
        except ShiftClosed as refusal:
            raise PermissionDenied(str(refusal)) from refusal
        return self.answer(stop_row(find_stop(stop), now))


class ReasonDetail(ReasonRow):
    group = serializers.CharField()
    loss_class = serializers.ChoiceField(choices=LOSS_CLASS_CHOICES, source="class_now")
    is_planned = serializers.SerializerMethodField()

    def get_is_planned(self, reason: StopReason) -> bool:
        return reason.class_now in PLANNED_KINDS  # type: ignore[attr-defined]


class ReasonList(AskedList):
    """The reasons that a stop can be given, in the order of the screen."""

    capability = Capability.VIEW_FLOOR
    serializer_class = ReasonDetail

    def get_queryset(self) -> QuerySet[StopReason]:
        return StopReason.objects.offered().with_class(timezone.now())
