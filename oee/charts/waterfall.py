"""From planned time to fully productive time, one loss at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from oee.charts.scale import Mark, Scale, place

Kind = Literal["total", "loss", "gain"]
QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class Loss:
    """Milliseconds; negative where more came out than the ideal allows."""

    label: str
    ms: int
    href: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """Losses, and what is left after them."""

    losses: tuple[Loss, ...]
    left_label: str


@dataclass(frozen=True, slots=True)
class Step:
    kind: Kind
    label: str
    ms: int
    share: float | None  # of planned time; None when nothing was planned
    left: float
    width: float
    down: float  # middle of the row
    is_largest: bool
    href: str

    @property
    def gained_ms(self) -> int:
        return -self.ms


@dataclass(frozen=True, slots=True)
class Join:
    """Where one step ends, the next begins."""

    x: float
    top: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Waterfall:
    steps: tuple[Step, ...]
    joins: tuple[Join, ...]
    marks: tuple[Mark, ...]  # shares of planned time
    zero: float

    @property
    def largest(self) -> Step | None:
        return next((step for step in self.steps if step.is_largest), None)

    @property
    def gains(self) -> list[Step]:
        return [step for step in self.steps if step.kind == "gain"]

    @property
    def first(self) -> Step:
        return self.steps[0]

    @property
    def last(self) -> Step:
        return self.steps[-1]


@dataclass(frozen=True, slots=True)
class _Leg:
    """One step before it has a place: it goes from one running total to another."""

    kind: Kind
    label: str
    start: int
    end: int
    href: str = ""

    @property
    def ms(self) -> int:
        return self.end - self.start if self.kind == "total" else self.start - self.end


def waterfall(planned_ms: int, stages: Sequence[Stage], *, planned_label: str = "Planned time") -> Waterfall:
    legs = list(_legs(planned_ms, stages, planned_label))
    scale = _scale(legs)
    largest = max((leg for leg in legs if leg.kind == "loss"), key=lambda leg: leg.ms, default=None)
    downs = [place(100 * (row + 0.5) / len(legs)) for row in range(len(legs))]
    steps = tuple(
        _step(leg, scale, planned_ms, down, is_largest=leg is largest and leg.ms > 0)
        for leg, down in zip(legs, downs, strict=True)
    )
    return Waterfall(
        steps=steps,
        joins=tuple(Join(scale.at(leg.end), a, b) for leg, (a, b) in zip(legs, pairwise(downs), strict=False)),
        marks=tuple(Mark(scale.at(share * planned_ms), share) for share in QUARTERS) if planned_ms > 0 else (),
        zero=scale.at(0),
    )


def _legs(planned_ms: int, stages: Sequence[Stage], planned_label: str) -> Iterator[_Leg]:
    left = planned_ms
    yield _Leg("total", planned_label, 0, left)
    for stage in stages:
        for loss in stage.losses:
            yield _Leg("gain" if loss.ms < 0 else "loss", loss.label, left, left - loss.ms, loss.href)
            left -= loss.ms
        yield _Leg("total", stage.left_label, 0, left)


def _scale(legs: Sequence[_Leg]) -> Scale:
    ends = [0, *(leg.end for leg in legs)]
    low = min(ends)
    return Scale(low, max(*ends, low + 1), 1.0)


def _step(leg: _Leg, scale: Scale, planned_ms: int, down: float, *, is_largest: bool) -> Step:
    left, right = scale.at(min(leg.start, leg.end)), scale.at(max(leg.start, leg.end))
    share = leg.ms / planned_ms if planned_ms > 0 else None
    return Step(leg.kind, leg.label, leg.ms, share, left, place(right - left), down, is_largest, leg.href)
