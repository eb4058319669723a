"""One ratio under the other over the same periods, each with its target, its control limits and its gaps."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from oee.charts.scale import ENOUGH_SEEN, Band, Label, Mark, Scale, bands, labels, place, spanning

WIDEST_COLUMN = 10.0  # per cent of the plot: a single day is no wall
WHOLE = 1.0  # the line of 100 % is always in sight


@dataclass(frozen=True, slots=True)
class Series:
    """One ratio over all periods; the limits are mean ± 3 sigma where the caller knows enough to give them."""

    name: str
    values: tuple[float | None, ...]
    target: float | None = None
    low_limit: float | None = None
    high_limit: float | None = None
    look: Literal["columns", "line"] = "line"


@dataclass(frozen=True, slots=True)
class Period:
    label: str
    completeness: float | None = None
    note: str = ""  # what changed here: restated, another calendar
    href: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    band: Band
    label: str
    value: float | None
    down: float
    is_outside: bool  # of the control limits

    @property
    def x(self) -> float:
        return self.band.middle


@dataclass(frozen=True, slots=True)
class Column:
    """From zero to the value."""

    label: str
    value: float | None
    left: float
    width: float
    top: float
    height: float


@dataclass(frozen=True, slots=True)
class Panel:
    name: str
    look: str
    marks: tuple[Mark, ...]
    whole_down: float
    target: Mark | None
    low_limit: Mark | None
    high_limit: Mark | None
    points: tuple[Point, ...]
    columns: tuple[Column, ...]
    lines: tuple[str, ...]  # runs of known values, as points of a polyline in a box of 100 by 100

    @property
    def known(self) -> list[Point]:
        return [point for point in self.points if point.value is not None]

    @property
    def last(self) -> Point | None:
        return self.known[-1] if self.known else None

    @property
    def lowest(self) -> Point | None:
        return min(self.known, key=lambda point: point.value or 0.0, default=None)

    @property
    def highest(self) -> Point | None:
        return max(self.known, key=lambda point: point.value or 0.0, default=None)

    @property
    def outside(self) -> list[Point]:
        return [point for point in self.points if point.is_outside]


@dataclass(frozen=True, slots=True)
class Shade:
    """A period of which too little was seen, or nothing at all."""

    left: float
    width: float
    completeness: float | None
    is_empty: bool


@dataclass(frozen=True, slots=True)
class Note:
    number: int
    x: float
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    period: Period
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Trend:
    panels: tuple[Panel, ...]
    labels: tuple[Label, ...]
    shades: tuple[Shade, ...]
    notes: tuple[Note, ...]
    rows: tuple[Row, ...]

    @property
    def has_limits(self) -> bool:
        return any(panel.low_limit or panel.high_limit for panel in self.panels)

    @property
    def has_targets(self) -> bool:
        return any(panel.target for panel in self.panels)

    @property
    def is_dense(self) -> bool:
        """Single points are not marked any more."""
        return len(self.rows) > 62


def trend(periods: Sequence[Period], series: Sequence[Series]) -> Trend:
    rooms = bands(len(periods))
    rows = zip(*(one.values for one in series), strict=True) if series else iter(())
    table = tuple(Row(period, values) for period, values in zip(periods, rows, strict=True))
    return Trend(
        panels=tuple(_panel(one, periods, rooms) for one in series),
        labels=labels([period.label for period in periods], [room.middle for room in rooms]),
        shades=tuple(_shades(table, rooms)),
        notes=tuple(_notes(periods, rooms)),
        rows=table,
    )


def _panel(series: Series, periods: Sequence[Period], rooms: list[Band]) -> Panel:
    scale = _scale(series)
    points = tuple(
        _point(series, scale, room, period, value)
        for room, period, value in zip(rooms, periods, series.values, strict=True)
    )
    is_columns = series.look == "columns"
    return Panel(
        name=series.name,
        look=series.look,
        marks=scale.marks,
        whole_down=scale.down(WHOLE),
        target=scale.mark(series.target),
        low_limit=scale.mark(series.low_limit),
        high_limit=scale.mark(series.high_limit),
        points=points,
        columns=tuple(_column(point, scale) for point in points if point.value is not None) if is_columns else (),
        lines=() if is_columns else tuple(_lines(points)),
    )


def _scale(series: Series) -> Scale:
    limits = (series.target, series.low_limit, series.high_limit)
    held = [value for value in (*series.values, *limits, WHOLE) if value is not None]
    if series.look == "columns":
        return spanning([0.0, *held])
    return spanning([*held, min(held) - 0.01], parts=3)


def _point(series: Series, scale: Scale, room: Band, period: Period, value: float | None) -> Point:
    low, high = series.low_limit, series.high_limit
    is_outside = value is not None and ((low is not None and value < low) or (high is not None and value > high))
    return Point(room, period.label, value, scale.down(value or 0.0), is_outside)


def _column(point: Point, scale: Scale) -> Column:
    room, zero = point.band.inner(min(0.64, WIDEST_COLUMN / point.band.width)), scale.down(0.0)
    return Column(point.label, point.value, room.left, room.width, min(point.down, zero), place(abs(zero - point.down)))


def _lines(points: Sequence[Point]) -> list[str]:
    runs = groupby(points, key=lambda point: point.value is not None)
    return [" ".join(f"{point.x:g},{point.down:g}" for point in run) for is_known, run in runs if is_known]


def _shades(rows: Sequence[Row], rooms: list[Band]) -> list[Shade]:
    return [
        Shade(room.left, room.width, row.period.completeness, is_empty=_is_empty(row))
        for row, room in zip(rows, rooms, strict=True)
        if _is_empty(row) or is_incomplete(row.period)
    ]


def _is_empty(row: Row) -> bool:
    return all(value is None for value in row.values)


def is_incomplete(period: Period) -> bool:
    return period.completeness is not None and period.completeness < ENOUGH_SEEN


def _notes(periods: Sequence[Period], rooms: list[Band]) -> list[Note]:
    noted = [(period, room) for period, room in zip(periods, rooms, strict=True) if period.note]
    return [Note(n, room.middle, period.label, period.note) for n, (period, room) in enumerate(noted, start=1)]
