"""Stops that people announce, over the API."""

from typing import Any, cast

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from floor.models import Line, User
from floor.rest import Asked, AskedList, PlantTime, Query, find_line, given, local
from floor.roles import Capability
from oee.actions import planned_stops as planning
from oee.api.reasons import ReasonRow
from oee.api.stops import LISTED, RequestIn, said
from oee.models import PlannedStop

WEEK_S = 7 * 24 * 3600
PEOPLE = ("author", "ended_by", "withdrawn_by")


class PlannedStopRow(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    line = serializers.CharField()
    reason = ReasonRow()
    starts_at = PlantTime()
    ends_at = PlantTime(allow_null=True, help_text="null: until somebody ends it, or the line runs again.")
    expected_s = serializers.IntegerField(allow_null=True)
    comment = serializers.CharField()
    author = serializers.CharField()
    made_at = PlantTime()
    ended_by = serializers.CharField(allow_null=True)
    withdrawn_by = serializers.CharField(allow_null=True, help_text="It was taken back and counts for nothing.")


class PlannedStopIn(RequestIn):
    line = serializers.CharField(max_length=50, help_text="A line's code or id.")
    reason_code = serializers.CharField(max_length=40)
    starts_at = PlantTime(required=False, help_text="Without it: from now, or since the line stands.")
    ends_at = PlantTime(required=False, help_text="Without it: until somebody ends it.")
    expected_s = serializers.IntegerField(required=False, min_value=1, max_value=WEEK_S)


class PlannedStopQuery(Query):
    line = serializers.CharField(required=False, help_text="A line's id or code.")
    active = serializers.BooleanField(required=False, help_text="Only those that have not ended (or have).")


def planned_row(planned: PlannedStop) -> dict[str, Any]:
    zone = planned.line.site.zone
    people = {name: getattr(planned, name) for name in PEOPLE}
    return {
        "id": planned.pk,
        "line": planned.line.code,
        "reason": planned.reason,
        "starts_at": local(planned.starts_at, zone),
        "ends_at": local(planned.ends_at, zone),
        "expected_s": planned.expected_s,
        "comment": planned.comment,
        "made_at": local(planned.made_at, zone),
        **{name: None if person is None else str(person) for name, person in people.items()},
    }


def body_line(code: str) -> Line:
    """The line that a body names."""
    try:
        return find_line(code)
    except Http404 as error:
        raise ValidationError({"line": [str(error)]}) from error


class PlannedStops(AskedList):
    """Announced stops, the latest first."""

    capability = LISTED
    serializer_class = PlannedStopRow
    query = PlannedStopQuery

    @extend_schema(operation_id="planned_stops", parameters=[PlannedStopQuery])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(operation_id="plan_stop", request=PlannedStopIn, responses={201: PlannedStopRow})
    def post(self, request: Request) -> Response:
        """The line is meant to stand: whatever stop falls into that time has its reason."""
        words = given(PlannedStopIn, request)
        planned = planning.plan_stop(
            body_line(words["line"]),
            words["reason_code"],
            starts_at=words.get("starts_at"),
            ends_at=words.get("ends_at"),
            expected_s=words.get("expected_s"),
            comment=words["comment"],
            **said(request, words),
        )
        return self.answer(planned_row(planned), 201)

    def get_queryset(self) -> QuerySet[PlannedStop]:
        found = PlannedStop.objects.select_related("line__site", "reason", *PEOPLE).order_by("-starts_at", "-pk")
        if "line" in self.asked:
            found = found.filter(line=find_line(self.asked["line"]))
        if "active" in self.asked:
            over = found.filter(ends_at__lte=timezone.now()) | found.filter(withdrawn_at__isnull=False)
            found = found.exclude(pk__in=over.values("pk")) if self.asked["active"] else over
        return found

    def rows(self, page: list[PlannedStop]) -> list[dict[str, Any]]:
        return [planned_row(planned) for planned in page]


class EndPlannedStop(Asked):
    capability = Capability.CODE_STOP
    serializer_class = PlannedStopRow

    @extend_schema(operation_id="end_planned_stop", request=None)
    def post(self, request: Request, planned: int) -> Response:
        """It is over; one that has not begun is taken back."""
        return self.answer(planned_row(planning.end_planned_stop(_known(planned), **by_whom(request))))


class WithdrawPlannedStop(Asked):
    capability = Capability.CODE_STOP
    serializer_class = PlannedStopRow

    @extend_schema(operation_id="withdraw_planned_stop", request=None)
    def post(self, request: Request, planned: int) -> Response:
        """It was not planned after all: the stops it explained are without a reason again."""
        return self.answer(planned_row(planning.take_back_planned_stop(_known(planned), **by_whom(request))))


def by_whom(request: Request) -> dict[str, Any]:
    return {"by": cast(User, request.user), "now": timezone.now()}


def _known(planned: int) -> int:
    if not PlannedStop.objects.filter(pk=planned).exists():
        raise Http404("There is no such planned stop.")
    return planned
