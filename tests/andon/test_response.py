"""How quickly calls are answered: the figures of the analysis page and of the API."""

from datetime import timedelta

import pytest

from andon.actions import acknowledge, arrive, cancel, escalate_due, reject, reopen, resolve
from andon.domain.call import Priority
from andon.models import Call, EscalationRule
from andon.response import Period, Responses, Stretch, Wanted, called_again, response
from floor.models import Line, User
from tests.andon.plant import SIX, after, make_call, make_crew
from tests.factories import make_line


@pytest.fixture
def crew(db: None) -> dict[str, User]:
    return make_crew()


def wanted(*lines: Line, days: int = 1, **filters: object) -> Wanted:
    day = timedelta(days=days)
    stretches = [Stretch(line.pk, Period.NOW, SIX, SIX + day) for line in lines]
    stretches += [Stretch(line.pk, Period.BEFORE, SIX - day, SIX) for line in lines]
    return Wanted(tuple(stretches), "Europe/London", **filters)  # type: ignore[arg-type]


def answered_after(line: Line, crew: dict[str, User], minute: int, *, wait_s: int, kind: str = "maintenance") -> Call:
    call = make_call(line, by=crew["operator"], kind=kind, at=after(minutes=minute))
    acknowledge(call, by=crew["maintenance"], now=after(minutes=minute, seconds=wait_s))
    arrive(call, by=crew["maintenance"], now=after(minutes=minute, seconds=wait_s + 60))
    return resolve(call, "Fixed", by=crew["maintenance"], now=after(minutes=minute, seconds=wait_s + 360))


def test_median_and_nine_tenths_are_times_that_really_happened(crew: dict[str, User]) -> None:
    line = make_line()
    for place, wait_s in enumerate((10, 20, 30, 40, 50, 60, 70, 80, 90, 1000)):
        answered_after(line, crew, place * 90, wait_s=wait_s)

    found = response(wanted(line)).now

    assert (found.calls, found.answered.n) == (10, 10)
    assert (found.answered.median_s, found.answered.p90_s) == (50, 90)
    assert (found.answered.least_s, found.answered.most_s) == (10, 1000)
    assert found.arrived.median_s == 110
    assert found.remedied.most_s == 1360
    assert found.prompt == 5


def test_a_limit_is_that_of_the_rule_in_force_when_the_call_was_raised(crew: dict[str, User]) -> None:
    line = make_line()
    EscalationRule.objects.create(
        priority=Priority.HIGH, clock="ack", level=1, after_s=30, recipients=["quality"], valid_from=after(hours=2)
    )
    answered_after(line, crew, 0, wait_s=60)  # five minutes were allowed
    answered_after(line, crew, 121, wait_s=60)  # half a minute was

    found = response(wanted(line)).now.answered

    assert (found.within, found.limited, found.within_share) == (1, 2, 0.5)


def test_a_rejected_call_is_a_call_but_no_remedy(crew: dict[str, User]) -> None:
    line = make_line()
    reject(make_call(line, by=crew["operator"]), "Only the guard", by=crew["engineer"], now=after(minutes=1))

    found = response(wanted(line)).now

    assert (found.calls, found.rejected, found.resolved, found.remedied.n, found.first_time_share) == (1, 1, 0, 0, None)


def test_a_call_taken_back_never_was(crew: dict[str, User]) -> None:
    line = make_line()
    cancel(make_call(line, by=crew["operator"]), by=crew["operator"], now=after(seconds=3))

    assert response(wanted(line)).now == Responses.none()


def test_what_comes_again_within_the_hour_was_not_put_right_at_once(crew: dict[str, User]) -> None:
    line = make_line()
    answered_after(line, crew, 0, wait_s=30)
    answered_after(line, crew, 40, wait_s=30)
    answered_after(line, crew, 300, wait_s=30)
    reopened = answered_after(line, crew, 600, wait_s=30, kind="quality")
    reopen(reopened, "Again", by=crew["operator"], now=after(minutes=620))
    resolve(reopened, "Now really", by=crew["quality"], now=after(minutes=630))

    asked = wanted(line)
    found = response(asked).now

    assert (found.calls, found.resolved, found.repeated, found.reopened) == (4, 4, 1, 1)
    assert (found.first_time, found.first_time_share) == (2, 0.5)
    assert [(again.kind, again.times, again.last_at) for again in called_again(asked)] == [
        ("Maintenance", 1, after(minutes=40))
    ]


def test_every_part_adds_up_to_the_whole(crew: dict[str, User]) -> None:
    one, other = make_line("L-1"), make_line("L-2")
    for minute, line, kind in (
        (0, one, "maintenance"),
        (70, one, "quality"),
        (140, other, "safety"),
        (900, other, "stop"),
    ):
        answered_after(line, crew, minute, wait_s=minute, kind=kind)
    escalate_due(after(days=1))

    found = response(wanted(one, other))

    parts = (found.by_priority, found.by_kind, found.by_line, found.by_machine, found.by_day, found.by_hour)
    for part in (*parts, found.by_weekday_and_hour):
        assert sum(its.calls for its in part.values()) == found.now.calls == 4
        assert sum(its.answered.within for its in part.values()) == found.now.answered.within
    assert list(found.by_priority) == ["critical", "high", "medium"]
    assert set(found.by_hour) == {6, 7, 8, 21}


def test_filters_leave_out_what_was_not_asked_for(crew: dict[str, User]) -> None:
    line = make_line()
    answered_after(line, crew, 0, wait_s=10)
    answered_after(line, crew, 70, wait_s=20, kind="safety")

    assert response(wanted(line, kind="safety")).now.answered.median_s == 20
    assert response(wanted(line, priority=Priority.HIGH)).now.answered.median_s == 10
    assert response(wanted(line, source="machine")).now.calls == 0
    assert response(wanted(line, machine="M1")).now.calls == 0


def test_the_period_before_stands_beside(crew: dict[str, User]) -> None:
    line = make_line()
    answered_after(line, crew, -60, wait_s=45)

    found = response(wanted(line))

    assert (found.now.calls, found.before.calls, found.before.answered.median_s) == (0, 1, 45)
