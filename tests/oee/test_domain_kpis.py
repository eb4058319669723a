from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given

from oee.domain.factors import Policy, Totals
from oee.domain.kpis import (
    BY_CODE,
    FORMULAS,
    Answered,
    Targets,
    Unit,
    catalogue,
    kpi,
    missed,
    rating,
)
from oee.domain.readings import ISO_22400, OEE_COM, company, read, readings
from tests.oee.totals import HOUR, INSIDE, MINUTE, POLICIES, TOTALS, made, spent

A_SHIFT = replace(
    made(
        spent(
            off_shift_ms=16 * HOUR, break_ms=30 * MINUTE, planned_stop_ms=30 * MINUTE, setup_ms=60 * MINUTE,
            stop_ms=40 * MINUTE, external_stop_ms=10 * MINUTE, minor_stop_ms=10 * MINUTE, run_ms=5 * HOUR,
        ),
        12_000, 600, 1000,
    ),
    reworked=120, failures=4, minor_stops=20,
)  # fmt: skip


def value(code: str, totals: Totals = A_SHIFT) -> Fraction | None:
    return kpi(code, totals, OEE_COM).value


@pytest.mark.parametrize(
    ("code", "exact"),
    [
        ("availability", Fraction(310, 450)),
        ("performance", Fraction(200, 310)),
        ("quality", Fraction(19, 20)),
        ("oee", Fraction(190, 450)),
        ("ooe", Fraction(190, 450)),
        ("utilization", Fraction(450, 1440)),
        ("teep", Fraction(190, 1440)),
        ("lost", Fraction(260, 450)),
        ("completeness", Fraction(1)),
        ("effectiveness", Fraction(200, 300)),
        ("net_operating_rate", Fraction(300, 310)),
        ("nee", Fraction(360, 420) * Fraction(200, 300) * Fraction(19, 20)),
        ("utilization_efficiency", Fraction(300, 420)),
        ("setup_ratio", Fraction(60, 360)),
        ("technical_efficiency", Fraction(300, 360)),
        ("scrap_ratio", Fraction(480, 12_000)),
        ("rework_ratio", Fraction(120, 12_000)),
        ("first_pass_yield", Fraction(19, 20)),
        ("mtbf", Fraction(310, 4 * 60)),
        ("mttf", Fraction(310, 4 * 60)),
        ("mttr", Fraction(40, 4 * 60)),
        ("inherent_availability", Fraction(310, 350)),
        ("failure_rate", Fraction(4 * 60, 310)),
        ("minor_stop_rate", Fraction(20 * 60, 310)),
    ],
)
def test_a_shift_in_all_its_figures(code: str, exact: Fraction) -> None:
    """Minutes: 30 break, 30 planned, 60 changeover, 40 failures (4), 10 starved, 10 minor, 300 running."""
    assert value(code) == exact


def test_every_figure_says_what_it_is_made_of_and_where_that_comes_from() -> None:
    for figure in catalogue(A_SHIFT, OEE_COM, Answered(calls=3, waited_ms=9 * MINUTE)):
        assert figure.name
        assert "÷" in figure.words or "×" in figure.words
        assert figure.source
        assert figure.denominator
        assert figure.value is not None
    assert len(BY_CODE) == len(FORMULAS)


def test_the_evidence_of_mtbf_is_milliseconds_over_failures_and_its_value_is_hours() -> None:
    found = kpi("mtbf", A_SHIFT, OEE_COM)

    assert (found.numerator, found.numerator_unit) == (310 * MINUTE, Unit.MS)
    assert (found.denominator, found.denominator_unit) == (4, Unit.FAILURES)
    assert found.unit is Unit.HOURS


def test_without_a_failure_only_a_lower_bound_of_mtbf_is_known() -> None:
    found = kpi("mtbf", replace(A_SHIFT, failures=0), OEE_COM)

    assert found.value is None
    assert found.note == "no failure: more than 5.1 h of operating time"
    assert value("mttr", replace(A_SHIFT, failures=0)) is None


@pytest.mark.parametrize(
    ("hours", "failures", "mtbf"), [(9, 4, Fraction(9, 4)), (7_200, 12, Fraction(600)), (18_000, 12, Fraction(1_500))]
)
def test_mtbf_is_operating_hours_by_failures(hours: int, failures: int, mtbf: Fraction) -> None:
    """mfgcalcs.com, MTBF: 7 200 h and 12 failures are 600 h, 18 000 h are 1 500 h. And a day of 9 h with 4."""
    assert value("mtbf", replace(spent(run_ms=hours * HOUR), failures=failures)) == mtbf


