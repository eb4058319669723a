"""Each block about calls as rows for a spreadsheet: counts and seconds, for the reader to add and divide."""

from collections.abc import Callable, Iterable

from andon.response import Responses
from reports.analysis.sheets import Row, Sheet
from reports.calls.figures import CallsAnalysis, Named

SPREAD = ("n", "median_s", "p90_s", "least_s", "most_s", "within", "limited")
COUNTS = (
    "calls", "by_machine", "critical", "rejected", "reopened", "repeated", "escalated", "prompt", "resolved",
    "left_work", "first_time", "waited_s", "repaired_s",
)  # fmt: skip
MOMENTS = ("answered", "arrived", "remedied")
COLUMNS = (*COUNTS, *(f"{moment}_{name}" for moment in MOMENTS for name in SPREAD))


def now(found: CallsAnalysis) -> Sheet:
    rows = [Named("now", found.now), Named("before", found.response.before)]
    return _sheet("period", rows)


def priorities(found: CallsAnalysis) -> Sheet:
    return _sheet("priority", found.by_priority)


def places(found: CallsAnalysis) -> Sheet:
    return _sheet(found.asked.choice("place"), found.places)


def trend(found: CallsAnalysis) -> Sheet:
    return _sheet("day", (Named(day.isoformat(), its) for day, its in found.response.by_day.items()))


def week(found: CallsAnalysis) -> Sheet:
    spots = found.response.by_weekday_and_hour.items()
    rows: list[Row] = [(weekday + 1, hour, *_cells(its)) for (weekday, hour), its in spots]
    return Sheet(("iso_weekday", "hour", *COLUMNS), rows)


def compare(found: CallsAnalysis) -> Sheet:
    return _sheet(found.asked.choice("compare"), found.compared)


def again(found: CallsAnalysis) -> Sheet:
    zone = found.asked.zone
    rows = [
        (one.line, one.machine, one.kind, one.times, one.last_at.astimezone(zone).isoformat()) for one in found.again
    ]
    return Sheet(("line", "machine", "kind", "times", "last_at"), rows)


def _sheet(what: str, rows: Iterable[Named]) -> Sheet:
    return Sheet((what, *COLUMNS), [(one.label, *_cells(one.found)) for one in rows])


def _cells(found: Responses) -> Row:
    spreads = (getattr(found, moment) for moment in MOMENTS)
    return [
        *(getattr(found, name) for name in COUNTS),
        *(getattr(spread, name) for spread in spreads for name in SPREAD),
    ]


SHEETS: dict[str, Callable[[CallsAnalysis], Sheet]] = {
    "now": now,
    "priorities": priorities,
    "places": places,
    "trend": trend,
    "week": week,
    "compare": compare,
    "again": again,
}
