"""Every figure opens to what makes it, and what is listed adds up to it."""

import json
import random
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from floor.domain.machine import CounterEventKind, CounterKind
from floor.models import CounterEvent, Equipment, IdealCycle, Product, ProductNumber, User
from floor.roles import Role
from oee.actions.counts import count_by_hand, decide_quarantine, enter_rejects, take_back_count
from oee.actions.planned_stops import plan_stop
from oee.actions.rebuild import rebuild_dirty
from oee.actions.standards import restate
from oee.actions.stops import add_stop, code_stop, merge_stops, split_stop
from oee.analysis import Days
from oee.domain.factors import factors
from oee.evidence import (
    CODES,
    TITLES,
    Evidence,
    NoSuchScope,
    Scope,
    evidence,
    scope_of_days,
    scope_of_hours,
    scope_of_shift,
)
from oee.models import CountEntry, LedgerEntry, LinePolicy, Stop
from oee.shift import Shift
from tests.chance import seeds
from tests.factories import make_ideal_cycle, make_user
from tests.oee.stage import Stage, at, make_stage

pytestmark = pytest.mark.django_db
NOW = at("16:00")


@pytest.fixture
def mara() -> User:
    return make_user("mara", Role.ADMIN)


def machine_of(stage: Stage) -> Equipment:
    return Equipment.objects.select_related("line__site", "machine_state").get(pk=stage.machine.pk)


def day_shift(stage: Stage, now: datetime = NOW) -> Scope:
    return scope_of_shift(stage.line, machine_of(stage), at("06:00"), now)


def told(code: str, stage: Stage) -> Evidence:
    return evidence(day_shift(stage), code)


def make_morning() -> Stage:
    """It stood from 07:10 to 07:20, and for a minute at eight; 60 parts a minute with one reject until 07:10."""
    stage = make_stage()
    for minute in range(70):
        stage.makes(at("06:00") + timedelta(minutes=minute), 60, 1 if minute == 0 else 0)
    stage.sees("06:00 run, 07:10 stop, 07:20 run, 08:00 stop, 08:01 run", until=at("16:00"))
    rebuild_dirty(NOW)
    return stage


# ---------------------------------------------------------------- what a panel says


def test_availability_is_its_intervals_added_up() -> None:
    stage = make_morning()

    found = told("availability", stage)

    assert found.above is not None
    assert found.below is not None
    assert (found.above.words, found.below.words) == ("operating time", "planned time")
    listed = [(f"{r.row.starts_at:%H:%M}", r.row.state, r.row.kind, r.above, r.below) for r in found.intervals]
    minute = 60_000
    assert listed == [
        ("06:00", "run", "", 70 * minute, 70 * minute),
        ("07:10", "stop", "failure", 0, 10 * minute),
        ("07:20", "run", "", 40 * minute, 40 * minute),
        ("08:00", "stop", "minor", minute, minute),
        ("08:01", "run", "", 359 * minute, 359 * minute),
    ]
    assert found.value == Fraction(470, 480)
    assert found.adds_up


def test_counts_are_told_by_hour_product_and_ideal_cycle_with_the_standard_they_come_from() -> None:
    stage = make_stage(ideal_cycle_ms=None)
    bread = Product.objects.create(code="BREAD", name="White bread")
    ProductNumber.objects.create(line=stage.line, number=7, product=bread)
    cycle = make_ideal_cycle(stage.machine, 900)
    cycle.product = bread
    cycle.save()
    stage.makes(at("06:10"), 50, 2, product_number=7)
    stage.makes(at("07:10"), 40, product_number=7)
    stage.sees("06:00 run", until=at("08:00"))
    rebuild_dirty(NOW)

    found = told("quality", stage)

    assert [(f"{r.row.hour:%H}", r.row.product_number, r.row.made, r.row.cycle_ms) for r in found.counts] == [
        ("06", 7, 50, 900),
        ("07", 7, 40, 900),
    ]
    [used] = found.standards
    assert used.standard is not None
    assert (used.parts, used.standard.ideal_cycle_ms, used.standard.words) == (90, 900, "this product on this machine")
    assert found.products[7] == "White bread"
    assert found.value == Fraction(88, 90)


