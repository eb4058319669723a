import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, connections
from django.test import override_settings

from andon.actions import acknowledge, deliver_pending, escalate_due, resolve
from andon.clock import database_now
from andon.domain.call import Priority
from andon.models import Call, CallEvent, EscalationRule, EscalationStep, Notification
from floor.models import User
from tests.andon.plant import SIX, after, make_call, make_crew
from tests.factories import make_line, make_user


@pytest.fixture
def crew(db: None) -> dict[str, User]:
    return make_crew()


def roles_told(call: Call, level: int) -> set[str]:
    told = Notification.objects.filter(call=call, event__level=level, channel="email")
    return set(told.values_list("recipient__role", flat=True))


def test_a_call_nobody_answers_goes_to_the_next_people_on_time(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])

    assert escalate_due(after(minutes=4, seconds=59)) == 0
    assert escalate_due(after(minutes=5)) == 1

    call.refresh_from_db()
    assert call.level == 1
    assert roles_told(call, 1) == {"shift_manager", "engineer", "production_manager", "admin"}
    assert EscalationStep.objects.get(clock="ack", level=1).taken_at == after(minutes=5)


def test_whoever_waits_sees_on_the_bell_that_the_call_goes_on(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])
    escalate_due(after(minutes=5))

    told = Notification.objects.filter(call=call, recipient=crew["operator"])
    assert list(told.values_list("channel", "event__what")) == [("in_app", "escalated")]


def test_acknowledging_stops_the_escalation_but_not_the_clock_of_the_remedy(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])
    acknowledge(call, by=crew["maintenance"], now=after(minutes=4))

    assert escalate_due(after(minutes=20)) == 1  # ten minutes left
    assert escalate_due(after(minutes=29)) == 0
    assert escalate_due(after(minutes=30)) == 1

    call.refresh_from_db()
    assert (call.status, call.level) == ("acknowledged", 1)
    assert CallEvent.objects.get(what="escalated").text.startswith("Not resolved yet: goes to shift manager")


def test_an_escalated_call_can_still_be_acknowledged_and_resolved(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])
    escalate_due(after(minutes=12))

    acknowledge(call, by=crew["engineer"], now=after(minutes=13))
    resolve(call, "Fixed", by=crew["engineer"], now=after(minutes=20))

    assert escalate_due(after(days=1)) == 0


def test_a_step_due_before_the_acknowledgement_is_taken_even_if_no_escalator_ran(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])

    acknowledge(call, by=crew["maintenance"], now=after(minutes=7))

    assert roles_told(call, 1) == {"shift_manager", "engineer", "production_manager", "admin"}
    call.refresh_from_db()
    assert call.level == 1


def test_beyond_the_last_level_people_are_reminded_again_and_again(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])
    escalate_due(after(minutes=10))

    for minute in (15, 20, 25):
        escalate_due(after(minutes=minute))

    assert CallEvent.objects.filter(call=call, what="reminded", level=2).count() == 3
    ahead = EscalationStep.objects.ahead().get(clock="ack")
    assert (ahead.reminder, ahead.due_at) == (4, after(minutes=30))


def test_a_level_without_people_reaches_those_who_lead(crew: dict[str, User]) -> None:
    User.objects.filter(role="maintenance").update(is_active=False)

    call = make_call(by=crew["operator"])

    assert roles_told(call, 0) == {"shift_manager", "production_manager", "admin"}


def test_changed_rules_hold_for_calls_raised_from_their_date_on(crew: dict[str, User]) -> None:
    EscalationRule.objects.create(
        priority=Priority.HIGH, clock="ack", level=1, after_s=60, recipients=["quality"], valid_from=after(hours=1)
    )

    make_call(by=crew["operator"], at=after(minutes=59))
    late = make_call(by=crew["operator"], at=after(hours=1))

    assert escalate_due(after(hours=1, minutes=1)) == 1
    assert roles_told(late, 1) == {"quality"}


def test_rules_that_would_let_a_call_be_forgotten_are_refused_in_words(crew: dict[str, User]) -> None:
    last = EscalationRule.objects.get(priority=Priority.HIGH, clock="resolve", level=2)
    first = EscalationRule.objects.get(priority=Priority.HIGH, clock="resolve", level=1)
    last.full_clean()
    first.full_clean()

    for rule, change, field in (
        (last, {"repeat_s": None}, "repeat_s"),  # told once, then never again
        (last, {"enabled": False}, "repeat_s"),  # the level before it becomes the last one, and tells once
        (first, {"recipients": []}, "recipients"),
        (first, {"after_s": 3600}, "after_s"),
    ):
        wrong = EscalationRule.objects.get(pk=rule.pk)
        for name, value in change.items():
            setattr(wrong, name, value)
        with pytest.raises(ValidationError) as caught:
            wrong.full_clean()
        assert field in caught.value.message_dict

    EscalationRule.objects.filter(pk=first.pk).update(enabled=False)
    last.enabled = False
    with pytest.raises(ValidationError, match="nobody would be told any more"):
        last.full_clean()


