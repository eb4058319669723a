"""Servers for the tests: those of DATABASE_URL and REDIS_URL, else throw-away ones started on first need."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.db.backends.postgresql.operations import DatabaseOperations
from psycopg.errors import DeadlockDetected
from pytest_django import DjangoDbBlocker

from ms5.bare.throw_away import throw_away_postgres, throw_away_valkey
from tests.chance import SEED, use_chance
from tests.settings import THROW_AWAY

EMPTYING_TRIES = 5
MIGRATED = "ms5_migrated"
TESTS = Path(__file__).parent
HOMES = {"stack": TESTS / "stack", "browser": TESTS / "browser"}
_started_before_the_workers = ExitStack()


def _is_worker() -> bool:
    return "PYTEST_XDIST_WORKER" in os.environ


def _is_given() -> bool:
    """Say whether whoever started this process has started PostgreSQL for it, and takes both away again."""
    return _is_worker() or "MS5_TEST_POSTGRES" in os.environ


def pytest_configure(config: pytest.Config) -> None:
    """Worker processes share one PostgreSQL, which belongs to the process that starts them."""
    use_chance()
    if config.getoption("numprocesses", None) and not _is_given():
        _start_postgres(_started_before_the_workers)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not read the whole suite, which takes its time, for a mark whose tests all live in one folder."""
    home = HOMES.get(config.getoption("markexpr"))
    if home is None or collection_path.is_relative_to(home) or home.is_relative_to(collection_path):
        return None
    return True


def pytest_report_header() -> str:
    return f"chance: MS5_TEST_SEED={SEED}"


def pytest_unconfigure() -> None:
    _started_before_the_workers.close()
    if not _is_given():
        shutil.rmtree(THROW_AWAY, ignore_errors=True)


def _is_postgres_ours() -> bool:
    return str(THROW_AWAY) in os.environ["DATABASE_URL"]


def _start_postgres(servers: ExitStack) -> None:
    if _is_postgres_ours():
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
        if not _is_given():
            _start_postgres(started)
        yield


@pytest.fixture(scope="session", autouse=True)
def _tables_are_emptied_whatever_else_runs() -> Iterator[None]:
    """After a test that commits. Django does not know the table of readings, and processes still read the others."""
    empty = DatabaseOperations.execute_sql_flush

    def insist(operations: DatabaseOperations, statements: list[str]) -> None:
        for left in reversed(range(EMPTYING_TRIES)):
            try:
                empty(operations, ["TRUNCATE floor_reading", *statements])
            except OperationalError as error:
                if not left or not isinstance(error.__cause__, DeadlockDetected):
                    raise
            else:
                return

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "execute_sql_flush", insist)
        yield


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    servers: None, django_db_modify_db_settings_parallel_suffix: None, django_db_blocker: DjangoDbBlocker
) -> None:
    """The migrations run once; the database of each worker is a copy of what they made."""
    if not _is_postgres_ours():
        return
    made = THROW_AWAY / MIGRATED
    with (THROW_AWAY / "migrating").open("w") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        if not made.exists():
            with django_db_blocker.unblock():
                _migrate_once()
            made.touch()
    connection.settings_dict["TEST"]["TEMPLATE"] = MIGRATED


def _migrate_once() -> None:
    name, test = connection.settings_dict["NAME"], connection.settings_dict["TEST"]
    of_this_worker = test["NAME"]
    test["NAME"] = MIGRATED
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    connection.close()  # a database that somebody looks at cannot be copied
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name
    test["NAME"] = of_this_worker


@pytest.fixture(scope="session")
def django_db_setup(servers: None, django_db_setup: None) -> None:
    """The test database, on a server that answers."""
