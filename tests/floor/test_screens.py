"""Who is told which screens are on and which cannot be heard."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from andon.actions import seed_rules
from floor.actions import screens
from floor.actions.screens import Report, forget_screens, note_screens
from floor.models import AuditEntry, Screen
from tests.factories import make_user

pytestmark = pytest.mark.django_db
SIX = datetime(2026, 3, 2, 6, tzinfo=UTC)


def report(number: int, sound: str = "on", shows: str = "Plant board") -> Report:
    return Report(uuid.UUID(int=number), None, shows, "/board/", sound, 1920, 1080)


def signed_in(role: str) -> Client:
    client = Client()
    client.force_login(make_user(role, role))
    return client


def test_screens_that_are_mute_stand_first_and_dark_ones_last() -> None:
    now = datetime.now(UTC)
    note_screens([report(1, shows="Dark one")], now - timedelta(minutes=2))
    note_screens([report(2, shows="Heard one"), report(3, "off", "<b>Mute</b> one")], now)

    html = signed_in("shift_manager").get("/screens/").content.decode()

    assert html.index("&lt;b&gt;Mute&lt;/b&gt; one") < html.index("Heard one") < html.index("Dark one")
    assert "2 screens on, 1 of them cannot be heard" in html


def test_a_mute_screen_is_named_to_those_who_may_go_and_see() -> None:
    seed_rules()
    note_screens([report(1, "off")], datetime.now(UTC))

    assert "Plant board</strong> since" in signed_in("maintenance").get("/andon/manage/").content.decode()
    assert "Plant board</strong> since" not in signed_in("operator").get("/andon/manage/").content.decode()


def test_an_engineer_names_a_screen_and_has_it_watched_and_the_screen_does_not_undo_that() -> None:
    note_screens([report(1)], SIX)
    address = f"/screens/{uuid.UUID(int=1)}/"

    assert signed_in("maintenance").post(address, {"name": "Mine"}).status_code == 403
    signed_in("engineer").post(address, {"name": "Wall of hall 2", "is_watched": "on"})
    note_screens([report(1, "off")], SIX + timedelta(seconds=30))

    screen = Screen.objects.get()
    assert (str(screen), screen.is_watched, screen.sound) == ("Wall of hall 2", True, "off")
    entry = AuditEntry.objects.get(action="floor.name_screen")
    assert (str(entry.actor), entry.detail) == ("engineer", {"name": "Wall of hall 2", "is_watched": True})


def test_made_up_screens_do_not_fill_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screens, "MOST", 3)
    note_screens([report(1), report(2)], SIX)

    note_screens([report(3), report(4), report(1, "off")], SIX + timedelta(seconds=30))

    assert set(Screen.objects.values_list("pk", "sound")) == {
        (uuid.UUID(int=1), "off"), (uuid.UUID(int=2), "on"), (uuid.UUID(int=3), "on"),
    }  # fmt: skip


def test_a_screen_that_was_taken_down_is_forgotten_unless_it_is_watched() -> None:
    note_screens([report(1), report(2), report(3)], SIX)
    Screen.objects.filter(pk=uuid.UUID(int=2)).update(is_watched=True)
    note_screens([report(3)], SIX + timedelta(days=20))

    forget_screens(SIX + timedelta(days=31))

    assert set(Screen.objects.values_list("pk", flat=True)) == {uuid.UUID(int=2), uuid.UUID(int=3)}
