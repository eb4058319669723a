"""What a call for help is, and what can happen to it."""

from datetime import timedelta
from enum import IntEnum, StrEnum

UNDO_WITHIN = timedelta(seconds=5)
# A tap in the last moment of the five seconds is still on its way for a while.
UNDO_TRAVEL = timedelta(seconds=2)


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
    CANCELLED = "cancelled"


class Deed(StrEnum):
    """What people do with a call."""

    ACKNOWLEDGE = "acknowledge"
    ARRIVE = "arrive"
    RESOLVE = "resolve"
    CANCEL = "cancel"


# However often it was escalated, a call can be acknowledged, attended and resolved.
# Whoever arrives or resolves without having acknowledged has thereby answered the call.
TRANSITIONS: dict[Deed, dict[Status, Status]] = {
    Deed.ACKNOWLEDGE: {Status.OPEN: Status.ACKNOWLEDGED},
    Deed.ARRIVE: {Status.OPEN: Status.ARRIVED, Status.ACKNOWLEDGED: Status.ARRIVED},
    Deed.RESOLVE: {
        Status.OPEN: Status.RESOLVED,
        Status.ACKNOWLEDGED: Status.RESOLVED,
        Status.ARRIVED: Status.RESOLVED,
    },
    Deed.CANCEL: {Status.OPEN: Status.CANCELLED},
}

LIVE = (Status.OPEN, Status.ACKNOWLEDGED, Status.ARRIVED)


def after(deed: Deed, status: Status) -> Status | None:
    """The status that `deed` leads to; None if it is not possible from here."""
    return TRANSITIONS[deed].get(status)
