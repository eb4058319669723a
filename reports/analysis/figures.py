"""The blocks of an analysis. Each is read and added up when it is first asked for; ratios are taken last."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, reduce
from operator import or_
from typing import Any, NamedTuple, cast
from uuid import UUID

from django.db.models import Case, Count, Exists, F, OuterRef, Q, Subquery, Sum, Value, When
from django.urls import NoReverseMatch, reverse

from andon.models import Call, CallQuerySet
from floor.models import Equipment, Line, ProductNumber
from oee import analysis as oee
from oee.analysis import Key, Lost, Period, Step, Sums
from oee.charts import comparison as comparing
from oee.charts import heat as heating
from oee.charts import pareto as ranking
from oee.charts import timeline as drawing
from oee.charts import trend as trending
from oee.charts import waterfall as falling
from oee.domain.factors import Factors, Ratio, Totals, factors
from oee.domain.kpis import BY_CODE, Targets, rating
from oee.domain.ledger import Kind, Ledger
from oee.domain.limits import limits
from oee.domain.losses import Factor, Waterfall, together, waterfall
from oee.domain.readings import company
from oee.domain.reasons import OTHER
from oee.models import HourTotals, LedgerEntry, LinePolicy, Restatement, Stop
from oee.setup import policies_of
from reports.analysis.asked import ZOOMS, Asked, Span

UNCODED_KINDS = (Kind.FAILURE, Kind.EXTERNAL)
NUMBER = re.compile(r"-?[0-9]{1,9}")
CAUSES_SHOWN = 10
STOPS_LISTED = 60
LANES = 8
MOST_JOBS = 40
WHOLE_STOP = "whole stop"  # is no state of a ledger
NOT_CODED, MINOR, SLOW = "Not coded", "Minor stops", "Slow running"
FACTORS = ("oee", "availability", "performance", "quality")
KIND_WORDS = {
    Kind.FAILURE: "Unplanned stops",
    Kind.EXTERNAL: "Starved or blocked",
    Kind.MINOR: "Minor stops",
    Kind.SETUP: "Setup and changeover",
    Kind.PLANNED: "Planned stops",
    Kind.IDLE: "Nothing to make",
}


class Figure(NamedTuple):
    """One ratio with its evidence, that of the period before, and what it should be (None: no one target)."""

    code: str
    name: str
    words: str
    now: Ratio
    before: Ratio
    target: float | None
    is_by_parts: bool

    @property
    def change(self) -> float | None:
        return None if self.now.value is None or self.before.value is None else self.now.value - self.before.value

    @property
    def misses(self) -> bool:
        return self.target is not None and self.now.value is not None and self.now.value < self.target


class Share(NamedTuple):
    label: str
    lost_ms: int
    events: int
    share: float | None  # of planned time


class Coded(NamedTuple):
    """How much of the lost time and of the stops has been explained."""

    stops: Ratio
    time: Ratio
    other: Ratio  # explained as “other”, of what was explained


class Reliable(NamedTuple):
    line: str
    machine: Equipment
    totals: Totals
    answered: int
    waited_ms: int

    @property
    def mtbf(self) -> Ratio:
        return Ratio(self.totals.operating_ms, self.totals.failures or None)

    @property
    def mttr(self) -> Ratio:
        return Ratio(self.totals.stop_ms, self.totals.failures or None)

    @property
    def mtta(self) -> Ratio:
        return Ratio(self.waited_ms, self.answered or None)


class Happened(NamedTuple):
    """One stretch of a ledger, or (`state` WHOLE_STOP) a stop as it is listed."""

    machine: UUID
    started_at: datetime
    ended_at: datetime | None
    state: str
    kind: str
    stop: Any
    reason: str | None
    proposed: str  # what a stop without a reason is taken for

    @property
    def is_whole_stop(self) -> bool:
        return self.state == WHOLE_STOP


class ListedStop(NamedTuple):
    line: str
    started_at: datetime
    ended_at: datetime | None
    seconds: float
    text: str
    is_uncoded: bool
    href: str


@dataclass(frozen=True, slots=True)
class Losses:
    chart: falling.Waterfall
    found: Waterfall
    planned_ms: int

    @property
    def difference_ms(self) -> int:
        """Planned time as stored against every loss and what is left: always 0."""
        return self.planned_ms - self.found.planned_ms + self.found.remainder_ms


@dataclass(frozen=True, slots=True)
class Timeline:
    chart: drawing.Timeline
    stops: tuple[ListedStop, ...]
    left_out: int
    lines_left_out: int
    start: datetime
    end: datetime
    hours: int
    is_zoomed: bool
    narrower: int | None
    wider: int | None
    earlier: datetime | None
    later: datetime | None


class Analysis:
    def __init__(self, asked: Asked) -> None:
        self.asked = asked

    # ------------------------------------------------------------ what everything is made of

    @cached_property
    def sums(self) -> Sums:
        found = oee.sums(self.asked.scope)
        oee.add_unseen(found, self.asked.scope, self.asked.silences, self.asked.judgement.policies)
        return found

    @cached_property
    def lost(self) -> oee.Losses:
        return oee.losses(self.asked.scope, self.asked.now)

    def read(self, totals: Totals) -> Totals:
        """As the standard that was asked for judges it; else as it was judged."""
        return totals if self.asked.reading is None else totals.judged(self.asked.reading)

    @cached_property
    def whole(self) -> Totals:
        return self.read(self.sums.whole)

    @property
    def completeness(self) -> float | None:
        return completeness(self.whole)

    @cached_property
    def is_empty(self) -> bool:
        return self.whole.calendar_ms == 0

    @cached_property
    def flags(self) -> tuple[str, ...]:
        return factors(self.whole).flags

    @cached_property
    def restatements(self) -> list[Restatement]:
        """Stretches of these lines and days that somebody judged anew."""
        stretches = {stretch.line: stretch for stretch in self.asked.stretches}
        return [
            one
            for one in self.asked.every_restatement
            if (stretch := stretches.get(one.line_id)) and one.starts_at < stretch.until and one.ends_at > stretch.since
        ]

    @cached_property
    def offered(self) -> list[tuple[str, str, list[tuple[str, str]]]]:
        """(name, words, choices) of what can be filtered by: what there was in these days."""
        return [
            (name, name.capitalize(), sorted((key, words) for key, words in self.sums.offered[name].items()))
            for name in ("shift", "team", "product")
        ]

    # ------------------------------------------------------------ 1 now and before

    @cached_property
    def figures(self) -> tuple[Figure, ...]:
        now, before = factors(self.whole), factors(self.read(self.sums.before))
        return tuple(
            Figure(
                name,
                BY_CODE[name].name,
                BY_CODE[name].words,
                getattr(now, name),
                getattr(before, name),
                self.target(name),
                is_by_parts=name == "quality" and self.whole.unrated_made > 0,
            )
            for name in FACTORS
        )

    @property
    def rating(self) -> str | None:
        return rating(factors(self.whole).oee.exact)

    @cached_property
    def targets(self) -> dict[UUID, Targets]:
        """Of each line, by the policy in force at the end of the range."""
        return {line.id: _targets(self._policy(line)) for line in self.asked.lines}

    def _policy(self, line: Line) -> LinePolicy:
        span = self.asked.spans.get(line)
        end = self.asked.now if span is None else min(span.until, self.asked.now)
        in_force = [policy for policy in policies_of(line) if policy.valid_from <= end]
        return in_force[-1] if in_force else LinePolicy(line=line)

    def target(self, name: str) -> float | None:
        """None when the lines do not agree."""
        held = {getattr(targets, name) for targets in self.targets.values()}
        return float(held.pop()) if len(held) == 1 else None

    # ------------------------------------------------------------ 2 losses

    @cached_property
    def losses(self) -> Losses:
        found = self._waterfall
        return Losses(_falling(found), found, self.whole.busy_ms)

    @property
    def _waterfall(self) -> Waterfall:
        if self.asked.reading is not None:
            return waterfall(self.whole, self.asked.reading)
        policies = self.asked.judgement.policies
        parts = sorted(self.sums.policies.items()) or [(0, self.whole)]
        return together([waterfall(totals, company(policies[number])) for number, totals in parts])

    # ------------------------------------------------------------ 3 timeline

    @cached_property
    def timeline(self) -> Timeline | None:
        if not self.asked.has_timeline:
            return None
        start, end = self._window
        speakers = [one for one in self.asked.speakers if one.line in self.asked.spans]
        shown = speakers[:LANES]
        rows = _what_happened(shown, start, end)
        lanes = self._lanes(shown, rows)
        lines = {machine.id: machine.line.code for machine in shown}
        listed = [self._listed(lines[row.machine], row) for row in reversed(rows) if row.is_whole_stop]
        since, until = self._reach
        hours = round((end - start) / timedelta(hours=1))
        step = (end - start) / 2
        return Timeline(
            chart=drawing.timeline(lanes, start, end, self.asked.zone),
            stops=tuple(listed[:STOPS_LISTED]),
            left_out=max(0, len(listed) - STOPS_LISTED),
            lines_left_out=len(speakers) - len(shown),
            start=start,
            end=end,
            hours=hours,
            is_zoomed=end - start < until - since,
            narrower=max((zoom for zoom in ZOOMS if zoom < hours), default=None),
            wider=min((zoom for zoom in ZOOMS if zoom > hours and end - start < until - since), default=None),
            earlier=start + step - (end - start) if start > since else None,
            later=end - step if end < until else None,
        )

    @property
    def _reach(self) -> tuple[datetime, datetime]:
        spans = self.asked.spans.values()
        return min(span.since for span in spans), max(span.until for span in spans)

    @property
    def _window(self) -> tuple[datetime, datetime]:
        since, until = self._reach
        hours, at = self.asked.given.get("zoom"), self.asked.given.get("at")
        if not hours and at is None:
            return since, until
        length = min(timedelta(hours=hours or 8), until - since)
        start = (at or since).astimezone(UTC)
        start = min(max(start, since), until - length)
        return start, start + length

    def _lanes(self, machines: Sequence[Equipment], rows: Iterable[Happened]) -> list[drawing.Machine]:
        stretches: dict[UUID, list[drawing.Stretch]] = {machine.id: [] for machine in machines}
        for row in rows:
            if not row.is_whole_stop:
                _append(stretches[row.machine], _stretch(row))
        for silence in self.asked.silences:
            if silence.machine in stretches:
                stretches[silence.machine].extend(_unseen(silence))
        return [
            drawing.Machine(one.line.code, tuple(stretches[one.id]), f"/lines/{one.line.code}/") for one in machines
        ]

    def _listed(self, line: str, row: Happened) -> ListedStop:
        ended = row.ended_at or self.asked.now
        return ListedStop(
            line,
            row.started_at,
            row.ended_at,
            (ended - row.started_at).total_seconds(),
            row.reason or row.proposed,
            is_uncoded=row.reason is None,
            href=stop_href(row.stop),
        )

    # ------------------------------------------------------------ 4 stops

    @cached_property
    def stops(self) -> ranking.Pareto:
        measure = self.asked.choice("measure")
        causes = [cause for cause in self._causes(measure) if cause.value > 0]
        if measure == "mtbf":
            return ranking.ranking(causes, at_most=CAUSES_SHOWN)
        return ranking.pareto(causes, at_most=CAUSES_SHOWN)

    def _causes(self, measure: str) -> Iterable[ranking.Cause]:
        for lost in self.reasons:
            yield ranking.Cause(lost.label, self._measured(measure, lost.lost_ms, lost.events))
        minor = self.whole.minor_stop_ms, self.whole.minor_stops
        yield ranking.Cause(MINOR, self._measured(measure, *minor))
        if measure == "minutes" and self.slow_ms:
            yield ranking.Cause(SLOW, self.slow_ms)

    def _measured(self, measure: str, lost_ms: int, events: int) -> float:
        if measure == "minutes":
            return lost_ms
        if measure == "count":
            return events
        return self.whole.operating_ms / events if events else 0.0

    @cached_property
    def reasons(self) -> list[Lost]:
        """Stops with a reason, largest first; planned ones only if they are asked for."""
        kinds = [*UNCODED_KINDS, *((Kind.SETUP, Kind.PLANNED) if self.asked.choice("stops") == "all" else ())]
        return [lost for lost in self.lost.reasons if lost.reason is not None and lost.kind in kinds]

    @property
    def slow_ms(self) -> int | None:
        """None where not every part has an ideal cycle."""
        return None if self.whole.unrated_made else self.whole.run_ms - self.whole.ideal_made_ms

    @cached_property
    def uncoded(self) -> Share:
        return self._share(NOT_CODED, [lost for lost in self.lost.reasons if _is_uncoded(lost)])

    @cached_property
    def kinds(self) -> list[Share]:
        """What sort of standstill there was."""
        by_kind = {kind: [lost for lost in self.lost.reasons if lost.kind == kind] for kind in KIND_WORDS}
        found = [(kind, self._share(KIND_WORDS[kind], rows)) for kind, rows in by_kind.items() if rows]
        return [share._replace(share=None) if kind is Kind.IDLE else share for kind, share in found]

    @property
    def culprits(self) -> tuple[oee.Culprit, ...]:
        return self.lost.culprits[:CAUSES_SHOWN]

    def _share(self, label: str, rows: Sequence[Lost]) -> Share:
        lost_ms, planned = sum(lost.lost_ms for lost in rows), self.whole.busy_ms
        return Share(label, lost_ms, sum(lost.events for lost in rows), lost_ms / planned if planned > 0 else None)

    @cached_property
    def coded(self) -> Coded:
        asked = [lost for lost in self.lost.reasons if lost.kind in UNCODED_KINDS]
        told = [lost for lost in asked if lost.reason is not None]
        other = [lost for lost in told if lost.group == OTHER]
        return Coded(
            Ratio(_events(told), _events(asked) or None),
            Ratio(_time(told), _time(asked) or None),
            Ratio(_time(other), _time(told) or None),
        )

    # ------------------------------------------------------------ 5 trend

    @cached_property
    def periods(self) -> list[tuple[str, str, Period, Totals]]:
        """(label, note, period, totals) in time order; hours outside shifts are no period of a trend by shift."""
        found = []
        for period, totals in self.sums.periods.items():
            first, _, shift = period.key.partition(" ")
            if self.asked.step is Step.SHIFT and not shift:
                continue
            day = date.fromisoformat(first)
            found.append((_label(self.asked.step, day, shift), "", period, self.read(totals)))
        starts = [period.began_at for _, _, period, _ in found]
        return [
            (label, self._note(start, end), period, totals)
            for (label, _, period, totals), start, end in zip(found, starts, [*starts[1:], None], strict=False)
        ]

    def _note(self, start: datetime, end: datetime | None) -> str:
        made = [one for one in self.restatements if one.ends_at > start and (end is None or one.starts_at < end)]
        return "; ".join(f"{one.line.code} restated: {one.reason}" for one in made)

    @cached_property
    def trend(self) -> trending.Trend:
        rows = [(label, note, totals, factors(totals)) for label, note, _, totals in self.periods]
        periods, noted = [], ""
        for label, note, totals, _ in rows:
            # One restatement of many days is one remark, where it begins.
            periods.append(trending.Period(label, completeness(totals) or 0.0, note if note != noted else ""))
            noted = note
        return trending.trend(
            periods, [*self._series([row[3] for row in rows]), self._stopped([row[2] for row in rows])]
        )

    def _series(self, found: Sequence[Factors]) -> Iterable[trending.Series]:
        for name in FACTORS:
            values = tuple(getattr(one, name).value for one in found)
            usual = limits(values, getattr(factors(self.whole), name).value) if name == "oee" else None
            low, high = (usual.low, usual.high) if usual else (None, None)
            look: Any = "columns" if name == "oee" else "line"
            yield trending.Series(BY_CODE[name].name, values, self.target(name), low, high, look)

    def _stopped(self, rows: Sequence[Totals]) -> trending.Series:
        values = tuple(row.unplanned_ms / row.busy_ms if row.busy_ms > 0 else None for row in rows)
        return trending.Series("Unplanned stops, of planned time", values)

    # ------------------------------------------------------------ 6 week

    @cached_property
    def week(self) -> heating.Heat:
        met = {spot: self.read(totals) for spot, totals in self.sums.week.items()}
        planned = {spot: totals for spot, totals in met.items() if totals.busy_ms > 0 or totals.no_data_ms > 0}
        if self.asked.choice("week") == "stops":
            return heating.heat({spot: float(totals.unplanned_ms) for spot, totals in planned.items()})
        return heating.heat({spot: factors(totals).oee.value for spot, totals in planned.items()}, loudest="least")

    # ------------------------------------------------------------ 7 comparison

    @cached_property
    def compared(self) -> list[tuple[Key, Totals]]:
        by = self.asked.choice("compare")
        found: Mapping[Key, Totals] = {
            "line": self._by_line,
            "shift": self.sums.shifts,
            "team": self.sums.teams,
            "product": self.sums.products,
            "job": self.sums.jobs,
        }[by]
        return [(_called(by, key), self.read(totals)) for key, totals in found.items() if _counts(totals)]

    @property
    def _by_line(self) -> dict[Key, Totals]:
        return {
            Key(machine.line.code, f"{machine.line.code} {machine.line.name}"): self.sums.machines[machine.id]
            for machine in self.asked.speakers
            if machine.id in self.sums.machines
        }

    @cached_property
    def comparison(self) -> comparing.Comparison:
        measures = [comparing.Measure(BY_CODE[name].name, self.target(name)) for name in FACTORS]
        contenders = [self._contender(key, totals) for key, totals in self.compared[self.left_out_of_comparison :]]
        with_first = contenders[0] if len(contenders) == 2 else None
        return comparing.comparison(contenders, measures, compare_with=with_first)

    @property
    def left_out_of_comparison(self) -> int:
        """Of many jobs the last that began are drawn; the file has them all."""
        return max(0, len(self.compared) - MOST_JOBS) if self.asked.choice("compare") == "job" else 0

    def _contender(self, key: Key, totals: Totals) -> comparing.Contender:
        found = factors(totals)
        values = tuple(getattr(found, name).value for name in FACTORS)
        return comparing.Contender(key.label or key.code, values, completeness(totals))

    # ------------------------------------------------------------ 8 reliability

    @cached_property
    def reliability(self) -> list[Reliable]:
        calls, speakers = self._answered, {machine.line: machine for machine in self.asked.speakers}
        found = []
        for machine in self.asked.every_machine:
            if machine.line not in speakers:
                continue
            is_speaker = speakers[machine.line] == machine
            totals = self.sums.machines.get(machine.id)
            whose = [(machine.line_id, machine.id), *([(machine.line_id, None)] if is_speaker else [])]
            count = sum(calls.get(key, (0, timedelta()))[0] for key in whose)
            waited = sum((calls.get(key, (0, timedelta()))[1] for key in whose), timedelta())
            waited_ms = waited // timedelta(milliseconds=1)
            found.append(Reliable(machine.line.code, machine, self.read(totals or Totals()), count, waited_ms))
        return found

    @property
    def _answered(self) -> dict[tuple[UUID, UUID | None], tuple[int, timedelta]]:
        """By line and machine: calls that were answered, and how long they waited together."""
        if not self.asked.spans:
            return {}
        calls = Call.objects.counted().filter(_raised_in(self.asked.spans), acknowledged_at__isnull=False)
        if self.asked.narrowed_to:
            calls = _of_hours(calls, self.asked)
        waited = Sum(F("acknowledged_at") - F("raised_at"))
        sums = calls.values_list("line", "equipment").annotate(count=Count("pk"), waited=waited)
        return {(line, machine): (count, waited) for line, machine, count, waited in sums}


# ---------------------------------------------------------------- calls


def _raised_in(spans: Mapping[Line, Span]) -> Q:
    """Lines mostly share one span."""
    lines: dict[tuple[datetime, datetime], list[Line]] = defaultdict(list)
    for line, span in spans.items():
        lines[span.since, span.until].append(line)
    raised = (Q(line__in=of, raised_at__gte=since, raised_at__lt=until) for (since, until), of in lines.items())
    return reduce(or_, raised)


def _of_hours(calls: CallQuerySet, asked: Asked) -> CallQuerySet:
    """Those raised in the hours that are meant, by what the machine that speaks for the line did then."""
    speaker = Equipment.objects.filter(line=OuterRef("line"), pk__in=asked.scope.speakers).values("pk")[:1]
    # Hours do not overlap: only the last that began can hold the moment.
    before = HourTotals.objects.filter(equipment=OuterRef("speaker"), starts_at__lte=OuterRef("raised_at"))
    hour = HourTotals.objects.filter(_kept(asked.scope), pk=OuterRef("hour"), ends_at__gt=OuterRef("raised_at"))
    calls = calls.alias(speaker=Subquery(speaker)).alias(hour=Subquery(before.order_by("-starts_at").values("pk")[:1]))
    return calls.filter(Exists(hour))


def _kept(scope: oee.Scope) -> Q:
    """The rows of hour totals of this shift, team, product and job; of all that are not given."""
    asked = (("shift_name", scope.shift), ("team", scope.team), ("job__number", scope.job))
    named = {name: value for name, value in asked if value}
    if not scope.product:
        return Q(**named)
    if scope.product.startswith("#"):
        number = scope.product.removeprefix("#")
        return Q(**named, product_number__in=[int(number)] if NUMBER.fullmatch(number) else [])
    numbers = ProductNumber.objects.filter(
        line=OuterRef("line"), number=OuterRef("product_number"), product__code=scope.product
    )
    return Q(Exists(numbers), **named)


# ---------------------------------------------------------------- small questions


def completeness(totals: Totals) -> float | None:
    return totals.observed_ms / totals.scheduled_ms if totals.scheduled_ms > 0 else None


def stop_href(stop: UUID) -> str:
    try:
        return reverse("stop", args=[stop])
    except NoReverseMatch:
        return ""


def _targets(policy: LinePolicy) -> Any:
    shares = policy.target_availability, policy.target_performance, policy.target_quality
    return Targets(*shares)  # type: ignore[arg-type]


def _falling(found: Waterfall) -> falling.Waterfall:
    stages = [
        falling.Stage(
            tuple(
                falling.Loss(loss.name, loss.lost_ms)
                for loss in found.losses
                if loss.factor is factor and loss.lost_ms is not None
            ),
            left,
        )
        for factor, left in (
            (Factor.AVAILABILITY, "Operating time"),
            (Factor.PERFORMANCE, "Ideal time of all parts"),
            (Factor.QUALITY, "Fully productive time"),
        )
    ]
    return falling.waterfall(found.planned_ms, stages if found.productive_ms is not None else stages[:1])


def _is_uncoded(lost: Lost) -> bool:
    return lost.reason is None and lost.kind in UNCODED_KINDS


def _events(rows: Iterable[Lost]) -> int:
    return sum(lost.events for lost in rows)


def _time(rows: Iterable[Lost]) -> int:
    return sum(lost.lost_ms for lost in rows)


def _counts(totals: Totals) -> bool:
    return totals.scheduled_ms > 0 or totals.made > 0


def _called(by: str, key: Key) -> Key:
    if by == "product" and key.code.startswith("#"):
        number = key.code.removeprefix("#")
        return key._replace(label="No product" if number == "-1" else f"Number {number}")
    if by == "job" and key.code:
        return key._replace(label=f"{key.code} {key.label}")
    nameless = {"shift": "Outside shifts", "team": "No team", "job": "No job"}
    return key if key.code else key._replace(label=nameless[by])


def _label(step: Step, day: date, shift: str) -> str:
    match step:
        case Step.SHIFT:
            return f"{shift} {day.day} {day:%b}"
        case Step.DAY:
            return f"{day.day} {day:%b}"
        case Step.WEEK:
            return f"Week {day.isocalendar().week}"
    return f"{day:%b %Y}"


DRAWN = {
    Kind.BREAK: drawing.Kind.BREAK,
    Kind.IDLE: drawing.Kind.IDLE,
    Kind.PLANNED: drawing.Kind.PLANNED,
    Kind.SETUP: drawing.Kind.SETUP,
    Kind.FAILURE: drawing.Kind.STOP,
    Kind.EXTERNAL: drawing.Kind.EXTERNAL,
    Kind.MINOR: drawing.Kind.MINOR,
}
DRAWN_STATES = {
    Ledger.RUN: drawing.Kind.RUN,
    Ledger.NO_DATA: drawing.Kind.NO_DATA,
    Ledger.OFF_SHIFT: drawing.Kind.OFF,
}


def _what_happened(machines: Sequence[Equipment], start: datetime, end: datetime) -> list[Happened]:
    """What machines did in [start, end) and their stops that touch it, in time order and in one query."""
    entries = LedgerEntry.objects.filter(equipment__in=machines).inside(start, end)
    stops = Stop.objects.filter(equipment__in=machines, is_minor=False).touching(start, end)
    told = When(coding__isnull=False, then=F("coding__reason__label"))
    proposed = Case(When(fault_text="", then=F("proposed_why")), default=F("fault_text"))
    their = entries.values_list(
        *("equipment", "started_at", "ended_at", "state", "kind", "stop", "reason__label", Value("")),
    )
    whole = stops.values_list(
        *("equipment", "started_at", "ended_at", Value(WHOLE_STOP), "kind", "id"),
        Case(told, default=F("planned_stop__reason__label")),
        proposed,
    )
    return [Happened(*row) for row in their.union(whole, all=True).order_by("started_at")]


def _stretch(row: Happened) -> drawing.Stretch:
    drawn = DRAWN_STATES.get(Ledger(row.state)) or DRAWN[Kind(row.kind)]
    is_stop = row.state == Ledger.STOP and row.kind != Kind.MINOR
    href = stop_href(row.stop) if row.stop is not None and drawn is not drawing.Kind.RUN else ""
    is_uncoded = is_stop and row.reason is None
    end = cast(datetime, row.ended_at)  # only a stop as it is listed may have none
    return drawing.Stretch(row.started_at, end, drawn, row.reason or "", href, is_uncoded=is_uncoded)


def _unseen(silence: oee.Silence) -> Iterable[drawing.Stretch]:
    for window in silence.windows:
        start, end = max(window.starts_at, silence.start), min(window.ends_at, silence.end)
        yield drawing.Stretch(start, end, drawing.Kind.NO_DATA)


def _append(stretches: list[drawing.Stretch], new: drawing.Stretch) -> None:
    """Join what only the end of an hour keeps apart."""
    if stretches and stretches[-1].end == new.start and stretches[-1][2:] == new[2:]:
        stretches[-1] = stretches[-1]._replace(end=new.end)
    else:
        stretches.append(new)
