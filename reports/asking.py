"""What the pages that ask about lines and days have in common: their form, their blocks, and each block as a file."""

from collections.abc import Collection
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from floor.models import Equipment
from floor.views.desk import page_in, plant_zone
from reports.analysis.asked import Asked, AskForm
from reports.analysis.sheets import Sheet, written


def every_machine() -> list[Equipment]:
    """Of every line on screen, the constraint first."""
    found = Equipment.objects.filter(enabled=True, line__enabled=True)
    found = found.select_related("line__site", "machine_state")
    return list(found.order_by("line__position", "line__code", "-is_primary", "position"))


def complaints(form: AskForm, block: str | None, blocks: Collection[str]) -> list[str]:
    """What is wrong with an address, as sentences. `block` None: the page is asked for, not one of its files."""
    wrong = [] if form.is_valid() else form.said
    if block is not None and block not in blocks:
        wrong.append(f"“{block}” is no block of this page; there are {', '.join(blocks)}.")
    return wrong


def asking_page(
    request: HttpRequest,
    template: str,
    machines: list[Equipment],
    asked: Asked | None,
    wrong: list[str],
    **context: Any,
) -> HttpResponse:
    """A page with its form; `asked` None: nothing can be shown, and `wrong` says why."""
    lines = list(dict.fromkeys(machine.line for machine in machines))
    response = page_in(
        lines[0].site.time_zone if lines else plant_zone(),
        request,
        template,
        timezone.now(),
        machines=machines,
        lines=lines,
        chosen=request.GET,
        chosen_lines=request.GET.getlist("line"),
        wrong=wrong,
        asked=asked,
        **context,
    )
    response.status_code = 400 if wrong else 200
    return response


def block_file(sheet: Sheet, name: str, asked: Asked) -> HttpResponse:
    response = HttpResponse(written(sheet), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}_{asked.days.first}_{asked.days.last}.csv"'
    return response
