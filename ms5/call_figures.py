"""The figures of calls for help, of messages and of our own processes, for Prometheus.

All of them are read from the database, so that several web processes tell the same and a restart changes nothing.
History only grows; what is older than two days is added up once in each process, and only newer rows at each scrape.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from django.db import connection
from django.db.models import Count, Min
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from andon.domain.call import LIVE, Priority
from andon.models import Call, CallEvent, EscalationStep, Notification
from floor.models import Heartbeat, Screen

What = CallEvent.What
SETTLED_AFTER = timedelta(days=2)  # no message is tried for longer
STEP_LATE = timedelta(seconds=5)
WAITS_S = (15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)
LATENESS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
LEVELS = ("0", "1", "2", "3")  # the last one stands for all above it
WAITS = ("ack", "arrive", "resolve")
ANSWERS = [What.ACKNOWLEDGED, What.TRANSFERRED, What.ARRIVED, What.RESOLVED, What.REJECTED]
RESULTS = ("sent", "failed", "cancelled")

HAPPENED = """
SELECT c.priority, e.what, count(*) FROM andon_callevent e JOIN andon_call c ON c.id = e.call_id
WHERE e.id > %s AND e.id <= %s GROUP BY 1, 2
"""

# width_bucket counts a limit to the bucket above it, Prometheus to the one below.
# From the call, or its reopening, to the first answer, the first arrival and the end. Who arrives or resolves without
# having acknowledged has answered by that. Calls that were rejected needed nobody: they were answered, not resolved.
WAITED = """
SELECT c.priority, w.wait, width_bucket(w.seconds - 1e-9, %s::float8[]), count(*), sum(w.seconds)
FROM andon_callevent e JOIN andon_call c ON c.id = e.call_id
CROSS JOIN LATERAL (
    SELECT max(b.id) AS id, max(b.at) AS at FROM andon_callevent b
    WHERE b.call_id = e.call_id AND b.what = 'raised' AND b.at <= e.at
) begun
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(DISTINCT b.what), '{}') AS what FROM andon_callevent b
    WHERE b.call_id = e.call_id AND b.id > begun.id AND b.id < e.id
) before
CROSS JOIN LATERAL (
    SELECT wait, extract(epoch FROM e.at - begun.at)::float8 AS seconds FROM (
        VALUES ('ack', NOT before.what && %s::varchar[]),
               ('arrive', e.what = 'arrived' AND NOT 'arrived' = ANY (before.what)),
               ('resolve', e.what = 'resolved')
    ) waits (wait, is_it) WHERE is_it
) w
WHERE e.id > %s AND e.id <= %s AND e.what = ANY (%s)
GROUP BY 1, 2, 3
"""

# Steps that a person hastened were taken before they were due and cannot be late.
LATE = """
SELECT least(s.level, %s), width_bucket(l.seconds - 1e-9, %s::float8[]), count(*), sum(l.seconds)
FROM andon_callevent e JOIN andon_escalationstep s ON s.id = e.step_id
CROSS JOIN LATERAL (SELECT extract(epoch FROM e.at - s.due_at)::float8 AS seconds) l
WHERE e.id > %s AND e.id <= %s AND l.seconds >= 0 GROUP BY 1, 2
"""

SENT = """
SELECT channel, CASE WHEN sent_at IS NOT NULL THEN 'sent' WHEN failed_at IS NOT NULL THEN 'failed' ELSE 'cancelled' END,
       count(*)
FROM andon_notification
WHERE event_id > %s AND event_id <= %s AND (sent_at IS NOT NULL OR failed_at IS NOT NULL OR cancelled_at IS NOT NULL)
GROUP BY 1, 2
"""

ENDLESS = 2**62


@dataclass(frozen=True, slots=True)
class Tally:
    """What the events of a stretch add up to. Keys are the labels, of histograms with the number of the bucket."""

    happened: Counter[tuple[int, str]]
    waited: Counter[tuple[int, str, int]]
    waited_s: Counter[tuple[int, str]]
    late: Counter[tuple[int, int]]
    late_s: Counter[int]
    sent: Counter[tuple[str, str]]

    def __add__(self, other: "Tally") -> "Tally":
        mine, its = _parts(self), _parts(other)
        return Tally(*(_sum(a, b) for a, b in zip(mine, its, strict=True)))


def _parts(tally: Tally) -> Sequence[Counter[Any]]:
    return tally.happened, tally.waited, tally.waited_s, tally.late, tally.late_s, tally.sent


def _sum(one: Counter[Any], other: Counter[Any]) -> Counter[Any]:
    total = Counter(one)
    total.update(other)
    return total


def count_nothing() -> Tally:
    return Tally(Counter(), Counter(), Counter(), Counter(), Counter(), Counter())


def count_events(after: int, until: int = ENDLESS) -> Tally:
    """Of the events with ids in (after, until], and of the messages that they caused."""
    tally = count_nothing()
    with connection.cursor() as cursor:
        cursor.execute(HAPPENED, [after, until])
        tally.happened.update({(priority, what): n for priority, what, n in cursor})
        cursor.execute(WAITED, [list(WAITS_S), ANSWERS, after, until, ANSWERS])
        for priority, wait, bucket, n, seconds in cursor:
            tally.waited[priority, wait, bucket] += n
            tally.waited_s[priority, wait] += seconds
        cursor.execute(LATE, [len(LEVELS) - 1, list(LATENESS_S), after, until])
        for level, bucket, n, seconds in cursor:
            tally.late[level, bucket] += n
            tally.late_s[level] += seconds
        cursor.execute(SENT, [after, until])
        tally.sent.update({(channel, result): n for channel, result, n in cursor})
    return tally


class Settled:
    """What was added up already: events up to the id `until`, which nothing will change any more."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.forget()

    def forget(self) -> None:
        self._until = 0
        self._tally = count_nothing()
        self._looked_at: datetime | None = None

    def all(self, now: datetime) -> Tally:
        with self._lock:
            if self._looked_at is None or now - self._looked_at > timedelta(hours=1):
                self._settle(now)
            return self._tally + count_events(self._until)

    def _settle(self, now: datetime) -> None:
        old = CallEvent.objects.filter(pk__gt=self._until, at__lt=now - SETTLED_AFTER).order_by("-pk")
        until = old.values_list("pk", flat=True).first() or self._until
        self._tally += count_events(self._until, until)
        self._until, self._looked_at = until, now


