"""Every process of the product, as one table."""

import sys
from pathlib import Path

from ms5.bare.demo_plant import simulator_port
from ms5.bare.folder import Folder
from ms5.bare.services import Postgres, Valkey, dies_with_parent
from ms5.bare.supervisor import Program

SERVICES = "services"


def services(postgres: Postgres | None, valkey: Valkey | None) -> list[Program]:
    """None stands for a server of your own."""
    programs = []
    if postgres:
        programs.append(Program("postgres", postgres.command(), SERVICES, "INT", postgres.data))
    if valkey:
        programs.append(Program("redis", valkey.command(), SERVICES))
    return programs


def processes(folder: Folder, host: str, port: int) -> list[Program]:
    beat_schedule = str(folder.run / "beat-schedule")
    # fmt: off
    return [
        _python("web", "-m", "daphne", "-b", host, "-p", str(port), "--application-close-timeout", "2",
                "ms5.asgi:application"),
        _celery("plc", "worker", "-Q", "plc", "-n", "plc@ms5", "--pool=threads", "-c", "64",
                "--without-gossip", "--without-mingle"),
        _celery("worker", "worker", "-Q", "default,reports", "-n", "worker@ms5", "-c", "2",
                "--without-gossip", "--without-mingle"),
        _celery("beat", "beat", "-s", beat_schedule, "--pidfile="),
        _python("escalator", "manage.py", "run_escalator"),
        _python("escalator-2", "manage.py", "run_escalator"),
        _python("watchdog", "manage.py", "run_watchdog"),
        _python("simulator", "manage.py", "run_simulator", "--ports", str(simulator_port(folder))),
    ]
    # fmt: on


def _python(name: str, *arguments: str) -> Program:
    return Program(name, [*dies_with_parent("TERM"), sys.executable, *arguments])


def _celery(name: str, *arguments: str) -> Program:
    celery = str(Path(sys.executable).with_name("celery"))
    return Program(name, [*dies_with_parent("TERM"), sys.executable, celery, "-A", "ms5", *arguments])
