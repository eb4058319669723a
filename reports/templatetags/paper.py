"""How figures are written on paper, beyond what screens need."""

from datetime import datetime

from django import template
from django.utils import timezone

from floor.templatetags.units import NONE, THIN, count

register = template.Library()


@register.filter
def ms_minutes(value: int | None) -> str:
    """Milliseconds as minutes with one decimal: the same figure divides to the printed ratio."""
    return NONE if value is None else f"{tenths(value / 60_000)}{THIN}min"


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
