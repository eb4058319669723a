"""A call reaches the next person with Redis away; acknowledging stops that."""

import json
import os
import signal
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.stack.running import Product, eventually

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

LIMIT_S = 4


@contextmanager
def frozen(plant: Product, process: str) -> Iterator[None]:
    """The process takes connections and never answers: worse than dead, and its supervisor cannot help."""
    pid = plant.pid(process)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def post(plant: Product, path: str, body: dict[str, Any], token: str = "") -> dict[str, Any]:
    request = urllib.request.Request(f"{plant.address}/api/v1{path}", json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def sign_in(plant: Product, username: str) -> str:
    token: str = post(plant, "/auth/login", {"username": username, "password": plant.password(username)})["access"]
    return token


def raise_call(plant: Product, token: str, kind: str) -> str:
    call = {"line_code": "L-BAG1", "event_type": kind, "priority": "critical", "description": "Nobody comes"}
    found: str = post(plant, "/andon/events", {**call, "request_id": str(uuid.uuid4())}, token)["id"]
    return found


def steps(plant: Product, call: str) -> list[tuple[float, bool]]:
    """(seconds from due to taken, or -1 while not taken; cancelled) of each step of the ack clock, first due first."""
    return [
        (-1.0 if late is None else float(late), bool(cancelled))
        for late, cancelled in plant.rows(
            "SELECT extract(epoch FROM taken_at - due_at), cancelled_at IS NOT NULL FROM andon_escalationstep"
            " WHERE call_id = %s AND clock = 'ack' ORDER BY due_at",
            call,
        )
    ]


@pytest.fixture
def hasty(plant: Product) -> Product:
    """Critical calls move on after seconds instead of minutes."""
    with plant.connection() as connection:
        connection.execute("UPDATE andon_escalationrule SET after_s = %s * level WHERE clock = 'ack'", [LIMIT_S])
    return plant


def test_an_ignored_call_moves_on_in_time_while_redis_is_away(hasty: Product) -> None:
    token = sign_in(hasty, "operator")
    with frozen(hasty, "redis"):
        call = raise_call(hasty, token, "maintenance")
        taken = eventually(
            "the call has moved on",
            lambda: [late for late, _ in steps(hasty, call) if late >= 0],
            within_s=LIMIT_S + 10,
        )
    print(f"\nescalation lateness with Redis away: {taken[0]:.2f} s")
    assert taken[0] <= 5


def test_acknowledging_stops_the_clock(hasty: Product) -> None:
    call = raise_call(hasty, sign_in(hasty, "operator"), "quality")
    post(hasty, f"/andon/events/{call}/acknowledge", {}, sign_in(hasty, "shift_manager"))
    assert {cancelled for late, cancelled in steps(hasty, call) if late < 0} == {True}
