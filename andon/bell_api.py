"""The bell over the API, and the messages that did not get through."""

from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from andon.actions.bell import NothingToDo, give_up, read_bell, try_again
from andon.clock import database_now
from andon.models import CallEvent, Notification
from floor.models import User
from floor.rest import Asked, AskedList, PlantTime, Query, local
from floor.roles import Capability


class NotificationRow(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    event_id = serializers.UUIDField(help_text="The call.")
    line = serializers.CharField()
    equipment = serializers.CharField(allow_null=True)
    action = serializers.ChoiceField(choices=CallEvent.What.values)
    text = serializers.CharField()
    channel = serializers.ChoiceField(choices=Notification.Channel.values)
    receiver = serializers.CharField(help_text="A person's user name, or the name of one of the plant's webhooks.")
    state = serializers.CharField(help_text="on its way, handed over, delivered, read, given up; or not sent.")
    created_at = PlantTime()
    held_until = PlantTime(allow_null=True, help_text="It was quiet: not before then.")
    summary = serializers.UUIDField(allow_null=True, help_text="The message that told it together with others.")
    tries = serializers.IntegerField()
    error = serializers.CharField()
    sent_at = PlantTime(allow_null=True)
    delivered_at = PlantTime(allow_null=True)
    read_at = PlantTime(allow_null=True)
    failed_at = PlantTime(allow_null=True)


def notification_row(message: Notification) -> dict[str, Any]:
    call = message.call
    times = ("created_at", "held_until", "sent_at", "delivered_at", "read_at", "failed_at")
    return {
        "id": message.pk,
        "event_id": call.pk,
        "line": call.line.code,
        "equipment": call.equipment.code if call.equipment else None,
        "action": message.event.what,
        "text": message.event.text,
        "channel": message.channel,
        "receiver": message.recipient.username if message.recipient else str(message.target),
        "state": message.state,
        "summary": message.bundled_into_id,
        "tries": message.tries,
        "error": message.error,
        **{name: local(getattr(message, name), call.line.site.zone) for name in times},
    }


class BellQuery(Query):
    unread = serializers.BooleanField(required=False, help_text="Only what is new.")


class Notifications(AskedList):
    """What the bell of the person who asks shows, the newest first."""

    capability = Capability.VIEW_FLOOR
    serializer_class = NotificationRow
    query = BellQuery

    def get_queryset(self) -> QuerySet[Notification]:
        person = cast(User, self.request.user)
        rows = Notification.objects.unread(person) if self.asked.get("unread") else Notification.objects.bell(person)
        return rows.for_delivery().order_by("-created_at", "-pk")

    def rows(self, page: list[Notification]) -> list[dict[str, Any]]:
        return [notification_row(message) for message in page]


class ReadRow(serializers.Serializer[Any]):
    read = serializers.IntegerField(help_text="How many were new.")


class ReadNotifications(Asked):
    capability = Capability.VIEW_FLOOR
    serializer_class = ReadRow

    @extend_schema(request=None, responses=ReadRow, operation_id="andon_notifications_read")
    def post(self, request: Request) -> Response:
        """Say that all that the bell shows has been read."""
        return self.answer({"read": read_bell(cast(User, request.user), now=database_now())})


class Undelivered(AskedList):
    """Messages that were given up, or have been tried in vain so far."""

    capability = Capability.MONITOR_SYSTEM
    serializer_class = NotificationRow

    def get_queryset(self) -> QuerySet[Notification]:
        return Notification.objects.in_trouble().for_delivery().order_by("-created_at", "-pk")

    def rows(self, page: list[Notification]) -> list[dict[str, Any]]:
        return [notification_row(message) for message in page]


class NothingLeft(APIException):
    """409: it went out, or was given up, meanwhile."""

    status_code = 409
    error_code = "MESSAGE_NOT_WAITING"


class _LookAfter(Asked):
    capability = Capability.MONITOR_SYSTEM
    serializer_class = NotificationRow

    def look_after(self, request: Request, pk: UUID, deed: Any) -> Response:
        message = _find(pk)
        try:
            deed(message, by=cast(User, request.user), now=database_now())
        except NothingToDo as nothing:
            raise NothingLeft(str(nothing)) from nothing
        return self.answer(notification_row(_find(pk)))


def _find(pk: UUID) -> Notification:
    found = Notification.objects.for_delivery().filter(pk=pk).first()
    if found is None:
        raise Http404("There is no such message.")
    return found


class TryAgain(_LookAfter):
    @extend_schema(request=None, responses=NotificationRow, operation_id="andon_undelivered_again")
    def post(self, request: Request, pk: UUID) -> Response:
        """Begin anew with a message that did not get through."""
        return self.look_after(request, pk, try_again)


class GiveUp(_LookAfter):
    @extend_schema(request=None, responses=NotificationRow, operation_id="andon_undelivered_give_up")
    def post(self, request: Request, pk: UUID) -> Response:
        """Stop trying to hand a message over."""
        return self.look_after(request, pk, give_up)
