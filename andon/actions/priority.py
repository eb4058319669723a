"""Another urgency for a call that is out: another plan, and those who were called have to know."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from andon.actions import course
from andon.actions.deeds import locked, write
from andon.actions.muster import Muster
from andon.actions.notifications import Telling, tell, update_in_order
from andon.domain.call import LIVE, UNDO_TRAVEL, UNDO_WITHIN, Priority, Status
from andon.domain.escalation import RUNS_WHILE, NextShift, plan
from andon.models import Call, CallEvent, EscalationStep, Notification, rules_in_force
from floor.models import User
from floor.models.shifts import calendar


def change_priority(
    call: Call, priority: Priority, words: str, *, by: User | None, now: datetime, request_id: UUID | None = None
) -> None:
    """Plan what is still ahead of a locked call anew. What was told stays told; a limit that has passed is taken."""
    before = call.priority
    course.take_due(course.load([call]), now)
    EscalationStep.objects.ahead().filter(call=call).update(cancelled_at=now)
    # A plan of its own: its steps have other due times than those of the same level that were taken.
    call.priority, call.round = priority, call.round + 1
    call.save(update_fields=["priority", "round"])
    event = write(call, CallEvent.What.PRIORITY, words, by, now, request_id)
    if priority > before:
        _tell_those_who_were_called(call, event, now)
    else:
        tell([Telling(event, call, [])], now)
    _plan_anew(call, now)


@transaction.atomic
def make_more_urgent(call: Call, priority: Priority, *, by: User, now: datetime) -> Call | None:
    """The same help was called for, and more urgently. None: the call is as urgent already, or over by now."""
    call = locked(call)
    if call.status not in LIVE or call.priority >= priority:
        return None
    change_priority(call, priority, f"called again, priority is {priority.word} now", by=by, now=now)
    return call


def _plan_anew(call: Call, now: datetime) -> None:
    following = course.next_shift(calendar(call.line))
    next_shift: NextShift = lambda _: following(now)  # noqa: E731 - the shifts that began meanwhile were told
    steps = plan(Priority(call.priority), call.since, rules_in_force(now), call.kind.responders, next_shift)
    runs = (step for step in steps if Status(call.status) in RUNS_WHILE[step.clock])
    course.set_out(call, [step.not_before(now) for step in runs if step.level or step.due_at > now], now)


def _tell_those_who_were_called(call: Call, event: CallEvent, now: datetime) -> None:
    """By the ways of the new priority: what waits because the call was not urgent would wait too long now."""
    muster = Muster.at([call.line], now)
    reached = muster.reached(call.line, call.kind.responders, [call.responder_id] if call.responder_id else [])
    people = [person for person in muster.named(reached) if person.pk != event.by_id]
    _replace_what_waits(call, people, now)
    undone_until = call.raised_at + UNDO_WITHIN + UNDO_TRAVEL
    tell([Telling(event, call, people, hold=max(undone_until - now, timedelta()))], now)


def _replace_what_waits(call: Call, people: list[User], now: datetime) -> None:
    """Messages that have not left say less than the one that follows; a summary also carries other calls and stays."""
    waiting = Notification.objects.pending().filter(call=call, recipient__in=people, tries=0, is_summary=False)
    update_in_order(waiting, cancelled_at=now, next_try_at=None, pass_on_at=None)
