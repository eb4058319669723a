"""What a line did, by job: every millisecond and every part belongs to the job that ran, or to none."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from floor.actions.jobs import correct_run, create_job, end_job, set_job_cycle, start_job, take_back_run
from floor.models import Job, JobRun, MachineMinute, MachineState, Product, ProductNumber, User
from oee.actions.check import differences
from oee.actions.rebuild import rebuild, rebuild_dirty
from oee.actions.standards import restate
from oee.domain.factors import FIELDS, Totals
from oee.evidence import scope_of_shift
from oee.evidence.count import counts
from oee.models import HourLoss, HourTotals
from oee.rows import primary_machine
from oee.shift import Shift
from oee.standards import line_standards
from oee.stretch import stretch
from oee.tiles import job_tile
from tests.factories import make_machine, make_user
from tests.oee.stage import Stage, at, make_stage
from tests.oee.test_rebuild import rows

pytestmark = pytest.mark.django_db

NOW = at("15:00")


@pytest.fixture
def mara() -> User:
    return make_user("mara", "production_manager")


@pytest.fixture
def stage() -> Stage:
    """A line whose controller says number 1 for white bread; a white loaf takes a second at best."""
    stage = make_stage()
    white = Product.objects.create(code="W", name="White sliced 500 g")
    ProductNumber.objects.create(line=stage.line, number=1, product=white)
    return stage


def plan(stage: Stage, number: str, cycle_ms: int | None = None, product: str = "W") -> Job:
    bread = Product.objects.get(code=product)
    return create_job(stage.line, number, bread, 1000, by=None, now=at("05:00"), ideal_cycle_ms=cycle_ms)


def by_job(stage: Stage) -> dict[str | None, Totals]:
    found: dict[str | None, Totals] = {}
    for row in HourTotals.objects.filter(equipment=stage.machine).select_related("job"):
        key = None if row.job is None else row.job.number
        found[key] = found.get(key, Totals()) + Totals(*(getattr(row, name) for name in FIELDS))
    return found


def test_time_and_parts_belong_to_the_job_that_ran(stage: Stage) -> None:
    start_job(plan(stage, "4711"), by=None, now=at("07:30"))
    start_job(plan(stage, "4712"), by=None, now=at("09:00"))
    end_job(Job.objects.get(number="4712"), by=None, now=at("09:45"))
    stage.sees("06:00 run, 08:55 stop, 09:05 run", until=at("10:00"))
    for minute in ("07:29", "07:30", "08:59", "09:00", "09:44", "09:45"):
        stage.makes(at(minute), 10, 1, product_number=1)

    rebuild_dirty(NOW)

    found = by_job(stage)
    told = {key: (row.calendar_ms // 60_000, row.stop_ms // 60_000, row.made) for key, row in found.items()}
    assert told == {None: (105, 0, 20), "4711": (90, 5, 20), "4712": (45, 5, 20)}
    assert found["4711"].failures == 1
    assert found["4712"].failures == 0, "the stop began in the job before"
    losses = HourLoss.objects.filter(kind="failure").order_by("starts_at").values_list("lost_ms", "events")
    assert list(losses) == [(300_000, 1), (300_000, 0)]


def test_a_job_counts_from_the_beginning_of_the_minute_in_which_it_was_started(stage: Stage) -> None:
    start_job(plan(stage, "4711"), by=None, now=at("07:30:40"))
    end_job(Job.objects.get(), by=None, now=at("08:00:20"))
    stage.sees("06:00 run", until=at("09:00"))
    stage.makes(at("07:30"), 10, product_number=1)
    stage.makes(at("08:00"), 5, product_number=1)

    rebuild_dirty(NOW)

    assert (by_job(stage)["4711"].calendar_ms, by_job(stage)["4711"].made) == (30 * 60_000, 10)


def test_a_job_that_is_started_late_moves_only_the_hours_since_then(stage: Stage) -> None:
    stage.sees("06:00 run", until=at("10:00"))
    stage.makes(at("09:50"), 10, product_number=1)
    rebuild_dirty(NOW)
    kept = set(HourTotals.objects.filter(starts_at__lt=at("08:00")).values_list("pk", flat=True))

    start_job(plan(stage, "4711"), by=None, now=at("10:00"), started_at=at("09:20"))
    rebuild_dirty(NOW)

    assert by_job(stage)["4711"].made == 10
    assert set(HourTotals.objects.filter(starts_at__lt=at("08:00")).values_list("pk", flat=True)) == kept
    assert not any(differences(stage.line))


def test_figures_follow_when_it_is_told_which_job_really_ran(stage: Stage, mara: User) -> None:
    start_job(plan(stage, "4711"), by=None, now=at("07:00"))
    wrong = start_job(plan(stage, "4712"), by=None, now=at("08:30"))
    stage.sees("06:00 run", until=at("10:00"))
    for minute in ("07:10", "08:40", "09:50"):
        stage.makes(at(minute), 10, product_number=1)
    rebuild_dirty(NOW)

    correct_run(
        wrong, job=plan(stage, "4713"), started_at=at("09:00"), ended_at=None, reason="Wrong tap.", by=mara, now=NOW
    )
    rebuild_dirty(NOW)

    assert {key: row.made for key, row in by_job(stage).items()} == {None: 0, "4711": 20, "4713": 10}
    assert differences(stage.line) == []

    take_back_run(wrong, reason="It never ran.", by=mara, now=NOW)
    rebuild_dirty(NOW)

    assert {key: row.made for key, row in by_job(stage).items()} == {None: 0, "4711": 30}
    assert differences(stage.line) == []


# ---------------------------------------------------------------- its own ideal cycle


def test_the_job_that_ran_decides_the_ideal_cycle_while_it_ran(stage: Stage) -> None:
    start_job(plan(stage, "4711", cycle_ms=500), by=None, now=at("07:00"))
    end_job(Job.objects.get(), by=None, now=at("08:00"))
    stage.sees("06:00 run", until=at("09:00"))
    for minute in ("06:59", "07:00", "07:59", "08:00"):
        stage.makes(at(minute), 10, product_number=1)

    rebuild_dirty(NOW)

    ideal = {key: totals.ideal_made_ms for key, totals in by_job(stage).items()}
    assert ideal == {None: 20_000, "4711": 10_000}
    shift = Shift(stage.line, scope_of_shift(stage.line, stage.machine, at("06:00"), NOW).shifts[0], NOW)
    assert [shift.ideal_cycle_ms(1, at(clock)) for clock in ("06:59", "07:00", "07:59", "08:00")] == [
        1000, 500, 500, 1000,
    ]  # fmt: skip


def test_parts_of_another_product_and_other_machines_are_not_judged_by_the_job(stage: Stage) -> None:
    loader = make_machine(stage.line, "LOADER", primary=False, position=20)
    stage.line.ideal_cycles.create(ideal_cycle_ms=2000, valid_from=at("00:00", -9))
    rye = Product.objects.create(code="R", name="Rye")
    ProductNumber.objects.create(line=stage.line, number=2, product=rye)
    start_job(plan(stage, "4711", cycle_ms=500), by=None, now=at("07:00"))
    stage.sees("06:00 run", until=at("09:00"))
    stage.sees("06:00 run", until=at("09:00"), machine=loader)
    stage.makes(at("07:10"), 10, product_number=2)
    MachineMinute.objects.create(equipment=loader, minute=at("07:10"), made=10, product_number=1)
    stage.touched(at("07:10"))

    rebuild_dirty(NOW)

    assert by_job(stage)["4711"].ideal_made_ms == 10_000
    assert sum(HourTotals.objects.filter(equipment=loader).values_list("ideal_made_ms", flat=True)) == 20_000


def test_a_new_ideal_cycle_of_a_running_job_leaves_the_past_as_it_was_judged(stage: Stage, mara: User) -> None:
    job = plan(stage, "4711", cycle_ms=500)
    start_job(job, by=None, now=at("07:00"))
    stage.sees("06:00 run", until=at("09:00"))
    stage.makes(at("07:10"), 10, product_number=1)
    rebuild_dirty(at("09:00"))

    set_job_cycle(job, 400, by=mara, now=at("09:00"))
    stage.sees("", until=at("10:00"))
    stage.makes(at("09:10"), 10, product_number=1)
    rebuild(stage.line, since=None, now=at("10:00"))
    assert by_job(stage)["4711"].ideal_made_ms == 5_000 + 4_000

    restate(stage.line, at("07:00"), at("08:00"), by=mara, now=at("10:00"), reason="the order said 400")
    assert by_job(stage)["4711"].ideal_made_ms == 4_000 + 4_000


def test_evidence_and_the_standards_page_name_the_job_as_the_source(stage: Stage) -> None:
    start_job(plan(stage, "4711", cycle_ms=500), by=None, now=at("07:00"))
    stage.sees("06:00 run", until=at("09:00"))
    stage.makes(at("06:30"), 5, product_number=1)
    stage.makes(at("07:10"), 10, product_number=1)
    rebuild_dirty(NOW)

    found = counts(scope_of_shift(stage.line, stage.machine, at("06:00"), at("09:00")))

    used = [(use.standard.words, use.parts) for use in found.standards if use.standard]
    assert sorted(used) == [("job 4711", 10), ("this machine", 5)]
    assert sum(line.ideal_made_ms for line in found.lines) == 10_000
    cycles = line_standards(stage.line, at("09:00")).cycles
    assert [(line.product, line.ideal_cycle_ms, line.source) for line in cycles] == [
        ("White sliced 500 g", 500, "job 4711"),
        ("Any other product", 500, "job 4711"),
    ]


# ---------------------------------------------------------------- nothing is lost, nothing counts twice

# The clocks go back in London at 01:00 UTC; before that an afternoon, a night and breaks.
AUTUMN = datetime(2026, 10, 24, 19, tzinfo=UTC)
HOURS = 9
states = st.sampled_from(["run", "stop", "unknown"])
moments = st.integers(0, HOURS * 3600).map(lambda seconds: AUTUMN + timedelta(seconds=seconds))


@st.composite
def stories(draw: st.DrawFn) -> dict[str, Any]:
    cuts = sorted(draw(st.sets(moments, max_size=8)))
    return {
        "runs": [
            (which, start, end)
            for which, (start, end) in zip(draw(st.permutations(range(8))), pairwise(cuts), strict=False)
            if draw(st.booleans())
        ],
        "edges": sorted({AUTUMN: "run", **draw(st.dictionaries(moments, states, max_size=8))}.items()),
        "parts": draw(
            st.dictionaries(
                st.tuples(st.integers(0, HOURS * 60 - 1), st.sampled_from([-1, 1, 2])),
                st.tuples(st.integers(0, 90), st.integers(0, 9)),
                max_size=12,
            )
        ),
        "cycle_ms": draw(st.sampled_from([None, 400])),
    }


Told = dict[tuple[datetime, str], Totals]


def by_hour(stage: Stage) -> Told:
    """Hours of the line, whatever cut them."""
    found: Told = {}
    for row in HourTotals.objects.filter(equipment=stage.machine):
        key = (row.starts_at.replace(minute=0, second=0, microsecond=0), row.shift_name)
        found[key] = found.get(key, Totals()) + Totals(*(getattr(row, name) for name in FIELDS))
    return found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(stories())
@example(
    {
        "runs": [(0, AUTUMN + timedelta(hours=1), AUTUMN + timedelta(hours=6, minutes=30, seconds=20))],
        "edges": [(AUTUMN, "run"), (AUTUMN + timedelta(hours=5, minutes=40), "stop")],
        "parts": {(330, 1): (40, 3), (331, 2): (9, 0), (390, 1): (7, 1)},
        "cycle_ms": None,
    }
)
def test_the_totals_of_jobs_add_up_to_those_of_the_line_across_shifts_and_on_the_night_the_clocks_change(
    stage: Stage, story: dict[str, Any]
) -> None:
    with transaction.atomic():
        end = AUTUMN + timedelta(hours=HOURS)
        stage.edges(story["edges"], end)
        for (minute, product), (made, rejected) in story["parts"].items():
            stage.makes(AUTUMN + timedelta(minutes=minute), made, min(made, rejected), product_number=product)
        rebuild(stage.line, since=None, now=end)
        without = by_hour(stage)

        jobs = [plan(stage, str(number), story["cycle_ms"]) for number in range(8)]
        for which, since, until in sorted(story["runs"], key=lambda run: run[1]):
            start_job(jobs[which], by=None, now=end, started_at=since)
            end_job(jobs[which], by=None, now=end, ended_at=until)
            rebuild_dirty(end)

        _same_but_for_ideal(by_hour(stage), without, is_exact=story["cycle_ms"] is None)
        for run in JobRun.objects.select_related("job"):
            _is_what_the_stretch_says(stage, run, end)
        grown = rows(stage)
        rebuild(stage.line, since=None, now=end)
        assert rows(stage) == grown, "rebuilt from nothing it is what grew step by step"
        transaction.set_rollback(True)


def _same_but_for_ideal(found: Told, without: Told, *, is_exact: bool) -> None:
    """Jobs cut hours; they move no millisecond and no part out of them. Their ideal cycles change ideal time only."""
    assert found.keys() == without.keys()
    for key, totals in found.items():
        for name in FIELDS:
            if is_exact or not name.startswith("ideal"):
                assert getattr(totals, name) == getattr(without[key], name), (key, name)


def _is_what_the_stretch_says(stage: Stage, run: JobRun, now: datetime) -> None:
    """Summed by its key, a run's time is that of the stretch in which it ran, asked for by another way."""
    start, end = (moment.replace(second=0, microsecond=0) for moment in (run.started_at, run.ended_at or now))
    mine = HourTotals.objects.filter(equipment=stage.machine, job=run.job)
    machine = primary_machine(stage.line)
    assert machine is not None
    machine.line = stage.line
    asked = sum(stretch(machine, start, end, now=now).totals.values(), Totals())
    for name in ("calendar_ms", "run_ms", "stop_ms", "no_data_ms", "break_ms", "off_shift_ms"):
        assert sum(getattr(row, name) for row in mine) == getattr(asked, name), name