def test_a_reason_names_its_author_and_what_was_said_before(mara: User) -> None:
    stage = make_morning()
    stop = Stop.objects.get(is_minor=False)
    for reason in ("MAT_JAM", "CHANGEOVER"):
        code_stop(stop.id, reason, by=mara, now=NOW, request_id=uuid4(), comment=f"it was {reason}")

    found = told("availability", stage)

    [stood] = [listed.row for listed in found.intervals if listed.row.stop == stop.id]
    assert [(said.what, said.by, said.comment) for said in stood.said] == [
        ("Reason: Changeover", "mara", "it was CHANGEOVER")
    ]
    assert [(change.before, change.after, change.stop) for change in found.changes] == [
        ("no reason", "Jam", stop.id),
        ("Jam", "Changeover", stop.id),
    ]


def test_a_restatement_leaves_its_mark_with_the_figures_before_and_after(mara: User) -> None:
    stage = make_morning()
    before = told("oee", stage).oee
    cycle = stage.machine.ideal_cycles.get()
    cycle.ideal_cycle_ms = 900
    cycle.save()

    restate(stage.line, at("06:00"), at("14:00"), by=mara, now=NOW, reason="The cycle was measured again")

    found = told("oee", stage)
    [mark] = found.restatements
    assert mark.reason == "The cycle was measured again"
    assert (mark.before["oee"], mark.after["oee"]) == (before, found.oee)
    assert found.oee != before


def test_the_policy_in_force_is_named_with_the_day_it_began() -> None:
    stage = make_stage()
    LinePolicy.objects.create(line=stage.line, valid_from=at("00:00"), micro_stop_s=30)
    stage.sees("06:00 run", until=at("08:00"))
    rebuild_dirty(NOW)

    [policy] = told("oee", stage).policies

    assert policy.since == at("00:00")
    assert policy.words[:2] == ("micro-stops below 30 s", "planned stops lower availability")


def test_both_rows_of_an_hour_judged_anew_name_the_policy_that_reads_it_now(mara: User) -> None:
    stage = make_stage()
    LinePolicy.objects.create(line=stage.line, valid_from=at("00:00"))
    LinePolicy.objects.create(line=stage.line, valid_from=at("15:00"), minor_stops_reduce_availability=True)
    stage.sees("06:00 run", until=at("14:00"))
    stage.makes(at("06:00"), 30, product_number=1)
    stage.makes(at("07:30"), 30, product_number=2)
    rebuild_dirty(NOW)

    restate(stage.line, at("07:00"), at("07:15"), by=mara, now=NOW, reason="Minor stops are stops")

    scope = day_shift(stage)
    anew = [row.starts_at for row in scope.rows if scope.policy_of(row).valid_from == at("15:00")]
    assert anew == [at("07:00"), at("07:30")]


def test_failures_are_the_denominator_of_the_time_between_them() -> None:
    stage = make_morning()

    found = told("mtbf", stage)

    assert found.below is not None
    assert found.below.amount == 1
    assert found.adds_up
    assert [listed.below for listed in found.intervals] == [0, 1, 0, 0, 0]


def test_a_target_is_the_sum_of_its_steps() -> None:
    stage = make_morning()

    found = told("target", stage)

    assert found.value == int(sum(step.parts for step in found.steps))
    assert sum(step.planned_ms for step in found.steps) == 450 * 60_000  # eight hours without the break


def test_an_hour_whose_ledger_is_not_kept_any_more_is_told_by_its_totals() -> None:
    stage = make_morning()
    connection.check_constraints()
    LedgerEntry.objects.filter(started_at__lt=at("08:00")).delete()
    stage.machine.minutes.all().delete()

    for code in ("oee", "availability", "mtbf", "quality"):
        found = told(code, stage)
        assert found.adds_up, code
    assert any(listed.row.is_sum for listed in told("oee", stage).intervals)


@pytest.mark.parametrize(("start", "words"), [("06:30", "No shift"), ("22:00", "No shift")])
def test_a_shift_that_was_not_is_refused_in_words(start: str, words: str) -> None:
    stage = make_stage()

    with pytest.raises(NoSuchScope, match=words):
        scope_of_shift(stage.line, stage.machine, at(start), NOW)


# ---------------------------------------------------------------- whatever happens, it adds up


