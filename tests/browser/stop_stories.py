"""Stops in every state, from made-up sheets: what the stories of `stories.py` show of the pages about stops."""
# ruff: noqa: E501 - tables of samples are wide

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

from django.template.loader import render_to_string

from floor.models import User
from oee.choices import ReasonChoice
from oee.coded import Coded
from oee.models import StopConfirmation, StopReason
from oee.sheets.planned import Announced, PlannedSheet, StartMove
from oee.sheets.stop import Asked, Cut, CutPoint, MergeRow, Move, Neighbour, PartRow, Said, StopSheet
from oee.sheets.unseen import Chosen, EdgeMove, Unseen, UnseenSheet
from oee.shift import Loss
from oee.tiles.lost_time import Cause, Changeover, LostTimeTile, Step
from oee.tiles.planned import PlannedRow
from oee.tiles.stops import StopRow, StopsTile

START = datetime(2026, 11, 22, 1, 11, 4, tzinfo=UTC)
END = START + timedelta(minutes=11, seconds=20)
JAM, WICKET, CLEANING = (
    ReasonChoice("jam", "Bag jam"),
    ReasonChoice("wicket", "Wicket servo"),
    ReasonChoice("cleaning", "Cleaning"),
)
LIKELY = (WICKET, JAM, ReasonChoice("film", "Film roll change"), ReasonChoice("blade", "Slicer blade"))


def ms(seconds: float) -> int:
    return int((START.timestamp() + seconds) * 1000)


def part(name: str, since: float, until: float, reason: ReasonChoice | None, comment: str = "") -> PartRow:
    whole, after = (END - START).total_seconds(), timedelta
    return PartRow(
        name, ms(since), START + after(seconds=since), START + after(seconds=until), until - since,
        since * 1000 / whole, (until - since) * 1000 / whole, "planned" if reason is CLEANING else "stop", reason,
        "Ola" if reason else "", START + after(minutes=13) if reason else None, comment,
    )  # fmt: skip


def point(seconds: float, label: str) -> CutPoint:
    return CutPoint(ms(seconds), START + timedelta(seconds=seconds), label, seconds * 1000 / 680)


POINTS = (
    point(61, "Guard open came"), point(154, "Guard open gone"), point(230, "Basket loader stopped"), point(340, "Middle"),
    point(402, "Wicket servo fault came"), point(590, "Wicket servo fault gone"),
)  # fmt: skip
WHOLE = part("", 0, 680, None)
THREE = (
    part("A", 0, 61, JAM, "bag under the blade"), part("B", 61, 402, CLEANING), part("C", 402, 680, None),
)  # fmt: skip
UNCODED = StopSheet(
    id=UUID(int=2), line_code="L-BAG1", equipment_code="BP01.PACK.BAG1", equipment_name="Bagger 1", started_at=START, ended_at=END,
    duration_s=680, text="Wicket servo fault (6)", why="", caused_by="", shifts="Night 21 Nov · 22:00–06:00", is_minor=False, seen="",
    parts=(WHOLE,), points=POINTS[:2], suggestion=WICKET, confirmed=None,
    neighbours=(
        Neighbour(UUID(int=4), False, END + timedelta(minutes=2), END + timedelta(minutes=6), 120, False),
        Neighbour(UUID(int=5), True, START - timedelta(minutes=20), START - timedelta(minutes=12), 720, True),
    ),
    merges=(), manual=None, history=(), may_code=True, may_confirm=False,
)  # fmt: skip
TABS = (
    SimpleNamespace(label="This shift", query="", is_here=True),
    SimpleNamespace(label="Previous shift", query="?", is_here=False),
)
SAID = (
    Said(START + timedelta(minutes=14), "Ola", "gave the reason from 01:12:05", "Bag jam", "Cleaning"),
    Said(START + timedelta(minutes=13), "Ola", "gave the reason from 01:11:04", "", "Bag jam", "bag under the blade"),
    Said(START + timedelta(minutes=12), "Milo", "made several stops one", taken_back="taken back by Ola"),
)
IN_THREE = replace(
    UNCODED, parts=THREE, history=SAID, may_confirm=True, suggestion=None, neighbours=UNCODED.neighbours[:1],
    merges=(MergeRow(3, START, END, "Milo", False),),
)  # fmt: skip
AGREED = replace(
    IN_THREE,
    parts=(*THREE[:2], part("C", 402, 680, WICKET)),
    confirmed=StopConfirmation(author=User(username="Sam"), made_at=END),
)
CUT = Cut(
    WHOLE, POINTS, ms(402), START + timedelta(seconds=402), (part("1", 0, 402, None), part("2", 402, 680, None)),
    (Move(-5, ms(102)), Move(-1, ms(342)), Move(1, ms(462)), Move(5, None)), "before", LIKELY,
)  # fmt: skip
UNSEEN = Unseen(ms(0), ms(1440), START, START + timedelta(seconds=1440), 1440, False)


