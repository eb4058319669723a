"""What happened, told to programs as it happens: a hint with an address, never the thing itself.

A hint may be lost. Each names the one before it of the same subscription, so that a gap shows; then, and after every
reconnect, the address of the snapshot tells how things stand.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Max
from django.urls import reverse

from andon.models import CallEvent
from floor.models import User
from floor.roles import Capability, can

# A transaction that began earlier may end later: numbers just below the newest one can still appear.
# Two escalators in a flood write some hundred lines of history each before either of them ends.
LOOK_BACK = 2_000
REMEMBERED = 5 * LOOK_BACK
AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Hint:
    number: int
    line: str  # code
    what: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Feed:
    """`follows`: topics after whose announcement there may be news.

    `numbers` gives all above its argument, in order; `read` the hints of these numbers.
    """

    capability: Capability
    follows: frozenset[str]
    snapshot: str  # name of the route
    newest: Callable[[], int]
    numbers: Callable[[int], list[int]]
    read: Callable[[Sequence[int]], list[Hint]]


What = CallEvent.What
_NAMES = {
    What.RAISED: "andon_event",
    What.RESOLVED: "andon_resolved",
    What.REJECTED: "andon_resolved",
    What.ESCALATED: "escalation_event",
    What.REMINDED: "escalation_reminder",
    What.INHERITED: "escalation_status_update",
}


def _newest_call_event() -> int:
    return CallEvent.objects.aggregate(newest=Max("pk"))["newest"] or 0


def _numbers_of_call_events(above: int) -> list[int]:
    return list(CallEvent.objects.filter(pk__gt=above).order_by("pk").values_list("pk", flat=True)[:REMEMBERED])


def _call_events(numbers: Sequence[int]) -> list[Hint]:
    rows = CallEvent.objects.filter(pk__in=numbers).select_related("call__line").order_by("pk")
    return [Hint(row.pk, row.call.line.code, _told(row)) for row in rows]


def _told(row: CallEvent) -> dict[str, Any]:
    return {
        "event": _NAMES.get(What(row.what), "andon_event_updated"),
        "action": row.what,
        "id": str(row.call_id),
        "at": row.at.isoformat(timespec="milliseconds"),
        "url": reverse("api:andon-event", args=[row.call_id]),
    }


FEEDS: dict[str, Feed] = {
    "andon_events": Feed(
        Capability.VIEW_FLOOR,
        frozenset({"calls"}),
        "api:andon-active",
        _newest_call_event,
        _numbers_of_call_events,
        _call_events,
    ),
}


def may_hear(user: User, topic: str) -> bool:
    return can(user, FEEDS[topic].capability)


class Reader:
    """Where one feed has been read up to, and which of the newest hints were told."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._newest: int | None = None
        self._told: deque[int] = deque(maxlen=REMEMBERED)

    def news(self) -> list[Hint]:
        """What was not told before; nothing at the first look, because a snapshot tells that."""
        if self._newest is None:
            self._newest = self._feed.newest()
            self._told.extend(self._feed.numbers(self._newest - LOOK_BACK))
            return []
        told = set(self._told)
        fresh = [number for number in self._feed.numbers(self._newest - LOOK_BACK) if number not in told][:AT_ONCE]
        found = self._feed.read(fresh) if fresh else []
        self._told.extend(fresh)
        self._newest = max([self._newest, *fresh])
        return found
