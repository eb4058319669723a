"""How an analysis writes its numbers and asks for its choices."""

from collections.abc import Collection, Iterable
from typing import Any

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString

from floor.models import Equipment, Line
from floor.templatetags.units import NONE, THIN, count
from reports.analysis.asked import Asked
from reports.analysis.figures import Analysis
from reports.analysis.reliability import Reliable
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


@register.simple_tag
def evidence_of(asked: Asked, kpi: str) -> str:
    return asked.evidence_href(kpi)


# ---------------------------------------------------------------- one piece for every line


@register.simple_tag
def line_boxes(lines: Iterable[Line], chosen: Collection[str]) -> SafeString:
    return SafeString("".join(_line_box(line, line.code in chosen) for line in lines))


def _line_box(line: Line, is_chosen: bool) -> str:
    code, checked = escape(line.code), " checked" if is_chosen else ""
    box = f'<input type="checkbox" name="line" value="{code}"{checked}>'
    return f"<label>{box} {code} <small>{escape(line.name)}</small></label>"


@register.simple_tag
def machine_options(machines: Iterable[Equipment], asked: Asked | None, chosen: str) -> SafeString:
    """Those of the lines that are asked for."""
    lines = None if asked is None else {line.id for line in asked.lines}
    return SafeString(
        "".join(
            f"<option{' selected' if machine.code == chosen else ''}>{escape(machine.code)}</option>"
            for machine in machines
            if lines is None or machine.line_id in lines
        )
    )


@register.simple_tag
def reliability_rows(analysis: Analysis) -> SafeString:
    return SafeString("".join(_reliable(row, analysis.asked) for row in analysis.reliability))


def _reliable(row: Reliable, asked: Asked) -> str:
    worked = hours_of(row.totals.operating_ms)
    between = hours_of(row.mtbf.value)
    if row.mtbf.value is None and row.totals.operating_ms:
        between = f"&gt; {worked}"
    answered = f" <small>{count(row.answered)} calls</small>" if row.answered else ""
    of_whom = {"line": row.line} if row.is_speaker else {"machine": row.machine.code}
    calls = asked.calls_href(of_whom) if row.answered else ""
    mtbf, mttr = (asked.evidence_href(kpi, machine=row.machine.code) for kpi in ("mtbf", "mttr"))
    return (
        f'<tr><th scope="row">{escape(row.machine.code)} <small>{escape(row.line)}</small></th>'
        f'<td data-label="Operating time">{worked}</td>'
        f'<td data-label="Failures">{count(row.totals.failures)}</td>'
        f'<td data-label="MTBF">{_linked(between, mtbf)}</td>'
        f'<td data-label="MTTR">{_linked(exact_minutes(row.mttr.value), mttr)}</td>'
        f'<td data-label="MTTA"><span>{_linked(exact_minutes(row.mtta.value), calls)}{answered}</span></td></tr>'
    )


def _linked(words: str, href: str) -> str:
    return f'<a href="{escape(href)}">{words}</a>' if href else words
