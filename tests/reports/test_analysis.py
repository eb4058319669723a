"""OEE and downtime analysis: the same figures as the shift report, added up once and divided last."""

import csv
import io
import re
from datetime import date, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from andon.actions import acknowledge, resolve
from floor.actions.jobs import create_job, end_job, start_job
from floor.models import Line, LineState, Product, ProductNumber, User
from floor.models.shifts import calendar
from oee.actions.planned_stops import plan_stop
from oee.actions.rebuild import rebuild_dirty
from oee.actions.standards import change_policy, restate
from oee.actions.stops import code_stop
from oee.domain.factors import FIELDS
from oee.domain.kpis import BY_CODE
from oee.domain.readings import ISO_22400
from oee.models import HourTotals, LinePolicy, Stop
from oee.shift_report import ShiftFigures, shift_report
from tests.andon.plant import make_call, make_crew
from tests.factories import LONG_AGO, make_line, make_machine, make_shifts, make_site, make_user
from tests.oee.stage import DAY, Stage, at, make_stage

pytestmark = pytest.mark.django_db
NOON = at("12:00", 1)
NAMES = ("availability", "performance", "quality", "oee")


@pytest.fixture
def stage() -> Stage:
    """Two days: twenty minutes stand in the first day's shift, ten in the second's, half an hour at night."""
    stage = make_stage()
    work(stage)
    return stage


def work(stage: Stage) -> None:
    for day in (0, 1):
        for minute in range(60):
            stage.makes(at("08:00", day) + timedelta(minutes=minute), 40, rejected=1)
    stage.sees("06:00 run, 07:00 stop, 07:20 run, 10:40 stop, 10:41 run, 23:00 stop, 23:30 run", until=at("23:55"))
    stage.edges([(at("09:00", 1), "stop"), (at("09:10", 1), "run")], until=NOON)
    rebuild_dirty(NOON)


@pytest.fixture
def vera(client: Client) -> Client:
    client.force_login(make_user("vera", "viewer"))
    return client


def ask(client: Client, address: str = "", now: datetime = NOON) -> Any:
    with time_machine.travel(now, tick=False):
        return client.get(f"/analysis/{address}")


def sheet(client: Client, block: str, address: str = "", now: datetime = NOON) -> list[dict[str, str]]:
    response = ask(client, f"?csv={block}&{address}", now)
    assert response.status_code == 200, response.content.decode()
    return list(csv.DictReader(io.StringIO(response.content.decode())))


def ratios(client: Client, address: str, now: datetime = NOON) -> dict[str, tuple[int, int]]:
    """Numerator and denominator of each factor."""
    rows = {row["kpi"]: row for row in sheet(client, "now", address, now)}
    return {name: (int(rows[name]["now_numerator"]), int(rows[name]["now_denominator"])) for name in NAMES}


def report_of(stage: Stage, moment: datetime, now: datetime = NOON) -> ShiftFigures:
    window = calendar(stage.line).at(moment)
    assert window is not None
    report = shift_report(stage.line, window, now)
    assert report is not None
    return report


def evidence(report: ShiftFigures) -> dict[str, tuple[int, int | None]]:
    found = {name: getattr(report.factors, name) for name in NAMES}
    return {name: (ratio.numerator, ratio.denominator) for name, ratio in found.items()}


# ---------------------------------------------------------------- figures


def test_a_shift_has_the_figures_of_its_report(stage: Stage, vera: Client) -> None:
    day = ratios(vera, "range=today&shift=Day", at("13:00"))
    assert day == evidence(report_of(stage, at("08:00")))


def test_the_shift_that_is_on_has_the_figures_of_its_report(stage: Stage, vera: Client) -> None:
    assert ratios(vera, "range=this-shift") == evidence(report_of(stage, at("08:00", 1)))


def test_the_shift_that_ended_last_has_the_figures_of_its_report(stage: Stage, vera: Client) -> None:
    rows = sheet(vera, "compare", "range=last-shift&compare=shift")
    report = report_of(stage, at("23:00"))
    assert [row["shift"] for row in rows] == ["Night"]
    assert int(rows[0]["stop_ms"]) == report.totals.stop_ms == 30 * 60_000


def test_days_are_sums_divided_once_and_no_means(stage: Stage, vera: Client) -> None:
    reports = [report_of(stage, at("08:00")), report_of(stage, at("08:00", 1))]
    found = ratios(vera, "from=2026-11-20&to=2026-11-21&shift=Day")
    for name, (numerator, denominator) in found.items():
        parts = [getattr(report.factors, name) for report in reports]
        assert numerator == sum(part.numerator for part in parts)
        assert denominator == sum(part.denominator for part in parts)


