"""Everything people decided about a line that its figures depend on, read in a handful of queries."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Q

from floor.domain.shifts import Calendar
from floor.glance import AskedForMany
from floor.models import Equipment, FaultDefinition, IdealCycle, Line, ProductNumber
from floor.models.shifts import calendar
from oee.domain.clock import SECOND_MS, to_ms
from oee.domain.derive import Thresholds
from oee.domain.factors import Policy
from oee.domain.standards import Standard, Standards
from oee.models import LinePolicy, StopReason

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LineSetup:
    line: Line
    machines: tuple[Equipment, ...]  # in the order of the line, first is upstream
    calendar: Calendar
    policies: tuple[LinePolicy, ...]  # earliest first
    standards: Standards
    products: dict[int, UUID]
    faults: dict[tuple[UUID, int], FaultDefinition]  # faults only: prompts and status bits explain no stop
    reasons: frozenset[str]

    @property
    def thresholds(self) -> Thresholds:
        steps = tuple((to_ms(p.valid_from), p.micro_stop_s * SECOND_MS) for p in self.policies)
        return Thresholds(steps, LinePolicy(line=self.line).micro_stop_s * SECOND_MS)

    def ideal_cycle_ms(self, equipment_id: UUID, product_number: int | None, at: datetime) -> int | None:
        product = None if product_number is None else self.products.get(product_number)
        return self.standards.ideal_cycle_ms(self.line.id, equipment_id, product, at)


def setups(lines: Sequence[Line]) -> dict[UUID, LineSetup]:
    """The set-ups of several lines (with their sites loaded) in eight queries."""
    ids = [line.id for line in lines]
    machines: dict[UUID, list[Equipment]] = defaultdict(list)
    for machine in Equipment.objects.filter(line__in=ids, enabled=True).order_by("position"):
        machines[machine.line_id].append(machine)
    faults: dict[UUID, dict[tuple[UUID, int], FaultDefinition]] = defaultdict(dict)
    kinds = FaultDefinition.objects.filter(equipment__line__in=ids, kind=FaultDefinition.Kind.FAULT)
    for fault in kinds.select_related("equipment"):
        faults[fault.equipment.line_id][fault.equipment_id, fault.bit] = fault
    calendars, policies = calendar.answer_all(lines), policies_of.answer_all(lines)
    products, rules = products_of.answer_all(lines), standards_of.answer_all(lines)
    reasons = frozenset(StopReason.objects.values_list("code", flat=True))
    return {
        line.id: LineSetup(
            line,
            tuple(machines[line.id]),
            calendars[line],
            policies[line],
            rules[line],
            products[line],
            faults[line.id],
            reasons,
        )
        for line in lines
    }


@AskedForMany
def policies_of(lines: Sequence[Line]) -> dict[Line, tuple[LinePolicy, ...]]:
    """Earliest first."""
    rows = list(LinePolicy.objects.filter(line__in=lines).order_by("valid_from"))
    return {line: tuple(row for row in rows if row.line_id == line.id) for line in lines}


@AskedForMany
def products_of(lines: Sequence[Line]) -> dict[Line, dict[int, UUID]]:
    """By the number that the line's controllers know them by."""
    found: dict[UUID, dict[int, UUID]] = defaultdict(dict)
    for line, number, product in ProductNumber.objects.filter(line__in=lines).values_list("line", "number", "product"):
        found[line][number] = product
    return {line: found[line.id] for line in lines}


@AskedForMany
def standards_of(lines: Sequence[Line]) -> dict[Line, Standards]:
    """Ideal cycles that may concern a line: its own, its machines', and those of a product anywhere."""
    rows = IdealCycle.objects.filter(
        Q(line__in=lines) | Q(equipment__line__in=lines) | Q(line=None, equipment=None)
    ).values_list("line", "equipment", "product", "ideal_cycle_ms", "valid_from", "valid_to", "equipment__line")
    found = [(row[6], Standard(*row[:6])) for row in rows]
    return {line: Standards(tuple(row for home, row in found if _concerns(line, home, row))) for line in lines}


def _concerns(line: Line, home: UUID | None, row: Standard) -> bool:
    return home in (None, line.id) and row.line in (None, line.id)


def policy_at(policies: Sequence[LinePolicy], line: Line, moment: datetime) -> LinePolicy:
    """The policy in force, or the one a line has before anybody gave it one."""
    in_force = [policy for policy in policies if policy.valid_from <= moment]
    return in_force[-1] if in_force else LinePolicy(line=line, valid_from=LONG_AGO)


def reading(policy: LinePolicy) -> Policy:
    """How this policy reads a ledger."""
    return Policy(policy.planned_stops_reduce_availability)
