"""What engineers and operators do with counts on their pages."""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from floor.domain.machine import CounterEventKind
from floor.models import CounterEvent, LineState, MachineState, Reconciliation
from oee.actions.counts import count_by_hand, enter_rejects, take_back_count
from oee.actions.rebuild import rebuild_dirty
from oee.count_desk import entered
from oee.count_sheet import counts_tile, uncounted
from oee.models import CountEntry, DefectReason, HourTotals, QuarantineDecision
from plc.models import Binding, Controller, Tag
from tests.factories import make_user
from tests.oee.stage import Stage, at, make_stage

pytestmark = pytest.mark.django_db
NOW = at("09:00")


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Ran and counted until 07:20, was not seen until 08:10, runs since. It is nine."""
    with time_machine.travel(NOW, tick=False):
        stage = make_stage()
        stage.makes(at("06:30"), 100)
        stage.sees("06:00 run, 07:20 unknown, 08:10 run", until=NOW)
        MachineState.objects.update(made_at=NOW)
        rebuild_dirty(NOW)
        yield stage


def signed_in(role: str = "operator") -> Client:
    client = Client()
    client.force_login(make_user(f"{role}{uuid.uuid4().hex[:4]}", role), backend="ms5.backends.MatrixBackend")
    return client


def held(stage: Stage, clock: str = "08:10", **more: Any) -> CounterEvent:
    values = {"counter": "made", "kind": CounterEventKind.QUARANTINE, "before": 100, "after": 99_999, "delta": 99_899}
    return CounterEvent.objects.create(equipment=stage.machine, at=at(clock), **(values | more))


def read_by(stage: Stage, per_min: float | None) -> None:
    controller = Controller.objects.create(code="PLC-7", kind="logix", host="10.0.0.7")
    tag = Tag.objects.create(controller=controller, name="count", address="Count.ACC", data_type="DINT")
    Binding.objects.create(tag=tag, equipment=stage.machine, meaning="total_count", max_rate_per_min=per_min)


def page(client: Client, address: str = "/counts/") -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().replace("\u202f", " ").split())


def tap(client: Client, address: str, **given: Any) -> tuple[int, dict[str, Any]]:
    answer = client.post(address, given, HTTP_ACCEPT="application/json")
    return answer.status_code, answer.json()


# ---------------------------------------------------------------- held back


def test_parts_held_back_stand_beside_what_the_machine_could_have_made(stage: Stage) -> None:
    read_by(stage, per_min=60)
    held(stage)

    text = page(signed_in("engineer"))

    assert "1 decision waits" in text
    assert '<strong class="value">99 899</strong> parts held back' in text
    assert "100 → 99 999" in text
    assert "Not read for</dt><dd>50 min" in text
    assert "3 000 parts" in text
    assert 'href="/controllers/PLC-7/"' in text


def test_a_jump_between_two_readings_is_measured_by_the_time_between_them(stage: Stage) -> None:
    read_by(stage, per_min=60)
    MachineState.objects.update(limit_ms=3000)
    held(stage, "08:30")

    assert "Between two readings</dt><dd>3 s" in page(signed_in("engineer"))


def test_an_engineer_believes_parts_and_says_why(stage: Stage) -> None:
    event = held(stage)
    client = signed_in("engineer")

    answer = client.post(f"/counts/{event.pk}/decide/", {"verdict": "believe", "comment": "Fed by hand"}, follow=True)

    assert QuarantineDecision.objects.get().is_accepted
    text = " ".join(answer.content.decode().replace("\u202f", " ").split())
    assert "99 899 parts of" in text
    assert "No parts are held back" in text
    assert "Fed by hand" in text
    assert HourTotals.objects.get(starts_at=at("08:00")).unobserved_made == 99_899


def test_a_decision_without_a_word_why_is_refused_in_words(stage: Stage) -> None:
    event = held(stage)

    assert tap(signed_in("engineer"), f"/counts/{event.pk}/decide/", verdict="refuse") == (
        422,
        {"code": "BAD_FORM", "message": "Say why you believe these parts or do not."},
    )
    assert not QuarantineDecision.objects.exists()


def test_a_shift_manager_looks_and_does_not_decide(stage: Stage) -> None:
    event = held(stage)
    client = signed_in("shift_manager")

    assert "Do not believe" not in page(client)
    assert client.post(f"/counts/{event.pk}/decide/", {"verdict": "believe", "comment": "x"}).status_code == 403


def test_the_page_of_one_line_leaves_out_the_others(stage: Stage) -> None:
    other = make_stage("L-BUN1")
    held(stage)
    held(other)

    text = page(signed_in("engineer"), "/counts/?line=L-BUN1")

    assert other.machine.code in text
    assert stage.machine.code not in text
    assert signed_in("engineer").get("/counts/?line=NONE").status_code == 404


# ---------------------------------------------------------------- agreement and news


def compared(stage: Stage, hours_ago: int, difference: int) -> None:
    Reconciliation.objects.create(
        equipment=stage.machine, counter="made", hour=NOW - timedelta(hours=hours_ago), booked=100 - difference,
        in_minutes=100, expected=100, difference=difference, reconciled_at=NOW,
    )  # fmt: skip


def test_a_day_in_which_all_parts_agree_is_said_in_words(stage: Stage) -> None:
    for hours_ago in (1, 2, 3):
        compared(stage, hours_ago, 0)

    assert "All 3 hours of 1 counter agree to the part in the last 24 hours." in page(signed_in("engineer"))


def test_hours_that_differ_come_first_with_their_numbers(stage: Stage) -> None:
    other = make_stage("A-FIRST")
    compared(other, 1, 0)
    compared(stage, 2, -15)

    text = page(signed_in("engineer"))

    assert "1 of 2 hours of 2 counters differ in the last 24 hours, by 15 parts together." in text
    assert "−15, the counter says 100, booked 115" in text
    assert text.index("−15, the counter") < text.index(f'<th scope="row">{other.machine.code}')


def test_what_else_counters_did_is_counted_by_kind(stage: Stage) -> None:
    for clock in ("07:00", "08:00"):
        held(stage, clock, kind=CounterEventKind.WRAP)
    held(stage, "08:10", kind=CounterEventKind.GAP)

    text = page(signed_in("engineer"))

    assert "<strong>2×</strong> went round and was followed" in text
    assert "<strong>1×</strong> found parts after a silence" in text


# ---------------------------------------------------------------- entered by people


def who(clock: str = "09:00", name: str = "ola") -> dict[str, Any]:
    return {"by": make_user(f"{name}{uuid.uuid4().hex[:4]}"), "now": at(clock), "request_id": uuid.uuid4()}


def test_a_count_by_hand_says_whether_it_counts_or_was_answered(stage: Stage) -> None:
    stage.sees("08:30 unknown", until=at("08:30"))
    count_by_hand(stage.machine, at("08:30"), at("08:50"), made=300, rejected=0, **who())
    assert [row.status for row in entered(None, NOW)] == ["counts"]

    stage.makes(at("08:55"), 0, unobserved_made=310)
    stage.sees("08:55 run", until=NOW)
    MachineState.objects.update(made_at=NOW)

    assert [row.status for row in entered(None, NOW)] == ["answered by the controller: 310"]


def test_an_entry_is_taken_back_from_the_desk(stage: Stage) -> None:
    entry = enter_rejects(stage.machine, CountEntry.Sort.SCRAP, 3, defect="Damaged", **who())
    client = signed_in("engineer")

    answer = client.post(f"/counts/entries/{entry.pk}/take-back/", {"desk": "1"}, follow=True)

    assert "taken back by engineer" in answer.content.decode()
    assert counts_tile(stage.line, NOW).rows == ()


# ---------------------------------------------------------------- scrap at the line


def test_a_new_plant_has_six_defects_to_begin_with() -> None:
    assert [defect.label for defect in DefectReason.objects.offered()][:2] == ["Damaged", "Wrong weight"]
    assert DefectReason.objects.count() == 6


def test_one_tap_on_a_defect_is_one_part_of_scrap_that_can_be_taken_back(stage: Stage) -> None:
    client = signed_in()

    status, told = tap(client, "/lines/L-BAG1/scrap/", defect="DAMAGED")

    assert (status, told["message"]) == (200, "1 × Damaged: scrap")
    assert HourTotals.objects.get(starts_at=at("09:00")).rejected == 1
    assert tap(client, told["undo"])[0] == 200
    assert tap(client, told["undo"])[0] == 409


def test_a_defect_says_where_its_parts_go_unless_a_person_says_otherwise(stage: Stage) -> None:
    client = signed_in()
    tap(client, "/lines/L-BAG1/scrap/", defect="SEAL", parts=4, sort="")
    tap(client, "/lines/L-BAG1/scrap/", defect="SEAL", parts=2, sort="scrap")

    assert [(e.sort, e.rejected) for e in CountEntry.objects.order_by("pk")] == [("rework", 4), ("scrap", 2)]
    assert counts_tile(stage.line, NOW).summary == "4 rework (Bag or seal open); 2 scrap (Bag or seal open)"


def test_the_same_again_is_one_tap(stage: Stage) -> None:
    client = signed_in()
    tap(client, "/lines/L-BAG1/scrap/", defect="WEIGHT", parts=12)
    first = CountEntry.objects.get()

    tap(client, "/lines/L-BAG1/scrap/", again=first.pk)

    assert [(e.defect, e.rejected) for e in CountEntry.objects.all()] == [("Wrong weight", 12)] * 2


def test_a_tap_that_is_sent_twice_is_one_entry(stage: Stage) -> None:
    client, same = signed_in(), uuid.uuid4()
    for _ in (1, 2):
        tap(client, "/lines/L-BAG1/scrap/", defect="DAMAGED", request_id=same)

    assert CountEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "Choose what is wrong with the parts."),
        ({"defect": "DAMAGED", "parts": "0"}, "Enter how many parts, at least one."),
        ({"defect": "DAMAGED", "parts": "5000000"}, "That is more than a million parts."),
        ({"again": "77"}, "That entry is not there any more. Choose what is wrong with the parts."),
    ],
)
def test_scrap_that_cannot_be_is_refused_in_words(stage: Stage, given: dict[str, str], words: str) -> None:
    status, told = tap(signed_in(), "/lines/L-BAG1/scrap/", **given)

    assert (status, told["message"]) == (422, words)
    assert not CountEntry.objects.exists()


def test_a_viewer_takes_no_part_out(stage: Stage) -> None:
    assert signed_in("viewer").post("/lines/L-BAG1/scrap/", {"defect": "DAMAGED"}).status_code == 403


# ---------------------------------------------------------------- by hand at the line


def pieces(stage: Stage, now: datetime = NOW) -> list[tuple[str, str]]:
    return [
        (f"{piece.starts_at:%H:%M}", f"{piece.ends_at:%H:%M}")
        for machine in uncounted(stage.line, now)
        for piece in machine.pieces
        if piece.starts_at >= at("06:00")
    ]


def test_hours_that_nobody_saw_are_offered_to_be_counted(stage: Stage) -> None:
    assert pieces(stage) == [("08:00", "08:10"), ("07:20", "08:00")]


def test_a_machine_that_fell_silent_is_offered_up_to_now(stage: Stage) -> None:
    assert pieces(stage, at("10:15"))[:2] == [("10:00", "10:15"), ("09:00", "10:00")]


def test_what_was_counted_by_hand_is_not_offered_again(stage: Stage) -> None:
    entry = count_by_hand(stage.machine, at("07:20"), at("08:00"), made=10, rejected=0, **who())
    assert pieces(stage) == [("08:00", "08:10")]

    take_back_count(entry.pk, by=make_user("max"), now=NOW)
    assert ("07:20", "08:00") in pieces(stage)


def test_an_operator_counts_an_hour_by_hand(stage: Stage) -> None:
    MachineState.objects.update(made_at=at("07:20"))
    value = uncounted(stage.line, NOW)[0].pieces[1].value

    status, told = tap(signed_in(), "/lines/L-BAG1/counts/by-hand/", piece=value, made=300, rejected=12)

    assert (status, told["go"]) == (200, "/lines/L-BAG1/counts/")
    entry = CountEntry.objects.get()
    assert (entry.starts_at, entry.ends_at, entry.made, entry.rejected) == (at("07:20"), at("08:00"), 300, 12)


def test_time_that_the_controller_saw_is_refused_in_words(stage: Stage) -> None:
    value = uncounted(stage.line, NOW)[0].pieces[1].value
    machine, start, _ = value.split(":")
    longer = f"{machine}:{start}:{int(at('08:40').timestamp() * 1000)}"

    status, told = tap(signed_in(), "/lines/L-BAG1/counts/by-hand/", piece=longer, made=300)

    assert status == 422
    assert "The controller counted" in told["message"]
    assert tap(signed_in(), "/lines/L-BAG1/counts/by-hand/", piece="nonsense", made=1) == (
        422,
        {"code": "BAD_FORM", "message": "Choose the hour that you counted."},
    )


def test_the_kiosk_page_offers_the_hours_and_says_when_there_is_nothing_to_count(stage: Stage) -> None:
    LineState.objects.get_or_create(line=stage.line)
    text = page(signed_in(), "/lines/L-BAG1/counts/")
    assert "07:20–08:00" in text

    quiet = make_stage("L-BUN1")
    quiet.edges([(at("06:00", -1), "run")], until=NOW)
    assert "There is nothing to count by hand" in page(signed_in(), "/lines/L-BUN1/counts/")