def test_a_silent_machine_is_told_of_as_in_the_shift_report(stage: Stage, vera: Client) -> None:
    later = at("13:30", 1)
    report = report_of(stage, at("08:00", 1), later)
    [row] = sheet(vera, "compare", "range=this-shift", later)
    assert report.totals.no_data_ms >= 85 * 60_000
    assert sheet(vera, "timeline", "range=this-shift", later)[-1]["state"] == "nodata"
    assert {name: int(row[name]) for name in FIELDS} == {name: getattr(report.totals, name) for name in FIELDS}


def test_an_hour_nobody_saw_that_was_judged_anew_is_told_of_as_in_the_shift_report(stage: Stage, vera: Client) -> None:
    mara, later = make_user("mara", "production_manager"), at("13:30", 1)
    change_policy(stage.line, {"no_data_is_lost": True}, by=mara, now=at("13:20", 1))
    restate(stage.line, at("12:00", 1), at("13:00", 1), by=mara, now=at("13:20", 1), reason="The line was on.")
    report = report_of(stage, at("08:00", 1), later)
    [row] = sheet(vera, "compare", "range=this-shift", later)
    assert report.totals.busy_ms == report.totals.scheduled_ms - 30 * 60_000, "of the silence one hour is planned time"
    assert {name: int(row[name]) for name in FIELDS} == {name: getattr(report.totals, name) for name in FIELDS}


def test_as_long_a_time_before_is_told_beside(stage: Stage, vera: Client) -> None:
    rows = {row["kpi"]: row for row in sheet(vera, "now", "from=2026-11-21&to=2026-11-21")}
    before = {row["kpi"]: row for row in sheet(vera, "now", "from=2026-11-20&to=2026-11-20")}
    assert rows["oee"]["before_numerator"] == before["oee"]["now_numerator"]
    assert rows["oee"]["before_denominator"] == before["oee"]["now_denominator"]


def test_a_standard_reads_the_same_time_differently(stage: Stage, vera: Client) -> None:
    report = report_of(stage, at("08:00"))
    judged = report.totals.judged(ISO_22400)
    found = ratios(vera, "from=2026-11-20&to=2026-11-20&shift=Day&standard=iso22400")
    assert found["availability"] == (judged.operating_ms, judged.busy_ms)
    assert judged.operating_ms < report.totals.operating_ms, "a minor stop is lost availability to ISO 22400"


@pytest.mark.parametrize("standard", ["company", "iso22400", "oee.com", "smrp"])
def test_nothing_is_left_over_of_planned_time(stage: Stage, vera: Client, standard: str) -> None:
    rows = {row["code"]: row for row in sheet(vera, "losses", f"range=7-days&standard={standard}")}
    assert rows["difference"]["ms"] == "0"
    inside = [row for row in rows.values() if row["factor"] in ("availability", "performance", "quality")]
    lost = sum(int(row["ms"]) for row in inside)
    assert int(rows["planned"]["ms"]) == lost + int(rows["productive"]["ms"])


def test_nothing_is_left_over_when_the_policy_changed_meanwhile(vera: Client) -> None:
    stage = make_stage()
    LinePolicy.objects.create(line=stage.line, valid_from=LONG_AGO)
    LinePolicy.objects.create(line=stage.line, valid_from=at("20:00"), minor_stops_reduce_availability=True)
    stage.sees("06:00 run, 07:00 stop, 07:01 run", until=at("23:55"))
    stage.edges([(at("05:00", 1), "stop"), (at("05:01", 1), "run")], until=at("05:30", 1))
    rebuild_dirty(NOON)
    rows = sheet(vera, "losses", "range=7-days")
    assert next(row["ms"] for row in rows if row["code"] == "difference") == "0"
    minor = {row["factor"]: row["ms"] for row in rows if row["code"] == "minor_stops"}
    assert minor == {"performance": "60000", "availability": "60000"}, "each by the policy its shift began under"


def test_nothing_is_left_over_when_one_day_was_judged_anew(stage: Stage, vera: Client) -> None:
    LinePolicy.objects.create(line=stage.line, valid_from=LONG_AGO)
    LinePolicy.objects.create(line=stage.line, valid_from=at("11:59", 1), minor_stops_reduce_availability=True)
    erna = make_user("erna", "engineer")
    restate(stage.line, at("06:00"), at("14:00"), by=erna, now=NOON, reason="minor stops are stops now")
    rows = sheet(vera, "losses", "range=7-days")
    assert next(row["ms"] for row in rows if row["code"] == "difference") == "0"
    minor = {row["factor"]: row["ms"] for row in rows if row["code"] == "minor_stops"}
    assert minor == {"availability": "60000", "performance": "0"}


