"""Telling the screens that something changed.

A message names a line and the tiles whose content may differ; it carries no data and may be lost. It leaves from a
thread of its own: an action never waits for Redis and never fails because of it.
"""

import json
import logging
import os
import threading
import time
from functools import partial
from uuid import UUID

import redis
from django.conf import settings
from django.db import transaction

CHANNEL = "ms5:changed"
RETRY_S = 1.0
TIMEOUT_S = 1.0

log = logging.getLogger(__name__)


def changed(line_id: UUID, *topics: str) -> None:
    """Mark tiles of a line as changed once the transaction commits."""
    transaction.on_commit(partial(_messenger.put, line_id, topics), robust=True)


class Messenger:
    """Collects what changed and publishes it; while Redis is away the marks of a line melt into one."""

    def __init__(self) -> None:
        self._marked: dict[UUID, set[str]] = {}
        self._news = threading.Condition()
        self._process = 0
        self._is_away = False

    def put(self, line_id: UUID, topics: tuple[str, ...]) -> None:
        with self._news:
            self._marked.setdefault(line_id, set()).update(topics)
            self._start()
            self._news.notify()

    def _start(self) -> None:
        """One thread per process; a forked process has none of its parent's threads."""
        if self._process != os.getpid():
            self._process = os.getpid()
            threading.Thread(target=self._run, name="live", daemon=True).start()

    def _run(self) -> None:
        client = redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=None
        )
        while True:
            marked = self._take()
            try:
                self._publish(client, marked)
            except (redis.RedisError, OSError) as error:
                self._put_back(marked, error)
                time.sleep(RETRY_S)

    def _take(self) -> dict[UUID, set[str]]:
        with self._news:
            while not self._marked:
                self._news.wait()
            marked, self._marked = self._marked, {}
        return marked

    def _publish(self, client: redis.Redis, marked: dict[UUID, set[str]]) -> None:
        batch = client.pipeline(transaction=False)
        for line_id, topics in marked.items():
            batch.publish(CHANNEL, json.dumps({"line": str(line_id), "topics": sorted(topics)}))
        batch.execute()
        if self._is_away:
            log.info("redis_back")
        self._is_away = False

    def _put_back(self, marked: dict[UUID, set[str]], error: Exception) -> None:
        if not self._is_away:
            log.warning("redis_away", extra={"error": str(error)})
        self._is_away = True
        with self._news:
            for line_id, topics in marked.items():
                self._marked.setdefault(line_id, set()).update(topics)


_messenger = Messenger()
