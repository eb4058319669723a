"""The kiosk pages about stops. Each sheet is also a page of its own: the same template, with the frame around it.

A script asks for the sheet alone (`X-Sheet`); without scripts every step of a sheet is a link to the next page.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from floor.domain.reach import is_within_reach
from floor.domain.shifts import ShiftWindow
from floor.models import Line, User
from floor.models.shifts import calendar
from floor.roles import Capability, can, require
from ms5.board import FRAME, find_line, kiosk_page, plant_now
from oee.choices import reason_groups
from oee.sheets.planned import planned_sheet
from oee.sheets.stop import Asked, Cut, StopView, stop_for_sheet
from oee.sheets.unseen import two_shifts, unseen_sheet
from oee.shift import Shift
from oee.tiles import stop_list

STOPS_PAGE = (*FRAME, "strip", "stops")
LOSSES_PAGE = (*FRAME, "lost_time")


def _sheet(request: HttpRequest, line: Line, template: str, **context: Any) -> HttpResponse:
    """The sheet alone for a script, else the page that holds it."""
    context["fresh_id"] = uuid4
    if "X-Sheet" not in request.headers:
        return kiosk_page(request, line, "ms5/sheet.html", FRAME, "sheet", sheet=template, **context)
    with timezone.override(line.site.zone):
        context |= {"line": line, "now": plant_now(), "reason_groups": reason_groups()}
        answer = render(request, template, context)
    answer["Cache-Control"] = "no-store"
    return answer


def _ms(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 14 else None


# ---------------------------------------------------------------- one stop


@require_safe
@ensure_csrf_cookie
@require(Capability.VIEW_FLOOR)
def stop_page(request: HttpRequest, stop: UUID) -> HttpResponse:
    """One stop; with `part` a reason is asked for, with `split` a part of it is cut, at `at`."""
    found = stop_for_sheet(stop)
    if found is None:
        raise Http404("This stop is not there any more: newer data changed it.")
    view = StopView(found, plant_now())
    sheet = view.sheet(cast(User, request.user))
    cut, asked = _cut(request, view), _asked(request, view)
    template = "oee/stop.html" if cut is None and asked is None else "oee/stop_ask.html"
    if cut is not None and cut.at is None:
        template = "oee/stop_split.html"
    return _sheet(request, found.line, template, stop=sheet, cut=cut, asked=asked)


def _cut(request: HttpRequest, view: StopView) -> Cut | None:
    start = _ms(request, "split")
    part = None if start is None else view.part_at(start)
    if part is None:
        return None
    side = request.GET.get("side", "")
    return view.cut(part, _ms(request, "at"), side if side in ("before", "after") else "")


def _asked(request: HttpRequest, view: StopView) -> Asked | None:
    start = _ms(request, "part")
    part = None if start is None else view.part_at(start)
    return None if part is None else view.ask(part)


# ---------------------------------------------------------------- the list


@dataclass(frozen=True, slots=True)
class ShiftTab:
    label: str
    query: str
    is_here: bool


@require_safe
@ensure_csrf_cookie
@require(Capability.VIEW_FLOOR)
def stops_page(request: HttpRequest, code: str) -> HttpResponse:
    """Stops of the shift that is on, live; of the one before and of other days as they are now."""
    line, now = find_line(code), plant_now()
    window = _window(request, line, now)
    page = _ms(request, "page") or 1
    is_live = page == 1 and window is not None and window.starts_at <= now < window.ends_at
    listed = None if is_live or window is None else stop_list(Shift(line, window, now), page)
    context = {
        "listed": listed,
        "tabs": list(_tabs(request, line, now, window)),
        "day": None if window is None else window.work_date,
        "may_choose_day": can(request.user, Capability.CODE_CLOSED_SHIFT),
        "query": "" if window is None or is_live else f"shift={_key(window)}&",
    }
    return kiosk_page(request, line, "ms5/stops.html", STOPS_PAGE, "stops", **context)


def _key(window: ShiftWindow) -> str:
    return f"{window.starts_at:%Y%m%dT%H%MZ}"


def _window(request: HttpRequest, line: Line, now: datetime) -> ShiftWindow | None:
    key, day = request.GET.get("shift", ""), _day(request)
    if day is not None:
        return next(iter(_windows_of(line, day, now)), None)
    recent = two_shifts(line, now)
    if not key:
        return recent[0] if recent else None
    try:
        at = datetime.strptime(key, "%Y%m%dT%H%M%z")
    except ValueError as error:
        raise Http404("There was no such shift on this line.") from error
    window = calendar(line).at(at) if is_within_reach(at) else None
    if window is None:
        raise Http404("There was no such shift on this line.")
    return window


def _day(request: HttpRequest) -> date | None:
    try:
        day = parse_date(request.GET.get("day", ""))
    except ValueError:
        return None
    return day if day is not None and is_within_reach(day) else None


def _windows_of(line: Line, day: date, now: datetime) -> list[ShiftWindow]:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=line.site.zone)
    near = calendar(line).between(noon - timedelta(days=1), noon + timedelta(days=1))
    return [window for window in near if window.work_date == day and window.starts_at <= now]


def _tabs(request: HttpRequest, line: Line, now: datetime, here: ShiftWindow | None) -> Iterator[ShiftTab]:
    recent = two_shifts(line, now)
    words = ("This shift", "Previous shift") if calendar(line).at(now) else ("Last shift",)
    for number, (word, window) in enumerate(zip(words, recent, strict=False)):
        yield ShiftTab(word, "" if number == 0 else f"?shift={_key(window)}", window == here)
    if here is None or here in recent:
        return
    for window in _windows_of(line, here.work_date, now):
        yield ShiftTab(window.name, f"?shift={_key(window)}", window == here)


# ---------------------------------------------------------------- planned, unseen, lost


@require_safe
@ensure_csrf_cookie
@require(Capability.VIEW_FLOOR)
def planned_page(request: HttpRequest, code: str) -> HttpResponse:
    line = find_line(code)
    sheet = planned_sheet(line, plant_now(), request.GET.get("reason", ""), _ms(request, "start"))
    may = can(request.user, Capability.CODE_STOP)
    return _sheet(request, line, "oee/planned.html", planned=sheet, may_plan=may)


@require_safe
@ensure_csrf_cookie
@require(Capability.VIEW_FLOOR)
def missed_page(request: HttpRequest, code: str) -> HttpResponse:
    line = find_line(code)
    sheet = unseen_sheet(line, plant_now(), _ms(request, "start"), _ms(request, "end"))
    may = can(request.user, Capability.CODE_STOP)
    return _sheet(request, line, "oee/missed.html", unseen=sheet, may_enter=may)


@require_safe
@ensure_csrf_cookie
@require(Capability.VIEW_FLOOR)
def losses_page(request: HttpRequest, code: str) -> HttpResponse:
    return kiosk_page(request, find_line(code), "ms5/losses.html", LOSSES_PAGE, "losses")
