"""Totals and losses of many machines over many production days, added up by the database.

The one way in which hours are summed, for pages and for the API. One scan of the hour rows serves every part that is
asked for: periods, machines, shifts, teams, products, the week. Python gets a few hundred sums, however long the range.
Nothing here divides.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from floor.domain.shifts import ShiftWindow, hours
from floor.models import Line
from oee.domain.clock import MILLISECOND, from_ms, to_ms
from oee.domain.derive import schedule_of
from oee.domain.factors import FIELDS, Policy, Totals, added, total
from oee.domain.judging import Judging, Restated, Rule, Rules, Steps
from oee.domain.ledger import Track, ledger
from oee.models import LinePolicy, Restatement
from oee.setup import LONG_AGO, policies_of, reading


class Step(StrEnum):
    """What one period is: a length of time, or all the time with one product or in one job."""

    HOUR = "hour"
    SHIFT = "shift"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    PRODUCT = "product"
    JOB = "job"


class Part(StrEnum):
    """What may be asked for: sums by something, and what there was to filter by."""

    PERIODS = "periods"
    MACHINES = "machines"
    SERIES = "series"  # periods of each machine
    SHIFTS = "shifts"
    TEAMS = "teams"
    PRODUCTS = "products"  # by names that are offered
    JOBS = "jobs"
    POLICIES = "policies"
    WEEK = "week"
    BEFORE = "before"
    OFFERED = "offered"


@dataclass(frozen=True, slots=True)
class Days:
    """Production days, both included."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    @property
    def count(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def before(self) -> "Days":
        """As many days, ending the day before."""
        return Days(self.first - timedelta(days=self.count), self.first - timedelta(days=1))


class Stretch(NamedTuple):
    """What a line's range is in real time, half-open, and the machine that speaks for it."""

    line: UUID
    machine: UUID
    since: datetime
    until: datetime


class Judged(NamedTuple):
    """Hours of this line are judged by the policy with that number: those that began in [since, until), which was
    judged anew, or with `until` None those whose shifts began at `since` or later.

    A change of product or job cuts an hour into rows that begin later than it did. So `hour_since` and `hour_until` are
    the first full hours of the plant's clock at or after both moments: what begins before one belongs to an hour that
    did, unless a shift began inside that hour.
    """

    line: UUID
    policy: int
    since: datetime
    hour_since: datetime
    until: datetime | None = None
    hour_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """Which rows are meant. `shifts` None: all; else only those that begin at these moments.

    `speakers` are the machines whose totals are shown, one for each line; `others` are counted one by one beside them.
    `before` None: the same number of days before.
    """

    speakers: tuple[UUID, ...]
    days: Days
    parts: frozenset[Part]
    others: tuple[UUID, ...] = ()
    before: Days | None = None
    stretches: tuple[Stretch, ...] = ()
    step: Step = Step.DAY
    zone: str = "UTC"
    shifts: tuple[datetime, ...] | None = None
    shifts_before: tuple[datetime, ...] | None = None
    shift: str = ""
    team: str = ""
    product: str = ""
    job: str = ""  # its number
    judged: tuple[Judged, ...] = ()

    @property
    def is_narrowed(self) -> bool:
        """To some of the hours of its days."""
        return self.shifts is not None or bool(self.shift or self.team or self.product or self.job)


class Key(NamedTuple):
    """One row of a comparison: what it is called in addresses, and in words."""

    code: str
    label: str = ""


class Period(NamedTuple):
    """`key` is the first day of the period in ISO 8601, with the shift's name behind it in a trend by shift; of a
    product or a job it is the number (empty: no job ran). `began_at` is the shift's or the hour's beginning, else that
    of its first row."""

    key: str
    began_at: datetime


@dataclass(slots=True)
class Sums:
    """What was not asked for is empty."""

    before: Totals = field(default_factory=Totals)
    periods: dict[Period, Totals] = field(default_factory=dict)
    machines: dict[UUID, Totals] = field(default_factory=dict)
    series: dict[UUID, dict[Period, Totals]] = field(default_factory=lambda: defaultdict(dict))
    shifts: dict[Key, Totals] = field(default_factory=dict)
    teams: dict[Key, Totals] = field(default_factory=dict)
    products: dict[Key, Totals] = field(default_factory=dict)
    jobs: dict[Key, Totals] = field(default_factory=dict)  # the one that began first is first; no code: none ran
    policies: dict[int, Totals] = field(default_factory=dict)
    week: dict[tuple[int, int], Totals] = field(default_factory=dict)  # by (weekday, hour), Monday 0
    offered: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))  # what could be filtered by

    @property
    def whole(self) -> Totals:
        """Of the machines that speak for their lines; periods have to be asked for."""
        return added(self.periods.values())


