"""What programs are told of calls as they happen."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from pytest_django.fixtures import Settings

from andon.actions import acknowledge, escalate_due, raise_call, resolve, seed_rules
from andon.clock import database_now
from floor.models import Line, User
from floor.roles import Capability
from ms5.feeds import Feed, Hint, Reader
from ms5.hub import Hub
from tests.factories import make_line, make_user
from tests.floor.test_live import in_plant, say, screen, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("servers")]


@pytest.fixture
def line() -> Line:
    seed_rules()
    return make_line("L-1")


@pytest.fixture
def ola() -> User:
    return make_user("ola", "shift_manager")


def call(line: Line, by: User, kind: str = "maintenance") -> Any:
    return raise_call(line, kind, by=by, now=database_now(), request_id=uuid4())


async def listening(socket: Any, line: str = "L-1") -> dict[str, Any]:
    await say(socket, subscribe={"lines": [line], "topics": ["andon_events"]})
    return await until(socket, "snapshot")


async def test_every_step_of_a_call_is_hinted_with_its_address_and_the_hint_before(line: Line, ola: User) -> None:
    async with screen(Hub(), ola) as socket:
        assert (await listening(socket))["snapshot"] == "/api/v1/andon/events/active"
        raised = await in_plant(call, line, ola)
        heard = [await until(socket, "event")]
        await in_plant(acknowledge, raised, by=ola, now=raised.raised_at)
        heard.append(await until(socket, "event"))
        await in_plant(resolve, raised, "Fixed", by=ola, now=raised.raised_at)
        heard.append(await until(socket, "event"))

    assert [one["event"] for one in heard] == ["andon_event", "andon_event_updated", "andon_resolved"]
    assert {one["url"] for one in heard} == {f"/api/v1/andon/events/{raised.pk}"}
    assert [one["after"] for one in heard] == [None, heard[0]["n"], heard[1]["n"]]


async def test_escalation_is_hinted_too(line: Line, ola: User) -> None:
    raised = await in_plant(call, line, ola, "safety")
    async with screen(Hub(), ola) as socket:
        await listening(socket)
        await in_plant(escalate_due, raised.raised_at + timedelta(minutes=6))
        heard = {(await until(socket, "event"))["event"] for _ in range(3)}

    assert "escalation_event" in heard


async def test_what_was_before_is_in_the_snapshot_and_not_told_again(line: Line, ola: User) -> None:
    await in_plant(call, line, ola)
    async with screen(Hub(), ola) as socket:
        await listening(socket)
        await in_plant(call, line, ola, "quality")
        heard = await until(socket, "event")

    assert (heard["event"], heard["after"]) == ("andon_event", None)


async def test_the_whole_plant_can_be_heard_and_another_line_is_not(line: Line, ola: User) -> None:
    other = await in_plant(make_line, "L-2")
    hub = Hub()
    async with screen(hub, ola) as plant, screen(hub, ola) as one:
        await listening(plant, "")
        await listening(one, "L-1")
        await in_plant(call, other, ola)
        await in_plant(call, line, ola)
        lines = [(await until(plant, "event"))["line"] for _ in range(2)]

        assert lines == ["L-2", "L-1"]
        assert (await until(one, "event"))["line"] == "L-1"


def test_what_a_slow_transaction_wrote_among_many_newer_lines_is_told_too() -> None:
    there = [1]
    feed = Feed(
        Capability.VIEW_FLOOR, frozenset(), "api:andon-active", lambda: max(there),
        lambda above: sorted(n for n in there if n > above), lambda numbers: [Hint(n, "L-1", {}) for n in numbers],
    )  # fmt: skip
    reader = Reader(feed)
    reader.news()
    there += range(500, 1_500)
    assert [hint.number for hint in reader.news()] == list(range(500, 1_500))
    there += range(2, 500)  # they were numbered first, and are seen last

    assert [hint.number for hint in reader.news()] == list(range(2, 500))
    assert reader.news() == []


async def test_what_nobody_wants_to_hear_any_more_is_not_told(line: Line, ola: User) -> None:
    other = await in_plant(make_line, "L-2")
    async with screen(Hub(), ola) as socket:
        await listening(socket, "L-1")
        await listening(socket, "L-2")
        await say(socket, unsubscribe={"lines": ["L-1"], "topics": ["andon_events"]})
        await say(socket, subscribe={"lines": ["L-2"], "topics": ["andon_events"]})
        await until(socket, "snapshot")
        await in_plant(call, line, ola)
        await in_plant(call, other, ola)

        assert (await until(socket, "event"))["line"] == "L-2"


async def test_programs_hear_of_calls_while_redis_is_away(line: Line, ola: User, settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/redis.sock?db=0"
    async with screen(Hub(), ola) as socket:
        await listening(socket)
        await in_plant(call, line, ola)

        assert (await until(socket, "event"))["event"] == "andon_event"
