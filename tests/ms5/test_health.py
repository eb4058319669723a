"""Health is told as it is: by leases, heartbeats and readings, and quickly even when the servers are dead."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.utils import timezone

from floor.actions.heartbeat import beat
from floor.models import Equipment, MachineState
from ms5 import health
from plc.models import Binding, Controller, Link, Tag
from tests.factories import make_line, make_machine

pytestmark = pytest.mark.django_db(transaction=True)  # health looks through a connection of its own


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    health.recent.forget()
    yield
    health.recent.forget()


@pytest.fixture
def machine() -> Equipment:
    return make_machine(make_line())


def read_by_a_controller(machine: Equipment, now: datetime) -> Link:
    controller = Controller.objects.create(code="PLC1", name="PLC 1", kind="logix", host="10.0.0.1")
    tag = Tag.objects.create(controller=controller, name="Run", address="Run", data_type="BOOL")
    Binding.objects.create(tag=tag, equipment=machine, meaning="running")
    MachineState.objects.create(equipment=machine, state="run", since=now, observed_until=now)
    return Link.objects.create(controller=controller, state="online", lease_until=now + timedelta(seconds=60))


def everything_works(machine: Equipment) -> Link:
    now = timezone.now()
    beat("escalator", "here", now)
    return read_by_a_controller(machine, now)


def test_ready_when_everything_works(machine: Equipment) -> None:
    everything_works(machine)

    answer = Client().get("/health/ready")

    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert set(answer.json()["checks"]) == {"database", "redis", "readers", "escalator", "reading"}


def check(name: str) -> health.Check:
    return health.report().checks[name]


def test_a_controller_that_nobody_reads_is_told(machine: Equipment) -> None:
    link = everything_works(machine)
    link.lease_until = timezone.now() - timedelta(seconds=1)
    link.save()

    assert not check("readers").ok
    assert Client().get("/health/ready").status_code == 503


def test_a_controller_without_any_link_is_told(machine: Equipment) -> None:
    everything_works(machine)
    Controller.objects.create(code="PLC2", name="PLC 2", kind="slc", host="10.0.0.2")

    assert check("readers") == health.Check(False, "1 of 2 controllers have a reader, 1 are online")


def test_a_controller_that_was_switched_off_is_not_missed(machine: Equipment) -> None:
    everything_works(machine)
    Controller.objects.create(code="PLC2", name="PLC 2", kind="slc", host="10.0.0.2", enabled=False)

    assert check("readers").ok


def test_an_old_reading_is_told(machine: Equipment) -> None:
    everything_works(machine)
    MachineState.objects.update(observed_until=timezone.now() - timedelta(seconds=30))

    assert not check("reading").ok


def test_an_escalator_that_fell_silent_is_told(machine: Equipment) -> None:
    everything_works(machine)
    beat("escalator", "here", timezone.now() - timedelta(seconds=30))

    assert not check("escalator").ok


def test_another_escalator_that_lives_is_enough(machine: Equipment) -> None:
    everything_works(machine)
    beat("escalator", "dead", timezone.now() - timedelta(hours=1))

    assert check("escalator").ok


def test_a_dead_redis_is_told_and_nothing_else_suffers(machine: Equipment, settings: LazySettings) -> None:
    everything_works(machine)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    report = health.report()

    assert [name for name, one in report.checks.items() if not one.ok] == ["redis"]


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/api/v1/health"])
def test_a_dead_database_is_told_soon(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # An address that swallows every packet: the worst way to be dead.
    monkeypatch.setitem(connection.settings_dict, "HOST", "192.0.2.1")

    started = time.monotonic()
    answer = Client().get(path)

    assert time.monotonic() - started < 8  # the pool of connections would wait for ten
    assert answer.status_code == 503
    assert not answer.json()["checks"]["database"]["ok"]
    assert answer.json()["checks"]["reading"]["detail"] == health.NOT_ASKED


def test_being_alive_needs_no_server(monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> None:
    monkeypatch.setitem(connection.settings_dict, "HOST", "192.0.2.1")
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert Client().get("/health/live").json()["status"] == "ok"


def test_health_tells_no_secrets(machine: Equipment, settings: Any) -> None:
    everything_works(machine)
    told = Client().get("/health/ready").content.decode()

    assert "10.0.0.1" not in told
    assert settings.REDIS_URL not in told
