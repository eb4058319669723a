"""What is said about a call after it went out: at which machine, and how urgent."""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from andon.actions import course
from andon.actions.calls import stopped_since
from andon.actions.deeds import done_before, locked, write
from andon.actions.refusals import AlreadyOpen, NotPossible, TooLate, WrongMachine
from andon.domain.call import LIVE, Priority, Status
from andon.domain.escalation import RUNS_WHILE, NextShift, plan
from andon.models import Call, CallEvent, EscalationStep, rules_in_force
from floor.models import Equipment, User
from floor.models.shifts import calendar

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

    A limit that has passed already is taken at once.
    """
    call = _living(call)
    if done_before(call, request_id) or call.priority == priority:
        return call
    course.take_due(course.load([call]), now)
    EscalationStep.objects.ahead().filter(call=call).update(cancelled_at=now)
    # A plan of its own: its steps have other due times than those of the same level that were taken.
    call.priority, call.round = priority, call.round + 1
    call.save(update_fields=["priority", "round"])
    write(call, CallEvent.What.NOTED, f"priority is {priority.word} now", by, now, request_id)
    _plan_anew(call, now)
    return call


def _plan_anew(call: Call, now: datetime) -> None:
    following = course.next_shift(calendar(call.line))
    next_shift: NextShift = lambda _: following(now)  # noqa: E731 - the shifts that began meanwhile were told
    steps = plan(Priority(call.priority), call.since, rules_in_force(now), call.kind.responders, next_shift)
    runs = (step for step in steps if Status(call.status) in RUNS_WHILE[step.clock])
    course.set_out(call, [step for step in runs if step.level or step.due_at > now], now)


def _living(call: Call) -> Call:
    call = locked(call)
    if call.status not in LIVE:
        raise NotPossible(call, CHANGE)
    return call
