"""Every screen in every state, from made-up tiles, as files to look at: `python -m tests.browser.stories OUT`."""
# ruff: noqa: E402, E501 - Django is set up before it is used, and tables of samples are wide

import os
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from django.conf import settings
from django.core.management import call_command
from django.template import engines
from django.template.loader import render_to_string
from django.test import override_settings
from django.utils import timezone
from django.utils.safestring import SafeString

from andon.tiles import AnswersTile, CallRow, CallsTile, DoneCall
from floor.tiles import Hop, LinkTile
from oee.choices import ReasonChoice
from oee.tiles import (
    FactorBar,
    JobTile,
    OeeTile,
    PaceTile,
    RateTile,
    StateTile,
    StopRow,
    StopsTile,
    StripBlock,
    StripTile,
)
from oee.tiles.stops import LikelyTile
from tests.browser import counting, stop_stories
from tests.browser.charts import CHARTS

ZONE = ZoneInfo("Europe/London")
NOW = datetime(2026, 11, 22, 2, 41, 7, tzinfo=UTC)
STOP = UUID("00000000-0000-4000-8000-000000000001")
WICKET = ReasonChoice("wicket", "Wicket servo")
LINE = SimpleNamespace(code="L-BAG1", name="Bagger line 1")
SHIFT = "Night 21 Nov · 22:00–06:00"


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


@dataclass(frozen=True)
class Story:
    state: StateTile
    pace: PaceTile
    rate: RateTile
    oee: OeeTile
    strip: StripTile
    stops: StopsTile
    next: SimpleNamespace
    link: LinkTile
    calls: CallsTile
    age_s: float = 0
    job: JobTile | None = None


def spark(values: tuple[int | None, ...], ideal: float) -> tuple[str, float]:
    top = 80 - 80 * ideal / 120
    points = " ".join(f"{i * 300 / 9:.1f},{80 - 80 * v / 120:.1f}" for i, v in enumerate(values) if v is not None)
    return points, top


def rate_of(*values: int | None) -> RateTile:
    points, top = spark(values, 100)
    return RateTile(values[-1], 100.0, values, points, top)


BLOCKS = (
    StripBlock(0, 62, "run", False, "22:00–22:30 running", None),
    StripBlock(62, 11, "stop", False, "22:30–22:35 Film roll", None),
    StripBlock(73, 67, "run", False, "running", None),
    StripBlock(140, 34, "slow", False, "slow", None),
    StripBlock(174, 76, "run", False, "running", None),
    StripBlock(250, 62, "planned", False, "00:00–00:30 break", None),
    StripBlock(312, 86, "run", False, "running", None),
    StripBlock(398, 22, "stop", True, "01:11–01:22 no reason yet", STOP),
    StripBlock(420, 50, "run", False, "running", None),
    StripBlock(470, 12, "nodata", False, "no data", None),
    StripBlock(482, 55, "run", False, "running", None),
    StripBlock(537, 3, "minor", False, "minor stop", None),
    StripBlock(540, 36, "run", False, "running", None),
)
AHEAD = StripBlock(750, 62, "break_ahead", False, "04:00 break", None)
STRIP = StripTile(
    datetime(2026, 11, 21, 22, tzinfo=UTC),
    datetime(2026, 11, 22, 6, tzinfo=UTC),
    ((0, "22:00"), (250, "00:00"), (500, "02:00"), (750, "04:00"), (1000, "06:00")),
    586,
    (*BLOCKS, StripBlock(576, 10, "stop", True, "02:36– no reason yet", STOP), AHEAD),
    "Since 22:00: 3 h 58 min running, 21 min stopped, 30 min break, 6 min without data.",
)
RUN_STRIP = replace(STRIP, blocks=(*BLOCKS, StripBlock(576, 10, "run", False, "running", None), AHEAD))

