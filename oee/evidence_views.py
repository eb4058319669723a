"""The page, and the dialog of a kiosk, that a figure opens."""

from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from floor.rest import find_line
from floor.roles import Capability, require
from oee.evidence import TITLES, Evidence, NoSuchScope, NoTarget, evidence
from oee.evidence_question import WindowQuery, asked_scope

SHOWN_FIRST = ("oee", "availability", "performance", "quality", "good", "rejected", "target", "mtbf", "mttr")
FRAGMENT = "fragment"


@require_safe
@require(Capability.VIEW_FLOOR)
def panel(request: HttpRequest, code: str, kpi: str) -> HttpResponse:
    """What is behind a figure of a line; `fragment` in the question: only the panel, for a dialog."""
    line, now = find_line(code), timezone.now()
    asked = {name: str(value) for name, value in request.GET.items() if name not in (FRAGMENT, "theme")}
    question = WindowQuery(data=asked)
    if kpi not in TITLES:
        raise Http404("There is no such figure.")
    if not question.is_valid():
        raise Http404("This question cannot be understood. Open the figure from its screen again.")
    try:
        found = evidence(asked_scope(line, question.validated_data, now), kpi)
    except (NoSuchScope, NoTarget) as refusal:
        raise Http404(str(refusal)) from refusal
    context = {"found": found, "others": _others(found, asked), "api": _api(found, asked), "line": line}
    with timezone.override(line.site.zone):
        if FRAGMENT in request.GET:
            return render(request, "oee/_evidence.html", context)
        return render(
            request, "oee/evidence.html", {**context, "now": now, "zone": line.site.time_zone, "here": "lines"}
        )


def _others(found: Evidence, asked: dict[str, str]) -> list[dict[str, Any]]:
    """Links to the other figures of the same time."""
    codes = [code for code in SHOWN_FIRST if code != "target" or found.scope.shift is not None]
    return [{"title": TITLES[code], "url": _address(found, code, asked), "here": code == found.code} for code in codes]


def _address(found: Evidence, code: str, asked: dict[str, str]) -> str:
    question = f"?{urlencode(asked)}" if asked else ""
    return reverse("evidence", args=[found.scope.line.code, code]) + question


def _api(found: Evidence, asked: dict[str, str]) -> str:
    question = urlencode({"line": found.scope.line.code, "kpi": found.code, **asked})
    return f"{reverse('api:oee-evidence')}?{question}"
