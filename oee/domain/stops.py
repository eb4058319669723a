"""What counts as a stop, whose fault it probably was, and what people said about it. Times are milliseconds."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from floor.domain.machine import State
from oee.domain.clock import HOUR_MS
from oee.domain.ledger import Kind, Part, Segment, Track

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


def stops(seen: Sequence[Segment], until: int) -> list[Stop]:
    """Find the stops of one machine, observed up to `until`; `seen` is in time order and without gaps."""
    found: list[Stop] = []
    opened = silent = None
    for segment in seen:
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


class Merge(NamedTuple):
    """Stops that begin in [start, end) are one."""

    start: int
    end: int


def merged(found: Sequence[Stop], merges: Sequence[Merge]) -> list[Stop]:
    """Join the stops that people say are one; what ran between them is in no stop's part of the ledger."""
    stops = list(found)
    for merge in merges:
        first = bisect_left(stops, merge.start, key=_start)
        last = bisect_left(stops, merge.end, key=_start)
        if last - first > 1:
            stops[first:last] = [Stop(stops[first].started_at, stops[last - 1].ended_at)]
    return stops


def _start(stop: Stop) -> int:
    return stop.started_at


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


UPSTREAM, DOWNSTREAM = -1, 1


@dataclass(frozen=True, slots=True)
class Proposal:
    """A guess at the reason. `toward` tells on which side of the machine the cause lies; 0: in itself, or unknown."""

    reason: str | None = None
    why: str = ""
    fault_text: str = ""
    toward: int = 0


BY_ORIGIN = {
    "upstream": ("UPSTREAM_STOP", UPSTREAM),
    "downstream": ("DOWNSTREAM_STOP", DOWNSTREAM),
    "internal": ("MECH_FAULT", 0),
}


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
        usual, toward = BY_ORIGIN[near[0].origin]
        return Proposal(near[0].reason or usual, f"{fault_text} ({near[0].bit}){more}", fault_text, toward)
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
    for machine, reason, word, toward in (
        (downstream, "DOWNSTREAM_STOP", "Blocked", DOWNSTREAM),
        (upstream, "UPSTREAM_STOP", "Starved", UPSTREAM),
    ):
        stop = None if machine is None else standing_before(started_at, machine.stops)
        if machine is not None and stop is not None:
            found.append((stop.started_at, Proposal(reason, f"{word}: {machine.name} stopped first", toward=toward)))
    return min(found, key=lambda pair: pair[0])[1] if found else Proposal()


def standing_before(moment: int, neighbours: Sequence[Stop]) -> Stop | None:
    """The stop in which a neighbour already stood at `moment`."""
    # Not "at the same moment": two machines seen standing in one scan do not say which was first.
    place = bisect_left(neighbours, moment, key=lambda stop: stop.started_at) - 1
    return neighbours[place] if place >= 0 and neighbours[place].covers(moment) else None


class Note(NamedTuple):
    """What a person said about [start, end) of a stop; `end` None is to the end of that stop. `key` grows with time.

    Without a reason it only cuts: the stretch is a part of its own that nobody has explained.
    """

    key: int
    start: int
    end: int | None
    reason: str | None
    loss: Kind | None


class PlannedTime(NamedTuple):
    """The line was meant to stand in [start, end); `end` None: still is."""

    key: int
    start: int
    end: int | None
    reason: str
    loss: Kind


def notes_of(stop: Stop, notes: Sequence[Note]) -> list[Note]:
    """A note belongs to the stop in which it begins. `notes` are in order of their start."""
    first = bisect_left(notes, stop.started_at, key=lambda note: note.start)
    last = len(notes) if stop.ended_at is None else bisect_left(notes, stop.ended_at, key=lambda note: note.start)
    return sorted(notes[first:last], key=lambda note: note.key)


def parts(
    stop: Stop, notes: Sequence[Note], is_minor: bool, until: int, planned: Sequence[PlannedTime] = ()
) -> list[Part]:
    """Cut the stop (to `until` while it is open) where people cut it.

    Planned stops come first, what people said about this very stop paints over them, the later over the earlier.
    """
    end = until if stop.ended_at is None else stop.ended_at
    painted = [Part(stop.started_at, end, stop.started_at, is_minor)]
    for plan in planned:
        painted = _painted(painted, plan.start, end if plan.end is None else plan.end, _by_plan(plan))
    for note in notes_of(stop, notes):
        painted = _painted(painted, note.start, end if note.end is None else note.end, _by_note(note))
    return painted


Verdict = tuple[Kind | None, str | None, int | None, int | None]


def _by_plan(plan: PlannedTime) -> Verdict:
    return plan.loss, plan.reason, None, plan.key


def _by_note(note: Note) -> Verdict:
    return note.loss, note.reason, note.key, None


def _painted(pieces: list[Part], start: int, end: int, verdict: Verdict) -> list[Part]:
    return [piece for part in pieces for piece in _paint(part, max(part.start, start), min(part.end, end), verdict)]


def _paint(part: Part, start: int, end: int, verdict: Verdict) -> list[Part]:
    if start >= end:
        return [part]
    loss, reason, coding, planned = verdict
    said = Part(start, end, part.stop, part.is_minor, loss, reason, coding, planned)
    pieces = (part._replace(end=start), said, part._replace(start=end))
    return [piece for piece in pieces if piece.start < piece.end]
