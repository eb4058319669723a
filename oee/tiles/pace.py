"""How much was made, against the plan and against the ideal."""

from dataclasses import dataclass
from datetime import datetime

from floor.domain.shifts import ShiftWindow
from floor.models import Line
from oee.domain.clock import MINUTE_MS, from_ms, to_ms
from oee.domain.pace import projected
from oee.rows import primary_machine
from oee.shift import Shift, is_silent, live
from oee.tiles.words import NOT_SCHEDULED, product_of, shift_of

RECENT_MS = 30 * MINUTE_MS
SPARK_MINUTES = 10
SPARK_WIDTH, SPARK_HEIGHT = 300, 80


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


def pace_tile(line: Line, now: datetime) -> PaceTile:
    shift = shift_of(line, now)
    if shift is None or shift.machine is None:
        return PaceTile(NOT_SCHEDULED, None, None, None, None, None, None, None, None, None)
    good, rejected = shift.counted
    target_now, target_shift = shift.target(shift.start, shift.elapsed), shift.target(shift.start, shift.end)
    return PaceTile(
        shift_label=shift.window.label(line.site.zone),
        product=product_of(line, live(shift.machine)),
        good=good,
        rejected=rejected,
        target_now=target_now,
        target_shift=target_shift,
        difference=good - target_now,
        projected=_projected(shift, good),
        progress=good / target_shift if target_shift else None,
        progress_target=target_now / target_shift if target_shift else None,
    )


def recent_minutes(shift: Shift) -> tuple[int, int]:
    """The full minutes whose pace is taken for that of the rest of the shift."""
    until = shift.elapsed // MINUTE_MS * MINUTE_MS
    return max(shift.start, until - RECENT_MS), until


def _projected(shift: Shift, good: int) -> int | None:
    since, until = recent_minutes(shift)
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
