"""The demo plant of one data folder: its simulated controllers listen on ports of their own."""

import hashlib
import os
import re
from pathlib import Path

from ms5.bare.explain import CannotStart
from ms5.bare.folder import PROJECT, Folder, is_free

PLANT_FILE = PROJECT / "plc/simulator/demo_plant.yaml"
_PORT = re.compile(r"^(\s+port: )(\d+)$", re.M)
# Below 32768, from where the system takes ports for outgoing connections: one of those would be in the way some day.
FIRST_PORT = 20_000
RANGES = 1200
RANGE_STEP = 10


def _written_ports() -> list[int]:
    return [int(number) for _, number in _PORT.findall(PLANT_FILE.read_text(encoding="utf-8"))]


def _ports_from(base: int) -> list[int]:
    written = _written_ports()
    return [base + port - min(written) for port in written]


def simulator_port(folder: Folder) -> int:
    """Return the first controller's port, chosen free at the first start, then kept: the plant names it."""
    kept = folder.path / "simulator-port"
    if kept.exists():
        return int(kept.read_text(encoding="ascii"))
    # Every folder has a favourite, so that two first starts at the same time do not choose the same.
    favourite = int(hashlib.sha256(os.fsencode(folder.path)).hexdigest(), 16) % RANGES
    for number in range(favourite, favourite + RANGES):
        base = FIRST_PORT + number % RANGES * RANGE_STEP
        if all(is_free("127.0.0.1", port) for port in _ports_from(base)):
            kept.write_text(f"{base}\n", encoding="ascii")
            return base
    raise CannotStart("The simulated controllers find no free ports between 20000 and 32000. Stop what listens there.")


def require_simulator_ports(folder: Folder) -> None:
    taken = [port for port in _ports_from(simulator_port(folder)) if not is_free("127.0.0.1", port)]
    if taken:
        raise CannotStart(
            f"Port {taken[0]} of the simulated controllers is taken by another program. Stop that program, then "
            "run the same command again."
        )


def write_demo_plant(folder: Folder) -> Path:
    """Write the plant file with this folder's ports."""
    shift = simulator_port(folder) - min(_written_ports())
    text = PLANT_FILE.read_text(encoding="utf-8")
    path = folder.path / "demo_plant.yaml"
    path.write_text(_PORT.sub(lambda found: f"{found[1]}{int(found[2]) + shift}", text), encoding="utf-8")
    return path
