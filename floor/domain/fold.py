"""Fold observations of one machine into facts: edges, faults, minutes, counter events and the new watermark.

Pure and incremental: folding a batch in two halves, or twice, gives the same facts as folding it once.
This is the hot path of the product, run once for every reading: about 5 µs each.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from floor.domain.counters import CounterSetup, Step, step
from floor.domain.machine import CounterEventKind, CounterKind, Observation, State

MINUTE = timedelta(minutes=1)
MILLISECOND = timedelta(milliseconds=1)
LONG_AGO = datetime.min.replace(tzinfo=UTC)
NO_PRODUCT = -1
ANY_COUNTER = CounterSetup()
STATE_NUMBER = {State.UNKNOWN: 0, State.RUN: 1, State.STOP: 2}


@dataclass(frozen=True, slots=True)
class MachineSetup:
    """How to read one machine. Silence longer than `limit_ms` is NO DATA.

    `counts_good`: the first counter counts good parts only, so rejects are added to get what was made.
    """

    limit_ms: int = 3000
    made: CounterSetup = ANY_COUNTER
    rejected: CounterSetup = ANY_COUNTER
    counts_good: bool = False


@dataclass(slots=True)
class Watermark:
    """Everything that must be remembered between two batches of one machine."""

    state: State = State.UNKNOWN
    since: datetime | None = None
    observed_until: datetime | None = None
    speed: float | None = None
    product: int | None = None
    fault_bits: int | None = None
    epoch: int = 0
    sequence: int = 0
    made_raw: int | None = None
    made_at: datetime | None = None
    made_suspect: int | None = None
    rejected_raw: int | None = None
    rejected_at: datetime | None = None
    rejected_suspect: int | None = None


class ReadingRow(NamedTuple):
    at: datetime
    epoch: int
    sequence: int
    state: int
    speed: float | None
    product: int | None
    made_raw: int | None
    rejected_raw: int | None
    made: int
    rejected: int
    duration_ms: int
    fault_bits: int | None


class CounterNote(NamedTuple):
    counter: CounterKind
    kind: CounterEventKind
    at: datetime
    before: int | None
    after: int
    delta: int


@dataclass(slots=True)
class Minute:
    made: int = 0
    rejected: int = 0
    unobserved_made: int = 0
    unobserved_rejected: int = 0
    run_ms: int = 0
    stop_ms: int = 0


@dataclass(slots=True)
class Facts:
    """What a batch adds. `since` is the earliest moment touched, None when nothing was new."""

    since: datetime | None = None
    readings: list[ReadingRow] = field(default_factory=list)
    edges: list[tuple[datetime, State]] = field(default_factory=list)
    faults: list[tuple[int, datetime, datetime | None]] = field(default_factory=list)
    faults_ended: list[tuple[int, datetime]] = field(default_factory=list)
    minutes: dict[tuple[datetime, int], Minute] = field(default_factory=dict)
    notes: list[CounterNote] = field(default_factory=list)

    @property
    def parts_changed(self) -> bool:
        return any(m.made or m.rejected or m.unobserved_made for m in self.minutes.values())


class _Book:
    """The minutes of a batch; remembers the page it is open at, because nearly every reading falls on it."""

    __slots__ = ("_from", "_page", "_product", "_until", "pages")

    def __init__(self) -> None:
        self.pages: dict[tuple[datetime, int], Minute] = {}
        self._page = Minute()
        self._from = self._until = LONG_AGO
        self._product: int | None = None

    def page(self, at: datetime, product: int | None) -> Minute:
        if product != self._product or not self._from <= at < self._until:
            self._from = at.replace(second=0, microsecond=0)
            self._until = self._from + MINUTE
            self._product = product
            number = NO_PRODUCT if product is None else product
            self._page = self.pages.setdefault((self._from, number), Minute())
        return self._page

    def spend(self, state: State, product: int | None, start: datetime, end: datetime, length_ms: int) -> None:
        """Book [start, end), `length_ms` long, to the minutes it touches."""
        page = self.page(start, product)
        if end > self._until:
            for since, until in _minutes(start, end):
                self.spend(state, product, since, until, _milliseconds(until - since))
        elif state is State.RUN:
            page.run_ms += length_ms
        else:
            page.stop_ms += length_ms

    def filled(self) -> dict[tuple[datetime, int], Minute]:
        return {key: page for key, page in self.pages.items() if page != _EMPTY}


_EMPTY = Minute()


def fold(mark: Watermark, setup: MachineSetup, observations: list[Observation]) -> Facts:
    """Fold `observations`, in order, into facts; `mark` is advanced in place.

    Observations at or below the watermark's (epoch, sequence) have been folded before and are dropped, whatever
    their time. Facts have whole milliseconds. A time that does not advance (the clock was set back) counts parts
    but no seconds.
    """
    facts, book = Facts(), _Book()
    for seen in observations:
        if seen.epoch < mark.epoch or (seen.epoch == mark.epoch and seen.sequence <= mark.sequence):
            continue
        mark.epoch, mark.sequence = seen.epoch, seen.sequence
        if seen.seen:
            _take(mark, setup, facts, book, seen)
    facts.minutes = book.filled()
    return facts


def _take(mark: Watermark, setup: MachineSetup, facts: Facts, book: _Book, seen: Observation) -> None:
    before, at = mark.observed_until, seen.at
    if at.microsecond % 1000:
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    if before is not None and at <= before:
        at = before + MILLISECOND
    gap_ms = 0 if before is None else _milliseconds(at - before)
    is_observed = before is not None and gap_ms <= setup.limit_ms
    if facts.since is None:
        facts.since = before or at
    if before is not None and is_observed:
        book.spend(mark.state, mark.product, before, at, gap_ms)
    state = State.RUN if seen.running else State.STOP
    _change_state(mark, facts, at, state, is_observed)
    product = mark.product if seen.product is None else seen.product
    made, rejected = _count(mark, setup, facts, seen, at)
    if made or rejected:
        _book_parts(book.page(at, product), made, rejected, is_observed or before is None)
    if seen.fault_bits is not None and seen.fault_bits != mark.fault_bits:
        _fault_edges(facts, mark.fault_bits or 0, seen.fault_bits, at)
        mark.fault_bits = seen.fault_bits
    facts.readings.append(
        ReadingRow(
            at, seen.epoch, seen.sequence, STATE_NUMBER[state], seen.speed, product, seen.made, seen.rejected,
            made, rejected, gap_ms if is_observed else 0, seen.fault_bits,
        )
    )  # fmt: skip
    mark.state, mark.observed_until, mark.speed, mark.product = state, at, seen.speed, product


def _change_state(mark: Watermark, facts: Facts, at: datetime, state: State, is_observed: bool) -> None:
    if not is_observed:
        _reappear(mark, facts, at, state)
    elif state is not mark.state:
        facts.edges.append((at, state))
        mark.since = at


def _count(mark: Watermark, setup: MachineSetup, facts: Facts, seen: Observation, at: datetime) -> tuple[int, int]:
    """Parts made and rejected since the last reading of each counter."""
    made = rejected = 0
    if seen.made is not None:
        if seen.made != mark.made_raw or mark.made_suspect is not None:
            made = _count_made(mark, setup, facts, seen.made, at)
        if mark.made_suspect is None:
            _reach_back(facts, mark.made_at)
            mark.made_at = at
    if seen.rejected is not None:
        if seen.rejected != mark.rejected_raw or mark.rejected_suspect is not None:
            rejected = _count_rejected(mark, setup, facts, seen.rejected, at)
        if mark.rejected_suspect is None:
            mark.rejected_at = at
    return (made + rejected if setup.counts_good else made), rejected


def _reach_back(facts: Facts, read_at: datetime | None) -> None:
    """A counter that could not be read for a while answers for all of that time, as soon as it is believed."""
    if read_at is not None and facts.since is not None and read_at < facts.since:
        facts.since = read_at


def _book_parts(page: Minute, made: int, rejected: int, is_observed: bool) -> None:
    if is_observed:
        page.made += made
        page.rejected += rejected
    else:
        page.unobserved_made += made
        page.unobserved_rejected += rejected


def _minutes(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    while start < end:
        until = min(end, start.replace(second=0, microsecond=0) + MINUTE)
        yield start, until
        start = until


def _milliseconds(span: timedelta) -> int:
    return span.days * 86_400_000 + span.seconds * 1000 + span.microseconds // 1000


def _reappear(mark: Watermark, facts: Facts, at: datetime, state: State) -> None:
    """The machine is seen again after a silence: nobody knows what it did since the last good reading."""
    if mark.observed_until is not None and mark.state is not State.UNKNOWN:
        facts.edges.append((mark.observed_until, State.UNKNOWN))
    facts.edges.append((at, state))
    mark.since = at


def _count_made(mark: Watermark, setup: MachineSetup, facts: Facts, raw: int, at: datetime) -> int:
    taken = step(setup.made, mark.made_raw, mark.made_suspect, raw, _elapsed_s(mark.made_at, at))
    _note(facts, CounterKind.MADE, taken, mark.made_raw, raw, at)
    mark.made_raw, mark.made_suspect = taken.raw, taken.suspect
    return taken.delta


def _count_rejected(mark: Watermark, setup: MachineSetup, facts: Facts, raw: int, at: datetime) -> int:
    taken = step(setup.rejected, mark.rejected_raw, mark.rejected_suspect, raw, _elapsed_s(mark.rejected_at, at))
    _note(facts, CounterKind.REJECTED, taken, mark.rejected_raw, raw, at)
    mark.rejected_raw, mark.rejected_suspect = taken.raw, taken.suspect
    return taken.delta


def _elapsed_s(since: datetime | None, at: datetime) -> float:
    return 0.0 if since is None else (at - since).total_seconds()


def _note(facts: Facts, counter: CounterKind, taken: Step, before: int | None, after: int, at: datetime) -> None:
    if taken.kind is not None:
        facts.notes.append(CounterNote(counter, taken.kind, at, before, after, taken.delta or taken.held))


def _fault_edges(facts: Facts, before: int, after: int, at: datetime) -> None:
    changed = before ^ after
    while changed:
        bit = (changed & -changed).bit_length() - 1
        changed &= changed - 1
        if after >> bit & 1:
            facts.faults.append((bit, at, None))
        else:
            _end_fault(facts, bit, at)


def _end_fault(facts: Facts, bit: int, at: datetime) -> None:
    for index in range(len(facts.faults) - 1, -1, -1):
        known, on_at, off_at = facts.faults[index]
        if known == bit and off_at is None:
            facts.faults[index] = (bit, on_at, at)
            return
    facts.faults_ended.append((bit, at))
