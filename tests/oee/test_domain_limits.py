"""What is more than the usual up and down."""

from hypothesis import given
from hypothesis import strategies as st

from oee.domain.limits import ENOUGH, limits

SHARES = st.one_of(st.none(), st.floats(0, 1.2))


def test_limits_are_the_centre_and_266_hundredths_of_the_mean_move() -> None:
    values = [0.70, 0.72] * 5
    found = limits(values, 0.71)
    assert found is not None
    assert round(found.low, 6) == round(0.71 - 2.66 * 0.02, 6)
    assert round(found.high, 6) == round(0.71 + 2.66 * 0.02, 6)


def test_a_gap_is_no_move() -> None:
    steady = [0.7] * 5 + [None] + [0.9] * 5
    assert limits(steady, 0.8) == (0.8, 0.8)


@given(st.lists(SHARES, max_size=40), SHARES)
def test_little_is_said_about_little(values: list[float | None], centre: float | None) -> None:
    found = limits(values, centre)
    if centre is None or sum(value is not None for value in values) < ENOUGH:
        assert found is None
    elif found is not None:
        assert found.low <= centre <= found.high
