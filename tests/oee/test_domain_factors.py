from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oee.domain.factors import ABOVE_100, MORE_REJECTS, NEVER_RAN, Policy, Totals, factors

HOUR = 3_600_000
MINUTE = 60_000
INSIDE, OUTSIDE = Policy(planned_stops_reduce_availability=True), Policy(planned_stops_reduce_availability=False)


def spent(**ms: int) -> Totals:
    return Totals(calendar_ms=sum(ms.values()), **ms)


def made(totals: Totals, made: int, rejected: int, cycle_ms: int) -> Totals:
    return replace(
        totals,
        made=made,
        rejected=rejected,
        ideal_made_ms=made * cycle_ms,
        ideal_good_ms=(made - rejected) * cycle_ms,
    )


def test_a_published_shift_of_eight_hours() -> None:
    """8 h with an hour of breaks, 47 min of stops, 19 271 parts at 1 s each, 423 rejected."""
    totals = made(spent(run_ms=373 * MINUTE, stop_ms=47 * MINUTE, break_ms=60 * MINUTE), 19_271, 423, 1000)

    found = factors(totals, INSIDE)

    assert found.availability.exact == Fraction(373, 420)
    assert found.oee.exact == Fraction(18_848, 25_200)
    assert found.oee.value == pytest.approx(0.747936, abs=1e-6)


def test_a_planned_stop_counts_or_is_left_out_by_policy() -> None:
    totals = made(spent(run_ms=6 * HOUR, planned_stop_ms=HOUR, stop_ms=HOUR), 18_000, 0, 1000)

    assert factors(totals, INSIDE).availability.exact == Fraction(6, 8)
    assert factors(totals, OUTSIDE).availability.exact == Fraction(6, 7)


def test_no_planned_time_leaves_everything_open() -> None:
    found = factors(spent(off_shift_ms=HOUR, break_ms=HOUR, no_data_ms=HOUR), INSIDE)

    assert [r.value for r in (found.availability, found.performance, found.quality, found.oee)] == [None] * 4


def test_planned_but_never_ran_is_zero_availability_and_nothing_else() -> None:
    found = factors(spent(stop_ms=HOUR), INSIDE)

    assert (found.availability.value, found.oee.value) == (0, 0)
    assert (found.performance.value, found.quality.value) == (None, None)


def test_ran_without_a_part_is_zero_performance_and_no_quality() -> None:
    found = factors(spent(run_ms=HOUR), INSIDE)

    assert (found.performance.value, found.oee.value, found.quality.value) == (0, 0, None)


def test_parts_while_the_machine_never_ran_are_flagged_and_leave_oee_open() -> None:
    found = factors(made(spent(stop_ms=HOUR), 10, 0, 1000), INSIDE)

    assert found.oee.value is None
    assert NEVER_RAN in found.flags


def test_without_a_standard_performance_and_oee_are_open_and_quality_is_by_pieces() -> None:
    totals = replace(spent(run_ms=HOUR), made=100, rejected=10, unrated_made=100)

    found = factors(totals, INSIDE)

    assert (found.performance.value, found.oee.value) == (None, None)
    assert found.quality.exact == Fraction(9, 10)
    assert "no ideal cycle for 100 parts" in found.flags


def test_performance_above_one_is_shown_and_flagged() -> None:
    found = factors(made(spent(run_ms=HOUR), 3_744, 0, 1000), INSIDE)

    assert found.performance.exact == Fraction(104, 100)
    assert found.flags == (ABOVE_100,)


def test_more_rejects_than_parts_are_flagged_and_not_hidden() -> None:
    found = factors(made(spent(run_ms=HOUR), 10, 12, 1000), INSIDE)

    assert found.quality.exact == Fraction(-1, 5)
    assert MORE_REJECTS in found.flags


def test_minor_stops_are_lost_speed_and_not_lost_availability() -> None:
    found = factors(made(spent(run_ms=54 * MINUTE, minor_stop_ms=6 * MINUTE), 3240, 0, 1000), INSIDE)

    assert found.availability.exact == 1
    assert found.performance.exact == Fraction(9, 10)


def test_quality_of_several_products_is_weighted_by_their_ideal_time() -> None:
    slow = made(spent(run_ms=HOUR), 100, 50, 30_000)
    fast = made(spent(run_ms=HOUR), 3000, 0, 1000)

    assert factors(slow + fast, INSIDE).quality.exact == Fraction(50 * 30 + 3000, 100 * 30 + 3000)


MS = st.integers(0, 8 * HOUR)
PARTS = st.integers(0, 50_000)
TOTALS = st.builds(
    lambda off, gap, rest, plan, stop, minor, run, made_, bad, cycle: made(
        spent(
            off_shift_ms=off, no_data_ms=gap, break_ms=rest, planned_stop_ms=plan, stop_ms=stop, minor_stop_ms=minor,
            run_ms=run,
        ),
        made_,
        bad,
        cycle,
    ),
    MS, MS, MS, MS, MS, MS, MS, PARTS, PARTS, st.integers(1, 10_000),
)  # fmt: skip
POLICIES = st.sampled_from([INSIDE, OUTSIDE])


@given(TOTALS, POLICIES)
def test_oee_is_the_product_of_its_factors_exactly(totals: Totals, policy: Policy) -> None:
    found = factors(totals, policy)

    a, p, q, oee = (r.exact for r in (found.availability, found.performance, found.quality, found.oee))
    if a is not None and p is not None and q is not None:
        assert a * p * q == oee


@given(TOTALS, TOTALS, TOTALS)
def test_totals_add_up_in_any_order(a: Totals, b: Totals, c: Totals) -> None:
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a + Totals() == a


@given(TOTALS, TOTALS, POLICIES)
def test_availability_of_two_halves_is_their_mean_weighted_by_planned_time(
    a: Totals, b: Totals, policy: Policy
) -> None:
    whole = factors(a + b, policy).availability

    if whole.denominator is not None:
        halves = [(factors(t, policy).availability.exact or 0, t.busy_ms(policy)) for t in (a, b)]
        assert whole.exact == sum(Fraction(value) * weight for value, weight in halves) / whole.denominator
