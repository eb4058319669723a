"""Counting with gloves on: what a person can do in how many taps, and what the pages look like to a hand."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from floor.models import Line, MachineState, StateEdge
from oee.models import CountEntry, Countermeasure
from tests.browser.conftest import Web, kiosk
from tests.browser.glove import Glove
from tests.browser.test_pages import SMALLEST_TEXT

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("servers")]

PRESSED = """() => [...document.querySelectorAll("button, a")].filter((one) => one.checkVisibility())
    .map((one) => [one.getBoundingClientRect().height, one.textContent.trim().slice(0, 30)])"""


TILE = "document.querySelector('live-tile[topic=hours]')"
NEWS = f"{TILE}.receive({{ n: {TILE}.n + 1, html: '<p>News</p>' }})"
# In one look, so that no news come in between; late in the shift the hour that is on lies below the first screen.
MIDDLE = """(wanted) => {
  const one = document.querySelector(wanted);
  one.scrollIntoView({ block: "center" });
  const { x, y, width, height } = one.getBoundingClientRect();
  return { x: x + width / 2, y: y + height / 2 };
}"""
SHOWN = f"new Promise((shown) => (function look() {{ {TILE}.waiting === null ? shown() : setTimeout(look, 50); }})())"


@pytest.fixture
def home(browser: Browser, web: Web, line7: Line) -> Iterator[Page]:
    """Ola at the home screen of line L-7."""
    with kiosk(browser, web) as page:
        page.goto("/lines/L-7/")
        yield page


def entries() -> list[tuple[str, int]]:
    return list(CountEntry.objects.standing().order_by("pk").values_list("defect", "rejected"))


def test_one_part_of_scrap_takes_two_taps(home: Page) -> None:
    glove = Glove(home)

    glove.tap("[data-sheet=scrap]")
    glove.tap(".defect:has-text('Damaged')")

    expect(home.locator(".toast")).to_contain_text("1 × Damaged: scrap")
    assert glove.taps == 2
    assert entries() == [("Damaged", 1)]


def test_other_quantities_take_three_taps_and_their_digits_at_most(home: Page) -> None:
    glove = Glove(home)

    glove.tap("[data-sheet=scrap]")
    for digit in "12":
        glove.tap(f"#scrap [data-digit='{digit}']")
    glove.tap(".defect:has-text('Wrong weight')")

    expect(home.locator(".toast")).to_contain_text("12 × Wrong weight")
    assert glove.taps - len("12") <= 3
    assert entries() == [("Wrong weight", 12)]


def test_the_next_scrap_is_one_part_again(home: Page) -> None:
    glove = Glove(home)
    glove.tap("[data-sheet=scrap]")
    glove.tap("#scrap [data-digit='7']")
    glove.tap("#scrap [data-close]")

    glove.tap("[data-sheet=scrap]")

    expect(home.locator("#scrap input[name=parts]")).to_have_value("1")


def test_a_mistake_is_taken_back_with_one_tap_and_repeated_with_two(home: Page) -> None:
    glove = Glove(home)
    glove.tap("[data-sheet=scrap]")
    glove.tap(".defect:has-text('Damaged')")
    glove.tap(".toast .button")
    expect(home.locator(".toast")).to_contain_text("Taken back")
    assert entries() == []

    glove.tap("[data-sheet=scrap]")
    glove.tap(".defect:has-text('Damaged')")
    expect(home.locator("#scrap .entry")).to_have_count(1)
    glove.tap("[data-sheet=scrap]")
    glove.tap("#scrap .entry .button:has-text('Again')")
    expect(home.locator("#scrap .entry")).to_have_count(2)
    assert entries() == [("Damaged", 1)] * 2


def test_an_hour_that_nobody_saw_is_counted_on_the_keypad(home: Page, line7: Line) -> None:
    machine, now = line7.equipment.get(), datetime.now(UTC)
    StateEdge.objects.create(equipment=machine, at=now - timedelta(days=1), state="run")
    MachineState.objects.update(observed_until=now - timedelta(hours=3), limit_ms=3000)
    home.goto("/lines/L-7/counts/")
    glove = Glove(home)

    glove.tap(".pick:nth-of-type(2)")
    for digit in "305":
        glove.tap(f".by-hand [data-digit='{digit}']")
    glove.tap("input[name=rejected]")
    glove.tap(".by-hand [data-digit='4']")
    with home.expect_navigation():
        glove.tap(".by-hand-save")

    entry = CountEntry.objects.get()
    assert (entry.sort, entry.made, entry.rejected) == ("manual", 305, 4)
    expect(home.locator("main .entry")).to_contain_text("305 made, 4 of them rejects")


def test_a_countermeasure_takes_two_taps(home: Page) -> None:
    home.goto("/lines/L-7/hours/")
    glove = Glove(home)

    glove.tap(".hour.is-on .hour-ask")
    glove.tap("#countermeasure .presets .button:has-text('Machine was adjusted')")

    expect(home.locator(".hour-words")).to_contain_text("Machine was adjusted")
    assert glove.taps == 2
    assert Countermeasure.objects.count() == 1


def test_a_tap_counts_though_news_came_for_the_tile_under_the_finger(browser: Browser, web: Web, line7: Line) -> None:
    with kiosk(browser, web, has_touch=True) as page:
        page.goto("/lines/L-7/hours/")
        glass = page.context.new_cdp_session(page)
        page.locator(".hour.is-on .hour-ask").wait_for()
        finger = page.evaluate(MIDDLE, ".hour.is-on .hour-ask")

        glass.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [finger]})
        page.evaluate(NEWS)
        glass.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

        expect(page.locator("#countermeasure")).to_be_visible()
        page.evaluate(SHOWN)


def test_a_tile_that_was_tapped_shows_news_at_once(home: Page) -> None:
    home.goto("/lines/L-7/hours/")
    glove = Glove(home)
    glove.tap(".hour.is-on .hour-ask")
    glove.tap("#countermeasure [data-close]")
    expect(home.locator("#countermeasure")).to_be_hidden()

    assert not home.evaluate(f"{TILE}.isHeld()")  # the focus went back to the button


@pytest.mark.parametrize("address", ["/lines/L-7/counts/", "/lines/L-7/hours/"])
def test_the_pages_can_be_read_and_pressed_and_never_scroll_sideways(home: Page, address: str) -> None:
    said: list[str] = []
    home.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    home.goto(address)
    size, text, where = home.evaluate(SMALLEST_TEXT)
    assert size >= 16, f"{text!r} in .{where}"
    heights = home.evaluate(PRESSED)  # in one go: a live tile may be drawn anew at any moment
    assert [one for one in heights if one[0] < 64] == []

    home.set_viewport_size({"width": 390, "height": 844})
    assert home.evaluate("document.documentElement.scrollWidth") <= 390
    assert said == []


def test_the_hours_on_a_wall_can_be_read_across_the_hall_and_never_scroll(home: Page) -> None:
    home.set_viewport_size({"width": 1920, "height": 1080})
    home.goto("/lines/L-7/hours/board/")

    size, text, where = home.evaluate(SMALLEST_TEXT)

    assert size >= 53, f"{text!r} in .{where}"
    found = home.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    assert found == [1920, 1080]


def test_the_hours_of_a_shift_fit_one_sheet_of_paper(home: Page) -> None:
    home.goto("/lines/L-7/hours/")

    paper = home.pdf(prefer_css_page_size=True)

    assert paper.count(b"/Type /Page\n") + paper.count(b"/Type /Page ") <= 2
