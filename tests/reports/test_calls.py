"""The page of how calls were answered, its files, and the same figures over the API."""

import csv
import io
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from andon.actions import acknowledge, resolve
from floor.models import User
from tests.andon.plant import after, make_call, make_crew
from tests.factories import make_line, make_machine, make_user

pytestmark = pytest.mark.django_db
EVENING = after(hours=14)


@pytest.fixture
def crew() -> dict[str, User]:
    crew = make_crew()
    for code in ("L-1", "L-2"):
        line = make_line(code)
        make_machine(line, f"{code}.M")
        for hour, kind in enumerate(("maintenance", "quality", "maintenance")):
            call = make_call(line, by=crew["operator"], kind=kind, at=after(hours=2 * hour))
            acknowledge(call, by=crew["engineer"], now=after(hours=2 * hour, seconds=90))
            resolve(call, "Fixed", by=crew["engineer"], now=after(hours=2 * hour, minutes=10))
    return crew


@pytest.fixture
def vera(client: Client) -> Client:
    client.force_login(make_user("vera", "viewer"))
    return client


def ask(client: Client, address: str = "") -> Any:
    with time_machine.travel(EVENING, tick=False):
        return client.get(f"/andon/analysis/{address}")


def sheet(client: Client, address: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(ask(client, address).content.decode())))


def test_the_page_shows_how_calls_were_answered(crew: dict[str, User], vera: Client) -> None:
    page = ask(vera, "?range=today").content.decode()

    assert "How calls are answered" in page
    assert "6 of 6 answers" in page
    assert ">01:30<" in page
    assert "Maintenance" in page


def test_every_block_is_a_file_with_counts_and_seconds(crew: dict[str, User], vera: Client) -> None:
    for block in ("now", "priorities", "places", "trend", "week", "compare", "again"):
        assert ask(vera, f"?range=today&csv={block}")["Content-Type"].startswith("text/csv"), block

    rows = sheet(vera, "?range=today&csv=places&place=line")
    assert [(row["line"], row["calls"], row["answered_median_s"]) for row in rows] == [
        ("L-1", "3", "90.0"),
        ("L-2", "3", "90.0"),
    ]


def test_filters_stand_in_the_address(crew: dict[str, User], vera: Client) -> None:
    rows = sheet(vera, "?range=today&csv=now&line=L-2&kind=quality&priority=medium&source=person")

    assert [(row["period"], row["calls"]) for row in rows] == [("now", "1"), ("before", "0")]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("?kind=coffee", "“coffee” is nothing that kind can be."),
        ("?priority=urgent", "“urgent” is nothing that priority can be."),
        ("?from=2026-03-05&to=2026-03-01", "is before the first"),
        ("?csv=sums", "is no block of this page"),
    ],
)
def test_nonsense_in_the_address_is_told(crew: dict[str, User], vera: Client, address: str, said: str) -> None:
    answer = ask(vera, address)

    assert answer.status_code == 400
    assert said in answer.content.decode()


def test_the_page_takes_as_many_queries_for_a_year_as_for_a_day(crew: dict[str, User], vera: Client) -> None:
    ask(vera)
    taken = {}
    for days in ("today", "365-days"):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            ask(vera, f"?range={days}")
        taken[days] = len(queries)

    assert taken["today"] == taken["365-days"] <= 10


def test_an_empty_time_says_so(vera: Client) -> None:
    make_machine(make_line("L-1"))

    assert "Nobody called in this time." in ask(vera).content.decode()


def test_operators_do_not_analyse(client: Client) -> None:
    client.force_login(make_user("olga", "operator"))

    assert ask(client).status_code == 403


def api(client: Client, address: str) -> Any:
    with time_machine.travel(EVENING, tick=False):
        return client.get(f"/api/v1/andon/{address}", headers={"accept": "application/json"})


def test_the_api_tells_the_same_figures(crew: dict[str, User], vera: Client) -> None:
    found = api(vera, "statistics").json()

    assert (found["calls"], found["acknowledge"]["median_s"], found["resolve"]["median_s"]) == (6, 90, 600)
    assert found["by_status"] == {"resolved": 6, "rejected": 0, "open": 0}
    assert found["by_type"]["quality"]["calls"] == 2
    assert (found["from_day"], found["to_day"]) == ("2026-02-24", "2026-03-02")


def test_the_report_of_the_api_has_every_part(crew: dict[str, User], vera: Client) -> None:
    found = api(vera, "analytics/report?line=L-1&from=2026-03-02&to=2026-03-02").json()

    assert found["calls"] == 3
    assert set(found["by_hour"]) == {"6", "8", "10"}
    assert found["by_day"]["2026-03-02"]["calls"] == 3
    assert list(found["by_line"]) == ["L-1"]


@pytest.mark.parametrize("wrong", ["event_type=coffee", "from=2026-03-02&to=2026-03-01", "equipment=none", "days=7"])
def test_the_api_refuses_nonsense(crew: dict[str, User], vera: Client, wrong: str) -> None:
    assert api(vera, f"statistics?{wrong}").status_code == 422
