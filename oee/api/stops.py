"""Stops over the API: what the machine reported, and what people say about it."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID, uuid4

from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from floor.models import Equipment, User
from floor.rest import Asked, AskedList, PlantTime, Query, as_uuid, find_line, find_machine, given, local
from floor.roles import Capability
from oee.actions import stops as saying
from oee.actions.stops import NOT_SEEN
from oee.api.reasons import ReasonRow
from oee.domain.clock import SECOND_MS, from_ms
from oee.domain.ledger import LOSS_CLASSES, Kind, Part
from oee.models import ManualStop, Stop, StopConfirmation, StopMerge, StopReason
from oee.parts import parts_of

KINDS = [kind.value for kind in (Kind.MINOR, *LOSS_CLASSES)]


class StopRow(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    line = serializers.CharField()
    equipment = serializers.CharField()
    started_at = PlantTime()
    ended_at = PlantTime(allow_null=True, help_text="null: still standing.")
    duration_s = serializers.FloatField()
    status = serializers.ChoiceField(choices=["open", "ended"])
    is_minor = serializers.BooleanField()
    kind = serializers.ChoiceField(choices=KINDS, help_text="What its last part is taken for.")
    fault_text = serializers.CharField()
    why = serializers.CharField(help_text="What the machine reported around the beginning.")
    suggestion = ReasonRow(allow_null=True)
    reason = ReasonRow(allow_null=True)
    comment = serializers.CharField()
    coded_by = serializers.CharField(allow_null=True)
    coded_at = PlantTime(allow_null=True)
    coding = serializers.IntegerField(
        allow_null=True, help_text="The last thing said about it; send it back as `seen` with a change."
    )


class PartRow(serializers.Serializer[Any]):
    """A piece of a stop under one verdict."""

    starts_at = PlantTime()
    ends_at = PlantTime()
    lasted_s = serializers.FloatField()
    kind = serializers.ChoiceField(choices=KINDS)
    reason = ReasonRow(allow_null=True)
    planned_stop = serializers.IntegerField(allow_null=True, help_text="The planned stop that explains it.")


class StopDetail(StopRow):
    parts = PartRow(many=True)
    confirmed_by = serializers.CharField(allow_null=True, help_text="Who agreed with what is said now.")
    confirmed_at = PlantTime(allow_null=True)
    is_merged = serializers.BooleanField(help_text="It is one of several; DELETE its `merge` separates them.")


class RequestIn(serializers.Serializer[Any]):
    comment = serializers.CharField(max_length=1000, required=False, allow_blank=True, default="")
    request_id = serializers.UUIDField(
        required=False, help_text="Made by the sender, so that a second try is harmless."
    )


class SeenIn(RequestIn):
    seen = serializers.IntegerField(
        required=False,
        allow_null=True,
        help_text="`coding` of the stop as you saw it; 409 when somebody has said something since.",
    )


class CodingIn(SeenIn):
    reason_code = serializers.CharField(max_length=40)
    part_start = PlantTime(required=False, help_text="Where the part begins that is meant; without it the whole stop.")


class SplitIn(SeenIn):
    at = PlantTime(help_text="A moment inside one of its parts.")
    before = serializers.CharField(max_length=40, required=False, help_text="Reason of the piece before `at`.")
    after = serializers.CharField(max_length=40, required=False, help_text="Reason of the piece after `at`.")


class MergeIn(serializers.Serializer[Any]):
    other = serializers.UUIDField(help_text="Another stop of the same machine; those between them are taken along.")
    run_is_stop = serializers.BooleanField(
        required=False, default=False, help_text="The machine did not really run between them."
    )
    request_id = serializers.UUIDField(required=False)


class ManualStopIn(RequestIn):
    equipment = serializers.CharField(max_length=50, help_text="A machine's code or id.")
    started_at = PlantTime()
    ended_at = PlantTime()
    reason_code = serializers.CharField(max_length=40)


class ManualStopRow(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    equipment = serializers.CharField()
    started_at = PlantTime()
    ended_at = PlantTime()
    comment = serializers.CharField()
    author = serializers.CharField()
    made_at = PlantTime()
    withdrawn_by = serializers.CharField(allow_null=True)


def body_machine(code: str) -> Equipment:
    """The machine that a body names."""
    try:
        return find_machine(code)
    except Http404 as error:
        raise ValidationError({"equipment": [str(error)]}) from error


def said(request: Request, words: dict[str, Any]) -> dict[str, Any]:
    """Who says it, when, and under which name the request is known."""
    by, now = cast(User, request.user), timezone.now()
    return {"by": by, "now": now, "request_id": words.get("request_id") or uuid4()}


def stop_id(key: str) -> UUID:
    found = as_uuid(key)
    if found is None:
        raise Http404("There is no such stop.")
    return found


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
        "kind": stop.kind,
        "fault_text": stop.fault_text,
        "why": stop.proposed_why,
        "suggestion": stop.proposed_reason,
        "reason": reason,
        "comment": coding.comment if coding else "",
        "coded_by": str(coding.author) if coding else None,
        "coded_at": local(coding.made_at, zone) if coding else None,
        "coding": stop.coding_id,
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
LISTED = {"GET": Capability.VIEW_FLOOR, "POST": Capability.CODE_STOP}


def manual_row(note: ManualStop) -> dict[str, Any]:
    zone = note.equipment.line.site.zone
    return {
        "id": note.pk,
        "equipment": note.equipment.code,
        "started_at": local(note.starts_at, zone),
        "ended_at": local(note.ends_at, zone),
        "comment": note.comment,
        "author": str(note.author),
        "made_at": local(note.made_at, zone),
        "withdrawn_by": str(note.withdrawn_by) if note.withdrawn_by else None,
    }


class StopList(AskedList):
    """Stops, the newest first."""

    capability = LISTED
    serializer_class = StopRow
    query = StopQuery

    @extend_schema(operation_id="stops", parameters=[StopQuery])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(operation_id="add_stop", request=ManualStopIn, responses={201: ManualStopRow})
    def post(self, request: Request) -> Response:
        """A stop that a person saw while the controller was silent."""
        words = given(ManualStopIn, request)
        machine = body_machine(words["equipment"])
        note = saying.add_stop(
            machine,
            words["started_at"],
            words["ended_at"],
            words["reason_code"],
            comment=words["comment"],
            **said(request, words),
        )
        return Response(ManualStopRow(manual_row(note)).data, status=201)

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


def detail_row(stop: Stop, now: datetime) -> dict[str, Any]:
    """Five more questions than the row of a list."""
    agreed = _agreement(stop)
    zone = stop.line.site.zone
    return {
        **stop_row(stop, now),
        "parts": _part_rows(stop, now),
        "confirmed_by": str(agreed.author) if agreed else None,
        "confirmed_at": local(agreed.made_at, zone) if agreed else None,
        "is_merged": _merge_of(stop) is not None,
    }


def _part_rows(stop: Stop, now: datetime) -> list[dict[str, Any]]:
    parts = parts_of(stop.line, [stop], now)[stop.id]
    reasons = StopReason.objects.in_bulk([part.reason for part in parts if part.reason])
    return [_part_row(stop, part, reasons) for part in parts]


def _part_row(stop: Stop, part: Part, reasons: dict[Any, StopReason]) -> dict[str, Any]:
    zone = stop.line.site.zone
    return {
        "starts_at": local(from_ms(part.start), zone),
        "ends_at": local(from_ms(part.end), zone),
        "lasted_s": (part.end - part.start) / SECOND_MS,
        "kind": part.kind.value,
        "reason": reasons.get(part.reason) if part.reason else None,
        "planned_stop": part.planned,
    }


def _agreement(stop: Stop) -> StopConfirmation | None:
    """The last one, unless something was said after it."""
    rows = StopConfirmation.objects.filter(equipment=stop.equipment_id, stop_started_at=stop.started_at)
    last = rows.select_related("author").order_by("-made_at").first()
    return None if last is None or (stop.coding and stop.coding.made_at > last.made_at) else last


def _merge_of(stop: Stop) -> StopMerge | None:
    around = StopMerge.objects.standing().filter(
        equipment=stop.equipment_id, starts_at__lte=stop.started_at, ends_at__gt=stop.started_at
    )
    return around.order_by("-pk").first()


class AboutOneStop(Asked):
    """Says something about a stop and answers with the stop as it stands then."""

    serializer_class = StopDetail

    def told(self, key: str) -> Response:
        return self.answer(detail_row(find_stop(key), timezone.now()))


class OneStop(AboutOneStop):
    capability = {"GET": Capability.VIEW_FLOOR, "PUT": Capability.CODE_STOP}

    @extend_schema(operation_id="stop")
    def get(self, request: Request, stop: str) -> Response:
        """One stop, with the parts into which people cut it."""
        return self.told(stop)

    @extend_schema(operation_id="code_stop", request=CodingIn)
    def put(self, request: Request, stop: str) -> Response:
        """Give a stop, or a part of it, its reason. The same `request_id` twice is one coding."""
        words = given(CodingIn, request)
        saying.code_stop(
            stop_id(stop),
            words["reason_code"],
            comment=words["comment"],
            start=words.get("part_start"),
            seen=words.get("seen", NOT_SEEN),
            **said(request, words),
        )
        return self.told(stop)


class ConfirmStop(AboutOneStop):
    capability = Capability.CONFIRM_STOP

    @extend_schema(operation_id="confirm_stop", request=SeenIn)
    def post(self, request: Request, stop: str) -> Response:
        """A supervisor agrees with what is said about a stop."""
        words = given(SeenIn, request)
        seen = words.get("seen", NOT_SEEN)
        saying.confirm_stop(stop_id(stop), comment=words["comment"], seen=seen, **said(request, words))
        return self.told(stop)


class SplitStop(AboutOneStop):
    capability = Capability.CODE_STOP

    @extend_schema(operation_id="split_stop", request=SplitIn)
    def post(self, request: Request, stop: str) -> Response:
        """Cut a stop in two. A piece without a reason keeps what was said about it."""
        words = given(SplitIn, request)
        saying.split_stop(
            stop_id(stop),
            words["at"],
            before=words.get("before"),
            after=words.get("after"),
            comment=words["comment"],
            seen=words.get("seen", NOT_SEEN),
            **said(request, words),
        )
        return self.told(stop)


class MergeStops(AboutOneStop):
    capability = Capability.CODE_STOP

    @extend_schema(operation_id="merge_stops", request=MergeIn)
    def post(self, request: Request, stop: str) -> Response:
        """Two stops of a machine, and those between them, are one; answers with that one."""
        words = given(MergeIn, request)
        merge = saying.merge_stops(
            stop_id(stop), words["other"], run_is_stop=words["run_is_stop"], **said(request, words)
        )
        # Said again later, it may have become part of a longer one.
        one = stops().filter(equipment=merge.equipment_id, started_at__lte=merge.starts_at).first()
        if one is None:
            raise Http404("This stop is not there any more.")
        return self.answer(detail_row(one, timezone.now()))

    @extend_schema(operation_id="separate_stops")
    def delete(self, request: Request, stop: str) -> Response:
        """Take the last merge of this stop back."""
        merge = _merge_of(find_stop(stop))
        if merge is None:
            raise Http404("This stop is not one of several.")
        saying.separate_stops(merge.pk, by=cast(User, request.user), now=timezone.now())
        return self.told(stop)


class OneManualStop(Asked):
    capability = Capability.CODE_STOP
    serializer_class = ManualStopRow

    @extend_schema(operation_id="take_back_stop", responses=ManualStopRow)
    def delete(self, request: Request, manual: int) -> Response:
        """A stop that was entered by hand did not happen. The entry stays to be read."""
        if not ManualStop.objects.filter(pk=manual).exists():
            raise Http404("There is no such entry.")
        note = saying.take_back_stop(manual, by=cast(User, request.user), now=timezone.now())
        return self.answer(manual_row(note))


class ActiveStops(AskedList):
    """Stops that are going on, the newest first."""

    capability = Capability.VIEW_FLOOR
    serializer_class = StopRow

    @extend_schema(operation_id="active_stops")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Stop]:
        return stops().filter(ended_at=None)

    def rows(self, page: list[Stop]) -> list[dict[str, Any]]:
        now = timezone.now()
        return [stop_row(stop, now) for stop in page]
