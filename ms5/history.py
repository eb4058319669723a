"""Days of believable history: the simulated plant, driven faster than life through the real engine."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID, uuid4

from django.conf import settings
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import F

from andon.actions import import_calls
from andon.domain.call import Status
from andon.models import Call, CallKind
from floor.actions.machine import MachineBatch, record
from floor.actions.reconciliation import reconcile_due
from floor.actions.retention import ensure_partitions
from floor.domain.fold import MachineSetup
from floor.domain.machine import Observation
from floor.models import Equipment, Line, User
from floor.models.people import Role
from oee.actions.rebuild import rebuild
from oee.actions.stops import import_codings
from oee.models import Stop, StopCoding, StopReason
from plc.actions import load_plan
from plc.models import Controller
from plc.simulator import keeping
from plc.simulator.history import Seen, machine_readings
from plc.simulator.plant import Plant

SCAN_S = 10
# History comes before every lease a reader will ever hold.
EPOCH = 1
PORTION = timedelta(hours=12)
CODED_SHARE = 0.97
CODED_UNTIL = timedelta(hours=1)
CALLED_SHARE = 0.6
CALLED_FROM = timedelta(minutes=9)


class HistoryExists(Exception):
    """There are readings already; history is made in an empty plant only."""


@dataclass(frozen=True, slots=True)
class Machine:
    equipment_id: UUID
    setup: MachineSetup

    def batch(self, seen: list[Observation]) -> MachineBatch:
        """Counters as the reader would hand them on: a signed word that went below zero is unsigned again."""
        made, rejected = self.setup.made.modulus, self.setup.rejected.modulus
        return MachineBatch(
            self.equipment_id,
            self.setup,
            [o._replace(made=_unsigned(o.made, made), rejected=_unsigned(o.rejected, rejected)) for o in seen],
        )


def _unsigned(raw: int | None, modulus: int | None) -> int | None:
    return raw if raw is None or raw >= 0 or modulus is None else raw + modulus


def make_history(*, days: int, seed: int, now: datetime, tell: Callable[[float], None]) -> int:
    """Fill the last `days` days; return the number of readings. `tell` is called with the share done, 0 to 1.

    The plant is kept where the simulator finds it, so its counters run on from where history ends.
    """
    if Equipment.objects.filter(machine_state__observed_until__isnull=False).exists():
        raise HistoryExists("There is history already; nothing was added.")
    end = now.replace(second=now.second // SCAN_S * SCAN_S, microsecond=0)
    start = end - timedelta(days=days)
    ensure_partitions(start.date(), end.date() + timedelta(days=1))
    plant = Plant(seed=seed, start=start)
    readings = _record_everything(plant, _machines(), start, end, tell)
    for line in Line.objects.on_screen():
        rebuild(line, since=None, now=now)
        import_codings(line, _codings(line, end - CODED_UNTIL, Random(seed)), now=now)
        import_calls(_calls(line, end, Random(seed)))
    reconcile_due(now)
    keeping.save(plant, simulator_state())
    tell(1.0)
    return readings


def _codings(line: Line, until: datetime, chance: Random) -> list[StopCoding]:
    """Most stops that ended before `until` have a reason from the operator, most often the one proposed."""
    author = User.objects.filter(role=Role.OPERATOR, is_active=True).order_by("date_joined").first()
    reasons = list(StopReason.objects.offered().unplanned(until))
    if author is None or not reasons:
        return []
    stops = Stop.objects.filter(line=line, is_minor=False, equipment__is_primary=True, ended_at__lt=until)
    return [
        StopCoding(
            equipment_id=stop.equipment_id,
            covers=DateTimeTZRange(stop.started_at, None, "[)"),
            reason=stop.proposed_reason or chance.choice(reasons),
            author=author,
            made_at=stop.started_at + timedelta(seconds=chance.randint(40, 600)),
            request_id=uuid4(),
        )
        for stop in stops.select_related("proposed_reason").order_by("started_at")
        if chance.random() < CODED_SHARE
    ]


def _calls(line: Line, until: datetime, chance: Random) -> list[Call]:
    """In some long breakdowns that ended before `until` the operator called maintenance, who came and mended it."""
    people = {
        user.role: user for user in User.objects.filter(is_active=True, role__in=[Role.OPERATOR, Role.MAINTENANCE])
    }
    kind = CallKind.objects.filter(code="maintenance").first()
    if len(people) < 2 or kind is None:
        return []
    broken = Stop.objects.filter(line=line, equipment__is_primary=True, ended_at__lt=until).exclude(fault_text="")
    long = broken.filter(ended_at__gt=F("started_at") + CALLED_FROM).select_related("equipment").order_by("started_at")
    return [_call(stop, kind, people, chance) for stop in long if chance.random() < CALLED_SHARE]


def _call(stop: Stop, kind: CallKind, people: dict[str, User], chance: Random) -> Call:
    operator, fitter = people[Role.OPERATOR], people[Role.MAINTENANCE]
    ended_at = stop.ended_at or stop.started_at + CALLED_FROM
    raised_at = stop.started_at + timedelta(seconds=chance.randint(40, 200))
    answered_at = raised_at + timedelta(seconds=chance.randint(20, 170))
    return Call(
        line=stop.line, equipment=stop.equipment, kind=kind, priority=kind.priority, status=Status.RESOLVED,
        raised_at=raised_at, raised_by=operator, acknowledged_at=answered_at, acknowledged_by=fitter, responder=fitter,
        arrived_at=answered_at + timedelta(seconds=chance.randint(60, 150)), arrived_by=fitter,
        resolved_at=ended_at, resolved_by=fitter, resolution=f"Cleared: {stop.fault_text}",
    )  # fmt: skip


def simulator_state() -> Path:
    return Path(settings.DATA_DIR) / "simulator" / "state.json"


def _machines() -> dict[str, Machine]:
    """Every machine of an enabled controller, by its code, with the set-up the reader uses, at a slower scan."""
    setups: dict[object, MachineSetup] = {}
    for controller in Controller.objects.enabled():
        plan = load_plan(controller.id)
        setups |= {machine.equipment_id: machine.setup for machine in plan.machines} if plan else {}
    return {
        machine.code: Machine(machine.id, _slower(setups[machine.id]))
        for machine in Equipment.objects.filter(id__in=list(setups))
    }


def _slower(setup: MachineSetup) -> MachineSetup:
    return MachineSetup(3 * SCAN_S * 1000, setup.made, setup.rejected, setup.counts_good)


def _record_everything(
    plant: Plant, machines: dict[str, Machine], start: datetime, end: datetime, tell: Callable[[float], None]
) -> int:
    recorded = 0
    for until, portion in _portions(machine_readings(plant, start, end, SCAN_S)):
        batches = [machines[code].batch(seen) for code, seen in portion.items()]
        recorded += record(batches, announce=False)
        tell(0.9 * ((until - start) / (end - start)))
    return recorded


def _portions(
    steps: Iterator[tuple[datetime, list[Seen]]],
) -> Iterator[tuple[datetime, dict[str, list[Observation]]]]:
    portion: dict[str, list[Observation]] = {}
    ends_at: datetime | None = None
    at: datetime | None = None
    for sequence, (at, seen) in enumerate(steps, 1):
        if ends_at is None:
            ends_at = at + PORTION
        for code, running, speed, product, made, rejected, bits in seen:
            shown = Observation(at, EPOCH, sequence, True, running, speed, product, made, rejected, bits)
            portion.setdefault(code, []).append(shown)
        if at >= ends_at:
            yield at, portion
            portion, ends_at = {}, at + PORTION
    if portion and at is not None:
        yield at, portion
