"""The whole product, started as a user starts it, in a folder of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import psycopg

from ms5.bare.folder import PROJECT, Folder
from ms5.bare.services import locate_postgres
from ms5.bare.stages import DATABASE
from plc.simulator import control

READY_WITHIN_S = 480.0  # patience; how fast a start is, make bench says
THE_TESTS_OWN = {"DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE"}
T = TypeVar("T")


def eventually(what: str, look: Callable[[], T | None], *, within_s: float = 30.0) -> T:
    """Look again and again until there is an answer; fail with `what` when there is none in time."""
    deadline = time.monotonic() + within_s
    problem: Exception | None = None
    while time.monotonic() < deadline:
        try:
            if answer := look():
                return answer
        except (OSError, psycopg.Error, ValueError) as error:
            problem = error
        time.sleep(0.1)
    raise AssertionError(f"not within {within_s:.0f} s: {what}" + (f" ({problem})" if problem else ""))


@dataclass(frozen=True, slots=True)
class Product:
    folder: Folder
    address: str
    supervisor: subprocess.Popen[bytes]

    def pid(self, process: str) -> int:
        return int((self.folder.run / f"{process}.pid").read_text(encoding="ascii"))

    def kill(self, process: str) -> None:
        """kill -9, and wait until its successor runs."""
        old = self.pid(process)
        os.kill(old, signal.SIGKILL)
        eventually(f"a new {process}", lambda: self.pid(process) != old and _exists(self.pid(process)))

    def simulator(self, **command: Any) -> dict[str, Any]:
        return control.ask(self.folder.path / "simulator" / "control.sock", **command)

    def connection(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(locate_postgres(self.folder).url(DATABASE), connect_timeout=2)

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self.connection() as connection:
            return connection.execute(query, parameters).fetchall()

    def value(self, query: str, *parameters: Any) -> Any:
        return self.rows(query, *parameters)[0][0]

    def password(self, username: str) -> str:
        logins: dict[str, str] = json.loads(self.folder.logins.read_text(encoding="utf-8"))
        return logins[username]


def _exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def begin(path: Path, port: int, output: IO[bytes], **environment: str) -> subprocess.Popen[bytes]:
    """make run, as far as it has come: with one day of history, nobody waits until it is ready."""
    inherited = {name: value for name, value in os.environ.items() if name not in THE_TESTS_OWN}
    given = {"MS5_DATA_DIR": str(path), "MS5_PORT": str(port), "MS5_HISTORY_DAYS": "1", "MS5_ENV": "development"}
    return subprocess.Popen(
        [sys.executable, "-m", "ms5.bare", "run"],
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=inherited | given | environment,
    )


@contextmanager
def product(path: Path, **environment: str) -> Iterator[Product]:
    """Start everything in `path`; stop everything in the end."""
    port = free_port()
    log = path.with_suffix(".log")
    with log.open("wb") as output:
        supervisor = begin(path, port, output, **environment)
    running = Product(Folder(path), f"http://127.0.0.1:{port}", supervisor)
    try:
        eventually(f"ready (see {log})", lambda: _is_ready(supervisor, log), within_s=READY_WITHIN_S)
        yield running
    finally:
        supervisor.terminate()
        supervisor.wait(timeout=60)


def _is_ready(supervisor: subprocess.Popen[bytes], log: Path) -> bool:
    said = log.read_text(encoding="utf-8")
    if supervisor.poll() is not None:
        raise AssertionError(f"the product did not start:\n{said}")
    return "MS5.0 is ready: " in said
