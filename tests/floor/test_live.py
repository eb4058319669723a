"""What the screens are told, and who is told."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
import redis
from channels.testing import WebsocketCommunicator
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.db import OperationalError, connection, transaction
from django.db.models import F
from pytest_django.fixtures import Settings

from floor import live
from floor.consumers import ABUSED, MAX_FRAME, REFUSED, LineConsumer
from floor.models import Line, LineState, MachineState, Screen, User
from ms5 import hub as hubs
from ms5.hub import Hub
from tests.andon.servers import silent_server
from tests.factories import make_line, make_machine, make_shifts, make_site, make_user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("servers")]

PATIENCE_S = 15


@pytest.fixture
def line7() -> Line:
    make_shifts(make_site())
    line = make_line("L-7")
    bagger = make_machine(line)
    LineState.objects.create(line=line, facts_version=1)
    MachineState.objects.create(equipment=bagger, observed_until=datetime.now(UTC), limit_ms=3_600_000)
    return line


@pytest.fixture
def ola() -> User:
    return make_user("ola")


@pytest.fixture
def wire(settings: Settings) -> Iterator[Any]:
    """What passes through Redis."""
    with redis.Redis.from_url(settings.REDIS_URL).pubsub(ignore_subscribe_messages=True) as wire:  # type: ignore[no-untyped-call]
        wire.subscribe(live.CHANNEL)
        wire.get_message(timeout=PATIENCE_S)
        yield wire


def heard(wire: Any, line: Line, within_s: float = PATIENCE_S) -> list[str] | None:
    """Topics of the next message about this line; others share the server."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        message = wire.get_message(timeout=0.1)
        if message and (body := json.loads(message["data"]))["line"] == str(line.pk):
            return list(body["topics"])
    return None


def test_a_change_is_announced_after_the_commit_and_not_before(line7: Line, wire: Any) -> None:
    with transaction.atomic():
        live.changed(line7.pk, "state", "pace")
        assert heard(wire, line7, within_s=0.3) is None

    assert heard(wire, line7) == ["pace", "state"]


def test_what_is_rolled_back_is_not_announced(line7: Line, wire: Any) -> None:
    with transaction.atomic():
        live.changed(line7.pk, "state")
        transaction.set_rollback(True)
    live.changed(line7.pk, "oee")

    assert heard(wire, line7) == ["oee"]