def test_without_any_rules_the_standard_ones_hold(crew: dict[str, User]) -> None:
    EscalationRule.objects.all().delete()

    make_call(by=crew["operator"])

    assert escalate_due(after(minutes=5)) == 1


def test_a_call_that_cannot_be_escalated_is_put_aside_and_the_others_go_on(
    crew: dict[str, User], caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = make_call(by=crew["operator"]), make_call(by=crew["operator"])
    step = EscalationStep.objects.get(call=broken, clock="ack", level=1)
    # The step's line of history is there already, so writing it fails in the database.
    CallEvent.objects.create(call=broken, at=SIX, what="escalated", step=step)

    assert escalate_due(after(minutes=5)) == 1

    sound.refresh_from_db()
    step.refresh_from_db()
    assert sound.level == 1
    assert (step.taken_at, step.postponed_until, step.failures) == (None, after(minutes=5, seconds=30), 1)
    assert list(EscalationStep.objects.overdue(after(minutes=6))) == [step]


def test_the_database_clock_decides_what_is_due(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"], at=database_now() - timedelta(minutes=6))

    assert escalate_due() == 1

    call.refresh_from_db()
    assert call.level == 1


@pytest.fixture
def calls_due(transactional_db: None) -> list[Call]:
    crew = make_crew()
    return [make_call(make_line(f"L-{n}"), by=crew["operator"]) for n in range(250)]


def test_two_escalators_take_each_step_once(calls_due: list[Call]) -> None:
    moment, both, taken = after(minutes=10), threading.Barrier(2), []

    def escalator() -> None:
        both.wait()
        for _ in range(3):
            taken.append(escalate_due(moment))
        connections.close_all()

    threads = [threading.Thread(target=escalator) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(taken) == 2 * len(calls_due)
    assert CallEvent.objects.filter(what="escalated").count() == 2 * len(calls_due)
    assert Notification.objects.filter(event__what="escalated", channel="email").count() == len(calls_due) * (4 + 2)


def test_acknowledging_while_the_escalator_moves_the_call_waits_for_it(transactional_db: None) -> None:
    crew = make_crew()
    call = make_call(by=crew["operator"])
    moved = threading.Event()

    def escalator() -> None:
        from django.db import transaction

        with transaction.atomic():
            escalate_due(after(minutes=5))
            moved.set()
            with connection.cursor() as cursor:
                _until_somebody_waits(cursor)
        connections.close_all()

    thread = threading.Thread(target=escalator)
    thread.start()
    moved.wait(10)
    acknowledge(call, by=crew["maintenance"], now=after(minutes=5, seconds=1))
    thread.join()

    call.refresh_from_db()
    assert (call.status, call.level) == ("acknowledged", 1)
    assert CallEvent.objects.filter(call=call, what="escalated").count() == 1


def _until_somebody_waits(cursor: Any) -> None:
    for _ in range(1000):
        cursor.execute(
            "SELECT pg_sleep(0.01), count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"
        )
        if cursor.fetchone()[1]:
            return


@override_settings(REDIS_URL="redis://127.0.0.1:1/0")
def test_without_redis_a_call_is_raised_stored_escalated_and_mailed(
    transactional_db: None, mailoutbox: list[Any]
) -> None:
    crew = make_crew()
    line = make_line("L-BAG1")

    make_call(line, by=crew["operator"])
    deliver_pending(after(seconds=10))
    escalate_due(after(minutes=5))
    deliver_pending(after(minutes=5))

    first, *later = mailoutbox
    assert (first.subject, first.to) == ("L-BAG1: Maintenance needed", [crew["maintenance"].email])
    assert {mail.subject for mail in later} == {"L-BAG1: Maintenance still needed, level 1"}
    assert len(later) == 4
    assert Call.objects.get(line=line).level == 1


def test_a_person_who_joined_yesterday_is_told_too(crew: dict[str, User]) -> None:
    make_user("milo", "maintenance")

    call = make_call(by=crew["operator"])

    assert Notification.objects.filter(call=call, channel="email").count() == 2
