"""The demo plant file describes the plant that is simulated."""

from __future__ import annotations

from datetime import time
from pathlib import Path
from typing import Any

import pytest
import yaml

import plc.simulator
from plc.simulator.demo import CONTROLLERS, LINES, PORT_BASE, ControllerSpec
from plc.simulator.incidents import BLOCKED, STARVED
from plc.simulator.line import LineSpec, MachineSpec
from plc.simulator.memory import MEMORY
from plc.simulator.plant import Plant
from tests.plc.simulator.conftest import MONDAY_5_UTC


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    path = Path(plc.simulator.__file__).with_name("demo_plant.yaml")
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def _address(name: str, tag: object) -> str:
    """Logix tags are named by their address, data file addresses are given."""
    given = tag.get("address", name) if isinstance(tag, dict) else tag if ":" in str(tag) else name
    return str(given).split("{")[0]


@pytest.mark.parametrize("spec", CONTROLLERS, ids=lambda spec: spec.code)
def test_every_tag_in_the_file_exists_in_the_controller(described: dict[str, Any], spec: ControllerSpec) -> None:
    entry = described["controllers"][spec.code]
    memory = MEMORY[spec.code]()
    shown = Plant(seed=1, start=MONDAY_5_UTC).tags(spec.code)
    assert (entry["kind"], entry["port"]) == (spec.kind, PORT_BASE + spec.port_offset)
    assert tuple(entry["machines"]) == spec.machines
    for name, tag in entry["tags"].items():
        address = _address(name, tag)
        assert address in shown
        memory[address] = shown[address]


def _bits(spec: MachineSpec) -> set[int]:
    bits = {*spec.reset_prompts, *spec.start_prompts, *spec.running_bits, *spec.batch_bits}
    bits |= {spec.neighbour_bit} if spec.neighbour_bit is not None else set()
    for incident in (*spec.micro.kinds, *spec.breakdown.kinds):
        bits |= {*incident.followers, *incident.prompts}
        bits |= {incident.first} if incident.first is not None else set()
    return bits


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.code)
def test_every_bit_a_machine_can_raise_has_a_text(described: dict[str, Any], line: LineSpec) -> None:
    machines = described["lines"][line.code]["machines"]
    for spec in line.machines:
        assert _bits(spec) <= set(machines[spec.code]["faults"])


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.code)
def test_an_incident_without_a_bit_is_a_gap_in_the_flow(line: LineSpec) -> None:
    for index, spec in enumerate(line.machines):
        for incident in (*spec.micro.kinds, *spec.breakdown.kinds):
            if incident.first is None:
                assert (incident.state, index) in {(STARVED, 0), (BLOCKED, len(line.machines) - 1)}


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.code)
def test_products_speeds_and_shifts_agree(described: dict[str, Any], line: LineSpec) -> None:
    entry = described["lines"][line.code]
    names = described["products"]
    assert {n: names[code] for n, code in entry["products"].items()} == {p.number: p.name for p in line.products}
    for index, spec in enumerate(line.machines):
        cycles = entry["machines"][spec.code]["ideal_cycles_ms"]
        for product in line.products:
            assert cycles[entry["products"][product.number]] == pytest.approx(60_000 / product.rates[index])
        assert entry["machines"][spec.code].get("primary", False) is (index == line.primary)
    shifts = _shifts(entry)
    assert sorted((_time(s["from"]), _time(s["to"])) for s in shifts) == sorted(line.calendar.shifts)
    assert sorted(_time(b["from"]) for s in shifts for b in s["breaks"]) == sorted(line.calendar.breaks)


def _shifts(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """Of every day, or of a rotation whose teams follow each other without a gap."""
    plans = [entry, *entry.get("rotations", {}).values()]
    return [shift for plan in plans for shift in plan.get("shifts", {}).values()]


def _time(value: int | str) -> time:
    """Read 09:30, which YAML takes for the number of minutes if the hour has no leading nought."""
    return time(*divmod(value, 60)) if isinstance(value, int) else time.fromisoformat(value)
