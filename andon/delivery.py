"""How a message leaves the house. One function per channel; each returns when it is handed over, or raises."""

import smtplib
from collections.abc import Callable

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from andon.domain.call import Priority
from andon.models import Call, CallEvent, Notification

TIMEOUT_S = 10


class DeliveryFailed(Exception):
    """It may work later; the message says what went wrong."""


def send_email(message: Notification) -> None:
    mail = EmailMessage(
        subject(message.event, message.call),
        body(message.event, message.call),
        settings.DEFAULT_FROM_EMAIL,
        [message.recipient.email],
        # The same message sent twice, because we died between sending and noting it, is shown once.
        headers={"Message-ID": f"<{message.pk}@ms5>", "X-Priority": _urgency(message.call)},
        connection=get_connection(timeout=TIMEOUT_S),
    )
    try:
        mail.send()
    except (OSError, smtplib.SMTPException) as error:
        raise DeliveryFailed(f"mail server: {error or type(error).__name__}") from error


def keep_in_app(message: Notification) -> None:
    """The row is the message; the bell reads it."""


CHANNELS: dict[str, Callable[[Notification], None]] = {
    Notification.Channel.IN_APP: keep_in_app,
    Notification.Channel.EMAIL: send_email,
}


def _urgency(call: Call) -> str:
    return "1" if call.priority >= Priority.HIGH else "3"


def subject(event: CallEvent, call: Call) -> str:
    """ "L-BAG1: Maintenance needed – nobody has come"; what matters stands first, because telephones cut it off."""
    what = {
        CallEvent.What.RAISED: "needed",
        CallEvent.What.ESCALATED: f"still needed, level {event.level}",
        CallEvent.What.REMINDED: f"still needed, level {event.level}, reminder",
    }.get(CallEvent.What(event.what), event.what)
    return f"{call.line.code}: {call.kind.label} {what}"


def body(event: CallEvent, call: Call) -> str:
    zone = call.line.site.zone
    rows = [
        f"Line       {call.line.code} {call.line.name}",
        f"Machine    {call.equipment.code} {call.equipment.name}" if call.equipment else "",
        f"Help       {call.kind.label}, priority {Priority(call.priority).word}",
        f"Called     {call.raised_at.astimezone(zone):%d %b %H:%M:%S} by {call.caller}",
        f"Coming     {call.responder or 'nobody yet'}",
        f"Note       {call.note}" if call.note else "",
        f"This mail  {event.text} ({event.at.astimezone(zone):%H:%M:%S})",
        "",
        "Acknowledge the call on the andon board, so that others know you are coming.",
    ]
    return "\n".join(row for i, row in enumerate(rows) if row or i == len(rows) - 2) + "\n"
