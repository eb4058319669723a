import uuid
from datetime import UTC, datetime, timedelta

import pytest

from andon.actions import deliver_pending, escalate_due, raise_call, seed_rules
from floor.actions.heartbeat import beat
from ms5.watchdog import Alarm, Post, Watch, alarms
from tests.factories import make_line, make_user

SIX = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
LONG_BEFORE = SIX - timedelta(days=2)


def after(**span: float) -> datetime:
    return SIX + timedelta(**span)


def keys(now: datetime, since: datetime = LONG_BEFORE) -> set[str]:
    return {alarm.key for alarm in alarms(now, since)}


@pytest.mark.django_db
def test_a_step_that_nobody_takes_is_told_within_fifteen_seconds() -> None:
    seed_rules()
    raise_call(make_line(), "stop", by=make_user(), now=SIX, request_id=uuid.uuid4())
    due = after(minutes=5)
    beat("escalator", "one", due)

    assert "late:escalation" not in keys(due + timedelta(seconds=4))
    assert "late:escalation" in keys(due + timedelta(seconds=6))

    escalate_due(due + timedelta(seconds=7))
    assert "late:escalation" not in keys(due + timedelta(seconds=8))


@pytest.mark.django_db
def test_a_silent_process_is_told_and_one_that_never_ran_is_not_missed_except_the_escalator() -> None:
    assert keys(SIX) == {"silent:escalator"}

    beat("escalator", "one", SIX)
    beat("escalator", "two", after(seconds=-60))
    beat("beat", "one", after(minutes=-5))

    assert keys(after(seconds=1)) == {"silent:beat"}
    assert keys(after(seconds=20)) == {"silent:beat", "silent:escalator"}


@pytest.mark.django_db
def test_after_a_night_switched_off_nothing_is_told_before_the_others_have_had_time_to_start() -> None:
    beat("escalator", "one", after(hours=-8))

    assert keys(after(seconds=5), since=SIX) == set()
    assert keys(after(seconds=30), since=SIX) == {"silent:escalator"}


@pytest.mark.django_db
def test_mail_that_does_not_leave_is_told() -> None:
    seed_rules()
    make_user("milo", "maintenance")
    raise_call(make_line(), "maintenance", by=make_user(), now=SIX, request_id=uuid.uuid4())
    beat("escalator", "one", after(minutes=3))

    assert keys(after(minutes=3)) == {"late:mail"}

    deliver_pending(after(minutes=3))
    assert keys(after(minutes=3)) == set()


def test_an_alarm_is_mailed_once_in_ten_minutes_and_again_only_while_it_lasts() -> None:
    seconds: list[float] = [0.0]
    sent: list[str] = []
    watch = Watch(lambda: seconds[0], sent.append)
    wrong = [Alarm("silent:web", "No sign of life from web.")]

    for seconds[0] in (0.0, 5.0, 300.0, 599.0):
        watch.report(wrong)
    watch.report([])
    watch.report(wrong)
    assert len(sent) == 1

    seconds[0] = 601.0
    watch.report(wrong)
    assert len(sent) == 2


@pytest.mark.django_db
def test_the_watchdog_writes_to_the_administrators_it_knew_before_the_database_went(mailoutbox: list[object]) -> None:
    admin, post = make_user("ada", "admin"), Post()
    post.learn()

    post._send("The database does not answer.", post.addresses)

    assert [mail.to for mail in mailoutbox] == [[admin.email]]  # type: ignore[attr-defined]
