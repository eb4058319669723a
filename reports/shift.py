"""The shift production report as it is printed: the figures of `oee.shift`, put into words and places on paper."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from andon.models import Call
from floor.domain.shifts import ShiftWindow
from floor.models import Line
from floor.templatetags.units import count, ratio
from oee.count_sheet import entries_between, in_words
from oee.domain.clock import MINUTE_MS, SECOND_MS, to_ms
from oee.domain.factors import Ratio
from oee.domain.ledger import Kind, Ledger
from oee.hour_board import Said, Seen, hour_notes
from oee.restatements import mark, restatements_of
from oee.shift import Block, HourRow, StopLine
from oee.shift_report import ShiftFigures, shift_report

STRIP_WIDTH = 1000.0
CHART_HEIGHT = 120.0
TARGET_OVERHANG = 8.0
HATCH_EVERY = 7.0
STOPS_PRINTED = 40
LOSSES_PRINTED = 8
ENOUGH_SEEN = 0.9


@dataclass(frozen=True, slots=True)
class Factor:
    """One ratio with its evidence in words."""

    name: str
    ratio: Ratio
    means: str
    unit: str


@dataclass(frozen=True, slots=True)
class StripPart:
    x: float
    width: float
    kind: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour of the chart; `good_height` None: the hour has not begun."""

    x: float
    width: float
    good_y: float
    good_height: float | None
    target_y: float
    label: str

    @property
    def middle(self) -> float:
        return self.x + self.width / 2

    @property
    def target_x(self) -> float:
        return self.x - TARGET_OVERHANG

    @property
    def target_width(self) -> float:
        return self.width + 2 * TARGET_OVERHANG


@dataclass(frozen=True, slots=True)
class CallLine:
    raised_at: datetime
    kind: str
    priority: str
    waited_s: float | None
    took_s: float | None


@dataclass(frozen=True, slots=True)
class PrintedHour:
    """An hour, what was done about it and who has seen it."""

    row: HourRow
    said: Said | None
    seen: Seen | None


@dataclass(frozen=True, slots=True)
class ShiftPage:
    figures: ShiftFigures
    zone: ZoneInfo
    verdict: str
    is_final: bool
    is_incomplete: bool
    factors: tuple[Factor, ...]
    strip: tuple[StripPart, ...]
    ticks: tuple[tuple[float, str], ...]
    bars: tuple[Bar, ...]
    chart_top: int
    hours: tuple[PrintedHour, ...]
    taken_out: str  # scrap and rework that people entered, in words; empty if none
    stops: tuple[StopLine, ...]
    stops_left_out: int
    losses: tuple[tuple[str, float, int, float], ...]  # label, minutes, events, share of the largest
    calls: tuple[CallLine, ...]
    strip_summary: str
    chart_summary: str
    restated: tuple[str, ...]  # the last one first

    @property
    def hatches(self) -> list[float]:
        """Strokes over the time without data, so that it reads in black and white."""
        return [
            part.x + offset * HATCH_EVERY
            for part in self.strip
            if part.kind == Ledger.NO_DATA.value
            for offset in range(1, int(part.width / HATCH_EVERY) + 1)
        ]

    @property
    def difference(self) -> int:
        return self.figures.good - self.figures.target_shift

    @property
    def stop_s(self) -> float:
        return self.figures.totals.unplanned_ms / SECOND_MS


class NothingToReport(Exception):
    """The line has no machine that could speak for it."""


