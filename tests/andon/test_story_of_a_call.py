"""Calls over simulated hours, through the actions and the database: the plan holds, whoever looks when."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from itertools import count, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.actions import acknowledge, escalate_due, resolve
from andon.domain.call import Priority
from andon.domain.escalation import STANDARD_RULES, WARN_BEFORE_S, Clock
from andon.models import Call, CallEvent, EscalationStep, Notification
from floor.models import Line, User
from tests.andon.plant import make_call, make_crew
from tests.factories import make_line, make_shifts, make_site

pytestmark = pytest.mark.django_db

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LONDON, LORD_HOWE = "Europe/London", "Australia/Lord_Howe"
# Nights in which the clocks are changed; shifts are Day 06–14, Afternoon 14–22, Night 22–06 by the clock on the wall.
NIGHTS = {
    "an ordinary night": (LONDON, date(2026, 3, 2)),
    "British clocks go forward": (LONDON, date(2026, 3, 28)),
    "British clocks go back": (LONDON, date(2026, 10, 24)),
    "Lord Howe goes back by half an hour": (LORD_HOWE, date(2026, 4, 4)),
    "Lord Howe goes forward by half an hour": (LORD_HOWE, date(2026, 10, 3)),
}
# When the call is raised, and for how long it is followed: over a change of shifts, and over the change of clocks.
MOMENTS = {
    "before a change of shifts": (time(21, 40), 1.5 * HOUR),
    "at a change of shifts": (time(22), 1.5 * HOUR),
    "before the clocks are changed": (time(0, 50), 6.5 * HOUR),
}
_numbers = count(1)

StepAt = tuple[str, int, int, datetime]


@pytest.fixture
def crew() -> dict[str, User]:
    return make_crew()


def make_plant(zone: str) -> Line:
    site = make_site(zone.split("/")[1].upper(), zone)
    if not site.shift_patterns.exists():
        make_shifts(site)
    return make_line(f"L-STORY{next(_numbers)}", site=site)


def on_the_wall(zone: str, evening: date, wall: time) -> datetime:
    """Of that night: times after midnight are of the next day."""
    day = evening if wall.hour >= 12 else evening + timedelta(days=1)
    return datetime.combine(day, wall, ZoneInfo(zone)).astimezone(UTC)


def shift_starts(zone: str, after: datetime, until: datetime) -> list[datetime]:
    """By the clock on the wall, without the calendar under test."""
    day = after.astimezone(ZoneInfo(zone)).date() - timedelta(days=1)
    starts = [
        datetime.combine(day + timedelta(days=n), time(hour), ZoneInfo(zone)).astimezone(UTC)
        for n in range((until - after).days + 4)
        for hour in (6, 14, 22)
    ]
    return [start for start in starts if after < start <= until]


def expected(priority: Priority, zone: str, raised_at: datetime, until: datetime) -> list[StepAt]:
    """What the standard rules say of a call that nobody answers, worked out by hand."""
    steps: list[StepAt] = [("ack", 0, 0, raised_at)]
    for rule in (rule for rule in STANDARD_RULES if rule.priority == priority):
        first = raised_at + timedelta(seconds=rule.after_s)
        every = timedelta(seconds=rule.repeat_s) if rule.repeat_s else None
        times = [first] if every is None else [first + n * every for n in range((until - first) // every + 1)]
        steps += [(rule.clock.value, rule.level, n, due) for n, due in enumerate(times)]
        warn = WARN_BEFORE_S[Clock(rule.clock)]
        if rule.level == 1 and rule.after_s > warn:
            steps.append((rule.clock.value, 0, 1, first - timedelta(seconds=warn)))
    steps += [("shift", 0, n, start) for n, start in enumerate(shift_starts(zone, raised_at, until))]
    return sorted((step for step in steps if step[3] <= until), key=lambda step: (step[3], step[:3]))


def taken(call: Call) -> list[StepAt]:
    rows = EscalationStep.objects.filter(call=call, taken_at__isnull=False)
    steps = rows.values_list("clock", "level", "reminder", "due_at")
    return sorted(steps, key=lambda step: (step[3], step[:3]))


def look_at(moments: Iterable[datetime]) -> None:
    for moment in moments:
        escalate_due(moment)


def every(span: timedelta, begin: datetime, end: datetime) -> list[datetime]:
    return [begin + n * span for n in range((end - begin) // span + 1)]


# ---------------------------------------------------------------- every priority, shift boundary and night


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
@pytest.mark.parametrize("night", NIGHTS.values(), ids=NIGHTS)
def test_every_level_of_every_priority_falls_due_when_its_rule_says_whatever_the_clocks_do(
    crew: dict[str, User], night: tuple[str, date], moment: tuple[time, timedelta]
) -> None:
    (zone, evening), (wall, span) = night, moment
    raised_at = on_the_wall(zone, evening, wall)
    calls = {
        priority: make_call(make_plant(zone), at=raised_at, by=crew["operator"], priority=priority)
        for priority in Priority
    }
    until = raised_at + span

    look_at([*every(HOUR, raised_at, until), until])

    for priority, call in calls.items():
        assert taken(call) == expected(priority, zone, raised_at, until)
        call.refresh_from_db()
        assert call.level == 2


@pytest.mark.parametrize(
    ("night", "begins"),
    [
        ("British clocks go forward", datetime(2026, 3, 29, 5, tzinfo=UTC)),
        ("British clocks go back", datetime(2026, 10, 25, 6, tzinfo=UTC)),
        ("Lord Howe goes back by half an hour", datetime(2026, 4, 4, 19, 30, tzinfo=UTC)),
        ("Lord Howe goes forward by half an hour", datetime(2026, 10, 3, 19, tzinfo=UTC)),
    ],
)
def test_the_day_shift_inherits_at_six_by_the_clock_on_the_wall(
    crew: dict[str, User], night: str, begins: datetime
) -> None:
    zone, evening = NIGHTS[night]
    call = make_call(make_plant(zone), at=on_the_wall(zone, evening, time(23)), by=crew["operator"])

    look_at([begins - timedelta(seconds=1)])
    assert not CallEvent.objects.filter(call=call, what="inherited").exists()
    look_at([begins])

    assert EscalationStep.objects.get(call=call, clock="shift", reminder=0).taken_at == begins


# ---------------------------------------------------------------- whoever looks when


Looks = Callable[[datetime, datetime], list[datetime]]


def story(looks: Looks, deeds: dict[timedelta, str], *, span: timedelta = 40 * MINUTE) -> Call:
    """A critical call shortly before a change of shifts, on the eve of the day on which British clocks go back."""
    zone, evening = NIGHTS["British clocks go back"]
    raised_at = on_the_wall(zone, evening, time(21, 55))
    until = raised_at + span
    people = {person.role: person for person in User.objects.all()}
    call = make_call(make_plant(zone), at=raised_at, by=people["operator"], priority=Priority.CRITICAL)
    done = {raised_at + after: deed for after, deed in deeds.items()}
    for moment in sorted({*looks(raised_at, until), *done, until}):
        if moment not in done:
            escalate_due(moment)
        elif done[moment] == "acknowledge":
            acknowledge(call, by=people["shift_manager"], now=moment)
        else:
            resolve(call, "Fixed", by=people["shift_manager"], now=moment)
    return call


def each_second(begin: datetime, end: datetime) -> list[datetime]:
    return every(timedelta(seconds=1), begin, end)


def once_late(_: datetime, end: datetime) -> list[datetime]:
    return [end]


def test_an_escalator_that_looks_every_second_and_one_that_slept_take_the_same_steps(crew: dict[str, User]) -> None:
    span = 7 * MINUTE  # both levels of the answer, a reminder, the warning before the remedy, and the next shift
    awake, asleep = story(each_second, {}, span=span), story(once_late, {}, span=span)

    assert taken(awake) == taken(asleep)
    lateness = EscalationStep.objects.filter(call=awake, taken_at__isnull=False).values_list("taken_at", "due_at")
    assert {at - due for at, due in lateness if at} == {timedelta()}
    assert [step[:3] for step in taken(awake)] == [
        ("ack", 0, 0), ("ack", 1, 0), ("ack", 2, 0), ("resolve", 0, 1), ("shift", 0, 0), ("ack", 2, 1)
    ]  # fmt: skip


deeds = st.dictionaries(
    st.integers(1, 39).map(lambda minutes: timedelta(minutes=minutes, seconds=7)),
    st.just("acknowledge"),
    max_size=1,
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seconds=st.lists(st.integers(0, 2400), max_size=12), deeds=deeds, resolved=st.none() | st.integers(1, 39))
def test_whenever_anybody_looks_the_same_steps_are_taken_and_the_same_people_told_at_least_once(
    crew: dict[str, User], seconds: list[int], deeds: dict[timedelta, str], resolved: int | None
) -> None:
    if resolved is not None:
        deeds = {at: deed for at, deed in deeds.items() if at < resolved * MINUTE} | {resolved * MINUTE: "resolve"}

    seen = story(lambda begin, _: [begin + timedelta(seconds=second) for second in seconds], deeds)
    asleep = story(once_late, deeds)

    assert taken(seen) == taken(asleep)
    assert plans(seen) == plans(asleep)
    assert told(seen) == told(asleep)


def plans(call: Call) -> list[tuple[StepAt, bool]]:
    """Every step there ever was, and whether it was cancelled."""
    rows = EscalationStep.objects.filter(call=call).values_list("clock", "level", "reminder", "due_at", "cancelled_at")
    return sorted(((clock, level, reminder, due), bool(off)) for clock, level, reminder, due, off in rows)


def told(call: Call) -> set[tuple[str, int]]:
    """Who was told of which level."""
    rows = Notification.objects.filter(call=call, event__step__isnull=False)
    return set(rows.values_list("recipient__role", "event__level"))


def test_every_step_is_one_line_of_history_in_the_order_of_due_times(crew: dict[str, User]) -> None:
    call = story(once_late, {})

    events = CallEvent.objects.filter(call=call, step__isnull=False).order_by("pk")
    lines = list(events.values_list("step", "step__due_at"))

    assert len({step for step, _ in lines}) == len(lines) == len(taken(call))
    assert all(before <= after for (_, before), (_, after) in pairwise(lines))
