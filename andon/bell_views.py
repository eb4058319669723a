"""The bell: what a person was told, how they want to be told, and the messages that did not get through."""

from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from andon.actions.bell import NothingToDo, choose_ways, give_up, read_bell, see_call, try_again
from andon.actions.notifications import USUAL
from andon.clock import database_now
from andon.domain.call import Priority
from andon.domain.reach import Way
from andon.models import Notification, PersonalWay, WebhookTarget
from floor.models import User
from floor.roles import Capability, can, require
from floor.views.desk import page

SHOWN = 100
FROM = [
    (Priority.LOW.value, "every call"),
    (Priority.MEDIUM.value, "medium and above"),
    (Priority.HIGH.value, "high and above"),
    (Priority.CRITICAL.value, "critical only"),
]


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)


class WaysForm(forms.Form):
    first = forms.ChoiceField(choices=[("email", "E-mail"), ("webhook", "Webhook")], label="First by")
    email = forms.TypedChoiceField(choices=FROM, coerce=int, label="E-mail for")
    webhook = forms.TypedChoiceField(choices=FROM, coerce=int, label="Webhook for")

    def ways(self) -> list[Way]:
        given = self.cleaned_data
        order = sorted(("email", "webhook"), key=lambda channel: channel != given["first"])
        return [Way(channel, Priority(given[channel])) for channel in order]


def _chosen(person: User) -> dict[str, Any]:
    rows = list(PersonalWay.objects.filter(person=person).order_by("position"))
    least = {row.channel: row.least for row in rows}
    first = rows[0].channel if rows else str(USUAL[0])
    return {"first": first, **{channel: least.get(channel, Priority.LOW.value) for channel in ("email", "webhook")}}


@dataclass(frozen=True, slots=True)
class BellRow:
    message: Notification
    is_new: bool
    call_is: str


@require_safe
@require(Capability.VIEW_FLOOR)
def bell(request: HttpRequest) -> HttpResponse:
    return _bell_page(request, WaysForm(initial=_chosen(_person(request))))


def _bell_page(request: HttpRequest, form: WaysForm, status: int = 200) -> HttpResponse:
    person = _person(request)
    found = Notification.objects.bell(person).select_related("event", "call__line", "call__equipment", "call__kind")
    rows = [BellRow(one, one.read_at is None, one.call.status) for one in found.order_by("-created_at", "-pk")[:SHOWN]]
    answer = page(
        request, "andon/bell.html", database_now(), here="bell",
        rows=rows, form=form, shown=SHOWN, webhook=WebhookTarget.objects.filter(person=person, enabled=True).first(),
        may_look_after=can(person, Capability.MONITOR_SYSTEM),
    )  # fmt: skip
    answer.status_code = status
    return answer


@require_POST
@require(Capability.VIEW_FLOOR)
def read(request: HttpRequest) -> HttpResponse:
    read_bell(_person(request), now=database_now())
    return redirect("bell")


@require_POST
@require(Capability.VIEW_FLOOR)
def open_message(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Go to the call; whatever told this person of it has been read."""
    message = get_object_or_404(Notification.objects.select_related("call"), pk=pk, recipient=_person(request))
    see_call(message.call, by=_person(request), now=database_now())
    return redirect("call", message.call_id)


@require_POST
@require(Capability.VIEW_FLOOR)
def choose(request: HttpRequest) -> HttpResponse:
    form = WaysForm(request.POST)
    if not form.is_valid():
        return _bell_page(request, form, status=400)
    choose_ways(_person(request), form.ways(), now=database_now())
    messages.success(request, "Kept. It holds from the next message on.")
    return redirect("bell")


# ---------------------------------------------------------------- what did not get through


@require_safe
@require(Capability.MONITOR_SYSTEM)
def undelivered(request: HttpRequest) -> HttpResponse:
    rows = Notification.objects.in_trouble().for_delivery().order_by("failed_at", "-created_at")
    return page(request, "andon/undelivered.html", database_now(), here="bell", rows=rows[:SHOWN], shown=SHOWN)


@require_POST
@require(Capability.MONITOR_SYSTEM)
def again(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _look_after(request, pk, try_again, "It is tried again now.")


@require_POST
@require(Capability.MONITOR_SYSTEM)
def stop_trying(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _look_after(request, pk, give_up, "Given up.")


def _look_after(request: HttpRequest, pk: UUID, deed: Any, done: str) -> HttpResponse:
    message = get_object_or_404(Notification.objects.for_delivery(), pk=pk)
    try:
        deed(message, by=_person(request), now=database_now())
    except NothingToDo as nothing:
        messages.error(request, str(nothing))
    else:
        messages.success(request, f"{message.receiver}, {message.call}: {done}")
    return redirect("undelivered")