def test_an_action_neither_waits_nor_fails_while_redis_takes_connections_and_says_nothing(
    line7: Line, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_messenger", live.Messenger())
    with silent_server() as port:
        settings.REDIS_URL = f"redis://127.0.0.1:{port}/0"

        started = time.monotonic()
        for _ in range(10):
            live.changed(line7.pk, "state")

        assert time.monotonic() - started < 5 * live.TIMEOUT_S


def test_what_changed_while_redis_was_away_is_announced_once_when_it_is_back(
    line7: Line, settings: Settings, wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = settings.REDIS_URL
    clients = iter(["unix:///nowhere/redis.sock?db=0"])
    connect = redis.Redis.from_url
    gone = connect(next(clients), retry=None)
    back = connect(here)
    monkeypatch.setattr(redis.Redis, "from_url", lambda *_, **__: Flaky(gone, back))
    monkeypatch.setattr(live, "_messenger", live.Messenger())

    live.changed(line7.pk, "state")
    live.changed(line7.pk, "oee")

    assert heard(wire, line7) == ["oee", "state"]


class Flaky:
    """Redis that is away for the first message."""

    def __init__(self, gone: redis.Redis, back: redis.Redis) -> None:
        self.gone, self.back, self.tries = gone, back, 0

    def pipeline(self, **how: Any) -> Any:
        self.tries += 1
        return (self.gone if self.tries == 1 else self.back).pipeline(**how)


# ---------------------------------------------------------------- sockets


def _session(user: User) -> SessionStore:
    session = SessionStore()
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return session


async def in_plant(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Do something to the database while the screens listen."""

    def alone() -> Any:
        try:
            return work(*args, **kwargs)
        finally:
            connection.close()

    return await asyncio.to_thread(alone)


@asynccontextmanager
async def screen(hub: Hub, user: User) -> AsyncIterator[WebsocketCommunicator]:
    socket = WebsocketCommunicator(LineConsumer.as_asgi(hub=hub), "/ws/")
    socket.scope["user"] = user
    socket.scope["session"] = await in_plant(_session, user)
    accepted, _ = await socket.connect(timeout=PATIENCE_S)
    assert accepted
    try:
        yield socket
    finally:
        await socket.disconnect()


async def say(socket: WebsocketCommunicator, **message: Any) -> None:
    await socket.send_to(text_data=json.dumps(message))


async def until(socket: WebsocketCommunicator, wanted: str, **match: Any) -> dict[str, Any]:
    """The next frame of this kind that fits."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        frame = json.loads(await socket.receive_from(timeout=PATIENCE_S))
        if wanted in frame and all(frame.get(key) == value for key, value in match.items()):
            return dict(frame)
    raise AssertionError(f"no {wanted} came")


async def closed(socket: WebsocketCommunicator) -> int:
    while True:
        event = await socket.receive_output(timeout=PATIENCE_S)
        if event["type"] == "websocket.close":
            return int(event["code"])


async def test_a_stranger_hears_nothing() -> None:
    socket = WebsocketCommunicator(LineConsumer.as_asgi(hub=Hub()), "/ws/")
    socket.scope["user"] = AnonymousUser()

    accepted, _ = await socket.connect()

    assert not accepted


async def test_a_screen_gets_its_tiles_and_the_beat_of_its_line(line7: Line, ola: User) -> None:
    async with screen(Hub(), ola) as socket:
        await say(socket, subscribe={"lines": ["L-7"], "topics": ["link"]})
        tile = await until(socket, "tile")
        beat = (await until(socket, "beat"))["beat"]

    assert (tile["tile"], tile["line"], tile["n"]) == ("link", "L-7", 1)
    assert "online" in tile["html"]
    assert beat["lines"] == {} or beat["lines"]["L-7"]["observed_until"]


async def test_while_the_database_is_away_the_beat_tells_since_when(
    line7: Line, ola: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: datetime) -> hubs.Look:
        raise OperationalError("the server is gone")

    async with screen(Hub(), ola) as socket:
        first = (await until(socket, "beat"))["beat"]
        monkeypatch.setattr(hubs, "look", away)
        while (beat := (await until(socket, "beat"))["beat"])["now"] == beat["database"]:
            pass

    assert first["now"] == first["database"] <= beat["database"] < beat["now"]


# ---------------------------------------------------------------- what screens tell of themselves

WALL = {"id": "5b0c0000-0000-4000-8000-000000000001", "shows": "Plant board", "address": "/board/", "sound": "off"}


async def _told(hub: Hub, **told: Any) -> Screen:
    """The row of a screen once it says what was told."""
    async with asyncio.timeout(PATIENCE_S):
        while (found := await in_plant(Screen.objects.filter(**told).first)) is None:
            await asyncio.sleep(0.1)
    return cast(Screen, found)


async def test_a_wall_that_cannot_be_heard_is_known_since_when_until_it_can(line7: Line, ola: User) -> None:
    hub, size = Hub(), {"width": 1920, "height": 1080}
    async with screen(hub, ola) as socket:
        await say(socket, screen=WALL | size)
        mute = await _told(hub, sound="off")
        await say(socket, screen=WALL | size | {"width": 1280})
        again = await _told(hub, width=1280)
        await say(socket, screen=WALL | size | {"sound": "on"})
        heard = await _told(hub, sound="on")

    assert (str(mute.pk), mute.person_id, mute.off_since) == (WALL["id"], ola.pk, mute.at)
    assert (again.off_since, again.at > mute.at) == (mute.off_since, True)
    assert (heard.off_since, heard.since) == (None, mute.since)


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "nobody"}, {"sound": "loud"}, {"width": 0}, {"width": "wide"}, {"address": "https://elsewhere/"},
        {"address": "//elsewhere/"}, {"address": "javascript:alert(1)"},
    ],
)  # fmt: skip
async def test_a_screen_that_tells_nonsense_is_not_written_down(wrong: dict[str, Any], ola: User) -> None:
    async with screen(Hub(), ola) as socket:
        await say(socket, screen=WALL | {"width": 1920, "height": 1080} | wrong)
        answer = await until(socket, "error")

    assert answer["error"]["message"].startswith("What a screen tells")


