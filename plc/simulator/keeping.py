"""Keep the plant between two runs of the simulator: a real controller does not forget its counters either."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from plc.simulator.journal import write_whole
from plc.simulator.plant import Plant

# After a shorter pause the plant has simply run on; after a longer one it had no power meanwhile, so that
# no 16-bit counter can have gone round unseen.
RAN_ON_S = 900.0
SAVED_EVERY_S = 5.0
VERSION = 1


def save(plant: Plant, path: Path) -> None:
    write_whole(path, {"version": VERSION, "plant": plant.dump()})


def load(path: Path, *, seed: int, now: datetime) -> Plant:
    """Return the kept plant at the time it was kept, or a new one that starts `now`."""
    plant = Plant(seed=seed, start=now)
    kept = _read(path)
    if kept is not None:
        plant.restore(kept)
    return plant


def catch_up(plant: Plant, now: float, alive_at: float = 0.0) -> None:
    """Bring a plant to `now` after a pause. `alive_at` is when it last gave a sign, if later than it was kept."""
    if now - plant.t > RAN_ON_S:
        # Its counters may have been read after it was kept; the model repeats that time exactly.
        plant.advance(max(plant.t, alive_at) + SAVED_EVERY_S)
        plant.power_cut(max(now, plant.t))
    else:
        plant.advance(now)


def _read(path: Path) -> dict[str, Any] | None:
    """Return the kept plant; a file that cannot be used is put aside and another plant begins."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:  # cut short by a full disk or a power cut
        kept = {}
    if kept.get("version") == VERSION:
        plant: dict[str, Any] = kept["plant"]
        return plant
    path.replace(path.with_name(path.name + ".unusable"))
    return None
