"""What people and programs do with stops, counts and figures over the API."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from floor.actions.jobs import create_job, start_job
from floor.domain.machine import CounterEventKind, CounterKind
from floor.models import CounterEvent, Product, User
from floor.roles import Role
from oee.actions.rebuild import rebuild_dirty
from oee.models import CountEntry, HourTotals, PlannedStop, Stop, StopMerge
from tests.factories import make_user
from tests.oee.stage import Stage, at, make_stage

pytestmark = pytest.mark.django_db
NOW = at("09:00")


@pytest.fixture
def clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def stage(clock: None) -> Stage:
    """Stopped 07:00–07:10 and 07:12–07:20, silent 08:00–08:20; 60 parts a minute until seven, one of them bad."""
    return make_line_story("L-BAG1")


def make_line_story(code: str) -> Stage:
    stage = make_stage(code)
    for minute in range(60):
        stage.makes(at("06:00") + timedelta(minutes=minute), 60, 1 if minute == 0 else 0)
    story = "06:00 run, 07:00 stop, 07:10 run, 07:12 stop, 07:20 run, 08:00 unknown, 08:20 run"
    stage.sees(story, until=NOW)
    rebuild_dirty(NOW)
    return stage


def client(role: Role = Role.SHIFT_MANAGER) -> APIClient:
    found = APIClient(raise_request_exception=False)
    name = role.value[:12]
    found.force_authenticate(User.objects.filter(username=name).first() or make_user(name, role))
    return found


def get(path: str, role: Role = Role.PRODUCTION_MANAGER) -> Any:
    answer = client(role).get(f"/api/v1/{path}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def send(path: str, status: int, *, role: Role = Role.SHIFT_MANAGER, method: str = "post", **body: Any) -> Any:
    answer = getattr(client(role), method)(f"/api/v1/{path}", body, format="json")
    assert answer.status_code == status, answer.content
    return answer.json()


def stops() -> list[Stop]:
    return list(Stop.objects.order_by("started_at"))


def iso(moment: datetime) -> str:
    return moment.isoformat()


# ---------------------------------------------------------------- stops


def test_a_stop_is_split_and_its_part_given_a_reason_of_its_own(stage: Stage) -> None:
    stop = stops()[0]

    split = send(f"downtime/events/{stop.id}/split", 200, at=iso(at("07:04")), before="MAT_JAM")
    part = split["parts"][1]["starts_at"]
    told = send(
        f"downtime/events/{stop.id}", 200, method="put", reason_code="CLEANING", part_start=part, seen=split["coding"]
    )

    assert [(row["lasted_s"], row["reason"]["code"]) for row in told["parts"]] == [
        (240.0, "MAT_JAM"),
        (360.0, "CLEANING"),
    ]


def test_somebody_who_has_not_seen_the_last_word_is_told_who_was_faster(stage: Stage) -> None:
    stop = stops()[0]
    send(f"downtime/events/{stop.id}", 200, method="put", reason_code="MAT_JAM", seen=None)

    answer = send(f"downtime/events/{stop.id}", 409, method="put", reason_code="CLEANING", seen=None)

    assert answer["code"] == "CONFLICT"
    assert "shift_manage" in answer["message"]


def test_two_stops_are_merged_once_and_separated_again(stage: Stage) -> None:
    first, last = stops()
    request_id = str(uuid4())

    for _ in range(2):
        one = send(f"downtime/events/{first.id}/merge", 200, other=str(last.id), request_id=request_id)
    assert StopMerge.objects.count() == 1
    assert (one["id"], one["is_merged"], one["duration_s"]) == (str(first.id), True, 1200.0)
    told = send(f"downtime/events/{first.id}/merge", 200, method="delete")

    assert not told["is_merged"]
    assert [stop.id for stop in stops()] == [first.id, last.id]
    send(f"downtime/events/{first.id}/merge", 404, method="delete")


def test_a_merge_sent_again_after_it_became_part_of_a_longer_one_is_answered_with_that(stage: Stage) -> None:
    send(
        "downtime/events", 201, equipment=stage.machine.code, started_at=iso(at("08:02")), ended_at=iso(at("08:12")),
        reason_code="MAT_JAM",
    )  # fmt: skip
    first, second, third = stops()
    merge: dict[str, Any] = {"other": str(third.id), "request_id": str(uuid4())}
    send(f"downtime/events/{second.id}/merge", 200, **merge)
    send(f"downtime/events/{first.id}/merge", 200, other=str(second.id))

    again = send(f"downtime/events/{second.id}/merge", 200, **merge)

    assert (again["id"], again["duration_s"]) == (str(first.id), 72 * 60.0)
    assert StopMerge.objects.count() == 2


def test_a_supervisor_confirms_what_has_a_reason(stage: Stage) -> None:
    stop = stops()[0]
    send(f"downtime/events/{stop.id}/confirm", 403, role=Role.OPERATOR)
    refused = send(f"downtime/events/{stop.id}/confirm", 422)
    assert refused["details"]["reason_code"]
    send(f"downtime/events/{stop.id}", 200, method="put", reason_code="MAT_JAM")

    assert send(f"downtime/events/{stop.id}/confirm", 200)["confirmed_by"] == "shift_manage"

    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        after = send(f"downtime/events/{stop.id}", 200, method="put", reason_code="CLEANING")
    assert after["confirmed_by"] is None


def test_a_stop_nobody_measured_is_entered_by_hand_and_taken_back(stage: Stage) -> None:
    body: dict[str, Any] = {
        "equipment": stage.machine.code, "started_at": iso(at("08:02")), "ended_at": iso(at("08:12")),
        "reason_code": "MAT_JAM", "request_id": str(uuid4()),
    }  # fmt: skip
    entered = [send("downtime/events", 201, **body) for _ in range(2)]
    assert entered[0] == entered[1]
    assert Stop.objects.filter(started_at=at("08:02")).exists()

    send(f"downtime/manual-stops/{entered[0]['id']}", 200, method="delete")

    assert not Stop.objects.filter(started_at=at("08:02")).exists()
    assert "already" in send(f"downtime/manual-stops/{entered[0]['id']}", 409, method="delete")["message"]


def test_what_the_controller_saw_cannot_be_entered_otherwise(stage: Stage) -> None:
    refused = send(
        "downtime/events", 422, equipment=stage.machine.code,
        started_at=iso(at("06:10")), ended_at=iso(at("06:20")), reason_code="MAT_JAM",
    )  # fmt: skip

    assert "controller saw" in refused["message"]
    assert refused["details"]["time"]


def test_a_planned_stop_explains_the_stops_that_fall_into_it(stage: Stage) -> None:
    planned = send(
        "downtime/planned-stops", 201, line="L-BAG1", reason_code="CLEANING",
        starts_at=iso(at("06:55")), expected_s=1800,
    )  # fmt: skip
    assert get("downtime/planned-stops?active=true")["count"] == 1

    ended = send(f"downtime/planned-stops/{planned['id']}/end", 200)

    assert ended["ended_by"] == "shift_manage"
    assert get(f"downtime/events/{stops()[0].id}")["is_minor"] is False
    assert HourTotals.objects.filter(planned_stop_ms__gt=0).exists()
    send(f"downtime/planned-stops/{planned['id']}/end", 409)
    send(f"downtime/planned-stops/{planned['id']}/withdraw", 200)
    assert not HourTotals.objects.filter(planned_stop_ms__gt=0).exists()
    assert PlannedStop.objects.get().withdrawn_at == NOW


def test_active_stops_are_those_that_go_on(stage: Stage) -> None:
    assert get("downtime/active")["count"] == 0
    stage.sees("08:50 stop", until=NOW)
    rebuild_dirty(NOW)

    assert [row["status"] for row in get("downtime/active")["results"]] == ["open"]


def test_statistics_tell_events_time_average_categories_and_reasons(stage: Stage) -> None:
    send(f"downtime/events/{stops()[0].id}", 200, method="put", reason_code="CHANGEOVER")

    told = get("downtime/statistics?line=L-BAG1&from=2026-11-20&to=2026-11-20")

    assert (told["events"], told["lost_s"], told["average_s"]) == (2, 1080.0, 540.0)
    assert [(row["category"], row["events"]) for row in told["categories"]] == [
        ("Unplanned stop", 1),
        ("Changeover or adjustment", 1),
    ]
    assert [(row["reason_code"], row["lost_s"]) for row in told["top_reasons"]] == [
        ("CHANGEOVER", 600.0),
        (None, 480.0),
    ]
    assert told["daily"] == [{"work_date": "2026-11-20", "events": 2, "lost_s": 1080.0, "average_s": 540.0}]


# ---------------------------------------------------------------- counts


def test_parts_counted_by_hand_and_scrap_are_entered_once_and_withdrawn(stage: Stage) -> None:
    code = stage.machine.code
    by_hand: dict[str, Any] = {
        "equipment": code, "sort": "manual", "starts_at": iso(at("08:02")), "ends_at": iso(at("08:12")),
        "made": 40, "rejected": 2, "request_id": str(uuid4()),
    }  # fmt: skip
    send("oee/counts", 201, **by_hand)
    send("oee/counts", 201, **by_hand)
    scrap = send("oee/counts", 201, equipment=code, sort="scrap", rejected=7, ends_at=iso(at("06:30")))
    assert CountEntry.objects.count() == 2
    assert sum(row.rejected for row in HourTotals.objects.all()) == 8

    withdrawn = send(f"oee/counts/{scrap['id']}/withdraw", 200)

    assert (withdrawn["is_counted"], withdrawn["withdrawn_by"]) == (False, "shift_manage")
    assert sum(row.rejected for row in HourTotals.objects.all()) == 1
    assert [row["sort"] for row in get(f"oee/counts?equipment={code}&sort=scrap")["results"]] == ["scrap"]
    send(f"oee/counts/{scrap['id']}/withdraw", 409)


def test_a_count_that_cannot_be_is_refused(stage: Stage) -> None:
    refused = send("oee/counts", 422, equipment=stage.machine.code, sort="scrap", rejected=0)

    assert refused["details"]["parts"]
    send("oee/counts", 422, equipment="NONE", sort="scrap", rejected=1)
    send("oee/counts", 422, equipment=stage.machine.code, sort="manual", made=5)


def test_an_engineer_decides_about_parts_that_were_held_back(stage: Stage) -> None:
    CounterEvent.objects.create(
        equipment=stage.machine, counter=CounterKind.MADE, kind=CounterEventKind.QUARANTINE,
        at=at("06:40:01"), after=9000, delta=500,
    )  # fmt: skip
    [held] = get("oee/quarantine")["results"]
    assert held["is_accepted"] is None
    decision: dict[str, Any] = {name: held[name] for name in ("equipment", "counter", "at")}
    send("oee/quarantine", 403, role=Role.OPERATOR, **decision, accept=True, comment="They were made")

    told = send("oee/quarantine", 201, role=Role.ENGINEER, **decision, accept=True, comment="They were made")

    assert (told["is_accepted"], told["decided_by"]) == (True, "engineer")
    assert sum(row.unobserved_made for row in HourTotals.objects.all()) == 500


# ---------------------------------------------------------------- the past, judged anew


def test_restating_tells_before_and_after_and_stays_to_be_read(stage: Stage) -> None:
    cycle = stage.machine.ideal_cycles.get()
    cycle.ideal_cycle_ms = 500
    cycle.save()
    body: dict[str, Any] = {
        "line": "L-BAG1",
        "from": iso(at("06:00")),
        "to": iso(at("08:00")),
        "reason": "Measured again",
    }
    send("oee/recalculate", 403, **body)

    told = send("oee/recalculate", 201, role=Role.ENGINEER, **body)

    assert told["after"]["oee"] == pytest.approx(told["before"]["oee"] / 2)
    assert get("oee/restatements?line=L-BAG1")["results"][0]["reason"] == "Measured again"
    send("oee/recalculate", 422, role=Role.ENGINEER, **{**body, "to": iso(at("10:00"))})
    send("oee/recalculate", 422, role=Role.ENGINEER, **{**body, "from": iso(at("06:00", -60))})


# ---------------------------------------------------------------- figures over time

DAYS = "from=2026-11-19&to=2026-11-20"


@pytest.mark.parametrize(
    ("granularity", "periods"),
    [
        ("hour", ["2026-11-20 06:00", "2026-11-20 07:00", "2026-11-20 08:00"]),
        ("shift", ["2026-11-20 Day"]),
        ("day", ["2026-11-20"]),
        ("week", ["2026-W47"]),
        ("month", ["2026-11"]),
        ("product", ["unknown"]),
        ("job", ["no job"]),
    ],
)
def test_a_line_over_time_adds_up_to_the_same_whole(stage: Stage, granularity: str, periods: list[str]) -> None:
    told = get(f"oee/lines/L-BAG1?granularity={granularity}&{DAYS}")

    assert [row["period"] for row in told["periods"]] == periods
    assert sum(row["totals"]["run_s"] for row in told["periods"]) == told["whole"]["totals"]["run_s"]
    assert told["whole"]["availability"]["numerator"] == 142 * 60
    assert told["whole"]["oee"]["value"] == pytest.approx(3599 / (160 * 60))


def test_a_job_is_told_from_its_first_day_to_its_last_alone_or_beside_the_others(stage: Stage) -> None:
    bread = Product.objects.create(code="W", name="White sliced")
    for number, start in (("4711", "06:30"), ("4712", "07:30")):
        start_job(create_job(stage.line, number, bread, 500, by=None, now=at("05:00")), by=None, now=at(start))
    rebuild_dirty(at("09:00"))

    all_of_them = get(f"oee/lines/L-BAG1?granularity=job&{DAYS}")
    alone = get("oee/lines/L-BAG1?granularity=day&job=4711")

    assert [row["period"] for row in all_of_them["periods"]] == ["no job", "4711", "4712"]
    assert [row["job"] for row in all_of_them["periods"]] == [None, "4711", "4712"]
    assert all_of_them["whole"] == get(f"oee/lines/L-BAG1?granularity=day&{DAYS}")["whole"]
    assert alone["days"] == {"first": "2026-11-20", "last": "2026-11-20"}
    assert {**all_of_them["periods"][1], **alone["whole"]} == all_of_them["periods"][1]
    assert alone["whole"]["totals"]["calendar_s"] == 3600
    refused = client().get("/api/v1/oee/lines/L-BAG1?granularity=day&job=4799")
    assert refused.json()["details"] == {"job": ["There is no job 4799."]}


def test_a_machine_over_time_is_its_line_when_it_speaks_for_it(stage: Stage) -> None:
    machine, line = get(f"oee/equipment/{stage.machine.code}?{DAYS}"), get(f"oee/lines/L-BAG1?granularity=day&{DAYS}")

    assert machine == line


def test_a_days_summary_has_its_shifts_products_and_losses(stage: Stage) -> None:
    told = get("oee/lines/L-BAG1/daily-summary")

    assert told["work_date"] == "2026-11-20"
    assert [row["shift"] for row in told["shifts"]] == ["Day"]
    assert told["good"] == 3599
    assert [row["lost_s"] for row in told["losses"]] == [1080.0]


def test_a_trend_compares_with_as_many_days_before(stage: Stage) -> None:
    told = get(f"oee/lines/L-BAG1/trends?{DAYS}")

    assert told["before"] == {"first": "2026-11-17", "last": "2026-11-18"}
    assert told["oee"]["before"] is None
    assert told["oee"]["trend"] is None
    assert told["rating"] == "poor"


def test_the_line_at_this_moment(stage: Stage) -> None:
    told = get("oee/realtime/L-BAG1")

    assert (told["state"], told["shift"]["name"], told["reading_age_s"]) == ("run", "Day", 0.0)


def test_how_reliable_a_machine_is(stage: Stage) -> None:
    told = get(f"oee/analytics/equipment/{stage.machine.code}?{DAYS}")

    assert (told["failures"], told["minor_stops"]) == (2, 0)
    assert told["mtbf_h"] == pytest.approx(142 / 60 / 2)
    assert told["mttr_h"] == pytest.approx(18 / 60 / 2)


def test_lines_are_measured_by_their_targets_and_the_world(stage: Stage) -> None:
    [line] = get(f"oee/analytics/performance?{DAYS}")["results"]
    world = get("oee/analytics/benchmarks")

    assert line["missed"] == ["availability", "performance", "oee"]
    assert line["rating"] == "poor"
    assert world["world_class_oee"] == 0.85
    assert world["targets"][0]["availability"] == 0.9


@pytest.mark.parametrize(
    "query",
    ["granularity=minute", "from=2026-11-01", "granularity=hour&from=2026-11-01&to=2026-11-20",
     "granularity=day&from=2026-11-20&to=2026-11-01", "granularity=day&date=2026-11-20&shift=Day"],
)  # fmt: skip
def test_a_series_that_cannot_be_asked_for_is_refused(stage: Stage, query: str) -> None:
    answer = client().get(f"/api/v1/oee/lines/L-BAG1?{query}")

    assert answer.status_code == 422
    assert answer.json()["details"]


@pytest.mark.parametrize(
    "path",
    [f"oee/analysis?by=shift&{DAYS}", f"oee/analysis?by=product&{DAYS}", f"oee/analytics/performance?{DAYS}",
     f"downtime/statistics?{DAYS}", "oee/analytics/benchmarks", "downtime/events", "downtime/active"],
)  # fmt: skip
def test_three_lines_cost_as_many_queries_as_one(stage: Stage, path: str) -> None:
    asking = client(Role.PRODUCTION_MANAGER)
    asking.get(f"/api/v1/{path}")
    with CaptureQueriesContext(connection) as one:
        asking.get(f"/api/v1/{path}")
    make_line_story("L-BAG2")
    make_line_story("L-BAG3")

    with CaptureQueriesContext(connection) as three:
        answer = asking.get(f"/api/v1/{path}")

    assert answer.status_code == 200
    assert len(three) == len(one)
