from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oee.domain.factors import (
    ABOVE_100,
    FIELDS,
    MORE_REJECTS,
    NEVER_RAN,
    TIME_COLUMNS,
    Factors,
    Policy,
    Totals,
    added,
    column,
    factors,
    total,
)
from oee.domain.ledger import Entry, Kind, Ledger
from tests.oee.totals import HOUR, INSIDE, MINUTE, OUTSIDE, POLICIES, TOTALS, made, spent


def judged(totals: Totals, policy: Policy) -> Factors:
    return factors(totals.judged(policy))


def test_a_published_shift_of_eight_hours() -> None:
    """8 h with an hour of breaks, 47 min of stops, 19 271 parts at 1 s each, 423 rejected."""
    totals = made(spent(run_ms=373 * MINUTE, stop_ms=47 * MINUTE, break_ms=60 * MINUTE), 19_271, 423, 1000)

    found = judged(totals, INSIDE)

    assert found.availability.exact == Fraction(373, 420)
    assert found.oee.exact == Fraction(18_848, 25_200)
    assert found.oee.value == pytest.approx(0.747936, abs=1e-6)


def test_a_planned_stop_counts_or_is_left_out_by_policy() -> None:
    totals = made(spent(run_ms=6 * HOUR, planned_stop_ms=HOUR, stop_ms=HOUR), 18_000, 0, 1000)

    assert judged(totals, INSIDE).availability.exact == Fraction(6, 8)
    assert judged(totals, OUTSIDE).availability.exact == Fraction(6, 7)


def test_no_planned_time_leaves_everything_open() -> None:
    found = judged(spent(off_shift_ms=HOUR, break_ms=HOUR, no_data_ms=HOUR), INSIDE)

    assert [r.value for r in (found.availability, found.performance, found.quality, found.oee)] == [None] * 4


def test_planned_but_never_ran_is_zero_availability_and_nothing_else() -> None:
    found = judged(spent(stop_ms=HOUR), INSIDE)

    assert (found.availability.value, found.oee.value) == (0, 0)
    assert (found.performance.value, found.quality.value) == (None, None)


def test_ran_without_a_part_is_zero_performance_and_no_quality() -> None:
    found = judged(spent(run_ms=HOUR), INSIDE)

    assert (found.performance.value, found.oee.value, found.quality.value) == (0, 0, None)


def test_parts_while_the_machine_never_ran_are_flagged_and_leave_oee_open() -> None:
    found = judged(made(spent(stop_ms=HOUR), 10, 0, 1000), INSIDE)

    assert found.oee.value is None
    assert NEVER_RAN in found.flags


def test_without_a_standard_performance_and_oee_are_open_and_quality_is_by_pieces() -> None:
    totals = replace(spent(run_ms=HOUR), made=100, rejected=10, unrated_made=100)

    found = judged(totals, INSIDE)

    assert (found.performance.value, found.oee.value) == (None, None)
    assert found.quality.exact == Fraction(9, 10)
    assert "no ideal cycle for 100 parts" in found.flags


def test_performance_above_one_is_shown_and_flagged() -> None:
    found = judged(made(spent(run_ms=HOUR), 3_744, 0, 1000), INSIDE)

    assert found.performance.exact == Fraction(104, 100)
    assert found.flags == (ABOVE_100,)


def test_more_rejects_than_parts_are_flagged_and_not_hidden() -> None:
    found = judged(made(spent(run_ms=HOUR), 10, 12, 1000), INSIDE)

    assert found.quality.exact == Fraction(-1, 5)
    assert MORE_REJECTS in found.flags


def test_minor_stops_are_lost_speed_and_not_lost_availability() -> None:
    found = judged(made(spent(run_ms=54 * MINUTE, minor_stop_ms=6 * MINUTE), 3240, 0, 1000), INSIDE)

    assert found.availability.exact == 1
    assert found.performance.exact == Fraction(9, 10)


def test_quality_of_several_products_is_weighted_by_their_ideal_time() -> None:
    slow = made(spent(run_ms=HOUR), 100, 50, 30_000)
    fast = made(spent(run_ms=HOUR), 3000, 0, 1000)

    assert judged(slow + fast, INSIDE).quality.exact == Fraction(50 * 30 + 3000, 100 * 30 + 3000)


def test_changeovers_follow_the_policy_of_planned_stops() -> None:
    totals = spent(run_ms=6 * HOUR, setup_ms=HOUR, stop_ms=HOUR)

    assert judged(totals, INSIDE).availability.exact == Fraction(6, 8)
    assert judged(totals, OUTSIDE).availability.exact == Fraction(6, 7)


def test_time_with_nothing_to_make_is_never_planned_time() -> None:
    totals = spent(run_ms=HOUR, idle_ms=HOUR)

    assert judged(totals, INSIDE).availability.exact == judged(totals, OUTSIDE).availability.exact == 1


