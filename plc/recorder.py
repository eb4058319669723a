"""One per reader process: gathers what all its controllers' threads saw and brings it into the database.

Two threads, because a database can hang as well as die: the writer talks to it, the keeper puts on disk what the
writer has not got rid of in time. What was kept may also have been recorded; recording is idempotent.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from floor.actions.heartbeat import beat
from plc import actions
from plc.actions import Lease, LinkReport, Scan
from plc.models import Link
from plc.spool import Seen, Spool, abandoned, read

log = structlog.get_logger(__name__)

GATHER_S = 0.05
RENEW_S = 1.2
COMPARE_S = 5.0
REPORT_S = 1.0
KEEP_AFTER_S = 1.0
RETRY_S = 0.5
REPLAY_ROWS = 5000
# Half an hour of 50 machines at 1 Hz, should the disk be full as well as the database away.
MOST_PENDING = 100_000
AWAY = (OperationalError, InterfaceError)


class ReaderClock:
    """The database's time, carried on by the monotonic clock. It never goes back.

    A step forward is followed at once. Small differences are made up for slowly, so that order is kept. When the
    database's clock was set back, ours runs on; the difference is shown.
    """

    STEP_S = 2.0
    SLEW = 0.01

    def __init__(self) -> None:
        self._base = (datetime.now(UTC), time.monotonic())
        self._compared_s: float | None = None
        self.offset_s = 0.0

    def at(self, monotonic_s: float) -> datetime:
        base, since_s = self._base
        return base + timedelta(seconds=monotonic_s - since_s)

    def compare(self, database_now: datetime, monotonic_s: float) -> None:
        ours = self.at(monotonic_s)
        ahead_s = (ours - database_now).total_seconds()
        if self._compared_s is None or ahead_s < -self.STEP_S:
            correction_s = -ahead_s
        elif ahead_s > self.STEP_S:
            correction_s = 0.0
        else:
            most_s = self.SLEW * (monotonic_s - self._compared_s)
            correction_s = min(max(-ahead_s, -most_s), most_s)
        self._base = (ours + timedelta(seconds=correction_s), monotonic_s)
        self._compared_s = monotonic_s
        self.offset_s = ahead_s + correction_s


@dataclass(slots=True)
class Hold:
    """A controller held by a thread of this process. `wake` is set when any of the flags below it is raised."""

    lease: Lease
    fingerprint: str = ""
    wake: threading.Event = field(default_factory=threading.Event)
    lost: bool = False
    changed: bool = False
    stopping: bool = False
    _sequence: int = 0

    def next_sequence(self) -> int:
        self._sequence += 1
        return self._sequence

    @property
    def ended(self) -> bool:
        return self.lost or self.stopping

    def stop(self) -> None:
        self.stopping = True
        self.wake.set()


@dataclass(slots=True)
class _Posted:
    scan: Scan
    at_s: float
    kept: bool = False


class Recorder:
    def __init__(self, folder: Path, instance: str) -> None:
        self._folder = folder
        self._instance = instance
        self._spool = Spool(folder)
        self._lock = threading.Lock()
        self._work = threading.Event()
        self._stop = threading.Event()
        self._pending: deque[_Posted] = deque()
        self._in_flight: list[_Posted] = []
        self._reports: dict[Lease, LinkReport] = {}
        self._reported: dict[Lease, tuple[float, Link.State]] = {}
        self._holds: dict[UUID, Hold] = {}
        self._renewed_s = self._compared_s = -1e9
        self._away_since: float | None = None
        self._disk_full = False
        self._complained: set[Lease] = set()
        self.clock = ReaderClock()
        self._threads = [
            threading.Thread(target=self._run, args=(step,), name=f"recorder-{step.__name__}", daemon=True)
            for step in (self._write, self._keep)
        ]
        for thread in self._threads:
            thread.start()

    # Called by the threads that hold controllers.

    def enter(self, lease: Lease) -> Hold:
        hold = Hold(lease)
        with self._lock:
            self._holds[lease.controller_id] = hold
        return hold

    def leave(self, hold: Hold, timeout_s: float = 5.0) -> None:
        """Forget the hold once everything it posted is recorded or on disk."""
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s and self._has_unsaved(hold.lease):
            self._work.set()
            time.sleep(0.01)
        with self._lock:
            self._holds.pop(hold.lease.controller_id, None)
            self._reported.pop(hold.lease, None)

    def holds(self, controller_id: UUID) -> bool:
        with self._lock:
            return controller_id in self._holds

    def post(self, scan: Scan) -> None:
        with self._lock:
            self._pending.append(_Posted(scan, time.monotonic()))
        self._work.set()

    def report(self, lease: Lease, report: LinkReport) -> None:
        """Show `report` on the link: at once when the state changed, otherwise with the next second."""
        with self._lock:
            self._reports[lease] = report

    def stop_all(self) -> None:
        with self._lock:
            holds = list(self._holds.values())
        for hold in holds:
            hold.stop()

    def close(self) -> None:
        """Stop both threads; what could not be recorded is on disk afterwards."""
        self._stop.set()
        self._work.set()
        for thread in self._threads:
            thread.join(5.0)
        with self._lock:
            self._keep_pending(all_of_it=True)
            self._spool.close()

    def _has_unsaved(self, lease: Lease) -> bool:
        key = (lease.controller_id, lease.token)
        with self._lock:
            posted = [*self._pending, *self._in_flight]
            return any((p.scan.controller_id, p.scan.token) == key and not p.kept for p in posted)

    # The two threads.

    def _run(self, step: Callable[[], None]) -> None:
        try:
            while not self._stop.is_set():
                try:
                    step()
                except AWAY as error:
                    self._database_away(error)
                except Exception:
                    log.exception("recorder failed", step=step.__name__)
                    self._stop.wait(RETRY_S)
        finally:
            connection.close()

    def _write(self) -> None:
        self._work.wait(0.25)
        self._work.clear()
        self._stop.wait(GATHER_S)
        self._renew()
        if not self._replay_own():
            self._record_pending()
        if self._away_since is not None:
            log.info("database is back", away_s=round(time.monotonic() - self._away_since, 1))
            self._away_since = None

    def _database_away(self, error: Exception) -> None:
        with self._lock:
            self._pending.extendleft(reversed([posted for posted in self._in_flight if not posted.kept]))
            self._in_flight = []
        if self._away_since is None:
            self._away_since = time.monotonic()
            log.warning("database is away; readings go to disk", error=str(error).strip())
        with contextlib.suppress(Exception):
            connection.close()
        self._stop.wait(RETRY_S)

    def _renew(self) -> None:
        now_s = time.monotonic()
        if now_s - self._renewed_s < RENEW_S:
            return
        now = actions.database_now()
        self.clock.compare(now, (now_s + time.monotonic()) / 2)
        with self._lock:
            holds = dict(self._holds)
        lost = actions.renew_leases({key: hold.lease.token for key, hold in holds.items()}, now)
        for key in lost:
            self._lose(holds[key])
        if now_s - self._compared_s >= COMPARE_S:
            self._look_for_changes(holds)
            beat("plc", self._instance, now)
            self._compared_s = now_s
        self._renewed_s = now_s

    def _look_for_changes(self, holds: dict[UUID, Hold]) -> None:
        current = actions.fingerprints(holds)
        for key, hold in holds.items():
            if hold.fingerprint and current.get(key) != hold.fingerprint:
                hold.changed = True
                hold.wake.set()

    @staticmethod
    def _lose(hold: Hold) -> None:
        hold.lost = True
        hold.wake.set()

    def _replay_own(self) -> bool:
        """Record what is on disk before anything newer. False: nothing is."""
        with self._lock:
            segment = self._spool.seal_oldest()
        if segment is None:
            return False
        rows = replay(segment)
        with self._lock:
            self._spool.recorded(segment, rows)
        self._work.set()
        return True

    def _record_pending(self) -> None:
        with self._lock:
            self._in_flight = list(self._pending)
            self._pending.clear()
            reports = self._due_reports()
        scans = [posted.scan for posted in self._in_flight]
        if scans or reports:
            self._record(scans, reports)
        with self._lock:
            self._in_flight = []

    def _record(self, scans: list[Scan], reports: dict[Lease, LinkReport]) -> None:
        try:
            lost = actions.record(scans, reports)
        except AWAY:
            raise
        except Exception:  # noqa: BLE001 - whatever it was, it is met again and logged scan by scan
            lost = self._record_apart(scans, reports)
        for lease in lost:
            with self._lock:
                hold = self._holds.get(lease.controller_id)
            if hold is not None and hold.lease == lease:
                self._lose(hold)

    def _record_apart(self, scans: list[Scan], reports: dict[Lease, LinkReport]) -> set[Lease]:
        """Keep one controller's impossible numbers from holding up the others, and its own state with them."""
        lost: set[Lease] = set()
        for scan in scans:
            lost |= self._first_that_goes(Lease(scan.controller_id, scan.token), [scan], [_without_numbers(scan)])
        for lease, report in reports.items():
            lost |= self._first_that_goes(lease, [], reports={lease: report})
        return lost

    def _first_that_goes(
        self, lease: Lease, *attempts: list[Scan], reports: dict[Lease, LinkReport] | None = None
    ) -> set[Lease]:
        for scans in attempts:
            try:
                return actions.record(scans, reports or {})
            except AWAY:
                raise
            except Exception:
                # Once per lease: the same number comes again with every scan.
                if lease not in self._complained:
                    self._complained.add(lease)
                    log.exception("what a controller said was refused", controller=str(lease.controller_id))
        return set()

    def _due_reports(self) -> dict[Lease, LinkReport]:
        now_s = time.monotonic()
        due = {}
        for lease, report in list(self._reports.items()):
            at_s, state = self._reported.get(lease, (-1e9, None))
            report.announce = state != report.state
            if now_s - at_s >= REPORT_S or report.announce:
                report.spool_rows = self._spool.rows
                report.clock_offset_s = round(self.clock.offset_s, 3)
                due[lease] = self._reports.pop(lease)
                self._reported[lease] = (now_s, report.state)
        return due

    def _keep(self) -> None:
        self._stop.wait(0.1)
        with self._lock:
            self._keep_pending(all_of_it=self._away_since is not None)

    def _keep_pending(self, *, all_of_it: bool) -> None:
        """Put on disk what the writer should have recorded by now. The lock is held."""
        now_s = time.monotonic()
        late = [p for p in self._in_flight if not p.kept and now_s - p.at_s > KEEP_AFTER_S]
        if self._pending and (all_of_it or now_s - self._pending[0].at_s > KEEP_AFTER_S):
            late += self._pending
        if not late:
            return
        rows: list[Seen] = [row for posted in late for row in posted.scan.seen]
        try:
            self._spool.append(rows, now_s)
        except OSError:
            self._cannot_keep()
            return
        self._disk_full = False
        for posted in late:
            posted.kept = True
        self._pending = deque(posted for posted in self._pending if not posted.kept)

    def _cannot_keep(self) -> None:
        if not self._disk_full:
            log.exception("readings cannot be kept on disk; is it full?", folder=str(self._folder))
            self._disk_full = True
        while len(self._pending) > MOST_PENDING:
            self._pending.popleft()


def replay(segment: Path) -> int:
    """Record everything in a segment, in its order; return how many rows it held."""
    total = 0
    chunk: list[Seen] = []
    for row in read(segment):
        chunk.append(row)
        if len(chunk) >= REPLAY_ROWS:
            total += len(chunk)
            _record_kept(chunk)
            chunk = []
    _record_kept(chunk)
    return total + len(chunk)


def _record_kept(rows: list[Seen]) -> None:
    try:
        actions.record_seen(rows)
    except AWAY:
        raise
    except DatabaseError:
        if len(rows) == 1:
            log.exception("a kept reading was refused and is left out", equipment=str(rows[0][0]))
            return
        middle = len(rows) // 2
        _record_kept(rows[:middle])
        _record_kept(rows[middle:])


def _without_numbers(scan: Scan) -> Scan:
    bare = [
        (equipment_id, setup, seen._replace(speed=None, product=None, made=None, rejected=None))
        for equipment_id, setup, seen in scan.seen
    ]
    return Scan(scan.controller_id, scan.token, bare)


def replay_abandoned(folder: Path) -> int:
    """Record what readers that died on this machine left behind; return how many rows there were."""
    with abandoned(folder) as segments:
        return sum(replay(segment) for segment in segments)
