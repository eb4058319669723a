"""Totals that add up, and the ratios taken from them last.

OEE = availability × performance × quality, computed as one fraction. What cannot be known is None, never 0 or 1,
and nothing is clamped: a performance of 104 % is shown, flagged and asked about.
"""

from dataclasses import dataclass, fields
from fractions import Fraction

from oee.domain.ledger import Entry, Ledger, Planned


@dataclass(frozen=True, slots=True)
class Policy:
    """How a plant reads its ledger. True: a planned stop lowers availability (oee.com); False: it is left out."""

    planned_stops_reduce_availability: bool = True


@dataclass(frozen=True, slots=True)
class Totals:
    """What one machine did in one window: milliseconds and parts, additive.

    calendar = off_shift + no_data + break + planned_stop + stop + minor_stop + run. `break_ms` is time in breaks in
    which the machine did not run. `unobserved_*` are parts found after a gap: they count as parts and carry no
    performance. `unrated_made` are parts without an ideal cycle.
    """

    calendar_ms: int = 0
    off_shift_ms: int = 0
    no_data_ms: int = 0
    break_ms: int = 0
    planned_stop_ms: int = 0
    stop_ms: int = 0
    minor_stop_ms: int = 0
    run_ms: int = 0
    made: int = 0
    rejected: int = 0
    unobserved_made: int = 0
    unobserved_rejected: int = 0
    unrated_made: int = 0
    ideal_made_ms: int = 0
    ideal_good_ms: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(*(getattr(self, name) + getattr(other, name) for name in FIELDS))

    @property
    def running_ms(self) -> int:
        """Minor stops are lost speed, not lost availability."""
        return self.run_ms + self.minor_stop_ms

    @property
    def scheduled_ms(self) -> int:
        """Elapsed time that was meant for production, seen or not."""
        return self.calendar_ms - self.off_shift_ms - self.break_ms

    @property
    def observed_ms(self) -> int:
        return self.scheduled_ms - self.no_data_ms

    @property
    def good(self) -> int:
        """Good parts, those found after a gap included."""
        return self.made + self.unobserved_made - self.all_rejected

    @property
    def all_rejected(self) -> int:
        return self.rejected + self.unobserved_rejected

    def busy_ms(self, policy: Policy) -> int:
        """Planned busy time, as far as it was observed."""
        return self.observed_ms - (0 if policy.planned_stops_reduce_availability else self.planned_stop_ms)


FIELDS = tuple(field.name for field in fields(Totals))


def total(entries: list[Entry]) -> Totals:
    """The time columns of these ledger entries."""
    spent = dict.fromkeys(FIELDS, 0)
    for entry in entries:
        length = entry.end - entry.start
        spent["calendar_ms"] += length
        spent[column(entry.state, entry.planned, entry.is_minor)] += length
    return Totals(**spent)


def column(state: Ledger, planned: Planned, is_minor: bool) -> str:
    if state is Ledger.PLANNED:
        return "break_ms" if planned is Planned.BREAK else "planned_stop_ms"
    if state is Ledger.STOP:
        return "minor_stop_ms" if is_minor else "stop_ms"
    return COLUMNS[state]


COLUMNS = {Ledger.RUN: "run_ms", Ledger.NO_DATA: "no_data_ms", Ledger.OFF_SHIFT: "off_shift_ms"}


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


def factors(totals: Totals, policy: Policy) -> Factors:
    busy, running = totals.busy_ms(policy), totals.running_ms
    planned = busy > 0
    rated = totals.unrated_made == 0
    ghost_parts = running == 0 and totals.made > 0
    performance = Ratio(totals.ideal_made_ms, running if planned and running and rated else None)
    return Factors(
        Ratio(running, busy if planned else None),
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
