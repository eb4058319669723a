"""How numbers are written for people."""

from datetime import timedelta

import pytest

from floor.templatetags.units import lasted


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (None, "–"),
        (0, "0\u202fs"),
        (45.9, "45\u202fs"),
        (510, "8\u202fmin 30\u202fs"),
        (600, "10\u202fmin"),
        (timedelta(minutes=65), "1\u202fh 05\u202fmin"),
        (90_000, "25\u202fh 00\u202fmin"),
    ],
)
def test_how_long_a_stop_lasted_never_looks_like_a_time_of_day(seconds: float | timedelta | None, written: str) -> None:
    assert lasted(seconds) == written
