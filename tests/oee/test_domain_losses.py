from dataclasses import replace

from hypothesis import given

from oee.domain.factors import ABOVE_100, NEVER_RAN, Policy, Totals
from oee.domain.losses import FASTER_THAN_IDEAL, Factor, Loss, Waterfall, is_accounted_for, together, waterfall
from oee.domain.readings import ISO_22400, OEE_COM, company, readings
from tests.oee.totals import HOUR, INSIDE, MINUTE, OUTSIDE, POLICIES, TOTALS, made, spent

A_SHIFT = replace(
    made(
        spent(
            off_shift_ms=16 * HOUR, break_ms=30 * MINUTE, idle_ms=20 * MINUTE, no_data_ms=10 * MINUTE,
            planned_stop_ms=20 * MINUTE, setup_ms=40 * MINUTE, stop_ms=30 * MINUTE, external_stop_ms=10 * MINUTE,
            minor_stop_ms=20 * MINUTE, run_ms=5 * HOUR,
        ),
        16_000, 500, 1000,
    ),
    ideal_startup_ms=200_000,
)  # fmt: skip


def by_code(losses: tuple[Loss, ...]) -> dict[str, int | None]:
    return {loss.code: loss.lost_ms for loss in losses}


def test_a_shift_falls_from_planned_time_to_its_good_parts() -> None:
    found = waterfall(A_SHIFT, OEE_COM)

    assert found.planned_ms == 7 * HOUR
    assert by_code(found.losses) == {
        "unplanned_stops": 30 * MINUTE,
        "external_stops": 10 * MINUTE,
        "setup": 40 * MINUTE,
        "planned_stops": 20 * MINUTE,
        "minor_stops": 20 * MINUTE,
        "reduced_speed": 5 * HOUR - 16_000_000,
        "process_rejects": 300_000,
        "startup_rejects": 200_000,
    }
    assert (found.productive_ms, found.remainder_ms) == (15_500_000, 0)
    assert [loss.number for loss in found.losses] == [1, 1, 2, 2, 3, 4, 5, 6]


def test_what_is_outside_planned_time_is_told_beside_it() -> None:
    found = waterfall(A_SHIFT, company(OUTSIDE))

    assert by_code(found.outside) == {
        "setup": 40 * MINUTE,
        "planned_stops": 20 * MINUTE,
        "breaks": 30 * MINUTE,
        "idle": 20 * MINUTE,
        "no_data": 10 * MINUTE,
        "off_shift": 16 * HOUR,
    }
    assert {loss.number for loss in found.outside} == {None}


def test_planned_stops_are_a_loss_only_inside_planned_time() -> None:
    inside, outside = (by_code(waterfall(A_SHIFT, company(policy)).losses) for policy in (INSIDE, OUTSIDE))

    assert inside["planned_stops"] == 20 * MINUTE
    assert "planned_stops" not in outside


def test_minor_stops_lower_the_factor_that_the_reading_says() -> None:
    def factor(found: Waterfall) -> Factor | None:
        return next(loss.factor for loss in found.losses if loss.code == "minor_stops")

    assert factor(waterfall(A_SHIFT, OEE_COM)) is Factor.PERFORMANCE
    assert factor(waterfall(A_SHIFT, ISO_22400)) is Factor.AVAILABILITY


def test_time_nobody_saw_is_a_loss_where_the_plant_says_so() -> None:
    found = waterfall(A_SHIFT, company(Policy(no_data_is_lost=True)))

    assert by_code(found.losses)["no_data"] == 10 * MINUTE
    assert found.remainder_ms == 0


def test_parts_that_came_too_fast_give_a_negative_loss_and_ask_about_the_standard() -> None:
    found = waterfall(made(spent(run_ms=HOUR), 3_700, 0, 1000), OEE_COM)

    assert by_code(found.losses)["reduced_speed"] == -100_000
    assert found.flags == (ABOVE_100, FASTER_THAN_IDEAL)
    assert found.remainder_ms == 0


def test_minor_stops_can_hide_parts_that_came_too_fast_from_performance_but_not_from_the_losses() -> None:
    found = waterfall(made(spent(run_ms=HOUR, minor_stop_ms=HOUR), 3_700, 0, 1000), OEE_COM)

    assert found.flags == (FASTER_THAN_IDEAL,)


def test_parts_of_a_machine_that_never_ran_are_asked_about_as_such() -> None:
    assert waterfall(made(spent(stop_ms=HOUR), 10, 0, 1000), OEE_COM).flags == (NEVER_RAN,)


def test_without_an_ideal_cycle_speed_and_quality_are_unknown_and_not_nothing() -> None:
    found = waterfall(replace(A_SHIFT, unrated_made=1), OEE_COM)

    lost = by_code(found.losses)
    assert (lost["reduced_speed"], lost["process_rejects"], lost["startup_rejects"]) == (None, None, None)
    assert (found.ideal_ms, found.productive_ms) == (None, None)
    assert lost["minor_stops"] == 20 * MINUTE
    assert found.remainder_ms == 0


@given(TOTALS, POLICIES)
def test_the_waterfall_closes_to_the_millisecond(totals: Totals, policy: Policy) -> None:
    for reading in readings(policy):
        for judged in (totals, replace(totals, unrated_made=7)):
            found = waterfall(judged, reading)
            assert found.remainder_ms == 0
            assert found.planned_ms + sum(loss.lost_ms or 0 for loss in found.outside) == totals.calendar_ms
        assert is_accounted_for(totals)


@given(TOTALS, TOTALS, POLICIES)
def test_losses_of_two_hours_add_up_to_the_losses_of_both(a: Totals, b: Totals, policy: Policy) -> None:
    for reading in readings(policy):
        one, other, both = (by_code(waterfall(totals, reading).losses) for totals in (a, b, a + b))
        assert {code: (one[code] or 0) + (other[code] or 0) for code in both} == both


@given(TOTALS, TOTALS, POLICIES, POLICIES)
def test_hours_judged_by_different_policies_close_together(a: Totals, b: Totals, one: Policy, other: Policy) -> None:
    falls = [waterfall(a, company(one)), waterfall(b, company(other))]

    found = together(falls)

    assert found.remainder_ms == 0
    assert found.planned_ms == sum(fall.planned_ms for fall in falls)
    assert found.planned_ms + sum(loss.lost_ms or 0 for loss in found.outside) == a.calendar_ms + b.calendar_ms


def test_what_is_not_known_of_one_hour_is_not_known_of_both() -> None:
    unrated = waterfall(replace(A_SHIFT, unrated_made=1), OEE_COM)

    found = together([waterfall(A_SHIFT, OEE_COM), unrated])

    assert by_code(found.losses)["reduced_speed"] is None
    assert by_code(found.losses)["minor_stops"] == 40 * MINUTE
    assert (found.productive_ms, found.remainder_ms) == (None, 0)


@given(TOTALS, POLICIES)
def test_each_factor_is_what_its_losses_leave(totals: Totals, policy: Policy) -> None:
    """Availability, performance and quality follow from the waterfall alone."""
    found = waterfall(totals, company(policy))
    lost = {factor: sum(x.lost_ms or 0 for x in found.losses if x.factor is factor) for factor in Factor}

    assert found.planned_ms - lost[Factor.AVAILABILITY] == found.operating_ms
    assert found.operating_ms - lost[Factor.PERFORMANCE] == found.ideal_ms
    assert (found.ideal_ms or 0) - lost[Factor.QUALITY] == found.productive_ms
