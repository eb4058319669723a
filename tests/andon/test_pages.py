import uuid
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client

from andon.actions import acknowledge, arrive, resolve
from andon.clock import database_now
from andon.domain.call import Priority, Status
from andon.models import Call
from floor.models import Line, User
from tests.andon.plant import make_call, make_crew
from tests.factories import make_line, make_machine

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_is_drawn_yet() -> None:
    cache.clear()


@pytest.fixture
def crew() -> dict[str, User]:
    return make_crew()


@pytest.fixture
def line() -> Line:
    return make_line("L-BAG1")


def at_screen(client: Client, person: User) -> Client:
    client.force_login(person)
    return client


def test_the_call_sheet_says_who_comes_and_how_soon(client: Client, crew: dict[str, User], line: Line) -> None:
    page = at_screen(client, crew["operator"]).get("/lines/L-BAG1/call/").content.decode()

    assert page.count('class="help-kind"') == 5
    assert "Something is broken · maintenance, within 5\u202fmin" in page
    assert "Somebody could get hurt · shift manager, within 2\u202fmin" in page


def test_one_tap_on_the_sheet_sends_the_call_and_offers_to_take_it_back(
    client: Client, crew: dict[str, User], line: Line
) -> None:
    at_screen(client, crew["operator"])

    page = client.post("/lines/L-BAG1/call/", {"kind": "material"}, follow=True).content.decode()

    call = Call.objects.get()
    assert (call.kind_id, call.line, call.raised_by, call.priority) == (
        "material", line, crew["operator"], Priority.MEDIUM,
    )  # fmt: skip
    assert "Material called at" in page
    client.post(f"/andon/calls/{call.pk}/cancel/")
    call.refresh_from_db()
    assert call.status == Status.CANCELLED


def test_a_script_gets_the_way_back_in_its_answer(client: Client, crew: dict[str, User], line: Line) -> None:
    at_screen(client, crew["operator"])

    answer = client.post("/lines/L-BAG1/call/", {"kind": "stop"}, headers={"accept": "application/json"})

    call = Call.objects.get()
    assert answer.status_code == 201
    assert answer.json() == {
        "id": str(call.pk), "message": "Line stopped called", "undo": f"/andon/calls/{call.pk}/cancel/", "undo_s": 5.0,
        "next": f"/andon/calls/{call.pk}/details/",
    }  # fmt: skip


def test_a_tap_repeated_on_bad_radio_is_one_call(client: Client, crew: dict[str, User], line: Line) -> None:
    at_screen(client, crew["operator"])
    tap = {"kind": "stop", "request_id": str(uuid.uuid4())}

    first, second = (client.post("/lines/L-BAG1/call/", tap) for _ in range(2))

    assert first["Location"] == second["Location"]
    assert Call.objects.count() == 1


def test_a_second_call_is_answered_with_who_called_first(client: Client, crew: dict[str, User], line: Line) -> None:
    make_call(line, by=crew["engineer"], at=database_now())
    at_screen(client, crew["operator"])

    page = client.post("/lines/L-BAG1/call/", {"kind": "maintenance"})
    script = client.post("/lines/L-BAG1/call/", {"kind": "maintenance"}, headers={"accept": "application/json"})

    assert (page.status_code, script.status_code) == (409, 409)
    assert "by engineer" in page.content.decode()
    assert script.json()["code"] == "CALL_ALREADY_OPEN"


@pytest.mark.parametrize("given", [{}, {"kind": "coffee"}, {"kind": "stop", "equipment": "X"}, {"kind": "stop\x00"}])
def test_nonsense_raises_no_call(client: Client, crew: dict[str, User], line: Line, given: dict[str, str]) -> None:
    assert at_screen(client, crew["operator"]).post("/lines/L-BAG1/call/", given).status_code == 409
    assert not Call.objects.exists()


def test_coming_being_there_and_putting_it_right_are_one_tap_each(
    client: Client, crew: dict[str, User], line: Line
) -> None:
    call = make_call(line, by=crew["operator"], at=database_now())
    at_screen(client, crew["maintenance"])

    for deed, status in (("acknowledge", "acknowledged"), ("arrive", "arrived")):
        client.post(f"/andon/calls/{call.pk}/{deed}/")
        call.refresh_from_db()
        assert call.status == status
    client.post(f"/andon/calls/{call.pk}/resolve/", {"note": "Fixed"})

    call.refresh_from_db()
    assert (call.status, call.resolution, call.resolved_by) == ("resolved", "Fixed", crew["maintenance"])


