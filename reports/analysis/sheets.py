"""Each block as rows for a spreadsheet: sums rather than ratios alone, days as ISO 8601, times with their offset."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from oee.domain.factors import FIELDS, Ratio, Totals, factors
from oee.domain.losses import Loss
from oee.domain.readings import Figures
from reports.analysis.asked import FACTORS
from reports.analysis.figures import Analysis

Row = Sequence[Any]
FORMULA = ("=", "+", "-", "@", "\t", "\r")
READ = (*FACTORS, "utilization", "teep")
RATIOS = tuple(f"{name}{end}" for name in FACTORS for end in ("_numerator", "_denominator", ""))


class Sheet(NamedTuple):
    columns: tuple[str, ...]
    rows: Sequence[Row]


def now(analysis: Analysis) -> Sheet:
    columns = ("kpi", "unit", *_ratio_columns("now"), *_ratio_columns("before"), "target")
    return Sheet(
        columns,
        [
            (
                figure.code,
                "parts" if figure.is_by_parts else "ms",
                *_ratio(figure.now),
                *_ratio(figure.before),
                figure.target,
            )
            for figure in analysis.figures
        ],
    )


def readings(analysis: Analysis) -> Sheet:
    """The same hours as each standard reads them."""
    return Sheet(
        ("standard", "name", "planned_ms", "operating_ms", *(part for name in READ for part in _ratio_columns(name))),
        [
            (one.reading.code, one.reading.name, one.totals.busy_ms, one.totals.operating_ms, *_read(one))
            for one in analysis.side_by_side
        ],
    )


def _read(one: Figures) -> Row:
    found = [getattr(one.factors if name in FACTORS else one, name) for name in READ]
    return [part for ratio in found for part in _ratio(ratio)]


def kpis(analysis: Analysis) -> Sheet:
    columns = ("kpi", "name", "value", "unit", "numerator", "numerator_unit", "denominator", "denominator_unit")
    return Sheet(
        (*columns, "formula", "source", "note"),
        [
            (
                *(kpi.code, kpi.name, None if kpi.value is None else float(kpi.value), kpi.unit.value),
                *(kpi.numerator, kpi.numerator_unit.value, kpi.denominator, kpi.denominator_unit.value),
                *(kpi.words, kpi.source, kpi.note),
            )
            for kpi in analysis.kpis
        ],
    )


def losses(analysis: Analysis) -> Sheet:
    found = analysis.losses.found
    planned = ("", "planned", "Planned time", "", found.planned_ms, found.planned_ms)
    left = ("", "productive", "Fully productive time", "", found.productive_ms, found.planned_ms)
    difference = ("", "difference", "Difference", "", analysis.losses.difference_ms, found.planned_ms)
    lost = [_loss(loss, found.planned_ms) for loss in found.losses]
    outside = [_loss(loss, found.planned_ms) for loss in found.outside]
    return Sheet(("number", "code", "name", "factor", "ms", "planned_ms"), [planned, *lost, left, difference, *outside])


def _loss(loss: Loss, planned_ms: int) -> Row:
    return loss.number, loss.code, loss.name, loss.factor or "outside planned time", loss.lost_ms, planned_ms


def timeline(analysis: Analysis) -> Sheet:
    columns = ("line", "started_at", "ended_at", "state", "reason", "is_uncoded", "ms")
    found = analysis.timeline
    if found is None:
        return Sheet(columns, [])
    zone = analysis.asked.zone
    return Sheet(
        columns,
        [
            (
                lane.name,
                _time(block.start, zone),
                _time(block.end, zone),
                block.kind.value,
                block.label,
                int(block.is_uncoded),
                round(block.length.total_seconds() * 1000),
            )
            for lane in found.chart.lanes
            for block in lane.blocks
        ],
    )


def stops(analysis: Analysis) -> Sheet:
    whole = analysis.whole
    held = (whole.operating_ms, whole.busy_ms)
    rows: list[Row] = [
        (lost.kind, lost.reason, lost.label or "Not coded", lost.lost_ms, lost.events, *held)
        for lost in analysis.lost.reasons
        if lost.kind != "minor"
    ]
    minor = ("minor", None, "Minor stops", whole.minor_stop_ms, whole.minor_stops, *held)
    slow = ("slow", None, "Slow running", analysis.stops.slow_ms, None, *held)
    return Sheet(
        ("kind", "reason", "name", "lost_ms", "stops", "operating_ms", "planned_ms"),
        [*rows, minor, slow],
    )


def culprits(analysis: Analysis) -> Sheet:
    return Sheet(("machine", "name", "lost_ms", "stops"), analysis.lost.culprits)


def planned(analysis: Analysis) -> Sheet:
    return Sheet(("reason", "name", "expected_ms", "took_ms", "stops", "longer_than_planned"), analysis.lost.planned)


def trend(analysis: Analysis) -> Sheet:
    rows = [
        (one.period.key, _time(one.period.began_at, analysis.asked.zone), one.note, *_totals(one.totals))
        for one in analysis.trend.periods
    ]
    return Sheet(("period", "began_at", "note", *FIELDS, *RATIOS), rows)


def week(analysis: Analysis) -> Sheet:
    rows = [
        (weekday + 1, hour, *_totals(analysis.read(totals)))
        for (weekday, hour), totals in sorted(analysis.sums.week.items())
    ]
    return Sheet(("iso_weekday", "hour", *FIELDS, *RATIOS), rows)


def compare(analysis: Analysis) -> Sheet:
    rows = [(key.code, key.label or key.code, *_totals(totals)) for key, totals in analysis.compared.rows]
    return Sheet((analysis.asked.choice("compare"), "name", *FIELDS, *RATIOS), rows)


def reliability(analysis: Analysis) -> Sheet:
    columns = ("line", "machine", "operating_ms", "stop_ms", "failures", "mtbf_ms", "mttr_ms")
    rows = [
        (
            *(row.line, row.machine.code, row.totals.operating_ms, row.totals.stop_ms, row.totals.failures),
            *(row.mtbf.value, row.mttr.value, row.answered, row.waited_ms, row.mtta.value),
        )
        for row in analysis.reliability
    ]
    return Sheet((*columns, "calls_answered", "waited_ms", "mtta_ms"), rows)


SHEETS: dict[str, Callable[[Analysis], Sheet]] = {
    "now": now,
    "readings": readings,
    "losses": losses,
    "timeline": timeline,
    "stops": stops,
    "culprits": culprits,
    "planned": planned,
    "trend": trend,
    "week": week,
    "compare": compare,
    "reliability": reliability,
    "kpis": kpis,
}


def _totals(totals: Totals) -> Row:
    found = factors(totals)
    ratios = [part for name in FACTORS for part in _ratio(getattr(found, name))]
    return *(getattr(totals, name) for name in FIELDS), *ratios


def _ratio(ratio: Ratio) -> Row:
    return ratio.numerator, ratio.denominator, ratio.value


def _ratio_columns(name: str) -> Row:
    return f"{name}_numerator", f"{name}_denominator", name


def _time(moment: datetime, zone: Any) -> str:
    return moment.astimezone(zone).isoformat()


def written(sheet: Sheet) -> str:
    """Empty for what is not known. No word may be taken for a formula by the program that opens it."""
    paper = io.StringIO()
    writer = csv.writer(paper)
    writer.writerow(sheet.columns)
    writer.writerows(_harmless(row) for row in sheet.rows)
    return paper.getvalue()


def _harmless(row: Row) -> Iterable[Any]:
    return (f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell for cell in row)
