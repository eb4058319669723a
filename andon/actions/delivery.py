"""Handing messages over: at least once; whoever receives one twice sees the same Message-ID or Idempotency-Key."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, Window
from django.db.models.functions import RowNumber

from andon.actions.notifications import PASS_ON_AFTER, USUAL, Ways, update_in_order
from andon.clock import database_now
from andon.delivery import CHANNELS, DeliveryFailed, DeliveryRefused, Letter
from andon.domain.call import OVER
from andon.models import Notification, WebhookTarget

log = structlog.get_logger(__name__)

Channel = Notification.Channel
# A claimed message belongs to its claimant for this long; one that died is taken over after it.
CLAIM = timedelta(seconds=90)
WAITS_S = (5, 15, 30, 60, 120, 300, 600, 900, 1800)  # then it is given up
AT_ONCE = 8
# At once to one receiver: one that never answers takes so many places and leaves the others free.
AT_ONCE_EACH = 2
PASSED_ON_AT_ONCE = 100


class Lane:
    """Hands over by some ways, several messages at once. What hangs takes one place and holds up nothing else."""

    def __init__(self, channels: Collection[str] = tuple(CHANNELS)) -> None:
        self.channels = tuple(channels)
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix=f"delivery-{'-'.join(self.channels)}")
        self._running: dict[Future[Outcome], Letter] = {}

    def turn(self, now: datetime | None = None, *, patience_s: float = 0.5) -> int:
        """Note what is done and begin what is due; return how many were begun or done. Waits a little for an end."""
        moment = now or database_now()
        drop_overtaken(moment)
        pass_on(moment)
        begun = self._begin(moment)
        if self._running:
            wait(self._running, timeout=patience_s, return_when=FIRST_COMPLETED)
        return begun + self._note(now)

    def finish(self, *, within_s: float) -> None:
        """Begin nothing new and note what ends in time; the rest is taken over when its claim ends."""
        wait(self._running, timeout=within_s)
        self._note(None)
        self._pool.shutdown(wait=False)

    def drain(self, now: datetime) -> int:
        """Hand over all that is due at `now`, and wait for it; return how many went out."""
        sent = 0
        with self._pool:
            while self._begin(now):
                wait(self._running)
                sent += sum(future.result().is_sent for future in self._running)
                self._note(now)
        return sent

    def _begin(self, now: datetime) -> int:
        busy = Counter(_receiver(letter.message) for letter in self._running.values())
        full = [receiver for receiver, places in busy.items() if places >= AT_ONCE_EACH]
        letters = _claim(now, self.channels, AT_ONCE - len(self._running), full)
        for letter in letters:
            self._running[self._pool.submit(_hand_over, letter)] = letter
        return len(letters)

    def _note(self, now: datetime | None) -> int:
        done = {future: self._running[future] for future in self._running if future.done()}
        if done:
            _mark([(letter, future.result()) for future, letter in done.items()], now or database_now())
        for future in done:  # after it was written: what could not be, is written the next time
            del self._running[future]
        return len(done)


class Outcome:
    """`error` empty: it went out. `is_final`: trying again is of no use."""

    __slots__ = ("error", "is_delivered", "is_final")

    def __init__(self, error: str = "", *, is_final: bool = False, is_delivered: bool = False) -> None:
        self.error, self.is_final, self.is_delivered = error, is_final, is_delivered

    @property
    def is_sent(self) -> bool:
        return not self.error


def deliver_pending(now: datetime | None = None) -> int:
    """Hand over what is due and wait until it went out or failed; return how many went out."""
    moment = now or database_now()
    drop_overtaken(moment)
    pass_on(moment)
    return Lane().drain(moment)


def _receiver(message: Notification) -> UUID | int | None:
    return message.recipient_id or message.target_id


@transaction.atomic
def _claim(now: datetime, channels: Collection[str], room: int, full: Sequence[object]) -> list[Letter]:
    """Take messages so that no other process takes them too, and let go of the transaction before anything is sent."""
    if not room:
        return []
    due = Notification.objects.due(now).filter(channel__in=channels)
    people = [one for one in full if isinstance(one, UUID)]
    targets = [one for one in full if isinstance(one, int)]
    due = due.exclude(recipient__isnull=False, recipient__in=people).exclude(target__isnull=False, target__in=targets)
    turn = Window(RowNumber(), partition_by=[F("recipient"), F("target")], order_by=[F("next_try_at")])
    fair = due.annotate(turn=turn).filter(turn__lte=AT_ONCE_EACH).order_by("next_try_at").values_list("pk", flat=True)
    chosen = Notification.objects.due(now).filter(pk__in=list(fair[: 2 * room])).order_by("next_try_at")
    claimed = list(chosen.for_delivery().select_for_update(skip_locked=True, of=("self",))[:room])
    for message in claimed:
        message.tries += 1
        message.next_try_at = now + CLAIM
    Notification.objects.bulk_update(claimed, ["tries", "next_try_at"])
    return _letters(claimed)


def _letters(claimed: Sequence[Notification]) -> list[Letter]:
    """With everything that is needed: they are sent in threads that ask no database."""
    others: dict[UUID, list[Notification]] = defaultdict(list)
    summaries = [message.pk for message in claimed if message.is_summary]
    if summaries:
        for row in Notification.objects.pending().filter(bundled_into__in=summaries).for_delivery():
            others[row.bundled_into_id].append(row)  # type: ignore[index]
    people = [m.recipient_id for m in claimed if m.channel == Channel.WEBHOOK and m.recipient_id]
    own = {row.person_id: row for row in WebhookTarget.objects.filter(person__in=people)} if people else {}
    return [Letter(m, others.get(m.pk, ()), m.target or own.get(m.recipient_id)) for m in claimed]


def _hand_over(letter: Letter) -> Outcome:
    """Touches no database: it runs in a thread of its own."""
    try:
        return Outcome(is_delivered=CHANNELS[letter.message.channel](letter))
    except DeliveryFailed as failure:
        return Outcome(str(failure), is_final=isinstance(failure, DeliveryRefused))
    except Exception as error:
        log.error("message broken", message=str(letter.message.pk), exc_info=error)
        return Outcome(f"{type(error).__name__}: {error}")


@transaction.atomic
def _mark(done: Sequence[tuple[Letter, Outcome]], now: datetime) -> None:
    for is_delivered in (False, True):
        went = [letter for letter, outcome in done if outcome.is_sent and outcome.is_delivered == is_delivered]
        rows = Notification.objects.pending().filter(pk__in=[message.pk for letter in went for message in letter.all])
        if went:
            update_in_order(
                rows,
                sent_at=now,
                delivered_at=now if is_delivered else None,
                next_try_at=None,
                pass_on_at=None,
                error="",
            )  # fmt: skip
    for letter, outcome in done:
        if not outcome.is_sent:
            _mark_failed(letter, outcome, now)


def _mark_failed(letter: Letter, outcome: Outcome, now: datetime) -> None:
    message, error = letter.message, outcome.error[:300]
    itself = Notification.objects.pending().filter(pk=message.pk)
    if outcome.is_final or message.tries > len(WAITS_S):
        itself.exclude(pass_on_at=None).update(pass_on_at=now)
        itself.update(error=error, next_try_at=None)
        update_in_order(Notification.objects.pending().filter(pk__in=[one.pk for one in letter.all]), failed_at=now)
        log.error("message given up", message=str(message.pk), receiver=message.receiver, error=error)
    else:
        itself.update(error=error, next_try_at=now + timedelta(seconds=WAITS_S[message.tries - 1]))
        log.warning("message not sent", message=str(message.pk), tries=message.tries, error=error)


@transaction.atomic
def pass_on(now: datetime) -> int:
    """Try the next way for what was not handed over within half a minute; return how many messages were written.

    The first way goes on trying. No way is used twice for one event and person.
    """
    rows = Notification.objects.to_pass_on(now).order_by("pass_on_at").select_related("recipient", "call")
    late = list(rows.select_for_update(skip_locked=True, no_key=True, of=("self",))[:PASSED_ON_AT_ONCE])
    if not late:
        return 0
    people = {row.recipient for row in late if row.recipient}
    ways = Ways.of(people, WebhookTarget.objects.filter(person__in=people, enabled=True))
    used: dict[tuple[int, UUID | None], set[str]] = defaultdict(set)
    for event, person, channel in Notification.objects.filter(
        event__in=[row.event_id for row in late], recipient__in=people, channel__in=USUAL
    ).values_list("event", "recipient", "channel"):
        used[event, person].add(channel)
    written = [row for one in late for row in _passed_on(one, ways, used[one.event_id, one.recipient_id], now)]
    Notification.objects.bulk_create(written, ignore_conflicts=True)
    Notification.objects.filter(pk__in=[row.pk for row in late]).update(pass_on_at=None)
    return len(written)


def _passed_on(message: Notification, ways: Ways, used: set[str], now: datetime) -> list[Notification]:
    """The same by the next way, with what the message tells besides."""
    if message.recipient is None:
        return []
    left = [channel for channel in ways.to(message.recipient, message.call.priority) if channel not in used]
    if not left:
        return []
    following = Notification(
        call_id=message.call_id, event_id=message.event_id, recipient_id=message.recipient_id, channel=left[0],
        created_at=now, next_try_at=now, pass_on_at=now + PASS_ON_AFTER if len(left) > 1 else None,
        is_summary=message.is_summary,
    )  # fmt: skip
    others = message.bundled.all() if message.is_summary else ()
    return [following] + [
        Notification(
            call_id=one.call_id, event_id=one.event_id, recipient_id=one.recipient_id, channel=left[0],
            created_at=now, bundled_into=following,
        )
        for one in others
    ]  # fmt: skip


@transaction.atomic
def drop_overtaken(now: datetime) -> int:
    """What was held back says nothing any more once its call is over; a summary, once all of its calls are."""
    alive = Notification.objects.pending().filter(bundled_into=OuterRef("pk")).exclude(call__status__in=OVER)
    overtaken = Notification.objects.overtaken().due(now).exclude(Exists(alive)).values_list("pk", flat=True)
    dropped = list(overtaken)
    if dropped:
        both = Notification.objects.pending().filter(Q(pk__in=dropped) | Q(bundled_into__in=dropped))
        update_in_order(both, cancelled_at=now, next_try_at=None, pass_on_at=None)
    return len(dropped)