# ---------------------------------------------------------------- totals

SUMS = ", ".join(f"sum({name})::bigint" for name in FIELDS)
NOTHING = ", ".join("NULL::bigint" for _ in FIELDS)
COLUMNS = ", ".join(f"h.{name}" for name in FIELDS)
FIRST_DAYS = {
    Step.WEEK: "date_trunc('week', h.work_date)::date",
    Step.MONTH: "date_trunc('month', h.work_date)::date",
}
MOMENTS = {Step.HOUR: "h.starts_at", Step.SHIFT: "h.shift_starts_at"}
# What rows are grouped by, in the order in which a row of sums tells it.
KEYS = {
    "day": "date",
    "moment": "timestamptz",
    "equipment_id": "uuid",
    "line_id": "uuid",
    "shift_name": "text",
    "team": "text",
    "product_number": "int",
    "job_id": "uuid",
    "judged": "int",
    "weekday": "int",
    "clock": "int",
}
# What makes a period; two lines whose shifts begin at other times share it.
PERIOD_KEYS: dict[Step, tuple[str, ...]] = {
    Step.SHIFT: ("day", "shift_name"),
    Step.PRODUCT: ("product_number",),
    Step.JOB: ("job_id",),
}
PART_KEYS = {
    Part.MACHINES: ("equipment_id",),
    Part.SHIFTS: ("shift_name",),
    Part.TEAMS: ("team",),
    Part.PRODUCTS: ("line_id", "product_number"),
    Part.JOBS: ("job_id",),
    Part.POLICIES: ("judged",),
    Part.WEEK: ("weekday", "clock"),
}
OF_OTHERS, OF_BEFORE, OF_NAMES, OF_JOBS = -1, -2, -3, -4  # what GROUPING never says

# 30 days of 20 lines: one scan of hours_of_machine or hours_by_day and one hash aggregate over 14 400 rows. Every row
# goes to every set, so only what is asked for is one; and the sets are small (a month has 30 days, 20 machines and 168
# hours of the week), so they stay in the processor's cache, which 1 800 cells of all keys together do not.
TOTALS = """
WITH hours AS (
    SELECT {columns}, {of_rows}, {begins} AS begins FROM oee_hourtotals h
    WHERE h.equipment_id = ANY(%(speakers)s) AND h.work_date BETWEEN %(first)s AND %(last)s AND {fits}
)
SELECT GROUPING({grouped}), min(begins), {keys}, NULL::text, NULL::text, {sums}
FROM hours GROUP BY GROUPING SETS ({sets})
"""
OTHERS = """
UNION ALL
SELECT {what}, NULL, {keys}, NULL, NULL, {sums} FROM oee_hourtotals h
WHERE h.equipment_id = ANY(%(others)s) AND h.work_date BETWEEN %(first)s AND %(last)s AND {fits} GROUP BY h.equipment_id
"""
BEFORE = """
UNION ALL
SELECT {what}, NULL, {keys}, NULL, NULL, {sums} FROM oee_hourtotals h
WHERE h.equipment_id = ANY(%(speakers)s) AND h.work_date BETWEEN %(before_first)s AND %(before_last)s AND {fits_before}
HAVING count(*) > 0
"""
NAMES = """
UNION ALL
SELECT {what}, NULL, {keys}, coalesce(p.code, '#' || h.product_number), p.name, {nothing} FROM (
    SELECT line_id, shift_name, team, product_number FROM oee_hourtotals
    WHERE equipment_id = ANY(%(speakers)s) AND work_date BETWEEN %(first)s AND %(last)s
    GROUP BY GROUPING SETS ((shift_name), (team), (line_id, product_number))
) h
LEFT JOIN floor_productnumber n ON n.line_id = h.line_id AND n.number = h.product_number
LEFT JOIN floor_product p ON p.id = n.product_id
"""
JOBS = """
UNION ALL
SELECT {what}, h.begins, {keys}, j.number, p.name, {nothing} FROM (
    SELECT job_id, min(starts_at) AS begins FROM oee_hourtotals
    WHERE equipment_id = ANY(%(speakers)s) AND work_date BETWEEN %(first)s AND %(last)s GROUP BY job_id
) h
JOIN floor_job j ON j.id = h.job_id
JOIN floor_product p ON p.id = j.product_id
"""


