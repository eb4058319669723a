"""The production board hour by hour, and what people do about an hour."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from rest_framework.test import APIClient

from floor.models.shifts import shift_at
from oee.actions.hour_board import sign_off_hour, write_countermeasure
from oee.actions.rebuild import rebuild_dirty
from oee.actions.refusals import ImpossibleTime, NeedsSupervisor
from oee.hour_board import HourBoard, hour_board, hours_tile, unsigned_of
from oee.models import Countermeasure, HourSignOff
from oee.tiles import pace_tile
from tests.factories import make_user
from tests.oee.stage import Stage, at, make_stage

pytestmark = pytest.mark.django_db
NOW = at("08:30")
SIX = int(at("06:00").timestamp())


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Half past eight: a good first hour, a bad second one that stood for half an hour, a third one on."""
    with time_machine.travel(NOW, tick=False):
        stage = make_stage()
        stage.makes(at("06:30"), 2710, 10)
        stage.makes(at("07:50"), 1000)
        stage.makes(at("08:10"), 1500)
        stage.sees("06:00 run, 07:00 stop, 07:30 run", until=NOW)
        rebuild_dirty(NOW)
        cache.clear()  # a tile of the test before is less than a second old
        yield stage


def board(stage: Stage, now: datetime = NOW) -> HourBoard:
    found = hours_tile(stage.line, now)
    assert found is not None
    return found


def word(name: str = "ola", role: str = "operator", now: datetime = NOW) -> dict[str, Any]:
    return {"by": make_user(f"{name}{uuid.uuid4().hex[:4]}", role), "now": now}


def say(stage: Stage, clock: str, text: str, **more: Any) -> Countermeasure:
    return write_countermeasure(stage.line, at(clock), text, request_id=uuid.uuid4(), **(word() | more))


def signed_in(role: str = "operator") -> Client:
    client = Client()
    client.force_login(make_user(f"{role}{uuid.uuid4().hex[:4]}", role), backend="ms5.backends.MatrixBackend")
    return client


def api(role: str = "operator") -> APIClient:
    client = APIClient()
    client.force_authenticate(make_user(f"{role}{uuid.uuid4().hex[:4]}", role))
    return client


# ---------------------------------------------------------------- figures


def test_each_hour_stands_beside_its_target_and_the_sum_so_far(stage: Stage) -> None:
    rows = board(stage).hours

    assert len(rows) == 8
    assert [(h.row.target, h.row.good, h.row.difference, h.cumulative) for h in rows[:2]] == [
        (2616, 2700, 84, 84),
        (2616, 1000, -1616, -1532),
    ]
    assert (rows[1].row.stop_s, rows[1].row.top_reason, rows[1].row.rejected) == (1800, "Not coded", 0)
    assert rows[0].row.oee.value == pytest.approx(2700 / 3600)
    assert rows[1].row.oee.value == pytest.approx(1000 / 3600)
    assert (rows[3].row.good, rows[3].cumulative, rows[3].row.oee.value) == (None, None, None)


def test_the_hour_that_is_on_is_measured_by_the_part_of_its_target_behind_us(stage: Stage) -> None:
    running = board(stage).hours[2]

    assert running.is_on
    assert (running.row.target, running.row.target_now, running.row.good) == (2616, 1308, 1500)
    assert running.row.difference == 192
    assert not running.asks


def test_the_board_and_the_operators_screen_say_the_same(stage: Stage) -> None:
    found, pace = board(stage), pace_tile(stage.line, NOW)

    assert (found.good, found.target_now, found.difference) == (pace.good, pace.target_now, pace.difference)
    assert found.hours[2].cumulative == pace.difference


def test_an_hour_with_a_break_has_a_smaller_target(stage: Stage) -> None:
    assert board(stage).hours[4].row.target == pytest.approx(2616 / 2, abs=1)


@pytest.mark.parametrize(
    ("start", "count"), [(datetime(2026, 3, 28, 22, tzinfo=UTC), 7), (datetime(2026, 10, 24, 21, tzinfo=UTC), 9)]
)
def test_a_night_in_which_the_clock_changes_has_seven_or_nine_rows(start: datetime, count: int) -> None:
    line = make_stage().line
    window = shift_at(line, start)
    assert window is not None

    rows = hour_board(line, window, start + timedelta(hours=12)).hours

    assert len(rows) == count
    assert len({row.key for row in rows}) == count


def test_the_hour_that_the_clock_shows_twice_tells_its_offset() -> None:
    make_stage()
    with time_machine.travel(datetime(2026, 10, 25, 4, tzinfo=UTC), tick=False):
        text = signed_in().get("/lines/L-BAG1/hours/").content.decode()

    assert "01:00 (+01:00)" in text
    assert "01:00 (+00:00)" in text


def test_before_the_first_shift_there_is_no_board() -> None:
    assert hours_tile(make_stage(shifts=False).line, NOW) is None


# ---------------------------------------------------------------- countermeasures


def test_an_hour_that_missed_its_target_by_more_than_a_tenth_asks_what_is_done(stage: Stage) -> None:
    assert [hour.asks for hour in board(stage).hours[:3]] == [False, True, False]

    say(stage, "07:00", " Maintenance was called ", who="Milo")

    hour = board(stage).hours[1]
    assert (hour.asks, hour.said and hour.said.text, hour.said and hour.said.who) == (
        False,
        "Maintenance was called",
        "Milo",
    )


