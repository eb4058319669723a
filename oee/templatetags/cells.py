"""The many small cells of charts. Each would cost the template engine ten steps; numbers need no escaping."""

from collections.abc import Iterable

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString

from floor.templatetags.units import bare, pct, points, ratio, round_ratio, written
from oee.charts import comparison, heat, trend

register = template.Library()


@register.simple_tag
def heat_cells(chart: heat.Heat, unit: str) -> SafeString:
    head = "<b></b>" + "".join(f"<b>{hour}</b>" for hour in chart.hours)
    days = (f"<b>{day.name}</b>" + "".join(_heat_cell(cell, unit) for cell in day.cells) for day in chart.days)
    return SafeString(head + "".join(days))


def _heat_cell(cell: heat.Cell, unit: str) -> str:
    if cell.value is None:
        return f'<i class="is-{"unknown" if cell.is_scheduled else "off"}"></i>'
    return f'<i class="is-{cell.level}">{bare(cell.value, unit)}</i>'


@register.simple_tag
def heat_rows(chart: heat.Heat, unit: str) -> SafeString:
    return SafeString(
        "".join(
            f'<tr><th scope="row">{hour}:00</th>{_cells(written(value, unit) for value in values)}</tr>'
            for hour, values in chart.by_hour
        )
    )


@register.simple_tag
def trend_rows(chart: trend.Trend) -> SafeString:
    return SafeString("".join(_trend_row(row) for row in chart.rows))


def _trend_row(row: trend.Row) -> str:
    period = row.period
    label: str = escape(period.label)
    label = f'<a href="{escape(period.href)}">{label}</a>' if period.href else label
    note = f" <small>{escape(period.note)}</small>" if period.note else ""
    cells = _cells(ratio(value) for value in (*row.values, period.completeness))
    return f'<tr><th scope="row">{label}{note}</th>{cells}</tr>'


@register.simple_tag
def columns(panel: trend.Panel) -> SafeString:
    return SafeString(
        "".join(
            f'<rect x="{pct(column.left)}" y="{pct(column.top)}" width="{pct(column.width)}"'
            f' height="{pct(column.height)}">{_named(column.label, column.value)}</rect>'
            for column in panel.columns
        )
    )


@register.simple_tag
def dots(panel: trend.Panel, is_dense: bool) -> SafeString:
    """Points of a line, and whatever is outside the control limits."""
    shown = (point for point in panel.known if point.is_outside or (panel.lines and not is_dense))
    return SafeString(
        "".join(
            f'<circle{_outside(point)} cx="{pct(point.x)}" cy="{pct(point.down)}">'
            f"{_named(point.label, point.value)}</circle>"
            for point in shown
        )
    )


def _outside(point: trend.Point) -> str:
    return ' class="is-outside"' if point.is_outside else ""


def _named(label: str, value: float | None) -> str:
    return f"<title>{escape(label)} {ratio(value)}</title>"


@register.simple_tag
def contenders(chart: comparison.Comparison, id: str) -> SafeString:
    """`id` is the chart's, which its patterns are named after."""
    is_compared = chart.compared_with is not None
    return SafeString("".join(_contender(row, escape(id), is_compared) for row in chart.rows))


def _contender(row: comparison.Row, id: str, is_compared: bool) -> str:
    label = escape(row.label)
    name = f'<a href="{escape(row.href)}">{label}</a>' if row.href else label
    flag = f' <em class="flag">{ratio(row.completeness, 0)} observed</em>' if row.is_incomplete else ""
    measures = "".join(_measure(row, cell, label, id, is_compared) for cell in row.cells)
    return f'<li class="contender"><p class="contender-name">{name}{flag}</p>{measures}</li>'


def _measure(row: comparison.Row, cell: comparison.Cell, label: str, id: str, is_compared: bool) -> str:
    name = escape(cell.name)
    difference = "" if row.is_compared_with else points(cell.difference)
    return (
        f'<div class="measure"><span class="measure-name">{name}</span>{_meter(cell, f"{label}: {name}", id)}'
        f'<span class="value{" is-over" if cell.is_over else ""}">{ratio(cell.value)}</span>'
        + (f'<span class="measure-difference">{difference}</span>' if is_compared else "")
        + "</div>"
    )


def _meter(cell: comparison.Cell, what: str, id: str) -> str:
    target = "" if cell.target is None else f", target {round_ratio(cell.target)}"
    bar = (
        f'<rect class="meter-unknown" width="100%" height="100%" fill="url(#{id}-nodata)"/>'
        if cell.value is None
        else f'<rect class="meter-fill" width="{pct(cell.width)}" height="100%"/>'
    )
    passed = " is-passed" if cell.is_over else ""
    return (
        f'<svg class="meter" role="img"><title>{what} {ratio(cell.value)}{target}</title>{bar}'
        f'<line class="whole{passed}" x1="{pct(cell.whole)}" x2="{pct(cell.whole)}" y2="100%"/>'
        f"{_target(cell.target_at)}</svg>"
    )


def _target(at: float | None) -> str:
    if at is None:
        return ""
    place = f'x1="{pct(at)}" x2="{pct(at)}" y1="-4" y2="100%"'
    return f'<line class="target-halo" {place}/><line class="target" {place}/>'


@register.simple_tag
def comparison_rows(chart: comparison.Comparison) -> SafeString:
    is_compared = chart.compared_with is not None
    return SafeString("".join(_comparison_row(row, is_compared) for row in chart.rows))


def _comparison_row(row: comparison.Row, is_compared: bool) -> str:
    told: list[str] = []
    for cell in row.cells:
        told.append(ratio(cell.value))
        if is_compared:
            told.append(points(cell.difference))
    return f'<tr><th scope="row">{escape(row.label)}</th>{_cells([*told, ratio(row.completeness)])}</tr>'


def _cells(texts: Iterable[str]) -> str:
    return "".join(f"<td>{text}</td>" for text in texts)