@pytest.mark.parametrize(
    ("start", "end", "factor"),
    [("06:00", "07:15", "availability"), ("07:15", "14:00", "performance"), ("05:00", "06:15", "performance")],
)
def test_an_hour_cut_by_a_change_of_product_is_judged_as_one(vera: Client, start: str, end: str, factor: str) -> None:
    stage = make_stage()
    LinePolicy.objects.create(line=stage.line, valid_from=LONG_AGO)
    LinePolicy.objects.create(line=stage.line, valid_from=at("11:59", 1), minor_stops_reduce_availability=True)
    stage.sees("06:00 run, 07:40 stop, 07:41 run", until=at("14:00"))
    stage.makes(at("06:00"), 30, product_number=1)
    stage.makes(at("07:30"), 30, product_number=2)
    rebuild_dirty(NOON)
    restate(stage.line, at(start), at(end), by=make_user("erna", "engineer"), now=NOON, reason="minor stops are stops")
    rows = sheet(vera, "losses", "range=7-days")
    assert next(row["ms"] for row in rows if row["code"] == "difference") == "0"
    minor = {row["factor"]: row["ms"] for row in rows if row["code"] == "minor_stops"}
    assert minor == {"availability": "0", "performance": "0"} | {factor: "60000"}


def test_the_night_on_which_the_clock_goes_back_has_its_extra_hour(vera: Client) -> None:
    stage = make_stage()
    night = datetime.fromisoformat("2026-10-24T21:00:00+00:00")  # 22:00 in London
    stage.edges([(night, "run")], until=night + timedelta(hours=9))
    rebuild_dirty(night + timedelta(hours=9))
    now = night + timedelta(hours=9)
    [row] = sheet(vera, "compare", "range=last-shift", now)
    assert (row["calendar_ms"], row["run_ms"]) == ("32400000", "32400000")
    one = next(row for row in sheet(vera, "week", "range=last-shift", now) if row["hour"] == "1")
    assert (one["iso_weekday"], one["run_ms"]) == ("6", "7200000"), "the hour that is shown twice, of Saturday's night"
    assert ask(vera, "?range=last-shift", now).status_code == 200


# ---------------------------------------------------------------- every block adds up


@pytest.mark.parametrize("address", ["range=7-days", "range=7-days&shift=Day", "range=this-shift", "range=today"])
def test_every_block_adds_up_to_the_same_totals(stage: Stage, vera: Client, address: str) -> None:
    [line] = sheet(vera, "compare", address)
    for block, more in (("trend", "by=day"), ("trend", "by=month"), ("week", ""), ("compare", "compare=shift")):
        rows = sheet(vera, block, f"{address}&{more}")
        for name in FIELDS:
            assert sum(int(row[name]) for row in rows) == int(line[name]), (block, more, name)


def test_lost_time_by_reason_adds_up_to_the_losses(stage: Stage, vera: Client) -> None:
    stop = Stop.objects.get(started_at=at("07:00"))
    code_stop(stop.id, "MAT_JAM", by=make_user("erna", "engineer"), now=NOON, request_id=uuid4())
    rows = {(row["kind"], row["reason"]): row for row in sheet(vera, "stops", "range=7-days")}
    assert rows["failure", "MAT_JAM"]["lost_ms"] == str(20 * 60_000)
    assert rows["failure", ""]["name"] == "Not coded"
    assert (rows["minor", ""]["lost_ms"], rows["minor", ""]["stops"]) == ("60000", "1")
    [line] = sheet(vera, "compare", "range=7-days")
    failures = [int(row["lost_ms"]) for (kind, _), row in rows.items() if kind == "failure"]
    assert sum(failures) == int(line["stop_ms"])
    page = ask(vera, "?range=7-days").content.decode()
    assert "Not coded:" in page
    assert "Slow running" in page
    assert "Minor stops" in page


def test_words_of_people_are_no_formulas_in_a_spreadsheet(stage: Stage, vera: Client) -> None:
    stage.line.name = "=1+1"
    stage.line.code = "=L"
    stage.line.save()
    [row] = sheet(vera, "compare", "range=7-days")
    assert row["line"] == "'=L"


