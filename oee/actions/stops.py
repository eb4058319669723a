"""What people say about stops. The stop itself, as the machine reported it, is never changed."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TypeVar
from uuid import UUID, uuid5

from django.db import models, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from floor import audit, live
from floor.actions.once import once
from floor.actions.retention import detail_horizon
from floor.domain.machine import State
from floor.models import Equipment, Line, MachineState, StateEdge, User
from floor.models.shifts import calendar
from floor.roles import Capability, can
from oee.actions.rebuild import lock_line, rebuild, rederive
from oee.actions.refusals import (
    AlreadyDone,
    ImpossibleTime,
    NeedsSupervisor,
    NeedsWords,
    ShiftClosed,
    SomebodyWasFaster,
    StopGone,
    UnknownReason,
)
from oee.domain.clock import from_ms, to_ms
from oee.domain.ledger import Part
from oee.models import ManualStop, Stop, StopCoding, StopConfirmation, StopMerge, StopReason, to_stop_key
from oee.parts import parts_of

# More running than this between two stops makes them one only if a supervisor agrees.
MERGE_ACROSS = timedelta(minutes=5)
NOT_SEEN = object()
# Reasons that say nothing by themselves ask for this many words.
NEEDS_WORDS = frozenset({"OTHER"})
WORDS = 3


# ---------------------------------------------------------------- reasons


def code_stop(
    stop_id: UUID,
    reason_code: str,
    *,
    by: User,
    now: datetime,
    request_id: UUID,
    comment: str = "",
    start: datetime | None = None,
    seen: object = NOT_SEEN,
) -> StopCoding:
    """Give a stop, or its part that begins at `start`, a reason and account for its time again.

    `seen` is the key of the last thing the person saw said about the stop, None if nothing. Raises UnknownReason,
    StopGone, ImpossibleTime, ShiftClosed and SomebodyWasFaster.
    """

    def write() -> StopCoding:
        reason = _worded(find_reason(reason_code), comment)
        stop = _open_for(stop_id, by, now, seen)
        part = _whole(stop, now) if start is None else _part(stop, start, now)
        return _say(stop, part, reason, by, now, request_id, "stop.code", comment)

    return once(StopCoding, request_id, write)


def split_stop(
    stop_id: UUID,
    at: datetime,
    *,
    by: User,
    now: datetime,
    request_id: UUID,
    before: str | None = None,
    after: str | None = None,
    comment: str = "",
    seen: object = NOT_SEEN,
) -> StopCoding:
    """Cut the stop at `at`, which lies inside one of its parts; the pieces get the reasons `before` and `after`.

    A piece without a reason keeps what was said about it. Raises as `code_stop` does.
    """

    def write() -> StopCoding:
        reasons = [None if code is None else _worded(find_reason(code), comment) for code in (before, after)]
        stop = _open_for(stop_id, by, now, seen)
        part = _part_around(stop, at, now)
        pieces = [part._replace(end=to_ms(at)), part._replace(start=to_ms(at))]
        if reasons[0] is not None:
            coding = _say(stop, pieces[0], reasons[0], by, now, _other(request_id), "stop.split", comment)
            stop.coding = coding
        kept = StopReason.objects.filter(code=part.reason).first() if part.reason else None
        return _say(stop, pieces[1], reasons[1] or kept, by, now, request_id, "stop.split", comment)

    return once(StopCoding, request_id, write)


def _other(request_id: UUID) -> UUID:
    """One request may say two things; the second has a name of its own that follows from the first."""
    return UUID(int=request_id.int ^ 1)


def _say(
    stop: Stop,
    part: Part,
    reason: StopReason | None,
    by: User,
    now: datetime,
    request_id: UUID,
    action: str,
    comment: str,
) -> StopCoding:
    start, end = from_ms(part.start), _end_of(stop, part, now)
    coding = StopCoding.objects.create(
        equipment=stop.equipment,
        covers=DateTimeTZRange(start, end, "[)"),
        reason=reason,
        comment=comment,
        author=by,
        made_at=now,
        request_id=request_id,
        replaces=stop.coding,
    )
    said = {"before": part.reason, "after": reason and reason.code, "comment": comment}
    audit.record(by, action, stop, now, **said, start=start.isoformat(), end=end and end.isoformat())
    rederive(stop.line, start=stop.started_at, end=stop.ended_at)
    return coding


def _end_of(stop: Stop, part: Part, now: datetime) -> datetime | None:
    """None: the part ends with its stop, wherever that will be."""
    end = now if stop.ended_at is None else stop.ended_at
    return None if part.end >= to_ms(end) else from_ms(part.end)


def find_reason(code: str) -> StopReason:
    reason = StopReason.objects.filter(code=code, enabled=True).first() if code.isprintable() else None
    if reason is None:
        raise UnknownReason(f"“{code[:40]}” is not a stop reason of this plant. Choose one from the list.")
    return reason


def _worded(reason: StopReason, comment: str) -> StopReason:
    if reason.code in NEEDS_WORDS and len(comment.split()) < WORDS:
        raise NeedsWords(f"“{reason.label}” needs a note of three words or more: what was it?")
    return reason


def _whole(stop: Stop, now: datetime) -> Part:
    reason = stop.reason
    return Part(
        to_ms(stop.started_at),
        to_ms(stop.ended_at or now),
        to_ms(stop.started_at),
        stop.is_minor,
        reason=None if reason is None else reason.code,
    )


def _part(stop: Stop, start: datetime, now: datetime) -> Part:
    part = next((part for part in parts_of(stop.line, [stop], now)[stop.id] if part.start == to_ms(start)), None)
    if part is None:
        raise StopGone("This part of the stop is not there any more. Look at the stop again.")
    return part


def _part_around(stop: Stop, at: datetime, now: datetime) -> Part:
    moment = to_ms(at)
    for part in parts_of(stop.line, [stop], now)[stop.id]:
        if part.start < moment < part.end:
            return part
    zone = stop.line.site.zone
    end = f"{stop.ended_at.astimezone(zone):%H:%M:%S}" if stop.ended_at else "now"
    raise ImpossibleTime(
        f"A stop can be split only inside one of its parts. "
        f"This one lasts from {stop.started_at.astimezone(zone):%H:%M:%S} to {end}."
    )


# ---------------------------------------------------------------- which stop, and who may


def _open_for(stop_id: UUID, by: User, now: datetime, seen: object = NOT_SEEN) -> Stop:
    """The stop, with its line locked, if this person may still change it and has seen how it stands."""
    stop = find_stop(stop_id, now)
    _refuse_what_was_not_seen(stop, seen)
    refuse_closed(stop.line, stop.ended_at, by, now)
    return stop


def find_stop(stop_id: UUID, now: datetime) -> Stop:
    """The stop, with its line locked, so that it is not derived anew meanwhile."""
    line_id = Stop.objects.filter(pk=stop_id).values_list("line_id", flat=True).first()
    line_id = line_id or _derive_standing(stop_id, now)
    if line_id is not None:
        lock_line(line_id)
    stop = Stop.objects.with_words().select_related("line__site").filter(pk=stop_id).first()
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


def _refuse_what_was_not_seen(stop: Stop, seen: object) -> None:
    if seen is NOT_SEEN or seen == stop.coding_id:
        return
    last = stop.coding
    if last is None:
        raise SomebodyWasFaster("What was said about this stop changed while you were choosing. Look at it again.")
    when = f"{last.made_at.astimezone(stop.line.site.zone):%H:%M:%S}"
    did = f"gave it the reason “{last.reason.label}”" if last.reason else "split it"
    raise SomebodyWasFaster(f"{last.author} changed this stop at {when}: {did}. Look at it again before you change it.")


def refuse_closed(line: Line, moment: datetime | None, by: User, now: datetime) -> None:
    """An operator may speak about the current shift and the one before; later it takes a supervisor.

    What has been dropped can be spoken about by nobody.
    """
    if moment is None:
        return
    refuse_forgotten(line, moment, now)
    if can(by, Capability.CODE_CLOSED_SHIFT):
        return
    shift = calendar(line).settled(moment, now)
    if shift is not None:
        label = shift.label(line.site.zone)
        raise ShiftClosed(f"The shift {label} is closed. The shift manager can still change what is said about it.")


def refuse_forgotten(line: Line, moment: datetime, now: datetime) -> None:
    horizon = detail_horizon(now)
    if moment < horizon:
        day = horizon.astimezone(line.site.zone)
        raise ImpossibleTime(f"Only figures are kept from before {day:%d.%m.%Y}; they cannot be changed any more.")


# ---------------------------------------------------------------- one stop of several


def merge_stops(
    first_id: UUID, last_id: UUID, *, by: User, now: datetime, request_id: UUID, run_is_stop: bool = False
) -> StopMerge:
    """Two stops of a machine, and those between them, are one. What ran between them stays running.

    `run_is_stop`: it did not really run; a supervisor may say so, and may merge across longer running.
    """

    def write() -> StopMerge:
        first, last = sorted((_open_for(key, by, now) for key in (first_id, last_id)), key=lambda stop: stop.started_at)
        if first.equipment_id != last.equipment_id or first.id == last.id:
            raise ImpossibleTime("Choose two stops of the same machine.")
        if last.ended_at is None:
            raise ImpossibleTime("The later stop is still going on. Merge it when the machine runs again.")
        stops = _from_to(first, last)
        _refuse_long_run(stops, by, run_is_stop)
        _say_again(stops, by, now, request_id)
        merge = StopMerge.objects.create(
            equipment=first.equipment,
            starts_at=first.started_at,
            ends_at=last.ended_at,
            run_is_stop=run_is_stop,
            author=by,
            made_at=now,
            request_id=request_id,
        )
        audit.record(by, "stop.merge", first, now, last=str(last.id), run_is_stop=run_is_stop)
        rederive(first.line, start=first.started_at, end=last.ended_at)
        return merge

    return once(StopMerge, request_id, write)


def _from_to(first: Stop, last: Stop) -> list[Stop]:
    between = Stop.objects.filter(
        equipment=first.equipment, started_at__gte=first.started_at, started_at__lte=last.started_at
    )
    return list(between.select_related("line__site", "coding").order_by("started_at"))


def _say_again(stops: Sequence[Stop], by: User, now: datetime, request_id: UUID) -> None:
    """What was said about an earlier stop is for all of what is one now, but not over what a later one was given."""
    pieces = parts_of(stops[0].line, stops, now)
    newest = 0
    for stop in stops:
        for part in pieces[stop.id]:
            if part.coding is None or part.coding > newest:
                continue
            said = StopCoding.objects.get(pk=part.coding)
            again = StopCoding.objects.create(
                equipment_id=stop.equipment_id,
                covers=DateTimeTZRange(from_ms(part.start), _end_of(stop, part, now), "[)"),
                reason=said.reason,
                comment=said.comment,
                author=by,
                made_at=now,
                request_id=uuid5(request_id, str(part.start)),
                replaces=said,
            )
            stop.coding = again
        newest = max(newest, stop.coding_id or 0)


def _refuse_long_run(stops: Sequence[Stop], by: User, run_is_stop: bool) -> None:
    if can(by, Capability.CONFIRM_STOP):
        return
    if run_is_stop:
        raise NeedsSupervisor("That the machine did not run between the stops must be said by a supervisor.")
    for before, after in pairwise(stops):
        if before.ended_at is not None and after.started_at - before.ended_at > MERGE_ACROSS:
            minutes = (after.started_at - before.ended_at) // timedelta(minutes=1)
            raise NeedsSupervisor(f"The machine ran for {minutes} min between them. A supervisor has to merge these.")


def separate_stops(merge_id: int, *, by: User, now: datetime) -> StopMerge:
    """Take a merge back."""
    with transaction.atomic():
        merge = StopMerge.objects.select_related("equipment__line__site").get(pk=merge_id)
        lock_line(merge.equipment.line_id)
        return withdraw(merge, merge.equipment.line, "stop.separate", by=by, now=now)


W = TypeVar("W", StopMerge, ManualStop)


def withdraw(note: W, line: Line, action: str, *, by: User, now: datetime) -> W:
    """A note that no longer counts; it stays to be read."""
    note.refresh_from_db()
    if note.withdrawn_at is not None:
        raise AlreadyDone(f"{note.withdrawn_by} has taken this back already.")
    refuse_closed(line, note.ends_at, by, now)
    note.withdrawn_at, note.withdrawn_by = now, by
    note.save(update_fields=["withdrawn_at", "withdrawn_by"])
    audit.record(by, action, note, now)
    rederive(line, start=note.starts_at, end=note.ends_at)
    return note


# ---------------------------------------------------------------- stops nobody measured


def add_stop(
    machine: Equipment,
    start: datetime,
    end: datetime,
    reason_code: str,
    *,
    by: User,
    now: datetime,
    request_id: UUID,
    comment: str = "",
) -> ManualStop:
    """A stop that a person saw while the controller was silent. `machine` comes with its line and site."""

    def write() -> ManualStop:
        reason, line = _worded(find_reason(reason_code), comment), machine.line
        refuse_impossible(start, end, now)
        lock_line(line.id)
        refuse_forgotten(line, start, now)
        refuse_closed(line, end, by, now)
        _refuse_observed(machine, start, end)
        note = ManualStop.objects.create(
            equipment=machine,
            starts_at=start,
            ends_at=end,
            author=by,
            made_at=now,
            request_id=request_id,
            comment=comment,
        )
        _explain(note, reason)
        audit.record(by, "stop.add", note, now, reason=reason.code, start=start.isoformat(), end=end.isoformat())
        rederive(line, start=start, end=end)
        return note

    return once(ManualStop, request_id, write)


def _explain(note: ManualStop, reason: StopReason) -> None:
    StopCoding.objects.create(
        equipment=note.equipment,
        covers=DateTimeTZRange(note.starts_at, note.ends_at, "[)"),
        reason=reason,
        comment=note.comment,
        author=note.author,
        made_at=note.made_at,
        request_id=_other(note.request_id),
    )


def take_back_stop(manual_id: int, *, by: User, now: datetime) -> ManualStop:
    """A stop that was entered by hand did not happen."""
    with transaction.atomic():
        note = ManualStop.objects.select_related("equipment__line__site").get(pk=manual_id)
        lock_line(note.equipment.line_id)
        return withdraw(note, note.equipment.line, "stop.take_back", by=by, now=now)


def refuse_impossible(start: datetime, end: datetime | None, now: datetime) -> None:
    if end is not None and end <= start:
        raise ImpossibleTime("The end must be later than the start.")
    if (end or start) > now:
        raise ImpossibleTime("This lies in the future. Enter what has happened already.")


def _refuse_observed(machine: Equipment, start: datetime, end: datetime) -> None:
    """What the controller saw cannot be said otherwise."""
    seen_at = first_sight(machine, start, end)
    if seen_at is not None:
        raise ImpossibleTime(
            f"The controller saw {machine.code} at {seen_at.astimezone(machine.line.site.zone):%H:%M:%S}. "
            "Only time without data can be entered by hand; other stops can be split and given reasons."
        )


def first_sight(machine: Equipment, start: datetime, end: datetime) -> datetime | None:
    """When the controller first saw the machine in [start, end); None: not at all."""
    seen_until = MachineState.objects.filter(equipment=machine).values_list("observed_until", flat=True).first()
    if seen_until is None or seen_until <= start:
        return None
    edges = StateEdge.objects.shaping(machine.id, start, min(end, seen_until)).exclude(state=State.UNKNOWN)
    first = edges.order_by("at").values_list("at", flat=True).first()
    return None if first is None else max(first, start)


# ---------------------------------------------------------------- agreement


def confirm_stop(
    stop_id: UUID, *, by: User, now: datetime, request_id: UUID, comment: str = "", seen: object = NOT_SEEN
) -> StopConfirmation:
    """A supervisor agrees with what is said about a stop."""

    def write() -> StopConfirmation:
        if not can(by, Capability.CONFIRM_STOP):
            raise NeedsSupervisor("Stops are confirmed by a supervisor.")
        stop = find_stop(stop_id, now)
        _refuse_what_was_not_seen(stop, seen)
        if stop.reason is None:
            raise UnknownReason("This stop has no reason yet. Give it one before you confirm it.")
        audit.record(by, "stop.confirm", stop, now, reason=stop.reason.code, comment=comment)
        live.changed(stop.line_id, "stops")
        return StopConfirmation.objects.create(
            equipment=stop.equipment,
            stop_started_at=stop.started_at,
            comment=comment,
            author=by,
            made_at=now,
            request_id=request_id,
        )

    return once(StopConfirmation, request_id, write)


@transaction.atomic
def import_notes(line: Line, notes: Sequence[models.Model], *, now: datetime) -> None:
    """Take over what people said elsewhere or before, and account for the whole line again."""
    sorts: dict[type[models.Model], list[models.Model]] = defaultdict(list)
    for note in notes:
        sorts[type(note)].append(note)
    for sort, rows in sorts.items():
        sort._default_manager.bulk_create(rows, ignore_conflicts=True)
    rebuild(line, since=None, now=now)


def import_confirmations(confirmations: Sequence[StopConfirmation]) -> None:
    """Take over what supervisors agreed with; no figure depends on it."""
    StopConfirmation.objects.bulk_create(confirmations, ignore_conflicts=True)
