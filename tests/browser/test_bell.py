"""The bell on screens of every size, with and without messages."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from andon.actions import raise_call, seed_rules
from andon.clock import database_now
from andon.models import Notification
from floor.models import Line, User
from tests.browser.conftest import Web, kiosk
from tests.factories import make_line, make_user

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("servers")]

SIZES = ((390, 844), (1280, 800), (1920, 1080))


@pytest.fixture
def desk(browser: Browser, web: Web, line7: Line) -> Iterator[Page]:
    """Ola watches over the plant, and has been told of three calls; their mails did not get through."""
    seed_rules()
    with kiosk(browser, web) as page:
        User.objects.filter(username="ola").update(role="shift_manager")
        caller = make_user("caller", "operator")
        for n, kind in enumerate(("stop", "safety", "material")):
            line = make_line(f"L-{n}", site=line7.site)
            raise_call(line, kind, by=caller, now=database_now(), request_id=uuid.uuid4())
        User.objects.filter(username="ola").update(role="production_manager")
        error = f"mail server: {'timed out ' * 9}"
        Notification.objects.filter(channel="email").update(tries=2, error=error)
        yield page


@pytest.mark.parametrize("address", ["/bell/", "/bell/undelivered/"])
def test_no_size_of_screen_scrolls_sideways(desk: Page, address: str) -> None:
    for width, height in SIZES:
        for theme in ("light", "dark"):
            desk.set_viewport_size({"width": width, "height": height})
            desk.goto(f"{address}?theme={theme}")
            assert desk.evaluate("document.documentElement.scrollWidth") <= width
            if folder := os.environ.get("MS5_SHOTS"):
                name = address.strip("/").replace("/", "-")
                desk.screenshot(path=Path(folder) / f"{name}-{width}-{theme}.png", full_page=True)


def test_a_message_opens_its_call_and_is_not_new_any_more(desk: Page) -> None:
    desk.goto("/bell/")
    expect(desk.locator(".desk-bell .badge")).to_contain_text("3")

    desk.locator(".bell-open").first.click()
    expect(desk.locator("h1").first).to_contain_text("Material")

    desk.goto("/bell/")
    expect(desk.locator(".desk-bell .badge")).to_contain_text("2")
