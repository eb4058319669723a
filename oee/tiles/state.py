"""The banner: what the line does now. It looks at the machine's live row too, so that it never waits for the ledger."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from floor.domain.machine import State
from floor.domain.shifts import Calendar, ShiftWindow
from floor.models import Equipment, Line, MachineState
from floor.models.shifts import calendar
from oee.choices import ReasonChoice, choice_of
from oee.domain.clock import MINUTE_MS, to_ms
from oee.domain.pace import slow_share
from oee.models import LinePolicy, Stop, to_stop_key
from oee.rows import last_stop, primary_machine, unexplained
from oee.setup import policy_at
from oee.shift import Shift, is_silent, live
from oee.tiles.planned import PlannedRow, planned_now, planned_row
from oee.tiles.words import product_of

# A stop that has just ended may still be explained from the state banner.
ASK_FOR = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class StateTile:
    line_code: str
    line_name: str
    state: str  # run | slow | stop | planned | nodata | off
    word: str
    since: datetime | None
    equipment_code: str
    equipment_name: str
    why: str
    stop_id: UUID | None  # the open or just ended stop that still lacks its reason
    suggestion: ReasonChoice | None
    coded: ReasonChoice | None
    product: str | None
    as_of: datetime | None  # last good reading
    seen: int | None = None  # the last thing said about the stop that is asked about
    ask_at: datetime | None = None  # from then on the screen asks by itself
    planned: PlannedRow | None = None  # the planned stop that is on


def state_tile(line: Line, now: datetime) -> StateTile:
    machine = primary_machine(line)
    return _StateNow(line, machine, calendar(line), now).tile()


def last_minutes(now: datetime) -> tuple[int, int]:
    """The two full minutes by which a machine is called slow."""
    full = to_ms(now) // MINUTE_MS * MINUTE_MS
    return full - 2 * MINUTE_MS, full


class _StateNow:
    """The live state of a line, decided in one order: no data, not scheduled, standing, running."""

    def __init__(self, line: Line, machine: Equipment | None, shifts: Calendar, now: datetime) -> None:
        self.line, self.machine, self.now = line, machine, now
        self.live = live(machine)
        self.calendar = shifts
        self.window = shifts.at(now)
        self.planned = planned_now((line.id, now))

    def tile(self) -> StateTile:
        if self.machine is None:
            return self._tile("nodata", "NO DATA", None, "No machine is set up on this line")
        if self.live is None or is_silent(self.live, self.now) or self.live.state == State.UNKNOWN:
            return self._no_data()
        if self.window is None:
            return self._off()
        return self._standing(self.live) if self.live.state == State.STOP else self._running(self.live, self.window)

    def _tile(
        self,
        state: str,
        word: str,
        since: datetime | None,
        why: str = "",
        *,
        stop: Stop | None = None,
        stop_id: UUID | None = None,
    ) -> StateTile:
        coded = None if stop is None else stop.reason
        asks = stop_id is not None and coded is None
        return StateTile(
            line_code=self.line.code,
            line_name=self.line.name,
            state=state,
            word=word,
            since=since,
            equipment_code="" if self.machine is None else self.machine.code,
            equipment_name="" if self.machine is None else self.machine.name,
            why=why,
            stop_id=stop_id if asks else None,
            suggestion=choice_of(stop.proposed_reason) if stop is not None and asks else None,
            coded=choice_of(coded),
            product=product_of(self.line, self.live),
            as_of=None if self.live is None else self.live.observed_until,
            seen=stop.coding_id if stop is not None and asks else None,
            ask_at=self._ask_at(since) if asks and state == "stop" else None,
            planned=None if self.planned is None else planned_row(self.planned, self.now),
        )

    def _ask_at(self, began: datetime | None) -> datetime | None:
        return began and began + timedelta(seconds=policy_at(self.line, began).micro_stop_s)

    def _no_data(self) -> StateTile:
        code = "" if self.machine is None else self.machine.code
        since = None if self.live is None else self.live.observed_until
        why = f"{code} has never been read" if since is None else f"No answer from {code}"
        return self._tile("nodata", "NO DATA", since, why)

    def _off(self) -> StateTile:
        last = self.calendar.last_finished(self.now, within=timedelta(days=4))
        why = "The machine runs outside the shifts" if self.live and self.live.state == State.RUN else ""
        return self._tile("off", "NOT SCHEDULED", last.ends_at if last else None, why)

    def _last_stop(self) -> Stop | None:
        return None if self.machine is None else last_stop(self.machine.id)

    def _standing(self, seen: MachineState) -> StateTile:
        stop = self._last_stop()
        if stop is not None and stop.ended_at is not None:
            stop = None  # the ledger has not seen this standstill yet
        began = stop.started_at if stop is not None else seen.since
        key = stop.id if stop else to_stop_key(seen.equipment_id, began) if began else None
        rest = self._break()
        if stop is not None and stop.reason is not None and stop.is_planned:
            return self._tile("planned", stop.reason.label.upper(), began, stop.proposed_why, stop=stop)
        if self.planned is not None and (stop is None or stop.coding is None):
            return self._tile("planned", self.planned.reason.label.upper(), self.planned.starts_at, stop=stop)
        if rest is not None:
            return self._tile("planned", rest[0].upper(), max(rest[1], began or rest[1]), stop=stop)
        return self._tile("stop", "STOPPED", began, stop.proposed_why if stop else "", stop=stop, stop_id=key)

    def _break(self) -> tuple[str, datetime] | None:
        on = [b for b in (self.window.breaks if self.window else ()) if b.starts_at <= self.now < b.ends_at]
        return (on[0].name, on[0].starts_at) if on else None

    def _running(self, seen: MachineState, window: ShiftWindow) -> StateTile:
        shift = Shift(self.line, window, self.now, self.machine)
        share = slow_share(shift.minutes_between(*last_minutes(self.now)), shift.policy.slow_below)
        stop = self._asked_after(shift.policy)
        word = "RUNNING" if share is None else f"SLOW {share * 100:.0f} %"
        why = f"Stopped {stop.started_at.astimezone(self.line.site.zone):%H:%M}, {stop.proposed_why}" if stop else ""
        return self._tile(
            "run" if share is None else "slow",
            word,
            seen.since,
            why.removesuffix(", "),
            stop=stop,
            stop_id=stop.id if stop else None,
        )

    def _asked_after(self, policy: LinePolicy) -> Stop | None:
        """The stop that ended just now without a reason."""
        stop = self._last_stop()
        if stop is None or not may_be_asked_after(stop, self.now):
            return None
        return stop if unexplained(stop.id) >= timedelta(seconds=policy.micro_stop_s) else None


def may_be_asked_after(stop: Stop, now: datetime) -> bool:
    if stop.ended_at is None or stop.is_minor or stop.reason is not None:
        return False
    return now - stop.ended_at <= ASK_FOR
