"""Control limits: how far a ratio moves by itself when nothing about the process changes.

Individuals and moving range (XmR) after Shewhart and Wheeler, "Understanding Variation": centre ± 2.66 × the mean
distance between neighbours. 2.66 = 3 / 1.128, three sigma by the ranges of two.
"""

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean
from typing import NamedTuple

RANGES_TO_SIGMA = 2.66
ENOUGH = 8  # fewer periods say nothing about what is usual


class Limits(NamedTuple):
    low: float
    high: float


def limits(values: Sequence[float | None], centre: float | None) -> Limits | None:
    """None with too few known values. `centre` is the ratio of all periods together; a gap parts neighbours."""
    known = [value for value in values if value is not None]
    moves = [abs(b - a) for a, b in pairwise(values) if a is not None and b is not None]
    if centre is None or len(known) < ENOUGH or not moves:
        return None
    reach = RANGES_TO_SIGMA * fmean(moves)
    return Limits(centre - reach, centre + reach)
