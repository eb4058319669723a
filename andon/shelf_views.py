"""The page of what is shelved: who silenced what, why and until when, and what had better be silenced."""

import uuid
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from andon import actions
from andon.clock import database_now
from andon.domain.call import Priority
from andon.domain.machine_calls import SAFETY
from andon.models import CallKind, Shelf
from andon.shelf_forms import HOURS, ShelveForm
from andon.shelves import shelves_ended, shelves_now, suggestions
from floor.models import Equipment, Line, User
from floor.roles import Capability, can, require
from floor.views.desk import page


@require_safe
@require(Capability.VIEW_FLOOR)
def shelves(request: HttpRequest) -> HttpResponse:
    now = database_now()
    code = request.GET.get("line", "")
    line = get_object_or_404(Line.objects.on_screen(), code=code) if code else None
    return page(
        request,
        "andon/shelves.html",
        now,
        here="shelves",
        lines=Line.objects.on_screen(),
        line_filter=line,
        standing=shelves_now(now, line),
        ended=shelves_ended(now, line),
        suggestions=suggestions(now, line),
        may_shelve=can(request.user, Capability.SHELVE_CALLS),
        kinds=CallKind.objects.filter(enabled=True, priority__lt=Priority.CRITICAL).exclude(code=SAFETY),
        machines=_machines(line),
        hours=HOURS,
        chosen=request.GET,
        fresh_id=uuid.uuid4(),
    )


def _machines(line: Line | None) -> Any:
    rows = Equipment.objects.filter(enabled=True, line__enabled=True).order_by("line__position", "position")
    return rows if line is None else rows.filter(line=line)


@require_POST
@require(Capability.SHELVE_CALLS)
def shelve(request: HttpRequest) -> HttpResponse:
    form = ShelveForm(request.POST)
    if not form.is_valid():
        return _answer(request, form.first_error(), 422, "BAD_FORM")
    try:
        shelf = put_on_shelf(form, cast(User, request.user))
    except actions.CallRefused as refusal:
        return _answer(request, str(refusal), 409, refusal.code)
    return _answer(request, f"{shelf} is shelved until {_clock(shelf)}.")


def put_on_shelf(form: ShelveForm, by: User) -> Shelf:
    given = form.cleaned_data
    how = {
        "by": by, "now": database_now(), "length": timedelta(hours=given["hours"]), "reason": given["reason"],
        "request_id": given["request_id"],
    }  # fmt: skip
    if "call_kind" in given:
        return actions.shelve_kind(given["machine"], given["call_kind"], **how)
    return actions.shelve_fault(given["machine"], given["bit"], **how)


@require_POST
@require(Capability.SHELVE_CALLS)
def unshelve(request: HttpRequest, pk: UUID) -> HttpResponse:
    shelf = get_object_or_404(Shelf, pk=pk)
    try:
        ended = actions.unshelve(shelf, by=cast(User, request.user), now=database_now())
    except actions.CallRefused as refusal:
        return _answer(request, str(refusal), 409, refusal.code)
    return _answer(request, f"{ended} may call again.")


def _clock(shelf: Shelf) -> str:
    return f"{timezone.localtime(shelf.ends_at, shelf.equipment.line.site.zone):%H:%M}"


def _answer(request: HttpRequest, message: str, status: int = 200, code: str = "") -> HttpResponse:
    if not request.accepts("text/html"):
        return JsonResponse({"message": message} | ({"code": code} if code else {}), status=status)
    (messages.error if code else messages.success)(request, message)
    return redirect("shelves")
