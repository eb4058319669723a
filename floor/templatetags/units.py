"""How every number on a screen is written. None is "–", never 0."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django import template
from django.utils import timezone

register = template.Library()

NONE = "–"
THIN = "\u202f"  # narrow no-break space: a number never breaks across lines
MINUS = "−"


@register.filter
def duration(value: float | timedelta | None) -> str:
    """Seconds as 04:12 below one hour, as 1:08 h from there on."""
    if value is None:
        return NONE
    seconds = int(value.total_seconds() if isinstance(value, timedelta) else value)
    sign, seconds = (MINUS, -seconds) if seconds < 0 else ("", seconds)
    minutes, rest = divmod(seconds, 60)
    if minutes < 60:
        return f"{sign}{minutes:02d}:{rest:02d}"
    return f"{sign}{minutes // 60}:{minutes % 60:02d}{THIN}h"


@register.filter
def lasted(value: float | timedelta | None) -> str:
    """Seconds in words, for where times of day stand beside them: 45 s, 8 min 30 s, 1 h 05 min."""
    if value is None:
        return NONE
    seconds = int(value.total_seconds() if isinstance(value, timedelta) else value)
    whole, rest = divmod(max(seconds, 0), 60)
    if whole >= 60:
        return f"{whole // 60}{THIN}h {whole % 60:02d}{THIN}min"
    if not whole:
        return f"{rest}{THIN}s"
    return f"{whole}{THIN}min {rest}{THIN}s" if rest else f"{whole}{THIN}min"


@register.filter
def minutes(value: float | None) -> str:
    """Minutes, whole from ten on."""
    if value is None:
        return NONE
    return f"{value:.1f}{THIN}min" if value < 9.95 else f"{count(round(value))}{THIN}min"


@register.filter
def ratio(value: float | None, digits: int = 1) -> str:
    """0.742 is 74.2 %. More than 100 % is shown as it is."""
    return NONE if value is None else f"{value * 100:.{digits}f}{THIN}%".replace("-", MINUS)


@register.filter
def round_ratio(value: float) -> str:
    """A ratio at a line of an axis, with no more digits than it has: 97.5 %, 100 %."""
    return f"{round(value * 100, 2):g}{THIN}%"


@register.filter
def rate(value: float | None) -> str:
    """Units per minute, one decimal below ten."""
    if value is None:
        return NONE
    return f"{value:.1f}" if 0 < value < 9.95 else count(round(value))


@register.filter
def count(value: float | None) -> str:
    """14812 is 14 812."""
    if value is None:
        return NONE
    return f"{abs(int(value)):,}".replace(",", THIN) if value >= 0 else MINUS + count(-value)


@register.filter
def signed(value: float | None) -> str:
    if value is None:
        return NONE
    return f"+{count(value)}" if value > 0 else count(value)


@register.filter
def size(value: float | None) -> str:
    """The number without its sign, for where a word says the direction."""
    return count(None if value is None else abs(value))


@register.filter
def clock(value: datetime | None, seconds: str = "") -> str:
    """Time of day by the plant's clock (the active time zone); the hour shown twice carries its offset."""
    if value is None:
        return NONE
    local = timezone.localtime(value)
    text = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
        offset = f"{local:%z}"
        text += f" ({offset[:3]}:{offset[3:]})"
    return text


@register.filter
def iso(value: datetime | None) -> str:
    """For attributes that scripts read; empty for None and on pages that know no time."""
    return value.isoformat() if value else ""


@register.filter
def hour(value: datetime) -> str:
    """Time of day for the tick of an axis, where an hour shown twice is told apart beside it."""
    return f"{timezone.localtime(value):%H:%M}"


@register.filter
def offset(value: datetime) -> str:
    text = f"{timezone.localtime(value):%z}"
    return f"{text[:3]}:{text[3:]}"


@register.filter
def day(value: datetime | None) -> str:
    """Mon 2 Nov, by the plant's calendar."""
    if value is None:
        return NONE
    local = timezone.localtime(value)
    return f"{local:%a} {local.day} {local:%b}"


@register.filter
def points(value: float | None) -> str:
    """The difference of two ratios in percentage points, with its sign."""
    if value is None:
        return NONE
    tenths = round(value * 1000)
    return f"{'+' if tenths > 0 else MINUS if tenths < 0 else '±'}{abs(tenths) / 10:.1f}"


@register.filter
def written(value: float | None, unit: str) -> str:
    """A number with its unit, where one drawing serves several: a ratio, milliseconds, pieces, units per minute."""
    return WRITTEN[unit](value)


def _milliseconds(value: float | None) -> str:
    return duration(None if value is None else value / 1000)


WRITTEN: dict[str, Callable[[float | None], str]] = {
    "ratio": ratio,
    "ms": _milliseconds,
    "count": count,
    "rate": rate,
}


@register.filter
def bare(value: float, unit: str) -> str:
    """The whole number alone, for a cell whose heading names the unit: per cent, minutes or pieces."""
    return count(round(value * BARE[unit]))


BARE = {"ratio": 100, "ms": 1 / 60_000, "count": 1, "rate": 1}
BARE_UNITS = {"ratio": "%", "ms": "min", "count": "pieces", "rate": "per minute"}


@register.filter
def bare_unit(unit: str) -> str:
    return BARE_UNITS[unit]


@register.filter
def permille(value: float | None) -> str:
    """Length of a bar of 1000; the number beside it tells when it is more."""
    return "0" if value is None else f"{min(max(value, 0.0), 1.0) * 1000:.1f}"


@register.filter
def px(value: float | None) -> str:
    """A coordinate inside an SVG, never in the reader's language."""
    return "0" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


@register.filter
def across(value: float) -> str:
    """Per mille of a width, as SVG's per cent."""
    return f"{px(value / 10)}%"


@register.filter
def pct(value: float) -> str:
    """A place in per cent inside an SVG."""
    return f"{value:g}%"
