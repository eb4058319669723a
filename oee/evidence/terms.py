"""Which intervals and counts make up the numerator and the denominator of each figure."""

from collections.abc import Callable
from typing import NamedTuple

from oee.domain.factors import PLANNED_STANDSTILL, TIME_COLUMNS
from oee.domain.kpis import BY_CODE
from oee.domain.readings import Reading
from oee.evidence.count import CountLine
from oee.evidence.interval import Interval

Columns = Callable[[Reading], frozenset[str]]


class Term(NamedTuple):
    """One side of a fraction: what an interval and a line of counts add to it; None: they have no part in it."""

    of_interval: Callable[[Interval], int] | None = None
    of_count: Callable[[CountLine], int] | None = None


class Terms(NamedTuple):
    above: Term
    below: Term


def _time(columns: Columns) -> Term:
    return Term(of_interval=lambda interval: _lasted(interval, columns))


def _lasted(interval: Interval, columns: Columns) -> int:
    return interval.lasted_ms if interval.column in columns(interval.reading) else 0


def _in(*columns: str) -> Term:
    return _time(lambda _: frozenset(columns))


def _count(of_count: Callable[[CountLine], int]) -> Term:
    return Term(of_count=of_count)


PLANNED = _time(lambda reading: reading.planned)
OPERATING = _time(lambda reading: reading.operating)
CALENDAR = _in(*TIME_COLUMNS)
STAFFED = _time(lambda reading: reading.planned | {"idle_ms", *PLANNED_STANDSTILL})
SCHEDULED = tuple(name for name in TIME_COLUMNS if name not in ("off_shift_ms", "break_ms"))
RUNNING = _in("run_ms")
DELAYS = ("stop_ms", "external_stop_ms", "minor_stop_ms")
FAILURES = Term(of_interval=lambda interval: interval.failures)
MINOR_STOPS = Term(of_interval=lambda interval: interval.minor_stops)
IDEAL_MADE = _count(lambda line: line.ideal_made_ms)
IDEAL_GOOD = _count(lambda line: line.ideal_good_ms)
MADE = _count(lambda line: line.made)
GOOD_AT_ONCE = _count(lambda line: line.made - line.rejected)
NOTHING = Term()

BY_TIME, BY_PIECES = "quality", "quality by pieces"
TERMS = {
    "availability": Terms(OPERATING, PLANNED),
    "performance": Terms(IDEAL_MADE, OPERATING),
    BY_TIME: Terms(IDEAL_GOOD, IDEAL_MADE),
    BY_PIECES: Terms(GOOD_AT_ONCE, MADE),
    "oee": Terms(IDEAL_GOOD, PLANNED),
    "ooe": Terms(IDEAL_GOOD, STAFFED),
    "utilization": Terms(PLANNED, CALENDAR),
    "teep": Terms(IDEAL_GOOD, CALENDAR),
    "lost": Terms(Term(PLANNED.of_interval, lambda line: -line.ideal_good_ms), PLANNED),
    "completeness": Terms(_in(*(name for name in SCHEDULED if name != "no_data_ms")), _in(*SCHEDULED)),
    "effectiveness": Terms(IDEAL_MADE, RUNNING),
    "net_operating_rate": Terms(RUNNING, OPERATING),
    "utilization_efficiency": Terms(RUNNING, _in("run_ms", "setup_ms", *DELAYS)),
    "setup_ratio": Terms(_in("setup_ms"), _in("run_ms", "setup_ms")),
    "technical_efficiency": Terms(RUNNING, _in("run_ms", *DELAYS)),
    "scrap_ratio": Terms(_count(lambda line: line.rejected - line.reworked), MADE),
    "rework_ratio": Terms(_count(lambda line: line.reworked), MADE),
    "first_pass_yield": Terms(GOOD_AT_ONCE, MADE),
    "mtbf": Terms(OPERATING, FAILURES),
    "mttf": Terms(OPERATING, FAILURES),
    "mttr": Terms(_in("stop_ms"), FAILURES),
    "inherent_availability": Terms(OPERATING, _time(lambda reading: reading.operating | {"stop_ms"})),
    "failure_rate": Terms(FAILURES, OPERATING),
    "minor_stop_rate": Terms(MINOR_STOPS, OPERATING),
    "good": Terms(_count(lambda line: line.good), NOTHING),
    "rejected": Terms(_count(lambda line: line.all_rejected), NOTHING),
}

# Counts have no formula in the catalogue of KPIs: name, words, source.
COUNTED = {
    "good": ("Good parts", "parts made, those found after a gap too, without all rejected", "the machine and people"),
    "rejected": (
        "Rejected parts",
        "rejects of the machine, scrap and rework taken out by people",
        "the machine and people",
    ),
    "target": ("Target", "planned time × good parts a minute that the plan counts on", "targets of the policy"),
}
# The product of two fractions and the waiting for calls are not sums of what is listed here.
CODES = (*(code for code in BY_CODE if code in TERMS), *COUNTED)
TITLES = {**{code: BY_CODE[code].name for code in CODES if code in BY_CODE}, **{c: w[0] for c, w in COUNTED.items()}}
