"""Machines call: from what their controllers are seen doing, through the one door of machine data, to people."""

import threading
import uuid
from datetime import datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, connections, transaction
from django.forms import model_to_dict
from django.test.utils import CaptureQueriesContext

from andon.actions import acknowledge, arrive, notice, raise_call, reject, reopen, resolve, set_priority
from andon.admin import KindForm
from andon.domain.call import Priority
from andon.domain.machine_calls import Trigger
from andon.models import Call, CallEvent, CallKind, MachineCallRule, Notification, WebhookTarget
from andon.tiles import calls_tile
from floor.domain.machine import Observation
from floor.models import Equipment, FaultDefinition, ShiftBreak, User
from ms5.standstills import standstills
from oee.actions.planned_stops import plan_stop
from oee.models import StopCoding
from tests.andon.machines import SECOND, Controller, listen, make_bagger, minute
from tests.andon.plant import SIX, after, make_crew
from tests.factories import make_line, make_machine, make_shifts, make_site


@pytest.fixture
def crew(db: None) -> dict[str, User]:
    return make_crew()


@pytest.fixture
def controller(crew: dict[str, User]) -> Controller:
    return make_bagger()


@pytest.fixture
def machine(controller: Controller) -> Equipment:
    return controller.machine


# ---------------------------------------------------------------- calling


def test_a_fault_that_stands_calls_and_people_are_told(controller: Controller, crew: dict[str, User]) -> None:
    controller.stands(minute(5) + SECOND, [2])

    assert listen(minute(5) - SECOND) == 0
    assert listen(minute(5)) == 1

    call = Call.objects.get()
    assert (call.kind_id, call.priority, call.source) == ("maintenance", Priority.HIGH, "machine")
    assert (call.equipment, call.stopped_since, call.raised_at) == (controller.machine, minute(0), minute(5))
    assert "Fault 2" in call.note
    assert Notification.objects.filter(call=call, recipient=crew["maintenance"], channel="email").exists()
    assert listen(minute(5)) == 0


def test_looking_late_makes_the_same_call(controller: Controller) -> None:
    controller.stands(minute(20) + SECOND, [2])

    assert listen(minute(20)) == 1

    call = Call.objects.get()
    assert (call.stopped_since, call.priority, call.raised_at) == (minute(0), Priority.HIGH, minute(20))


def test_a_prompt_is_no_fault(controller: Controller) -> None:
    controller.stands(minute(10) + SECOND, [9])
    assert listen(minute(10)) == 0


def test_faults_of_a_running_machine_do_not_call(controller: Controller) -> None:
    controller.sees(True, minute(30), [1, 2])
    assert listen(minute(30)) == 0


def test_a_stop_nobody_explains_calls_after_half_an_hour(controller: Controller) -> None:
    controller.stands(minute(30) + SECOND)
    assert listen(minute(30) - SECOND) == 0
    assert listen(minute(30)) == 1
    assert Call.objects.get().note == "Stopped for 30 min, reason not known"


def coded(machine: Equipment, reason: str, by: User) -> None:
    StopCoding.objects.create(
        equipment=machine, covers=(minute(0), None), reason_id=reason, author=by, made_at=minute(1),
        request_id=uuid.uuid4(),
    )  # fmt: skip


def test_the_reason_a_person_gives_decides_who_is_called_and_when(
    controller: Controller, crew: dict[str, User]
) -> None:
    coded(controller.machine, "MAT_JAM", crew["operator"])
    controller.stands(minute(20) + SECOND)
    assert listen(minute(20) - SECOND) == 0
    assert listen(minute(20)) == 1
    assert (Call.objects.get().kind_id, Call.objects.get().priority) == ("material", Priority.MEDIUM)


def test_a_machine_that_stands_because_its_neighbour_does_calls_nobody(controller: Controller) -> None:
    downstream = Controller(make_machine(controller.machine.line, "LOADER", primary=False, position=2))
    downstream.stands(minute(60) + SECOND)
    controller.stands(minute(60) + SECOND)

    listen(minute(60))

    assert [call.equipment for call in Call.objects.all()] == [downstream.machine]


# ---------------------------------------------------------------- never


def test_a_machine_nobody_sees_does_not_call(controller: Controller) -> None:
    controller.stands(minute(2), [2])
    assert listen(minute(40)) == 0


