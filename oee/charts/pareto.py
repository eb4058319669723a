"""Causes by weight: the few that make up most of it come first."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from oee.charts.scale import Mark, Scale, place

VITAL_SHARE = 0.8
QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class Cause:
    label: str
    value: float
    href: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    label: str
    value: float
    share: float | None  # of the total; None where values cannot be added up
    cumulative: float | None
    width: float
    down: float  # middle of the row
    is_vital: bool  # one of those that reach the mark together
    others: int  # how many causes stand in this one row; 0 for a cause of its own
    href: str


@dataclass(frozen=True, slots=True)
class Pareto:
    bars: tuple[Bar, ...]
    line: str  # cumulative shares, as points of a polyline in a box of 100 by 100
    dots: tuple[tuple[float, float], ...]
    marks: tuple[Mark, ...]
    vital: Mark | None
    total: float | None

    @property
    def vital_bars(self) -> list[Bar]:
        return [bar for bar in self.bars if bar.is_vital]


def pareto(causes: Sequence[Cause], *, at_most: int = 8, mark: float = VITAL_SHARE) -> Pareto:
    """Values that add up (time, events), largest first, bars as shares of the total; causes of nothing are left out."""
    ranked = sorted((cause for cause in causes if cause.value > 0), key=lambda cause: (-cause.value, cause.label))
    total = sum(cause.value for cause in ranked)
    rows = _rows(ranked, at_most)
    sums = list(accumulate(cause.value for cause, _ in rows))
    scale = Scale(0.0, 1.0, 0.25)
    bars = tuple(
        Bar(
            label=cause.label,
            value=cause.value,
            share=cause.value / total,
            cumulative=reached / total,
            width=scale.at(cause.value / total),
            down=_down(row, len(rows)),
            is_vital=(reached - cause.value) / total < mark and not others,
            others=others,
            href=cause.href,
        )
        for row, ((cause, others), reached) in enumerate(zip(rows, sums, strict=True))
    )
    dots = tuple((scale.at(bar.cumulative or 0.0), bar.down) for bar in bars)
    return Pareto(
        bars=bars,
        line=" ".join(f"{x:g},{y:g}" for x, y in dots),
        dots=dots,
        marks=tuple(Mark(scale.at(share), share) for share in QUARTERS) if bars else (),
        vital=scale.mark(mark) if bars else None,
        total=total if bars else None,
    )


def ranking(causes: Sequence[Cause], *, at_most: int = 8) -> Pareto:
    """Values that cannot be added up (mean time between stops), smallest first; the rest is only counted."""
    ranked = sorted(causes, key=lambda cause: (cause.value, cause.label))
    shown = ranked[:at_most]
    longest = max((cause.value for cause in shown), default=0.0) or 1.0
    bars = tuple(
        Bar(
            label=cause.label,
            value=cause.value,
            share=None,
            cumulative=None,
            width=place(100 * max(cause.value, 0.0) / longest),
            down=_down(row, len(shown)),
            is_vital=row == 0,
            others=0,
            href=cause.href,
        )
        for row, cause in enumerate(shown)
    )
    return Pareto(bars=bars, line="", dots=(), marks=(), vital=None, total=None)


def _rows(ranked: Sequence[Cause], at_most: int) -> list[tuple[Cause, int]]:
    """Each cause with 0, and at the end the sum of the others with their number. One left over has its own row."""
    shown = ranked if len(ranked) <= at_most + 1 else ranked[:at_most]
    rows = [(cause, 0) for cause in shown]
    rest = ranked[len(shown) :]
    return [*rows, (Cause("", sum(cause.value for cause in rest)), len(rest))] if rest else rows


def _down(row: int, rows: int) -> float:
    return place(100 * (row + 0.5) / rows)
