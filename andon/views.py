"""Calling for help and answering, with one tap each; every page works before any script has loaded."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from andon import actions
from andon.access import check_may_answer, may_answer
from andon.actions.bell import see_call
from andon.clock import database_now
from andon.domain.call import UNDO_WITHIN, Priority, Status
from andon.forms import RaiseForm, ResolveForm, Tap
from andon.models import Call
from andon.tiles import OTHER_NOTES, QUICK_NOTES, answers_tile, call_choices, row
from floor.models import Equipment, Line, Site, User
from floor.roles import Capability, can, require


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)


# ---------------------------------------------------------------- raise


@require_http_methods(["GET", "HEAD", "POST"])
@ensure_csrf_cookie
@require(Capability.RAISE_CALL)
def raise_(request: HttpRequest, code: str) -> HttpResponse:
    """The call sheet. One tap on it sends the call; then it offers to take it back."""
    line = get_object_or_404(Line.objects.on_screen(), code=code)
    if request.method != "POST":
        return _sheet(request, line)
    try:
        call = _raise(request, line)
    except actions.CallRefused as refusal:
        return _refused(request, refusal) or _sheet(request, line, str(refusal), status=409)
    if _wants_json(request):
        return JsonResponse(_sent(call), status=201)
    return redirect(f"{reverse('raise-call', args=[code])}?sent={call.pk}")


def _raise(request: HttpRequest, line: Line) -> Call:
    form = RaiseForm(request.POST)
    if not form.is_valid():
        raise actions.NoSuchKind("Choose what help is needed.")
    given = form.cleaned_data
    return actions.raise_call(
        line,
        given["kind"],
        by=_person(request),
        now=database_now(),
        request_id=given["request_id"] or uuid.uuid4(),
        equipment=_machine(given["equipment"]),
        priority=Priority[given["priority"].upper()] if given["priority"] else None,
        note=given["note"],
    )


def _machine(code: str) -> Equipment | None:
    if not code:
        return None
    machine = Equipment.objects.filter(code=code).first()
    if machine is None:
        raise actions.WrongMachine(f"There is no machine {code}.")
    return machine


def _sent(call: Call) -> dict[str, object]:
    """What a script needs to show that the call is out, and to take it back."""
    return {
        "id": str(call.pk),
        "message": f"{call.kind.label} called",
        "undo": reverse("cancel-call", args=[call.pk]),
        "undo_s": UNDO_WITHIN.total_seconds(),
    }


def _sheet(request: HttpRequest, line: Line, error: str = "", status: int = 200) -> HttpResponse:
    now = database_now()
    context = {"call_line": line, "choices": call_choices(now), "error": error, "sent": _just_sent(request, line)}
    return _page(request, "andon/sheet.html", context, line.site, now, status)


def _just_sent(request: HttpRequest, line: Line) -> dict[str, object] | None:
    """The call that this page's last tap sent, while it can still be taken back or answered."""
    try:
        pk = UUID(request.GET.get("sent", ""))
    except ValueError:
        return None
    call = Call.objects.for_screen().live().filter(pk=pk, line=line, raised_by=_person(request)).first()
    return {"call": call, "until": call.raised_at + UNDO_WITHIN} if call else None


# ---------------------------------------------------------------- answer


@require_safe
@ensure_csrf_cookie
@require(Capability.VIEW_FLOOR)
def board(request: HttpRequest) -> HttpResponse:
    now = database_now()
    context = {
        "tile": answers_tile(now),
        "notes": sorted({note for notes in QUICK_NOTES.values() for note in notes}),
        "answers": can(request.user, Capability.ANSWER_QUALITY_CALL),
    }
    return _page(request, "andon/board.html", context, Site.objects.order_by("code").first(), now)


@require_safe
@ensure_csrf_cookie
@require(Capability.VIEW_FLOOR)
def call(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = _find(pk)
    see_call(found, by=_person(request), now=database_now())
    return _call_page(request, found)


def _find(pk: UUID) -> Call:
    return get_object_or_404(Call.objects.for_screen(), pk=pk)


def _call_page(request: HttpRequest, found: Call, error: str = "", status: int = 200) -> HttpResponse:
    """One call: how it went so far, and what can be done with it."""
    now = database_now()
    answerable = found.status in (Status.OPEN, Status.ACKNOWLEDGED, Status.ARRIVED)
    context = {
        "call": row(found, now),
        "found": found,
        "events": found.events.select_related("by").order_by("at", "pk"),
        "notes": QUICK_NOTES.get(found.kind_id, OTHER_NOTES),
        "answers": answerable and may_answer(request.user, found),
        "error": error,
    }
    return _page(request, "andon/call.html", context, found.line.site, now, status)


Deed = Callable[[HttpRequest, Call, datetime], Call]


def _answer(request: HttpRequest, pk: UUID, deed: Deed) -> HttpResponse:
    found = _find(pk)
    try:
        done = deed(request, found, database_now())
    except actions.CallRefused as refusal:
        return _refused(request, refusal) or _call_page(request, _find(pk), str(refusal), status=409)
    if _wants_json(request):
        return JsonResponse({"id": str(done.pk), "status": done.status})
    return redirect("andon-board")


def _tap(request: HttpRequest) -> dict[str, Any]:
    form = Tap(request.POST)
    return {"by": _person(request), "request_id": form.cleaned_data["request_id"] if form.is_valid() else None}


def _acknowledge(request: HttpRequest, found: Call, now: datetime) -> Call:
    check_may_answer(request.user, found)
    return actions.acknowledge(found, now=now, **_tap(request))


def _arrive(request: HttpRequest, found: Call, now: datetime) -> Call:
    check_may_answer(request.user, found)
    return actions.arrive(found, now=now, **_tap(request))


def _resolve(request: HttpRequest, found: Call, now: datetime) -> Call:
    check_may_answer(request.user, found)
    form = ResolveForm(request.POST)
    if not form.is_valid():
        raise actions.NoteMissing("Say in at most 1000 letters what was done.")
    return actions.resolve(found, form.said(), now=now, **_tap(request))


def _cancel(request: HttpRequest, found: Call, now: datetime) -> Call:
    return actions.cancel(found, now=now, **_tap(request))


@require_POST
@require(Capability.ANSWER_QUALITY_CALL)
def acknowledge(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _answer(request, pk, _acknowledge)


@require_POST
@require(Capability.ANSWER_QUALITY_CALL)
def arrive(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _answer(request, pk, _arrive)


@require_POST
@require(Capability.ANSWER_QUALITY_CALL)
def resolve(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _answer(request, pk, _resolve)


@require_POST
@require(Capability.RAISE_CALL)
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take a call back; without scripts, the next page is the line the call came from."""
    answer = _answer(request, pk, _cancel)
    return redirect("line", _find(pk).line.code) if answer.status_code == 302 else answer


# ---------------------------------------------------------------- answers of the server


def _wants_json(request: HttpRequest) -> bool:
    return not request.accepts("text/html")


def _refused(request: HttpRequest, refusal: actions.CallRefused) -> HttpResponse | None:
    """The refusal for a script; None for a page, which shows it in its own place."""
    if not _wants_json(request):
        return None
    return JsonResponse({"code": refusal.code, "message": str(refusal)}, status=409)


def _page(
    request: HttpRequest, template: str, context: dict[str, Any], site: Site | None, now: datetime, status: int = 200
) -> HttpResponse:
    context |= {"now": now, "zone": site.time_zone if site else "UTC", "fresh_id": uuid.uuid4}
    with timezone.override(site.zone if site else None):
        return render(request, template, context, status=status)
