from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from andon.domain.call import LIVE, OVER, Deed, Priority, Status, after
from andon.domain.escalation import (
    RUNS_WHILE,
    STANDARD_RULES,
    WARN_BEFORE_S,
    Clock,
    Course,
    Step,
    advance,
    hasten,
    plan,
    turn,
    worth_telling,
)

SIX = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # the night in which British clocks go forward
priorities = st.sampled_from(Priority)
minutes = st.integers(0, 60 * 2)


def begin(priority: Priority) -> Course:
    return Course(Status.OPEN, 0, plan(priority, SIX, STANDARD_RULES, ["maintenance"]))


def play(course: Course, looks: list[float], deeds: dict[float, Status]) -> list[Step]:
    """Look at these seconds; a deed looks too, and then turns the course."""
    taken: list[Step] = []
    for second in sorted({*looks, *deeds}):
        course, now_taken = advance(course, SIX + timedelta(seconds=second))
        taken += now_taken
        if second in deeds:
            course = turn(course, deeds[second])
    return taken


@given(priority=priorities, acknowledged=st.none() | minutes, resolved=st.none() | minutes, odd=st.integers(1, 59))
def test_looking_every_second_or_once_an_hour_takes_the_same_steps(
    priority: Priority, acknowledged: int | None, resolved: int | None, odd: int
) -> None:
    deeds: dict[float, Status] = {}
    if acknowledged is not None and (resolved is None or acknowledged < resolved):
        deeds[acknowledged * 60 + odd] = Status.ACKNOWLEDGED
    if resolved is not None:
        deeds[resolved * 60 + odd] = Status.RESOLVED
    end = 3 * 3600

    often = play(begin(priority), [*range(0, end, 1 if priority == Priority.CRITICAL else 7), end], deeds)
    seldom = play(begin(priority), [*range(1800, end, 3600), end], deeds)

    assert sorted(often, key=repr) == sorted(seldom, key=repr)


@given(priority=priorities, acknowledged=minutes)
def test_an_acknowledged_call_never_takes_a_step_of_the_answer_clock(priority: Priority, acknowledged: int) -> None:
    course, _ = advance(begin(priority), SIX + timedelta(minutes=acknowledged))

    _, taken = advance(turn(course, Status.ACKNOWLEDGED), SIX + timedelta(days=1))

    assert taken
    assert {step.clock for step in taken} == {Clock.RESOLVE}


@given(priority=priorities, hours=st.integers(1, 24))
def test_a_call_that_nobody_hears_reminds_for_ever(priority: Priority, hours: int) -> None:
    _, first = advance(begin(priority), SIX + timedelta(hours=hours))
    course, _ = advance(begin(priority), SIX + timedelta(hours=hours))

    _, later = advance(course, SIX + timedelta(hours=hours + 1))

    assert later
    assert max(step.level for step in later) == 2
    assert not {step.key for step in later} & {step.key for step in first}


@given(priority=priorities)
def test_steps_fall_due_in_the_order_of_their_levels(priority: Priority) -> None:
    steps = plan(priority, SIX, STANDARD_RULES, ["maintenance"])

    for clock in (Clock.ACK, Clock.RESOLVE):
        due = [step for step in steps if step.clock == clock and not step.reminder]
        assert all(a.level < b.level and a.due_at < b.due_at for a, b in pairwise(due))
        assert due[-1].repeat_s is not None


def test_the_limits_are_those_the_plant_agreed_on() -> None:
    limits = {(rule.priority.word, rule.clock.value): rule.after_s / 60 for rule in STANDARD_RULES if rule.level == 1}

    assert limits == {
        ("low", "ack"): 15, ("low", "resolve"): 60,
        ("medium", "ack"): 10, ("medium", "resolve"): 45,
        ("high", "ack"): 5, ("high", "resolve"): 30,
        ("critical", "ack"): 2, ("critical", "resolve"): 15,
    }  # fmt: skip


def test_after_a_long_outage_only_the_last_of_many_reminders_is_sent() -> None:
    _, taken = advance(begin(Priority.CRITICAL), SIX + timedelta(hours=6))

    told = worth_telling(taken)

    assert len(taken) > 100
    assert [(s.clock.value, s.level) for s in told if s.reminder] == [("resolve", 0), ("resolve", 2), ("ack", 2)]
    assert len([s for s in told if not s.reminder]) == 5


@given(deeds=st.lists(st.sampled_from(Deed), max_size=12))
def test_only_reopening_leads_out_of_a_closed_call(deeds: list[Deed]) -> None:
    status = Status.OPEN
    for deed in deeds:
        following = after(deed, status)
        if status not in LIVE and following is not None:
            assert (deed, following) == (Deed.REOPEN, Status.OPEN)
            assert status in OVER
        status = following or status
    assert all((status in running) == (status in LIVE) for clock, running in RUNS_WHILE.items() if clock != Clock.ACK)


@given(priority=priorities, level=st.integers(0, 3))
def test_the_next_level_can_be_called_before_its_time_without_moving_the_plan(priority: Priority, level: int) -> None:
    course, _ = advance(begin(priority), SIX)
    planned = {step.key: step.due_at for step in course.ahead}

    for _ in range(level):
        course, step = hasten(course)
        assert step is not None
        assert planned.get(step.key, step.due_at) == step.due_at

    assert course.level == min(level, 2)
    _, later = advance(course, SIX + timedelta(hours=3))
    assert all(planned.get(step.key, step.due_at) == step.due_at for step in later)


def test_every_shift_that_finds_the_call_open_inherits_it() -> None:
    def next_shift(moment: datetime) -> datetime:
        return SIX + (moment - SIX) // timedelta(hours=8) * timedelta(hours=8) + timedelta(hours=8)

    steps = plan(Priority.LOW, SIX, STANDARD_RULES, ["maintenance"], next_shift)
    _, taken = advance(Course(Status.OPEN, 0, steps), SIX + timedelta(hours=25), next_shift)

    inherited = [step.due_at - SIX for step in taken if step.clock is Clock.SHIFT]
    assert inherited == [timedelta(hours=8 * n) for n in (1, 2, 3)]


@given(priority=priorities)
def test_those_called_are_warned_before_a_limit_passes(priority: Priority) -> None:
    steps = plan(priority, SIX, STANDARD_RULES, ["maintenance"])

    for clock, before_s in WARN_BEFORE_S.items():
        limit = min(step.due_at for step in steps if step.clock == clock and step.level == 1)
        warnings = [step for step in steps if step.clock == clock and (step.level, step.reminder) == (0, 1)]
        assert [step.due_at for step in warnings] == [due for due in [limit - timedelta(seconds=before_s)] if due > SIX]