# ---------------------------------------------------------------- on the line's screen


def test_the_screen_says_how_far_the_job_is_and_when_it_will_be_done_at_this_pace(stage: Stage) -> None:
    job = plan(stage, "4711")
    start_job(job, by=None, now=at("07:00"))
    end_job(job, by=None, now=at("07:30"))
    start_job(job, by=None, now=at("08:00"))
    stage.sees("06:00 run", until=at("08:30:20"))
    for minute, made in (("06:59", 500), ("07:10", 100), ("07:40", 500), ("08:05", 101), ("08:25", 200)):
        stage.makes(at(minute), made, made % 100, product_number=1)
    rebuild_dirty(NOW)

    tile = job_tile(stage.line, at("08:30:20"))

    assert tile is not None
    assert (tile.number, tile.product, tile.made, tile.planned) == ("4711", "White sliced 500 g", 400, 1000)
    assert tile.done_at == at("08:30:20") + timedelta(minutes=30), "600 more at 20 a minute"


def test_a_line_that_stands_or_is_not_read_promises_no_time(stage: Stage) -> None:
    start_job(plan(stage, "4711"), by=None, now=at("07:00"))
    stage.sees("06:00 run, 07:30 stop", until=at("08:00"))
    stage.makes(at("07:10"), 100, product_number=1)
    rebuild_dirty(NOW)

    standing, silent = job_tile(stage.line, at("08:00")), job_tile(stage.line, at("07:15", 1))

    assert standing is not None
    assert silent is not None
    assert (standing.done_at, silent.done_at) == (None, None)


