"""A minute of the storm that `make faults` makes for ten: no call gets lost, or something says so.

It leaves calls open, alarms that are not over yet, and rules that hurry; tests that come after it look for themselves.
"""

import pytest

from tests.faults.check import check
from tests.faults.outside import Outside
from tests.faults.storm import storm
from tests.stack.running import Product

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

SEED, SECONDS = 7, 60


def test_in_a_minute_of_faults_every_call_reaches_the_next_people_or_an_alarm_says_so(
    plant: Product, world: Outside
) -> None:
    run = storm(plant, world, seed=SEED, seconds=SECONDS)
    verdict = check(plant, world, run)
    print(verdict.figures)

    assert verdict.wrong == []
    assert verdict.figures["steps due"] > 50
