"""Desk pages: what a line is judged by, and judging its past anew."""

import uuid
from datetime import datetime
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from floor.models import Line, User
from floor.roles import Capability, can, require
from floor.views.desk import page
from oee.actions.refusals import ImpossibleTime
from oee.actions.standards import preview, restate
from oee.restatements import spelled
from oee.standards import compared, line_standards

FORMAT = "%Y-%m-%dT%H:%M"


class StretchForm(forms.Form):
    """From and to, by the clock of the line's plant."""

    start = forms.DateTimeField(label="From", input_formats=[FORMAT])
    end = forms.DateTimeField(label="To", input_formats=[FORMAT])


class RestateForm(StretchForm):
    reason = forms.CharField(
        max_length=300, error_messages={"required": "Say why the past is judged anew; everybody will see it."}
    )
    request_id = forms.UUIDField(required=False)


@require(Capability.VIEW_ANALYTICS)
@require_safe
def standards(request: HttpRequest) -> HttpResponse:
    return page(request, "oee/standards.html", timezone.now(), here="standards", lines=Line.objects.on_screen())


@require(Capability.VIEW_ANALYTICS)
@require_safe
def of_line(request: HttpRequest, code: str) -> HttpResponse:
    now = timezone.now()
    line = _line(code)
    return page(
        request,
        "oee/standards_line.html",
        now,
        here="standards",
        line=line,
        found=line_standards(line, now),
        may_change=can(request.user, Capability.CONFIGURE),
        may_restate=can(request.user, Capability.RESTATE),
    )


@require(Capability.RESTATE)
@require_http_methods(["GET", "HEAD", "POST"])
def judge_anew(request: HttpRequest, code: str) -> HttpResponse:
    """Choose a stretch, look at what would change, say why, do it."""
    line, now = _line(code), timezone.now()
    with timezone.override(line.site.zone):
        if request.method == "POST":
            return _restate(request, line, now)
        form = StretchForm(request.GET) if request.GET else None
        return _page(request, line, now, **_looked_at(line, form, request.user, now))


def _restate(request: HttpRequest, line: Line, now: datetime) -> HttpResponse:
    form = RestateForm(request.POST)
    if not form.is_valid():
        stretch = StretchForm(request.POST)
        return _page(request, line, now, status=422, **{**_looked_at(line, stretch, request.user, now), **_wrong(form)})
    given, by = form.cleaned_data, cast(User, request.user)
    try:
        done = restate(
            line, given["start"], given["end"], by=by, now=now, reason=given["reason"], request_id=given["request_id"]
        )
    except ImpossibleTime as refusal:
        return _page(request, line, now, status=422, stretch=_typed(form), error=str(refusal))
    zone = line.site.zone
    messages.success(
        request, f"{line.code} was restated from {spelled(done.starts_at, zone)} to {spelled(done.ends_at, zone)}."
    )
    return redirect("line-standards", line.code)


def _looked_at(line: Line, form: StretchForm | None, user: Any, now: datetime) -> dict[str, Any]:
    if form is None:
        return {}
    if not form.is_valid():
        return _wrong(form)
    try:
        found = preview(line, form.cleaned_data["start"], form.cleaned_data["end"], by=user, now=now)
    except ImpossibleTime as refusal:
        return {"stretch": _typed(form), "error": str(refusal)}
    return {
        "stretch": _typed(form),
        "figures": compared(found.before, found.after),
        "is_same": found.before == found.after,
        "request_id": uuid.uuid4(),
    }


def _typed(form: forms.Form) -> dict[str, Any]:
    return {name: form.data.get(name, "") for name in ("start", "end", "reason")}


def _wrong(form: forms.Form) -> dict[str, Any]:
    error = next(iter(form.errors.values()))[0]
    return {"stretch": _typed(form), "error": error}


def _page(request: HttpRequest, line: Line, now: datetime, status: int = 200, **context: Any) -> HttpResponse:
    latest = f"{now.astimezone(line.site.zone):%Y-%m-%dT%H:00}"
    answer = page(request, "oee/standards_restate.html", now, here="standards", line=line, latest=latest, **context)
    answer.status_code = status
    return answer


def _line(code: str) -> Line:
    return get_object_or_404(Line.objects.on_screen(), code=code)
