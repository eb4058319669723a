"""The page of OEE and downtime analysis, and each of its blocks as a file."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from floor.glance import one_glance
from floor.models import Equipment
from floor.models.shifts import calendar
from floor.roles import Capability, require
from oee.setup import policies_of
from reports.analysis.asked import COMPARED, MEASURES, RANGES, STANDARD_NAMES, STEPS, STOPS, WEEK_OF, Asked, AskForm
from reports.analysis.figures import Analysis
from reports.analysis.sheets import SHEETS
from reports.asking import asking_page, block_file, complaints, every_machine

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
    machines = every_machine()
    form, block = AskForm(request.GET, machines), request.GET.get("csv")
    wrong = complaints(form, block, SHEETS)
    if wrong or not machines:
        return _page(request, machines, None, wrong)
    found = Analysis(_asked(form, machines))
    return (
        _page(request, machines, found, []) if block is None else block_file(SHEETS[block](found), block, found.asked)
    )


def _asked(form: AskForm, machines: list[Equipment]) -> Asked:
    asked = Asked(form.cleaned_data, machines, timezone.now())
    calendar.foresee(asked.lines)
    policies_of.foresee(asked.lines)
    return asked


def _page(request: HttpRequest, machines: list[Equipment], found: Analysis | None, wrong: list[str]) -> HttpResponse:
    asked = None if found is None else found.asked
    shown = {"here": "analysis", "analysis": found, **CHOICES}
    return asking_page(request, "reports/analysis/page.html", machines, asked, wrong, **shown)
