"""How figures are written on paper, beyond what screens need."""

from datetime import datetime
from uuid import UUID

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from floor.templatetags.units import NONE, THIN, count

register = template.Library()

# Presentation attributes, because the PDF engine does not apply the page's style sheet inside a drawing.
INK = {
    "run": ("#A9D3CB", None),
    "minor": ("#F2B705", None),
    "stop": ("#B3261E", None),
    "no_data": ("#DDE1E4", "#4A5560"),
}
PLANNED_INK = ("#FFFFFF", "#14181C")


@register.filter
def ink(kind: str) -> SafeString:
    fill, stroke = INK.get(kind, PLANNED_INK)
    return format_html('fill="{}"', fill) if stroke is None else format_html('fill="{}" stroke="{}"', fill, stroke)


@register.filter
def short(value: UUID) -> str:
    return str(value)[:8]


@register.filter
def ms_minutes(value: int | None) -> str:
    """Milliseconds as minutes with one decimal: the same figure divides to the printed ratio."""
    return NONE if value is None else f"{tenths(value / 60_000)}{THIN}min"


@register.filter
def in_minutes(seconds: float | None) -> str:
    """Seconds as minutes with one decimal: a column of them can be added up."""
    return NONE if seconds is None else f"{tenths(seconds / 60)}{THIN}min"


@register.filter
def tenths(value: float) -> str:
    whole, tenth = divmod(round(value * 10), 10)
    return f"{count(whole)}.{tenth}"


@register.filter(name="of")
def of(share: float, length: int) -> str:
    return f"{share * length:.1f}"


@register.filter
def stamp(value: datetime) -> str:
    """Date and time by the plant's clock, with its offset."""
    local = timezone.localtime(value)
    offset = f"{local:%z}"
    return f"{local:%Y-%m-%d %H:%M:%S} {offset[:3]}:{offset[3:]}"
