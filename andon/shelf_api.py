"""Shelves over the API."""

from typing import Any, cast
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from andon import actions
from andon.api import Refused
from andon.clock import database_now
from andon.models import Shelf
from andon.models.shelves import ShelfQuerySet
from andon.shelf_forms import LONGEST_HOURS, ShelveForm
from andon.shelf_views import put_on_shelf
from andon.shelves import shelf_rows
from floor.models import User
from floor.rest import AskedList, PlantTime, Query, find_line, local
from floor.roles import Capability


class ShelfRow(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    line = serializers.CharField()
    equipment = serializers.CharField()
    event_type = serializers.CharField(allow_null=True, help_text="The kind of call; null: one fault.")
    fault_bit = serializers.IntegerField(allow_null=True)
    what = serializers.CharField(help_text="The source in words.")
    reason = serializers.CharField()
    shelved_by = serializers.CharField()
    shelved_at = PlantTime()
    ends_at = PlantTime()
    unshelved_by = serializers.CharField(allow_null=True)
    held_back = serializers.IntegerField(help_text="Calls recorded meanwhile that nobody was told of.")


def rows_of(shelves: list[Shelf]) -> list[dict[str, Any]]:
    told = {row.id: row for row in shelf_rows(shelves)}
    return [_row(shelf, told[shelf.pk].what, told[shelf.pk].held_back) for shelf in shelves]


def _row(shelf: Shelf, what: str, held_back: int) -> dict[str, Any]:
    zone = shelf.equipment.line.site.zone
    return {
        "id": shelf.pk,
        "line": shelf.equipment.line.code,
        "equipment": shelf.equipment.code,
        "event_type": shelf.kind_id,
        "fault_bit": shelf.bit,
        "what": what,
        "reason": shelf.reason,
        "shelved_by": shelf.shelved_by.username,
        "shelved_at": local(shelf.shelved_at, zone),
        "ends_at": local(shelf.ends_at, zone),
        "unshelved_by": shelf.unshelved_by.username if shelf.unshelved_by else None,
        "held_back": held_back,
    }


class ShelfQuery(Query):
    line = serializers.CharField(required=False, help_text="A line's id or code.")
    ended = serializers.BooleanField(required=False, default=False, help_text="true: those that are over, too.")


class Shelve(serializers.Serializer[Any]):
    equipment_code = serializers.CharField(max_length=50)
    event_type = serializers.CharField(required=False, max_length=30, help_text="Or name a fault.")
    fault_bit = serializers.IntegerField(required=False, min_value=0, max_value=255)
    hours = serializers.FloatField(min_value=0.1, max_value=LONGEST_HOURS)
    reason = serializers.CharField(max_length=300)
    request_id = serializers.UUIDField(required=False, help_text="The same id again is the same shelf.")

    def form(self) -> ShelveForm:
        given = self.validated_data
        names = {"equipment": "equipment_code", "kind": "event_type", "bit": "fault_bit"}
        kept = {name: given[name] for name in ("hours", "reason", "request_id") if name in given}
        return ShelveForm(kept | {name: given[theirs] for name, theirs in names.items() if theirs in given})


class ShelfList(AskedList):
    capability = {"GET": Capability.VIEW_FLOOR, "POST": Capability.SHELVE_CALLS}
    serializer_class = ShelfRow
    query = ShelfQuery

    def get_queryset(self) -> ShelfQuerySet:
        found = Shelf.objects.for_screen().order_by("-shelved_at", "pk")
        if "line" in self.asked:
            found = found.filter(equipment__line=find_line(self.asked["line"]))
        return found if self.asked["ended"] else found.standing(database_now())

    def rows(self, page: list[Shelf]) -> list[dict[str, Any]]:
        return rows_of(page)

    @extend_schema(operation_id="andon_shelves_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Sources of machine calls that are silenced for a while, the newest first."""
        return super().get(request, *args, **kwargs)

    @extend_schema(request=Shelve, responses={201: ShelfRow}, operation_id="andon_shelves_shelve")
    def post(self, request: Request) -> Response:
        """Silence one source. 409 for what is never shelved, or is shelved already."""
        body = Shelve(data=request.data)
        body.is_valid(raise_exception=True)
        form = body.form()
        if not form.is_valid():
            raise ValidationError({"source": [form.first_error()]})
        try:
            shelf = put_on_shelf(form, cast(User, request.user))
        except actions.CallRefused as refusal:
            raise Refused(refusal) from refusal
        return self.answer(rows_of([shelf])[0], 201)


class Unshelve(GenericAPIView[Any]):
    capability = Capability.SHELVE_CALLS
    serializer_class = ShelfRow
    pagination_class = None

    @extend_schema(request=None, responses=ShelfRow, operation_id="andon_shelves_unshelve")
    def post(self, request: Request, pk: UUID) -> Response:
        """Let the source call again, at once if its machine still stands. 409 if it does already."""
        shelf = Shelf.objects.filter(pk=pk).first()
        if shelf is None:
            raise Http404("There is no such shelf.")
        try:
            ended = actions.unshelve(shelf, by=cast(User, request.user), now=database_now())
        except actions.CallRefused as refusal:
            raise Refused(refusal) from refusal
        return Response(ShelfRow(rows_of([ended])[0]).data)
