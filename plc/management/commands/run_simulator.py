"""Run the simulated plant: every controller of the demo bakery on its own port of this machine."""

from __future__ import annotations

import asyncio
import signal
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from plc.simulator.demo import PORT_BASE

try:
    from plc.simulator.simulation import Options, PortTaken, Simulation
except ModuleNotFoundError as e:
    raise CommandError(
        f"The simulated plant needs {e.name}, which production does not install: "
        "pip install -r ms5/bare/requirements.txt"
    ) from e


class Command(BaseCommand):
    help = "Run the simulated plant until SIGTERM or Ctrl-C."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--speed", type=float, default=1.0, help="plant seconds in one second (1)")
        parser.add_argument("--seed", type=int, default=7, help="another seed is another plant, if none is kept (7)")
        parser.add_argument("--ports", type=int, default=PORT_BASE, help=f"port of the first one ({PORT_BASE})")
        parser.add_argument("--quiet-incidents", action="store_true", help="no stops, link losses or restarts")
        parser.add_argument("--no-link-losses", action="store_true", help="stops, but the links stay up")
        parser.add_argument("--journal", type=Path, help="journal of the truth (<data>/simulator/journal.jsonl)")

    def handle(self, *args: Any, **given: Any) -> None:
        if given["speed"] <= 0:
            raise CommandError("--speed must be above 0.")
        options = Options(
            folder=Path(settings.DATA_DIR) / "simulator",
            seed=given["seed"],
            speed=given["speed"],
            port_base=given["ports"],
            incidents=not given["quiet_incidents"],
            link_losses=not (given["quiet_incidents"] or given["no_link_losses"]),
            journal=given["journal"],
        )
        try:
            asyncio.run(self._run(options))
        except PortTaken as e:
            raise CommandError(f"The simulator cannot start: {e}. Stop what uses it or give --ports.") from e

    async def _run(self, options: Options) -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        simulation = Simulation(options)
        await simulation.open()
        for code, controller in simulation.controllers.items():
            self.stdout.write(f"{code}: 127.0.0.1:{controller.port}")
        self.stdout.write("The simulated plant is running.")
        self.stdout.flush()
        try:
            await simulation.run(stop)
        finally:
            await simulation.close()
