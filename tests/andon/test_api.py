import uuid
from collections import defaultdict
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from PIL import Image

from andon.actions import escalate_due
from andon.clock import database_now
from andon.models import Call
from floor.models import User
from tests.andon.plant import make_call, make_crew
from tests.factories import make_line, make_machine

pytestmark = pytest.mark.django_db
EVENTS = "/api/v1/andon/events"


@pytest.fixture
def crew() -> dict[str, User]:
    return make_crew()


def send(client: Client, person: User, address: str, body: dict[str, Any], method: str = "post") -> Any:
    client.force_login(person)
    return getattr(client, method)(address, body, content_type="application/json")


def test_a_call_is_raised_acknowledged_and_resolved(client: Client, crew: dict[str, User]) -> None:
    machine = make_machine(make_line("L-BAG1"), "BAGGER")
    body = {"line_code": "L-BAG1", "equipment_code": "BAGGER", "event_type": "stop", "priority": "critical",
            "description": "Knife stuck"}  # fmt: skip

    raised = send(client, crew["operator"], EVENTS, body)

    assert raised.status_code == 201
    event = raised.json()
    assert (event["line"], event["equipment"], event["priority"], event["status"]) == (
        "L-BAG1", machine.code, "critical", "open",
    )  # fmt: skip
    one = f"{EVENTS}/{event['id']}"
    coming = send(client, crew["maintenance"], f"{one}/acknowledge", {}, "put").json()
    assert (coming["status"], coming["acknowledged_by"]) == ("acknowledged", "maintenance")
    assert coming["next_escalation_at"] is not None
    done = send(client, crew["maintenance"], f"{one}/resolve", {"resolution_notes": "Knife changed"}).json()
    assert (done["status"], done["resolution_notes"], done["next_escalation_at"]) == (
        "resolved", "Knife changed", None,
    )  # fmt: skip
    assert (done["responder"], done["repeats"], done["cleared_at"]) == ("maintenance", 0, None)
    history = client.get(f"{one}/history").json()["results"]
    assert [row["action"] for row in history] == ["raised", "acknowledged", "resolved"]


def test_the_same_request_is_one_event_and_another_one_for_the_same_help_a_conflict(
    client: Client, crew: dict[str, User]
) -> None:
    line = make_line("L-BAG1")
    body = {"line_id": str(line.pk), "event_type": "material", "request_id": str(uuid.uuid4())}

    first, again = (send(client, crew["operator"], EVENTS, body) for _ in range(2))
    other = send(client, crew["operator"], EVENTS, body | {"request_id": str(uuid.uuid4())})

    assert first.json()["id"] == again.json()["id"]
    assert other.status_code == 409
    assert other.json()["details"] == {"event": first.json()["id"]}
    assert other.json()["code"] == "CALL_ALREADY_OPEN"
    assert Call.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"event_type": "stop"}, "line_code"),
        ({"line_code": "L-NONE", "event_type": "stop"}, "line_code"),
        ({"line_code": "L-BAG1", "event_type": "coffee"}, "event_type"),
        ({"line_code": "L-BAG1", "event_type": "stop", "priority": "huge"}, "priority"),
        ({"line_code": "L-BAG1", "event_type": "stop", "equipment_code": "X"}, "equipment_code"),
        ({"line_code": "L-BAG1", "event_type": "stop", "description": "x" * 501}, "description"),
    ],
)
def test_nonsense_is_refused_with_the_field_that_is_wrong(
    client: Client, crew: dict[str, User], body: dict[str, Any], field: str
) -> None:
    make_line("L-BAG1")

    answer = send(client, crew["operator"], EVENTS, body)

    assert answer.status_code == 422
    assert field in answer.json()["details"]
    assert not Call.objects.exists()


def test_a_call_is_not_resolved_without_notes_nor_acknowledged_twice(client: Client, crew: dict[str, User]) -> None:
    one = f"{EVENTS}/{make_call(by=crew['operator'], at=database_now()).pk}"

    assert send(client, crew["maintenance"], f"{one}/resolve", {"resolution_notes": " "}).status_code == 422
    assert send(client, crew["maintenance"], f"{one}/resolve", {}).status_code == 422
    assert send(client, crew["maintenance"], f"{one}/acknowledge", {}).status_code == 200
    second = send(client, crew["engineer"], f"{one}/acknowledge", {})
    assert second.status_code == 409
    assert "maintenance acknowledged this call" in second.json()["message"]


