"""Everything people do with a call for help."""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from andon.actions import course
from andon.actions.notifications import messages
from andon.actions.refusals import (
    AlreadyAcknowledged,
    AlreadyOpen,
    NoSuchKind,
    NoteMissing,
    NotPossible,
    TooLate,
    WrongMachine,
)
from andon.domain.call import UNDO_TRAVEL, UNDO_WITHIN, Deed, Priority, Status, after
from andon.domain.escalation import plan
from andon.models import Call, CallEvent, CallKind, Notification, rules_in_force
from floor import audit, live
from floor.models import Equipment, Line, User

What = CallEvent.What
CHANGES = [
    *("status", "level", "responder", "acknowledged_at", "acknowledged_by", "arrived_at", "arrived_by"),
    *("resolved_at", "resolved_by", "resolution"),
]


@transaction.atomic
def raise_call(
    line: Line,
    kind: str,
    *,
    by: User | None,
    now: datetime,
    request_id: UUID,
    equipment: Equipment | None = None,
    priority: Priority | None = None,
    note: str = "",
) -> Call:
    """Call for help. The same `request_id` again is the same call; `by` None means that a machine calls.

    Raises AlreadyOpen when the same help was called for the same place before, and has not been resolved.
    """
    if known := _raised_as(request_id):
        return known
    described = _kind(kind)
    if equipment is not None and equipment.line_id != line.pk:
        raise WrongMachine(f"{equipment.code} does not stand in {line.code}.")
    call = Call(
        line=line, kind=described, equipment=equipment, raised_by=by, raised_at=now, note=note, request_id=request_id,
        priority=described.priority if priority is None else priority,
        source=Call.Source.MACHINE if by is None else Call.Source.PERSON,
    )  # fmt: skip
    if not _insert(call):
        return _raised_as(request_id) or _refuse_second(call)
    steps = plan(Priority(call.priority), now, rules_in_force(now), described.responders)
    course.set_out(call, steps, now)
    audit.record(by, "andon.raise", call, now, kind=kind, line=line.code, priority=Priority(call.priority).word)
    live.changed(line.pk, "calls")
    return call


def _raised_as(request_id: UUID) -> Call | None:
    return Call.objects.for_screen().filter(request_id=request_id).first()


def _kind(code: str) -> CallKind:
    found = CallKind.objects.filter(code=code, enabled=True).first()
    if found is None:
        raise NoSuchKind(f"There is no call of the kind {code!r}.")
    return found


def _insert(call: Call) -> bool:
    """False if another open call, or the same request, was there first: the database decides, not a look before."""
    try:
        with transaction.atomic():
            call.save(force_insert=True)
    except IntegrityError:
        return False
    return True


def _refuse_second(call: Call) -> Call:
    same = Call.objects.for_screen().live().filter(line=call.line, equipment=call.equipment, kind=call.kind)
    if first := same.first():
        raise AlreadyOpen(first)
    raise TooLate("Another call was just being closed. Try again.")


@transaction.atomic
def acknowledge(call: Call, *, by: User, now: datetime, request_id: UUID | None = None) -> Call:
    """Say that one is coming. Stops the clock for the answer, not the one for the remedy; the first one wins.

    Raises AlreadyAcknowledged with the winner's name.
    """
    locked = _locked(call)
    if _done_before(locked, request_id):
        return locked
    if locked.status in (Status.ACKNOWLEDGED, Status.ARRIVED):
        raise AlreadyAcknowledged(locked)
    return _do(locked, Deed.ACKNOWLEDGE, What.ACKNOWLEDGED, "is coming", by, now, request_id)


@transaction.atomic
def arrive(call: Call, *, by: User, now: datetime, request_id: UUID | None = None) -> Call:
    """Say that one is there. Who arrives without having acknowledged has answered the call by coming."""
    locked = _locked(call)
    if _done_before(locked, request_id):
        return locked
    locked.arrived_at, locked.arrived_by = locked.arrived_at or now, locked.arrived_by or by
    return _do(locked, Deed.ARRIVE, What.ARRIVED, "is there", by, now, request_id)


@transaction.atomic
def resolve(call: Call, note: str, *, by: User, now: datetime, request_id: UUID | None = None) -> Call:
    """Close the call with what was done."""
    note = note.strip()
    if not note:
        raise NoteMissing("Say in a few words what was done.")
    locked = _locked(call)
    if _done_before(locked, request_id):
        return locked
    locked.resolved_at, locked.resolved_by, locked.resolution = now, by, note
    return _do(locked, Deed.RESOLVE, What.RESOLVED, note, by, now, request_id)


@transaction.atomic
def cancel(call: Call, *, by: User, now: datetime, request_id: UUID | None = None) -> Call:
    """Take back a call raised by mistake, within five seconds; mail that has not left yet never will."""
    locked = _locked(call)
    if _done_before(locked, request_id):
        return locked
    if locked.raised_by_id != by.pk:
        raise TooLate("Only the person who called can take the call back. Resolve it instead.")
    if now - locked.raised_at > UNDO_WITHIN + UNDO_TRAVEL:
        raise TooLate("The call has gone out and cannot be taken back any more. Resolve it instead.")
    unsent = Notification.objects.pending().filter(call=locked)
    done = _do(locked, Deed.CANCEL, What.CANCELLED, "taken back", by, now, request_id)
    unsent.update(cancelled_at=now)
    return done


def _locked(call: Call) -> Call:
    people = ("acknowledged_by", "arrived_by", "resolved_by")
    rows = Call.objects.for_screen().select_related(*people)
    return rows.select_for_update(no_key=True, of=("self",)).get(pk=call.pk)


def _done_before(call: Call, request_id: UUID | None) -> bool:
    return request_id is not None and CallEvent.objects.filter(call=call, request_id=request_id).exists()


def _do(
    call: Call, deed: Deed, what: CallEvent.What, text: str, by: User, now: datetime, request_id: UUID | None
) -> Call:
    status = after(deed, Status(call.status))
    if status is None:
        raise NotPossible(_locked(call), deed)
    # What fell due before this moment is taken first: history must not depend on how lately an escalator looked.
    course.take_due(course.load([call]), now)
    course.stop_clocks(call, status, now)
    if deed is not Deed.CANCEL:
        call.acknowledged_at, call.acknowledged_by = call.acknowledged_at or now, call.acknowledged_by or by
        call.responder = by
    call.status = status
    call.save(update_fields=CHANGES)
    event = CallEvent.objects.create(
        call=call, at=now, what=what, by=by, level=call.level, text=text[:1000], request_id=request_id
    )
    _tell_caller(call, event, now)
    audit.record(by, f"andon.{deed}", call, now, text=text)
    live.changed(call.line_id, "calls")
    return call


def _tell_caller(call: Call, event: CallEvent, now: datetime) -> None:
    """Whoever called sees on the bell that something happens; no mail for that."""
    if call.raised_by is not None and call.raised_by_id != event.by_id:
        Notification.objects.bulk_create(messages(event, [call.raised_by], now, by_mail=False))
