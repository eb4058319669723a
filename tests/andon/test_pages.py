import uuid
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from itertools import product

import pytest
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image

from andon.actions import acknowledge, arrive, cancel, escalate_due, reject, resolve
from andon.clock import database_now
from andon.domain.call import Priority, Status
from andon.ladder import escalation_tree
from andon.models import Call, EscalationRule
from andon.tiles import plant_calls_tile
from floor.models import Line, User
from oee.models import Stop, stop_key
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
    assert 'Something is broken</small><small class="help-who">Maintenance, within 5\u202fmin</small>' in page
    assert 'Somebody could get hurt</small><small class="help-who">Shift manager, within 2\u202fmin</small>' in page


def test_the_sheets_say_at_once_where_no_limit_is_set(client: Client, crew: dict[str, User], line: Line) -> None:
    EscalationRule.objects.filter(clock="ack").delete()

    for address in ("/lines/L-BAG1/call/", "/lines/L-BAG1/"):
        page = at_screen(client, crew["operator"]).get(address).content.decode()
        assert page.count(", at once</small>") == 5, address
        assert "within at once" not in page


@pytest.mark.parametrize("over", [resolve, reject, cancel])
def test_the_page_of_a_call_that_is_over_is_still_there(
    client: Client, crew: dict[str, User], line: Line, over: Callable[..., Call]
) -> None:
    call = make_call(line, at=database_now(), by=crew["operator"])
    words = () if over is cancel else ("Done",)
    over(call, *words, by=crew["operator"], now=database_now(), request_id=uuid.uuid4())

    for address in (f"/andon/calls/{call.pk}/", f"/andon/calls/{call.pk}/details/?again=1"):
        assert at_screen(client, crew["operator"]).get(address).status_code == 200, address


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
    now = database_now()
    for n in range(30):
        make_call(make_line(f"L-{n}"), by=crew["operator"], at=now)

    with django_assert_max_num_queries(6):  # type: ignore[operator]
        assert len(plant_calls_tile(now).rows) == 30


# ---------------------------------------------------------------- the sheet after the call


def test_a_line_that_is_off_is_told_so_in_words(client: Client, crew: dict[str, User], line: Line) -> None:
    Line.objects.update(enabled=False)
    at_screen(client, crew["operator"])

    page = client.get("/lines/L-BAG1/call/").content.decode()
    tapped = client.post("/lines/L-BAG1/call/", {"kind": "stop"})

    assert "L-BAG1 is switched off" in page
    assert "help-kind" not in page
    assert (tapped.status_code, Call.objects.count()) == (409, 0)


def test_an_open_call_stays_in_sight_when_its_line_is_switched_off(
    client: Client, crew: dict[str, User], line: Line
) -> None:
    call = make_call(line, by=crew["operator"], at=database_now())
    Line.objects.update(enabled=False)
    at_screen(client, crew["shift_manager"])

    for page in ("/andon/", "/andon/manage/?show=all"):
        assert f"/andon/calls/{call.pk}/" in client.get(page).content.decode(), page
    assert plant_calls_tile(database_now()).rows[0].id == call.pk
    assert client.get("/board/").status_code == 200


def test_the_machine_and_the_priority_are_said_afterwards(client: Client, crew: dict[str, User], line: Line) -> None:
    bagger = make_machine(line, "BAGGER")
    call = make_call(line, by=crew["operator"], at=database_now())
    at_screen(client, crew["operator"])
    details = f"/andon/calls/{call.pk}/details/"

    client.post(details, {"machine": "BAGGER"})
    answer = client.post(details, {"priority": "critical"}, headers={"accept": "application/json"})

    call.refresh_from_db()
    assert (call.equipment, call.priority, answer.json()["next"]) == (bagger, Priority.CRITICAL, details)
    assert client.post(details, {"machine": "X"}).status_code == 409


def test_a_second_call_leads_to_the_open_one(client: Client, crew: dict[str, User], line: Line) -> None:
    call = make_call(line, by=crew["engineer"], at=database_now())
    at_screen(client, crew["operator"])

    script = client.post("/lines/L-BAG1/call/", {"kind": "maintenance"}, headers={"accept": "application/json"})
    sheet = client.get(script.json()["next"], headers={"x-sheet": "1"}).content.decode()

    assert f"/andon/calls/{call.pk}/note/" in sheet
    assert "<html" not in sheet
    assert "was already called" in sheet


