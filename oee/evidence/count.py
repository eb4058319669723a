"""The counts of a stretch as a person can add them up: by hour, product and ideal cycle, people's entries apart."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from django.db.models import QuerySet

from floor.domain.fold import NO_PRODUCT
from floor.domain.shifts import hour_start
from floor.models import MachineMinute
from oee.counts import Counted, accepted_parts, entered
from oee.domain.clock import MILLISECOND, MINUTE_MS, from_ms, to_ms
from oee.domain.standards import RunningJob, Standard
from oee.evidence.scope import Scope
from oee.jobs import JobsIn, jobs_of
from oee.models import CountEntry, HourTotals, QuarantineDecision
from oee.setup import judging_of, products_of, standards_of

COUNTER = "counter"
HOUR_SUM = "total of the hour"
HELD_BACK = "held back, then believed"


@dataclass(frozen=True, slots=True)
class CountLine:
    """Parts of one hour, product and ideal cycle; `by` None: the machine's own counter.

    `cycle_ms` None: no standard, or the line is the sum of several.
    """

    hour: datetime
    product_number: int
    source: str
    cycle_ms: int | None
    made: int = 0
    rejected: int = 0
    reworked: int = 0
    unobserved_made: int = 0
    unobserved_rejected: int = 0
    unrated_made: int = 0
    ideal_made_ms: int = 0
    ideal_good_ms: int = 0
    by: str | None = None
    at: datetime | None = None
    comment: str = ""

    @property
    def good(self) -> int:
        return self.made + self.unobserved_made - self.all_rejected

    @property
    def all_rejected(self) -> int:
        return self.rejected + self.unobserved_rejected


SUMS = (
    "made", "rejected", "reworked", "unobserved_made", "unobserved_rejected",
    "unrated_made", "ideal_made_ms", "ideal_good_ms",
)  # fmt: skip
Sums = tuple[int, ...]


class Hour(NamedTuple):
    """A clock hour within one shift, or outside shifts, before changes of product cut it."""

    start: datetime
    shift: datetime | None


@dataclass(frozen=True, slots=True)
class StandardUsed:
    """An ideal cycle by which parts were judged; `standard` None: there was none for them."""

    product_number: int
    standard: Standard | None
    parts: int


@dataclass(frozen=True, slots=True)
class Counts:
    lines: tuple[CountLine, ...]
    standards: tuple[StandardUsed, ...]


def counts(scope: Scope) -> Counts:
    """Six queries. An hour whose minutes are not kept any more is told by its totals."""
    standards = _StandardsUsed(scope)
    told: dict[Hour, list[CountLine]] = defaultdict(list)
    for hour, line in [*_counted(scope, standards), *_by_people(scope, standards)]:
        told[hour].append(line)
    lines: list[CountLine] = []
    for hour, rows in _rows_by_hour(scope).items():
        is_whole = _sums(told[hour]) == _sums(rows)
        lines.extend(told[hour] if is_whole else filter(None, map(_of_row, rows)))
    return Counts(tuple(sorted(lines, key=_order)), standards.used())


def _order(line: CountLine) -> tuple[datetime, bool, int, int]:
    return line.hour, line.by is not None, line.product_number, line.cycle_ms or 0


def _sums(lines: Iterable[CountLine | HourTotals]) -> Sums:
    rows = list(lines)
    return tuple(sum(getattr(row, name) for row in rows) for name in SUMS)


def _rows_by_hour(scope: Scope) -> dict[Hour, list[HourTotals]]:
    found: dict[Hour, list[HourTotals]] = defaultdict(list)
    for row in scope.rows:
        found[_hour_of(scope, row)].append(row)
    return found


def _hour_of(scope: Scope, row: HourTotals) -> Hour:
    return Hour(hour_start(scope.zone, row.starts_at), row.shift_starts_at)


def _of_row(row: HourTotals) -> CountLine | None:
    if not any(_sums([row])):
        return None
    rated = row.made - row.unrated_made
    is_even = rated > 0 and row.ideal_made_ms % rated == 0
    return CountLine(
        hour=row.starts_at,
        product_number=row.product_number,
        source=HOUR_SUM,
        cycle_ms=row.ideal_made_ms // rated if is_even and not row.unrated_made else None,
        made=row.made,
        rejected=row.rejected,
        reworked=row.reworked,
        unobserved_made=row.unobserved_made,
        unobserved_rejected=row.unobserved_rejected,
        unrated_made=row.unrated_made,
        ideal_made_ms=row.ideal_made_ms,
        ideal_good_ms=row.ideal_good_ms,
    )


# ---------------------------------------------------------------- standards


class _StandardsUsed:
    """Which standard judged which parts. One holds for whole quarters of an hour."""

    def __init__(self, scope: Scope) -> None:
        self.scope, self.standards, self.products = scope, standards_of(scope.line), products_of(scope.line)
        self.judging = judging_of(scope.line)
        self.jobs = jobs_of(JobsIn(scope.line.id, scope.start, scope.end))
        self._known: dict[tuple[int, datetime, RunningJob | None], Standard | None] = {}
        self._parts: dict[tuple[int, Standard | None], int] = defaultdict(int)

    def cycle_ms(self, number: int, moment: datetime, made: int) -> int | None:
        quarter = moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)
        key = (number, quarter, self.jobs.at(to_ms(moment)))
        if key not in self._known:
            self._known[key] = self._holding(*key)
        standard = self._known[key]
        self._parts[number, standard] += made
        return None if standard is None else standard.ideal_cycle_ms

    def _holding(self, number: int, moment: datetime, job: RunningJob | None) -> Standard | None:
        product = None if number == NO_PRODUCT else self.products.get(number)
        judged_at = from_ms(self.judging.at(to_ms(moment)))
        return self.standards.ideal_cycle(self.scope.line.id, self.scope.machine.id, product, judged_at, job)

    def used(self) -> tuple[StandardUsed, ...]:
        found = [StandardUsed(number, standard, parts) for (number, standard), parts in self._parts.items() if parts]
        return tuple(sorted(found, key=lambda use: (use.product_number, -use.parts)))


def _line(hour: Hour, counted: Counted, made: int, cycle_ms: int | None, source: str) -> CountLine:
    """As derivation counts them: parts that nobody saw being made carry no ideal time."""
    is_rated = cycle_ms is not None
    return CountLine(
        hour=hour.start,
        product_number=counted.product_number,
        source=source,
        cycle_ms=cycle_ms,
        made=made,
        rejected=counted.rejected,
        reworked=counted.reworked,
        unobserved_made=counted.unobserved_made,
        unobserved_rejected=counted.unobserved_rejected,
        unrated_made=0 if is_rated else made,
        ideal_made_ms=made * (cycle_ms or 0),
        ideal_good_ms=(made - counted.rejected) * (cycle_ms or 0),
    )


# ---------------------------------------------------------------- what the counter said


def _counted(scope: Scope, standards: _StandardsUsed) -> Iterator[tuple[Hour, CountLine]]:
    found: dict[tuple[Hour, int, int | None], list[int]] = defaultdict(lambda: [0] * 4)
    columns = ("made", "rejected", "unobserved_made", "unobserved_rejected")
    for minute, number, *parts in _minutes(scope).values_list("minute", "product_number", *columns):
        row = scope.by_time.at(to_ms(minute))
        if row is None or not any(parts):
            continue
        key = (_hour_of(scope, row), number, standards.cycle_ms(number, minute, parts[0]))
        found[key] = [a + b for a, b in zip(found[key], parts, strict=True)]
    for (hour, number, cycle_ms), (made, rejected, unobserved_made, unobserved_rejected) in found.items():
        counted = Counted(scope.machine.id, hour.start, number, rejected, unobserved_made, unobserved_rejected)
        yield hour, _line(hour, counted, made, cycle_ms, COUNTER)


def _minutes(scope: Scope) -> QuerySet[MachineMinute]:
    rows = MachineMinute.objects.filter(equipment=scope.machine)
    if not scope.rows:
        return rows.none()
    return rows.filter(minute__gte=scope.rows[0].starts_at, minute__lt=scope.rows[-1].ends_at)


# ---------------------------------------------------------------- what people counted, or believed


def _by_people(scope: Scope, standards: _StandardsUsed) -> Iterator[tuple[Hour, CountLine]]:
    if not scope.rows:
        return
    first, last = scope.rows[0].starts_at, scope.rows[-1].ends_at
    ends = {"ends_at__gte": first + MILLISECOND, "ends_at__lt": last + MILLISECOND}
    entries = CountEntry.objects.counting().filter(equipment=scope.machine, **ends)
    for entry in entries.select_related("author").order_by("ends_at"):
        yield from _told(scope, standards, entered(entry), entry.get_sort_display(), entry)
    decisions = QuarantineDecision.objects.filter(equipment=scope.machine, is_accepted=True, at__gte=first, at__lt=last)
    for decision in decisions.select_related("author").order_by("at"):
        yield from _told(scope, standards, accepted_parts(decision), HELD_BACK, decision)


def _told(
    scope: Scope, standards: _StandardsUsed, counted: Counted, source: str, note: CountEntry | QuarantineDecision
) -> Iterator[tuple[Hour, CountLine]]:
    row = scope.by_time.at(to_ms(counted.at) // MINUTE_MS * MINUTE_MS)
    if row is None:
        return
    hour, cycle_ms = _hour_of(scope, row), standards.cycle_ms(counted.product_number, counted.at, 0)
    line = _line(hour, counted, 0, cycle_ms, source)
    yield hour, replace(line, by=str(note.author), at=note.made_at, comment=note.comment)
