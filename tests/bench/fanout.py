"""Commit of a fact to the frame on every socket: 500 sockets, 20 lines that change every second, one daphne."""

import asyncio
import base64
import json
import os
import socket
import struct
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, connections

from floor.actions.machine import MachineBatch, record
from floor.actions.retention import ensure_partitions
from floor.domain.fold import MachineSetup
from floor.domain.machine import Observation
from floor.models import Equipment
from tests.factories import make_ideal_cycle, make_line, make_machine, make_shifts, make_site, make_user

LINES = 20
SOCKETS = 500
SECONDS = 20
TOPIC = "pace"


def run() -> None:
    machines = _plant()
    cookie = session("bench")
    with daphne() as (port, pid):
        late_s, lost, cpu_s = asyncio.run(_measure(port, pid, cookie, machines))
    late_s.sort()
    print(f"  {SOCKETS} sockets on {LINES} lines, each line changes once a second, {SECONDS} s, one daphne")
    p50, p95, p99 = (_at(late_s, share) for share in (0.5, 0.95, 0.99))
    print(f"  commit to socket      p50 {p50:4.0f} ms   p95 {p95:4.0f} ms   p99 {p99:4.0f} ms   (budget p99 250 ms)")
    print(f"  frames {len(late_s):,}, sockets that missed a change {lost}")
    print(f"  daphne                {cpu_s / SECONDS:.2f} of a core   (budget 0.50)")


def _at(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(share * len(values)))] * 1000


def _plant() -> list[Equipment]:
    site = make_site("FANOUT")
    make_shifts(site)
    today = datetime.now(UTC).date()
    ensure_partitions(today - timedelta(days=1), today + timedelta(days=1))
    machines = [make_machine(make_line(f"L-F{n:02}", site=site)) for n in range(LINES)]
    for machine in machines:
        make_ideal_cycle(machine)
    return machines


def session(username: str) -> str:
    user = make_user(username, "viewer")
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.create()
    assert store.session_key is not None
    return store.session_key


@contextmanager
def daphne() -> Iterator[tuple[int, int]]:
    """One web process on the same database and Redis."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    database = connection.settings_dict
    url = f"postgresql://{database['USER']}@/{database['NAME']}?host={database['HOST']}"
    process = subprocess.Popen(
        [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "ms5.asgi:application"],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "ms5.settings",
            "DATABASE_URL": url,
            "REDIS_URL": settings.REDIS_URL,
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("daphne does not listen")


async def _measure(port: int, pid: int, cookie: str, machines: list[Equipment]) -> tuple[list[float], int, float]:
    codes = [machine.line.code for machine in machines]
    heard: dict[int, list[tuple[str, float]]] = defaultdict(list)
    sockets = [await connect(port, cookie, codes[n % LINES], TOPIC) for n in range(SOCKETS)]
    listening = [asyncio.create_task(listen(reader, heard[n])) for n, (reader, _) in enumerate(sockets)]
    await asyncio.sleep(2)
    before = _cpu_s(pid)
    committed = await _make_facts(machines)
    await asyncio.sleep(2)
    cpu_s = _cpu_s(pid) - before
    await sync_to_async(connections.close_all)()
    for task in listening:
        task.cancel()
    for _, writer in sockets:
        writer.close()
    return *_lateness(committed, heard, codes), cpu_s


async def _make_facts(machines: list[Equipment]) -> dict[str, list[float]]:
    """Every line makes a part each second, the lines spread over the second. Return the moments of the commits."""
    committed: dict[str, list[float]] = defaultdict(list)
    begun = time.perf_counter()
    for number in range(SECONDS * LINES):
        await asyncio.sleep(max(0.0, begun + number / LINES - time.perf_counter()))
        machine = machines[number % LINES]
        await sync_to_async(_make_part)(machine, number // LINES)
        committed[machine.line.code].append(time.perf_counter())
    return committed


def _make_part(machine: Equipment, number: int) -> None:
    seen = Observation(datetime.now(UTC), 1, number + 1, True, True, 100.0, None, number + 1, 0, 0)
    record([MachineBatch(machine.pk, MachineSetup(), [seen])])


def _lateness(
    committed: dict[str, list[float]], heard: dict[int, list[tuple[str, float]]], codes: list[str]
) -> tuple[list[float], int]:
    """For each commit and socket, the time to the first frame after it. The first commit only sets the counter."""
    late, lost = [], 0
    for n in range(SOCKETS):
        frames = [at for _, at in heard[n]]
        for commit in committed[codes[n % LINES]][1:]:
            # A frame may be on the wire before the committing side has looked at its clock.
            first = next((at for at in frames if at > commit - 0.005), None)
            if first is None:
                lost += 1
            else:
                late.append(max(0.0, first - commit))
    return late, lost


async def connect(port: int, cookie: str, line: str, topic: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET /ws/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Origin: http://127.0.0.1:{port}\r\nCookie: sessionid={cookie}\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    answer = await reader.readuntil(b"\r\n\r\n")
    if b" 101 " not in answer.split(b"\r\n")[0]:
        raise ConnectionError(answer.split(b"\r\n")[0].decode())
    writer.write(frame(json.dumps({"subscribe": {"lines": [line], "topics": [topic]}})))
    return reader, writer


def frame(text: str) -> bytes:
    """A masked text frame, as a browser sends it."""
    data, mask = text.encode(), os.urandom(4)
    length = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + struct.pack(">H", len(data))
    return b"\x81" + length + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))


async def listen(reader: asyncio.StreamReader, heard: list[tuple[str, float]]) -> None:
    while True:
        _, length = await reader.readexactly(2)
        if length == 126:
            (length,) = struct.unpack(">H", await reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", await reader.readexactly(8))
        text = await reader.readexactly(length)
        if text.startswith(b'{"tile"'):
            heard.append((TOPIC, time.perf_counter()))


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
