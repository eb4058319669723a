"""What counts as a stop, whose fault it probably was, and what people said about it. Times are milliseconds."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from floor.domain.machine import State
from oee.domain.clock import HOUR_MS
from oee.domain.ledger import Edge, Part, Segment, Track, segments

# The machine stood still on both sides of a silence this short: it is taken for one stop. The silence itself
# stays NO DATA. After a longer one nobody can say whether the machine ran in between, so the stop ends with the
# last good reading and a second one begins with the next.
BRIDGE_MS = 60_000
# The controller may show the fault a scan before or after the machine is seen standing (the slowest scan is 10 s).
FIRST_UP_MS = 10_000
# People begin a break a little early.
BREAK_EARLY_MS = 120_000


class Stop(NamedTuple):
    """One standstill, however many shifts it crosses. `ended_at` None: still standing."""

    started_at: int
    ended_at: int | None

    def is_minor(self, threshold_ms: int) -> bool:
        """By its whole length, and only once that is known."""
        return self.ended_at is not None and self.ended_at - self.started_at < threshold_ms

    def covers(self, moment: int) -> bool:
        return self.started_at <= moment and (self.ended_at is None or moment < self.ended_at)


def stops(edges: Iterable[Edge], until: int) -> list[Stop]:
    """Find the stops in the edges of one machine, observed up to `until`, in time order."""
    edges = list(edges)
    if not edges:
        return []
    found: list[Stop] = []
    opened = silent = None
    for segment in segments(edges, min(edge.at for edge in edges), until):
        if segment.state is State.UNKNOWN:
            silent = segment.start if opened is not None and silent is None else silent
            continue
        if opened is not None and (segment.state is State.RUN or _is_long(silent, segment)):
            found.append(Stop(opened, segment.start if silent is None else silent))
            opened = None
        if segment.state is State.STOP and opened is None:
            opened = segment.start
        silent = None
    if opened is not None:
        ended = silent is not None and until - silent > BRIDGE_MS
        found.append(Stop(opened, silent if ended else None))
    return found


def _is_long(silent: int | None, after: Segment) -> bool:
    return silent is not None and after.start - silent > BRIDGE_MS


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of the machine's own catalogue; prompts and status bits are never one."""

    on_at: int
    off_at: int | None
    bit: int
    text: str
    origin: str
    reason: str | None


class FaultLog:
    """Faults of one machine, quick to ask about a moment even when a year of them is held."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        in_order = sorted(faults, key=lambda fault: fault.on_at)
        self._lasting = [f for f in in_order if f.off_at is None or f.off_at - f.on_at > HOUR_MS]
        self._brief = [f for f in in_order if f.off_at is not None and f.off_at - f.on_at <= HOUR_MS]
        self._brief_starts = [fault.on_at for fault in self._brief]

    def before(self, moment: int) -> list[Fault]:
        """Faults that came up by `moment` and may still have been on around then."""
        first = bisect_left(self._brief_starts, moment - 2 * HOUR_MS)
        last = bisect_right(self._brief_starts, moment)
        return [fault for fault in self._lasting if fault.on_at <= moment] + self._brief[first:last]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The next machine along the line, with its stops in time order."""

    name: str
    stops: tuple[Stop, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    reason: str | None = None
    why: str = ""
    fault_text: str = ""


BY_ORIGIN = {"upstream": "UPSTREAM_STOP", "downstream": "DOWNSTREAM_STOP", "internal": "MECH_FAULT"}


def propose(
    started_at: int,
    breaks: Track[str],
    faults: FaultLog,
    upstream: Neighbour | None = None,
    downstream: Neighbour | None = None,
) -> Proposal:
    """Guess why the machine stopped: a planned break, else its first fault, else a neighbour that stood before it."""
    near = first_up(started_at, faults)
    fault_text = near[0].text if near else ""
    rest = breaks.at(started_at) or breaks.at(started_at + BREAK_EARLY_MS)
    if rest is not None:
        return Proposal("BREAK_TIME", rest, fault_text)
    if near:
        more = f", first of {len(near)}" if len(near) > 1 else ""
        return Proposal(near[0].reason or BY_ORIGIN[near[0].origin], f"{fault_text} ({near[0].bit}){more}", fault_text)
    return _neighbour(started_at, upstream, downstream)


def first_up(started_at: int, faults: FaultLog) -> list[Fault]:
    """Faults around the start of a stop, earliest first.

    One that came up with the stop explains it better than one that was on while the machine still ran.
    """
    on = [
        fault
        for fault in faults.before(started_at + FIRST_UP_MS)
        if fault.off_at is None or fault.off_at > started_at - FIRST_UP_MS
    ]
    fresh = [fault for fault in on if fault.on_at >= started_at - FIRST_UP_MS]
    return sorted(fresh or on, key=lambda fault: (fault.on_at, fault.bit))


def _neighbour(started_at: int, upstream: Neighbour | None, downstream: Neighbour | None) -> Proposal:
    found = []
    for machine, reason, word in (
        (downstream, "DOWNSTREAM_STOP", "Blocked"),
        (upstream, "UPSTREAM_STOP", "Starved"),
    ):
        stop = None if machine is None else _standing_before(started_at, machine.stops)
        if machine is not None and stop is not None:
            found.append((stop.started_at, Proposal(reason, f"{word}: {machine.name} stopped first")))
    return min(found, key=lambda pair: pair[0])[1] if found else Proposal()


def _standing_before(moment: int, neighbours: Sequence[Stop]) -> Stop | None:
    # Not "at the same moment": two machines seen standing in one scan do not say which was first.
    place = bisect_left(neighbours, moment, key=lambda stop: stop.started_at) - 1
    return neighbours[place] if place >= 0 and neighbours[place].covers(moment) else None


class Note(NamedTuple):
    """What a person said about [start, end) of a stop; `end` None is to the end of that stop. `key` grows with time."""

    key: int
    start: int
    end: int | None
    reason: str
    is_planned: bool


def notes_of(stop: Stop, notes: Sequence[Note]) -> list[Note]:
    """A note belongs to the stop in which it begins. `notes` are in order of their start."""
    first = bisect_left(notes, stop.started_at, key=lambda note: note.start)
    last = len(notes) if stop.ended_at is None else bisect_left(notes, stop.ended_at, key=lambda note: note.start)
    return sorted(notes[first:last], key=lambda note: note.key)


def parts(stop: Stop, notes: Sequence[Note], is_minor: bool, until: int) -> list[Part]:
    """Cut the stop (to `until` while it is open) where people cut it. A later note paints over an earlier one."""
    end = until if stop.ended_at is None else stop.ended_at
    whole = Part(stop.started_at, end, stop.started_at, is_minor, False, None, None)
    painted = [whole]
    for note in notes_of(stop, notes):
        span = (note.start, end if note.end is None else min(note.end, end))
        painted = [piece for part in painted for piece in _paint(part, span, note)]
    return painted


def _paint(part: Part, span: tuple[int, int], note: Note) -> list[Part]:
    start, end = max(part.start, span[0]), min(part.end, span[1])
    if start >= end:
        return [part]
    said = part._replace(start=start, end=end, reason=note.reason, is_planned=note.is_planned, coding=note.key)
    pieces = (part._replace(end=start), said, part._replace(start=end))
    return [piece for piece in pieces if piece.start < piece.end]
