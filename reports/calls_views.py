"""The page of how calls were answered, and each of its blocks as a file."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from andon.models import CallKind
from floor.glance import one_glance
from floor.models import Equipment
from floor.models.shifts import calendar
from floor.roles import Capability, require
from floor.views.desk import page_in, plant_zone
from reports.analysis.asked import RANGES
from reports.analysis.sheets import written
from reports.analysis_views import every_machine
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
    machines = list(every_machine())
    kinds = list(CallKind.objects.order_by("position", "code"))
    form = CallsForm(request.GET, machines, kinds)
    block = request.GET.get("csv")
    wrong = [] if form.is_valid() else form.said
    if block is not None and block not in SHEETS:
        wrong.append(f"“{block}” is no block of this page; there are {', '.join(SHEETS)}.")
    if wrong or not machines:
        return _page(request, machines, kinds, None, wrong)
    asked = CallsAsked(form.cleaned_data, machines, timezone.now())
    calendar.foresee(asked.lines)
    found = CallsAnalysis(asked, kinds)
    return _page(request, machines, kinds, found, []) if block is None else _file(found, block)


def _page(
    request: HttpRequest,
    machines: list[Equipment],
    kinds: list[CallKind],
    found: CallsAnalysis | None,
    wrong: list[str],
) -> HttpResponse:
    lines = list(dict.fromkeys(machine.line for machine in machines))
    filters = (
        ("kind", "Kind", [(kind.code, kind.label) for kind in kinds]),
        ("priority", "Priority", PRIORITIES),
        ("source", "Called by", SOURCES),
    )
    response = page_in(
        lines[0].site.time_zone if lines else plant_zone(),
        request,
        "reports/calls/page.html",
        timezone.now(),
        here="answers",
        machines=machines,
        lines=lines,
        filters=filters,
        chosen=request.GET,
        chosen_lines=request.GET.getlist("line"),
        wrong=wrong,
        found=found,
        asked=None if found is None else found.asked,
        **CHOICES,
    )
    response.status_code = 400 if wrong else 200
    return response


def _file(found: CallsAnalysis, block: str) -> HttpResponse:
    days = found.asked.days
    response = HttpResponse(written(SHEETS[block](found)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="calls_{block}_{days.first}_{days.last}.csv"'
    return response
