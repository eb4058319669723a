"""The page of the load on people, and the same as files."""

import csv
from collections.abc import Iterable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from andon.clock import database_now
from andon.load import LoadFigures, load_figures
from floor.models import Line
from floor.roles import Capability, require
from floor.views.desk import page

RANGES = {"1": "24 hours", "7": "7 days", "28": "28 days"}
FORMULA = ("=", "+", "-", "@", "\t", "\r")
Row = tuple[Any, ...]


@require_safe
@require(Capability.VIEW_ANALYTICS)
def load(request: HttpRequest) -> HttpResponse:
    now = database_now()
    days, code = request.GET.get("days", "7"), request.GET.get("line", "")
    if days not in RANGES:
        raise Http404("Choose 1, 7 or 28 days.")
    line = get_object_or_404(Line.objects.on_screen(), code=code) if code else None
    found = load_figures(int(days), line, now)
    if (sheet := request.GET.get("csv")) is not None:
        return _file(sheet, found)
    return page(
        request, "andon/load.html", now, here="load", found=found, ranges=RANGES.items(), days=days,
        lines=Line.objects.on_screen(), line_filter=line,
    )  # fmt: skip


def _file(name: str, found: LoadFigures) -> HttpResponse:
    if name not in SHEETS:
        raise Http404("There is no such table.")
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="load_{name}_{found.until:%Y-%m-%d}.csv"'
    csv.writer(response).writerows(_harmless(row) for row in SHEETS[name](found))
    return response


def _harmless(row: Row) -> Iterable[Any]:
    """No word may be taken for a formula by the program that opens it."""
    return (f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell for cell in row)


def _roles(found: LoadFigures) -> Iterable[Row]:
    yield (
        "role", "shift", "hours", "calls", "messages", "calls_per_10_min", "messages_per_10_min", "peak_10_min",
        "windows", "windows_in_flood", "flood_share",
    )  # fmt: skip
    for one in found.roles:
        its = one.load
        yield (
            one.role, one.shift, its.time.total_seconds() / 3600, its.calls, its.messages, its.calls_per_10_min,
            its.messages_per_10_min, its.peak, its.windows, its.floods, its.flood_share,
        )  # fmt: skip


def _sources(found: LoadFigures) -> Iterable[Row]:
    yield "source", "times", "share", "chatters"
    for one in found.sources:
        yield one.source, one.times, one.share, one.chatters


def _figures(found: LoadFigures) -> Iterable[Row]:
    yield "figure", "value", "target", "met"
    for one in found.figures:
        yield one.name, one.value, one.target, one.is_met


SHEETS = {"roles": _roles, "sources": _sources, "figures": _figures}
