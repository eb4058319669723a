"""What the live tiles of stops and effectiveness show: `xxx_tile(line, now)`, ready to print.

`line` comes with its site loaded. A tile reads rows that are kept up to date elsewhere; the state tile also looks at
the machine's live row, so that it never waits for the ledger.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from uuid import UUID

from floor.domain.machine import State
from floor.domain.shifts import Calendar, ShiftWindow
from floor.glance import once
from floor.models import Equipment, Line, MachineState
from floor.models.shifts import calendar
from oee.domain.clock import MINUTE_MS, SECOND_MS, from_ms, to_ms
from oee.domain.factors import Ratio
from oee.domain.ledger import Kind, Ledger
from oee.domain.pace import projected, slow_share
from oee.models import LinePolicy, Stop, StopReason, to_stop_key
from oee.rows import last_stop, primary_machine, product_name, unexplained
from oee.shift import Block, Shift, StopLine, is_silent, live

PROVISIONAL_BELOW = 0.9
RECENT_MS = 30 * MINUTE_MS
SPARK_MINUTES = 10
SPARK_WIDTH, SPARK_HEIGHT = 300, 80
STOPS_SHOWN = 8
LOSSES_SHOWN = 3
# A stop that has just ended may still be explained from the state banner.
ASK_FOR = timedelta(minutes=15)
NOT_SCHEDULED = "Not scheduled"


@dataclass(frozen=True, slots=True)
class ReasonChoice:
    code: str
    label: str


@dataclass(frozen=True, slots=True)
class StateTile:
    line_code: str
    line_name: str
    state: str  # run | slow | stop | planned | nodata | off
    word: str
    since: datetime | None
    equipment_code: str
    equipment_name: str
    why: str
    stop_id: UUID | None  # the open or just ended stop that still lacks its reason
    suggestion: ReasonChoice | None
    coded: ReasonChoice | None
    product: str | None
    as_of: datetime | None  # last good reading


@dataclass(frozen=True, slots=True)
class PaceTile:
    shift_label: str
    product: str | None
    good: int | None
    rejected: int | None
    target_now: int | None
    target_shift: int | None
    difference: int | None  # good - target_now
    projected: int | None  # good at shift end at the pace of the last 30 minutes
    progress: float | None  # good / target_shift; may exceed 1
    progress_target: float | None


@dataclass(frozen=True, slots=True)
class RateTile:
    rate_per_min: float | None
    ideal_per_min: float | None
    spark: tuple[int | None, ...]  # made per minute, last 10 minutes, oldest first; None: no data
    spark_points: str  # in a box of 300 by 80
    ideal_y: float | None


@dataclass(frozen=True, slots=True)
class FactorBar:
    name: str
    value: float | None
    target: float | None
    numerator: str
    denominator: str


@dataclass(frozen=True, slots=True)
class OeeTile:
    shift_label: str
    oee: float | None
    completeness: float | None  # observed share of the elapsed scheduled time
    provisional: bool
    bars: tuple[FactorBar, ...]
    uncoded: int
    flags: tuple[str, ...]
    line_code: str = ""
    shift_starts_at: datetime | None = None


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


@dataclass(frozen=True, slots=True)
class StopRow:
    id: UUID
    started_at: datetime
    ended_at: datetime | None
    duration_s: float
    equipment_code: str
    text: str
    reason: ReasonChoice | None
    coded_by: str | None
    suggestion: ReasonChoice | None


@dataclass(frozen=True, slots=True)
class StopsTile:
    uncoded: int
    rows: tuple[StopRow, ...]  # uncoded first, newest first
    top_losses: tuple[tuple[str, float], ...]  # label, minutes


def _choice(reason: StopReason | None) -> ReasonChoice | None:
    return None if reason is None else ReasonChoice(reason.code, reason.label)


@once
def _shift(line: Line, now: datetime) -> Shift | None:
    window = calendar(line).at(now)
    return None if window is None else Shift(line, window, now)


# ---------------------------------------------------------------- state


def state_tile(line: Line, now: datetime) -> StateTile:
    machine = primary_machine(line)
    return _StateNow(line, machine, calendar(line), now).tile()


def last_minutes(now: datetime) -> tuple[int, int]:
    """The two full minutes by which a machine is called slow."""
    full = to_ms(now) // MINUTE_MS * MINUTE_MS
    return full - 2 * MINUTE_MS, full


class _StateNow:
    """The live state of a line, decided in one order: no data, not scheduled, standing, running."""

    def __init__(self, line: Line, machine: Equipment | None, shifts: Calendar, now: datetime) -> None:
        self.line, self.machine, self.now = line, machine, now
        self.live = live(machine)
        self.calendar = shifts
        self.window = shifts.at(now)

    def tile(self) -> StateTile:
        if self.machine is None:
            return self._tile("nodata", "NO DATA", None, "No machine is set up on this line")
        if self.live is None or is_silent(self.live, self.now) or self.live.state == State.UNKNOWN:
            return self._no_data()
        if self.window is None:
            return self._off()
        return self._standing(self.live) if self.live.state == State.STOP else self._running(self.live, self.window)

    def _tile(
        self,
        state: str,
        word: str,
        since: datetime | None,
        why: str = "",
        *,
        stop: Stop | None = None,
        stop_id: UUID | None = None,
    ) -> StateTile:
        coded = None if stop is None else stop.reason
        asks = stop_id is not None and coded is None
        return StateTile(
            line_code=self.line.code,
            line_name=self.line.name,
            state=state,
            word=word,
            since=since,
            equipment_code="" if self.machine is None else self.machine.code,
            equipment_name="" if self.machine is None else self.machine.name,
            why=why,
            stop_id=stop_id if asks else None,
            suggestion=_choice(stop.proposed_reason) if stop is not None and asks else None,
            coded=_choice(coded),
            product=_product_name(self.line, self.live),
            as_of=None if self.live is None else self.live.observed_until,
        )

    def _no_data(self) -> StateTile:
        code = "" if self.machine is None else self.machine.code
        since = None if self.live is None else self.live.observed_until
        why = f"{code} has never been read" if since is None else f"No answer from {code}"
        return self._tile("nodata", "NO DATA", since, why)

    def _off(self) -> StateTile:
        last = self.calendar.last_finished(self.now, within=timedelta(days=4))
        why = "The machine runs outside the shifts" if self.live and self.live.state == State.RUN else ""
        return self._tile("off", "NOT SCHEDULED", last.ends_at if last else None, why)

    def _last_stop(self) -> Stop | None:
        return None if self.machine is None else last_stop(self.machine.id)

    def _standing(self, seen: MachineState) -> StateTile:
        stop = self._last_stop()
        if stop is not None and stop.ended_at is not None:
            stop = None  # the ledger has not seen this standstill yet
        began = stop.started_at if stop is not None else seen.since
        key = stop.id if stop else to_stop_key(seen.equipment_id, began) if began else None
        rest = self._break()
        if stop is not None and stop.reason is not None and stop.is_planned:
            return self._tile("planned", stop.reason.label.upper(), began, stop.proposed_why, stop=stop)
        if rest is not None:
            return self._tile("planned", rest[0].upper(), max(rest[1], began or rest[1]), stop=stop)
        return self._tile("stop", "STOPPED", began, stop.proposed_why if stop else "", stop=stop, stop_id=key)

    def _break(self) -> tuple[str, datetime] | None:
        on = [b for b in (self.window.breaks if self.window else ()) if b.starts_at <= self.now < b.ends_at]
        return (on[0].name, on[0].starts_at) if on else None

    def _running(self, seen: MachineState, window: ShiftWindow) -> StateTile:
        shift = Shift(self.line, window, self.now, self.machine)
        share = slow_share(shift.minutes_between(*last_minutes(self.now)), shift.policy.slow_below)
        stop = self._asked_after(shift.policy)
        word = "RUNNING" if share is None else f"SLOW {share * 100:.0f} %"
        why = f"Stopped {stop.started_at.astimezone(self.line.site.zone):%H:%M}, {stop.proposed_why}" if stop else ""
        return self._tile(
            "run" if share is None else "slow",
            word,
            seen.since,
            why.removesuffix(", "),
            stop=stop,
            stop_id=stop.id if stop else None,
        )

    def _asked_after(self, policy: LinePolicy) -> Stop | None:
        """The stop that ended just now without a reason."""
        stop = self._last_stop()
        if stop is None or not may_be_asked_after(stop, self.now):
            return None
        return stop if unexplained(stop.id) >= timedelta(seconds=policy.micro_stop_s) else None


def may_be_asked_after(stop: Stop, now: datetime) -> bool:
    if stop.ended_at is None or stop.is_minor or stop.reason is not None:
        return False
    return now - stop.ended_at <= ASK_FOR


def _product_name(line: Line, seen: MachineState | None) -> str | None:
    return None if seen is None or seen.product_number is None else product_name((line, seen.product_number))


# ---------------------------------------------------------------- pace and rate


def pace_tile(line: Line, now: datetime) -> PaceTile:
    shift = _shift(line, now)
    if shift is None or shift.machine is None:
        return PaceTile(NOT_SCHEDULED, None, None, None, None, None, None, None, None, None)
    good, rejected = shift.counted
    target_now, target_shift = shift.target(shift.start, shift.elapsed), shift.target(shift.start, shift.end)
    return PaceTile(
        shift_label=shift.window.label(line.site.zone),
        product=_product_name(line, live(shift.machine)),
        good=good,
        rejected=rejected,
        target_now=target_now,
        target_shift=target_shift,
        difference=good - target_now,
        projected=_projected(shift, good),
        progress=good / target_shift if target_shift else None,
        progress_target=target_now / target_shift if target_shift else None,
    )


def _projected(shift: Shift, good: int) -> int | None:
    until = shift.elapsed // MINUTE_MS * MINUTE_MS
    since = max(shift.start, until - RECENT_MS)
    recent = sum(minute.made - minute.rejected for minute in shift.minutes_between(since, until))
    remaining = shift.planned_ms(shift.elapsed, shift.end)
    return projected(good, recent, shift.planned_ms(since, until), remaining)


def rate_tile(line: Line, now: datetime) -> RateTile:
    machine = primary_machine(line)
    seen = live(machine)
    # A rate needs no shift: a machine that runs outside them has one too.
    full = to_ms(now) // MINUTE_MS * MINUTE_MS
    since = full - SPARK_MINUTES * MINUTE_MS
    shift = Shift(line, ShiftWindow("", now.date(), from_ms(since), from_ms(full)), now, machine)
    made = {minute.start: minute for minute in shift.minutes_between(since, full)}
    spark = tuple(made[start].made if start in made else None for start in range(since, full, MINUTE_MS))
    cycle = shift.ideal_cycle_ms(None if seen is None else seen.product_number, now)
    ideal = None if cycle is None else MINUTE_MS / cycle
    last = [made[start] for start in (full - 2 * MINUTE_MS, full - MINUTE_MS) if start in made]
    is_known = last and not is_silent(seen, now)
    top = max([ideal or 0, *(value or 0 for value in spark), 1]) * 1.1
    return RateTile(
        sum(minute.made - minute.rejected for minute in last) / len(last) if is_known else None,
        ideal,
        spark,
        _points(spark, top),
        None if ideal is None else round(SPARK_HEIGHT * (1 - ideal / top), 1),
    )


def _points(spark: tuple[int | None, ...], top: float) -> str:
    step = SPARK_WIDTH / (SPARK_MINUTES - 1)
    return " ".join(
        f"{place * step:.1f},{SPARK_HEIGHT * (1 - value / top):.1f}"
        for place, value in enumerate(spark)
        if value is not None
    )


# ---------------------------------------------------------------- effectiveness


def oee_tile(line: Line, now: datetime) -> OeeTile:
    shift = _shift(line, now)
    if shift is None or shift.machine is None:
        return OeeTile(NOT_SCHEDULED, None, None, False, (), 0, ())
    return OeeTile(
        shift_label=shift.window.label(line.site.zone),
        oee=shift.factors.oee.value,
        completeness=shift.completeness,
        provisional=shift.completeness is not None and shift.completeness < PROVISIONAL_BELOW,
        bars=factor_bars(shift),
        uncoded=shift.uncoded,
        flags=shift.flags,
        line_code=line.code,
        shift_starts_at=shift.window.starts_at,
    )


def factor_bars(shift: Shift) -> tuple[FactorBar, ...]:
    found, policy = shift.factors, shift.policy
    return (
        _bar("Availability", found.availability, policy.target_availability, *_times(found.availability)),
        _bar("Performance", found.performance, policy.target_performance, *_times(found.performance)),
        _bar("Quality", found.quality, policy.target_quality, *_parts(shift)),
    )


def _bar(name: str, ratio: Ratio, target: float, numerator: str, denominator: str) -> FactorBar:
    return FactorBar(name, ratio.value, target, numerator, denominator)


def _times(ratio: Ratio) -> tuple[str, str]:
    return spell(ratio.numerator), "–" if ratio.denominator is None else spell(ratio.denominator)


def _parts(shift: Shift) -> tuple[str, str]:
    """Pieces, unless several products with different cycles were made: then their ideal time is the evidence."""
    quality, totals = shift.factors.quality, shift.totals
    if quality.exact is None:
        return "–", "–"
    if quality.exact == Fraction(totals.made - totals.rejected, totals.made):
        return f"{totals.made - totals.rejected} good", f"{totals.made} parts"
    return _times(quality)


def spell(ms: int) -> str:
    """6 h 12 min, 12 min 5 s, 40 s."""
    seconds = abs(ms) // SECOND_MS
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    sign = "−" if ms < 0 else ""
    if hours:
        return f"{sign}{hours} h {minutes} min"
    return f"{sign}{minutes} min {rest} s" if minutes else f"{sign}{rest} s"


# ---------------------------------------------------------------- time strip

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


# ---------------------------------------------------------------- stops


def stops_tile(line: Line, now: datetime) -> StopsTile:
    shift = _shift(line, now)
    if shift is None or shift.machine is None:
        return StopsTile(0, (), ())
    shown = sorted(shift.listed, key=lambda stop: stop not in shift.uncoded_ms)[:STOPS_SHOWN]
    losses = tuple((loss.label, loss.lost_s / 60) for loss in shift.losses[:LOSSES_SHOWN])
    return StopsTile(len(shift.uncoded_ms), tuple(stop_row(stop) for stop in shift.stop_lines(shown)), losses)


def stop_row(stop: StopLine) -> StopRow:
    return StopRow(
        id=stop.id,
        started_at=stop.started_at,
        ended_at=stop.ended_at,
        duration_s=stop.duration_s,
        equipment_code=stop.equipment_code,
        text=stop.text,
        reason=_pair(stop.reason_code, stop.reason),
        coded_by=stop.coded_by,
        suggestion=_pair(stop.suggestion_code, stop.suggestion),
    )


def _pair(code: str | None, label: str | None) -> ReasonChoice | None:
    return None if code is None or label is None else ReasonChoice(code, label)
