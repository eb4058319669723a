"""The outbox: rows first, then delivery. At least once; the receiving mail program sees the same Message-ID twice."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.db import transaction

from andon.clock import database_now
from andon.delivery import CHANNELS, DeliveryFailed
from andon.models import CallEvent, Notification
from floor.models import User

log = structlog.get_logger(__name__)

# A claimed message belongs to its claimant for this long; one that died is taken over after it.
CLAIM = timedelta(seconds=90)
WAITS_S = (5, 15, 30, 60, 120, 300, 600, 900, 1800)  # then it is given up
AT_ONCE = 8
# So few that even a mail server that lets every one of them wait is done with them before the claim ends.
BATCH = 2 * AT_ONCE


def messages(
    event: CallEvent, people: Iterable[User], now: datetime, *, by_mail: bool = True, hold: timedelta = timedelta()
) -> list[Notification]:
    """Unsaved rows for everybody once. The bell is a row and nothing else; mail waits `hold` before it leaves."""
    rows = []
    for person in {p.pk: p for p in people}.values():
        common = {"call_id": event.call_id, "event": event, "recipient": person, "created_at": now}
        rows.append(Notification(channel=Notification.Channel.IN_APP, sent_at=now, **common))
        if by_mail and person.email:
            rows.append(Notification(channel=Notification.Channel.EMAIL, next_try_at=now + hold, **common))
    return rows


def deliver_pending(now: datetime | None = None) -> int:
    """Hand over one batch of what is due; return how many went out. Messages that fail wait and are tried again."""
    claimed = _claim(now or database_now())
    if not claimed:
        return 0
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="delivery") as pool:
        errors = list(pool.map(_hand_over, claimed))
    for message, error in zip(claimed, errors, strict=True):
        _mark(message, error, now or database_now())
    return errors.count(None)


@transaction.atomic
def _claim(now: datetime) -> list[Notification]:
    """Take messages so that no other process takes them too, and let go of the transaction before anything is sent."""
    due = Notification.objects.due(now).order_by("next_try_at").select_for_update(skip_locked=True, of=("self",))
    claimed = list(due.select_related("recipient", "event", "call__line__site", "call__equipment", "call__kind",
                                      "call__raised_by", "call__responder")[:BATCH])  # fmt: skip
    for message in claimed:
        message.tries += 1
        message.next_try_at = now + CLAIM
    Notification.objects.bulk_update(claimed, ["tries", "next_try_at"])
    return claimed


def _hand_over(message: Notification) -> str | None:
    """None when it went out, else what went wrong. Touches no database: it runs in a thread of its own."""
    try:
        CHANNELS[message.channel](message)
    except DeliveryFailed as failure:
        return str(failure)
    except Exception as error:
        log.error("message broken", message=str(message.pk), exc_info=error)
        return f"{type(error).__name__}: {error}"
    return None


def _mark(message: Notification, error: str | None, now: datetime) -> None:
    row = Notification.objects.pending().filter(pk=message.pk)
    if error is None:
        row.update(sent_at=now, next_try_at=None, error="")
        return
    write = partial(row.update, error=error[:300])
    if message.tries > len(WAITS_S):
        write(failed_at=now, next_try_at=None)
        log.error("message given up", message=str(message.pk), recipient=str(message.recipient), error=error)
    else:
        write(next_try_at=now + timedelta(seconds=WAITS_S[message.tries - 1]))
        log.warning("message not sent", message=str(message.pk), tries=message.tries, error=error)
