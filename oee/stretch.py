"""What a machine did in any stretch of time: its totals by hour where the hours are whole, else its ledger, cut."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from floor.actions.retention import detail_horizon
from floor.models import Equipment
from oee.actions.facts import counted
from oee.domain.clock import MILLISECOND, from_ms, to_ms
from oee.domain.derive import Bucket, Parts, Plan, accounted, plan, policy_of
from oee.domain.factors import FIELDS, Policy, Totals
from oee.domain.ledger import Entry, Kind, Ledger, Track, ledger
from oee.models import HourTotals, LedgerEntry
from oee.setup import LineSetup, setups
from oee.shift import is_silent, live


@dataclass(frozen=True, slots=True)
class Stretch:
    """Totals by the policy that judges them; `until`: up to when they hold."""

    totals: dict[Policy, Totals]
    until: datetime


def stretch(machine: Equipment, start: datetime, end: datetime, *, now: datetime) -> Stretch:
    """What a machine did in [start, end), whole minutes. The future is left out.

    Elapsed time that nobody has accounted for is NO DATA, off shift or a break. `machine` comes with its line, site
    and live row. Raises DetailsGone.
    """
    setup = setups([machine.line])[machine.line_id]
    until = max(start, _known_until(machine, start, min(end, now), now))
    found: dict[Policy, Totals] = defaultdict(Totals)
    for bucket, totals in _Window(setup, machine, start, until, detail_horizon(now)).hours() if start < until else ():
        policy = policy_of(bucket, setup.rules)
        found[policy] += totals.judged(policy)
    return Stretch(dict(found), until)


def _known_until(machine: Equipment, start: datetime, end: datetime, now: datetime) -> datetime:
    """The last second of a machine that is being read has not been derived yet: it is not NO DATA."""
    if is_silent(live(machine), now):
        return end
    last = (
        HourTotals.objects.filter(equipment=machine, starts_at__lt=end, ends_at__gt=start).order_by("starts_at").last()
    )
    return end if last is None else min(end, last.starts_at + last.calendar_ms * MILLISECOND)


class DetailsGone(Exception):
    """The stretch cuts an hour of which only the totals are kept."""


class Cut(NamedTuple):
    """Time whose hours are cut by the stretch or not accounted for; `is_stored`: something is known of it."""

    start: int
    end: int
    is_stored: bool


class _Window:
    """The hours of [start, end), by shift."""

    def __init__(
        self, setup: LineSetup, machine: Equipment, start: datetime, end: datetime, details_since: datetime
    ) -> None:
        self.setup, self.machine, self.details_since = setup, machine, details_since
        self.start, self.end = to_ms(start), to_ms(end)
        self.plan: Plan = plan(setup.calendar, self.start, self.end)

    def hours(self) -> Iterator[tuple[Bucket, Totals]]:
        rows = self._rows()
        cut: list[Cut] = []
        for start, end, bucket in self.plan.buckets.spans:
            if end <= self.start or start >= self.end:
                continue
            stored = rows[start]
            is_whole = self.start <= start and end <= self.end
            is_complete = sum(row.calendar_ms for row in stored) == end - start
            if is_whole and (is_complete or (stored and end <= to_ms(self.details_since))):
                yield bucket, _sum(stored)
            else:
                cut.append(Cut(max(start, self.start), min(end, self.end), bool(stored)))
        for piece in _joined(cut):
            yield from self._derived(piece)

    def _rows(self) -> dict[int, list[HourTotals]]:
        """By the hour of the shift to which they belong."""
        rows = HourTotals.objects.filter(
            equipment=self.machine, starts_at__lt=from_ms(self.end), ends_at__gt=from_ms(self.start)
        )
        found: dict[int, list[HourTotals]] = defaultdict(list)
        for row in rows:
            bucket = self.plan.buckets.at(to_ms(row.starts_at))
            if bucket is not None:
                found[bucket.start].append(row)
        return found

    def _derived(self, cut: Cut) -> Iterator[tuple[Bucket, Totals]]:
        entries, parts = [], list[Parts]()
        if cut.is_stored:
            self._refuse_without_details(cut)
            entries = _entries(self.machine, cut.start, cut.end)
            parts = counted(self.setup, self.machine.id, from_ms(cut.start), from_ms(cut.end))
        for hour in accounted(self._filled(entries, cut), parts, self.plan.buckets, set()):
            yield hour.bucket, hour.totals

    def _refuse_without_details(self, cut: Cut) -> None:
        if cut.start < to_ms(self.details_since):
            since = self.details_since.astimezone(self.machine.line.site.zone)
            raise DetailsGone(
                f"Details are kept since {since:%Y-%m-%d %H:%M}. Before that only whole hours are known: "
                "let the stretch begin and end on the hour."
            )

    def _filled(self, entries: Sequence[Entry], cut: Cut) -> Iterator[Entry]:
        at = cut.start
        for entry in entries:
            yield from self._unseen(at, entry.start)
            yield entry
            at = entry.end
        yield from self._unseen(at, cut.end)

    def _unseen(self, start: int, end: int) -> list[Entry]:
        if start >= end:
            return []
        hours = (begin for begin, _, _ in self.plan.buckets.spans)
        return ledger([], self.plan.schedule, Track(()), start, end, hours)


def _joined(cut: Iterable[Cut]) -> list[Cut]:
    found: list[Cut] = []
    for piece in cut:
        if found and found[-1].end == piece.start and found[-1].is_stored == piece.is_stored:
            found[-1] = found[-1]._replace(end=piece.end)
        else:
            found.append(piece)
    return found


def _sum(rows: Iterable[HourTotals]) -> Totals:
    return sum((Totals(*(getattr(row, name) for name in FIELDS)) for row in rows), Totals())


def _entries(machine: Equipment, start: int, end: int) -> list[Entry]:
    """In time order, cut to [start, end)."""
    columns = ("started_at", "ended_at", "state", "kind", "stop__started_at")
    rows = LedgerEntry.objects.filter(equipment=machine).inside(from_ms(start), from_ms(end)).order_by("started_at")
    return [
        Entry(
            max(to_ms(began), start),
            min(to_ms(ended), end),
            Ledger(state),
            Kind(kind),
            None if stop is None else to_ms(stop),
        )
        for began, ended, state, kind, stop in rows.values_list(*columns)
    ]
