"""How messages wait, leave, go astray and are found again."""

import uuid
from collections.abc import Iterator
from datetime import datetime, time
from typing import Any

import pytest
from django.core.mail.backends.locmem import EmailBackend as Locmem
from django.db import IntegrityError, transaction

from andon.actions import deliver_pending, escalate_due, raise_call, resolve
from andon.actions.bell import NothingToDo, give_up, try_again
from andon.domain.call import Priority
from andon.models import Call, Notification, PersonalWay, QuietPeriod, WebhookTarget
from floor.models import AuditEntry, Line, User
from ms5.watchdog import alarms
from tests.andon.plant import SIX, after, make_call, make_crew
from tests.andon.servers import WebhookStub, webhook_stub
from tests.factories import make_line, make_shifts, make_site, make_user

pytestmark = pytest.mark.django_db
NIGHT = after(hours=17)  # 23:00


@pytest.fixture
def crew() -> dict[str, User]:
    return make_crew()


@pytest.fixture
def hook(settings: Any) -> Iterator[WebhookStub]:
    settings.WEBHOOK_INTERNAL_HOSTS = ["localhost"]
    with webhook_stub() as stub:
        yield stub


def make_hook(stub: WebhookStub | None = None, person: User | None = None, **values: Any) -> WebhookTarget:
    url = stub.url if stub else "https://hooks.example.com/"
    return WebhookTarget.objects.create(name=f"hook {uuid.uuid4().hex[:6]}", url=url, person=person, **values)


def machine_call(line: Line, at: datetime = SIX, priority: Priority | None = None) -> Call:
    return make_call(line, at=at, priority=priority)


class Dead(Locmem):
    def send_messages(self, messages: Any) -> int:
        raise OSError("no route to host")


DEAD = "tests.andon.test_delivery.Dead"


# ---------------------------------------------------------------- quiet


@pytest.fixture
def quiet_night() -> QuietPeriod:
    site = make_site()
    return QuietPeriod.objects.create(site=site, up_to=Priority.MEDIUM, starts_at=time(22), ends_at=time(6))


def test_at_night_the_bell_rings_at_once_and_mail_waits(
    crew: dict[str, User], quiet_night: QuietPeriod, mailoutbox: list[Any]
) -> None:
    call = make_call(by=crew["operator"], kind="quality", at=NIGHT)

    bell, mail = Notification.objects.filter(call=call).order_by("-channel")
    assert (bell.channel, bell.sent_at) == ("in_app", NIGHT)
    assert (mail.held_until, mail.next_try_at) == (after(hours=24), after(hours=24))
    assert deliver_pending(after(hours=23, minutes=59)) == 0
    assert deliver_pending(after(hours=24)) == 1
    assert mailoutbox[0].subject.startswith("L-")


def test_what_waits_because_it_is_quiet_is_not_late(crew: dict[str, User], quiet_night: QuietPeriod) -> None:
    make_call(by=crew["operator"], kind="quality", at=NIGHT)

    def is_late(now: datetime) -> bool:
        return "late:mail" in {alarm.key for alarm in alarms(now, SIX)}

    assert not is_late(after(hours=20))
    assert is_late(after(hours=24, minutes=3))


def test_the_next_shift_is_told_when_it_begins(crew: dict[str, User], quiet_night: QuietPeriod) -> None:
    make_shifts(quiet_night.site)
    QuietPeriod.objects.update(starts_at=time(20))

    make_call(by=crew["operator"], kind="quality", at=after(hours=15))

    assert Notification.objects.get(channel="email").held_until == after(hours=16)


@pytest.mark.parametrize("kind", ["maintenance", "safety"])
def test_what_is_more_urgent_leaves_at_night_too(crew: dict[str, User], quiet_night: QuietPeriod, kind: str) -> None:
    make_call(by=crew["operator"], kind=kind, at=NIGHT)

    assert not Notification.objects.filter(held_until__isnull=False).exists()
    assert deliver_pending(NIGHT + (after(seconds=7) - SIX)) == 1


def test_a_call_that_is_over_by_the_morning_wakes_nobody(
    crew: dict[str, User], quiet_night: QuietPeriod, mailoutbox: list[Any]
) -> None:
    call = make_call(by=crew["operator"], kind="quality", at=NIGHT)
    resolve(call, "In order again", by=crew["quality"], now=after(hours=18))

    deliver_pending(after(hours=24))

    assert mailoutbox == []
    mail = Notification.objects.get(call=call, channel="email", event__what="raised")
    assert mail.state == "not sent, overtaken"


