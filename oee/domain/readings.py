"""The same totals as the standards read them, side by side.

A reading says for every column of a machine's time whether it is planned time, and whether the machine counts as
operating in it. Planned time in which it does not operate is lost availability.

Sources: ISO 22400-2:2014 (time elements as in the ontology of the Helmut Schmidt University and in OPC UA 40501-1,
annex C); oee.com, "Calculate OEE", "Six Big Losses" and "TEEP" (Vorne); SMRP Best Practices, 6th edition, metrics
2.1.1 and 2.1.2. None of them knows time that nobody saw: it is left out of planned time unless the plant's policy
counts it as lost.
"""

from dataclasses import dataclass
from enum import StrEnum

from oee.domain.factors import ALWAYS_PLANNED, PLANNED_STANDSTILL, Factors, Policy, Ratio, Totals, factors


class Place(StrEnum):
    """Where a column of time falls in a reading."""

    OUTSIDE = "outside planned time"
    AVAILABILITY = "lost availability"
    OPERATING = "operating time"


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read totals. `has_teep`: it has a utilization, and with it a TEEP, over calendar time."""

    code: str
    name: str
    planned: frozenset[str]
    operating: frozenset[str]
    has_teep: bool
    source: str

    def place(self, column: str) -> Place:
        if column not in self.planned:
            return Place.OUTSIDE
        return Place.OPERATING if column in self.operating else Place.AVAILABILITY


ISO_22400 = Reading(
    "iso22400",
    "ISO 22400",
    planned=frozenset((*ALWAYS_PLANNED, "setup_ms")),  # planned busy time: planned down time is out, setup is in
    operating=frozenset(("run_ms",)),  # actual production time: neither setup nor any delay, however short
    has_teep=False,
    source="ISO 22400-2:2014: availability = APT ÷ PBT",
)
OEE_COM = Reading(
    "oee.com",
    "oee.com",
    planned=frozenset((*ALWAYS_PLANNED, *PLANNED_STANDSTILL)),
    operating=frozenset(("run_ms", "minor_stop_ms")),
    has_teep=True,
    source="oee.com: planned production time = shift − breaks; any planned or unplanned stop lowers availability",
)
SMRP = Reading(
    "smrp",
    "SMRP",
    planned=frozenset((*ALWAYS_PLANNED, *PLANNED_STANDSTILL, "break_ms")),
    operating=frozenset(("run_ms", "minor_stop_ms")),
    has_teep=True,
    source="SMRP 2.1.1 and 2.1.2: available time − idle time; scheduled downtime, breaks too, lowers availability",
)
STANDARDS = (ISO_22400, OEE_COM, SMRP)


def company(policy: Policy) -> Reading:
    """The plant's own reading: what its screens and reports show."""
    words = "counted as lost availability" if policy.planned_stops_reduce_availability else "left out of planned time"
    return Reading(
        "company",
        "Company policy",
        planned=policy.planned,
        operating=policy.operating,
        has_teep=True,
        source=f"company policy: planned stops are {words}",
    )


def readings(policy: Policy) -> tuple[Reading, ...]:
    return company(policy), *STANDARDS


@dataclass(frozen=True, slots=True)
class Figures:
    """Totals under one reading. TEEP and utilization are undefined where the standard has none.

    OEE ≥ OOE ≥ TEEP: the same good parts over planned time, over the time of the shifts, over all time.
    """

    reading: Reading
    totals: Totals
    factors: Factors
    utilization: Ratio
    ooe: Ratio
    teep: Ratio


def read(totals: Totals, reading: Reading) -> Figures:
    return figures(totals.judged(reading), reading)


def figures(judged: Totals, reading: Reading) -> Figures:
    """Of totals that have been judged already, hour by hour."""
    found = factors(judged)
    calendar = judged.calendar_ms if reading.has_teep else 0
    is_known = found.oee.denominator is not None
    return Figures(
        reading,
        judged,
        found,
        utilization=Ratio(judged.busy_ms, calendar or None),
        ooe=Ratio(judged.ideal_good_ms, staffed_ms(judged, reading) if is_known else None),
        teep=Ratio(judged.ideal_good_ms, calendar if is_known and calendar else None),
    )


def staffed_ms(totals: Totals, reading: Reading) -> int:
    """Planned time, and what else of the shift was seen: nothing to make, and planned stops that were left out."""
    return totals.spent(reading.planned | {"idle_ms", *PLANNED_STANDSTILL})
