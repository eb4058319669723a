"""Stops that people cut, join, plan and add."""

import uuid
from typing import Any

import pytest

from floor.models import AuditEntry, User
from oee.actions.check import differences
from oee.actions.planned_stops import end_forgotten, end_planned_stop, plan_stop, take_back_planned_stop
from oee.actions.rebuild import rebuild_dirty
from oee.actions.refusals import AlreadyDone, ImpossibleTime, NeedsSupervisor, SomebodyWasFaster, UnknownReason
from oee.actions.stops import (
    add_stop,
    code_stop,
    confirm_stop,
    merge_stops,
    separate_stops,
    split_stop,
    take_back_stop,
)
from oee.models import HourLoss, HourTotals, LedgerEntry, Stop, StopCoding
from tests.factories import make_machine, make_user
from tests.oee.stage import Stage, at, make_stage
from tests.oee.test_rebuild import rows, totals

pytestmark = pytest.mark.django_db


def by(name: str = "ola", role: str = "operator", clock: str = "08:00") -> dict[str, Any]:
    user = User.objects.filter(username=name).first() or make_user(name, role)
    return {"by": user, "now": at(clock), "request_id": uuid.uuid4()}


def sam(clock: str = "08:00") -> dict[str, Any]:
    return by("sam", "shift_manager", clock)


def stopped(story: str = "06:00 run, 07:00 stop, 07:30 run", until: str = "08:00") -> Stage:
    stage = make_stage()
    stage.sees(story, until=at(until))
    rebuild_dirty(at(until))
    return stage


def parts() -> list[tuple[str, str, str | None]]:
    """Lost or planned time, as the ledger holds it, joined over full hours."""
    found: list[tuple[str, str, str | None]] = []
    entries = LedgerEntry.objects.filter(stop__isnull=False).order_by("started_at")
    last: tuple[Any, ...] = ()
    for entry in entries:
        start, end, key = f"{entry.started_at:%H:%M}", f"{entry.ended_at:%H:%M}", (entry.reason_id, entry.coding_id)
        if found and found[-1][1] == start and last == key:
            found[-1] = (found[-1][0], end, entry.reason_id)
        else:
            found.append((start, end, entry.reason_id))
        last = key
    return found


# ---------------------------------------------------------------- split


def test_a_stop_is_cut_where_a_person_cuts_it_and_no_minute_is_lost() -> None:
    stage = stopped()
    code_stop(Stop.objects.get().id, "MAT_JAM", **by())

    split_stop(Stop.objects.get().id, at("07:10"), after="CLEANING", **by())

    assert parts() == [("07:00", "07:10", "MAT_JAM"), ("07:10", "07:30", "CLEANING")]
    assert totals(stage) == {"run_ms": 90, "stop_ms": 10, "planned_stop_ms": 20}
    assert Stop.objects.count() == 1
    assert differences(stage.line) == []


def test_a_part_can_be_cut_again_and_again() -> None:
    stage = stopped()
    stop = Stop.objects.get().id
    split_stop(stop, at("07:10"), before="MAT_JAM", after="CLEANING", **by())

    split_stop(stop, at("07:20"), after="BELT_BREAK", **by())
    split_stop(stop, at("07:05"), before="SENSOR_FAIL", **by())
    code_stop(stop, "CHANGEOVER", start=at("07:10"), **by())

    assert parts() == [
        ("07:00", "07:05", "SENSOR_FAIL"),
        ("07:05", "07:10", "MAT_JAM"),
        ("07:10", "07:20", "CHANGEOVER"),
        ("07:20", "07:30", "BELT_BREAK"),
    ]
    assert differences(stage.line) == []


def test_a_cut_without_reasons_leaves_two_parts_that_ask_for_one() -> None:
    stopped()

    split_stop(Stop.objects.get().id, at("07:10"), **by())

    assert parts() == [("07:00", "07:10", None), ("07:10", "07:30", None)]


