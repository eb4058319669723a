"""What is said about a call after it went out."""

import pytest

from andon import actions
from andon.actions import acknowledge, add_note, escalate_due, name_machine, resolve, set_priority
from andon.domain.call import Priority
from andon.models import Call, CallEvent, EscalationStep
from floor.models import User
from tests.andon.plant import after, make_call, make_crew
from tests.factories import make_line, make_machine


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
    assert [e.what for e in call.events.order_by("pk")] == ["raised", "noted"]


def test_a_limit_that_had_passed_when_the_call_became_urgent_is_taken_at_once(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])

    urgent = set_priority(call, Priority.CRITICAL, by=crew["operator"], now=after(minutes=3))

    assert urgent.level == 1
    assert call.events.get(what=CallEvent.What.ESCALATED).at == after(minutes=3)


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