class _Row(NamedTuple):
    what: int
    began_at: datetime
    day: date
    moment: datetime | None
    equipment_id: UUID
    line_id: UUID
    shift_name: str | None
    team: str | None
    product_number: int
    job_id: UUID | None
    judged: int
    weekday: int
    clock: int
    code: str
    words: str | None
    totals: Totals


TOLD = len(_Row._fields) - 1


def _row(*values: Any) -> _Row:
    return _Row._make((*values[:TOLD], Totals(*values[TOLD:])))


def sums(scope: Scope) -> Sums:
    sets = {part: keys for part in Part if part in scope.parts and (keys := _keys_of(part, scope.step))}
    grouped = [key for key in KEYS if any(key in keys for keys in sets.values())]
    what = {_mask(keys, grouped): part for part, keys in sets.items()}
    rows = [_row(*values) for values in _rows(_totals(scope, sets, grouped), _named(scope))]
    found = Sums()
    names = _Names(
        _offer(found, [row for row in rows if row.what == OF_NAMES]),
        _jobs(row for row in rows if row.what == OF_JOBS),
    )
    for row in rows:
        if row.what >= 0:
            _place(found, what[row.what], row, scope.step, names)
        elif row.what == OF_OTHERS:
            found.machines[row.equipment_id] = row.totals
        elif row.what == OF_BEFORE:
            found.before = row.totals
    found.periods = dict(sorted(found.periods.items(), key=lambda item: item[0].began_at))
    found.jobs = {key: found.jobs[key] for key in names.jobs.values() if key in found.jobs}
    return found


def _keys_of(part: Part, step: Step) -> tuple[str, ...]:
    """Of a set of its own; nothing for what is found otherwise."""
    of_period = PERIOD_KEYS.get(step, ("day",))
    if part is Part.PERIODS:
        return of_period
    if part is Part.SERIES:
        return ("equipment_id", *of_period, *(("moment",) if step in MOMENTS else ()))
    return PART_KEYS.get(part, ())


def _mask(keys: Iterable[str], grouped: Sequence[str]) -> int:
    """What GROUPING says of a row of this set: a bit for every column that is summed over, the last the lowest."""
    return sum(1 << place for place, key in enumerate(reversed(grouped)) if key not in keys)