@pytest.mark.parametrize("step", ["shift", "day", "week", "month"])
def test_the_page_and_the_api_add_up_the_same_hours(stage: Stage, vera: Client, step: str) -> None:
    days = "from=2026-11-20&to=2026-11-21"
    told = vera.get(f"/api/v1/oee/lines/L-BAG1?granularity={step}&{days}").json()["periods"]
    rows = sheet(vera, "trend", f"{days}&by={step}")
    assert [(row["oee_numerator"], row["oee_denominator"]) for row in rows] == [
        (str(round(1000 * row["oee"]["numerator"])), str(round(1000 * row["oee"]["denominator"]))) for row in told
    ]
    assert sum(int(row["run_ms"]) for row in rows) > 0


# ---------------------------------------------------------------- what is behind a figure


def links(page: str, words: str) -> list[str]:
    return [unescape(href) for href in re.findall(rf'<a href="([^"]*)"[^>]*>{re.escape(words)}</a>', page)]


def opened(client: Client, href: str, now: datetime = NOON) -> Any:
    """The evidence that a link leads to, as data; its page must be there too."""
    address = urlsplit(href)
    _, _, line, _, kpi, _ = address.path.split("/")
    with time_machine.travel(now, tick=False):
        assert client.get(href).status_code == 200, href
        return client.get(f"/api/v1/oee/evidence?line={line}&kpi={kpi}&{address.query}").json()


@pytest.mark.parametrize(
    "address",
    ["range=this-shift", "range=today", "range=yesterday", "range=7-days", "from=2026-11-20&to=2026-11-21"],
)
def test_every_factor_of_a_line_opens_to_the_rows_that_make_it(stage: Stage, vera: Client, address: str) -> None:
    page, shown = ask(vera, f"?{address}").content.decode(), ratios(vera, address)
    for kpi, words in zip(NAMES, ("Availability", "Performance", "Quality", "OEE"), strict=True):
        told = opened(vera, links(page, words)[0])
        found = tuple(round(1000 * told[side]["amount"]) for side in ("numerator", "denominator"))
        assert (told["adds_up"], found) == (True, shown[kpi]), kpi


@pytest.mark.parametrize("address", ["range=30-days", "range=7-days&product=%23-1", "range=7-days&standard=smrp"])
def test_where_no_evidence_shows_the_same_hours_the_page_says_how_to_get_there(
    stage: Stage, vera: Client, address: str
) -> None:
    page = ask(vera, f"?{address}").content.decode()
    assert "/evidence/" not in page[page.index('id="now"') : page.index('id="readings"')]
    assert "A ratio opens to what it is made of for one line" in page


@pytest.mark.parametrize("step", ["shift", "day", "week", "month"])
def test_a_period_of_the_trend_opens_to_what_it_is_made_of(stage: Stage, vera: Client, step: str) -> None:
    address = f"from=2026-11-20&to=2026-11-21&by={step}"
    page = ask(vera, f"?{address}").content.decode()
    rows = sheet(vera, "trend", address)
    table = page[page.index('id="c-trend"') : page.index('id="week"')]
    hrefs = [unescape(href) for href in re.findall(r'<th scope="row"><a href="([^"]*)"', table)]
    assert len(hrefs) == len(rows) > 0
    for href, row in zip(hrefs, rows, strict=True):
        if href.startswith("?"):
            assert ratios(vera, href[1:])["oee"] == (int(row["oee_numerator"]), int(row["oee_denominator"]))
        else:
            assert round(1000 * opened(vera, href)["denominator"]["amount"]) == int(row["oee_denominator"])


def test_lines_side_by_side_open_to_their_own_analysis(stage: Stage, vera: Client) -> None:
    make_stage("L-2").sees("06:00 run", until=NOON)
    rebuild_dirty(NOON)
    page = ask(vera, "?range=7-days&shift=Day").content.decode()
    [href] = links(page, "L-2 Line L-2")
    assert {row["line"] for row in sheet(vera, "compare", href[1:])} == {"L-2"}
    assert "shift=Day" in href


def test_the_reliability_of_a_machine_opens_to_its_own_stops(stage: Stage, vera: Client) -> None:
    loader = make_machine(stage.line, "LOADER", primary=False, position=20)
    stage.edges(
        [(at("06:00", 1), "run"), (at("07:00", 1), "stop"), (at("07:30", 1), "run")], until=NOON, machine=loader
    )
    rebuild_dirty(NOON)
    page = ask(vera, "?range=today").content.decode()
    [href] = links(page, "30.0\u202fmin")
    told = opened(vera, href)
    assert (told["kpi"], told["equipment"], told["numerator"]["amount"]) == ("mttr", "LOADER", 1800)


# ---------------------------------------------------------------- every KPI, every standard


