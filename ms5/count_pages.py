"""Pages about counts: the engineer's desk, where counters and controllers meet, and a line's own at its kiosk."""

import uuid
from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from floor.domain.machine import CounterKind
from floor.models import Line
from floor.roles import Capability, can, require
from floor.views.desk import page
from ms5.board import FRAME, find_line, kiosk_page
from oee import count_desk as desk
from oee.count_sheet import uncounted
from plc.models import Binding

MADE = (Binding.Meaning.TOTAL_COUNT, Binding.Meaning.GOOD_COUNT)


@dataclass(frozen=True, slots=True)
class Counted:
    """How a machine's counter is read; `max_per_min` None: nobody has said how fast the machine is at most."""

    controller: str
    max_per_min: float | None

    def at_most(self, seconds: float) -> int | None:
        return None if self.max_per_min is None else round(self.max_per_min * seconds / 60)


@dataclass(frozen=True, slots=True)
class Doubt:
    """Parts held back, beside what their machine could have made."""

    held: desk.Held
    controller: str
    at_most: int | None
    fresh_id: uuid.UUID


@require_safe
@require(Capability.VIEW_ANALYTICS)
def counts(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    code = request.GET.get("line", "")
    line = get_object_or_404(Line.objects.on_screen(), code=code) if code else None
    found = desk.agreements(line, now)
    return page(
        request,
        "oee/counts.html",
        now,
        here="counts",
        line_filter=line,
        lines=Line.objects.on_screen(),
        doubts=doubts(line),
        decisions=desk.decisions(line),
        kinds=desk.counted_kinds(line, now),
        news=desk.counter_news(line, now),
        agreements=found,
        agreement_is_wrong=any(one.difference for one in found),
        agreement_is_right=bool(found) and not any(one.difference for one in found),
        agreement_words=desk.agreement_in_words(found),
        entries=desk.entered(line, now),
        may_decide=can(request.user, Capability.DECIDE_COUNTS),
        may_count=can(request.user, Capability.ENTER_COUNTS),
    )


def doubts(line: Line | None) -> list[Doubt]:
    held = desk.held_back(line)
    read = counters({one.equipment_id for one in held})
    found = [(one, read.get((one.equipment_id, one.counter))) for one in held]
    return [
        Doubt(one, how.controller if how else "", how.at_most(one.unseen_s) if how else None, uuid.uuid4())
        for one, how in found
    ]


def counters(machines: set[UUID]) -> dict[tuple[UUID, CounterKind], Counted]:
    rows = Binding.objects.filter(equipment__in=machines, meaning__in=[*MADE, Binding.Meaning.REJECT_COUNT])
    found = {}
    for machine, meaning, code, rate in rows.order_by("-position").values_list(
        "equipment", "meaning", "tag__controller__code", "max_rate_per_min"
    ):
        counter = CounterKind.MADE if meaning in MADE else CounterKind.REJECTED
        found[machine, counter] = Counted(code, rate)
    return found


@require_safe
@ensure_csrf_cookie
@require(Capability.VIEW_FLOOR)
def line_counts(request: HttpRequest, code: str) -> HttpResponse:
    """Count by hand what no controller saw, and look at what was entered in this shift."""
    line = find_line(code)
    more = {"machines": uncounted(line, timezone.now()), "may_count": can(request.user, Capability.ENTER_COUNTS)}
    return kiosk_page(request, line, "oee/counts_line.html", FRAME, "counts", fresh_id=uuid.uuid4, **more)
