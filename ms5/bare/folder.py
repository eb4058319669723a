"""The data folder of a bare machine: where things lie, who holds it, and how far the first start has come."""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ms5.bare.explain import CannotStart

PROJECT = Path(__file__).resolve().parent.parent.parent
# sockaddr_un holds 107 bytes; supervisord adds its pid to the name while it binds.
LONGEST_SOCKET_FOLDER = 107 - len("/supervisor.sock.4194304")
FIRST_START_BYTES = 1_000_000_000
NEXT_START_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class Folder:
    path: Path

    @classmethod
    def from_environment(cls) -> "Folder":
        return cls(Path(os.environ.get("MS5_DATA_DIR") or PROJECT / ".ms5").absolute())

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def log(self) -> Path:
        return self.path / "log"

    @property
    def static(self) -> Path:
        return self.path / "static"

    @property
    def logins(self) -> Path:
        return self.path / "logins.json"

    @property
    def pdf_libraries(self) -> Path:
        return self.path / "pdf-libs"

    @property
    def sockets(self) -> Path:
        """A private folder for unix sockets, whose paths must stay short."""
        inside = self.run / "sockets"
        if len(os.fsencode(inside)) <= LONGEST_SOCKET_FOLDER:
            return inside
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]
        return Path(f"/tmp/ms5-{os.geteuid()}-{digest}")  # noqa: S108 - made with mode 0700 and checked below

    def make(self) -> None:
        for folder in (self.path, self.run, self.log, self.static, self.sockets):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._own_sockets()

    def _own_sockets(self) -> None:
        status = self.sockets.lstat()
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise CannotStart(f"{self.sockets} belongs to somebody else. Remove it, then run the same command again.")

    # How far the first start has come.

    def is_done(self, stage: str, made_from: str = "") -> bool:
        """Say whether the stage reached its end, from the same input (a digest) if it has any."""
        path = self.path / "done" / stage
        return path.exists() and path.read_text(encoding="ascii") == made_from

    def mark_done(self, stage: str, made_from: str = "") -> None:
        (self.path / "done").mkdir(exist_ok=True)
        (self.path / "done" / stage).write_text(made_from, encoding="ascii")

    # Who holds it.

    @contextmanager
    def held(self, purpose: str) -> Iterator[None]:
        """Keep every other start away from this folder; `purpose` is what the other one is told."""
        with (self.path / "lock").open("a+", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                lock.seek(0)
                raise CannotStart(
                    f"The data folder {self.path} is in use: {lock.read().strip() or 'another start holds it'}. "
                    "Stop that one first (Ctrl-C where it runs), or use another: MS5_DATA_DIR=/some/folder make run."
                ) from error
            lock.truncate(0)
            lock.write(f"{purpose} (process {os.getpid()})")
            lock.flush()
            yield
            lock.truncate(0)

    def remove(self) -> None:
        for path in (self.path, self.sockets):
            shutil.rmtree(path, ignore_errors=True)
        if self.path.exists():
            raise CannotStart(f"{self.path} could not be removed completely. Remove it by hand: rm -r {self.path}")

    # Secrets and passwords of this folder.

    def secret(self, name: str) -> str:
        """Return the secret of that name, made on first use and kept in secrets.json (mode 0600)."""
        path = self.path / "secrets.json"
        kept: dict[str, str] = {}
        with suppress(FileNotFoundError, json.JSONDecodeError):
            kept = json.loads(path.read_text(encoding="utf-8"))
        if name not in kept:
            kept[name] = secrets.token_urlsafe(48)
            write_private(path, json.dumps(kept, indent=1))
        return kept[name]


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, all of it or nothing."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def require_space(folder: Path, needed_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise CannotStart(
            f"The disk of {folder} is full: {free // 1_000_000} MB free, {needed_bytes // 1_000_000} MB needed. "
            "Free some space, or use another disk: MS5_DATA_DIR=/some/folder make run."
        )


def is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            probe.bind((host, port))
            return True
    return False


def require_port(host: str, port: int) -> None:
    """Refuse a port on which another program listens; wait a moment for one that is just closing."""
    for _ in range(10):
        if is_free(host, port):
            return
        time.sleep(0.1)
    raise CannotStart(
        f"Port {port} is taken by another program. Stop that program, or use another port: "
        f"MS5_PORT={port + 1} make run."
    )