def test_the_last_part_of_an_open_stop_grows_with_it() -> None:
    stage = stopped("06:00 run, 07:00 stop", until="07:30")
    split_stop(Stop.objects.get().id, at("07:10"), before="MAT_JAM", after="CLEANING", **by(clock="07:30"))

    stage.sees("07:50 run", until=at("08:00"))
    rebuild_dirty(at("08:00"))

    assert parts() == [("07:00", "07:10", "MAT_JAM"), ("07:10", "07:50", "CLEANING")]
    assert differences(stage.line) == []


def test_an_early_part_of_an_open_stop_is_named_and_cut_without_touching_the_later_ones() -> None:
    stage = stopped("06:00 run, 07:00 stop", until="07:30")
    stop = Stop.objects.get().id
    split_stop(stop, at("07:20"), before="MAT_JAM", after="CLEANING", **by(clock="07:30"))

    code_stop(stop, "SENSOR_FAIL", start=at("07:00"), **by(clock="07:31"))
    split_stop(stop, at("07:10"), after="BELT_BREAK", **by(clock="07:32"))
    stage.sees("07:50 run", until=at("08:00"))
    rebuild_dirty(at("08:00"))

    assert parts() == [
        ("07:00", "07:10", "SENSOR_FAIL"),
        ("07:10", "07:20", "BELT_BREAK"),
        ("07:20", "07:50", "CLEANING"),
    ]
    assert differences(stage.line) == []


@pytest.mark.parametrize("clock", ["06:59", "07:00", "07:30", "09:00"])
def test_a_stop_can_be_cut_only_inside(clock: str) -> None:
    stopped()

    with pytest.raises(ImpossibleTime, match=r"lasts from 07:00:00 to 07:30:00"):
        split_stop(Stop.objects.get().id, at(clock), **by())
    assert not StopCoding.objects.exists()


def test_one_stop_cut_in_two_is_one_failure_with_two_losses() -> None:
    stage = stopped()

    split_stop(Stop.objects.get().id, at("07:10"), before="MAT_JAM", after="BELT_BREAK", **by())

    assert sum(HourTotals.objects.filter(equipment=stage.machine).values_list("failures", flat=True)) == 1
    losses = HourLoss.objects.order_by("reason").values_list("reason", "lost_ms", "events")
    assert list(losses) == [("BELT_BREAK", 1_200_000, 1), ("MAT_JAM", 600_000, 1)]


def test_who_looked_before_somebody_else_tapped_is_told_who_and_what() -> None:
    stopped()
    stop = Stop.objects.get()
    code_stop(stop.id, "MAT_JAM", seen=None, **by("lena"))

    with pytest.raises(SomebodyWasFaster, match="lena changed this stop at 08:00:00: gave it the reason “Jam”"):
        split_stop(stop.id, at("07:10"), after="CLEANING", seen=None, **by())

    assert parts() == [("07:00", "07:30", "MAT_JAM")]
    assert StopCoding.objects.count() == 1


def test_the_same_split_sent_twice_cuts_once() -> None:
    stopped()
    request = by()

    first = split_stop(Stop.objects.get().id, at("07:10"), before="MAT_JAM", after="CLEANING", **request)
    second = split_stop(Stop.objects.get().id, at("07:20"), after="OTHER", **request)

    assert first == second
    assert parts() == [("07:00", "07:10", "MAT_JAM"), ("07:10", "07:30", "CLEANING")]


# ---------------------------------------------------------------- merge


TWO = "06:00 run, 07:00 stop, 07:10 run, 07:12 stop, 07:30 run"


def merge(**more: Any) -> Any:
    first, last = Stop.objects.order_by("started_at").values_list("id", flat=True)
    return merge_stops(first, last, **{**by(), **more})


