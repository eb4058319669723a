"""A machine that is seen by its controller once a second, and what listens to it."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from andon.actions import notice
from floor.actions.machine import MachineBatch, record
from floor.domain.fold import MachineSetup
from floor.domain.machine import Observation
from floor.models import Equipment, FaultDefinition
from ms5.standstills import standstills
from tests.andon.plant import SIX, after
from tests.factories import make_line, make_machine, make_shifts, make_site

SETUP = MachineSetup(limit_ms=3000)
SECOND = timedelta(seconds=1)


class Controller:
    """A machine that is seen once a second, until it is told to do something else."""

    def __init__(self, machine: Equipment, start: datetime = SIX) -> None:
        self.machine, self.at, self.sequence = machine, start, 0

    def sees(self, running: bool, until: datetime, faults: Iterable[int] = (), seen: bool = True) -> None:
        bits = sum(1 << bit for bit in faults)
        observations = []
        while self.at < until:
            observations.append(self._one(running, seen, bits))
            self.at += SECOND
        self.record(observations)

    def _one(self, running: bool, seen: bool, bits: int) -> Observation:
        self.sequence += 1
        return Observation(self.at, 1, self.sequence, seen, running, fault_bits=bits)

    def record(self, observations: list[Observation]) -> None:
        record([MachineBatch(self.machine.pk, SETUP, observations)])

    def runs(self, until: datetime) -> None:
        self.sees(True, until)

    def stands(self, until: datetime, faults: Iterable[int] = ()) -> None:
        self.sees(False, until, faults)


def make_bagger() -> Controller:
    """Works in three shifts, has run for a minute. Its faults: 1 critical, 2 high, 3 and 4 medium, 9 only a prompt."""
    make_shifts(make_site())
    machine = make_machine(make_line(), "BAG1")
    for bit, category in ((1, "critical"), (2, "high"), (3, "medium"), (4, "medium")):
        FaultDefinition.objects.create(equipment=machine, bit=bit, text=f"Fault {bit}", category=category)
    FaultDefinition.objects.create(equipment=machine, bit=5, text="Tagger", origin="downstream")
    FaultDefinition.objects.create(equipment=machine, bit=9, text="Press reset", kind="prompt", category="critical")
    controller = Controller(machine)
    controller.runs(after(minutes=1))
    return controller


def listen(now: datetime) -> int:
    return notice(standstills(now), now)


def minute(count: float) -> datetime:
    """So many minutes after the machine stopped, which it does a minute after six."""
    return after(minutes=1 + count)
