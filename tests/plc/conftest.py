"""A reader process in miniature, and the bagger it reads."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.db.models import F, Sum

from floor.models import Equipment, MachineState
from plc import reader as reader_module
from plc.models import Controller, Link
from plc.reader import hold
from plc.recorder import Recorder
from plc.simulator.logix import TagDatabase
from plc.simulator.types import BOOL, DINT, REAL
from tests.plc.fault_proxy import FaultProxy
from tests.plc.peers import Peer


def memory() -> TagDatabase:
    tags = TagDatabase()
    for name, kind in (("Running", BOOL), ("Speed", REAL), ("Good", DINT), ("Scrap", DINT)):
        tags.add(name, kind)
    tags["Running"], tags["Speed"], tags["Good"], tags["Scrap"] = True, 61.5, 1000, 10
    return tags


@pytest.fixture
def bagger() -> Iterator[Peer]:
    peer = Peer(memory())
    yield peer
    peer.close()


@pytest.fixture
def proxy(bagger: Peer) -> Iterator[FaultProxy]:
    with FaultProxy(bagger.port) as proxy:
        yield proxy


class Process:
    """What one reader process is: a recorder, and a thread for each controller it holds."""

    def __init__(self, folder: Path, name: str = "plc@a") -> None:
        self.folder = folder
        self.name = name
        self.recorder = Recorder(folder, name)
        self.ended: dict[str, str] = {}
        self._threads: list[threading.Thread] = []

    def hold(self, controller: Controller) -> None:
        thread = threading.Thread(target=self._hold, args=(controller,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _hold(self, controller: Controller) -> None:
        try:
            self.ended[controller.code] = hold(controller.pk, self.name, self.recorder, self.folder)
        finally:
            connection.close()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def stop(self) -> None:
        """What SIGTERM does."""
        self.recorder.stop_all()
        self.join()
        self.recorder.close()


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    monkeypatch.setattr(reader_module, "BACKOFF_FIRST_S", 0.05)
    monkeypatch.setattr(reader_module, "BACKOFF_MOST_S", 0.1)
    process = Process(tmp_path)
    yield process
    process.stop()


def wait_for(condition: Callable[[], object], what: str) -> None:
    deadline_s = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline_s, f"{what}; {Link.objects.values().first()}"
        time.sleep(0.02)


def link_is(controller: Controller, state: str, error: str = "") -> Callable[[], bool]:
    links = Link.objects.filter(controller=controller, state=state, error__contains=error)
    return links.exists


def counted(machine: Equipment) -> tuple[int, int]:
    """Parts made and rejected as the floor has them."""
    totals = machine.minutes.aggregate(
        made=Sum(F("made") + F("unobserved_made")), rejected=Sum(F("rejected") + F("unobserved_rejected"))
    )
    return totals["made"] or 0, totals["rejected"] or 0


def watermark(machine: Equipment, made_raw: int) -> Callable[[], bool]:
    return MachineState.objects.filter(equipment=machine, made_raw=made_raw).exists
