"""The web process says that it lives from the loop that serves the pages: one that hangs falls silent."""

import asyncio

import structlog
from asgiref.sync import sync_to_async
from django.db import DatabaseError, close_old_connections

from andon.clock import database_now
from floor import loops
from floor.actions.heartbeat import beat

log = structlog.get_logger(__name__)

EVERY_S = 5.0


def begin_with_the_server() -> None:
    """Begin when daphne's reactor does; under another server nothing begins, and the watchdog expects nothing."""
    from twisted.internet import reactor

    reactor.callWhenRunning(lambda: _kept.append(asyncio.ensure_future(_for_ever())))


_kept: list[asyncio.Future[None]] = []  # a task that nobody holds may be thrown away


async def _for_ever() -> None:
    while True:
        try:
            await sync_to_async(_say, thread_sensitive=False)()
        except Exception as error:  # screens go on, whatever happens to this
            log.error("no sign of life", component="web", exc_info=error)
        await asyncio.sleep(EVERY_S)


def _say() -> None:
    close_old_connections()
    try:
        beat("web", loops.INSTANCE, database_now())
    except DatabaseError as error:
        log.warning("no sign of life", component="web", error=str(error).strip())
    finally:
        close_old_connections()
