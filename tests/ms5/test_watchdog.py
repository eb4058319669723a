import json
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import OperationalError

from andon.actions import deliver_pending, escalate_due, raise_call, seed_rules
from andon.models import Notification, WebhookTarget
from floor.actions.heartbeat import beat, leave
from floor.actions.screens import Report, note_screens
from floor.models import Equipment, LineState, Screen
from ms5.watchdog import Alarm, Derivations, Looking, News, Post, Round, Watch, alarms, speaks
from ms5.watchdog.post import Courier, _get
from ms5.watchdog.rounds import Seen
from oee.models import LineDerived
from plc.models import Binding, Controller, Link, Tag
from tests.factories import make_line, make_machine, make_shifts, make_user

SIX = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
LONG_BEFORE = SIX - timedelta(days=2)


def after(**span: float) -> datetime:
    return SIX + timedelta(**span)


def keys(now: datetime, since: datetime = LONG_BEFORE) -> set[str]:
    return {alarm.key for alarm in alarms(now, since)}


def all_beat(now: datetime) -> None:
    beat("escalator", "one", now)
    beat("delivery", "one", now)


# ---------------------------------------------------------------- what is wrong


@pytest.mark.django_db
def test_a_step_that_nobody_takes_is_told_within_fifteen_seconds() -> None:
    seed_rules()
    raise_call(make_line(), "stop", by=make_user(), now=SIX, request_id=uuid.uuid4())
    due = after(minutes=5)
    all_beat(due)

    assert "late:escalation" not in keys(due + timedelta(seconds=4))
    assert "late:escalation" in keys(due + timedelta(seconds=6))

    escalate_due(due + timedelta(seconds=7))
    assert "late:escalation" not in keys(due + timedelta(seconds=8))


@pytest.mark.django_db
def test_a_silent_process_is_told_and_one_that_never_ran_is_not_missed_except_what_moves_calls() -> None:
    assert keys(SIX) == {"silent:escalator", "silent:delivery"}

    all_beat(SIX)
    beat("beat", "one", after(minutes=-5))

    assert keys(after(seconds=1)) == {"silent:beat"}
    assert keys(after(seconds=10)) == {"silent:beat", "silent:escalator"}


@pytest.mark.django_db
def test_one_frozen_escalator_of_two_is_told_before_anything_is_late() -> None:
    all_beat(SIX)
    beat("escalator", "two", SIX)
    all_beat(after(seconds=10))

    assert keys(after(seconds=10)) == {"fewer:escalator"}


@pytest.mark.django_db
def test_a_killed_escalator_is_not_missed_once_its_successor_runs_nor_one_that_was_told_to_end() -> None:
    beat("escalator", "killed", SIX)
    beat("escalator", "ended", SIX)
    beat("escalator", "two", SIX)
    all_beat(after(seconds=3))  # "one" began after "killed" had fallen silent
    for component, instance in (("escalator", "one"), ("escalator", "two"), ("delivery", "one")):
        beat(component, instance, after(seconds=20))
    assert keys(after(seconds=20)) == {"fewer:escalator"}

    leave("escalator", "ended")

    assert keys(after(seconds=20)) == set()


@pytest.mark.django_db
def test_after_a_night_switched_off_nothing_is_told_before_the_others_have_had_time_to_start() -> None:
    all_beat(after(hours=-8))

    assert keys(after(seconds=5), since=SIX) == set()
    assert keys(after(seconds=30), since=SIX) == {"silent:escalator"}


@pytest.mark.django_db
def test_mail_that_does_not_leave_is_told_and_mail_that_is_held_back_is_not() -> None:
    seed_rules()
    make_user("milo", "maintenance")
    raise_call(make_line(), "maintenance", by=make_user(), now=SIX, request_id=uuid.uuid4())
    all_beat(after(minutes=3))

    Notification.objects.pending().update(next_try_at=after(hours=8))
    assert keys(after(minutes=3)) == set()

    Notification.objects.pending().update(next_try_at=SIX)
    assert keys(after(minutes=3)) == {"late:mail"}

    deliver_pending(after(minutes=3))
    assert keys(after(minutes=3)) == set()


@pytest.mark.django_db
def test_a_message_to_the_plants_webhook_that_was_given_up_is_told_too() -> None:
    seed_rules()
    WebhookTarget.objects.create(name="Lights", url="https://lights.example.com/")
    raise_call(make_line(), "maintenance", by=make_user(), now=SIX, request_id=uuid.uuid4())
    Notification.objects.filter(target__name="Lights").update(failed_at=after(minutes=1), error="no answer")
    Notification.objects.filter(failed_at=None).update(sent_at=SIX)
    all_beat(after(minutes=2))

    (alarm,) = alarms(after(minutes=2), LONG_BEFORE)
    assert alarm.text == "1 messages were given up in the last hour, the last one to Lights: no answer"


