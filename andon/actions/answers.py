"""What people do with a call once it is out."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from andon.access import may_answer
from andon.actions import course
from andon.actions.calls import check_on, set_out, stopped_since
from andon.actions.deeds import do, done_before, locked, write
from andon.actions.notifications import Telling, tell
from andon.actions.photos import Picture
from andon.actions.refusals import (
    AlreadyAcknowledged,
    AlreadyOpen,
    NotAnswering,
    NoteMissing,
    NotPossible,
    TooLate,
)
from andon.domain.call import LIVE, REOPEN_WITHIN, Deed, Status
from andon.models import Call, CallEvent, CallPhoto
from floor.models import User

What = CallEvent.What


@transaction.atomic
def acknowledge(call: Call, *, by: User, now: datetime, request_id: UUID | None = None) -> Call:
    """Say that one is coming. Stops the clock for the answer, not the one for the remedy; the first one wins.

    Raises AlreadyAcknowledged with the winner's name.
    """
    call = locked(call)
    if done_before(call, request_id):
        return call
    if call.status in (Status.ACKNOWLEDGED, Status.ARRIVED):
        raise AlreadyAcknowledged(call, _answered_at(call))
    return do(call, Deed.ACKNOWLEDGE, What.ACKNOWLEDGED, "is coming", by, now, request_id, responder=by)


def _answered_at(call: Call) -> datetime | None:
    answers = call.events.filter(what__in=[What.ACKNOWLEDGED, What.TRANSFERRED, What.ARRIVED])
    return answers.order_by("-at").values_list("at", flat=True).first()


@transaction.atomic
def transfer(call: Call, to: User, *, by: User, now: datetime, request_id: UUID | None = None) -> Call:
    """Send somebody else. Whoever sends has answered the call; the one sent is told by every way there is.

    Raises NotAnswering for a person whose role does not answer such calls, or who has left.
    """
    call = locked(call)
    if done_before(call, request_id):
        return call
    if not may_answer(to, call):
        raise NotAnswering(f"{to} does not answer {call.kind.label.lower()} calls. Choose somebody who does.")
    sent = do(call, Deed.TRANSFER, What.TRANSFERRED, f"sends {to}", by, now, request_id, responder=to)
    if to != by:
        event = sent.events.filter(what=What.TRANSFERRED).latest("at", "pk")
        tell([Telling(event, sent, [to], is_public=False)], now)
    return sent


@transaction.atomic
def arrive(call: Call, *, by: User, now: datetime, request_id: UUID | None = None) -> Call:
    """Say that one is there. Who arrives without having acknowledged has answered the call by coming."""
    call = locked(call)
    if done_before(call, request_id):
        return call
    first = {"arrived_at": call.arrived_at or now, "arrived_by": call.arrived_by or by}
    return do(call, Deed.ARRIVE, What.ARRIVED, "is there", by, now, request_id, responder=by, **first)


@transaction.atomic
def resolve(
    call: Call, words: str, *, by: User, now: datetime, request_id: UUID | None = None, work_order: bool | None = None
) -> Call:
    """Close the call with what was done. `work_order` None: as usual for this kind of call."""
    words = _said(words, "Say in a few words what was done.")
    call = locked(call)
    if done_before(call, request_id):
        return call
    left = call.kind.suggests_work_order if work_order is None else work_order
    closed = _closed(by, now, words) | {"work_order_suggested": left}
    return do(call, Deed.RESOLVE, What.RESOLVED, words, by, now, request_id, **closed)


@transaction.atomic
def reject(call: Call, reason: str, *, by: User, now: datetime, request_id: UUID | None = None) -> Call:
    """Close a call that needed nobody. It counts as a call, not as a repair."""
    reason = _said(reason, "Say in a few words why nothing is to be done.")
    call = locked(call)
    if done_before(call, request_id):
        return call
    return do(call, Deed.REJECT, What.REJECTED, reason, by, now, request_id, **_closed(by, now, reason))


def _closed(by: User, now: datetime, words: str) -> dict[str, Any]:
    return {"responder": by, "resolved_at": now, "resolved_by": by, "resolution": words}


@transaction.atomic
def reopen(call: Call, reason: str, *, by: User, now: datetime, request_id: UUID | None = None) -> Call:
    """It broke again, or was not put right. The call waits for somebody as if it were raised now.

    Raises TooLate after a day; AlreadyOpen when the same help was called for again meanwhile; LineOff.
    """
    reason = _said(reason, "Say in a few words what is still wrong.")
    call = locked(call)
    if done_before(call, request_id):
        return call
    if call.resolved_at is None:
        raise NotPossible(call, Deed.REOPEN)
    if now - call.resolved_at > REOPEN_WITHIN:
        raise TooLate("This call was closed more than a day ago. Call again instead.")
    check_on(call.line)
    call.stopped_since = _stop_now(call)
    return open_again(call, reason, by=by, now=now, request_id=request_id)


def _stop_now(call: Call) -> datetime | None:
    """The stop that is on; but a machine has one call for each of its stops, and that may be another one."""
    since = stopped_since(call.line, call.equipment)
    others = Call.objects.filter(equipment=call.equipment, kind=call.kind, source=Call.Source.MACHINE)
    is_taken = call.source == Call.Source.MACHINE and others.filter(stopped_since=since).exclude(pk=call.pk).exists()
    return call.stopped_since if is_taken else since


def open_again(call: Call, reason: str, *, by: User | None, now: datetime, request_id: UUID | None) -> Call:
    """Let a closed call, which the caller has locked, wait for somebody again. `by` None: its machine asks for it.

    Raises AlreadyOpen when the same help was called for again meanwhile.
    """
    call.resolved_at, call.resolved_by, call.resolution, call.responder = None, None, "", None
    call.reopened_at, call.round, call.level, call.cleared_at = now, call.round + 1, 0, None
    try:
        with transaction.atomic():
            reopened = do(call, Deed.REOPEN, What.REOPENED, reason, by, now, request_id)
    except IntegrityError as error:
        same = Call.objects.for_screen().live().filter(line=call.line, equipment=call.equipment, kind=call.kind)
        raise (AlreadyOpen(first) if (first := same.first()) else TooLate("Try again.")) from error
    set_out(reopened, now)
    return reopened


@transaction.atomic
def add_note(call: Call, words: str, *, by: User, now: datetime, request_id: UUID | None = None) -> Call:
    """Say something that those who come should know. Possible while the call lives and for a day after."""
    words = _said(words, "Write a few words.")
    call = locked(call)
    if done_before(call, request_id):
        return call
    _check_still_told(call, now)
    if not call.note and by.pk == call.raised_by_id:
        # What whoever called says first is what the call is about.
        call.note = words[:500]
        call.save(update_fields=["note"])
    write(call, What.NOTED, words, by, now, request_id)
    return call


@transaction.atomic
def add_photo(call: Call, picture: Picture, *, by: User, now: datetime, request_id: UUID | None = None) -> Call:
    """Show what it looks like."""
    call = locked(call)
    if done_before(call, request_id):
        return call
    _check_still_told(call, now)
    event = write(call, What.PHOTO, "took a photo", by, now, request_id)
    CallPhoto.objects.create(event=event, jpeg=picture.jpeg, width=picture.width, height=picture.height)
    return call


@transaction.atomic
def escalate(call: Call, reason: str, *, by: User, now: datetime, request_id: UUID | None = None) -> Call:
    """Call the next level before its time; beyond the last one, remind it. Due times stay as they were planned."""
    call = locked(call)
    if done_before(call, request_id):
        return call
    if call.status not in LIVE:
        raise NotPossible(call, "escalate")
    course.take_due(course.load([call]), now)
    course.hasten(call, now)
    write(call, What.NOTED, f"asked for the next level: {reason.strip() or 'it is urgent'}", by, now, request_id)
    return call


def _said(words: str, otherwise: str) -> str:
    words = words.strip()
    if not words:
        raise NoteMissing(otherwise)
    return words


def _check_still_told(call: Call, now: datetime) -> None:
    if call.status not in LIVE and now - (call.resolved_at or call.raised_at) > REOPEN_WITHIN:
        raise TooLate("This call was closed more than a day ago.")
