"""The production board hour by hour: at the kiosk with its taps, on a wall, on paper."""

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from floor.domain.shifts import ShiftWindow
from floor.models import Line
from floor.models.shifts import calendar
from floor.roles import Capability, can, require
from ms5.board import FRAME, find_line, kiosk_page, plant_now
from oee.hour_board import PRESETS, WHO, board_window, hour_board, unsigned_of


@dataclass(frozen=True, slots=True)
class Tab:
    label: str
    address: str
    is_here: bool
    unsigned: int


@require_safe
@ensure_csrf_cookie
@require(Capability.VIEW_FLOOR)
def hours_page(request: HttpRequest, code: str) -> HttpResponse:
    """This shift, live; `?shift=previous` the one before."""
    line, now = find_line(code), plant_now()
    current = board_window(line, now)
    before = None if current is None else calendar(line).last_finished(current.starts_at)
    looks_back = request.GET.get("shift") == "previous" and before is not None
    return kiosk_page(
        request,
        line,
        "ms5/hours.html",
        FRAME if looks_back else (*FRAME, "hours"),
        "hours",
        previous=hour_board(line, before, now) if looks_back and before else None,
        tabs=_tabs(line, current, before, now, looks_back=looks_back),
        presets=PRESETS,
        who_choices=WHO,
        may_sign=can(request.user, Capability.CONFIRM_STOP),
        may_write=can(request.user, Capability.CONTROL_PRODUCTION),
    )


def _tabs(
    line: Line, current: ShiftWindow | None, before: ShiftWindow | None, now: datetime, *, looks_back: bool
) -> list[Tab]:
    shown = [(before, "?shift=previous", looks_back), (current, "?", not looks_back)]
    zone = line.site.zone
    return [
        Tab(window.label(zone), address, is_here, unsigned_of(line, window, now))
        for window, address, is_here in shown
        if window is not None
    ]


@require_safe
@require(Capability.VIEW_FLOOR)
def hours_board(request: HttpRequest, code: str) -> HttpResponse:
    """For a wall: no taps, large letters."""
    return kiosk_page(request, find_line(code), "ms5/hours_board.html", ("hours", "state"), "board")
