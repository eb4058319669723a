"""Looks from outside whether the others still work, and says so by a way of its own."""

import smtplib
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from andon.models import EscalationStep, Notification
from floor.models import Heartbeat, User
from floor.roles import Role

log = structlog.get_logger(__name__)

STEP_LATE = timedelta(seconds=5)
MESSAGE_LATE = timedelta(minutes=2)
KNOWN_FOR = timedelta(days=1)
REMIND = timedelta(minutes=10)
MAIL_TIMEOUT_S = 5

# Component → how long it may be silent. One that has not run for a day is not expected any more.
SILENCE: dict[str, timedelta] = {
    "escalator": timedelta(seconds=10),
    "delivery": timedelta(seconds=60),
}
SILENCE_ELSE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Alarm:
    """`key` is the same for as long as the same thing is wrong."""

    key: str
    text: str


def alarms(now: datetime, watching_since: datetime) -> list[Alarm]:
    """Everything that is wrong at `now`, by the database.

    Waiting counts from `watching_since` at the earliest: after a plant was off, everything is old for a moment.
    """
    return [*_silent(now, watching_since), *_late_steps(now, watching_since), *_late_messages(now, watching_since)]


def _silent(now: datetime, since: datetime) -> Iterable[Alarm]:
    rows = Heartbeat.objects.exclude(component="watchdog").filter(at__gt=now - KNOWN_FOR)
    last: dict[str, datetime] = {}
    for component, at in rows.values_list("component", "at"):
        last[component] = max(at, last.get(component, at))
    last.setdefault("escalator", since)  # without one, no call moves on: it is expected even if it never ran
    for component, at in sorted(last.items()):
        if now - max(at, since) > SILENCE.get(component, SILENCE_ELSE):
            silence = (now - at).total_seconds()
            yield Alarm(f"silent:{component}", f"No sign of life from {component} for {silence:.0f} s.")


def _late_steps(now: datetime, since: datetime) -> Iterable[Alarm]:
    if now - since <= STEP_LATE:
        return
    late = EscalationStep.objects.overdue(now - STEP_LATE).select_related("call__line").order_by("due_at")
    if oldest := late.first():
        wait = (now - oldest.due_at).total_seconds()
        yield Alarm(
            "late:escalation",
            f"{late.count()} escalation steps are overdue; the oldest, {oldest.call}, for {wait:.0f} s."
            " Go and look at the andon board.",
        )


def _late_messages(now: datetime, since: datetime) -> Iterable[Alarm]:
    if now - since <= MESSAGE_LATE:
        return
    pending = Notification.objects.late(now, MESSAGE_LATE).order_by("created_at")
    if oldest := pending.first():
        wait = (now - oldest.created_at).total_seconds()
        yield Alarm(
            "late:mail", f"{pending.count()} messages have not been sent, the oldest for {wait:.0f} s: {oldest.error}"
        )


@dataclass(slots=True)
class Watch:
    """What was said when. `clock` is monotonic seconds; `send` receives the text of one mail."""

    clock: Callable[[], float]
    send: Callable[[str], None]
    _said: dict[str, float] = field(default_factory=dict)
    _open: dict[str, Alarm] = field(default_factory=dict)

    def report(self, found: Iterable[Alarm]) -> None:
        """Say what is new or still wrong after ten minutes, and what is well again."""
        wrong = {alarm.key: alarm for alarm in found}
        for key in self._open.keys() - wrong.keys():
            log.warning("alarm over", alarm=key)
        for key, alarm in wrong.items():
            if key not in self._open or self._is_due(key):
                log.error("alarm", alarm=key, text=alarm.text)
            if self._is_due(key):
                self._said[key] = self.clock()
                self.send(alarm.text)
        self._open = wrong

    def _is_due(self, key: str) -> bool:
        return key not in self._said or self.clock() - self._said[key] >= REMIND.total_seconds()


class Post:
    """Mail to the administrators without database, Redis or Celery; a mail server that hangs holds up nobody."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    def learn(self) -> None:
        """Remember whom to write to, for when the database is gone."""
        admins = User.objects.filter(role=Role.ADMIN, is_active=True).exclude(email="")
        self.addresses = list(admins.values_list("email", flat=True))

    def send(self, text: str) -> None:
        threading.Thread(target=self._send, args=(text, self.addresses), daemon=True, name="watchdog-mail").start()

    def _send(self, text: str, addresses: list[str]) -> None:
        if not addresses:
            return
        connection = get_connection(timeout=MAIL_TIMEOUT_S)
        subject = f"{settings.PROJECT_NAME}: {text[:80]}"
        mail = EmailMessage(subject, text, settings.DEFAULT_FROM_EMAIL, addresses, connection=connection)
        try:
            mail.send()
        except (OSError, smtplib.SMTPException) as error:
            log.error("alarm could not be mailed", error=str(error), text=text)
