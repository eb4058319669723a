"""The running simulator: plant, controllers, journal and control socket on one event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from plc.simulator import control, keeping
from plc.simulator.controller import Controller
from plc.simulator.demo import CONTROLLERS, PORT_BASE, ControllerSpec
from plc.simulator.journal import JournalWriter, write_whole

TICK_S = 0.2
JOURNAL_EVERY_S = 1.0


class PortTaken(Exception):
    """A controller's port is in use."""


@dataclass(frozen=True, slots=True)
class Options:
    folder: Path
    seed: int = 7
    speed: float = 1.0
    port_base: int = PORT_BASE  # 0 = any free ports
    incidents: bool = True
    link_losses: bool = True
    journal: Path | None = None

    @property
    def state_path(self) -> Path:
        return self.folder / "state.json"

    @property
    def truth_path(self) -> Path:
        return self.folder / "truth.json"

    @property
    def socket_path(self) -> Path:
        return self.folder / "control.sock"

    @property
    def journal_path(self) -> Path:
        return self.journal or self.folder / "journal.jsonl"


class Simulation:
    """`open`, then `run` until told to stop. `wall` is the clock of the outside world, in epoch seconds."""

    def __init__(self, options: Options, wall: Callable[[], float] = time.time) -> None:
        self.options, self._wall = options, wall
        begun = wall()
        self.plant = keeping.load(options.state_path, seed=options.seed, now=datetime.fromtimestamp(begun, UTC))
        if not options.incidents:
            self.plant.without_incidents()
        if not options.link_losses:
            self.plant.link_losses = False
        self.journal = JournalWriter(options.journal_path, self.plant)
        self._anchor_wall, self._anchor_model = begun, max(begun, self.plant.t)
        if options.speed != 1.0:
            # Time in the plant is its own then; it goes on where it was, past what may have been read.
            self._anchor_model = self.plant.t + keeping.SAVED_EVERY_S * options.speed
            self.plant.advance(self._anchor_model)
        self.controllers = {c.code: self._controller(c) for c in CONTROLLERS}
        self._control: asyncio.Server | None = None
        self.next_journal = self.next_save = 0.0

    def _controller(self, spec: ControllerSpec) -> Controller:
        def look() -> dict[str, Any]:
            self.advance()
            return self.plant.tags(spec.code)

        return Controller(spec, look, lambda: self.plant.t)

    def advance(self) -> None:
        """Bring the plant to the present."""
        model = self._anchor_model + (self._wall() - self._anchor_wall) * self.options.speed
        if self.options.speed == 1.0:
            keeping.catch_up(self.plant, model, self.journal.written_to)
        else:
            self.plant.advance(model)

    # --- running --------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Listen; raise `PortTaken` if another program holds a port."""
        self.advance()
        self.journal.update()
        for controller in self.controllers.values():
            base = self.options.port_base
            try:
                await controller.start(base + controller.spec.port_offset if base else 0)
            except OSError as e:
                await self._close_controllers()
                raise PortTaken(f"port {base + controller.spec.port_offset} is in use") from e
        self._control = await control.serve(self.options.socket_path, self.obey)
        self._write_truth()
        keeping.save(self.plant, self.options.state_path)

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self.tick()
            try:
                await asyncio.wait_for(stop.wait(), TICK_S)
            except TimeoutError:
                continue

    async def tick(self) -> None:
        self.advance()
        for code, controller in self.controllers.items():
            if self.plant.is_linked(code):
                await controller.start()
            else:
                await controller.stop()
        now = self._wall()
        if now >= self.next_journal:
            self.next_journal = now + JOURNAL_EVERY_S
            self.journal.update()
            self._write_truth()
        if now >= self.next_save:
            self.next_save = now + keeping.SAVED_EVERY_S / 2
            keeping.save(self.plant, self.options.state_path)

    async def close(self) -> None:
        """Stop listening first, so that nobody reads what is not kept."""
        await self._close_controllers()
        if self._control is not None:
            self._control.close()
            self.options.socket_path.unlink(missing_ok=True)
        self.journal.close()
        self._write_truth()
        keeping.save(self.plant, self.options.state_path)

    async def _close_controllers(self) -> None:
        for controller in self.controllers.values():
            controller.thaw()
            await controller.stop()

    # --- truth and commands ---------------------------------------------------------------------------

    def truth(self) -> dict[str, Any]:
        totals = self.journal.totals()
        machines = {}
        for code in self.plant.machines:
            now = self.plant.truth(code)
            machines[code] = {**totals[code], "state": now.state, "cause": now.cause}
        links = {code: {"port": c.port, "linked": self.plant.is_linked(code)} for code, c in self.controllers.items()}
        return {
            "t": self.plant.t,
            "time": self.plant.now.isoformat(),
            "since": self.journal.begun_at,
            "machines": machines,
            "controllers": links,
        }

    def _write_truth(self) -> None:
        write_whole(self.options.truth_path, self.truth())

    def obey(self, command: control.Command) -> dict[str, Any]:
        """Carry out one command of the control socket; see `plc.simulator.control`."""
        self.advance()
        for_s = float(command.get("for_s", 30.0))
        if "truth" in command:
            self.journal.update()
            self._write_truth()
            return self.truth()
        verb, name = next(iter(command.items()), ("", ""))
        self._act(verb, str(name), for_s, command)
        self.journal.update()
        keeping.save(self.plant, self.options.state_path)
        return {"done": verb, "t": self.plant.t}

    def _act(self, verb: str, name: str, for_s: float, command: control.Command) -> None:
        plant = self.plant
        acts: dict[str, Callable[[], None]] = {
            "stop": lambda: plant.stop(name, fault=command.get("fault"), for_s=for_s),
            "stop_all": lambda: self._stop_all(for_s),
            "run": lambda: plant.run(name),
            "release": lambda: plant.release(name),
            "reset_counter": lambda: self._reset_counter(name),
            "link_loss": lambda: plant.lose_link(name, for_s=for_s),
            "restart": lambda: plant.restart(name, for_s=for_s),
            "freeze": lambda: self._freeze(name, for_s),
        }
        if verb not in acts:
            raise ValueError(f"unknown command {verb!r}; known are truth, {', '.join(acts)}")
        acts[verb]()

    def _stop_all(self, for_s: float) -> None:
        for code in self.plant.machines:
            self.plant.stop(code, for_s=for_s)

    def _reset_counter(self, name: str) -> None:
        self.plant.reset_counter(name)
        self.journal.note("counter", name, "reset")

    def _freeze(self, name: str, for_s: float) -> None:
        if name not in self.controllers:
            raise LookupError(f"no controller {name!r}")
        controller = self.controllers[name]
        controller.freeze()
        self.journal.note("link", name, "frozen")
        asyncio.get_running_loop().call_later(for_s / self.options.speed, controller.thaw)
