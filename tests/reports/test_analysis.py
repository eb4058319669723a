"""OEE and downtime analysis: the same figures as the shift report, added up once and divided last."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from floor.models.shifts import calendar
from oee.actions.rebuild import rebuild_dirty
from oee.shift import shift_report
from tests.factories import make_user
from tests.oee.stage import Stage, at, make_stage

pytestmark = pytest.mark.django_db
NOON = at("12:00", 1)


@pytest.fixture
def stage() -> Stage:
    """Two days: a stop of twenty minutes in the first day's shift, one of ten in the second's."""
    stage = make_stage()
    for day in (0, 1):
        for minute in range(60):
            stage.makes(at("08:00", day) + timedelta(minutes=minute), 40, rejected=1)
    stage.sees("06:00 run, 07:00 stop, 07:20 run, 22:00 stop", until=at("23:55"))
    stage.edges([(at("06:00", 1), "run"), (at("09:00", 1), "stop"), (at("09:10", 1), "run")], until=NOON)
    rebuild_dirty(NOON)
    return stage


@pytest.fixture
def vera(client: Client) -> Client:
    client.force_login(make_user("vera", "viewer"))
    return client


def ask(client: Client, address: str = "", now: datetime = NOON) -> Any:
    with time_machine.travel(now, tick=False):
        return client.get(f"/analysis/{address}")


def sheet(client: Client, block: str, address: str = "", now: datetime = NOON) -> list[dict[str, str]]:
    response = ask(client, f"?csv={block}&{address}", now)
    assert response.status_code == 200, response.content.decode()
    return list(csv.DictReader(io.StringIO(response.content.decode())))


def test_a_shift_has_the_figures_of_its_report(stage: Stage, vera: Client) -> None:
    after = at("14:00:30")
    window = calendar(stage.line).at(at("08:00"))
    assert window is not None
    report = shift_report(stage.line, window, NOON)
    assert report is not None
    rows = {row["kpi"]: row for row in sheet(vera, "now", "range=last-shift", after)}
    for name in ("availability", "performance", "quality", "oee"):
        ratio = getattr(report.factors, name)
        assert (int(rows[name]["now_numerator"]), int(rows[name]["now_denominator"])) == (
            ratio.numerator,
            ratio.denominator,
        )


def test_the_page_is_shown(stage: Stage, vera: Client) -> None:
    response = ask(vera, "?range=yesterday")
    assert response.status_code == 200
    assert "Six big losses" in response.content.decode()
