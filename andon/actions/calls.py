"""Calling for help, and taking a call back that was raised by mistake."""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from andon.actions import course
from andon.actions.deeds import do, done_before, locked
from andon.actions.notifications import update_in_order
from andon.actions.priority import make_more_urgent
from andon.actions.refusals import AlreadyOpen, IdTaken, LineOff, NoSuchKind, TooLate, WrongMachine
from andon.domain.call import UNDO_TRAVEL, UNDO_WITHIN, Deed, Priority
from andon.domain.escalation import plan
from andon.models import Call, CallEvent, CallKind, Notification, rules_in_force
from floor import audit, live
from floor.domain.machine import State
from floor.models import Equipment, Line, MachineState, User
from floor.models.shifts import calendar

What = CallEvent.What


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
    during: datetime | None = None,
) -> Call:
    """Call for help. The same `request_id` again is the same call; `by` None means that a machine calls.

    `during` is when the stop began that it is about; None: whatever stop is on.

    Raises AlreadyOpen when the same help was called for the same place before, and has not been resolved; that call
    becomes as urgent as this one would have been. LineOff for a line that is switched off: nobody would see the call.
    """
    try:
        return _raise(line, kind, by, now, request_id, equipment, priority, note, during)
    except AlreadyOpen as refusal:
        if by is None or (urged := make_more_urgent(refusal.call, _urgency(kind, priority), by=by, now=now)) is None:
            raise
        raise AlreadyOpen(urged, is_more_urgent=True) from refusal


@transaction.atomic
def _raise(
    line: Line, kind: str, by: User | None, now: datetime, request_id: UUID, equipment: Equipment | None,
    priority: Priority | None, note: str, during: datetime | None,
) -> Call:  # fmt: skip
    if known := _raised_as(request_id):
        if (known.line_id, known.kind_id) != (line.pk, kind):
            raise IdTaken("This request_id belongs to another call. Make a new one for each call.")
        return known
    check_on(line)
    described = _kind(kind)
    if equipment is not None and equipment.line_id != line.pk:
        raise WrongMachine(f"{equipment.code} does not stand in {line.code}.")
    call = Call(
        line=line, kind=described, equipment=equipment, raised_by=by, raised_at=now, note=note, request_id=request_id,
        priority=described.priority if priority is None else priority,
        source=Call.Source.MACHINE if by is None else Call.Source.PERSON,
        stopped_since=during or stopped_since(line, equipment),
    )  # fmt: skip
    if not _insert(call):
        return _raised_as(request_id) or _refuse_second(call)
    set_out(call, now)
    audit.record(by, "andon.raise", call, now, kind=kind, line=line.code, priority=Priority(call.priority).word)
    live.changed(line.pk, "calls")
    return call


def check_on(line: Line) -> None:
    if not line.enabled:
        raise LineOff(f"{line.code} is switched off; nobody looks after it. Call for the line you stand at.")


def _urgency(kind: str, priority: Priority | None) -> Priority:
    return Priority(_kind(kind).priority) if priority is None else priority


def set_out(call: Call, now: datetime) -> None:
    """Plan the steps of a call raised or reopened at `now`, and take the one that is due at once."""
    rules = rules_in_force(now)
    next_shift = course.next_shift(calendar(call.line))
    course.set_out(call, plan(Priority(call.priority), now, rules, call.kind.responders, next_shift), now)


def stopped_since(line: Line, equipment: Equipment | None) -> datetime | None:
    """Since when the machine, or the line's constraint, has stood; None if it runs or nobody sees it."""
    machines = MachineState.objects.filter(state=State.STOP)
    place = {"equipment": equipment} if equipment else {"equipment__line": line, "equipment__is_primary": True}
    return machines.filter(**place).values_list("since", flat=True).first()


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
def cancel(call: Call, *, by: User, now: datetime, request_id: UUID | None = None) -> Call:
    """Take back a call raised by mistake, within five seconds; mail that has not left yet never will."""
    call = locked(call)
    if done_before(call, request_id):
        return call
    if call.raised_by_id != by.pk:
        raise TooLate("Only the person who called can take the call back. Resolve it instead.")
    if now - call.raised_at > UNDO_WITHIN + UNDO_TRAVEL:
        raise TooLate("The call has gone out and cannot be taken back any more. Resolve it instead.")
    done = do(call, Deed.CANCEL, What.CANCELLED, "taken back", by, now, request_id)
    _take_back_messages(call, now)
    return done


def _take_back_messages(call: Call, now: datetime) -> None:
    """What has not left never will; a webhook that heard of the call in the last moment hears that it is over."""
    told = Notification.objects.filter(call=call)
    left = told.filter(target__isnull=False).filter(Q(sent_at__isnull=False) | Q(tries__gt=0))
    unsent = told.pending().filter(tries=0).exclude(event__what=What.CANCELLED, target__in=left.values("target"))
    update_in_order(unsent, cancelled_at=now, next_try_at=None, pass_on_at=None)
