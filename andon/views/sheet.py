"""The call sheet: one tap sends the call, then it offers to take it back and to say more."""

import uuid
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_http_methods, require_POST

from andon import actions
from andon.clock import database_now
from andon.domain.call import LIVE, UNDO_WITHIN, Priority
from andon.forms import DetailForm, RaiseForm
from andon.models import Call
from andon.tiles import call_choices, row
from andon.views.page import find_call, page, person, refused, tap, wants_json
from floor.models import Equipment, Line
from floor.roles import Capability, require

SAID = ("noted", "priority", "photo")

# ---------------------------------------------------------------- raise


@require_http_methods(["GET", "HEAD", "POST"])
@ensure_csrf_cookie
@require(Capability.RAISE_CALL)
def raise_(request: HttpRequest, code: str) -> HttpResponse:
    line = get_object_or_404(Line.objects.select_related("site"), code=code)
    if request.method != "POST":
        return _sheet(request, line)
    try:
        call = _raise(request, line)
    except actions.AlreadyOpen as refusal:
        return refused(request, refusal) or _details(request, refusal.call, error=str(refusal), status=409)
    except actions.CallRefused as refusal:
        return refused(request, refusal) or _sheet(request, line, str(refusal), status=409)
    if wants_json(request):
        return JsonResponse(_sent(call), status=201)
    return redirect("call-details", call.pk)


def _raise(request: HttpRequest, line: Line) -> Call:
    form = RaiseForm(request.POST)
    if not form.is_valid():
        raise actions.NoSuchKind("Choose what help is needed.")
    given = form.cleaned_data
    return actions.raise_call(
        line,
        given["kind"],
        by=person(request),
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
    """What a script needs to show that the call is out, to take it back and to say more."""
    return {
        "id": str(call.pk),
        "message": f"{call.kind.label} called",
        "undo": reverse("cancel-call", args=[call.pk]),
        "undo_s": UNDO_WITHIN.total_seconds(),
        "next": reverse("call-details", args=[call.pk]),
    }


def _sheet(request: HttpRequest, line: Line, error: str = "", status: int = 200) -> HttpResponse:
    now = database_now()
    choices = call_choices(now) if line.enabled else []
    context = {"call_line": line, "choices": choices, "error": error}
    return page(request, "andon/sheet.html", context, line.site, now, status)


# ---------------------------------------------------------------- say more, take back


@require_http_methods(["GET", "HEAD", "POST"])
@ensure_csrf_cookie
@require(Capability.RAISE_CALL)
def details(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What can be said about a call once it is out; a POST names the machine or sets the priority."""
    call = find_call(pk)
    if request.method != "POST":
        return _details(request, call)
    try:
        _say_more(request, call)
    except actions.CallRefused as refusal:
        return refused(request, refusal) or _details(request, find_call(pk), error=str(refusal), status=409)
    here = reverse("call-details", args=[pk])
    return JsonResponse({"message": "Noted", "next": here}) if wants_json(request) else redirect(here)


def _say_more(request: HttpRequest, call: Call) -> None:
    form = DetailForm(request.POST)
    if not form.is_valid():
        raise actions.WrongMachine("Choose a machine or a priority.")
    given, now = form.cleaned_data, database_now()
    if given["priority"]:
        actions.set_priority(call, Priority[given["priority"].upper()], now=now, **tap(request))
    elif "machine" in request.POST:
        actions.name_machine(call, _machine(given["machine"]), now=now, **tap(request))


def _details(request: HttpRequest, call: Call, error: str = "", status: int = 200) -> HttpResponse:
    now = database_now()
    is_mine = call.raised_by_id == person(request).pk
    context = {
        "call": row(call, now),
        "found": call,
        "call_line": call.line,
        "error": error,
        "again": bool(error) or "again" in request.GET,
        "is_live": call.status in LIVE,
        "undo_until": call.raised_at + UNDO_WITHIN if is_mine and call.status == "open" else None,
        "machines": Equipment.objects.filter(line=call.line).order_by("position", "code"),
        "priorities": [priority.word for priority in Priority],
        "notes": call.events.filter(what__in=SAID).select_related("by", "photo").order_by("at", "pk"),
    }
    template = "andon/_details.html" if "X-Sheet" in request.headers else "andon/details.html"
    return page(request, template, context, call.line.site, now, status)


@require_POST
@require(Capability.RAISE_CALL)
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take a call back; without scripts, the next page is the line the call came from."""
    call = find_call(pk)
    try:
        actions.cancel(call, now=database_now(), **tap(request))
    except actions.CallRefused as refusal:
        return refused(request, refusal) or _details(request, find_call(pk), error=str(refusal), status=409)
    if wants_json(request):
        return JsonResponse({"id": str(pk), "status": "cancelled", "message": "Taken back"})
    return redirect("line", call.line.code)
