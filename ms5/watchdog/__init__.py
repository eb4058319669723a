"""Looks from outside whether the others still work, and says so by a way of its own: no Redis, no Celery, no outbox."""

from ms5.watchdog.alarms import Alarm, Derivations, alarms
from ms5.watchdog.heartbeats import speaks, watchdog_at
from ms5.watchdog.post import Post
from ms5.watchdog.rounds import Looking, Round
from ms5.watchdog.watch import News, Watch

__all__ = ["Alarm", "Derivations", "Looking", "News", "Post", "Round", "Watch", "alarms", "speaks", "watchdog_at"]
