"""An overview asks the database as often for one line as for many, and says of each what it says alone."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from floor.models import Line, MachineState, Product, ProductNumber
from floor.roles import Role
from ms5.dashboard_api import status_row, statuses
from oee.actions.rebuild import rebuild_dirty
from oee.overview import overview
from tests.factories import make_user
from tests.oee.stage import Stage, at, make_stage

pytestmark = pytest.mark.django_db
NOW = at("09:00")
OVERVIEWS = ["/metrics", "/api/v1/dashboard/lines", "/api/v1/dashboard/summary", "/board/", "/andon/", "/lines/"]
STORIES = [
    "06:00 run, 08:50 stop, 08:55 run",  # just ended, and nobody has said why
    "06:00 run, 07:30 stop",
    "06:00 run, 07:30 stop, 08:00 run",
]


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def make_line_with_history(number: int) -> Stage:
    stage = make_stage(f"L-{number}")
    product = Product.objects.create(code=f"WHITE-{number}", name=f"White loaf {number}")
    ProductNumber.objects.create(line=stage.line, number=7, product=product)
    for minute in (0, 1, 178, 179):
        stage.makes(at("06:00") + timedelta(minutes=minute), 50 + number, 1, product_number=7, run_ms=60_000)
    stage.sees(STORIES[number % len(STORIES)], NOW)
    MachineState.objects.filter(equipment=stage.machine).update(product_number=7)
    return stage


def make_lines(numbers: range) -> None:
    for number in numbers:
        make_line_with_history(number)
    rebuild_dirty(NOW)


def queries_of(path: str, client: Client) -> int:
    cache.clear()  # tiles that were drawn within the last second
    with CaptureQueriesContext(connection) as asked:
        assert client.get(path).status_code == 200
    return len(asked)


@pytest.mark.parametrize("path", OVERVIEWS)
def test_an_overview_costs_the_same_with_one_line_and_with_seven(path: str) -> None:
    client = Client()
    client.force_login(make_user("anna", Role.VIEWER))
    make_lines(range(1))
    queries_of(path, client)  # the first scrape of a process adds up the old calls; that is done once an hour
    with_one = queries_of(path, client)

    make_lines(range(1, 7))

    assert queries_of(path, client) == with_one


def alone(line: UUID) -> dict[str, object]:
    found = statuses([Line.objects.select_related("site").get(pk=line)], NOW)[0]
    return status_row(found, NOW)


def test_an_overview_says_of_each_line_what_the_line_says_alone() -> None:
    make_lines(range(4))
    lines = list(Line.objects.on_screen())

    with overview(lines, NOW):
        together = [status_row(found, NOW) for found in statuses(lines, NOW)]

    assert together == [alone(line.pk) for line in lines]
    assert [row["state"] for row in together] == ["slow", "stop", "slow", "slow"]
    assert [row["stop_id"] is not None for row in together] == [True, True, False, True]
    assert [row["product"] for row in together] == [f"White loaf {number}" for number in range(4)]
