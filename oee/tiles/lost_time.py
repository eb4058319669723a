"""Where the time of a shift went: from the clock to good parts, step by step."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Sum

from floor.models import Line
from floor.models.shifts import calendar
from oee.domain.clock import SECOND_MS, to_ms
from oee.domain.factors import Totals
from oee.domain.ledger import Kind
from oee.models import HourLoss, HourTotals, PlannedStop, Stop
from oee.setup import judging_of, loss_class, loss_classes
from oee.shift import MINOR_STOPS, NOT_CODED, SLOW_RUNNING, Loss, Shift
from oee.tiles.words import shift_of

DAYS = 7
SHOWN = 5
PAST = timedelta(days=4)


@dataclass(frozen=True, slots=True)
class Step:
    """One step down from elapsed time to good parts. `x` and `width` are per mille of the elapsed time.

    `kind` is sum for what is left after the losses above it, else the sort of loss. `kpi` names the evidence.
    """

    label: str
    kind: str  # sum | off | planned | stop | external | minor | slow | reject | nodata
    lost_s: float
    share: float | None
    x: float
    width: float
    count: int | None = None
    kpi: str = ""


@dataclass(frozen=True, slots=True)
class Cause:
    name: str
    lost_s: float
    stops: int


@dataclass(frozen=True, slots=True)
class Changeover:
    label: str
    starts_at: datetime
    expected_s: int | None
    took_s: float
    is_on: bool
    over_s: float | None  # beyond what was expected; below zero it was quicker


@dataclass(frozen=True, slots=True)
class LostTimeTile:
    line_code: str
    shift_label: str
    shift_start: datetime | None
    steps: tuple[Step, ...]
    top: tuple[Loss, ...]
    top_week: tuple[Loss, ...]
    causes: tuple[Cause, ...]
    changeovers: tuple[Changeover, ...]
    uncoded: int
    uncoded_s: float
    flags: tuple[str, ...]


def lost_time_tile(line: Line, now: datetime) -> LostTimeTile:
    shift = shift_of(line, now) or _last_shift(line, now)
    if shift is None or shift.machine is None:
        return LostTimeTile(line.code, "Not scheduled", None, (), (), (), (), (), 0, 0.0, ())
    return LostTimeTile(
        line_code=line.code,
        shift_label=shift.window.label(line.site.zone),
        shift_start=shift.window.starts_at,
        steps=tuple(steps(shift.totals)),
        top=tuple(shift.losses[:SHOWN]),
        top_week=tuple(_week(shift)),
        causes=tuple(_causes(shift)),
        changeovers=tuple(_changeovers(shift)),
        uncoded=len(shift.uncoded_ms),
        uncoded_s=sum(shift.uncoded_ms.values()) / SECOND_MS,
        flags=shift.flags,
    )


def _last_shift(line: Line, now: datetime) -> Shift | None:
    window = calendar(line).last_finished(now, within=PAST)
    return None if window is None else Shift(line, window, now)


# ---------------------------------------------------------------- the steps


def steps(totals: Totals) -> Iterable[Step]:
    """Each loss begins where what is left ends. Time without an ideal cycle ends at running."""
    whole = max(totals.calendar_ms - totals.off_shift_ms, 1)
    left = whole
    yield _sum("Shift so far", left, whole)
    rated = totals.unrated_made == 0 and totals.ideal_made_ms > 0
    slow, reject = totals.run_ms - totals.ideal_made_ms, totals.ideal_made_ms - totals.ideal_good_ms
    groups: tuple[tuple[str, str, tuple[tuple[str, str, int, int | None], ...]], ...] = (
        (
            "Planned to run",
            "",
            (
                ("Breaks", "planned", totals.break_ms, None),
                ("Nothing to make", "planned", totals.idle_ms, None),
                ("No data", "nodata", totals.no_data_ms, None),
            ),
        ),
        (
            "Running",
            "availability",
            (
                ("Planned stops", "planned", totals.planned_stop_ms, None),
                ("Changeover", "planned", totals.setup_ms, None),
                ("Unplanned stops", "stop", totals.stop_ms, totals.failures),
                ("Starved or blocked", "external", totals.external_stop_ms, None),
                (MINOR_STOPS, "minor", totals.minor_stop_ms, totals.minor_stops),
            ),
        ),
        ("At ideal speed", "performance", ((SLOW_RUNNING if slow >= 0 else "Faster than ideal", "slow", slow, None),)),
        ("Good parts", "quality", (("Rejects", "reject", reject, totals.rejected),)),
    )
    for name, kpi, losses in groups if rated else groups[:2]:
        for label, kind, ms, count in losses:
            if ms:
                yield _loss(label, kind, ms, left, whole, count)
                left -= ms
        yield _sum(name, left, whole, kpi)


def _sum(label: str, left: int, whole: int, kpi: str = "") -> Step:
    return Step(label, "sum", left / SECOND_MS, left / whole, 0.0, _mille(left, whole), None, kpi)


def _loss(label: str, kind: str, ms: int, left: int, whole: int, count: int | None) -> Step:
    low, high = sorted((left - ms, left))
    x = _mille(low, whole)
    return Step(label, kind, ms / SECOND_MS, ms / whole, x, _mille(high, whole) - x, count)


def _mille(ms: int, whole: int) -> float:
    return min(max(ms * 1000 / whole, 0.0), 1000.0)


# ---------------------------------------------------------------- the last seven days


def _week(shift: Shift) -> list[Loss]:
    """The largest losses of the last seven production days, this one included."""
    since = shift.window.work_date - timedelta(days=DAYS - 1)
    rows = HourLoss.objects.filter(line=shift.line, equipment=shift.machine, work_date__gte=since)
    rows = rows.exclude(kind=Kind.BREAK)
    sums = rows.values_list("kind", "reason__label").annotate(lost=Sum("lost_ms"), times=Sum("events"))
    found: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for kind, label, lost, times in sums:
        name = MINOR_STOPS if kind == Kind.MINOR else label or NOT_CODED
        found[name] = found[name][0] + lost, found[name][1] + times
    losses = [Loss(name, ms / SECOND_MS, times) for name, (ms, times) in found.items()]
    return sorted([*losses, *_slow_week(shift, since)], key=lambda loss: -loss.lost_s)[:SHOWN]


def _slow_week(shift: Shift, since: object) -> list[Loss]:
    rows = HourTotals.objects.filter(line=shift.line, equipment=shift.machine, work_date__gte=since)
    columns = ("run_ms", "ideal_made_ms", "unrated_made")
    sums = rows.exclude(shift_name="").aggregate(**{name: Sum(name) for name in columns})
    slow_ms = (sums["run_ms"] or 0) - (sums["ideal_made_ms"] or 0)
    return (
        []
        if sums["unrated_made"] or not sums["ideal_made_ms"] or slow_ms <= 0
        else [Loss(SLOW_RUNNING, slow_ms / SECOND_MS, 0)]
    )


# ---------------------------------------------------------------- who starved or blocked it


def _causes(shift: Shift) -> list[Cause]:
    blocks = [block for block in shift.blocks if block.kind is Kind.EXTERNAL and block.stop is not None]
    stops = Stop.objects.filter(pk__in={block.stop for block in blocks})
    names = dict(stops.values_list("pk", "caused_by__name"))
    lost: dict[str, int] = defaultdict(int)
    events: dict[str, set[object]] = defaultdict(set)
    for block in blocks:
        name = (names.get(block.stop) if block.stop else None) or "Outside the line"
        lost[name] += block.end - block.start
        events[name].add(block.stop)
    found = [Cause(name, ms / SECOND_MS, len(events[name])) for name, ms in lost.items()]
    return sorted(found, key=lambda cause: -cause.lost_s)


# ---------------------------------------------------------------- changeovers


def _changeovers(shift: Shift) -> list[Changeover]:
    rows = PlannedStop.objects.standing().touching(shift.window.starts_at, shift.window.ends_at)
    rows = rows.filter(line=shift.line, starts_at__lte=shift.now).select_related("reason").order_by("starts_at")
    classes, judging = loss_classes(), judging_of(shift.line)
    setups = [row for row in rows if loss_class(classes, judging, row.reason_id, to_ms(row.starts_at)) is Kind.SETUP]
    return [_changeover(row, shift.now) for row in setups]


def _changeover(row: PlannedStop, now: datetime) -> Changeover:
    is_on = row.ends_at is None or row.ends_at > now
    took = ((now if row.ends_at is None or is_on else row.ends_at) - row.starts_at).total_seconds()
    over = None if row.expected_s is None else took - row.expected_s
    return Changeover(row.reason.label, row.starts_at, row.expected_s, took, is_on, over)
