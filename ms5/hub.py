"""One hub per web process: every tile that changed is rendered once, numbered, and given to every socket that shows it.

What wakes the hub is a message through Redis, and Redis may be away or lose it. So the hub also looks at the version of
each line's facts, every second while Redis is away, and draws what depends on the time every few seconds anyway.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Coroutine, Iterable, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

import redis.asyncio
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections
from django.urls import reverse
from redis.exceptions import RedisError

from floor.actions.screens import Report, note_screens
from floor.consumers import REFUSED, SILENT, Key, LineConsumer
from floor.live import CHANNEL
from floor.models import Heartbeat, Line, User
from ms5.board import TILES, Drawn, draw, followers, may_watch
from ms5.feeds import FEEDS, Hint, Reader, may_hear
from ms5.watchdog import watchdog_at

BEAT_S = 2.0
POLL_S = 1.0  # while Redis is away
RECHECK_S = 4.0
NOTE_S = 3.0
SLOW_BEATS = 12  # a screen answers every fifth beat; more than two answers missing is slow
DEAD_BEATS = 30
BATCH = 40

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Copy:
    """The newest text of one tile, as every socket gets it."""

    n: int
    etag: str
    text: str


@dataclass(frozen=True, slots=True)
class Pulse:
    """How one line stands, as far as the beat tells."""

    code: str
    observed_until: datetime | None
    limit: timedelta
    version: int | None

    def is_silent(self, now: datetime) -> bool:
        return self.observed_until is not None and now - self.observed_until > self.limit


@dataclass(frozen=True, slots=True)
class Look:
    """What one glance at the database showed."""

    now: datetime
    database_at: datetime  # when the database last answered
    pulses: dict[str, Pulse]
    codes: dict[str, str]  # line id → code
    reader_at: datetime | None
    watchdog_at: datetime | None


def look(now: datetime) -> Look:
    rows = (
        Line.objects.enabled()
        .filter(equipment__is_primary=True)
        .values_list(
            "id",
            "code",
            "equipment__machine_state__observed_until",
            "equipment__machine_state__limit_ms",
            "line_state__facts_version",
        )
    )
    pulses, codes = {}, {}
    for line_id, code, observed_until, limit_ms, version in rows:
        pulses[code] = Pulse(code, observed_until, timedelta(milliseconds=limit_ms or 3000), version)
        codes[str(line_id)] = code
    reader = Heartbeat.objects.filter(component="plc").order_by("-at").values_list("at", flat=True).first()
    return Look(now, now, pulses, codes, reader, watchdog_at())


Claim = tuple[str, str, str]  # user id, session key, session hash


def still_welcome(claims: Iterable[Claim], now: datetime) -> dict[str, User]:
    """Users whose account, session and password still are what they were at the door."""
    wanted = list(claims)
    users = {str(u.pk): u for u in User.objects.filter(pk__in={c[0] for c in wanted}, is_active=True)}
    keys = {c[1] for c in wanted}
    alive = Session.objects.filter(session_key__in=keys, expire_date__gt=now)
    sessions = set(alive.values_list("session_key", flat=True))
    hashes = {pk: user.get_session_auth_hash() for pk, user in users.items()}
    return {c[1]: users[c[0]] for c in wanted if c[1] in sessions and hashes.get(c[0]) == c[2]}


class Hub:
    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._seats: set[LineConsumer] = set()
        self._listeners: dict[Key, set[LineConsumer]] = {}
        self._copies: dict[Key, Copy] = {}
        self._numbers: dict[Key, int] = {}  # last number of tiles that nobody watches now
        self._drawn_at: dict[Key, float] = {}
        self._dirty: set[Key] = set()
        self._codes: dict[str, str] = {}
        self._seen: Look | None = None
        self._reports: dict[UUID, Report] = {}
        self._versions: dict[str, int | None] = {}
        self._silent: set[str] = set()
        self._redis_is_here = False
        self._work = asyncio.Event()
        self._readers: dict[str, Reader] = {}
        self._news: set[str] = set()  # feeds that may have something to tell
        self._told: dict[Key, int] = {}
        self._feeding = asyncio.Event()
        self._reading = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="hub")

    # ------------------------------------------------------------ seats

    async def join(self, seat: LineConsumer) -> None:
        self._seats.add(seat)
        self._start()

    async def subscribe(self, seat: LineConsumer, keys: list[Key]) -> None:
        """Give the seat what is known at once; what is not is drawn for everybody."""
        for key in keys:
            if key[1] in FEEDS:
                await self._listen(seat, key)
                continue
            if not self._is_known(key) or not may_watch(seat.user, key[1]):
                continue
            seat.keys.add(key)
            self._listeners.setdefault(key, set()).add(seat)
            if key in self._copies:
                await self._give(seat, key, self._copies[key].text)
            else:
                self._dirty.add(key)
        self._work.set()

    async def _listen(self, seat: LineConsumer, key: Key) -> None:
        """Hints for a line, or for the whole plant, from the next one on; what was before is in the snapshot."""
        if not may_hear(seat.user, key[1]):
            return
        seat.keys.add(key)
        self._listeners.setdefault(key, set()).add(seat)
        with contextlib.suppress(DatabaseError):
            await self._tell(key[1])  # up to here others are told; whoever takes the snapshot now misses nothing
        snapshot = reverse(FEEDS[key[1]].snapshot)
        await self._send(
            seat, json.dumps({"feed": key[1], "line": key[0], "snapshot": snapshot, "n": self._told.get(key)})
        )

    async def alive(self, seat: LineConsumer, beat: int) -> None:
        """A screen that answers gets what was kept back for it, newest only."""
        seat.beats_seen = seat.beats_sent
        waiting, seat.waiting = seat.waiting, {}
        for key, text in waiting.items():
            await self._give(seat, key, text)

    def leave(self, seat: LineConsumer) -> None:
        self._seats.discard(seat)
        self.unsubscribe(seat, list(seat.keys))
        if not self._seats:
            self._stop()

    def unsubscribe(self, seat: LineConsumer, keys: list[Key]) -> None:
        for key in keys:
            seat.keys.discard(key)
            seat.waiting.pop(key, None)
            self._listeners.get(key, set()).discard(seat)
            if not self._listeners.get(key):
                self._forget(key)

    def _is_known(self, key: Key) -> bool:
        line, topic = key
        tile = TILES.get(topic)
        return tile is not None and (line == "") == tile.is_plant

    def _forget(self, key: Key) -> None:
        """Nobody looks any more: keep the number, so that it never goes back, and nothing else."""
        self._listeners.pop(key, None)
        self._drawn_at.pop(key, None)
        self._dirty.discard(key)
        if key in self._copies:
            self._numbers[key] = self._copies.pop(key).n

    # ------------------------------------------------------------ running

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        if self._tasks and self._loop is loop:
            return
        self._loop, self._work = loop, asyncio.Event()
        self._feeding, self._reading = asyncio.Event(), asyncio.Lock()
        steps = (self._hear, self._watch, self._draw_dirty, self._recheck, self._feed, self._note_screens)
        self._tasks = [loop.create_task(_for_ever(step)) for step in steps]

    def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        self._redis_is_here = False

    async def _in_thread(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        run = partial(_with_fresh_connection, work, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._threads, run)

    # ------------------------------------------------------------ what changed

    async def _hear(self) -> None:
        client = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, health_check_interval=10)
        try:
            async with client.pubsub() as wire:
                await wire.subscribe(CHANNEL)
                self._redis_is_here = True
                self._mark_all()  # messages may have passed before
                while not _is_ending():
                    message = await wire.get_message(ignore_subscribe_messages=True, timeout=1)
                    if message is not None:
                        self._note(message["data"])
        except (RedisError, OSError):
            self._redis_is_here = False
            await asyncio.sleep(POLL_S)
        finally:
            await client.aclose()

    def _note(self, data: bytes) -> None:
        message = json.loads(data)
        code = self._codes.get(message["line"])
        if code is not None:
            self._mark(code, message["topics"])

    def _mark(self, code: str, topics: Iterable[str]) -> None:
        topics = set(topics)
        self._mark_feeds(topics)
        for topic in followers(topics):
            key = ("" if TILES[topic].is_plant else code, topic)
            if key in self._listeners:
                self._dirty.add(key)
        self._work.set()

    def _mark_feeds(self, topics: Set[str]) -> None:
        listened = {topic for _, topic in self._listeners}
        self._news |= {name for name, feed in FEEDS.items() if name in listened and feed.follows & topics}
        if self._news:
            self._feeding.set()

    def _mark_all(self) -> None:
        self._dirty.update(key for key in self._listeners if key[1] in TILES)
        self._work.set()

    # ------------------------------------------------------------ beat

    async def _watch(self) -> None:
        """Say every two seconds that the server lives and how old each line's facts are."""
        try:
            seen = await self._in_thread(look, self._clock())
        except DatabaseError:
            if self._seen is None:
                await asyncio.sleep(POLL_S)
                return
            seen = replace(self._seen, now=self._clock())
        self._seen, self._codes = seen, seen.codes
        self._compare(seen)
        for feed in FEEDS.values():
            self._mark_feeds(feed.follows)  # a message may have been lost
        await self._beat(seen)
        await asyncio.sleep(BEAT_S if self._redis_is_here else POLL_S)

    def _compare(self, seen: Look) -> None:
        silent = {code for code, pulse in seen.pulses.items() if pulse.is_silent(seen.now)}
        for code in silent ^ self._silent:
            self._mark(code, TILES)  # fell silent, or is back
        self._silent = silent
        for code, pulse in seen.pulses.items():
            if self._versions.get(code) != pulse.version and not self._redis_is_here:
                self._mark(code, TILES)
            self._versions[code] = pulse.version

    async def _beat(self, seen: Look) -> None:
        texts: dict[frozenset[str], str] = {}
        for seat in list(self._seats):
            lines = seat.lines
            if lines not in texts:
                texts[lines] = _beat_text(seen, lines)
            seat.beats_sent += 1
            if seat.beats_sent - seat.beats_seen > DEAD_BEATS:
                await self._send_away(seat, SILENT)
            else:
                await self._send(seat, texts[lines])

    # ------------------------------------------------------------ drawing

    async def _draw_dirty(self) -> None:
        due, wait_s = self._due()
        if not due:
            self._work.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._work.wait(), wait_s)
            return
        self._dirty.difference_update(due)
        try:
            drawn = await self._in_thread(draw, due, self._clock())
        except DatabaseError:
            self._dirty.update(due)
            await asyncio.sleep(1)
            return
        moment = self._now()
        for key in due:
            self._drawn_at[key] = moment
        for one in drawn:
            await self._spread(one)

    def _due(self) -> tuple[list[Key], float]:
        """Tiles to draw now, oldest first, and how long nothing will be due otherwise."""
        now, due, wait_s = self._now(), [], 1.0
        for key in self._listeners:
            if key[1] not in TILES:
                continue
            tile = TILES[key[1]]
            every = tile.at_most_every_s if key in self._dirty else tile.at_least_every_s
            left = self._drawn_at.get(key, -1e9) + every - now
            if left <= 0:
                due.append(key)
            else:
                wait_s = min(wait_s, left)
        due.sort(key=lambda key: (key not in self._dirty, self._drawn_at.get(key, 0)))
        return due[:BATCH], wait_s

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _spread(self, drawn: Drawn) -> None:
        """Number a tile that looks different, and give it to everybody who shows it."""
        key, old = drawn.key, self._copies.get(drawn.key)
        if old is not None and old.etag == drawn.etag:
            return
        n = (old.n if old else self._numbers.pop(key, 0)) + 1
        text = json.dumps(
            {"tile": key[1], "line": key[0], "n": n, "html": drawn.html, "etag": drawn.etag, "at": _iso(drawn.at)},
            ensure_ascii=False,
        )
        self._copies[key] = Copy(n, drawn.etag, text)
        for seat in list(self._listeners.get(key, ())):
            await self._give(seat, key, text)

    async def _give(self, seat: LineConsumer, key: Key, text: str) -> None:
        if seat.beats_sent - seat.beats_seen > SLOW_BEATS:
            seat.waiting[key] = text
        else:
            await self._send(seat, text)

    async def _send(self, seat: LineConsumer, text: str) -> None:
        try:
            await seat.send(text_data=text)
        except (RuntimeError, OSError):  # closed while we were speaking
            self.leave(seat)

    # ------------------------------------------------------------ feeds

    async def _feed(self) -> None:
        await self._feeding.wait()
        self._feeding.clear()
        topics, self._news = self._news, set()
        for topic in topics:
            with contextlib.suppress(DatabaseError):  # the next beat looks again
                await self._tell(topic)

    async def _tell(self, topic: str) -> None:
        """Read what is new and give it to everybody who listens, one reader at a time."""
        async with self._reading:
            reader = self._readers.setdefault(topic, Reader(FEEDS[topic]))
            for hint in await self._in_thread(reader.news):
                for key in ((hint.line, topic), ("", topic)):
                    await self._hint(key, hint)

    async def _hint(self, key: Key, hint: Hint) -> None:
        seats = list(self._listeners.get(key, ()))
        text = {"feed": key[1], "line": hint.line, "n": hint.number, "after": self._told.get(key), **hint.what}
        self._told[key] = hint.number
        for seat in seats:
            await self._send(seat, json.dumps(text))

    # ------------------------------------------------------------ screens

    def note(self, report: Report) -> None:
        self._reports[report.id] = report

    async def _note_screens(self) -> None:
        """Write down together what screens have told of themselves; while the database is away, what they told last."""
        await asyncio.sleep(NOTE_S)
        reports, self._reports = self._reports, {}
        if not reports:
            return
        try:
            await self._in_thread(note_screens, list(reports.values()), self._clock())
        except (OperationalError, InterfaceError):
            self._reports = reports | self._reports

    # ------------------------------------------------------------ rights

    async def _recheck(self) -> None:
        """Take back what a person may no longer see, seconds after it was revoked."""
        await asyncio.sleep(RECHECK_S)
        claims = {seat: _claim(seat) for seat in self._seats}
        try:
            welcome = await self._in_thread(still_welcome, list(claims.values()), self._clock())
        except DatabaseError:
            return
        for seat, claim in claims.items():
            user = welcome.get(claim[1])
            if user is None or not all(_may_have(user, topic) for _, topic in seat.keys):
                await self._send_away(seat, REFUSED)

    async def _send_away(self, seat: LineConsumer, code: int) -> None:
        self.leave(seat)
        with contextlib.suppress(RuntimeError, OSError):
            await seat.close(code)


