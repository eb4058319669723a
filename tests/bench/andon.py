"""Calls for help: seen on other screens, late steps, a flood of due steps, and what the board of calls costs."""

import asyncio
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from statistics import quantiles
from urllib.parse import quote

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection, connections
from django.db.models import Count, Max, Min, QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from andon.actions import raise_call, seed_rules
from andon.clock import database_now
from andon.domain.call import Priority
from andon.models import Call, CallEvent, CallKind, EscalationStep, Notification
from floor.models import Equipment, Heartbeat, User
from floor.roles import Role
from tests.bench.fanout import connect, daphne, frame, listen, session
from tests.factories import make_line, make_machine, make_shifts, make_site, make_user

LINES, MACHINES = 20, 50
SCREENS, RAISED, LOST_S = 60, 40, 10.0
OPEN = 1000
SPREAD_S = 20.0
FLOOD_CALLS = 5000  # two steps each
FLOOD_BUDGET_S = 60.0
ON_BOARD, REQUESTS = 200, 21
LONG_AGO = timedelta(days=1)


def run() -> None:
    people = _people()
    machines = _plant()
    try:
        _screens(people["operator"], machines)
        _lateness(people["operator"], machines, killed=False)
        _lateness(people["operator"], machines, killed=True)
        _flood(people["operator"], machines)
        _board(people["shift_manager"], machines)
    finally:
        _forget_calls()


# ---------------------------------------------------------------- the plant


def _people() -> dict[str, User]:
    seed_rules()
    return {role: make_user(f"b-{role}"[:20], role) for role in Role.values}


def _plant() -> list[Equipment]:
    site = make_site("ANDON")
    make_shifts(site)
    machines = []
    for n in range(LINES):
        line = make_line(f"L-A{n:02}", site=site)
        machines += [make_machine(line, primary=number == 0, position=number + 1) for number in range(MACHINES)]
    return machines


def _places(machines: list[Equipment]) -> Iterator[tuple[Equipment, str]]:
    """Every machine with every kind of help, spread over the lines."""
    kinds = list(CallKind.objects.values_list("code", flat=True))
    turned = [machines[n::MACHINES] for n in range(MACHINES)]
    return ((machine, kind) for kind in kinds for machine in itertools.chain(*turned))


def _raise(place: tuple[Equipment, str], by: User, now: datetime, priority: Priority = Priority.HIGH) -> Call:
    machine, kind = place
    return raise_call(machine.line, kind, by=by, now=now, request_id=uuid.uuid4(), equipment=machine, priority=priority)


def _forget_calls() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE andon_call, andon_callevent, andon_escalationstep, andon_notification CASCADE")
        cursor.execute("TRUNCATE floor_heartbeat")


# ---------------------------------------------------------------- other screens


def _screens(by: User, machines: list[Equipment]) -> None:
    places = list(itertools.islice(_places(machines), RAISED))
    cookie = session("bench-screens")
    with daphne() as (port, _):
        late_s = sorted(asyncio.run(_show(port, cookie, by, places)))
    _forget_calls()
    p50, p95 = _at(late_s, 0.5), _at(late_s, 0.95)
    print(f"  raised until {SCREENS} other screens show it")
    print(f"    p50 {p50 * 1000:.0f} ms   p95 {p95 * 1000:.0f} ms   (budget p95 1,000 ms)")


async def _show(port: int, cookie: str, by: User, places: list[tuple[Equipment, str]]) -> list[float]:
    """From before the action until the frame of the plant's board of calls is on each socket."""
    heard: list[list[tuple[str, float]]] = [[] for _ in range(SCREENS)]
    sockets = [await connect(port, cookie, "", "answers") for _ in heard]
    listening = [asyncio.create_task(listen(reader, heard[n])) for n, (reader, _) in enumerate(sockets)]
    listening += [asyncio.create_task(_live(writer)) for _, writer in sockets]
    await asyncio.sleep(2)
    late = []
    for place in places:
        begun = time.perf_counter()
        await sync_to_async(_raise)(place, by, await sync_to_async(database_now)())
        while not all(frames and frames[-1][1] > begun for frames in heard) and time.perf_counter() < begun + LOST_S:
            await asyncio.sleep(0.02)
        late += [next((at - begun for _, at in frames if at > begun), LOST_S) for frames in heard]
        await asyncio.sleep(0.5)  # a tile is drawn four times a second at most; the next call finds it ready
    await sync_to_async(connections.close_all)()
    for task in listening:
        task.cancel()
    for _, writer in sockets:
        writer.close()
    return late


async def _live(writer: asyncio.StreamWriter) -> None:
    """As a screen does, or it would be taken for a slow one and get less."""
    while True:
        writer.write(frame(json.dumps({"alive": 1})))
        await asyncio.sleep(5)


# ---------------------------------------------------------------- lateness


