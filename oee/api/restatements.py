"""The past, judged anew by what holds today, over the API."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from floor.rest import Asked, AskedList, PlantTime, Query, find_line, given, local
from floor.roles import Capability
from oee.actions.standards import restate
from oee.api.planned import body_line, by_whom
from oee.models import Restatement

LONGEST = timedelta(days=31)


class BeforeAfterRow(serializers.Serializer[Any]):
    """Of whole hours that begin in the stretch."""

    oee = serializers.FloatField(allow_null=True)
    availability = serializers.FloatField(allow_null=True)
    performance = serializers.FloatField(allow_null=True)
    quality = serializers.FloatField(allow_null=True)


class RestatementRow(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    line = serializers.CharField()
    starts_at = PlantTime()
    ends_at = PlantTime()
    as_of = PlantTime(help_text="The standards of this moment judge the stretch.")
    reason = serializers.CharField()
    author = serializers.CharField()
    made_at = PlantTime()
    before = BeforeAfterRow()
    after = BeforeAfterRow()


class RestateIn(serializers.Serializer[Any]):
    line = serializers.CharField(max_length=50, help_text="A line's code or id.")
    reason = serializers.CharField(max_length=300, help_text="Everybody who sees the figures will see it.")

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python's own and cannot be written as a class attribute.
        moments = {"from": PlantTime(), "to": PlantTime(help_text="At most 31 days later, and not in the future.")}
        return {**super().get_fields(), **moments}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["to"] - attrs["from"] > LONGEST:
            raise ValidationError({"to": ["Restate at most 31 days at once."]})
        return attrs


def restatement_row(row: Restatement) -> dict[str, Any]:
    zone = row.line.site.zone
    names = tuple(BeforeAfterRow().fields)
    return {
        "id": row.pk,
        "line": row.line.code,
        "starts_at": local(row.starts_at, zone),
        "ends_at": local(row.ends_at, zone),
        "as_of": local(row.as_of, zone),
        "reason": row.reason,
        "author": str(row.author),
        "made_at": local(row.made_at, zone),
        "before": {name: row.before.get(name) for name in names},
        "after": {name: row.after.get(name) for name in names},
    }


class Recalculate(Asked):
    capability = Capability.RESTATE
    serializer_class = RestatementRow

    @extend_schema(operation_id="oee_recalculate", request=RestateIn, responses={201: RestatementRow})
    def post(self, request: Request) -> Response:
        """Judge a stretch of the past by today's standards. It leaves a mark on every figure that it changes."""
        words = given(RestateIn, request)
        line = body_line(words["line"])
        done = restate(line, words["from"], words["to"], reason=words["reason"], **by_whom(request))
        return self.answer(restatement_row(done), 201)


class RestatementQuery(Query):
    line = serializers.CharField(required=False, help_text="A line's id or code.")


class Restatements(AskedList):
    """What was judged anew, the latest first."""

    capability = Capability.VIEW_FLOOR
    serializer_class = RestatementRow
    query = RestatementQuery

    @extend_schema(operation_id="restatements", parameters=[RestatementQuery])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Restatement]:
        found = Restatement.objects.select_related("line__site", "author").order_by("-pk")
        return found.filter(line=find_line(self.asked["line"])) if "line" in self.asked else found

    def rows(self, page: list[Restatement]) -> list[dict[str, Any]]:
        return [restatement_row(row) for row in page]
