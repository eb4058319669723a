"""From values to places along an axis, and which labels have room under it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

ENOUGH_SEEN = 0.9  # below it a ratio stands for too little of its time
WIDE_ROOM, NARROW_ROOM = 110, 38  # characters under an axis on a desk and on a telephone
BETWEEN = 3  # characters of air between two labels


@dataclass(frozen=True, slots=True)
class Mark:
    """A value and its place, per cent from the low end."""

    at: float
    value: float

    @property
    def down(self) -> float:
        """The same place on an upright axis, whose zero is at the bottom."""
        return place(100 - self.at)


@dataclass(frozen=True, slots=True)
class Scale:
    low: float
    high: float
    step: float

    def at(self, value: float) -> float:
        return place(100 * (value - self.low) / (self.high - self.low))

    def down(self, value: float) -> float:
        return place(100 * (self.high - value) / (self.high - self.low))

    def mark(self, value: float | None) -> Mark | None:
        return None if value is None else Mark(self.at(value), value)

    @property
    def marks(self) -> tuple[Mark, ...]:
        first, last = ceil(self.low / self.step - 1e-6), floor(self.high / self.step + 1e-6)
        return tuple(Mark(self.at(k * self.step), round(k * self.step, 10)) for k in range(first, last + 1))


def place(per_cent: float) -> float:
    """A hundredth of a per cent is a fifth of a pixel on the widest screen; no minus zero."""
    return round(per_cent, 2) + 0.0


def nice_step(span: float, parts: int) -> float:
    """The smallest of 1, 2, 2.5 and 5 × 10ⁿ that cuts `span` into at most `parts` pieces."""
    rough = span / parts
    power: float = 10.0 ** floor(log10(rough))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))


def spanning(values: Iterable[float], *, parts: int = 4) -> Scale:
    """The scale between round numbers that holds every value."""
    held = list(values)
    low, high = min(held), max(held)
    step = nice_step((high - low) or abs(high) or 1.0, parts)
    bottom, top = floor(low / step + 1e-6), ceil(high / step - 1e-6)
    return Scale(bottom * step, max(top, bottom + 1) * step, step)


@dataclass(frozen=True, slots=True)
class Band:
    """The room of one of several things side by side."""

    left: float
    width: float

    @property
    def middle(self) -> float:
        return place(self.left + self.width / 2)

    def inner(self, share: float) -> "Band":
        return Band(place(self.left + self.width * (1 - share) / 2), place(self.width * share))


def bands(count: int) -> list[Band]:
    return [Band(place(100 * n / count), place(100 * (n + 1) / count - 100 * n / count)) for n in range(count)]


@dataclass(frozen=True, slots=True)
class Label:
    at: float
    text: str
    wide_only: bool


def labels(texts: Sequence[str], places: Sequence[float]) -> tuple[Label, ...]:
    """As many labels, evenly chosen, as have room; those that have none on a telephone say so."""
    if not texts:
        return ()
    length = max(len(text) for text in texts) + BETWEEN
    step = ceil(len(texts) * length / WIDE_ROOM)
    narrow_step = step * ceil(len(texts) * length / NARROW_ROOM / step)
    return tuple(
        Label(places[n], texts[n], wide_only=n % narrow_step != 0) for n in range(0, len(texts), step) if texts[n]
    )