@pytest.mark.parametrize("seed", seeds(1, 40))
def test_the_listed_rows_of_any_history_add_up_to_numerator_and_denominator(seed: int, mara: User) -> None:
    dice = random.Random(seed)
    stage = make_stage()
    LinePolicy.objects.create(
        line=stage.line,
        valid_from=at("14:00"),
        planned_stops_reduce_availability=False,
        minor_stops_reduce_availability=dice.random() < 0.5,
        no_data_is_lost=dice.random() < 0.5,
    )
    now = at("17:00")
    _happens(stage, dice, now)
    rebuild_dirty(now)
    _people_speak(stage, dice, mara, now)

    machine = machine_of(stage)
    scopes = [
        scope_of_shift(stage.line, machine, at("06:00"), now),
        scope_of_shift(stage.line, machine, at("14:00"), now + timedelta(minutes=20)),
        scope_of_days(stage.line, machine, Days(at("12:00", -1).date(), at("12:00").date()), now),
        scope_of_hours(stage.line, machine, at("08:17"), at("15:40"), now),
    ]
    codes = [code for code in CODES if code != "target"]
    for code in codes:
        _adds_up(evidence(scopes[0], code))
    for scope in scopes[1:]:
        for code in {"oee", "availability", "ooe", "quality", *dice.sample(codes, 3)}:
            _adds_up(evidence(scope, code))


def _adds_up(found: Evidence) -> None:
    where = (found.code, found.scope.label)
    if found.below is None and found.unit.value != "parts":
        return  # not known
    assert found.adds_up, (where, found.above, found.below)
    totals, ratios = found.scope.totals, factors(found.scope.totals)
    if found.code in ("availability", "performance", "quality", "oee"):
        ratio = getattr(ratios, found.code)
        assert found.above is not None
        assert found.below is not None
        assert (found.above.listed, found.below.listed) == (ratio.numerator, ratio.denominator), where
    if found.intervals:
        assert sum(listed.row.lasted_ms for listed in found.intervals) == totals.calendar_ms, where
        assert sum(listed.row.failures for listed in found.intervals) == totals.failures, where
    if found.counts:
        assert sum(listed.row.made for listed in found.counts) == totals.made, where
        assert sum(listed.row.good for listed in found.counts) == totals.good, where


def test_a_shifts_evidence_is_what_its_screen_shows() -> None:
    stage = make_stage()
    stage.sees("06:00 run, 07:00 stop, 07:20 run", until=at("08:00"))
    rebuild_dirty(at("08:00"))
    scope = day_shift(stage, at("09:30"))  # silent since eight
    assert scope.shift is not None

    shift = Shift(stage.line, scope.shift, at("09:30"), scope.machine)

    assert scope.totals == shift.totals
    assert scope.totals.no_data_ms == 90 * 60_000


def test_in_the_first_hour_of_a_shift_what_is_not_derived_yet_is_no_time_without_data() -> None:
    stage = make_stage()
    stage.sees("05:00 run", until=at("06:10"))
    rebuild_dirty(at("06:10"))
    stage.edges([], until=at("06:13"))
    scope = day_shift(stage, at("06:13"))
    assert scope.shift is not None

    shift = Shift(stage.line, scope.shift, at("06:13"), scope.machine)

    assert (shift.totals.run_ms, shift.totals.no_data_ms) == (10 * 60_000, 0)
    assert shift.flags == ("figures are 3 min behind",)
    found = evidence(scope, "availability")
    assert [listed.row.starts_at for listed in found.intervals] == [at("06:00")], "no stretch lies upon another"


def test_a_machine_that_is_new_was_not_seen_before_its_first_reading() -> None:
    stage = make_stage()
    stage.sees("06:20 run", until=at("06:30"))
    rebuild_dirty(at("06:30"))
    scope = day_shift(stage, at("06:30"))
    assert scope.shift is not None

    shift = Shift(stage.line, scope.shift, at("06:30"), scope.machine)

    assert (shift.totals.run_ms, shift.totals.no_data_ms) == (10 * 60_000, 20 * 60_000)
    found = evidence(scope, "availability")
    assert [listed.row.starts_at for listed in found.intervals] == [at("06:00"), at("06:20")]


