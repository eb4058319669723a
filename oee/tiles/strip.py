"""The shift as a strip of time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from floor.models import Line
from floor.models.shifts import calendar
from oee.domain.clock import SECOND_MS, from_ms
from oee.domain.ledger import Kind, Ledger
from oee.shift import Block, Shift
from oee.tiles.words import spell

KINDS = {
    Ledger.RUN: "run",
    Ledger.STOP: "stop",
    Ledger.PLANNED: "planned",
    Ledger.NO_DATA: "nodata",
    Ledger.OFF_SHIFT: "off",
}
WORDS = {
    "run": "Running",
    "slow": "Slow",
    "stop": "Stopped",
    "minor": "Minor stop",
    "planned": "Planned stop",
    "nodata": "No data",
    "off": "Not scheduled",
    "break_ahead": "Break",
}


@dataclass(frozen=True, slots=True)
class StripBlock:
    x: float  # per mille of the shift
    width: float
    kind: str  # run | slow | stop | minor | planned | nodata | off | break_ahead
    uncoded: bool
    label: str
    stop_id: UUID | None


@dataclass(frozen=True, slots=True)
class StripTile:
    starts_at: datetime
    ends_at: datetime
    ticks: tuple[tuple[float, str], ...]
    now_x: float
    blocks: tuple[StripBlock, ...]
    summary: str


def strip_tile(line: Line, now: datetime) -> StripTile:
    """The shift so far; outside shifts the one that ended last, else the next hour of nothing."""
    shifts = calendar(line)
    window = shifts.at(now) or shifts.last_finished(now, within=timedelta(days=4))
    if window is None:
        return StripTile(now, now + timedelta(hours=1), (), 0.0, (), "No shift is planned.")
    return strip(Shift(line, window, now))


def strip(shift: Shift) -> StripTile:
    blocks = [piece for block in shift.blocks for piece in _blocks(shift, block)]
    return StripTile(
        shift.window.starts_at,
        shift.window.ends_at,
        tuple(_ticks(shift)),
        _x(shift, shift.elapsed),
        (*blocks, *_breaks_ahead(shift)),
        _summary(shift),
    )


def _x(shift: Shift, moment: int) -> float:
    return round((moment - shift.start) * 1000 / (shift.end - shift.start), 2)


def _piece(shift: Shift, start: int, end: int, kind: str, text: str = "", stop: Block | None = None) -> StripBlock:
    clock = f"{_clock(shift, start)}–{_clock(shift, end)}"
    is_uncoded = stop is not None and stop.reason is None and stop.stop in shift.uncoded_ms
    x = _x(shift, start)
    width = round(_x(shift, end) - x, 2)
    return StripBlock(x, width, kind, is_uncoded, f"{clock} {text or WORDS[kind]}", stop.stop if stop else None)


def _clock(shift: Shift, moment: int) -> str:
    local = from_ms(moment).astimezone(shift.line.site.zone)
    return f"{local.hour:02d}:{local.minute:02d}"  # three times as fast as strftime, and there are hundreds


def _blocks(shift: Shift, block: Block) -> list[StripBlock]:
    if block.state is Ledger.RUN:
        return _run_blocks(shift, block)
    if block.state is Ledger.STOP:
        text = block.label or (shift.texts.get(block.stop, "") if block.stop else "")
        kind = "minor" if block.is_minor else "stop"
        return [_piece(shift, block.start, block.end, kind, text, block)]
    text = (block.label or "") if block.is_planned_stop else "Break" if block.kind is Kind.BREAK else ""
    return [_piece(shift, block.start, block.end, KINDS[block.state], text, block if block.stop else None)]


def _run_blocks(shift: Shift, block: Block) -> list[StripBlock]:
    """Running, with the slow stretches cut out."""
    pieces, at = [], block.start
    for start, end in shift.slow:
        low, high = max(start, block.start), min(end, block.end)
        if low >= high:
            continue
        if low > at:
            pieces.append(_piece(shift, at, low, "run"))
        pieces.append(_piece(shift, low, high, "slow"))
        at = high
    if at < block.end:
        pieces.append(_piece(shift, at, block.end, "run"))
    return pieces


def _breaks_ahead(shift: Shift) -> list[StripBlock]:
    return [
        _piece(shift, max(start, shift.elapsed), end, "break_ahead", name)
        for start, end, name in shift.schedule.breaks.spans
        if end > shift.elapsed
    ]


def _ticks(shift: Shift) -> list[tuple[float, str]]:
    """Every hour when that leaves room, else every second one."""
    zone = shift.line.site.zone
    hours = list(shift.clock_hours())
    step = 1 if len(hours) <= 9 else 2
    ticks = [(_x(shift, start), f"{from_ms(start).astimezone(zone):%H:%M}") for start, _ in hours[::step]]
    return [*ticks, (1000.0, f"{shift.window.ends_at.astimezone(zone):%H:%M}")]


def _summary(shift: Shift) -> str:
    totals = shift.totals
    spent = (
        ("running", totals.run_ms),
        ("stopped", totals.unplanned_ms),
        ("in minor stops", totals.minor_stop_ms),
        ("planned", totals.planned_stop_ms + totals.setup_ms + totals.idle_ms + totals.break_ms),
        ("without data", totals.no_data_ms),
    )
    said = ", ".join(f"{spell(ms)} {word}" for word, ms in spent if ms >= SECOND_MS)
    return f"{shift.window.label(shift.line.site.zone)}: {said or 'nothing seen yet'}."