def planned(now: datetime, since_s: float, expected_s: int) -> PlannedRow:
    start = now - timedelta(seconds=since_s)
    return PlannedRow(
        9, "Changeover", start, None, expected_s, start + timedelta(seconds=expected_s), "Ola", "", since_s > expected_s
    )


def planned_sheet(now: datetime, *, on: bool = False, announced: bool = False) -> PlannedSheet:
    labels = ("Break", "Changeover", "Cleaning", "Planned maintenance", "Inspection")
    reasons = tuple(StopReason(code=label, label=label) for label in labels)
    ahead = replace(planned(now, -7200, 900), label="Cleaning")
    moves = (StartMove(-60, None), StartMove(-5, None), StartMove(5, ms(0)), StartMove(60, ms(1)))
    chosen = Announced(reasons[1], None, None, moves, (5, 10, 15, 20, 30, 45, 60, 90))
    return PlannedSheet(
        "L-BAG1", planned(now, 750, 1200) if on else None, (ahead,), reasons, chosen if announced else None
    )


def unseen_sheet(*, chosen: bool) -> UnseenSheet:
    moves = tuple(EdgeMove(minutes, ms(0), ms(600)) for minutes in (-5, -1, 1, 5))
    some = Chosen(
        UNSEEN, ms(120), ms(720), START, END, 600, 83, 416, (EdgeMove(-5, None, None), *moves[1:]), moves, LIKELY[1:]
    )
    live = replace(UNSEEN, is_going_on=True, duration_s=125)
    return UnseenSheet("L-BAG1", "BP01.PACK.BAG1", (live, UNSEEN), some if chosen else None)


def lost_time(now: datetime) -> LostTimeTile:
    rows = (
        ("Shift so far", "sum", 16867, 1.0, 0, 1000, None), ("Breaks", "planned", 1800, 0.107, 893, 107, None),
        ("No data", "nodata", 360, 0.021, 872, 21, None), ("Planned to run", "sum", 14707, 0.872, 0, 872, None),
        ("Changeover", "planned", 1110, 0.066, 806, 66, None), ("Unplanned stops", "stop", 940, 0.056, 750, 56, 3),
        ("Starved or blocked", "external", 480, 0.028, 722, 28, None), ("Minor stops", "minor", 546, 0.032, 690, 32, 17),
        ("Running", "sum", 11631, 0.69, 0, 690, None), ("Slow running", "slow", 905, 0.054, 636, 54, None),
        ("At ideal speed", "sum", 10726, 0.636, 0, 636, None), ("Rejects", "reject", 131, 0.008, 628, 8, 131),
        ("Good parts", "sum", 10595, 0.628, 0, 628, None),
    )  # fmt: skip
    top = (
        Loss("Changeover", 1110, 1),
        Loss("Slow running", 905, 0),
        Loss("Minor stops", 546, 17),
        Loss("Starved from upstream", 480, 2),
        Loss("Film roll change", 420, 2),
    )
    week = tuple(replace(loss, lost_s=loss.lost_s * 11, count=loss.count * 9) for loss in reversed(top))
    return LostTimeTile(
        "L-BAG1", "Night 21 Nov · 22:00–06:00", START, tuple(Step(*row) for row in rows), top, week,
        (Cause("Basket loader", 360, 1), Cause("Outside the line", 120, 1)),
        (Changeover("Changeover", START, 900, 1110, False, 210),), 2, 932, (),
    )  # fmt: skip


