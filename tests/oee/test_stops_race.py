import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from oee.actions.check import differences
from oee.actions.rebuild import rebuild_dirty
from oee.actions.stops import code_stop
from oee.models import Stop, StopCoding, StopReason
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
