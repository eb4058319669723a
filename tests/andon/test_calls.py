import uuid

import pytest
from django.db import DatabaseError, transaction

from andon.actions import (
    AlreadyAcknowledged,
    AlreadyOpen,
    NoSuchKind,
    NoteMissing,
    NotPossible,
    TooLate,
    WrongMachine,
    acknowledge,
    arrive,
    cancel,
    deliver_pending,
    raise_call,
    resolve,
)
from andon.domain.call import Priority, Status
from andon.models import Call, CallEvent, EscalationStep, Notification, WebhookTarget
from floor.models import AuditEntry, User
from tests.andon.plant import SIX, after, make_call, make_crew
from tests.factories import make_line, make_machine

pytestmark = pytest.mark.django_db


@pytest.fixture
def crew() -> dict[str, User]:
    return make_crew()


def test_a_call_is_stored_with_its_plan_and_told_to_those_who_come(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])

    told = Notification.objects.filter(call=call)
    assert {(n.recipient and n.recipient.role, n.channel) for n in told} == {
        ("maintenance", "in_app"),
        ("maintenance", "email"),
    }
    ahead = EscalationStep.objects.ahead().filter(call=call, clock="ack").order_by("due_at")
    assert [(s.level, s.due_at) for s in ahead] == [(1, after(minutes=5)), (2, after(minutes=10))]
    assert AuditEntry.objects.filter(action="andon.raise", target_id=str(call.pk), actor=crew["operator"]).count() == 1


def test_two_taps_on_the_button_raise_one_call(crew: dict[str, User]) -> None:
    line, request_id = make_line(), uuid.uuid4()

    first = make_call(line, by=crew["operator"], request_id=request_id)
    second = make_call(line, by=crew["operator"], at=after(seconds=1), request_id=request_id)

    assert first.pk == second.pk
    assert Call.objects.count() == 1
    assert CallEvent.objects.count() == 1


def test_a_second_call_for_the_same_help_names_the_first(crew: dict[str, User]) -> None:
    line = make_line()
    make_call(line, by=crew["operator"], at=after(minutes=12))

    with pytest.raises(AlreadyOpen, match="Maintenance was already called at 06:12 by operator"):
        make_call(line, by=crew["engineer"], at=after(minutes=13))
    assert Call.objects.count() == 1


def test_other_help_or_another_machine_can_be_called_beside_an_open_call(crew: dict[str, User]) -> None:
    line = make_line()
    machine = make_machine(line)
    make_call(line, by=crew["operator"])
    make_call(line, by=crew["operator"], kind="quality")

    raise_call(line, "maintenance", by=crew["operator"], now=SIX, request_id=uuid.uuid4(), equipment=machine)

    assert Call.objects.live().count() == 3


def test_help_can_be_called_again_after_the_first_call_was_resolved(crew: dict[str, User]) -> None:
    line = make_line()
    resolve(make_call(line, by=crew["operator"]), "Belt put back", by=crew["maintenance"], now=after(minutes=1))

    make_call(line, by=crew["operator"], at=after(minutes=2))

    assert Call.objects.count() == 2


def test_the_first_to_acknowledge_wins_and_the_second_reads_the_name(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])
    acknowledge(call, by=crew["maintenance"], now=after(minutes=2))

    with pytest.raises(AlreadyAcknowledged, match="maintenance acknowledged this call at 06:02"):
        acknowledge(call, by=crew["engineer"], now=after(minutes=3))

    call.refresh_from_db()
    assert call.responder == crew["maintenance"]


def test_acknowledging_twice_with_the_same_tap_is_one_acknowledgement(crew: dict[str, User]) -> None:
    call, tap = make_call(by=crew["operator"]), uuid.uuid4()

    acknowledge(call, by=crew["maintenance"], now=after(minutes=2), request_id=tap)
    acknowledge(call, by=crew["maintenance"], now=after(minutes=3), request_id=tap)

    assert CallEvent.objects.filter(what="acknowledged").count() == 1