def test_a_short_silence_does_not_end_the_stop(controller: Controller) -> None:
    controller.stands(minute(3), [2])
    controller.sees(False, minute(3.5), seen=False)
    controller.stands(minute(5) + SECOND, [2])
    assert listen(minute(5)) == 1
    assert Call.objects.get().stopped_since == minute(0)


def test_after_a_long_silence_nobody_knows_since_when_it_stands(controller: Controller) -> None:
    controller.stands(minute(3))
    controller.sees(False, minute(25), seen=False)
    controller.stands(minute(40))
    assert listen(minute(40) - SECOND) == 0
    controller.stands(minute(55) + SECOND)
    assert listen(minute(55)) == 1


def test_no_call_in_a_break_nor_for_the_time_of_one(controller: Controller) -> None:
    day = controller.machine.line.site.shift_patterns.get(name="Day")
    ShiftBreak.objects.create(
        pattern=day, starts_at=minute(10).time(), ends_at=minute(40).time()
    )  # fmt: skip
    controller.stands(minute(60) + SECOND)
    assert listen(minute(35)) == 0
    assert listen(minute(59)) == 0  # ten minutes before it and nineteen after it
    assert listen(minute(60)) == 1


def test_no_call_off_shift(controller: Controller) -> None:
    controller.machine.line.site.shift_patterns.exclude(name="Night").delete()
    controller.stands(minute(60), [1])
    assert listen(minute(59.9)) == 0


def test_no_call_in_a_planned_stop_and_one_when_the_stop_outlasts_it(
    controller: Controller, crew: dict[str, User]
) -> None:
    controller.stands(minute(5), [2])
    plan_stop(
        controller.machine.line, "CLEANING", by=crew["operator"], now=minute(5), request_id=uuid.uuid4(),
        starts_at=minute(0), ends_at=minute(25),
    )  # fmt: skip
    controller.stands(minute(60) + SECOND, [2])
    assert listen(minute(24)) == 0
    assert listen(minute(29.9)) == 0
    assert listen(minute(30)) == 1


def test_a_machine_switched_off_in_the_rules_never_calls(controller: Controller) -> None:
    for trigger in Trigger:
        MachineCallRule.objects.create(
            equipment=controller.machine, trigger=trigger, after_s=60, kind_id="maintenance", priority=2,
            enabled=False, valid_from=after(days=-1),
        )  # fmt: skip
    controller.stands(minute(120) + SECOND, [1, 2, 3, 4])
    assert listen(minute(120)) == 0


def test_a_kind_that_was_switched_off_keeps_no_other_call_from_being_made(
    controller: Controller, crew: dict[str, User]
) -> None:
    FaultDefinition.objects.create(equipment=controller.machine, bit=7, text="No film", category="material")
    CallKind.objects.filter(code="material").update(enabled=False)
    controller.stands(minute(31), [7])

    assert listen(minute(30)) == 1
    assert Call.objects.get().kind_id == "maintenance"

    maintenance = CallKind.objects.get(code="maintenance")
    form = KindForm(model_to_dict(maintenance) | {"responders": "maintenance", "enabled": False}, instance=maintenance)
    assert "Machines call for it" in str(form.errors["enabled"])


def test_a_changed_rule_holds_from_its_date_on(controller: Controller) -> None:
    MachineCallRule.objects.create(
        trigger="stop", about="", after_s=600, kind_id="stop", priority=3, valid_from=minute(12)
    )  # fmt: skip
    controller.stands(minute(12) + SECOND)
    assert listen(minute(11)) == 0
    assert listen(minute(12)) == 1
    assert Call.objects.get().kind_id == "stop"


# ---------------------------------------------------------------- one call per stop


def test_one_stop_has_one_open_call_whatever_else_comes_to_be_due(
    controller: Controller, crew: dict[str, User]
) -> None:
    controller.stands(minute(6), [2])
    listen(minute(5))
    coded(controller.machine, "MAT_JAM", crew["operator"])
    controller.stands(minute(40), [1, 2, 3, 4])

    for at in range(6, 40):
        listen(minute(at))

    assert Call.objects.count() == 1


