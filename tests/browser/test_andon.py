"""Calling for help and answering, with fingers."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from andon.actions import acknowledge, seed_rules
from andon.clock import database_now
from andon.domain.call import Priority
from andon.models import Call
from floor.models import Line, Screen, User
from tests.andon.plant import make_call
from tests.browser.conftest import PATIENCE_S, Web
from tests.browser.glove import tap
from tests.factories import make_line, make_machine, make_user

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("servers")]


@pytest.fixture(autouse=True)
def _rules(line7: Line) -> None:
    seed_rules()


def count_taps(page: Page) -> None:
    page.evaluate("window.taps = 0; addEventListener('pointerup', () => (window.taps += 1), { capture: true })")


def taps(page: Page) -> int:
    return int(page.evaluate("window.taps"))


def press(page: Page, target: Locator) -> None:
    """With a glove, except at the manager's desk."""
    if "manage" in page.url:
        target.click()
    else:
        tap(target)


def until_told(page: Page, **told: str) -> None:
    """Until the server has written down what the screen tells of itself."""
    deadline = time.monotonic() + PATIENCE_S
    while not Screen.objects.filter(**told).exists():
        assert time.monotonic() < deadline, list(Screen.objects.values())
        page.wait_for_timeout(100)  # lets Playwright work


def flood() -> None:
    """Two hundred open calls, forty of them critical."""
    now = database_now()
    for n in range(40):
        line = make_line(f"L-F{n:02}")
        for kind in ("maintenance", "quality", "material", "stop", "safety"):
            make_call(line, at=now - timedelta(seconds=n), kind=kind)


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
    count_taps(page)

    press(page, page.locator(".bottom .is-call"))
    press(page, page.locator("#help .help-kind >> nth=0"))

    expect(page.locator("#loaded h2")).to_contain_text("Maintenance called")
    assert (Call.objects.get().status, taps(page)) == ("open", 2)
    press(page, page.locator(".call-undo"))
    expect(page.locator(".toast")).to_contain_text("Taken back")
    assert (Call.objects.get().status, taps(page)) == ("cancelled", 3)


def test_whoever_called_can_say_more_with_one_tap_or_field_each(page: Page, line7: Line, tmp_path: Path) -> None:
    loader = make_machine(line7, "LOADER", primary=False, position=2)
    photo = tmp_path / "film.jpg"
    Image.new("RGB", (800, 600), "gray").save(photo)
    page.goto("/lines/L-7/")
    page.click(".bottom .is-call")
    page.click("#help .help-kind >> nth=0")
    sheet = page.locator("#loaded")
    shown = sheet.locator(".call-choice").first.evaluate("one => getComputedStyle(one).display")
    assert shown == "grid", "the line's screen does not know how the sheet looks"

    sheet.get_by_role("button", name="LOADER").click()
    expect(sheet.get_by_role("button", name="LOADER")).to_have_attribute("aria-pressed", "true")
    sheet.get_by_role("button", name="Critical").click()
    expect(sheet.get_by_role("button", name="Critical")).to_have_attribute("aria-pressed", "true")
    sheet.get_by_label("In your words").fill("Film torn")
    sheet.get_by_role("button", name="Add note").click()
    expect(sheet.locator(".call-said")).to_contain_text("Film torn")
    sheet.locator("input[type=file]").set_input_files(photo)
    expect(sheet.locator(".call-said")).to_contain_text("took a photo")

    call = Call.objects.get()
    assert (call.equipment, call.priority, call.note) == (loader, Priority.CRITICAL, "Film torn")


def test_a_second_call_for_the_same_shows_the_open_one_and_takes_a_note_instead(page: Page, line7: Line) -> None:
    make_call(line7, at=database_now(), by=make_user("anna"))
    page.goto("/lines/L-7/")

    page.click(".bottom .is-call")
    page.click("#help .help-kind >> nth=0")

    expect(page.locator("#loaded h2")).to_contain_text("was already called")
    page.locator("#loaded").get_by_label("In your words").fill("Now it smells")
    page.locator("#loaded").get_by_role("button", name="Add note").click()
    expect(page.locator("#loaded .call-said")).to_contain_text("Now it smells")
    assert Call.objects.get().events.filter(text="Now it smells").exists()


@pytest.mark.parametrize("where", ["/andon/", "/andon/manage/?show=all", "call"])
def test_coming_being_there_and_putting_it_right_are_one_tap_each(milo: Page, line7: Line, where: str) -> None:
    call = make_call(line7, at=database_now())
    milo.goto(f"/andon/calls/{call.pk}/" if where == "call" else where)
    count_taps(milo)

    for number, (button, status) in enumerate(
        (("I am coming", "acknowledged"), ("I am here", "arrived"), ("Fixed", "resolved")), 1
    ):
        press(milo, milo.locator("main .is-action", has_text=button).first)
        expect(milo.locator("main .is-action", has_text=button)).to_have_count(0)
        call.refresh_from_db()
        assert (call.status, taps(milo)) == (status, number)


def test_a_call_is_sent_on_with_two_taps_and_the_page_tells_so(milo: Page, line7: Line) -> None:
    call = make_call(line7, at=database_now())
    make_user("anna", "maintenance")
    milo.goto(f"/andon/calls/{call.pk}/")

    milo.get_by_text("Send somebody").click()
    milo.get_by_role("button", name="anna").click()

    expect(milo.locator(".call-coming")).to_contain_text("anna is coming")
    expect(milo.locator(".call-story")).to_contain_text("sends anna")


# A browser that keeps the page silent whatever is touched, and one that lets it sound.
BLOCKED = """window.AudioContext = class {
  state = "suspended";
  resume() { return Promise.reject(new Error("blocked")); }
};"""
HEARD = """document.addEventListener("sound:played", ({ detail }) => {
  document.documentElement.dataset.heard = detail;
});"""