def test_a_later_word_replaces_the_earlier_and_both_are_kept(stage: Stage) -> None:
    say(stage, "07:00", "Maintenance was called")
    say(stage, "07:00", "Belt was changed")

    said = board(stage).hours[1].said
    assert said is not None
    assert said.text == "Belt was changed"
    assert Countermeasure.objects.count() == 2


@pytest.mark.parametrize(
    ("clock", "text", "words"),
    [
        ("07:15", "Belt was changed", "No hour of a shift begins at that time"),
        ("09:00", "Belt was changed", "has not begun"),
        ("07:00", "  ", "Write what is done"),
    ],
)
def test_words_about_no_hour_and_no_words_are_refused(stage: Stage, clock: str, text: str, words: str) -> None:
    with pytest.raises(ImpossibleTime, match=words):
        say(stage, clock, text)


def test_a_preset_and_own_words_are_one_sentence(stage: Stage) -> None:
    answer = signed_in().post(
        f"/lines/L-BAG1/hours/{SIX}/countermeasure/",
        {"preset": "Machine was adjusted", "text": "knife 3", "who": "Maintenance"},
        HTTP_ACCEPT="application/json",
    )

    assert answer.json()["message"] == "Machine was adjusted, knife 3"
    assert Countermeasure.objects.get().who == "Maintenance"


# ---------------------------------------------------------------- sign-off


def test_a_supervisor_signs_an_hour_off_once(stage: Stage) -> None:
    window = shift_at(stage.line, NOW)
    assert window is not None
    assert unsigned_of(stage.line, window, NOW) == board(stage).unsigned == 2

    first = sign_off_hour(stage.line, at("06:00"), **word("mara", "shift_manager"))
    again = sign_off_hour(stage.line, at("06:00"), **word("paul", "production_manager"))

    assert again.pk == first.pk
    hour = board(stage).hours[0]
    assert hour.seen is not None
    assert hour.seen.by.startswith("mara")
    assert unsigned_of(stage.line, window, NOW) == board(stage).unsigned == 1


def test_an_operator_does_not_sign_and_nobody_signs_an_hour_that_is_on(stage: Stage) -> None:
    with pytest.raises(NeedsSupervisor):
        sign_off_hour(stage.line, at("06:00"), **word())
    with pytest.raises(ImpossibleTime, match="not over yet"):
        sign_off_hour(stage.line, at("08:00"), **word("mara", "shift_manager"))


# ---------------------------------------------------------------- pages


def test_the_page_shows_this_shift_and_the_one_before(stage: Stage) -> None:
    client = signed_in("shift_manager")

    now, before = (client.get(f"/lines/L-BAG1/hours/{ask}").content.decode() for ask in ("", "?shift=previous"))

    assert "Day 20 Nov" in now
    assert "What is done?" in now
    assert 'topic="hours"' in now
    assert "8 hours not signed off" in before
    assert "22:00" in before
    assert 'topic="hours"' not in before


def test_the_wall_shows_the_same_hours(stage: Stage) -> None:
    text = signed_in("viewer").get("/lines/L-BAG1/hours/board/").content.decode().replace("\u2212", "-")

    assert "-1\u202f616" in text


def test_a_page_without_scripts_is_led_back_and_told(stage: Stage) -> None:
    client = signed_in("shift_manager")

    answer = client.post(f"/lines/L-BAG1/hours/{SIX}/sign-off/", follow=True)
    assert "06:00 signed off by shift_manager" in answer.content.decode()

    assert client.post("/lines/L-BAG1/hours/253402300799/sign-off/").status_code == 404, "the year 9999"
    answer = client.post(f"/lines/L-BAG1/hours/{SIX + 7200}/sign-off/", follow=True)
    assert "not over yet" in answer.content.decode()
    assert HourSignOff.objects.count() == 1


# ---------------------------------------------------------------- API


def test_the_api_tells_the_board_and_takes_a_countermeasure_and_a_sign_off(stage: Stage) -> None:
    hours = "/api/v1/oee/lines/L-BAG1/hours"
    key = api().get(hours).json()["hours"][1]["starts_at"]

    written = api().post(f"{hours}/countermeasure", {"hour": key, "text": "Belt was changed", "who": "Milo"}, "json")
    signed = api("shift_manager").post(f"{hours}/sign-off", {"hour": key}, "json")

    assert (written.status_code, signed.status_code) == (201, 201)
    hour = api().get(hours).json()["hours"][1]
    assert (hour["target"], hour["good"], hour["difference"], hour["cumulative"]) == (2616, 1000, -1616, -1532)
    assert hour["countermeasure"]["text"] == "Belt was changed"
    assert hour["signed_off"]["by"].startswith("shift_manager")
    assert hour["needs_countermeasure"] is False


def test_the_api_says_which_hour_it_does_not_know(stage: Stage) -> None:
    answer = api().post(
        "/api/v1/oee/lines/L-BAG1/hours/countermeasure", {"hour": "2026-11-20T07:10:00Z", "text": "x"}, "json"
    )

    assert answer.status_code in (400, 422)
    assert "No hour of a shift begins at that time." in str(answer.json())


def test_a_finished_shift_is_asked_for_by_date_and_name(stage: Stage) -> None:
    found = api().get("/api/v1/oee/lines/L-BAG1/hours?date=2026-11-19&shift=Night").json()

    assert found["shift"]["name"] == "Night"
    assert len(found["hours"]) == 8
    assert found["hours"][0]["oee"]["value"] is None