def test_a_critical_fault_in_a_stop_that_has_called_makes_its_call_critical(
    controller: Controller, crew: dict[str, User]
) -> None:
    controller.stands(minute(6), [2])
    listen(minute(5))
    call = acknowledge(Call.objects.get(), by=crew["maintenance"], now=minute(5.5))
    controller.stands(minute(11), [1, 2])

    listen(minute(7.9))
    call.refresh_from_db()
    assert call.priority == Priority.HIGH
    listen(minute(8))
    listen(minute(8.1))

    call.refresh_from_db()
    assert (Call.objects.count(), call.priority, call.status) == (1, Priority.CRITICAL, "acknowledged")
    assert call.note == "Fault 1, for 2 min"
    assert call.events.filter(what="priority").count() == 1
    assert Notification.objects.filter(event__what="priority", recipient=crew["maintenance"], channel="email").exists()
    # Whoever is there knows better than the machine, and is asked once.
    set_priority(call, Priority.LOW, by=crew["maintenance"], now=minute(9))
    listen(minute(10))
    call.refresh_from_db()
    assert call.priority == Priority.LOW


def test_a_critical_fault_is_called_though_another_call_of_the_stop_is_open(
    controller: Controller, crew: dict[str, User]
) -> None:
    FaultDefinition.objects.create(equipment=controller.machine, bit=7, text="No film", category="material")
    controller.stands(minute(21), [7])
    assert listen(minute(20)) == 1
    controller.stands(minute(24), [1, 2, 7])

    listen(minute(23))
    listen(minute(23))

    found = dict(Call.objects.values_list("kind", "priority"))
    assert found == {"material": Priority.MEDIUM, "maintenance": Priority.CRITICAL}


def test_a_stop_that_becomes_graver_after_its_call_was_closed_calls_again(
    controller: Controller, crew: dict[str, User]
) -> None:
    controller.stands(minute(8), [2])
    listen(minute(5))
    call = resolve(Call.objects.get(), "Adjusted", by=crew["maintenance"], now=minute(7))
    controller.stands(minute(12), [1, 2])

    assert listen(minute(10)) == 1
    assert listen(minute(10)) == 0

    call.refresh_from_db()
    assert (call.status, call.priority, call.note) == ("open", Priority.CRITICAL, "Fault 1, for 2 min")


def test_a_machine_joins_a_persons_call_and_makes_it_as_urgent_as_its_fault(
    controller: Controller, crew: dict[str, User]
) -> None:
    controller.stands(minute(6), [1])
    by_hand = raise_call(
        controller.machine.line, "maintenance", by=crew["operator"], now=minute(1), request_id=uuid.uuid4(),
        priority=Priority.LOW,
    )  # fmt: skip

    listen(minute(2))
    listen(minute(3))

    by_hand.refresh_from_db()
    assert (Call.objects.count(), by_hand.priority, by_hand.repeats) == (1, Priority.CRITICAL, 1)


def test_a_call_opened_again_by_a_graver_stop_is_as_urgent_as_that_one(
    controller: Controller, crew: dict[str, User]
) -> None:
    controller.stands(minute(6), [2])
    listen(minute(5))
    call = resolve(Call.objects.get(), "Adjusted", by=crew["maintenance"], now=minute(8.5))
    controller.runs(minute(7))
    controller.stands(minute(10), [1])

    assert listen(minute(9)) == 1

    call.refresh_from_db()
    assert (Call.objects.count(), call.priority, call.note) == (1, Priority.CRITICAL, "Fault 1, for 2 min")


def test_an_older_call_of_the_machine_can_be_reopened_while_it_stands_for_another_reason(
    controller: Controller, crew: dict[str, User]
) -> None:
    controller.stands(minute(6), [2])
    listen(minute(5))
    first = resolve(Call.objects.get(), "Adjusted", by=crew["maintenance"], now=minute(6))
    controller.runs(minute(10))
    controller.stands(minute(20), [2])
    listen(minute(15))
    resolve(Call.objects.exclude(pk=first.pk).get(), "Adjusted", by=crew["maintenance"], now=minute(16))

    reopened = reopen(first, "It happens again", by=crew["operator"], now=minute(18))

    assert (reopened.status, reopened.stopped_since) == ("open", minute(0))


def test_once_resolved_the_same_stop_does_not_call_the_same_help_again(
    controller: Controller, crew: dict[str, User]
) -> None:
    controller.stands(minute(40), [2])
    listen(minute(5))
    resolve(Call.objects.get(), "Part ordered", by=crew["maintenance"], now=minute(8))
    assert listen(minute(39)) == 0


