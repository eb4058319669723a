"""The watchdog's own ways out: mail to the administrators, a web address, and a ping for somebody outside the house.

Each has a thread and a queue of its own: one that hangs holds up neither the watchdog nor the others.
"""

import json
import os
import threading
import time
import urllib.request
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, TypeVar

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from floor.models import User
from floor.roles import Role
from ms5.watchdog.watch import News

log = structlog.get_logger(__name__)

PATIENCE_S = 5
TRY_AGAIN_S = 10.0
TRY_FOR_S = 600.0
KEPT = 50
PING_EVERY_S = 60.0

T = TypeVar("T")


class Courier(Generic[T]):
    """Delivers one thing after the other and tries again for ten minutes; of too many, the oldest are dropped."""

    def __init__(self, name: str, deliver: Callable[[T], None], *, try_for_s: float = TRY_FOR_S) -> None:
        self._name = name
        self._deliver = deliver
        self._try_for_s = try_for_s
        self._waiting: deque[tuple[float, T]] = deque(maxlen=KEPT)
        self._work = threading.Event()
        self._thread: threading.Thread | None = None

    def give(self, thing: T) -> None:
        self._waiting.append((time.monotonic(), thing))
        self._work.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True, name=f"watchdog-{self._name}")
            self._thread.start()

    def _run(self) -> None:
        while True:
            self._work.wait()
            self._work.clear()
            while self._waiting:
                given_at, thing = self._waiting.popleft()
                self._insist(given_at, thing)

    def _insist(self, given_at: float, thing: T) -> None:
        while not self._is_delivered(thing) and time.monotonic() - given_at + TRY_AGAIN_S < self._try_for_s:
            time.sleep(TRY_AGAIN_S)

    def _is_delivered(self, thing: T) -> bool:
        try:
            self._deliver(thing)
        except Exception as error:  # whatever the other side answers, the next message must still find its courier
            log.error("watchdog could not say it", way=self._name, exc_info=error)
            return False
        return True


class Post:
    def __init__(self, folder: Path | None = None, webhook: str = "", ping: str = "") -> None:
        """`folder` is where the addresses are kept for a start while the database is away; None: only in memory."""
        self._file = folder / "watchdog-addresses.json" if folder else None
        self.addresses: list[str] = self._remembered()
        self._mail = Courier[News]("mail", self.send_mail)
        self._web = Courier[News]("webhook", lambda news: _post(webhook, news)) if webhook else None
        self._ping = Courier[str]("ping", _get, try_for_s=0) if ping else None
        self._ping_url = ping
        self._pinged_at: float | None = None

    def learn(self) -> None:
        """Remember whom to write to, for when the database is gone."""
        admins = User.objects.filter(role=Role.ADMIN, is_active=True).exclude(email="").order_by("pk")
        addresses = list(admins.values_list("email", flat=True))
        if addresses and addresses != self.addresses:
            self.addresses = addresses
            self._keep(addresses)

    def send(self, news: News) -> None:
        self._mail.give(news)
        if self._web:
            self._web.give(news)

    def ping(self) -> None:
        """Say outside, once a minute, that the watchdog looks. Whoever is pinged calls people when that stops."""
        now = time.monotonic()
        if self._ping and (self._pinged_at is None or now - self._pinged_at >= PING_EVERY_S):
            self._pinged_at = now
            self._ping.give(self._ping_url)

    def send_mail(self, news: News) -> None:
        if not self.addresses:
            log.error("watchdog knows no administrator with an address", text=news.text)
            return
        connection = get_connection(timeout=PATIENCE_S)
        subject = f"{settings.PROJECT_NAME}: {' '.join(news.subject.split())}"
        headers = {"X-Priority": "1"}
        mail = EmailMessage(
            subject, news.text, settings.DEFAULT_FROM_EMAIL, self.addresses, connection=connection, headers=headers
        )
        mail.send()

    def _remembered(self) -> list[str]:
        try:
            found = json.loads(self._file.read_text(encoding="utf-8")) if self._file else []
        except (OSError, ValueError):
            return []
        return [address for address in found if isinstance(address, str)]

    def _keep(self, addresses: list[str]) -> None:
        if self._file is None:
            return
        new = self._file.with_suffix(f".{os.getpid()}")
        try:
            new.touch(mode=0o600)
            new.write_text(json.dumps(addresses), encoding="utf-8")
            new.replace(self._file)
        except OSError as error:
            log.warning("watchdog cannot keep its addresses", file=str(self._file), error=str(error))


def _post(url: str, news: News) -> None:
    body = {
        "product": settings.PROJECT_NAME,
        "at": datetime.now(UTC).isoformat(),
        "text": news.text,
        "wrong": [{"key": alarm.key, "text": alarm.text} for alarm in news.wrong],
        "over": [{"key": alarm.key, "text": alarm.text} for alarm in news.over],
    }
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")  # noqa: S310 - http(s), checked in settings
    with urllib.request.urlopen(request, timeout=PATIENCE_S):  # noqa: S310
        pass


def _get(url: str) -> None:
    with urllib.request.urlopen(url, timeout=PATIENCE_S):  # noqa: S310 - http(s), checked in settings
        pass
