from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from andon.domain.call import Priority
from andon.domain.machine_calls import (
    CHATTER,
    STANDARD_RULES,
    Category,
    Due,
    Fault,
    Place,
    Rule,
    Standstill,
    Trigger,
    due,
    loud_and_silent,
    overlap,
    reached,
    rule_for,
)
from tests.andon.plant import SIX, after

LINE, MACHINE = UUID(int=1), UUID(int=2)


def minutes(count: float) -> datetime:
    return after(minutes=count)


def standing(*, until: float, faults: tuple[Fault, ...] = (), reason: str = "", minor_s: float = 0) -> Standstill:
    """A stop that began at six and has lasted so many minutes, none of them planned."""
    lost = ((SIX, minutes(until)),)
    return Standstill(LINE, MACHINE, SIX, lost, True, reason, minor_s=minor_s, faults=faults)


def fault(category: Category, at: float = 0, bit: int = 1, gone: float | None = None) -> Fault:
    return Fault(bit, category, f"Fault {bit}", minutes(at), None if gone is None else minutes(gone))


def owed(stop: Standstill) -> list[tuple[datetime, str, Priority]]:
    return [(one.due_at, one.kind, one.priority) for one in due(stop, STANDARD_RULES)]


def test_a_critical_fault_calls_after_two_minutes_and_not_before() -> None:
    its = (fault(Category.CRITICAL),)
    assert owed(standing(until=1.99, faults=its)) == []
    assert owed(standing(until=2, faults=its)) == [(minutes(2), "maintenance", Priority.CRITICAL)]


def test_one_medium_fault_does_not_call_two_together_do() -> None:
    one, other = fault(Category.MEDIUM, 0, 1), fault(Category.MEDIUM, 3, 2)
    assert owed(standing(until=20, faults=(one,))) == []
    assert owed(standing(until=20, faults=(one, other))) == [(minutes(18), "maintenance", Priority.MEDIUM)]


def test_a_fault_that_went_while_the_machine_still_stands_does_not_call() -> None:
    assert owed(standing(until=20, faults=(fault(Category.HIGH, 0, gone=2),))) == []


def test_a_fault_that_went_after_its_time_had_come_has_called() -> None:
    found = owed(standing(until=20, faults=(fault(Category.HIGH, 0, gone=8),)))
    assert found == [(minutes(5), "maintenance", Priority.HIGH)]


def test_the_same_fault_twice_is_one_fault() -> None:
    again = (fault(Category.MEDIUM, 0, gone=5), fault(Category.MEDIUM, 10))
    assert owed(standing(until=29, faults=again)) == []


def test_more_than_three_faults_make_a_call_more_urgent_but_never_critical() -> None:
    medium = tuple(fault(Category.MEDIUM, 0, bit) for bit in range(4))
    high = tuple(fault(Category.HIGH, 0, bit) for bit in range(4))
    assert owed(standing(until=16, faults=medium)) == [(minutes(15), "maintenance", Priority.HIGH)]
    assert owed(standing(until=16, faults=high)) == [(minutes(5), "maintenance", Priority.HIGH)]


def test_any_critical_fault_makes_the_call_critical() -> None:
    rules = [rule for rule in STANDARD_RULES if rule.about != Category.CRITICAL]
    stop = standing(until=6, faults=(fault(Category.HIGH, 0, 1), fault(Category.CRITICAL, 4, 2)))
    assert [one.priority for one in due(stop, rules)] == [Priority.CRITICAL]


def test_a_stop_that_becomes_graver_owes_the_same_help_again_but_never_for_less() -> None:
    high, critical = fault(Category.HIGH, 0, 1), fault(Category.CRITICAL, 10, 2)
    found = due(standing(until=60, faults=(high, critical)), STANDARD_RULES)
    assert [(one.due_at, one.priority, one.is_graver) for one in found] == [
        (minutes(5), Priority.HIGH, False),
        (minutes(12), Priority.CRITICAL, True),
    ]


def test_faults_of_neighbours_and_slight_ones_call_nobody_as_the_plant_starts() -> None:
    for category in (Category.LOW, Category.UPSTREAM, Category.DOWNSTREAM):
        stop = standing(until=29, faults=tuple(fault(category, 0, bit) for bit in range(9)))
        assert owed(stop) == []


def test_a_stop_calls_by_its_reason_and_an_unknown_one_after_half_an_hour() -> None:
    for reason, at, kind, priority in (
        ("MECH_FAULT", 15, "maintenance", Priority.HIGH),
        ("ELEC_FAULT", 10, "maintenance", Priority.HIGH),
        ("PLC_FAULT", 5, "maintenance", Priority.CRITICAL),
        ("MAT_SHORTAGE", 30, "material", Priority.MEDIUM),
        ("MAT_JAM", 20, "material", Priority.MEDIUM),
        ("", 30, "maintenance", Priority.MEDIUM),
        ("SOMETHING_NEW", 30, "maintenance", Priority.MEDIUM),
    ):
        assert owed(standing(until=at - 0.01, reason=reason)) == []
        assert owed(standing(until=at, reason=reason)) == [(minutes(at), kind, priority)]


def test_a_starved_machine_calls_nobody() -> None:
    assert owed(standing(until=600, reason="UPSTREAM_STOP")) == []


