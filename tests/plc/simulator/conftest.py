from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime
from threading import Thread
from typing import Any

import pytest

from plc.simulator.controller import Controller
from plc.simulator.demo import CONTROLLERS
from plc.simulator.plant import Plant

MONDAY_5_UTC = datetime(2026, 3, 23, 5, tzinfo=UTC)


class Floor:
    """A plant whose time stands still until a test moves it, with all its controllers listening."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.controllers = {c.code: self._controller(c.code) for c in CONTROLLERS}

    def _controller(self, code: str) -> Controller:
        spec = next(c for c in CONTROLLERS if c.code == code)
        controller = Controller(spec, lambda: self.plant.tags(code), lambda: self.plant.t)
        self.do(controller.start())
        return controller

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(5)

    def call(self, work: Any) -> None:
        self._loop.call_soon_threadsafe(work)

    def port(self, code: str) -> int:
        return self.controllers[code].port

    def close(self) -> None:
        for controller in self.controllers.values():
            self.call(controller.thaw)
            self.do(controller.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()


def word(plant: Plant, controller: str, name: str) -> int:
    """Return a counter or number as the controller shows it."""
    value = plant.tags(controller)[name]
    assert isinstance(value, int)
    return value


def bits(plant: Plant, name: str) -> list[bool]:
    value = plant.tags("BAG1")[name]
    assert isinstance(value, list)
    return [bool(bit) for bit in value]


@pytest.fixture
def floor() -> Iterator[Floor]:
    plant = Plant(seed=7, start=MONDAY_5_UTC)
    plant.step(7 * 3600 + 0.5)
    floor = Floor(plant)
    yield floor
    floor.close()
