import time
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand
from django.db import Error as DatabaseError
from django.db import connection

from andon.clock import database_now
from floor import loops
from floor.actions.heartbeat import beat, forget
from ms5.watchdog import KNOWN_FOR, Alarm, Post, Watch, alarms

ROUND_S = 5.0


class Command(BaseCommand):
    help = "Watch over the other processes and say aloud what is overdue, until SIGTERM."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        loops.own_connection()
        self.post = Post()
        self.watch = Watch(time.monotonic, self.post.send)
        self.since: datetime | None = None
        loops.every(ROUND_S, self.look, loops.stop_on_signals(), name="watchdog")

    def look(self) -> None:
        """A database that does not answer is an alarm like any other, so it must not end the round."""
        try:
            now = database_now()
            self.since = self.since or now
            self.post.learn()
            found = alarms(now, self.since)
            forget(now - KNOWN_FOR)
            beat("watchdog", loops.INSTANCE, now)
        except DatabaseError as error:
            connection.close()
            found = [Alarm("database", f"The database does not answer: {str(error).strip()}")]
        self.watch.report(found)
