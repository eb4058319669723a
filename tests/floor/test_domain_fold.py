"""Folding observations into facts, in any portions, as often as they come."""

import copy
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from floor.domain.counters import CounterSetup
from floor.domain.fold import Facts, MachineSetup, Minute, Watermark, fold
from floor.domain.machine import CounterEventKind, Observation, State

SIX = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
SETUP = MachineSetup(limit_ms=3000, made=CounterSetup(32_768, 5.0), rejected=CounterSetup(32_768, 5.0))


def seen(
    second: float, *, n: int | None = None, running: bool = True, made: int | None = 0, **more: object
) -> Observation:
    sequence = int(second * 10) + 1 if n is None else n
    return Observation(SIX + timedelta(seconds=second), 1, sequence, True, running, made=made, **more)  # type: ignore[arg-type]


def totals(facts: Facts) -> Minute:
    total = Minute()
    for minute in facts.minutes.values():
        for name in Minute.__slots__:
            setattr(total, name, getattr(total, name) + getattr(minute, name))
    return total


def test_a_machine_runs_from_the_first_reading_that_says_so() -> None:
    facts = fold(Watermark(), SETUP, [seen(0, running=False), seen(1), seen(2)])
    assert facts.edges == [(SIX, State.STOP), (SIX + timedelta(seconds=1), State.RUN)]
    assert (totals(facts).stop_ms, totals(facts).run_ms) == (1000, 1000)


def test_a_silence_longer_than_the_limit_is_unknown_from_the_last_good_reading() -> None:
    facts = fold(Watermark(), SETUP, [seen(0), seen(1), seen(10, made=4)])
    assert facts.edges[1:] == [
        (SIX + timedelta(seconds=1), State.UNKNOWN),
        (SIX + timedelta(seconds=10), State.RUN),
    ]
    assert totals(facts) == Minute(unobserved_made=4, run_ms=1000)


def test_a_short_silence_belongs_to_the_state_before_it() -> None:
    facts = fold(Watermark(), SETUP, [seen(0), seen(2.9, running=False)])
    assert totals(facts).run_ms == 2900


def test_a_scan_that_could_not_see_the_machine_changes_nothing() -> None:
    blind = Observation(SIX + timedelta(seconds=1), 1, 11, False, False)
    facts = fold(Watermark(), SETUP, [seen(0), blind, seen(2, made=2)])
    assert [edge[1] for edge in facts.edges] == [State.RUN]
    assert totals(facts).made == 2


def test_time_is_booked_to_the_minute_it_passed_in() -> None:
    facts = fold(Watermark(), SETUP, [seen(59), seen(61, made=1)])
    minutes = {minute.minute: row for (minute, _), row in facts.minutes.items()}
    assert (minutes[0].run_ms, minutes[1].run_ms, minutes[1].made) == (1000, 1000, 1)


def test_a_clock_set_back_counts_the_parts_and_no_second_twice() -> None:
    later = [seen(5, n=1, made=0), seen(6, n=2, made=1), seen(-3600, n=3, made=3), seen(-3599, n=4, made=4)]
    facts = fold(Watermark(), SETUP, later)
    assert totals(facts).made == 4
    assert totals(facts).run_ms == 1002


def test_facts_have_whole_milliseconds_and_lose_none() -> None:
    drifting = [Observation(SIX + timedelta(microseconds=n * 1_000_370), 1, n + 1, True, True) for n in range(31)]
    facts = fold(Watermark(), SETUP, drifting)
    assert all(reading.at.microsecond % 1000 == 0 for reading in facts.readings)
    assert totals(facts).run_ms == 30_011


def test_fault_bits_leave_one_event_each_with_both_ends() -> None:
    facts = fold(Watermark(), SETUP, [seen(0, fault_bits=0), seen(1, fault_bits=0b101), seen(2, fault_bits=0b100)])
    second = timedelta(seconds=1)
    assert facts.faults == [(0, SIX + second, SIX + 2 * second), (2, SIX + second, None)]


