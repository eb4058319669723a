"""What an operator and a shift manager do with stops, page by page and without any script."""

import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client

from floor.models import FaultDefinition, FaultEvent, User
from oee.actions.rebuild import rebuild_dirty
from oee.actions.stops import code_stop, split_stop
from oee.domain.clock import to_ms
from oee.models import LedgerEntry, ManualStop, PlannedStop, Stop, StopCoding, StopConfirmation, StopMerge
from oee.tasks import end_forgotten_planned_stops
from tests.factories import make_machine, make_user
from tests.oee.stage import Stage, at, make_stage

pytestmark = pytest.mark.django_db
NOW = at("08:00")
JSON = {"accept": "application/json"}


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    cache.clear()
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def ola() -> User:
    return make_user("ola")


@pytest.fixture
def sam() -> User:
    return make_user("sam", "shift_manager")


@pytest.fixture
def client(ola: User) -> Client:
    browser = Client()
    browser.force_login(ola)
    return browser


def signed_in(person: User) -> Client:
    browser = Client()
    browser.force_login(person)
    return browser


def stopped(story: str = "06:00 run, 07:00 stop, 07:10 run", until: str = "08:00") -> Stage:
    stage = make_stage()
    stage.sees(story, until=at(until))
    rebuild_dirty(at(until))
    return stage


def the_stop(started: str = "07:00") -> Stop:
    return Stop.objects.get(started_at=at(started))