def _happens(stage: Stage, dice: random.Random, now: datetime) -> None:
    """A day of running, standing and silence, with three products and milliseconds."""
    for number in (1, 2):
        product = Product.objects.create(code=f"P{number}", name=f"Product {number}")
        ProductNumber.objects.create(line=stage.line, number=number, product=product)
        IdealCycle.objects.create(product=product, ideal_cycle_ms=500 + number, valid_from=at("00:00"))
    moment, edges, state = at("05:30"), [(at("05:30"), "run")], "run"
    while moment < now - timedelta(minutes=20):
        moment += timedelta(milliseconds=dice.choice([700, 20_001, 95_500, 400_000, 1_900_123]))
        state = dice.choice([s for s in ("run", "stop", "stop", "unknown") if s != state])
        edges.append((moment, state))
    if state == "unknown":
        edges.append((moment + timedelta(minutes=2), "run"))
    stage.edges(edges, now)
    number, minute = 1, at("05:40")
    while minute < now:
        number = dice.choice([number] * 6 + [1, 2, 9, -1])
        unobserved = {"unobserved_made": 40, "unobserved_rejected": 3} if dice.random() < 0.05 else {}
        stage.makes(minute, dice.randint(0, 70), dice.randint(0, 4), product_number=number, **unobserved)
        minute += timedelta(minutes=dice.choice([1, 2, 5, 11]))


def _people_speak(stage: Stage, dice: random.Random, by: User, now: datetime) -> None:
    who: Any = {"by": by, "now": now}
    stage.line.refresh_from_db()
    machine = machine_of(stage)
    plan_stop(stage.line, "CLEANING", starts_at=at("09:00"), ends_at=at("09:45"), request_id=uuid4(), **who)
    stops = list(Stop.objects.filter(equipment=stage.machine, ended_at__isnull=False).order_by("started_at"))
    for stop in dice.sample(stops, min(6, len(stops))):
        reason = dice.choice(["CHANGEOVER", "MAT_JAM", "UPSTREAM_STOP"])
        code_stop(stop.id, reason, request_id=uuid4(), **who)
        if stop.ended_at is not None and stop.ended_at - stop.started_at > timedelta(seconds=10):
            split_stop(stop.id, stop.started_at + timedelta(seconds=4), after="CLEANING", request_id=uuid4(), **who)
    pair = sorted(dice.sample(stops, 2), key=lambda stop: stop.started_at)
    merge_stops(pair[0].id, pair[1].id, run_is_stop=dice.random() < 0.5, request_id=uuid4(), **who)
    _fill_a_silence(machine, who)
    for sort in ("scrap", "start_up", "rework"):
        enter_rejects(machine, sort, dice.randint(1, 5), at=at("10:40"), request_id=uuid4(), **who)
    entry = enter_rejects(machine, "scrap", 9, at=at("10:50"), request_id=uuid4(), **who)
    take_back_count(entry.pk, **who)
    held = CounterEvent.objects.create(
        equipment=machine,
        counter=CounterKind.MADE,
        kind=CounterEventKind.QUARANTINE,
        at=at("11:11:11"),
        after=9000,
        delta=321,
    )
    decide_quarantine(held, accept=True, comment="They were made", request_id=uuid4(), **who)
    assert CountEntry.objects.count() >= 4


def _fill_a_silence(machine: Equipment, who: Any) -> None:
    """Somebody saw the machine stand, and count, while nobody read it."""
    silent = LedgerEntry.objects.filter(equipment=machine, state="no_data").order_by("started_at")
    for entry in silent:
        third = (entry.ended_at - entry.started_at) / 3
        if third > timedelta(seconds=30):
            start, end = entry.started_at + timedelta(milliseconds=1), entry.started_at + third
            add_stop(machine, start, end, "MAT_JAM", request_id=uuid4(), **who)
            count_by_hand(machine, start, end, made=5, rejected=1, request_id=uuid4(), **who)
            return


# ---------------------------------------------------------------- on the screen and over the API


@pytest.fixture
def ola(client: Client) -> Client:
    client.force_login(make_user("ola", Role.OPERATOR), backend="ms5.backends.MatrixBackend")
    return client


def page(client: Client, path: str, status: int = 200) -> str:
    with time_machine.travel(NOW, tick=False):
        answer = client.get(path)
    assert answer.status_code == status, answer.content
    return answer.content.decode()


SHIFT = "shift=2026-11-20T06:00:00%2B00:00"


