"""Writing messages: rows in the transaction that makes them due. How they leave stands in delivery.py beside this."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from django.db.models import Count

from andon.domain import flood, reach
from andon.domain.call import Priority
from andon.domain.quiet import Quiet, held_until
from andon.domain.reach import Way
from andon.models import Call, CallEvent, Notification, PersonalWay, QuietPeriod, WebhookTarget
from andon.models.notifications import NotificationQuerySet
from floor.models import User
from floor.models.shifts import calendar

Channel = Notification.Channel
# In this order for those who said nothing about it.
USUAL = (Channel.EMAIL, Channel.WEBHOOK)
# Not handed over after so long: the next way is tried as well.
PASS_ON_AFTER = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Telling:
    """An event and whom it is told to.

    `hold`: it waits so long before it leaves the house. `outward` False: the bell is enough. `is_public`: the plant's
    webhooks hear of it, too; once for each event.
    """

    event: CallEvent
    call: Call
    people: Sequence[User]
    hold: timedelta = timedelta()
    outward: bool = True
    is_public: bool = True


def tell(tellings: Sequence[Telling], now: datetime) -> None:
    """Write the messages of these events; at most one for each event, person and channel."""
    outbox = Outbox.read(tellings, now)
    rows = [row for telling in tellings for row in outbox.rows(telling)]
    # Who is told of an event already is not told again.
    Notification.objects.bulk_create(rows, ignore_conflicts=True)


@dataclass(frozen=True, slots=True)
class Ways:
    """By which ways people can be reached, and want to be."""

    wanted: Mapping[UUID, Sequence[Way]]
    with_webhook: frozenset[UUID]

    @classmethod
    def of(cls, people: Iterable[User], webhooks: Iterable[WebhookTarget]) -> Self:
        wanted: dict[UUID, list[Way]] = defaultdict(list)
        for row in PersonalWay.objects.filter(person__in={one.pk for one in people}).order_by("position", "channel"):
            wanted[row.person_id].append(row.value())
        return cls(wanted, frozenset(target.person_id for target in webhooks if target.person_id))

    def to(self, person: User, priority: int) -> tuple[str, ...]:
        open_to = ({Channel.EMAIL} if person.email else set()) | (
            {Channel.WEBHOOK} if person.pk in self.with_webhook else set()
        )
        return reach.ways(self.wanted.get(person.pk, ()), USUAL, open_to, Priority(priority))


@dataclass(slots=True)
class Outbox:
    """What has to be known to write the messages of one round, read once."""

    now: datetime
    ways: Ways
    plant_targets: Sequence[WebhookTarget]
    quiet: Sequence[Quiet]
    told_lately: Counter[UUID]
    summaries: dict[tuple[UUID, str], Notification] = field(default_factory=dict)

    @classmethod
    def read(cls, tellings: Sequence[Telling], now: datetime) -> Self:
        webhooks = list(WebhookTarget.objects.filter(enabled=True))
        outward = [telling for telling in tellings if telling.outward]
        people = {one.pk: one for telling in outward for one in telling.people}
        flooded = {one.pk for telling in outward if _may_be_bundled(telling.call) for one in telling.people}
        return cls(
            now,
            Ways.of(people.values(), webhooks),
            [target for target in webhooks if target.person_id is None],
            [row.value() for row in QuietPeriod.objects.filter(enabled=True)] if outward or webhooks else [],
            _told_lately(flooded, now),
            _open_summaries(flooded),
        )

    def rows(self, telling: Telling) -> Iterator[Notification]:
        for person in {one.pk: one for one in telling.people}.values():
            yield from self._to_person(telling, person)
        if telling.is_public:
            yield from self._to_plant(telling)

    def _to_person(self, telling: Telling, person: User) -> Iterator[Notification]:
        yield self._row(telling, recipient=person, channel=Channel.IN_APP, sent_at=self.now)
        channels = self.ways.to(person, telling.call.priority) if telling.outward else ()
        if channels:
            leaves, held = self._leaves(telling)
            row = self._row(telling, recipient=person, channel=channels[0], held_until=held, next_try_at=leaves)
            if _may_be_bundled(telling.call):
                self._bundle(row, person.pk, leaves)
            if len(channels) > 1 and row.next_try_at:
                row.pass_on_at = row.next_try_at + PASS_ON_AFTER
            yield row

    def _to_plant(self, telling: Telling) -> Iterator[Notification]:
        for target in self.plant_targets:
            if target.asks_for(telling.call):
                leaves, held = self._leaves(telling)
                yield self._row(telling, target=target, channel=Channel.WEBHOOK, held_until=held, next_try_at=leaves)

    def _row(self, telling: Telling, **values: object) -> Notification:
        return Notification(call=telling.call, event=telling.event, created_at=self.now, **values)

    def _leaves(self, telling: Telling) -> tuple[datetime, datetime | None]:
        """When it may leave, and until when it was held back for that."""
        leaves = self.now + telling.hold
        held = self._held_until(telling.call, leaves)
        return held or leaves, held

    def _held_until(self, call: Call, leaves: datetime) -> datetime | None:
        line = call.line
        periods = [quiet for quiet in self.quiet if quiet.concerns(line.site_id, line.pk, Priority(call.priority))]
        if not periods:
            return None

        def next_shift(moment: datetime) -> datetime | None:
            following = calendar(line).next_start(moment)
            return following.starts_at if following else None

        return held_until(periods, leaves, line.site.zone, next_shift)

    def _bundle(self, row: Notification, person: UUID, wanted: datetime) -> None:
        """Beyond the measure, put the message into the summary that leaves next, or make it one."""
        leaves = flood.leaves_at(wanted, self.told_lately[person], held=row.held_until is not None)
        self.told_lately[person] += 1
        if leaves is None:
            return
        summary = self.summaries.get((person, row.channel))
        if summary is not None and summary.next_try_at and wanted <= summary.next_try_at <= leaves:
            row.bundled_into, row.next_try_at = summary, None
        else:
            row.is_summary, row.next_try_at = True, leaves
            self.summaries[person, row.channel] = row


def _may_be_bundled(call: Call) -> bool:
    return flood.may_be_bundled(call.source == Call.Source.MACHINE, Priority(call.priority))


def _told_lately(people: set[UUID], now: datetime) -> Counter[UUID]:
    """How many messages that could have been bundled each was sent in the last ten minutes."""
    if not people:
        return Counter()
    rows = Notification.objects.filter(
        recipient__in=people, created_at__gt=now - flood.WITHIN, channel__in=USUAL, cancelled_at=None,
        call__source=Call.Source.MACHINE, call__priority__lt=Priority.CRITICAL,
    )  # fmt: skip
    return Counter(dict(rows.values_list("recipient").annotate(Count("event", distinct=True))))


def _open_summaries(people: set[UUID]) -> dict[tuple[UUID, str], Notification]:
    """Summaries that nobody else is just adding to or sending; they stay as they are until we are done."""
    if not people:
        return {}
    rows = Notification.objects.joinable().filter(recipient__in=people).order_by("next_try_at", "pk")
    locked = rows.select_for_update(skip_locked=True, no_key=True)
    return {(row.recipient_id, row.channel): row for row in locked if row.recipient_id}


def update_in_order(rows: NotificationQuerySet, **values: Any) -> int:
    """Change rows that others may be changing, too: all lock them in one order, so that nobody waits in a circle."""
    keys = list(rows.order_by("pk").select_for_update(no_key=True, of=("self",)).values_list("pk", flat=True))
    return Notification.objects.filter(pk__in=keys).update(**values)
