"""The desk pages of shelves and of the load of calls, at every size and in both themes."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from andon.actions import seed_rules, shelve_fault, shelve_kind
from andon.clock import database_now
from andon.models import CallEvent, CallKind, Shelf
from floor.models import Equipment, FaultDefinition, FaultEvent, Line, User
from tests.andon.plant import make_call
from tests.browser.conftest import Web
from tests.factories import make_user

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("servers")]

SIZES = ((390, 844), (1280, 800), (1920, 1080))
THEMES = ("light", "dark")
SHOTS = os.environ.get("MS5_SHOTS")  # a folder: keep pictures of what was looked at


@pytest.fixture
def desk(browser: Browser, web: Web, line7: Line) -> Iterator[Page]:
    seed_rules()
    person = make_user("eve", "engineer")
    person.set_password("bread and butter")
    person.save(update_fields=["password"])
    context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=web.url)
    page = context.new_page()
    page.goto("/login/?next=/andon/shelves/")
    page.fill("#id_username", "eve")
    page.fill("#id_password", "bread and butter")
    page.click("button")
    page.wait_for_url("**/andon/shelves/")
    yield page
    context.close()


def make_noise(line: Line, by: User) -> Equipment:
    """One fault that chatters, two sources shelved, a dozen calls of which one machine makes most."""
    machine, now = Equipment.objects.get(line=line), database_now()
    FaultDefinition.objects.create(equipment=machine, bit=7, text="Low main air pressure")
    FaultDefinition.objects.create(equipment=machine, bit=36, text="Double loaf bagger infeed", category="material")
    FaultEvent.objects.bulk_create(
        FaultEvent(equipment=machine, bit=7, on_at=at, off_at=at + timedelta(seconds=2))
        for at in (now - timedelta(minutes=4 * n, seconds=5) for n in range(14))
    )
    how: dict[str, Any] = {"by": by, "now": now, "length": timedelta(hours=2)}
    shelve_fault(machine, 36, reason="The photo-eye is on order and comes on Thursday", **how)
    shelve_kind(machine, CallKind.objects.get(code="material"), reason="Flour silo is being filled", **how)
    call = make_call(line, at=now - timedelta(minutes=40), by=by)
    CallEvent.objects.bulk_create(
        CallEvent(call=call, at=now - timedelta(minutes=30, seconds=10 * n), what="repeated") for n in range(12)
    )
    return machine


def test_a_chattering_source_is_shelved_with_two_taps_and_a_word(desk: Page, line7: Line) -> None:
    make_noise(line7, User.objects.get(username="eve"))
    desk.goto("/andon/shelves/")

    desk.click("text=Shelve…")
    desk.fill("input[name=reason]", "Compressor is being repaired")
    desk.click("#shelve button")

    expect(desk.locator(".shelf-rows").first).to_contain_text("Compressor is being repaired")
    assert Shelf.objects.filter(bit=7).exists()


def test_no_page_scrolls_sideways_at_any_size_in_either_theme(desk: Page, line7: Line) -> None:
    make_noise(line7, User.objects.get(username="eve"))
    for address in ("/andon/shelves/", "/andon/load/?days=1", "/andon/"):
        for width, height in SIZES:
            desk.set_viewport_size({"width": width, "height": height})
            for theme in THEMES:
                desk.goto(f"{address}{'&' if '?' in address else '?'}theme={theme}")
                assert desk.evaluate("document.documentElement.scrollWidth") <= width, (address, width)
                if SHOTS:
                    name = f"{address.strip('/').split('?')[0].replace('/', '-')}_{theme}_{width}.png"
                    desk.screenshot(path=Path(SHOTS) / name, full_page=width == 390)
