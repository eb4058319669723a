"""Silencing what calls too often: for a while, with a reason, in view of everybody, and never what matters most."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from rest_framework.test import APIClient

from andon import actions
from andon.actions import raise_call, shelve_fault, shelve_kind, unshelve
from andon.clock import database_now
from andon.models import Call, CallKind, Notification, Shelf
from andon.shelves import shelves_now, suggestions
from andon.tiles import answers_tile
from floor.models import AuditEntry, FaultEvent, User
from tests.andon.machines import SECOND, Controller, listen, make_bagger, minute
from tests.andon.plant import make_crew

HOUR = timedelta(hours=1)


@pytest.fixture
def crew(db: None) -> dict[str, User]:
    return make_crew()


@pytest.fixture
def controller(crew: dict[str, User]) -> Controller:
    return make_bagger()


@pytest.fixture
def how(crew: dict[str, User]) -> dict[str, Any]:
    return {"by": crew["maintenance"], "now": minute(0), "length": HOUR, "reason": "The sensor is on order"}


def kind(code: str = "maintenance") -> CallKind:
    return CallKind.objects.get(code=code)


def test_a_shelved_call_is_recorded_and_nobody_is_told(controller: Controller, how: dict[str, Any]) -> None:
    shelve_kind(controller.machine, kind(), **how)
    controller.stands(minute(40), [2])

    for at in range(4, 40):
        assert listen(minute(at)) == 0

    call = Call.objects.get()
    assert (call.status, call.stopped_since) == ("shelved", minute(0))
    assert list(call.events.values_list("what", flat=True)) == ["shelved"]
    assert not Notification.objects.exists()
    assert not call.steps.exists()
    (row,) = shelves_now(minute(10))
    assert (row.what, row.held_back, row.by) == ("Maintenance calls", 1, "maintenance")


def test_at_its_end_what_still_stands_calls_at_once(controller: Controller, how: dict[str, Any]) -> None:
    shelve_kind(controller.machine, kind(), **how | {"length": HOUR / 2})
    controller.stands(minute(31), [2])
    listen(minute(29))

    assert listen(minute(30)) == 1

    call = Call.objects.get()
    assert (call.status, call.raised_at, call.since) == ("open", minute(30), minute(30))
    assert call.reopened_at is None
    assert call.events.get(what="shelved").at == minute(29)
    assert Notification.objects.filter(channel="email", recipient__role="maintenance").count() == 1
    assert call.steps.get(clock="ack", level=1).due_at == minute(35)
    assert list(call.events.values_list("what", flat=True)) == ["shelved", "unshelved", "raised"]
    assert listen(minute(30.5)) == 0


def test_what_somebody_unshelves_calls_at_once_if_it_still_stands(
    controller: Controller, how: dict[str, Any], crew: dict[str, User]
) -> None:
    shelf = shelve_kind(controller.machine, kind(), **how)
    controller.stands(minute(20), [2])
    listen(minute(6))

    ended = unshelve(shelf, by=crew["shift_manager"], now=minute(10))

    assert listen(minute(10)) == 1
    assert (ended.ends_at, ended.unshelved_by) == (minute(10), crew["shift_manager"])
    with pytest.raises(actions.ShelfOver, match="shift_manager ended it"):
        unshelve(shelf, by=crew["maintenance"], now=minute(11))


def test_at_its_end_a_machine_that_runs_calls_nobody(controller: Controller, how: dict[str, Any]) -> None:
    shelve_kind(controller.machine, kind(), **how)
    controller.stands(minute(10), [2])
    listen(minute(9))
    controller.runs(minute(62))
    assert listen(minute(61)) == 0
    assert Call.objects.get().status == "shelved"


def test_a_critical_fault_goes_out_in_spite_of_the_shelf(controller: Controller, how: dict[str, Any]) -> None:
    shelve_kind(controller.machine, kind(), **how)
    controller.stands(minute(3), [1])
    assert listen(minute(2)) == 1
    assert Call.objects.get().status == "open"


def test_a_shelved_fault_is_left_out_and_the_others_call(controller: Controller, how: dict[str, Any]) -> None:
    shelve_fault(controller.machine, 3, **how)
    controller.stands(minute(14), [3, 4])
    controller.stands(minute(30) + SECOND, [3, 4])

    assert listen(minute(16)) == 0
    assert Call.objects.get().status == "shelved"
    assert listen(minute(30)) == 1  # the stop itself has lasted half an hour
    assert Call.objects.get().note.startswith("Stopped for")


def test_people_are_never_shelved(controller: Controller, how: dict[str, Any], crew: dict[str, User]) -> None:
    machine = controller.machine
    shelve_kind(machine, kind(), **how)
    call = raise_call(
        machine.line, "maintenance", by=crew["operator"], now=minute(1), request_id=uuid.uuid4(), equipment=machine
    )
    assert call.status == "open"


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"length": timedelta(hours=8, seconds=1)}, actions.TooLong),
        ({"length": timedelta()}, actions.TooLong),
        ({"reason": "  "}, actions.NoteMissing),
    ],
)
def test_no_shelf_without_a_limit_and_a_reason(
    controller: Controller, how: dict[str, Any], change: dict[str, Any], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        shelve_kind(controller.machine, kind(), **how | change)
    assert not Shelf.objects.exists()


def test_safety_and_critical_sources_are_never_shelved(controller: Controller, how: dict[str, Any]) -> None:
    with pytest.raises(actions.NotShelvable):
        shelve_kind(controller.machine, kind("safety"), **how)
    with pytest.raises(actions.NotShelvable, match="Fault 1"):
        shelve_fault(controller.machine, 1, **how)
    with pytest.raises(actions.NotShelvable, match="no fault 9"):
        shelve_fault(controller.machine, 9, **how)


def test_a_source_is_shelved_once_at_a_time(controller: Controller, how: dict[str, Any]) -> None:
    first = shelve_kind(controller.machine, kind(), **how)
    with pytest.raises(actions.AlreadyShelved):
        shelve_kind(controller.machine, kind(), **how | {"now": minute(30)})
    shelve_kind(controller.machine, kind("material"), **how)
    shelve_kind(controller.machine, kind(), **how | {"now": first.ends_at})
    assert Shelf.objects.count() == 3


def test_the_database_refuses_overlapping_shelves_and_long_ones(controller: Controller, how: dict[str, Any]) -> None:
    first = shelve_fault(controller.machine, 3, **how)
    values = {"equipment": controller.machine, "bit": 3, "reason": "Again", "shelved_by": first.shelved_by}
    for begins, ends in ((minute(30), minute(90)), (minute(600), minute(600) + 9 * HOUR)):
        with pytest.raises(IntegrityError), transaction.atomic():
            Shelf.objects.create(shelved_at=begins, ends_at=ends, **values)


def test_a_second_tap_is_the_same_shelf_and_the_audit_log_knows_who(
    controller: Controller, how: dict[str, Any]
) -> None:
    request_id = uuid.uuid4()
    first = shelve_fault(controller.machine, 3, request_id=request_id, **how)
    assert shelve_fault(controller.machine, 3, request_id=request_id, **how) == first
    assert AuditEntry.objects.filter(action="andon.shelve", actor=how["by"]).count() == 1


def flicker(controller: Controller, bit: int, times: int, every: timedelta, until: datetime) -> None:
    FaultEvent.objects.bulk_create(
        FaultEvent(
            equipment=controller.machine, bit=bit, on_at=until - n * every, off_at=until - n * every + SECOND / 4
        )
        for n in range(1, times + 1)
    )


@pytest.mark.parametrize(
    ("times", "every_s", "is_suggested"), [(3, 15, True), (2, 15, False), (10, 300, True), (9, 300, False)]
)
def test_a_source_that_chatters_is_suggested(
    controller: Controller, times: int, every_s: int, is_suggested: bool
) -> None:
    flicker(controller, 3, times, timedelta(seconds=every_s), minute(60))
    assert [one.bit for one in suggestions(minute(60))] == ([3] if is_suggested else [])


def test_what_is_shelved_or_critical_or_no_fault_is_not_suggested(controller: Controller, how: dict[str, Any]) -> None:
    for bit in (1, 3, 9):
        flicker(controller, bit, 20, SECOND, minute(1))
    shelve_fault(controller.machine, 3, **how)
    assert suggestions(minute(1)) == []


def test_the_andon_board_shows_what_is_shelved(controller: Controller, how: dict[str, Any]) -> None:
    shelve_fault(controller.machine, 3, **how)
    assert [row.what for row in answers_tile(minute(10)).shelved] == ["Fault 3 (fault 3)"]
    assert answers_tile(minute(61)).shelved == ()


# ---------------------------------------------------------------- page and API


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="ms5.backends.MatrixBackend")
    return client


def test_the_page_shelves_lists_and_unshelves(controller: Controller, crew: dict[str, User]) -> None:
    page = signed_in(crew["engineer"])
    taps = {"equipment": "BAG1", "kind": "maintenance", "hours": "1", "reason": "Sensor on order"}

    page.post("/andon/shelves/shelve/", taps)

    shelf = Shelf.objects.get()
    assert shelf.ends_at - shelf.shelved_at == HOUR
    text = page.get("/andon/shelves/").content.decode()
    assert "Sensor on order" in text
    assert "Maintenance calls" in text
    page.post(f"/andon/shelves/{shelf.pk}/unshelve/")
    assert not Shelf.objects.standing(database_now()).exists()
    assert "ended by engineer" in page.get("/andon/shelves/").content.decode()


def test_a_page_that_asks_for_nonsense_is_told_in_words(controller: Controller, crew: dict[str, User]) -> None:
    page = signed_in(crew["engineer"])
    taps = {"equipment": "BAG1", "hours": "1", "reason": "Because"}
    for change, words in (
        ({}, "Choose one source"),
        ({"kind": "maintenance", "bit": "3"}, "Choose one source"),
        ({"kind": "maintenance", "hours": "9"}, "at most eight hours"),
        ({"kind": "maintenance", "equipment": "NONE"}, "Choose a machine"),
        ({"kind": "safety"}, "never shelved"),
    ):
        text = page.post("/andon/shelves/shelve/", taps | change, follow=True).content.decode()
        assert words in text
    assert not Shelf.objects.exists()
    assert signed_in(crew["operator"]).post("/andon/shelves/shelve/", taps).status_code == 403


def test_the_api_shelves_lists_and_unshelves(controller: Controller, crew: dict[str, User]) -> None:
    api = APIClient()
    api.force_authenticate(crew["shift_manager"])
    body = {"equipment_code": "BAG1", "fault_bit": 3, "hours": 2, "reason": "Belt slips"}

    answer = api.post("/api/v1/andon/shelves", body, format="json")

    assert answer.status_code == 201
    assert (answer.json()["what"], answer.json()["fault_bit"]) == ("Fault 3 (fault 3)", 3)
    assert api.post("/api/v1/andon/shelves", body, format="json").status_code == 409
    refused = api.post("/api/v1/andon/shelves", body | {"fault_bit": 1}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "CALL_NOT_SHELVABLE")
    assert api.post("/api/v1/andon/shelves", body | {"event_type": "quality"}, format="json").status_code in (400, 422)
    assert api.get("/api/v1/andon/shelves?line=L-BAG1").json()["count"] == 1
    ended = api.post(f"/api/v1/andon/shelves/{answer.json()['id']}/unshelve")
    assert ended.json()["unshelved_by"] == "shift_manager"
    assert api.get("/api/v1/andon/shelves").json()["count"] == 0
    assert api.get("/api/v1/andon/shelves?ended=true").json()["count"] == 1
    api.force_authenticate(crew["quality"])
    assert api.post("/api/v1/andon/shelves", body, format="json").status_code == 403
