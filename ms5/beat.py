"""Celery's beat, which says that it lives each time it has looked what is due."""

import time
from typing import Any

import structlog
from celery.beat import PersistentScheduler
from django.db import DatabaseError, close_old_connections

from andon.clock import database_now
from floor import loops
from floor.actions.heartbeat import beat

log = structlog.get_logger(__name__)

SIGN_EVERY_S = 10.0


class Scheduler(PersistentScheduler):
    _said_at = -SIGN_EVERY_S

    def tick(self, *args: Any, **options: Any) -> float:
        wait_s: float = super().tick(*args, **options)
        if time.monotonic() - self._said_at >= SIGN_EVERY_S:
            self._said_at = time.monotonic()
            _say()
        return wait_s


def _say() -> None:
    """The database may be away; what is due goes out all the same."""
    try:
        beat("beat", loops.INSTANCE, database_now())
    except DatabaseError as error:
        log.warning("no sign of life", component="beat", error=str(error).strip())
    finally:
        close_old_connections()