# ---------------------------------------------------------------- floods


def test_in_a_flood_the_eleventh_message_and_those_after_it_come_as_one(
    crew: dict[str, User], mailoutbox: list[Any]
) -> None:
    site = make_site()
    for n in range(18):
        machine_call(make_line(f"L-{n:02}", site=site), at=after(seconds=n))

    mails = Notification.objects.filter(recipient=crew["maintenance"], channel="email")
    summary = mails.get(is_summary=True)
    assert mails.filter(bundled_into=summary).count() == 7
    assert deliver_pending(after(seconds=30)) == 10
    assert deliver_pending(after(minutes=2)) == 1
    last = mailoutbox[-1]
    assert last.subject == "8 more calls at L-10, L-11, L-12 and 5 more lines"
    assert all(f"L-{n}" in last.body for n in range(10, 18))
    assert not mails.filter(sent_at=None).exists()
    assert len(mailoutbox) == 11


def test_every_step_in_a_flood_says_in_which_summary_it_went(crew: dict[str, User], mailoutbox: list[Any]) -> None:
    site = make_site()
    calls = [machine_call(make_line(f"L-{n:02}", site=site), at=after(seconds=n)) for n in range(14)]
    escalate_due(after(minutes=5, seconds=30))
    deliver_pending(after(minutes=20))

    for person in (crew["maintenance"], crew["shift_manager"]):
        for call in calls:
            for row in Notification.objects.filter(call=call, recipient=person, channel="email"):
                letter = row.bundled_into or row
                assert letter.sent_at is not None
                assert letter.bundled_into is None
    sent = Notification.objects.filter(channel="email", bundled_into=None, sent_at__isnull=False)
    assert sent.count() == len(mailoutbox)


def test_people_and_critical_calls_are_told_one_by_one_in_any_flood(crew: dict[str, User]) -> None:
    site = make_site()
    for n in range(14):
        machine_call(make_line(f"L-{n}", site=site))
    by_person = make_call(make_line("L-P", site=site), by=crew["operator"])
    critical = machine_call(make_line("L-C", site=site), priority=Priority.CRITICAL)

    for call in (by_person, critical):
        mail = Notification.objects.get(call=call, channel="email", recipient=crew["maintenance"])
        assert (mail.is_summary, mail.bundled_into) == (False, None)


def test_ten_minutes_later_messages_come_by_themselves_again(crew: dict[str, User]) -> None:
    site = make_site()
    for n in range(12):
        machine_call(make_line(f"L-{n}", site=site))

    call = machine_call(make_line("L-LATER", site=site), at=after(minutes=10))

    assert not Notification.objects.get(call=call, channel="email").is_summary


def test_a_night_of_machines_is_one_message_in_the_morning(
    crew: dict[str, User], quiet_night: QuietPeriod, mailoutbox: list[Any]
) -> None:
    calls = [machine_call(make_line(f"L-{n}"), at=NIGHT, priority=Priority.LOW) for n in range(3)]
    resolve(calls[0], "Gone by itself", by=crew["maintenance"], now=after(hours=18))

    deliver_pending(after(hours=24))

    first = next(mail for mail in mailoutbox if mail.to == [crew["maintenance"].email])
    assert first.subject.startswith("3 more calls at L-0, L-1, L-2")
    assert "now resolved" in first.body


def test_a_message_is_not_bundled_into_itself(crew: dict[str, User]) -> None:
    make_call(by=crew["operator"])
    mail = Notification.objects.get(channel="email")

    with pytest.raises(IntegrityError), transaction.atomic():
        Notification.objects.filter(pk=mail.pk).update(bundled_into=mail)


# ---------------------------------------------------------------- the next way


def test_when_mail_does_not_leave_within_half_a_minute_the_webhook_is_used(
    crew: dict[str, User], hook: WebhookStub, settings: Any
) -> None:
    settings.EMAIL_BACKEND = DEAD
    make_hook(hook, crew["maintenance"])
    make_call(by=crew["operator"])

    assert deliver_pending(after(seconds=7)) == 0
    deliver_pending(after(seconds=36))
    assert hook.received == []
    assert deliver_pending(after(seconds=37)) == 1

    (received,) = hook.received
    assert received.document["recipient"] == {"username": "maintenance", "name": "maintenance"}
    ways = Notification.objects.filter(recipient=crew["maintenance"]).order_by("created_at", "channel")
    assert [(row.channel, row.state) for row in ways] == [
        ("email", "on its way"), ("in_app", "handed over"), ("webhook", "handed over"),
    ]  # fmt: skip


