"""One shift of one line, read once: the screen, the API and the paper take their figures from here.

Line figures are those of its constraint, the primary machine. Nothing here writes.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple
from uuid import UUID

from floor.domain.fold import NO_PRODUCT
from floor.domain.shifts import ShiftWindow, hour_start, hours
from floor.models import Equipment, Line, MachineState
from oee.coded import Coded, told_share
from oee.domain.clock import MINUTE_MS, SECOND_MS, from_ms, to_ms
from oee.domain.derive import schedule_of
from oee.domain.factors import FIELDS, Factors, Ratio, Totals, added, factors, total
from oee.domain.judging import Judging, Steps
from oee.domain.ledger import PLANNED_KINDS, Entry, Kind, Ledger, Schedule, Track, ledger
from oee.domain.pace import Expected, Minute, slow_spans, target
from oee.domain.standards import RunningJob, Standards
from oee.jobs import Jobs, jobs_in, jobs_of
from oee.models import HourTotals, LedgerEntry, LinePolicy, Stop
from oee.rows import Span, counts_of, hours_of, minutes_of, primary_machine, uncoded_of
from oee.setup import judging_of, policy_as_judged, policy_of_hour, products_of, reading, standards_of

NOT_CODED = "Not coded"
MINOR_STOPS = "Minor stops"
SLOW_RUNNING = "Slow running"
REJECTS = "Rejects"
LATE_AFTER_MS = 60_000


class Block(NamedTuple):
    """A stretch of the ledger, milliseconds."""

    start: int
    end: int
    state: Ledger
    kind: Kind = Kind.NONE
    stop: UUID | None = None
    reason: str | None = None
    label: str | None = None

    @property
    def is_minor(self) -> bool:
        return self.kind is Kind.MINOR

    @property
    def is_planned_stop(self) -> bool:
        """Somebody planned it, other than a break of the calendar."""
        return self.kind in PLANNED_KINDS and self.kind is not Kind.BREAK


class StopHead(NamedTuple):
    id: UUID
    is_told: bool  # somebody said something about it
    text: str  # the fault, else the reason proposed


@dataclass(frozen=True, slots=True)
class StopLine:
    """A stop as a list prints it; `lost_s` is the part of it that lies in the shift and lowers availability."""

    id: UUID
    started_at: datetime
    ended_at: datetime | None
    duration_s: float
    lost_s: float
    equipment_code: str
    text: str
    why: str
    reason_code: str | None
    reason: str | None
    coded_by: str | None
    coded_after_s: float | None  # from the start of the stop to its coding
    comment: str
    suggestion_code: str | None
    suggestion: str | None
    is_planned: bool
    is_uncoded: bool
    seen: int | None = None  # the last thing said about it


@dataclass(frozen=True, slots=True)
class HourRow:
    label: str
    starts_at: datetime
    ends_at: datetime
    target: int
    good: int | None  # None: this hour has not begun
    rejected: int | None
    difference: int | None  # against the target up to now
    stop_s: float
    top_reason: str
    target_now: int  # the part of the target that lies behind us
    oee: Ratio


@dataclass(frozen=True, slots=True)
class Loss:
    label: str
    lost_s: float
    count: int


def live(machine: Equipment | None) -> MachineState | None:
    return getattr(machine, "machine_state", None) if machine is not None else None


def is_silent(state: MachineState | None, now: datetime) -> bool:
    if state is None or state.observed_until is None:
        return True
    return now - state.observed_until > timedelta(milliseconds=state.limit_ms)


class Shift:
    """Figures of a shift at `now`; each is read when it is first asked for."""

    def __init__(self, line: Line, window: ShiftWindow, now: datetime, machine: Equipment | None = None) -> None:
        self.line = line
        self.window = window
        self.now = now
        self.start, self.end = to_ms(window.starts_at), to_ms(window.ends_at)
        self.elapsed = min(max(to_ms(now), self.start), self.end)
        self._cycles: dict[tuple[int | None, RunningJob | None], Steps[int | None]] = {}
        if machine is not None:
            self.machine = machine

    @cached_property
    def machine(self) -> Equipment | None:
        return primary_machine(self.line)

    @cached_property
    def schedule(self) -> Schedule:
        return schedule_of([self.window])

    @cached_property
    def policy(self) -> LinePolicy:
        """A shift is judged by the policy under which it began."""
        return policy_as_judged(self.line, self.judging, self.window.starts_at)

    @cached_property
    def standards(self) -> Standards:
        return standards_of(self.line)

    @cached_property
    def judging(self) -> Judging:
        return judging_of(self.line)

    @cached_property
    def products(self) -> dict[int, UUID]:
        return products_of(self.line)

    @cached_property
    def jobs(self) -> Jobs:
        return jobs_of(jobs_in(self.line, self.window))

    @cached_property
    def hour_rows(self) -> list[HourTotals]:
        return [] if self.machine is None else hours_of((self.machine.id, self.window.starts_at))

    @cached_property
    def span(self) -> Span | None:
        window = self.window
        return None if self.machine is None else Span(self.machine.id, window.starts_at, window.ends_at)

    @cached_property
    def accounted(self) -> tuple[int, int]:
        """The stretch of the shift for which there are rows. Outside it nothing was seen, or not yet looked at."""
        rows = self.hour_rows
        if not rows:
            return self.start, self.start
        last = to_ms(rows[-1].starts_at) + rows[-1].calendar_ms
        if len(rows) == 1 and not rows[0].follows:
            last = max(last, self._seen_in(rows[0]))
        return max(self.start, last - sum(row.calendar_ms for row in rows)), last

    def _seen_in(self, row: HourTotals) -> int:
        """Up to when. The row says how much of a machine's first hour was seen, and not that it was seen late."""
        state = live(self.machine)
        seen = None if state is None else state.observed_until
        return to_ms(row.starts_at) if seen is None else min(to_ms(row.ends_at), to_ms(seen))

    @cached_property
    def as_of_ms(self) -> int:
        """Up to when the figures hold: what was derived, or all elapsed time when the machine is silent."""
        is_running_shift = to_ms(self.now) < self.end
        if is_running_shift and not is_silent(live(self.machine), self.now):
            return self.accounted[1]
        return max(self.elapsed, self.accounted[1])

    @cached_property
    def unseen(self) -> list[Entry]:
        """Elapsed time without rows: NO DATA, or a break. Cut at full hours, as rows are."""
        first, last = self.accounted
        gaps = [(start, end) for start, end in ((self.start, first), (last, self.as_of_ms)) if start < end]
        full = [start for start, _ in self.clock_hours()]
        return [entry for gap in gaps for entry in ledger([], self.schedule, Track(()), *gap, full)]

    def policy_of(self, entry: Entry) -> LinePolicy:
        """By which unseen time is read: that of the shift, unless its very hour was judged anew."""
        if not self.judging:
            return self.policy
        hour = max(hour_start(self.line.site.zone, from_ms(entry.start)), self.window.starts_at)
        return policy_of_hour(self.line, hour, self.window.starts_at)

    def _judged(self, unseen: Iterable[Entry]) -> Totals:
        return added(total([entry]).judged(reading(self.policy_of(entry))) for entry in unseen)

    @cached_property
    def totals(self) -> Totals:
        stored = Totals(*(sum(getattr(row, name) for row in self.hour_rows) for name in FIELDS))
        return stored + self._judged(self.unseen)

    @cached_property
    def factors(self) -> Factors:
        return factors(self.totals)

    @cached_property
    def flags(self) -> tuple[str, ...]:
        state = live(self.machine)
        if state is None or state.observed_until is None or is_silent(state, self.now):
            return self.factors.flags
        behind = min(to_ms(state.observed_until), self.end) - self.as_of_ms
        if behind <= LATE_AFTER_MS:
            return self.factors.flags
        return (*self.factors.flags, f"figures are {behind // MINUTE_MS} min behind")

    @property
    def completeness(self) -> float | None:
        scheduled = self.totals.scheduled_ms
        return self.totals.observed_ms / scheduled if scheduled > 0 else None

    @cached_property
    def blocks(self) -> list[Block]:
        columns = ("started_at", "ended_at", "state", "kind", "stop_id", "reason_id", "reason__label")
        entries = LedgerEntry.objects.filter(equipment=self.machine)
        rows = entries.inside(self.window.starts_at, self.window.ends_at).values_list(*columns)
        stored = [Block(to_ms(row[0]), to_ms(row[1]), Ledger(row[2]), Kind(row[3]), *row[4:]) for row in rows]
        unseen = [Block(entry.start, entry.end, entry.state, entry.kind) for entry in self.unseen]
        return _joined(sorted(stored + unseen, key=lambda block: block.start))

    @cached_property
    def minutes(self) -> list[Minute]:
        return self.minutes_between(self.start, self.end)

    def minutes_between(self, start: int, end: int) -> list[Minute]:
        """What the machine made, minute by minute, all products together."""
        if self.machine is None:
            return []
        found: dict[int, Minute] = {}
        for minute, number, made, rejected, run_ms in minutes_of(Span(self.machine.id, from_ms(start), from_ms(end))):
            cycle, at = self.ideal_cycle_ms(number, minute), to_ms(minute)
            before = found.get(at, Minute(at, 0, 0, 0, 0))
            ideal_ms = None if cycle is None or before.ideal_ms is None else before.ideal_ms + made * cycle
            found[at] = Minute(at, before.made + made, before.rejected + rejected, before.run_ms + run_ms, ideal_ms)
        return sorted(found.values())

    def ideal_cycle_ms(self, number: int | None, at: datetime) -> int | None:
        moment = to_ms(at)
        return self._ideal_cycles(number, self.jobs.at(moment)).at(self.judging.at(moment))

    def _ideal_cycles(self, number: int | None, job: RunningJob | None) -> Steps[int | None]:
        key = (number, job)
        if key not in self._cycles:
            product = None if number in (None, NO_PRODUCT) else self.products.get(number or 0)
            machine, line = self.machine, self.line.id
            changes = [] if machine is None else self.standards.changes(line, machine.id, product, job)
            self._cycles[key] = Steps(((to_ms(since), cycle) for since, cycle in changes), None)
        return self._cycles[key]

    @cached_property
    def slow(self) -> list[tuple[int, int]]:
        return slow_spans(self.minutes, self.policy.slow_below)

    @cached_property
    def counts(self) -> list[tuple[datetime, int, int, int]]:
        """(minute, product number, made, rejected), parts found after a silence included, in time order."""
        return [] if self.span is None else counts_of(self.span)

    @property
    def counted(self) -> tuple[int, int]:
        """Good and rejected parts as recorded so far; the hour rows follow within a second."""
        rejected = sum(row[3] for row in self.counts)
        return sum(row[2] for row in self.counts) - rejected, rejected

    def planned_ms(self, start: int, end: int) -> int:
        """Time in [start, end) of this shift that is not a break, by the calendar."""
        if end <= start:
            return 0
        resting = sum(max(0, min(end, until) - max(start, since)) for since, until, _ in self.schedule.breaks.spans)
        return max(0, min(end, self.end) - max(start, self.start)) - resting

    def target(self, start: int, end: int) -> int:
        """Good parts the plan counts on in [start, end) of this shift."""
        return self._target_until(end) - self._target_until(start)

    def _target_until(self, until: int) -> int:
        return target(self.expected, self.planned_ms, self.start, until)

    @cached_property
    def expected(self) -> list[Expected]:
        """The target share of each product's ideal rate; what is ahead is expected to be the product of now."""
        found: list[Expected] = []
        for minute, number, _, _ in self.counts:
            per_min = self._expected_per_min(number, minute)
            if not found or found[-1].per_min != per_min:
                found.append(Expected(to_ms(minute), per_min))
        if not found:
            state = live(self.machine)
            showing = None if state is None else state.product_number
            return [Expected(self.start, self._expected_per_min(showing, self.window.starts_at))]
        return [found[0]._replace(start=self.start), *found[1:]]

    def _expected_per_min(self, number: int | None, at: datetime) -> float:
        cycle_ms = self.ideal_cycle_ms(number, at)
        if cycle_ms is None:
            return self.line.target_rate
        policy = self.policy
        share = policy.target_availability * policy.target_performance * policy.target_quality
        return share * MINUTE_MS / cycle_ms

    @cached_property
    def stop_heads(self) -> list[StopHead]:
        """Every stop that is not minor, newest first."""
        rows = Stop.objects.filter(equipment=self.machine, is_minor=False)
        rows = rows.touching(self.window.starts_at, self.window.ends_at).order_by("-started_at")
        columns = ("id", "coding_id", "planned_stop_id", "fault_text", "proposed_reason__label")
        return [
            StopHead(stop, coding is not None or planned is not None, text or label or "")
            for stop, coding, planned, text, label in rows.values_list(*columns)
        ]

    @cached_property
    def listed(self) -> list[UUID]:
        """Stops worth a line: coded, or with lost time that somebody should explain. Newest first."""
        return [head.id for head in self.stop_heads if head.is_told or head.id in self.lost_ms]

    @cached_property
    def lost_ms(self) -> dict[UUID, int]:
        """Time lost to each stop in this shift."""
        return _sum((block.stop, block.end - block.start) for block in self.blocks if _is_lost(block))

    @cached_property
    def uncoded_ms(self) -> dict[UUID, int]:
        """Lost time that somebody should explain, by stop."""
        return self._worth_asking(
            (block.stop, block.end - block.start) for block in self.blocks if _is_lost(block) and block.reason is None
        )

    @property
    def coded(self) -> Coded:
        told = set(self.listed)
        spent = sum(block.end - block.start for block in self.blocks if block.stop in told and not block.is_minor)
        return Coded(told_share(len(self.uncoded_ms), len(told)), told_share(sum(self.uncoded_ms.values()), spent))

    @property
    def uncoded(self) -> int:
        """How many stops still lack a reason, without reading the whole ledger."""
        lost = [] if self.span is None else uncoded_of(self.span)
        return len(self._worth_asking((stop, to_ms(end) - to_ms(start)) for stop, start, end in lost))

    def _worth_asking(self, lost: Iterable[tuple[UUID | None, int]]) -> dict[UUID, int]:
        """Nobody is asked about a standstill that may still turn out minor, or about the edges of a break."""
        threshold = self.policy.micro_stop_s * SECOND_MS
        return {stop: ms for stop, ms in _sum(lost).items() if ms >= threshold}

    def stop_lines(self, ids: Sequence[UUID]) -> list[StopLine]:
        rows = {row.id: row for row in Stop.objects.filter(pk__in=ids).with_words()}
        return [self._stop_line(rows[stop]) for stop in ids if stop in rows]

    def _stop_line(self, row: Stop) -> StopLine:
        coding, reason = row.coding, row.reason
        return StopLine(
            id=row.id,
            started_at=row.started_at,
            ended_at=row.ended_at,
            duration_s=((row.ended_at or self.now) - row.started_at).total_seconds(),
            lost_s=self.lost_ms.get(row.id, 0) / SECOND_MS,
            equipment_code=row.equipment.code,
            text=row.fault_text or row.proposed_why,
            why=row.proposed_why,
            reason_code=None if reason is None else reason.code,
            reason=None if reason is None else reason.label,
            coded_by=None if coding is None else str(coding.author),
            coded_after_s=None if coding is None else (coding.made_at - row.started_at).total_seconds(),
            comment="" if coding is None else coding.comment,
            suggestion_code=row.proposed_reason_id,
            suggestion=None if row.proposed_reason is None else row.proposed_reason.label,
            is_planned=row.is_planned,
            is_uncoded=row.id in self.uncoded_ms,
            seen=row.coding_id,
        )

    @cached_property
    def texts(self) -> dict[UUID, str]:
        return {head.id: head.text for head in self.stop_heads}

    @cached_property
    def losses(self) -> list[Loss]:
        """Where the time went, largest first."""
        spent: dict[str, int] = defaultdict(int)
        events: dict[str, set[object]] = defaultdict(set)
        for block in self.blocks:
            label = self._loss_label(block)
            if label:
                spent[label] += block.end - block.start
                events[label].add(block.stop)
        found = [Loss(label, ms / SECOND_MS, len(events[label])) for label, ms in spent.items()]
        return sorted([*found, *self._speed_and_quality()], key=lambda loss: -loss.lost_s)

    def _loss_label(self, block: Block) -> str:
        if block.is_planned_stop:
            return block.label or ""
        if block.state is not Ledger.STOP:
            return ""
        if block.is_minor:
            return MINOR_STOPS
        return block.label or (self.texts.get(block.stop) if block.stop else "") or NOT_CODED

    def _speed_and_quality(self) -> list[Loss]:
        totals = self.totals
        if totals.unrated_made:
            return []
        found = [
            Loss(SLOW_RUNNING, (totals.run_ms - totals.ideal_made_ms) / SECOND_MS, 0),
            Loss(REJECTS, (totals.ideal_made_ms - totals.ideal_good_ms) / SECOND_MS, totals.rejected),
        ]
        return [loss for loss in found if loss.lost_s > 0]

    @cached_property
    def hours(self) -> list[HourRow]:
        return [self._hour(start, end) for start, end in self.clock_hours()]

    def clock_hours(self) -> Iterable[tuple[int, int]]:
        for start, end in hours(self.line.site.zone, self.window.starts_at, self.window.ends_at):
            yield max(to_ms(start), self.start), min(to_ms(end), self.end)

    def _hour(self, start: int, end: int) -> HourRow:
        rows = [row for row in self.hour_rows if start <= to_ms(row.starts_at) < end]
        good = sum(row.made + row.unobserved_made - row.rejected - row.unobserved_rejected for row in rows)
        rejected = sum(row.rejected + row.unobserved_rejected for row in rows)
        has_begun = start < self.elapsed
        return HourRow(
            f"{from_ms(start).astimezone(self.line.site.zone):%H:%M}",
            from_ms(start),
            from_ms(end),
            self.target(start, end),
            good if has_begun else None,
            rejected if has_begun else None,
            good - self.target(start, min(end, self.elapsed)) if has_begun else None,
            sum(row.stop_ms + row.external_stop_ms for row in rows) / SECOND_MS,
            self._top_reason(start, end),
            self.target(start, min(end, self.elapsed)) if has_begun else 0,
            self._factors_of(rows, start, end).oee,
        )

    def _factors_of(self, rows: Sequence[HourTotals], start: int, end: int) -> Factors:
        """Of one clock hour: its rows, and the part of the unseen time that lies in it."""
        stored = Totals(*(sum(getattr(row, name) for row in rows) for name in FIELDS))
        unseen = [e._replace(start=max(e.start, start), end=min(e.end, end)) for e in self.unseen]
        return factors(stored + self._judged(e for e in unseen if e.start < e.end))

    def _top_reason(self, start: int, end: int) -> str:
        spent: dict[str, int] = defaultdict(int)
        for block in self.blocks:
            label = self._loss_label(block)
            if label and block.start < end and block.end > start:
                spent[label] += min(block.end, end) - max(block.start, start)
        return max(spent, key=lambda label: spent[label]) if spent else ""


def _joined(blocks: Sequence[Block]) -> list[Block]:
    """Join neighbours that only the end of an hour keeps apart."""
    joined: list[Block] = []
    for block in blocks:
        if joined and joined[-1].end == block.start and joined[-1][2:] == block[2:]:
            joined[-1] = joined[-1]._replace(end=block.end)
        else:
            joined.append(block)
    return joined


def _is_lost(block: Block) -> bool:
    return block.state is Ledger.STOP and not block.is_minor and block.stop is not None


def _sum(pairs: Iterable[tuple[UUID | None, int]]) -> dict[UUID, int]:
    found: dict[UUID, int] = defaultdict(int)
    for key, value in pairs:
        if key is not None:
            found[key] += value
    return dict(found)
