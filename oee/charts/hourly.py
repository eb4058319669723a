"""Hour by hour: good parts against target."""

from collections.abc import Sequence
from dataclasses import dataclass

from oee.charts.scale import Band, Label, Mark, Scale, bands, labels, place, spanning


@dataclass(frozen=True, slots=True)
class Hour:
    """`good` None: not seen or not begun. `target` is what this hour should bring, shortened hours less."""

    label: str
    good: int | None
    target: int
    note: str = ""
    href: str = ""

    @property
    def difference(self) -> int | None:
        return None if self.good is None else self.good - self.target


@dataclass(frozen=True, slots=True)
class Column:
    hour: Hour
    left: float
    width: float
    top: float
    height: float
    target_down: float
    target_left: float
    target_right: float
    middle: float
    is_raised: bool  # differences stand in two rows where there is little room

    @property
    def is_behind(self) -> bool:
        return (self.hour.difference or 0) < 0


@dataclass(frozen=True, slots=True)
class Hourly:
    columns: tuple[Column, ...]
    marks: tuple[Mark, ...]
    labels: tuple[Label, ...]
    zero_down: float
    good: int | None
    target: int  # of the hours that are known
    target_all: int

    @property
    def known(self) -> list[Hour]:
        return [column.hour for column in self.columns if column.hour.good is not None]

    @property
    def difference(self) -> int | None:
        return None if self.good is None else self.good - self.target

    @property
    def best(self) -> Hour | None:
        return max(self.known, key=lambda hour: hour.difference or 0, default=None)

    @property
    def worst(self) -> Hour | None:
        return min(self.known, key=lambda hour: hour.difference or 0, default=None)


def hourly(hours: Sequence[Hour]) -> Hourly:
    scale = spanning([0, 1, *(hour.target for hour in hours), *(hour.good for hour in hours if hour.good is not None)])
    rooms = bands(len(hours))
    columns = tuple(_column(hour, room, scale, n) for n, (hour, room) in enumerate(zip(hours, rooms, strict=True)))
    known = [hour for hour in hours if hour.good is not None]
    return Hourly(
        columns=columns,
        marks=scale.marks,
        labels=labels([hour.label for hour in hours], [column.middle for column in columns]),
        zero_down=scale.down(0),
        good=sum(hour.good or 0 for hour in known) if known else None,
        target=sum(hour.target for hour in known),
        target_all=sum(hour.target for hour in hours),
    )


def _column(hour: Hour, room: Band, scale: Scale, number: int) -> Column:
    bar, reach = room.inner(0.6), room.inner(0.84)
    zero, end = scale.down(0), scale.down(hour.good or 0)
    return Column(
        hour=hour,
        left=bar.left,
        width=bar.width,
        top=min(zero, end),
        height=place(abs(zero - end)),
        target_down=scale.down(hour.target),
        target_left=reach.left,
        target_right=place(reach.left + reach.width),
        middle=room.middle,
        is_raised=number % 2 == 1,
    )
