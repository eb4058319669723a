"""What the pages about calls share: who taps, and how the server answers a page or a script."""

import uuid
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone

from andon import actions
from andon.forms import Tap
from andon.models import Call
from floor.models import Site, User


def person(request: HttpRequest) -> User:
    return cast(User, request.user)


def find_call(pk: UUID) -> Call:
    people = ("acknowledged_by", "arrived_by", "resolved_by")
    return get_object_or_404(Call.objects.for_screen().select_related(*people), pk=pk)


def tap(request: HttpRequest) -> dict[str, Any]:
    """Who did it, and the id that makes a repeated tap the same fact."""
    form = Tap(request.POST)
    return {"by": person(request), "request_id": form.cleaned_data["request_id"] if form.is_valid() else None}


def wants_json(request: HttpRequest) -> bool:
    return not request.accepts("text/html")


def refused(request: HttpRequest, refusal: actions.CallRefused) -> HttpResponse | None:
    """The refusal for a script; None for a page, which shows it in its own place."""
    if not wants_json(request):
        return None
    answer = {"code": refusal.code, "message": str(refusal)}
    if isinstance(refusal, actions.AlreadyOpen):
        answer["next"] = f"{reverse('call-details', args=[refusal.call.pk])}?again=1"
    return JsonResponse(answer, status=409)


def page(
    request: HttpRequest, template: str, context: dict[str, Any], site: Site | None, now: datetime, status: int = 200
) -> HttpResponse:
    context |= {"now": now, "zone": site.time_zone if site else "UTC", "fresh_id": uuid.uuid4}
    with timezone.override(site.zone if site else None):
        answer = render(request, template, context, status=status)
    answer["Cache-Control"] = "no-store"
    return answer
