"""Looking at a controller for the person who configures it: "test connection" and "browse tags"."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from plc.actions import check_identity
from plc.drivers.base import BrowsedTag, DriverError, Identity, Value
from plc.drivers.kinds import connect
from plc.drivers.logix import LogixDriver
from plc.models import Controller


@dataclass(frozen=True, slots=True)
class Probe:
    """Who answered and what each tag says, or, in words, why nobody did."""

    identity: Identity | None = None
    duration_s: float = 0.0
    values: dict[str, Value] = field(default_factory=dict)
    error: str = ""
    hint: str = ""

    @property
    def ok(self) -> bool:
        return not self.error


def probe(controller: Controller) -> Probe:
    """Open a connection of its own, read every tag once and close it again."""
    tags = [tag.spec for tag in controller.tags.filter(enabled=True).order_by("name")]
    driver = connect(controller.kind, controller.endpoint, tags)
    try:
        identity = driver.open()
        check_identity(controller.expected_serial, identity)
        snapshot = driver.read()
    except DriverError as error:
        return Probe(error=error.message, hint=error.hint)
    finally:
        driver.close()
    return Probe(identity, snapshot.duration_s, snapshot.values)


def browse(controller: Controller) -> Sequence[BrowsedTag]:
    """The controller's own list of tags; raises DriverError. Only Logix controllers have one."""
    if controller.kind != Controller.Kind.LOGIX:
        raise DriverError(
            "An SLC or MicroLogix has no list of tags.", "Take the addresses from the program's print-out."
        )
    driver = LogixDriver(controller.endpoint, [])
    try:
        return driver.browse()
    finally:
        driver.close()