def test_a_counter_of_good_parts_gets_the_rejects_added() -> None:
    setup = MachineSetup(counts_good=True)
    facts = fold(Watermark(), setup, [seen(0, rejected=0), seen(1, made=5, rejected=2)])
    assert (totals(facts).made, totals(facts).rejected) == (7, 2)


def test_a_bad_counter_value_is_made_up_by_the_next_good_one() -> None:
    facts = fold(Watermark(), SETUP, [seen(0), seen(1, made=None), seen(2, made=4)])
    assert totals(facts).made == 4


def test_a_counter_that_is_read_again_after_the_machine_answers_for_all_the_time_since_it_was_read() -> None:
    mark = Watermark()
    fold(mark, SETUP, [seen(0), seen(7200, made=None), seen(7201, made=None)])
    assert fold(mark, SETUP, [seen(7202, made=4)]).since == SIX
    assert fold(mark, SETUP, [seen(7203, made=5)]).since == SIX + timedelta(seconds=7202)


def test_a_counter_that_fell_back_after_a_silence_answers_once_it_is_believed() -> None:
    mark = Watermark()
    fold(mark, SETUP, [seen(0, made=1000)])
    fold(mark, SETUP, [seen(60, made=900)])
    assert mark.made_at == SIX
    assert fold(mark, SETUP, [seen(61, made=901)]).since == SIX


def test_a_wrap_is_noted() -> None:
    facts = fold(Watermark(), SETUP, [seen(0, made=32_767), seen(1, made=1)])
    assert [(note.kind, note.delta) for note in facts.notes][1:] == [(CounterEventKind.WRAP, 2)]


steps = st.lists(
    st.tuples(
        st.sampled_from([200, 1000, 2500, 3000, 3001, 9000, 70_000]),  # milliseconds since the last scan
        st.booleans(),  # running
        st.integers(0, 3),  # parts made
        st.booleans(),  # seen
        st.integers(0, 7),  # fault bits
        st.sampled_from([None, 1, 2]),  # product
    ),
    min_size=1,
    max_size=60,
)


def observations(history: list[tuple[int, bool, int, bool, int, int | None]]) -> list[Observation]:
    at, made, result = SIX, 32_700, []
    for number, (pause, running, parts, is_seen, bits, product) in enumerate(history, 1):
        at += timedelta(milliseconds=pause)
        made += parts
        result.append(Observation(at, 1, number, is_seen, running, None, product, made % 32_768, 0, bits))
    return result


@given(history=steps, cut=st.integers(0, 60))
def test_two_portions_leave_the_same_facts_as_one(history: list, cut: int) -> None:  # type: ignore[type-arg]
    everything = observations(history)
    one, two = Watermark(), Watermark()
    whole = fold(one, SETUP, everything)
    first, second = fold(two, SETUP, everything[:cut]), fold(two, SETUP, everything[cut:])
    assert one == two
    assert whole.edges == first.edges + second.edges
    assert whole.notes == first.notes + second.notes
    assert len(whole.readings) == len(first.readings) + len(second.readings)
    left, right = totals(first), totals(second)
    assert totals(whole) == Minute(*(getattr(left, n) + getattr(right, n) for n in Minute.__slots__))


@given(history=steps)
def test_a_batch_delivered_twice_counts_once(history: list) -> None:  # type: ignore[type-arg]
    mark = Watermark()
    fold(mark, SETUP, observations(history))
    after = copy.deepcopy(mark)
    again = fold(mark, SETUP, observations(history))
    assert again == Facts()
    assert mark == after


@given(history=steps)
def test_every_part_is_booked_once_whatever_was_seen(history: list) -> None:  # type: ignore[type-arg]
    everything = observations(history)
    facts, total = fold(Watermark(), SETUP, everything), Minute()
    total = totals(facts)
    seen_only = [o.made for o in everything if o.seen and o.made is not None]
    made = (seen_only[-1] - seen_only[0]) % 32_768 if seen_only else 0
    assert total.made + total.unobserved_made == made