def test_a_call_that_a_person_made_for_this_stop_is_joined(controller: Controller, crew: dict[str, User]) -> None:
    controller.stands(minute(6), [2])
    by_hand = raise_call(
        controller.machine.line, "maintenance", by=crew["operator"], now=minute(2), request_id=uuid.uuid4()
    )

    assert listen(minute(5)) == 0

    by_hand.refresh_from_db()
    assert (Call.objects.count(), by_hand.repeats) == (1, 1)
    assert by_hand.events.filter(what="repeated").count() == 1
    listen(minute(5.5))
    assert by_hand.events.filter(what="repeated").count() == 1


def test_two_processes_that_look_at_once_make_one_call(transactional_db: None) -> None:
    make_crew()
    make_shifts(make_site())
    machine = make_machine(make_line(), "BAG1")
    Controller(machine, minute(0)).stands(minute(31))
    found = standstills(minute(30))

    def look() -> None:
        notice(found, minute(30))
        connections.close_all()

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Call.objects.count() == 1
    assert CallEvent.objects.filter(what="raised").count() == 1


def test_the_database_refuses_a_second_call_for_a_stop(controller: Controller) -> None:
    controller.stands(minute(6), [2])
    listen(minute(5))
    first = Call.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        Call.objects.create(
            line=first.line, equipment=first.equipment, kind=first.kind, priority=1, status="shelved",
            source="machine", raised_at=minute(6), stopped_since=first.stopped_since,
        )  # fmt: skip


def test_a_storm_of_64_bits_twice_a_second_is_one_call(controller: Controller) -> None:
    """Four minutes; every half second all bits turn, so that none ever stands for a second."""
    half, bits = SECOND / 2, (1 << 64) - 1
    for bit in range(10, 64):
        FaultDefinition.objects.create(equipment=controller.machine, bit=bit, text=f"Fault {bit}", category="high")
    observations = []
    for turn in range(480):
        controller.sequence += 1
        at = minute(0) + turn * half
        observations.append(Observation(at, 1, controller.sequence, True, False, fault_bits=bits if turn % 2 else 0))
        if turn % 40 == 39:
            controller.record(observations)
            observations = []
            listen(at)

    call = Call.objects.get()
    assert call.priority == Priority.CRITICAL
    assert call.repeats == 0
    assert call.raised_at - minute(2) < timedelta(seconds=21)
    assert list(call.events.values_list("what", flat=True)) == ["raised"]


def test_a_machine_that_flickers_between_running_and_standing_makes_no_call(controller: Controller) -> None:
    half = SECOND / 2
    observations = []
    for turn in range(1200):
        controller.sequence += 1
        at = minute(0) + turn * half
        observations.append(Observation(at, 1, controller.sequence, True, turn % 2 == 1, fault_bits=6 * (turn % 2)))
    controller.record(observations)
    assert sum(listen(minute(at)) for at in range(1, 11)) == 0


def test_listening_to_many_machines_asks_as_many_questions_as_to_one(controller: Controller) -> None:
    """Every one of them stands and has called."""
    controller.stands(minute(6), [2])
    listen(minute(5))
    with CaptureQueriesContext(connection) as one:
        listen(minute(5.5))
    for n in range(2, 6):
        machine = make_machine(make_line(f"L-{n}"), f"M{n}")
        FaultDefinition.objects.create(equipment=machine, bit=2, text="Fault 2", category="high")
        Controller(machine, minute(0)).stands(minute(6), [2])
    assert listen(minute(5.5)) == 4

    with CaptureQueriesContext(connection) as many:
        assert listen(minute(5.5)) == 0

    assert len(many) == len(one) <= 24


# ---------------------------------------------------------------- running again


def cleared(call: Call) -> datetime | None:
    call.refresh_from_db()
    return call.cleared_at


def test_when_the_machine_runs_again_the_call_waits_to_be_resolved(controller: Controller) -> None:
    controller.stands(minute(6), [2])
    listen(minute(5))
    call = Call.objects.get()
    controller.runs(minute(7) + SECOND)

    listen(minute(6.9))
    assert cleared(call) is None
    listen(minute(7))
    listen(minute(7))

    assert cleared(call) == minute(6)
    assert call.status == "open"
    assert call.events.filter(what="cleared").count() == 1
    (row,) = calls_tile(call.line, minute(7)).rows
    assert row.cleared_at == minute(6)