def _totals(scope: Scope, sets: Mapping[Part, Sequence[str]], grouped: Sequence[str]) -> str:
    of_rows = {
        "day": FIRST_DAYS.get(scope.step, "h.work_date"),
        "moment": MOMENTS.get(scope.step, "h.starts_at"),
        "judged": _judged(scope.judged),
        "weekday": "date_part('isodow', h.work_date)::int - 1",
        "clock": "date_part('hour', h.starts_at AT TIME ZONE %(zone)s)::int",
    }
    fits = _fits(scope, "shifts")
    statement = TOTALS.format(
        columns=COLUMNS,
        of_rows=", ".join(f"{of_rows.get(key, f'h.{key}')} AS {key}" for key in grouped),
        begins="coalesce(h.shift_starts_at, h.starts_at)" if scope.step is Step.SHIFT else "h.starts_at",
        fits=fits,
        grouped=", ".join(grouped),
        keys=_told(grouped),
        sums=SUMS,
        sets=", ".join(f"({', '.join(keys)})" for keys in sets.values()),
    )
    if scope.others and Part.MACHINES in scope.parts:
        statement += OTHERS.format(what=OF_OTHERS, keys=_told(["equipment_id"]), sums=SUMS, fits=fits)
    if Part.BEFORE in scope.parts:
        statement += BEFORE.format(what=OF_BEFORE, keys=_told([]), sums=SUMS, fits_before=_fits(scope, "shifts_before"))
    if Part.JOBS in scope.parts or scope.step is Step.JOB:
        statement += JOBS.format(what=OF_JOBS, keys=_told(["job_id"], "h."), nothing=NOTHING)
    if Part.OFFERED in scope.parts:
        named = ("line_id", "shift_name", "team", "product_number")
        statement += NAMES.format(what=OF_NAMES, keys=_told(named, "h."), nothing=NOTHING)
    return statement


def _told(these: Collection[str], of: str = "") -> str:
    return ", ".join(f"{of}{key}" if key in these else f"NULL::{kind}" for key, kind in KEYS.items())


class _Names(NamedTuple):
    """Of products, by line and number, and of jobs, the one that began first first; None: none ran."""

    products: Mapping[tuple[UUID, int], Key]
    jobs: Mapping[UUID | None, Key]


def _jobs(rows: Iterable[_Row]) -> dict[UUID | None, Key]:
    in_order = sorted(rows, key=lambda row: (row.began_at, row.code))
    return {None: Key(""), **{row.job_id: Key(row.code, row.words or "") for row in in_order}}


def _offer(found: Sums, rows: Iterable[_Row]) -> dict[tuple[UUID, int], Key]:
    """What there was to filter by; products by line and number."""
    products = {}
    for row in rows:
        if row.code is not None:
            products[row.line_id, row.product_number] = Key(row.code, row.words or "")
            found.offered["product"][row.code] = row.words or row.code
        elif name := row.shift_name or row.team:
            found.offered["team" if row.shift_name is None else "shift"][name] = name
    return products


def _place(found: Sums, part: Part, row: _Row, step: Step, names: _Names) -> None:
    match part:
        case Part.PERIODS:
            found.periods[_period(row, step, names)] = row.totals
        case Part.SERIES:
            found.series[row.equipment_id][_period(row, step, names)] = row.totals
        case Part.MACHINES:
            found.machines[row.equipment_id] = row.totals
        case Part.SHIFTS:
            found.shifts[Key(row.shift_name or "")] = row.totals
        case Part.TEAMS:
            found.teams[Key(row.team or "")] = row.totals
        case Part.PRODUCTS:
            _add(found.products, names.products[row.line_id, row.product_number], row.totals)
        case Part.JOBS:
            found.jobs[names.jobs[row.job_id]] = row.totals
        case Part.POLICIES:
            found.policies[row.judged] = row.totals
        case Part.WEEK:
            found.week[row.weekday, row.clock] = row.totals


def _period(row: _Row, step: Step, names: _Names) -> Period:
    if step is Step.PRODUCT:
        return Period(str(row.product_number), row.began_at)
    if step is Step.JOB:
        return Period(names.jobs[row.job_id].code, row.began_at)
    key = f"{row.day} {row.shift_name}" if step is Step.SHIFT else str(row.day)
    return Period(key, row.moment or row.began_at)


def _fits(scope: Scope, shifts: str) -> str:
    """The condition on an hour row `h` that keeps what the scope is narrowed to."""
    kept = []
    if getattr(scope, shifts) is not None:
        kept.append(f"h.shift_starts_at = ANY(%({shifts})s)")
    if scope.shift:
        kept.append("h.shift_name = %(shift)s")
    if scope.team:
        kept.append("h.team = %(team)s")
    if scope.product.startswith("#"):
        kept.append("h.product_number::text = substr(%(product)s, 2)")
    elif scope.product:
        kept.append(
            "(h.line_id, h.product_number) IN (SELECT n.line_id, n.number FROM floor_productnumber n"
            " JOIN floor_product p ON p.id = n.product_id WHERE p.code = %(product)s)"
        )
    if scope.job:
        kept.append("h.job_id = (SELECT id FROM floor_job WHERE number = %(job)s)")
    return f"coalesce({' AND '.join(kept)}, false)" if kept else "true"


