"""The socket of a screen: who may listen, and to what. What is said comes from the hub of the web process."""

import json
import re
import time
from collections import deque
from collections.abc import Iterable
from typing import Any, Protocol
from uuid import UUID

from channels.generic.websocket import AsyncWebsocketConsumer

from floor.actions.screens import Report
from floor.models import Screen, User

MAX_FRAME = 16_384
MAX_PER_SECOND = 10
MAX_SUBSCRIPTIONS = 2_000
MAX_STRIKES = 5

REFUSED = 4403
ABUSED = 4429
SILENT = 4408

Key = tuple[str, str]  # line code ("" is the whole plant), topic


class BadMessage(ValueError):
    """What the screen sent makes no sense; the message says why."""


class Hub(Protocol):
    async def join(self, seat: "LineConsumer") -> None: ...
    async def subscribe(self, seat: "LineConsumer", keys: list[Key]) -> None: ...
    def unsubscribe(self, seat: "LineConsumer", keys: list[Key]) -> None: ...
    async def alive(self, seat: "LineConsumer", beat: int) -> None: ...
    def note(self, report: Report) -> None: ...
    def leave(self, seat: "LineConsumer") -> None: ...


class LineConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    def __init__(self, *args: Any, hub: Hub, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.hub = hub
        self.keys: set[Key] = set()
        self.waiting: dict[Key, str] = {}  # newest text per tile, kept back while this screen is slow
        self.beats_sent = 0
        self.beats_seen = 0
        self._screen_id: UUID | None = None
        self._strikes = 0
        self._received: deque[float] = deque(maxlen=MAX_PER_SECOND)

    @property
    def lines(self) -> frozenset[str]:
        return frozenset(line for line, _ in self.keys if line)

    @property
    def user(self) -> User:
        user: User = self.scope["user"]
        return user

    async def connect(self) -> None:
        if not self.scope["user"].is_authenticated:
            await self.close()
            return
        await self.accept()
        await self.hub.join(self)

    async def disconnect(self, code: int) -> None:
        self.hub.leave(self)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self._is_flood():
            await self.close(ABUSED)
            return
        try:
            await self._obey(_parsed(text_data))
        except BadMessage as bad:
            await self._refuse(str(bad))

    async def _obey(self, message: dict[str, Any]) -> None:
        if "subscribe" in message:
            keys = _keys(message["subscribe"])
            if len(self.keys) + len(keys) > MAX_SUBSCRIPTIONS:
                raise BadMessage("Too many subscriptions.")
            await self.hub.subscribe(self, keys)
        elif "unsubscribe" in message:
            self.hub.unsubscribe(self, _keys(message["unsubscribe"]))
        elif isinstance(message.get("alive"), int):
            await self.hub.alive(self, message["alive"])
        elif "screen" in message:
            self.hub.note(self._report(message["screen"]))
        else:
            raise BadMessage("Say subscribe, unsubscribe, alive or screen.")

    def _report(self, told: object) -> Report:
        """What the screen says of itself. One socket is one screen, whatever it says later."""
        report = _screen(told, self.user.pk)
        self._screen_id = self._screen_id or report.id
        if report.id != self._screen_id:
            raise BadMessage("A screen has one id.")
        return report

    async def _refuse(self, why: str) -> None:
        self._strikes += 1
        await self.send(text_data=json.dumps({"error": {"code": "BAD_MESSAGE", "message": why}}))
        if self._strikes >= MAX_STRIKES:
            await self.close(ABUSED)

    def _is_flood(self) -> bool:
        now = time.monotonic()
        full = len(self._received) == MAX_PER_SECOND and now - self._received[0] < 1
        self._received.append(now)
        return full


def _parsed(text: str | None) -> dict[str, Any]:
    if text is None:
        raise BadMessage("Send text, not bytes.")
    if len(text.encode()) > MAX_FRAME:
        raise BadMessage(f"A message has at most {MAX_FRAME} bytes.")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadMessage("This is not JSON.") from error
    if not isinstance(message, dict):
        raise BadMessage("Send an object.")
    return message


def _keys(wanted: object) -> list[Key]:
    if not isinstance(wanted, dict):
        raise BadMessage('Subscribe to {"lines": […], "topics": […]}.')
    lines, topics = _words(wanted.get("lines")), _words(wanted.get("topics"))
    return [(line, topic) for line in lines for topic in topics]


def _screen(told: object, person: UUID) -> Report:
    if not isinstance(told, dict):
        raise BadMessage('Tell {"screen": {"id": …, "shows": …, "address": …, "sound": …, "width": …, "height": …}}.')
    try:
        return Report(
            id=UUID(str(told["id"])),
            person=person,
            shows=str(told["shows"]).replace("\0", "")[:120],
            address=_address(str(told["address"])),
            sound=Screen.Sound(told["sound"]).value,
            width=_pixels(told["width"]),
            height=_pixels(told["height"]),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise BadMessage("What a screen tells has an id, a page, its sound and a size.") from error


def _address(path: str) -> str:
    if not re.fullmatch(r"/(?![/\\])[!-~]{0,199}", path):
        raise ValueError("not a page of ours")
    return path


def _pixels(value: object) -> int:
    if not isinstance(value, int) or not 0 < value < 32_768:
        raise ValueError("not a size")
    return value


def _words(value: object) -> Iterable[str]:
    if not isinstance(value, list) or not all(isinstance(word, str) and len(word) <= 50 for word in value):
        raise BadMessage("Lines and topics are lists of short texts.")
    if len(value) > 200:
        raise BadMessage("At most 200 lines or topics in one message.")
    return dict.fromkeys(value)
