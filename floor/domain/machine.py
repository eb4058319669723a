"""What a machine was seen doing: values that readings, edges and counters are made of."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    RUN = "run"
    STOP = "stop"
    UNKNOWN = "unknown"


class CounterKind(StrEnum):
    MADE = "made"
    REJECTED = "rejected"


class CounterEventKind(StrEnum):
    FIRST = "first"
    WRAP = "wrap"
    RESET = "reset"
    GLITCH = "glitch"
    GAP = "gap"
    QUARANTINE = "quarantine"


class Observation(NamedTuple):
    """One machine in one scan.

    `at` is when the reply arrived (aware, UTC). `epoch` is the fencing token of the reader's lease and
    `sequence` the scan's number under it; both together order observations whatever the clock does.
    `seen` is False when the machine could not be observed in this scan; the other values are then ignored.
    `made` and `rejected` are the controller's raw counters, None when bad or not bound. `speed` is units per
    minute. Bit n of `fault_bits` is fault n; None when not read.
    """

    at: datetime
    epoch: int
    sequence: int
    seen: bool
    running: bool
    speed: float | None = None
    product: int | None = None
    made: int | None = None
    rejected: int | None = None
    fault_bits: int | None = None
