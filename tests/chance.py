"""How many made-up histories and examples a run tries, and which.

Each run tries some, and others than the run before; MS5_TEST_CHANCE=all tries many more. What failed is in the names
of the tests and in MS5_TEST_SEED at the head of the output: set both again and the same happens again.
"""

import os
import random

from hypothesis import settings

ALL = os.environ.get("MS5_TEST_CHANCE", "some") == "all"
# Worker processes inherit it: they must collect the same tests.
SEED = int(os.environ.setdefault("MS5_TEST_SEED", str(random.SystemRandom().randrange(1_000_000))))


def tries(some: int, every: int) -> int:
    return every if ALL else some


def seeds(some: int, every: int) -> range:
    """Consecutive, from a beginning that is another one in each run."""
    return range(SEED, SEED + tries(some, every))


def use_chance() -> None:
    """Say to Hypothesis what holds where a test says nothing else; how long an example takes decides nothing."""
    settings.register_profile("chance", deadline=None, max_examples=tries(40, 250), print_blob=True)
    settings.load_profile("chance")
