"""OEE and its factors, each with what it was divided by."""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from floor.models import Line
from oee.domain.factors import Ratio
from oee.shift import Shift
from oee.tiles.words import NOT_SCHEDULED, shift_of, spell

PROVISIONAL_BELOW = 0.9


@dataclass(frozen=True, slots=True)
class FactorBar:
    name: str
    value: float | None
    target: float | None
    numerator: str
    denominator: str


@dataclass(frozen=True, slots=True)
class OeeTile:
    shift_label: str
    oee: float | None
    completeness: float | None  # observed share of the elapsed scheduled time
    provisional: bool
    bars: tuple[FactorBar, ...]
    uncoded: int
    flags: tuple[str, ...]
    line_code: str = ""
    shift_starts_at: datetime | None = None


def oee_tile(line: Line, now: datetime) -> OeeTile:
    shift = shift_of(line, now)
    if shift is None or shift.machine is None:
        return OeeTile(NOT_SCHEDULED, None, None, False, (), 0, (), line.code)
    return OeeTile(
        shift_label=shift.window.label(line.site.zone),
        oee=shift.factors.oee.value,
        completeness=shift.completeness,
        provisional=shift.completeness is not None and shift.completeness < PROVISIONAL_BELOW,
        bars=factor_bars(shift),
        uncoded=shift.uncoded,
        flags=shift.flags,
        line_code=line.code,
        shift_starts_at=shift.window.starts_at,
    )


def factor_bars(shift: Shift) -> tuple[FactorBar, ...]:
    found, policy = shift.factors, shift.policy
    return (
        _bar("Availability", found.availability, policy.target_availability, *_times(found.availability)),
        _bar("Performance", found.performance, policy.target_performance, *_times(found.performance)),
        _bar("Quality", found.quality, policy.target_quality, *_parts(shift)),
    )


def _bar(name: str, ratio: Ratio, target: float, numerator: str, denominator: str) -> FactorBar:
    return FactorBar(name, ratio.value, target, numerator, denominator)


def _times(ratio: Ratio) -> tuple[str, str]:
    return spell(ratio.numerator), "–" if ratio.denominator is None else spell(ratio.denominator)


def _parts(shift: Shift) -> tuple[str, str]:
    """Pieces, unless several products with different cycles were made: then their ideal time is the evidence."""
    quality, totals = shift.factors.quality, shift.totals
    if quality.exact is None:
        return "–", "–"
    if quality.exact == Fraction(totals.made - totals.rejected, totals.made):
        return f"{totals.made - totals.rejected} good", f"{totals.made} parts"
    return _times(quality)
