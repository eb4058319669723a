"""What people say about stops. The stop itself, as the machine reported it, is never changed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from floor import audit
from floor.domain.machine import State
from floor.models import Line, MachineState, User
from floor.models.shifts import calendar
from floor.roles import Capability, can
from oee.actions.rebuild import lock_line, rebuild, restate
from oee.models import Stop, StopCoding, StopReason, to_stop_key

# After this long a shift's figures have been read by others: changing them takes more than an operator.
SHIFT_CLOSES_AFTER = timedelta(hours=1)


class StopGone(LookupError):
    """The stop is not there (any more)."""


class UnknownReason(ValueError):
    """The reason is not in the catalogue, or was taken out of use."""


class ShiftClosed(PermissionError):
    """The shift in which the stop ended was closed, and this person may not reopen it."""


def code_stop(
    stop_id: UUID, reason_code: str, *, by: User, now: datetime, request_id: UUID, comment: str = ""
) -> StopCoding:
    """Give a stop its reason and account for its time again. The same `request_id` twice is one coding.

    Raises UnknownReason, StopGone and ShiftClosed with words for the person at the screen.
    """
    try:
        return _code(stop_id, reason_code, by, now, request_id, comment)
    except IntegrityError:
        # Two tries of one request met; the other one has stored it.
        known = StopCoding.objects.filter(request_id=request_id).first()
        if known is None:
            raise
        return known


@transaction.atomic
def _code(stop_id: UUID, reason_code: str, by: User, now: datetime, request_id: UUID, comment: str) -> StopCoding:
    known = StopCoding.objects.filter(request_id=request_id).first()
    if known is not None:
        return known
    reason = _reason(reason_code)
    stop = _stop(stop_id, now)
    _refuse_closed(stop, by, now)
    coding = StopCoding.objects.create(
        equipment=stop.equipment,
        covers=DateTimeTZRange(stop.started_at, None, "[)"),
        reason=reason,
        comment=comment,
        author=by,
        made_at=now,
        request_id=request_id,
        replaces=stop.coding,
    )
    before = stop.coding.reason_id if stop.coding else None
    audit.record(by, "stop.code", stop, now, before=before, after=reason.code, comment=comment)
    restate(stop.line, stop.equipment_id, start=stop.started_at, end=stop.ended_at)
    return coding


def _reason(code: str) -> StopReason:
    reason = StopReason.objects.filter(code=code, enabled=True).first()
    if reason is None:
        raise UnknownReason(f"“{code}” is not a stop reason of this plant. Choose one from the list.")
    return reason


def _stop(stop_id: UUID, now: datetime) -> Stop:
    """The stop, with its line locked, so that it is not derived anew meanwhile."""
    line_id = Stop.objects.filter(pk=stop_id).values_list("line_id", flat=True).first()
    line_id = line_id or _derive_standing(stop_id, now)
    if line_id is not None:
        lock_line(line_id)
    stop = Stop.objects.select_related("equipment", "line__site", "coding").filter(pk=stop_id).first()
    if stop is None:
        raise StopGone("This stop is not there any more: newer data changed it. Look at the list again.")
    return stop


def _derive_standing(stop_id: UUID, now: datetime) -> UUID | None:
    """A machine that stopped a moment ago is on the screen before its stop is in the ledger."""
    standing = MachineState.objects.filter(state=State.STOP, since__gte=now - timedelta(minutes=1))
    for machine in standing.select_related("equipment"):
        if machine.since is not None and to_stop_key(machine.equipment_id, machine.since) == stop_id:
            line = Line.objects.select_related("site").get(pk=machine.equipment.line_id)
            rebuild(line, since=machine.since, now=now)
            return line.id
    return None


def _refuse_closed(stop: Stop, by: User, now: datetime) -> None:
    if stop.ended_at is None or can(by, Capability.CODE_CLOSED_SHIFT):
        return
    shift = calendar(stop.line).at(stop.ended_at)
    if shift is not None and now - shift.ends_at > SHIFT_CLOSES_AFTER:
        zone = stop.line.site.zone
        raise ShiftClosed(
            f"The shift {shift.label(zone)} is closed. The shift manager can still change the reasons of its stops."
        )


@transaction.atomic
def import_codings(line: Line, codings: Sequence[StopCoding], *, now: datetime) -> None:
    """Take over what people said elsewhere or before, and account for the whole line again."""
    StopCoding.objects.bulk_create(codings, ignore_conflicts=True)
    rebuild(line, since=None, now=now)
