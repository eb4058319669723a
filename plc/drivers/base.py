"""What every kind of controller looks like to the reader: open, read, close. There is no way to write."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

Scalar = bool | int | float | str
Reading = Scalar | tuple[Scalar, ...]


class DriverError(Exception):
    """The connection is of no use any more. `hint` says what a person at the machine can do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigurationError(DriverError):
    """Trying again will not help before somebody changes the configuration or the controller's program."""


class Quality(StrEnum):
    GOOD = "good"
    BAD_TAG = "bad_tag"  # the controller does not know the tag
    BAD_TYPE = "bad_type"  # the tag is of another type than configured
    BAD_VALUE = "bad_value"  # a number that is none
    BAD_COMM = "bad_comm"  # the connection is down; the value is the last one seen
    STALE = "stale"  # the last good value is too old to be believed
    INIT = "init"  # never read


@dataclass(frozen=True, slots=True)
class TagSpec:
    """`length` above 1 reads an array; an array of BOOL becomes one whole number, element n = bit n."""

    name: str
    address: str
    data_type: str
    length: int = 1


class Value(NamedTuple):
    value: Reading | None
    quality: Quality
    error: str = ""


class Snapshot(NamedTuple):
    """One scan. `received_s` is on the monotonic clock, at the moment the last reply was complete."""

    received_s: float
    duration_s: float
    values: dict[str, Value]


@dataclass(frozen=True, slots=True)
class Identity:
    vendor: str = ""
    product_name: str = ""
    serial: str = ""
    revision: str = ""
    program: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    host: str
    port: int = 44818
    slot: int = 0
    connect_s: float = 2.0
    exchange_s: float = 1.0


@dataclass(frozen=True, slots=True)
class BrowsedTag:
    address: str
    data_type: str
    length: int = 1


class Driver(Protocol):
    """One object is one connection is one thread. After any DriverError: abandon it and build a new one."""

    def open(self) -> Identity: ...

    def read(self) -> Snapshot: ...

    def close(self) -> None:
        """Say goodbye to the controller; never raises, never outlasts one exchange."""

    def abandon(self) -> None:
        """Drop the connection without another word on the wire."""


class Browser(Protocol):
    def browse(self) -> Sequence[BrowsedTag]: ...
