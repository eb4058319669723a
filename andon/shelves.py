"""What is shelved, and what had better be: for the page of shelves, for boards and for the API."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Q

from andon.domain.call import Priority
from andon.domain.chatter import A_MINUTE, AN_HOUR, IN_A_MINUTE, IN_AN_HOUR, chatters
from andon.domain.machine_calls import SAFETY
from andon.models import Call, CallEvent, CallKind, Shelf
from andon.models.shelves import ShelfQuerySet
from floor.models import Equipment, FaultDefinition, FaultEvent, Line

SHOWN_ENDED = 20
SUGGESTED = 20


@dataclass(frozen=True, slots=True)
class ShelfRow:
    id: UUID
    line_code: str
    equipment_code: str
    what: str  # "Maintenance calls" | "Guard open (bit 12)"
    reason: str
    by: str
    shelved_at: datetime
    ends_at: datetime
    ended_by: str
    held_back: int  # calls recorded meanwhile that nobody was told of


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A source that chatters now and is not shelved."""

    equipment_code: str
    line_code: str
    what: str
    kind: str  # of a kind of call, else empty
    bit: int | None
    in_the_hour: int


def shelves_now(now: datetime, line: Line | None = None) -> list[ShelfRow]:
    """Everything that is shelved, the first to end first."""
    return shelf_rows(list(_of(line).standing(now).order_by("ends_at")))


def shelves_ended(now: datetime, line: Line | None = None) -> list[ShelfRow]:
    return shelf_rows(list(_of(line).filter(ends_at__lte=now).order_by("-ends_at")[:SHOWN_ENDED]))


def _of(line: Line | None) -> ShelfQuerySet:
    rows = Shelf.objects.for_screen()
    return rows if line is None else rows.filter(equipment__line=line)


def shelf_rows(shelves: Sequence[Shelf]) -> list[ShelfRow]:
    texts, held = _texts(shelves), _held_back(shelves)
    return [
        ShelfRow(
            shelf.pk, shelf.equipment.line.code, shelf.equipment.code,
            f"{shelf.kind} calls" if shelf.kind else _fault(texts.get((shelf.equipment_id, shelf.bit)), shelf.bit),
            shelf.reason, str(shelf.shelved_by), shelf.shelved_at, shelf.ends_at,
            str(shelf.unshelved_by or ""), held[shelf.pk],
        )
        for shelf in shelves
    ]  # fmt: skip


def _fault(text: str | None, bit: int | None) -> str:
    return f"{text} (fault {bit})" if text else f"Fault {bit}"


def _texts(shelves: Iterable[Shelf]) -> dict[tuple[UUID, int | None], str]:
    machines = [shelf.equipment_id for shelf in shelves if shelf.bit is not None]
    rows = FaultDefinition.objects.filter(equipment__in=machines) if machines else FaultDefinition.objects.none()
    return {(machine, bit): text for machine, bit, text in rows.values_list("equipment_id", "bit", "text")}


def _held_back(shelves: Sequence[Shelf]) -> dict[UUID, int]:
    """How many calls each has kept from people; of a fault, all of its machine's that were held back meanwhile."""
    if not shelves:
        return {}
    since = min(shelf.shelved_at for shelf in shelves)
    machines = [shelf.equipment_id for shelf in shelves]
    events = CallEvent.objects.filter(what=CallEvent.What.SHELVED, at__gte=since, call__equipment__in=machines)
    seen = list(events.values_list("call__equipment_id", "call__kind_id", "at"))
    return {
        shelf.pk: sum(
            machine == shelf.equipment_id
            and shelf.kind_id in (None, kind)
            and shelf.shelved_at <= at < shelf.ends_at
            for machine, kind, at in seen
        )
        for shelf in shelves
    }  # fmt: skip


# ---------------------------------------------------------------- what had better be shelved


def suggestions(now: datetime, line: Line | None = None) -> list[Suggestion]:
    """Sources that chatter: three times in a minute, or ten in the last hour. Never what must not be shelved."""
    taken: set[Source] = {(shelf.equipment_id, shelf.kind_id, shelf.bit) for shelf in Shelf.objects.standing(now)}
    found = [*_chattering_kinds(now, line, taken), *_chattering_faults(now, line, taken)]
    return sorted(found, key=lambda one: (-one.in_the_hour, one.equipment_code, one.what))[:SUGGESTED]


Source = tuple[UUID, str | None, int | None]


def _chattering_kinds(now: datetime, line: Line | None, taken: set[Source]) -> Iterable[Suggestion]:
    machine_calls = Call.objects.filter(source=Call.Source.MACHINE, equipment__isnull=False)
    machine_calls = machine_calls.exclude(kind=SAFETY).exclude(kind__priority__gte=Priority.CRITICAL)
    if line is not None:
        machine_calls = machine_calls.filter(line=line)
    what = (CallEvent.What.RAISED, CallEvent.What.REPEATED, CallEvent.What.REOPENED, CallEvent.What.SHELVED)
    events = CallEvent.objects.filter(call__in=machine_calls, at__gt=now - AN_HOUR, at__lte=now, what__in=what)
    times: dict[tuple[UUID, str], list[datetime]] = defaultdict(list)
    for machine, kind, at in events.order_by("at").values_list("call__equipment_id", "call__kind_id", "at"):
        times[machine, kind].append(at)
    loud = {source: its for source, its in times.items() if chatters(its) and (*source, None) not in taken}
    machines = Equipment.objects.select_related("line").in_bulk([machine for machine, _ in loud])
    kinds = CallKind.objects.in_bulk([kind for _, kind in loud])
    for (machine, kind), its in loud.items():
        where = machines[machine]
        yield Suggestion(where.code, where.line.code, f"{kinds[kind]} calls", kind, None, len(its))


def _chattering_faults(now: datetime, line: Line | None, taken: set[Source]) -> Iterable[Suggestion]:
    """Counted in the database: a bit that flickers twice a second comes up thousands of times an hour."""
    machines = Equipment.objects.filter(enabled=True, line__enabled=True)
    if line is not None:
        machines = machines.filter(line=line)
    known = FaultDefinition.objects.filter(equipment__in=machines, kind=FaultDefinition.Kind.FAULT)
    meanings = {
        (row.equipment_id, row.bit): row
        for row in known.exclude(category=FaultDefinition.Category.CRITICAL).select_related("equipment__line")
    }
    events = FaultEvent.objects.filter(equipment__in=machines, on_at__gt=now - AN_HOUR, on_at__lte=now)
    counted = events.values("equipment_id", "bit").annotate(
        hour=Count("pk"), minute=Count("pk", filter=Q(on_at__gt=now - A_MINUTE))
    )
    for row in counted.filter(Q(hour__gte=IN_AN_HOUR) | Q(minute__gte=IN_A_MINUTE)):
        meaning = meanings.get((row["equipment_id"], row["bit"]))
        if meaning is not None and (row["equipment_id"], None, row["bit"]) not in taken:
            where = meaning.equipment
            what = _fault(meaning.text, meaning.bit)
            yield Suggestion(where.code, where.line.code, what, "", meaning.bit, row["hour"])
