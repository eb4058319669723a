"""Signs of life of our processes: how each of them says that it lives, and that it ends."""

import threading
from datetime import datetime, timedelta

import pytest

from andon.clock import database_now
from floor import loops
from floor.actions.heartbeat import beat
from floor.models import Heartbeat
from floor.tasks import sign_of_life
from ms5 import beat as celery_beat
from ms5 import web_heartbeat

pytestmark = pytest.mark.django_db(transaction=True)  # they close their connections


def test_a_process_beats_from_its_first_sign_on_and_takes_it_away_when_it_is_told_to_end() -> None:
    stop, now = threading.Event(), database_now()
    seen: list[tuple[datetime, datetime]] = []

    def round_() -> None:
        moment = now + timedelta(seconds=len(seen))
        beat("escalator", loops.INSTANCE, moment)
        seen.append(Heartbeat.objects.values_list("since", "at").get())
        if len(seen) == 2:
            stop.set()

    loops.every(0, round_, stop, name="escalator")

    assert seen == [(now, now), (now, now + timedelta(seconds=1))]
    assert not Heartbeat.objects.exists()


def test_web_worker_and_beat_say_that_they_live() -> None:
    web_heartbeat._say()
    sign_of_life()
    celery_beat._say()

    assert set(Heartbeat.objects.values_list("component", flat=True)) == {"web", "worker", "beat"}
