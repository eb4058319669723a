"""Calls that machines make, and what becomes of them when the machine runs again. Any number of processes may notice.

The machine's row is locked while its stop is looked after, and a call, or the line of history that joins a stop to a
call, has an id made of machine, stop and kind: whoever is second finds that it is done.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid5

import structlog
from django.db import IntegrityError, OperationalError, transaction
from django.db.models import Q

from andon.actions.answers import open_again
from andon.actions.calls import raise_call, set_out
from andon.actions.deeds import locked, note
from andon.actions.notifications import Telling, tell
from andon.actions.priority import change_priority
from andon.actions.refusals import AlreadyOpen
from andon.domain.call import LIVE, OVER, Deed, Priority, Status, after
from andon.domain.machine_calls import CHATTER, Due, Rule, Standstill, due, loud_and_silent
from andon.models import Call, CallEvent, CallKind, MachineCallRule, Shelf
from floor import audit, live
from floor.domain.machine import State
from floor.models import Equipment, FaultDefinition, FaultEvent, MachineState

log = structlog.get_logger(__name__)

What = CallEvent.What
STOPS = UUID("5d0e7b0e-6f0c-5a62-8a9b-4b6a9f1c2d33")


@dataclass(slots=True)
class Done:
    """What a stop has led to: kind → status of the call that it made or joined, and what it said to be graver since."""

    calls: dict[str, str] = field(default_factory=dict)
    graver: set[tuple[str, Priority]] = field(default_factory=set)

    def has(self, owed: Due) -> bool:
        if owed.is_graver:
            return (owed.kind, owed.priority) in self.graver
        return self.calls.get(owed.kind, Status.SHELVED) != Status.SHELVED

    @property
    def has_a_call_open(self) -> bool:
        return any(status in LIVE for status in self.calls.values())


@dataclass(frozen=True, slots=True)
class Owing:
    """A stop with the calls that it owes: those to be made, and those to be recorded only, because they are shelved."""

    stop: Standstill
    loud: Sequence[Due]
    silent: Sequence[Due]

    def to_make(self, done: Done) -> Due | None:
        """The first that was not told before.

        While a call of this stop is open one is enough: only that it has become graver is told, and what is critical.
        """
        urgent = {one.kind for one in self.loud if one.priority is Priority.CRITICAL}
        told = [one for one in self.loud if not done.has(one)]
        if done.has_a_call_open:
            told = [one for one in told if one.kind in urgent or done.calls.get(one.kind) in LIVE]
        return next(iter(told), None)

    def to_record(self, done: Done) -> list[Due]:
        return [one for one in self.silent if one.kind not in done.calls]

    def is_settled(self, done: Done) -> bool:
        return self.to_make(done) is None and not self.to_record(done)


def notice(standstills: Sequence[Standstill], now: datetime) -> int:
    """Make the calls that these stops owe, and mark those whose machine runs again. Return how many were made.

    `standstills` are all the stops that are on. A machine that fails is logged; the others go on.
    """
    counting = [stop for stop in standstills if stop.is_lost_now]
    made = sum(_answer_or_log(owing, now) for owing in _unsettled(counting, now))
    _mark_standing_again(counting, now)
    _mark_cleared(now)
    return made


def stop_key(stop: Standstill, kind: str, graver: Priority | None = None) -> UUID:
    """What a stop's call of this kind is known by, wherever it is written down; `graver`: that it became so urgent."""
    rest = "" if graver is None else f":{graver.word}"
    return uuid5(STOPS, f"{stop.equipment_id}:{stop.began_at.timestamp():.3f}:{kind}{rest}")


# ---------------------------------------------------------------- what is owed


def _unsettled(standstills: Sequence[Standstill], now: datetime) -> list[Owing]:
    if not standstills:
        return []
    rules, shelves = _rules(standstills, now), _shelves(now)
    owing = [_owing(stop, rules[stop.equipment_id], shelves[stop.equipment_id]) for stop in standstills]
    owing = [one for one in owing if one.loud or one.silent]
    done = _done([one.stop for one in owing])
    return [one for one in owing if not one.is_settled(done[one.stop.equipment_id])]


