"""Stops, with gloved fingers: taps are counted, and what they did is looked up."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from playwright.sync_api import Browser, Page, expect

from floor.models import (
    Equipment,
    FactsChange,
    FaultDefinition,
    FaultEvent,
    Line,
    LineState,
    MachineState,
    ShiftBreak,
    ShiftPattern,
    StateEdge,
)
from oee.actions.rebuild import rebuild, rebuild_dirty
from oee.models import LedgerEntry, LinePolicy, PlannedStop, Stop, StopCoding
from tests.browser.conftest import HOUR_MS, Web
from tests.browser.glove import Glove, tap
from tests.factories import make_user

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("servers")]
ADDRESS = "/lines/L-7/"


def minutes_ago(minutes: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=minutes)


def happened(line: Line, edges: list[tuple[datetime, str]]) -> Equipment:
    """What the machine did up to now; one shift all day, so that no story falls between two."""
    ShiftBreak.objects.all().delete()
    pattern = ShiftPattern.objects.all()[0]
    ShiftPattern.objects.exclude(pk=pattern.pk).delete()
    begin = (datetime.now(line.site.zone) - timedelta(hours=6)).time().replace(second=0, microsecond=0)
    ShiftPattern.objects.filter(pk=pattern.pk).update(starts_at=begin, ends_at=begin)
    machine = line.equipment.get()
    StateEdge.objects.bulk_create([StateEdge(equipment=machine, at=at, state=state) for at, state in edges])
    now = datetime.now(UTC)
    since, state = edges[-1]
    MachineState.objects.filter(equipment=machine).update(
        since=since, state=state, observed_until=now, limit_ms=HOUR_MS
    )
    LineState.objects.filter(line=line).update(facts_version=1)
    FactsChange.objects.create(line=line, version=1, since=edges[0][0])
    rebuild_dirty(now)
    cache.clear()
    return machine


@pytest.fixture
def standing(line7: Line) -> Equipment:
    """It runs for an hour, and has stood for ten minutes because of a jam; four minutes later a guard opened."""
    machine = line7.equipment.get()
    FaultDefinition.objects.create(equipment=machine, bit=3, text="Loaf jam", reason_code="MAT_JAM")
    FaultDefinition.objects.create(equipment=machine, bit=5, text="Guard open", reason_code="SENSOR_FAIL")
    FaultEvent.objects.create(equipment=machine, bit=3, on_at=minutes_ago(10), off_at=minutes_ago(6))
    FaultEvent.objects.create(equipment=machine, bit=5, on_at=minutes_ago(6))
    return happened(line7, [(minutes_ago(70), "run"), (minutes_ago(10), "stop")])


@pytest.fixture
def over(line7: Line) -> Equipment:
    """It stood from 20 to 10 minutes ago, and nothing says why."""
    return happened(line7, [(minutes_ago(70), "run"), (minutes_ago(20), "stop"), (minutes_ago(10), "run")])


def told() -> list[str | None]:
    entries = LedgerEntry.objects.exclude(stop=None).order_by("started_at")
    return list(dict.fromkeys(entries.values_list("reason", flat=True)))


def test_the_current_stop_gets_its_suggested_reason_with_one_tap(page: Page, standing: Equipment) -> None:
    page.goto(ADDRESS)
    glove = Glove(page)

    tap(page.locator(".state-accept"))

    expect(page.locator(".toast")).to_contain_text("Jam")
    assert (glove.taps, told()) == (1, ["MAT_JAM"])


def test_any_other_reason_is_two_taps_from_the_banner(page: Page, standing: Equipment) -> None:
    page.goto(ADDRESS)
    tap(page.locator("#prompt [data-skip]"))
    glove = Glove(page)

    tap(page.locator(".state-other"))
    tap(page.locator("#reasons .reason", has_text="Gear"))

    expect(page.locator(".toast")).to_contain_text("Gear")
    assert (glove.taps, told()) == (2, ["GEAR_FAIL"])


def test_the_prompt_comes_by_itself_asks_by_group_and_leaves_the_call_button_free(
    page: Page, standing: Equipment
) -> None:
    page.goto(ADDRESS)
    prompt = page.locator("#prompt")
    expect(prompt).to_be_visible()
    prompt.evaluate("one => Promise.all(one.getAnimations().map(motion => motion.finished))")  # it slides in
    assert re.fullmatch(r"1\d:\d\d", prompt.locator("since-time").inner_text())
    glove = Glove(page)
    box, call = prompt.bounding_box(), page.locator(".bottom .is-call").bounding_box()
    assert box is not None
    assert call is not None
    assert box["y"] >= 400
    assert box["y"] + box["height"] <= call["y"]
    assert prompt.evaluate("one => one.scrollHeight <= one.clientHeight + 1")
    expect(prompt.locator(".choice-likely .button").first).to_contain_text("Jam")

    tap(prompt.get_by_role("button", name="Electrical"))
    tap(prompt.get_by_role("button", name="Power loss"))

    expect(prompt).to_be_hidden()
    assert (glove.taps, told()) == (2, ["POWER_LOSS"])


def test_the_prompt_knows_no_time_while_nothing_is_asked(page: Page, line7: Line) -> None:
    page.goto(ADDRESS)
    expect(page.locator(".top-clock")).to_have_text(re.compile(r"\d\d:\d\d:\d\d"))  # the clocks tick

    expect(page.locator("#prompt")).to_be_hidden()
    assert page.locator("#prompt since-time").text_content() == ""


def test_a_skipped_stop_stays_without_reason_and_is_not_asked_about_again(page: Page, standing: Equipment) -> None:
    page.goto(ADDRESS)
    tap(page.locator("#prompt [data-skip]"))

    page.goto(ADDRESS)
    clock = page.locator(".top-clock")
    for _ in range(3):  # each second the page thinks of asking
        expect(clock).not_to_have_text(clock.inner_text())

    expect(page.locator("#prompt")).to_be_hidden()
    expect(page.locator(".state-other")).to_be_visible()
    assert not StopCoding.objects.exists()


def test_a_stop_is_split_with_four_taps_and_the_oee_of_every_screen_follows(
    page: Page, over: Equipment, browser: Browser, web: Web
) -> None:
    FaultEvent.objects.create(equipment=over, bit=9, on_at=minutes_ago(14), off_at=minutes_ago(3))
    LinePolicy.objects.create(line=over.line, valid_from=minutes_ago(60 * 48), planned_stops_reduce_availability=False)
    rebuild(over.line, since=None, now=datetime.now(UTC))
    with someone(browser, web, "vera", "viewer") as wall:
        wall.goto(ADDRESS)
        page.goto(f"{ADDRESS}stops/")
        glove = Glove(page)
        availability = wall.locator(".factor-value").first
        before = availability.inner_text()

        tap(page.locator(".stop-open"))
        tap(page.locator("#loaded a", has_text="Split"))
        tap(page.locator("#loaded .points a", has_text="Fault 9 came"))
        tap(page.locator("#loaded .reason", has_text="Changeover"))

        expect(availability).not_to_have_text(before)
        expect(page.locator("#loaded")).to_contain_text("Why did it stand")  # the rest is asked for next
        assert glove.taps == 4
    assert told() == ["CHANGEOVER", None]


def test_the_second_of_two_people_reads_who_was_faster_and_sees_the_new_truth(
    page: Page, over: Equipment, browser: Browser, web: Web
) -> None:
    with someone(browser, web, "sam", "shift_manager") as sam:
        for screen in (page, sam):
            screen.goto(f"{ADDRESS}stops/")
            tap(screen.locator(".stop-open"))
            tap(screen.locator("#loaded a", has_text="Reason"))
        tap(sam.locator("#loaded .reason", has_text="Gear"))
        expect(sam.locator("#loaded")).to_contain_text("sam")

        tap(page.locator("#loaded .reason", has_text="Belt"))

        expect(page.locator(".toast")).to_contain_text("sam changed this stop")
        expect(page.locator("#loaded .part-what")).to_contain_text("Gear")
        tap(sam.locator("#loaded button", has_text="Confirm"))
        expect(sam.locator("#loaded")).to_contain_text("Confirmed by sam")
        expect(page.locator(".stop-marks")).to_contain_text("confirmed")  # in the list, by itself
    assert told() == ["GEAR_FAIL"]


def test_a_reason_that_says_nothing_asks_for_three_words(page: Page, over: Equipment) -> None:
    page.goto(f"{ADDRESS}stops/")
    tap(page.locator(".stop-open"))
    tap(page.locator("#loaded a", has_text="Reason"))
    other = page.locator("#loaded .reason", has_text="Something else")

    tap(other)
    expect(page.locator(".toast")).to_contain_text("three words")
    page.keyboard.type("pallet under fork lift")
    tap(other)

    expect(page.locator("#loaded .part-what")).to_contain_text("pallet under fork lift")
    assert told() == ["OTHER"]


def test_a_planned_stop_is_three_taps_and_the_banner_ends_it(page: Page, standing: Equipment) -> None:
    page.goto(ADDRESS)
    glove = Glove(page)

    tap(page.locator(".bottom a", has_text="Planned"))
    tap(page.locator("#loaded a", has_text="Changeover"))
    tap(page.locator("#loaded button", has_text="20 min"))

    banner = page.locator(".state")
    expect(banner).to_contain_text("CHANGEOVER")
    expect(banner).to_contain_text("of 20:00")
    assert glove.taps == 3
    tap(banner.get_by_role("button", name="End Changeover"))
    expect(page.locator(".toast")).to_contain_text("Changeover ended")
    assert PlannedStop.objects.get().ended_by is not None


def test_whatever_a_glove_presses_in_a_sheet_is_large_enough(page: Page, over: Equipment) -> None:
    stop = Stop.objects.get()
    part = int(stop.started_at.timestamp() * 1000)
    queries = ("", f"?split={part}", f"?split={part}&at={part + 240_000}", f"?part={part}")
    pages = [f"/stops/{stop.id}/{query}" for query in queries]
    for address in (*pages, f"{ADDRESS}planned/", f"{ADDRESS}planned/?reason=CHANGEOVER", f"{ADDRESS}missed-stop/"):
        page.goto(address)
        sizes = page.locator("main :is(button, a.button, summary):visible").evaluate_all(
            "all => all.map(one => [Math.min(one.offsetWidth, one.offsetHeight), one.textContent.trim().slice(0, 30)])"
        )
        assert sizes, address
        assert [one for one in sizes if one[0] < 64] == [], address


@pytest.mark.parametrize("size", [(390, 844), (1280, 800)])
def test_no_page_about_stops_scrolls_sideways(size: tuple[int, int], page: Page, over: Equipment) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    stop = Stop.objects.get()
    part = int(stop.started_at.timestamp() * 1000)
    for address in (
        f"/stops/{stop.id}/",
        f"/stops/{stop.id}/?split={part}&at={part + 240_000}",
        f"{ADDRESS}stops/",
        f"{ADDRESS}losses/",
        f"{ADDRESS}planned/?reason=CHANGEOVER",
    ):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], address


@contextmanager
def someone(browser: Browser, web: Web, name: str, role: str) -> Iterator[Page]:
    person = make_user(name, role)
    person.set_password("bread and butter")
    person.save(update_fields=["password"])
    context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=web.url)
    page = context.new_page()
    page.goto("/login/")
    page.fill("#id_username", name)
    page.fill("#id_password", "bread and butter")
    page.click("button")
    page.wait_for_url("**/*")
    yield page
    context.close()