async def test_one_socket_is_one_screen(ola: User) -> None:
    other = WALL | {"id": "5b0c0000-0000-4000-8000-000000000002"}
    async with screen(Hub(), ola) as socket:
        for told in (WALL, other):
            await say(socket, screen=told | {"width": 1920, "height": 1080})
        answer = await until(socket, "error")

    assert answer["error"]["message"] == "A screen has one id."


async def test_what_changes_at_the_machine_reaches_every_screen_as_the_same_text(line7: Line, ola: User) -> None:
    hub = Hub()
    async with screen(hub, ola) as first, screen(hub, ola) as second:
        for socket in (first, second):
            await say(socket, subscribe={"lines": ["L-7"], "topics": ["link"]})
            await until(socket, "tile")
        await in_plant(_fall_silent, line7)
        frames = [await until(socket, "tile", n=2) for socket in (first, second)]

    assert frames[0] == frames[1]
    assert "no reading since" in frames[0]["html"]


def _fall_silent(line: Line) -> None:
    with transaction.atomic():
        MachineState.objects.update(observed_until=datetime.now(UTC) - timedelta(hours=2))
        live.changed(line.pk, "link")


async def test_screens_go_on_while_redis_is_away(line7: Line, ola: User, settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/redis.sock?db=0"
    async with screen(Hub(), ola) as socket:
        await say(socket, subscribe={"lines": ["L-7"], "topics": ["link"]})
        await until(socket, "tile", n=1)
        await in_plant(_new_facts, line7)
        frame = await until(socket, "tile", n=2)

    assert "no reading since" in frame["html"]


def _new_facts(line: Line) -> None:
    MachineState.objects.update(observed_until=datetime.now(UTC) - timedelta(hours=2), limit_ms=86_400_000)
    MachineState.objects.update(limit_ms=3_600_000)
    LineState.objects.filter(line=line).update(facts_version=F("facts_version") + 1)


async def test_a_line_that_does_not_exist_is_simply_silent(line7: Line, ola: User) -> None:
    async with screen(Hub(), ola) as socket:
        await say(socket, subscribe={"lines": ["L-NONE", "L-7"], "topics": ["link", "secrets"]})
        tile = await until(socket, "tile")

    assert (tile["line"], tile["tile"]) == ("L-7", "link")


async def test_a_person_whose_account_is_switched_off_is_sent_away_within_seconds(line7: Line, ola: User) -> None:
    async with screen(Hub(), ola) as socket:
        await say(socket, subscribe={"lines": ["L-7"], "topics": ["link"]})
        await until(socket, "tile")
        await in_plant(User.objects.filter(pk=ola.pk).update, is_active=False)

        assert await closed(socket) == REFUSED


@pytest.mark.parametrize(
    "nonsense",
    ["{", "[]", "{}", '{"subscribe": 7}', '{"subscribe": {"lines": [1], "topics": []}}', "x" * (MAX_FRAME + 1)],
)
async def test_nonsense_gets_a_polite_answer(nonsense: str, ola: User) -> None:
    async with screen(Hub(), ola) as socket:
        await socket.send_to(text_data=nonsense)
        answer = await until(socket, "error")

    assert answer["error"]["message"].endswith(".")


async def test_a_flood_is_cut_off(ola: User) -> None:
    async with screen(Hub(), ola) as socket:
        for _ in range(12):
            await say(socket, alive=1)

        assert await closed(socket) == ABUSED


async def test_a_screen_that_stops_answering_gets_only_the_newest_when_it_is_back(line7: Line, ola: User) -> None:
    hub = Hub()
    async with screen(hub, ola) as socket:
        await say(socket, subscribe={"lines": ["L-7"], "topics": ["link"]})
        await until(socket, "tile", n=1)
        (seat,) = hub._seats
        seat.beats_sent += 13
        for silent in (True, False, True):
            await in_plant(_say_silence, line7, silent)
            await _until_waiting(seat, "no reading" if silent else "online")
        await say(socket, alive=1)
        frame = await until(socket, "tile")

    assert frame["n"] == 4


def _say_silence(line: Line, silent: bool) -> None:
    with transaction.atomic():
        age = timedelta(hours=2) if silent else timedelta()
        MachineState.objects.update(observed_until=datetime.now(UTC) - age)
        live.changed(line.pk, "link")


async def _until_waiting(seat: LineConsumer, words: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while words not in "".join(seat.waiting.values()):
            await asyncio.sleep(0.02)