def test_events_are_filtered_and_the_active_ones_come_most_urgent_first(client: Client, crew: dict[str, User]) -> None:
    line, now = make_line("L-BAG1"), database_now()
    make_call(line, by=crew["operator"], kind="material", at=now)
    make_call(line, by=crew["operator"], kind="safety", at=now)
    make_call(by=crew["operator"], at=now)
    client.force_login(crew["viewer"])

    def kinds(question: str) -> list[str]:
        return [row["event_type"] for row in client.get(f"{EVENTS}{question}").json()["results"]]

    assert kinds("?line=L-BAG1&priority=critical&status=open") == ["safety"]
    assert kinds("?status=resolved") == []
    assert kinds("/active") == ["safety", "maintenance", "material"]
    assert client.get(f"{EVENTS}?stat=open").status_code == 422


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("operator", 201), ("quality", 201)])
def test_who_may_call(client: Client, crew: dict[str, User], role: str, status: int) -> None:
    make_line("L-BAG1")

    answer = send(client, crew[role], EVENTS, {"line_code": "L-BAG1", "event_type": "stop"})

    assert answer.status_code == status


# ---------------------------------------------------------------- every deed, the tree, the dashboard


def test_every_deed_has_an_address_of_its_own_by_post_and_by_put(client: Client, crew: dict[str, User]) -> None:
    line = make_line("L-BAG1")
    make_machine(line, "BAGGER")
    one = f"{EVENTS}/{make_call(line, by=crew['operator'], at=database_now()).pk}"

    ids: dict[str, uuid.UUID] = defaultdict(uuid.uuid4)
    for deed, body, expected in (
        ("details", {"equipment_code": "BAGGER", "priority": "critical"}, ("open", "critical")),
        ("note", {"note": "Bring film"}, ("open", "critical")),
        ("escalate", {"reason": "smoke"}, ("open", "critical")),
        ("transfer", {"to": "maintenance"}, ("acknowledged", "critical")),
        ("reject", {"reason": "Nothing found"}, ("rejected", "critical")),
        ("reopen", {"reason": "Again"}, ("open", "critical")),
        ("resolve", {"resolution_notes": "Fixed", "work_order": True}, ("resolved", "critical")),
    ):
        for method in ("post", "put"):  # the same request again is the same deed
            answer = send(client, crew["shift_manager"], f"{one}/{deed}", body | {"request_id": str(ids[deed])}, method)
            assert answer.status_code == 200, (deed, method, answer.content)
            assert (answer.json()["status"], answer.json()["priority"]) == expected
    actions = [row["action"] for row in client.get(f"{one}/history").json()["results"]]
    assert (actions.count("noted"), actions.count("priority")) == (3, 1)
    assert [a for a in actions if a in ("transferred", "rejected", "reopened", "resolved")] == [
        "transferred", "rejected", "reopened", "resolved",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("role", "deed", "status"),
    [
        ("operator", "transfer", 403),
        ("operator", "reject", 403),
        ("quality", "reject", 403),
        ("operator", "note", 200),
        ("viewer", "note", 403),
        ("maintenance", "transfer", 422),
        ("maintenance", "reject", 422),
        ("operator", "reopen", 409),
        ("maintenance", "cancel", 409),
        ("operator", "cancel", 200),
    ],
)
def test_who_may_do_what_with_a_call(client: Client, crew: dict[str, User], role: str, deed: str, status: int) -> None:
    call = make_call(by=crew["operator"], at=database_now())
    body = {"note": "n", "to": "nobody"} | ({"reason": "r"} if deed == "reopen" or role == "quality" else {})

    answer = send(client, crew[role], f"{EVENTS}/{call.pk}/{deed}", body)

    assert answer.status_code == status
    assert status == 200 or {"code", "message"} <= set(answer.json())


