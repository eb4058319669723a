"""Everything that is known about a shift of a line, in one piece: for the paper and for programs."""

from dataclasses import dataclass
from datetime import datetime

from floor.domain.shifts import ShiftWindow
from floor.models import Line, MachineMinute, ProductNumber
from oee.coded import Coded
from oee.domain.clock import SECOND_MS, from_ms
from oee.domain.factors import Factors, Policy, Totals
from oee.setup import reading
from oee.shift import Block, HourRow, Loss, Shift, StopLine


@dataclass(frozen=True, slots=True)
class ShiftFigures:
    line_code: str
    line_name: str
    equipment_code: str
    equipment_name: str
    label: str
    window: ShiftWindow
    as_of: datetime
    policy: Policy
    totals: Totals
    factors: Factors
    completeness: float | None
    good: int
    rejected: int
    target_now: int
    target_shift: int
    products: tuple[str, ...]
    hours: tuple[HourRow, ...]
    stops: tuple[StopLine, ...]
    minor_stops: int
    minor_stops_s: float
    losses: tuple[Loss, ...]
    blocks: tuple[Block, ...]
    slow: tuple[tuple[int, int], ...]
    uncoded: int
    uncoded_s: float
    coded: Coded
    flags: tuple[str, ...]


def shift_report(line: Line, window: ShiftWindow, now: datetime) -> ShiftFigures | None:
    """Everything that is known about a shift of a line (with its site loaded); None for a line without machines."""
    shift = Shift(line, window, now)
    machine = shift.machine
    if machine is None:
        return None
    minor = [block for block in shift.blocks if block.is_minor]
    return ShiftFigures(
        line_code=line.code,
        line_name=line.name,
        equipment_code=machine.code,
        equipment_name=machine.name,
        label=window.label(line.site.zone),
        window=window,
        as_of=from_ms(shift.as_of_ms),
        policy=reading(shift.policy),
        totals=shift.totals,
        factors=shift.factors,
        completeness=shift.completeness,
        good=shift.totals.good,
        rejected=shift.totals.all_rejected,
        target_now=shift.target(shift.start, shift.elapsed),
        target_shift=shift.target(shift.start, shift.end),
        products=_products_made(shift),
        hours=tuple(shift.hours),
        stops=tuple(shift.stop_lines(shift.listed)),
        minor_stops=len({block.stop for block in minor}),
        minor_stops_s=sum(block.end - block.start for block in minor) / SECOND_MS,
        losses=tuple(shift.losses),
        blocks=tuple(shift.blocks),
        slow=tuple(shift.slow),
        uncoded=len(shift.uncoded_ms),
        uncoded_s=sum(shift.uncoded_ms.values()) / SECOND_MS,
        coded=shift.coded,
        flags=shift.flags,
    )


def _products_made(shift: Shift) -> tuple[str, ...]:
    numbers = MachineMinute.objects.filter(
        equipment=shift.machine,
        minute__gte=shift.window.starts_at,
        minute__lt=shift.window.ends_at,
        made__gt=0,
    ).values("product_number")
    names = ProductNumber.objects.filter(line=shift.line, number__in=numbers).values_list("product__name", flat=True)
    return tuple(sorted(set(names)))
