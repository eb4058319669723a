"""What several tiles say alike."""

from datetime import datetime

from floor.glance import once
from floor.models import Line, MachineState
from floor.models.shifts import calendar
from oee.domain.clock import SECOND_MS
from oee.rows import product_name
from oee.shift import Shift

NOT_SCHEDULED = "Not scheduled"


@once
def shift_of(line: Line, now: datetime) -> Shift | None:
    window = calendar(line).at(now)
    return None if window is None else Shift(line, window, now)


def product_of(line: Line, seen: MachineState | None) -> str | None:
    return None if seen is None or seen.product_number is None else product_name((line, seen.product_number))


def spell(ms: int) -> str:
    """6 h 12 min, 12 min 5 s, 40 s."""
    seconds = abs(ms) // SECOND_MS
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    sign = "−" if ms < 0 else ""
    if hours:
        return f"{sign}{hours} h {minutes} min"
    return f"{sign}{minutes} min {rest} s" if minutes else f"{sign}{rest} s"