def _judged(steps: Sequence[Judged]) -> str:
    """The number of the policy by which an hour row `h` was judged; the first step that fits holds."""
    if not steps:
        return "0"
    cases = " ".join(f"WHEN h.line_id = %(judged_line_{n})s AND {_holds(n, step)}" for n, step in enumerate(steps))
    return f"CASE {cases} ELSE 0 END"


def _holds(n: int, step: Judged) -> str:
    by_shift, by_hour = f"h.shift_starts_at >= %(judged_since_{n})s", f"h.starts_at >= %(judged_hour_since_{n})s"
    if step.until is None:
        return f"coalesce({by_shift}, {by_hour}) THEN {step.policy}"
    ended = f"h.starts_at < %(judged_hour_until_{n})s AND coalesce(h.shift_starts_at < %(judged_until_{n})s, true)"
    return f"({by_shift} OR {by_hour}) AND {ended} THEN {step.policy}"


def _named(scope: Scope) -> dict[str, Any]:
    named: dict[str, Any] = {
        "speakers": list(scope.speakers),
        "others": list(scope.others),
        "first": scope.days.first,
        "last": scope.days.last,
        "before_first": (scope.before or scope.days.before).first,
        "before_last": (scope.before or scope.days.before).last,
        "zone": scope.zone,
        "shifts": list(scope.shifts or ()),
        "shifts_before": list(scope.shifts_before or ()),
        "shift": scope.shift,
        "team": scope.team,
        "product": scope.product,
        "job": scope.job,
        "lines": [stretch.line for stretch in scope.stretches],
        "of_lines": [stretch.machine for stretch in scope.stretches],
        "sinces": [stretch.since for stretch in scope.stretches],
        "untils": [stretch.until for stretch in scope.stretches],
        "earliest": min((stretch.since for stretch in scope.stretches), default=LONG_AGO),
        "latest": max((stretch.until for stretch in scope.stretches), default=LONG_AGO),
    }
    for n, step in enumerate(scope.judged):
        named |= {f"judged_{name}_{n}": value for name, value in step._asdict().items()}
    return named


def _rows(statement: str, named: Mapping[str, Any]) -> Iterable[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, named)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


# ---------------------------------------------------------------- what nobody saw


class Silence(NamedTuple):
    """The shifts of a line inside [start, end), in which its machine was not heard of: there are no rows yet."""

    line: UUID
    machine: UUID
    windows: tuple[ShiftWindow, ...]
    start: datetime
    end: datetime
    rules: Rules


class UnseenHour(NamedTuple):
    """What is unseen of the hour of a shift that begins then; `spot` is its weekday and clock hour."""

    begins: int
    spot: tuple[int, int]
    totals: Totals

    def judged(self, rules: Rules, window: ShiftWindow) -> tuple[Policy, Totals]:
        policy = rules.policy(self.begins, to_ms(window.starts_at))
        return policy, self.totals.judged(policy)


def add_unseen(found: Sums, scope: Scope, silences: Iterable[Silence], policies: Sequence[Policy]) -> None:
    """Account for silences as the rows will once data arrive again: NO DATA, or a break."""
    zone = ZoneInfo(scope.zone)
    keys = {period.key: period for period in found.periods}
    hourly: dict[tuple[datetime, datetime], list[UnseenHour]] = {}
    for silence in silences:
        for window in silence.windows:
            if not _is_meant(scope, window):
                continue
            start, end = max(window.starts_at, silence.start), min(window.ends_at, silence.end)
            if (start, end) not in hourly:
                hourly[start, end] = list(_unseen_hours(window, start, end, zone))
            unseen = [hour.judged(silence.rules, window) for hour in hourly[start, end]]
            for hour, (_, totals) in zip(hourly[start, end], unseen, strict=True):
                _add(found.week, hour.spot, totals)
            whole = added(totals for _, totals in unseen)
            key = _period_key(scope.step, window)
            period = keys.setdefault(key, Period(key, window.starts_at))
            _add(found.periods, period, whole)
            _add(found.machines, silence.machine, whole)
            if Part.SHIFTS in scope.parts:
                _add(found.shifts, Key(window.name), whole)
            if Part.TEAMS in scope.parts:
                _add(found.teams, Key(window.team), whole)
            if Part.POLICIES in scope.parts:
                for policy, totals in unseen:
                    _add(found.policies, policies.index(policy) if policy in policies else 0, totals)
    found.periods = dict(sorted(found.periods.items(), key=lambda item: item[0].began_at))


