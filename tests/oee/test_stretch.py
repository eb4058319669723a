"""A machine's own time, in any stretch of whole minutes."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import time_machine
from django.db import connection
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from floor.models import Equipment, MachineMinute, User
from floor.roles import HOLDERS, Capability, Role
from oee.actions.rebuild import rebuild_dirty
from oee.actions.retention import drop_old_figures
from oee.domain.factors import FIELDS, Policy, Totals
from oee.models import HourTotals, LedgerEntry, LinePolicy
from oee.stretch import stretch
from tests.factories import make_line
from tests.oee.stage import Stage, at, make_stage

pytestmark = pytest.mark.django_db
PATH = "/api/v1/oee/calculate"
NOW = at("12:00")


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Since six: 60 parts a running minute, one in ten rejected; a stop of half an hour from 07:50, tea at ten."""
    with time_machine.travel(NOW, tick=False):
        stage = make_stage()
        minutes = [at("06:00") + timedelta(minutes=minute) for minute in range(360)]
        MachineMinute.objects.bulk_create(
            MachineMinute(equipment=stage.machine, minute=minute, made=60, rejected=6)
            for minute in minutes
            if not at("07:50") <= minute < at("08:20") and not at("10:00") <= minute < at("10:30")
        )
        stage.sees("06:00 run, 07:50 stop, 08:20 run, 10:00 stop, 10:30 run", NOW)
        rebuild_dirty(NOW)
        yield stage


def machine_of(stage: Stage) -> Equipment:
    return Equipment.objects.select_related("line__site", "machine_state").get(pk=stage.machine.pk)


def totals(stage: Stage, start: datetime, end: datetime) -> Totals:
    return sum(stretch(machine_of(stage), start, end, now=NOW).totals.values(), Totals())


def calculate(stage: Stage, start: datetime, end: datetime, /, **asked: Any) -> Any:
    body = {"line_id": stage.line.code, "start": start.isoformat(), "end": end.isoformat(), **asked}
    return signed_in().post(PATH, {name: value for name, value in body.items() if value is not None}, format="json")


def signed_in(role: Role = Role.ENGINEER) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(User(username=role.value, role=role))
    return client


def test_whole_hours_are_the_totals_of_the_hours(stage: Stage) -> None:
    stored = HourTotals.objects.filter(starts_at__gte=at("07:00"), ends_at__lte=at("09:00"))

    assert totals(stage, at("07:00"), at("09:00")) == Totals(
        *(sum(getattr(row, name) for row in stored) for name in FIELDS)
    )


def test_a_stretch_cuts_a_stop_and_leaves_its_class(stage: Stage) -> None:
    """A minute of a stop of half an hour is no minor stop."""
    found = totals(stage, at("07:51"), at("08:51"))

    assert found.stop_ms == 29 * 60_000
    assert found.minor_stop_ms == 0
    assert found.run_ms == 31 * 60_000
    assert found.failures == 0  # it began a minute earlier
    assert (found.made, found.rejected) == (31 * 60, 31 * 6)
    assert found.ideal_made_ms == 31 * 60_000


def test_a_failure_counts_in_the_stretch_in_which_it_began(stage: Stage) -> None:
    assert totals(stage, at("07:30"), at("07:55")).failures == 1


@pytest.mark.parametrize("cut", ["06:37", "07:50", "08:00", "08:01", "10:15", "11:59"])
def test_two_stretches_add_up_to_the_whole(stage: Stage, cut: str) -> None:
    whole = totals(stage, at("06:07"), at("12:00"))

    assert totals(stage, at("06:07"), at(cut)) + totals(stage, at(cut), at("12:00")) == whole


def test_a_stretch_is_accounted_for_to_the_millisecond(stage: Stage) -> None:
    found = totals(stage, at("05:13"), at("11:47"))

    assert found.calendar_ms == (at("11:47") - at("05:13")) / timedelta(milliseconds=1)
    assert found.no_data_ms == 47 * 60_000  # the night shift before the first reading
    assert found.break_ms == 30 * 60_000


def test_the_future_is_left_out(stage: Stage) -> None:
    found = stretch(machine_of(stage), at("11:00"), at("20:00"), now=NOW)

    assert found.until == NOW
    assert sum(found.totals.values(), Totals()).calendar_ms == 3_600_000
    assert stretch(machine_of(stage), at("13:00"), at("20:00"), now=NOW).totals == {}


def test_a_machine_nobody_reads_any_more_has_no_data_and_no_stop(stage: Stage) -> None:
    found = stretch(machine_of(stage), at("11:00"), at("13:30"), now=at("14:30"))

    assert found.until == at("13:30")
    assert sum(found.totals.values(), Totals()).no_data_ms == 90 * 60_000


def test_whole_hours_outlive_the_details_and_cut_ones_say_so(stage: Stage) -> None:
    whole = totals(stage, at("07:00"), at("09:00"))
    later = NOW + timedelta(days=100)
    connection.check_constraints()  # as at the end of the transaction that wrote them
    drop_old_figures(later)
    MachineMinute.objects.all().delete()

    assert not LedgerEntry.objects.exists()
    kept = stretch(machine_of(stage), at("07:00"), at("09:00"), now=later).totals
    assert sum(kept.values(), Totals()) == whole
    with time_machine.travel(later, tick=False):
        answer = calculate(stage, at("07:00"), at("08:30"))
    assert answer.status_code == 422
    assert "let the stretch begin and end on the hour" in answer.json()["details"]["start"][0]


