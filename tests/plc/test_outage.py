"""The database is gone, hangs, or comes back: nothing that happened meanwhile is lost or counted twice."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.db import connection, transaction
from psycopg import sql

from floor.models import Equipment, MachineState, StateEdge
from plc.actions import record_seen
from plc.models import Link
from plc.recorder import replay
from plc.spool import abandoned, read
from tests.plc.conftest import Process, counted, wait_for, watermark
from tests.plc.peers import Peer
from tests.plc.plant import make_bagger

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def database_away() -> Iterator[None]:
    """Nobody gets a connection to the test's database, and all that there are, but this test's own, are cut."""
    settings = connection.settings_dict
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (own,) = cursor.fetchone()
    server = {"host": settings["HOST"], "port": settings["PORT"] or None, "user": settings["USER"] or None}
    with psycopg.connect(dbname="postgres", password=settings["PASSWORD"] or None, autocommit=True, **server) as admin:
        name = sql.Identifier(settings["NAME"])
        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        try:
            cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> %s"
            admin.execute(cut, [settings["NAME"], own])
            yield
        finally:
            admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))


def kept(folder: Path) -> int:
    return sum(1 for segment in folder.glob("*.spool") for _ in read(segment))


def edges(machine: Equipment) -> list[str]:
    return list(StateEdge.objects.filter(equipment=machine).order_by("at").values_list("state", flat=True))


def test_a_stop_while_the_database_is_away_is_in_the_facts_afterwards(
    bagger: Peer, process: Process, tmp_path: Path
) -> None:
    controller, machine = make_bagger(bagger.port)
    process.hold(controller)
    wait_for(watermark(machine, 1000), "the first reading was not recorded")

    with database_away():
        wait_for(lambda: kept(tmp_path) > 5, "nothing was kept on disk")
        bagger.memory["Running"], bagger.memory["Good"] = False, 1010
        before = kept(tmp_path)
        wait_for(lambda: kept(tmp_path) > before + 5, "reading stopped with the database")
        bagger.memory["Running"], bagger.memory["Good"] = True, 1020
        before = kept(tmp_path)
        wait_for(lambda: kept(tmp_path) > before + 5, "reading stopped with the database")

    wait_for(watermark(machine, 1020), "the readings on disk were not recorded")
    assert edges(machine) == ["run", "stop", "run"]
    assert counted(machine) == (20, 0)
    wait_for(lambda: kept(tmp_path) == 0, "the spool was not cleared")
    bagger.memory["Good"] = 1021
    wait_for(watermark(machine, 1021), "live reading did not resume")
    assert counted(machine) == (21, 0)


def test_a_reader_that_ends_during_the_outage_leaves_its_readings_to_the_next(
    bagger: Peer, process: Process, tmp_path: Path
) -> None:
    controller, machine = make_bagger(bagger.port)
    process.hold(controller)
    wait_for(watermark(machine, 1000), "the first reading was not recorded")
    with database_away():
        bagger.memory["Running"], bagger.memory["Good"] = False, 1010
        wait_for(lambda: kept(tmp_path) > 5, "nothing was kept on disk")
        process.stop()
    Link.objects.update(lease_until=None)  # as after its 5 s

    bagger.memory["Running"], bagger.memory["Good"] = True, 1030
    heir = Process(tmp_path, "plc@b")
    heir.hold(controller)
    wait_for(watermark(machine, 1030), "the next reader did not start")
    heir.stop()

    assert edges(machine)[:2] == ["run", "stop"]
    assert edges(machine)[-1] == "run"
    assert counted(machine) == (30, 0)
    assert kept(tmp_path) == 0


def test_a_spool_replayed_twice_counts_once(bagger: Peer, process: Process, tmp_path: Path) -> None:
    controller, machine = make_bagger(bagger.port)
    process.hold(controller)
    wait_for(watermark(machine, 1000), "the first reading was not recorded")
    with database_away():
        bagger.memory["Good"] = 1010
        wait_for(lambda: kept(tmp_path) > 5, "nothing was kept on disk")
        process.stop()

    with abandoned(tmp_path) as segments:
        rows = [row for segment in segments for row in read(segment)]
        assert sum(replay(segment) for segment in segments) == len(rows)
        facts = (counted(machine), edges(machine), MachineState.objects.filter(equipment=machine).values().get())
        for segment in segments:
            replay(segment)

    assert counted(machine) == (10, 0)
    assert (counted(machine), edges(machine), MachineState.objects.filter(equipment=machine).values().get()) == facts
    assert record_seen(rows) == 0


def test_a_database_that_hangs_does_not_hold_up_the_reading(bagger: Peer, process: Process, tmp_path: Path) -> None:
    controller, machine = make_bagger(bagger.port)
    process.hold(controller)
    wait_for(watermark(machine, 1000), "the first reading was not recorded")

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE plc_link IN ACCESS EXCLUSIVE MODE")
        bagger.memory["Good"] = 1005
        wait_for(lambda: kept(tmp_path) > 10, "readings were not put on disk while the database hung")

    wait_for(watermark(machine, 1005), "reading did not resume")
    wait_for(lambda: kept(tmp_path) == 0, "the spool was not cleared")
    assert counted(machine) == (5, 0)


def test_an_impossible_number_holds_up_nobody(bagger: Peer, process: Process) -> None:
    """A counter that leaps by more than a row can hold is refused by the database; the machine's state is not."""
    controller, machine = make_bagger(bagger.port)
    process.hold(controller)
    wait_for(watermark(machine, 1000), "the first reading was not recorded")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE floor_machinestate SET made_raw = -9000000000000000000")

    bagger.memory["Running"] = False
    wait_for(lambda: edges(machine)[-1] == "stop", "the state was held up by the counter")


def test_the_outage_is_logged_once_and_its_end_too(
    bagger: Peer, process: Process, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    controller, machine = make_bagger(bagger.port)
    process.hold(controller)
    wait_for(watermark(machine, 1000), "the first reading was not recorded")
    caplog.set_level("INFO", "plc.recorder")

    with database_away():
        wait_for(lambda: kept(tmp_path) > 12, "nothing was kept on disk")
    wait_for(lambda: kept(tmp_path) == 0, "the spool was not cleared")
    deadline_s = time.monotonic() + 5
    while "database is back" not in caplog.text and time.monotonic() < deadline_s:
        threading.Event().wait(0.05)

    assert caplog.text.count("database is away") == 1
    assert caplog.text.count("database is back") == 1