CALL = CallRow(
    UUID(int=7),
    "L-BAG1",
    "maintenance",
    "Maintenance",
    "high",
    "open",
    1,
    ago(185),
    "Ola",
    "BP01.PACK.BAG1",
    "",
    "Nobody yet",
    NOW + timedelta(seconds=115),
    "production manager",
    False,
)
COMING = replace(
    CALL,
    id=UUID(int=8),
    line_code="L-ROLL2",
    kind="material",
    kind_label="Material",
    priority="medium",
    status="acknowledged",
    level=0,
    raised_at=ago(520),
    who="Milo is coming",
    next_due_at=None,
)
THIRD = replace(
    COMING,
    id=UUID(int=9),
    line_code="L-CAKE1",
    kind="quality",
    kind_label="Quality",
    raised_at=ago(1270),
    who="Quinn is coming",
)

STOPPED = Story(
    StateTile(
        "L-BAG1",
        "Bagger line 1",
        "stop",
        "STOPPED",
        ago(252),
        "BP01.PACK.BAG1",
        "Bagger 1",
        "Wicket servo fault (6), first of 3",
        STOP,
        WICKET,
        None,
        "500 g white sliced",
        NOW,
    ),
    PaceTile(SHIFT, "500 g white sliced", 14812, 131, 15460, 24000, -648, 23120, 0.617, 0.644),
    rate_of(98, 101, 99, 100, 62, 99, 101, 38, 0, 0),
    OeeTile(
        SHIFT,
        0.713,
        0.996,
        False,
        (
            FactorBar("Availability", 0.84, 0.9, "3 h 42 min", "4 h 24 min"),
            FactorBar("Performance", 0.871, 0.85, "3 h 13 min", "3 h 42 min"),
            FactorBar("Quality", 0.974, 0.95, "14 812", "15 207"),
        ),
        2,
        (),
        "L-BAG1",
    ),
    STRIP,
    StopsTile(
        2,
        (
            StopRow(
                STOP,
                ago(252),
                None,
                252,
                "BP01.PACK.BAG1",
                "Wicket servo fault (6)",
                None,
                None,
                WICKET,
                is_uncoded=True,
            ),
            StopRow(UUID(int=2), ago(5400), ago(4760), 640, "BP01.PACK.BAG1", "", None, None, None, is_uncoded=True),
            StopRow(
                UUID(int=3),
                ago(15060),
                ago(14780),
                280,
                "BP01.PACK.BAG1",
                "Film low (12)",
                ReasonChoice("film", "Film roll change"),
                "Ola",
                None,
            ),
        ),
        (("Film roll change", 18.4), ("Wicket servo", 12.2), ("Minor stops", 9.1)),
    ),
    SimpleNamespace(
        stop_id=UUID(int=2),
        title="2 stops without a reason",
        detail="last 01:11–01:22, no fault reported",
        suggestion=None,
        due_at=None,
    ),
    LinkTile((Hop("BAG1", True, "online, 0.4 s"), Hop("BL1", True, "online, 0.6 s"))),
    CallsTile((CALL,), ago(185), 100, 7),
)
QUIET_NEXT = SimpleNamespace(
    stop_id=None,
    title="Break at 03:00",
    detail="15 min",
    suggestion=None,
    due_at=NOW + timedelta(minutes=18, seconds=53),
)
QUIET = CallsTile((), ago(2520), 100, 7)
OPEN = CallsTile((CALL, COMING, THIRD), ago(185), 100, 7, 2)
CRITICAL = CallsTile(
    (replace(CALL, kind="safety", kind_label="Safety", priority="critical", note="Guard of the slicer is open"),),
    ago(185),
    100,
    7,
    1,
)
MIXED = CallsTile(
    (
        replace(CALL, note="Bag jam behind the wicket, third time today, film tears at the seal bar"),
        *CRITICAL.rows,
        replace(COMING, who="Wilhelmina Featherstonehaugh is coming"),
        replace(THIRD, status="arrived", who="Quinn is there"),
    ),
    ago(185),
    100,
    7,
    2,
)
FLOOD = CallsTile(
    tuple(
        replace(CALL, id=UUID(int=100 + n), line_code=f"L-F{n:02}", raised_at=ago(700 - n), priority=priority, level=0)
        for n, priority in enumerate(("critical", "high", "medium", "medium", "low") * 40)
    ),
    ago(185),
    100,
    214,
    200,
)


