"""Calls that were answered elsewhere or before: taken over with their history, telling nobody."""

from collections.abc import Sequence

from django.db import transaction

from andon.domain.call import Status
from andon.models import Call, CallEvent

What = CallEvent.What


@transaction.atomic
def import_calls(calls: Sequence[Call]) -> None:
    """Store resolved calls. Raises ValueError for one that still needs somebody: it would have no clocks."""
    if any(call.status != Status.RESOLVED for call in calls):
        raise ValueError("Only resolved calls can be taken over; raise an open one so that it moves on.")
    Call.objects.bulk_create(calls)
    CallEvent.objects.bulk_create([event for call in calls for event in _history(call)])


def _history(call: Call) -> list[CallEvent]:
    stamps = (
        (What.RAISED, call.raised_at, call.raised_by),
        (What.ACKNOWLEDGED, call.acknowledged_at, call.acknowledged_by),
        (What.ARRIVED, call.arrived_at, call.arrived_by),
        (What.RESOLVED, call.resolved_at, call.resolved_by),
    )
    return [
        CallEvent(call=call, what=what, at=at, by=by, text=call.resolution if what == What.RESOLVED else "")
        for what, at, by in stamps
        if at is not None
    ]