def test_mail_that_left_in_time_uses_no_other_way(
    crew: dict[str, User], hook: WebhookStub, mailoutbox: list[Any]
) -> None:
    make_hook(hook, crew["maintenance"])
    make_call(by=crew["operator"])

    deliver_pending(after(seconds=7))
    deliver_pending(after(minutes=2))

    assert len(mailoutbox) == 1
    assert hook.received == []


def test_two_deliverers_pass_a_message_on_once(crew: dict[str, User], hook: WebhookStub, settings: Any) -> None:
    settings.EMAIL_BACKEND = DEAD
    make_hook(hook, crew["maintenance"])
    make_call(by=crew["operator"])
    deliver_pending(after(seconds=7))

    for second in (37, 38, 68, 100):
        deliver_pending(after(seconds=second))

    assert len(hook.received) == 1
    assert Notification.objects.filter(channel="webhook").count() == 1


def test_somebody_without_an_address_is_told_by_the_next_way_at_once(crew: dict[str, User], hook: WebhookStub) -> None:
    User.objects.filter(role="maintenance").update(email="")
    make_hook(hook, crew["maintenance"])

    make_call(by=crew["operator"])

    assert deliver_pending(after(seconds=7)) == 1
    assert len(hook.received) == 1


def test_a_webhook_that_was_switched_off_hands_on_to_mail_at_once(
    crew: dict[str, User], hook: WebhookStub, mailoutbox: list[Any]
) -> None:
    target = make_hook(hook, crew["maintenance"])
    PersonalWay.objects.create(person=crew["maintenance"], channel="webhook", position=1)
    make_call(by=crew["operator"])
    WebhookTarget.objects.filter(pk=target.pk).update(enabled=False)

    deliver_pending(after(seconds=7))
    deliver_pending(after(seconds=8))

    assert len(mailoutbox) == 1
    assert Notification.objects.get(channel="webhook").state == "given up"


def test_a_person_who_wants_less_mail_still_gets_what_is_critical(crew: dict[str, User]) -> None:
    PersonalWay.objects.create(person=crew["maintenance"], channel="email", position=1, least=Priority.CRITICAL)

    high = make_call(make_line("L-1"), by=crew["operator"])
    critical = make_call(make_line("L-2"), by=crew["operator"], priority=Priority.CRITICAL)

    ways = {call: set(call.notifications.values_list("channel", flat=True)) for call in (high, critical)}
    assert ways == {high: {"in_app"}, critical: {"in_app", "email"}}


def test_a_summary_that_cannot_be_mailed_goes_the_next_way_with_all_that_it_tells(
    crew: dict[str, User], hook: WebhookStub, settings: Any
) -> None:
    settings.EMAIL_BACKEND = DEAD
    make_hook(hook, crew["maintenance"])
    site = make_site()
    for n in range(13):
        machine_call(make_line(f"L-{n:02}", site=site))

    for second in (7, 40, 70, 100):
        deliver_pending(after(seconds=second))

    summary = next(one.document for one in hook.received if one.document["more"])
    lines = [summary["call"]["line"], *(other["call"]["line"] for other in summary["more"])]
    assert sorted(lines) == ["L-10", "L-11", "L-12"]
    assert len(hook.received) == 11
    told = Notification.objects.filter(recipient=crew["maintenance"], channel="webhook")
    assert {row.state for row in told} == {"handed over"}
    assert told.count() == 13


# ---------------------------------------------------------------- the plant's webhooks


def test_the_plants_webhook_hears_of_the_calls_it_asks_for_and_of_their_end(
    crew: dict[str, User], hook: WebhookStub
) -> None:
    make_hook(hook, kinds=["maintenance"], least=Priority.HIGH, sites=["BAKERY"])
    make_hook(hook, sites=["ELSEWHERE"])
    call = make_call(make_line("L-BAG1"), by=crew["operator"])
    make_call(make_line("L-2"), by=crew["operator"], kind="quality")
    resolve(call, "Belt put back", by=crew["maintenance"], now=after(minutes=1))

    deliver_pending(after(minutes=1))

    heard = {one.document["event"]: one.document for one in hook.received}
    assert set(heard) == {"raised", "resolved"}
    assert heard["resolved"]["recipient"] is None
    assert heard["resolved"]["call"] | {"line": "L-BAG1", "status": "resolved"} == heard["resolved"]["call"]