def _lateness(by: User, machines: list[Equipment], *, killed: bool) -> None:
    """Level 1 of a thousand open calls falls due within twenty seconds."""
    for place in itertools.islice(_places(machines), OPEN):
        _raise(place, by, database_now())
    with escalators(2) as both:
        due_from = database_now() + timedelta(seconds=3)
        steps = list(EscalationStep.objects.filter(clock="ack", level=1))
        for n, step in enumerate(steps):
            step.due_at = due_from + timedelta(seconds=SPREAD_S * n / OPEN)
        EscalationStep.objects.bulk_update(steps, ["due_at"])
        _wait_until(due_from + timedelta(seconds=SPREAD_S / 2))
        if killed:
            both[0].kill()
        _wait_until(due_from + timedelta(seconds=SPREAD_S))
        _wait_while(EscalationStep.objects.ahead().filter(clock="ack", level=1), 60)
    taken = EscalationStep.objects.filter(clock="ack", level=1, taken_at__isnull=False)
    late_s = sorted((at - due).total_seconds() for at, due in taken.values_list("taken_at", "due_at") if at)
    words, budget = ("one of two killed", 5) if killed else ("two escalators", 1)
    p50, p95 = _at(late_s, 0.5), _at(late_s, 0.95)
    print(f"  {len(late_s):,} steps of {OPEN:,} open calls, {words}")
    print(f"    lateness   p50 {p50:.2f} s   p95 {p95:.2f} s   worst {late_s[-1]:.2f} s   (budget worst {budget} s)")
    assert len(late_s) == OPEN, f"{OPEN - len(late_s)} steps were not taken"
    _forget_calls()


# ---------------------------------------------------------------- a flood


def _flood(by: User, machines: list[Equipment]) -> None:
    long_ago = database_now() - LONG_AGO
    for place in itertools.islice(_places(machines), FLOOD_CALLS):
        _raise(place, by, long_ago)
    # Only the two levels of the answer; the remedy, warnings and shifts of a whole day are not what is measured.
    EscalationStep.objects.ahead().exclude(clock="ack", level__gte=1).delete()
    EscalationStep.objects.ahead().update(repeat_s=None)
    Notification.objects.pending().update(cancelled_at=database_now())
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    due = EscalationStep.objects.ahead().count()
    with escalators(2, wait=False):
        _wait_while(EscalationStep.objects.ahead(), 4 * FLOOD_BUDGET_S)
    ends = CallEvent.objects.filter(step__level__gte=1).aggregate(first=Min("at"), last=Max("at"))
    took_s = (ends["last"] - ends["first"]).total_seconds()
    twice = EscalationStep.objects.annotate(n=Count("event")).filter(n__gt=1).count()
    told = Notification.objects.values("event", "recipient", "channel").annotate(n=Count("pk"))
    left = EscalationStep.objects.ahead().count()
    print(f"  {due:,} due steps, drained by two escalators   {took_s:.1f} s   (budget {FLOOD_BUDGET_S:.0f} s)")
    print(f"    taken twice {twice}   told twice {told.filter(n__gt=1).count()}   left {left}   (budget 0)")
    _forget_calls()


# ---------------------------------------------------------------- the board


def _board(manager: User, machines: list[Equipment]) -> None:
    now = database_now()
    for n, place in enumerate(itertools.islice(_places(machines), ON_BOARD)):
        _raise(place, manager, now - timedelta(seconds=n), Priority(n % 4 + 1))
    client = Client()
    client.force_login(manager)
    for name, address in (("page", "/andon/"), ("tile", reverse("plant-tile", args=["answers"]))):
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(address)
        count = len(queries)
        assert answer.status_code == 200, answer.content[:300]
        taken_ms = [1000 * _timed(client, address) for _ in range(REQUESTS)]
        p50, p95 = quantiles(taken_ms, n=20)[9], quantiles(taken_ms, n=20)[18]
        begun = time.process_time()
        for _ in range(REQUESTS):
            client.get(address)
        cpu_ms = 1000 * (time.process_time() - begun) / REQUESTS
        print(f"  board with {ON_BOARD} calls, {name}, {count} queries")
        figures = f"least {min(taken_ms):.0f} ms   p50 {p50:.0f} ms   p95 {p95:.0f} ms   CPU {cpu_ms:.0f} ms"
        print(f"    {figures}   (budget p95 100 ms)")
    _forget_calls()


def _timed(client: Client, address: str) -> float:
    begun = time.perf_counter()
    client.get(address)
    return time.perf_counter() - begun


# ---------------------------------------------------------------- processes


@contextmanager
def escalators(number: int, *, wait: bool = True) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Real processes on the database of the bench; their mail becomes files in a folder of its own."""
    at = connection.settings_dict
    url = f"postgresql://{at['USER']}@/{at['NAME']}?host={quote(at['HOST'], safe='/')}&port={at['PORT']}"
    command = [sys.executable, "manage.py", "run_escalator"]
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "DATABASE_URL": url,
            "REDIS_URL": settings.REDIS_URL,
            "DJANGO_SETTINGS_MODULE": "ms5.settings",
            "MS5_ENV": "development",
            "MS5_DATA_DIR": folder,
            "PYTHONWARNINGS": "ignore",
        }
        processes = [subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) for _ in range(number)]
        try:
            while wait and Heartbeat.objects.filter(component="escalator").count() < number:
                time.sleep(0.1)
            yield processes
        finally:
            for process in processes:
                process.kill()
                process.wait()


def _wait_until(moment: datetime) -> None:
    time.sleep(max(0.0, (moment - database_now()).total_seconds()))


def _wait_while(there: QuerySet[EscalationStep], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while there.exists() and time.monotonic() < deadline:
        time.sleep(0.2)


def _at(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(share * len(values)))]
