"""Reading one controller: connect, scan on a fixed grid, back off, start again, until told to stop."""

import random
import time
from datetime import datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

import structlog
from django.db import connection

from plc import actions
from plc.actions import Lease, LinkReport, Plan, Scan
from plc.drivers.base import ConfigurationError, Driver, DriverError, Quality, Snapshot, Value
from plc.drivers.kinds import connect
from plc.models import Link
from plc.recorder import AWAY, Hold, ReaderClock, Recorder, replay_abandoned
from plc.translate import observe

log = structlog.get_logger(__name__)

# Controllers have few connections and may keep lost ones for a while.
BACKOFF_FIRST_S, BACKOFF_MOST_S = 0.5, 30.0
# Tags are also missing while a program is downloaded; that should not cost five minutes.
CONFIG_FIRST_S, CONFIG_MOST_S = 10.0, 300.0
JITTER = 0.2
DATABASE_RETRY_S = 1.0
HINT_TAGS = "Compare names, addresses and types on the tag list with the controller's program."
HINT_BUG = "This is a fault in the reader; the log has the details."
State = Link.State
HOPELESS = (Quality.BAD_TAG, Quality.BAD_TYPE)


def hold(controller_id: UUID, owner: str, recorder: Recorder, spool_folder: Path) -> str:
    """Read a controller for as long as its lease is ours; return why it ended."""
    if recorder.holds(controller_id):
        return "held by this process"
    try:
        lease = actions.take_lease(controller_id, owner, actions.database_now())
    except AWAY:
        return "database is away"
    finally:
        # Who waits below for another thread's replay must not keep a connection from it.
        connection.close()
    if lease is None:
        return "held by another reader"
    held = recorder.enter(lease)
    try:
        replayed = replay_abandoned(spool_folder)
        if replayed:
            log.info("recorded what an earlier reader left on disk", rows=replayed)
        return _hold(held, recorder)
    except AWAY as error:
        log.warning("controller let go for want of the database", error=str(error).strip())
        return "database is away"
    finally:
        recorder.leave(held)
        if not held.lost:
            _give_back(held)
        connection.close()


def _hold(held: Hold, recorder: Recorder) -> str:
    while not held.ended:
        plan = _load(held)
        if plan is None:
            break
        connection.close()
        Reader(plan, held, recorder).run()
    if held.ended:
        return "lease lost" if held.lost else "stopped"
    return "switched off"


def _load(held: Hold) -> Plan | None:
    """The configuration, waiting for the database if need be."""
    while not held.ended:
        try:
            plan = actions.load_plan(held.lease.controller_id)
        except AWAY:
            connection.close()
            held.wake.wait(DATABASE_RETRY_S)
            continue
        held.fingerprint = "" if plan is None else plan.fingerprint
        held.changed = False
        held.wake.clear()
        if held.ended:  # said between the last look and the clearing
            held.wake.set()
        return plan
    return None


def _give_back(held: Hold) -> None:
    try:
        off = None if held.ended else State.DISABLED
        actions.release_lease(held.lease, actions.database_now(), off)
    except AWAY as error:
        log.warning("lease not given back; it will lapse", error=str(error).strip())


class Backoff:
    """Pauses that double from `first_s` to `most_s`, ±20 %, so that not everybody comes back at once."""

    def __init__(self, first_s: float, most_s: float) -> None:
        self._first_s, self._most_s = first_s, most_s
        self._next_s = first_s

    def reset(self) -> None:
        self._next_s = self._first_s

    def next_s(self) -> float:
        pause_s = self._next_s * random.uniform(1 - JITTER, 1 + JITTER)
        self._next_s = min(self._next_s * 2, self._most_s)
        return max(pause_s, self._first_s)


class Grid:
    """Fixed slots `period_s` apart. Who is late loses slots; scans never come in bursts."""

    def __init__(self, period_s: float, start_s: float) -> None:
        self.period_s = period_s
        self.next_s = start_s
        self.missed = 0

    def advance(self, now_s: float) -> None:
        self.next_s += self.period_s
        if now_s > self.next_s:
            skipped = int((now_s - self.next_s) / self.period_s) + 1
            self.missed += skipped
            self.next_s += skipped * self.period_s


class Sink(Protocol):
    """Where a reader brings what it saw: the recorder, or in a benchmark nothing."""

    clock: ReaderClock

    def post(self, scan: Scan) -> None: ...

    def report(self, lease: Lease, report: LinkReport) -> None: ...


