"""What a call for help is, and what can happen to it."""

from datetime import timedelta
from enum import IntEnum, StrEnum

UNDO_WITHIN = timedelta(seconds=5)
# A tap in the last moment of the five seconds is still on its way for a while.
UNDO_TRAVEL = timedelta(seconds=2)
# Longer ago, another call is the honest way to say that it broke again.
REOPEN_WITHIN = timedelta(hours=24)


class Priority(IntEnum):
    """A larger number is more urgent."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def word(self) -> str:
        return self.name.lower()


class Status(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    ARRIVED = "arrived"
    RESOLVED = "resolved"
    REJECTED = "rejected"  # looked at, and there was nothing to do
    CANCELLED = "cancelled"  # taken back at once by whoever called
    SHELVED = "shelved"  # recorded, but nobody is told


class Deed(StrEnum):
    """What people do with a call."""

    ACKNOWLEDGE = "acknowledge"
    TRANSFER = "transfer"
    ARRIVE = "arrive"
    RESOLVE = "resolve"
    REJECT = "reject"
    REOPEN = "reopen"
    CANCEL = "cancel"
    UNSHELVE = "unshelve"


LIVE = (Status.OPEN, Status.ACKNOWLEDGED, Status.ARRIVED)
# Nothing is waited for any more.
OVER = (Status.RESOLVED, Status.REJECTED)

# However often it was escalated, a call can be acknowledged, attended and resolved.
# Whoever arrives, resolves or sends somebody without having acknowledged has thereby answered the call.
TRANSITIONS: dict[Deed, dict[Status, Status]] = {
    Deed.ACKNOWLEDGE: {Status.OPEN: Status.ACKNOWLEDGED},
    Deed.TRANSFER: dict.fromkeys(LIVE, Status.ACKNOWLEDGED),
    Deed.ARRIVE: {Status.OPEN: Status.ARRIVED, Status.ACKNOWLEDGED: Status.ARRIVED},
    Deed.RESOLVE: dict.fromkeys(LIVE, Status.RESOLVED),
    Deed.REJECT: dict.fromkeys(LIVE, Status.REJECTED),
    Deed.REOPEN: dict.fromkeys(OVER, Status.OPEN),
    Deed.CANCEL: {Status.OPEN: Status.CANCELLED},
    Deed.UNSHELVE: {Status.SHELVED: Status.OPEN},
}


def after(deed: Deed, status: Status) -> Status | None:
    """The status that `deed` leads to; None if it is not possible from here."""
    return TRANSITIONS[deed].get(status)