def test_a_call_goes_its_way_and_keeps_the_four_times(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])
    acknowledge(call, by=crew["maintenance"], now=after(minutes=1))
    arrive(call, by=crew["maintenance"], now=after(minutes=4))

    done = resolve(call, " Belt put back ", by=crew["maintenance"], now=after(minutes=9))

    times = (done.raised_at, done.acknowledged_at, done.arrived_at, done.resolved_at)
    assert times == (SIX, after(minutes=1), after(minutes=4), after(minutes=9))
    assert done.resolution == "Belt put back"
    assert not EscalationStep.objects.ahead().exists()
    history = CallEvent.objects.order_by("at").values_list("what", flat=True)
    assert list(history) == ["raised", "acknowledged", "arrived", "resolved"]


def test_who_arrives_without_a_word_has_answered_the_call(crew: dict[str, User]) -> None:
    call = arrive(make_call(by=crew["operator"]), by=crew["engineer"], now=after(minutes=3))

    assert call.status == Status.ARRIVED
    assert (call.acknowledged_by, call.acknowledged_at) == (crew["engineer"], after(minutes=3))


def test_a_call_is_not_resolved_without_a_word(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])

    with pytest.raises(NoteMissing):
        resolve(call, "  ", by=crew["maintenance"], now=after(minutes=1))


def test_a_resolved_call_stays_as_it_is(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])
    resolve(call, "Fixed", by=crew["maintenance"], now=after(minutes=1))

    for again in (arrive, acknowledge):
        with pytest.raises(NotPossible, match="maintenance resolved this call at 06:01"):
            again(call, by=crew["engineer"], now=after(minutes=2))
    with pytest.raises(NotPossible):
        resolve(call, "Fixed again", by=crew["engineer"], now=after(minutes=2))
    call.refresh_from_db()
    assert (call.resolution, call.resolved_by) == ("Fixed", crew["maintenance"])


def test_a_call_by_mistake_is_taken_back_within_five_seconds_and_no_mail_leaves(
    crew: dict[str, User], mailoutbox: list[object]
) -> None:
    call = make_call(by=crew["operator"])
    deliver_pending(after(seconds=4))

    cancel(call, by=crew["operator"], now=after(seconds=5))

    deliver_pending(after(minutes=1))
    assert mailoutbox == []
    assert not Call.objects.live().exists()
    assert not EscalationStep.objects.ahead().exists()


def test_a_light_that_heard_of_a_call_in_its_last_moment_hears_that_it_was_taken_back(crew: dict[str, User]) -> None:
    lights, board = (
        WebhookTarget.objects.create(name=name, url=f"https://{name}.example.com/") for name in ("lights", "board")
    )
    call = make_call(by=crew["operator"])
    Notification.objects.filter(call=call, target=lights).update(tries=1, next_try_at=after(minutes=2))

    cancel(call, by=crew["operator"], now=after(seconds=7))

    waiting = Notification.objects.pending().filter(call=call)
    assert set(waiting.values_list("target__name", "event__what")) == {("lights", "raised"), ("lights", "cancelled")}
    assert not waiting.filter(target=board).exists()


def test_a_call_is_not_taken_back_later_or_by_somebody_else(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])

    with pytest.raises(TooLate, match="Only the person who called"):
        cancel(call, by=crew["engineer"], now=after(seconds=2))
    with pytest.raises(TooLate, match="cannot be taken back any more"):
        cancel(call, by=crew["operator"], now=after(seconds=20))


def test_a_call_for_a_machine_of_another_line_or_an_unknown_kind_is_refused(crew: dict[str, User]) -> None:
    line, other = make_line("L-A"), make_machine(make_line("L-B"))

    with pytest.raises(WrongMachine):
        raise_call(line, "stop", by=crew["operator"], now=SIX, request_id=uuid.uuid4(), equipment=other)
    with pytest.raises(NoSuchKind):
        raise_call(line, "coffee", by=crew["operator"], now=SIX, request_id=uuid.uuid4())
    assert not Call.objects.exists()


def test_the_caller_hears_that_somebody_is_coming(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"], priority=Priority.LOW)

    acknowledge(call, by=crew["maintenance"], now=after(minutes=1))

    heard = Notification.objects.filter(recipient=crew["operator"])
    assert [(n.channel, n.event.what) for n in heard] == [("in_app", "acknowledged")]


def test_what_happened_to_a_call_cannot_be_rewritten(crew: dict[str, User]) -> None:
    make_call(by=crew["operator"])

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        CallEvent.objects.update(text="never happened")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        CallEvent.objects.all().delete()