def test_a_message_goes_to_a_person_or_to_a_target_never_to_both_or_none(crew: dict[str, User]) -> None:
    call = make_call(by=crew["operator"])
    event, target = call.events.get(), make_hook()
    common = {"call": call, "event": event, "created_at": SIX, "channel": "webhook"}

    for wrong in ({}, {"recipient": crew["engineer"], "target": target}, {"target": target, "channel": "email"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Notification.objects.create(**(common | wrong))
    Notification.objects.create(**common, target=target)
    with pytest.raises(IntegrityError), transaction.atomic():
        Notification.objects.create(**common, target=target)


# ---------------------------------------------------------------- what does not get through


def given_up(crew: dict[str, User], settings: Any) -> Notification:
    settings.EMAIL_BACKEND = DEAD
    make_call(by=crew["operator"])
    for minutes in (1, 2, 3, 5, 8, 12, 20, 40, 60, 120):
        deliver_pending(after(minutes=minutes))
    return Notification.objects.get(channel="email", event__what="raised")


def test_after_an_hour_a_message_is_given_up_and_can_be_seen(crew: dict[str, User], settings: Any) -> None:
    mail = given_up(crew, settings)

    assert (mail.state, mail.tries, mail.error) == ("given up", 10, "mail server: no route to host")
    assert mail in Notification.objects.in_trouble()


def test_a_message_that_was_given_up_is_tried_again_when_somebody_says_so(
    crew: dict[str, User], settings: Any, mailoutbox: list[Any]
) -> None:
    mail = given_up(crew, settings)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

    try_again(mail, by=crew["admin"], now=after(hours=3))

    assert deliver_pending(after(hours=3)) == 1
    assert AuditEntry.objects.filter(action="andon.try_again", target_id=str(mail.pk)).exists()
    with pytest.raises(NothingToDo):
        try_again(mail, by=crew["admin"], now=after(hours=4))


def test_giving_a_message_up_uses_its_next_way_at_once(crew: dict[str, User], hook: WebhookStub, settings: Any) -> None:
    settings.EMAIL_BACKEND = DEAD
    make_hook(hook, crew["maintenance"])
    make_call(by=crew["operator"])
    deliver_pending(after(seconds=7))
    mail = Notification.objects.get(channel="email")

    give_up(mail, by=crew["admin"], now=after(seconds=10))
    deliver_pending(after(seconds=11))

    assert len(hook.received) == 1
    with pytest.raises(NothingToDo):
        give_up(mail, by=crew["admin"], now=after(seconds=20))


def test_a_summary_that_was_given_up_says_so_in_every_row(crew: dict[str, User], settings: Any) -> None:
    settings.EMAIL_BACKEND = DEAD
    site = make_site()
    for n in range(13):
        machine_call(make_line(f"L-{n}", site=site))
    for minutes in (2, 3, 4, 5, 8, 12, 20, 40, 60, 120):
        deliver_pending(after(minutes=minutes))

    rows = Notification.objects.filter(channel="email", recipient=crew["maintenance"], event__what="raised")
    assert {row.state for row in rows} == {"given up"}
    assert Notification.objects.in_trouble().filter(pk__in=rows).count() == 11


def test_someone_sent_to_their_own_call_is_told_once_on_the_bell(crew: dict[str, User]) -> None:
    from andon.actions import transfer

    call = make_call(by=crew["engineer"])

    transfer(call, crew["engineer"], by=crew["shift_manager"], now=after(minutes=1))

    told = Notification.objects.filter(event__what="transferred", recipient=crew["engineer"])
    assert sorted(told.values_list("channel", flat=True)) == ["email", "in_app"]


def test_the_same_call_raised_twice_is_told_once(crew: dict[str, User]) -> None:
    tap, line = uuid.uuid4(), make_line()
    for _ in range(2):
        raise_call(line, "maintenance", by=crew["operator"], now=SIX, request_id=tap)

    assert Notification.objects.filter(channel="email").count() == 1
    assert make_user("extra", "maintenance").notifications.count() == 0