# ---------------------------------------------------------------- every deed on the page of a call


def test_every_deed_can_be_done_from_the_page_of_a_call(client: Client, crew: dict[str, User], line: Line) -> None:
    call = make_call(line, by=crew["operator"], at=database_now())
    at_screen(client, crew["shift_manager"])
    here = f"/andon/calls/{call.pk}"

    for deed, given, status in (
        ("note", {"words": "Bring film"}, "open"),
        ("escalate", {"words": ""}, "open"),
        ("transfer", {"to": "maintenance"}, "acknowledged"),
        ("reject", {"note": "Nothing found"}, "rejected"),
        ("reopen", {"note": "It happens again"}, "open"),
        ("arrive", {}, "arrived"),
        ("resolve", {"words": "Belt replaced", "asked": "on", "work_order": "on"}, "resolved"),
    ):
        answer = client.post(f"{here}/{deed}/", given | {"to_page": "call"})
        call.refresh_from_db()
        assert (answer.status_code, answer.headers.get("Location"), call.status) == (302, f"{here}/", status), deed

    assert (call.level, call.work_order_suggested) == (0, True)
    page = client.get(f"{here}/").content.decode()
    for words in ("Bring film", "asked for the next level", "sends maintenance", "Nothing found", "Belt replaced"):
        assert words in page
    assert "something is left for maintenance" in page
    assert "Not over? Call again" in page


@pytest.mark.parametrize(
    ("role", "offers"),
    [
        ("shift_manager", {"acknowledge", "transfer", "resolve", "reject", "escalate", "note", "photo"}),
        ("operator", {"escalate", "note", "photo"}),
        ("quality", {"escalate", "note", "photo"}),  # not a quality call
        ("viewer", set()),
    ],
)
def test_a_call_offers_what_the_role_may_do(
    client: Client, crew: dict[str, User], line: Line, role: str, offers: set[str]
) -> None:
    call = make_call(line, by=crew["operator"], at=database_now())

    page = at_screen(client, crew[role]).get(f"/andon/calls/{call.pk}/").content.decode()

    deeds = ("acknowledge", "transfer", "arrive", "resolve", "reject", "reopen", "escalate", "note", "photo")
    assert {deed for deed in deeds if f"/{call.pk}/{deed}/" in page} == offers


def test_a_call_whose_machine_runs_again_is_resolved_with_one_tap(
    client: Client, crew: dict[str, User], line: Line
) -> None:
    call = make_call(line, by=crew["operator"], at=database_now())
    Call.objects.filter(pk=call.pk).update(cleared_at=database_now())

    page = at_screen(client, crew["maintenance"]).get(f"/andon/calls/{call.pk}/").content.decode()

    assert "The machine runs again" in page
    assert "Resolve: runs again" in page


def test_a_photo_is_shown_to_those_who_may_see_calls_and_kept_by_their_screens(
    client: Client, crew: dict[str, User], line: Line
) -> None:
    call = make_call(line, by=crew["operator"], at=database_now())
    at_screen(client, crew["operator"])
    raw = BytesIO()
    Image.new("RGB", (64, 48), "red").save(raw, "PNG")
    refused = client.post(f"/andon/calls/{call.pk}/photo/", {"photo": ContentFile(b"no picture", "x.jpg")})
    taken = client.post(f"/andon/calls/{call.pk}/photo/", {"photo": ContentFile(raw.getvalue(), "x.png")})
    event = call.events.get(what="photo")
    address = f"/andon/calls/{call.pk}/photos/{event.pk}/"

    shown = client.get(address)

    assert (refused.status_code, taken.status_code) == (409, 302)
    assert shown.content[:3] == b"\xff\xd8\xff"
    assert (shown["Content-Type"], shown["X-Content-Type-Options"]) == ("image/jpeg", "nosniff")
    assert shown["Content-Disposition"].startswith("inline")
    assert {"immutable", "private"} <= set(shown["Cache-Control"].split(", "))
    assert address in client.get(f"/andon/calls/{call.pk}/").content.decode()
    other = make_call(make_line("L-2"), by=crew["operator"], at=database_now())
    assert client.get(f"/andon/calls/{other.pk}/photos/{event.pk}/").status_code == 404
    client.logout()
    assert client.get(address).status_code == 302


