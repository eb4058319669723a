"""From a controller's values to what its machines were seen doing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from floor.domain.fold import MachineSetup
from floor.domain.machine import Observation
from plc.drivers.base import Quality, Reading, Value

STANDSTILL = 0.1  # units per minute; an averaged speed rarely comes to rest at exactly 0
LARGEST_PRODUCT = 2**31 - 1
# Counters kept in a REAL stop being whole numbers here; nothing real counts as far.
LARGEST_COUNT = 2**53
FAULT_MASK = (1 << 256) - 1
MISSING = Value(None, Quality.INIT, "Not read")

Values = dict[str, Value]
T = TypeVar("T")


class Nonsense(ValueError):
    """The value cannot mean what it is bound to. The message goes beside the value on the engineer's page."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where one meaning of a machine comes from. `width`: bits of one element of the tag."""

    tag: str
    bit: int | None = None
    invert: bool = False
    scale: float = 1.0
    offset: float = 0.0
    modulus: int | None = None
    width: int = 64


@dataclass(frozen=True, slots=True)
class Machine:
    """How one machine is seen through its controller's tags."""

    equipment_id: UUID
    line_id: UUID
    setup: MachineSetup
    running: tuple[Source, ...] = ()
    speed: tuple[Source, ...] = ()
    product: tuple[Source, ...] = ()
    made: tuple[Source, ...] = ()
    rejected: tuple[Source, ...] = ()
    faults: tuple[Source, ...] = ()

    @property
    def can_be_seen(self) -> bool:
        return bool(self.running or self.speed)


def observe(machine: Machine, values: Values, at: datetime, epoch: int, sequence: int) -> Observation:
    """Say what `machine` was doing. Values that make no sense for their meaning are marked bad in `values`.

    A machine whose running cannot be known was not seen. A bad counter is left out: the next good reading of it
    contains what was missed.
    """
    speed = _first(machine.speed, values, _speed)
    running = _running(machine, values, speed)
    if running is None:
        return Observation(at, epoch, sequence, seen=False, running=False)
    return Observation(
        at,
        epoch,
        sequence,
        seen=True,
        running=running,
        speed=speed,
        product=_first(machine.product, values, _product),
        made=_first(machine.made, values, _count),
        rejected=_first(machine.rejected, values, _count),
        fault_bits=_faults(machine.faults, values),
    )


def _running(machine: Machine, values: Values, speed: float | None) -> bool | None:
    """True, False, or None when it cannot be known. One sign of standing still is enough."""
    unknown = not machine.can_be_seen
    for source in machine.running:
        sign = _take(source, values, _flag)
        if sign is False:
            return False
        unknown |= sign is None
    if machine.speed:
        if speed is not None and speed <= STANDSTILL:
            return False
        unknown |= speed is None
    return None if unknown else True


def _first(sources: Sequence[Source], values: Values, meaning: Callable[[Source, Reading], T]) -> T | None:
    for source in sources:
        found = _take(source, values, meaning)
        if found is not None:
            return found
    return None


def _take(source: Source, values: Values, meaning: Callable[[Source, Reading], T]) -> T | None:
    value = values.get(source.tag, MISSING)
    if value.quality is not Quality.GOOD or value.value is None:
        return None
    try:
        return meaning(source, value.value)
    except Nonsense as error:
        values[source.tag] = Value(value.value, Quality.BAD_VALUE, str(error))
        return None


def _number(source: Source, reading: Reading) -> float:
    if isinstance(reading, bool | str | tuple):
        raise Nonsense("A number is needed here")
    return reading * source.scale + source.offset


def _bits(source: Source, reading: Reading) -> int:
    """The value as bits, first element lowest; negative words in two's complement."""
    members = reading if isinstance(reading, tuple) else (reading,)
    bits = 0
    for place, member in enumerate(members):
        if not isinstance(member, int):
            raise Nonsense("Bits are needed here")
        bits |= (member & ((1 << source.width) - 1)) << place * source.width
    return bits if source.bit is None else bits >> source.bit & 1


def _flag(source: Source, reading: Reading) -> bool:
    if isinstance(reading, float):
        return (reading != 0.0) is not source.invert
    return bool(_bits(source, reading)) is not source.invert


def _speed(source: Source, reading: Reading) -> float:
    speed = _number(source, reading)
    if speed < 0:
        raise Nonsense("A speed cannot be negative")
    return speed


def _product(source: Source, reading: Reading) -> int:
    product = int(_number(source, reading))
    if not 0 <= product <= LARGEST_PRODUCT:
        raise Nonsense("This cannot be a product number")
    return product


def _count(source: Source, reading: Reading) -> int:
    plain = source.scale == 1.0 and source.offset == 0.0 and type(reading) is int
    count = reading if plain and isinstance(reading, int) else int(_number(source, reading))
    if source.modulus is not None and -source.modulus <= count < 0:
        # A signed word runs on from 32767 to -32768; both are one unsigned counter.
        count += source.modulus
    if count < 0:
        raise Nonsense("A counter cannot be negative; if it wraps, give its modulus")
    if count > LARGEST_COUNT or (source.modulus is not None and count >= source.modulus):
        raise Nonsense("The counter is larger than it can be")
    return count


def _fault_part(source: Source, reading: Reading) -> int:
    bits = _bits(source, reading)
    if not source.invert:
        return bits
    members = len(reading) if isinstance(reading, tuple) else 1
    return bits ^ ((1 << (1 if source.bit is not None else source.width * members)) - 1)


def _faults(sources: Sequence[Source], values: Values) -> int | None:
    """All fault bits together; None as soon as one part of them is missing."""
    bits = 0
    for source in sources:
        part = _take(source, values, _fault_part)
        if part is None:
            return None
        bits |= part << int(source.offset)
    return bits & FAULT_MASK if sources else None
