"""The page of OEE and downtime analysis, and each of its blocks as a file."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from floor.glance import one_glance
from floor.models import Equipment
from floor.models.shifts import calendar
from floor.roles import Capability, require
from floor.views.desk import page_in, plant_zone
from oee.setup import policies_of
from reports.analysis.asked import COMPARED, MEASURES, RANGES, STANDARD_NAMES, STEPS, STOPS, WEEK_OF, Asked, AskForm
from reports.analysis.figures import Analysis
from reports.analysis.sheets import SHEETS, written

CHOICES = {
    "kept": ("range", "by", "measure", "stops", "week", "compare"),
    "ranges": RANGES,
    "standards": STANDARD_NAMES,
    "steps": STEPS,
    "measures": MEASURES,
    "kinds_of_stops": STOPS,
    "weeks": WEEK_OF,
    "comparisons": COMPARED,
}


@require_GET
@require(Capability.VIEW_ANALYTICS)
def analysis(request: HttpRequest) -> HttpResponse:
    with one_glance():
        return _answer(request)


def _answer(request: HttpRequest) -> HttpResponse:
    machines = list(every_machine())
    form = AskForm(request.GET, machines)
    block = request.GET.get("csv")
    wrong = [] if form.is_valid() else form.said
    if block is not None and block not in SHEETS:
        wrong.append(f"“{block}” is no block of this page; there are {', '.join(SHEETS)}.")
    if wrong or not machines:
        return _page(request, machines, None, wrong)
    found = Analysis(_asked(form, machines))
    return _page(request, machines, found, []) if block is None else _file(found, block)


def every_machine() -> list[Equipment]:
    """Of every line on screen, the constraint first."""
    found = Equipment.objects.filter(enabled=True, line__enabled=True)
    found = found.select_related("line__site", "machine_state")
    return list(found.order_by("line__position", "line__code", "-is_primary", "position"))


def _asked(form: AskForm, machines: list[Equipment]) -> Asked:
    asked = Asked(form.cleaned_data, machines, timezone.now())
    calendar.foresee(asked.lines)
    policies_of.foresee(asked.lines)
    return asked


def _page(request: HttpRequest, machines: list[Equipment], found: Analysis | None, wrong: list[str]) -> HttpResponse:
    lines = list(dict.fromkeys(machine.line for machine in machines))
    response = page_in(
        lines[0].site.time_zone if lines else plant_zone(),
        request,
        "reports/analysis/page.html",
        timezone.now(),
        here="analysis",
        machines=machines,
        lines=lines,
        chosen=request.GET,
        chosen_lines=request.GET.getlist("line"),
        wrong=wrong,
        analysis=found,
        asked=None if found is None else found.asked,
        **CHOICES,
    )
    response.status_code = 400 if wrong else 200
    return response


def _file(found: Analysis, block: str) -> HttpResponse:
    days = found.asked.days
    response = HttpResponse(written(SHEETS[block](found)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{block}_{days.first}_{days.last}.csv"'
    return response
