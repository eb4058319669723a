"""Calls that were answered elsewhere or before: taken over with their history, telling nobody."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from django.db import transaction

from andon.domain.call import OVER, Priority, Status
from andon.domain.escalation import Clock, Rule, plan
from andon.models import Call, CallEvent, rules_in_force
from andon.words import spoken

What = CallEvent.What
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@transaction.atomic
def import_calls(calls: Sequence[Call]) -> None:
    """Store closed calls. Raises ValueError for one that still needs somebody: it would have no clocks."""
    if any(call.status not in OVER for call in calls):
        raise ValueError("Only closed calls can be taken over; raise an open one so that it moves on.")
    rules = rules_in_force(max((call.raised_at for call in calls), default=LONG_AGO))
    Call.objects.bulk_create(calls)
    CallEvent.objects.bulk_create([event for call in calls for event in _history(call, rules)])


def _history(call: Call, rules: Sequence[Rule]) -> Iterator[CallEvent]:
    """The levels a call came to are taken to have fallen due for want of an answer."""
    yield CallEvent(call=call, what=What.RAISED, at=call.raised_at, by=call.raised_by)
    for step in plan(Priority(call.priority), call.raised_at, rules, call.kind.responders):
        if step.clock is Clock.ACK and 0 < step.level <= call.level:
            text = f"Nobody has acknowledged: goes to {spoken(step.recipients)}"
            yield CallEvent(call=call, what=What.ESCALATED, at=step.due_at, level=step.level, text=text)
    closed = What.RESOLVED if call.status == Status.RESOLVED else What.REJECTED
    stamps = (
        (What.ACKNOWLEDGED, call.acknowledged_at, call.acknowledged_by, ""),
        (What.ARRIVED, call.arrived_at, call.arrived_by, ""),
        (closed, call.resolved_at, call.resolved_by, call.resolution),
    )
    for what, at, by, text in stamps:
        if at is not None:
            yield CallEvent(call=call, what=what, at=at, by=by, level=call.level, text=text)
