"""A call reaches the next person whatever else is dead, and the watchdog says what is."""

import json
import re
import time
import urllib.parse
import urllib.request
import uuid
from http.cookiejar import CookieJar
from typing import Any

import pytest

from tests.faults.injuries import frozen
from tests.faults.outside import Outside
from tests.stack.running import Product, eventually

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

LIMIT_S = 4
WATCHDOG_SILENT_S = (
    "SELECT extract(epoch FROM clock_timestamp() - max(at)) FROM floor_heartbeat WHERE component = 'watchdog'"
)


def post(plant: Product, path: str, body: dict[str, Any], token: str = "") -> dict[str, Any]:
    return ask(plant, path, token, json.dumps(body).encode())


def ask(plant: Product, path: str, token: str = "", body: bytes | None = None) -> dict[str, Any]:
    request = urllib.request.Request(f"{plant.address}/api/v1{path}", body)
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


def resolve_all(plant: Product) -> None:
    """Whatever others have left open: the same help cannot be called twice."""
    token = sign_in(plant, "shift_manager")
    while left := ask(plant, "/andon/events/active", token)["results"]:
        for call in left:
            post(plant, f"/andon/events/{call['id']}/resolve", {"resolution_notes": "Left from before"}, token)


def still_wrong(world: Outside) -> set[str]:
    """What the watchdog has said, and not yet said to be over."""
    wrong: set[str] = set()
    for one in world.alarms.heard:
        wrong = (wrong | set(one.wrong)) - set(one.over)
    return wrong


@pytest.fixture
def hasty(plant: Product) -> Product:
    """No call is open, and critical ones move on after seconds instead of minutes."""
    resolve_all(plant)
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


class Kiosk:
    """A browser without scripts: forms, cookies and whole pages."""

    def __init__(self, plant: Product, username: str) -> None:
        self._address = plant.address
        self._browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self.send("/login/", username=username, password=plant.password(username))

    def page(self, path: str) -> str:
        with self._browser.open(f"{self._address}{path}", timeout=30) as answer:
            return str(answer.read().decode())

    def header(self, path: str, name: str) -> str:
        with self._browser.open(f"{self._address}{path}", timeout=30) as answer:
            return str(answer.headers[name])

    def send(self, path: str, **fields: str) -> str:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.page(path))
        assert token
        form = urllib.parse.urlencode({"csrfmiddlewaretoken": token[1], **fields}).encode()
        request = urllib.request.Request(f"{self._address}{path}", form, {"Referer": f"{self._address}{path}"})
        with self._browser.open(request, timeout=30) as answer:
            return str(answer.read().decode())


def safety_mails(world: Outside, since: float) -> set[str]:
    """Their subjects."""
    return {mail.subject for mail in world.mail.mails if mail.at > since and "Safety" in mail.subject}


def test_with_redis_and_celery_stopped_a_call_from_the_kiosk_is_stored_shown_escalated_and_mailed(
    hasty: Product, world: Outside
) -> None:
    kiosk, begun = Kiosk(hasty, "operator"), time.time()
    with frozen(hasty, "redis", "worker", "plc", "beat"):
        kiosk.send("/lines/L-BAG1/call/", kind="safety", note="Smoke behind the slicer")
        (call,) = hasty.rows("SELECT id FROM andon_call WHERE note = 'Smoke behind the slicer'")[0]

        assert "Smoke behind the slicer" in kiosk.page("/andon/")
        taken = eventually(
            "the call has moved on",
            lambda: [late for late, _ in steps(hasty, str(call))[1:] if late >= 0],
            within_s=LIMIT_S + 15,
        )
        subjects = eventually(
            "mail of both levels",
            lambda: seen if len(seen := safety_mails(world, begun)) > 1 else None,
        )
    print(f"\nescalation lateness with Redis and Celery stopped: {taken[0]:.2f} s; {sorted(subjects)}")
    assert taken[0] <= 5


def test_every_process_gives_signs_of_life(plant: Product) -> None:
    everybody = {"web", "plc", "worker", "beat", "escalator", "delivery", "watchdog"}
    fresh = "SELECT DISTINCT component FROM floor_heartbeat WHERE at > clock_timestamp() - interval '30 seconds'"
    eventually("everybody was heard", lambda: {name for (name,) in plant.rows(fresh)} >= everybody)


def test_one_frozen_escalator_of_two_is_told_within_fifteen_seconds_though_nothing_is_late(
    plant: Product, world: Outside
) -> None:
    eventually("nothing is wrong with escalators", lambda: "fewer:escalator" not in still_wrong(world), within_s=60)
    begun = time.time()
    with frozen(plant, "escalator"):
        told = eventually(
            "the alarm",
            lambda: [one.at for one in world.alarms.heard if one.at > begun and "fewer:escalator" in one.wrong],
        )
    print(f"\none of two escalators frozen: told after {told[0] - begun:.1f} s")
    assert told[0] - begun <= 15


def test_while_the_watchdog_is_frozen_screens_are_told_since_when_and_it_heals_by_itself(plant: Product) -> None:
    kiosk = Kiosk(plant, "viewer")
    with frozen(plant, "watchdog"):
        eventually("it is missed", lambda: plant.value(WATCHDOG_SILENT_S) > 5)
        stands = kiosk.header("/board/tiles/answers/", "X-Watchdog")
        assert plant.value("SELECT max(at) = %s FROM floor_heartbeat WHERE component = 'watchdog'", stands)
    eventually("it looks again", lambda: plant.value(WATCHDOG_SILENT_S) < 3)
