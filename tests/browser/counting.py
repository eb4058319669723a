"""Made-up counts and hours, as whole pages: file name → template, context beside that of a line's page."""
# ruff: noqa: E501 - tables of samples are wide

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from floor.domain.machine import CounterKind
from floor.domain.shifts import ShiftWindow
from oee.charts.hourly import Hour, hourly
from oee.count_desk import Agreement, CounterNews, Held
from oee.count_sheet import CountsTile, EntryRow, Piece, ScrapSheet, UncountedMachine
from oee.domain.factors import Ratio
from oee.hour_board import PRESETS, WHO, BoardHour, HourBoard, Said, Seen
from oee.models import DefectReason
from oee.shift import HourRow

NIGHT = datetime(2026, 11, 21, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _row(n: int, good: int | None, rejected: int, stop_s: float, reason: str, target: int, target_now: int) -> HourRow:
    start = NIGHT + n * HOUR
    difference = None if good is None else good - target_now
    oee = Ratio(good or 0, None if good is None else 3600)
    return HourRow(
        f"{start:%H:%M}",
        start,
        start + HOUR,
        target,
        good,
        rejected if good is not None else None,
        difference,
        stop_s,
        reason,
        target_now,
        oee,
    )


ROWS = (
    _row(0, 2702, 31, 300, "Film roll change", 2616, 2616),
    _row(1, 2655, 18, 0, "", 2617, 2617),
    _row(2, 1320, 9, 150, "Bag jam", 1308, 1308),
    _row(3, 812, 64, 2460, "Wicket servo", 2616, 2616),
    _row(4, 1490, 12, 320, "No bread from the cooler", 2617, 1788),
    _row(5, None, 0, 0, "", 2616, 0),
    _row(6, None, 0, 0, "", 1308, 0),
    _row(7, None, 0, 0, "", 2617, 0),
)
SAID = Said("Maintenance was called, servo drive changed", "Maintenance", "Ola", NIGHT + timedelta(hours=4, minutes=6))
SEEN = Seen("Mara", NIGHT + timedelta(hours=1, minutes=12))


def hours(*, asks: bool = True) -> HourBoard:
    sums, found = 0, []
    for n, row in enumerate(ROWS):
        sums += row.difference or 0
        missed = row.good is not None and row.good < row.target_now * 0.9
        said = SAID if n == 3 and not asks else None
        found.append(
            BoardHour(
                int(row.starts_at.timestamp()),
                row,
                None if row.good is None else sums,
                n < 4,
                n == 4,
                missed,
                said,
                SEEN if n < 2 else None,
                "01:00–02:00: 1 804 behind, Wicket servo",
            )
        )
    chart = hourly([Hour(row.label, row.good, row.target_now or row.target, row.top_reason) for row in ROWS])
    window = ShiftWindow("Night", date(2026, 11, 21), NIGHT, NIGHT + 8 * HOUR)
    return HourBoard(
        "L-BAG1",
        "Bagger line 1",
        window,
        "Night 21 Nov · 22:00–06:00",
        True,
        tuple(found),
        18_315,
        10_945,
        8979,
        134,
        -1966,
        3230,
        Ratio(623, 1000),
        chart,
    )


def entries() -> CountsTile:
    at = NIGHT + timedelta(hours=4, minutes=31)
    rows = (
        EntryRow(4, at, "3 × Damaged", "Scrap", "Ola", True),
        EntryRow(3, at - timedelta(minutes=9), "12 × Bag or seal open", "Rework", "Ola", True),
        EntryRow(
            2,
            at - timedelta(minutes=70),
            "01:20–02:00: 1 240 made, 12 of them rejects",
            "Counted by hand",
            "Milo",
            False,
        ),
    )
    return CountsTile("L-BAG1", rows, "12 rework (Bag or seal open); 5 scrap (3 Damaged, 2 Wrong weight)")


DEFECTS = [
    ("Damaged", "scrap"),
    ("Wrong weight", "scrap"),
    ("Foreign matter", "scrap"),
    ("Starting up", "start_up"),
    ("Bag or seal open", "rework"),
    ("Wrong label or date", "rework"),
]
SCRAP = ScrapSheet(
    "L-BAG1",
    "Slicer and bagger",
    tuple(DefectReason(code=label.upper(), label=label, sort=sort) for label, sort in DEFECTS),
    tuple(DefectReason.SORTS),
)


def pieces(code: str, minutes: tuple[int, ...]) -> tuple[Piece, ...]:
    starts = [NIGHT + timedelta(minutes=m) for m in minutes]
    return tuple(Piece(f"{code}:{n}", start, start.replace(minute=0) + HOUR) for n, start in enumerate(starts))


MACHINES = [
    UncountedMachine("BP01.PACK.BAG1", "Slicer and bagger", pieces("a", (240, 180, 132))),
    UncountedMachine("BP01.PACK.BAG1.BL", "Basket loader", pieces("b", (240, 210))),
]


def _held(parts: int, *, was_silent: bool) -> Held:
    at = NIGHT + timedelta(hours=3, minutes=12, seconds=7)
    return Held(
        1,
        UUID(int=1),
        "L-BAG1",
        "BP01.PACK.BAG1",
        "Slicer and bagger",
        CounterKind.MADE,
        "parts made",
        at,
        14_812,
        14_812 + parts,
        parts,
        "White 500 g",
        was_silent,
        744 if was_silent else 1,
    )


def desk() -> dict[str, Any]:
    machine = SimpleNamespace(code="BP01.PACK.BAG1")
    entry = SimpleNamespace(
        pk=1, starts_at=NIGHT, ends_at=NIGHT + HOUR, sort="manual", get_sort_display="Counted by hand", defect="", comment="Reader was away",
        made=1240, rejected=12, author="Milo", made_at=NIGHT + 2 * HOUR, equipment=machine,
    )  # fmt: skip
    scrap = SimpleNamespace(
        **{
            **vars(entry),
            "sort": "scrap",
            "get_sort_display": "Scrap",
            "defect": "Damaged",
            "made": 0,
            "rejected": 3,
            "comment": "",
        }
    )
    hour = SimpleNamespace(hour=NIGHT, difference=-15, expected=2731, booked=2746, in_minutes=2731)
    decided = SimpleNamespace(
        at=NIGHT,
        equipment=machine,
        parts=90_210,
        counter="made",
        is_accepted=False,
        author="Kim",
        made_at=NIGHT + HOUR,
        comment="The counter was typed in by hand after the drive was changed",
    )
    news = CounterNews(NIGHT, "BP01.PACK.BAG1", "parts made", "went round and was followed", 65_530, 4, 10)
    doubts = [
        SimpleNamespace(held=_held(9_120, was_silent=True), controller="BAG1-PLC", at_most=1240, fresh_id=1),
        SimpleNamespace(held=_held(77_002, was_silent=False), controller="BAG1-PLC", at_most=2, fresh_id=2),
    ]
    return {
        "here": "counts", "lines": [SimpleNamespace(code=code, pk=code) for code in ("L-BAG1", "L-BUN2", "L-ROLL2")], "line_filter": None, "doubts": doubts,
        "decisions": [decided], "kinds": [("found parts after a silence", 7), ("went round and was followed", 2)], "news": [news] * 3,
        "agreements": [Agreement("BP01.PACK.BAG1", "parts made", 24, 15, (hour,)), Agreement("BP01.PACK.BAG1", "rejects", 24, 0, ())],  # type: ignore[arg-type]
        "agreement_words": "1 of 48 hours of 2 counters differ in the last 24 hours, by 15 parts together.", "agreement_is_wrong": True,
        "entries": [SimpleNamespace(entry=entry, status="answered by the controller: 1252", is_standing=True), SimpleNamespace(entry=scrap, status="taken back by Ola", is_standing=False)],
        "may_decide": True, "may_count": True, "may_see_controllers": True, "may_see_counts": True,
    }  # fmt: skip


def quiet_desk() -> dict[str, Any]:
    return desk() | {
        "doubts": [], "decisions": [], "kinds": [], "news": [], "entries": [], "agreement_is_wrong": False, "agreement_is_right": True,
        "agreements": [Agreement("BP01.PACK.BAG1", "parts made", 24, 0, ())], "agreement_words": "All 24 hours of 1 counter agree to the part in the last 24 hours.",
    }  # fmt: skip


TABS = [
    SimpleNamespace(label="Day 21 Nov · 14:00–22:00", address="#", is_here=False, unsigned=3),
    SimpleNamespace(label="Night 21 Nov · 22:00–06:00", address="#", is_here=True, unsigned=2),
]
HOURS_PAGE = {
    "tabs": TABS,
    "presets": PRESETS,
    "who_choices": WHO,
    "may_sign": True,
    "may_write": True,
    "here": "hours",
}


def said() -> HourBoard:
    return replace(hours(asks=False))


# File name → template, context, what the tile `hours` shows.
PAGES: dict[str, tuple[str, dict[str, Any], HourBoard | None]] = {
    "hours": ("ms5/hours.html", HOURS_PAGE, hours()),
    "hours-operator": ("ms5/hours.html", HOURS_PAGE | {"may_sign": False}, said()),
    "hours-board": ("ms5/hours_board.html", {}, said()),
    "counts-line": ("oee/counts_line.html", {"machines": MACHINES, "here": "counts", "fresh_id": 1}, None),
    "counts-line-none": ("oee/counts_line.html", {"machines": [], "here": "counts"}, None),
    "counts": ("oee/counts.html", desk(), None),
    "counts-quiet": ("oee/counts.html", quiet_desk(), None),
}