def test_a_call_leads_to_the_stop_during_which_it_was_raised(client: Client, crew: dict[str, User], line: Line) -> None:
    machine = make_machine(line, "BAGGER")
    now = database_now()
    began = now - timedelta(minutes=4)
    stop = Stop.objects.create(id=stop_key(machine.pk, 1), equipment=machine, line=line, started_at=began)
    call = make_call(line, by=crew["operator"], at=now)
    at_screen(client, crew["operator"])
    assert client.get(f"/andon/calls/{call.pk}/stop/").status_code == 404
    Call.objects.filter(pk=call.pk).update(stopped_since=began)

    assert client.get(f"/andon/calls/{call.pk}/stop/")["Location"] == f"/stops/{stop.pk}/"
    assert f"/andon/calls/{call.pk}/stop/" in client.get(f"/andon/calls/{call.pk}/").content.decode()


# ---------------------------------------------------------------- many calls, and who is called


def flood(crew: dict[str, User], lines: int) -> None:
    """Five calls a line, one of them critical; none escalated."""
    for n in range(lines):
        place = make_line(f"L-F{n:02}")
        for kind in ("maintenance", "quality", "material", "stop", "safety"):
            make_call(place, by=crew["operator"], kind=kind, at=database_now())


@pytest.mark.parametrize("address", ["/andon/", "/andon/manage/?show=all", "/api/v1/andon/dashboard"])
def test_a_page_asks_the_database_as_often_for_two_calls_as_for_many(
    client: Client, crew: dict[str, User], address: str
) -> None:
    at_screen(client, crew["shift_manager"])
    kinds = ("maintenance", "quality", "material", "stop", "safety")
    asked = []
    for number in range(2):
        lines = [make_line(f"L-{number}{n}") for n in range(1 + 4 * number)]
        for line, kind in product(lines, kinds):
            make_call(line, by=crew["operator"], kind=kind, at=database_now())
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            client.get(address)
        asked.append(sum("andon_" in query["sql"] for query in queries))

    assert asked[0] == asked[1]


def test_a_critical_call_is_never_among_those_that_are_left_out(crew: dict[str, User]) -> None:
    flood(crew, 12)
    # Escalated calls of the others stand before it.
    Call.objects.exclude(kind="safety").update(level=1)

    tile = plant_calls_tile(database_now())

    assert [call.priority for call in tile.on_wall.rows] == ["critical"] * 5
    assert (tile.on_wall.more, tile.on_wall.critical_more) == (55, 7)
    on_list = tile.on_list
    assert sum(call.priority == "critical" for call in on_list.rows) == 12
    assert (len(on_list.rows), on_list.more, on_list.critical_more) == (20, 40, 0)


def test_the_manager_sees_first_what_waits_for_them(client: Client, crew: dict[str, User], line: Line) -> None:
    now = database_now()
    make_call(line, by=crew["operator"], kind="maintenance", at=now)
    escalated = make_call(make_line("L-2"), by=crew["operator"], at=now - timedelta(minutes=6))
    escalate_due(now)
    at_screen(client, crew["production_manager"])

    mine = client.get("/andon/manage/").content.decode()
    every = client.get("/andon/manage/?show=all").content.decode()

    listed = mine[: mine.index("Who is called when")]
    assert f"/andon/calls/{escalated.pk}/" in listed
    assert "L-BAG1" not in listed
    assert "<strong>L-BAG1</strong>" in every


def test_the_tree_says_where_each_open_call_stands(crew: dict[str, User], line: Line) -> None:
    now = database_now()
    fresh = make_call(line, by=crew["operator"], at=now)
    late = make_call(make_line("L-2"), by=crew["operator"], at=now - timedelta(minutes=6))
    escalate_due(now)

    tree = {ladder.priority: ladder for ladder in escalation_tree(now)}

    assert list(tree) == ["critical", "high", "medium", "low"]
    high = {(level.clock, level.level): [call.id for call in level.calls] for level in tree["high"].levels}
    assert high == {
        ("ack", 0): [fresh.pk],
        ("ack", 1): [late.pk],
        ("ack", 2): [],
        ("resolve", 1): [],
        ("resolve", 2): [],
    }
