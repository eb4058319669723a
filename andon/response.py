"""How quickly calls for help are answered and put right: spreads, never averages, of any days, lines and kinds of call.

A rejected call was a call, but repaired nothing: it counts among the calls and the answers, not among the remedies.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import connection

from andon.domain.call import Priority
from andon.domain.escalation import STANDARD_RULES, Clock

REPEATED_WITHIN = timedelta(hours=1)
PROMPT_S = 60


class Period(StrEnum):
    NOW = "now"
    BEFORE = "before"


@dataclass(frozen=True, slots=True)
class Stretch:
    """The calls of a line raised in [since, until)."""

    line: UUID
    period: Period
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls; an empty word is no filter. `zone` says what an hour and a day are."""

    stretches: tuple[Stretch, ...]
    zone: str
    machine: str = ""
    kind: str = ""
    priority: Priority | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds from the call to one of its moments, of the `n` calls that had it; None without any.

    `p90_s`: nine of ten took no longer (nearest rank). `within`: how many of `limited` kept their limit.
    """

    n: int
    median_s: float | None
    p90_s: float | None
    least_s: float | None
    most_s: float | None
    within: int
    limited: int

    @property
    def within_share(self) -> float | None:
        return self.within / self.limited if self.limited else None


@dataclass(frozen=True, slots=True)
class Responses:
    """`waited_s` and `repaired_s`: summed, of calls raised while the machine stood, up to and from the arrival."""

    calls: int
    by_machine: int
    critical: int
    rejected: int
    reopened: int
    repeated: int
    escalated: int
    prompt: int
    resolved: int
    left_work: int
    answered: Spread
    arrived: Spread
    remedied: Spread
    waited_s: float
    repaired_s: float
    not_at_once: int

    @classmethod
    def none(cls) -> "Responses":
        """Of no call at all."""
        nobody = Spread(0, None, None, None, None, 0, 0)
        return cls(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, nobody, nobody, nobody, 0.0, 0.0, 0)

    @property
    def first_time(self) -> int:
        """Put right at once: resolved, not reopened, and not called again within the hour."""
        return self.resolved - self.not_at_once

    @property
    def escalated_share(self) -> float | None:
        return self.escalated / self.calls if self.calls else None

    @property
    def first_time_share(self) -> float | None:
        return self.first_time / self.resolved if self.resolved else None

    @property
    def prompt_share(self) -> float | None:
        return self.prompt / self.answered.n if self.answered.n else None


@dataclass(frozen=True, slots=True)
class Response:
    """The same figures of all calls and of each part of them; a part without calls is not there."""

    now: Responses
    before: Responses
    by_priority: dict[str, Responses]
    by_kind: dict[str, Responses]
    by_line: dict[str, Responses]
    by_machine: dict[str, Responses]
    by_day: dict[date, Responses]
    by_hour: dict[int, Responses]
    by_weekday_and_hour: dict[tuple[int, int], Responses]


# The calls that are meant, `asked` being the stretches; which of them came again or are a repetition, within an hour.
_MEANT = """
asked AS (
    SELECT * FROM unnest(%(lines)s::uuid[], %(periods)s::text[], %(since)s::timestamptz[], %(until)s::timestamptz[])
        AS a(line_id, period, since, until)
), meant AS (
    SELECT asked.period, c.*, line.code AS line, coalesce(machine.code, '') AS machine,
        EXISTS (SELECT FROM andon_call again WHERE again.line_id = c.line_id AND again.kind_id = c.kind_id
            AND again.equipment_id IS NOT DISTINCT FROM c.equipment_id AND again.status NOT IN ('cancelled', 'shelved')
            AND again.raised_at > c.resolved_at AND again.raised_at <= c.resolved_at + %(repeated_within)s
        ) AS came_again,
        EXISTS (SELECT FROM andon_call first WHERE first.line_id = c.line_id AND first.kind_id = c.kind_id
            AND first.equipment_id IS NOT DISTINCT FROM c.equipment_id AND first.status IN ('resolved', 'rejected')
            AND first.resolved_at < c.raised_at AND first.resolved_at >= c.raised_at - %(repeated_within)s) AS is_repeat
    FROM asked
    JOIN andon_call c ON c.line_id = asked.line_id AND c.raised_at >= asked.since AND c.raised_at < asked.until
    JOIN floor_line line ON line.id = c.line_id
    LEFT JOIN floor_equipment machine ON machine.id = c.equipment_id
    WHERE c.status NOT IN ('cancelled', 'shelved')
        AND (%(machine)s = '' OR machine.code = %(machine)s) AND (%(kind)s = '' OR c.kind_id = %(kind)s)
        AND (%(priority)s = 0 OR c.priority = %(priority)s) AND (%(source)s = '' OR c.source = %(source)s)
)
"""

# One look at the calls, added up in every way at once. A limit is that of the first level by the rule in force when the
# call was raised; a priority that has no rule has the standard one.
_RESPONSES = """
WITH {meant}, standard AS (
    SELECT * FROM unnest(%(priorities)s::int[], %(clocks)s::text[], %(limits)s::int[]) AS s(priority, clock, after_s)
), rule AS (
    SELECT priority, clock, after_s, valid_from,
        coalesce(lead(valid_from) OVER (PARTITION BY priority, clock ORDER BY valid_from), 'infinity') AS valid_to
    FROM andon_escalationrule WHERE level = 1
), timed AS (
    SELECT meant.*, raised_at AT TIME ZONE %(zone)s AS local_at,
        extract(epoch FROM acknowledged_at - raised_at)::float AS answered_s,
        extract(epoch FROM arrived_at - raised_at)::float AS arrived_s,
        extract(epoch FROM resolved_at - raised_at)::float AS closed_s,
        extract(epoch FROM resolved_at - coalesce(arrived_at, acknowledged_at))::float AS repaired_s,
        coalesce(ack.after_s, usual_ack.after_s) AS ack_limit_s,
        coalesce(remedy.after_s, usual_remedy.after_s) AS remedy_limit_s
    FROM meant
    LEFT JOIN rule ack ON ack.priority = meant.priority AND ack.clock = 'ack'
        AND raised_at >= ack.valid_from AND raised_at < ack.valid_to
    LEFT JOIN rule remedy ON remedy.priority = meant.priority AND remedy.clock = 'resolve'
        AND raised_at >= remedy.valid_from AND raised_at < remedy.valid_to
    LEFT JOIN standard usual_ack ON usual_ack.priority = meant.priority AND usual_ack.clock = 'ack'
    LEFT JOIN standard usual_remedy ON usual_remedy.priority = meant.priority AND usual_remedy.clock = 'resolve'
), placed AS (
    SELECT *, CASE WHEN status = 'resolved' THEN closed_s END AS remedied_s,
        local_at::date AS day, extract(hour FROM local_at)::int AS hour,
        extract(isodow FROM local_at)::int - 1 AS weekday
    FROM timed
)
SELECT period, grouping(priority, kind_id, line, machine, day, weekday, hour),
    priority, kind_id, line, machine, day, weekday, hour,
    count(*), count(*) FILTER (WHERE source = 'machine'), count(*) FILTER (WHERE priority = %(critical)s),
    count(*) FILTER (WHERE status = 'rejected'), count(*) FILTER (WHERE reopened_at IS NOT NULL),
    count(*) FILTER (WHERE is_repeat),
    count(*) FILTER (WHERE level > 0), count(*) FILTER (WHERE answered_s < %(prompt_s)s),
    count(*) FILTER (WHERE status = 'resolved'), count(*) FILTER (WHERE work_order_suggested),
    {answered}, {arrived}, {remedied},
    coalesce(sum(coalesce(arrived_s, answered_s)) FILTER (WHERE stopped_since IS NOT NULL), 0),
    coalesce(sum(repaired_s) FILTER (WHERE stopped_since IS NOT NULL AND status = 'resolved'), 0),
    count(*) FILTER (WHERE status = 'resolved' AND (reopened_at IS NOT NULL OR came_again))
