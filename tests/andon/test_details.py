"""What is said about a call after it went out."""

import uuid
from datetime import time

import pytest

from andon import actions
from andon.actions import (
    acknowledge,
    add_note,
    cancel,
    deliver_pending,
    escalate_due,
    name_machine,
    resolve,
    set_priority,
)
from andon.delivery import subject
from andon.domain.call import Priority
from andon.models import Call, CallEvent, EscalationStep, Notification, QuietPeriod
from floor.models import User
from tests.andon.plant import after, make_call, make_crew
from tests.factories import make_line, make_machine, make_user


@pytest.fixture
def crew(db: None) -> dict[str, User]:
    return make_crew()


def levels(call: Call) -> list[tuple[str, int, float]]:
    """Clock, level and minutes after the call of every level that is still ahead."""
    ahead = EscalationStep.objects.ahead().filter(call=call, level__gt=0).order_by("due_at")
    return [(step.clock, step.level, (step.due_at - call.raised_at).total_seconds() / 60) for step in ahead]


def test_a_call_that_is_more_urgent_than_usual_moves_on_by_the_limits_of_its_priority(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])

    set_priority(call, Priority.CRITICAL, by=crew["operator"], now=after(seconds=20))

    assert levels(call) == [("ack", 1, 2), ("ack", 2, 4), ("resolve", 1, 15), ("resolve", 2, 17)]
    assert [e.what for e in call.events.order_by("pk")] == ["raised", "priority"]


def test_a_limit_that_had_passed_when_the_call_became_urgent_is_taken_at_once(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])

    urgent = set_priority(call, Priority.CRITICAL, by=crew["operator"], now=after(minutes=3))

    assert urgent.level == 1
    assert call.events.get(what=CallEvent.What.ESCALATED).at == after(minutes=3)


def test_nobody_was_late_for_a_limit_that_did_not_hold_yet(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"], priority=Priority.LOW)

    urgent = set_priority(call, Priority.CRITICAL, by=crew["operator"], now=after(minutes=55))

    taken = urgent.steps.filter(round=urgent.round, taken_at__isnull=False)
    assert {(step.clock, step.level, step.reminder) for step in taken} == {
        *(("ack", level, 0) for level in (1, 2)),
        *(("resolve", level, 0) for level in (1, 2)),
    }
    assert {step.due_at for step in taken} == {after(minutes=55)}


def test_an_answered_call_that_becomes_urgent_does_not_ask_for_an_answer_again(crew: dict[str, User]) -> None:
    call = acknowledge(make_call(by=crew["operator"]), by=crew["maintenance"], now=after(minutes=1))

    set_priority(call, Priority.LOW, by=crew["shift_manager"], now=after(minutes=2))

    assert levels(call) == [("resolve", 1, 60.0), ("resolve", 2, 75.0)]
    escalate_due(after(minutes=61))
    call.refresh_from_db()
    assert call.level == 1


def test_the_machine_can_be_named_afterwards_unless_it_was_called_for_already(crew: dict[str, User]) -> None:
    line = make_line("L-BAG1")
    bagger, loader = make_machine(line, "BAGGER"), make_machine(line, "LOADER", primary=False, position=2)
    call = make_call(line, by=crew["operator"])

    assert name_machine(call, bagger, by=crew["operator"], now=after(seconds=9)).equipment == bagger
    second = make_call(line, by=crew["operator"], at=after(minutes=1))
    with pytest.raises(actions.AlreadyOpen):
        name_machine(second, bagger, by=crew["operator"], now=after(minutes=1))

    second.refresh_from_db()
    assert second.equipment is None
    with pytest.raises(actions.WrongMachine):
        name_machine(second, make_machine(make_line("L-2")), by=crew["operator"], now=after(minutes=1))
    assert name_machine(second, loader, by=crew["operator"], now=after(minutes=1)).equipment == loader


def test_nothing_is_changed_about_a_call_that_is_over(crew: dict[str, User]) -> None:
    call = resolve(make_call(by=crew["operator"]), "Fixed", by=crew["maintenance"], now=after(minutes=1))

    with pytest.raises(actions.NotPossible):
        set_priority(call, Priority.LOW, by=crew["operator"], now=after(minutes=2))


def test_what_the_caller_writes_first_is_what_the_call_is_about(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])

    add_note(call, "Bring the long ladder", by=crew["maintenance"], now=after(minutes=1))
    add_note(call, "Film torn at the former", by=crew["operator"], now=after(minutes=2))
    add_note(call, "Again", by=crew["operator"], now=after(minutes=3))

    call.refresh_from_db()
    assert call.note == "Film torn at the former"
    assert call.events.filter(what="noted").count() == 3