def test_a_call_is_not_closed_without_a_word(client: Client, crew: dict[str, User], line: Line) -> None:
    call = make_call(line, by=crew["operator"], at=database_now())

    answer = at_screen(client, crew["maintenance"]).post(f"/andon/calls/{call.pk}/resolve/", {"words": " "})

    assert answer.status_code == 409
    assert "Say in a few words what was done." in answer.content.decode()


@pytest.mark.parametrize(
    ("role", "kind", "status"),
    [("quality", "quality", 302), ("quality", "maintenance", 403), ("maintenance", "quality", 302),
     ("operator", "quality", 403), ("viewer", "quality", 403)],
)  # fmt: skip
def test_who_may_answer_which_call(
    client: Client, crew: dict[str, User], line: Line, role: str, kind: str, status: int
) -> None:
    call = make_call(line, by=crew["operator"], kind=kind, at=database_now())

    assert at_screen(client, crew[role]).post(f"/andon/calls/{call.pk}/acknowledge/").status_code == status


def test_the_board_shows_the_most_urgent_call_first(client: Client, crew: dict[str, User]) -> None:
    now = database_now()
    lines = {name: make_line(name) for name in ("L-NEW", "L-LATE", "L-COMING", "L-THERE", "L-CRIT")}
    make_call(lines["L-NEW"], by=crew["operator"], at=now)
    make_call(lines["L-CRIT"], by=crew["operator"], kind="safety", at=now)
    late = make_call(lines["L-LATE"], by=crew["operator"], at=now - timedelta(minutes=6))
    Call.objects.filter(pk=late.pk).update(level=1)
    acknowledge(make_call(lines["L-COMING"], by=crew["operator"], at=now), by=crew["maintenance"], now=now)
    arrive(make_call(lines["L-THERE"], by=crew["operator"], at=now), by=crew["quality"], now=now)

    page = at_screen(client, crew["maintenance"]).get("/andon/").content.decode()

    places = [page.index(f"<strong>{name}</strong>") for name in ("L-LATE", "L-CRIT", "L-NEW", "L-COMING", "L-THERE")]
    assert places == sorted(places)
    assert "maintenance is coming" in page
    assert "quality is there" in page


def test_a_quiet_board_says_since_when(client: Client, crew: dict[str, User], line: Line) -> None:
    at_screen(client, crew["viewer"])
    assert "No open calls" in client.get("/andon/").content.decode()


def test_a_quiet_board_still_tells_who_helped_and_how_quickly(
    client: Client, crew: dict[str, User], line: Line
) -> None:
    now = database_now()
    call = make_call(line, by=crew["operator"], at=now - timedelta(minutes=30))
    call = acknowledge(call, by=crew["maintenance"], now=now - timedelta(minutes=28, seconds=30))
    resolve(call, "Belt replaced", by=crew["maintenance"], now=now - timedelta(minutes=10))

    page = at_screen(client, crew["viewer"]).get("/andon/").content.decode()

    assert "1\u202fmin 30\u202fs" in page
    assert "20\u202fmin" in page
    assert "Belt replaced" in page


def test_the_line_that_called_says_who_comes(client: Client, crew: dict[str, User], line: Line) -> None:
    waiting = make_line("L-2")
    make_call(waiting, by=crew["operator"], at=database_now())
    call = make_call(line, by=crew["operator"], at=database_now())
    acknowledge(call, by=crew["maintenance"], now=database_now())
    operator = at_screen(client, crew["operator"])

    assert "maintenance is coming" in operator.get("/lines/L-BAG1/tiles/help/").content.decode()
    assert "Nobody yet" in operator.get("/lines/L-2/tiles/help/").content.decode()


def test_the_page_of_a_call_tells_how_it_went(client: Client, crew: dict[str, User], line: Line) -> None:
    make_machine(line, "BAGGER")
    call = make_call(line, by=crew["operator"], at=database_now())

    page = at_screen(client, crew["maintenance"]).get(f"/andon/calls/{call.pk}/").content.decode()

    assert "Call sent to maintenance" in page
    assert "Work order follows" in page


def test_the_board_costs_the_same_with_one_call_and_with_two_hundred(
    client: Client, crew: dict[str, User], django_assert_max_num_queries: object
) -> None:
    from andon.tiles import plant_calls_tile

    now = database_now()
    for n in range(30):
        make_call(make_line(f"L-{n}"), by=crew["operator"], at=now)

    with django_assert_max_num_queries(6):  # type: ignore[operator]
        assert len(plant_calls_tile(now).rows) == 30
