"""Asking for reports and making them. A report is a row first; a worker finds it there."""

import hashlib
import json
import logging
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.template.loader import render_to_string
from django.utils import timezone

from floor import audit
from floor.domain.shifts import ShiftWindow
from floor.models import Line, User
from floor.models.shifts import calendar
from oee.models import LineDerived
from reports import pdf
from reports.models import TRIES, Report
from reports.shift import NothingToReport, ShiftPage, as_json, shift_page

logger = logging.getLogger(__name__)

# Late readings and the last stop's reason are in by then.
WAIT_AFTER_SHIFT = timedelta(minutes=1)


class AlreadyBeingMade(Exception):
    """The same report is asked for and not finished yet."""


class FiguresBehind(Exception):
    """The line's figures could not be derived from its facts; a report now would be wrong."""


class ShiftNotBegun(Exception):
    """There is nothing to report on a shift that lies ahead."""


def ask_for_ended_shifts(now: datetime) -> list[UUID]:
    """Ask for the report of each line's last finished shift where there is none; return every report that waits."""
    for line in Line.objects.on_screen():
        window = calendar(line).last_finished(now - WAIT_AFTER_SHIFT)
        if window is not None:
            _ask_once(line, window, now)
    return list(Report.objects.waiting(now).order_by("asked_at").values_list("id", flat=True))


def _ask_once(line: Line, window: ShiftWindow, now: datetime) -> None:
    Report.objects.get_or_create(
        line=line,
        work_date=window.work_date,
        shift=window.name,
        revision=1,
        defaults={"starts_at": window.starts_at, "ends_at": window.ends_at, "asked_at": now},
    )


@transaction.atomic
def ask(line: Line, window: ShiftWindow, *, by: User, now: datetime) -> Report:
    """Ask for a new revision of a shift's report. Raises AlreadyBeingMade, ShiftNotBegun."""
    if window.starts_at >= now:
        raise ShiftNotBegun(f"{window.label(line.site.zone)} has not begun.")
    revisions = Report.objects.filter(line=line, work_date=window.work_date, shift=window.name)
    last = revisions.order_by("-revision").first()
    if last is not None and last.status in (Report.Status.ASKED, Report.Status.MAKING) and last.tries < TRIES:
        raise AlreadyBeingMade("This report is being made already; it will be in the list in a moment.")
    try:
        with transaction.atomic():
            report = Report.objects.create(
                line=line,
                work_date=window.work_date,
                shift=window.name,
                revision=1 if last is None else last.revision + 1,
                starts_at=window.starts_at,
                ends_at=window.ends_at,
                asked_at=now,
                asked_by=by,
            )
    except IntegrityError as error:
        raise AlreadyBeingMade("Somebody else has just asked for this report.") from error
    audit.record(by, "reports.ask", report, now, shift=str(report))
    return report


def make(report_id: UUID, *, now: datetime) -> Report | None:
    """Make a waiting report; None when another worker has it or it is finished."""
    report = _claim(report_id, now)
    if report is None:
        return None
    try:
        page = page_of(report, now)
        file = pdf.render(html_of(report, page, now), identity=f"{report.id}:{report.revision}")
    except (pdf.PdfEngineMissing, NothingToReport) as error:
        _fail(report, str(error))
    except Exception as error:
        _postpone(report, error)
        raise
    else:
        _finish(report, page, file)
    return report


def _claim(report_id: UUID, now: datetime) -> Report | None:
    with transaction.atomic():
        waiting = Report.objects.waiting(now).select_for_update(skip_locked=True, of=("self",))
        report = waiting.filter(pk=report_id).select_related("line__site").first()
        if report is None:
            return None
        report.status, report.started_at, report.tries = Report.Status.MAKING, now, report.tries + 1
        report.save(update_fields=["status", "started_at", "tries"])
        return report


def page_of(report: Report, now: datetime) -> ShiftPage:
    behind = LineDerived.objects.filter(line=report.line).exclude(error="").values_list("error", flat=True).first()
    if behind:
        raise FiguresBehind(f"The figures of {report.line.code} are behind its facts: {behind}")
    found = calendar(report.line).at(report.starts_at)
    window = found or ShiftWindow(report.shift, report.work_date, report.starts_at, report.ends_at)
    return shift_page(report.line, window, now)


def html_of(report: Report, page: ShiftPage, now: datetime, *, on_screen: bool = False) -> str:
    figures = json.dumps(as_json(page), sort_keys=True)
    with timezone.override(page.zone):
        return render_to_string(
            "reports/shift.html",
            {
                "report": report,
                "page": page,
                "figures": page.figures,
                "now": now,
                "version": settings.VERSION,
                "data_hash": hashlib.sha256(figures.encode()).hexdigest()[:12],
                "on_screen": on_screen,
            },
        )


def _finish(report: Report, page: ShiftPage, file: bytes) -> None:
    report.status, report.finished_at, report.error = Report.Status.DONE, timezone.now(), ""
    report.pdf, report.sha256, report.figures = file, hashlib.sha256(file).hexdigest(), as_json(page)
    report.save(update_fields=["status", "finished_at", "error", "pdf", "sha256", "figures"])
    logger.info("report_made", extra={"report": str(report.id), "bytes": len(file)})


def _fail(report: Report, why: str) -> None:
    report.status, report.error, report.finished_at = Report.Status.FAILED, why[:500], timezone.now()
    report.save(update_fields=["status", "error", "finished_at"])


def _postpone(report: Report, error: Exception) -> None:
    """Leave it to the next round, a limited number of times, then show it as failed."""
    if report.tries >= TRIES:
        _fail(report, f"The report could not be made: {error}")
    else:
        report.status = Report.Status.ASKED
        report.save(update_fields=["status"])