def _may_have(user: User, topic: str) -> bool:
    return may_hear(user, topic) if topic in FEEDS else may_watch(user, topic)


def _with_fresh_connection(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Outside a request nobody else gives connections back."""
    close_old_connections()
    try:
        return work(*args, **kwargs)
    finally:
        close_old_connections()


def _is_ending() -> bool:
    """A library that swallows our cancellation must not keep us going."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _for_ever(step: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Repeat a step until the hub stops. A step that breaks is logged and tried again a second later."""
    while not _is_ending():
        try:
            await step()
        except Exception:  # screens must go on, whatever one tile or one message does
            log.exception("hub_step_failed")
            await asyncio.sleep(1)


def _claim(seat: LineConsumer) -> Claim:
    session = seat.scope["session"]
    return str(seat.user.pk), session.session_key or "", session.get(HASH_SESSION_KEY, "")


def _beat_text(seen: Look, lines: frozenset[str]) -> str:
    pulses = (seen.pulses[code] for code in sorted(lines) if code in seen.pulses)
    beat = {
        "now": _iso(seen.now),
        "version": settings.VERSION,
        "database": _iso(seen.database_at),
        "plant": _mark(seen.pulses),
        "reader": _iso(seen.reader_at),
        "watchdog": _iso(seen.watchdog_at),
        "lines": {pulse.code: {"observed_until": _iso(pulse.observed_until)} for pulse in pulses},
    }
    return json.dumps({"beat": beat})


def _mark(codes: Iterable[str]) -> str:
    """Another one when a line comes or goes: a wall has a place for each line, and must be loaded anew."""
    return blake2b(" ".join(sorted(codes)).encode(), digest_size=6).hexdigest()


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


hub = Hub()
