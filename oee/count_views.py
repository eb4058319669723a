"""What people do with counts: one tap, one answer.

A script gets `{message, undo}` or the refusal in words; a page without scripts is led on and told.
"""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from floor.models import CounterEvent, Equipment, Line, User
from floor.roles import Capability, require
from floor.templatetags.units import count
from oee.actions.counts import count_by_hand, decide_quarantine, enter_rejects, take_back_count
from oee.actions.refusals import AlreadyDone, ImpossibleCount, ImpossibleTime, ShiftClosed
from oee.count_forms import CountByHandForm, DecideForm, ScrapForm, first_error
from oee.models import CountEntry
from oee.rows import primary_machine

REFUSALS: dict[type[Exception], int] = {ImpossibleTime: 422, ImpossibleCount: 422, ShiftClosed: 403, AlreadyDone: 409}
UNDO_WITHIN = timedelta(seconds=10)

Given = dict[str, Any]
Deed = Callable[[Given], dict[str, Any]]  # answers with `message`, and what else a script needs


def _tap(request: HttpRequest, form: forms.Form, back: str, deed: Deed) -> HttpResponse:
    if not form.is_valid():
        return _refused(request, 422, "BAD_FORM", first_error(form), back)
    given = dict(form.cleaned_data)
    given["request_id"] = given.get("request_id") or uuid.uuid4()
    try:
        done = deed(given)
    except tuple(REFUSALS) as refusal:
        status = next(status for kind, status in REFUSALS.items() if isinstance(refusal, kind))
        return _refused(request, status, type(refusal).__name__, str(refusal), back)
    if _wants_json(request):
        return JsonResponse(done)
    messages.success(request, done["message"])
    return redirect(back)


def _refused(request: HttpRequest, status: int, code: str, message: str, back: str) -> HttpResponse:
    if _wants_json(request):
        return JsonResponse({"code": code, "message": message}, status=status)
    messages.error(request, message)
    return redirect(back)


def _wants_json(request: HttpRequest) -> bool:
    return not request.accepts("text/html")


def _who(request: HttpRequest) -> dict[str, Any]:
    return {"by": cast(User, request.user), "now": timezone.now()}


def _line(code: str) -> Line:
    return get_object_or_404(Line.objects.on_screen(), code=code)


# ---------------------------------------------------------------- at the line


@require_POST
@require(Capability.ENTER_COUNTS)
def scrap(request: HttpRequest, code: str) -> HttpResponse:
    """Take parts out of the good ones: how many, and what is wrong with them."""
    line = _line(code)

    def deed(given: Given) -> dict[str, Any]:
        machine = primary_machine(line)
        if machine is None:
            raise ImpossibleCount(f"{line.code} has no machine that could have made these parts.")
        machine.line = line
        entry = enter_rejects(machine, **_asked(line, given), request_id=given["request_id"], **_who(request))
        words = f"{count(entry.rejected)} × {entry.defect}: {entry.get_sort_display().lower()}"
        undo = reverse("take-back-count", args=[entry.pk])
        return {"message": words, "undo": undo, "undo_s": UNDO_WITHIN.total_seconds()}

    return _tap(request, ScrapForm(request.POST), reverse("line-counts", args=[code]), deed)


def _asked(line: Line, given: Given) -> dict[str, Any]:
    defect, again = given["defect"], given["again"]
    if defect is not None:
        return {"sort": given["sort"] or defect.sort, "parts": given["parts"] or 1, "defect": defect.label}
    before = CountEntry.objects.filter(equipment__line=line, pk=again).exclude(sort=CountEntry.Sort.MANUAL).first()
    if before is None:
        raise ImpossibleCount("That entry is not there any more. Choose what is wrong with the parts.")
    return {"sort": before.sort, "parts": before.rejected, "defect": before.defect}


@require_POST
@require(Capability.ENTER_COUNTS)
def by_hand(request: HttpRequest, code: str) -> HttpResponse:
    """What was made while the controller was away."""
    line = _line(code)

    def deed(given: Given) -> dict[str, Any]:
        piece, made = given["piece"], given["made"]
        machine = get_object_or_404(Equipment.objects.select_related("line__site"), pk=piece.machine, line=line)
        entry = count_by_hand(
            machine,
            piece.start,
            piece.end,
            made=made,
            rejected=given["rejected"] or 0,
            comment=given["comment"],
            request_id=given["request_id"],
            **_who(request),
        )
        words = f"{count(entry.made)} parts of {machine.code} are counted."
        return {"message": words, "go": reverse("line-counts", args=[code])}

    return _tap(request, CountByHandForm(request.POST), reverse("line-counts", args=[code]), deed)


@require_POST
@require(Capability.ENTER_COUNTS)
def take_back(request: HttpRequest, entry: int) -> HttpResponse:
    found = get_object_or_404(CountEntry.objects.select_related("equipment__line"), pk=entry)

    def deed(given: Given) -> dict[str, Any]:
        take_back_count(found.pk, **_who(request))
        return {"message": "Taken back"}

    back = reverse("counts") if "desk" in request.POST else reverse("line-counts", args=[found.equipment.line.code])
    return _tap(request, forms.Form(request.POST), back, deed)


# ---------------------------------------------------------------- at the desk


@require_POST
@require(Capability.DECIDE_COUNTS)
def decide(request: HttpRequest, event: int) -> HttpResponse:
    """Believe parts that were held back, or not."""
    found = CounterEvent.objects.select_related("equipment__line__site").filter(pk=event).first()
    if found is None:
        raise Http404("There is no such event.")

    def deed(given: Given) -> dict[str, Any]:
        accept = given["verdict"] == "believe"
        decide_quarantine(
            found, accept=accept, comment=given["comment"], request_id=given["request_id"], **_who(request)
        )
        did = "are counted" if accept else "are left out"
        return {"message": f"{count(found.delta)} parts of {found.equipment.code} {did}."}

    return _tap(request, DecideForm(request.POST), reverse("counts"), deed)
