"""Drive the plant through a stretch of time faster than life, and say what its controllers showed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from plc.simulator.line import Line, Machine
from plc.simulator.plant import Plant
from plc.simulator.tags import TAGS, Value, signed16, signed32

# machine, running, speed, product number, raw made (or good) counter, raw reject counter or None, alarm bits
Seen = tuple[str, bool, float, int, int, int | None, int]


def observations(
    plant: Plant, start: datetime, end: datetime, step_s: float = 10.0
) -> Iterator[tuple[datetime, str, dict[str, Value]]]:
    """Yield (time, controller, {address: value}) for every controller and step in [start, end).

    A controller whose link is down yields nothing.
    """
    for at in _steps(plant, start, end, step_s):
        for code in plant.controllers:
            if plant.is_linked(code):
                yield at, code, plant.tags(code)


def machine_readings(
    plant: Plant, start: datetime, end: datetime, step_s: float = 10.0
) -> Iterator[tuple[datetime, list[Seen]]]:
    """Yield (time, what is seen of each machine) for every step in [start, end), without going through tags.

    Counters are as the controller shows them, wraps and resets included (see `COUNTERS`).
    """
    readers = [(code, _controller_of(plant, code), *plant.line_of(code)) for code in plant.machines]
    for at in _steps(plant, start, end, step_s):
        linked = {code for code in plant.controllers if plant.is_linked(code)}
        yield at, [_seen(code, line, m) for code, controller, line, m in readers if controller in linked]


def _steps(plant: Plant, start: datetime, end: datetime, step_s: float) -> Iterator[datetime]:
    t, last = start.timestamp(), end.timestamp()
    at, step = datetime.fromtimestamp(t, UTC), timedelta(seconds=step_s)
    while t < last:
        plant.advance(t)
        yield at
        t += step_s
        at += step


def _controller_of(plant: Plant, machine: str) -> str:
    return next(c.code for c in plant.controllers.values() if machine in c.machines)


def _seen(code: str, line: Line, m: Machine) -> Seen:
    made, rejected = line.made(m), line.rejected(m)
    raw_made, raw_rejected = COUNTERS[code](m, made, rejected)
    pace = m.rate * 60.0 if code in SHOWS_SPEED else 0.0
    return code, m.is_running, pace, m.product, raw_made, raw_rejected, line.bits(m)


def _bagger(m: Machine, made: int, rejected: int) -> tuple[int, int | None]:
    return signed32(made - m.count_base), signed32(rejected)


def _loader(_m: Machine, made: int, _rejected: int) -> tuple[int, int | None]:
    return signed16(made), None


def _double(_m: Machine, made: int, rejected: int) -> tuple[int, int | None]:
    return signed32(made), signed32(rejected)


def _depositor(_m: Machine, made: int, rejected: int) -> tuple[int, int | None]:
    return signed16(made), rejected % 32768


def _wrapper(_m: Machine, made: int, rejected: int) -> tuple[int, int | None]:
    return signed16(made - rejected), rejected % 32768


COUNTERS = {
    "BP01.PACK.BAG1": _bagger,
    "BP01.PACK.BAG1.BL": _loader,
    "BP01.ROLL2.DIV": _double,
    "BP01.ROLL2.FRM": _double,
    "BP01.ROLL2.PACK": _double,
    "BP01.CAKE1.DEP": _depositor,
    "BP01.CAKE1.WRAP": _wrapper,  # the good counter, as bound
}
SHOWS_SPEED = set(TAGS) - {"BP01.PACK.BAG1.BL"}
