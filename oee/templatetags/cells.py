"""The many small cells of charts. Each would cost the template engine ten steps; numbers need no escaping."""

from collections.abc import Iterable

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString

from floor.templatetags.units import MINUS, bare, pct, points, ratio, round_ratio, written
from oee.charts import comparison, heat, pareto, trend, waterfall
from oee.charts.scale import Label, Mark

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


# ---------------------------------------------------------------- axes


@register.simple_tag
def marks_across(marks: Iterable[Mark]) -> SafeString:
    return SafeString(
        "".join(
            f'<line class="grid" x1="{pct(mark.at)}" x2="{pct(mark.at)}" y2="100%"/><text class="tick"'
            f' x="{pct(mark.at)}" y="100%" dy="1.2em" text-anchor="middle">{round_ratio(mark.value)}</text>'
            for mark in marks
        )
    )


@register.simple_tag
def marks_up(marks: Iterable[Mark]) -> SafeString:
    return SafeString(
        "".join(
            f'<line class="grid" x2="100%" y1="{pct(mark.down)}" y2="{pct(mark.down)}"/><text class="tick" x="-8"'
            f' y="{pct(mark.down)}" dy=".35em" text-anchor="end">{round_ratio(mark.value)}</text>'
            for mark in marks
        )
    )


@register.simple_tag
def axis_labels(labels: Iterable[Label]) -> SafeString:
    return SafeString(
        "".join(
            f'<text class="tick{" wide-only" if label.wide_only else ""}" x="{pct(label.at)}" y="1em"'
            f' text-anchor="middle">{escape(label.text)}</text>'
            for label in labels
        )
    )


# ---------------------------------------------------------------- bars: losses and their reasons


@register.simple_tag
def pareto_words(chart: pareto.Pareto, unit: str) -> SafeString:
    return SafeString(", ".join(_cause_words(bar, unit) for bar in chart.bars))


def _cause_words(bar: pareto.Bar, unit: str) -> str:
    together = "" if bar.cumulative is None else f" ({ratio(bar.cumulative, 0)} with those before)"
    return f"{_cause(bar)} {written(bar.value, unit)}{together}"


def _cause(bar: pareto.Bar) -> str:
    return f"{bar.others} others" if bar.others else escape(bar.label)


@register.simple_tag
def pareto_shapes(chart: pareto.Pareto) -> SafeString:
    return SafeString(
        "".join(
            f'<rect class="bar-shape {_look(bar)}" y="{pct(bar.down)}" width="{pct(bar.width)}"/>' for bar in chart.bars
        )
    )


def _look(bar: pareto.Bar) -> str:
    return "cause-others" if bar.others else "cause" if bar.is_vital else "cause-small"


@register.simple_tag
def pareto_list(chart: pareto.Pareto, unit: str) -> SafeString:
    return SafeString("".join(_pareto_item(bar, unit, bool(chart.line)) for bar in chart.bars))


def _pareto_item(bar: pareto.Bar, unit: str, has_shares: bool) -> str:
    share = f'<span class="bar-share">{ratio(bar.share)}</span>' if has_shares else ""
    name = _linked(_cause(bar), "" if bar.others else bar.href)
    return f'<li><span class="bar-name">{name}</span><span class="value">{written(bar.value, unit)}</span>{share}</li>'


def _linked(words: str, href: str) -> str:
    return f'<a href="{escape(href)}">{words}</a>' if href else words


@register.simple_tag
def pareto_rows(chart: pareto.Pareto, unit: str) -> SafeString:
    rows = []
    for bar in chart.bars:
        shares = (ratio(bar.share), ratio(bar.cumulative)) if chart.line else ()
        rows.append(f'<tr><th scope="row">{_cause(bar)}</th>{_cells((written(bar.value, unit), *shares))}</tr>')
    return SafeString("".join(rows))


@register.simple_tag
def fall_shapes(chart: waterfall.Waterfall, id: str) -> SafeString:
    """`id` is the chart's, which its patterns are named after."""
    joins = (
        f'<line class="join" x1="{pct(join.x)}" x2="{pct(join.x)}" y1="{pct(join.top)}" y2="{pct(join.bottom)}"/>'
        for join in chart.joins
    )
    return SafeString("".join((*joins, *(_step_shape(step, escape(id)) for step in chart.steps))))


def _step_shape(step: waterfall.Step, id: str) -> str:
    fill = f' fill="url(#{id}-faint)"' if step.kind == "gain" else ""
    return (
        f'<rect class="bar-shape step-{"largest" if step.is_largest else step.kind}" x="{pct(step.left)}"'
        f' y="{pct(step.down)}" width="{pct(step.width)}"{fill}/>'
    )


@register.simple_tag
def fall_list(chart: waterfall.Waterfall) -> SafeString:
    return SafeString("".join(_step_item(step) for step in chart.steps))


def _step_item(step: waterfall.Step) -> str:
    note = '<em class="bar-note">largest</em>' if step.is_largest else ""
    note = '<em class="flag">gain</em>' if step.kind == "gain" else note
    return (
        f'<li class="is-{step.kind}"><span class="bar-name">{_linked(escape(step.label), step.href)}'
        f'{" " if note else ""}{note}</span><span class="value">{_step_time(step)}</span>'
        f'<span class="bar-share">{ratio(step.share)}</span></li>'
    )


def _step_time(step: waterfall.Step) -> str:
    if step.kind == "gain":
        return f"+{written(step.gained_ms, 'ms')}"
    return f"{MINUS if step.kind == 'loss' and step.ms else ''}{written(step.ms, 'ms')}"


@register.simple_tag
def fall_rows(chart: waterfall.Waterfall) -> SafeString:
    kinds = {"total": "left", "gain": "gained"}
    return SafeString(
        "".join(
            f'<tr><th scope="row">{escape(step.label)}</th>'
            f"{_cells((kinds.get(step.kind, 'lost'), written(step.ms, 'ms'), ratio(step.share)))}</tr>"
            for step in chart.steps
        )
    )


def _cells(texts: Iterable[str]) -> str:
    return "".join(f"<td>{text}</td>" for text in texts)
