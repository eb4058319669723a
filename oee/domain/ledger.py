"""Every millisecond of a machine, accounted for once.

All times are integer milliseconds (oee.domain.clock), all spans half-open.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar

from floor.domain.machine import State

T = TypeVar("T")


class Ledger(StrEnum):
    RUN = "run"
    STOP = "stop"
    PLANNED = "planned"
    NO_DATA = "no_data"
    OFF_SHIFT = "off_shift"


class Kind(StrEnum):
    """What sort of standstill time is; NONE is running, unseen and off-shift time.

    BREAK is the calendar's, MINOR a matter of length; the others are what the reason of a stop makes of it.
    A stop without a reason is a failure until somebody says otherwise.
    """

    NONE = ""
    BREAK = "break"
    MINOR = "minor"
    FAILURE = "failure"  # unplanned: breakdown, no material, nobody there
    EXTERNAL = "external"  # starved or blocked by another machine
    SETUP = "setup"  # changeover and adjustment
    PLANNED = "planned"  # cleaning, maintenance, inspection
    IDLE = "idle"  # nothing to make


LOSS_CLASSES = (Kind.FAILURE, Kind.EXTERNAL, Kind.SETUP, Kind.PLANNED, Kind.IDLE)
PLANNED_KINDS = frozenset({Kind.BREAK, Kind.SETUP, Kind.PLANNED, Kind.IDLE})


class Edge(NamedTuple):
    at: int
    state: State


class Segment(NamedTuple):
    start: int
    end: int
    state: State


class Span(NamedTuple):
    start: int
    end: int


class Part(NamedTuple):
    """A piece of a stop under one verdict.

    `coding` is the key of the note that cut or explained it, `planned` that of the planned stop it lies in.
    """

    start: int
    end: int
    stop: int  # start of the physical stop, its identity
    is_minor: bool
    loss: Kind | None = None  # one of LOSS_CLASSES; None: nobody has given a reason
    reason: str | None = None
    coding: int | None = None
    planned: int | None = None

    @property
    def kind(self) -> Kind:
        """A planned reason beats the stop's length, its length beats every other reason."""
        if self.loss in PLANNED_KINDS:
            return self.loss
        return Kind.MINOR if self.is_minor else self.loss or Kind.FAILURE


class Entry(NamedTuple):
    start: int
    end: int
    state: Ledger
    kind: Kind = Kind.NONE
    stop: int | None = None
    reason: str | None = None
    coding: int | None = None
    planned: int | None = None


class Track(Generic[T]):
    """Disjoint spans in time order that can be asked what holds at a moment."""

    def __init__(self, spans: Iterable[tuple[int, int, T]]) -> None:
        self.spans = sorted(spans, key=lambda span: span[0])
        self._starts = [span[0] for span in self.spans]

    def at(self, moment: int) -> T | None:
        index = bisect_right(self._starts, moment) - 1
        if index < 0 or self.spans[index][1] <= moment:
            return None
        return self.spans[index][2]

    def cuts(self) -> Iterator[int]:
        for start, end, _ in self.spans:
            yield start
            yield end


def segments(edges: Iterable[Edge], start: int, end: int) -> list[Segment]:
    """Cut [start, end) into maximal same-state segments, in time order.

    Edges may arrive unsorted, repeated, or from before `start`: the last edge at or before `start` sets the
    opening state, UNKNOWN if there is none.
    """
    if start >= end:
        return []
    state, since, found = State.UNKNOWN, start, []
    for at, after in sorted(set(edges)):
        if at >= end:
            break
        if at <= start:
            state = after
        elif after is not state:
            if at > since:
                found.append(Segment(since, at, state))
            state, since = after, at
    found.append(Segment(since, end, state))
    return _joined(found)


def _joined(found: list[Segment]) -> list[Segment]:
    joined: list[Segment] = []
    for segment in found:
        if joined and joined[-1].state is segment.state:
            joined[-1] = joined[-1]._replace(end=segment.end)
        else:
            joined.append(segment)
    return joined


class Told(NamedTuple):
    """What people say the machine did in [start, end) where the facts say `over`: it stood."""

    start: int
    end: int
    over: State


def overlay(seen: Sequence[Segment], told: Sequence[Told]) -> list[Segment]:
    """Let the machine stand where people saw it stand. Other states of the same time stay as they are."""
    if not told:
        return list(seen)
    pieces = []
    for segment in seen:
        on = [t for t in told if t.over is segment.state and t.start < segment.end and t.end > segment.start]
        cuts = {segment.start, segment.end}
        cuts.update(cut for t in on for cut in (t.start, t.end) if segment.start < cut < segment.end)
        for start, end in pairwise(sorted(cuts)):
            stood = any(t.start <= start < t.end for t in on)
            pieces.append(Segment(start, end, State.STOP if stood else segment.state))
    return _joined(pieces)


def clipped(seen: Iterable[Segment], start: int, end: int) -> list[Segment]:
    """The part of `seen` inside [start, end)."""
    inside = (s._replace(start=max(s.start, start), end=min(s.end, end)) for s in seen)
    return [segment for segment in inside if segment.start < segment.end]


class Schedule(NamedTuple):
    """When the line is meant to work. Breaks lie inside the shifts."""

    shifts: Track[str]
    breaks: Track[str]


def ledger(
    seen: Sequence[Segment], schedule: Schedule, parts: Track[Part], start: int, end: int, cuts: Iterable[int] = ()
) -> list[Entry]:
    """Account for [start, end): entries in time order, without gap or overlap.

    Off shift beats everything; in a break, running counts as running and everything else is the break; a planned
    reason beats the stop. Entries never cross a moment of `cuts`; elsewhere equal neighbours are one entry.
    """
    states = Track((s.start, s.end, s.state) for s in seen)
    fixed = {start, end, *(cut for cut in cuts if start < cut < end)}
    moments = set(fixed)
    for track in (states, schedule.shifts, schedule.breaks, parts):
        moments.update(cut for cut in track.cuts() if start < cut < end)
    found: list[Entry] = []
    for since, until in pairwise(sorted(moments)):
        entry = _account(since, until, states.at(since), schedule, parts.at(since))
        if found and since not in fixed and found[-1][2:] == entry[2:]:
            found[-1] = found[-1]._replace(end=until)
        else:
            found.append(entry)
    return found


def _account(start: int, end: int, state: State | None, schedule: Schedule, part: Part | None) -> Entry:
    if schedule.shifts.at(start) is None:
        return Entry(start, end, Ledger.OFF_SHIFT)
    if state is State.RUN:
        return Entry(start, end, Ledger.RUN)
    if schedule.breaks.at(start) is not None:
        stop = part.stop if part is not None and state is State.STOP else None
        return Entry(start, end, Ledger.PLANNED, Kind.BREAK, stop)
    if state is not State.STOP:
        return Entry(start, end, Ledger.NO_DATA)
    if part is None:
        return Entry(start, end, Ledger.STOP, Kind.FAILURE)
    state_of = Ledger.PLANNED if part.kind in PLANNED_KINDS else Ledger.STOP
    return Entry(start, end, state_of, part.kind, part.stop, part.reason, part.coding, part.planned)
