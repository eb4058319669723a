import threading
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand

from andon.actions import deliver_pending, escalate_due, notice
from andon.clock import database_now
from floor import loops
from floor.actions.heartbeat import beat
from ms5.standstills import standstills

ROUND_S = 1.0


def escalate() -> None:
    escalate_due()
    beat("escalator", loops.INSTANCE, database_now())


def deliver() -> None:
    """Batch after batch for as long as mail leaves; a sign of life after each."""
    sent = 1
    while sent:
        sent = deliver_pending()
        beat("delivery", loops.INSTANCE, database_now())


def listen_to_machines() -> None:
    """Make the calls that machines owe; stops are read from facts, so that no other process has to be alive."""
    now = database_now()
    notice(standstills(now), now)
    beat("machine calls", loops.INSTANCE, database_now())


class Command(BaseCommand):
    """Escalation in the main thread; mail and machines beside it, so that what hangs there never delays a step."""

    help = "Move calls for help on when they are due, send what has to be sent, listen to machines. Two may run."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        loops.own_connection()
        stop = loops.stop_on_signals()
        beside = [_beside(deliver, "delivery", stop), _beside(listen_to_machines, "machine calls", stop)]
        loops.every(ROUND_S, escalate, stop, name="escalator")
        for thread in beside:
            thread.join(timeout=10)


def _beside(round_: Callable[[], None], name: str, stop: threading.Event) -> threading.Thread:
    thread = threading.Thread(target=loops.every, args=(ROUND_S, round_, stop), kwargs={"name": name}, name=name)
    thread.start()
    return thread
