"""What machines did, block after block, over any window."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from operator import itemgetter
from typing import NamedTuple

from oee.charts.scale import place

NARROWEST = 2000  # blocks narrower than the window divided by this are drawn together
TICKS, TICKS_NARROW = 11, 5
DAYS, DAYS_NARROW = 8, 3  # a date is twice as long as a time
LAST_DATE = 90.0  # per cent of the window: a date stands right of its midnight
CROWDED = 60  # blocks with an address, above which they are no stops of the Tab key
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STEPS = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720))
DAY_STEPS = (1, 2, 7, 14, 28, 56, 112, 224, 448)


class Kind(StrEnum):
    """From the worst to the best: blocks drawn together look like the worst among them."""

    STOP = "stop"
    NO_DATA = "nodata"
    EXTERNAL = "external"
    MINOR = "minor"
    SLOW = "slow"
    SETUP = "setup"
    IDLE = "idle"
    PLANNED = "planned"
    BREAK = "break"
    RUN = "run"
    OFF = "off"

    @property
    def word(self) -> str:
        return WORDS[self]

    @property
    def pattern(self) -> str:
        return self.value if self in PATTERNED else ""


WORDS = {
    Kind.RUN: "Running",
    Kind.SLOW: "Slow",
    Kind.MINOR: "Minor stop",
    Kind.STOP: "Stopped",
    Kind.EXTERNAL: "Waiting for others",
    Kind.SETUP: "Setup",
    Kind.PLANNED: "Planned stop",
    Kind.BREAK: "Break",
    Kind.IDLE: "No order",
    Kind.NO_DATA: "No data",
    Kind.OFF: "Not scheduled",
}
# Fills that colour alone does not tell apart in black and white.
PATTERNED = frozenset({Kind.SLOW, Kind.EXTERNAL, Kind.SETUP, Kind.IDLE, Kind.NO_DATA})
RANK = {kind: rank for rank, kind in enumerate(Kind)}


class Stretch(NamedTuple):
    """What one machine did from `start` until `end`, half-open, aware."""

    start: datetime
    end: datetime
    kind: Kind
    label: str = ""
    href: str = ""
    is_uncoded: bool = False

    @property
    def length(self) -> timedelta:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Machine:
    name: str
    stretches: tuple[Stretch, ...]
    href: str = ""


class Block(NamedTuple):
    x: float
    width: float
    kind: Kind
    is_uncoded: bool
    start: datetime
    end: datetime
    label: str
    href: str
    drawn_together: int  # how many stretches this block stands for

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    @property
    def pattern(self) -> str:
        return "uncoded" if self.is_uncoded else self.kind.pattern


@dataclass(frozen=True, slots=True)
class Spent:
    kind: Kind
    length: timedelta | None  # None: none of it


@dataclass(frozen=True, slots=True)
class Lane:
    name: str
    href: str
    blocks: tuple[Block, ...]
    spent: tuple[Spent, ...]  # one for each of the timeline's kinds, counted before anything is drawn together


@dataclass(frozen=True, slots=True)
class Tick:
    at: datetime
    x: float
    wide_only: bool
    is_twice: bool  # an hour the clock shows twice: its offset has to be said
    names_day: bool
    is_near_first: bool  # no room for two dates on a telephone
    anchor: str
    has_room: bool  # for words, before the end of the window


@dataclass(frozen=True, slots=True)
class Timeline:
    start: datetime
    end: datetime
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    are_days: bool
    kinds: tuple[Kind, ...]
    has_uncoded: bool
    is_crowded: bool


def timeline(machines: Sequence[Machine], start: datetime, end: datetime, zone: tzinfo) -> Timeline:
    window = _Window(start.astimezone(UTC), end.astimezone(UTC))
    seen = [(machine, [*window.clipped(machine.stretches)]) for machine in machines]
    met = {stretch.kind for _, stretches in seen for stretch in stretches}
    kinds = tuple(kind for kind in WORDS if kind in met)
    lanes = tuple(
        Lane(machine.name, machine.href, tuple(window.blocks(stretches)), _spent(stretches, kinds))
        for machine, stretches in seen
    )
    blocks = [block for lane in lanes for block in lane.blocks]
    step = _step(end - start)
    return Timeline(
        start=start,
        end=end,
        lanes=lanes,
        ticks=_ticks(window, step, zone),
        are_days=step is None,
        kinds=kinds,
        has_uncoded=any(block.is_uncoded for block in blocks),
        is_crowded=sum(1 for block in blocks if block.href) > CROWDED,
    )


def _spent(stretches: Iterable[Stretch], kinds: Sequence[Kind]) -> tuple[Spent, ...]:
    spent: dict[Kind, timedelta] = {}
    for stretch in stretches:
        spent[stretch.kind] = spent.get(stretch.kind, timedelta()) + stretch.length
    return tuple(Spent(kind, spent.get(kind)) for kind in kinds)


@dataclass(frozen=True, slots=True)
class _Window:
    """In UTC: Python subtracts two moments of one zone by the clock on the wall, an hour off on two nights a year."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def x(self, moment: datetime) -> float:
        return place(100 * ((moment.astimezone(UTC) - self.start) / self.length))

    def clipped(self, stretches: Iterable[Stretch]) -> Iterator[Stretch]:
        placed = ((one.start.astimezone(UTC), one.end.astimezone(UTC), one) for one in stretches)
        for start, end, stretch in sorted(placed, key=itemgetter(0)):
            start, end = max(start, self.start), min(end, self.end)
            if start < end:
                yield stretch._replace(start=start, end=end)

    def blocks(self, stretches: Iterable[Stretch]) -> Iterator[Block]:
        """Wide stretches one by one, narrow neighbours together; at most two blocks per narrowest width."""
        narrowest = self.length / NARROWEST
        waiting: list[Stretch] = []
        for stretch in stretches:
            if waiting and (stretch.length >= narrowest or stretch.end - waiting[0].start >= 2 * narrowest):
                yield self._together(waiting)
                waiting = []
            if stretch.length >= narrowest:
                yield self._together([stretch])
            else:
                waiting.append(stretch)
        if waiting:
            yield self._together(waiting)

    def _together(self, stretches: Sequence[Stretch]) -> Block:
        worst = min(stretches, key=lambda one: (RANK[one.kind], -one.length))
        start, end = stretches[0].start, max(one.end for one in stretches)
        x = self.x(start)
        return Block(
            x=x,
            width=place(self.x(end) - x),
            kind=worst.kind,
            is_uncoded=worst.is_uncoded,
            start=start,
            end=end,
            label=worst.label or worst.kind.word,
            href=worst.href,
            drawn_together=len(stretches),
        )


