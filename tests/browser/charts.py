"""Made-up values for every chart: template name → title, further words for the template, chart."""

# ruff: noqa: E501 - tables of samples are wide

from datetime import UTC, date, datetime, timedelta
from random import Random
from statistics import fmean, stdev
from zoneinfo import ZoneInfo

from oee.charts.comparison import Contender, Measure, comparison
from oee.charts.heat import heat
from oee.charts.hourly import Hour, hourly
from oee.charts.pareto import Cause, pareto, ranking
from oee.charts.spark import spark
from oee.charts.timeline import Kind, Machine, Stretch, Timeline, timeline
from oee.charts.trend import Period, Series, Trend, trend
from oee.charts.waterfall import Loss, Stage, Waterfall, waterfall

ZONE = ZoneInfo("Europe/London")
MINUTE_MS = 60_000
Values = tuple[float | None, ...]


# ---------------------------------------------------------------- trend


def days(count: int) -> list[str]:
    return [f"{day.day} {day:%b}" for day in (date(2026, 10, 24) + timedelta(days=n) for n in range(count))]


def around(centre: float, spread: float, count: int, seed: int, unknown: tuple[int, ...] = ()) -> Values:
    random = Random(seed)
    drawn = [round(random.gauss(centre, spread), 4) for _ in range(count)]
    return tuple(None if n in unknown else value for n, value in enumerate(drawn))


def limits(values: Values) -> tuple[float, float] | tuple[None, None]:
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None, None
    return fmean(known) - 3 * stdev(known), fmean(known) + 3 * stdev(known)


def month(count: int = 30) -> Trend:
    gone = tuple(n for n in (8, 9, 22) if n < count)
    oee = around(0.71, 0.05, count, 1, gone)
    speed = tuple(
        None if v is None else v + (0.16 if n == 17 else 0) for n, v in enumerate(around(0.9, 0.02, count, 3, gone))
    )
    low, high = limits(oee)
    notes = {4: "figures restated, ideal cycle of 500 g white", 15: "new calendar: three shifts"}
    periods = [
        Period(label, 0.82 if n in (3, 12) else 0.0 if n in gone else 0.995, notes.get(n, ""), "#")
        for n, label in enumerate(days(count))
    ]
    return trend(
        periods,
        (
            Series("OEE", oee, 0.73, low, high, "columns"),
            Series("Availability", around(0.86, 0.04, count, 2, gone), 0.9),
            Series("Performance", speed, 0.85),
            Series("Quality", around(0.98, 0.006, count, 4, gone), 0.95),
        ),
    )


def shifts() -> Trend:
    labels = [f"{name} {day}" for day in range(2, 9) for name in ("Early", "Late", "Night")]
    return trend([Period(label, 1.0) for label in labels], (Series("OEE", around(0.7, 0.06, 21, 9), 0.73, 0.55, 0.78),))


# ---------------------------------------------------------------- waterfall


def losses(breakdown: int, slow: int, ideal_left: int = 0) -> Waterfall:
    return waterfall(
        480 * MINUTE_MS,
        (
            Stage(
                (Loss("Breakdowns", breakdown * MINUTE_MS, "#"), Loss("Setup and adjustment", 25 * MINUTE_MS, "#")),
                "Running time",
            ),
            Stage(
                (Loss("Minor stops", 14 * MINUTE_MS + 20_000), Loss("Reduced speed", slow * MINUTE_MS)),
                "Net running time",
            ),
            Stage(
                (Loss("Rejects in production", 7 * MINUTE_MS), Loss("Rejects at start-up", 2 * MINUTE_MS + ideal_left)),
                "Fully productive time",
            ),
        ),
    )


# ---------------------------------------------------------------- timeline

KINDS = (
    (Kind.RUN, 30.0), (Kind.STOP, 6.0), (Kind.RUN, 20.0), (Kind.MINOR, 0.8), (Kind.RUN, 12.0), (Kind.SLOW, 8.0), (Kind.RUN, 25.0),
    (Kind.MINOR, 1.2), (Kind.RUN, 40.0), (Kind.SETUP, 18.0), (Kind.RUN, 34.0), (Kind.EXTERNAL, 9.0), (Kind.RUN, 20.0),
    (Kind.BREAK, 30.0), (Kind.RUN, 18.0), (Kind.NO_DATA, 7.0), (Kind.RUN, 44.0), (Kind.PLANNED, 15.0), (Kind.IDLE, 20.0),
)  # fmt: skip


def stretches(start: datetime, end: datetime, shrink: float, seed: int) -> tuple[Stretch, ...]:
    random, made, at = Random(seed), [], start
    turn = seed * 5
    while at < end:
        kind, minutes = KINDS[turn % len(KINDS)]
        until = min(end, at + timedelta(minutes=minutes * shrink * random.uniform(0.5, 1.5)))
        is_stop = kind is Kind.STOP
        label = ("Wicket servo", "Film roll change")[turn % 2] if is_stop else ""
        made.append(Stretch(at, until, kind, label, "" if kind is Kind.RUN else "#", is_stop and random.random() < 0.4))
        at, turn = until, turn + 1
    return tuple(made)


