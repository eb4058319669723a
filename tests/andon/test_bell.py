"""The bell in the top bar: what people were told, and what they do with it."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from andon.actions import acknowledge, resolve
from andon.models import Call, Notification, PersonalWay
from floor.models import User
from tests.andon.plant import after, make_call, make_crew
from tests.factories import make_line

pytestmark = pytest.mark.django_db


@pytest.fixture
def crew() -> dict[str, User]:
    return make_crew()


def page_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="ms5.backends.MatrixBackend")
    return client


def html(client: Client, address: str = "/bell/") -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def call(crew: dict[str, User]) -> Call:
    return make_call(make_line("L-BAG1"), by=crew["operator"])


def test_the_bell_says_how_many_messages_are_new_and_which(crew: dict[str, User], call: Call) -> None:
    client = page_of(crew["maintenance"])

    page = html(client)

    assert 'Bell</span> <em class="badge">1<' in page
    assert "Maintenance at L-BAG1" in page
    assert "Call sent to maintenance" in page
    assert 'class="badge">' not in html(page_of(crew["quality"]))


def test_the_count_stands_on_other_pages_of_the_desk_too(crew: dict[str, User], call: Call) -> None:
    assert 'Bell</span> <em class="badge">1<' in html(page_of(crew["maintenance"]), reverse("reports:index"))


def test_opening_a_message_leads_to_the_call_and_marks_it_read_however_it_came(
    crew: dict[str, User], call: Call
) -> None:
    client = page_of(crew["maintenance"])
    message = Notification.objects.unread(crew["maintenance"]).get()

    answer = client.post(reverse("open-message", args=[message.pk]))

    assert answer["Location"] == reverse("call", args=[call.pk])
    rows = Notification.objects.filter(call=call, recipient=crew["maintenance"])
    assert {row.channel for row in rows if row.read_at} == {"in_app", "email"}
    assert 'Bell</span> <em class="badge">' not in html(client)


def test_opening_a_call_by_itself_is_reading_it(crew: dict[str, User], call: Call) -> None:
    html(page_of(crew["maintenance"]), reverse("call", args=[call.pk]))

    assert not Notification.objects.unread(crew["maintenance"]).exists()


def test_everything_is_marked_as_read_with_one_tap(crew: dict[str, User], call: Call) -> None:
    make_call(make_line("L-2"), by=crew["operator"])
    client = page_of(crew["maintenance"])

    assert client.post(reverse("read-bell")).status_code == 302

    assert not Notification.objects.unread(crew["maintenance"]).exists()
    assert Notification.objects.unread(crew["maintenance"]).count() == 0


def test_nobody_reads_what_somebody_else_was_told(crew: dict[str, User], call: Call) -> None:
    message = Notification.objects.unread(crew["maintenance"]).get()

    assert page_of(crew["quality"]).post(reverse("open-message", args=[message.pk])).status_code == 404
    message.refresh_from_db()
    assert message.read_at is None


def test_whoever_called_hears_on_the_bell_what_becomes_of_it(crew: dict[str, User], call: Call) -> None:
    acknowledge(call, by=crew["maintenance"], now=after(minutes=1))
    resolve(call, "Belt put back", by=crew["maintenance"], now=after(minutes=9))

    page = html(page_of(crew["operator"]))

    assert "is coming" in page
    assert "Belt put back" in page


def test_a_person_chooses_the_order_of_ways_and_what_is_worth_a_mail(crew: dict[str, User]) -> None:
    client = page_of(crew["maintenance"])

    client.post(reverse("choose-ways"), {"first": "webhook", "email": "3", "webhook": "1"})

    kept = PersonalWay.objects.filter(person=crew["maintenance"]).order_by("position")
    assert [(row.channel, row.least) for row in kept] == [("webhook", 1), ("email", 3)]
    assert '<option value="3" selected>high and above</option>' in html(client)


def test_a_way_cannot_be_switched_off_for_critical_calls(crew: dict[str, User]) -> None:
    answer = page_of(crew["maintenance"]).post(reverse("choose-ways"), {"first": "email", "email": "5", "webhook": "1"})

    assert answer.status_code == 400
    assert not PersonalWay.objects.exists()


def stuck(crew: dict[str, User], call: Call) -> Notification:
    message = Notification.objects.get(call=call, channel="email")
    Notification.objects.filter(pk=message.pk).update(tries=1, error="mail server: no route to host")
    return message


def test_those_who_watch_the_system_see_what_did_not_get_through_and_act(crew: dict[str, User], call: Call) -> None:
    message, client = stuck(crew, call), page_of(crew["production_manager"])
    assert "no route to host" in html(client, reverse("undelivered"))

    client.post(reverse("give-up-message", args=[message.pk]))
    assert Notification.objects.get(pk=message.pk).state == "given up"
    client.post(reverse("try-message-again", args=[message.pk]))
    assert Notification.objects.get(pk=message.pk).state == "on its way"

    answer = client.post(reverse("give-up-message", args=[message.pk]), follow=True)
    assert "has gone out, or was given up, meanwhile" in answer.content.decode()


def test_the_bell_costs_the_same_queries_however_much_it_shows(
    crew: dict[str, User], django_assert_max_num_queries: Any
) -> None:
    for n in range(30):
        make_call(make_line(f"L-{n}"), by=crew["operator"])
    client = page_of(crew["maintenance"])

    with django_assert_max_num_queries(9):
        html(client)


# ---------------------------------------------------------------- API


def test_the_api_tells_the_bell_and_marks_it_read(crew: dict[str, User], call: Call) -> None:
    client = page_of(crew["maintenance"])

    (row,) = client.get("/api/v1/andon/notifications?unread=true").json()["results"]
    assert (row["event_id"], row["line"], row["state"]) == (str(call.pk), "L-BAG1", "handed over")
    assert client.post("/api/v1/andon/notifications/read").json() == {"read": 1}
    assert client.get("/api/v1/andon/notifications?unread=true").json()["results"] == []
    assert client.get("/api/v1/andon/notifications").json()["results"][0]["state"] == "read"


def test_the_api_tries_a_message_again_and_gives_it_up(crew: dict[str, User], call: Call) -> None:
    message, client = stuck(crew, call), page_of(crew["admin"])

    (row,) = client.get("/api/v1/andon/undelivered").json()["results"]
    assert (row["id"], row["error"]) == (str(message.pk), "mail server: no route to host")
    address = f"/api/v1/andon/undelivered/{message.pk}"
    assert client.post(f"{address}/give-up").json()["state"] == "given up"
    assert client.post(f"{address}/again").json()["state"] == "on its way"
    refused = client.post(f"{address}/give-up")
    assert (refused.status_code, refused.json()["code"]) == (409, "MESSAGE_NOT_WAITING")
