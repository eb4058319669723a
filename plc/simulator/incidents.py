"""What goes wrong on a machine, how it looks in its alarm bits, and how long it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from random import Random

# Machine states as the divider shows them in State_Code.
OFF, READY, STARTING, RUNNING, STARVED, BLOCKED, FAULT, CHANGEOVER, BREAK = range(9)
STATE_NAMES = (
    "off",
    "ready",
    "starting",
    "running",
    "starved",
    "blocked",
    "fault",
    "changeover",
    "break",
)

Stage = tuple[float, int, int, str]  # seconds, state, alarm bits, cause


@dataclass(frozen=True, slots=True)
class Incident:
    """One way to stop. `first` is the bit that comes up first, `followers` join it a moment later.

    `prompts` stay up during the repair, and with `reset` at its end, when the fault itself has cleared.
    """

    cause: str
    weight: float
    median_s: float
    first: int | None = None
    followers: tuple[int, ...] = ()
    prompts: tuple[int, ...] = ()
    state: int = FAULT
    spread: float = 0.7


@dataclass(frozen=True, slots=True)
class Trouble:
    """How often a machine stops, in seconds of running between stops, and what it may be."""

    mean_s: float
    kinds: tuple[Incident, ...]
    shortest_s: float
    longest_s: float

    def pick(self, rng: Random) -> Incident:
        return rng.choices(self.kinds, [k.weight for k in self.kinds])[0]

    def length(self, incident: Incident, rng: Random) -> float:
        seconds = exp(rng.gauss(log(incident.median_s), incident.spread))
        return min(max(seconds, self.shortest_s), self.longest_s)

    def next_after(self, rng: Random) -> float:
        """Return running seconds until the next stop of this kind."""
        return rng.expovariate(1.0 / self.mean_s)


def mask(bits: Sequence[int]) -> int:
    word = 0
    for bit in bits:
        word |= 1 << bit
    return word


def stages(incident: Incident, length_s: float, reset: Sequence[int], rng: Random) -> list[Stage]:
    """Lay an incident out in time: first-up fault, followers and prompts, then the reset prompts."""
    if incident.first is None:
        return [(length_s, incident.state, 0, incident.cause)]
    first, rest = mask([incident.first]), mask([*incident.followers, *incident.prompts])
    lead = min(rng.uniform(0.4, 1.6), length_s / 4)
    tail = min(rng.uniform(2.0, 9.0), length_s / 3)
    return [
        (lead, incident.state, first, incident.cause),
        (length_s - lead - tail, incident.state, first | rest, incident.cause),
        (tail, incident.state, mask([*incident.prompts, *reset]), incident.cause),
    ]
