"""Totals that add up, and the ratios taken from them last.

OEE = availability × performance × quality, computed as one fraction. What cannot be known is None, never 0 or 1,
and nothing is clamped: a performance of 104 % is shown, flagged and asked about.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from operator import add, attrgetter
from typing import Protocol

from oee.domain.ledger import Entry, Kind, Ledger


class Judge(Protocol):
    """Whoever says which columns of Totals are planned time and which of them are operating time."""

    @property
    def planned(self) -> frozenset[str]: ...

    @property
    def operating(self) -> frozenset[str]: ...


@dataclass(frozen=True, slots=True)
class Policy:
    """How a plant reads its ledger.

    `planned_stops_reduce_availability`: changeovers and planned stops lower availability (oee.com); off: they are left
    out of planned time. Time with nothing to make is always left out. `minor_stops_reduce_availability`: off, they are
    lost speed. `no_data_is_lost`: time nobody saw counts as planned time in which the machine did not run.
    """

    planned_stops_reduce_availability: bool = True
    minor_stops_reduce_availability: bool = False
    no_data_is_lost: bool = False

    @property
    def planned(self) -> frozenset[str]:
        standstill = PLANNED_STANDSTILL if self.planned_stops_reduce_availability else ()
        unseen = ("no_data_ms",) if self.no_data_is_lost else ()
        return frozenset((*ALWAYS_PLANNED, *standstill, *unseen))

    @property
    def operating(self) -> frozenset[str]:
        minor = () if self.minor_stops_reduce_availability else ("minor_stop_ms",)
        return frozenset(("run_ms", *minor))


ALWAYS_PLANNED = ("run_ms", "minor_stop_ms", "stop_ms", "external_stop_ms")
PLANNED_STANDSTILL = ("planned_stop_ms", "setup_ms")


@dataclass(frozen=True, slots=True)
class Totals:
    """What one machine did in one window: milliseconds and parts, additive.

    calendar = off_shift + no_data + break + idle + planned_stop + setup + stop + external_stop + minor_stop + run.
    `break_ms` is time in breaks in which the machine did not run. `busy_ms` (planned time) and `operating_ms` are what
    the policy in force made of it. `failures` and `minor_stops` are stops that began here. `rejected` is all that was
    not good the first time, `reworked` the part of it sent to rework. `unobserved_*` are parts found after a gap: they
    count as parts and carry no performance. `unrated_made` are parts without an ideal cycle. `ideal_startup_ms` is the
    ideal time of rejects that belong to starting up.
    """

    calendar_ms: int = 0
    off_shift_ms: int = 0
    no_data_ms: int = 0
    break_ms: int = 0
    idle_ms: int = 0
    planned_stop_ms: int = 0
    setup_ms: int = 0
    stop_ms: int = 0
    external_stop_ms: int = 0
    minor_stop_ms: int = 0
    run_ms: int = 0
    busy_ms: int = 0
    operating_ms: int = 0
    failures: int = 0
    minor_stops: int = 0
    made: int = 0
    rejected: int = 0
    reworked: int = 0
    unobserved_made: int = 0
    unobserved_rejected: int = 0
    unrated_made: int = 0
    ideal_made_ms: int = 0
    ideal_good_ms: int = 0
    ideal_startup_ms: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(*map(add, _columns(self), _columns(other)))

    @property
    def scheduled_ms(self) -> int:
        """Elapsed time that was meant for production, seen or not."""
        return self.calendar_ms - self.off_shift_ms - self.break_ms

    @property
    def observed_ms(self) -> int:
        return self.scheduled_ms - self.no_data_ms

    @property
    def unplanned_ms(self) -> int:
        """Stops that nobody planned, minor ones left out."""
        return self.stop_ms + self.external_stop_ms

    @property
    def good(self) -> int:
        """Good parts, those found after a gap included."""
        return self.made + self.unobserved_made - self.all_rejected

    @property
    def all_rejected(self) -> int:
        return self.rejected + self.unobserved_rejected

    def judged(self, judge: Judge) -> "Totals":
        """The same totals with planned and operating time as a policy or a standard sees them."""
        return replace(self, busy_ms=self.spent(judge.planned), operating_ms=self.spent(judge.operating))

    def spent(self, columns: Iterable[str]) -> int:
        """Time in these columns together."""
        return sum(int(getattr(self, name)) for name in columns)


FIELDS = tuple(field.name for field in fields(Totals))
_columns = attrgetter(*FIELDS)


def added(several: Iterable[Totals]) -> Totals:
    """Zeros for none."""
    return Totals(*map(sum, zip(*map(_columns, several), strict=True)))


def total(entries: list[Entry]) -> Totals:
    """The time columns of these ledger entries."""
    spent = dict.fromkeys(FIELDS, 0)
    for entry in entries:
        length = entry.end - entry.start
        spent["calendar_ms"] += length
        spent[column(entry.state, entry.kind)] += length
    return Totals(**spent)


def column(state: Ledger, kind: Kind) -> str:
    """The column of totals to which time in the ledger belongs."""
    return COLUMNS[state, kind]


COLUMNS = {
    (Ledger.RUN, Kind.NONE): "run_ms",
    (Ledger.NO_DATA, Kind.NONE): "no_data_ms",
    (Ledger.OFF_SHIFT, Kind.NONE): "off_shift_ms",
    (Ledger.PLANNED, Kind.BREAK): "break_ms",
    (Ledger.PLANNED, Kind.IDLE): "idle_ms",
    (Ledger.PLANNED, Kind.PLANNED): "planned_stop_ms",
    (Ledger.PLANNED, Kind.SETUP): "setup_ms",
    (Ledger.STOP, Kind.FAILURE): "stop_ms",
    (Ledger.STOP, Kind.EXTERNAL): "external_stop_ms",
    (Ledger.STOP, Kind.MINOR): "minor_stop_ms",
}
TIME_COLUMNS = tuple(dict.fromkeys(COLUMNS.values()))


@dataclass(frozen=True, slots=True)
class Ratio:
    """A fraction with its evidence; undefined when the denominator is None."""

    numerator: int
    denominator: int | None

    @property
    def exact(self) -> Fraction | None:
        return None if self.denominator is None else Fraction(self.numerator, self.denominator)

    @property
    def value(self) -> float | None:
        return None if self.denominator is None else self.numerator / self.denominator


@dataclass(frozen=True, slots=True)
class Factors:
    availability: Ratio
    performance: Ratio
    quality: Ratio
    oee: Ratio
    flags: tuple[str, ...]


ABOVE_100 = "performance above 100 %"
NEVER_RAN = "parts counted while the machine never ran"
MORE_REJECTS = "more rejects than parts"


def factors(totals: Totals) -> Factors:
    """Availability, performance, quality and OEE of totals that have been judged."""
    busy, operating = totals.busy_ms, totals.operating_ms
    planned = busy > 0
    rated = totals.unrated_made == 0
    ghost_parts = operating == 0 and totals.made > 0
    performance = Ratio(totals.ideal_made_ms, operating if planned and operating and rated else None)
    return Factors(
        Ratio(operating, busy if planned else None),
        performance,
        _quality(totals, rated and planned) if planned else Ratio(totals.ideal_good_ms, None),
        Ratio(totals.ideal_good_ms, busy if planned and rated and not ghost_parts else None),
        tuple(_flags(totals, performance, ghost_parts)),
    )


def _quality(totals: Totals, rated: bool) -> Ratio:
    """Weighted by ideal time; by pieces as long as an ideal cycle is missing."""
    if rated and totals.ideal_made_ms:
        return Ratio(totals.ideal_good_ms, totals.ideal_made_ms)
    return Ratio(totals.made - totals.rejected, totals.made or None)


def _flags(totals: Totals, performance: Ratio, ghost_parts: bool) -> list[str]:
    flags = []
    if performance.denominator is not None and performance.numerator > performance.denominator:
        flags.append(ABOVE_100)
    if ghost_parts:
        flags.append(NEVER_RAN)
    if totals.rejected > totals.made:
        flags.append(MORE_REJECTS)
    if totals.unrated_made:
        flags.append(f"no ideal cycle for {totals.unrated_made} parts")
    if totals.unobserved_made:
        flags.append(f"{totals.unobserved_made} parts made during a gap in the data")
    return flags
