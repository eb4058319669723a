"""The driver for each kind of controller. Imported by who reads, not by the web: pycomm3 loads slowly."""

from collections.abc import Sequence

from plc.drivers.base import Driver, Endpoint, TagSpec
from plc.drivers.logix import LogixDriver
from plc.drivers.slc import SlcDriver

KINDS = {"logix": LogixDriver, "slc": SlcDriver, "micrologix": SlcDriver}


def connect(kind: str, endpoint: Endpoint, tags: Sequence[TagSpec]) -> Driver:
    """A fresh driver, not yet opened."""
    driver: Driver = KINDS[kind](endpoint, tags)
    return driver
