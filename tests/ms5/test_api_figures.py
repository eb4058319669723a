"""Shifts, stops and controllers over the API: the same numbers as everywhere else."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.utils import timezone
from rest_framework.test import APIClient

from floor.models import User
from floor.models.shifts import calendar
from floor.roles import Role
from oee.actions.rebuild import rebuild_dirty
from oee.models import Stop, StopCoding
from oee.shift_report import shift_report
from oee.tiles import pace_tile
from plc.models import Controller, Link
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
    """It ran from six, stood from half past seven to eight, and made 60 parts a minute with one reject."""
    stage = make_stage()
    for minute in range(90):
        stage.makes(at("06:00") + timedelta(minutes=minute), 60, 1 if minute == 0 else 0)
    for minute in range(60):
        stage.makes(at("08:00") + timedelta(minutes=minute), 60)
    stage.sees("06:00 run, 07:30 stop, 08:00 run", NOW)
    rebuild_dirty(NOW)
    return stage


def signed_in(role: Role = Role.OPERATOR) -> APIClient:
    client = APIClient(raise_request_exception=False)
    name = role.value[:12]
    client.force_authenticate(User.objects.filter(username=name).first() or make_user(name, role))
    return client


def get(path: str, role: Role = Role.VIEWER) -> Any:
    answer = signed_in(role).get(f"/api/v1/{path}")
    assert answer.status_code == 200, answer.content
    return answer.json()


# ---------------------------------------------------------------- shifts


def test_the_running_shift_is_told_with_the_evidence_of_each_figure(stage: Stage) -> None:
    told = get("oee/lines/L-BAG1/current")

    assert told["shift"]["name"] == "Day"
    assert told["availability"] == {"value": 150 / 180, "numerator": 9000.0, "denominator": 10800.0, "unit": "s"}
    assert told["performance"]["value"] == 1.0
    assert told["quality"]["value"] == pytest.approx(8999 / 9000)
    assert told["oee"]["value"] == pytest.approx(8999 / 10800)
    assert told["good"] == 8999
    assert told["totals"]["stop_s"] == 1800.0
    assert told["completeness"] == 1.0


def test_every_second_of_the_shift_is_in_the_totals(stage: Stage) -> None:
    totals = get("oee/lines/L-BAG1/current")["totals"]
    parts = ("off_shift_s", "no_data_s", "break_s", "planned_stop_s", "stop_s", "minor_stop_s", "run_s")

    assert sum(totals[part] for part in parts) == totals["calendar_s"] == 3 * 3600


def test_outside_the_shifts_nothing_is_made_up(clock: None) -> None:
    make_stage(shifts=False)

    told = get("oee/lines/L-BAG1/current")

    assert told["shift"] is None
    assert told["oee"] is None


def test_a_finished_shift_equals_its_report(stage: Stage) -> None:
    with time_machine.travel(at("14:30"), tick=False):
        rebuild_dirty(timezone.now())
        told = get("oee/lines/L-BAG1")
        window = calendar(stage.line).last_finished(timezone.now())
        assert window is not None
        report = shift_report(stage.line, window, timezone.now())

    assert report is not None
    assert told["shift"]["label"] == report.label
    assert told["oee"]["value"] == report.factors.oee.value
    assert (told["good"], told["rejected"]) == (report.good, report.rejected)
    assert [hour["good"] for hour in told["hours"]] == [hour.good for hour in report.hours]
    assert [stop["id"] for stop in told["stops"]] == [str(stop.id) for stop in report.stops]


def test_a_shift_is_found_by_its_date_and_name(stage: Stage) -> None:
    today, night = (
        get("oee/lines/L-BAG1?date=2026-11-20&shift=Day"),
        get("oee/lines/L-BAG1?date=2026-11-19&shift=Night"),
    )

    assert today["shift"]["work_date"] == "2026-11-20"
    assert night["shift"]["starts_at"] == "2026-11-19T22:00:00.000+00:00"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("date=2026-11-20", 422),
        ("shift=Day", 422),
        ("date=2026-11-20&shift=Late", 404),
        ("date=2026-11-25&shift=Day", 404),
        ("date=0001-01-01&shift=Day", 422),
        ("date=9999-12-31&shift=Day", 422),
        ("date=yesterday&shift=Day", 422),
    ],
)
def test_a_shift_that_cannot_be_found_is_refused_in_words(stage: Stage, query: str, status: int) -> None:
    answer = signed_in().get(f"/api/v1/oee/lines/L-BAG1?{query}")

    assert answer.status_code == status
    assert answer.json()["message"]


# ---------------------------------------------------------------- dashboard


def test_a_line_tells_where_it_stands(stage: Stage) -> None:
    told = get("dashboard/lines/L-BAG1/status")

    assert (told["state"], told["word"]) == ("run", "RUNNING")
    assert told["good"] == 8999
    assert told["target_now"] == pace_tile(stage.line, NOW).target_now
    assert told["difference"] == told["good"] - told["target_now"]
    assert told["reading_age_s"] == 0.0


def test_a_line_that_is_not_read_says_so(stage: Stage) -> None:
    with time_machine.travel(NOW + timedelta(minutes=5), tick=False):
        told = get("dashboard/lines/L-BAG1/status")

    assert (told["state"], told["word"]) == ("nodata", "NO DATA")
    assert datetime.fromisoformat(told["since"]) == NOW


def test_the_plants_oee_is_one_fraction_and_not_an_average(stage: Stage) -> None:
    other = make_stage("L-BAG2")
    other.makes(at("08:30"), 600)
    other.sees("06:00 stop, 08:30 run, 08:40 stop", NOW)
    rebuild_dirty(NOW)

    told = get("dashboard/summary")

    assert told["lines"] == 2
    assert told["states"]["run"] == 1
    assert told["states"]["stop"] == 1
    assert told["oee"]["value"] == pytest.approx((8999 + 600) / (2 * 10800))
    assert [row["line"] for row in get("dashboard/lines", Role.QUALITY)["results"]] == ["L-BAG1", "L-BAG2"]


# ---------------------------------------------------------------- stops


def test_stops_are_found_by_line_status_and_time(stage: Stage) -> None:
    client = signed_in()

    def found(query: str) -> int:
        count: int = client.get(f"/api/v1/downtime/events?{query}").json()["count"]
        return count

    assert found("line=L-BAG1") == 1
    assert found("status=uncoded") == 1
    assert found("status=open") == 0
    assert found("from=2026-11-20T07:45:00Z&to=2026-11-20T08:00:00Z") == 1
    assert found("from=2026-11-20T08:00:00Z") == 0
    assert found("to=2026-11-20T07:30:00Z") == 0


@pytest.mark.parametrize(
    "query",
    [
        "status=broken",
        "from=2026-11-20T07:45:00",
        "from=0001-01-01T00:00:00%2B14:00",
        "to=9999-12-31T23:59:59-14:00",
        "to=%00",
        "from=1e9",
        "minor=maybe",
    ],
)
def test_a_nonsensical_filter_is_refused_and_not_ignored(stage: Stage, query: str) -> None:
    answer = signed_in().get(f"/api/v1/downtime/events?{query}")

    assert answer.status_code == 422
    assert answer.json()["details"]


def code(client: APIClient, stop: object, **body: object) -> Any:
    return client.put(f"/api/v1/downtime/events/{stop}", body, format="json")


def test_a_stop_is_coded_once_however_often_it_is_sent(stage: Stage) -> None:
    stop, request_id, client = Stop.objects.get(), str(uuid4()), signed_in()

    answers = [code(client, stop.id, reason_code="CHANGEOVER", request_id=request_id) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["reason"]["code"] == "CHANGEOVER"
    assert answers[0].json()["coded_by"] == "operator"
    assert StopCoding.objects.count() == 1


def test_a_reason_that_does_not_exist_is_refused_in_words(stage: Stage) -> None:
    answer = code(signed_in(), Stop.objects.get().id, reason_code="gremlins")

    assert answer.status_code == 422
    assert "gremlins" in answer.json()["details"]["reason_code"][0]


def test_a_stop_that_does_not_exist_is_not_found(stage: Stage) -> None:
    assert code(signed_in(), uuid4(), reason_code="CHANGEOVER").status_code == 404
    assert code(signed_in(), "nonsense", reason_code="CHANGEOVER").status_code == 404


def test_an_operator_may_change_the_shift_before_but_not_an_older_one_the_shift_manager_does(stage: Stage) -> None:
    stop = Stop.objects.get().id
    with time_machine.travel(at("16:00"), tick=False):
        assert code(signed_in(Role.OPERATOR), stop, reason_code="CHANGEOVER").status_code == 200
    with time_machine.travel(at("22:30"), tick=False):
        assert code(signed_in(Role.OPERATOR), stop, reason_code="CLEANING").status_code == 403
        assert code(signed_in(Role.SHIFT_MANAGER), stop, reason_code="CHANGEOVER").status_code == 200


def test_reasons_are_listed(stage: Stage) -> None:
    assert any(
        row["code"] == "CHANGEOVER" and row["is_planned"] for row in get("downtime/reasons?limit=100")["results"]
    )


# ---------------------------------------------------------------- controllers


@pytest.fixture
def controller(db: None) -> Controller:
    found = Controller.objects.create(code="PLC1", name="PLC 1", kind="logix", host="10.9.8.7", connect_timeout_s=0.2)
    now = timezone.now()
    Link.objects.create(
        controller=found,
        state="backoff",
        last_ok_at=now - timedelta(seconds=40),
        lease_until=now + timedelta(seconds=5),
        error="No answer from 10.9.8.7",
        hint="Check the cable",
    )
    return found


def test_a_controller_that_does_not_answer_says_why_and_what_to_do(controller: Controller) -> None:
    told = get("plcs/PLC1", Role.ENGINEER)

    assert told["state"] == "no_connection"
    assert told["error"] == "No answer from 10.9.8.7"
    assert told["hint"] == "Check the cable"
    assert told["reading_age_s"] >= 40
    assert told["address"] == "10.9.8.7:44818"


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER, Role.QUALITY, Role.SHIFT_MANAGER])
def test_addresses_are_only_for_those_who_may_see_controllers(controller: Controller, role: Role) -> None:
    client = signed_in(role)

    assert "10.9.8.7" not in client.get("/api/v1/plcs").content.decode()
    assert "10.9.8.7" not in client.get(f"/api/v1/plcs/{controller.pk}").content.decode()


def test_a_controller_that_nobody_reads_is_not_called_online(controller: Controller) -> None:
    Link.objects.update(state="online", lease_until=timezone.now() - timedelta(seconds=60))

    assert get("plcs/PLC1", Role.ENGINEER)["state"] == "not_read"


def test_testing_a_connection_that_fails_says_why(controller: Controller) -> None:
    Controller.objects.update(host="127.0.0.1", port=1)

    answer = signed_in(Role.ENGINEER).post("/api/v1/plcs/PLC1/test-connection")

    assert answer.status_code == 200
    assert not answer.json()["ok"]
    assert answer.json()["error"]
