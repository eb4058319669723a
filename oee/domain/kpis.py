"""Every figure that is shown, with its formula in words, its evidence and where it comes from.

The first group follows the reading that is asked for; the ISO group always uses ISO 22400's own time elements, so that
it can be compared with other systems. ISO's sums of personnel, orders, materials and energy need facts that a machine
does not give and are not here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from oee.domain.clock import HOUR_MS
from oee.domain.factors import Factors, Ratio, Totals
from oee.domain.readings import Figures, Reading, read


class Unit(StrEnum):
    """What a figure, its numerator or its denominator is measured in. SHARE is 0..1 and may exceed 1."""

    SHARE = "share"
    HOURS = "h"
    PER_HOUR = "1/h"
    MS = "ms"
    MS_SQUARED = "ms²"
    PARTS = "parts"
    FAILURES = "failures"
    STOPS = "stops"
    CALLS = "calls"


@dataclass(frozen=True, slots=True)
class Answered:
    """Calls for help that were answered, and how long the machine's people waited for them together."""

    calls: int
    waited_ms: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What a formula may use: the figures of the reading, and the answered calls where the caller knows them."""

    figures: Figures
    answered: Answered | None

    @property
    def totals(self) -> Totals:
        return self.figures.totals


@dataclass(frozen=True, slots=True)
class Formula:
    """How a KPI is made. `numerator_unit` and `denominator_unit` belong to the evidence, `unit` to the value."""

    code: str
    symbol: str
    name: str
    words: str
    source: str
    evidence: Callable[[Seen], Ratio]
    unit: Unit = Unit.SHARE
    numerator_unit: Unit = Unit.MS
    denominator_unit: Unit = Unit.MS


@dataclass(frozen=True, slots=True)
class Kpi:
    """A figure with its evidence. `value` is exact, None when not known; `note` says what to know about it then."""

    formula: Formula
    numerator: int
    denominator: int | None
    numerator_unit: Unit
    denominator_unit: Unit
    value: Fraction | None
    note: str = ""

    @property
    def code(self) -> str:
        return self.formula.code

    @property
    def name(self) -> str:
        return self.formula.name

    @property
    def symbol(self) -> str:
        return self.formula.symbol

    @property
    def words(self) -> str:
        return self.formula.words

    @property
    def source(self) -> str:
        return self.formula.source

    @property
    def unit(self) -> Unit:
        return self.formula.unit


def catalogue(totals: Totals, reading: Reading, answered: Answered | None = None) -> tuple[Kpi, ...]:
    """All KPIs of these totals, in the order in which they are shown."""
    return every_kpi(read(totals, reading), answered)


def every_kpi(figures: Figures, answered: Answered | None = None) -> tuple[Kpi, ...]:
    """All KPIs of totals that have been read, in the same order."""
    seen = Seen(figures, answered)
    return tuple(_kpi(formula, seen) for formula in FORMULAS)


def kpi(code: str, totals: Totals, reading: Reading, answered: Answered | None = None) -> Kpi:
    """One KPI by its code; KeyError if there is none."""
    return kpi_of(code, read(totals, reading), answered)


def kpi_of(code: str, figures: Figures, answered: Answered | None = None) -> Kpi:
    """One KPI of totals that have been read; KeyError if there is none."""
    return _kpi(BY_CODE[code], Seen(figures, answered))


def _kpi(formula: Formula, seen: Seen) -> Kpi:
    ratio = formula.evidence(seen)
    above, below = formula.numerator_unit, formula.denominator_unit
    if formula.code == "quality" and not _is_by_time(seen.totals):
        above = below = Unit.PARTS
    exact = ratio.exact
    value = None if exact is None else exact * PER[formula.unit]
    return Kpi(formula, ratio.numerator, ratio.denominator, above, below, value, _note(formula, seen, value))


PER = {Unit.SHARE: Fraction(1), Unit.HOURS: Fraction(1, HOUR_MS), Unit.PER_HOUR: Fraction(HOUR_MS)}


def _is_by_time(totals: Totals) -> bool:
    return totals.unrated_made == 0 and totals.ideal_made_ms > 0


def _note(formula: Formula, seen: Seen, value: Fraction | None) -> str:
    totals = seen.totals
    if formula.code in ("mtbf", "mttf") and value is None:
        return f"no failure: more than {hours(totals.operating_ms)} h of operating time"
    if formula.code in ("teep", "utilization") and not seen.figures.reading.has_teep:
        return f"{seen.figures.reading.name} has no {formula.name}"
    if formula.code == "mtta" and seen.answered is None:
        return "needs the calls of this machine"
    if formula.code == "quality" and not _is_by_time(totals):
        return "by pieces: not every part has an ideal cycle" if totals.unrated_made else ""
    return ""


def hours(ms: int) -> str:
    """Whole tenths of an hour, cut off, so that a bound stays a bound."""
    tenths = ms * 10 // HOUR_MS
    return f"{tenths // 10}.{tenths % 10}"


# ---------------------------------------------------------------- time elements of ISO 22400


def _pbt(totals: Totals) -> int:
    """Planned busy time: planned operation time without breaks, planned down time and time with nothing to make."""
    return totals.run_ms + totals.setup_ms + _adet(totals)


def _aupt(totals: Totals) -> int:
    """Actual unit processing time: production and setup."""
    return totals.run_ms + totals.setup_ms


def _adet(totals: Totals) -> int:
    """Actual unit delay time: every unplanned standstill, the short ones too."""
    return totals.stop_ms + totals.external_stop_ms + totals.minor_stop_ms


def _nee(seen: Seen) -> Ratio:
    totals, busy = seen.totals, _pbt(seen.totals)
    is_known = totals.run_ms and totals.unrated_made == 0
    return Ratio(_aupt(totals) * totals.ideal_good_ms, busy * totals.run_ms if is_known else None)


def _lost(seen: Seen) -> Ratio:
    oee = seen.figures.factors.oee
    return Ratio(seen.totals.busy_ms - oee.numerator, oee.denominator)


def _of_parts(count: Callable[[Totals], int]) -> Callable[[Seen], Ratio]:
    return lambda seen: Ratio(count(seen.totals), seen.totals.made or None)


def _of(above: Callable[[Totals], int], below: Callable[[Totals], int]) -> Callable[[Seen], Ratio]:
    return lambda seen: Ratio(above(seen.totals), below(seen.totals) or None)


def _speed_rate(seen: Seen) -> Ratio:
    totals = seen.totals
    return Ratio(totals.ideal_made_ms, totals.run_ms if totals.run_ms and totals.unrated_made == 0 else None)


def _waited(seen: Seen) -> Ratio:
    answered = seen.answered or Answered(0, 0)
    return Ratio(answered.waited_ms, answered.calls or None)


ISO, OEE_COM, OWN = "ISO 22400-2:2014", "oee.com", "this product"
NAKAJIMA = "Nakajima, Introduction to TPM, 1988"

FORMULAS = (
    Formula(
        "availability", "A", "Availability", "operating time ÷ planned time",
        "oee.com, SMRP 2.1.1 and 2.2; ISO 22400-2:2014: APT ÷ PBT", lambda seen: seen.figures.factors.availability,
    ),
    Formula(
        "performance", "P", "Performance", "ideal time of all parts ÷ operating time",
        "oee.com; ISO 22400-2:2014: effectiveness = PRU × PQ ÷ APT", lambda seen: seen.figures.factors.performance,
    ),
    Formula(
        "quality", "Q", "Quality", "ideal time of the good parts ÷ ideal time of all parts",
        "oee.com; ISO 22400-2:2014: quality ratio = GQ ÷ PQ", lambda seen: seen.figures.factors.quality,
    ),
    Formula(
        "oee", "OEE", "OEE", "ideal time of the good parts ÷ planned time",
        "oee.com; ISO 22400-2:2014: A × E × QR; SMRP 2.1.1", lambda seen: seen.figures.factors.oee,
    ),
    Formula(
        "ooe", "OOE", "OOE", "ideal time of the good parts ÷ time of the shifts",
        "common use: the time staffed but not planned is added to OEE's denominator", lambda seen: seen.figures.ooe,
    ),
    Formula(
        "utilization", "U", "Utilization", "planned time ÷ calendar time",
        "oee.com, TEEP; SMRP 2.1.2", lambda seen: seen.figures.utilization,
    ),
    Formula(
        "teep", "TEEP", "TEEP", "ideal time of the good parts ÷ calendar time",
        "oee.com, TEEP: OEE × utilization; SMRP 2.1.2", lambda seen: seen.figures.teep,
    ),
    Formula(
        "lost", "1 − OEE", "Lost planned time", "(planned time − ideal time of the good parts) ÷ planned time",
        f"{OWN}: the sum of the six big losses", _lost,
    ),
    Formula(
        "completeness", "", "Completeness", "time that was observed ÷ time that was meant for production",
        OWN, _of(lambda t: t.observed_ms, lambda t: t.scheduled_ms),
    ),
    Formula(
        "effectiveness", "E", "Effectiveness", "ideal time of all parts ÷ time in which the machine ran",
        f"{ISO}: PRU × PQ ÷ APT; the operating speed rate of {NAKAJIMA}", _speed_rate,
    ),
    Formula(
        "net_operating_rate", "", "Net operating rate", "time in which the machine ran ÷ operating time",
        NAKAJIMA, _of(lambda t: t.run_ms, lambda t: t.operating_ms),
    ),
    Formula(
        "nee", "NEE", "NEE",
        "(running + setup) ÷ planned busy time × effectiveness × quality: OEE in which setup is no loss",
        f"{ISO}: AUPT ÷ PBT × E × QR", _nee, numerator_unit=Unit.MS_SQUARED, denominator_unit=Unit.MS_SQUARED,
    ),
    Formula(
        "utilization_efficiency", "UE", "Utilization efficiency", "running ÷ (running + setup + unplanned standstill)",
        f"{ISO}: APT ÷ AUBT", _of(lambda t: t.run_ms, lambda t: _aupt(t) + _adet(t)),
    ),
    Formula(
        "setup_ratio", "SR", "Setup ratio", "setup ÷ (running + setup)",
        f"{ISO}: ASUT ÷ AUPT", _of(lambda t: t.setup_ms, _aupt),
    ),
    Formula(
        "technical_efficiency", "TE", "Technical efficiency", "running ÷ (running + unplanned standstill)",
        f"{ISO}: APT ÷ (APT + ADET)", _of(lambda t: t.run_ms, lambda t: t.run_ms + _adet(t)),
    ),
    Formula(
        "scrap_ratio", "", "Scrap ratio", "parts thrown away ÷ parts made",
        f"{ISO}: SQ ÷ PQ", _of_parts(lambda t: t.rejected - t.reworked),
        numerator_unit=Unit.PARTS, denominator_unit=Unit.PARTS,
    ),
    Formula(
        "rework_ratio", "", "Rework ratio", "parts sent to rework ÷ parts made",
        f"{ISO}: RQ ÷ PQ", _of_parts(lambda t: t.reworked),
        numerator_unit=Unit.PARTS, denominator_unit=Unit.PARTS,
    ),
    Formula(
        "first_pass_yield", "FPY", "First pass yield", "parts good at the first try ÷ parts made",
        f"{ISO}: GP ÷ IP; every part that is counted is taken as inspected", _of_parts(lambda t: t.made - t.rejected),
        numerator_unit=Unit.PARTS, denominator_unit=Unit.PARTS,
    ),
    Formula(
        "mtbf", "MTBF", "Mean operating time between failures", "operating time ÷ failures",
        f"{ISO} (mean operating time between failures); counted per failure, not per interval",
        _of(lambda t: t.operating_ms, lambda t: t.failures), Unit.HOURS, denominator_unit=Unit.FAILURES,
    ),
    Formula(
        "mttf", "MTTF", "Mean time to failure", "operating time ÷ failures",
        f"{ISO}; the same as MTBF for a machine that is repaired and not replaced",
        _of(lambda t: t.operating_ms, lambda t: t.failures), Unit.HOURS, denominator_unit=Unit.FAILURES,
    ),
    Formula(
        "mttr", "MTTR", "Mean time to restoration", "time in unplanned stops ÷ failures, waiting included",
        f"{ISO}: ΣTTR ÷ FE", _of(lambda t: t.stop_ms, lambda t: t.failures),
        Unit.HOURS, denominator_unit=Unit.FAILURES,
    ),
    Formula(
        "mtta", "MTTA", "Mean time to answer", "time from call to acknowledgement ÷ calls",
        f"{OWN}: the waiting that MTTR contains", _waited, Unit.HOURS, denominator_unit=Unit.CALLS,
    ),
    Formula(
        "inherent_availability", "", "Inherent availability", "operating time ÷ (operating time + unplanned stops)",
        "reliability engineering: MTBF ÷ (MTBF + MTTR)",
        _of(lambda t: t.operating_ms, lambda t: t.operating_ms + t.stop_ms),
    ),
    Formula(
        "failure_rate", "λ", "Failure rate", "failures ÷ operating time",
        "reliability engineering: 1 ÷ MTBF", _of(lambda t: t.failures, lambda t: t.operating_ms),
        Unit.PER_HOUR, numerator_unit=Unit.FAILURES,
    ),
    Formula(
        "minor_stop_rate", "", "Minor stops per hour", "minor stops ÷ operating time",
        OWN, _of(lambda t: t.minor_stops, lambda t: t.operating_ms), Unit.PER_HOUR, numerator_unit=Unit.STOPS,
    ),
)  # fmt: skip
BY_CODE = {formula.code: formula for formula in FORMULAS}


# ---------------------------------------------------------------- targets and words

RATINGS = ((Fraction(85, 100), "excellent"), (Fraction(70, 100), "good"), (Fraction(50, 100), "fair"))


def rating(oee: Fraction | float | None) -> str | None:
    """OEE in one word; None when it is not known."""
    if oee is None:
        return None
    return next((word for at_least, word in RATINGS if oee >= at_least), "poor")


@dataclass(frozen=True, slots=True)
class Targets:
    availability: Fraction = Fraction(90, 100)
    performance: Fraction = Fraction(85, 100)
    quality: Fraction = Fraction(95, 100)

    @property
    def oee(self) -> Fraction:
        return self.availability * self.performance * self.quality


def missed(found: Factors, targets: Targets) -> tuple[str, ...]:
    """The factors below their target; what is not known misses nothing."""
    names = ("availability", "performance", "quality", "oee")
    return tuple(name for name in names if _is_below(getattr(found, name), getattr(targets, name)))


def _is_below(ratio: Ratio, target: Fraction) -> bool:
    return ratio.exact is not None and ratio.exact < target
