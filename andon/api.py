"""Calls for help over the API, where they are called events."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, cast
from uuid import UUID, uuid4, uuid5
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpResponseBase
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from andon import actions
from andon.access import check_may_answer
from andon.clock import database_now
from andon.domain.call import LIVE, Priority, Status
from andon.domain.escalation import Clock
from andon.ladder import Ladder, escalation_tree, limits
from andon.models import Call, CallEvent, CallKind
from andon.tiles import levels_ahead, plant_calls_tile
from andon.views.call import photo_answer
from floor.models import Equipment, Line, Site, User
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
    responder = serializers.CharField(allow_null=True, help_text="Who is coming, or is there.")
    work_order_suggested = serializers.BooleanField(help_text="Something is left for maintenance.")
    reopened_at = PlantTime(allow_null=True, help_text="From here its clocks run.")
    stopped_since = PlantTime(allow_null=True, help_text="When the stop began during which it was raised.")
    cleared_at = PlantTime(allow_null=True, help_text="Since then the machine that called runs again.")
    repeats = serializers.IntegerField(help_text="How often the same was called again.")


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
        "responder": _name(call.responder),
        "work_order_suggested": call.work_order_suggested,
        **{name: local(getattr(call, name), zone) for name in ("reopened_at", "stopped_since", "cleared_at")},
        "repeats": call.repeats,
    }


def _name(person: User | None) -> str | None:
    return person.username if person else None


def event_rows(calls: list[Call]) -> list[dict[str, Any]]:
    """One query for the next steps of them all."""
    steps = levels_ahead().filter(call__in=calls).order_by("-due_at")
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
        self.details = {"event": str(refusal.call.pk)} if isinstance(refusal, actions.AlreadyOpen) else {}


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
        """Call for help. 409 if the same help was called for the same place and is still open: `details.event` is it.

        Called more urgently, the open one becomes as urgent.
        """
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


class EscalationRow(EventRow):
    acknowledge_due_at = PlantTime(allow_null=True, help_text="null: acknowledged, or without a limit.")
    acknowledge_left_s = serializers.FloatField(allow_null=True, help_text="Negative: overdue by so long.")
    resolve_due_at = PlantTime(allow_null=True)
    resolve_left_s = serializers.FloatField(allow_null=True, help_text="Negative: overdue by so long.")


class ActiveEscalations(ActiveEvents):
    """Open calls with the time that is left to acknowledge and to resolve them, the most urgent first."""

    serializer_class = EscalationRow

    def rows(self, page: list[Call]) -> list[dict[str, Any]]:
        now, due = database_now(), limits(page)
        return [
            event | self._left("acknowledge", due.get((call.pk, Clock.ACK)), call, now)
            | self._left("resolve", due.get((call.pk, Clock.RESOLVE)), call, now)
            for event, call in zip(event_rows(page), page, strict=True)
        ]  # fmt: skip

    def _left(self, what: str, due_at: datetime | None, call: Call, now: datetime) -> dict[str, Any]:
        left_s = (due_at - now).total_seconds() if due_at else None
        return {f"{what}_due_at": local(due_at, call.line.site.zone), f"{what}_left_s": left_s}


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
    photo = serializers.CharField(allow_null=True, help_text="Address of the photo.")


class EventHistory(AskedList):
    """Everything that happened to one call, the oldest first."""

    capability = Capability.VIEW_FLOOR
    serializer_class = HistoryRow

    def get_queryset(self) -> QuerySet[CallEvent]:
        self.call = find_call(self.kwargs["pk"])
        return self.call.events.select_related("by", "photo").order_by("at", "pk")

    def rows(self, page: list[CallEvent]) -> list[dict[str, Any]]:
        zone = self.call.line.site.zone
        return [
            {
                "at": local(e.at, zone),
                "action": e.what,
                "by": _name(e.by),
                "level": e.level,
                "text": e.text,
                "photo": self._photo(e),
            }
            for e in page
        ]

    def _photo(self, event: CallEvent) -> str | None:
        if not hasattr(event, "photo"):
            return None
        return reverse("api:andon-photo-file", args=[self.call.pk, event.pk])


class Tap(serializers.Serializer[Any]):
    request_id = serializers.UUIDField(required=False, help_text="The same id again is the same deed.")


class Resolution(Tap):
    resolution_notes = serializers.CharField(max_length=1000, help_text="What was done.")
    work_order = serializers.BooleanField(
        required=False, help_text="Something is left for maintenance. Left out: as usual for the type."
    )


class Sending(Tap):
    to = serializers.CharField(max_length=20, help_text="User name of the person who is to go.")


class Reason(Tap):
    reason = serializers.CharField(max_length=1000)


class Urgency(Tap):
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class Note(Tap):
    note = serializers.CharField(max_length=1000)


class Details(Tap):
    """What is left out stays as it is."""

    equipment_code = serializers.CharField(
        required=False, allow_null=True, max_length=50, help_text="null: the whole line."
    )
    priority = serializers.ChoiceField(required=False, choices=PRIORITIES)


class Photo(Tap):
    photo = serializers.FileField(help_text="JPEG or PNG, at most 5 MB.")


class Deed(GenericAPIView[Any]):
    """Something done to one call. PUT and POST mean the same."""

    serializer_class = EventRow
    pagination_class = None
    body: type[Tap] = Tap
    only_answerers = True

    def act(self, call: Call, given: dict[str, Any], **tap: Any) -> None:
        raise NotImplementedError

    def _done(self, request: Request, pk: UUID) -> Response:
        call = find_call(pk)
        if self.only_answerers:
            check_may_answer(request.user, call)
        body = self.body(data=request.data)
        body.is_valid(raise_exception=True)
        given = dict(body.validated_data)
        try:
            self.act(call, given, by=request.user, now=database_now(), request_id=given.pop("request_id", None))
        except actions.CallRefused as refusal:
            raise Refused(refusal) from refusal
        return Response(EventRow(_one(pk)).data)


Act = Callable[..., object]
ESCALATIONS = "escalations"


def deed_view(
    name: str, act: Act, body: type[Tap], words: str, *, waiting: bool = False, of: str = "events"
) -> type[Deed]:
    """A view of its own for each deed, so that the OpenAPI document names it. `waiting`: also for those who wait.

    `of`: by which name the call is known in the address.
    """

    class View(Deed):
        # Which calls they may answer is looked at with the call.
        capability = Capability.RAISE_CALL if waiting else Capability.ANSWER_QUALITY_CALL

        @extend_schema(request=body, responses=EventRow, operation_id=f"andon_{of}_{name}", description=words)
        def post(self, request: Request, pk: UUID) -> Response:
            return self._done(request, pk)

        @extend_schema(request=body, responses=EventRow, operation_id=f"andon_{of}_{name}_put", description=words)
        def put(self, request: Request, pk: UUID) -> Response:
            return self._done(request, pk)

    if body is Photo:
        View.parser_classes = [MultiPartParser]
    View.body = body
    View.only_answerers = not waiting
    View.act = staticmethod(act)  # type: ignore[method-assign, assignment]
    View.__name__ = View.__qualname__ = name.title()
    return View


def _resolve(call: Call, given: dict[str, Any], **tap: Any) -> None:
    actions.resolve(call, given["resolution_notes"], work_order=given.get("work_order"), **tap)


def _acknowledge(call: Call, given: dict[str, Any], **tap: Any) -> None:
    actions.acknowledge(call, **tap)


def _escalate(call: Call, given: dict[str, Any], **tap: Any) -> None:
    actions.escalate(call, given["reason"], **tap)


def _transfer(call: Call, given: dict[str, Any], **tap: Any) -> None:
    to = User.objects.filter(username=given["to"]).first()
    if to is None:
        raise ValidationError({"to": ["There is no such person."]})
    actions.transfer(call, to, **tap)


@transaction.atomic
def _say_more(call: Call, given: dict[str, Any], request_id: UUID | None = None, **tap: Any) -> None:
    if "equipment_code" in given:
        code = given["equipment_code"]
        actions.name_machine(call, _machine(call.line, code) if code else None, request_id=request_id, **tap)
    if "priority" in given:
        its_own = uuid5(request_id, "priority") if request_id else None  # each deed has an id of its own
        actions.set_priority(call, Priority[given["priority"].upper()], request_id=its_own, **tap)


def _photo(call: Call, given: dict[str, Any], **tap: Any) -> None:
    actions.add_photo(call, actions.read_picture(given["photo"]), **tap)


COMING_WORDS = "Say that you are coming. The first wins; 409 names the winner."
RESOLVE_WORDS = "Close the call with what was done."
ESCALATE_WORDS = "Call the next level now, before it is due."

Acknowledge = deed_view("acknowledge", _acknowledge, Tap, COMING_WORDS)
Arrive = deed_view("arrive", lambda call, given, **tap: actions.arrive(call, **tap), Tap, "Say that you are there.")
Resolve = deed_view("resolve", _resolve, Resolution, RESOLVE_WORDS)
Transfer = deed_view("transfer", _transfer, Sending, "Send somebody else; they are told.")
Reject = deed_view(
    "reject",
    lambda call, given, **tap: actions.reject(call, given["reason"], **tap),
    Reason,
    "Close a call that needed nobody.",
)
Reopen = deed_view(
    "reopen",
    lambda call, given, **tap: actions.reopen(call, given["reason"], **tap),
    Reason,
    "It broke again, or was not put right. Possible for 24 hours.",
    waiting=True,
)
AddNote = deed_view(
    "note",
    lambda call, given, **tap: actions.add_note(call, given["note"], **tap),
    Note,
    "Say something that those who come should know.",
    waiting=True,
)
AddPhoto = deed_view("photo", _photo, Photo, "Show what it looks like.", waiting=True)
SayMore = deed_view("details", _say_more, Details, "Name the machine, or set the priority.", waiting=True)
Escalate = deed_view("escalate", _escalate, Urgency, ESCALATE_WORDS, waiting=True)
# An escalation is its call.
AcknowledgeEscalation = deed_view("acknowledge", _acknowledge, Tap, COMING_WORDS, of=ESCALATIONS)
ResolveEscalation = deed_view("resolve", _resolve, Resolution, RESOLVE_WORDS, of=ESCALATIONS)
EscalateFurther = deed_view("escalate", _escalate, Urgency, ESCALATE_WORDS, waiting=True, of=ESCALATIONS)
Cancel = deed_view(
    "cancel",
    lambda call, given, **tap: actions.cancel(call, **tap),
    Tap,
    "Take back a call raised by mistake, within five seconds, by whoever raised it.",
    waiting=True,
)


class PhotoFile(Asked):
    capability = Capability.VIEW_FLOOR

    @extend_schema(operation_id="andon_events_photo_file", responses={(200, "image/jpeg"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: UUID, event: int) -> HttpResponseBase:
        """A photo as JPEG. It never changes."""
        return photo_answer(pk, event)


# ---------------------------------------------------------------- who is called, and how it stands


class LevelRow(serializers.Serializer[Any]):
    clock = serializers.ChoiceField(choices=["ack", "resolve"], help_text="What the level waits for.")
    level = serializers.IntegerField(help_text="0: those who were called.")
    after_s = serializers.IntegerField(help_text="Since the call.")
    recipients = serializers.ListField(child=serializers.CharField(), help_text="Roles; empty: those of the type.")
    repeat_s = serializers.IntegerField(allow_null=True)
    events = serializers.ListField(child=serializers.UUIDField(), help_text="Open events that stand here.")


class LadderRow(serializers.Serializer[Any]):
    priority = serializers.ChoiceField(choices=PRIORITIES)
    levels = LevelRow(many=True)


class EscalationTree(Asked):
    capability = Capability.VIEW_FLOOR
    serializer_class = LadderRow

    @extend_schema(operation_id="andon_escalation_tree", responses=LadderRow(many=True))
    def get(self, request: Request) -> Response:
        """For each priority whom a call goes to and when, and which open calls stand where."""
        return Response(LadderRow([_ladder_row(one) for one in escalation_tree(database_now())], many=True).data)


def _ladder_row(ladder: Ladder) -> dict[str, Any]:
    return {
        "priority": ladder.priority,
        "levels": [
            {
                "clock": level.clock,
                "level": level.level,
                "after_s": level.after_s,
                "recipients": list(level.recipients),
                "repeat_s": level.repeat_s,
                "events": [call.id for call in level.calls],
            }
            for level in ladder.levels
        ],
    }


class DashboardRow(serializers.Serializer[Any]):
    open = serializers.IntegerField(help_text="Neither resolved, rejected nor taken back.")
    unacknowledged = serializers.IntegerField()
    escalated = serializers.IntegerField(help_text="Of those that nobody has acknowledged.")
    calls_this_shift = serializers.IntegerField()
    calls_last_10_min = serializers.IntegerField()
    median_wait_s = serializers.FloatField(allow_null=True, help_text="From raising to the first answer, this shift.")
    longest_open_since = PlantTime(allow_null=True)
    last_call_at = PlantTime(allow_null=True)
    events = EventRow(many=True, help_text="The open ones, the most urgent first.")


class Dashboard(Asked):
    capability = Capability.VIEW_FLOOR
    serializer_class = DashboardRow

    @extend_schema(operation_id="andon_dashboard")
    def get(self, request: Request) -> Response:
        """What the andon board shows."""
        tile = plant_calls_tile(database_now())
        order = {row.id: place for place, row in enumerate(tile.rows)}
        found = sorted(calls().filter(pk__in=order), key=lambda call: order[call.pk])
        site = Site.objects.order_by("code").first()
        zone = site.zone if site else ZoneInfo("UTC")
        return self.answer(
            {
                "open": len(tile.rows),
                "unacknowledged": sum(row.status == Status.OPEN for row in tile.rows),
                "escalated": tile.escalated,
                "calls_this_shift": tile.calls_this_shift,
                "calls_last_10_min": tile.calls_just_now,
                "median_wait_s": tile.median_wait_s,
                "longest_open_since": local(tile.longest_open_since, zone),
                "last_call_at": local(tile.last_call_at, zone),
                "events": event_rows(found),
            }
        )