def line(start: datetime, hours: float, shrink: float = 1.0, machines: int = 3) -> Timeline:
    end = start + timedelta(hours=hours)
    names = ("Bagger 1", "Basket loader", "Slicer", "Cooler", "Depanner")
    return timeline(
        [Machine(names[n], stretches(start, end, shrink, n), "#") for n in range(machines)], start, end, ZONE
    )


# ---------------------------------------------------------------- pareto

REASONS = ("Film roll change", "Wicket servo", "Bag jam", "No bread from the cooler, waiting", "Metal detector", "Slicer blade", "Bag drop",
           "Depanner stopped", "Wrong bags", "No baskets", "Seal check", "Wrong weight", "Basket loader full")  # fmt: skip


def causes(scale: float) -> list[Cause]:
    return [Cause(reason, scale * 0.68**n + scale * 0.01, "#") for n, reason in enumerate(REASONS)]


# ---------------------------------------------------------------- heat map


def week(low: float, high: float, seed: int) -> dict[tuple[int, int], float | None]:
    random = Random(seed)
    return {
        (day, hour): low + (high - low) * random.betavariate(2 + (hour in (2, 3, 14)), 2)
        for day in range(7)
        for hour in range(24)
        if not (day == 6 and hour < 22) and not (day == 5 and hour >= 14)
    } | {(2, 11): None, (2, 12): None}


# ---------------------------------------------------------------- comparison

MEASURES = (Measure("OEE", 0.73), Measure("Availability", 0.9), Measure("Performance", 0.85), Measure("Quality", 0.95))
LINES = (
    Contender("L-BAG1 Bagger line 1", (0.713, 0.84, 0.871, 0.974), 0.996, "#"),
    Contender("L-BAG2 Bagger line 2", (0.884, 0.92, 0.975, 0.985), 1.0, "#"),
    Contender("L-BUN1 Bun line", (0.842, 0.82, 1.041, 0.986), 0.99, "#"),
    Contender("L-ROLL2 Roll line 2", (0.658, 0.81, 0.842, 0.965), 0.84, "#"),
    Contender("L-CAKE1 Cake line", (None, None, None, None), 0.0, "#"),
)


# ---------------------------------------------------------------- hour by hour


def shift_hours(seen: int, count: int = 8) -> list[Hour]:
    random = Random(5)
    made = [
        Hour(
            f"{(22 + n) % 24:02d}:00",
            random.randint(1900, 3300),
            3000 if n != 2 else 1500,
            "break 00:00" if n == 2 else "",
            "#",
        )
        for n in range(count)
    ]
    made[min(3, count - 1)] = Hour("01:00", 820, 3000, "wicket servo", "#")
    return [hour if n < seen else Hour(hour.label, None, hour.target) for n, hour in enumerate(made)]


CHARTS: dict[str, list[tuple[str, str, object]]] = {
    "trend": [
        ("L-BAG1 by day", "", month()),
        ("L-BAG1 by shift", "", shifts()),
        ("One day", "", month(1)),
        ("Nothing known", "", trend([Period("1 Nov", 0.0), Period("2 Nov", 0.0)], (Series("OEE", (None, None), 0.73),))),
    ],
    "waterfall": [
        ("Where the planned time went", "", losses(62, 31)),
        ("Faster than ideal", "", losses(40, -22)),
        ("Nothing planned", "", waterfall(0, (Stage((Loss("Breakdowns", 0),), "Running time"),))),
    ],
    "timeline": [
        ("Night shift", "", line(datetime(2026, 11, 21, 22, tzinfo=UTC), 8)),
        ("The night the clock goes back", "", line(datetime(2026, 10, 24, 21, tzinfo=UTC), 9, machines=1)),
        ("One hour", "", line(datetime(2026, 11, 21, 22, 30, tzinfo=UTC), 1, 0.2, 1)),
        ("Two weeks", "", line(datetime(2026, 11, 8, tzinfo=UTC), 14 * 24, 4, 5)),
    ],
    "pareto": [
        ("Stops by time", 'unit="ms" of="Time"', pareto(causes(74 * MINUTE_MS))),
        ("Stops by number", 'unit="count" of="Stops"', pareto([Cause(c.label, int(c.value), c.href) for c in causes(40)][:5])),
        ("Mean time between stops, shortest first", 'unit="ms" of="Mean time between stops"', ranking(causes(900 * MINUTE_MS), at_most=6)),
        ("No stops", 'unit="ms" of="Time"', pareto([])),
    ],
    "heat": [
        ("OEE by hour and weekday", 'unit="ratio"', heat(week(0.45, 0.92, 1), loudest="least")),
        ("Stopped by hour and weekday", 'unit="ms"', heat(week(0, 160 * MINUTE_MS, 2))),
    ],
    "comparison": [
        ("Lines", 'of="Line"', comparison(LINES, MEASURES)),
        ("Two shifts", 'of="Shift"', comparison(
            [Contender("Early", LINES[0].values, 1.0), late := Contender("Late", LINES[1].values, 1.0)], MEASURES, compare_with=late)),
    ],
    "hourly": [
        ("Hour by hour", "", hourly(shift_hours(5))),
        ("Twelve hours", "", hourly(shift_hours(12, 12))),
        ("Not begun", "", hourly(shift_hours(0))),
    ],
    "spark": [("OEE of the last 14 shifts", 'unit="ratio"', spark(around(0.7, 0.08, 14, 6, (4, 5)), target=0.73))],
}  # fmt: skip
