"""All controllers of the demo plant, Logix and SLC, read at once: what the floor counts is what the plant made."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from floor.models import Equipment, FaultEvent
from plc.models import Binding, Controller, Link
from plc.simulator.plant import Plant
from tests.plc.conftest import Process, counted, wait_for
from tests.plc.simulator.conftest import MONDAY_5_UTC, Floor
from tests.plc.test_outage import database_away

pytestmark = pytest.mark.django_db(transaction=True)
SHIFT_START_S = 7 * 3600


@pytest.fixture
def plant() -> Iterator[Floor]:
    plant = Plant(seed=7, start=MONDAY_5_UTC)
    plant.without_incidents()
    plant.step(SHIFT_START_S + 0.5)
    floor = Floor(plant)
    call_command("load_plant", Path(settings.BASE_DIR) / "plc/simulator/demo_plant.yaml", verbosity=0)
    for code, controller in floor.controllers.items():
        Controller.objects.filter(code=code).update(port=controller.port, scan_s=0.1, exchange_timeout_s=0.3)
    # Time runs faster than life here, so every counter would be too fast to be believed.
    Binding.objects.update(max_rate_per_min=None)
    yield floor
    floor.close()


def advance(floor: Floor, seconds: float) -> None:
    async def step() -> None:
        floor.plant.step(seconds)

    floor.do(step())
    time.sleep(0.12)


def truth(floor: Floor) -> dict[str, tuple[int, int]]:
    return {code: (t.made, t.rejected) for code in floor.plant.machines for t in (floor.plant.truth(code),)}


def test_what_the_floor_counts_is_what_the_plant_made(plant: Floor, process: Process) -> None:
    machines = {machine.code: machine for machine in Equipment.objects.all()}
    for controller in Controller.objects.enabled():
        process.hold(controller)
    wait_for(lambda: Link.objects.filter(state="online", error="").count() == len(plant.controllers), "not all online")
    wait_for(lambda: all(m.counter_events.filter(kind="first").exists() for m in machines.values()), "no first reading")
    before = truth(plant)

    for _ in range(6):
        advance(plant, 5)
    plant.call(plant.controllers["BAG1"].freeze)
    plant.do(plant.controllers["BAG1BL"].stop())
    plant.plant.stop("BP01.ROLL2.PACK", fault=5, for_s=20)
    for _ in range(4):
        advance(plant, 5)
    plant.call(plant.controllers["BAG1"].thaw)
    plant.do(plant.controllers["BAG1BL"].start())
    with database_away():
        for _ in range(6):
            advance(plant, 5)

    after = truth(plant)
    made = {code: (after[code][0] - before[code][0], after[code][1] - before[code][1]) for code in machines}
    assert sum(parts for parts, _ in made.values()) > 300
    deadline_s = time.monotonic() + 15
    while {code: counted(m) for code, m in machines.items()} != made and time.monotonic() < deadline_s:
        time.sleep(0.1)
    assert {code: counted(m) for code, m in machines.items()} == made
    assert FaultEvent.objects.filter(equipment=machines["BP01.ROLL2.PACK"], bit=5).exists()