def text(answer: Any) -> str:
    """The words on the page, without tags and without the frame."""
    main = answer.content.decode().partition("<main")[2].partition("</main>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


def links(answer: Any, part: str) -> list[str]:
    found = re.findall(r'href="([^"]*)"', answer.content.decode().replace("&amp;", "&"))
    return [link for link in found if part in link]


def the_list(client: Client) -> str:
    """What the list says now, not what it said a second ago."""
    cache.clear()
    return text(client.get("/lines/L-BAG1/stops/"))


def reasons_of(stop: Stop) -> list[tuple[str, str | None]]:
    """Lost time of the stop in time order: until when, and why."""
    entries = LedgerEntry.objects.filter(stop=stop).order_by("started_at").values_list("ended_at", "reason")
    return [(f"{end:%H:%M:%S}", reason) for end, reason in entries]


def guard_opened(stage: Stage, on: str, off: str) -> None:
    FaultDefinition.objects.create(equipment=stage.machine, bit=5, text="Guard open", reason_code="SENSOR_FAIL")
    FaultEvent.objects.create(equipment=stage.machine, bit=5, on_at=at(on), off_at=at(off))


# ---------------------------------------------------------------- one stop


def test_a_stop_opens_from_the_list_and_can_be_given_its_reason_without_a_script(client: Client) -> None:
    stopped()
    page = client.get("/lines/L-BAG1/stops/")
    [address, *_] = links(page, f"/stops/{the_stop().id}/")

    sheet = client.get(address)
    asked = client.get(links(sheet, "part=")[0])
    answer = client.post(
        f"{address}reason/", {"reason": "MAT_JAM", "part": to_ms(at("07:00")), "seen": ""}, follow=True
    )

    assert "10 min from 07:00:00 to 07:10:00" in text(sheet).replace("\u202f", " ")
    assert "Why did it stand 07:00–07:10?" in text(asked)
    assert "Jam ola, 08:00" in text(answer)
    assert reasons_of(the_stop()) == [("07:10:00", "MAT_JAM")]


def test_a_stop_is_split_where_a_fault_bit_changed_and_the_rest_is_asked_for_next(client: Client) -> None:
    stage = stopped()
    guard_opened(stage, "07:04", "07:06")
    address = f"/stops/{the_stop().id}/"

    split = client.get(links(client.get(address), "split=")[0])
    chosen = [link for link in links(split, "at=") if f"at={to_ms(at('07:04'))}" in link]
    ask = client.get(chosen[0])
    answer = client.post(
        f"{address}split/",
        {"at": to_ms(at("07:04")), "side": "before", "reason": "MAT_JAM", "seen": ""},
    )

    assert "Guard open came" in text(split)
    assert "Guard open gone" in text(split)
    assert "4 min + 6 min = 10 min" in text(ask).replace("\u202f", " ")
    assert reasons_of(the_stop()) == [("07:04:00", "MAT_JAM"), ("07:10:00", None)]
    assert answer["Location"] == f"{address}?part={to_ms(at('07:04'))}"
    assert "Sensor" in text(client.get(answer["Location"]))  # what the guard's bit stands for


def test_a_stop_in_three_parts_adds_up_and_shows_who_said_what(client: Client, ola: User) -> None:
    stopped()
    stop = the_stop()
    for moment, reason in (("07:03", "MAT_JAM"), ("07:06", "SENSOR_FAIL")):
        split_stop(stop.id, at(moment), before=reason, by=ola, now=NOW, request_id=uuid.uuid4())

    sheet = text(client.get(f"/stops/{stop.id}/")).replace("\u202f", " ")

    assert "3 min + 3 min + 4 min = 10 min , the whole stop" in sheet
    assert "What was said" in sheet
    assert reasons_of(stop) == [("07:03:00", "MAT_JAM"), ("07:06:00", "SENSOR_FAIL"), ("07:10:00", None)]
    assert "Jam + Sensor + no reason" in the_list(client)


def test_the_cut_is_moved_by_minutes_and_never_out_of_the_part(client: Client) -> None:
    stopped()
    address, start = f"/stops/{the_stop().id}/", to_ms(at("07:00"))

    page = client.get(f"{address}?split={start}&at={to_ms(at('07:04'))}")
    far = client.get(f"{address}?split={start}&at={to_ms(at('09:00'))}")

    moves = {link.partition("&at=")[2].partition("&")[0] for link in links(page, "&at=")}
    assert {str(to_ms(at(clock))) for clock in ("07:03", "07:05", "07:09")} <= moves
    assert str(to_ms(at("06:59"))) not in moves
    assert "Split at 07:09:59" in text(far)


@pytest.mark.parametrize(
    ("route", "given", "status", "words"),
    [
        ("split", {"at": to_ms(at("07:30")), "reason": "MAT_JAM"}, 422, "only inside one of its parts"),
        ("split", {"reason": "MAT_JAM"}, 422, "Choose a time first"),
        ("split", {"at": to_ms(at("07:05")), "reason": "GREMLINS"}, 422, "is not a stop reason"),
        ("reason", {"reason": ""}, 422, "Choose a reason"),
        ("reason", {"reason": "OTHER", "comment": "no idea"}, 422, "three words"),
        ("reason", {"reason": "MAT_JAM", "part": to_ms(at("07:05"))}, 410, "not there any more"),
        ("reason", {"reason": "MAT_JAM", "seen": "123456"}, 409, "changed while you were choosing"),
        ("merge", {"other": "00000000-0000-4000-8000-000000000000"}, 410, "not there any more"),
    ],
)
def test_what_cannot_be_is_refused_in_words_and_nothing_is_written(
    route: str, given: dict[str, Any], status: int, words: str, client: Client
) -> None:
    stopped()
    address = f"/stops/{the_stop().id}/{route}/"

    answer = client.post(address, given, headers=JSON)
    page = client.post(address, given)

    assert (answer.status_code, page.status_code) == (status, status)
    assert words in answer.json()["message"]
    assert "Nothing was changed" in text(page)
    assert words in page.content.decode()
    assert not StopCoding.objects.exists()


def test_the_second_of_two_people_is_told_who_was_faster(client: Client, sam: User) -> None:
    stopped()
    address = f"/stops/{the_stop().id}/reason/"
    sams = signed_in(sam)
    client.get(f"/stops/{the_stop().id}/")

    assert sams.post(address, {"reason": "MAT_JAM", "seen": ""}, headers=JSON).status_code == 200
    answer = client.post(address, {"reason": "BELT_BREAK", "seen": ""}, headers=JSON)

    assert answer.status_code == 409
    assert "sam changed this stop at 08:00:00: gave it the reason “Jam”" in answer.json()["message"]
    assert reasons_of(the_stop()) == [("07:10:00", "MAT_JAM")]


def test_two_tries_with_one_request_are_one_split(client: Client) -> None:
    stopped()
    given = {"at": to_ms(at("07:05")), "side": "before", "reason": "MAT_JAM", "request_id": str(uuid.uuid4())}

    for _ in range(2):
        assert client.post(f"/stops/{the_stop().id}/split/", given, headers=JSON).status_code == 200

    assert reasons_of(the_stop()) == [("07:05:00", "MAT_JAM"), ("07:10:00", None)]


def test_neighbouring_stops_become_one_and_two_again(client: Client) -> None:
    stopped("06:00 run, 07:00 stop, 07:10 run, 07:12 stop, 07:20 run")
    first, second = the_stop(), the_stop("07:12")
    sheet = client.get(f"/stops/{first.id}/")

    merged = client.post(f"/stops/{first.id}/merge/", {"other": str(second.id)}, follow=True)
    merge = StopMerge.objects.get()
    marks = the_list(client)
    client.post(f"/stops/merges/{merge.pk}/take-back/")

    assert "Merge with the stop after 07:12, ran 2 min between" in text(sheet).replace("\u202f", " ")
    assert "Why did it stand 07:00–07:20? 20 min" in text(merged).replace("\u202f", " ")
    assert "merged" in marks
    assert Stop.objects.count() == 2


def test_a_long_run_between_stops_is_for_a_supervisor(client: Client, sam: User) -> None:
    stopped("06:00 run, 07:00 stop, 07:10 run, 07:20 stop, 07:30 run")
    first, second = the_stop(), the_stop("07:20")
    given = {"other": str(second.id)}

    assert "a supervisor may merge them" in text(client.get(f"/stops/{first.id}/"))
    refused = client.post(f"/stops/{first.id}/merge/", given, headers=JSON)
    agreed = signed_in(sam).post(f"/stops/{first.id}/merge/", {**given, "run_is_stop": "on"}, headers=JSON)

    assert (refused.status_code, agreed.status_code) == (403, 200)
    assert "A supervisor has to merge these" in refused.json()["message"]
    assert StopMerge.objects.get().run_is_stop


def test_a_supervisor_confirms_and_whatever_is_said_later_needs_it_again(client: Client, sam: User, ola: User) -> None:
    stopped()
    stop = the_stop()
    coding = code_stop(stop.id, "MAT_JAM", by=ola, now=NOW, request_id=uuid.uuid4())
    address = f"/stops/{stop.id}/"

    assert client.post(f"{address}confirm/", {"seen": coding.pk}).status_code == 403
    agreed = signed_in(sam).post(f"{address}confirm/", {"seen": coding.pk}, follow=True)
    listed = the_list(client)
    code_stop(stop.id, "BELT_BREAK", by=ola, now=NOW + timedelta(seconds=1), request_id=uuid.uuid4())

    assert "Confirmed by sam, 08:00" in text(agreed)
    assert "confirmed" in listed
    assert StopConfirmation.objects.count() == 1
    assert "confirmed" not in the_list(client)


def test_a_stop_that_is_gone_says_so(client: Client) -> None:
    assert client.get("/stops/00000000-0000-4000-8000-000000000000/").status_code == 404


# ---------------------------------------------------------------- the list


def test_the_list_tells_the_coded_share_and_turns_its_pages(client: Client, ola: User) -> None:
    story = ", ".join(f"07:{n:02d} stop, 07:{n + 4:02d} run" for n in range(0, 56, 8))
    stopped(f"06:00 run, {story}")
    code_stop(the_stop("07:48").id, "MAT_JAM", by=ola, now=NOW, request_id=uuid.uuid4())

    first = text(client.get("/lines/L-BAG1/stops/")).replace("\u202f", " ")
    second = text(client.get("/lines/L-BAG1/stops/?page=2")).replace("\u202f", " ")

    assert "6 stops without a reason" in first
    assert "of stops 14 % target 96 %" in first
    assert "of minutes 14 % target 98 %" in first
    assert "1 of 2 · 7 stops" in first
    assert "Jam" not in first.partition("without a reason")[2].partition("1 of 2")[0].replace("Jam L", "")
    assert "07:48–07:52" in second


def test_a_day_or_a_shift_that_nobody_can_reckon_with_is_none(client: Client, sam: User) -> None:
    stopped("05:00 run, 05:20 stop, 05:30 run")

    assert signed_in(sam).get("/lines/L-BAG1/stops/?day=0001-01-01").status_code == 200
    assert client.get("/lines/L-BAG1/stops/?shift=00010101T0000Z").status_code == 404


def test_the_previous_shift_has_a_tab_and_older_days_are_for_supervisors(client: Client, sam: User) -> None:
    stage = stopped("05:00 run, 05:20 stop, 05:30 run, 07:00 stop, 07:10 run")
    assert stage.line.code == "L-BAG1"
    page = client.get("/lines/L-BAG1/stops/")

    previous = client.get(links(page, "?shift=")[0])
    day = signed_in(sam).get("/lines/L-BAG1/stops/?day=2026-11-19")

    assert "05:20–05:30" in text(previous)
    assert "07:00–07:10" not in text(previous)
    assert "Night 19 Nov" in text(previous)
    assert 'type="date"' not in page.content.decode()
    assert 'type="date"' in day.content.decode()
    assert client.get("/lines/L-BAG1/stops/?shift=yesterday").status_code == 404


# ---------------------------------------------------------------- planned stops


def test_a_planned_stop_is_announced_shown_with_its_time_and_ended(client: Client) -> None:
    stage = stopped("06:00 run, 07:50 stop")
    sheet = client.get("/lines/L-BAG1/planned/")
    [changeover] = [link for link in links(sheet, "reason=") if "CHANGEOVER" in link]
    assert "20 min" in text(client.get(changeover))

    client.post("/lines/L-BAG1/planned/start/", {"reason": "CHANGEOVER", "expected_min": "20"})
    banner = client.get("/lines/L-BAG1/tiles/state/").content.decode()
    planned = PlannedStop.objects.get()
    ended = client.post(f"/planned-stops/{planned.pk}/end/", headers=JSON)
    again = client.post(f"/planned-stops/{planned.pk}/end/", headers=JSON)

    assert planned.starts_at == at("07:50")  # since it stands
    assert "CHANGEOVER" in banner
    assert "of 20:00" in banner
    assert ended.json()["message"] == "Changeover ended"
    assert (again.status_code, again.json()["code"]) == (409, "AlreadyDone")
    assert stage.line.code in ended.json()["next"]


def test_planned_stops_ahead_are_listed_and_can_be_taken_back(client: Client) -> None:
    stopped()
    given = {"reason": "CLEANING", "start": to_ms(at("09:30")), "expected_min": "15"}
    client.post("/lines/L-BAG1/planned/start/", given)
    listed = text(client.get("/lines/L-BAG1/planned/"))

    overlapping = client.post("/lines/L-BAG1/planned/start/", given, headers=JSON)
    client.post(f"/planned-stops/{PlannedStop.objects.get().pk}/take-back/")

    assert "09:30" in listed
    assert (overlapping.status_code, "planned from 09:30 already" in overlapping.json()["message"]) == (422, True)
    assert "Ahead" not in text(client.get("/lines/L-BAG1/planned/"))


def test_a_planned_stop_that_nobody_ended_ends_where_the_line_ran_again(client: Client) -> None:
    stage = stopped("06:00 run, 07:30 stop", until="07:40")
    with time_machine.travel(at("07:40"), tick=False):
        client.post("/lines/L-BAG1/planned/start/", {"reason": "CLEANING"})
    stage.sees("07:50 run", until=NOW)
    rebuild_dirty(NOW)

    assert end_forgotten_planned_stops() == 1

    planned = PlannedStop.objects.get()
    assert (planned.starts_at, planned.ends_at, planned.ended_by) == (at("07:30"), at("07:50"), None)
    assert "End Cleaning" not in client.get("/lines/L-BAG1/tiles/state/").content.decode()


def test_a_changeover_is_compared_with_what_was_planned(client: Client) -> None:
    stage = stopped("06:00 run, 07:30 stop", until="07:31")
    with time_machine.travel(at("07:31"), tick=False):
        client.post("/lines/L-BAG1/planned/start/", {"reason": "CHANGEOVER", "expected_min": "10"})
    stage.sees("07:45 run", until=NOW)
    rebuild_dirty(NOW)
    client.post(f"/planned-stops/{PlannedStop.objects.get().pk}/end/")

    page = text(client.get("/lines/L-BAG1/losses/")).replace("\u202f", " ")

    assert "Changeover 07:30 planned 10 min 30 min" in page


def test_a_machine_that_starved_this_one_is_named_among_the_losses(client: Client) -> None:
    stage = make_stage()
    slicer = make_machine(stage.line, "SLICER", primary=False, position=5)
    stage.sees("06:00 run, 06:59 stop, 07:10 run", until=NOW, machine=slicer)
    stage.sees("06:00 run, 07:00 stop, 07:12 run", until=NOW)
    rebuild_dirty(NOW)
    code_stop(the_stop().id, "UPSTREAM_STOP", by=make_user("kim"), now=NOW, request_id=uuid.uuid4())

    page = text(client.get("/lines/L-BAG1/losses/")).replace("\u202f", " ")
    sheet = text(client.get(f"/stops/{the_stop().id}/"))
    split = text(client.get(f"/stops/{the_stop().id}/?split={to_ms(at('07:00'))}"))

    assert "Starved or blocked by SLICER 1 × 12 min" in page
    assert "because of SLICER" in sheet
    assert "SLICER runs" in split  # a place to cut


def test_a_breakdown_cannot_be_planned(client: Client) -> None:
    stopped()
    answer = client.post("/lines/L-BAG1/planned/start/", {"reason": "MAT_JAM"}, headers=JSON)

    assert answer.status_code == 422
    assert "“Jam” is not a planned stop" in answer.json()["message"]
    assert not PlannedStop.objects.exists()


# ---------------------------------------------------------------- what nobody measured


def test_a_stop_is_entered_where_there_are_no_data_and_taken_back(client: Client) -> None:
    stopped("06:00 run, 07:00 unknown, 07:30 run")
    sheet = client.get("/lines/L-BAG1/missed-stop/")
    stretch = links(sheet, "start=")[0]
    narrower = client.get(links(client.get(stretch), "start=")[1])

    client.post(
        "/lines/L-BAG1/missed-stop/enter/",
        {"start": to_ms(at("07:05")), "end": to_ms(at("07:20")), "reason": "POWER_LOSS"},
    )
    stop = the_stop("07:05")
    reasons = reasons_of(stop)
    marks = the_list(client)
    sheet_of_it = text(client.get(f"/stops/{stop.id}/"))
    client.post(f"/stops/by-hand/{ManualStop.objects.get().pk}/take-back/")

    assert "30 min without data" in text(sheet).replace("\u202f", " ")
    assert "of 30 min that nobody saw" in text(narrower).replace("\u202f", " ")
    assert reasons == [("07:20:00", "POWER_LOSS")]
    assert "by hand" in marks
    assert "entered by ola" in sheet_of_it
    assert not Stop.objects.exists()


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("06:30", "07:10", "The controller saw"),
        ("07:20", "07:10", "The end must be later than the start"),
        ("07:20", "09:10", "lies in the future"),
    ],
)
def test_what_the_controller_saw_cannot_be_said_otherwise(start: str, end: str, words: str, client: Client) -> None:
    stopped("06:00 run, 07:00 unknown, 07:30 run")
    given = {"start": to_ms(at(start)), "end": to_ms(at(end)), "reason": "POWER_LOSS"}

    answer = client.post("/lines/L-BAG1/missed-stop/enter/", given, headers=JSON)

    assert answer.status_code == 422
    assert words in answer.json()["message"]
    assert not ManualStop.objects.exists()
    assert not StopCoding.objects.exists()


