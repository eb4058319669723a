"""The page of how calls were answered, and each of its blocks as a file."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from andon.models import CallKind
from floor.glance import one_glance
from floor.models import Equipment
from floor.models.shifts import calendar
from floor.roles import Capability, require
from reports.analysis.asked import RANGES
from reports.asking import asking_page, block_file, complaints, every_machine
from reports.calls.asked import COMPARED, PLACES, PRIORITIES, SOURCES, WEEK_OF, WEIGHTS, CallsAsked, CallsForm
from reports.calls.figures import CallsAnalysis
from reports.calls.sheets import SHEETS

CHOICES = {
    "kept": ("range", "place", "weight", "week", "compare"),
    "ranges": RANGES,
    "places": PLACES,
    "weights": WEIGHTS,
    "weeks": WEEK_OF,
    "comparisons": COMPARED,
}


@require_GET
@require(Capability.VIEW_ANALYTICS)
def calls(request: HttpRequest) -> HttpResponse:
    with one_glance():
        return _answer(request)


def _answer(request: HttpRequest) -> HttpResponse:
    machines, kinds = every_machine(), list(CallKind.objects.order_by("position", "code"))
    form, block = CallsForm(request.GET, machines, kinds), request.GET.get("csv")
    wrong = complaints(form, block, SHEETS)
    if wrong or not machines:
        return _page(request, machines, kinds, None, wrong)
    asked = CallsAsked(form.cleaned_data, machines, timezone.now())
    calendar.foresee(asked.lines)
    found = CallsAnalysis(asked, kinds)
    if block is None:
        return _page(request, machines, kinds, found, [])
    return block_file(SHEETS[block](found), f"calls_{block}", asked)


def _page(
    request: HttpRequest,
    machines: list[Equipment],
    kinds: list[CallKind],
    found: CallsAnalysis | None,
    wrong: list[str],
) -> HttpResponse:
    filters = (
        ("kind", "Kind", [(kind.code, kind.label) for kind in kinds]),
        ("priority", "Priority", PRIORITIES),
        ("source", "Called by", SOURCES),
    )
    asked = None if found is None else found.asked
    shown = {"here": "answers", "found": found, "filters": filters, **CHOICES}
    return asking_page(request, "reports/calls/page.html", machines, asked, wrong, **shown)
