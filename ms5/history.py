"""Days of believable history: the simulated plant, driven faster than life through the real engine."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID

from django.conf import settings

from andon.actions import import_calls
from floor.actions.jobs import import_jobs
from floor.actions.machine import MachineBatch, record
from floor.actions.reconciliation import reconcile_due
from floor.actions.retention import ensure_partitions
from floor.domain.fold import MachineSetup
from floor.domain.machine import Observation
from floor.models import Equipment, Line
from ms5 import past_notes
from oee.actions.rebuild import rebuild
from oee.actions.stops import import_confirmations, import_notes
from plc.actions import load_plan
from plc.models import Controller
from plc.simulator import keeping
from plc.simulator.history import Seen, machine_readings
from plc.simulator.plant import Plant

SCAN_S = 10
# History comes before every lease a reader will ever hold.
EPOCH = 1
PORTION = timedelta(hours=12)
# The last hour is left to whoever tries the demo.
SILENT_FOR = timedelta(hours=1)


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
        _let_jobs_run(line, end, Random(seed))
        rebuild(line, since=None, now=now)
        _let_people_speak(line, end, Random(seed), now)
    reconcile_due(now)
    keeping.save(plant, simulator_state())
    tell(1.0)
    return readings


def _let_jobs_run(line: Line, end: datetime, chance: Random) -> None:
    """Jobs follow the products that the machines made, so they are known before anything is derived."""
    who = past_notes.people()
    if who is not None:
        runs = past_notes.job_runs(line, end, who, chance)
        import_jobs(runs, past_notes.job_cycles(line, runs, chance))
        past_notes.plan_next_jobs(line, end, who, chance)


def _let_people_speak(line: Line, end: datetime, chance: Random, now: datetime) -> None:
    """What was said, each on top of what it was said about."""
    who = past_notes.people()
    if who is None:
        return
    until = end - SILENT_FOR
    import_notes(line, past_notes.changeovers(line, until, who), now=now)
    said = [*past_notes.codings(line, until, who, chance), *past_notes.scrap(line, until, who, chance)]
    import_notes(line, said, now=now)
    import_confirmations(past_notes.confirmations(line, until, who, chance))
    import_calls(past_notes.calls(line, end, who, chance))


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