def _rules(standstills: Iterable[Standstill], now: datetime) -> dict[UUID, list[Rule]]:
    rows = list(MachineCallRule.objects.in_force(now).select_related("kind"))
    machines = Equipment.objects.in_bulk([stop.equipment_id for stop in standstills])
    return {pk: [row.value() for row in rows if row.concerns(machine)] for pk, machine in machines.items()}


def _shelves(now: datetime) -> Mapping[UUID, list[Shelf]]:
    found: dict[UUID, list[Shelf]] = defaultdict(list)
    for shelf in Shelf.objects.standing(now):
        found[shelf.equipment_id].append(shelf)
    return found


def _owing(stop: Standstill, rules: Sequence[Rule], shelves: Sequence[Shelf]) -> Owing:
    with_all = due(stop, rules)
    if not shelves:
        return Owing(stop, with_all, ())
    bits = {shelf.bit for shelf in shelves}
    heard = tuple(fault for fault in stop.faults if fault.bit not in bits)
    without = due(replace(stop, faults=heard), rules)
    loud, silent = loud_and_silent(with_all, without, {shelf.kind_id for shelf in shelves if shelf.kind_id})
    return Owing(stop, loud, silent)


def _done(standstills: Sequence[Standstill]) -> Mapping[UUID, Done]:
    """What each machine's stop has led to so far."""
    kinds = list(CallKind.objects.values_list("code", flat=True)) if standstills else []
    keys = {
        stop_key(stop, kind, graver): (stop.equipment_id, kind, graver)
        for stop in standstills for kind in kinds for graver in (None, *Priority)
    }  # fmt: skip
    joined = CallEvent.objects.filter(
        request_id__in=list(keys), what__in=[What.REPEATED, What.REOPENED, What.PRIORITY]
    ).exclude(call__status=Status.CANCELLED)  # whoever called took the call back, not the machine
    rows = [
        *Call.objects.filter(request_id__in=list(keys)).values_list("request_id", "status"),
        *joined.values_list("request_id", "call__status"),  # one recorded first and joined later counts as joined
    ]
    found: dict[UUID, Done] = defaultdict(Done)
    for request_id, status in rows:
        if request_id is not None:
            machine, kind, graver = keys[request_id]
            if graver is None:
                found[machine].calls[kind] = status
            else:
                found[machine].graver.add((kind, graver))
    return found


# ---------------------------------------------------------------- calling


def _answer_or_log(owing: Owing, now: datetime) -> int:
    try:
        return _answer(owing, now)
    except OperationalError:
        raise  # the database is away or in trouble; no machine is to blame
    except Exception as error:
        log.error("machine cannot call", equipment=str(owing.stop.equipment_id), exc_info=error)
        return 0


@transaction.atomic
def _answer(owing: Owing, now: datetime) -> int:
    """Do for one stop what is owed; return how many calls went out. Whoever is at this machine already does it."""
    machines = Equipment.objects.select_related("line__site").filter(pk=owing.stop.equipment_id)
    machine = machines.select_for_update(no_key=True, of=("self",), skip_locked=True).first()
    if machine is None:
        return 0
    done = _done([owing.stop])[machine.pk]
    for one in owing.to_record(done):
        _record(owing.stop, machine, one, now)
    to_make = owing.to_make(done)
    return 0 if to_make is None else _call(owing.stop, machine, to_make, now)


def _call(stop: Standstill, machine: Equipment, owed: Due, now: datetime) -> int:
    """Join the call that asks for the same help, else let the one just closed, or shelved, go out, else make one."""
    if owed.is_graver:
        return _say_graver(stop, owed, now)
    if (same := _same_help(stop, machine, owed)) is not None:
        return _join(same, stop, owed, now)
    shelved = Call.objects.filter(request_id=stop_key(stop, owed.kind), status=Status.SHELVED).first()
    try:
        if shelved is not None:
            return _unshelve(locked(shelved), owed, now)
        if (closed := _just_closed(machine, owed)) is not None:
            return _reopen(locked(closed), stop, owed, now)
        with transaction.atomic():
            raise_call(
                machine.line, owed.kind, by=None, now=now, request_id=stop_key(stop, owed.kind), equipment=machine,
                priority=owed.priority, note=owed.words[:500], during=stop.began_at,
            )  # fmt: skip
    except AlreadyOpen as refusal:  # somebody called at this very moment
        return _join(refusal.call, stop, owed, now)
    return 1


