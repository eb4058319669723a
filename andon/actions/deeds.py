"""How any deed is done to a call: its row locked, what fell due before taken first, history, messages, screens."""

from datetime import datetime
from typing import Any
from uuid import UUID

from andon.actions import course
from andon.actions.notifications import Telling, tell
from andon.actions.refusals import IdTaken, NotPossible
from andon.domain.call import Deed, Status, after
from andon.models import Call, CallEvent
from floor import audit, live
from floor.models import User

CHANGES = [
    *("status", "level", "responder", "acknowledged_at", "acknowledged_by", "arrived_at", "arrived_by"),
    *("resolved_at", "resolved_by", "resolution", "work_order_suggested", "reopened_at", "round", "stopped_since"),
    *("cleared_at", "repeats", "priority", "note"),
]

ANSWERS = (Deed.ACKNOWLEDGE, Deed.TRANSFER, Deed.ARRIVE, Deed.RESOLVE, Deed.REJECT)


def locked(call: Call) -> Call:
    people = ("acknowledged_by", "arrived_by", "resolved_by")
    rows = Call.objects.for_screen().select_related(*people)
    return rows.select_for_update(no_key=True, of=("self",)).get(pk=call.pk)


def done_before(call: Call, request_id: UUID | None) -> bool:
    """Raises IdTaken when this id was given to a deed at another call."""
    if request_id is None:
        return False
    done_at = CallEvent.objects.filter(request_id=request_id).values_list("call_id", flat=True).first()
    if done_at not in (None, call.pk):
        raise IdTaken("This request_id belongs to another call. Make a new one for each deed.")
    return done_at is not None


def do(
    call: Call,
    deed: Deed,
    what: CallEvent.What,
    text: str,
    by: User | None,
    now: datetime,
    request_id: UUID | None,
    **sets: Any,
) -> Call:
    """Turn the locked call by this deed; `sets` are the fields that only this deed sets.

    Raises NotPossible, with nothing written, when the call's status does not allow it.
    """
    status = after(deed, Status(call.status))
    if status is None:
        raise NotPossible(locked(call), deed)
    # What fell due before this moment is taken first, from the call as it was: neither history nor who was told may
    # depend on how lately an escalator looked.
    course.take_due(course.load([call]), now)
    course.stop_clocks(call, status, now)
    for field, value in sets.items():
        setattr(call, field, value)
    if deed in ANSWERS:
        # The first answer stays the first one, also of a call that was reopened later.
        call.acknowledged_at, call.acknowledged_by = call.acknowledged_at or now, call.acknowledged_by or by
    call.status = status
    call.save(update_fields=CHANGES)
    _tell_caller(call, note(call, what, text, by, now, request_id), now)
    audit.record(by, f"andon.{deed}", call, now, text=text)
    live.changed(call.line_id, "calls")
    return call


def note(
    call: Call, what: CallEvent.What, text: str, by: User | None, now: datetime, request_id: UUID | None = None
) -> CallEvent:
    """Add one line to the call's history."""
    return CallEvent.objects.create(
        call=call, at=now, what=what, by=by, level=call.level, text=text[:1000], request_id=request_id
    )


def write(
    call: Call, what: CallEvent.What, text: str, by: User | None, now: datetime, request_id: UUID | None
) -> CallEvent:  # fmt: skip
    """Add one line that somebody says, without turning the call."""
    event = note(call, what, text, by, now, request_id)
    audit.record(by, f"andon.{what}", call, now, text=text)
    live.changed(call.line_id, "calls")
    return event


def _tell_caller(call: Call, event: CallEvent, now: datetime) -> None:
    """Whoever called sees on the bell that something happens, and the plant's webhooks hear of it; no mail for that."""
    people = [call.raised_by] if call.raised_by is not None and call.raised_by_id != event.by_id else []
    tell([Telling(event, call, people, outward=False)], now)
