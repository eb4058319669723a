"""What is said about a call after it went out: at which machine, and how urgent."""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from andon.access import may_answer
from andon.actions.calls import stopped_since
from andon.actions.deeds import done_before, locked, write
from andon.actions.priority import change_priority
from andon.actions.refusals import AlreadyOpen, NotPossible, StaysUrgent, TooLate, WrongMachine
from andon.domain.call import LIVE, Priority
from andon.models import Call, CallEvent
from floor.models import Equipment, User

CHANGE = "change"


@transaction.atomic
def name_machine(
    call: Call, machine: Equipment | None, *, by: User, now: datetime, request_id: UUID | None = None
) -> Call:
    """Say which machine it is; None: the line as a whole.

    Raises AlreadyOpen when the same help was called for that machine before, and has not been resolved.
    """
    call = _living(call)
    if done_before(call, request_id) or call.equipment == machine:
        return call
    if call.source == Call.Source.MACHINE:
        raise WrongMachine("A machine called for itself. If it is another one, write a note, or call for that one.")
    if machine is not None and machine.line_id != call.line_id:
        raise WrongMachine(f"{machine.code} does not stand in {call.line.code}.")
    call.equipment = machine
    call.stopped_since = stopped_since(call.line, machine) or call.stopped_since
    try:
        with transaction.atomic():
            call.save(update_fields=["equipment", "stopped_since"])
    except IntegrityError as error:
        same = Call.objects.for_screen().live().filter(line=call.line, equipment=machine, kind=call.kind)
        raise (AlreadyOpen(first) if (first := same.first()) else TooLate("Try again.")) from error
    write(call, CallEvent.What.NOTED, f"it is {machine.name if machine else 'the whole line'}", by, now, request_id)
    return call


@transaction.atomic
def set_priority(
    call: Call, priority: Priority, *, by: User, now: datetime, request_id: UUID | None = None
) -> Call:  # fmt: skip
    """Call it more or less urgent. What was told stays told; what is still ahead is planned by the other limits.

    A limit that has passed already is taken at once. Raises StaysUrgent when somebody who neither called nor answers
    would make it less urgent.
    """
    call = _living(call)
    if done_before(call, request_id) or call.priority == priority:
        return call
    if priority < call.priority and not _may_calm(call, by):
        raise StaysUrgent("Only those who answer the call, or whoever called, may make it less urgent.")
    change_priority(call, priority, f"priority is {priority.word} now", by=by, now=now, request_id=request_id)
    return call


def _may_calm(call: Call, by: User) -> bool:
    return by.pk == call.raised_by_id or may_answer(by, call)


def _living(call: Call) -> Call:
    call = locked(call)
    if call.status not in LIVE:
        raise NotPossible(call, CHANGE)
    return call