def _is_meant(scope: Scope, window: ShiftWindow) -> bool:
    if scope.product or scope.job or (scope.shifts is not None and window.starts_at not in scope.shifts):
        return False
    return window.work_date in scope.days and scope.shift in ("", window.name) and scope.team in ("", window.team)


def _unseen_hours(window: ShiftWindow, start: datetime, end: datetime, zone: ZoneInfo) -> Iterable[UnseenHour]:
    schedule = schedule_of([window])
    for since, until in hours(zone, start, end):
        low, high = to_ms(max(since, start)), to_ms(min(until, end))
        spot = window.work_date.weekday(), since.astimezone(zone).hour
        begins = to_ms(max(since, window.starts_at))
        yield UnseenHour(begins, spot, total(ledger([], schedule, Track(()), low, high)))


def _period_key(step: Step, window: ShiftWindow) -> str:
    day = window.work_date
    match step:
        case Step.SHIFT:
            return f"{day} {window.name}"
        case Step.WEEK:
            return str(day - day.weekday() * timedelta(days=1))
        case Step.MONTH:
            return str(day.replace(day=1))
    return str(day)


K = TypeVar("K")


def _add(sums: dict[K, Totals], key: K, more: Totals) -> None:
    sums[key] = sums[key] + more if key in sums else more


# ---------------------------------------------------------------- losses


class Lost(NamedTuple):
    """Standstill of one sort and reason; `reason` None: nobody has given one."""

    kind: str
    reason: str | None
    label: str
    group: str
    lost_ms: int
    events: int


class Culprit(NamedTuple):
    """A machine that starved or blocked others: stops that began in the range, their whole length."""

    code: str
    name: str
    lost_ms: int
    stops: int


class Planned(NamedTuple):
    """Planned stops of one reason that began in the range and were given a length; `took_ms` as the ledger has it."""

    reason: str
    label: str
    expected_ms: int
    took_ms: int
    stops: int
    longer: int  # how many of them took longer than planned


@dataclass(frozen=True, slots=True)
class Losses:
    reasons: tuple[Lost, ...]
    culprits: tuple[Culprit, ...]
    planned: tuple[Planned, ...]


