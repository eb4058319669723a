import threading
from typing import Any

from django.core.management.base import BaseCommand

from andon.actions import deliver_pending, escalate_due
from andon.clock import database_now
from floor import loops
from floor.actions.heartbeat import beat

ROUND_S = 1.0


def escalate() -> None:
    """A sign of life after each batch too: a flood of due steps is work, not silence."""
    escalate_due(batch_done=live)
    live()


def live() -> None:
    beat("escalator", loops.INSTANCE, database_now())


def deliver() -> None:
    """Batch after batch for as long as mail leaves; a sign of life after each."""
    sent = 1
    while sent:
        sent = deliver_pending()
        beat("delivery", loops.INSTANCE, database_now())


class Command(BaseCommand):
    """Escalation in the main thread; mail beside it, so that a mail server that hangs never delays a step."""

    help = "Move calls for help on when they are due, and send what has to be sent, until SIGTERM. Two may run."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        loops.own_connection()
        stop = loops.stop_on_signals()
        mail = threading.Thread(target=loops.every, args=(ROUND_S, deliver, stop), kwargs={"name": "delivery"})
        mail.start()
        loops.every(ROUND_S, escalate, stop, name="escalator")
        mail.join(timeout=10)
