"""The driver for each kind of controller. Imported by who reads, not by the web: pycomm3 loads slowly."""

from collections.abc import Sequence

from plc.drivers.base import Driver, Endpoint, TagSpec
from plc.drivers.logix import LogixDriver
from plc.drivers.slc import SlcDriver

KINDS: dict[str, type[LogixDriver] | type[SlcDriver]] = {
    "logix": LogixDriver,
    "slc": SlcDriver,
    "micrologix": SlcDriver,
}


def connect(kind: str, endpoint: Endpoint, tags: Sequence[TagSpec]) -> Driver:
    """A fresh driver, not yet opened."""
    return KINDS[kind](endpoint, tags)
