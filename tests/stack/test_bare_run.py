"""make run from beginning to end: killed halfway, started again, killed as a whole, started once more."""

import re

import pytest

from tests.stack.running import Product
from tests.stack.survivor import Past, facts

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1800)]


def test_a_first_start_killed_in_its_history_is_made_again_from_nothing(past: Past) -> None:
    assert past.lines >= 3
    assert past.readings > 0
    assert "half-made is made again" in past.said
    assert re.search(r"^MS5\.0 is ready: http://127\.0\.0\.1:\d+/\nDemo logins", past.said, re.M)


def test_a_killed_supervisor_is_told_and_the_next_start_has_every_reading_and_login(past: Past, plant: Product) -> None:
    assert "The supervisor was killed" in past.said
    assert "Traceback" not in past.said
    readings, lines = facts(plant)
    assert readings >= past.readings
    assert lines == past.lines
    assert past.folder.logins.read_text(encoding="utf-8") == past.passwords
    assert past.folder.logins.stat().st_mode & 0o777 == 0o600
