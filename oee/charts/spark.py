"""A few values beside a figure: which way it goes."""

from collections.abc import Sequence
from dataclasses import dataclass

from oee.charts.scale import Band, Scale, bands, place


@dataclass(frozen=True, slots=True)
class Bar:
    left: float
    width: float
    top: float
    height: float
    is_last: bool


@dataclass(frozen=True, slots=True)
class Spark:
    values: tuple[float | None, ...]
    bars: tuple[Bar, ...]
    gaps: tuple[float, ...]  # middles of what is not known
    target: float | None
    target_down: float | None

    @property
    def last(self) -> float | None:
        return self.values[-1] if self.values else None


def spark(values: Sequence[float | None], *, target: float | None = None) -> Spark:
    held = [value for value in (*values, target) if value is not None]
    low = min([0.0, *held])
    scale = Scale(low, max([low + 1e-9, *held]), 1.0)
    rooms = bands(len(values))
    last = len(values) - 1
    return Spark(
        values=tuple(values),
        bars=tuple(
            _bar(room.inner(0.7), value, scale, is_last=n == last)
            for n, (room, value) in enumerate(zip(rooms, values, strict=True))
            if value is not None
        ),
        gaps=tuple(room.middle for room, value in zip(rooms, values, strict=True) if value is None),
        target=target,
        target_down=None if target is None else scale.down(target),
    )


def _bar(room: Band, value: float, scale: Scale, *, is_last: bool) -> Bar:
    zero, end = scale.down(0.0), scale.down(value)
    return Bar(room.left, room.width, min(zero, end), place(abs(zero - end)), is_last)
