"""What people do about an hour of the production board."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from floor.domain.reach import is_within_reach
from floor.models import Line, User
from floor.roles import Capability, require
from oee.actions.hour_board import sign_off_hour, write_countermeasure
from oee.actions.refusals import ImpossibleTime, NeedsSupervisor

REFUSALS: dict[type[Exception], int] = {ImpossibleTime: 422, NeedsSupervisor: 403}


class CountermeasureForm(forms.Form):
    """`preset` is the button that was tapped, `text` what was typed before; both together are one sentence."""

    preset = forms.CharField(max_length=100, required=False)
    text = forms.CharField(max_length=180, required=False)
    who = forms.CharField(max_length=60, required=False)
    request_id = forms.UUIDField(required=False)

    def sentence(self) -> str:
        words = [self.cleaned_data["preset"], self.cleaned_data["text"]]
        return ", ".join(word.strip() for word in words if word.strip())


def _answer(request: HttpRequest, code: str, deed: Callable[[], str]) -> HttpResponse:
    try:
        message, status, refusal = deed(), 200, ""
    except tuple(REFUSALS) as refused:
        message, status, refusal = str(refused), REFUSALS[type(refused)], type(refused).__name__
    if not request.accepts("text/html"):
        return JsonResponse({"code": refusal, "message": message} if refusal else {"message": message}, status=status)
    (messages.error if refusal else messages.success)(request, message)
    return redirect("line-hours", code)


def _given(request: HttpRequest, code: str, hour: int) -> tuple[Line, datetime, dict[str, Any]]:
    line = get_object_or_404(Line.objects.on_screen(), code=code)
    try:
        moment = datetime.fromtimestamp(hour, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise Http404("There is no such hour.") from error
    if not is_within_reach(moment):
        raise Http404("There is no such hour.")
    return line, moment, {"by": cast(User, request.user), "now": timezone.now()}


@require_POST
@require(Capability.CONTROL_PRODUCTION)
def countermeasure(request: HttpRequest, code: str, hour: int) -> HttpResponse:
    """Say what is done about an hour; a later word replaces the earlier."""
    line, moment, who = _given(request, code, hour)
    form = CountermeasureForm(request.POST)

    def deed() -> str:
        if not form.is_valid():
            raise ImpossibleTime("Say it in at most 180 letters.")
        given = form.cleaned_data
        row = write_countermeasure(
            line, moment, form.sentence(), who=given["who"], request_id=given["request_id"] or uuid.uuid4(), **who
        )
        return row.text

    return _answer(request, code, deed)


@require_POST
@require(Capability.CONFIRM_STOP)
def sign_off(request: HttpRequest, code: str, hour: int) -> HttpResponse:
    line, moment, who = _given(request, code, hour)

    def deed() -> str:
        signed = sign_off_hour(line, moment, **who)
        return f"{moment.astimezone(line.site.zone):%H:%M} signed off by {signed.author}"

    return _answer(request, code, deed)