settled = Settled()


def call_figures(now: datetime) -> Iterator[Metric]:
    tally = settled.all(now)
    yield _happened(tally)
    yield from _open()
    for wait in WAITS:
        yield _waited(tally, wait)
    yield _lateness(tally)
    yield _gauge(
        "ms5_andon_overdue_unescalated",
        "Steps of calls that should have been taken more than 5 s ago and were not; anything but 0 is wrong",
        [],
        {(): EscalationStep.objects.overdue(now - STEP_LATE).count()},
    )
    yield from _outbox(now, tally)
    yield _gauge(
        "ms5_heartbeat_timestamp_seconds",
        "When each process last said that it is alive",
        ["component", "instance"],
        {(one.component, one.instance): one.at.timestamp() for one in Heartbeat.objects.order_by("component")},
    )
    yield _screens(now)


def _screens(now: datetime) -> Metric:
    counted = Screen.objects.seen(now).values_list("sound").order_by().annotate(Count("pk"))
    return _gauge(
        "ms5_screens",
        "Boards and kiosks that are on, by whether they can be heard",
        ["sound"],
        {(sound,): 0.0 for sound in Screen.Sound.values} | {(sound,): float(n) for sound, n in counted},
    )


def _gauge(name: str, words: str, labels: list[str], rows: Mapping[tuple[str, ...], float]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=labels)
    for values, value in rows.items():
        family.add_metric(values, value)
    return family


def _happened(tally: Tally) -> Metric:
    family = CounterMetricFamily("andon_events", "What happened to calls for help", labels=["priority", "status"])
    for priority in Priority:
        for what in CallEvent.What.values:
            family.add_metric([priority.word, what], tally.happened[priority, what])
    return family


def _open() -> Iterator[Metric]:
    live = Call.objects.live().values_list("priority", "status").order_by().annotate(Count("pk"), Min("raised_at"))
    counted = {(Priority(priority).word, status): (n, oldest) for priority, status, n, oldest in live}
    nothing = dict.fromkeys(((p.word, s.value) for p in Priority for s in LIVE), 0.0)
    yield _gauge(
        "ms5_andon_open",
        "Calls that wait or are being answered",
        ["priority", "state"],
        nothing | {labels: float(n) for labels, (n, _) in counted.items()},
    )
    yield _gauge(
        "ms5_andon_oldest_open_timestamp_seconds",
        "When the oldest open call was raised; absent where none is open",
        ["priority", "state"],
        {labels: oldest.timestamp() for labels, (_, oldest) in counted.items()},
    )


def _waited(tally: Tally, wait: str) -> Metric:
    words = {
        "ack": "Seconds from a call to the first answer",
        "arrive": "Seconds from a call until somebody was there",
        "resolve": "Seconds from a call until it was resolved",
    }
    family = HistogramMetricFamily(f"ms5_andon_{wait}_seconds", words[wait], labels=["priority"])
    for priority in Priority:
        counts = [tally.waited[priority, wait, bucket] for bucket in range(len(WAITS_S) + 1)]
        family.add_metric([priority.word], _buckets(WAITS_S, counts), tally.waited_s[priority, wait])
    return family


def _lateness(tally: Tally) -> Metric:
    family = HistogramMetricFamily(
        "ms5_andon_escalation_lateness_seconds", "Seconds from a step's due time until it was taken", labels=["level"]
    )
    for level, word in enumerate(LEVELS):
        counts = [tally.late[level, bucket] for bucket in range(len(LATENESS_S) + 1)]
        family.add_metric([word], _buckets(LATENESS_S, counts), tally.late_s[level])
    return family


def _buckets(limits: Sequence[float], counts: Iterable[int]) -> list[tuple[str, float]]:
    """Prometheus counts upwards: each bucket holds those below it."""
    total, rows = 0, []
    for limit, count in zip([*map(str, limits), "+Inf"], counts, strict=True):
        total += count
        rows.append((limit, float(total)))
    return rows


def _outbox(now: datetime, tally: Tally) -> Iterator[Metric]:
    channels = Notification.Channel.values
    due = Notification.objects.pending().values_list("channel").order_by().annotate(Count("pk"), Min("created_at"))
    rows = {(channel,): (n, oldest) for channel, n, oldest in due}
    yield _gauge(
        "ms5_outbox_pending",
        "Messages that have still to leave",
        ["channel"],
        {(channel,): 0.0 for channel in channels} | {labels: float(n) for labels, (n, _) in rows.items()},
    )
    yield _gauge(
        "ms5_outbox_oldest_timestamp_seconds",
        "When the oldest message that has still to leave was written; absent where there is none",
        ["channel"],
        {labels: oldest.timestamp() for labels, (_, oldest) in rows.items()},
    )
    family = CounterMetricFamily("ms5_notifications", "What became of messages", labels=["channel", "result"])
    for channel in channels:
        for result in RESULTS:
            family.add_metric([channel, result], tally.sent[channel, result])
    yield family
