"""Fold observations of one machine into facts: edges, faults, minutes, counter events and the new watermark.

Pure and incremental: folding a batch in two halves, or twice, gives the same facts as folding it once.
This is the hot path of the product (one call per machine and batch, one loop turn per reading), so the plain
case stays inside one loop and everything unusual is a function of its own.
"""

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


def fold(mark: Watermark, setup: MachineSetup, observations: list[Observation]) -> Facts:
    """Fold `observations`, in order, into facts; `mark` is advanced in place.

    Observations at or below the watermark's (epoch, sequence) have been folded before and are dropped, whatever
    their time. A time that does not advance (the clock was set back) counts parts but no seconds.
    """
    facts = Facts()
    limit_ms = setup.limit_ms
    bucket = Minute()
    bucket_from = bucket_until = LONG_AGO
    bucket_product: int | None = None
    for seen in observations:
        at, epoch, sequence = seen.at, seen.epoch, seen.sequence
        if epoch < mark.epoch or (epoch == mark.epoch and sequence <= mark.sequence):
            continue
        mark.epoch, mark.sequence = epoch, sequence
        if not seen.seen:
            continue
        before = mark.observed_until
        if before is not None and at <= before:
            at = before + MILLISECOND
        state = State.RUN if seen.running else State.STOP
        gap_ms = 0 if before is None else _milliseconds(at - before)
        observed = before is not None and gap_ms <= limit_ms
        if facts.since is None:
            facts.since = before or at
        if not observed:
            _reappear(mark, facts, at, state)
        elif state is not mark.state:
            facts.edges.append((at, state))
            mark.since = at
        duration_ms = 0
        if before is not None and observed:
            duration_ms = gap_ms
            if bucket_from <= before and at < bucket_until and bucket_product == mark.product:
                if mark.state is State.RUN:
                    bucket.run_ms += gap_ms
                else:
                    bucket.stop_ms += gap_ms
            else:
                _spread(facts, mark, before, at)
        product = seen.product if seen.product is not None else mark.product
        made = rejected = 0
        if seen.made is not None:
            if seen.made != mark.made_raw or mark.made_suspect is not None:
                made = _count_made(mark, setup, facts, seen.made, at)
            mark.made_at = at
        if seen.rejected is not None:
            if seen.rejected != mark.rejected_raw or mark.rejected_suspect is not None:
                rejected = _count_rejected(mark, setup, facts, seen.rejected, at)
            mark.rejected_at = at
        if setup.counts_good:
            made += rejected
        if product != bucket_product or not bucket_from <= at < bucket_until:
            bucket_from = at.replace(second=0, microsecond=0)
            bucket_until = bucket_from + MINUTE
            bucket_product = product
            bucket = facts.minutes.setdefault((bucket_from, NO_PRODUCT if product is None else product), Minute())
        if made or rejected:
            if observed or before is None:
                bucket.made += made
                bucket.rejected += rejected
            else:
                bucket.unobserved_made += made
                bucket.unobserved_rejected += rejected
        if seen.fault_bits is not None and seen.fault_bits != mark.fault_bits:
            _fault_edges(facts, mark.fault_bits or 0, seen.fault_bits, at)
            mark.fault_bits = seen.fault_bits
        facts.readings.append(
            ReadingRow(
                at, epoch, sequence, STATE_NUMBER[state], seen.speed, product, seen.made, seen.rejected,
                made, rejected, duration_ms, seen.fault_bits,
            )
        )  # fmt: skip
        mark.state, mark.observed_until, mark.speed, mark.product = state, at, seen.speed, product
    facts.minutes = {key: minute for key, minute in facts.minutes.items() if minute != _EMPTY}
    return facts


_EMPTY = Minute()


def _milliseconds(span: timedelta) -> int:
    return span.days * 86_400_000 + span.seconds * 1000 + span.microseconds // 1000


def _reappear(mark: Watermark, facts: Facts, at: datetime, state: State) -> None:
    """The machine is seen again after a silence: nobody knows what it did since the last good reading."""
    if mark.observed_until is not None and mark.state is not State.UNKNOWN:
        facts.edges.append((mark.observed_until, State.UNKNOWN))
    facts.edges.append((at, state))
    mark.since = at


def _spread(facts: Facts, mark: Watermark, start: datetime, end: datetime) -> None:
    """Book the state before `end` to the minutes that [start, end) touches."""
    product = NO_PRODUCT if mark.product is None else mark.product
    while start < end:
        minute = start.replace(second=0, microsecond=0)
        until = min(end, minute + MINUTE)
        bucket = facts.minutes.setdefault((minute, product), Minute())
        if mark.state is State.RUN:
            bucket.run_ms += _milliseconds(until - start)
        else:
            bucket.stop_ms += _milliseconds(until - start)
        start = until


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
