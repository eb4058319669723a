"""What a counter says about a span, and what was booked: whatever happened to the counter, they agree."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from floor.domain.counters import CounterSetup
from floor.domain.fold import Facts, MachineSetup, Watermark, fold
from floor.domain.machine import CounterEventKind, CounterKind, Observation
from floor.domain.reconciliation import Jump, difference, expected
from tests.floor.counting import histories, history

SETUPS = st.builds(
    MachineSetup,
    made=st.builds(CounterSetup, st.sampled_from([None, 32_768]), st.sampled_from([None, 2.0])),
    counts_good=st.booleans(),
)


def span(setup: MachineSetup, seen: list[Observation], cut: int) -> tuple[int, Facts]:
    """What the counter says about the readings from `cut` on, and the facts they left."""
    mark = Watermark()
    fold(mark, setup, seen[:cut])
    opening = mark.made_raw
    facts = fold(mark, setup, seen[cut:])
    if opening is None:
        opening = next((row.made_raw for row in facts.readings if row.made_raw is not None), None)
    notes = [note for note in facts.notes if note.counter is CounterKind.MADE]
    jumps = [Jump(note.kind, note.before, note.after, note.delta) for note in notes]
    added = sum(row.rejected for row in facts.readings) if setup.counts_good else 0
    return expected(opening, mark.made_raw, jumps) + added, facts


def booked(facts: Facts) -> int:
    return sum(row.made for row in facts.readings)


@given(setup=SETUPS, steps=histories, cut=st.integers(0, 60))
def test_the_counter_agrees_with_the_booked_parts_whatever_happened_to_it(
    setup: MachineSetup, steps: list[Any], cut: int
) -> None:
    says, facts = span(setup, history(steps), cut)
    in_minutes = sum(minute.made + minute.unobserved_made for minute in facts.minutes.values())
    assert difference(says, booked(facts), in_minutes) == 0


@given(setup=SETUPS, steps=histories, cut=st.integers(0, 60), which=st.integers(0), error=st.sampled_from([-1, 1]))
def test_a_lost_or_doubled_delta_is_found(
    setup: MachineSetup, steps: list[Any], cut: int, which: int, error: int
) -> None:
    says, facts = span(setup, history(steps), cut)
    deltas = [row.made for row in facts.readings if row.made]
    if deltas:
        wrong = error * deltas[which % len(deltas)]
        assert difference(says, booked(facts) + wrong, booked(facts)) == wrong
        assert difference(says, booked(facts), booked(facts) + wrong) == wrong


def test_parts_held_back_are_not_expected() -> None:
    assert expected(100, 9_100, [Jump(CounterEventKind.QUARANTINE, 100, 9_090, 8_990)]) == 10


def test_parts_after_a_wrap_are_expected() -> None:
    assert expected(32_760, 5, [Jump(CounterEventKind.WRAP, 32_767, 2, 3)]) == 13


def test_a_counter_that_was_not_read_is_expected_to_have_made_nothing() -> None:
    assert expected(None, None, []) == 0