def _step(window: timedelta) -> timedelta | None:
    """The distance of ticks inside a day; None: whole days."""
    return next((step for step in STEPS if window / step <= TICKS), None)


def _ticks(window: _Window, step: timedelta | None, zone: tzinfo) -> tuple[Tick, ...]:
    moments = list(_midnights(window, zone) if step is None else _round_times(window, step, zone))
    every = -(-len(moments) // (DAYS_NARROW if step is None else TICKS_NARROW))
    return tuple(
        Tick(
            at=at,
            x=(x := window.x(at)),
            wide_only=n % every != 0,
            is_twice=step is not None and _is_twice(at),
            names_day=step is not None and (n == 0 or (n > 1 and _is_midnight(at))),
            is_near_first=n < 2 * every and n > 0,
            anchor=_anchor(x) if step else "start",
            has_room=step is not None or x <= LAST_DATE,
        )
        for n, at in enumerate(moments)
    )


def _anchor(x: float) -> str:
    return "start" if x < 2 else "end" if x > 98 else "middle"


def _is_midnight(local: datetime) -> bool:
    return not local.hour and not local.minute


def _round_times(window: _Window, step: timedelta, zone: tzinfo) -> Iterator[datetime]:
    """Moments at which the plant's clock shows a multiple of `step`, the repeated hour of autumn once or twice."""
    pace = min(step, timedelta(minutes=30))
    moment = window.start
    moment -= timedelta(minutes=moment.minute % 30, seconds=moment.second, microseconds=moment.microsecond)
    while moment <= window.end:
        local = moment.astimezone(zone)
        past_midnight = timedelta(hours=local.hour, minutes=local.minute)
        if moment >= window.start and not past_midnight % step and not (local.fold and step > HOUR):
            yield local
        moment += pace


def _midnights(window: _Window, zone: tzinfo) -> Iterator[datetime]:
    days = window.length / DAY
    every = next((step for step in DAY_STEPS if days / step <= DAYS), DAY_STEPS[-1])
    day = window.start.astimezone(zone).date()
    while (moment := datetime.combine(day, datetime.min.time(), zone)).astimezone(UTC) <= window.end:
        if moment.astimezone(UTC) >= window.start:
            yield moment
            day += timedelta(days=every)
        else:
            day += DAY


def _is_twice(local: datetime) -> bool:
    return local.replace(fold=0).utcoffset() > local.replace(fold=1).utcoffset()  # type: ignore[operator]