def test_a_stop_that_may_still_be_a_minor_one_does_not_call() -> None:
    stop = standing(until=9, reason="PLC_FAULT", minor_s=600)
    assert owed(stop) == []
    assert owed(replace(stop, lost=((SIX, minutes(10)),)))[0][0] == minutes(10)


def test_planned_time_is_not_counted() -> None:
    stop = replace(standing(until=60, reason="MECH_FAULT"), lost=((SIX, minutes(10)), (minutes(40), minutes(60))))
    assert owed(stop) == [(minutes(45), "maintenance", Priority.HIGH)]
    assert owed(replace(stop, lost=())) == []


RULE = Rule(Trigger.STOP, "", 600, "maintenance", Priority.MEDIUM)


def test_the_most_particular_rule_wins_and_one_that_is_off_silences_the_machine() -> None:
    exact = replace(RULE, about="MECH_FAULT", after_s=300)
    off = replace(RULE, place=Place.MACHINE, enabled=False)
    assert rule_for([RULE, exact], Trigger.STOP, "MECH_FAULT") == exact
    assert rule_for([RULE, exact, off], Trigger.STOP, "MECH_FAULT") is None
    on = replace(exact, place=Place.MACHINE)
    assert rule_for([RULE, exact, off, on], Trigger.STOP, "MECH_FAULT") == on
    assert rule_for([off, RULE], Trigger.FAULTS, "high") is None


def a_due(kind: str, priority: Priority, at: float = 1) -> Due:
    return Due(minutes(at), kind, priority, Trigger.FAULTS, "")


def test_a_shelf_holds_its_kind_back_but_nothing_critical_and_no_safety() -> None:
    medium, critical = a_due("maintenance", Priority.MEDIUM), a_due("maintenance", Priority.CRITICAL)
    safety = a_due("safety", Priority.LOW)
    assert loud_and_silent([medium], [medium], {"maintenance"}) == ([], [medium])
    assert loud_and_silent([critical], [critical], {"maintenance"}) == ([critical], [])
    assert loud_and_silent([safety], [safety], {"safety"}) == ([safety], [])


def test_a_shelved_fault_is_recorded_when_only_it_would_have_called() -> None:
    one = a_due("maintenance", Priority.HIGH)
    assert loud_and_silent([one], [], ()) == ([], [one])
    later = replace(one, due_at=minutes(30))
    assert loud_and_silent([one], [later], ()) == ([later], [])


spans = st.lists(st.tuples(st.integers(0, 200), st.integers(1, 60)), max_size=6).map(
    lambda pairs: tuple((minutes(at), minutes(at + length)) for at, length in pairs)
)


@given(spans, spans)
def test_the_overlap_lies_in_both(some: tuple[tuple[datetime, datetime], ...], others: tuple) -> None:  # type: ignore[type-arg]
    for start, end in overlap(some, others):
        assert start < end
        assert any(a <= start and end <= b for a, b in some)
        assert any(a <= start and end <= b for a, b in others)


faults = st.lists(
    st.builds(
        lambda bit, category, at, length: Fault(
            bit, category, f"Fault {bit}", minutes(at), None if length is None else minutes(at + length)
        ),
        st.integers(0, 5), st.sampled_from(list(Category)), st.integers(0, 40), st.none() | st.integers(1, 40),
    ),
    max_size=8,
)  # fmt: skip
reasons = st.sampled_from([rule.about for rule in STANDARD_RULES if rule.trigger is Trigger.STOP])


@given(faults, reasons, st.integers(1, 120), st.integers(0, 600))
def test_looking_late_finds_the_same_calls_due_at_the_same_time(
    its: list[Fault], reason: str, first_look: int, lateness: int
) -> None:
    """Whatever was due at a look stays due: later looks know of faults that came up since, and change nothing."""
    seen = tuple(
        replace(one, off_at=None if one.off_at is None or one.off_at > minutes(first_look) else one.off_at)
        for one in its
        if one.on_at <= minutes(first_look)
    )
    early = due(standing(until=first_look, faults=seen, reason=reason), STANDARD_RULES)
    late = due(standing(until=first_look + lateness, faults=tuple(its), reason=reason), STANDARD_RULES)
    assert early == tuple(one for one in late if one.due_at <= minutes(first_look))


def in_turn(cuts: list[int]) -> tuple[tuple[datetime, datetime], ...]:
    """Spans that do not overlap, in order; an odd last cut is left out."""
    moments = [minutes(cut) for cut in sorted(cuts)]
    return tuple(zip(moments[::2], moments[1::2], strict=False))


in_order = st.lists(st.integers(0, 260), max_size=12, unique=True).map(in_turn)


@given(in_order, st.integers(0, 100), st.integers(60, 6000))
def test_a_moment_is_reached_when_just_so_much_was_lost(
    lost: tuple[tuple[datetime, datetime], ...], since: int, after_s: int
) -> None:
    moment = reached(lost, minutes(since), after_s)
    passed = overlap(lost, [(minutes(since), moment or after(days=2))])
    total = sum(((end - start) for start, end in passed), timedelta())
    assert (total == timedelta(seconds=after_s)) if moment else (total < timedelta(seconds=after_s))


def test_a_flicker_shorter_than_a_minute_does_not_end_a_fault() -> None:
    one = fault(Category.HIGH, 0, gone=5)
    assert one.stood_at(minutes(5.5))
    assert not one.stood_at(minutes(5) + CHATTER)
