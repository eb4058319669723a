"""What an engineer sees of the counts: parts held back, what counters did, whether the parts agree with them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, Sum

from floor.domain.fold import NO_PRODUCT
from floor.domain.machine import CounterEventKind, CounterKind, State
from floor.models import CounterEvent, Line, MachineMinute, Reconciliation, StateEdge
from oee.models import CountEntry, QuarantineDecision
from oee.models.counts import ANSWER_WITHIN
from oee.rows import product_name

DAYS = timedelta(days=7)
RECONCILED_FOR = timedelta(hours=24)
SHOWN = 50
MINUTE = timedelta(minutes=1)
COUNTERS = {CounterKind.MADE: "parts made", CounterKind.REJECTED: "rejects"}
KINDS = {
    CounterEventKind.GAP: "found parts after a silence",
    CounterEventKind.RESET: "started again from zero",
    CounterEventKind.WRAP: "went round and was followed",
    CounterEventKind.GLITCH: "fell back for one reading",
    CounterEventKind.FIRST: "was read for the first time",
    CounterEventKind.QUARANTINE: "claimed more than its machine can make",
}


@dataclass(frozen=True, slots=True)
class Held:
    """Parts held back. `unseen_s`: how long nobody had read the counter; `limit_s` if it was read all the time."""

    id: int
    equipment_id: UUID
    line_code: str
    equipment_code: str
    equipment_name: str
    counter: CounterKind
    counts: str
    at: datetime
    before: int | None
    after: int
    parts: int
    product: str | None
    was_silent: bool
    unseen_s: float


@dataclass(frozen=True, slots=True)
class CounterNews:
    at: datetime
    equipment_code: str
    counts: str
    what: str
    before: int | None
    after: int
    parts: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """One counter against the parts booked from it, over the last hours; `hours` are those that differ."""

    equipment_code: str
    counts: str
    compared: int
    difference: int  # sum of the sizes
    hours: tuple[Reconciliation, ...]


@dataclass(frozen=True, slots=True)
class Entered:
    entry: CountEntry
    status: str
    is_standing: bool


# ---------------------------------------------------------------- held back


def _of(line: Line | None, path: str = "equipment__line") -> Q:
    return Q() if line is None else Q(**{path: line})


def waiting_events(line: Line | None = None) -> QuerySet[CounterEvent]:
    """Quarantines that nobody has decided yet."""
    decided = QuarantineDecision.objects.filter(
        equipment=OuterRef("equipment"), counter=OuterRef("counter"), at=OuterRef("at")
    )
    return CounterEvent.objects.filter(_of(line), ~Exists(decided), kind=CounterEventKind.QUARANTINE)


def held_back(line: Line | None) -> list[Held]:
    before = StateEdge.objects.filter(equipment=OuterRef("equipment"), at__lt=OuterRef("at")).order_by("-at")
    rows = waiting_events(line).annotate(
        edge_at=Subquery(before.values("at")[:1]), edge_state=Subquery(before.values("state")[:1])
    )
    rows = rows.select_related("equipment__line__site", "equipment__machine_state").order_by("-at")
    return [_held(row) for row in rows[:SHOWN]]


def _held(row: CounterEvent) -> Held:
    machine, counter = row.equipment, CounterKind(row.counter)
    edge_at, was_silent = row.edge_at, row.edge_state in (None, State.UNKNOWN)  # type: ignore[attr-defined]
    silent_s = None if edge_at is None or not was_silent else (row.at - edge_at).total_seconds()
    state = getattr(machine, "machine_state", None)
    return Held(
        id=row.pk,
        equipment_id=machine.id,
        line_code=machine.line.code,
        equipment_code=machine.code,
        equipment_name=machine.name,
        counter=counter,
        counts=COUNTERS[counter],
        at=row.at,
        before=row.before,
        after=row.after,
        parts=row.delta,
        product=_product(row),
        was_silent=silent_s is not None,
        unseen_s=silent_s if silent_s is not None else (state.limit_ms / 1000 if state else 0.0),
    )


def _product(row: CounterEvent) -> str | None:
    minutes = MachineMinute.objects.filter(equipment=row.equipment, minute__lte=row.at).exclude(
        product_number=NO_PRODUCT
    )
    number = minutes.order_by("-minute").values_list("product_number", flat=True).first()
    return None if number is None else product_name((row.equipment.line, number))


def decisions(line: Line | None) -> QuerySet[QuarantineDecision]:
    rows = QuarantineDecision.objects.filter(_of(line)).select_related("equipment", "author")
    return rows.order_by("-made_at")[:SHOWN]


# ---------------------------------------------------------------- counters


def counted_kinds(line: Line | None, now: datetime) -> list[tuple[str, int]]:
    """What counters did in the last days other than counting, most often first."""
    rows = _events(line, now).values_list("kind", flat=True)
    return [(KINDS[CounterEventKind(kind)], number) for kind, number in Counter(rows).most_common()]


def counter_news(line: Line | None, now: datetime) -> list[CounterNews]:
    rows = _events(line, now).select_related("equipment").order_by("-at")[:SHOWN]
    return [
        CounterNews(
            row.at,
            row.equipment.code,
            COUNTERS[CounterKind(row.counter)],
            KINDS[CounterEventKind(row.kind)],
            row.before,
            row.after,
            row.delta,
        )
        for row in rows
    ]


def _events(line: Line | None, now: datetime) -> QuerySet[CounterEvent]:
    return CounterEvent.objects.filter(_of(line), at__gte=now - DAYS).exclude(kind=CounterEventKind.QUARANTINE)


# ---------------------------------------------------------------- agreement


def agreements(line: Line | None, now: datetime) -> list[Agreement]:
    """Of the last 24 hours that are over; counters that differ come first."""
    rows = Reconciliation.objects.filter(_of(line), hour__gte=now - RECONCILED_FOR - timedelta(hours=1))
    by_counter: dict[tuple[str, str], list[Reconciliation]] = {}
    for row in rows.select_related("equipment").order_by("equipment__code", "counter", "-hour"):
        by_counter.setdefault((row.equipment.code, row.counter), []).append(row)
    found = [_agreement(code, CounterKind(counter), hours) for (code, counter), hours in by_counter.items()]
    return sorted(found, key=lambda one: -one.difference)


def _agreement(code: str, counter: CounterKind, hours: Sequence[Reconciliation]) -> Agreement:
    wrong = tuple(hour for hour in hours if hour.difference)
    return Agreement(code, COUNTERS[counter], len(hours), sum(abs(hour.difference) for hour in wrong), wrong)


def agreement_in_words(found: Sequence[Agreement]) -> str:
    if not found:
        return "Nothing has been compared with the counters in the last 24 hours."
    compared = sum(one.compared for one in found)
    counters = f"{len(found)} counter{'s' if len(found) != 1 else ''}"
    wrong = sum(len(one.hours) for one in found)
    if not wrong:
        return f"All {compared} hours of {counters} agree to the part in the last 24 hours."
    parts = sum(one.difference for one in found)
    return f"{wrong} of {compared} hours of {counters} differ in the last 24 hours, by {parts} parts together."


# ---------------------------------------------------------------- entered by people


def entered(line: Line | None, now: datetime) -> list[Entered]:
    """The newest first, withdrawn ones too."""
    rows = CountEntry.objects.with_answer().filter(_of(line), made_at__gte=now - DAYS)
    rows = rows.select_related("equipment__line", "author", "withdrawn_by").order_by("-made_at", "-pk")
    return [Entered(row, _status(row), row.withdrawn_at is None) for row in rows[:SHOWN]]


def _status(entry: CountEntry) -> str:
    if entry.withdrawn_at is not None:
        return f"taken back by {entry.withdrawn_by}"
    if entry.sort != CountEntry.Sort.MANUAL or not entry.is_answered:  # type: ignore[attr-defined]
        return "counts"
    return f"answered by the controller: {_answer(entry)}"


def _answer(entry: CountEntry) -> int:
    """Parts that the counter told when its machine was seen again, for the whole silence."""
    back: datetime = entry.seen_again  # type: ignore[attr-defined]
    since, until = back.replace(second=0, microsecond=0), back + ANSWER_WITHIN
    minutes = MachineMinute.objects.filter(equipment=entry.equipment_id, minute__gte=since, minute__lt=until)
    believed = QuarantineDecision.objects.filter(
        equipment=entry.equipment_id, counter=CounterKind.MADE, is_accepted=True, at__gte=back, at__lte=until
    )
    told: int = minutes.aggregate(parts=Sum("unobserved_made"))["parts"] or 0
    accepted: int = believed.aggregate(parts=Sum("parts"))["parts"] or 0
    return told + accepted