def test_two_stops_are_one_and_what_ran_between_stays_running() -> None:
    stage = stopped(TWO)

    merge()

    stop = Stop.objects.get()
    assert (stop.started_at, stop.ended_at) == (at("07:00"), at("07:30"))
    assert totals(stage) == {"run_ms": 92, "stop_ms": 28}
    assert sum(HourTotals.objects.values_list("failures", flat=True)) == 1
    assert differences(stage.line) == []


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_stops_that_are_one_each_keeps_its_reason_whichever_was_given_first(order: tuple[int, int]) -> None:
    stage = stopped(TWO)
    stops, reasons = list(Stop.objects.order_by("started_at").values_list("id", flat=True)), ("MAT_JAM", "CLEANING")
    for place in order:
        code_stop(stops[place], reasons[place], **by())
    said = [("07:00", "07:10", "MAT_JAM"), ("07:12", "07:30", "CLEANING")]

    merge()

    assert parts() == said
    code_stop(Stop.objects.get().id, "BELT_BREAK", **by())
    assert [reason for _, _, reason in parts()] == ["BELT_BREAK", "BELT_BREAK"]
    assert differences(stage.line) == []


def test_a_supervisor_may_say_that_it_did_not_run_between_them() -> None:
    stage = stopped(TWO)
    with pytest.raises(NeedsSupervisor):
        merge(run_is_stop=True)

    merge(run_is_stop=True, **sam())

    assert totals(stage) == {"run_ms": 90, "stop_ms": 30}
    assert differences(stage.line) == []


def test_stops_with_long_running_between_them_need_a_supervisor() -> None:
    stopped("06:00 run, 07:00 stop, 07:10 run, 07:20 stop, 07:30 run")
    with pytest.raises(NeedsSupervisor, match="ran for 10 min between them"):
        merge()

    merge(**sam())

    assert Stop.objects.count() == 1


def test_a_merge_taken_back_leaves_everything_as_it_was() -> None:
    stage = stopped(TWO)
    before = rows(stage)
    note = merge()

    separate_stops(note.pk, by=make_user("lena"), now=at("08:01"))

    assert rows(stage) == before
    with pytest.raises(AlreadyDone, match="lena has taken this back already"):
        separate_stops(note.pk, by=make_user("max"), now=at("08:02"))


def test_a_merged_stop_is_coded_and_cut_as_one() -> None:
    stage = stopped(TWO)
    merge()

    split_stop(Stop.objects.get().id, at("07:20"), before="MAT_JAM", after="CLEANING", **by())

    assert totals(stage) == {"run_ms": 92, "stop_ms": 18, "planned_stop_ms": 10}
    assert differences(stage.line) == []


def test_a_stop_still_going_on_cannot_be_merged() -> None:
    stopped("06:00 run, 07:00 stop, 07:10 run, 07:12 stop", until="07:30")

    with pytest.raises(ImpossibleTime, match="still going on"):
        merge(now=at("07:30"))


# ---------------------------------------------------------------- planned


def test_a_stop_inside_a_planned_one_has_its_reason_and_lowers_no_failure_count() -> None:
    stage = stopped("06:00 run", until="06:30")
    plan_stop(stage.line, "CHANGEOVER", starts_at=at("07:00"), ends_at=at("07:20"), expected_s=900, **by(clock="06:30"))

    stage.sees("07:05 stop, 07:30 run", until=at("08:00"))
    rebuild_dirty(at("08:00"))

    assert totals(stage) == {"run_ms": 95, "setup_ms": 15, "stop_ms": 10}
    assert sum(HourTotals.objects.values_list("failures", flat=True)) == 0
    assert differences(stage.line) == []


def test_a_planned_stop_said_while_the_line_stands_covers_it_from_the_beginning() -> None:
    stage = stopped("06:00 run, 07:00 stop", until="07:10")

    planned = plan_stop(stage.line, "CLEANING", **by(clock="07:10"))

    assert planned.starts_at == at("07:00")
    assert totals(stage) == {"run_ms": 60, "planned_stop_ms": 10}
    assert Stop.objects.get().reason.code == "CLEANING"  # type: ignore[union-attr]


def test_what_is_said_about_the_stop_itself_beats_the_plan() -> None:
    stage = stopped("06:00 run, 07:00 stop", until="07:10")
    plan_stop(stage.line, "CLEANING", **by(clock="07:10"))

    code_stop(Stop.objects.get().id, "BELT_BREAK", **by(clock="07:11"))

    assert totals(stage) == {"run_ms": 60, "stop_ms": 10}