# By losses_of_machine; machines and days are said of the hours too, so that no plan reads those of other days first.
LOST = """
SELECT {keys}, sum(l.lost_ms)::bigint AS lost_ms, sum(l.events)::bigint AS events
FROM oee_hourloss l {hours}
WHERE l.equipment_id = ANY(%(speakers)s) AND l.work_date BETWEEN %(first)s AND %(last)s AND {fits}
GROUP BY {keys}
"""
THEIR_HOURS = (
    "JOIN oee_hourtotals h ON h.equipment_id = l.equipment_id AND h.starts_at = l.starts_at"
    " AND h.equipment_id = ANY(%(speakers)s) AND h.work_date BETWEEN %(first)s AND %(last)s"
)
REASONS = """
SELECT 'reason', kind, reason_id, r.label, r."group", lost_ms, events, 0, 0
FROM ({lost}) reasons LEFT JOIN oee_stopreason r ON r.code = reason_id
"""
# Stops by stop_with_culprit and planned stops by plannedstop_time, both between two constants, because lines mostly
# share their days; each planned stop with the entries of its own, added up once. Past the time for which details are
# kept a planned stop took as long as people said.
STOPS = """
WITH meant AS (
    SELECT * FROM unnest(%(lines)s::uuid[], %(of_lines)s::uuid[], %(sinces)s::timestamptz[], %(untils)s::timestamptz[])
        AS m(line_id, equipment_id, since, until)
), culprits AS (
    SELECT s.caused_by_id, count(*) AS stops,
        sum(extract(epoch FROM coalesce(s.ended_at, %(now)s) - s.started_at) * 1000)::bigint AS lost_ms
    FROM oee_stop s JOIN meant m ON s.line_id = m.line_id AND s.started_at >= m.since AND s.started_at < m.until
    WHERE s.equipment_id = ANY(%(speakers)s) AND s.started_at >= %(earliest)s AND s.started_at < %(latest)s
        AND s.kind IN ('failure', 'external') AND NOT s.is_minor AND s.caused_by_id IS NOT NULL AND {stop_fits}
    GROUP BY s.caused_by_id
), planned AS MATERIALIZED (
    SELECT s.reason_id, s.expected_s * 1000 AS expected_ms, coalesce(
        (SELECT sum(extract(epoch FROM e.ended_at - e.started_at) * 1000) FROM oee_ledgerentry e
         WHERE e.planned_stop_id = s.id AND e.equipment_id = m.equipment_id),
        extract(epoch FROM s.ends_at - s.starts_at) * 1000)::bigint AS took_ms
    FROM (SELECT *, starts_at AS started_at FROM oee_plannedstop) s
        JOIN meant m ON s.line_id = m.line_id AND s.starts_at >= m.since AND s.starts_at < m.until
    WHERE s.starts_at >= %(earliest)s AND s.starts_at < %(latest)s
        AND s.withdrawn_at IS NULL AND s.ends_at IS NOT NULL AND s.expected_s IS NOT NULL AND {planned_fits}
)
{reasons}
UNION ALL
SELECT 'culprit', '', c.code, c.name, '', lost_ms, stops, 0, 0
FROM culprits JOIN floor_equipment c ON c.id = caused_by_id
UNION ALL
SELECT 'planned', '', reason_id, r.label, '', sum(expected_ms)::bigint, sum(took_ms)::bigint, count(*),
    count(*) FILTER (WHERE took_ms > expected_ms)
FROM planned JOIN oee_stopreason r ON r.code = reason_id GROUP BY reason_id, r.label
"""
# Hours do not overlap: the last that began is the only one that can hold the moment, and the first of its index.
BEGAN_IN_HOUR = """EXISTS (
    SELECT 1 FROM (
        SELECT * FROM oee_hourtotals of_it WHERE of_it.equipment_id = {machine} AND of_it.starts_at <= s.started_at
        ORDER BY of_it.starts_at DESC LIMIT 1
    ) h WHERE h.ends_at > s.started_at AND h.work_date BETWEEN %(first)s AND %(last)s AND {fits})"""


def losses(scope: Scope, now: datetime) -> Losses:
    fits = _fits(scope, "shifts")
    began = {
        name: BEGAN_IN_HOUR.format(machine=machine, fits=fits) if scope.is_narrowed else "true"
        for name, machine in (("stop_fits", "s.equipment_id"), ("planned_fits", "m.equipment_id"))
    }
    rows = list(_rows(STOPS.format(reasons=_reasons(scope), **began), _named(scope) | {"now": now}))
    culprits = [Culprit(*row[2:4], *row[5:7]) for row in rows if row[0] == "culprit"]
    planned = [Planned(*row[2:4], *row[5:9]) for row in rows if row[0] == "planned"]
    return Losses(
        _largest_first(rows),
        tuple(sorted(culprits, key=lambda culprit: (-culprit.lost_ms, culprit.code))),
        tuple(sorted(planned, key=lambda planned: (-planned.took_ms, planned.label))),
    )


def lost(scope: Scope) -> tuple[Lost, ...]:
    """By reason alone, largest first."""
    return _largest_first(_rows(_reasons(scope), _named(scope)))