@pytest.mark.django_db
def test_a_message_that_was_given_up_is_told_for_an_hour() -> None:
    seed_rules()
    make_user("milo", "maintenance")
    raise_call(make_line(), "maintenance", by=make_user(), now=SIX, request_id=uuid.uuid4())
    mail = Notification.objects.filter(channel="email")
    mail.update(failed_at=after(minutes=1), error="mailbox full")
    all_beat(after(minutes=2))

    (alarm,) = alarms(after(minutes=2), LONG_BEFORE)
    assert alarm.text == "1 messages were given up in the last hour, the last one to milo: mailbox full"

    Notification.objects.update(sent_at=SIX)
    mail.update(failed_at=after(minutes=-60))
    assert keys(after(minutes=2)) == set()


def make_controller(machine: Equipment, *, read_at: datetime, held_until: datetime) -> Controller:
    controller = Controller.objects.create(code="BAG1", kind="logix", host="10.0.0.1")
    tag = Tag.objects.create(controller=controller, name="run", address="Run", data_type="BOOL")
    Binding.objects.create(tag=tag, equipment=machine, meaning="running")
    Link.objects.create(
        controller=controller,
        state="backoff",
        error="No route to 10.0.0.1.",
        last_ok_at=read_at,
        lease_until=held_until,
    )
    return controller


@pytest.mark.django_db
def test_a_controller_that_is_not_read_is_told_with_the_reason_sooner_when_nobody_tries() -> None:
    make_controller(make_machine(make_line()), read_at=SIX, held_until=after(seconds=65))
    all_beat(after(seconds=61))

    assert [a.text for a in alarms(after(seconds=61), LONG_BEFORE)] == [
        "BAG1 has not been read for 61 s: No route to 10.0.0.1."
    ]
    Link.objects.update(lease_until=SIX)
    all_beat(after(seconds=21))
    assert [a.text for a in alarms(after(seconds=21), LONG_BEFORE)] == [
        "BAG1 has not been read for 21 s: no reader holds it"
    ]


@pytest.mark.django_db
def test_nobody_is_called_for_a_controller_outside_the_shifts_of_its_lines() -> None:
    machine = make_machine(make_line())
    make_controller(machine, read_at=SIX, held_until=after(days=1))
    shifts = make_shifts(machine.line.site)
    now = after(hours=17)  # 23:00
    all_beat(now)
    assert keys(now) == {"reading:BAG1"}

    shifts[-1].delete()

    assert keys(now) == set()


@pytest.mark.django_db
def test_figures_that_stand_still_while_facts_come_in_are_told() -> None:
    line = make_line("L-BAG1")
    LineState.objects.update_or_create(line=line, defaults={"facts_version": 10})
    derived = LineDerived.objects.create(line=line, seen_version=9)
    derivations = Derivations()

    assert list(derivations.alarms(SIX)) == []
    derived.seen_version = 8  # it moved: slow, not stuck
    derived.save()
    assert list(derivations.alarms(after(seconds=61))) == []

    (alarm,) = derivations.alarms(after(seconds=122))

    assert alarm.text == "Figures of L-BAG1 have stood still for 61 s. Does the worker run?"


def tell(sound: str, now: datetime) -> None:
    note_screens([Report(WALL, None, "Plant board", "/board/", sound, 1920, 1080)], now)


WALL = uuid.UUID(int=7)


@pytest.mark.django_db
def test_a_screen_that_must_be_heard_is_told_when_it_is_mute_or_dark_and_no_other_is() -> None:
    all_beat(after(minutes=5))
    for second in range(0, 91, 30):
        tell("off", after(seconds=second))
    assert keys(after(seconds=90)) == set()

    Screen.objects.update(is_watched=True, name="Wall of hall 2")

    (alarm,) = alarms(after(seconds=90), LONG_BEFORE)
    assert (alarm.key, alarm.text) == (f"mute:{WALL}", "The screen Wall of hall 2 cannot be heard: SOUND OFF for 90 s.")
    tell("on", after(seconds=120))
    assert keys(after(seconds=120)) == set()
    assert keys(after(seconds=211)) == {f"dark:{WALL}"}
    assert keys(after(seconds=211), since=after(seconds=200)) == set()


# ---------------------------------------------------------------- saying it


class Said:
    def __init__(self) -> None:
        self.now = 0.0
        self.sent: list[tuple[float, str]] = []
        self.watch = Watch(lambda: self.now, lambda news: self.sent.append((self.now, news.text)))

    def report(self, now: float, *found: Alarm, **how: bool) -> None:
        self.now = now
        self.watch.report(found, **how)


WEB, MAIL = Alarm("silent:web", "No sign of life from web."), Alarm("late:mail", "2 messages have not been sent.")


def test_an_alarm_is_said_at_once_again_after_ten_minutes_and_once_more_when_it_is_over() -> None:
    said = Said()
    for now in (0, 5, 300, 599, 600):
        said.report(now, WEB)
    for now in (602, 661, 662, 664):
        said.report(now)
    said.report(670, WEB)

    assert said.sent == [(0, WEB.text), (600, WEB.text), (662, f"Over: {WEB.text}"), (670, WEB.text)]


def test_an_alarm_that_blinks_is_one_alarm() -> None:
    said = Said()
    for now in range(0, 590, 10):
        said.report(now, *([WEB] if now % 20 else []))

    assert said.sent == [(10, WEB.text)]


