"""Everything people decided about a line that its figures depend on, read in a handful of queries."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Q

from floor.domain.shifts import Calendar, hour_start
from floor.glance import AskedForMany
from floor.models import Equipment, FaultDefinition, IdealCycle, Line, ProductNumber, RetentionMark
from floor.models.shifts import calendar
from oee.domain.clock import MILLISECOND, SECOND_MS, to_ms
from oee.domain.factors import Policy
from oee.domain.judging import Judging, Restated, Rule, Rules, Steps
from oee.domain.ledger import Kind
from oee.domain.standards import RunningJob, Standard, Standards
from oee.models import LinePolicy, ReasonClass, Restatement

HOUR = timedelta(hours=1)
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
    classes: dict[str, Steps[Kind]]  # what the reasons of stops are, over time
    judging: Judging
    kept_since: datetime | None  # details before this moment were dropped

    @property
    def derivable_since(self) -> datetime | None:
        """The first hour of the plant's clock that can still be derived from its facts; None: all can."""
        if self.kept_since is None:
            return None
        return hour_start(self.calendar.zone, self.kept_since + HOUR - MILLISECOND)

    @property
    def rules(self) -> Rules:
        steps = Steps(((to_ms(p.valid_from), _rule(p)) for p in self.policies), _rule(LinePolicy(line=self.line)))
        return Rules(steps, self.judging)

    def ideal_cycles(self, equipment_id: UUID, product_number: int | None, job: RunningJob | None) -> Steps[int | None]:
        """Of a machine making a product while a job runs, over time; to be asked for the moment whose rules hold."""
        product = None if product_number is None else self.products.get(product_number)
        changes = self.standards.changes(self.line.id, equipment_id, product, job)
        return Steps(((to_ms(since), cycle) for since, cycle in changes), None)

    def loss_class(self, reason: str, at: int) -> Kind:
        return loss_class(self.classes, self.judging, reason, at)


def _rule(policy: LinePolicy) -> Rule:
    return Rule(policy.micro_stop_s * SECOND_MS, reading(policy))


def setups(lines: Sequence[Line]) -> dict[UUID, LineSetup]:
    """The set-ups of several lines (with their sites loaded) in ten queries."""
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
    classes, judgings = loss_classes(), judging_of.answer_all(lines)
    kept_since = (
        RetentionMark.objects.filter(kind=RetentionMark.Kind.DETAIL).values_list("kept_since", flat=True).first()
    )
    return {
        line.id: LineSetup(
            line,
            tuple(machines[line.id]),
            calendars[line],
            policies[line],
            rules[line],
            products[line],
            faults[line.id],
            classes,
            judgings[line],
            kept_since,
        )
        for line in lines
    }


def loss_class(classes: dict[str, Steps[Kind]], judging: Judging, reason: str, at: int) -> Kind:
    """What a stop with this reason is, that began at this moment."""
    steps = classes.get(reason)
    return Kind.FAILURE if steps is None else steps.at(judging.at(at))


def loss_classes() -> dict[str, Steps[Kind]]:
    """By reason. Before its first class a reason is an unplanned stop."""
    rows: dict[str, list[tuple[int, Kind]]] = defaultdict(list)
    for reason, since, loss in ReasonClass.objects.values_list("reason_id", "valid_from", "loss_class"):
        rows[reason].append((to_ms(since), Kind(loss)))
    return {reason: Steps(steps, Kind.FAILURE) for reason, steps in rows.items()}


@AskedForMany
def judging_of(lines: Sequence[Line]) -> dict[Line, Judging]:
    rows: dict[UUID, list[Restated]] = defaultdict(list)
    restatements = Restatement.objects.filter(line__in=lines).order_by("pk")
    for line, start, end, as_of in restatements.values_list("line", "starts_at", "ends_at", "as_of"):
        rows[line].append(Restated(to_ms(start), to_ms(end), to_ms(as_of)))
    return {line: Judging(rows[line.id]) for line in lines}


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
    """Ideal cycles that may concern a line: its own, its machines', and those of a product anywhere.

    Those of jobs come with the jobs that ran: oee/jobs.py.
    """
    rows = IdealCycle.objects.filter(
        Q(line__in=lines) | Q(equipment__line__in=lines) | Q(line=None, equipment=None), job=None
    ).values_list("line", "equipment", "product", "ideal_cycle_ms", "valid_from", "valid_to", "equipment__line")
    found = [(row[6], Standard(*row[:6])) for row in rows]
    return {line: Standards(tuple(row for home, row in found if _concerns(line, home, row))) for line in lines}


def _concerns(line: Line, home: UUID | None, row: Standard) -> bool:
    return home in (None, line.id) and row.line in (None, line.id)


def policy_at(line: Line, moment: datetime) -> LinePolicy:
    """The policy by which that moment is judged, or the one a line has before anybody gave it one."""
    return policy_as_judged(line, judging_of(line), moment)


def policy_as_judged(line: Line, judging: Judging, moment: datetime) -> LinePolicy:
    return _policy_steps(line).at(judging.at(to_ms(moment)))


def policy_of_hour(line: Line, hour: datetime, shift_start: datetime | None) -> LinePolicy:
    """The policy by which an hour is read that began then, before changes of product and job cut it."""
    as_of = judging_of(line).of_hour(to_ms(hour), None if shift_start is None else to_ms(shift_start))
    return _policy_steps(line).at(as_of)


def _policy_steps(line: Line) -> Steps[LinePolicy]:
    return Steps(((to_ms(p.valid_from), p) for p in policies_of(line)), LinePolicy(line=line, valid_from=LONG_AGO))


def reading(policy: LinePolicy) -> Policy:
    """How this policy reads a ledger."""
    return Policy(
        policy.planned_stops_reduce_availability, policy.minor_stops_reduce_availability, policy.no_data_is_lost
    )