def lost_by_day(scope: Scope) -> list[tuple[date, str, int, int]]:
    """(production day, kind, lost_ms, events)."""
    return [(row[0], row[1], row[2], row[3]) for row in _rows(_lost(scope, "l.work_date, l.kind"), _named(scope))]


def _reasons(scope: Scope) -> str:
    return REASONS.format(lost=_lost(scope, "l.kind, l.reason_id"))


def _lost(scope: Scope, keys: str) -> str:
    return LOST.format(keys=keys, hours=THEIR_HOURS if scope.is_narrowed else "", fits=_fits(scope, "shifts"))


def _largest_first(rows: Iterable[tuple[Any, ...]]) -> tuple[Lost, ...]:
    found = [Lost(row[1], row[2], row[3] or "", row[4] or "", row[5], row[6]) for row in rows if row[0] == "reason"]
    return tuple(sorted(found, key=lambda lost: (-lost.lost_ms, lost.kind, lost.label)))


# ---------------------------------------------------------------- by what was judged


class Judgement(NamedTuple):
    """The policies that judged some lines; `steps` say which when, and are empty where there is only one."""

    policies: tuple[Policy, ...]
    steps: tuple[Judged, ...]
    rules: dict[UUID, Rules]


def judgement(lines: Sequence[Line], stretches: Sequence[Stretch], restatements: Sequence[Restatement]) -> Judgement:
    """`restatements` of these lines, in the order in which they were made. Ask inside a glance: it needs policies."""
    by_id = {line.id: line for line in lines}
    of_line = {key: [one for one in restatements if one.line_id == key] for key in by_id}
    rules = {stretch.line: _rules(by_id[stretch.line], of_line[stretch.line]) for stretch in stretches}
    found = [step for one in stretches for step in _steps(one, rules[one.line].steps, of_line[one.line])]
    policies = tuple(dict.fromkeys(step.policy for step in found))
    if len(policies) < 2:
        return Judgement(policies or (Policy(),), (), rules)
    numbered = (_numbered(step, policies.index(step.policy), by_id[step.line].site.zone) for step in found)
    return Judgement(policies, tuple(numbered), rules)


def _numbered(step: "_Step", policy: int, zone: ZoneInfo) -> Judged:
    until, hour_until = step.until, None if step.until is None else _full_hour(zone, step.until)
    return Judged(step.line, policy, step.since, _full_hour(zone, step.since), until, hour_until)


def _full_hour(zone: ZoneInfo, moment: datetime) -> datetime:
    """The first hour of the plant's clock that begins at or after `moment`."""
    since, until = next(hours(zone, moment, moment + MILLISECOND))
    return since if since == moment else until


def _rules(line: Line, restatements: Iterable[Restatement]) -> Rules:
    steps = [(to_ms(policy.valid_from), Rule(0, reading(policy))) for policy in policies_of(line)]
    made = [Restated(to_ms(one.starts_at), to_ms(one.ends_at), to_ms(one.as_of)) for one in restatements]
    return Rules(Steps(steps, Rule(0, reading(LinePolicy(line=line)))), Judging(made))


class _Step(NamedTuple):
    line: UUID
    policy: Policy
    since: datetime
    until: datetime | None


def _steps(stretch: Stretch, steps: Steps[Rule], restatements: Sequence[Restatement]) -> Iterable[_Step]:
    """What holds in a stretch, in the order in which it is asked: what was judged anew, the last time first, then the
    policies in force, the latest first."""
    for one in reversed(restatements):
        if one.starts_at < stretch.until and one.ends_at > stretch.since:
            policy = steps.at(to_ms(one.as_of)).policy
            yield _Step(stretch.line, policy, from_ms(to_ms(one.starts_at)), from_ms(to_ms(one.ends_at)))
    start, end = to_ms(stretch.since), to_ms(stretch.until)
    for moment in sorted((edge for edge in steps.edges() if start < edge < end), reverse=True):
        yield _Step(stretch.line, steps.at(moment).policy, from_ms(moment), None)
    yield _Step(stretch.line, steps.at(start).policy, LONG_AGO, None)
