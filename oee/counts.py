"""Parts that people counted, or believed although a counter was doubted: rows to be added to the machine's own."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from floor.domain.fold import NO_PRODUCT
from floor.domain.machine import CounterKind
from oee.domain.clock import MILLISECOND
from oee.models import CountEntry, QuarantineDecision


class Counted(NamedTuple):
    """`at` lies in the minute to which the parts belong. `unobserved_*` carry no performance."""

    machine: UUID
    at: datetime
    product_number: int
    rejected: int = 0
    unobserved_made: int = 0
    unobserved_rejected: int = 0
    reworked: int = 0
    startup: int = 0


def counted_by_people(machines: Iterable[UUID], since: datetime | None, until: datetime | None) -> Iterator[Counted]:
    """Of [since, until), None without limit; two queries, one more where something was counted by hand."""
    ids = list(machines)
    # What is counted up to a moment belongs to the minute before it.
    first, last = (None if moment is None else moment + MILLISECOND for moment in (since, until))
    entries = list(_between(CountEntry.objects.standing(), "ends_at", ids, first, last))
    answered = _answered(entries)
    yield from (entered(entry) for entry in entries if entry.pk not in answered)
    accepted = QuarantineDecision.objects.filter(is_accepted=True)
    yield from map(accepted_parts, _between(accepted, "at", ids, since, until))


def _answered(entries: Iterable[CountEntry]) -> set[int]:
    """Those whose parts the controller has told by itself since."""
    by_hand = [entry.pk for entry in entries if entry.sort == CountEntry.Sort.MANUAL]
    if not by_hand:
        return set()
    return set(CountEntry.objects.filter(pk__in=by_hand).answered().values_list("pk", flat=True))


def _between(rows: Any, column: str, ids: list[UUID], since: datetime | None, until: datetime | None) -> Any:
    found = rows.filter(equipment__in=ids)
    if since is not None:
        found = found.filter(**{f"{column}__gte": since})
    return found if until is None else found.filter(**{f"{column}__lt": until})


def entered(row: CountEntry) -> Counted:
    assert row.ends_at is not None, "a constraint says so"  # noqa: S101
    at = row.ends_at - MILLISECOND
    if row.sort == CountEntry.Sort.MANUAL:
        return Counted(
            row.equipment_id, at, row.product_number, unobserved_made=row.made, unobserved_rejected=row.rejected
        )
    reworked = row.rejected if row.sort == CountEntry.Sort.REWORK else 0
    startup = row.rejected if row.sort == CountEntry.Sort.START_UP else 0
    return Counted(row.equipment_id, at, row.product_number, row.rejected, reworked=reworked, startup=startup)


def accepted_parts(row: QuarantineDecision) -> Counted:
    """They count, but nobody knows how fast they were made."""
    is_rejects = row.counter == CounterKind.REJECTED
    made = row.parts if row.are_made_too or not is_rejects else 0
    rejected = row.parts if is_rejects else 0
    return Counted(row.equipment_id, row.at, NO_PRODUCT, unobserved_made=made, unobserved_rejected=rejected)