def test_standing_still_for_another_machine_is_lost_availability() -> None:
    assert judged(spent(run_ms=HOUR, external_stop_ms=HOUR), INSIDE).availability.exact == Fraction(1, 2)


def test_minor_stops_can_be_made_lost_availability() -> None:
    totals = spent(run_ms=54 * MINUTE, minor_stop_ms=6 * MINUTE)

    assert judged(totals, Policy(minor_stops_reduce_availability=True)).availability.exact == Fraction(9, 10)


def test_time_nobody_saw_is_left_out_unless_the_plant_calls_it_lost() -> None:
    totals = spent(run_ms=HOUR, no_data_ms=HOUR)

    assert judged(totals, INSIDE).availability.exact == 1
    assert judged(totals, Policy(no_data_is_lost=True)).availability.exact == Fraction(1, 2)


def test_the_future_of_a_running_shift_is_not_in_the_denominator() -> None:
    """Totals are of elapsed time only; an hour that has not come is in none of them."""
    elapsed = spent(run_ms=3 * HOUR, stop_ms=HOUR)

    assert judged(elapsed, INSIDE).availability.denominator == 4 * HOUR


def test_parts_found_after_a_gap_are_parts_and_carry_no_performance() -> None:
    seen = made(spent(run_ms=HOUR, no_data_ms=HOUR), 3000, 0, 1000)
    totals = replace(seen, unobserved_made=500, unobserved_rejected=20)

    found = judged(totals, INSIDE)

    assert totals.good == 3480
    assert (found.performance.exact, found.quality.exact) == (Fraction(3000, 3600), Fraction(1))
    assert found.flags == ("500 parts made during a gap in the data",)


def test_every_sort_of_time_has_a_column_and_every_entry_lands_in_its_own() -> None:
    sorts = [
        (Ledger.RUN, Kind.NONE), (Ledger.NO_DATA, Kind.NONE), (Ledger.OFF_SHIFT, Kind.NONE),
        (Ledger.PLANNED, Kind.BREAK), (Ledger.PLANNED, Kind.IDLE), (Ledger.PLANNED, Kind.PLANNED),
        (Ledger.PLANNED, Kind.SETUP), (Ledger.STOP, Kind.FAILURE), (Ledger.STOP, Kind.EXTERNAL),
        (Ledger.STOP, Kind.MINOR),
    ]  # fmt: skip
    entries = [Entry(at, 2 * at + 1, state, kind) for at, (state, kind) in enumerate(sorts)]

    found = total(entries)

    assert {column(state, kind) for state, kind in sorts} == set(TIME_COLUMNS)
    assert found.spent(TIME_COLUMNS) == found.calendar_ms == sum(range(1, 11))
    assert [getattr(found, column(*sort)) for sort in sorts] == list(range(1, 11))


@given(TOTALS, POLICIES)
def test_oee_is_the_product_of_its_factors_exactly(totals: Totals, policy: Policy) -> None:
    found = judged(totals, policy)

    a, p, q, oee = (r.exact for r in (found.availability, found.performance, found.quality, found.oee))
    if a is not None and p is not None and q is not None:
        assert a * p * q == oee


@given(TOTALS, TOTALS, TOTALS)
def test_totals_add_up_in_any_order(a: Totals, b: Totals, c: Totals) -> None:
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a + Totals() == a


@given(st.lists(TOTALS, max_size=4))
def test_many_totals_added_at_once_are_each_added_to_the_last(several: list[Totals]) -> None:
    assert added(several) == sum(several, Totals())


@given(TOTALS, TOTALS, POLICIES)
def test_judging_hours_and_adding_is_adding_and_judging_once(a: Totals, b: Totals, policy: Policy) -> None:
    assert a.judged(policy) + b.judged(policy) == (a + b).judged(policy)
    assert factors(a.judged(policy) + b.judged(policy)) == judged(a + b, policy)


@given(TOTALS, TOTALS, POLICIES)
def test_availability_of_two_halves_is_their_mean_weighted_by_planned_time(
    a: Totals, b: Totals, policy: Policy
) -> None:
    halves = [half.judged(policy) for half in (a, b)]
    whole = factors(halves[0] + halves[1]).availability

    if whole.denominator is not None:
        weighed = sum(Fraction(factors(half).availability.exact or 0) * half.busy_ms for half in halves)
        assert whole.exact == weighed / whole.denominator


@given(TOTALS, POLICIES)
def test_what_is_known_is_a_number_and_planned_time_is_never_less_than_operating_time(
    totals: Totals, policy: Policy
) -> None:
    found = totals.judged(policy)

    assert 0 <= found.operating_ms <= found.busy_ms <= found.calendar_ms
    assert all(isinstance(getattr(found, name), int) for name in FIELDS)
