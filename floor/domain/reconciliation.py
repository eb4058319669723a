"""What a counter says about a span of time, against the parts that were booked in it.

The counter is taken at both ends only, so the result does not depend on how the differences in between were
added up; what was not plain counting is put right by what was noted when it happened.
"""

from collections.abc import Iterable
from typing import NamedTuple

from floor.domain.machine import CounterEventKind

NOT_COUNTED = (CounterEventKind.FIRST, CounterEventKind.QUARANTINE)


class Jump(NamedTuple):
    """Something other than plain counting: the counter went from `before` to `after`, `delta` parts were told."""

    kind: CounterEventKind
    before: int | None
    after: int
    delta: int

    @property
    def correction(self) -> int:
        """Parts booked at this jump less what the two values would say."""
        counted = 0 if self.kind in NOT_COUNTED else self.delta
        return counted if self.before is None else counted - (self.after - self.before)


def expected(opening: int | None, closing: int | None, jumps: Iterable[Jump]) -> int:
    """Parts between the last believed values before and within a span; a counter that was not read made none."""
    if opening is None or closing is None:
        return 0
    return closing - opening + sum(jump.correction for jump in jumps)


def difference(counter_says: int, booked: int, in_minutes: int) -> int:
    """The larger error: of the booked parts against the counter, or of the minutes made from them. 0 is right."""
    return max(booked - counter_says, in_minutes - counter_says, key=abs)
