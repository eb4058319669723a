import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection

from oee.actions.check import differences
from oee.actions.rebuild import rebuild_dirty
from oee.actions.refusals import ImpossibleTime, SomebodyWasFaster
from oee.actions.stops import code_stop, split_stop
from oee.models import LedgerEntry, Stop, StopCoding, StopReason
from tests.factories import make_user
from tests.oee.stage import at, make_stage


@pytest.mark.django_db(transaction=True)
def test_coding_while_facts_arrive_and_buttons_are_tapped_twice() -> None:
    stage = make_stage()
    stage.sees("06:00 run, 07:00 stop, 07:10 run", until=at("07:30"))
    rebuild_dirty(at("07:30"))
    assert StopReason.objects.count() == 27  # an emptied database has its reasons
    stop, ola, requests = Stop.objects.get().id, make_user(), [uuid.uuid4() for _ in range(4)]

    def tap(place: int) -> None:
        code = ("MAT_JAM", "CHANGEOVER")[place % 2]
        code_stop(stop, code, by=ola, now=at("07:31"), request_id=requests[place // 2])
        connection.close()

    def scan(second: int) -> None:
        stage.sees("", until=at("07:30") + timedelta(seconds=second))
        rebuild_dirty(at("07:40"))
        connection.close()

    with ThreadPoolExecutor(4) as floor:
        taps = [floor.submit(tap, place) for place in range(8)]
        scans = [floor.submit(scan, 1)]
        for done in taps + scans:
            done.result(timeout=30)

    assert StopCoding.objects.count() == 4
    rebuild_dirty(at("07:40"))
    assert differences(stage.line) == []


EDITORS = 20


@pytest.mark.django_db(transaction=True)
def test_twenty_people_cut_and_code_one_stop_at_once_and_no_second_is_lost_or_counted_twice() -> None:
    stage = make_stage()
    stage.sees("06:00 run, 07:00 stop, 07:30 run", until=at("08:00"))
    rebuild_dirty(at("08:00"))
    stop, people = Stop.objects.get().id, [make_user(f"p{n}") for n in range(EDITORS)]

    def edit(place: int) -> None:
        given: dict[str, Any] = {"by": people[place], "now": at("08:00"), "request_id": uuid.uuid4()}
        try:
            if place % 2:
                split_stop(stop, at("07:00") + timedelta(seconds=45 * (place + 1)), after="CLEANING", **given)
            else:
                code_stop(stop, "MAT_JAM", **given)
        except ImpossibleTime:  # somebody else cut at the same second
            pass
        finally:
            connection.close()

    with ThreadPoolExecutor(EDITORS) as floor:
        for done in [floor.submit(edit, place) for place in range(EDITORS)]:
            done.result(timeout=60)

    entries = list(LedgerEntry.objects.filter(stop=stop).order_by("started_at"))
    assert (entries[0].started_at, entries[-1].ended_at) == (at("07:00"), at("07:30"))
    assert all(before.ended_at == after.started_at for before, after in pairwise(entries))
    assert differences(stage.line) == []


@pytest.mark.django_db(transaction=True)
def test_of_two_people_who_looked_at_the_same_stop_one_wins_and_the_other_is_told_who() -> None:
    stage = make_stage()
    stage.sees("06:00 run, 07:00 stop, 07:30 run", until=at("08:00"))
    rebuild_dirty(at("08:00"))
    stop, people = Stop.objects.get().id, [make_user("lena"), make_user("max")]

    def edit(place: int) -> str:
        try:
            coding = code_stop(
                stop,
                ("MAT_JAM", "BELT_BREAK")[place],
                by=people[place],
                now=at("08:00"),
                request_id=uuid.uuid4(),
                seen=None,
            )
        except SomebodyWasFaster as refusal:
            return str(refusal)
        else:
            return str(coding.author)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as floor:
        said = sorted(floor.map(edit, range(2)), key=len)

    winner, refusal = said
    reason = "Jam" if winner == "lena" else "Belt"
    assert refusal.startswith(f"{winner} changed this stop at 08:00:00: gave it the reason “{reason}”")
    assert StopCoding.objects.count() == 1