class Reader:
    def __init__(self, plan: Plan, held: Hold, recorder: Sink) -> None:
        self._plan = plan
        self._held = held
        self._recorder = recorder
        self._backoff = Backoff(BACKOFF_FIRST_S, BACKOFF_MOST_S)
        self._config_backoff = Backoff(CONFIG_FIRST_S, CONFIG_MOST_S)
        self._is_lost = False
        self._previous_s: float | None = None
        self._rate_hz: float | None = None
        self._values = {tag.name: Value(None, Quality.INIT) for tag in plan.tags}
        self._report = LinkReport(
            State.CONNECTING, self._now(), line_ids=frozenset(machine.line_id for machine in plan.machines)
        )

    def run(self) -> None:
        """Connect and scan until the hold ends or the configuration changes."""
        while not self._interrupted:
            pause_s = self._one_connection()
            if pause_s and not self._interrupted:
                self._held.wake.wait(pause_s)

    @property
    def _interrupted(self) -> bool:
        return self._held.ended or self._held.changed

    def _one_connection(self) -> float:
        """From open to the first failure or the orderly end; return how long to wait before the next."""
        driver: Driver | None = None
        try:
            self._check_plan()
            self._enter(State.CONNECTING)
            driver = connect(self._plan.kind, self._plan.endpoint, self._plan.tags)
            self._meet(driver)
            self._scan(driver)
            driver.close()
        except ConfigurationError as error:
            return self._failed(driver, State.CONFIG_ERROR, error, self._config_backoff.next_s())
        except DriverError as error:
            return self._failed(driver, State.BACKOFF, error, self._backoff.next_s())
        except Exception as error:
            log.exception("reader failed", controller=self._plan.code)
            wrapped = DriverError(f"Unexpected: {error!r}", HINT_BUG)
            return self._failed(driver, State.BACKOFF, wrapped, self._backoff.next_s())
        return 0.0

    def _check_plan(self) -> None:
        if not self._plan.tags:
            raise ConfigurationError("No tags are configured.", "Add tags to the controller and bind them to machines.")

    def _meet(self, driver: Driver) -> None:
        identity = driver.open()
        actions.check_identity(self._plan.expected_serial, identity)
        self._report.identity = {
            "vendor": identity.vendor,
            "product_name": identity.product_name,
            "serial": identity.serial,
            "revision": identity.revision,
        }

    def _failed(self, driver: Driver | None, state: State, error: DriverError, pause_s: float) -> float:
        if driver is not None:
            # Says goodbye where the connection still stands, so that the controller does not keep it for nothing.
            driver.close()
        if not self._is_lost:
            self._is_lost = True
            log.warning("controller lost", controller=self._plan.code, error=error.message, hint=error.hint)
        self._values = {
            name: value._replace(quality=Quality.BAD_COMM) if value.quality is Quality.GOOD else value
            for name, value in self._values.items()
        }
        self._enter(state, error.message, error.hint)
        return pause_s

    def _scan(self, driver: Driver) -> None:
        # The phase spreads controllers that were started together over the period.
        phase_s = random.uniform(0, min(self._plan.scan_s, 1.0)) if self._report.scans == 0 else 0.0
        self._previous_s = None
        grid = Grid(self._plan.scan_s, time.monotonic() + phase_s)
        missed_before = self._report.missed_slots
        while self._is_time(grid.next_s):
            started_s = time.monotonic()
            snapshot = driver.read()
            self._take(snapshot, started_s)
            grid.advance(time.monotonic())
            self._report.missed_slots = missed_before + grid.missed

    def _is_time(self, slot_s: float) -> bool:
        """Wait for the slot; False when there is something else to do than to scan."""
        pause_s = slot_s - time.monotonic()
        if pause_s > 0:
            self._held.wake.wait(pause_s)
        return not self._interrupted

    def _take(self, snapshot: Snapshot, started_s: float) -> None:
        plan, held = self._plan, self._held
        at = self._recorder.clock.at(snapshot.received_s)
        values = snapshot.values
        token, sequence = held.lease.token, held.next_sequence()
        seen = [
            (machine.equipment_id, machine.setup, observe(machine, values, at, token, sequence))
            for machine in plan.machines
        ]
        if not held.lost:
            self._recorder.post(Scan(plan.controller_id, token, seen))
        self._judge(values)
        self._values = values
        self._measure(started_s, snapshot.duration_s)
        self._report.last_ok_at = at
        self._show()

    def _judge(self, values: dict[str, Value]) -> None:
        """Set the link's state by what the tags say; refuse to go on when not one of them can be read."""
        bad = [(name, value.error) for name, value in values.items() if value.quality is not Quality.GOOD]
        if bad and all(value.quality in HOPELESS for value in values.values()):
            self._values = values
            name, error = bad[0]
            raise ConfigurationError(f"Not one tag can be read. {name}: {error}.", HINT_TAGS)
        self._backoff.reset()
        self._config_backoff.reset()
        message = ""
        if bad:
            name, error = bad[0]
            message = f"{len(bad)} of {len(values)} tags are bad. {name}: {error}."
        blind = [machine for machine in self._plan.machines if not machine.can_be_seen]
        if blind and not message:
            message = f"{len(blind)} machines have neither a running nor a speed tag, so nobody knows when they run."
        if self._report.state is not State.ONLINE or self._report.error != message:
            if self._is_lost:
                self._is_lost = False
                log.info("controller is read again", controller=self._plan.code)
            self._enter(State.ONLINE, message, HINT_TAGS if message else "")

    def _measure(self, started_s: float, duration_s: float) -> None:
        report = self._report
        report.scans += 1
        report.read_ms = round(duration_s * 1000, 2)
        previous_s, self._previous_s = self._previous_s, started_s
        if previous_s is not None and started_s > previous_s:
            rate_hz = 1 / (started_s - previous_s)
            self._rate_hz = rate_hz if self._rate_hz is None else 0.9 * self._rate_hz + 0.1 * rate_hz
            report.achieved_rate_hz = round(self._rate_hz, 3)

    def _enter(self, state: State, error: str = "", hint: str = "") -> None:
        if (state is State.ONLINE) is not (self._report.state is State.ONLINE):
            # All tries of one outage are one outage.
            self._report.since = self._now()
        if state is State.CONNECTING and self._report.error:
            # The reason why the last connection broke stays in sight until the next one reads.
            error, hint = self._report.error, self._report.hint
        self._report.state, self._report.error, self._report.hint = state, error, hint
        self._show()

    def _show(self) -> None:
        report = self._report
        self._recorder.report(
            self._held.lease,
            LinkReport(
                state=report.state,
                since=report.since,
                error=report.error,
                hint=report.hint,
                last_ok_at=report.last_ok_at,
                achieved_rate_hz=report.achieved_rate_hz,
                read_ms=report.read_ms,
                scans=report.scans,
                missed_slots=report.missed_slots,
                values=self._values,
                identity=report.identity,
                line_ids=report.line_ids,
            ),
        )

    def _now(self) -> datetime:
        return self._recorder.clock.at(time.monotonic())
