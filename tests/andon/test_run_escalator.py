"""The escalator as a real process, with Redis dead."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection

from andon.clock import database_now
from andon.domain.call import Priority
from andon.models import Call, CallEvent, EscalationStep, Notification
from floor.models import FaultDefinition, Heartbeat
from oee.models import Stop
from tests.andon.machines import Controller
from tests.andon.plant import make_call, make_crew
from tests.factories import make_line, make_machine

pytestmark = pytest.mark.django_db(transaction=True)


def until(true: Callable[[], bool], *, within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@contextmanager
def running(name: str, count: int = 1) -> Iterator[list[subprocess.Popen[bytes]]]:
    at = connection.settings_dict
    url = f"postgresql://{at['USER']}@/{at['NAME']}?host={quote(at['HOST'], safe='/')}&port={at['PORT']}"
    environment = os.environ | {
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), name]
    processes = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) for _ in range(count)]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_two_escalators_without_redis_take_a_due_step_once_and_end_when_told() -> None:
    crew = make_crew()
    call = make_call(by=crew["operator"], at=database_now() - timedelta(minutes=5, seconds=-6))
    with running("run_escalator", 2) as escalators:
        until(lambda: Heartbeat.objects.filter(component="escalator").count() == 2)
        until(lambda: CallEvent.objects.filter(what="escalated").exists())

        step = EscalationStep.objects.get(call=call, clock="ack", level=1)
        assert step.taken_at is not None
        assert step.taken_at >= step.due_at
        assert CallEvent.objects.filter(what="escalated").count() == 1
        for escalator in escalators:
            escalator.send_signal(signal.SIGTERM)
        assert [escalator.wait(20) for escalator in escalators] == [0, 0]


def test_an_escalator_that_lost_its_database_connection_goes_on() -> None:
    crew = make_crew()
    with running("run_escalator"):
        until(lambda: Heartbeat.objects.filter(component="escalator").exists())
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

        make_call(by=crew["operator"], at=database_now() - timedelta(minutes=6))

        until(lambda: Call.objects.filter(level=1).exists())


def test_a_machine_that_stands_calls_with_redis_and_celery_dead() -> None:
    """No task has derived a stop; the escalator sees in the facts that the machine stands, and calls."""
    make_crew()
    machine = make_machine(make_line(), "BAG1")
    FaultDefinition.objects.create(equipment=machine, bit=2, text="Torque limit", category="high")
    now = database_now()
    controller = Controller(machine, now - timedelta(minutes=6))
    controller.stands(now + timedelta(seconds=1), [2])

    with running("run_escalator", 2):
        until(lambda: Heartbeat.objects.filter(component="machine calls").count() == 2)
        controller.stands(database_now() + timedelta(minutes=1), [2])
        until(lambda: Call.objects.exists())
        until(lambda: Notification.objects.filter(channel="email", recipient__role="maintenance").exists())

    call = Call.objects.get()
    assert (call.source, call.equipment, call.priority) == ("machine", machine, Priority.HIGH)
    assert not Stop.objects.exists()
