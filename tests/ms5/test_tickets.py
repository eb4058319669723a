"""How programs come to the live socket without a session and without a token in an address."""

from typing import Any
from uuid import uuid4

import pytest
from channels.auth import AuthMiddlewareStack
from channels.security.websocket import AllowedHostsOriginValidator
from channels.testing import WebsocketCommunicator
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from rest_framework_simplejwt.tokens import RefreshToken

from andon.actions import raise_call, seed_rules
from andon.clock import database_now
from floor.consumers import REFUSED, LineConsumer
from floor.models import User
from ms5 import tickets
from ms5.hub import Hub
from tests.factories import make_line, make_user
from tests.floor.test_live import closed, in_plant, say, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("servers")]


@pytest.fixture
def milo() -> User:
    return make_user("milo", "maintenance")


def ask(user: User, client: Client | None = None) -> Any:
    token = RefreshToken.for_user(user).access_token
    return (client or Client()).post("/api/v1/auth/ticket", headers={"Authorization": f"Bearer {token}"})


def knock(address: str) -> WebsocketCommunicator:
    """As a program does: without a cookie, and without an origin."""
    sockets = LineConsumer.as_asgi(hub=Hub())
    usual = AllowedHostsOriginValidator(AuthMiddlewareStack(sockets))
    return WebsocketCommunicator(tickets.ByTicket(sockets, otherwise=usual), address)


async def is_let_in(address: str) -> bool:
    socket = knock(address)
    accepted, _ = await socket.connect()
    await socket.disconnect()
    return bool(accepted)


async def test_a_program_with_a_token_hears_of_calls_through_a_ticket(milo: User) -> None:
    await in_plant(seed_rules)
    line = await in_plant(make_line, "L-1")
    answer = await in_plant(ask, milo)
    assert (answer.status_code, answer.json()["expires_in"]) == (201, tickets.TICKET_S)

    socket = knock(f"/ws/?ticket={answer.json()['ticket']}")
    accepted, _ = await socket.connect()
    assert accepted
    await say(socket, subscribe={"lines": ["L-1"], "topics": ["andon_events"]})
    await until(socket, "snapshot")
    await in_plant(raise_call, line, "maintenance", by=milo, now=await in_plant(database_now), request_id=uuid4())
    assert (await until(socket, "event"))["action"] == "raised"
    await socket.disconnect()


async def test_a_ticket_opens_one_socket_and_only_while_it_is_fresh(milo: User) -> None:
    ticket = await in_plant(tickets.issue, milo)
    assert await is_let_in(f"/ws/?ticket={ticket}")
    assert not await is_let_in(f"/ws/?ticket={ticket}")

    old = await in_plant(tickets.issue, milo)
    await in_plant(Session.objects.filter(session_key=old).update, expire_date=timezone.now())
    assert not await is_let_in(f"/ws/?ticket={old}")
    for nonsense in ("", "x", "%00" * 32, "ä" * 32, "a" * 500):
        assert not await is_let_in(f"/ws/?ticket={nonsense}")
    assert not await is_let_in("/ws/")


async def test_a_ticket_is_no_session_and_a_session_is_no_ticket(milo: User) -> None:
    client = Client()
    await in_plant(client.force_login, milo)
    cookie = client.cookies["sessionid"].value
    assert not await is_let_in(f"/ws/?ticket={cookie}")
    assert (await in_plant(client.get, "/lines/")).status_code == 200

    stranger = Client()
    stranger.cookies["sessionid"] = await in_plant(tickets.issue, milo)
    assert (await in_plant(stranger.get, "/lines/")).status_code == 302


async def test_a_socket_that_came_by_ticket_ends_with_the_account(milo: User) -> None:
    socket = knock(f"/ws/?ticket={await in_plant(tickets.issue, milo)}")
    await socket.connect()
    await in_plant(User.objects.filter(pk=milo.pk).update, is_active=False)
    assert await closed(socket) == REFUSED


async def test_a_new_password_ends_tickets_that_were_not_used(milo: User) -> None:
    ticket = await in_plant(tickets.issue, milo)
    await in_plant(User.objects.filter(pk=milo.pk).update, password="another")
    assert not await is_let_in(f"/ws/?ticket={ticket}")


def test_a_stranger_gets_no_ticket(client: Client) -> None:
    assert client.post("/api/v1/auth/ticket").status_code == 401