def stop_list(now: datetime) -> StopsTile:
    def row(number: int, minutes: int, **more: Any) -> StopRow:
        start = now - timedelta(minutes=60 * number)
        return StopRow(
            UUID(int=number), start, start + timedelta(minutes=minutes), minutes * 60, "BP01.PACK.BAG1", **more
        )

    rows = (
        row(1, 8, text="Wicket servo fault (6)", reason=None, coded_by=None, suggestion=WICKET, is_uncoded=True),
        row(
            2,
            11,
            text="",
            reason=None,
            coded_by="Ola",
            suggestion=None,
            is_uncoded=True,
            reasons=("Bag jam", "no reason"),
            marks=("merged",),
        ),
        row(
            3,
            5,
            text="Film low (12)",
            reason=JAM,
            coded_by="Ola",
            suggestion=None,
            reasons=("Film roll change",),
            coded_after_s=95,
            marks=("confirmed",),
        ),
        row(
            4,
            24,
            text="",
            reason=JAM,
            coded_by="Milo",
            suggestion=None,
            reasons=("Power loss",),
            coded_after_s=2400,
            marks=("confirmed", "by hand"),
        ),
        row(
            5, 18, text="", reason=CLEANING, coded_by=None, suggestion=None, reasons=("Changeover",), marks=("planned",)
        ),
    )
    return StopsTile(2, rows, (), Coded(0.857, 0.92), "Night 21 Nov · 22:00–06:00", 1, 3, 14)


def sheet(context: dict[str, object], template: str, **more: object) -> str:
    return render_to_string("ms5/sheet.html", context | {"sheet": template, "fresh_id": uuid4, **more})


def stop_pages(context: dict[str, object], now: datetime) -> dict[str, str]:
    """File name → whole page. `context` is that of a page of the line."""
    made = {
        "stop-uncoded": sheet(context, "oee/stop.html", stop=UNCODED),
        "stop-in-three": sheet(context, "oee/stop.html", stop=IN_THREE),
        "stop-agreed": sheet(context, "oee/stop.html", stop=AGREED),
        "stop-where": sheet(
            context, "oee/stop_split.html", stop=UNCODED, cut=replace(CUT, ms=None, at=None, pieces=())
        ),
        "stop-split": sheet(context, "oee/stop_ask.html", stop=UNCODED, cut=CUT),
        "stop-reason": sheet(context, "oee/stop_ask.html", stop=UNCODED, cut=None, asked=Asked(WHOLE, LIKELY, True)),
        "planned-choose": sheet(context, "oee/planned.html", planned=planned_sheet(now), may_plan=True),
        "planned-expected": sheet(
            context, "oee/planned.html", planned=planned_sheet(now, announced=True), may_plan=True
        ),
        "planned-on": sheet(context, "oee/planned.html", planned=planned_sheet(now, on=True), may_plan=True),
        "missed-choose": sheet(context, "oee/missed.html", unseen=unseen_sheet(chosen=False), may_enter=True),
        "missed-enter": sheet(context, "oee/missed.html", unseen=unseen_sheet(chosen=True), may_enter=True),
        "refused": render_to_string(
            "oee/refused.html",
            {
                "message": "Ola changed this stop at 01:13:20: split it. Look at it again before you change it.",
                "back": "#",
            },
        ),
    }
    tabs = (
        SimpleNamespace(label="This shift", query="", is_here=False),
        SimpleNamespace(label="Previous shift", query="?", is_here=True),
    )
    made["stops-previous"] = render_to_string(
        "ms5/stops.html", context | {"listed": stop_list(now), "tabs": tabs, "may_choose_day": True, "day": now}
    )
    return made
