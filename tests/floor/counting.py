"""Random histories of a counter: what it did between two scans, and whether the scan was good."""

from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import strategies as st

from floor.domain.machine import Observation

SIX = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
WORD = 32_768
Step = tuple[int, int, str, str, int]

steps = st.tuples(
    st.sampled_from([200, 1000, 3000, 9000, 70_000, 900_000]),  # milliseconds since the last scan
    st.integers(0, 4),  # parts made
    st.sampled_from(["count", "count", "count", "reset", "jump", "glitch", "glitch", "back"]),
    st.sampled_from(["good", "good", "good", "good", "bad value", "not seen"]),
    st.integers(0, 2),  # rejects
)
histories = st.lists(steps, min_size=1, max_size=60)


def history(steps: list[Step], *, start: datetime = SIX) -> list[Observation]:
    """The counter begins shortly before it wraps. A glitch shows another value once and does not move it."""
    at, made, rejected, result = start, 32_740, 0, []
    for number, (pause, parts, happened, quality, rejects) in enumerate(steps, 1):
        at += timedelta(milliseconds=pause)
        moved = {"reset": 0, "jump": made + 9_000, "back": made - 300}.get(happened, made)
        made, rejected = (moved + parts) % WORD, rejected + rejects
        shown = made // 3 if happened == "glitch" else made
        is_good, is_seen = quality == "good", quality != "not seen"
        result.append(Observation(at, 1, number, is_seen, True, None, 1, shown if is_good else None, rejected, 0))
    return result


def any_steps(chance: Random, count: int) -> list[Step]:
    """Like `histories`, from a seed: for tests that need one long history rather than many."""
    return [
        (
            chance.choice([1000, 30_000, 70_000, 200_000]),
            chance.randint(0, 4),
            chance.choice(["count"] * 5 + ["reset", "jump", "glitch", "back"]),
            chance.choice(["good"] * 6 + ["bad value", "not seen"]),
            chance.randint(0, 2),
        )
        for _ in range(count)
    ]