def with_state(story: Story, state: str, word: str, why: str = "", since_s: float | None = 4080, **more: Any) -> Story:
    tile = replace(
        story.state,
        state=state,
        word=word,
        why=why,
        since=None if since_s is None else ago(since_s),
        stop_id=None,
        suggestion=None,
    )
    return replace(story, state=tile, **more)


NO_PACE = PaceTile("", None, None, None, None, None, None, None, None, None)
NO_OEE = OeeTile(
    "",
    None,
    None,
    False,
    tuple(FactorBar(n, None, None, "–", "–") for n in ("Availability", "Performance", "Quality")),
    0,
    (),
    "L-BAG1",
)
RUNNING = with_state(
    STOPPED,
    "run",
    "RUNNING",
    pace=replace(
        STOPPED.pace,
        good=16210,
        target_now=16116,
        difference=94,
        progress=0.675,
        progress_target=0.671,
        projected=24320,
    ),
    rate=rate_of(98, 101, 99, 100, 97, 99, 101, 98, 100, 99),
    strip=RUN_STRIP,
    next=QUIET_NEXT,
    calls=QUIET,
    oee=replace(STOPPED.oee, oee=0.884, uncoded=0),
    job=JobTile(
        "47105", "500 g white sliced", 16210, 24000, NOW + timedelta(minutes=78), NOW + timedelta(hours=2), None
    ),
)
LATE = JobTile(
    "47105", "500 g white sliced", 14812, 24000, NOW + timedelta(minutes=98), NOW + timedelta(minutes=50), None
)
STORIES = {
    "running": RUNNING,
    "stopped": replace(STOPPED, job=LATE),
    "unsuggested": replace(STOPPED, state=replace(STOPPED.state, suggestion=None, why="")),
    "slow": with_state(
        STOPPED,
        "slow",
        "SLOW 84\u202f%",
        "below 90\u202f% of the ideal rate",
        690,
        rate=rate_of(98, 84, 83, 85, 84, 84, 82, 84, 85, 84),
    ),
    "planned": with_state(RUNNING, "planned", "CHANGEOVER", "", 750),
    "nodata": with_state(
        STOPPED,
        "nodata",
        "NO DATA",
        "No answer from controller BAG1 – check the cable at panel 7",
        125,
        link=LinkTile((Hop("BAG1", False, "No answer for 2 min – check the cable"), Hop("BL1", True, "online, 0.6 s"))),
        rate=rate_of(98, 101, 99, 100, 97, 99, 101, None, None, None),
        oee=replace(STOPPED.oee, completeness=0.86, provisional=True),
    ),
    "off": with_state(
        RUNNING,
        "off",
        "NOT SCHEDULED",
        "Next shift: Morning, 06:00",
        9000,
        pace=NO_PACE,
        oee=NO_OEE,
        rate=RateTile(None, 100.0, (None,) * 10, "", 13.3),
    ),
    "other-product": replace(RUNNING, job=replace(LATE, other_product="800 g wholemeal")),
    "job-done": replace(RUNNING, job=replace(LATE, made=24120, done_at=None)),
    "asking": replace(STOPPED, state=replace(STOPPED.state, ask_at=ago(132))),
    "stale": replace(STOPPED, age_s=60),
    **{
        name: replace(story, state=replace(story.state, planned=stop_stories.planned(NOW, since_s, 1200)))
        for name, story, since_s in (
            ("planned-on", with_state(RUNNING, "planned", "CHANGEOVER", "", 750), 750),
            ("planned-over", with_state(RUNNING, "planned", "CHANGEOVER", "", 1400), 1400),
            ("planned-running", RUNNING, 300),
        )
    },
}
TEMPLATES = {
    **{t: f"oee/tiles/{t}.html" for t in ("state", "pace", "rate", "oee", "strip", "stops", "likely", "lost_time", "job")},
    **{t: f"oee/tiles/{t}.html" for t in ("state", "pace", "rate", "oee", "strip", "stops", "counts", "hours")},
    "answers": "andon/answers.html", "losses": "oee/tiles/losses.html", "calls": "andon/tiles/calls.html", "help": "andon/tiles/help.html", "link": "floor/tiles/link.html",
    **{t: f"ms5/tiles/{t}.html" for t in ("shift", "next", "figures", "effect", "recent", "uncoded", "line", "plant_calls")},
}  # fmt: skip
GROUPS = (
    ("Bagger", ("Wicket servo", "Bag jam", "Slicer blade", "Bag drop")),
    ("Film and bags", ("Film roll change", "Bags out", "Wrong bags")),
    ("Upstream", ("No bread", "Depanner stopped", "Cooler stopped")),
    ("Downstream", ("Basket loader full", "No baskets")),
    ("Quality", ("Metal detector", "Wrong weight", "Seal check")),
    ("Planned", ("Break", "Changeover", "Cleaning", "No order")),
    ("Other", ("Other",)),
)
KINDS = (
    ("maintenance", "Maintenance", "A machine needs repair", "maintenance", "5 min"),
    ("quality", "Quality", "The product is not right", "quality", "10 min"),
    ("material", "Material", "Something is running out", "shift manager", "10 min"),
    ("stop", "Line stopped", "The whole line stands", "maintenance and shift manager", "3 min"),
    ("safety", "Safety", "Somebody may get hurt", "shift manager", "1 min"),
)


