import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from floor import loops
from ms5.watchdog import Looking, Post, Round, Watch

ROUND_S = 2.0


class Command(BaseCommand):
    help = "Watch over the other processes and say aloud what is overdue, until SIGTERM. Two may run; one speaks."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        loops.own_connection()
        post = Post(settings.DATA_DIR, settings.WATCHDOG_WEBHOOK, settings.WATCHDOG_PING)
        round_ = Round(Looking(post), Watch(time.monotonic, post.send), time.monotonic)

        def look() -> None:
            round_()
            post.ping()

        loops.every(ROUND_S, look, loops.stop_on_signals(), name="watchdog")
