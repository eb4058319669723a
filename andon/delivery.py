"""How a message leaves the house. One function per way; each returns when it is handed over, or raises."""

import json
import smtplib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.urls import reverse

from andon import webhook
from andon.domain.call import Priority
from andon.models import Call, CallEvent, Notification, WebhookTarget

TIMEOUT_S = 10
What = CallEvent.What


class DeliveryFailed(Exception):
    """It may work later; the message says what went wrong."""


class DeliveryRefused(DeliveryFailed):
    """It will not work until somebody changes a setting."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message with all that is needed to send it: the others it tells as well, and the webhook it goes to."""

    message: Notification
    others: Sequence[Notification] = ()
    target: WebhookTarget | None = None

    @property
    def all(self) -> list[Notification]:
        return [self.message, *self.others]


def send_email(letter: Letter) -> bool:
    message = letter.message
    if not message.recipient or not message.recipient.email:
        raise DeliveryRefused("The person has no e-mail address.")
    mail = EmailMessage(
        summary_subject(letter) if letter.others else subject(message.event, message.call),
        summary_body(letter) if letter.others else body(message.event, message.call),
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
    return False


def send_webhook(letter: Letter) -> bool:
    if letter.target is None or not letter.target.enabled:
        raise DeliveryRefused("The webhook was removed or switched off.")
    content = json.dumps(document(letter), ensure_ascii=False).encode()
    try:
        return webhook.call(letter.target.url, letter.target.secret, str(letter.message.pk), content)
    except webhook.Forbidden as forbidden:
        raise DeliveryRefused(str(forbidden)) from forbidden
    except webhook.NotAnswered as error:
        raise DeliveryFailed(str(error)) from error


CHANNELS: dict[str, Callable[[Letter], bool]] = {
    Notification.Channel.EMAIL: send_email,
    Notification.Channel.WEBHOOK: send_webhook,
}
"""Each says whether the other side knows already that the message arrived."""


# ---------------------------------------------------------------- mail


def _urgency(call: Call) -> str:
    return "1" if call.priority >= Priority.HIGH else "3"


def subject(event: CallEvent, call: Call) -> str:
    """ "L-BAG1: Maintenance needed – nobody has come"; what matters stands first, because telephones cut it off."""
    what = {
        What.RAISED: "needed",
        What.ESCALATED: f"still needed, level {event.level}",
        What.REMINDED: f"still needed, level {event.level}, reminder" if event.level else "still needed, time runs out",
        What.INHERITED: "still needed, your shift has it now",
        What.TRANSFERRED: "needed, you were sent",
        What.PRIORITY: f"needed, {Priority(call.priority).word} now",
        What.REPEATED: "called again",
        What.CLEARED: "may be over, the machine runs again",
        What.SHELVED: "shelved, nobody is told",
    }.get(What(event.what), event.what)
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


def summary_subject(letter: Letter) -> str:
    lines = sorted({message.call.line.code for message in letter.all})
    shown = ", ".join(lines[:3]) + (f" and {len(lines) - 3} more lines" if len(lines) > 3 else "")
    calls = len({message.call_id for message in letter.all})
    return f"{calls} more call{'s' * (calls != 1)} at {shown}"


def summary_body(letter: Letter) -> str:
    """One line for each message that would have come by itself, oldest first."""
    told = sorted(letter.all, key=lambda message: (message.event.at, message.pk))
    return "\n".join(
        [
            "Machines called so often that these messages come as one.",
            "",
            *(_summary_row(message.event, message.call) for message in told),
            "",
            "The andon board shows which of them are still open.",
            "",
        ]
    )


def _summary_row(event: CallEvent, call: Call) -> str:
    at = event.at.astimezone(call.line.site.zone)
    return f"{at:%d %b %H:%M}  {call.place}  {subject(event, call).partition(': ')[2]} (now {call.status})"


# ---------------------------------------------------------------- webhooks


def document(letter: Letter) -> dict[str, Any]:
    """What a webhook receives; described in docs/andon.md."""
    message = letter.message
    told = {"username": message.recipient.username, "name": str(message.recipient)} if message.recipient else None
    return {"id": str(message.pk), "recipient": told, **_told(message), "more": [_told(one) for one in letter.others]}


def _told(message: Notification) -> dict[str, Any]:
    event, call = message.event, message.call
    return {
        "event": event.what,
        "at": _iso(event.at),
        "level": event.level,
        "subject": subject(event, call),
        "text": event.text,
        "call": {
            "id": str(call.pk),
            "path": reverse("call", args=[call.pk]),
            "site": call.line.site.code,
            "line": call.line.code,
            "equipment": call.equipment.code if call.equipment else None,
            "kind": call.kind_id,
            "priority": Priority(call.priority).word,
            "status": call.status,
            "level": call.level,
            "source": call.source,
            "raised_at": _iso(call.raised_at),
            "raised_by": str(call.raised_by) if call.raised_by else None,
            "responder": str(call.responder) if call.responder else None,
            "note": call.note,
        },
    }


def _iso(moment: datetime) -> str:
    return moment.isoformat()