FROM placed
GROUP BY GROUPING SETS ((period), (period, priority), (period, kind_id), (period, line), (period, machine),
    (period, day), (period, hour), (period, weekday, hour))
ORDER BY period, priority DESC, kind_id, line, machine, day, weekday, hour
"""

# `grouping()` of the seven columns → the part that the row belongs to, and where its key stands among them.
_PARTS = {
    0b0111111: ("by_priority", 0),
    0b1011111: ("by_kind", 1),
    0b1101111: ("by_line", 2),
    0b1110111: ("by_machine", 3),
    0b1111011: ("by_day", 4),
    0b1111110: ("by_hour", 6),
    0b1111100: ("by_weekday_and_hour", None),
}
_KEYS, _COUNTS, _SPREAD = 7, 10, 7


def _spread(seconds: str, limit: str = "NULL") -> str:
    quantiles = (f"percentile_disc({part}) WITHIN GROUP (ORDER BY {seconds})" for part in (0.5, 0.9))
    kept = f"count(*) FILTER (WHERE {seconds} <= {limit}), count({seconds} + {limit})"
    return f"count({seconds}), {', '.join(quantiles)}, min({seconds}), max({seconds}), {kept}"


_STATEMENT = _RESPONSES.format(
    meant=_MEANT,
    answered=_spread("answered_s", "ack_limit_s"),
    arrived=_spread("arrived_s"),
    remedied=_spread("remedied_s", "remedy_limit_s"),
)


def response(wanted: Wanted) -> Response:
    """One query, however many days and lines."""
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENT, _parameters(wanted))
        return _sorted_out(cursor.fetchall())


def _parameters(wanted: Wanted) -> dict[str, Any]:
    first_levels = [rule for rule in STANDARD_RULES if rule.level == 1 and rule.clock is not Clock.SHIFT]
    return {
        "lines": [one.line for one in wanted.stretches],
        "periods": [one.period.value for one in wanted.stretches],
        "since": [one.since for one in wanted.stretches],
        "until": [one.until for one in wanted.stretches],
        "priorities": [int(rule.priority) for rule in first_levels],
        "clocks": [rule.clock.value for rule in first_levels],
        "limits": [rule.after_s for rule in first_levels],
        "zone": wanted.zone,
        "machine": wanted.machine,
        "kind": wanted.kind,
        "priority": int(wanted.priority or 0),
        "source": wanted.source,
        "critical": int(Priority.CRITICAL),
        "repeated_within": REPEATED_WITHIN,
        "prompt_s": PROMPT_S,
    }


def _sorted_out(rows: Iterable[Sequence[Any]]) -> Response:
    whole = dict.fromkeys(Period, Responses.none())
    parts: dict[str, dict[Any, Responses]] = {name: {} for name, _ in _PARTS.values()}
    for period, grouping, *values in rows:
        found = _responses(values[_KEYS:])
        if grouping not in _PARTS:
            whole[Period(period)] = found
        elif period == Period.NOW:
            name, at = _PARTS[grouping]
            parts[name][(values[5], values[6]) if at is None else values[at]] = found
    parts["by_priority"] = {Priority(key).word: found for key, found in parts["by_priority"].items()}
    return Response(now=whole[Period.NOW], before=whole[Period.BEFORE], **parts)


def _responses(values: Sequence[Any]) -> Responses:
    counts, rest = values[:_COUNTS], values[_COUNTS:]
    spreads = [Spread(*rest[at * _SPREAD :][:_SPREAD]) for at in range(3)]
    parts: list[Any] = [*counts, *spreads, *rest[3 * _SPREAD :]]
    return Responses(*parts)


@dataclass(frozen=True, slots=True)
class Again:
    """One place and kind that was called for again within the hour after it had been closed."""

    line: str
    machine: str
    kind: str
    times: int
    last_at: datetime


_AGAIN = f"""
WITH {_MEANT}
SELECT line, machine, kind.label, count(*), max(raised_at)
FROM meant JOIN andon_callkind kind ON kind.code = kind_id
WHERE is_repeat AND period = 'now'
GROUP BY 1, 2, 3 ORDER BY 4 DESC, 5 DESC LIMIT 10
"""  # noqa: S608


def called_again(wanted: Wanted) -> list[Again]:
    """Where the remedy did not last, the worst first."""
    with connection.cursor() as cursor:
        cursor.execute(_AGAIN, _parameters(wanted))
        return [Again(*row) for row in cursor.fetchall()]
