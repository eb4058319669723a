import random
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from floor.models import FaultDefinition, FaultEvent, MachineState, StateEdge
from oee.actions.check import differences
from oee.actions.rebuild import rebuild, rebuild_dirty
from oee.domain.factors import TIME_COLUMNS
from oee.models import HourLoss, HourTotals, LedgerEntry, LineDerived, LinePolicy, Stop, to_stop_key
from tests.chance import seeds
from tests.factories import make_line, make_machine, make_shifts, make_site
from tests.oee.stage import Stage, at, make_stage

pytestmark = pytest.mark.django_db

NOW = at("12:00", 1)


def totals(stage: Stage) -> dict[str, int]:
    columns = TIME_COLUMNS
    rows = HourTotals.objects.filter(equipment=stage.machine)
    found = {name: sum(getattr(row, name) for row in rows) // 60_000 for name in columns}
    return {name: minutes for name, minutes in found.items() if minutes}


def rows(stage: Stage) -> dict[str, list[tuple[Any, ...]]]:
    """Everything derived, as values."""
    machines = stage.line.equipment.all()
    return {
        model.__name__: sorted(
            (tuple(row.items()) for row in model.objects.filter(equipment__in=machines).values(*columns)), key=repr
        )
        for model, columns in (
            (Stop, [f.attname for f in Stop._meta.concrete_fields]),
            (LedgerEntry, [f.attname for f in LedgerEntry._meta.concrete_fields if f.name != "id"]),
            (HourTotals, [f.attname for f in HourTotals._meta.concrete_fields if f.name != "id"]),
            (HourLoss, [f.attname for f in HourLoss._meta.concrete_fields if f.name != "id"]),
        )
    }


def test_a_morning_is_accounted_for_to_the_minute() -> None:
    stage = make_stage()
    stage.sees("06:00 run, 07:10 stop, 07:20 run, 08:00 stop, 08:01 run", until=at("09:00"))

    rebuild_dirty(NOW)

    assert totals(stage) == {"run_ms": 169, "stop_ms": 10, "minor_stop_ms": 1}


def test_losing_the_link_is_no_data_and_never_a_stop() -> None:
    stage = make_stage()
    stage.sees("06:00 run, 07:00 unknown, 07:30 run", until=at("08:00"))

    rebuild_dirty(NOW)

    assert totals(stage) == {"run_ms": 90, "no_data_ms": 30}
    assert not Stop.objects.exists()


def test_a_stop_across_shift_change_is_shared_between_the_shifts() -> None:
    stage = make_stage()
    stage.sees("06:00 run, 13:50 stop, 14:20 run", until=at("15:00"))

    rebuild_dirty(NOW)

    stop = Stop.objects.get()
    shares = HourTotals.objects.filter(stop_ms__gt=0).order_by("starts_at").values_list("shift_name", "stop_ms")
    assert (stop.started_at, stop.ended_at) == (at("13:50"), at("14:20"))
    assert list(shares) == [("Day", 600_000), ("Afternoon", 1_200_000)]


def test_a_short_standstill_across_shift_change_is_minor_in_both_shifts() -> None:
    stage = make_stage()
    stage.sees("13:00 run, 13:59:30 stop, 14:00:30 run", until=at("15:00"))

    rebuild_dirty(NOW)

    assert list(
        HourTotals.objects.filter(minor_stop_ms__gt=0).order_by("starts_at").values_list("shift_name", "minor_stop_ms")
    ) == [("Day", 30_000), ("Afternoon", 30_000)]


def test_an_open_stop_becomes_minor_when_it_ends_in_time() -> None:
    stage = make_stage()
    stage.sees("08:00 run, 08:59:30 stop", until=at("09:01:10"))
    rebuild_dirty(NOW)
    assert not Stop.objects.get().is_minor

    stage.sees("09:01:20 run", until=at("09:10"))
    rebuild_dirty(NOW)

    assert Stop.objects.get().is_minor
    assert not HourTotals.objects.filter(stop_ms__gt=0).exists()


def test_the_threshold_is_the_lines_own_and_the_past_keeps_the_old_one() -> None:
    stage = make_stage()
    LinePolicy.objects.create(line=stage.line, valid_from=at("00:00"), micro_stop_s=30)
    LinePolicy.objects.create(line=stage.line, valid_from=at("08:00"), micro_stop_s=300)
    stage.sees("06:00 run, 07:00 stop, 07:02 run, 09:00 stop, 09:02 run", until=at("09:30"))

    rebuild_dirty(NOW)

    assert list(Stop.objects.order_by("started_at").values_list("is_minor", flat=True)) == [False, True]


def test_in_a_break_standing_is_the_break_and_running_is_running() -> None:
    stage = make_stage()
    stage.sees("09:00 run, 10:00 stop, 10:20 run", until=at("11:00"))

    rebuild_dirty(NOW)

    assert totals(stage) == {"run_ms": 100, "break_ms": 20}
    assert Stop.objects.get().proposed_reason_id == "BREAK_TIME"


def test_without_shifts_all_time_is_off_shift() -> None:
    stage = make_stage(shifts=False)
    stage.sees("09:00 run, 10:00 stop", until=at("11:00"))

    rebuild_dirty(NOW)

    assert totals(stage) == {"off_shift_ms": 120}


def test_a_short_silence_inside_a_stop_does_not_make_two_of_it() -> None:
    stage = make_stage()
    stage.sees("06:00 run, 07:00 stop, 07:05 unknown, 07:05:30 stop, 07:10 run", until=at("08:00"))

    rebuild_dirty(NOW)

    stop = Stop.objects.get()
    assert (stop.started_at, stop.ended_at) == (at("07:00"), at("07:10"))
    assert HourTotals.objects.get(starts_at=at("07:00")).no_data_ms == 30_000


def test_the_first_fault_is_proposed_and_a_prompt_never() -> None:
    stage = make_stage()
    kinds = FaultDefinition.Kind
    for bit, text, kind, reason in (
        (6, "Wicket servo fault", kinds.FAULT, "MOTOR_FAIL"),
        (12, "Infeed guard open", kinds.FAULT, ""),
        (22, "Close the guard", kinds.PROMPT, ""),
    ):
        FaultDefinition.objects.create(equipment=stage.machine, bit=bit, text=text, kind=kind, reason_code=reason)
    for bit, clock in ((22, "06:59:58"), (6, "06:59:59"), (12, "07:00:01")):
        FaultEvent.objects.create(equipment=stage.machine, bit=bit, on_at=at(clock), off_at=at("07:05"))
    stage.sees("06:00 run, 07:00 stop", until=at("07:10"))

    rebuild_dirty(NOW)

    stop = Stop.objects.get()
    assert stop.proposed_reason_id == "MOTOR_FAIL"
    assert stop.proposed_why == "Wicket servo fault (6), first of 2"


def test_a_fault_that_shows_a_scan_later_still_explains_the_stop() -> None:
    stage = make_stage()
    FaultDefinition.objects.create(equipment=stage.machine, bit=3, text="Jam", reason_code="MAT_JAM")
    stage.sees("08:00 run, 08:59:58 stop", until=at("09:00:01"))
    rebuild_dirty(NOW)

    FaultEvent.objects.create(equipment=stage.machine, bit=3, on_at=at("09:00:05"))
    stage.sees("", until=at("09:00:05"))
    rebuild_dirty(NOW)

    assert Stop.objects.get().proposed_why == "Jam (3)"


def test_a_machine_without_a_fault_was_starved_by_the_one_that_stood_before_it() -> None:
    stage = make_stage()
    slicer = make_machine(stage.line, "SLICER", primary=False, position=5)
    stage.sees("06:00 run, 07:00 stop", until=at("07:10"), machine=slicer)
    stage.sees("06:00 run, 07:00:20 stop", until=at("07:10"))

    rebuild_dirty(NOW)

    stop = Stop.objects.get(equipment=stage.machine)
    assert (stop.proposed_reason_id, stop.proposed_why) == ("UPSTREAM_STOP", "Starved: SLICER stopped first")
    assert Stop.objects.get(equipment=slicer).proposed_reason is None


def test_parts_count_in_their_hour_and_those_found_after_a_gap_carry_no_performance() -> None:
    stage = make_stage()
    stage.sees("06:00 run", until=at("08:00"))
    stage.makes(at("06:10"), 50, 2)
    stage.makes(at("07:59"), 40, unobserved_made=500, unobserved_rejected=5)

    rebuild_dirty(NOW)

    hours = HourTotals.objects.order_by("starts_at")
    columns = ("made", "rejected", "unobserved_made", "unobserved_rejected", "ideal_made_ms", "ideal_good_ms")
    assert list(hours.values_list(*columns)) == [(50, 2, 0, 0, 50_000, 48_000), (40, 0, 500, 5, 40_000, 40_000)]


def test_parts_without_an_ideal_cycle_are_counted_as_such() -> None:
    stage = make_stage(ideal_cycle_ms=None)
    stage.sees("06:00 run", until=at("07:00"))
    stage.makes(at("06:10"), 50)

    rebuild_dirty(NOW)

    assert HourTotals.objects.get().unrated_made == 50


def test_the_ledger_cannot_hold_the_same_time_twice() -> None:
    stage = make_stage()
    stage.sees("06:00 run", until=at("07:00"))
    rebuild_dirty(NOW)

    with pytest.raises(IntegrityError, match="ledger_never_overlaps"), transaction.atomic():
        LedgerEntry.objects.create(equipment=stage.machine, started_at=at("06:30"), ended_at=at("06:31"), state="stop")


def test_a_stop_keeps_its_name_however_often_it_is_derived() -> None:
    stage = make_stage()
    stage.sees("06:00 run, 07:00 stop, 07:10 run", until=at("08:00"))
    rebuild_dirty(NOW)
    Stop.objects.all().delete()
    LedgerEntry.objects.all().delete()

    rebuild(stage.line, since=None, now=NOW)

    assert Stop.objects.get().id == to_stop_key(stage.machine.id, at("07:00"))


def test_one_line_that_fails_does_not_hold_up_the_others() -> None:
    good, bad = make_stage("L-GOOD"), make_stage("L-BAD")
    for stage in (good, bad):
        stage.sees("06:00 run", until=at("07:00"))
    for name in ("Long", "Longer"):  # two shifts of its own that overlap
        bad.line.shift_patterns.create(
            site=bad.line.site, name=name, starts_at=at("06:00").time(), ends_at=at("18:00").time()
        )

    assert rebuild_dirty(NOW) == 1

    assert totals(good) == {"run_ms": 60}
    failed = LineDerived.objects.get(line=bad.line)
    assert "overlap" in failed.error
    assert failed.retry_at is not None
    assert failed.retry_at > NOW
    assert rebuild_dirty(NOW) == 0


def test_nothing_is_done_when_nothing_changed(django_assert_max_num_queries: Any) -> None:
    stage = make_stage()
    stage.sees("06:00 run", until=at("07:00"))
    rebuild_dirty(NOW)
    rebuild_dirty(NOW)  # notices that the machine has been silent since

    with django_assert_max_num_queries(2):
        assert rebuild_dirty(NOW) == 0


def test_one_more_second_of_running_costs_few_queries(django_assert_max_num_queries: Any) -> None:
    stage = make_stage()
    stage.sees("06:00 run, 06:20 stop, 06:30 run", until=at("07:30"))
    stage.makes(at("06:10"), 50)
    rebuild_dirty(NOW)

    stage.sees("", until=at("07:30:01"))
    with django_assert_max_num_queries(43):
        assert rebuild_dirty(NOW) == 1


@pytest.mark.parametrize("seed", seeds(1, 40))
def test_rebuilding_in_portions_gives_the_rows_of_rebuilding_everything(seed: int) -> None:
    dice = random.Random(seed)
    stage = make_stage()
    loader = make_machine(stage.line, "LOADER", primary=False, position=20)
    FaultDefinition.objects.create(equipment=stage.machine, bit=3, text="Jam", reason_code="MAT_JAM")
    moment = at("04:00")
    for _ in range(40):
        to_the_hour = 3600 - moment.minute * 60 - moment.second - dice.randint(1, 15)
        step = max(1, dice.choice([1, 2, 7, 20, 40, 200, 900, to_the_hour, to_the_hour]))
        _live(stage, dice, moment, step)
        _live(stage, dice, moment, step, loader)
        moment += timedelta(seconds=step)
        rebuild_dirty(NOW)
    piecewise = rows(stage)

    for model in (LedgerEntry, HourTotals, Stop):
        model.objects.all().delete()
    rebuild(stage.line, since=None, now=NOW)

    assert piecewise == rows(stage)
    for machine in (stage.machine, loader):
        _tiles(machine)


def _live(stage: Stage, dice: random.Random, moment: datetime, step: int, machine: Any = None) -> None:
    """Something happens within `step` seconds from `moment`: edges as the recorder writes them, parts, faults."""
    machine = machine or stage.machine
    end = moment + timedelta(seconds=step)
    times = sorted({moment + timedelta(seconds=dice.randint(1, step)) for _ in range(dice.randint(0, 3))})
    last = StateEdge.objects.filter(equipment=machine).order_by("-at").first()
    edges = [] if last else [(moment, "run")]
    state = last.state if last else "run"
    for time in times:
        if last is not None and time <= last.at:
            continue
        state = dice.choice([s for s in ("run", "stop", "unknown") if s != state])
        edges.append((time, state))
    stage.edges(edges, end, machine)
    if machine == stage.machine and dice.random() < 0.7:
        minute = end.replace(second=0)
        if not stage.machine.minutes.filter(minute=minute).exists():
            stage.makes(minute, dice.randint(0, 60), dice.randint(0, 3))
    if machine == stage.machine and dice.random() < 0.5 and not FaultEvent.objects.filter(off_at=None).exists():
        FaultEvent.objects.create(equipment=machine, bit=3, on_at=end)
        stage.touched(moment)
    elif dice.random() < 0.5:
        FaultEvent.objects.filter(equipment=machine, off_at=None).update(off_at=end)
        stage.touched(moment)


def _tiles(machine: Any) -> None:
    entries = list(LedgerEntry.objects.filter(equipment=machine).order_by("started_at"))
    assert entries[0].started_at == machine.edges.order_by("at")[0].at
    assert entries[-1].ended_at == MachineState.objects.get(equipment=machine).observed_until
    assert all(a.ended_at == b.started_at for a, b in pairwise(entries))


def announced(stage: Stage) -> set[str]:
    return rebuild(stage.line, since=at("07:00"), now=NOW).topics


def test_only_tiles_that_changed_are_announced() -> None:
    stage = make_stage()
    stage.sees("06:00 run", until=at("07:00"))
    rebuild_dirty(NOW)

    stage.sees("", until=at("07:00:01"))
    assert announced(stage) == set()

    stage.sees("", until=at("07:00:06"))
    assert announced(stage) == {"pace", "oee", "strip"}

    stage.makes(at("07:00"), 3)
    assert announced(stage) == {"pace", "rate", "oee", "state"}

    stage.sees("07:00:20 stop", until=at("07:00:24"))
    assert announced(stage) >= {"state", "strip", "stops", "oee"}


def test_lines_in_different_time_zones_are_cut_at_their_own_hours() -> None:
    here = make_stage("L-HERE")
    line = make_line("L-THERE", site=make_site("KTM", "Asia/Kathmandu"))
    there = Stage(line, make_machine(line))
    make_shifts(line.site)
    for clock in ("07:30", "08:10", "08:50"):
        for stage in (here, there):
            stage.sees("07:00 run" if clock == "07:30" else "", until=at(clock))
        assert rebuild_dirty(NOW) == 2

    for stage, minute in ((here, 0), (there, 15)):  # 5 h 45 min east: full hours there are quarters past here
        starts = HourTotals.objects.filter(equipment=stage.machine).values_list("starts_at", flat=True)
        assert {start.minute for start in starts} == {minute}
        assert differences(stage.line) == []