def shift_page(line: Line, window: ShiftWindow, now: datetime) -> ShiftPage:
    figures = shift_report(line, window, now)
    if figures is None:
        raise NothingToReport(f"{line.code} has no machine; name its constraint in the plant file or in admin.")
    top = _chart_top(figures)
    return ShiftPage(
        figures=figures,
        zone=line.site.zone,
        verdict=_verdict(figures),
        is_final=now >= window.ends_at and figures.uncoded == 0,
        is_incomplete=figures.completeness is not None and figures.completeness < ENOUGH_SEEN,
        factors=_factors(figures),
        strip=tuple(_strip(figures)),
        ticks=_ticks(figures, line.site.zone),
        bars=tuple(_bars(figures, top)),
        chart_top=top,
        hours=_hours(figures, line),
        taken_out=in_words(entries_between(line, window.starts_at, window.ends_at)),
        stops=_printed(figures.stops),
        stops_left_out=max(0, sum(stop.lost_s > 0 for stop in figures.stops) - STOPS_PRINTED),
        losses=_losses(figures),
        calls=_calls(line, window),
        strip_summary=_strip_summary(figures),
        chart_summary=_chart_summary(figures),
        restated=tuple(mark(row, line.site.zone) for row in restatements_of((line, window.starts_at, window.ends_at))),
    )


def _hours(figures: ShiftFigures, line: Line) -> tuple[PrintedHour, ...]:
    notes = hour_notes(line, figures.window)
    return tuple(
        PrintedHour(row, notes.said.get(row.starts_at), notes.seen.get(row.starts_at)) for row in figures.hours
    )


def _printed(stops: tuple[StopLine, ...]) -> tuple[StopLine, ...]:
    """The longest stops, in the order in which they happened; a break that was coded has lost nothing."""
    longest = sorted((stop for stop in stops if stop.lost_s), key=lambda stop: -stop.lost_s)[:STOPS_PRINTED]
    return tuple(sorted(longest, key=lambda stop: stop.started_at))


def _verdict(figures: ShiftFigures) -> str:
    made = f"Made {count(figures.good)} good of {count(figures.target_shift)} planned"
    if not figures.target_shift:
        return f"{made}."
    share = (figures.good - figures.target_shift) / figures.target_shift
    distance = "on target" if abs(share) < 0.005 else f"{ratio(abs(share))} {'above' if share > 0 else 'below'} target"
    cause = (
        f" Largest loss: {figures.losses[0].label}, {figures.losses[0].lost_s / 60:.0f} min." if figures.losses else ""
    )
    return f"{made}, {distance}.{cause}"


def _factors(figures: ShiftFigures) -> tuple[Factor, ...]:
    found = figures.factors
    return (
        Factor("Availability", found.availability, "running time of planned time", "min"),
        Factor("Performance", found.performance, "ideal time of all parts, of running time", "min"),
        Factor("Quality", found.quality, "ideal time of good parts, of all parts", "min"),
        Factor("OEE", found.oee, "ideal time of good parts, of planned time", "min"),
    )


def _kind(block: Block) -> str:
    return block.kind.value if block.kind in (Kind.MINOR, Kind.BREAK) else block.state.value


def _strip(figures: ShiftFigures) -> list[StripPart]:
    start, end = to_ms(figures.window.starts_at), to_ms(figures.window.ends_at)
    scale = STRIP_WIDTH / (end - start)
    return [StripPart((b.start - start) * scale, (b.end - b.start) * scale, _kind(b)) for b in figures.blocks]


def _ticks(figures: ShiftFigures, zone: ZoneInfo) -> tuple[tuple[float, str], ...]:
    start, end = to_ms(figures.window.starts_at), to_ms(figures.window.ends_at)
    scale = STRIP_WIDTH / (end - start)
    hours = [(row.starts_at, row.label) for row in figures.hours]
    last = (figures.window.ends_at, f"{figures.window.ends_at.astimezone(zone):%H:%M}")
    return tuple(((to_ms(at) - start) * scale, label) for at, label in [*hours, last])


