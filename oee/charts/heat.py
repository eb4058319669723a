"""When in the week it happens: one cell per weekday and hour, a ramp of lightness, each with its number."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

HOURS = tuple(f"{hour:02d}" for hour in range(24))
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LEVELS = 6

Loudest = Literal["most", "least"]


@dataclass(frozen=True, slots=True)
class Cell:
    value: float | None
    level: int | None  # 0 quiet … 5 loud
    is_scheduled: bool


@dataclass(frozen=True, slots=True)
class Day:
    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the ramp: from `low` up to `high`."""

    level: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Spot:
    day: str
    hour: str
    value: float


@dataclass(frozen=True, slots=True)
class Heat:
    days: tuple[Day, ...]
    hours: tuple[str, ...]
    rungs: tuple[Rung, ...]
    least: Spot | None
    most: Spot | None
    unknown: int

    @property
    def by_hour(self) -> list[tuple[str, list[float | None]]]:
        """The other way round, for a table that fits a telephone."""
        return [(name, [day.cells[hour].value for day in self.days]) for hour, name in enumerate(self.hours)]


def heat(values: Mapping[tuple[int, int], float | None], *, loudest: Loudest = "most") -> Heat:
    """`values` by (weekday, hour), Monday 0; None is not known, what is missing was never scheduled.

    `loudest` says which end asks for attention: the most minutes lost, the least effectiveness.
    """
    spots = [
        Spot(WEEKDAYS[day], HOURS[hour], value) for (day, hour), value in sorted(values.items()) if value is not None
    ]
    low = min((spot.value for spot in spots), default=0.0)
    high = max((spot.value for spot in spots), default=0.0)
    return Heat(
        days=tuple(
            Day(name, tuple(_cell(values, (day, hour), low, high, loudest) for hour in range(24)))
            for day, name in enumerate(WEEKDAYS)
        ),
        hours=HOURS,
        rungs=_rungs(low, high, loudest) if spots else (),
        least=min(spots, key=lambda spot: spot.value, default=None),
        most=max(spots, key=lambda spot: spot.value, default=None),
        unknown=sum(value is None for value in values.values()),
    )


def _cell(
    values: Mapping[tuple[int, int], float | None], spot: tuple[int, int], low: float, high: float, loudest: Loudest
) -> Cell:
    value = values.get(spot)
    return Cell(value, None if value is None else _level(value, low, high, loudest), is_scheduled=spot in values)


def _level(value: float, low: float, high: float, loudest: Loudest) -> int:
    if high == low:
        return 0
    level = min(LEVELS - 1, int(LEVELS * ((value - low) / (high - low))))
    return level if loudest == "most" else LEVELS - 1 - level


def _rungs(low: float, high: float, loudest: Loudest) -> tuple[Rung, ...]:
    """From quiet to loud."""
    if high == low:
        return (Rung(0, low, high),)
    edges = [low + (high - low) * n / LEVELS for n in range(LEVELS + 1)]
    spans = list(pairwise(edges))
    return tuple(Rung(n, *span) for n, span in enumerate(spans if loudest == "most" else reversed(spans)))