# ---------------------------------------------------------------- losses


def test_the_losses_of_a_shift_lead_from_the_clock_to_good_parts(client: Client) -> None:
    stage = stopped("06:00 run, 06:30 stop, 06:31 run, 07:00 stop, 07:10 run")
    stage.makes(at("06:15"), 6000, 60)
    rebuild_dirty(NOW)

    page = text(client.get("/lines/L-BAG1/losses/")).replace("\u202f", " ")

    for words in (
        "Shift so far 2 h 00 min 100.0 %",
        "− Unplanned stops 1 × 10 min 8.3 %",
        "− Minor stops 1 × 1 min 0.8 %",
        "Running 1 h 49 min 90.8 %",
        "− Slow running 9 min 7.5 %",
        "At ideal speed 1 h 40 min 83.3 %",
        "− Rejects 60 × 1 min 0.8 %",
        "Good parts 1 h 39 min 82.5 %",
        "1 without a reason",
        "Most lost in seven days",
    ):
        assert words in page, (words, page)


@pytest.mark.parametrize("role", ["viewer", "maintenance"])
def test_whoever_may_not_change_stops_sees_them_without_buttons(role: str) -> None:
    stopped()
    page = signed_in(make_user("vera", role)).get(f"/stops/{the_stop().id}/")

    assert "No reason yet" in text(page)
    assert "Split" not in text(page)
    assert not links(page, "split=")


def test_a_sheet_alone_has_no_frame(client: Client) -> None:
    stopped()
    for address in (f"/stops/{the_stop().id}/", "/lines/L-BAG1/planned/", "/lines/L-BAG1/missed-stop/"):
        answer = client.get(address, headers={"X-Sheet": "1"})

        assert answer.status_code == 200
        assert b"<html" not in answer.content
        assert answer["Cache-Control"] == "no-store"