def test_inherent_availability_of_900_hours_between_failures_and_100_to_repair() -> None:
    """A textbook's exercise: availability = MTBF ÷ (MTBF + MTTR) = 90 %."""
    totals = replace(spent(run_ms=900 * HOUR, stop_ms=100 * HOUR), failures=1)

    assert value("inherent_availability", totals) == Fraction(9, 10)
    assert value("mtbf", totals) == 900
    assert value("mttr", totals) == 100


def test_waiting_for_an_answer_needs_the_calls() -> None:
    unknown, known = (kpi("mtta", A_SHIFT, OEE_COM, calls) for calls in (None, Answered(3, 9 * MINUTE)))

    assert (unknown.value, unknown.note) == (None, "needs the calls of this machine")
    assert known.value == Fraction(3, 60)


def test_iso_has_no_teep_and_says_so() -> None:
    found = kpi("teep", A_SHIFT, ISO_22400)

    assert (found.value, found.note) == (None, "ISO 22400 has no TEEP")


def test_quality_without_an_ideal_cycle_is_in_parts() -> None:
    found = kpi("quality", replace(A_SHIFT, unrated_made=5), OEE_COM)

    assert (found.numerator, found.denominator, found.numerator_unit) == (11_400, 12_000, Unit.PARTS)
    assert found.note == "by pieces: not every part has an ideal cycle"


def test_a_machine_that_did_nothing_knows_nothing_and_divides_by_nothing() -> None:
    assert {figure.code: figure.value for figure in catalogue(Totals(), OEE_COM)} == dict.fromkeys(BY_CODE)


def test_iso_performance_and_speed_rate_agree() -> None:
    assert kpi("performance", A_SHIFT, ISO_22400).value == kpi("effectiveness", A_SHIFT, ISO_22400).value


def test_the_page_for_people_lists_every_figure_as_it_is_made() -> None:
    page = (Path(__file__).parents[2] / "docs" / "oee.md").read_text(encoding="utf-8")

    rows = [f"| {f.name} | {f.symbol} | {f.words} | {f.unit} | {f.source} |" for f in FORMULAS]
    assert [row for row in rows if row not in page] == []


@given(TOTALS, POLICIES)
def test_performance_is_speed_rate_by_net_operating_rate(totals: Totals, policy: Policy) -> None:
    """Nakajima's split of performance."""
    found = {figure.code: figure.value for figure in catalogue(totals, company(policy))}

    speed, net, performance = (found[code] for code in ("effectiveness", "net_operating_rate", "performance"))
    if speed is not None and net is not None and performance is not None:
        assert speed * net == performance


@given(TOTALS)
def test_iso_figures_keep_their_order(totals: Totals) -> None:
    """NEE ≥ OEE because setup is no loss in it; technical efficiency leaves setup out, utilization efficiency not."""
    found = {figure.code: figure.value for figure in catalogue(totals, ISO_22400)}

    pairs = [("oee", "nee"), ("utilization_efficiency", "technical_efficiency")]
    for lower, higher in pairs:
        low, high = found[lower], found[higher]
        assert low is None or high is None or low <= high
    for code in ("utilization_efficiency", "technical_efficiency", "setup_ratio", "scrap_ratio", "rework_ratio"):
        share = found[code]
        assert share is None or 0 <= share <= 1


@given(TOTALS, POLICIES)
def test_a_figure_is_its_numerator_by_its_denominator_in_every_reading(totals: Totals, policy: Policy) -> None:
    for reading in readings(policy):
        for figure in catalogue(totals, reading):
            if figure.value is None:
                assert figure.denominator is None
            elif figure.unit is Unit.SHARE:
                assert figure.value == Fraction(figure.numerator, figure.denominator or 0)


# ---------------------------------------------------------------- words and targets


@pytest.mark.parametrize(
    ("oee", "word"),
    [("0.85", "excellent"), ("0.8499", "good"), ("0.70", "good"), ("0.6999", "fair"), ("0.5", "fair"), ("0.4", "poor")],
)
def test_oee_in_one_word(oee: str, word: str) -> None:
    assert rating(Fraction(oee)) == word


def test_what_is_not_known_has_no_word_and_misses_no_target() -> None:
    assert rating(None) is None
    assert missed(read(Totals(), OEE_COM).factors, Targets()) == ()


def test_a_factor_below_its_target_is_named() -> None:
    assert missed(read(A_SHIFT, company(INSIDE)).factors, Targets()) == ("availability", "performance", "oee")


def test_the_target_of_oee_is_the_product_of_the_targets() -> None:
    assert Targets().oee == Fraction(72675, 100_000)
