"""The production board: a shift hour by hour, what is done about hours that missed their target, who has seen them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from typing import NamedTuple

from floor.domain.shifts import ShiftWindow, hours
from floor.models import Line
from floor.models.shifts import calendar
from floor.templatetags.units import clock, count
from oee.charts.hourly import Hour, Hourly, hourly
from oee.domain.clock import to_ms
from oee.domain.factors import Ratio
from oee.models import Countermeasure, HourSignOff
from oee.shift import HourRow, Shift

# An hour that misses its target by more than this asks what is done about it.
MISSED_BY = 0.1
PRESETS = (
    "Maintenance was called",
    "Machine was adjusted",
    "Parts or tool were changed",
    "Material was changed",
    "Speed was raised",
    "Waited for material",
    "Short of people",
    "Nothing: it was planned",
)
WHO = ("Operator", "Maintenance", "Shift manager", "Quality")


class Said(NamedTuple):
    """What is done about an hour."""

    text: str
    who: str
    author: str
    at: datetime


class Seen(NamedTuple):
    """Who signed an hour off, and when."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class BoardHour:
    key: int  # seconds; part of addresses
    row: HourRow
    cumulative: int | None  # difference from the beginning of the shift to the end of this hour, or to now
    is_over: bool
    is_on: bool
    has_missed: bool
    said: Said | None
    seen: Seen | None
    about: str  # the hour in words, above what asks for a countermeasure

    @property
    def stop_min(self) -> float:
        return self.row.stop_s / 60

    @property
    def asks(self) -> bool:
        return self.is_over and self.has_missed and self.said is None

    @property
    def unsigned(self) -> bool:
        return self.is_over and self.seen is None


@dataclass(frozen=True, slots=True)
class HourBoard:
    line_code: str
    line_name: str
    window: ShiftWindow
    label: str
    is_on: bool  # the shift is not over
    hours: tuple[BoardHour, ...]
    target: int
    target_now: int
    good: int
    rejected: int
    difference: int
    stop_s: float
    oee: Ratio
    chart: Hourly

    @property
    def stop_min(self) -> float:
        return self.stop_s / 60

    @property
    def asking(self) -> int:
        return sum(hour.asks for hour in self.hours)

    @property
    def unsigned(self) -> int:
        return sum(hour.unsigned for hour in self.hours)


class HourNotes(NamedTuple):
    """What people said about hours, by the moment at which each begins."""

    said: dict[datetime, Said]
    seen: dict[datetime, Seen]


# ---------------------------------------------------------------- hours


def hours_of_shift(line: Line, window: ShiftWindow) -> Iterator[tuple[datetime, datetime]]:
    """The clock hours of a shift; one that begins or ends inside an hour has a part of it."""
    for start, end in hours(line.site.zone, window.starts_at, window.ends_at):
        yield max(start, window.starts_at), min(end, window.ends_at)


def end_of_hour(line: Line, hour: datetime) -> datetime | None:
    """When the hour of a shift that begins then is over; None if none begins then."""
    window = calendar(line).at(hour)
    return None if window is None else dict(hours_of_shift(line, window)).get(hour.astimezone(UTC))


def hour_notes(line: Line, window: ShiftWindow) -> HourNotes:
    """The last countermeasure of each hour, and its sign-off."""
    between = {"line": line, "hour__gte": window.starts_at, "hour__lt": window.ends_at}
    said = Countermeasure.objects.filter(**between).select_related("author").order_by("made_at", "pk")
    seen = HourSignOff.objects.filter(**between).select_related("author")
    return HourNotes(
        {row.hour: Said(row.text, row.who, str(row.author), row.made_at) for row in said},
        {row.hour: Seen(str(row.author), row.made_at) for row in seen},
    )


def unsigned_of(line: Line, window: ShiftWindow, now: datetime) -> int:
    """Hours of a shift that are over and that no supervisor has signed off."""
    over = [start for start, end in hours_of_shift(line, window) if end <= now]
    return len(over) - HourSignOff.objects.filter(line=line, hour__in=over).count()


# ---------------------------------------------------------------- board


def board_window(line: Line, now: datetime) -> ShiftWindow | None:
    """The shift that is on, else the last one that has ended."""
    shifts = calendar(line)
    return shifts.at(now) or shifts.last_finished(now)


def hours_tile(line: Line, now: datetime) -> HourBoard | None:
    window = board_window(line, now)
    return None if window is None else hour_board(line, window, now)


def hour_board(line: Line, window: ShiftWindow, now: datetime) -> HourBoard:
    shift, notes = Shift(line, window, now), hour_notes(line, window)
    rows = shift.hours
    sums = accumulate(row.difference or 0 for row in rows)
    found = tuple(_hour(row, sofar, notes, now) for row, sofar in zip(rows, sums, strict=True))
    good, rejected = shift.totals.good, shift.totals.all_rejected
    target_now = sum(row.target_now for row in rows)
    return HourBoard(
        line_code=line.code,
        line_name=line.name,
        window=window,
        label=window.label(line.site.zone),
        is_on=now < window.ends_at,
        hours=found,
        target=sum(row.target for row in rows),
        target_now=target_now,
        good=good,
        rejected=rejected,
        difference=good - target_now,
        stop_s=sum(row.stop_s for row in rows),
        oee=shift.factors.oee,
        chart=_chart(rows),
    )


def _hour(row: HourRow, sofar: int, notes: HourNotes, now: datetime) -> BoardHour:
    has_begun, is_over = row.good is not None, row.ends_at <= now
    return BoardHour(
        key=to_ms(row.starts_at) // 1000,
        row=row,
        cumulative=sofar if has_begun else None,
        is_over=is_over,
        is_on=has_begun and not is_over,
        has_missed=row.good is not None and row.good < row.target_now * (1 - MISSED_BY),
        said=notes.said.get(row.starts_at),
        seen=notes.seen.get(row.starts_at),
        about=_about(row),
    )


def _about(row: HourRow) -> str:
    behind = row.difference or 0
    words = f"{count(-behind)} behind" if behind < 0 else f"{count(behind)} ahead"
    reason = f", {row.top_reason}" if row.top_reason else ""
    return f"{clock(row.starts_at)}–{clock(row.ends_at)}: {words}{reason}"


def _chart(rows: Sequence[HourRow]) -> Hourly:
    return hourly([Hour(row.label, row.good, row.target_now or row.target, row.top_reason) for row in rows])
