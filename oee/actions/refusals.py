"""Why people are told no, in words for the person at the screen."""


class StopGone(LookupError):
    """The stop is not there (any more)."""


class UnknownReason(ValueError):
    """The reason is not in the catalogue, was taken out of use, or does not fit what is asked."""


class NeedsWords(UnknownReason):
    """The reason says nothing by itself; the person has to."""


class ShiftClosed(PermissionError):
    """The shift in which it happened was closed, and this person may not reopen it."""


class SomebodyWasFaster(Exception):
    """Between looking and tapping somebody else changed the same thing; says who and what."""


class ImpossibleTime(ValueError):
    """The time lies in the future, ends before it begins, or is not where it would have to be."""


class ImpossibleCount(ValueError):
    """A number of parts that cannot be."""


class NeedsSupervisor(PermissionError):
    """A supervisor has to agree to this."""


class AlreadyDone(Exception):
    """What is asked for has been done, or undone, before; says by whom."""
