"""The list of shift reports, one report on screen, and its file."""

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from floor.models import Line
from floor.models.shifts import calendar
from floor.roles import Capability, can, require
from floor.views.desk import page
from reports import actions, pdf, tasks
from reports.forms import AskForm
from reports.models import Report

DAYS_LISTED = 14


@require_GET
@require(Capability.VIEW_REPORTS)
def index(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    since = now - timedelta(days=DAYS_LISTED)
    lines = [
        {"line": line, "reports": _latest_revisions(line, since), "shifts": _shifts(line, now)}
        for line in Line.objects.on_screen()
    ]
    return page(
        request,
        "reports/index.html",
        now,
        here="reports",
        lines=lines,
        may_make=can(request.user, Capability.GENERATE_REPORTS),
        hint="" if pdf.is_available() else pdf.HINT,
    )


def _latest_revisions(line: Line, since: datetime) -> QuerySet[Report]:
    newest = Report.objects.filter(line=line, starts_at__gte=since).defer("pdf")
    return newest.order_by("-starts_at", "-revision").distinct("starts_at")


def _shifts(line: Line, now: datetime) -> list[tuple[str, str]]:
    """The shifts a report can be asked for, newest first: (value, label)."""
    windows = calendar(line).between(now - timedelta(days=DAYS_LISTED), now)
    return [(w.starts_at.isoformat(), w.label(line.site.zone)) for w in reversed(windows)]


@require_GET
@require(Capability.VIEW_REPORTS)
def on_screen(request: HttpRequest, report_id: UUID) -> HttpResponse:
    report = get_object_or_404(Report.objects.select_related("line__site"), pk=report_id)
    now = timezone.now()
    printed = actions.page_of(report, now)
    return HttpResponse(actions.html_of(report, printed, now, on_screen=True))


@require_GET
@require(Capability.VIEW_REPORTS)
def file(request: HttpRequest, report_id: UUID) -> HttpResponse:
    report = get_object_or_404(Report.objects.finished().select_related("line"), pk=report_id)
    return pdf_response(report)


def pdf_response(report: Report) -> HttpResponse:
    """The frozen bytes. A file that no longer matches its fingerprint is not handed out."""
    data = bytes(report.pdf or b"")
    if hashlib.sha256(data).hexdigest() != report.sha256:
        raise Http404("The stored file does not match its fingerprint.")
    response = HttpResponse(data, content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="{report.file_name}"'
    return response


@require_POST
@require(Capability.GENERATE_REPORTS)
def ask(request: HttpRequest, code: str) -> HttpResponse:
    line = get_object_or_404(Line.objects.on_screen(), code=code)
    form = AskForm(request.POST)
    window = calendar(line).at(form.cleaned_data["shift"]) if form.is_valid() else None
    if window is None:
        messages.error(request, "Choose one of the shifts of this line.")
        return redirect("reports:index")
    try:
        report = actions.ask(line, window, by=request.user, now=timezone.now())  # type: ignore[arg-type]
    except (actions.AlreadyBeingMade, actions.ShiftNotBegun) as error:
        messages.error(request, str(error))
    else:
        tasks.hand_out(report.id)
        messages.success(request, f"The report on {window.label(line.site.zone)} will be here in a moment.")
    return redirect("reports:index")
