"""How fast a line is going, from what it made minute by minute."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from oee.domain.clock import MINUTE_MS

# A minute says something about speed when the machine ran through (nearly) all of it.
FULL_MINUTE_MS = 55_000
SLOW_AFTER_MINUTES = 2


class Minute(NamedTuple):
    start: int
    made: int
    rejected: int
    run_ms: int
    ideal_ms: int | None  # what these parts would take at ideal speed; None when no standard is known


class Expected(NamedTuple):
    """From `start` on the plan counts on this many good parts a minute, until the next one."""

    start: int
    per_min: float


def target(expected: Sequence[Expected], planned_ms: Callable[[int, int], int], start: int, until: int) -> int:
    """Good parts the plan counts on in [start, until); `planned_ms` tells planned time between two moments.

    Whole parts of one running sum: the targets of the hours add up to that of the shift.
    """
    total = 0.0
    for place, (begins, per_min) in enumerate(expected):
        ends = expected[place + 1].start if place + 1 < len(expected) else until
        total += per_min * planned_ms(max(begins, start), min(ends, until)) / MINUTE_MS
    return int(total)


def projected(good: int, recent_good: int, recent_ms: int, remaining_ms: int) -> int | None:
    """Good parts at the end of the shift if it goes on as in the recent past; None when there is no past yet."""
    if recent_ms < 2 * MINUTE_MS:
        return None
    return good + recent_good * remaining_ms // recent_ms


def done_in_ms(remaining: int, recent_good: int, recent_ms: int) -> int | None:
    """How long the remaining good parts take at the pace of the recent past; None: they are made, or none are."""
    if remaining <= 0 or recent_good <= 0:
        return None
    return remaining * recent_ms // recent_good


def slow_share(minutes: Sequence[Minute], slow_below: float) -> float | None:
    """Speed as a share of ideal when the last two full minutes were both slow, else None."""
    last = minutes[-SLOW_AFTER_MINUTES:]
    if len(last) < SLOW_AFTER_MINUTES or not all(_is_slow(minute, slow_below) for minute in last):
        return None
    return sum(m.ideal_ms or 0 for m in last) / sum(m.run_ms for m in last)


def slow_spans(minutes: Iterable[Minute], slow_below: float) -> list[tuple[int, int]]:
    """Stretches of at least two slow minutes in a row."""
    spans: list[tuple[int, int]] = []
    for minute in minutes:
        if not _is_slow(minute, slow_below):
            continue
        if spans and spans[-1][1] == minute.start:
            spans[-1] = (spans[-1][0], minute.start + MINUTE_MS)
        else:
            spans.append((minute.start, minute.start + MINUTE_MS))
    return [span for span in spans if span[1] - span[0] >= SLOW_AFTER_MINUTES * MINUTE_MS]


def _is_slow(minute: Minute, slow_below: float) -> bool:
    if minute.run_ms < FULL_MINUTE_MS or minute.ideal_ms is None:
        return False
    return minute.ideal_ms < slow_below * minute.run_ms
