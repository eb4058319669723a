"""Whether the whole thing works, told by the rows, leases and heartbeats it leaves. Never raises."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from threading import Lock
from typing import Any

import psycopg
import redis
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from floor.rest import Asked
from floor.roles import PUBLIC, public

PATIENCE_S = 2
READING_WITHIN_S = 10
ESCALATOR_WITHIN_S = 5
NOT_ASKED = "not known while the database does not answer"


@dataclass(frozen=True, slots=True)
class Check:
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    version: str
    checks: dict[str, Check] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks.values())

    def as_json(self) -> dict[str, Any]:
        checks = {name: asdict(check) for name, check in self.checks.items()}
        return {"status": "ok" if self.ok else "unavailable", "version": self.version, "checks": checks}


def report() -> Report:
    """Ask everything at once; with PostgreSQL or Redis dead this takes two seconds, not ten."""
    with ThreadPoolExecutor(2) as both:
        database, cache = both.submit(_database), both.submit(_redis)
        return Report(settings.VERSION, {**database.result(), "redis": cache.result()})


def _database() -> dict[str, Check]:
    """On a connection of its own: the pool's may all be waiting for the server that we ask about."""
    names = ("readers", "escalator", "reading")
    where = connection.settings_dict
    try:
        with psycopg.connect(
            dbname=where["NAME"],
            user=where["USER"] or None,
            password=where["PASSWORD"] or None,
            host=where["HOST"] or None,
            port=where["PORT"] or None,
            connect_timeout=PATIENCE_S,
            options=f"-c statement_timeout={PATIENCE_S * 1000} -c lock_timeout={PATIENCE_S * 500}",
            application_name="health",
            autocommit=True,
        ) as own:
            checks = {name: ask(own) for name, ask in zip(names, (_readers, _escalator, _reading), strict=True)}
    except psycopg.Error as error:
        words = "does not answer" if isinstance(error, psycopg.OperationalError) else "has no tables; run migrate"
        return {"database": Check(False, words), **{name: Check(False, NOT_ASKED) for name in names}}
    return {"database": Check(True, "answers"), **checks}


Ask = Callable[["psycopg.Connection[Any]"], Check]


def _readers(own: "psycopg.Connection[Any]") -> Check:
    """Every enabled controller is held by a reader. One that does not answer is told, no more."""
    wanted, held, online = _one(
        own,
        "SELECT count(*), count(*) FILTER (WHERE l.lease_until > clock_timestamp()),"
        " count(*) FILTER (WHERE l.lease_until > clock_timestamp() AND l.state = 'online')"
        " FROM plc_controller c LEFT JOIN plc_link l ON l.controller_id = c.id WHERE c.enabled",
    )
    if not wanted:
        return Check(True, "no controllers are switched on")
    return Check(held == wanted, f"{held} of {wanted} controllers have a reader, {online} are online")


def _escalator(own: "psycopg.Connection[Any]") -> Check:
    (age,) = _one(
        own,
        "SELECT extract(epoch FROM clock_timestamp() - max(at))::float8 FROM floor_heartbeat"
        " WHERE component = 'escalator'",
    )
    if age is None:
        return Check(False, "has never run")
    return Check(age <= ESCALATOR_WITHIN_S, f"last seen {max(0.0, age):.1f} s ago")


def _reading(own: "psycopg.Connection[Any]") -> Check:
    age, machines = _one(
        own,
        "SELECT extract(epoch FROM clock_timestamp() - max(s.observed_until))::float8, count(DISTINCT b.equipment_id)"
        " FROM plc_binding b JOIN plc_tag t ON t.id = b.tag_id AND t.enabled"
        " JOIN plc_controller c ON c.id = t.controller_id AND c.enabled"
        " LEFT JOIN floor_machinestate s ON s.equipment_id = b.equipment_id",
    )
    if not machines:
        return Check(True, "no machine is read from a controller")
    if age is None:
        return Check(False, "no machine has been read yet")
    return Check(age <= READING_WITHIN_S, f"newest reading {max(0.0, age):.1f} s ago")


def _one(own: "psycopg.Connection[Any]", question: str) -> tuple[Any, ...]:
    row = own.execute(question).fetchone()
    return tuple(row or ())


def _redis() -> Check:
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=PATIENCE_S / 2, socket_connect_timeout=PATIENCE_S / 2
        ) as server:
            server.ping()
    except (redis.RedisError, OSError):
        return Check(False, "does not answer")
    return Check(True, "answers")


class Recent:
    """The last report, for half a second: a stranger who asks often costs nothing."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._report: Report | None = None
        self._at = 0.0

    def report(self) -> Report:
        with self._lock:
            if self._report is None or time.monotonic() - self._at > 0.5:
                self._report, self._at = report(), time.monotonic()
            return self._report

    def forget(self) -> None:
        self._report = None


recent = Recent()


@public
@never_cache
def live(request: HttpRequest) -> JsonResponse:
    """This process answers; nothing else is asked."""
    return JsonResponse({"status": "ok", "version": settings.VERSION})


@public
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    now = recent.report()
    return JsonResponse(now.as_json(), status=200 if now.ok else 503)


whole = ready


class CheckRow(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
    detail = serializers.CharField()


class HealthRow(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=["ok", "unavailable"])
    version = serializers.CharField()
    checks = serializers.DictField(child=CheckRow())


class ApiHealth(Asked):
    capability = PUBLIC
    authentication_classes = ()
    serializer_class = HealthRow

    @extend_schema(operation_id="health", responses={200: HealthRow, 503: HealthRow})
    def get(self, request: Request) -> Response:
        """Database, Redis, readers, escalator and the newest reading; 503 when one of them does not work."""
        now = recent.report()
        return Response(now.as_json(), status=200 if now.ok else 503)
