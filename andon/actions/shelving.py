"""Silencing a source of machine calls that calls too often to mean anything, for a limited time and in view of all."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from andon.actions.refusals import AlreadyShelved, NoteMissing, NotShelvable, ShelfOver, TooLong
from andon.domain.call import Priority
from andon.domain.machine_calls import SAFETY
from andon.models import CallKind, Shelf
from andon.models.shelves import LONGEST
from floor import audit, live
from floor.models import Equipment, FaultDefinition, User


def shelve_kind(
    machine: Equipment, kind: CallKind, *, by: User, now: datetime, length: timedelta, reason: str,
    request_id: UUID | None = None,
) -> Shelf:  # fmt: skip
    """Silence the calls of one kind that this machine makes. Those that are critical still go out.

    Raises NotShelvable for safety and for kinds that are critical; NoteMissing, TooLong, AlreadyShelved.
    """
    if kind.code == SAFETY or kind.priority >= Priority.CRITICAL:
        raise NotShelvable(f"{kind.label} calls are never shelved: somebody could get hurt.")
    return _shelve(machine, {"kind": kind}, by, now, length, reason, request_id)


def shelve_fault(
    machine: Equipment, bit: int, *, by: User, now: datetime, length: timedelta, reason: str,
    request_id: UUID | None = None,
) -> Shelf:  # fmt: skip
    """Leave one fault out of what makes this machine call.

    Raises NotShelvable for a critical fault and for what is no fault; NoteMissing, TooLong, AlreadyShelved.
    """
    fault = FaultDefinition.objects.filter(equipment=machine, bit=bit, kind=FaultDefinition.Kind.FAULT).first()
    if fault is None:
        raise NotShelvable(f"{machine.code} has no fault {bit}.")
    if fault.category == FaultDefinition.Category.CRITICAL:
        raise NotShelvable(f"“{fault.text}” is critical, and critical faults are never shelved.")
    return _shelve(machine, {"bit": bit}, by, now, length, reason, request_id)


@transaction.atomic
def _shelve(
    machine: Equipment, source: dict[str, Any], by: User, now: datetime, length: timedelta, reason: str,
    request_id: UUID | None,
) -> Shelf:  # fmt: skip
    reason = reason.strip()
    if not reason:
        raise NoteMissing("Say in a few words why nobody is to be told.")
    if not timedelta() < length <= LONGEST:
        raise TooLong("A source is shelved for at most eight hours. Repair it, or change its rule.")
    if request_id is not None and (known := Shelf.objects.for_screen().filter(request_id=request_id).first()):
        return known
    shelf = Shelf(equipment=machine, reason=reason[:300], shelved_at=now, shelved_by=by, ends_at=now + length, **source)
    if request_id is not None:
        shelf.request_id = request_id
    try:
        with transaction.atomic():
            shelf.save(force_insert=True)
    except IntegrityError as error:
        raise AlreadyShelved(f"{shelf} is shelved already.") from error
    audit.record(by, "andon.shelve", shelf, now, source=str(shelf), until=shelf.ends_at.isoformat(), reason=reason)
    live.changed(machine.line_id, "calls")
    return shelf


@transaction.atomic
def unshelve(shelf: Shelf, *, by: User, now: datetime) -> Shelf:
    """Let the source call again. If its machine still stands, it calls at once. Raises ShelfOver if it does already."""
    shelf = Shelf.objects.for_screen().select_for_update(of=("self",)).get(pk=shelf.pk)
    if shelf.ends_at <= now:
        who = f" {shelf.unshelved_by} ended it." if shelf.unshelved_by else ""
        raise ShelfOver(f"{shelf} is not shelved any more.{who}")
    shelf.ends_at, shelf.unshelved_by = now, by
    shelf.save(update_fields=["ends_at", "unshelved_by"])
    audit.record(by, "andon.unshelve", shelf, now, source=str(shelf))
    live.changed(shelf.equipment.line_id, "calls")
    return shelf