def test_a_photo_travels_as_a_form_and_comes_back_as_an_address(client: Client, crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"], at=database_now())
    raw = BytesIO()
    Image.new("RGB", (64, 48), "red").save(raw, "PNG")
    client.force_login(crew["operator"])
    address = f"{EVENTS}/{call.pk}/photo"

    answer = client.post(address, {"photo": ContentFile(raw.getvalue(), "x.png")})
    refused = client.post(address, {"photo": ContentFile(b"not a picture", "x.png")})

    assert (answer.status_code, refused.status_code, refused.json()["code"]) == (200, 409, "CALL_PHOTO_UNREADABLE")
    history = client.get(f"{EVENTS}/{call.pk}/history").json()["results"]
    assert client.get(history[-1]["photo"])["Content-Type"] == "image/jpeg"
    assert history[0]["photo"] is None


def test_the_dashboard_says_what_the_board_shows(client: Client, crew: dict[str, User]) -> None:
    now = database_now()
    first = make_call(by=crew["operator"], at=now - timedelta(minutes=8))
    escalate_due(now)
    make_call(by=crew["operator"], at=now, kind="material")
    client.force_login(crew["viewer"])

    said = client.get("/api/v1/andon/dashboard").json()

    assert (said["open"], said["unacknowledged"], said["escalated"], said["calls_last_10_min"]) == (2, 2, 1, 2)
    assert said["events"][0]["id"] == str(first.pk)
    assert said["events"][0]["next_escalation_at"] is not None


def test_the_escalation_tree_names_limits_recipients_and_open_events(client: Client, crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"], at=database_now())
    client.force_login(crew["viewer"])

    tree = {row["priority"]: row["levels"] for row in client.get("/api/v1/andon/escalation-tree").json()}

    assert list(tree) == ["critical", "high", "medium", "low"]
    assert tree["high"][0]["events"] == [str(call.pk)]
    first = tree["critical"][1]
    assert (first["clock"], first["level"], first["after_s"]) == ("ack", 1, 120)
    assert first["recipients"] == ["shift_manager", "production_manager", "admin"]


def test_an_escalation_is_its_call_and_says_how_long_is_left(client: Client, crew: dict[str, User]) -> None:
    now = database_now()
    call = make_call(make_line("L-BAG1"), by=crew["operator"], at=now - timedelta(minutes=1))
    limit = {step.clock: step.due_at for step in call.steps.filter(level=1, reminder=0)}
    client.force_login(crew["maintenance"])

    def active() -> dict[str, Any]:
        (row,) = client.get("/api/v1/andon/escalations/active").json()["results"]
        found: dict[str, Any] = row
        return found

    row = active()
    assert row["id"] == str(call.pk)
    assert row["acknowledge_left_s"] == pytest.approx((limit["ack"] - now).total_seconds(), abs=60)
    assert row["resolve_left_s"] == pytest.approx((limit["resolve"] - now).total_seconds(), abs=60)

    one = f"/api/v1/andon/escalations/{call.pk}"
    assert send(client, crew["maintenance"], f"{one}/acknowledge", {}, "put").json()["status"] == "acknowledged"
    row = active()
    assert (row["acknowledge_due_at"], row["acknowledge_left_s"]) == (None, None)
    assert row["resolve_left_s"] > 0
    assert send(client, crew["operator"], f"{one}/escalate", {"reason": "It burns"}).status_code == 200
    resolved = send(client, crew["maintenance"], f"{one}/resolve", {"resolution_notes": "Put out"}, "put")
    assert resolved.json()["status"] == "resolved"
    assert client.get(f"{one}/history").json()["results"][-1]["action"] == "resolved"
    assert client.get("/api/v1/andon/escalations/active").json()["results"] == []
    assert client.get("/api/v1/andon/escalations/statistics").json()["calls"] == 1


def test_a_call_whose_limit_has_passed_says_by_how_much(client: Client, crew: dict[str, User]) -> None:
    make_call(make_line("L-BAG1"), by=crew["operator"], at=database_now() - timedelta(hours=3))
    escalate_due(database_now())
    client.force_login(crew["maintenance"])

    (row,) = client.get("/api/v1/andon/escalations/active").json()["results"]

    assert row["acknowledge_left_s"] < -3600
