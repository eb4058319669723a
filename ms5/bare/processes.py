"""Every process of the product, as one table."""

from ms5.bare.demo_plant import simulator_port
from ms5.bare.folder import Folder
from ms5.bare.services import Postgres, Valkey, dies_with_parent
from ms5.bare.supervisor import Program

SERVICES = "services"


def services(postgres: Postgres | None, valkey: Valkey | None) -> list[Program]:
    """None stands for a server of your own."""
    programs = []
    if postgres:
        programs.append(Program("postgres", postgres.command(), SERVICES, "INT", postgres.data, settled_s=1))
    if valkey:
        programs.append(Program("redis", valkey.command(), SERVICES, settled_s=1))
    return programs


def processes(folder: Folder) -> list[Program]:
    return [
        _process("web"),
        _process("plc"),
        _process("worker"),
        _process("beat"),
        _process("escalator"),
        _process("escalator-2", "escalator"),
        _process("watchdog"),
        _process("simulator", "simulator", "--ports", str(simulator_port(folder))),
    ]


def _process(name: str, *start: str) -> Program:
    return Program(name, [*dies_with_parent("TERM"), "deploy/start", *(start or [name])])