def test_one_ledger_is_read_by_every_standard_side_by_side(stage: Stage, vera: Client) -> None:
    rows = {row["standard"]: row for row in sheet(vera, "readings", "from=2026-11-20&to=2026-11-21&shift=Day")}
    assert list(rows) == ["company", "iso22400", "oee.com", "smrp"]
    for standard, row in rows.items():
        found = ratios(vera, f"from=2026-11-20&to=2026-11-21&shift=Day&standard={standard}")
        assert {name: (int(row[f"{name}_numerator"]), int(row[f"{name}_denominator"])) for name in NAMES} == found
    # It worked through the breaks. Day one stood 20 min and 1 min (minor), day two, up to noon, 10 min.
    worked = (480 + 360) * 60_000
    assert int(rows["oee.com"]["availability_denominator"]) == worked
    assert int(rows["oee.com"]["availability_numerator"]) == worked - 30 * 60_000
    assert int(rows["iso22400"]["availability_numerator"]) == worked - 31 * 60_000
    assert int(rows["smrp"]["availability_denominator"]) == worked
    assert rows["iso22400"]["teep"] == ""
    assert "As each standard reads the same time" in ask(vera, "?range=7-days").content.decode()


def test_every_kpi_stands_with_its_formula_and_what_it_is_made_of(stage: Stage, vera: Client) -> None:
    rows = {row["kpi"]: row for row in sheet(vera, "kpis", "from=2026-11-20&to=2026-11-20&shift=Day")}
    assert set(rows) == set(BY_CODE)
    assert (rows["mtbf"]["numerator"], rows["mtbf"]["denominator"]) == (str((480 - 20) * 60_000), "1")
    assert float(rows["mtbf"]["value"]) == pytest.approx(460 / 60)
    assert float(rows["mttr"]["value"]) == pytest.approx(20 / 60)
    assert float(rows["technical_efficiency"]["value"]) == pytest.approx(459 / 480)
    assert rows["mtta"]["value"] == ""


def test_the_kpis_of_the_past_stay_as_they_were_judged(stage: Stage, vera: Client) -> None:
    LinePolicy.objects.create(line=stage.line, valid_from=LONG_AGO)
    LinePolicy.objects.create(line=stage.line, valid_from=at("11:00", 1), minor_stops_reduce_availability=True)
    now = {row["kpi"]: row for row in sheet(vera, "now", "from=2026-11-20&to=2026-11-20")}
    row = next(row for row in sheet(vera, "kpis", "from=2026-11-20&to=2026-11-20") if row["kpi"] == "availability")
    assert (row["numerator"], row["denominator"]) == (
        now["availability"]["now_numerator"],
        now["availability"]["now_denominator"],
    )
    with time_machine.travel(NOON, tick=False):
        days = "from=2026-11-20&to=2026-11-20"
        told = vera.get(f"/api/v1/oee/analytics/equipment/{stage.machine.code}?{days}").json()
    found = next(kpi for kpi in told["kpis"] if kpi["code"] == "availability")
    assert round(1000 * found["numerator"]) == int(row["numerator"])


# ---------------------------------------------------------------- filters


def test_a_product_is_looked_at_alone(stage: Stage, vera: Client) -> None:
    product = Product.objects.create(code="P7", name="Rye")
    ProductNumber.objects.create(line=stage.line, number=7, product=product)
    stage.makes(at("11:00", 1), 25, product_number=7)
    stage.edges([], until=at("11:30", 1))
    rebuild_dirty(NOON)
    [row] = [row for row in sheet(vera, "compare", "range=7-days&compare=product") if row["product"] == "P7"]
    assert (row["name"], row["made"]) == ("Rye", "25")
    [alone] = sheet(vera, "compare", "range=7-days&product=P7")
    assert {name: alone[name] for name in FIELDS} == {name: row[name] for name in FIELDS}
    assert int(alone["calendar_ms"]) < 24 * 3_600_000
    page = ask(vera, "?range=7-days&product=P7").content.decode()
    assert '<option value="P7" selected>Rye</option>' in page


def test_a_team_is_looked_at_alone(stage: Stage, vera: Client) -> None:
    HourTotals.objects.filter(shift_name="Day").update(team="Red")
    [row] = [row for row in sheet(vera, "compare", "range=7-days&compare=team") if row["team"] == "Red"]
    [alone] = sheet(vera, "compare", "range=7-days&team=Red")
    assert alone["run_ms"] == row["run_ms"] != "0"