def test_the_plants_webhooks_hear_that_it_runs_again_and_that_it_called_again(controller: Controller) -> None:
    WebhookTarget.objects.create(name="Lights", url="https://lights.example.com/")
    controller.stands(minute(6), [2])
    listen(minute(5))
    controller.runs(minute(7) + SECOND)
    listen(minute(7))
    controller.stands(minute(13), [2])
    listen(minute(12.1))

    told = Notification.objects.filter(target__name="Lights").order_by("event__at", "event")
    heard = list(told.values_list("event__what", flat=True))
    assert [what for what in heard if what in ("raised", "cleared", "repeated")] == ["raised", "cleared", "repeated"]


def test_a_machine_that_runs_with_its_fault_is_not_well_yet(controller: Controller) -> None:
    controller.stands(minute(6), [2])
    listen(minute(5))
    controller.sees(True, minute(10), [2])
    listen(minute(9.9))
    assert cleared(Call.objects.get()) is None


def test_standing_again_before_anybody_resolved_is_the_same_call(controller: Controller) -> None:
    controller.stands(minute(6), [2])
    listen(minute(5))
    call = Call.objects.get()
    controller.runs(minute(8))
    listen(minute(7.9))
    controller.stands(minute(20), [2])

    listen(minute(9))
    assert cleared(call) is None
    assert call.events.latest("pk").text == "The machine stands again"
    for at in range(9, 20):
        listen(minute(at))

    call.refresh_from_db()
    assert (Call.objects.count(), call.repeats) == (1, 1)


def test_a_planned_stop_after_it_ran_leaves_the_call_cleared(controller: Controller) -> None:
    day = controller.machine.line.site.shift_patterns.get(name="Day")
    controller.stands(minute(6), [2])
    listen(minute(5))
    controller.runs(minute(8))
    listen(minute(7.9))
    ShiftBreak.objects.create(pattern=day, starts_at=minute(8).time(), ends_at=minute(40).time())
    controller.stands(minute(12))
    listen(minute(11))
    assert cleared(Call.objects.get()) == minute(6)


def test_a_call_just_closed_is_opened_again_when_the_next_stop_is_due(
    controller: Controller, crew: dict[str, User]
) -> None:
    controller.stands(minute(6), [2])
    listen(minute(5))
    call = Call.objects.get()
    controller.runs(minute(7))
    controller.stands(minute(13), [2])
    resolve(call, "Adjusted", by=crew["maintenance"], now=minute(11.5))

    assert listen(minute(12)) == 1

    call.refresh_from_db()
    assert (Call.objects.count(), call.status, call.round, call.repeats) == (1, "open", 1, 1)
    assert (call.stopped_since, call.cleared_at) == (minute(7), None)
    assert listen(minute(12.5)) == 0


def test_a_call_closed_longer_ago_is_another_one(controller: Controller, crew: dict[str, User]) -> None:
    controller.stands(minute(6), [2])
    listen(minute(5))
    controller.runs(minute(7))
    arrive(Call.objects.get(), by=crew["maintenance"], now=minute(6))
    reject(Call.objects.get(), "Nothing found", by=crew["maintenance"], now=minute(10))
    controller.stands(minute(13), [2])
    assert listen(minute(12)) == 1
    assert Call.objects.count() == 2


# ---------------------------------------------------------------- rules


def rule(**more: object) -> MachineCallRule:
    values = {"trigger": "stop", "after_s": 600, "kind_id": "maintenance", "priority": 2, "valid_from": SIX}
    return MachineCallRule(**values | more)


def test_rules_that_make_no_sense_are_refused_in_words(machine: Equipment) -> None:
    for wrong, field in (
        (rule(after_s=0), "after_s"),
        (rule(kind_id=None), "kind"),
        (rule(trigger="faults", about="dreadful"), "about"),
        (rule(trigger="faults", at_least=0), "at_least"),
        (rule(at_least=2), "at_least"),
        (rule(line=machine.line, equipment=machine), "line"),
    ):
        with pytest.raises(ValidationError) as caught:
            wrong.full_clean()
        assert field in caught.value.message_dict


def test_the_database_refuses_a_rule_that_does_not_wait(machine: Equipment) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        rule(after_s=0).save()


def test_standard_rules_are_added_once_and_changed_ones_stay(crew: dict[str, User]) -> None:
    from andon.actions import seed_rules

    count = MachineCallRule.objects.count()
    assert count > 20
    assert seed_rules() == 0
    assert MachineCallRule.objects.count() == count
