"""How an analysis writes its numbers and asks for its choices."""

from typing import Any

from django import template

from floor.templatetags.units import NONE, THIN
from reports.templatetags.paper import tenths

register = template.Library()
HOUR_MS, MINUTE_MS = 3_600_000, 60_000


@register.filter
def hours_of(ms: float | None) -> str:
    """Milliseconds as hours with one decimal."""
    return NONE if ms is None else f"{tenths(ms / HOUR_MS)}{THIN}h"


@register.filter
def exact_minutes(ms: float | None) -> str:
    """Milliseconds as minutes with one decimal; a loss that was a gain keeps its sign."""
    if ms is None:
        return NONE
    return f"{'−' if ms < 0 else ''}{tenths(abs(ms) / MINUTE_MS)}{THIN}min"


@register.filter
def at(chosen: Any, name: str) -> str:
    """What the address says for this name."""
    return str(chosen.get(name, ""))


@register.filter
def chosen(asked: Any, name: str) -> str:
    """What was chosen, or what is shown when nobody chose."""
    return str(asked.choice(name))
