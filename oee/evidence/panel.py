"""A figure with everything that makes it, put together from rows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from functools import cached_property
from typing import Any, Generic, TypeVar

from floor.glance import one_glance
from floor.models import ProductNumber
from oee.domain.clock import MINUTE_MS, from_ms
from oee.domain.factors import Ratio, Totals, factors
from oee.domain.kpis import Kpi, Unit, kpi_of
from oee.domain.readings import company, figures
from oee.domain.standards import BEGINNING
from oee.evidence.count import CountLine, StandardUsed, counts
from oee.evidence.history import Change, changes, restatements
from oee.evidence.interval import Interval, intervals
from oee.evidence.scope import Scope
from oee.evidence.terms import BY_PIECES, COUNTED, TERMS, Terms
from oee.models import LinePolicy, Restatement
from oee.setup import policy_at, reading
from oee.shift import Shift

R = TypeVar("R", Interval, CountLine)


class NoTarget(ValueError):
    """A target is a shift's."""


@dataclass(frozen=True, slots=True)
class Listed(Generic[R]):
    """A row and what it adds to each side; None where rows of its sort have no part in that side."""

    row: R
    above: int | None
    below: int | None


@dataclass(frozen=True, slots=True)
class Side:
    """A numerator or a denominator: what it is, how much, and the sums of the rows listed for it."""

    words: str
    amount: int
    unit: Unit
    of_intervals: int | None
    of_counts: int | None

    @property
    def listed(self) -> int:
        return (self.of_intervals or 0) + (self.of_counts or 0)


@dataclass(frozen=True, slots=True)
class PolicyUsed:
    policy: LinePolicy

    @property
    def is_given(self) -> bool:
        """Otherwise nobody has given this line a policy; it is judged by what every line begins with."""
        return self.policy.pk is not None

    @property
    def since(self) -> datetime | None:
        """None: from the beginning."""
        return self.policy.valid_from if self.is_given and self.policy.valid_from > BEGINNING else None

    @property
    def words(self) -> tuple[str, ...]:
        policy = self.policy
        return (
            f"micro-stops below {policy.micro_stop_s} s",
            f"planned stops {'lower availability' if policy.planned_stops_reduce_availability else 'are left out'}",
            f"minor stops are lost {'availability' if policy.minor_stops_reduce_availability else 'speed'}",
            f"time nobody saw {'counts as lost' if policy.no_data_is_lost else 'is left out'}",
        )


@dataclass(frozen=True, slots=True)
class TargetStep:
    """A stretch of the plan with one rate."""

    starts_at: datetime
    ends_at: datetime
    planned_ms: int
    per_min: float
    parts: float


@dataclass(frozen=True)
class Evidence:
    """One figure of a scope. `value` is exact, None when not known."""

    scope: Scope
    code: str
    name: str
    words: str
    source: str
    note: str
    unit: Unit
    value: Fraction | None
    above: Side | None
    below: Side | None
    intervals: tuple[Listed[Interval], ...]
    counts: tuple[Listed[CountLine], ...]
    steps: tuple[TargetStep, ...]
    policies: tuple[PolicyUsed, ...]
    standards: tuple[StandardUsed, ...]
    restatements: tuple[Restatement, ...]
    changes: tuple[Change, ...]
    products: dict[int, str]
    completeness: Ratio
    flags: tuple[str, ...]
    oee: float | None

    @cached_property
    def lasted_ms(self) -> int:
        """All listed time together."""
        return sum(listed.row.lasted_ms for listed in self.intervals)

    @cached_property
    def adds_up(self) -> bool:
        """What is listed is the figure, to the millisecond and the part."""
        return all(side is None or side.listed == side.amount for side in (self.above, self.below))


def evidence(scope: Scope, code: str) -> Evidence:
    """Raises KeyError for a figure without evidence of this kind, NoTarget where no shift is asked about."""
    with one_glance():
        if code == "target":
            return _target(scope)
        return _counted(scope, code) if code in COUNTED else _kpi(scope, code)


def _kpi(scope: Scope, code: str) -> Evidence:
    found = _figure(scope, code)
    is_by_pieces = code == "quality" and found.numerator_unit is Unit.PARTS
    sides = found.words.partition(" ÷ ")
    return _assembled(
        scope,
        TERMS[BY_PIECES if is_by_pieces else code],
        code=code,
        name=found.name,
        words=found.words if not is_by_pieces else "good parts at the first try ÷ parts made",
        source=found.source,
        note=found.note,
        unit=found.unit,
        value=found.value,
        above=("good parts at the first try" if is_by_pieces else sides[0], found.numerator, found.numerator_unit),
        below=(
            "parts made" if is_by_pieces else sides[2],
            found.denominator,
            found.denominator_unit,
        ),
    )


