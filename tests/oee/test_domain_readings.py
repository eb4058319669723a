from fractions import Fraction

import pytest
from hypothesis import given

from oee.domain.factors import TIME_COLUMNS, Policy, Totals, factors
from oee.domain.readings import (
    ISO_22400,
    OEE_COM,
    SMRP,
    STANDARDS,
    Place,
    Reading,
    company,
    read,
    readings,
)
from tests.oee.totals import HOUR, INSIDE, MINUTE, OUTSIDE, POLICIES, TOTALS, made, spent

OUT, LOST, ON = Place.OUTSIDE, Place.AVAILABILITY, Place.OPERATING
A_DAY = made(
    spent(
        off_shift_ms=14 * HOUR, no_data_ms=30 * MINUTE, break_ms=30 * MINUTE, idle_ms=HOUR, planned_stop_ms=HOUR,
        setup_ms=30 * MINUTE, stop_ms=30 * MINUTE, external_stop_ms=30 * MINUTE, minor_stop_ms=30 * MINUTE,
        run_ms=5 * HOUR,
    ),
    15_000, 600, 1000,
)  # fmt: skip


@pytest.mark.parametrize(
    ("column", "iso", "oee_com", "smrp"),
    [
        ("off_shift_ms", OUT, OUT, OUT),
        ("no_data_ms", OUT, OUT, OUT),
        ("break_ms", OUT, OUT, LOST),
        ("idle_ms", OUT, OUT, OUT),
        ("planned_stop_ms", OUT, LOST, LOST),
        ("setup_ms", LOST, LOST, LOST),
        ("stop_ms", LOST, LOST, LOST),
        ("external_stop_ms", LOST, LOST, LOST),
        ("minor_stop_ms", LOST, ON, ON),
        ("run_ms", ON, ON, ON),
    ],
)
def test_where_a_sort_of_time_falls_in_each_standard(column: str, iso: Place, oee_com: Place, smrp: Place) -> None:
    assert [reading.place(column) for reading in STANDARDS] == [iso, oee_com, smrp]


def test_one_day_as_each_standard_reads_it() -> None:
    found = {reading.code: read(A_DAY, reading).factors for reading in readings(OUTSIDE)}

    assert {code: factors.availability.exact for code, factors in found.items()} == {
        "company": Fraction(330, 390),  # planned stops and changeover left out
        "iso22400": Fraction(300, 420),  # changeover and minor stops are lost, planned stops are not planned time
        "oee.com": Fraction(330, 480),
        "smrp": Fraction(330, 510),  # breaks too
    }
    assert {code: factors.oee.exact for code, factors in found.items()} == {
        "company": Fraction(240, 390),
        "iso22400": Fraction(240, 420),
        "oee.com": Fraction(240, 480),
        "smrp": Fraction(240, 510),
    }


def test_teep_and_utilization_are_over_calendar_time_and_iso_has_neither() -> None:
    us, iso = read(A_DAY, OEE_COM), read(A_DAY, ISO_22400)

    assert us.utilization.exact == Fraction(8, 24)
    assert us.teep.exact == Fraction(4, 24)
    assert (iso.teep.exact, iso.utilization.exact) == (None, None)


def test_ooe_counts_the_time_of_the_shift_that_was_not_planned() -> None:
    """8 h planned, 1 h with nothing to make."""
    assert read(A_DAY, OEE_COM).ooe.exact == Fraction(4, 9)
    assert read(A_DAY, company(OUTSIDE)).ooe.exact == Fraction(4, 9)


def test_oee_com_reads_as_a_plant_does_whose_planned_stops_reduce_availability() -> None:
    assert read(A_DAY, OEE_COM).factors == read(A_DAY, company(INSIDE)).factors


@pytest.mark.parametrize("reading", [*STANDARDS, company(INSIDE), company(OUTSIDE)], ids=lambda r: r.code)
def test_without_planned_time_no_standard_says_anything(reading: Reading) -> None:
    found = read(spent(off_shift_ms=HOUR, idle_ms=HOUR, no_data_ms=HOUR), reading)

    parts = found.factors
    assert [parts.availability.value, parts.performance.value, parts.quality.value, parts.oee.value] == [None] * 4
    assert (found.teep.value, found.ooe.value) == (None, None)


@given(TOTALS, POLICIES)
def test_the_companys_reading_is_its_policy(totals: Totals, policy: Policy) -> None:
    assert read(totals, company(policy)).factors == factors(totals.judged(policy))


@given(TOTALS, POLICIES)
def test_in_every_reading_the_factors_multiply_to_oee_and_oee_by_utilization_is_teep(
    totals: Totals, policy: Policy
) -> None:
    for reading in readings(policy):
        found = read(totals, reading)
        a, p, q = found.factors.availability.exact, found.factors.performance.exact, found.factors.quality.exact
        oee, utilization = found.factors.oee.exact, found.utilization.exact
        if a is not None and p is not None and q is not None:
            assert a * p * q == oee
        if oee is not None and utilization is not None:
            assert oee * utilization == found.teep.exact


@given(TOTALS, POLICIES)
def test_a_wider_denominator_never_gives_a_higher_figure(totals: Totals, policy: Policy) -> None:
    for reading in readings(policy):
        found = read(totals, reading)
        if found.teep.exact is not None and found.ooe.exact is not None and found.factors.oee.exact is not None:
            assert found.teep.exact <= found.ooe.exact <= found.factors.oee.exact
        if found.utilization.exact is not None:
            assert 0 <= found.utilization.exact <= 1


@given(TOTALS)
def test_smrp_never_reads_more_than_oee_com_and_no_reading_has_availability_above_one(totals: Totals) -> None:
    found = {reading.code: read(totals, reading).factors for reading in STANDARDS}

    for factors_ in found.values():
        assert factors_.availability.exact is None or 0 <= factors_.availability.exact <= 1
    smrp, oee_com = found["smrp"].oee.exact, found["oee.com"].oee.exact
    assert smrp is None or oee_com is None or smrp <= oee_com


@given(TOTALS, TOTALS, POLICIES)
def test_adding_first_and_dividing_last_is_the_same_in_every_reading(a: Totals, b: Totals, policy: Policy) -> None:
    for reading in readings(policy):
        one, other, both = (read(totals, reading).totals for totals in (a, b, a + b))
        assert one + other == both


def test_every_column_of_time_has_a_place_in_every_reading() -> None:
    for reading in (*STANDARDS, company(Policy())):
        assert reading.operating <= reading.planned <= set(TIME_COLUMNS)
    assert SMRP.planned > OEE_COM.planned > ISO_22400.planned
