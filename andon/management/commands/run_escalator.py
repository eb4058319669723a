import threading
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand

from andon.actions import Lane, escalate_due
from andon.clock import database_now
from andon.models import Notification
from floor import loops
from floor.actions.heartbeat import beat

Channel = Notification.Channel
ROUND_S = 1.0
FINISH_S = 10.0
# Way → the name under which its heartbeat is known.
LANES = ((Channel.EMAIL, "delivery"), (Channel.WEBHOOK, "webhooks"))


def escalate() -> None:
    escalate_due()
    beat("escalator", loops.INSTANCE, database_now())


def deliver(lane: Lane, component: str, stop: threading.Event) -> None:
    """Turn after turn for as long as messages leave; a sign of life after each."""
    going = 1
    while going and not stop.is_set():
        going = lane.turn()
        beat(component, loops.INSTANCE, database_now())


def run_lane(channel: Channel, component: str, stop: threading.Event) -> None:
    lane = Lane([channel])
    loops.every(ROUND_S, partial(deliver, lane, component, stop), stop, name=component)
    lane.finish(within_s=FINISH_S)


class Command(BaseCommand):
    """Escalation in the main thread; beside it mail and webhooks, each by itself: what hangs delays nothing else."""

    help = "Move calls for help on when they are due, and send what has to be sent, until SIGTERM. Two may run."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        loops.own_connection()
        stop = loops.stop_on_signals()
        lanes = [threading.Thread(target=run_lane, args=(*lane, stop), name=lane[1]) for lane in LANES]
        for lane in lanes:
            lane.start()
        loops.every(ROUND_S, escalate, stop, name="escalator")
        for lane in lanes:
            lane.join(timeout=FINISH_S + 2)
