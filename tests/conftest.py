"""Servers for the tests: those of DATABASE_URL and REDIS_URL, else throw-away ones started on first need."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection
from django.db.models.signals import post_migrate

from ms5.bare.throw_away import throw_away_postgres, throw_away_valkey
from tests.settings import THROW_AWAY

_started_before_the_workers = ExitStack()


def _is_worker() -> bool:
    return "PYTEST_XDIST_WORKER" in os.environ


def pytest_configure(config: pytest.Config) -> None:
    """Worker processes share one PostgreSQL, which belongs to the process that starts them."""
    if config.getoption("numprocesses", None) and not _is_worker():
        _start_postgres(_started_before_the_workers)


def pytest_unconfigure() -> None:
    _started_before_the_workers.close()
    if not _is_worker():
        shutil.rmtree(THROW_AWAY, ignore_errors=True)


def _start_postgres(servers: ExitStack) -> None:
    if str(THROW_AWAY) in os.environ["DATABASE_URL"]:
        servers.enter_context(throw_away_postgres(THROW_AWAY / "pg"))


def _start_valkey(servers: ExitStack) -> None:
    if str(THROW_AWAY) in os.environ["REDIS_URL"]:
        folder = Path(os.environ["REDIS_URL"].removeprefix("unix://").partition("/run/sockets/")[0])
        servers.enter_context(throw_away_valkey(folder))


@pytest.fixture(scope="session")
def servers() -> Iterator[None]:
    """PostgreSQL and Redis answer. Tests that use the database have this already."""
    with ExitStack() as started:
        _start_valkey(started)
        if not _is_worker():
            _start_postgres(started)
        yield


@pytest.fixture(scope="session", autouse=True)
def _readings_go_too() -> Iterator[None]:
    """A test that commits has its tables emptied by Django; readings lie in a table that Django does not own."""

    def empty(**_: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE floor_reading")

    post_migrate.connect(empty, sender=apps.get_app_config("floor"))
    yield
    post_migrate.disconnect(empty, sender=apps.get_app_config("floor"))


@pytest.fixture(scope="session")
def django_db_setup(servers: None, django_db_setup: None) -> None:
    """The test database, on a server that answers."""