def test_a_planned_stop_that_nobody_ends_ends_when_the_line_has_run_for_a_while() -> None:
    stage = stopped("06:00 run, 07:00 stop", until="07:10")
    plan_stop(stage.line, "CLEANING", **by(clock="07:10"))
    stage.sees("07:20 run", until=at("07:24"))
    rebuild_dirty(at("07:24"))

    assert end_forgotten(at("07:24")) == 0
    stage.sees("", until=at("07:26"))
    assert end_forgotten(at("07:26")) == 1

    stage.sees("07:40 stop, 07:50 run", until=at("08:00"))
    rebuild_dirty(at("08:00"))
    assert totals(stage) == {"run_ms": 90, "planned_stop_ms": 20, "stop_ms": 10}
    assert differences(stage.line) == []


def test_what_stood_after_the_line_ran_again_was_not_planned_however_late_that_is_noticed() -> None:
    stage = stopped("06:00 run, 07:00 stop", until="07:10")
    loader = make_machine(stage.line, "LOADER", primary=False, position=20)
    plan_stop(stage.line, "CLEANING", **by(clock="07:10"))
    stage.sees("07:20 run", until=at("09:30"))
    stage.sees("06:00 run, 09:10 stop, 09:20 run", until=at("09:30"), machine=loader)
    rebuild_dirty(at("09:30"))
    assert Stop.objects.get(equipment=loader).planned_stop is not None

    assert end_forgotten(at("09:30")) == 1

    assert Stop.objects.get(equipment=loader).planned_stop is None
    assert differences(stage.line) == []


def test_a_planned_stop_is_ended_once_and_taken_back_before_it_begins() -> None:
    stage = stopped("06:00 run, 07:00 stop", until="07:10")
    planned = plan_stop(stage.line, "CLEANING", **by(clock="07:10"))

    end_planned_stop(planned.pk, by=make_user("lena"), now=at("07:15"))

    with pytest.raises(AlreadyDone, match="“Cleaning” was ended by lena already"):
        end_planned_stop(planned.pk, by=make_user("max"), now=at("07:16"))
    later = plan_stop(stage.line, "INSPECTION", starts_at=at("09:00"), ends_at=at("09:30"), **by(clock="07:20"))
    assert end_planned_stop(later.pk, by=make_user("mia"), now=at("07:30")).withdrawn_at == at("07:30")


def test_a_planned_stop_taken_back_leaves_its_stop_without_a_reason() -> None:
    stage = stopped("06:00 run, 07:00 stop, 07:10 run")
    planned = plan_stop(stage.line, "CLEANING", starts_at=at("06:50"), ends_at=at("07:30"), **by())
    assert totals(stage) == {"run_ms": 110, "planned_stop_ms": 10}

    take_back_planned_stop(planned.pk, by=make_user("lena"), now=at("08:01"))

    assert totals(stage) == {"run_ms": 110, "stop_ms": 10}
    assert differences(stage.line) == []


def test_only_planned_reasons_can_be_planned_and_only_one_at_a_time() -> None:
    stage = stopped()

    with pytest.raises(UnknownReason, match="“Jam” is not a planned stop"):
        plan_stop(stage.line, "MAT_JAM", **by())
    plan_stop(stage.line, "CLEANING", starts_at=at("09:00"), ends_at=at("10:00"), **by())
    with pytest.raises(ImpossibleTime, match="“Cleaning” is planned from 09:00 already"):
        plan_stop(stage.line, "INSPECTION", starts_at=at("09:30"), ends_at=at("09:40"), **by())
    with pytest.raises(ImpossibleTime, match="end must be later"):
        plan_stop(stage.line, "INSPECTION", starts_at=at("11:30"), ends_at=at("11:00"), **by())


# ---------------------------------------------------------------- by hand


UNSEEN = "06:00 run, 07:00 unknown, 07:30 run"