def test_a_board_that_cannot_be_heard_says_so(page: Page, line7: Line) -> None:
    page.add_init_script(BLOCKED)

    for address in ("/board/", "/lines/L-7/board/", "/andon/", "/lines/L-7/"):
        page.goto(address)
        expect(page.locator("sound-state")).to_contain_text("SOUND OFF")
        page.mouse.click(5, 5)
        expect(page.locator("sound-state")).to_contain_text("SOUND OFF")


def test_the_first_tap_lets_a_board_sound_and_turning_it_off_is_told(page: Page, line7: Line) -> None:
    page.add_init_script(HEARD)
    page.goto("/andon/")
    page.mouse.click(640, 600)
    expect(page.locator("sound-state")).not_to_have_attribute("data-sound", "off")

    make_call(line7, at=database_now())
    expect(page.locator("html")).to_have_attribute("data-heard", "call")
    page.click("[data-sheet=more]")
    page.click("#more [data-sound-sheet]")
    page.click("#sound [data-mute]")
    expect(page.locator("sound-state")).to_contain_text("SOUND OFF")
    page.reload()
    expect(page.locator("sound-state")).to_contain_text("SOUND OFF")


def test_who_manages_calls_sees_that_a_screen_was_turned_mute(page: Page, line7: Line) -> None:
    page.goto("/andon/")
    page.mouse.click(640, 600)
    page.click("[data-sheet=more]")
    page.click("#more [data-sound-sheet]")
    page.click("#sound [data-mute]")
    User.objects.filter(username="ola").update(role="shift_manager")
    until_told(page, sound="off")

    desk = page.context.new_page()
    desk.goto("/andon/manage/")

    expect(desk.locator(".manage-unheard")).to_contain_text("Calls for help (ola) since")
    desk.locator(".manage-unheard a").click()
    its_row = desk.locator(".is-bad", has_text="ola")  # the screen of the story before may still tell of itself
    expect(its_row).to_contain_text("SOUND OFF since")


def test_a_call_that_moves_on_is_drawn_anew_around_what_somebody_writes(milo: Page, line7: Line) -> None:
    call = make_call(line7, at=database_now())
    milo.goto(f"/andon/calls/{call.pk}/")
    milo.get_by_text("Nothing to do").click()
    milo.get_by_label("Another reason").fill("The film was")
    milo.locator("h1").click()

    acknowledge(call, by=make_user("anna", "maintenance"), now=database_now(), request_id=uuid.uuid4())

    expect(milo.locator(".call-coming")).to_contain_text("anna is coming")
    expect(milo.get_by_label("Another reason")).to_have_value("The film was")
    expect(milo.get_by_label("Another reason")).to_be_visible()


def test_a_page_about_a_call_says_how_old_it_is_when_the_server_is_gone(
    browser: Browser, mortal_web: Web, line7: Line
) -> None:
    call = make_call(line7, at=database_now())
    with at_the_board(browser, mortal_web) as page:
        page.clock.install()
        page.goto(f"/andon/calls/{call.pk}/")
        expect(page.locator(".calls-old")).to_be_hidden()
        mortal_web.kill()

        page.clock.run_for(45_000)

        expect(page.locator(".calls-old")).to_contain_text("As it was at")


def test_a_kiosk_sounds_for_its_own_line_only(page: Page, line7: Line) -> None:
    page.add_init_script(HEARD)
    page.goto("/lines/L-7/")
    page.mouse.click(640, 300)
    expect(page.locator("sound-state")).not_to_have_attribute("data-sound", "off")

    make_call(make_line("L-8"), at=database_now())
    make_call(line7, at=database_now(), kind="safety")

    expect(page.locator("html")).to_have_attribute("data-heard", "call")
    assert page.locator("[data-unanswered]").get_attribute("data-unanswered").count(":") == 1  # type: ignore[union-attr]


def test_the_wall_turns_a_call_overdue_by_itself_with_the_server_dead(
    mortal_page: Page, mortal_web: Web, line7: Line
) -> None:
    make_call(line7, at=database_now() - timedelta(minutes=5, seconds=-15))
    mortal_page.goto("/board/")
    expect(mortal_page.locator(".plant-calls .call:not(.is-due)")).to_contain_text("L-7")

    mortal_web.kill()

    expect(mortal_page.locator(".plant-calls .call.is-due")).to_contain_text("overdue", timeout=25_000)


@pytest.mark.parametrize("size", [(390, 844), (1280, 800), (1920, 1080)])
def test_two_hundred_calls_break_no_page(milo: Page, line7: Line, size: tuple[int, int]) -> None:
    flood()
    milo.set_viewport_size({"width": size[0], "height": size[1]})

    for address in ("/andon/", "/board/", "/andon/manage/?show=all", f"/andon/calls/{Call.objects.all()[0].pk}/"):
        milo.goto(address)
        assert milo.evaluate("document.documentElement.scrollWidth") <= size[0], address
    milo.goto("/board/")
    expect(milo.locator(".plant-calls .calls-more")).to_contain_text("+195")
    # What is left out is told where it can be seen. In one go: the board may be drawn anew at any moment.
    bottoms = milo.locator(".plant-calls").evaluate(
        "one => [one, one.querySelector('.calls-more')].map((part) => part.getBoundingClientRect().bottom)"
    )
    assert bottoms[1] <= bottoms[0]


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

    expect(milo.locator(".answer")).to_have_count(3)
    # In one go: the board may be drawn anew at any moment.
    sizes = milo.locator(".answer-do .button").evaluate_all(
        "all => all.map((one) => Math.min(one.offsetWidth, one.offsetHeight))"
    )

    assert len(sizes) == 6
    assert min(sizes) >= 80
