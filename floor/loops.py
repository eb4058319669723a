"""How our long-running processes run: a steady beat, a signal that lets the round finish, a database that may go."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import FrameType

import structlog
from django.db import Error as DatabaseError
from django.db import connection, connections

from floor.actions.heartbeat import leave
from floor.systemd import Systemd

log = structlog.get_logger(__name__)

INSTANCE = f"{socket.gethostname()}:{os.getpid()}"
LONGEST_PAUSE_S = 5.0


def own_connection() -> None:
    """One connection that belongs to each thread of this process: no pool that could be exhausted or keep dead ones."""
    connections["default"].settings_dict["OPTIONS"].pop("pool", None)
    connections["default"].settings_dict["CONN_MAX_AGE"] = None


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and Ctrl-C set; the round that is going on is finished first."""
    stop = threading.Event()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask_to_stop)
    return stop


def every(seconds: float, round_: Callable[[], object], stop: threading.Event, *, name: str) -> None:
    """Run `round_` on a monotonic grid until `stop`. Rounds missed are not made up for.

    When the database is away, try again after growing pauses; the first failure and the recovery are logged.
    In the main thread, systemd learns from each round that the process works. `name` is what its heartbeats are called.
    """
    supervised = Systemd.of_this_process() if threading.current_thread() is threading.main_thread() else None
    failures, due = 0, time.monotonic()
    while not stop.wait(max(0.0, due - time.monotonic())):
        try:
            round_()
        except DatabaseError as error:
            if failures == 0:
                log.error("database away", loop=name, error=str(error).strip())
            failures += 1
            connection.close()
        except Exception as error:  # the loop is what keeps calls moving; it must not end
            log.error("round failed", loop=name, exc_info=error)
        else:
            if failures:
                log.warning("database back", loop=name, failures=failures)
            failures = 0
        if supervised:
            supervised.alive()
        pause = min(LONGEST_PAUSE_S, 0.25 * 2**failures) if failures else seconds
        due = max(due + pause, time.monotonic() if not failures else time.monotonic() + pause)
    with contextlib.suppress(DatabaseError):
        leave(name, INSTANCE)
    connection.close()
