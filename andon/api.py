"""Calls for help over the API, where they are called events."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, cast
from uuid import UUID, uuid4

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from andon import actions
from andon.access import check_may_answer
from andon.clock import database_now
from andon.domain.call import LIVE, Priority, Status
from andon.models import Call, CallEvent, CallKind, EscalationStep
from floor.models import Equipment, Line, User
from floor.rest import Asked, AskedList, PlantTime, Query, find_line, local
from floor.roles import Capability

PRIORITIES = [priority.word for priority in Priority]
PEOPLE = ("acknowledged_by", "arrived_by", "resolved_by")
TIMES = ("raised_at", "acknowledged_at", "arrived_at", "resolved_at")


class EventRow(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    line = serializers.CharField()
    equipment = serializers.CharField(allow_null=True)
    event_type = serializers.CharField()
    priority = serializers.ChoiceField(choices=PRIORITIES)
    status = serializers.ChoiceField(choices=[status.value for status in Status])
    escalation_level = serializers.IntegerField(help_text="0: not escalated.")
    next_escalation_at = PlantTime(allow_null=True, help_text="When it moves on unless somebody does something.")
    description = serializers.CharField()
    auto_generated = serializers.BooleanField(help_text="A machine called.")
    reported_by = serializers.CharField(allow_null=True)
    reported_at = PlantTime()
    acknowledged_by = serializers.CharField(allow_null=True)
    acknowledged_at = PlantTime(allow_null=True)
    arrived_by = serializers.CharField(allow_null=True)
    arrived_at = PlantTime(allow_null=True)
    resolved_by = serializers.CharField(allow_null=True)
    resolved_at = PlantTime(allow_null=True)
    resolution_notes = serializers.CharField()


def event_row(call: Call, next_at: datetime | None) -> dict[str, Any]:
    zone = call.line.site.zone
    return {
        "id": call.pk,
        "line": call.line.code,
        "equipment": call.equipment.code if call.equipment else None,
        "event_type": call.kind_id,
        "priority": Priority(call.priority).word,
        "status": call.status,
        "escalation_level": call.level,
        "next_escalation_at": local(next_at, zone),
        "description": call.note,
        "auto_generated": call.source == Call.Source.MACHINE,
        "reported_by": call.raised_by.username if call.raised_by else None,
        "reported_at": local(call.raised_at, zone),
        **{name: _name(getattr(call, name)) for name in PEOPLE},
        **{name: local(getattr(call, name), zone) for name in TIMES[1:]},
        "resolution_notes": call.resolution,
    }


def _name(person: User | None) -> str | None:
    return person.username if person else None


def event_rows(calls: list[Call]) -> list[dict[str, Any]]:
    """One query for the next steps of them all."""
    steps = EscalationStep.objects.ahead().filter(call__in=calls).order_by("-due_at")
    next_at = dict(steps.values_list("call_id", "due_at"))  # the earliest of each call comes last and stays
    return [event_row(call, next_at.get(call.pk)) for call in calls]


def calls() -> QuerySet[Call]:
    return Call.objects.for_screen().select_related(*PEOPLE).order_by("-raised_at", "pk")


class Refused(APIException):
    """409 with the reason of the refusal."""

    status_code = 409

    def __init__(self, refusal: actions.CallRefused) -> None:
        super().__init__(str(refusal))
        self.error_code = refusal.code


class EventQuery(Query):
    line = serializers.CharField(required=False, help_text="A line's id or code.")
    status = serializers.ChoiceField(required=False, choices=[status.value for status in Status])
    priority = serializers.ChoiceField(required=False, choices=PRIORITIES)


class Raise(serializers.Serializer[Any]):
    """Name the line by id or by code."""

    line_id = serializers.UUIDField(required=False)
    line_code = serializers.CharField(required=False, max_length=50)
    equipment_code = serializers.CharField(required=False, allow_null=True, max_length=50)
    event_type = serializers.CharField(max_length=30, help_text="stop, quality, maintenance, material or safety.")
    priority = serializers.ChoiceField(required=False, choices=PRIORITIES, help_text="Left out: as usual for the type.")
    description = serializers.CharField(required=False, allow_blank=True, max_length=500, default="")
    request_id = serializers.UUIDField(required=False, help_text="The same id again is the same event.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        key = attrs.get("line_code") or attrs.get("line_id")
        if key is None:
            raise ValidationError({"line_code": ["Name the line by line_code or line_id."]})
        attrs["line"] = _line(str(key))
        if code := attrs.get("equipment_code"):
            attrs["equipment"] = _machine(attrs["line"], code)
        if not CallKind.objects.filter(code=attrs["event_type"], enabled=True).exists():
            raise ValidationError({"event_type": ["There is no such type of call."]})
        return attrs


def _line(key: str) -> Line:
    try:
        return find_line(key)
    except Http404 as error:
        raise ValidationError({"line_code": ["There is no such line."]}) from error


def _machine(line: Line, code: str) -> Equipment:
    machine = Equipment.objects.filter(line=line, code=code).first() if code.isprintable() else None
    if machine is None:
        raise ValidationError({"equipment_code": [f"There is no such machine in {line.code}."]})
    return machine


class EventList(AskedList):
    capability = {"GET": Capability.VIEW_FLOOR, "POST": Capability.RAISE_CALL}
    serializer_class = EventRow
    query = EventQuery

    def get_queryset(self) -> QuerySet[Call]:
        found = calls()
        if "line" in self.asked:
            found = found.filter(line=find_line(self.asked["line"]))
        if "status" in self.asked:
            found = found.filter(status=self.asked["status"])
        if "priority" in self.asked:
            found = found.filter(priority=Priority[self.asked["priority"].upper()])
        return found

    def rows(self, page: list[Call]) -> list[dict[str, Any]]:
        return event_rows(page)

    @extend_schema(operation_id="andon_events_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Calls for help, the newest first."""
        return super().get(request, *args, **kwargs)

    @extend_schema(request=Raise, responses={201: EventRow}, operation_id="andon_events_raise")
    def post(self, request: Request) -> Response:
        """Call for help. 409 if the same help was called for the same place and is still open."""
        body = Raise(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        try:
            call = actions.raise_call(
                given["line"],
                given["event_type"],
                by=cast(User, request.user),
                now=database_now(),
                request_id=given.get("request_id") or uuid4(),
                equipment=given.get("equipment"),
                priority=Priority[given["priority"].upper()] if "priority" in given else None,
                note=given["description"],
            )
        except actions.CallRefused as refusal:
            raise Refused(refusal) from refusal
        return self.answer(_one(call.pk), 201)


class ActiveEvents(AskedList):
    """Calls that are neither resolved nor taken back, the most urgent first."""

    capability = Capability.VIEW_FLOOR
    serializer_class = EventRow

    def get_queryset(self) -> QuerySet[Call]:
        return calls().filter(status__in=LIVE).order_by("-priority", "raised_at", "pk")

    def rows(self, page: list[Call]) -> list[dict[str, Any]]:
        return event_rows(page)


def find_call(pk: UUID) -> Call:
    found = calls().filter(pk=pk).first()
    if found is None:
        raise Http404("There is no such event.")
    return found


def _one(pk: UUID) -> dict[str, Any]:
    return event_rows([find_call(pk)])[0]


class OneEvent(Asked):
    capability = Capability.VIEW_FLOOR
    serializer_class = EventRow

    def get(self, request: Request, pk: UUID) -> Response:
        """One call for help."""
        return self.answer(_one(pk))


class HistoryRow(serializers.Serializer[Any]):
    at = PlantTime()
    action = serializers.ChoiceField(choices=CallEvent.What.values)
    by = serializers.CharField(allow_null=True, help_text="null: the system.")
    level = serializers.IntegerField()
    text = serializers.CharField()


class EventHistory(AskedList):
    """Everything that happened to one call, the oldest first."""

    capability = Capability.VIEW_FLOOR
    serializer_class = HistoryRow

    def get_queryset(self) -> QuerySet[CallEvent]:
        self.call = find_call(self.kwargs["pk"])
        return self.call.events.select_related("by").order_by("at", "pk")

    def rows(self, page: list[CallEvent]) -> list[dict[str, Any]]:
        zone = self.call.line.site.zone
        return [
            {"at": local(e.at, zone), "action": e.what, "by": _name(e.by), "level": e.level, "text": e.text}
            for e in page
        ]


class Tap(serializers.Serializer[Any]):
    request_id = serializers.UUIDField(required=False, help_text="The same id again is the same deed.")


class Resolution(Tap):
    resolution_notes = serializers.CharField(max_length=1000, help_text="What was done.")


class Answer(GenericAPIView[Any]):
    """PUT and POST mean the same."""

    capability = Capability.ANSWER_QUALITY_CALL  # which calls they may answer is looked at with the call
    serializer_class = EventRow
    pagination_class = None
    body: type[Tap] = Tap
    deed: Callable[..., Call]

    def _answer(self, request: Request, pk: UUID) -> Response:
        call = find_call(pk)
        check_may_answer(request.user, call)
        body = self.body(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        words = [given["resolution_notes"]] if "resolution_notes" in given else []
        try:
            type(self).deed(
                call, *words, by=request.user, now=database_now(), request_id=given.get("request_id")
            )  # fmt: skip
        except actions.CallRefused as refusal:
            raise Refused(refusal) from refusal
        return Response(EventRow(_one(pk)).data)


def answer_view(deed: Callable[..., Call], body: type[Tap], words: str) -> type[Answer]:
    """A view of its own for each deed, so that the OpenAPI document names it."""
    name = deed.__name__

    class View(Answer):
        @extend_schema(request=body, responses=EventRow, operation_id=f"andon_events_{name}", description=words)
        def post(self, request: Request, pk: UUID) -> Response:
            return self._answer(request, pk)

        @extend_schema(request=body, responses=EventRow, operation_id=f"andon_events_{name}_put", description=words)
        def put(self, request: Request, pk: UUID) -> Response:
            return self._answer(request, pk)

    View.deed = staticmethod(deed)
    View.body = body
    View.__name__ = View.__qualname__ = name.title()
    return View


Acknowledge = answer_view(actions.acknowledge, Tap, "Say that you are coming. The first wins; 409 names the winner.")
Arrive = answer_view(actions.arrive, Tap, "Say that you are there.")
Resolve = answer_view(actions.resolve, Resolution, "Close the call with what was done.")
