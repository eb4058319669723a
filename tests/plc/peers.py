"""Controllers to read in tests: simulated ones with a memory of the test's choice, and one we did not write."""

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping

from plc.drivers.base import Endpoint
from plc.simulator.controller import Controller
from plc.simulator.demo import ControllerSpec
from plc.simulator.logix import TagDatabase
from plc.simulator.pccc import DataFiles

LOGIX = ControllerSpec("BAG1", "logix", 0, (), "1769-L33ER/A LOGIX5333ER", 107, (30, 11), "Bagger1", 0xC0B1)


class Peer:
    """A controller that serves `memory` on a free port; write to `memory` to change what it says."""

    def __init__(self, memory: TagDatabase | DataFiles) -> None:
        self.memory = memory
        spec = LOGIX if isinstance(memory, TagDatabase) else _slc_spec()
        self.controller = Controller(spec, lambda: dict[str, object](), time.time)  # type: ignore[arg-type,return-value]
        self.controller.memory = memory
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self.start()

    @property
    def port(self) -> int:
        return self.controller.port

    def start(self) -> None:
        asyncio.run_coroutine_threadsafe(self.controller.start(), self._loop).result(5)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.controller.stop(), self._loop).result(5)

    def close(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)


def _slc_spec() -> ControllerSpec:
    from plc.simulator.demo import CONTROLLERS

    return next(spec for spec in CONTROLLERS if spec.kind == "slc")


def endpoint(port: int, *, connect_s: float = 2.0, exchange_s: float = 1.0) -> Endpoint:
    return Endpoint("127.0.0.1", port, 0, connect_s, exchange_s)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def cpppo(tags: Mapping[str, str]) -> Iterator[int]:
    """An unmodified cpppo server, a program of other people, with the given tags; yields its port."""
    port = free_port()
    words = [f"{name}={kind}" for name, kind in tags.items()]
    command = [sys.executable, "-m", "cpppo.server.enip", "--no-config", "-a", f"127.0.0.1:{port}", "-U", "-w", ""]
    with subprocess.Popen([*command, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(port)
            yield port
        finally:
            server.kill()


def _wait_for(port: int) -> None:
    deadline_s = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.05)
