"""How numbers are written for people."""

from datetime import timedelta

import pytest

from floor.templatetags.units import bare, lasted, points, ratio, round_ratio, written


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


def test_a_difference_of_ratios_is_written_in_points_with_its_sign() -> None:
    assert [points(value) for value in (0.021, -0.1, 0.0, None)] == ["+2.1", "−10.0", "±0.0", "–"]


def test_a_line_of_an_axis_has_no_more_digits_than_it_needs() -> None:
    assert [round_ratio(value) for value in (1.0, 0.975, 0.3)] == ["100\u202f%", "97.5\u202f%", "30\u202f%"]


def test_a_negative_share_has_a_minus_and_no_hyphen() -> None:
    assert ratio(-0.046) == "−4.6\u202f%"


def test_one_drawing_writes_time_pieces_and_ratios() -> None:
    assert written(2_540_000, "ms") == "42:20"
    assert written(4_080_000, "ms") == "1:08\u202fh"
    assert written(1234, "count") == "1\u202f234"
    assert written(0.713, "ratio") == "71.3\u202f%"
    assert (bare(0.713, "ratio"), bare(2_540_000, "ms")) == ("71", "42")
