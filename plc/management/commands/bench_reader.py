"""How much of a core reading costs: ours beside bare pycomm3, then many controllers in one process."""

import asyncio
import multiprocessing
import threading
import time
import uuid
from argparse import ArgumentParser
from multiprocessing.connection import Connection
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from pycomm3 import LogixDriver as Pycomm
from pycomm3 import cip

from floor.domain.fold import MachineSetup
from plc.actions import Lease, LinkReport, Plan, Scan
from plc.drivers.base import Endpoint, TagSpec
from plc.drivers.kinds import connect
from plc.reader import Reader
from plc.recorder import Hold, ReaderClock
from plc.simulator.controller import Controller
from plc.simulator.demo import CONTROLLERS
from plc.simulator.logix import TagDatabase
from plc.simulator.types import DINT
from plc.translate import Machine, Source

POLLS = 200
SHARE_OF_A_CORE = 0.35


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--controllers", type=int, default=50)
        parser.add_argument("--tags", type=int, default=50)
        parser.add_argument("--hz", type=float, default=1.0)
        parser.add_argument("--seconds", type=float, default=10.0)

    def handle(self, *args: Any, **options: Any) -> None:
        count, tags = options["controllers"], options["tags"]
        ours, theirs = multiprocessing.Pipe()
        # Forked while there is but one thread; a fresh interpreter would have to learn Django first.
        plant = multiprocessing.get_context("fork").Process(target=serve, args=(theirs, count, tags), daemon=True)
        plant.start()
        if not ours.poll(30):
            raise CommandError("The simulated plant did not start.")
        ports: list[int] = ours.recv()
        try:
            self._side_by_side(ports[0], tags)
            self._many(ports, tags, options["hz"], options["seconds"])
        finally:
            plant.terminate()
            plant.join()

    def _side_by_side(self, port: int, tags: int) -> None:
        ours_ms, bare_ms = ours_cpu_ms(port, tags), bare_cpu_ms(port, tags)
        self.stdout.write(
            f"one scan of {tags} tags: {ours_ms:.2f} ms of CPU, bare pycomm3 {bare_ms:.2f} ms,"
            f" ratio {ours_ms / bare_ms:.2f}"
        )

    def _many(self, ports: list[int], tags: int, hz: float, seconds: float) -> None:
        sink = Discard()
        cpu_s: list[float] = []
        holds, threads = [], []
        for port in ports:
            held = Hold(Lease(uuid.uuid4(), 1))
            holds.append(held)
            reader = Reader(plan(port, tags, 1 / hz), held, sink)
            threads.append(threading.Thread(target=timed, args=(reader, cpu_s)))
        started_s = time.monotonic()
        for thread in threads:
            thread.start()
        time.sleep(seconds + 1)
        for held in holds:
            held.stop()
        for thread in threads:
            thread.join()
        elapsed_s = time.monotonic() - started_s
        scans = sum(report.scans for report in sink.reports.values())
        missed = sum(report.missed_slots for report in sink.reports.values())
        share = sum(cpu_s) / elapsed_s
        self.stdout.write(
            f"{len(ports)} controllers x {tags} tags x {hz:g} Hz for {elapsed_s:.0f} s: {scans} scans, {missed} missed"
            f" slots, {share:.1%} of a core (budget {SHARE_OF_A_CORE:.0%})"
        )


class Discard:
    """Takes scans and forgets them; the last report of each link stays."""

    def __init__(self) -> None:
        self.clock = ReaderClock()
        self.reports: dict[Lease, LinkReport] = {}

    def post(self, scan: Scan) -> None:
        pass

    def report(self, lease: Lease, report: LinkReport) -> None:
        self.reports[lease] = report


def plan(port: int, tags: int, scan_s: float) -> Plan:
    machine = Machine(
        uuid.uuid4(),
        uuid.uuid4(),
        MachineSetup(),
        running=(Source("Tag_000", width=32),),
        speed=(Source("Tag_001"),),
        made=(Source("Tag_002"),),
        rejected=(Source("Tag_003"),),
        faults=(Source("Tag_004", width=32),),
    )
    return Plan(
        controller_id=uuid.uuid4(),
        code=f"BENCH{port}",
        kind="logix",
        endpoint=Endpoint("127.0.0.1", port),
        scan_s=scan_s,
        expected_serial="",
        tags=tuple(specs(tags)),
        machines=(machine,),
        fingerprint="",
    )


def specs(tags: int) -> list[TagSpec]:
    return [TagSpec(f"Tag_{number:03}", f"Tag_{number:03}", "DINT") for number in range(tags)]


def timed(reader: Reader, cpu_s: list[float]) -> None:
    started_s = time.thread_time()
    reader.run()
    cpu_s.append(time.thread_time() - started_s)


def ours_cpu_ms(port: int, tags: int) -> float:
    driver = connect("logix", Endpoint("127.0.0.1", port), specs(tags))
    driver.open()
    driver.read()
    started_s = time.thread_time()
    for _ in range(POLLS):
        driver.read()
    spent_s = time.thread_time() - started_s
    driver.close()
    return spent_s / POLLS * 1000


def bare_cpu_ms(port: int, tags: int) -> float:
    driver = Pycomm(f"127.0.0.1:{port}/0", init_tags=False)
    driver.open()
    names = [spec.name for spec in specs(tags)]
    for name in names:
        driver.tags[name] = {
            **{"tag_name": name, "tag_type": "atomic", "data_type": "DINT", "data_type_name": "DINT"},
            **{"type_class": cip.DINT, "dim": 0, "dimensions": [0, 0, 0]},
        }
    driver.read(*names)
    started_s = time.thread_time()
    for _ in range(POLLS):
        driver.read(*names)
    spent_s = time.thread_time() - started_s
    driver.close()
    return spent_s / POLLS * 1000


def serve(parent: Connection, controllers: int, tags: int) -> None:
    """The plant, in a process of its own."""
    asyncio.run(_serve(parent, controllers, tags))


async def _serve(parent: Connection, controllers: int, tags: int) -> None:
    spec = next(spec for spec in CONTROLLERS if spec.kind == "logix")
    listening = []
    for _ in range(controllers):
        memory = TagDatabase()
        for number in range(tags):
            memory.add(f"Tag_{number:03}", DINT)
        controller = Controller(spec, dict, time.time)
        controller.memory = memory
        await controller.start()
        listening.append(controller)
    parent.send([controller.port for controller in listening])
    await asyncio.Event().wait()