def test_one_line_of_several_and_one_machine_of_a_line(stage: Stage, vera: Client) -> None:
    other = make_stage("L-2")
    loader = make_machine(stage.line, "LOADER", primary=False, position=20)
    stage.edges([(at("06:00", 1), "run")], until=NOON, machine=loader)
    other.sees("06:00 run", until=NOON)
    rebuild_dirty(NOON)
    assert {row["line"] for row in sheet(vera, "compare", "range=7-days")} == {"L-BAG1", "L-2"}
    assert {row["line"] for row in sheet(vera, "compare", "range=7-days&line=L-2")} == {"L-2"}
    [row] = sheet(vera, "compare", "range=today&machine=LOADER")
    assert row["run_ms"] == str(6 * 3_600_000)
    machines = [row["machine"] for row in sheet(vera, "reliability", "range=7-days&line=L-BAG1")]
    assert machines == [stage.machine.code, "LOADER"]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("range=fortnight", "“fortnight” is nothing that range can be."),
        ("from=2026-02-30&to=2026-03-01", "“from” is no day"),
        ("from=2026-11-21&to=2026-11-20", "is before the first"),
        ("from=2026-11-21", "Give both days"),
        ("from=2020-01-01&to=2026-01-01", "at most 800 days"),
        ("line=NONE", "“NONE” is nothing that line can be."),
        ("machine=NONE", "“NONE” is nothing that machine can be."),
        ("standard=mine", "“mine” is nothing that standard can be."),
        ("zoom=3", "“3” is nothing that zoom can be."),
        ("at=noon", "“at” is no moment"),
        ("range=today&at=0001-01-01T00:00%2B05:00", "The year must be from 2000 to 2099."),
        ("from=0001-01-01&to=0001-01-02", "The year must be from 2000 to 2099."),
        ("from=9999-12-30&to=9999-12-31", "The year must be from 2000 to 2099."),
        ("csv=secrets", "“secrets” is no block"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(stage: Stage, vera: Client, address: str, said: str) -> None:
    response = ask(vera, f"?{address}")
    assert response.status_code == 400
    assert said in response.content.decode()


def test_a_plant_without_lines_says_so(vera: Client) -> None:
    response = ask(vera)
    assert response.status_code == 200
    assert "There is no line with a machine yet" in response.content.decode()


@pytest.mark.parametrize(
    "address", ["", "?range=this-shift", "?range=365-days", "?range=month&compare=team&week=stops"]
)
def test_a_plant_that_never_ran_has_a_page(vera: Client, address: str) -> None:
    make_shifts(make_site())
    make_machine(make_line())
    response = ask(vera, address)
    assert response.status_code == 200
    assert "Nothing is known about these lines in this time" in response.content.decode()


def test_a_line_without_shifts_has_a_page(vera: Client) -> None:
    stage = make_stage(shifts=False)
    stage.sees("06:00 run", until=NOON)
    rebuild_dirty(NOON)
    for address in ("", "?range=this-shift", "?range=yesterday"):
        assert ask(vera, address).status_code == 200


# ---------------------------------------------------------------- stops, calls and restatements


def test_the_timeline_and_its_stops_are_cut_to_the_same_window(stage: Stage, vera: Client) -> None:
    page = ask(vera, "?range=yesterday").content.decode()
    assert "What the machines did" in page
    assert "20\u202fmin" in page
    closer = ask(vera, "?range=yesterday&zoom=1&at=2026-11-20T08:00:00Z").content.decode()
    assert "No stop longer than a minor one in this window." in closer
    assert "What the machines did" not in ask(vera, "?range=7-days").content.decode()


def test_the_wait_for_an_answer_is_told_beside_the_time_to_restore(stage: Stage, vera: Client) -> None:
    crew = make_crew()
    LineState.objects.get_or_create(line=stage.line)
    call = make_call(stage.line, at=at("07:05"), by=crew["operator"])
    acknowledge(call, by=crew["maintenance"], now=at("07:09"), request_id=uuid4())
    [row] = sheet(vera, "reliability", "range=yesterday")
    assert (row["calls_answered"], row["waited_ms"]) == ("1", "240000")
    assert (row["failures"], row["stop_ms"]) == ("2", str(50 * 60_000))
    assert float(row["mttr_ms"]) == 25 * 60_000


def answered(line: Line, raised: datetime, wait_s: int, crew: dict[str, User]) -> None:
    call = make_call(line, at=raised, by=crew["operator"])
    acknowledge(call, by=crew["maintenance"], now=raised + timedelta(seconds=wait_s), request_id=uuid4())
    resolve(call, "It runs.", by=crew["maintenance"], now=raised + timedelta(minutes=10), request_id=uuid4())


@pytest.mark.parametrize(
    ("kept", "calls", "waited_ms"),
    [
        ("", "3", "360000"),
        ("shift=Day", "2", "300000"),
        ("shift=Night", "1", "60000"),
        ("shift=Day&team=Red", "1", "240000"),
        ("team=Blue", "0", "0"),
        ("product=P7", "1", "60000"),
        ("product=%237", "1", "60000"),
        ("product=%23rye", "0", "0"),
        ("shift=Night&range=this-shift", "0", "0"),
    ],
)
def test_a_call_counts_in_the_shift_team_and_product_in_which_it_was_raised(
    stage: Stage, vera: Client, kept: str, calls: str, waited_ms: str
) -> None:
    ProductNumber.objects.create(line=stage.line, number=7, product=Product.objects.create(code="P7", name="Rye"))
    HourTotals.objects.filter(shift_name="Day", work_date=at("07:00").date()).update(team="Red")
    HourTotals.objects.filter(shift_name="Night").update(product_number=7)
    crew = make_crew()
    LineState.objects.get_or_create(line=stage.line)
    answered(stage.line, at("07:05"), 240, crew)
    answered(stage.line, at("23:10"), 60, crew)
    answered(stage.line, at("08:15", 1), 60, crew)
    [row] = sheet(vera, "reliability", f"range=7-days&{kept}" if "range" not in kept else kept)
    assert (row["calls_answered"], row["waited_ms"]) == (calls, waited_ms)


def test_the_page_says_where_a_filter_does_not_apply(stage: Stage, vera: Client) -> None:
    page = ask(vera, "?range=yesterday&shift=Night").content.decode()
    assert "All hours of this window are drawn and listed, not only those of Night." in page
    assert "MTTA: calls that were raised in hours of Night" in page
    assert "All hours of this window" not in ask(vera, "?range=yesterday").content.decode()


def test_without_a_failure_the_time_between_is_more_than_what_was_worked(vera: Client) -> None:
    stage = make_stage()
    stage.sees("06:00 run", until=at("09:00"))
    rebuild_dirty(at("09:00"))
    [row] = sheet(vera, "reliability", "range=today", at("09:00"))
    assert (row["failures"], row["mtbf_ms"]) == ("0", "")
    assert "&gt; 3.0\u202fh" in ask(vera, "?range=today", at("09:00")).content.decode()


def test_a_changeover_is_held_against_its_plan(stage: Stage, vera: Client) -> None:
    plan_stop(
        stage.line,
        "CHANGEOVER",
        by=make_user("sam", "shift_manager"),
        now=NOON,
        request_id=uuid4(),
        starts_at=at("09:00", 1),
        ends_at=at("09:15", 1),
        expected_s=300,
    )
    [row] = sheet(vera, "planned", "range=today")
    assert (row["reason"], row["expected_ms"], row["took_ms"]) == ("CHANGEOVER", "300000", "600000")
    assert row["longer_than_planned"] == "1"


def test_what_was_judged_anew_is_marked(stage: Stage, vera: Client) -> None:
    erna = make_user("erna", "engineer")
    restate(stage.line, DAY, DAY + timedelta(days=1), by=erna, now=NOON, reason="ideal cycle was wrong")
    page = ask(vera, "?range=7-days").content.decode()
    assert "1 restated" in page
    assert "ideal cycle was wrong" in page
    notes = {row["period"]: row["note"] for row in sheet(vera, "trend", "range=7-days&by=day")}
    assert "ideal cycle was wrong" in notes["2026-11-20"]
    assert "restated" not in ask(vera, "?from=2026-11-22&to=2026-11-22").content.decode()


# ---------------------------------------------------------------- what a page costs


def cost(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert ask(client, address).status_code == 200
    return len(queries)


@pytest.mark.parametrize(
    "address",
    [
        "?range=30-days",
        "?range=365-days",
        "?range=30-days&shift=Day",
        "?range=30-days&product=%237&compare=product",
        "?range=this-shift",
        "?range=last-shift&team=Red",
        "?range=today&standard=smrp",
        "?from=2026-11-20&to=2026-11-21",
    ],
)
def test_a_page_costs_ten_queries_however_many_lines(vera: Client, address: str) -> None:
    stages = [make_stage(f"L-{n}") for n in range(2)]
    for stage in stages:
        stage.sees("06:00 run, 07:00 stop, 07:20 run", until=NOON)
    rebuild_dirty(NOON)
    with_two = cost(vera, address)
    for n in range(2, 8):
        make_stage(f"L-{n}").sees("06:00 run, 07:00 stop, 07:20 run", until=NOON)
    rebuild_dirty(NOON)
    assert cost(vera, address) == with_two <= 10


def test_no_hour_outside_the_range_is_read(stage: Stage, vera: Client) -> None:
    """Totals and losses are read by production day, stops by when they began."""
    with connection.cursor() as cursor:
        plans = []
        with CaptureQueriesContext(connection) as queries:
            ask(vera, "?range=30-days")
        for query in [one["sql"] for one in queries if one["sql"].lstrip().startswith("WITH")]:
            if "oee_hour" in query:
                cursor.execute(f"EXPLAIN {query}")
                plans.append("\n".join(row[0] for row in cursor.fetchall()))
    assert len(plans) == 2
    # By which index a table of few rows is read is chance; that there is one, and that every scan has a bound, is not.
    for table, column, plan in (
        ("oee_hourtotals", "work_date", plans[0]),
        ("oee_hourloss", "work_date", plans[1]),
        ("oee_stop", "started_at", plans[1]),
    ):
        assert is_bounded(table, column, plan), plan
        assert is_indexed(table, column)


def is_bounded(table: str, column: str, plan: str) -> bool:
    """Every scan of the table has a condition that compares the column with a constant."""
    scans = re.findall(rf"Scan[^\n]* on {table}\b[^\n]*\n((?:(?!\s*->)[^\n]+\n)*)", f"{plan}\n")
    return bool(scans) and all(re.search(rf"\b{column} (?:[<>]=?|=) '", conditions) for conditions in scans)


def is_indexed(table: str, column: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE tablename = %s", [table])
        return any(re.search(rf"\(.*\b{column}\b", definition) for (definition,) in cursor.fetchall())


def test_the_month_begins_on_its_first_day(stage: Stage, vera: Client) -> None:
    response = ask(vera, "?range=month&csv=now")
    assert response["Content-Disposition"] == f'attachment; filename="now_{date(2026, 11, 1)}_{date(2026, 11, 21)}.csv"'


# ---------------------------------------------------------------- jobs


@pytest.fixture
def jobs(stage: Stage) -> Stage:
    """Two jobs on the first day, the second of them across midnight; none before and after."""
    bread = Product.objects.create(code="W", name="White sliced")
    ProductNumber.objects.create(line=stage.line, number=7, product=bread)
    for number, start, end in (("4711", at("06:30"), at("08:30")), ("4712", at("08:30"), at("08:45", 1))):
        job = create_job(stage.line, number, bread, 5000, by=None, now=at("05:00"))
        start_job(job, by=None, now=start)
        end_job(job, by=None, now=end)
    rebuild_dirty(NOON)
    return stage


def test_jobs_stand_side_by_side_and_add_up_to_the_line(jobs: Stage, vera: Client) -> None:
    rows = sheet(vera, "compare", "range=7-days&compare=job")
    [line] = sheet(vera, "compare", "range=7-days&compare=line")

    made = {row["job"]: (row["name"], int(row["made"])) for row in rows}
    assert made == {
        "": ("No job", 600), "4711": ("4711 White sliced", 1200), "4712": ("4712 White sliced", 1200 + 1800),
    }  # fmt: skip
    for name in FIELDS:
        assert sum(int(row[name]) for row in rows) == int(line[name]), name
    assert "4712 White sliced" in ask(vera, "?range=7-days&compare=job").content.decode()


def test_a_job_is_looked_at_alone_with_the_stops_that_were_in_it(jobs: Stage, vera: Client) -> None:
    [alone] = sheet(vera, "compare", "range=7-days&job=4711")
    stops = [row for row in sheet(vera, "stops", "range=7-days&job=4711") if row["kind"] == "failure"]

    assert (int(alone["calendar_ms"]), int(alone["made"]), int(alone["rejected"])) == (2 * 3_600_000, 1200, 30)
    assert [(int(row["lost_ms"]), int(row["stops"])) for row in stops] == [(20 * 60_000, 1)]
    assert ask(vera, "?range=7-days&job=4799").status_code == 400
    assert "There is no job 4799." in ask(vera, "?range=7-days&job=4799").content.decode()


def test_of_very_many_jobs_the_last_are_drawn_and_the_rest_is_said(
    jobs: Stage, vera: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.analysis.comparison.MOST_JOBS", 1)

    page = ask(vera, "?range=7-days&compare=job").content.decode()

    assert "2 earlier jobs of these days are not drawn" in page
    assert "4712 White sliced" in page
    assert "4711 White sliced" not in page


def test_a_page_about_a_job_costs_ten_queries(jobs: Stage, vera: Client) -> None:
    assert cost(vera, "?range=30-days&job=4711&compare=job") <= 10
