"""PostgreSQL and Valkey for one test run: fast, not durable, gone with whoever started them."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ms5.bare.folder import Folder
from ms5.bare.services import (
    Postgres,
    Valkey,
    locate_postgres,
    locate_valkey,
    place_for_nobody,
    wait_until,
)

SOCKET = ".s.PGSQL.5432"


@contextmanager
def throw_away_postgres(path: Path) -> Iterator[Postgres]:
    folder = _fresh(path)
    postgres = locate_postgres(folder, throw_away=True)
    postgres.create()
    with _running(folder, "postgres", postgres.command(), postgres.answers):
        _reachable_at(folder, postgres)
        yield postgres
    folder.remove()
    shutil.rmtree(place_for_nobody(folder), ignore_errors=True)


@contextmanager
def throw_away_valkey(path: Path) -> Iterator[Valkey]:
    folder = _fresh(path)
    valkey = locate_valkey(folder, throw_away=True)
    valkey.create()
    with _running(folder, "redis", valkey.command(), valkey.answers):
        yield valkey
    folder.remove()


def _reachable_at(folder: Folder, postgres: Postgres) -> None:
    """Where it had to run as another user, with a password and elsewhere, it still answers at the expected address."""
    if postgres.sockets != folder.sockets:
        (folder.sockets / SOCKET).symlink_to(postgres.sockets / SOCKET)
        os.environ["PGPASSWORD"] = postgres.password


def _fresh(path: Path) -> Folder:
    shutil.rmtree(path, ignore_errors=True)
    folder = Folder(path)
    folder.make()
    return folder


@contextmanager
def _running(folder: Folder, name: str, command: Sequence[str], answers: Callable[[], bool]) -> Iterator[None]:
    log = folder.log / f"{name}.log"
    with log.open("w", encoding="utf-8") as output:
        # In a group of its own: Ctrl-C in the terminal ends the tests, and they end the server.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_until(answers, f"The server for the tests does not answer; see {log}.")
        yield
    finally:
        process.terminate()
        process.wait(10)