def test_what_goes_wrong_together_is_one_message() -> None:
    said = Said()
    said.report(0, WEB, MAIL)

    assert said.sent == [(0, f"{WEB.text}\n{MAIL.text}")]


def test_while_the_database_is_away_nothing_else_is_said_to_be_over() -> None:
    said, away = Said(), Alarm("database", "The database does not answer.")
    said.report(0, WEB)
    for now in range(10, 200, 10):
        said.report(now, away, blind=True)

    assert said.sent == [(0, WEB.text), (10, away.text)]


# ---------------------------------------------------------------- two watchdogs


@pytest.mark.django_db
def test_of_two_watchdogs_the_older_speaks_and_the_other_takes_over_when_it_falls_silent() -> None:
    beat("watchdog", "b", SIX)
    beat("watchdog", "a", after(seconds=1))
    assert (speaks("b", after(seconds=1)), speaks("a", after(seconds=1))) == (True, False)

    beat("watchdog", "a", after(seconds=12))

    assert speaks("a", after(seconds=12))


def test_the_one_that_takes_over_says_what_is_still_wrong() -> None:
    said = Said()
    said.report(0, WEB, speak=False)
    assert said.sent == []

    said.report(10, WEB)

    assert said.sent == [(10, WEB.text)]


# ---------------------------------------------------------------- a round


class FakeLooking(Looking):
    """The database at the edge of the world: what it answers is written in the test."""

    def __init__(self, answers: list[Any]) -> None:
        super().__init__(Post(), patience_s=0.05)
        self.answers = answers
        self.may_go = threading.Event()

    def _ask(self) -> Seen:
        answer = self.answers.pop(0)
        if answer == "hang":
            self.may_go.wait(30)
            return Seen([], True)
        if isinstance(answer, Exception):
            raise answer
        return Seen(answer, True)


def test_a_database_that_is_away_or_takes_questions_and_never_answers_is_told_and_ends_no_round() -> None:
    said = Said()
    looking = FakeLooking([OperationalError("the server is gone."), "hang", []])
    round_ = Round(looking, said.watch, lambda: said.now)

    round_()
    assert said.sent[-1][1].startswith("The database does not answer: the server is gone. Calls")
    for said.now in (600.0, 1200.0):  # it hangs in one and the same question
        round_()
        assert "does not answer them" in said.sent[-1][1]
    looking.may_go.set()
    looking.patience_s = 10
    for said.now in (1300.0, 1361.0):
        looking.answers = [[]]
        round_()

    assert said.sent[-1][1].startswith("Over: The database does not answer")


# ---------------------------------------------------------------- ways out

NEWS = News((WEB,), ())


@pytest.mark.django_db
def test_the_watchdog_writes_to_the_administrators_it_knew_before_the_database_went(
    mailoutbox: list[Any], tmp_path: Path
) -> None:
    admin, post = make_user("ada", "admin"), Post(tmp_path)
    post.learn()

    post.send_mail(NEWS)
    Post(tmp_path).send_mail(NEWS)  # killed and started again while the database is away

    assert [mail.to for mail in mailoutbox] == [[admin.email]] * 2
    assert mailoutbox[0].subject.endswith(WEB.text)
    assert (tmp_path / "watchdog-addresses.json").stat().st_mode & 0o077 == 0


class Receiver(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []
        self.something = threading.Semaphore(0)
        super().__init__(("127.0.0.1", 0), Listener)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Listener(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(body)

    def do_GET(self) -> None:
        if self.path == "/nonsense":
            self.wfile.write(b"This is not HTTP.\r\n\r\n")
            return
        self.answer(None)

    def answer(self, body: Any) -> None:
        self.server.heard.append((self.path, body))
        self.send_response(204)
        self.end_headers()
        self.server.something.release()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_receiver_that_answers_nonsense_does_not_end_the_way_it_came_by(receiver: Receiver) -> None:
    courier = Courier[str]("web", _get, try_for_s=0)

    courier.give(f"{receiver.address}/nonsense")
    courier.give("no address at all")
    courier.give(f"{receiver.address}/hook")

    assert receiver.something.acquire(timeout=30)
    assert [path for path, _ in receiver.heard] == ["/hook"]


def test_alarms_go_to_the_web_address_too_though_the_mail_server_hangs(
    receiver: Receiver, settings: LazySettings
) -> None:
    with socket() as silent:  # takes connections, never says a word
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = silent.getsockname()
        post = Post(webhook=f"{receiver.address}/hook", ping=f"{receiver.address}/ping")
        post.addresses = ["ada@plant.example"]

        post.send(News((WEB,), (MAIL,)))
        post.ping()
        post.ping()

        assert receiver.something.acquire(timeout=30)
        assert receiver.something.acquire(timeout=30)
    said = dict(receiver.heard)
    assert said["/ping"] is None
    assert said["/hook"]["wrong"] == [{"key": WEB.key, "text": WEB.text}]
    assert said["/hook"]["over"] == [{"key": MAIL.key, "text": MAIL.text}]
    assert len(receiver.heard) == 2
