"""Time in which nobody saw a machine, milliseconds, half-open."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

Span = tuple[int, int]


class Sight(NamedTuple):
    """From `at` on the machine was seen, or was not."""

    at: int
    is_seen: bool


def unseen(sights: Sequence[Sight], seen_until: int | None, start: int, end: int) -> list[Span]:
    """Stretches of [start, end) without sight. `sights` in time order; nothing is known before the first of them.

    `seen_until` is when the machine was last seen: what is said from then on is not known to hold.
    """
    if seen_until is None:
        return [(start, end)]
    steps = [
        Sight(start, False),
        *(s for s in sights if s.at < seen_until),
        Sight(seen_until, False),
        Sight(end, False),
    ]
    found = [(max(a.at, start), min(b.at, end)) for a, b in pairwise(steps) if not a.is_seen]
    return list(_joined(span for span in found if span[0] < span[1]))


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    before: Span | None = None
    for span in spans:
        if before is not None and before[1] == span[0]:
            before = (before[0], span[1])
            continue
        if before is not None:
            yield before
        before = span
    if before is not None:
        yield before


def without(spans: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """What is left of `spans` outside `taken`."""
    left = list(spans)
    for start, end in taken:
        left = [
            piece
            for since, until in left
            for piece in ((since, min(until, start)), (max(since, end), until))
            if piece[0] < piece[1]
        ]
    return left


def cut(spans: Iterable[Span], hours: Sequence[Span], shortest: int) -> list[Span]:
    """The parts of `spans` in each of `hours`; those shorter than `shortest` are not worth a word."""
    pieces = [(max(start, since), min(end, until)) for start, end in spans for since, until in hours]
    return sorted(piece for piece in pieces if piece[1] - piece[0] >= shortest)
