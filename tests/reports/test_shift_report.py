"""The shift report: made once, frozen, and with the figures of the screen."""

import io
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.test import Client
from pypdf import PdfReader
from pypdf.generic import DictionaryObject
from rest_framework.test import APIClient

from floor.actions.machine import MachineBatch, record
from floor.actions.retention import ensure_partitions
from floor.domain.fold import MachineSetup
from floor.domain.machine import Observation
from floor.models import Line
from oee.actions.counts import enter_rejects
from oee.actions.hour_board import sign_off_hour, write_countermeasure
from oee.actions.rebuild import rebuild_dirty
from oee.actions.standards import restate
from oee.actions.stops import code_stop
from oee.models import Stop
from oee.shift_report import shift_report
from oee.tiles import oee_tile
from reports import actions, pdf
from reports.models import Report
from tests.factories import make_ideal_cycle, make_line, make_machine, make_shifts, make_user

SIX = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
AFTER = SIX + timedelta(hours=8, minutes=5)
pytestmark = pytest.mark.django_db


@pytest.fixture
def line() -> Line:
    """A day shift with 100 parts a minute, one stop of ten minutes at 09:00 and one part in fifty rejected."""
    line = make_line(target_rate=80)
    make_shifts(line.site)
    machine = make_machine(line)
    make_ideal_cycle(machine, 600)
    ensure_partitions(SIX.date(), SIX.date() + timedelta(days=1))
    made, seen = 0, []
    for second in range(0, 8 * 3600 + 60, 10):
        running = not 10_800 <= second < 11_400
        made += 15 if running else 0
        at = SIX + timedelta(seconds=second)
        seen.append(Observation(at, 1, second + 1, True, running, 90.0, 1, made, made // 50, 0 if running else 64))
    record([MachineBatch(machine.id, MachineSetup(limit_ms=30_000), seen)])
    rebuild_dirty(AFTER)
    return Line.objects.select_related("site").get(pk=line.pk)


def text_of(pdf: bytes) -> str:
    return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def made_report(now: datetime = AFTER) -> Report:
    [report_id] = actions.ask_for_ended_shifts(now)
    report = actions.make(report_id, now=now)
    assert report is not None
    return report


def test_a_finished_shift_gets_one_report_however_often_it_is_asked(line: Line) -> None:
    first = actions.ask_for_ended_shifts(AFTER)
    assert actions.ask_for_ended_shifts(AFTER) == first
    assert Report.objects.get().work_date == date(2026, 3, 2)


def test_the_figures_on_paper_are_those_of_the_screen(line: Line) -> None:
    report = made_report()
    figures = shift_report(line, actions.page_of(report, AFTER).figures.window, AFTER)
    assert figures is not None
    text = text_of(bytes(report.pdf or b"")).replace("\u202f", " ")
    assert f"{figures.good:,}".replace(",", " ") in text
    for ratio in (
        figures.factors.availability,
        figures.factors.performance,
        figures.factors.quality,
        figures.factors.oee,
    ):
        assert ratio.value is not None
        assert f"{ratio.value * 100:.1f} %" in text
    assert report.figures["oee"]["value"] == figures.factors.oee.value


def test_the_paper_says_beside_oee_how_much_has_been_explained(line: Line) -> None:
    before = text_of(bytes(made_report().pdf or b"")).replace("\u202f", " ")
    assert "Explained: 0 % of the stops, target 96 %; 0 % of their time, target 98 %." in before
    stop = Stop.objects.get(is_minor=False)
    code_stop(stop.id, "MAT_JAM", by=make_user("erna", "engineer"), now=AFTER, request_id=uuid4())
    figures = shift_report(line, actions.page_of(Report.objects.get(), AFTER).figures.window, AFTER)
    assert figures is not None
    assert (figures.coded.stops, figures.coded.minutes) == (1.0, 1.0)


def test_paper_api_and_screen_say_the_same_about_a_shift(line: Line) -> None:
    report = made_report()
    client = APIClient()
    client.force_authenticate(make_user("vera", "viewer"))
    api = client.get(f"/api/v1/oee/lines/{line.code}?date=2026-03-02&shift=Day").json()
    text = text_of(bytes(report.pdf or b"")).replace("\u202f", " ")
    for name in ("availability", "performance", "quality", "oee"):
        assert api[name]["value"] == report.figures[name]["value"]
        assert api[name]["numerator"] == report.figures[name]["numerator_s"]
        assert f"{api[name]['value'] * 100:.1f} %" in text
    with time_machine.travel(SIX + timedelta(hours=7, minutes=59, seconds=59), tick=False):
        screen = oee_tile(line, SIX + timedelta(hours=7, minutes=59, seconds=59))
    assert screen.oee == pytest.approx(api["oee"]["value"], abs=0.001)


def test_a_report_is_accessible_and_says_which_data_it_stands_on(line: Line) -> None:
    report = made_report()
    catalog = PdfReader(io.BytesIO(bytes(report.pdf or b""))).root_object
    marks = catalog["/MarkInfo"].get_object()
    assert str(catalog["/Lang"]) == "en"
    assert isinstance(marks, DictionaryObject)
    assert marks["/Marked"]
    assert "PROVISIONAL" in text_of(bytes(report.pdf or b""))


def test_what_people_did_about_an_hour_and_took_out_of_it_is_on_the_paper(line: Line) -> None:
    mara, nine = make_user("mara", "shift_manager"), SIX + timedelta(hours=3)
    by: dict[str, Any] = {"by": mara, "now": AFTER, "request_id": uuid4()}
    write_countermeasure(line, nine, "Belt was changed", who="Milo", **by)
    sign_off_hour(line, nine, by=mara, now=AFTER)
    machine = line.equipment.get()
    machine.line = line
    enter_rejects(machine, "scrap", 12, at=nine, defect="Damaged", **by)

    report = made_report()

    text = " ".join(text_of(bytes(report.pdf or b"")).replace("\u202f", " ").split())
    assert "Done: Belt was changed, Milo (mara, 14:05)" in text
    assert "Signed off by mara, 14:05" in text
    assert "among the rejected: 12 scrap (Damaged)." in text
    assert report.figures["hours"][3]["countermeasure"] == "Belt was changed"


def test_the_same_figures_give_the_same_bytes(line: Line) -> None:
    report = made_report()
    page = actions.page_of(report, AFTER)
    again = [pdf.render(actions.html_of(report, page, AFTER), identity=str(report.id)) for _ in (1, 2)]
    assert again[0] == again[1]


def test_a_report_that_one_worker_has_is_left_alone_by_the_other(line: Line) -> None:
    report = made_report()
    assert actions.make(report.id, now=AFTER) is None


def test_a_correction_is_a_new_revision(line: Line) -> None:
    report = made_report()
    window = actions.page_of(report, AFTER).figures.window
    second = actions.ask(line, window, by=make_user("sam", "shift_manager"), now=AFTER)
    assert second.revision == 2
    with pytest.raises(actions.AlreadyBeingMade):
        actions.ask(line, window, by=make_user("lena", "shift_manager"), now=AFTER)


def test_a_restated_shift_says_so_on_screen_and_on_paper(line: Line) -> None:
    mara = make_user("mara", "production_manager")
    restate(line, SIX, SIX + timedelta(hours=1), by=mara, now=AFTER, reason="The bags were thicker.")
    report = made_report()
    sentence = "Restated 2 Mar 2026 14:05 by mara: The bags were thicker."

    assert report.figures is not None
    assert report.figures["restated"] == [sentence]
    assert sentence in " ".join(text_of(bytes(report.pdf or b"")).split())
    assert sentence in actions.html_of(report, actions.page_of(report, AFTER), AFTER, on_screen=True)


def test_a_report_that_keeps_failing_is_shown_as_failed(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    [report_id] = actions.ask_for_ended_shifts(AFTER)
    line.equipment.update(enabled=False)
    report = actions.make(report_id, now=AFTER)
    assert report is not None
    assert report.status == Report.Status.FAILED
    assert "no machine" in report.error


@pytest.mark.parametrize("shift", ["0001-01-01T00:00:00+00:00", "9999-12-31T23:00:00-12:00", "yesterday"])
def test_a_shift_that_nobody_can_reckon_with_has_no_report(line: Line, client: Client, shift: str) -> None:
    client.force_login(make_user("mona", "shift_manager"))
    answer = client.post(f"/lines/{line.code}/reports/", {"shift": shift}, follow=True)
    assert "Choose one of the shifts of this line." in answer.content.decode()
    assert not Report.objects.exists()


def test_the_list_of_reports_opens_the_evidence_of_an_oee(line: Line, client: Client) -> None:
    made_report()
    client.force_login(make_user("vera", "viewer"))
    with time_machine.travel(AFTER, tick=False):
        page = client.get("/reports/").content.decode()
        [href] = re.findall(r'href="(/lines/[^"]*/evidence/oee/[^"]*)"', page)
        assert client.get(href).status_code == 200