def test_a_stop_seen_by_a_person_while_the_controller_was_silent_is_a_stop() -> None:
    stage = stopped(UNSEEN)

    add_stop(stage.machine, at("07:05"), at("07:20"), "POWER_LOSS", **by())

    assert totals(stage) == {"run_ms": 90, "stop_ms": 15, "no_data_ms": 15}
    stop = Stop.objects.get()
    assert (stop.started_at, stop.ended_at, stop.reason.code) == (at("07:05"), at("07:20"), "POWER_LOSS")  # type: ignore[union-attr]
    assert differences(stage.line) == []


def test_a_stop_entered_while_the_controller_is_still_silent_is_accounted_for_at_once() -> None:
    stage = stopped("06:00 run", until="07:00")

    add_stop(stage.machine, at("07:10"), at("07:40"), "POWER_LOSS", **by())

    assert totals(stage) == {"run_ms": 60, "no_data_ms": 10, "stop_ms": 30}
    stage.edges([(at("07:00"), "unknown"), (at("07:50"), "run")], until=at("08:00"))
    rebuild_dirty(at("08:00"))
    assert totals(stage) == {"run_ms": 70, "no_data_ms": 20, "stop_ms": 30}
    assert differences(stage.line) == []


def test_the_controllers_late_word_beats_the_persons() -> None:
    stage = stopped("06:00 run", until="07:00")
    add_stop(stage.machine, at("07:10"), at("07:40"), "POWER_LOSS", **by())

    stage.sees("", until=at("08:00"))  # the spool is read back: it ran all the time
    rebuild_dirty(at("08:00"))

    assert totals(stage) == {"run_ms": 120}
    assert not Stop.objects.exists()
    assert differences(stage.line) == []


def test_where_the_controller_saw_the_machine_nothing_can_be_entered() -> None:
    stage = stopped(UNSEEN)

    with pytest.raises(ImpossibleTime, match=r"The controller saw .* at 07:30:00"):
        add_stop(stage.machine, at("07:10"), at("07:45"), "POWER_LOSS", **by())
    with pytest.raises(ImpossibleTime, match="future"):
        add_stop(stage.machine, at("07:10"), at("09:45"), "POWER_LOSS", **by())
    with pytest.raises(ImpossibleTime, match="end must be later"):
        add_stop(stage.machine, at("07:20"), at("07:10"), "POWER_LOSS", **by())
    with pytest.raises(ImpossibleTime, match="Only figures are kept"):
        add_stop(stage.machine, at("07:10", -120), at("07:20"), "POWER_LOSS", **by())
    assert totals(stage) == {"run_ms": 90, "no_data_ms": 30}


def test_a_stop_entered_by_mistake_is_taken_back() -> None:
    stage = stopped(UNSEEN)
    before = rows(stage)
    note = add_stop(stage.machine, at("07:05"), at("07:20"), "POWER_LOSS", **by())

    take_back_stop(note.pk, by=make_user("lena"), now=at("08:01"))

    assert rows(stage) == before


# ---------------------------------------------------------------- agreement


def test_a_supervisor_confirms_what_was_said_and_an_operator_cannot() -> None:
    stopped()
    stop = Stop.objects.get().id
    with pytest.raises(NeedsSupervisor):
        confirm_stop(stop, **by())
    with pytest.raises(UnknownReason, match="no reason yet"):
        confirm_stop(stop, **sam())
    code_stop(stop, "MAT_JAM", **by())

    assert confirm_stop(stop, comment="Seen it", **sam()).comment == "Seen it"
    assert AuditEntry.objects.filter(action="stop.confirm").count() == 1


def test_an_old_stop_is_changed_without_touching_what_came_after() -> None:
    stage = stopped("06:00 run, 07:00 stop, 07:30 run", until="08:00")
    stage.sees("13:00 stop, 13:10 run", until=at("05:00", 1))
    rebuild_dirty(at("05:00", 1))
    later = set(LedgerEntry.objects.filter(started_at__gte=at("09:00")).values_list("pk", flat=True))

    code_stop(Stop.objects.earliest("started_at").id, "MAT_JAM", **sam("20:00"))

    assert set(LedgerEntry.objects.filter(started_at__gte=at("09:00")).values_list("pk", flat=True)) == later
    assert differences(stage.line) == []
