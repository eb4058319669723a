"""What people do with stops: one tap, one answer.

A script gets `{message, next}` or the refusal in words; a page without scripts is led on, or shown the refusal.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from floor.models import Line, User
from floor.roles import Capability, require
from oee.actions.planned_stops import end_planned_stop, plan_stop, take_back_planned_stop
from oee.actions.refusals import (
    AlreadyDone,
    ImpossibleTime,
    NeedsSupervisor,
    ShiftClosed,
    SomebodyWasFaster,
    StopGone,
    UnknownReason,
)
from oee.actions.stops import (
    add_stop,
    code_stop,
    confirm_stop,
    merge_stops,
    separate_stops,
    split_stop,
    take_back_stop,
)
from oee.domain.clock import to_ms
from oee.forms import AddStopForm, CodeStopForm, MergeStopsForm, PlanStopForm, SeenTap, SplitStopForm, Tap
from oee.models import ManualStop, PlannedStop, StopMerge, to_stop_key
from oee.rows import primary_machine
from oee.sheets.stop import StopView, stop_for_sheet

REFUSALS: dict[type[Exception], int] = {
    UnknownReason: 422,
    ImpossibleTime: 422,
    ShiftClosed: 403,
    NeedsSupervisor: 403,
    SomebodyWasFaster: 409,
    AlreadyDone: 409,
    StopGone: 410,
}


@dataclass(frozen=True, slots=True)
class Done:
    """What to say, and where a person goes from here."""

    message: str
    address: str


Given = dict[str, Any]
Deed = Callable[[Given], Done]


def _tap(request: HttpRequest, form_class: type[Tap], back: str, deed: Deed) -> HttpResponse:
    form = form_class(request.POST)
    if not form.is_valid():
        return _refused(request, 422, "BAD_FORM", _wrong(form), back)
    given = dict(form.cleaned_data)
    given["request_id"] = given["request_id"] or uuid.uuid4()
    try:
        done = deed(given)
    except tuple(REFUSALS) as refusal:
        status = next(status for kind, status in REFUSALS.items() if isinstance(refusal, kind))
        return _refused(request, status, type(refusal).__name__, str(refusal), back)
    if _wants_json(request):
        return JsonResponse({"message": done.message, "next": done.address})
    return redirect(done.address)


def _wrong(form: forms.Form) -> str:
    if "reason" in form.errors:
        return "Choose a reason from the list."
    if {"at", "start", "end", "part"} & set(form.errors):
        return "Choose a time first."
    return "What was sent could not be understood. Look again and try once more."


def _refused(request: HttpRequest, status: int, code: str, message: str, back: str) -> HttpResponse:
    if _wants_json(request):
        return JsonResponse({"code": code, "message": message}, status=status)
    return render(request, "oee/refused.html", {"message": message, "back": back}, status=status)


def _wants_json(request: HttpRequest) -> bool:
    return not request.accepts("text/html")


def _who(request: HttpRequest) -> dict[str, Any]:
    return {"by": cast(User, request.user), "now": timezone.now()}


def _stop_page(stop: UUID) -> str:
    return reverse("stop", args=[stop])


# ---------------------------------------------------------------- one stop


@require_POST
@require(Capability.CODE_STOP)
def code(request: HttpRequest, stop: UUID) -> HttpResponse:
    """Give a stop or its part a reason; a tap on the banner leads back to the line."""

    def deed(given: Given) -> Done:
        part: datetime | None = given.pop("part")
        coding = code_stop(stop, given.pop("reason"), start=part, **given, **_who(request))
        label = "" if coding.reason is None else coding.reason.label
        return Done(label, reverse("line", args=[coding.equipment.line.code]) if part is None else _stop_page(stop))

    return _tap(request, CodeStopForm, _stop_page(stop), deed)


@require_POST
@require(Capability.CODE_STOP)
def split(request: HttpRequest, stop: UUID) -> HttpResponse:
    """Cut a stop and give one of the pieces its reason; the other one is asked about next if it has none."""

    def deed(given: Given) -> Done:
        at, side, reason = given.pop("at"), given.pop("side") or "after", given.pop("reason")
        reasons = {side: reason or None}
        coding = split_stop(
            stop, at, before=reasons.get("before"), after=reasons.get("after"), **given, **_who(request)
        )
        label = f"Split at {at.astimezone(coding.equipment.line.site.zone):%H:%M:%S}"
        return Done(label, _ask_next(stop, at) if reason else _stop_page(stop))

    return _tap(request, SplitStopForm, _stop_page(stop), deed)


def _ask_next(stop_id: UUID, at: datetime) -> str:
    stop, cut = stop_for_sheet(stop_id), to_ms(at)
    parts = () if stop is None else StopView(stop, timezone.now()).parts
    beside = [
        part for part in parts if part.start_ms == cut or (part.ends_at is not None and to_ms(part.ends_at) == cut)
    ]
    unexplained = next((part for part in beside if part.reason is None), None)
    return f"{_stop_page(stop_id)}?part={unexplained.start_ms}" if unexplained else _stop_page(stop_id)


def _ask_once(stop_id: UUID) -> str:
    """Stops that were merged before anybody explained them get one reason."""
    stop = stop_for_sheet(stop_id)
    parts = () if stop is None else StopView(stop, timezone.now()).parts
    is_untold = len(parts) == 1 and parts[0].reason is None
    return f"{_stop_page(stop_id)}?part={parts[0].start_ms}" if is_untold else _stop_page(stop_id)


@require_POST
@require(Capability.CODE_STOP)
def merge(request: HttpRequest, stop: UUID) -> HttpResponse:
    def deed(given: Given) -> Done:
        given.pop("comment")
        made = merge_stops(stop, given.pop("other"), **given, **_who(request))
        return Done("Merged into one stop", _ask_once(to_stop_key(made.equipment_id, made.starts_at)))

    return _tap(request, MergeStopsForm, _stop_page(stop), deed)


@require_POST
@require(Capability.CODE_STOP)
def separate(request: HttpRequest, merge: int) -> HttpResponse:
    note = get_object_or_404(StopMerge, pk=merge)
    back = _stop_page(to_stop_key(note.equipment_id, note.starts_at))

    def deed(given: Given) -> Done:
        separate_stops(merge, **_who(request))
        return Done("Stops are separate again", back)

    return _tap(request, Tap, back, deed)


@require_POST
@require(Capability.CONFIRM_STOP)
def confirm(request: HttpRequest, stop: UUID) -> HttpResponse:
    def deed(given: Given) -> Done:
        confirm_stop(stop, **given, **_who(request))
        return Done("Confirmed", _stop_page(stop))

    return _tap(request, SeenTap, _stop_page(stop), deed)


# ---------------------------------------------------------------- stops nobody measured


def _line(code: str) -> Line:
    return get_object_or_404(Line.objects.on_screen(), code=code)


@require_POST
@require(Capability.CODE_STOP)
def add(request: HttpRequest, code: str) -> HttpResponse:
    line = _line(code)
    machine = primary_machine(line)
    back = reverse("missed-stop", args=[code])

    def deed(given: Given) -> Done:
        if machine is None:
            raise ImpossibleTime("No machine is set up on this line.")
        machine.line = line
        note = add_stop(machine, given.pop("start"), given.pop("end"), given.pop("reason"), **given, **_who(request))
        return Done("Stop entered", _stop_page(to_stop_key(machine.id, note.starts_at)))

    return _tap(request, AddStopForm, back, deed)


@require_POST
@require(Capability.CODE_STOP)
def take_back(request: HttpRequest, manual: int) -> HttpResponse:
    note = get_object_or_404(ManualStop.objects.select_related("equipment__line"), pk=manual)
    back = reverse("line-stops", args=[note.equipment.line.code])

    def deed(given: Given) -> Done:
        take_back_stop(manual, **_who(request))
        return Done("Taken back", back)

    return _tap(request, Tap, back, deed)


# ---------------------------------------------------------------- planned stops


@require_POST
@require(Capability.CODE_STOP)
def plan(request: HttpRequest, code: str) -> HttpResponse:
    line = _line(code)

    def deed(given: Given) -> Done:
        expected = given.pop("expected_min")
        start = given.pop("start")
        expected_s = None if expected is None else expected * 60
        planned = plan_stop(line, given.pop("reason"), starts_at=start, expected_s=expected_s, **given, **_who(request))
        when = "" if start is None else f" at {start.astimezone(line.site.zone):%H:%M}"
        return Done(f"{planned.reason.label}{when}", reverse("line", args=[code]))

    return _tap(request, PlanStopForm, reverse("planned-stops", args=[code]), deed)


def _planned(planned: int) -> PlannedStop:
    return get_object_or_404(PlannedStop.objects.select_related("line", "reason"), pk=planned)


@require_POST
@require(Capability.CODE_STOP)
def end(request: HttpRequest, planned: int) -> HttpResponse:
    note = _planned(planned)

    def deed(given: Given) -> Done:
        end_planned_stop(planned, **_who(request))
        return Done(f"{note.reason.label} ended", reverse("line", args=[note.line.code]))

    return _tap(request, Tap, reverse("planned-stops", args=[note.line.code]), deed)


@require_POST
@require(Capability.CODE_STOP)
def take_back_planned(request: HttpRequest, planned: int) -> HttpResponse:
    note = _planned(planned)
    back = reverse("planned-stops", args=[note.line.code])

    def deed(given: Given) -> Done:
        take_back_planned_stop(planned, **_who(request))
        return Done(f"{note.reason.label} taken back", back)

    return _tap(request, Tap, back, deed)