# ---------------------------------------------------------------- becoming more urgent


def mails(call: Call, person: User) -> list[str]:
    """What has gone, or is to go, to this person by mail; the first first."""
    rows = Notification.objects.filter(call=call, recipient=person, channel="email", cancelled_at=None)
    return list(rows.order_by("created_at").values_list("event__what", flat=True))


def test_those_who_were_called_hear_that_it_is_more_urgent_now(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"], priority=Priority.LOW)
    deliver_pending(after(seconds=10))

    call = set_priority(call, Priority.CRITICAL, by=crew["operator"], now=after(minutes=1))

    assert mails(call, crew["maintenance"]) == ["raised", "priority"]
    assert mails(call, crew["production_manager"]) == []
    event = call.events.get(what="priority")
    assert subject(event, call) == f"{call.line.code}: Maintenance needed, critical now"


def test_who_corrects_the_priority_at_once_sends_one_mail_and_can_still_take_it_back(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])

    set_priority(call, Priority.CRITICAL, by=crew["operator"], now=after(seconds=2))

    assert mails(call, crew["maintenance"]) == ["priority"]
    assert deliver_pending(after(seconds=6)) == 0
    cancel(call, by=crew["operator"], now=after(seconds=6))
    assert deliver_pending(after(seconds=60)) == 0


def test_a_quiet_night_does_not_hold_a_call_back_that_has_become_critical(crew: dict[str, User]) -> None:
    line = make_line("L-BAG1")
    QuietPeriod.objects.create(site=line.site, starts_at=time(5), ends_at=time(12), up_to=Priority.HIGH)
    call = make_call(line, by=crew["operator"])
    assert deliver_pending(after(minutes=1)) == 0

    set_priority(call, Priority.CRITICAL, by=crew["operator"], now=after(minutes=1))

    assert deliver_pending(after(minutes=1)) == 1
    assert deliver_pending(after(hours=7)) == 0


def test_calling_for_the_same_more_urgently_makes_the_open_call_more_urgent(crew: dict[str, User]) -> None:
    line = make_line("L-BAG1")
    call = make_call(line, by=crew["operator"], kind="safety", priority=Priority.LOW)

    with pytest.raises(actions.AlreadyOpen) as refused:
        make_call(line, by=crew["quality"], kind="safety", at=after(minutes=3))

    assert "It is critical now" in str(refused.value)
    call.refresh_from_db()
    assert (Call.objects.count(), call.priority, call.level) == (1, Priority.CRITICAL, 1)
    with pytest.raises(actions.AlreadyOpen):
        make_call(line, by=crew["quality"], kind="safety", at=after(minutes=4), priority=Priority.LOW)
    call.refresh_from_db()
    assert call.priority == Priority.CRITICAL
    assert call.events.filter(what="priority").count() == 1


def test_only_who_called_or_answers_makes_a_call_less_urgent(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])
    somebody = make_user("pat", "operator")

    with pytest.raises(actions.StaysUrgent):
        set_priority(call, Priority.LOW, by=somebody, now=after(minutes=1))
    assert set_priority(call, Priority.CRITICAL, by=somebody, now=after(minutes=1)).priority == Priority.CRITICAL
    assert set_priority(call, Priority.LOW, by=crew["operator"], now=after(minutes=2)).priority == Priority.LOW


def test_the_machine_that_called_cannot_become_another_one(crew: dict[str, User]) -> None:
    line = make_line("L-BAG1")
    bagger, loader = make_machine(line, "BAGGER"), make_machine(line, "LOADER", primary=False, position=2)
    call = actions.raise_call(line, "maintenance", by=None, now=after(), request_id=uuid.uuid4(), equipment=bagger)

    with pytest.raises(actions.WrongMachine):
        name_machine(call, loader, by=crew["operator"], now=after(minutes=1))
