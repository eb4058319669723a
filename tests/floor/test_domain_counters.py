"""Counters that wrap, are reset, jump, glitch and fall silent."""

from hypothesis import given
from hypothesis import strategies as st

from floor.domain.counters import CounterSetup, Step, step
from floor.domain.machine import CounterEventKind as Kind

BAGGER = CounterSetup(modulus=32_768, max_per_s=2.0)
FREE = CounterSetup()


def test_the_first_reading_of_a_counter_counts_nothing() -> None:
    assert step(BAGGER, None, None, 812, 0.0) == Step(0, 812, None, Kind.FIRST)


def test_plain_counting_is_the_difference() -> None:
    assert step(BAGGER, 100, None, 102, 1.0) == Step(2, 102, None, None)


def test_a_counter_that_passes_its_modulus_goes_on_counting() -> None:
    assert step(BAGGER, 32_767, None, 1, 1.0) == Step(2, 1, None, Kind.WRAP)


def test_a_counter_set_to_zero_counts_what_was_made_since() -> None:
    assert step(BAGGER, 9_000, None, 3, 2.0) == Step(3, 3, None, Kind.RESET)


def test_a_reset_near_the_modulus_is_no_wrap_when_the_machine_cannot_have_made_so_many() -> None:
    assert step(BAGGER, 30_000, None, 0, 1.0) == Step(0, 0, None, Kind.RESET)


def test_a_value_that_falls_by_one_waits_for_the_next_reading() -> None:
    taken = step(BAGGER, 5_000, None, 4_999, 1.0)
    assert taken == Step(0, 5_000, 4_999, None)


def test_a_glitch_that_comes_back_loses_and_doubles_nothing() -> None:
    low = step(BAGGER, 5_000, None, 4_999, 1.0)
    back = step(BAGGER, low.raw, low.suspect, 5_003, 1.0)
    assert (low.delta + back.delta, back.kind) == (3, Kind.GLITCH)


def test_a_fall_that_stays_is_a_counter_set_back_by_hand() -> None:
    low = step(BAGGER, 5_000, None, 3_000, 1.0)
    stays = step(BAGGER, low.raw, low.suspect, 3_002, 1.0)
    assert stays == Step(2, 3_002, None, Kind.RESET)


def test_a_jump_beyond_the_machine_s_speed_is_held_back() -> None:
    assert step(BAGGER, 100, None, 10_100, 1.0) == Step(0, 10_100, None, Kind.QUARANTINE, held=10_000)


def test_parts_made_during_a_long_silence_are_counted_and_marked() -> None:
    assert step(BAGGER, 100, None, 220, 120.0) == Step(120, 220, None, Kind.GAP)


def test_without_a_known_speed_a_small_value_after_a_large_one_is_a_reset() -> None:
    assert step(FREE, 900, None, 40, 1.0).kind is Kind.RESET


@given(
    modulus=st.sampled_from([1_000, 32_768, 65_536, 2**32]),
    start=st.integers(0, 10**6),
    made=st.lists(st.integers(0, 12), min_size=1, max_size=200),
)
def test_any_run_through_any_wrap_counts_every_part_once(modulus: int, start: int, made: list[int]) -> None:
    setup = CounterSetup(modulus=modulus, max_per_s=10.0)
    total, raw, suspect = start, start % modulus, None
    counted = 0
    for parts in made:
        total += parts
        taken = step(setup, raw, suspect, total % modulus, 1.0)
        counted += taken.delta
        raw, suspect = taken.raw, taken.suspect
    assert counted == sum(made)


@given(before=st.none() | st.integers(0, 2**40), after=st.integers(0, 2**40), elapsed=st.floats(0, 1e6))
def test_no_reading_ever_counts_backwards(before: int | None, after: int, elapsed: float) -> None:
    for setup in (BAGGER, FREE, CounterSetup(modulus=2**32)):
        assert step(setup, before, None, after, elapsed).delta >= 0