def _same_help(stop: Standstill, machine: Equipment, owed: Due) -> Call | None:
    """An open call for this machine, or one for its line about this very stop."""
    here = Q(equipment=machine) | Q(equipment=None, stopped_since=stop.began_at)
    return Call.objects.live().filter(here, line=machine.line, kind=owed.kind).order_by("raised_at").first()


def _just_closed(machine: Equipment, owed: Due) -> Call | None:
    """A call that was closed less than a minute before the machine would have called again."""
    closed = Call.objects.filter(equipment=machine, kind=owed.kind, source=Call.Source.MACHINE, status__in=OVER)
    return closed.filter(resolved_at__gte=owed.due_at - CHATTER).order_by("-resolved_at").first()


def _join(same: Call, stop: Standstill, owed: Due, now: datetime) -> int:
    call = locked(same)
    if call.status not in LIVE:
        return 0  # it was closed meanwhile; the next round finds out
    call.repeats, call.cleared_at = call.repeats + 1, None
    call.save(update_fields=["repeats", "cleared_at"])
    _say(call, What.REPEATED, f"The machine calls again: {owed.words}", now, stop_key(stop, owed.kind))
    _announce(call, "andon.repeat", now, owed)
    if call.priority < owed.priority:
        change_priority(call, owed.priority, f"priority is {owed.priority.word} now", by=None, now=now)
    return 0


def _reopen(call: Call, stop: Standstill, owed: Due, now: datetime) -> int:
    call.repeats += 1
    call.stopped_since = stop.began_at
    _open_again(call, f"Just closed, and it calls again: {owed.words}", owed, stop_key(stop, owed.kind), now)
    return 1


def _open_again(call: Call, text: str, owed: Due, key: UUID, now: datetime) -> None:
    call.priority, call.note = max(call.priority, owed.priority), owed.words[:500]
    open_again(call, text, by=None, now=now, request_id=key)


def _say_graver(stop: Standstill, owed: Due, now: datetime) -> int:
    """What this stop's call is about has become more urgent; closed meanwhile, it is opened again."""
    key = stop_key(stop, owed.kind)
    made = Q(request_id=key) | Q(events__request_id=key)
    call = locked(Call.objects.filter(made).exclude(status=Status.CANCELLED).latest("raised_at"))
    mark = stop_key(stop, owed.kind, owed.priority)
    words = f"The machine calls more urgently: {owed.words}"
    if call.status in OVER:
        _open_again(call, words, owed, mark, now)
        return 1
    if call.source == Call.Source.MACHINE:  # boards and mails tell what is gravest
        call.note = owed.words[:500]
        call.save(update_fields=["note"])
    if call.priority < owed.priority:
        change_priority(call, owed.priority, f"{words}; priority is {owed.priority.word} now", by=None, now=now,
                        request_id=mark)  # fmt: skip
    else:  # it was made, or somebody made it, as urgent before
        note(call, What.PRIORITY, words, None, now, mark)
    return 0


# ---------------------------------------------------------------- shelved calls


def _record(stop: Standstill, machine: Equipment, owed: Due, now: datetime) -> None:
    """Write the call down as shelved: it is known, and nobody is told."""
    call = Call.objects.create(
        line=machine.line, equipment=machine, kind_id=owed.kind, priority=owed.priority, status=Status.SHELVED,
        source=Call.Source.MACHINE, raised_at=now, stopped_since=stop.began_at, note=owed.words[:500],
        request_id=stop_key(stop, owed.kind),
    )  # fmt: skip
    _say(call, What.SHELVED, f"Shelved, nobody is told: {owed.words}", now)
    _announce(call, "andon.shelved", now, owed)