def test_every_shift_is_judged_by_the_policy_under_which_it_began(stage: Stage) -> None:
    LinePolicy.objects.create(
        line=stage.line, valid_from=at("04:00"), planned_stops_reduce_availability=False, no_data_is_lost=True
    )

    found = stretch(machine_of(stage), at("05:00"), at("07:00"), now=NOW).totals

    assert found.keys() == {Policy(), Policy(False, False, True)}
    assert found[Policy()].busy_ms == 0  # the night shift began before the policy: its silence is left out


@hypothesis_settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 360), min_size=2, max_size=4, unique=True).map(sorted))
def test_stretches_add_up_wherever_they_are_cut(stage: Stage, cuts: list[int]) -> None:
    moments = [at("06:00") + timedelta(minutes=cut) for cut in cuts]

    parts = [totals(stage, start, end) for start, end in pairwise(moments)]
    assert sum(parts, Totals()) == totals(stage, moments[0], moments[-1])


# ---------------------------------------------------------------- over the API


def test_a_line_answers_for_any_stretch_of_its_time(stage: Stage) -> None:
    row = calculate(stage, at("07:30"), at("08:30")).json()

    assert row["availability"]["value"] == 0.5
    assert row["performance"]["value"] == 1
    assert row["quality"]["value"] == 0.9
    assert row["oee"] == {"value": 0.45, "numerator": 1_620, "denominator": 3_600, "unit": "s"}
    assert row["teep"]["value"] == 0.45
    assert row["times"]["remainder_s"] == 0
    assert {loss["code"]: loss["lost_s"] for loss in row["losses"]}["unplanned_stops"] == 1_800
    assert row["window"] == {
        "line": "L-BAG1",
        "equipment": stage.machine.code,
        "start": "2026-11-20T07:30:00.000+00:00",
        "end": "2026-11-20T08:30:00.000+00:00",
        "as_of": "2026-11-20T08:30:00.000+00:00",
        "completeness": 1.0,
    }


def test_figures_written_down_give_what_the_machine_gives(stage: Stage) -> None:
    own = calculate(stage, at("06:00"), at("12:00")).json()
    told = signed_in().post(
        PATH,
        {
            "ledger": {
                "scheduled_s": 6 * 3600, "breaks_s": 1800, "unplanned_stops_s": 1800, "calendar_s": 6 * 3600,
                "products": [{"ideal_cycle_s": 1, "total": 18_000, "scrap": 1_800}],
            }
        },
        format="json",
    ).json()  # fmt: skip

    assert own.pop("window")["completeness"] == 1
    assert own == told


def test_a_machine_is_asked_by_its_code(stage: Stage) -> None:
    by_line = calculate(stage, at("07:30"), at("08:30")).json()
    by_code = calculate(stage, at("07:30"), at("08:30"), line_id=None, equipment_code=stage.machine.code).json()

    assert by_line == by_code


def test_a_line_whose_policy_changed_in_between_still_closes(stage: Stage) -> None:
    LinePolicy.objects.create(line=stage.line, valid_from=at("04:00"), no_data_is_lost=True)

    row = calculate(stage, at("05:30"), at("07:30")).json()

    assert row["times"]["remainder_s"] == 0
    assert row["availability"]["denominator"] == row["times"]["planned_s"] == 90 * 60


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        ({"end": "2026-11-20T07:59:00Z"}, 422, "1 to 168 hours"),
        ({"end": "2026-11-27T07:01:00Z"}, 422, "1 to 168 hours"),
        ({"end": "2026-11-19T07:00:00Z"}, 422, "1 to 168 hours"),
        ({"start": "2026-11-20T07:00:30Z"}, 422, "whole minute"),
        ({"start": "2026-11-20T07:00:00"}, 422, "offset"),
        ({"start": None}, 422, "required"),
        ({"equipment_code": "X"}, 422, "not both"),
        ({"policy": {}}, 422, "its own policy"),
        ({"calendar_s": 5}, 422, "its own policy"),
        ({"line_id": None}, 422, "Give a ledger"),
        ({"line_id": "L-NONE"}, 404, "no line"),
        ({"line_id": None, "equipment_code": "NONE"}, 404, "no machine NONE"),
        ({"line_id": "L-BARE"}, 404, "no machine"),
        ({"line_id": 7}, 404, "no line"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(stage: Stage, asked: dict[str, Any], status: int, words: str) -> None:
    make_line("L-BARE")

    answer = calculate(stage, at("07:00"), at("08:00"), **asked)

    assert answer.status_code == status, answer.content
    assert words in answer.content.decode()


@pytest.mark.parametrize("role", list(Role))
def test_only_those_who_may_calculate_oee_ask_for_a_lines_own_time(role: Role, stage: Stage) -> None:
    body = {"line_id": "L-BAG1", "start": at("07:00").isoformat(), "end": at("09:00").isoformat()}

    status = signed_in(role).post(PATH, body, format="json").status_code

    assert status == (200 if role in HOLDERS[Capability.CALCULATE_OEE] else 403)


def test_a_week_costs_as_few_queries_as_an_hour(
    stage: Stage, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for start in (NOW - timedelta(hours=1, minutes=30), NOW - timedelta(hours=167, minutes=30)):
        with django_assert_max_num_queries(40):
            assert calculate(stage, start, NOW - timedelta(minutes=10)).status_code == 200
