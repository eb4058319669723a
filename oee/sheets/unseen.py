"""Times nobody saw, where a person may say that the machine stood."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from floor.domain.shifts import ShiftWindow
from floor.models import Line
from floor.models.shifts import calendar
from oee.choices import ReasonChoice, recent_reasons
from oee.domain.clock import MINUTE_MS, SECOND_MS, from_ms
from oee.domain.ledger import Ledger
from oee.rows import primary_machine
from oee.shift import Shift

SHORTEST_MS = MINUTE_MS
MOVES_MIN = (-5, -1, 1, 5)
SHOWN = 8


@dataclass(frozen=True, slots=True)
class Unseen:
    """[start, end) without a reading."""

    start_ms: int
    end_ms: int
    starts_at: datetime
    ends_at: datetime
    duration_s: float
    is_going_on: bool


@dataclass(frozen=True, slots=True)
class EdgeMove:
    minutes: int
    start_ms: int | None  # with end_ms: the stretch after the step; None: it would leave what nobody saw
    end_ms: int | None


@dataclass(frozen=True, slots=True)
class Chosen:
    whole: Unseen
    start_ms: int
    end_ms: int
    starts_at: datetime
    ends_at: datetime
    duration_s: float
    x: float  # per mille of the whole
    width: float
    start_moves: tuple[EdgeMove, ...]
    end_moves: tuple[EdgeMove, ...]
    likely: tuple[ReasonChoice, ...]


@dataclass(frozen=True, slots=True)
class UnseenSheet:
    line_code: str
    equipment_code: str
    stretches: tuple[Unseen, ...]  # newest first
    chosen: Chosen | None


def unseen_sheet(line: Line, now: datetime, start_ms: int | None = None, end_ms: int | None = None) -> UnseenSheet:
    """`start_ms` and `end_ms` choose a stretch, or a part of one."""
    machine = primary_machine(line)
    found = tuple(sorted(_stretches(line, now), key=lambda one: -one.start_ms))[:SHOWN]
    chosen = None
    if machine is not None and start_ms is not None and end_ms is not None:
        whole = next((one for one in found if one.start_ms <= start_ms < end_ms <= one.end_ms), None)
        likely = tuple(recent_reasons(machine.id))
        chosen = None if whole is None else _chosen(whole, start_ms, end_ms, likely)
    return UnseenSheet(line.code, "" if machine is None else machine.code, found, chosen)


def two_shifts(line: Line, now: datetime) -> list[ShiftWindow]:
    """The shift that is on and the one before; outside shifts the last one."""
    shifts = calendar(line)
    current = shifts.at(now)
    before = shifts.last_finished(current.starts_at if current else now)
    return [window for window in (current, before) if window is not None]


def _stretches(line: Line, now: datetime) -> Iterator[Unseen]:
    for window in two_shifts(line, now):
        shift = Shift(line, window, now)
        if shift.machine is None:
            return
        for block in shift.blocks:
            if block.state is Ledger.NO_DATA and block.end - block.start >= SHORTEST_MS:
                # Whole seconds inside it: a person does not enter milliseconds.
                start, end = -(-block.start // SECOND_MS) * SECOND_MS, block.end // SECOND_MS * SECOND_MS
                going_on = block.end >= shift.elapsed and window.ends_at > now
                yield Unseen(start, end, from_ms(start), from_ms(end), (end - start) / SECOND_MS, going_on)


def _chosen(whole: Unseen, start: int, end: int, likely: tuple[ReasonChoice, ...]) -> Chosen:
    length = whole.end_ms - whole.start_ms
    return Chosen(
        whole,
        start,
        end,
        from_ms(start),
        from_ms(end),
        (end - start) / SECOND_MS,
        (start - whole.start_ms) * 1000 / length,
        (end - start) * 1000 / length,
        tuple(_move(whole, start + minutes * MINUTE_MS, end, minutes) for minutes in MOVES_MIN),
        tuple(_move(whole, start, end + minutes * MINUTE_MS, minutes) for minutes in MOVES_MIN),
        likely,
    )


def _move(whole: Unseen, start: int, end: int, minutes: int) -> EdgeMove:
    """A step that leaves the stretch stops at its edge."""
    start, end = max(start, whole.start_ms), min(end, whole.end_ms)
    return EdgeMove(minutes, start, end) if start < end else EdgeMove(minutes, None, None)
