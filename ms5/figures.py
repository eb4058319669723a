"""The figures of the floor for Prometheus, read from the database at each scrape: restarts do not change them."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Count
from django.utils import timezone
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from floor.domain.machine import CounterEventKind
from floor.models import Line
from floor.models.shifts import calendar
from ms5.call_figures import call_figures
from ms5.dashboard_api import STATES
from oee.count_desk import waiting_events
from oee.overview import overview
from oee.shift import Shift
from oee.tiles import state_tile
from plc.models import Controller

log = structlog.get_logger(__name__)

# Finished hours come from their totals, the rest from the minutes: one row per hour, however long the history.
PARTS = """
WITH primary_machine AS (
    SELECT e.id, l.code FROM floor_equipment e JOIN floor_line l ON l.id = e.line_id WHERE e.is_primary
), hours AS (
    SELECT m.id, sum(h.made + h.unobserved_made) AS made, sum(h.rejected + h.unobserved_rejected) AS rejected
    FROM primary_machine m JOIN oee_hourtotals h ON h.equipment_id = m.id
    WHERE h.starts_at < (SELECT max(n.starts_at) FROM oee_hourtotals n WHERE n.equipment_id = m.id) GROUP BY m.id
), tail AS (
    SELECT m.id, sum(n.made + n.unobserved_made) AS made, sum(n.rejected + n.unobserved_rejected) AS rejected
    FROM primary_machine m JOIN floor_machineminute n ON n.equipment_id = m.id
    WHERE n.minute >= coalesce((SELECT max(t.starts_at) FROM oee_hourtotals t WHERE t.equipment_id = m.id), '-infinity')
    GROUP BY m.id
)
SELECT m.code, coalesce(h.made, 0) + coalesce(t.made, 0), coalesce(h.rejected, 0) + coalesce(t.rejected, 0)
FROM primary_machine m LEFT JOIN hours h ON h.id = m.id LEFT JOIN tail t ON t.id = m.id ORDER BY m.code
"""


# A line of which nothing was reconciled is absent: nobody knows that its counts are right.
DIFFERENCES = """
SELECT l.code, sum(abs(r.difference)) FROM floor_line l
JOIN floor_equipment e ON e.line_id = l.id
JOIN floor_reconciliation r ON r.equipment_id = e.id AND r.hour >= %s
GROUP BY l.code ORDER BY l.code
"""
RECONCILED_FOR = timedelta(hours=25)  # the last 24 finished hours


# Each machine counts under the controller that reads it now; what was dropped because it was old still counts.
ANOMALIES = """
WITH read_by AS (
    SELECT DISTINCT ON (b.equipment_id) b.equipment_id, c.code FROM plc_binding b
    JOIN plc_tag t ON t.id = b.tag_id JOIN plc_controller c ON c.id = t.controller_id
    ORDER BY b.equipment_id, c.code
), events AS (
    SELECT equipment_id, kind, count(*) AS n FROM floor_counterevent GROUP BY 1, 2
    UNION ALL SELECT equipment_id, kind, dropped FROM floor_countereventtally
)
SELECT coalesce(r.code, 'none'), e.kind, sum(e.n) FROM events e LEFT JOIN read_by r USING (equipment_id) GROUP BY 1, 2
"""


class FloorFigures(Collector):
    """`line_id` is the line's code: a person reads the graphs."""

    def describe(self) -> Iterable[Metric]:
        return []  # else the registry would ask the database as soon as this module is imported

    def collect(self) -> Iterator[Metric]:
        yield _gauge("ms5_build_info", "Which version runs", ["version"], [((settings.VERSION,), 1)])
        try:
            found = list(_floor(timezone.now()))
        except DatabaseError as error:
            log.warning("figures not read", error=str(error))
            found = []
        yield _gauge("ms5_database_up", "The database answered this scrape", [], [((), 1 if found else 0)])
        yield from found


def _floor(now: datetime) -> Iterator[Metric]:
    yield _parts()
    yield from _lines(now)
    yield _differences(now)
    yield _anomalies()
    yield _waiting()
    yield from call_figures(now)
    yield _gauge(
        "ms5_plc_last_good_read_timestamp_seconds",
        "Last good read of each controller that is switched on",
        ["station"],
        [
            ((code,), at.timestamp())
            for code, at in Controller.objects.enabled().values_list("code", "link__last_ok_at").order_by("code")
            if at is not None
        ],
    )


def _gauge(name: str, words: str, labels: list[str], rows: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


def _parts() -> Metric:
    family = CounterMetricFamily("production_parts", "Parts made, by quality", labels=["line_id", "quality"])
    with connection.cursor() as cursor:
        cursor.execute(PARTS)
        for code, made, rejected in cursor.fetchall():
            family.add_metric([code, "good"], made - rejected)
            family.add_metric([code, "scrap"], rejected)
    return family


def _differences(now: datetime) -> Metric:
    with connection.cursor() as cursor:
        cursor.execute(DIFFERENCES, [now - RECONCILED_FOR])
        rows = [((code,), float(parts)) for code, parts in cursor.fetchall()]
    return _gauge(
        "ms5_count_reconciliation_difference_parts",
        "Parts by which booked counts of the last 24 finished hours differ from the counters; anything but 0 is wrong",
        ["line_id"],
        rows,
    )


def _anomalies() -> Metric:
    """Zero where nothing happened, so that the first event is an increase."""
    with connection.cursor() as cursor:
        cursor.execute(ANOMALIES)
        found = {(station, kind): int(number) for station, kind, number in cursor.fetchall()}
    stations = Controller.objects.values_list("code", flat=True)
    rows = {(station, kind.value): 0 for station in stations for kind in CounterEventKind} | found
    family = CounterMetricFamily(
        "ms5_counter_anomalies", "What counters did other than counting", labels=["station", "kind"]
    )
    for labels, number in sorted(rows.items()):
        family.add_metric(labels, number)
    return family


def _waiting() -> Metric:
    counted = waiting_events().values_list("equipment__line__code").order_by().annotate(Count("id"))
    rows = dict.fromkeys(Line.objects.enabled().values_list("code", flat=True), 0) | dict(counted)
    return _gauge(
        "ms5_counts_waiting_for_decision",
        "Times that parts were held back and nobody has said yet whether to believe them",
        ["line_id"],
        [((code,), float(number)) for code, number in sorted(rows.items())],
    )


def _lines(now: datetime) -> Iterator[Metric]:
    states: list[tuple[tuple[str, ...], float]] = []
    oee: list[tuple[tuple[str, ...], float]] = []
    complete: list[tuple[tuple[str, ...], float]] = []
    lines = list(Line.objects.on_screen())
    with overview(lines, now):
        for line in lines:
            current = state_tile(line, now).state
            states += [((line.code, state), float(state == current)) for state in STATES]
            window = calendar(line).at(now)
            shift = Shift(line, window, now) if window else None
            if shift is None or shift.machine is None:
                continue
            if (value := shift.factors.oee.value) is not None:
                oee.append(((line.code,), value))
            if shift.completeness is not None:
                complete.append(((line.code,), shift.completeness))
    yield _gauge("ms5_line_state", "1 for the state that the line is in", ["line_id", "state"], states)
    yield _gauge("oee_score", "OEE of the shift that is on, 0..1; absent while it is not known", ["line_id"], oee)
    yield _gauge(
        "ms5_data_completeness_ratio", "Share of the shift's time so far that was observed", ["line_id"], complete
    )


FLOOR = CollectorRegistry()
FLOOR.register(FloorFigures())
