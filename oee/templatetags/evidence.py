"""How evidence is written: numbers exactly, so that they can be added up by hand."""

from fractions import Fraction

from django import template

from floor.templatetags.units import MINUS, NONE, THIN, count, ratio
from oee.domain.clock import SECOND_MS
from oee.domain.kpis import Kpi, Unit
from oee.evidence.interval import Interval
from oee.evidence.panel import Evidence

register = template.Library()

STATES = {
    "run_ms": "running",
    "stop_ms": "stop",
    "external_stop_ms": "starved or blocked",
    "minor_stop_ms": "minor stop",
    "planned_stop_ms": "planned stop",
    "setup_ms": "changeover",
    "idle_ms": "nothing to make",
    "break_ms": "break",
    "no_data_ms": "no data",
    "off_shift_ms": "off shift",
}
LOOKS = {"run_ms": "run", "no_data_ms": "nodata", "off_shift_ms": "off", "minor_stop_ms": "minor"}


@register.filter
def seconds(ms: int | None) -> str:
    """4 200 000 ms as 4 200.000."""
    if ms is None:
        return NONE
    whole, rest = divmod(abs(ms), 1000)
    return f"{MINUS if ms < 0 else ''}{count(whole)}.{rest:03d}"


@register.filter
def amount(value: int | None, unit: Unit) -> str:
    """A numerator or denominator with its unit."""
    if value is None:
        return NONE
    if unit is Unit.MS:
        return f"{seconds(value)}{THIN}s"
    if unit is Unit.MS_SQUARED:
        whole, rest = divmod(value, SECOND_MS**2)
        return f"{count(whole)}.{rest:06d}{THIN}s²"
    return f"{count(value)}{THIN}{unit.value.removesuffix('s') if value == 1 else unit.value}"


@register.filter
def listed(value: int | None, unit: Unit) -> str:
    """What a row adds, without the unit, which stands above the column; nothing where it adds nothing."""
    if not value:
        return NONE
    return seconds(value) if unit is Unit.MS else count(value)


@register.filter
def figure(found: Evidence | Kpi) -> str:
    """The value as screens show it."""
    value, unit = found.value, found.unit
    if value is None:
        return NONE
    if unit is Unit.SHARE:
        return ratio(float(value), 2)
    return count(float(value)) if unit is Unit.PARTS else f"{_decimals(value)}{THIN}{unit.value}"


def _decimals(value: Fraction) -> str:
    return f"{float(value):.2f}"


@register.filter
def state(interval: Interval) -> str:
    return STATES[interval.column]


@register.filter
def look(interval: Interval) -> str:
    """The colour of its state."""
    if interval.column in LOOKS:
        return LOOKS[interval.column]
    return "stop" if interval.column in ("stop_ms", "external_stop_ms") else "planned"


@register.filter
def unit_name(unit: Unit) -> str:
    return "seconds" if unit is Unit.MS else unit.value


@register.filter
def named(products: dict[int, str], number: int) -> str:
    """A product's name by the number that the controller knows it by."""
    return products.get(number, "unknown product" if number < 0 else f"product {number}")
