"""The same ratios of lines, shifts, products or teams, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

from oee.charts.scale import ENOUGH_SEEN, Scale

WHOLE = 1.0


@dataclass(frozen=True, slots=True)
class Measure:
    name: str
    target: float | None = None


@dataclass(frozen=True, slots=True)
class Contender:
    label: str
    values: tuple[float | None, ...]  # in the order of the measures
    completeness: float | None = None
    href: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    name: str
    value: float | None
    width: float
    whole: float  # place of 100 %
    target: float | None
    target_at: float | None
    difference: float | None  # to the row they are compared with

    @property
    def is_over(self) -> bool:
        return (self.value or 0.0) > WHOLE


@dataclass(frozen=True, slots=True)
class Row:
    label: str
    href: str
    cells: tuple[Cell, ...]
    completeness: float | None
    is_compared_with: bool

    @property
    def is_incomplete(self) -> bool:
        return self.completeness is not None and self.completeness < ENOUGH_SEEN


@dataclass(frozen=True, slots=True)
class Comparison:
    measures: tuple[Measure, ...]
    rows: tuple[Row, ...]
    sorted_by: str
    compared_with: str | None

    @property
    def best(self) -> Row | None:
        return self.rows[0] if self.rows else None

    @property
    def last(self) -> Row | None:
        return self.rows[-1] if self.rows else None


def comparison(
    contenders: Sequence[Contender],
    measures: Sequence[Measure],
    *,
    sort_by: int = 0,
    compare_with: Contender | None = None,
) -> Comparison:
    """Best first by the measure `sort_by`, unknown last; differences to `compare_with`, one of the contenders."""
    ranked = sorted(contenders, key=lambda one: _rank(one.values[sort_by]))
    held = [value for one in contenders for value in one.values if value is not None]
    scale = Scale(0.0, max([WHOLE, *held, *(m.target for m in measures if m.target is not None)]), 0.25)
    return Comparison(
        measures=tuple(measures),
        rows=tuple(_row(one, measures, scale, compare_with) for one in ranked),
        sorted_by=measures[sort_by].name,
        compared_with=None if compare_with is None else compare_with.label,
    )


def _rank(value: float | None) -> tuple[bool, float]:
    return value is None, -(value or 0.0)


def _row(one: Contender, measures: Sequence[Measure], scale: Scale, other: Contender | None) -> Row:
    others = (None,) * len(measures) if other is None or other is one else other.values
    cells = tuple(
        _cell(measure, value, than, scale) for measure, value, than in zip(measures, one.values, others, strict=True)
    )
    return Row(one.label, one.href, cells, one.completeness, is_compared_with=other is one)


def _cell(measure: Measure, value: float | None, than: float | None, scale: Scale) -> Cell:
    length = max(value or 0.0, 0.0)
    return Cell(
        name=measure.name,
        value=value,
        width=scale.at(length),
        whole=scale.at(WHOLE),
        target=measure.target,
        target_at=None if measure.target is None else scale.at(measure.target),
        difference=None if value is None or than is None else value - than,
    )
