"""From two readings of a cumulative counter to the parts between them.

Nothing is ever counted on suspicion: what cannot be explained by a wrap, a reset or plain counting is held
back and shown to an engineer.
"""

from dataclasses import dataclass
from typing import NamedTuple

from floor.domain.machine import CounterEventKind

# A counter may be this much faster than its machine's top rate before it is not believed, plus a few parts
# for the jitter of short scans.
RATE_MARGIN = 1.5
PARTS_MARGIN = 5
LONG_SILENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class CounterSetup:
    """`modulus`: the counter reads 0 … modulus-1 and wraps; None = unknown. `max_per_s`: parts per second at most."""

    modulus: int | None = None
    max_per_s: float | None = None


class Step(NamedTuple):
    """What one reading adds: `delta` parts to count now, and the watermark to keep.

    `suspect` holds a value that fell back for no known reason until the next reading confirms or denies it.
    `held` are parts seen but not counted (quarantine). `kind` is None for plain counting.
    """

    delta: int
    raw: int
    suspect: int | None
    kind: CounterEventKind | None
    held: int = 0


def step(setup: CounterSetup, before: int | None, suspect: int | None, after: int, elapsed_s: float) -> Step:
    """Classify one reading against the watermark `before` (None: never read). `elapsed_s` since that reading."""
    if before is None:
        return Step(0, after, None, CounterEventKind.FIRST)
    if after >= before:
        return _forward(setup, before, suspect, after, elapsed_s)
    if suspect is not None and after >= suspect:
        # The second low reading in a row confirms the fall: the counter was set back to `suspect` or below.
        return Step(after - suspect, after, None, CounterEventKind.RESET)
    return _backward(setup, before, after, elapsed_s)


def _forward(setup: CounterSetup, before: int, suspect: int | None, after: int, elapsed_s: float) -> Step:
    delta = after - before
    if not believable(setup, delta, elapsed_s):
        return Step(0, after, None, CounterEventKind.QUARANTINE, held=delta)
    if suspect is not None:
        return Step(delta, after, None, CounterEventKind.GLITCH)
    if delta and elapsed_s > LONG_SILENCE_S:
        return Step(delta, after, None, CounterEventKind.GAP)
    return Step(delta, after, None, None)


def _backward(setup: CounterSetup, before: int, after: int, elapsed_s: float) -> Step:
    if setup.modulus is not None and before < setup.modulus <= before * 2 and after * 2 < setup.modulus:
        wrapped = after + setup.modulus - before
        if believable(setup, wrapped, elapsed_s):
            return Step(wrapped, after, None, CounterEventKind.WRAP)
    if _started_again(setup, before, after, elapsed_s):
        return Step(after, after, None, CounterEventKind.RESET)
    return Step(0, before, after, None)


def _started_again(setup: CounterSetup, before: int, after: int, elapsed_s: float) -> bool:
    """A counter that was set to zero can only have come as far as the machine could make since."""
    if setup.max_per_s is None:
        return after * 2 < before
    return believable(setup, after, elapsed_s)


def believable(setup: CounterSetup, parts: int, elapsed_s: float) -> bool:
    if setup.max_per_s is None:
        return True
    return parts <= setup.max_per_s * elapsed_s * RATE_MARGIN + PARTS_MARGIN
