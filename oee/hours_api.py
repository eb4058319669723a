"""The production board over the API: a shift hour by hour, what is done about it, who has seen it."""

from typing import Any, cast
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from floor.models import Line, User
from floor.rest import Asked, PlantTime, find_line, local
from floor.roles import Capability
from oee.actions.hour_board import sign_off_hour, write_countermeasure
from oee.actions.refusals import ImpossibleTime, NeedsSupervisor
from oee.api.rows import RatioRow, ShiftRow, ratio_row, shift_row
from oee.api.shifts import ShiftQuery, asked_window, begun
from oee.hour_board import BoardHour, HourBoard, Said, Seen, board_window, hour_board
from oee.models import Countermeasure, HourSignOff


class CountermeasureRow(serializers.Serializer[Any]):
    text = serializers.CharField()
    who = serializers.CharField(help_text="Who does it; may be empty.")
    by = serializers.CharField()
    at = PlantTime()


class SignOffRow(serializers.Serializer[Any]):
    by = serializers.CharField()
    at = PlantTime()


class BoardHourRow(serializers.Serializer[Any]):
    starts_at = PlantTime(help_text="Names the hour when something is said about it.")
    ends_at = PlantTime()
    target = serializers.IntegerField()
    good = serializers.IntegerField(allow_null=True, help_text="null: the hour has not begun.")
    rejected = serializers.IntegerField(allow_null=True)
    difference = serializers.IntegerField(allow_null=True, help_text="Against the target up to now.")
    cumulative = serializers.IntegerField(allow_null=True, help_text="Difference since the shift began.")
    stop_s = serializers.FloatField()
    top_reason = serializers.CharField()
    oee = RatioRow()
    needs_countermeasure = serializers.BooleanField(help_text="It is over, missed its target by more than a tenth.")
    countermeasure = CountermeasureRow(allow_null=True)
    signed_off = SignOffRow(allow_null=True)


class HourBoardRow(serializers.Serializer[Any]):
    line = serializers.CharField()
    shift = ShiftRow()
    target = serializers.IntegerField()
    good = serializers.IntegerField()
    rejected = serializers.IntegerField()
    difference = serializers.IntegerField()
    hours = BoardHourRow(many=True)


class CountermeasureIn(serializers.Serializer[Any]):
    hour = PlantTime(help_text="`starts_at` of the hour.")
    text = serializers.CharField(max_length=300)
    who = serializers.CharField(max_length=60, required=False, allow_blank=True, default="")
    request_id = serializers.UUIDField(
        required=False, help_text="Made by the sender, so that a second try is harmless."
    )


class SignOffIn(serializers.Serializer[Any]):
    hour = PlantTime(help_text="`starts_at` of the hour.")


def _said(said: Said | None, zone: ZoneInfo) -> dict[str, Any] | None:
    return said and {"text": said.text, "who": said.who, "by": said.author, "at": local(said.at, zone)}


def _seen(seen: Seen | None, zone: ZoneInfo) -> dict[str, Any] | None:
    return seen and {"by": seen.by, "at": local(seen.at, zone)}


def _hour_row(hour: BoardHour, zone: ZoneInfo) -> dict[str, Any]:
    names = ("target", "good", "rejected", "difference", "stop_s", "top_reason")
    return {
        "starts_at": local(hour.row.starts_at, zone),
        "ends_at": local(hour.row.ends_at, zone),
        **{name: getattr(hour.row, name) for name in names},
        "cumulative": hour.cumulative,
        "oee": ratio_row(hour.row.oee),
        "needs_countermeasure": hour.asks,
        "countermeasure": _said(hour.said, zone),
        "signed_off": _seen(hour.seen, zone),
    }


def _board_row(line: Line, board: HourBoard) -> dict[str, Any]:
    names = ("target", "good", "rejected", "difference")
    return {
        "line": line.code,
        "shift": shift_row(line, board.window),
        **{name: getattr(board, name) for name in names},
        "hours": [_hour_row(hour, line.site.zone) for hour in board.hours],
    }


class Hours(Asked):
    capability = Capability.VIEW_FLOOR
    serializer_class = HourBoardRow
    query = ShiftQuery

    @extend_schema(operation_id="oee_hours", parameters=[ShiftQuery])
    def get(self, request: Request, line: str) -> Response:
        """A shift hour by hour, by date and name; without them the shift that is on, else the last one."""
        found, now = find_line(line), timezone.now()
        window = asked_window(found, now, self.asked) if self.asked else board_window(found, now)
        return self.answer(_board_row(found, hour_board(found, begun(window, now), now)))


class WriteCountermeasure(Asked):
    capability = Capability.CONTROL_PRODUCTION
    serializer_class = CountermeasureRow

    @extend_schema(operation_id="write_countermeasure", request=CountermeasureIn, responses={201: CountermeasureRow})
    def post(self, request: Request, line: str) -> Response:
        """Say what is done about an hour; a later word replaces the earlier. The same `request_id` twice is one."""
        found, given = find_line(line), CountermeasureIn(data=request.data)
        given.is_valid(raise_exception=True)
        words = given.validated_data
        words["request_id"] = words.get("request_id") or uuid4()
        try:
            row = write_countermeasure(
                found, words.pop("hour"), by=cast(User, request.user), now=timezone.now(), **words
            )
        except ImpossibleTime as refusal:
            raise ValidationError({"hour": [str(refusal)]}) from refusal
        return self.answer(_written(row, found), status=201)


def _written(row: Countermeasure, line: Line) -> dict[str, Any] | None:
    return _said(Said(row.text, row.who, str(row.author), row.made_at), line.site.zone)


class SignOffHour(Asked):
    capability = Capability.CONFIRM_STOP
    serializer_class = SignOffRow

    @extend_schema(operation_id="sign_off_hour", request=SignOffIn, responses={201: SignOffRow})
    def post(self, request: Request, line: str) -> Response:
        """Say that you have seen an hour that is over; twice is once."""
        found, given = find_line(line), SignOffIn(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            row = sign_off_hour(found, given.validated_data["hour"], by=cast(User, request.user), now=timezone.now())
        except ImpossibleTime as refusal:
            raise ValidationError({"hour": [str(refusal)]}) from refusal
        except NeedsSupervisor as refusal:
            raise PermissionDenied(str(refusal)) from refusal
        return self.answer(_signed(row, found), status=201)


def _signed(row: HourSignOff, line: Line) -> dict[str, Any] | None:
    return _seen(Seen(str(row.author), row.made_at), line.site.zone)
