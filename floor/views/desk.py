"""Pages for people at a desk: one frame, the plant's clock."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from floor.models import Site


def plant_zone() -> str:
    return Site.objects.values_list("time_zone", flat=True).order_by("code").first() or "UTC"


def page(request: HttpRequest, template: str, now: datetime, *, here: str, **context: Any) -> HttpResponse:
    """Render a page that extends desk.html; `here` names its entry in the navigation."""
    return page_in(plant_zone(), request, template, now, here=here, **context)


def page_in(
    zone: str, request: HttpRequest, template: str, now: datetime, *, here: str, **context: Any
) -> HttpResponse:
    """The same for whoever has read the plant's time zone already."""
    with timezone.override(zone):
        return render(request, template, {**context, "now": now, "zone": zone, "here": here})
