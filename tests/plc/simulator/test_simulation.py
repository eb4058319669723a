"""The running simulator keeps its counters, tells the truth, and obeys."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pylogix
import pytest

from plc.simulator.control import ask
from plc.simulator.journal import Journal
from plc.simulator.simulation import Options, PortTaken, Simulation
from tests.plc.simulator.conftest import MONDAY_5_UTC, bits, word

BAGGER, LOADER = "BP01.PACK.BAG1", "BP01.PACK.BAG1.BL"


class Wall:
    """The clock on the wall, moved by hand."""

    def __init__(self) -> None:
        self.t = MONDAY_5_UTC.timestamp() + 2 * 3600

    def __call__(self) -> float:
        return self.t


async def _run(simulation: Simulation, wall: Wall, seconds: int) -> None:
    for _ in range(seconds):
        wall.t += 1.0
        await simulation.tick()


def _options(folder: Path, **given: object) -> Options:
    return Options(folder=folder, port_base=0, **given)  # type: ignore[arg-type]


async def test_the_journal_equals_the_movement_of_the_counters(tmp_path: Path) -> None:
    wall = Wall()
    simulation = Simulation(_options(tmp_path), wall)
    await simulation.open()
    before = word(simulation.plant, "BAG1BL", "N7:100"), word(simulation.plant, "BAG1", "Reject_Count")
    await _run(simulation, wall, 1800)
    after = word(simulation.plant, "BAG1BL", "N7:100"), word(simulation.plant, "BAG1", "Reject_Count")
    await simulation.close()
    journal = Journal.read(tmp_path / "journal.jsonl")
    assert journal.made(LOADER) == after[0] - before[0] > 1000
    assert journal.rejected(BAGGER) == after[1] - before[1]
    assert 0 < journal.made(BAGGER, until=wall.t - 900) < journal.made(BAGGER)
    assert json.loads((tmp_path / "truth.json").read_text())["machines"][LOADER]["made"] == journal.made(LOADER)


async def test_a_killed_simulator_comes_back_with_the_counters_that_were_read(tmp_path: Path) -> None:
    wall = Wall()
    killed = Simulation(_options(tmp_path), wall)
    await killed.open()
    killed.next_save = wall.t + 1e9  # what was kept is as old as it can be
    await _run(killed, wall, 600)
    seen = word(killed.plant, "BAG1", "Count_Blade_PEC.ACC")
    for controller in killed.controllers.values():
        await controller.stop()

    wall.t += 20.0
    revived = Simulation(_options(tmp_path), wall)
    await revived.open()
    await _run(revived, wall, 60)
    await revived.close()

    untouched = Simulation(_options(tmp_path / "other"), Wall())
    untouched.plant.advance(wall.t)
    assert word(revived.plant, "BAG1", "Count_Blade_PEC.ACC") >= seen
    assert revived.plant.truth(BAGGER) == untouched.plant.truth(BAGGER)
    journal = Journal.read(tmp_path / "journal.jsonl")
    assert journal.made(BAGGER) == revived.plant.truth(BAGGER).made - journal.base[BAGGER][0]
    times = [e["t"] for e in journal.states(BAGGER)]
    assert times == sorted(set(times))


async def test_after_a_night_without_power_the_counters_stand_where_they_stood(tmp_path: Path) -> None:
    wall = Wall()
    evening = Simulation(_options(tmp_path), wall)
    await evening.open()
    await _run(evening, wall, 600)
    await evening.close()
    made = evening.plant.truth(LOADER).made

    wall.t += 12 * 3600
    morning = Simulation(_options(tmp_path), wall)
    await morning.open()
    assert 0 <= morning.plant.truth(LOADER).made - made < 20
    await _run(morning, wall, 300)
    assert morning.plant.truth(LOADER).made > made + 100
    await morning.close()


async def test_a_simulator_killed_before_a_night_without_power_forgets_no_part_that_was_read(
    tmp_path: Path,
) -> None:
    wall = Wall()
    killed = Simulation(_options(tmp_path, incidents=False), wall)
    await killed.open()
    await _run(killed, wall, 120)
    killed.next_save = wall.t + 1e9
    await _run(killed, wall, 30)
    seen = killed.plant.truth(BAGGER).made
    for controller in killed.controllers.values():
        await controller.stop()
    wall.t += 12 * 3600
    morning = Simulation(_options(tmp_path), wall)
    await morning.open()
    assert seen <= morning.plant.truth(BAGGER).made < seen + 20
    await morning.close()


async def test_a_link_loss_refuses_clients_and_ends_by_itself(tmp_path: Path) -> None:
    wall = Wall()
    simulation = Simulation(_options(tmp_path, incidents=False), wall)
    await simulation.open()
    port = simulation.controllers["BAG1"].port
    assert await asyncio.to_thread(_read, port) == "Success"
    simulation.obey({"link_loss": "BAG1", "for_s": 5})
    await simulation.tick()
    assert await asyncio.to_thread(_read, port) != "Success"
    await _run(simulation, wall, 6)
    assert await asyncio.to_thread(_read, port) == "Success"
    await simulation.close()
    links = [e["what"] for e in Journal.read(tmp_path / "journal.jsonl").events if e["kind"] == "link"]
    assert links == ["link lost", "back"]


def _read(port: int) -> str:
    with pylogix.PLC("127.0.0.1", port=port, timeout=2.0) as plc:
        return str(plc.Read("Avg_Speed", datatype=0xC3).Status)


async def test_the_control_socket_stops_a_machine_with_a_fault_and_says_the_truth(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 60) / ("y" * 60)  # longer than a socket's name may be
    wall = Wall()
    simulation = Simulation(_options(deep, incidents=False), wall)
    await simulation.open()
    await _run(simulation, wall, 60)
    await asyncio.to_thread(ask, deep / "control.sock", stop=BAGGER, fault=6, for_s=30)
    truth = await asyncio.to_thread(ask, deep / "control.sock", truth=True)
    assert truth["machines"][BAGGER]["state"] == "fault"
    assert bits(simulation.plant, "Fault")[6] is True
    with pytest.raises(ValueError, match="no machine"):
        await asyncio.to_thread(ask, deep / "control.sock", stop="BP01.X")
    with pytest.raises(ValueError, match="unknown command"):
        await asyncio.to_thread(ask, deep / "control.sock", explode=True)
    await _run(simulation, wall, 60)
    assert simulation.truth()["machines"][BAGGER]["state"] == "running"
    await simulation.close()


async def test_a_reset_counter_loses_no_part_of_the_truth(tmp_path: Path) -> None:
    wall = Wall()
    simulation = Simulation(_options(tmp_path, incidents=False), wall)
    await simulation.open()
    await _run(simulation, wall, 120)
    made = simulation.truth()["machines"][BAGGER]["made"]
    simulation.obey({"reset_counter": BAGGER})
    assert word(simulation.plant, "BAG1", "Count_Blade_PEC.ACC") == 0
    assert simulation.truth()["machines"][BAGGER]["made"] == made
    await simulation.close()


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    first = Simulation(_options(tmp_path / "a"), Wall())
    await first.open()
    base = first.controllers["BAG1"].port
    second = Simulation(Options(folder=tmp_path / "b", port_base=base), Wall())
    with pytest.raises(PortTaken, match=str(base)):
        await second.open()
    await first.close()


async def test_a_faster_plant_lives_many_seconds_in_one(tmp_path: Path) -> None:
    wall = Wall()
    simulation = Simulation(_options(tmp_path, speed=60.0, incidents=False), wall)
    await simulation.open()
    begun = simulation.plant.t
    await _run(simulation, wall, 10)
    assert simulation.plant.t - begun == pytest.approx(600.0)
    await simulation.close()


async def test_a_long_journal_goes_on_in_a_new_file_with_the_sums_so_far(tmp_path: Path) -> None:
    wall = Wall()
    simulation = Simulation(_options(tmp_path), wall)
    simulation.journal.longest = 20_000
    await simulation.open()
    await _run(simulation, wall, 200)
    truth = simulation.truth()["machines"]
    await simulation.close()
    journal = Journal.read(tmp_path / "journal.jsonl")
    assert (tmp_path / "journal.jsonl.old").exists()
    assert {code: journal.made(code) for code in truth} == {code: m["made"] for code, m in truth.items()}
    assert journal.begun_at == MONDAY_5_UTC.timestamp() + 2 * 3600


async def test_a_torn_journal_line_and_a_torn_state_file_do_not_stop_the_plant(tmp_path: Path) -> None:
    wall = Wall()
    before = Simulation(_options(tmp_path), wall)
    await before.open()
    await _run(before, wall, 30)
    await before.close()
    with (tmp_path / "journal.jsonl").open("a") as file:
        file.write('{"t": 17')
    after = Simulation(_options(tmp_path), wall)
    await after.open()
    await _run(after, wall, 30)
    await after.close()
    made = Journal.read(tmp_path / "journal.jsonl").made(BAGGER)
    assert made == after.truth()["machines"][BAGGER]["made"]

    (tmp_path / "state.json").write_text("{")
    fresh = Simulation(_options(tmp_path), wall)
    await fresh.open()
    await fresh.close()
    assert (tmp_path / "state.json.unusable").exists()
