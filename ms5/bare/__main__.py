"""Starts the whole product on a bare machine, and stops it: python -m ms5.bare run."""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from ms5.bare.demo_plant import require_simulator_ports
from ms5.bare.environment import environment
from ms5.bare.explain import CannotStart, explained
from ms5.bare.folder import (
    FIRST_START_BYTES,
    NEXT_START_BYTES,
    PROJECT,
    Folder,
    require_port,
    require_space,
)
from ms5.bare.processes import processes, services
from ms5.bare.ready import NotReady, Visitor
from ms5.bare.services import (
    Postgres,
    Valkey,
    locate_postgres,
    locate_valkey,
    place_for_nobody,
    wait_until,
)
from ms5.bare.stages import DATABASE, Steps, logins
from ms5.bare.supervisor import Supervisor

SAY_WHAT_IS_MISSING_EVERY_S = 15.0


class Stopped(BaseException):
    """Ctrl-C or SIGTERM."""


def say(sentence: str) -> None:
    print(sentence, flush=True)


def port() -> int:
    raw = os.environ.get("MS5_PORT") or "8000"
    if not raw.isdecimal() or not 0 < int(raw) < 65536:
        raise CannotStart(f"MS5_PORT is {raw!r}; it must be a number from 1 to 65535, e.g. MS5_PORT=8001 make run.")
    return int(raw)


def run() -> None:
    folder = Folder.from_environment()
    host = os.environ.get("MS5_HOST") or "127.0.0.1"
    address = f"http://{host}:{port()}"
    folder.make()
    with folder.held(f"MS5.0 runs there at {address}/"), signals_as(Stopped):
        require_port(host, port())
        require_simulator_ports(folder)
        require_space(folder.path, NEXT_START_BYTES if folder.logins.exists() else FIRST_START_BYTES)
        try:
            run_in(folder, address)
        except Stopped:
            say("Stopped.")


def run_in(folder: Folder, address: str) -> None:
    postgres = None if os.environ.get("DATABASE_URL") else locate_postgres(folder)
    valkey = None if os.environ.get("REDIS_URL") else locate_valkey(folder)
    env = environment(
        folder,
        os.environ,
        database_url=postgres.url(DATABASE) if postgres else os.environ["DATABASE_URL"],
        redis_url=valkey.url() if valkey else os.environ["REDIS_URL"],
    )
    servers, parts = services(postgres, valkey), processes(folder)
    for server in (postgres, valkey):
        if server:
            server.create()
    supervisor = Supervisor(folder, [*servers, *parts], env)
    try:
        for program in servers:
            supervisor.start(program.name)
        wait_for_services(folder, postgres, valkey)
        Steps(folder, env, say).run(postgres)
        for program in parts:
            supervisor.start(program.name)
        if is_ready_at_last(supervisor, folder, address):
            say(f"MS5.0 is ready: {address}/")
            show_logins(folder)
        status = supervisor.wait()
    finally:
        with signals_as(None):
            supervisor.stop()
    if status != 0:
        raise CannotStart(
            f"The supervisor was killed (status {status}) and everything stopped with it. Start again: make run."
        )


def wait_for_services(folder: Folder, postgres: Postgres | None, valkey: Valkey | None) -> None:
    if postgres:
        sentence = f"PostgreSQL does not answer. {folder.log / 'postgres.log'} says why; `make clean-data` starts over."
        wait_until(postgres.answers, sentence)
    if valkey:
        sentence = f"Valkey does not answer. {folder.log / 'redis.log'} says why; {valkey.data} may be removed."
        wait_until(valkey.answers, sentence)


def is_ready_at_last(supervisor: Supervisor, folder: Folder, address: str) -> bool:
    """Wait until everything is live, and say now and then what is still missing; False if it was stopped meanwhile.

    Never gives up by itself: what dies is restarted, and may come up once its cause is gone.
    """
    visitor = Visitor(address, "viewer", logins(folder)["viewer"])
    say_at = time.monotonic() + SAY_WHAT_IS_MISSING_EVERY_S
    while supervisor.is_running:
        try:
            visitor.require_everything()
        except NotReady as missing:
            if time.monotonic() > say_at:
                say(f"Still waiting for {missing}. The logs are in {folder.log}.")
                say_at += SAY_WHAT_IS_MISSING_EVERY_S
            time.sleep(0.2)
        else:
            return True
    return False


def show_logins(folder: Folder) -> None:
    say(f"Demo logins (kept in {folder.logins}):")
    for username, password in logins(folder).items():
        say(f"  {username:<20} {password}")


def clean() -> None:
    """Remove the data folder, unless something runs in it."""
    folder = Folder.from_environment()
    if not folder.path.exists():
        say(f"There is no data folder at {folder.path}.")
        return
    if not (folder.path / "lock").exists():
        raise CannotStart(f"{folder.path} does not look like a data folder of MS5.0; nothing was removed.")
    with folder.held("It is being removed"):
        subprocess.run(["rm", "-rf", str(place_for_nobody(folder))], check=True)
        folder.remove()
    say(f"Removed {folder.path}. The next `make run` starts from nothing.")


def manage(arguments: Sequence[str]) -> int:
    """Run a manage.py command in the environment of the running product."""
    folder = Folder.from_environment()
    postgres = None if os.environ.get("DATABASE_URL") else locate_postgres(folder)
    valkey = None if os.environ.get("REDIS_URL") else locate_valkey(folder)
    env = environment(
        folder,
        os.environ,
        database_url=postgres.url(DATABASE) if postgres else os.environ["DATABASE_URL"],
        redis_url=valkey.url() if valkey else os.environ["REDIS_URL"],
    )
    return subprocess.run([sys.executable, "manage.py", *arguments], env=env, cwd=PROJECT).returncode


@contextmanager
def signals_as(exception: type[BaseException] | None) -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and a closed terminal raise `exception`; None lets them pass unheard."""

    def arrived(number: int, frame: FrameType | None) -> None:
        if exception:
            raise exception

    before = {number: signal.signal(number, arrived) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m ms5.bare", description=__doc__)
    parser.add_argument("action", choices=("run", "clean", "manage"))
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    try:
        if given.action == "run":
            run()
        elif given.action == "clean":
            clean()
        else:
            return manage(given.arguments)
    except OSError as error:
        raise explained(error) from None
    return 0


if __name__ == "__main__":
    sys.exit(main())
