"""What a person in front of the screen sees."""

import json
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from playwright.sync_api import Page, WebSocketRoute, expect

from floor import live
from floor.actions.heartbeat import beat
from floor.models import Line, MachineState
from tests.browser.conftest import Web

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("servers")]

PAGES = (
    "/lines/",
    "/lines/L-7/",
    "/lines/L-7/stops/",
    "/lines/L-7/board/",
    "/board/",
    "/andon/",
    "/andon/manage/",
    "/lines/L-7/call/",
    "/login/",
    "/nowhere/",
)
BOARDS = ("/lines/L-7/board/", "/board/")
KIOSK = ("/lines/", "/lines/L-7/", "/lines/L-7/stops/")

# Smallest rendered text of visible text nodes outside SVG ticks and small print, in CSS pixels.
SMALLEST_TEXT = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const sizes = [];
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), parent = walker.currentNode.parentElement;
    if (!text || !parent.checkVisibility() || parent.closest("title, .only-read, [hidden]")) continue;
    sizes.push([parseFloat(getComputedStyle(parent).fontSize), text.slice(0, 40), parent.className]);
  }
  return sizes.sort((a, b) => a[0] - b[0])[0];
}"""


def age(line: Line, seconds: float, *topics: str) -> None:
    with transaction.atomic():
        seen = datetime.now(UTC) - timedelta(seconds=seconds)
        MachineState.objects.filter(equipment__line=line).update(observed_until=seen)
        live.changed(line.pk, *topics)


def test_no_page_breaks_its_own_content_policy(page: Page) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{page.url}: {message.text}") if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(f"{page.url}: {error}"))

    for address in PAGES:
        page.goto(address, wait_until="networkidle")

    assert [words for words in said if "404 (Not Found)" not in words] == []


def test_a_change_on_the_floor_changes_the_open_page(page: Page, line7: Line) -> None:
    page.goto("/lines/L-7/")
    expect(page.locator(".hops .hop-text", has_text="no reading since")).to_have_count(0)
    age(line7, 7200, "link")

    expect(page.locator(".hops .hop-text", has_text="no reading since")).to_be_visible()


def test_old_numbers_say_that_they_are_old(page: Page, line7: Line) -> None:
    page.goto("/lines/L-7/")
    age(line7, 8, "state")
    expect(page.locator("data-age")).to_have_attribute("data-fresh", "late")
    age(line7, 60, "state")

    expect(page.locator("data-age")).to_contain_text("NO DATA since")


def test_the_page_notices_by_itself_that_the_server_is_gone(mortal_page: Page, mortal_web: Web, line7: Line) -> None:
    page = mortal_page
    age(line7, 0, "state")
    page.goto("/lines/L-7/")
    expect(page.locator("data-age")).to_have_text("live")
    mortal_web.kill()

    expect(page.locator(".kiosk")).to_have_attribute("data-fresh", "stale")
    expect(page.locator("[data-hop=server]")).to_contain_text("no answer for")
    expect(page.locator(".state-lost")).to_contain_text("NO DATA since")


def test_a_screen_says_that_nobody_watches_half_a_minute_after_the_watchdog_fell_silent(
    page: Page, line7: Line
) -> None:
    beat("watchdog", "one", datetime.now(UTC) - timedelta(seconds=22))
    page.goto("/lines/L-7/")
    expect(page.locator("data-age")).not_to_have_text("connecting")
    expect(page.locator("watchdog-lost")).to_be_hidden()
    expect(page.locator("watchdog-lost")).to_be_visible(timeout=20_000)  # the socket lives, and nothing was redrawn

    beat("watchdog", "two", datetime.now(UTC))

    expect(page.locator("watchdog-lost")).to_be_hidden(timeout=10_000)


class Server:
    """What stands behind the socket of a page: it says what the test says."""

    def __init__(self, page: Page) -> None:
        self.sockets: list[WebSocketRoute] = []
        page.route_web_socket("**/ws/", lambda socket: self.sockets.append(socket))

    def beat(self, **differently: object) -> None:
        now = datetime.now(UTC).isoformat()
        beat: dict[str, object] = dict.fromkeys(("now", "database", "reader", "watchdog"), now)
        beat |= {"plant": "one line", "version": settings.VERSION, "lines": {}}
        self.sockets[-1].send(json.dumps({"beat": beat | differently}))


def test_a_board_does_not_call_live_what_a_server_tells_whose_database_is_away(page: Page) -> None:
    server = Server(page)
    page.goto("/andon/")
    expect(page.locator("data-age")).to_have_text("live")
    answered = datetime.now(UTC) - timedelta(minutes=10)

    server.beat(database=answered.isoformat())

    zone = ZoneInfo(str(page.evaluate("document.documentElement.dataset.zone")))
    expect(page.locator("data-age")).to_have_text(f"NO DATA since {answered.astimezone(zone):%H:%M}")


def test_a_screen_that_nobody_is_signed_in_to_any_more_says_so_and_leads_to_the_door(page: Page) -> None:
    page.goto("/board/")
    expect(page.locator("data-age")).to_have_text("live")

    Session.objects.all().delete()

    expect(page.locator(".signed-out")).to_contain_text("Not signed in any more")
    page.locator(".signed-out a").click()
    expect(page).to_have_url(re.compile("/login/.next=%2Fboard%2F"))


@pytest.mark.parametrize("news", [{"version": "next"}, {"plant": "two lines"}])
def test_an_idle_screen_loads_a_new_release_or_wall_once_the_server_can_serve_it(
    page: Page, news: dict[str, str]
) -> None:
    server = Server(page)
    page.clock.install()
    page.goto("/board/")
    page.evaluate("document.documentElement.dataset.old = 'yes'")
    server.beat()
    server.beat(**news)
    page.clock.run_for(50_000)
    server.beat(**news)
    page.clock.run_for(2_000)
    assert page.locator("[data-old]").count() == 1, "it was not idle for a minute yet"

    page.clock.run_for(10_000)
    server.beat(**news)
    page.clock.run_for(2_000)

    expect(page.locator("[data-old]")).to_have_count(0)


def test_a_kiosk_whose_own_clock_is_wrong_says_so_and_shows_the_plants_time(page: Page) -> None:
    page.clock.install(time=datetime.now(UTC) + timedelta(hours=1))
    page.goto("/lines/L-7/")
    page.clock.run_for(2_000)

    expect(page.locator("[data-hop=server] .hop-text")).to_contain_text("own clock 1:00")
    expect(page.locator("[data-hop=server] .hop-text")).to_contain_text("fast")


@pytest.mark.parametrize("width", [390, 1280, 1920])
@pytest.mark.parametrize(
    "address", ["/lines/L-7/", "/lines/L-7/board/", "/board/", "/andon/", "/lines/L-7/hours/board/"]
)
def test_every_live_screen_has_room_for_a_lost_watchdog(page: Page, line7: Line, address: str, width: int) -> None:
    beat("watchdog", "one", datetime.now(UTC) - timedelta(minutes=1))
    page.set_viewport_size({"width": width, "height": 844 if width == 390 else width * 9 // 16})
    page.goto(address)

    expect(page.locator("watchdog-lost")).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("watchdog-lost").evaluate("lost => lost.getBoundingClientRect().right <= innerWidth")


def test_everything_on_a_kiosk_can_be_read_at_arms_length(page: Page) -> None:
    for address in KIOSK:
        page.goto(address)
        size, text, where = page.evaluate(SMALLEST_TEXT)
        assert size >= 16, f"{address}: {text!r} in .{where}"


def test_everything_on_a_board_can_be_read_across_the_hall(page: Page) -> None:
    page.set_viewport_size({"width": 1920, "height": 1080})
    for address in BOARDS:
        page.goto(address)
        size, text, where = page.evaluate(SMALLEST_TEXT)
        # 16 minutes of arc at 4 m from 43 inches.
        assert size >= 53, f"{address}: {text!r} in .{where}"


def test_whatever_a_glove_presses_is_large_enough(page: Page) -> None:
    for address in KIOSK:
        page.goto(address)
        heights = page.locator("button:visible, a:visible").evaluate_all(
            "all => all.map(one => [one.getBoundingClientRect().height, one.textContent.trim().slice(0, 30)])"
        )
        assert [one for one in heights if one[0] < 64] == [], address


def test_a_phone_never_scrolls_sideways(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    for address in PAGES:
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080)])
def test_a_kiosk_and_a_board_never_scroll(size: tuple[int, int], page: Page) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    for address in ("/lines/L-7/", *BOARDS):
        page.goto(address)
        found = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        assert tuple(found) == size, address


def test_the_theme_button_is_remembered(page: Page) -> None:
    page.goto("/lines/L-7/")
    page.click("[data-sheet=more]")
    page.click("[data-theme-next]")
    chosen = page.evaluate("document.documentElement.dataset.theme")
    page.goto("/board/")

    assert page.evaluate("document.documentElement.dataset.theme") == chosen
