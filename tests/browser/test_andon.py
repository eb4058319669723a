"""Calling for help and answering, with fingers."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from andon.actions import seed_rules
from andon.clock import database_now
from andon.models import Call
from floor.models import Line
from tests.andon.plant import make_call
from tests.browser.conftest import Web
from tests.browser.glove import tap
from tests.factories import make_line, make_user

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("servers")]


@pytest.fixture(autouse=True)
def _rules(line7: Line) -> None:
    seed_rules()


@contextmanager
def at_the_board(browser: Browser, web: Web) -> Iterator[Page]:
    """Milo of maintenance, at the andon board."""
    person = make_user("milo", "maintenance")
    person.set_password("bread and butter")
    person.save(update_fields=["password"])
    context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=web.url)
    page = context.new_page()
    page.goto("/login/?next=/andon/")
    page.fill("#id_username", "milo")
    page.fill("#id_password", "bread and butter")
    page.click("button")
    page.wait_for_url("**/andon/")
    yield page
    context.close()


@pytest.fixture
def milo(browser: Browser, web: Web, line7: Line) -> Iterator[Page]:
    with at_the_board(browser, web) as page:
        yield page


def test_help_is_called_with_two_taps_and_taken_back_with_a_third(page: Page, line7: Line) -> None:
    page.goto("/lines/L-7/")

    tap(page.locator(".bottom .is-call"))
    tap(page.locator("#help .help-kind >> nth=0"))

    expect(page.locator(".toast")).to_contain_text("Maintenance called")
    assert Call.objects.get().status == "open"
    tap(page.locator(".toast button"))
    expect(page.locator(".toast")).to_contain_text("Taken back")
    assert Call.objects.get().status == "cancelled"


def test_coming_being_there_and_putting_it_right_are_one_tap_each(milo: Page, line7: Line) -> None:
    call = make_call(line7, at=database_now())
    milo.goto("/andon/")

    for button, then in (("I am coming", "milo is coming"), ("I am here", "milo is there"), ("Fixed", "No open calls")):
        tap(milo.get_by_role("button", name=button))
        expect(milo.locator(".answers")).to_contain_text(then)

    call.refresh_from_db()
    assert (call.status, call.resolution) == ("resolved", "Fixed")


def test_a_new_call_comes_to_the_board_by_itself_and_turns_overdue_with_the_server_dead(
    browser: Browser, mortal_web: Web, line7: Line
) -> None:
    with at_the_board(browser, mortal_web) as board:
        make_call(line7, at=database_now() - timedelta(minutes=5, seconds=-8))
        expect(board.locator(".answer")).to_contain_text("L-7")

        mortal_web.kill()

        expect(board.locator(".answer.is-due")).to_contain_text("overdue")


def test_the_controls_of_a_call_fit_a_glove(milo: Page, line7: Line) -> None:
    for n in range(3):
        make_call(make_line(f"L-{n}X"), at=database_now())
    milo.goto("/andon/")

    # In one go: the board may be drawn anew at any moment.
    sizes = milo.locator(".answer-do .button").evaluate_all(
        "all => all.map((one) => Math.min(one.offsetWidth, one.offsetHeight))"
    )

    assert len(sizes) == 6
    assert min(sizes) >= 80