def placed(topic: str, value: object, line: str = "L-BAG1") -> SimpleNamespace:
    html = SafeString(render_to_string(TEMPLATES[topic], {"tile": value, "now": NOW}))
    return SimpleNamespace(topic=topic, line=line, src="", etag="", html=html)


def card(story: Story, code: str, need: int, difference: int | None) -> SimpleNamespace:
    return SimpleNamespace(
        url="#",
        need=need,
        critical=False,
        state=replace(story.state, line_code=code),
        pace=replace(story.pace, difference=difference),
        oee=story.oee,
    )


def tiles(story: Story) -> dict[str, SimpleNamespace]:
    values: dict[str, object] = {
        t: getattr(story, t) for t in ("state", "pace", "rate", "oee", "strip", "stops", "next", "link", "calls", "job")
    }
    values |= {
        "likely": LikelyTile(stop_stories.LIKELY[1:]), "lost_time": stop_stories.lost_time(NOW),
        "shift": SHIFT, "uncoded": story.stops, "losses": story.stops, "figures": story.pace, "help": story.calls,
        "counts": counting.entries(),
        "effect": SimpleNamespace(rate=story.rate, oee=story.oee),
        "recent": SimpleNamespace(strip=story.strip, left=86, width=500, starts_at=ago(14400), ends_at=NOW),
    }  # fmt: skip
    return {topic: placed(topic, value) for topic, value in values.items()}


def line_context(story: Story, here: str) -> dict[str, object]:
    return {
        "line": LINE, "tiles": tiles(story), "now": NOW, "zone": str(ZONE), "here": here,
        "version": settings.VERSION, "product_name": settings.PROJECT_NAME, "observed_until": ago(story.age_s),
        "reason_groups": [SimpleNamespace(name=g, reasons=[ReasonChoice(r.lower(), r) for r in rs]) for g, rs in GROUPS],
        "help_kinds": [SimpleNamespace(code=c, label=label, hint=h, who=who, within=w) for c, label, h, who, w in KINDS],
        "request": SimpleNamespace(user=_Ola()), "scrap": counting.SCRAP,
    }  # fmt: skip


class _Ola:
    is_authenticated = True

    def __str__(self) -> str:
        return "Ola"

    def get_role_display(self) -> str:
        return "Operator"


