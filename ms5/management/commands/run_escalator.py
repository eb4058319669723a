import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand

from andon.actions import Lane, escalate_due, notice
from andon.clock import database_now
from andon.models import Notification
from floor import loops
from floor.actions.heartbeat import beat
from ms5.standstills import standstills

Channel = Notification.Channel
ROUND_S = 1.0
FINISH_S = 10.0


def escalate() -> None:
    """A sign of life after each batch too: a flood of due steps is work, not silence."""
    escalate_due(batch_done=live)
    live()


def live() -> None:
    beat("escalator", loops.INSTANCE, database_now())


def listen_to_machines() -> None:
    """Make the calls that machines owe; stops are read from facts, so that no other process has to be alive."""
    now = database_now()
    notice(standstills(now), now)
    beat("machine calls", loops.INSTANCE, database_now())


def deliver(lane: Lane, component: str, stop: threading.Event) -> None:
    """Turn after turn for as long as messages leave; a sign of life after each."""
    going = 1
    while going and not stop.is_set():
        going = lane.turn()
        beat(component, loops.INSTANCE, database_now())


def listen(stop: threading.Event) -> None:
    loops.every(ROUND_S, listen_to_machines, stop, name="machine calls")


def run_lane(channel: Channel, component: str, stop: threading.Event) -> None:
    lane = Lane([channel])
    loops.every(ROUND_S, partial(deliver, lane, component, stop), stop, name=component)
    lane.finish(within_s=FINISH_S)


BESIDE: tuple[tuple[str, Callable[[threading.Event], None]], ...] = (
    ("machine calls", listen),
    ("delivery", partial(run_lane, Channel.EMAIL, "delivery")),
    ("webhooks", partial(run_lane, Channel.WEBHOOK, "webhooks")),
)


class Command(BaseCommand):
    """Escalation in the main thread; machines, mail and webhooks beside it: what hangs there never delays a step."""

    help = "Move calls for help on when they are due, send what has to be sent, listen to machines. Two may run."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        loops.own_connection()
        stop = loops.stop_on_signals()
        beside = [threading.Thread(target=run, args=(stop,), name=name) for name, run in BESIDE]
        for thread in beside:
            thread.start()
        loops.every(ROUND_S, escalate, stop, name="escalator")
        for thread in beside:
            thread.join(timeout=FINISH_S + 2)
