"""A figure on a kiosk opens what is behind it."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from floor.models import Line, MachineMinute, StateEdge
from oee.actions.rebuild import rebuild

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("servers")]


def happened(line: Line) -> None:
    """It ran for an hour, stood for ten minutes in it and made parts."""
    now, machine = datetime.now(UTC), line.equipment.get()
    for minutes, state in ((60, "run"), (30, "stop"), (20, "run")):
        StateEdge.objects.create(equipment=machine, at=now - timedelta(minutes=minutes), state=state)
    for minutes in range(40, 50):
        minute = (now - timedelta(minutes=minutes)).replace(second=0, microsecond=0)
        MachineMinute.objects.create(equipment=machine, minute=minute, made=50, rejected=1)
    rebuild(line, since=None, now=now)


def test_a_figure_opens_its_evidence_over_the_line_screen(page: Page, line7: Line) -> None:
    happened(line7)
    page.goto("/lines/L-7/")

    page.click(".figure a[data-evidence]")

    dialog = page.locator("dialog#evidence")
    expect(dialog.locator("h1")).to_contain_text("OEE")
    dialog.locator("a[data-evidence] >> text=Availability").click()
    expect(dialog).to_contain_text("operating time ÷ planned time")
    expect(dialog.locator("table")).not_to_have_count(0)
    dialog.locator("a[data-evidence] >> text=Quality").click()
    expect(dialog.locator("h1")).to_contain_text("Quality")
    expect(dialog.locator("[data-close]")).to_be_in_viewport()
    dialog.locator("[data-close]").click()
    expect(dialog).to_be_hidden()
    assert page.url.endswith("/lines/L-7/")


def test_on_a_phone_every_cell_of_the_evidence_is_in_sight_beside_its_name(page: Page, line7: Line) -> None:
    happened(line7)
    page.set_viewport_size({"width": 390, "height": 844})

    for address in ("/lines/L-7/evidence/oee/", "/lines/L-7/"):
        page.goto(address)
        if "evidence" not in address:
            page.click(".figure a[data-evidence]")
        cells = page.locator(".evidence-rows td[data-label=Lasted], .evidence-rows td[data-label='Planned time']")
        expect(cells).not_to_have_count(0)
        table = page.locator(".evidence-rows").first.bounding_box()
        assert table is not None
        assert 0 <= table["x"] < table["x"] + table["width"] <= 390
        boxes = [cell.bounding_box() for cell in cells.all()]
        assert all(box is not None and (box["x"], box["width"]) == (table["x"], table["width"]) for box in boxes)
        name = cells.first.evaluate("cell => getComputedStyle(cell, '::before').content")
        assert name == '"Lasted"'