def _chart_top(figures: ShiftFigures) -> int:
    """The chart's upper end: a round number above every bar."""
    largest = max([row.target for row in figures.hours] + [row.good or 0 for row in figures.hours] + [1])
    step: int = 10 ** (len(str(largest)) - 1)
    return -(-largest // step) * step


def _bars(figures: ShiftFigures, top: int) -> list[Bar]:
    slot = STRIP_WIDTH / max(1, len(figures.hours))
    bars = []
    for place, row in enumerate(figures.hours):
        height = None if row.good is None else max(0, row.good) / top * CHART_HEIGHT
        bars.append(
            Bar(
                x=place * slot + slot * 0.15,
                width=slot * 0.7,
                good_y=CHART_HEIGHT - (height or 0.0),
                good_height=height,
                target_y=CHART_HEIGHT - row.target / top * CHART_HEIGHT,
                label=row.label,
            )
        )
    return bars


def _losses(figures: ShiftFigures) -> tuple[tuple[str, float, int, float], ...]:
    if not figures.losses:
        return ()
    largest = figures.losses[0].lost_s
    return tuple((x.label, x.lost_s / 60, x.count, x.lost_s / largest) for x in figures.losses[:LOSSES_PRINTED])


def _calls(line: Line, window: ShiftWindow) -> tuple[CallLine, ...]:
    calls = Call.objects.select_related("kind").filter(
        line=line, raised_at__gte=window.starts_at, raised_at__lt=window.ends_at
    )
    return tuple(
        CallLine(
            call.raised_at,
            call.kind.label,
            call.get_priority_display(),
            _seconds(call.raised_at, call.acknowledged_at),
            _seconds(call.raised_at, call.resolved_at),
        )
        for call in calls.order_by("raised_at")
    )


def _seconds(start: datetime, end: datetime | None) -> float | None:
    return None if end is None else (end - start).total_seconds()


def _strip_summary(figures: ShiftFigures) -> str:
    totals = figures.totals
    parts = {
        "running": totals.run_ms,
        "minor stops": totals.minor_stop_ms,
        "stops": totals.unplanned_ms,
        "planned stops": totals.planned_stop_ms + totals.setup_ms + totals.idle_ms,
        "breaks": totals.break_ms,
        "no data": totals.no_data_ms,
    }
    return "Time of the shift: " + ", ".join(f"{name} {ms // MINUTE_MS} min" for name, ms in parts.items()) + "."


def _chart_summary(figures: ShiftFigures) -> str:
    done = [row for row in figures.hours if row.good is not None]
    if not done:
        return "Good parts per hour: none yet."
    best, worst = max(done, key=lambda row: row.good or 0), min(done, key=lambda row: row.good or 0)
    return f"Good parts per hour against target: best {best.good} at {best.label}, least {worst.good} at {worst.label}."


def as_json(page: ShiftPage) -> dict[str, object]:
    """The figures as printed, for the record and for the API."""
    figures = page.figures
    ratios = {
        factor.name.lower(): {
            "value": factor.ratio.value,
            "numerator_s": factor.ratio.numerator / SECOND_MS,
            "denominator_s": None if factor.ratio.denominator is None else factor.ratio.denominator / SECOND_MS,
        }
        for factor in page.factors
    }
    return {
        "shift": figures.label,
        "good": figures.good,
        "rejected": figures.rejected,
        "target": figures.target_shift,
        "completeness": figures.completeness,
        "uncoded": figures.uncoded,
        "coded": {"stops": figures.coded.stops, "minutes": figures.coded.minutes},
        "is_final": page.is_final,
        "verdict": page.verdict,
        "as_of": figures.as_of.isoformat(),
        "restated": list(page.restated),
        **ratios,
        "taken_out": page.taken_out,
        "hours": [_hour_json(hour) for hour in page.hours],
    }


def _hour_json(hour: PrintedHour) -> dict[str, object]:
    row = hour.row
    return {
        "hour": row.label,
        "target": row.target,
        "good": row.good,
        "rejected": row.rejected,
        "countermeasure": hour.said.text if hour.said else "",
        "signed_off_by": hour.seen.by if hour.seen else "",
    }