def plant_context(calls: CallsTile = OPEN) -> dict[str, object]:
    wall = [
        card(STOPPED, "L-BAG1", 50, -648), card(STORIES["nodata"], "L-BUN2", 40, None), card(STORIES["slow"], "L-ROLL2", 30, -212),
        card(STORIES["planned"], "L-CAKE1", 10, 12), card(RUNNING, "L-BAG2", 5, 94), card(RUNNING, "L-BUN1", 5, 7),
    ]  # fmt: skip
    return {
        "site_name": "Bakery", "shift": placed("shift", SHIFT, ""), "now": NOW, "zone": str(ZONE), "version": settings.VERSION,
        "product_name": settings.PROJECT_NAME, "cards": [placed("line", c, c.state.line_code) for c in wall],
        "calls": placed("plant_calls", calls, ""), "tiles": {}, "request": SimpleNamespace(user=_Ola()),
    }  # fmt: skip


def answers_context(calls: CallsTile) -> dict[str, object]:
    done = DoneCall(UUID(int=10), "L-BAG1", "maintenance", "Maintenance", ago(7200), 84, 312, 1380, "Adjusted", "Milo")
    tile = placed("answers", AnswersTile(calls, (done,)), "")
    more = {"line": None, "tiles": {}, "answers": True, "calls": tile, "cards": plant_context()["cards"]}
    return line_context(RUNNING, "") | more | {"site_name": "Bakery"}


CHART_PAGE = """{{% extends "desk.html" %}}{{% load static %}}
{{% block styles %}}{{{{ block.super }}}}<link rel="stylesheet" href="{{% static "css/charts.css" %}}">{{% endblock %}}
{{% block desk %}}<div class="desk-head"><h1>Charts</h1></div>{}{{% endblock %}}"""
CHART_PANEL = (
    """<section class="panel">{{% include "oee/charts/{}.html" with chart={} id="{}" title="{}" {} only %}}</section>"""
)


def chart_pages() -> dict[str, str]:
    """Each chart in its states, by the kind of chart."""
    found: dict[str, str] = {}
    for kind, charts in CHARTS.items():
        panels = [
            CHART_PANEL.format(kind, f"chart{n}", f"{kind}{n}", title, more)
            for n, (title, more, _) in enumerate(charts)
        ]
        values = {f"chart{n}": chart for n, (_, _, chart) in enumerate(charts)}
        template = engines["django"].from_string(CHART_PAGE.format("".join(panels)))
        found[f"charts-{kind}"] = template.render(line_context(RUNNING, "analysis") | values)
    return found


def pages() -> dict[str, str]:
    """File name → whole page."""
    made: dict[str, str] = {}
    for name, story in STORIES.items():
        made[f"line-{name}"] = render_to_string("ms5/line.html", line_context(story, "line"))
        made[f"board-{name}"] = render_to_string("ms5/line_board.html", line_context(story, "board"))
    for name, calls in (("", OPEN), ("-quiet", QUIET), ("-critical", CRITICAL), ("-mixed", MIXED), ("-flood", FLOOD)):
        made[f"answers{name}"] = render_to_string("andon/board.html", answers_context(calls))
        made[f"plant{name}"] = render_to_string("ms5/board.html", plant_context(calls))
    made["stops"] = render_to_string("ms5/stops.html", line_context(STOPPED, "stops") | {"tabs": stop_stories.TABS})
    made["losses"] = render_to_string("ms5/losses.html", line_context(RUNNING, "losses"))
    made |= stop_stories.stop_pages(line_context(RUNNING, "sheet"), NOW)
    made["lines"] = render_to_string("ms5/lines.html", plant_context())
    for name in ("registration/login", "400", "403", "404", "500"):
        made[name.rpartition("/")[2]] = render_to_string(f"{name}.html", {"product_name": settings.PROJECT_NAME})
    return made | chart_pages() | counting_pages()


def counting_pages() -> dict[str, str]:
    made: dict[str, str] = {}
    for name, (template, more, board) in counting.PAGES.items():
        context = line_context(RUNNING, "") | more
        if board is not None:
            context["tiles"] = {**tiles(RUNNING), "hours": placed("hours", board)}
        made[name] = render_to_string(template, context)
    return made


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (
        override_settings(STATIC_ROOT=folder / "static"),
        timezone.override(ZONE),
    ):
        for name, html in pages().items():
            (folder / f"{name}.html").write_text(html, encoding="utf-8")
        call_command("collectstatic", interactive=False, verbosity=0)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
