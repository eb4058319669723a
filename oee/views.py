"""What people do with stops."""

import uuid
from typing import cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from floor.models import User
from floor.roles import Capability, require
from oee.actions.refusals import ShiftClosed, StopGone, UnknownReason
from oee.actions.stops import code_stop
from oee.forms import CodeStopForm

REFUSALS: dict[type[Exception], int] = {UnknownReason: 422, StopGone: 410, ShiftClosed: 403}


@require_POST
@require(Capability.CODE_STOP)
def code(request: HttpRequest, stop: UUID) -> HttpResponse:
    """Give a stop its reason, then go back to where the tap came from."""
    form = CodeStopForm(request.POST)
    if not form.is_valid():
        return _refused(request, 422, "BAD_FORM", "Choose a reason from the list.")
    try:
        coding = code_stop(
            stop,
            form.cleaned_data["reason"],
            by=cast(User, request.user),
            now=timezone.now(),
            request_id=form.cleaned_data["request_id"] or uuid.uuid4(),
            comment=form.cleaned_data["comment"],
        )
    except tuple(REFUSALS) as refusal:
        return _refused(request, REFUSALS[type(refusal)], type(refusal).__name__, str(refusal))
    return redirect("line", coding.equipment.line.code)


def _refused(request: HttpRequest, status: int, code: str, message: str) -> HttpResponse:
    if request.accepts("text/html"):
        return HttpResponse(message, status=status, content_type="text/plain; charset=utf-8")
    return JsonResponse({"code": code, "message": message}, status=status)
