"""What the API views of every app share: strict questions, plant time, lines by id or by code."""

from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import Http404
from rest_framework import serializers
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings

from floor.domain.reach import REFUSAL, is_within_reach
from floor.models import Equipment, Line

PAGING = {"limit", "offset"}


class PlantTime(serializers.DateTimeField):
    """RFC 3339. Out: by the plant's clock, with its offset (`local` first). In: any offset, but one must be given."""

    def to_representation(self, value: datetime) -> str:
        return value.isoformat(timespec="milliseconds")

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str) or not value.isprintable():
            raise serializers.ValidationError("Write a time such as 2026-03-01T06:00:00+00:00.")
        try:
            moment = datetime.fromisoformat(value.replace(" ", "+"))  # a bare + in a query string arrives as a space
        except ValueError as error:
            raise serializers.ValidationError("Write a time such as 2026-03-01T06:00:00+00:00.") from error
        if moment.tzinfo is None:
            raise serializers.ValidationError("Give the offset too, such as 2026-03-01T06:00:00+00:00.")
        _refuse_absurd(moment)
        return moment


class PlantDate(serializers.DateField):
    def to_internal_value(self, value: Any) -> date:
        day: date = super().to_internal_value(value)
        _refuse_absurd(day)
        return day


def _refuse_absurd(moment: date) -> None:
    if not is_within_reach(moment):
        raise serializers.ValidationError(REFUSAL)


def local(moment: datetime | None, zone: ZoneInfo) -> datetime | None:
    return None if moment is None else moment.astimezone(zone)


class Query(serializers.Serializer[Any]):
    """The parameters of a question. A parameter that is not known is refused: a mistyped filter must not answer."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        known = set(self.fields)
        unknown = sorted(set(self.initial_data) - known - PAGING)
        if unknown:
            words = (
                f"This question knows {', '.join(sorted(known))}." if known else "This question takes no parameters."
            )
            raise serializers.ValidationError({name: [f"Unknown parameter. {words}"] for name in unknown})
        return attrs


class Asked(GenericAPIView[Any]):
    """A view that reads its parameters through `query`."""

    query: type[Query] = Query
    pagination_class: Any = None
    filter_backends: list[Any] = []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        question = self.query(data=request.query_params.dict())
        question.is_valid(raise_exception=True)
        self.asked: dict[str, Any] = question.validated_data

    def answer(self, row: Any, status: int = 200) -> Response:
        return Response(self.get_serializer(row).data, status=status)


class AskedList(Asked, ListAPIView[Any]):
    """A list in pages; `rows` turns one page of the queryset into what the serializer prints."""

    pagination_class: Any = api_settings.DEFAULT_PAGINATION_CLASS

    def rows(self, page: list[Any]) -> list[Any]:
        return page

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(self.get_serializer(self.rows(list(page)), many=True).data)


def find_line(key: str) -> Line:
    """A line by its id or by its code; 404 if there is none."""
    if not key.isprintable():
        raise Http404("There is no such line.")
    lines = Line.objects.select_related("site")
    key_id = as_uuid(key)
    found = lines.filter(code=key).first() or (lines.filter(pk=key_id).first() if key_id else None)
    if found is None:
        raise Http404(f"There is no line {key}.")
    return found


def find_machine(key: str) -> Equipment:
    """A machine by its id or by its code, with its line and its live row; 404 if there is none."""
    if not key.isprintable():
        raise Http404("There is no such machine.")
    machines = Equipment.objects.select_related("line__site", "machine_state")
    key_id = as_uuid(key)
    found = machines.filter(code=key).first() or (machines.filter(pk=key_id).first() if key_id else None)
    if found is None:
        raise Http404(f"There is no machine {key}.")
    return found


def given(form: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """The body of a request, checked."""
    body = form(data=request.data)
    body.is_valid(raise_exception=True)
    found: dict[str, Any] = body.validated_data
    return found


def as_uuid(key: str) -> UUID | None:
    try:
        return UUID(key)
    except ValueError:
        return None
