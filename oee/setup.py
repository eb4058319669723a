"""Everything people decided about a line that its figures depend on, read in a handful of queries."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Q

from floor.domain.shifts import Calendar
from floor.models import Equipment, FaultDefinition, IdealCycle, Line, ProductNumber, ShiftPattern
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
    calendars, policies, products = _calendars(lines), policies_of(ids), products_of(ids)
    rules, reasons = standards_of(ids), frozenset(StopReason.objects.values_list("code", flat=True))
    return {
        line.id: LineSetup(
            line,
            tuple(machines[line.id]),
            calendars[line.id],
            policies[line.id],
            rules,
            products[line.id],
            faults[line.id],
            reasons,
        )
        for line in lines
    }


def _calendars(lines: Sequence[Line]) -> dict[UUID, Calendar]:
    sites = {line.site_id for line in lines}
    patterns = list(ShiftPattern.objects.filter(site__in=sites).prefetch_related("breaks"))
    found = {}
    for line in lines:
        own = [p for p in patterns if p.line_id == line.id]
        shared = [p for p in patterns if p.line_id is None and p.site_id == line.site_id]
        found[line.id] = Calendar(tuple(p.value() for p in own or shared), line.site.zone)
    return found


def policies_of(line_ids: Iterable[UUID]) -> dict[UUID, tuple[LinePolicy, ...]]:
    found: dict[UUID, list[LinePolicy]] = defaultdict(list)
    for policy in LinePolicy.objects.filter(line__in=list(line_ids)).order_by("valid_from"):
        found[policy.line_id].append(policy)
    return defaultdict(tuple, {line: tuple(policies) for line, policies in found.items()})


def products_of(line_ids: Iterable[UUID]) -> dict[UUID, dict[int, UUID]]:
    found: dict[UUID, dict[int, UUID]] = defaultdict(dict)
    rows = ProductNumber.objects.filter(line__in=list(line_ids)).values_list("line", "number", "product")
    for line, number, product in rows:
        found[line][number] = product
    return found


def standards_of(line_ids: Iterable[UUID]) -> Standards:
    """Ideal cycles that may concern these lines: their own, their machines', and those of a product anywhere."""
    ids = list(line_ids)
    rows = IdealCycle.objects.filter(
        Q(line__in=ids) | Q(equipment__line__in=ids) | Q(line=None, equipment=None)
    ).values_list("line", "equipment", "product", "ideal_cycle_ms", "valid_from", "valid_to")
    return Standards(tuple(Standard(*row) for row in rows))


def policy_at(policies: Sequence[LinePolicy], line: Line, moment: datetime) -> LinePolicy:
    """The policy in force, or the one a line has before anybody gave it one."""
    in_force = [policy for policy in policies if policy.valid_from <= moment]
    return in_force[-1] if in_force else LinePolicy(line=line, valid_from=LONG_AGO)


def reading(policy: LinePolicy) -> Policy:
    """How this policy reads a ledger."""
    return Policy(policy.planned_stops_reduce_availability)
