"""Every hour: do the booked parts agree with the counters they came from?"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import connection
from django.db.models import Max

from floor.domain.machine import CounterEventKind, CounterKind
from floor.domain.reconciliation import Jump, difference, expected
from floor.models import Reconciliation

log = structlog.get_logger(__name__)

HOUR = timedelta(hours=1)
AT_MOST = 48
# A reader keeps twelve hours of readings while the database is away; they arrive for hours long finished.
LATE = 13
# A minute for the last readings of an hour to arrive: not needed to be right, but saves doing it twice.
SETTLED = timedelta(minutes=1)
LOOK_BACK = timedelta(days=2)

# A value that fell without a note is in doubt until the next one comes; it is not what the counter stood at.
BELIEVED = """
    SELECT x.{raw} FROM floor_reading x
    WHERE x.equipment_id = m.equipment_id AND x.at >= %(oldest)s AND x.at < {until} AND x.{raw} IS NOT NULL
    AND (x.{raw} >= coalesce((SELECT y.{raw} FROM floor_reading y
             WHERE y.equipment_id = x.equipment_id AND y.at >= %(oldest)s AND y.at < {until} AND y.at < x.at
             AND y.{raw} IS NOT NULL ORDER BY y.at DESC LIMIT 1), x.{raw})
         OR (SELECT count(*) FROM floor_counterevent v
             WHERE v.equipment_id = x.equipment_id AND v.at = x.at AND v.counter = '{counter}') > 0)
    ORDER BY x.at DESC LIMIT 1
"""
# Nothing before the hour, or nothing for days: the value that counting went on from.
BEGAN_AT = """
    SELECT coalesce(v.before, x.{raw}) FROM floor_reading x
    LEFT JOIN floor_counterevent v ON v.equipment_id = x.equipment_id AND v.at = x.at AND v.counter = '{counter}'
    WHERE x.equipment_id = m.equipment_id AND x.at >= %(start)s AND x.at < %(end)s AND x.{raw} IS NOT NULL
    ORDER BY x.at LIMIT 1
"""
# The counter of good parts does not contain the rejects that were added to get what was made.
ONE_COUNTER = """
SELECT m.equipment_id, '{counter}' AS counter, m.{counter} AS booked, {added} AS added, n.{counter} AS in_minutes,
    coalesce(({opening}), ({began})) AS opening, ({closing}) AS closing,
    (SELECT coalesce(jsonb_agg(jsonb_build_array(v.kind, v.before, v.after, v.delta)), '[]') FROM floor_counterevent v
     WHERE v.equipment_id = m.equipment_id AND v.counter = '{counter}' AND v.at >= %(start)s AND v.at < %(end)s)
FROM machine m JOIN minutes n USING (equipment_id)
WHERE m.{counter}_seen OR m.{counter} <> 0 OR n.{counter} <> 0
"""


def _one_counter(counter: CounterKind, added: str) -> str:
    names = {"raw": f"{counter}_raw", "counter": counter.value}
    return ONE_COUNTER.format(
        counter=counter.value,
        added=added,
        opening=BELIEVED.format(until="%(start)s", **names),
        closing=BELIEVED.format(until="%(end)s", **names),
        began=BEGAN_AT.format(**names),
    )


# One statement, so that readings, minutes and notes are those of one moment.
HOUR_OF_COUNTERS = f"""
WITH machine AS MATERIALIZED (
    SELECT s.equipment_id, r.* FROM floor_machinestate s CROSS JOIN LATERAL (
        SELECT coalesce(sum(made), 0) AS made, coalesce(sum(rejected), 0) AS rejected,
            coalesce(sum(rejected) FILTER (WHERE counts_good), 0) AS added,
            count(made_raw) > 0 AS made_seen, count(rejected_raw) > 0 AS rejected_seen
        FROM floor_reading WHERE equipment_id = s.equipment_id AND at >= %(start)s AND at < %(end)s
    ) r
), minutes AS MATERIALIZED (
    SELECT s.equipment_id, r.* FROM floor_machinestate s CROSS JOIN LATERAL (
        SELECT coalesce(sum(made + unobserved_made), 0) AS made,
            coalesce(sum(rejected + unobserved_rejected), 0) AS rejected
        FROM floor_machineminute WHERE equipment_id = s.equipment_id AND minute >= %(start)s AND minute < %(end)s
    ) r
)
{_one_counter(CounterKind.MADE, "m.added")} UNION ALL {_one_counter(CounterKind.REJECTED, "0")}
ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class _Count:
    equipment_id: UUID
    counter: str
    booked: int
    in_minutes: int
    expected: int

    @property
    def difference(self) -> int:
        return difference(self.expected, self.booked, self.in_minutes)


def reconcile_due(now: datetime) -> int:
    """When an hour is over: reconcile it and those that late readings may have reached since; return how many."""
    end = (now - SETTLED).replace(minute=0, second=0, microsecond=0)
    last = Reconciliation.objects.aggregate(last=Max("hour"))["last"]
    undone = AT_MOST if last is None else (end - last) // HOUR - 1
    if undone <= 0:
        return 0
    hours = min(max(undone, LATE), AT_MOST)
    for back in range(hours, 0, -1):
        reconcile(end - back * HOUR, now)
    return hours


def reconcile(hour: datetime, now: datetime) -> list[Reconciliation]:
    """Compare one hour of every counter and keep the result, however often; a new difference is told once."""
    counts = list(_counts(hour))
    known = {(row.equipment_id, row.counter): row.difference for row in Reconciliation.objects.filter(hour=hour)}
    rows = [
        Reconciliation(
            equipment_id=one.equipment_id,
            counter=one.counter,
            hour=hour,
            booked=one.booked,
            in_minutes=one.in_minutes,
            expected=one.expected,
            difference=one.difference,
            reconciled_at=now,
        )
        for one in counts
    ]
    Reconciliation.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["equipment", "counter", "hour"],
        update_fields=["booked", "in_minutes", "expected", "difference", "reconciled_at"],
    )
    for row in rows:
        if row.difference and row.difference != known.get((row.equipment_id, row.counter), 0):
            _tell(row)
    return rows


def _counts(hour: datetime) -> Iterator[_Count]:
    with connection.cursor() as cursor:
        cursor.execute(HOUR_OF_COUNTERS, {"start": hour, "end": hour + HOUR, "oldest": hour - LOOK_BACK})
        for equipment_id, counter, booked, added, in_minutes, opening, closing, notes in cursor.fetchall():
            counted = expected(opening, closing, _jumps(notes))
            yield _Count(equipment_id, counter, booked, in_minutes, counted + added)


def _jumps(notes: str) -> list[Jump]:
    return [Jump(CounterEventKind(kind), before, after, delta) for kind, before, after, delta in json.loads(notes)]


def _tell(row: Reconciliation) -> None:
    log.error(
        "booked parts differ from the counter",
        equipment=row.equipment.code,
        counter=row.counter,
        hour=row.hour.isoformat(),
        booked=row.booked,
        in_minutes=row.in_minutes,
        expected=row.expected,
        difference=row.difference,
    )
