"""Stops that people announce: before they begin, or while the line already stands."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from floor import audit, live
from floor.actions.once import once
from floor.domain.machine import State
from floor.models import Line, MachineState, User
from oee.actions.rebuild import lock_line, rederive
from oee.actions.refusals import AlreadyDone, ImpossibleTime, UnknownReason
from oee.actions.stops import find_reason, refuse_closed
from oee.domain.clock import to_ms
from oee.domain.ledger import PLANNED_KINDS
from oee.models import PlannedStop, Stop, StopReason
from oee.rows import primary_machine
from oee.setup import judging_of, loss_class, loss_classes

# When the line has run this long after a planned stop, somebody forgot to end it.
FORGOTTEN_AFTER = timedelta(minutes=5)
AHEAD = timedelta(days=14)
LONGEST = timedelta(days=7)


def plan_stop(
    line: Line,
    reason_code: str,
    *,
    by: User,
    now: datetime,
    request_id: UUID,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    expected_s: int | None = None,
    comment: str = "",
) -> PlannedStop:
    """The line (with its site loaded) is meant to stand from `starts_at` on; None: from now, or since it stands.

    `ends_at` None: until somebody ends it. Raises UnknownReason, ImpossibleTime and ShiftClosed.
    """

    def write() -> PlannedStop:
        lock_line(line.id)
        reason = _planned_reason(line, reason_code, now)
        start = starts_at or _standing_since(line) or now
        _refuse_impossible(line, start, ends_at, by, now)
        planned = PlannedStop.objects.create(
            line=line,
            reason=reason,
            starts_at=start,
            ends_at=ends_at,
            expected_s=expected_s,
            comment=comment,
            author=by,
            made_at=now,
            request_id=request_id,
        )
        audit.record(by, "stop.plan", planned, now, reason=reason.code, start=start.isoformat(), expected_s=expected_s)
        _account(planned, ends_at, now)
        return planned

    return once(PlannedStop, request_id, write)


def _planned_reason(line: Line, code: str, now: datetime) -> StopReason:
    reason = find_reason(code)
    if loss_class(loss_classes(), judging_of(line), reason.code, to_ms(now)) not in PLANNED_KINDS:
        raise UnknownReason(f"“{reason.label}” is not a planned stop. Choose one of the planned reasons.")
    return reason


def _standing_since(line: Line) -> datetime | None:
    machine = primary_machine(line)
    stop = Stop.objects.filter(equipment=machine, ended_at=None).first()
    if stop is not None:
        return stop.started_at
    return MachineState.objects.filter(equipment=machine, state=State.STOP).values_list("since", flat=True).first()


def _refuse_impossible(line: Line, start: datetime, end: datetime | None, by: User, now: datetime) -> None:
    if end is not None and end <= start:
        raise ImpossibleTime("The end must be later than the start.")
    if start > now + AHEAD:
        raise ImpossibleTime("A stop can be planned fourteen days ahead at most.")
    if end is not None and end - start > LONGEST:
        raise ImpossibleTime("A planned stop lasts a week at most. Close the shifts in the calendar instead.")
    refuse_closed(line, min(start, now), by, now)
    other = PlannedStop.objects.standing().touching(start, end).filter(line=line).select_related("reason").first()
    if other is not None:
        when = f"{other.starts_at.astimezone(line.site.zone):%H:%M}"
        raise ImpossibleTime(f"“{other.reason.label}” is planned from {when} already. End it or take it back first.")


def end_planned_stop(planned_id: int, *, by: User, now: datetime) -> PlannedStop:
    """It is over; one that has not begun is taken back."""
    with transaction.atomic():
        planned = _locked(planned_id)
        if planned.withdrawn_at is not None or (planned.ends_at is not None and planned.ends_at <= now):
            raise AlreadyDone(_ended_by(planned))
        if planned.starts_at >= now:
            return _take_back(planned, by, now)
        return _end(planned, now, by, now)


def _locked(planned_id: int) -> PlannedStop:
    line_id = PlannedStop.objects.values_list("line_id", flat=True).get(pk=planned_id)
    lock_line(line_id)
    return PlannedStop.objects.select_related("line__site", "reason", "ended_by", "withdrawn_by").get(pk=planned_id)


def _ended_by(planned: PlannedStop) -> str:
    who = planned.withdrawn_by or planned.ended_by
    return f"“{planned.reason.label}” was ended {f'by {who}' if who else 'because the line ran again'} already."


def _end(planned: PlannedStop, at: datetime, by: User | None, now: datetime) -> PlannedStop:
    held_until = planned.ends_at
    planned.ends_at, planned.ended_by = max(at, planned.starts_at + timedelta(milliseconds=1)), by
    planned.save(update_fields=["ends_at", "ended_by"])
    audit.record(by, "stop.plan_ended", planned, now, at=planned.ends_at.isoformat())
    _account(planned, held_until, now)
    return planned


def _take_back(planned: PlannedStop, by: User, now: datetime) -> PlannedStop:
    planned.withdrawn_at, planned.withdrawn_by = now, by
    planned.save(update_fields=["withdrawn_at", "withdrawn_by"])
    audit.record(by, "stop.plan_withdrawn", planned, now)
    _account(planned, planned.ends_at, now)
    return planned


def take_back_planned_stop(planned_id: int, *, by: User, now: datetime) -> PlannedStop:
    """It was not a planned stop after all: the stops it explained are without reason again."""
    with transaction.atomic():
        planned = _locked(planned_id)
        if planned.withdrawn_at is not None:
            raise AlreadyDone(_ended_by(planned))
        refuse_closed(planned.line, planned.starts_at, by, now)
        return _take_back(planned, by, now)


def end_forgotten(now: datetime) -> int:
    """End planned stops whose line has run again for a while; return how many. They end where running began."""
    rows = PlannedStop.objects.standing().filter(Q(ends_at=None), starts_at__lte=now - FORGOTTEN_AFTER)
    ended = 0
    for planned_id in list(rows.values_list("pk", flat=True)):
        with transaction.atomic():
            ended += _end_if_running(planned_id, now)
    return ended


def _end_if_running(planned_id: int, now: datetime) -> bool:
    planned = _locked(planned_id)
    machine = primary_machine(planned.line)
    state = MachineState.objects.filter(equipment=machine, state=State.RUN).first()
    if planned.ends_at is not None or planned.withdrawn_at is not None or state is None or state.since is None:
        return False
    has_stood = Stop.objects.filter(equipment=machine).touching(planned.starts_at, now).exists()
    ran = min(now, state.observed_until or now) - state.since
    if not has_stood or state.since <= planned.starts_at or ran < FORGOTTEN_AFTER:
        return False
    _end(planned, state.since, None, now)
    return True


def _account(planned: PlannedStop, held_until: datetime | None, now: datetime) -> None:
    """Judge again what it explained: it may have held longer (None: up to now) before it was ended in the past."""
    if planned.starts_at < now:
        end = held_until if held_until is not None and held_until < now else None
        rederive(planned.line, start=_first_touched(planned), end=end)
    live.changed(planned.line_id, "state", "next", "stops", "strip")


def _first_touched(planned: PlannedStop) -> datetime:
    """A stop that was on when the planned one began is judged as a whole."""
    across = Stop.objects.filter(line=planned.line).touching(
        planned.starts_at, planned.starts_at + timedelta(milliseconds=1)
    )
    began = across.order_by("started_at").values_list("started_at", flat=True).first()
    return began or planned.starts_at
