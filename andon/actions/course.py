"""The part of a call's plan that lies in the database: load it, take what is due, write it back.

Every writer locks the call's row first. So one escalator, or one person, at a time moves a call on.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from andon.actions.muster import Muster, besides
from andon.actions.notifications import Telling, tell
from andon.actions.refusals import TooSoon
from andon.domain import escalation
from andon.domain.call import UNDO_TRAVEL, UNDO_WITHIN, Status
from andon.domain.escalation import MINUTE, WARN_BEFORE_S, Clock, Course, NextShift, Step, advance, turn, worth_telling
from andon.models import Call, CallEvent, EscalationStep
from andon.words import spoken
from floor.domain.shifts import Calendar
from floor.models import User
from floor.models.shifts import calendar

What = CallEvent.What
REMIND_AT_MOST = timedelta(minutes=1)
StepKey = tuple[str, int, int]
Told = dict[tuple[UUID, StepKey], tuple[list[User], str]]
"""By call and step: who is told, and what history says if these are not the ones on shift."""


@dataclass(frozen=True, slots=True)
class Moved:
    """One call in one round: the rows of the steps that were taken, which of them are told to people, and new steps."""

    call: Call
    level: int
    taken: tuple[EscalationStep, ...]
    told: frozenset[StepKey]
    following: tuple[EscalationStep, ...] = ()


def set_out(call: Call, steps: Sequence[Step], now: datetime) -> None:
    """Write the plan of a new call and take the step that is due at once."""
    rows = EscalationStep.objects.bulk_create(_row(call, step) for step in steps)
    take_due({call: rows}, now)


def load(calls: Iterable[Call]) -> dict[Call, list[EscalationStep]]:
    """The steps that each of these calls has still ahead. The calls must be locked."""
    ahead: dict[object, list[EscalationStep]] = defaultdict(list)
    known = {call.pk: call for call in calls}
    for row in EscalationStep.objects.ahead().filter(call__in=known):
        row.call = known[row.call_id]  # with its line and site, which telling people needs
        ahead[row.call_id].append(row)
    return {call: ahead[pk] for pk, call in known.items()}


def next_shift(calendar: Calendar) -> NextShift:
    def begins(moment: datetime) -> datetime | None:
        following = calendar.next_start(moment)
        return following.starts_at if following else None

    return begins


def hasten(call: Call, now: datetime) -> None:
    """Take the next level of a locked call before it is due. Raises TooSoon for two reminders within a minute."""
    rows = load([call])[call]
    known = {row.value().key: row for row in rows}
    course, step = escalation.hasten(_course(call, rows))
    if step is None:
        return
    if step.reminder and _were_told_lately(call, step, now):
        raise TooSoon("All of them were told less than a minute ago.")
    following = tuple(_row(call, ahead) for ahead in course.ahead if ahead.key not in known)
    _write([Moved(call, course.level, (known[step.key],), frozenset({step.key}), following)], now)


def _were_told_lately(call: Call, step: Step, now: datetime) -> bool:
    taken = EscalationStep.objects.filter(call=call, round=call.round, clock=step.clock, level=step.level)
    return taken.filter(taken_at__gt=now - REMIND_AT_MOST).exists()


def take_due(ahead: Mapping[Call, Sequence[EscalationStep]], now: datetime) -> int:
    """Take every due step of these calls: rows, history, messages. Return how many were taken."""
    calendars = calendar.answer_all([call.line for call in ahead])
    moved = [_move(call, rows, now, next_shift(calendars[call.line])) for call, rows in ahead.items()]
    moved = [one for one in moved if one.taken]
    return _write(moved, now) if moved else 0


def _write(moved: Sequence[Moved], now: datetime) -> int:
    """However many calls moved on, as many statements as for one."""
    EscalationStep.objects.bulk_create(row for one in moved for row in one.following)
    told = _reached(moved, now)
    events = _write_steps(moved, told, now)
    _tell(told, events, now)
    for one in moved:
        one.call.level = one.level
    Call.objects.bulk_update([one.call for one in moved], ["level"])
    return len(events)


def stop_clocks(call: Call, status: Status, now: datetime) -> None:
    """Cancel the steps that no longer run once the call has come to `status`."""
    rows = load([call])[call]
    course = turn(_course(call, rows), status)
    kept = {step.key for step in course.ahead}
    stopped = [row.pk for row in rows if row.value().key not in kept]
    EscalationStep.objects.filter(pk__in=stopped).update(cancelled_at=now)


def _course(call: Call, rows: Sequence[EscalationStep]) -> Course:
    return Course(Status(call.status), call.level, tuple(row.value() for row in rows))


def _move(call: Call, rows: Sequence[EscalationStep], now: datetime, following_shift: NextShift) -> Moved:
    course, taken = advance(_course(call, rows), now, following_shift)
    known = {row.value().key: row for row in rows}
    taken_rows = tuple(known.get(step.key) or _row(call, step) for step in taken)
    following = tuple(_row(call, step) for step in course.ahead if step.key not in known)
    return Moved(call, course.level, taken_rows, frozenset(step.key for step in worth_telling(taken)), following)


def _row(call: Call, step: Step) -> EscalationStep:
    return EscalationStep(
        call=call, round=call.round, clock=step.clock, level=step.level, reminder=step.reminder, due_at=step.due_at,
        recipients=list(step.recipients), repeat_s=step.repeat_s,
    )  # fmt: skip


def _write_steps(moved: Sequence[Moved], told: Told, now: datetime) -> list[tuple[EscalationStep, CallEvent]]:
    """Mark the steps and add one line of history for each; reminders that are overdue twice appear here as new rows."""
    rows = [row for one in moved for row in one.taken]
    for row in rows:
        row.taken_at, row.postponed_until = now, None
    EscalationStep.objects.bulk_create(row for row in rows if row.pk is None)
    EscalationStep.objects.filter(pk__in=[row.pk for row in rows]).update(taken_at=now, postponed_until=None)
    events = CallEvent.objects.bulk_create(
        CallEvent(call_id=row.call_id, at=now, what=_what(row), step=row, level=row.level, text=_text(row, told),
                  by_id=row.call.raised_by_id if _what(row) == What.RAISED and not row.round else None)
        for row in rows
    )  # fmt: skip
    return list(zip(rows, events, strict=True))


def _what(row: EscalationStep) -> str:
    if row.clock == Clock.SHIFT:
        return What.INHERITED
    if row.reminder:
        return What.REMINDED
    return What.ESCALATED if row.level else What.RAISED


def _text(row: EscalationStep, told: Told) -> str:
    """What history says; also when others were told than those on shift."""
    _, others = told.get((row.call_id, row.value().key), ([], ""))
    return (f"{_words(row)} ({others})" if others else _words(row))[:1000]


def _words(row: EscalationStep) -> str:
    told = spoken(row.recipients)
    match _what(row):
        case What.RAISED:
            return f"Call sent to {told}"
        case What.INHERITED:
            return f"Still open at the start of the shift: goes to {told}"
        case What.REMINDED if row.level == 0:
            left = WARN_BEFORE_S[Clock(row.clock)] // MINUTE
            return f"{left} min left to {'answer' if row.clock == Clock.ACK else 'resolve'}: reminding {told}"
    missing = "Nobody has acknowledged" if row.clock == Clock.ACK else "Not resolved yet"
    return f"{missing}: {'reminding' if row.reminder else 'goes to'} {told}"


def _reached(moved: Sequence[Moved], now: datetime) -> Told:
    """Whom each step reaches that is told to people. When it falls due never depends on it."""
    muster = Muster.at([one.call.line for one in moved], now)
    told: Told = {}
    for one in moved:
        for row in one.taken:
            if row.value().key in one.told:
                reached = muster.reached(one.call.line, row.recipients, _besides(one.call, row))
                told[one.call.pk, row.value().key] = (muster.named(reached), besides(reached))
    return told


def _besides(call: Call, row: EscalationStep) -> list[UUID]:
    """Whoever is coming is warned as well that the time for the remedy runs out."""
    is_warning = row.clock == Clock.RESOLVE and row.level == 0
    return [call.responder_id] if is_warning and call.responder_id else []


def _tell(told: Told, events: Iterable[tuple[EscalationStep, CallEvent]], now: datetime) -> None:
    tellings = []
    for step, event in events:
        if reached := told.get((event.call_id, step.value().key)):
            hold = UNDO_WITHIN + UNDO_TRAVEL if event.what == What.RAISED else timedelta()
            tellings.append(Telling(event, step.call, reached[0], hold=hold))
            if event.what == What.ESCALATED and step.call.raised_by is not None:
                # Whoever waits sees that it goes on.
                tellings.append(Telling(event, step.call, [step.call.raised_by], outward=False, is_public=False))
    tell(tellings, now)
