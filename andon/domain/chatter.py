"""Sources that call so often that nobody can act on it. Figures of ISA-18.2 and EEMUA 191."""

from collections.abc import Sequence
from datetime import datetime, timedelta

A_MINUTE, AN_HOUR = timedelta(minutes=1), timedelta(hours=1)
IN_A_MINUTE, IN_AN_HOUR = 3, 10


def most_within(times: Sequence[datetime], span: timedelta) -> int:
    """The largest number of these moments, in order, that fall into any stretch shorter than `span`."""
    most = first = 0
    for last, moment in enumerate(times):
        while moment - times[first] >= span:
            first += 1
        most = max(most, last - first + 1)
    return most


def chatters(times: Sequence[datetime]) -> bool:
    return most_within(times, A_MINUTE) >= IN_A_MINUTE or most_within(times, AN_HOUR) >= IN_AN_HOUR