def _unshelve(call: Call, owed: Due, now: datetime) -> int:
    """The shelf is gone and the machine still stands: the call goes out, its clocks run from now."""
    status = after(Deed.UNSHELVE, Status(call.status))
    if status is None:
        return 0
    # Before nobody could answer it: how long people took counts from here.
    call.status, call.raised_at, call.priority, call.note = status, now, owed.priority, owed.words[:500]
    try:
        with transaction.atomic():
            call.save(update_fields=["status", "raised_at", "priority", "note"])
    except IntegrityError:
        return 0  # the same help was called this very moment; the next round joins it
    _say(call, What.UNSHELVED, f"No longer shelved: {owed.words}", now)
    set_out(call, now)
    _announce(call, "andon.unshelve", now, owed)
    return 1


def _say(call: Call, what: CallEvent.What, text: str, now: datetime, request_id: UUID | None = None) -> None:
    """Add a line to the history, of which the plant's webhooks hear; people see it on the boards."""
    tell([Telling(note(call, what, text, None, now, request_id), call, [])], now)


def _announce(call: Call, action: str, now: datetime, owed: Due) -> None:
    audit.record(None, action, call, now, kind=owed.kind, priority=Priority(owed.priority).word, text=owed.words)
    live.changed(call.line_id, "calls")


# ---------------------------------------------------------------- running again


def _mark_cleared(now: datetime) -> None:
    """Open calls whose machine has run without a fault for a minute: they wait to be resolved, by people."""
    waiting = Call.objects.live().filter(source=Call.Source.MACHINE, cleared_at=None, equipment__isnull=False)
    machines = {machine for machine in waiting.values_list("equipment_id", flat=True) if machine}
    quiet = _quiet_since(machines, now) if machines else {}
    for call_id, machine in waiting.values_list("pk", "equipment_id"):
        if machine in quiet:
            _clear(call_id, quiet[machine], now)


@transaction.atomic
def _clear(call_id: UUID, since: datetime, now: datetime) -> None:
    row = Call.objects.live().filter(pk=call_id, cleared_at=None)
    call = row.select_for_update(no_key=True, skip_locked=True).first()
    if call is None:
        return
    call.cleared_at = since
    call.save(update_fields=["cleared_at"])
    _say(call, What.CLEARED, "The machine runs again; resolve the call if nothing is left to do", now)
    live.changed(call.line_id, "calls")


def _quiet_since(machines: Iterable[UUID], now: datetime) -> dict[UUID, datetime]:
    """Machine → since when it runs without a fault; those are left out that have done so for less than a minute.

    A flicker would otherwise write a line of history with every turn.
    """
    running = MachineState.objects.filter(equipment__in=list(machines), state=State.RUN, since__lte=now - CHATTER)
    since = {row.equipment_id: row.since for row in running if row.since and _is_seen(row, now)}
    faults = FaultEvent.objects.filter(equipment__in=list(since)).filter(Q(off_at=None) | Q(off_at__gt=now - CHATTER))
    known = FaultDefinition.objects.filter(equipment__in=list(since), kind=FaultDefinition.Kind.FAULT)
    bits = set(known.values_list("equipment_id", "bit"))
    noisy = {machine for machine, bit in faults.values_list("equipment_id", "bit") if (machine, bit) in bits}
    return {machine: moment for machine, moment in since.items() if machine not in noisy}


def _is_seen(row: MachineState, now: datetime) -> bool:
    return row.observed_until is not None and now - row.observed_until <= timedelta(milliseconds=row.limit_ms)


def _mark_standing_again(standstills: Iterable[Standstill], now: datetime) -> None:
    """Calls that were thought to be over, and whose machine stands again before anybody resolved them."""
    machines = [stop.equipment_id for stop in standstills]
    for call in Call.objects.live().filter(equipment__in=machines, cleared_at__isnull=False):
        _stand_again(call.pk, now)


@transaction.atomic
def _stand_again(call_id: UUID, now: datetime) -> None:
    row = Call.objects.live().filter(pk=call_id, cleared_at__isnull=False)
    call = row.select_for_update(no_key=True, skip_locked=True).first()
    if call is None:
        return
    call.cleared_at = None
    call.save(update_fields=["cleared_at"])
    note(call, What.NOTED, "The machine stands again", None, now)
    live.changed(call.line_id, "calls")
