"""A controller and a machine bound to it, as small as a test can have them."""

from typing import Any

from floor.models import Equipment
from plc.models import Binding, Controller, Tag
from tests.factories import make_line, make_machine

Meaning = Binding.Meaning


def make_controller(port: int = 44818, *, code: str = "BAG1", kind: str = "logix", **values: Any) -> Controller:
    defaults: dict[str, Any] = {
        **{"name": code, "host": "127.0.0.1", "port": port, "scan_s": 0.1},
        **{"connect_timeout_s": 1.0, "exchange_timeout_s": 0.5},
    }
    return Controller.objects.create(code=code, kind=kind, **defaults | values)


def bind(
    controller: Controller, machine: Equipment, address: str, data_type: str, meaning: str, **values: object
) -> Binding:
    tag, _ = Tag.objects.get_or_create(
        controller=controller, name=address, defaults={"address": address, "data_type": data_type}
    )
    return Binding.objects.create(tag=tag, equipment=machine, meaning=meaning, **values)


def make_bagger(port: int, **values: Any) -> tuple[Controller, Equipment]:
    """A bagger with a running bit, a speed, a loaf counter and a reject counter."""
    machine = make_machine(make_line())
    controller = make_controller(port, **values)
    bind(controller, machine, "Running", "BOOL", Meaning.RUNNING)
    bind(controller, machine, "Speed", "REAL", Meaning.SPEED)
    bind(controller, machine, "Good", "DINT", Meaning.TOTAL_COUNT, modulus=2**32)
    bind(controller, machine, "Scrap", "DINT", Meaning.REJECT_COUNT, modulus=2**32)
    return controller, machine
