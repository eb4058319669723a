"""Parts that people count, and what engineers decide about parts that a counter claimed."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from floor import audit, live
from floor.actions.once import once
from floor.domain.fold import NO_PRODUCT
from floor.domain.machine import CounterEventKind, CounterKind
from floor.models import CounterEvent, Equipment, Reading, User
from oee.actions.rebuild import lock_line, rederive
from oee.actions.refusals import AlreadyDone, ImpossibleCount, ImpossibleTime
from oee.actions.stops import first_sight, refuse_closed, refuse_forgotten, refuse_impossible
from oee.models import CountEntry, QuarantineDecision

MOST_PARTS = 1_000_000
LONGEST = timedelta(hours=24)


def count_by_hand(
    machine: Equipment,
    start: datetime,
    end: datetime,
    *,
    made: int,
    rejected: int,
    by: User,
    now: datetime,
    request_id: UUID,
    product_number: int = NO_PRODUCT,
    comment: str = "",
) -> CountEntry:
    """Parts made in [start, end) while the controller was away; they count until its counter has told by itself.

    `machine` comes with its line and site.
    """

    def write() -> CountEntry:
        refuse_impossible(start, end, now)
        if end - start > LONGEST:
            raise ImpossibleTime("Enter at most 24 hours at once, better hour by hour.")
        if not 0 <= rejected <= made <= MOST_PARTS or made == 0:
            raise ImpossibleCount("Enter how many parts were made, and how many of them were rejects.")
        lock_line(machine.line_id)
        _refuse_seen(machine, start, end)
        _refuse_counted_twice(machine, start, end)
        return _enter(
            machine, CountEntry.Sort.MANUAL, start, end, made, rejected, by, now, request_id, product_number, comment
        )

    return once(CountEntry, request_id, write)


def _refuse_seen(machine: Equipment, start: datetime, end: datetime) -> None:
    if first_sight(machine, start, end) is not None:
        raise ImpossibleTime(
            f"The controller counted {machine.code} itself in this time. "
            "Parts can be entered by hand for time without data only."
        )


def _refuse_counted_twice(machine: Equipment, start: datetime, end: datetime) -> None:
    others = CountEntry.objects.standing().touching(start, end).filter(equipment=machine, sort=CountEntry.Sort.MANUAL)
    other = others.select_related("author").first()
    if other is not None and other.ends_at is not None:
        start, end = (moment.astimezone(machine.line.site.zone) for moment in (other.starts_at, other.ends_at))
        raise ImpossibleTime(
            f"{other.author} has counted {start:%H:%M}–{end:%H:%M} already. Take that entry back first."
        )


def enter_rejects(
    machine: Equipment,
    sort: str,
    parts: int,
    *,
    by: User,
    now: datetime,
    request_id: UUID,
    at: datetime | None = None,
    defect: str = "",
    product_number: int | None = None,
    comment: str = "",
) -> CountEntry:
    """Scrap, start-up scrap or rework that people took out by hand at `at` (None: now); it lowers quality then.

    `machine` comes with its line and site. The product is what the machine was making, unless it is given.
    """

    def write() -> CountEntry:
        moment = at or now
        refuse_impossible(moment, None, now)
        if not 0 < parts <= MOST_PARTS:
            raise ImpossibleCount("Enter how many parts, at least one.")
        lock_line(machine.line_id)
        number = _product_at(machine, moment) if product_number is None else product_number
        end = moment + timedelta(milliseconds=1)
        return _enter(machine, sort, moment, end, 0, parts, by, now, request_id, number, comment, defect)

    return once(CountEntry, request_id, write)


def _product_at(machine: Equipment, moment: datetime) -> int:
    rows = machine.minutes.filter(minute__lte=moment).exclude(product_number=NO_PRODUCT)
    number: int | None = rows.order_by("-minute").values_list("product_number", flat=True).first()
    return NO_PRODUCT if number is None else number


def _enter(
    machine: Equipment,
    sort: str,
    start: datetime,
    end: datetime,
    made: int,
    rejected: int,
    by: User,
    now: datetime,
    request_id: UUID,
    product_number: int,
    comment: str,
    defect: str = "",
) -> CountEntry:
    refuse_closed(machine.line, start, by, now)
    entry = CountEntry.objects.create(
        equipment=machine,
        sort=sort,
        starts_at=start,
        ends_at=end,
        made=made,
        rejected=rejected,
        product_number=product_number,
        defect=defect,
        comment=comment,
        author=by,
        made_at=now,
        request_id=request_id,
    )
    audit.record(by, f"count.{sort}", entry, now, made=made, rejected=rejected, defect=defect, start=start.isoformat())
    _account(machine, start, end)
    return entry


def take_back_count(entry_id: int, *, by: User, now: datetime) -> CountEntry:
    with transaction.atomic():
        entry = CountEntry.objects.select_related("equipment__line__site", "withdrawn_by").get(pk=entry_id)
        lock_line(entry.equipment.line_id)
        entry.refresh_from_db(fields=["withdrawn_at", "withdrawn_by"])
        if entry.withdrawn_at is not None:
            raise AlreadyDone(f"{entry.withdrawn_by} has taken this back already.")
        refuse_closed(entry.equipment.line, entry.starts_at, by, now)
        entry.withdrawn_at, entry.withdrawn_by = now, by
        entry.save(update_fields=["withdrawn_at", "withdrawn_by"])
        audit.record(by, "count.take_back", entry, now)
        _account(entry.equipment, entry.starts_at, entry.ends_at or entry.starts_at)
        return entry


def decide_quarantine(
    event: CounterEvent, *, accept: bool, by: User, now: datetime, request_id: UUID, comment: str
) -> QuarantineDecision:
    """Believe the parts that were held back, or not. `event` comes with its machine, line and site."""

    def write() -> QuarantineDecision:
        if event.kind != CounterEventKind.QUARANTINE:
            raise ImpossibleCount("Only parts that were held back need a decision.")
        if not comment.strip():
            raise ImpossibleCount("Say why you believe these parts or do not.")
        machine = event.equipment
        lock_line(machine.line_id)
        _refuse_decided(event)
        if accept:
            refuse_forgotten(machine.line, event.at, now)
        decision = QuarantineDecision.objects.create(
            equipment=machine,
            counter=event.counter,
            at=event.at,
            parts=event.delta,
            are_made_too=event.counter == CounterKind.REJECTED and _counts_good(event),
            is_accepted=accept,
            comment=comment,
            author=by,
            made_at=now,
            request_id=request_id,
        )
        audit.record(by, "count.decide", decision, now, accepted=accept, parts=event.delta, comment=comment)
        if accept:
            _account(machine, _reaching_back(event), event.at)
        return decision

    return once(QuarantineDecision, request_id, write)


def _counts_good(event: CounterEvent) -> bool:
    """Whether the machine's first counter counted good parts only when its rejects jumped."""
    read = Reading.objects.filter(equipment=event.equipment, at=event.at)
    return bool(read.values_list("counts_good", flat=True).first())


def _refuse_decided(event: CounterEvent) -> None:
    known = QuarantineDecision.objects.select_related("author").filter(
        equipment=event.equipment, counter=event.counter, at=event.at
    )
    decided = known.first()
    if decided is not None:
        did = "believed" if decided.is_accepted else "rejected"
        raise AlreadyDone(f"{decided.author} has {did} these parts already.")


def _reaching_back(event: CounterEvent) -> datetime:
    """Counts entered by hand for the silence before are answered by the parts that are believed now."""
    entries = CountEntry.objects.standing().filter(
        equipment=event.equipment, sort=CountEntry.Sort.MANUAL, starts_at__lt=event.at
    )
    near = entries.filter(ends_at__gt=event.at - timedelta(days=1)).order_by("starts_at")
    return near.values_list("starts_at", flat=True).first() or event.at


def _account(machine: Equipment, start: datetime, end: datetime) -> None:
    rederive(machine.line, start=start, end=end)
    live.changed(machine.line_id, "pace", "oee")
