"""How many calls and messages people have to take in, against what people can take in.

Figures of ISA-18.2 / IEC 62682 and EEMUA 191: about one alarm in ten minutes is acceptable for a person, two are the
most that can be managed, and more than ten in ten minutes are a flood, in which nobody reads any more.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from andon.domain.chatter import most_within

TEN_MINUTES = timedelta(minutes=10)
ACCEPTABLE, MANAGEABLE = 1.0, 2.0  # per ten minutes, on the average
FLOOD = 10  # more than so many in ten minutes
FLOOD_SHARE = 0.01
CRITICAL_SHARE = 0.05
STALE_AFTER, STALE = timedelta(hours=24), 5
TOP, TOP_SHARE = 10, 0.05

Window = tuple[datetime, datetime]
"""Half-open."""
S = TypeVar("S", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Load:
    """What one role had to take in during some shifts. Ratios are None when there was no time to take anything in."""

    calls: int
    messages: int
    time: timedelta
    windows: int
    floods: int
    peak: int  # the most messages in any ten minutes, wherever they begin

    @property
    def calls_per_10_min(self) -> float | None:
        return self._per_10_min(self.calls)

    @property
    def messages_per_10_min(self) -> float | None:
        return self._per_10_min(self.messages)

    @property
    def flood_share(self) -> float | None:
        return self.floods / self.windows if self.windows else None

    @property
    def is_acceptable(self) -> bool:
        return (self.messages_per_10_min or 0) <= ACCEPTABLE and self.peak <= FLOOD

    def _per_10_min(self, count: int) -> float | None:
        return count / (self.time / TEN_MINUTES) if self.time else None


def load(calls: Iterable[datetime], messages: Iterable[datetime], shifts: Sequence[Window]) -> Load:
    """Of what was told inside these shifts. A shift is cut into windows of ten minutes from its beginning."""
    told = sorted(moment for moment in messages if _inside(moment, shifts))
    pieces = [piece for shift in shifts for piece in _pieces(shift)]
    floods = sum(_count(told, piece) > FLOOD for piece in pieces)
    return Load(
        calls=sum(_inside(moment, shifts) for moment in calls),
        messages=len(told),
        time=sum(((end - start) for start, end in shifts), timedelta()),
        windows=len(pieces),
        floods=floods,
        peak=most_within(told, TEN_MINUTES),
    )


def _inside(moment: datetime, shifts: Iterable[Window]) -> bool:
    return any(start <= moment < end for start, end in shifts)


def _pieces(shift: Window) -> Iterable[Window]:
    start, end = shift
    while start < end:
        yield start, min(start + TEN_MINUTES, end)
        start += TEN_MINUTES


def _count(told: Sequence[datetime], piece: Window) -> int:
    return bisect_left(told, piece[1]) - bisect_left(told, piece[0])


@dataclass(frozen=True, slots=True)
class Heard:
    """A call as it is counted: `ended_at` None: it is open."""

    raised_at: datetime
    ended_at: datetime | None
    is_critical: bool


def stale(calls: Iterable[Heard], now: datetime) -> int:
    """Calls open for more than a day: nobody needs them, or nobody does them."""
    return sum(call.ended_at is None and now - call.raised_at > STALE_AFTER for call in calls)


def critical_share(calls: Sequence[Heard]) -> float | None:
    return sum(call.is_critical for call in calls) / len(calls) if calls else None


def top(counts: Mapping[S, int]) -> tuple[list[tuple[S, int]], float | None]:
    """The ten sources that call most, and their share of everything; None if nothing called."""
    first = Counter(counts).most_common(TOP)
    whole = sum(counts.values())
    return first, sum(count for _, count in first) / whole if whole else None