@pytest.mark.parametrize("code", CODES)
def test_every_figure_has_a_page_and_the_same_as_data(code: str, ola: Client) -> None:
    make_morning()

    text = page(ola, f"/lines/L-BAG1/evidence/{code}/?{SHIFT}")
    told = json.loads(page(ola, f"/api/v1/oee/evidence?line=L-BAG1&kpi={code}&{SHIFT}"))

    assert TITLES[code] in text
    assert told["adds_up"]
    assert told["kpi"] == code


def test_the_page_prints_numbers_that_can_be_added_up_by_hand(ola: Client) -> None:
    make_morning()

    text = page(ola, f"/lines/L-BAG1/evidence/availability/?{SHIFT}")

    assert "28\u202f200.000\u202fs ÷ 28\u202f800.000\u202fs" in text  # 470 of 480 minutes
    assert "97.92\u202f%" in text
    assert f"/stops/{Stop.objects.get(is_minor=False).id}/" in text


def test_a_kiosk_fetches_the_panel_alone(ola: Client) -> None:
    make_morning()

    text = page(ola, f"/lines/L-BAG1/evidence/oee/?{SHIFT}&fragment=1")

    assert text.lstrip().startswith("<article")
    assert "<html" not in text


def test_without_a_time_the_shift_that_is_on_is_meant(ola: Client) -> None:
    make_morning()

    assert "Afternoon 20 Nov" in page(ola, "/lines/L-BAG1/evidence/oee/")


def test_a_restated_figure_says_so_on_its_page(ola: Client, mara: User) -> None:
    stage = make_morning()
    restate(stage.line, at("06:00"), at("14:00"), by=mara, now=NOW, reason="Measured <again>")

    text = page(ola, f"/lines/L-BAG1/evidence/oee/?{SHIFT}")

    assert "Restated" in text
    assert "Measured &lt;again&gt;" in text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/lines/L-BAG1/evidence/luck/", 404),
        ("/lines/L-BAG1/evidence/oee/?shift=yesterday", 404),
        ("/lines/L-BAG1/evidence/oee/?shift=2026-11-20T07:00:00%2B00:00", 404),
        ("/lines/L-BAG1/evidence/oee/?equipment=NONE", 404),
        ("/lines/L-BAG1/evidence/target/?date=2026-11-20", 404),
        ("/api/v1/oee/evidence?line=L-BAG1&kpi=luck", 422),
        ("/api/v1/oee/evidence?line=L-BAG1&kpi=target&date=2026-11-20", 422),
        ("/api/v1/oee/evidence?line=L-BAG1&kpi=oee&from=2026-11-20T06:00:00Z", 422),
        ("/api/v1/oee/evidence?line=L-BAG1&kpi=oee&from=2026-11-01T06:00:00Z&to=2026-11-20T06:00:00Z", 404),
    ],
)
def test_a_question_without_an_answer_is_refused(path: str, status: int, ola: Client) -> None:
    make_morning()

    page(ola, path, status)


def test_a_day_and_hours_of_any_machine_can_be_asked_for(ola: Client) -> None:
    stage = make_morning()
    code = stage.machine.code

    day = json.loads(page(ola, f"/api/v1/oee/evidence?line=L-BAG1&kpi=oee&date=2026-11-20&equipment={code}"))
    hours = json.loads(
        page(ola, "/api/v1/oee/evidence?line=L-BAG1&kpi=availability&from=2026-11-20T07:05:00Z&to=2026-11-20T07:30:00Z")
    )

    assert day["label"] == "Production day 20 Nov 2026"
    assert [row["lasted_s"] for row in hours["intervals"]] == [600.0, 600.0, 2400.0]
    assert hours["numerator"]["amount"] == 3000.0


def test_evidence_costs_the_same_number_of_queries_however_much_happened(django_assert_max_num_queries: Any) -> None:
    stage = make_morning()
    scope = day_shift(stage)
    with CaptureQueriesContext(connection) as few:
        evidence(scope, "oee")
    story = ", ".join(f"{hour:02d}:{minute:02d} {state}" for hour in range(8, 13) for minute, state in MANY)
    stage.sees(story, until=at("16:00"))
    rebuild_dirty(NOW)

    scope = day_shift(stage)
    with django_assert_max_num_queries(len(few)):
        evidence(scope, "oee")


MANY = [(minute, "stop" if minute % 10 else "run") for minute in range(10, 60, 5)]
