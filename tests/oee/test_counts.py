"""Parts that people count, and parts that an engineer believes after all."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from floor.actions.machine import MachineBatch, record
from floor.domain.counters import CounterSetup
from floor.domain.fold import MachineSetup
from floor.domain.machine import CounterEventKind, Observation
from floor.models import CounterEvent, MachineState
from floor.models.shifts import shift_at
from oee.actions.check import differences
from oee.actions.counts import count_by_hand, decide_quarantine, enter_rejects, take_back_count
from oee.actions.rebuild import rebuild_dirty
from oee.actions.refusals import AlreadyDone, ImpossibleCount, ImpossibleTime
from oee.models import CountEntry, HourTotals, QuarantineDecision
from oee.shift_report import shift_report
from tests.factories import make_user
from tests.oee.stage import Stage, at, make_stage

pytestmark = pytest.mark.django_db


def by(name: str = "ola", role: str = "operator", clock: str = "09:00") -> dict[str, Any]:
    return {"by": make_user(f"{name}{uuid.uuid4().hex[:4]}", role), "now": at(clock), "request_id": uuid.uuid4()}


def silent(back: bool = False) -> Stage:
    """Ran and counted until 07:00, then nobody saw it; `back`: until 08:00."""
    stage = make_stage()
    stage.makes(at("06:30"), 100)
    stage.sees("06:00 run" + (", 07:00 unknown, 08:00 run" if back else ""), until=at("09:00" if back else "07:00"))
    MachineState.objects.update(made_at=at("09:00" if back else "07:00"))
    rebuild_dirty(at("09:00"))
    return stage


def counted(stage: Stage) -> tuple[int, int]:
    rows = HourTotals.objects.filter(equipment=stage.machine)
    return sum(row.made + row.unobserved_made for row in rows), sum(
        row.rejected + row.unobserved_rejected for row in rows
    )


def test_parts_counted_by_hand_are_parts_while_the_controller_is_away() -> None:
    stage = silent()

    count_by_hand(stage.machine, at("07:00"), at("08:00"), made=300, rejected=12, **by())

    assert counted(stage) == (400, 12)
    assert HourTotals.objects.get(starts_at=at("07:00")).unobserved_made == 300
    assert differences(stage.line) == []


def test_parts_counted_by_hand_never_count_twice_when_the_counter_comes_back() -> None:
    stage = silent()
    count_by_hand(stage.machine, at("07:00"), at("08:00"), made=300, rejected=12, **by())

    stage.makes(at("08:10"), 0, unobserved_made=310)
    stage.edges([(at("07:00"), "unknown"), (at("08:10"), "run")], until=at("09:00"))
    MachineState.objects.update(made_at=at("09:00"))
    rebuild_dirty(at("09:00"))

    assert counted(stage) == (410, 0)
    assert CountEntry.objects.with_answer().get().is_answered  # type: ignore[attr-defined]
    assert differences(stage.line) == []


def test_parts_counted_by_hand_stay_when_the_counter_comes_back_with_nonsense() -> None:
    stage = silent()
    count_by_hand(stage.machine, at("07:00"), at("08:00"), made=300, rejected=0, **by())

    stage.edges([(at("07:00"), "unknown"), (at("08:10"), "run")], until=at("09:00"))
    MachineState.objects.update(made_at=at("09:00"))
    event = CounterEvent.objects.create(
        equipment=stage.machine, counter="made", kind=CounterEventKind.QUARANTINE, at=at("08:10"), before=100,
        after=99_999, delta=99_899,
    )  # fmt: skip
    rebuild_dirty(at("09:00"))

    assert counted(stage) == (400, 0)

    decide_quarantine(event, accept=True, comment="A second machine fed it", **by("eng", "engineer"))
    assert counted(stage) == (99_999, 0)
    assert differences(stage.line) == []


def test_parts_counted_by_hand_up_to_the_full_hour_stay_in_it_when_the_next_hour_is_accounted_for_alone() -> None:
    stage = silent(back=True)
    MachineState.objects.update(made_at=None)  # a machine whose counter nobody reads
    count_by_hand(stage.machine, at("07:00"), at("08:00"), made=300, rejected=12, **by())

    enter_rejects(stage.machine, CountEntry.Sort.SCRAP, 1, at=at("08:05"), **by())
    stage.touched(at("08:05"))
    rebuild_dirty(at("09:00"))

    assert HourTotals.objects.get(starts_at=at("07:00")).unobserved_made == 300
    assert counted(stage) == (400, 13)
    assert differences(stage.line) == []


def test_parts_counted_by_hand_until_a_machine_is_seen_for_the_first_time_on_the_full_hour_count_from_then_on() -> None:
    stage = make_stage()
    count_by_hand(stage.machine, at("06:00"), at("07:00"), made=300, rejected=12, **by())

    stage.sees("07:00 run", until=at("07:30"))
    rebuild_dirty(at("07:30"))

    assert HourTotals.objects.get(starts_at=at("07:00")).unobserved_made == 300
    assert differences(stage.line) == []


@pytest.mark.parametrize(("shows", "parts"), [(0, 400), (8, 408), (290, 390), (310, 410)])
def test_a_counter_that_began_again_from_zero_answers_only_if_it_can_have_seen_what_people_counted(
    shows: int, parts: int
) -> None:
    stage = silent()
    count_by_hand(stage.machine, at("07:00"), at("08:00"), made=300, rejected=0, **by())

    stage.makes(at("08:10"), 0, unobserved_made=shows)
    stage.edges([(at("07:00"), "unknown"), (at("08:10"), "run")], until=at("09:00"))
    MachineState.objects.update(made_at=at("09:00"))
    CounterEvent.objects.create(
        equipment=stage.machine, counter="made", kind=CounterEventKind.RESET, at=at("08:10"), before=100,
        after=shows, delta=shows,
    )  # fmt: skip
    rebuild_dirty(at("09:00"))

    assert counted(stage) == (parts, 0)
    assert differences(stage.line) == []


def test_what_the_controller_counted_itself_is_not_counted_by_hand() -> None:
    stage = silent(back=True)

    with pytest.raises(ImpossibleTime, match=r"counted .* itself"):
        count_by_hand(stage.machine, at("07:30"), at("08:30"), made=10, rejected=0, **by())
    assert count_by_hand(stage.machine, at("07:10"), at("07:50"), made=10, rejected=0, **by()).pk
    with pytest.raises(ImpossibleTime, match="has counted 07:10–07:50 already"):
        count_by_hand(stage.machine, at("07:40"), at("07:55"), made=10, rejected=0, **by())


@pytest.mark.parametrize(("made", "rejected"), [(0, 0), (10, 11), (-1, 0), (10, -1), (2_000_000, 0)])
def test_impossible_numbers_are_refused(made: int, rejected: int) -> None:
    stage = silent()

    with pytest.raises(ImpossibleCount):
        count_by_hand(stage.machine, at("07:00"), at("08:00"), made=made, rejected=rejected, **by())
    assert not CountEntry.objects.exists()


def test_scrap_lowers_quality_in_the_hour_in_which_it_was_found() -> None:
    stage = silent(back=True)

    enter_rejects(stage.machine, CountEntry.Sort.SCRAP, 25, at=at("06:40"), defect="Torn bag", **by())

    hour = HourTotals.objects.get(starts_at=at("06:00"))
    assert (hour.made, hour.rejected, hour.reworked, hour.ideal_good_ms) == (100, 25, 0, 75_000)
    assert differences(stage.line) == []


def test_rework_and_start_up_scrap_are_told_apart() -> None:
    stage = silent(back=True)

    enter_rejects(stage.machine, CountEntry.Sort.REWORK, 5, at=at("06:40"), **by())
    enter_rejects(stage.machine, CountEntry.Sort.START_UP, 7, at=at("06:05"), **by())

    hour = HourTotals.objects.get(starts_at=at("06:00"))
    assert (hour.rejected, hour.reworked, hour.ideal_startup_ms) == (12, 5, 7_000)


def test_the_shift_shows_scrap_at_once_and_a_withdrawn_entry_no_more() -> None:
    stage = silent(back=True)
    entry = enter_rejects(stage.machine, CountEntry.Sort.SCRAP, 25, **by(clock="08:59:30"))
    window = shift_at(stage.line, at("09:00"))
    assert window is not None
    report = shift_report(stage.line, window, at("09:00"))
    assert report is not None
    assert (report.good, report.rejected) == (75, 25)

    take_back_count(entry.pk, by=make_user("lena"), now=at("09:00"))

    assert counted(stage) == (100, 0)
    with pytest.raises(AlreadyDone, match="lena"):
        take_back_count(entry.pk, by=make_user("max"), now=at("09:01"))
    assert differences(stage.line) == []


def test_a_decision_about_parts_held_back_is_made_once_and_says_why() -> None:
    stage = silent(back=True)
    event = CounterEvent.objects.create(
        equipment=stage.machine, counter="made", kind=CounterEventKind.QUARANTINE, at=at("06:50"), before=1, after=900,
        delta=899,
    )  # fmt: skip
    with pytest.raises(ImpossibleCount, match="Say why"):
        decide_quarantine(event, accept=False, comment=" ", **by("eng", "engineer"))

    decide_quarantine(event, accept=False, comment="Somebody typed it in", **by("eng", "engineer"))

    assert counted(stage) == (100, 0)
    with pytest.raises(AlreadyDone, match="has rejected these parts already"):
        decide_quarantine(event, accept=True, comment="No", **by("kim", "engineer"))


@pytest.mark.parametrize(("counts_good", "sums"), [(True, (900, 40)), (False, (860, 40))])
def test_rejects_believed_after_all_leave_the_good_parts_of_a_counter_of_good_parts_alone(
    counts_good: bool, sums: tuple[int, int]
) -> None:
    machine = make_stage().machine
    setup = MachineSetup(counts_good=counts_good, rejected=CounterSetup(max_per_s=0.01))
    seen = [
        Observation(at("06:00") + timedelta(seconds=s), 1, s + 1, True, True, made=made, rejected=rejected)
        for s, made, rejected in ((0, 0, 0), (1, 860, 0), (2, 860, 40))
    ]
    record([MachineBatch(machine.id, setup, seen)])
    rebuild_dirty(at("09:00"))
    event = CounterEvent.objects.get(kind=CounterEventKind.QUARANTINE)

    decide_quarantine(event, accept=True, comment="A bag of rejects at once", **by("eng", "engineer"))

    assert counted(Stage(machine.line, machine)) == sums
    assert differences(machine.line) == []


def test_parts_of_a_time_of_which_only_figures_are_kept_cannot_be_believed_any_more() -> None:
    stage = silent()
    event = CounterEvent.objects.create(
        equipment=stage.machine, counter="made", kind=CounterEventKind.QUARANTINE, at=at("06:50", -100), before=1,
        after=900, delta=899,
    )  # fmt: skip

    with pytest.raises(ImpossibleTime, match="Only figures are kept"):
        decide_quarantine(event, accept=True, comment="They were real", **by("eng", "engineer"))
    assert not QuarantineDecision.objects.exists()


def test_the_future_cannot_be_counted() -> None:
    stage = silent()

    with pytest.raises(ImpossibleTime, match="future"):
        count_by_hand(stage.machine, at("08:30"), at("09:30"), made=10, rejected=0, **by())
    with pytest.raises(ImpossibleTime, match="future"):
        enter_rejects(stage.machine, CountEntry.Sort.SCRAP, 1, at=at("09:00") + timedelta(seconds=1), **by())
