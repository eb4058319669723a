"""The way onto the live socket for programs: a ticket that opens it once, within seconds, and opens nothing else.

Addresses are logged, so no token may stand in one. A ticket that was used is worth nothing in a log.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, cast
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils.crypto import constant_time_compare

from floor.models import User

TICKET_S = 30
TICKET_FOR = "ticket_for"
BACKEND = "ms5.backends.MatrixBackend"

Scope = dict[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


def issue(user: User) -> str:
    """A word that opens one socket for this person. It lies among the sessions, and signs nobody in."""
    SessionStore.clear_expired()
    ticket = SessionStore()
    ticket[TICKET_FOR] = str(user.pk)
    ticket[HASH_SESSION_KEY] = user.get_session_auth_hash()
    ticket.set_expiry(TICKET_S)
    ticket.create()
    return str(ticket.session_key)


def redeem(ticket: str) -> tuple[User, SessionStore] | None:
    """Whose ticket it is, and a session for the socket alone. None: there is no such ticket, any more or ever."""
    said = SessionStore(ticket).load() if ticket.isascii() and ticket.isalnum() else {}
    if TICKET_FOR not in said or not Session.objects.filter(session_key=ticket).delete()[0]:
        return None  # of two that come at once with the same ticket, one deletes it
    user = User.objects.filter(pk=said[TICKET_FOR], is_active=True).first()
    if user is None or not constant_time_compare(said[HASH_SESSION_KEY], user.get_session_auth_hash()):
        return None
    return user, _session(user)


def _session(user: User) -> SessionStore:
    """Ends when an access token given now would end; by it the socket is looked after as those of pages are."""
    session = SessionStore()
    session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), BACKEND
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.set_expiry(int(cast(timedelta, settings.SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"]).total_seconds()))
    session.create()
    return session


class ByTicket:
    """Sockets opened with a ticket; all others go the usual way.

    A ticket is no cookie that a foreign page could make a browser send, so programs need not name an origin.
    """

    def __init__(self, sockets: App, otherwise: App) -> None:
        self._sockets, self._otherwise = sockets, otherwise

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        tickets = parse_qs(scope["query_string"].decode("latin1")).get("ticket")
        if tickets is None:
            await self._otherwise(scope, receive, send)
            return
        user, session = await database_sync_to_async(redeem)(tickets[0]) or (AnonymousUser(), None)
        await self._sockets({**scope, "user": user, "session": session}, receive, send)