def _figure(scope: Scope, code: str) -> Kpi:
    """By the policies in force when each shift began; by the last of them where a formula asks for one."""
    last = policy_at(scope.line, scope.shifts[-1].starts_at if scope.shifts else scope.start)
    read = figures(scope.totals, company(reading(last)))
    staffed = Ratio(read.ooe.numerator, read.ooe.denominator and scope.staffed_ms)
    return kpi_of(code, replace(read, ooe=staffed))


def _counted(scope: Scope, code: str) -> Evidence:
    name, words, source = COUNTED[code]
    totals = scope.totals
    amount = totals.good if code == "good" else totals.all_rejected
    return _assembled(
        scope,
        TERMS[code],
        code=code,
        name=name,
        words=words,
        source=source,
        note="",
        unit=Unit.PARTS,
        value=Fraction(amount),
        above=(words, amount, Unit.PARTS),
        below=None,
    )


Told = tuple[str, int | None, Unit]


def _assembled(scope: Scope, terms: Terms, *, above: Told, below: Told | None, **words: Any) -> Evidence:
    sides = (terms.above, terms.below)
    times = _listed(intervals(scope), *(term.of_interval for term in sides))
    counted = counts(scope)
    parts = _listed(counted.lines, *(term.of_count for term in sides))
    return Evidence(
        scope=scope,
        above=_side(above, [row.above for row in times], [row.above for row in parts]),
        below=None if below is None else _side(below, [row.below for row in times], [row.below for row in parts]),
        intervals=times,
        counts=parts,
        steps=(),
        standards=counted.standards,
        **words,
        **_around(scope),
    )


def _listed(
    rows: Iterable[R], above: Callable[[R], int] | None, below: Callable[[R], int] | None
) -> tuple[Listed[R], ...]:
    if above is None and below is None:
        return ()
    return tuple(Listed(row, above and above(row), below and below(row)) for row in rows)


def _side(told: Told, times: Sequence[int | None], parts: Sequence[int | None]) -> Side | None:
    words, amount, unit = told
    return None if amount is None else Side(words, amount, unit, _sum(times), _sum(parts))


def _sum(amounts: Sequence[int | None]) -> int | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None


def _around(scope: Scope) -> dict[str, Any]:
    """What every panel tells beside its own figure."""
    totals: Totals = scope.totals
    found = factors(totals)
    return {
        "policies": _policies(scope),
        "restatements": restatements(scope),
        "changes": changes(scope),
        "products": _products(scope),
        "completeness": Ratio(totals.observed_ms, totals.scheduled_ms or None),
        "flags": found.flags,
        "oee": found.oee.value,
    }


def _policies(scope: Scope) -> tuple[PolicyUsed, ...]:
    used = [*(scope.policy_of(row) for row in scope.rows), *(policy for _, policy in scope.unseen)]
    if not used:
        used = [policy_at(scope.line, scope.start)]
    return tuple(PolicyUsed(policy) for policy in {policy.valid_from: policy for policy in used}.values())


def _products(scope: Scope) -> dict[int, str]:
    rows = ProductNumber.objects.filter(line=scope.line)
    return dict(rows.values_list("number", "product__name"))


# ---------------------------------------------------------------- the target


def _target(scope: Scope) -> Evidence:
    if scope.shift is None:
        raise NoTarget("Only a shift has a target. Ask for one by the time at which it began.")
    name, words, source = COUNTED["target"]
    shift = Shift(scope.line, scope.shift, scope.now, scope.machine)
    amount = shift.target(shift.start, shift.elapsed)
    return Evidence(
        scope=scope,
        code="target",
        name=name,
        words=words,
        source=source,
        note="Whole parts of the sum; what is left of a part counts with the next.",
        unit=Unit.PARTS,
        value=Fraction(amount),
        above=None,
        below=None,
        intervals=(),
        counts=(),
        steps=tuple(_steps(shift)),
        standards=(),
        **_around(scope),
    )


def _steps(shift: Shift) -> Iterable[TargetStep]:
    expected = shift.expected
    for place, step in enumerate(expected):
        end = expected[place + 1].start if place + 1 < len(expected) else shift.elapsed
        start, end = max(step.start, shift.start), min(end, shift.elapsed)
        planned_ms = shift.planned_ms(start, end)
        if planned_ms:
            parts = step.per_min * planned_ms / MINUTE_MS
            yield TargetStep(from_ms(start), from_ms(end), planned_ms, step.per_min, parts)