def test_the_quantity_that_is_reached_is_said_and_the_job_goes_on_until_somebody_ends_it(stage: Stage) -> None:
    start_job(plan(stage, "4711"), by=None, now=at("07:00"))
    stage.sees("06:00 run", until=at("08:00"))
    stage.makes(at("07:55"), 1001, product_number=1)
    rebuild_dirty(NOW)

    tile = job_tile(stage.line, at("08:00"))

    assert tile is not None
    assert (tile.is_reached, tile.done_at) == (True, None)


def test_a_machine_that_makes_something_else_is_named(stage: Stage) -> None:
    rye = Product.objects.create(code="R", name="Rye")
    ProductNumber.objects.create(line=stage.line, number=2, product=rye)
    start_job(plan(stage, "4711"), by=None, now=at("07:00"))
    stage.sees("06:00 run", until=at("08:00"))

    told = []
    for number in (1, 2, None, 99):
        MachineState.objects.filter(equipment=stage.machine).update(product_number=number)
        tile = job_tile(stage.line, at("08:00"))
        told.append(tile.other_product if tile else "")

    assert told == [None, "Rye", None, None]


def test_a_line_without_a_job_has_no_tile(stage: Stage) -> None:
    job = plan(stage, "4711")
    assert job_tile(stage.line, NOW) is None
    start_job(job, by=None, now=at("07:00"))
    end_job(job, by=None, now=at("08:00"))
    assert job_tile(stage.line, NOW) is None
