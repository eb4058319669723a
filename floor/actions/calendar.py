"""Changing when lines work.

A plan that a line was judged by is never rewritten: a change ends it and begins another from a day on. Single days may
be corrected afterwards; every action returns the stretches of time past that are planned otherwise now, and marks the
facts of these lines as changed since then: their figures follow within a second.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from typing import NamedTuple, TypeAlias

from django.db import connection, models, transaction
from django.db.models import Min, Q

from floor import audit, live
from floor.actions.machine import raise_versions
from floor.domain.shifts import MONTHS, BadCalendar, Break, Calendar, ShiftWindow, check_overlap
from floor.models import Line, LineState, Rotation, ShiftBreak, ShiftPattern, Site, SpecialDay, StateEdge, User
from floor.models.shifts import calendar, misplaced, site_calendar

DAY = timedelta(days=1)
TOPICS = ("shift", "next", "state", "pace", "rate", "oee")

Plan: TypeAlias = ShiftPattern | Rotation


class Span(NamedTuple):
    """On [since, until) the line is planned otherwise than it was accounted for."""

    line: Line
    since: datetime
    until: datetime


class CalendarRefused(Exception):
    """The calendar would contradict itself; the message says where."""


class PastIsKept(CalendarRefused):
    """Lines were judged by this plan; the message says from which day on it can change."""


# ---------------------------------------------------------------- plans


@transaction.atomic
def add_plan(plan: Plan, *, breaks: Sequence[Break] = (), by: User | None, now: datetime) -> list[Span]:
    """Begin a pattern or a rotation on its first day. Raises CalendarRefused, PastIsKept.

    A line that leaves the shifts of its site keeps them for the days before.
    """
    lines = _lines_of(plan)
    with _replanned(plan.site, lines, plan.valid_from, now) as spans:
        _refuse_past([line for line in lines if calendar(line).patterns], plan.valid_from, now)
        if plan.line is not None and _with_facts(lines):
            keep_site_shifts(plan.line, until=plan.valid_from)
        _begin(plan, breaks)
        audit.record(by, "shifts_planned", plan, now, plan=plan.told(breaks), valid_from=str(plan.valid_from))
    return spans


@transaction.atomic
def change_plan(
    plan: Plan, wanted: Plan, *, from_day: date, breaks: Sequence[Break] = (), by: User | None, now: datetime
) -> list[Span]:
    """From `from_day` on `wanted` holds instead of `plan`. Raises CalendarRefused, PastIsKept."""
    with _replanned(plan.site, _lines_of(plan), from_day, now) as spans:
        _refuse_past(_lines_of(plan), from_day, now)
        before = plan.told(_breaks(plan))
        wanted.valid_from, wanted.site, wanted.line = from_day, plan.site, plan.line
        _end(plan, from_day)
        wanted.pk = uuid.uuid4()
        _begin(wanted, breaks)
        audit.record(
            by, "shifts_changed", wanted, now, before=before, plan=wanted.told(breaks), valid_from=str(from_day)
        )
    return spans


@transaction.atomic
def end_plan(plan: Plan, *, on: date | None, by: User | None, now: datetime) -> list[Span]:
    """`on` is the first day on which the plan holds no longer, None without end. Raises CalendarRefused, PastIsKept."""
    earliest = min(filter(None, (on, plan.valid_to)), default=date.max)
    if on is not None and on <= plan.valid_from:
        raise CalendarRefused(f"This begins on {_told(plan.valid_from)}; delete it, or let it end later.")
    with _replanned(plan.site, _lines_of(plan), earliest, now) as spans:
        _refuse_past(_lines_of(plan), earliest, now)
        type(plan).objects.filter(pk=plan.pk).update(valid_to=on)
        audit.record(by, "shifts_ended", plan, now, plan=plan.told(_breaks(plan)), valid_to=str(on))
    return spans


@transaction.atomic
def remove_plan(plan: Plan, *, by: User | None, now: datetime) -> list[Span]:
    """Take back a plan by which no line was judged yet. Raises PastIsKept."""
    with _replanned(plan.site, _lines_of(plan), plan.valid_from, now) as spans:
        _refuse_past(_lines_of(plan), plan.valid_from, now)
        audit.record(by, "shifts_removed", plan, now, plan=plan.told(_breaks(plan)))
        plan.delete()
    return spans


def is_kept(plan: Plan, now: datetime) -> bool:
    """Whether a line with facts was judged by this plan, so that it cannot be taken back."""
    return plan.valid_from <= _today(plan.site, now) and bool(_with_facts(_lines_of(plan)))


def keep_site_shifts(line: Line, *, until: date) -> None:
    """A line that gets shifts of its own keeps those of its site for the days before, as its own."""
    if _has_own(line):
        return
    before = Q(line=None, valid_from__lt=until)
    for pattern in line.site.shift_patterns.filter(before).prefetch_related("breaks"):
        _copy(pattern, line, until, pattern.break_values())
    for rotation in line.site.rotations.filter(before):
        _copy(rotation, line, until, ())


def _copy(plan: Plan, line: Line, until: date, breaks: Sequence[Break]) -> None:
    plan.pk, plan.line = uuid.uuid4(), line
    plan.valid_to = min(plan.valid_to or until, until)
    _begin(plan, breaks)


def _begin(plan: Plan, breaks: Sequence[Break]) -> None:
    if plan.valid_to is not None and plan.valid_to <= plan.valid_from:
        raise CalendarRefused(f"This ends on {_told(plan.valid_to)}, before it begins on {_told(plan.valid_from)}.")
    plan.save(force_insert=True)
    if isinstance(plan, ShiftPattern):
        _give_breaks(plan, breaks)


def _give_breaks(pattern: ShiftPattern, breaks: Sequence[Break]) -> None:
    if wrong := misplaced(breaks, pattern):
        raise CalendarRefused(" ".join(wrong))
    for rest in breaks:
        ShiftBreak.objects.create(pattern=pattern, name=rest.name, starts_at=rest.starts_at, ends_at=rest.ends_at)


def _end(plan: Plan, on: date) -> None:
    if plan.valid_from >= on:
        plan.delete()
    else:
        type(plan).objects.filter(pk=plan.pk).update(valid_to=on)


def _breaks(plan: Plan) -> tuple[Break, ...]:
    return plan.break_values() if isinstance(plan, ShiftPattern) else ()


# ---------------------------------------------------------------- special days


@transaction.atomic
def add_special_day(day: SpecialDay, *, by: User | None, now: datetime) -> list[Span]:
    """Holidays, overtime and other hours, ahead or as a correction. Raises CalendarRefused."""
    with _replanned(day.site, _special_lines(day), day.first_day, now, until=day.last_day) as spans:
        _refuse_strange(day)
        day.save(force_insert=True)
        audit.record(by, "special_day_added", day, now, day=str(day), line=_code(day))
    return spans


@transaction.atomic
def change_special_day(day: SpecialDay, *, by: User | None, now: datetime) -> list[Span]:
    """`day` carries the new values of a row that exists. Raises CalendarRefused."""
    before = SpecialDay.objects.select_related("site", "line__site").get(pk=day.pk)
    first, last = min(before.first_day, day.first_day), max(before.last_day, day.last_day)
    lines = list({*_special_lines(before), *_special_lines(day)})
    with _replanned(day.site, lines, first, now, until=last) as spans:
        _refuse_strange(day)
        day.save(force_update=True)
        audit.record(by, "special_day_changed", day, now, before=str(before), day=str(day), line=_code(day))
    return spans


@transaction.atomic
def remove_special_day(day: SpecialDay, *, by: User | None, now: datetime) -> list[Span]:
    """These days follow the plan again. Raises CalendarRefused."""
    with _replanned(day.site, _special_lines(day), day.first_day, now, until=day.last_day) as spans:
        audit.record(by, "special_day_removed", day, now, day=str(day), line=_code(day))
        day.delete()
    return spans


def _special_lines(day: SpecialDay) -> list[Line]:
    return [day.line] if day.line is not None else list(day.site.lines.select_related("site"))


def _refuse_strange(day: SpecialDay) -> None:
    if day.kind != SpecialDay.Kind.EXTRA:
        _refuse_unknown_shift(day)
        _refuse_contradiction(day)


def _refuse_unknown_shift(day: SpecialDay) -> None:
    plans = [site_calendar(day.site), *calendar.answer_all(_special_lines(day)).values()]
    names = sorted({name for its in plans for plan in its.patterns for name in plan.shift_names})
    if day.shift and day.shift not in names:
        raise CalendarRefused(f"No shift is called {day.shift}; there are {', '.join(names) or 'none'}.")


def _refuse_contradiction(day: SpecialDay) -> None:
    """Two rows of the same rank about the same shift and day: nobody could say which of them holds."""
    others = SpecialDay.objects.filter(site=day.site, line=day.line, shift=day.shift).exclude(kind="extra")
    meets = others.filter(first_day__lte=day.last_day, last_day__gte=day.first_day).exclude(pk=day.pk).first()
    if meets is not None:
        raise CalendarRefused(f"Something else is said of these days already: {meets}. Change or delete that first.")


def _code(day: SpecialDay) -> str | None:
    return day.line.code if day.line is not None else None


# ---------------------------------------------------------------- what changes, and what may not


@contextmanager
def _replanned(
    site: Site, lines: Sequence[Line], first_day: date, now: datetime, *, until: date = date.max
) -> Iterator[list[Span]]:
    """One change of a site's calendar at a time; note what it changes for the lines, and refuse what cannot be.

    Nothing differs before `first_day`, nor on days after `until`.
    """
    Site.objects.select_for_update(no_key=True).get(pk=site.pk)
    spans: list[Span] = []
    before = calendar.answer_all(lines)
    yield spans
    after = calendar.answer_all(lines)
    for its in {site_calendar(site), *after.values()}:
        _refuse_bad(its)
    spans += _spans(_with_facts(lines), before, after, (first_day, until), now)
    _account_again(spans)
    for line in lines:
        if before[line] != after[line]:
            live.changed(line.pk, *TOPICS)


def _account_again(spans: Sequence[Span]) -> None:
    """Whoever derives figures from facts finds the lines changed since then, as after a late reading."""
    if spans:
        with connection.cursor() as cursor:
            raise_versions(cursor, {span.line.pk: span.since for span in spans})


def _refuse_bad(its: Calendar) -> None:
    try:
        check_overlap(its.patterns, its.zone, its.special_days)
    except BadCalendar as bad:
        raise CalendarRefused(str(bad)) from bad


def _spans(
    lines: Sequence[Line],
    before: Mapping[Line, Calendar],
    after: Mapping[Line, Calendar],
    days: tuple[date, date],
    now: datetime,
) -> list[Span]:
    found = []
    for line in lines:
        start, end = _reach(line, days, now)
        old, new = (_windows(its[line], start, end) for its in (before, after))
        if differ := [window for window in old ^ new if window.starts_at < now]:
            found.append(_span(line, differ, now))
    return found


def _reach(line: Line, days: tuple[date, date], now: datetime) -> tuple[datetime, datetime]:
    """The real time of the days, and of a shift before them that they may cut short, as far as it is past."""
    first, last = days
    start = max(datetime.combine(first, time(), line.site.zone) - DAY, _facts_since(line) or now)
    past = last < _today(line.site, now) - 2 * DAY
    return start, datetime.combine(last + 2 * DAY, time(), line.site.zone) if past else now


def _span(line: Line, differ: Sequence[ShiftWindow], now: datetime) -> Span:
    since, until = min(window.starts_at for window in differ), max(window.ends_at for window in differ)
    return Span(line, since, min(until, now))


def _windows(its: Calendar, start: datetime, end: datetime) -> set[ShiftWindow]:
    """None of a calendar that contradicts itself: putting that right must be possible."""
    try:
        return set(its.between(start, end)) if start < end else set()
    except BadCalendar:
        return set()


def _refuse_past(lines: Sequence[Line], from_day: date, now: datetime) -> None:
    for line in _with_facts(lines):
        tomorrow = _today(line.site, now) + DAY
        if from_day < tomorrow:
            raise PastIsKept(
                f"{line} was judged by its shifts up to today, and that is kept: choose {_told(tomorrow)} or later. "
                "To correct single days, enter a special day."
            )


def _lines_of(plan: Plan) -> list[Line]:
    """The lines that follow this plan."""
    if plan.line is not None:
        return [plan.line]
    lines = list(plan.site.lines.select_related("site"))
    own = {row for model in (ShiftPattern, Rotation) for row in _owners(model, lines)}
    return [line for line in lines if line.pk not in own]


def _owners(model: type[models.Model], lines: Sequence[Line]) -> Iterator[uuid.UUID]:
    return model._default_manager.filter(line__in=lines).values_list("line", flat=True).iterator()


def _has_own(line: Line) -> bool:
    return line.shift_patterns.exists() or line.rotations.exists()


def _with_facts(lines: Sequence[Line]) -> list[Line]:
    known = set(LineState.objects.filter(line__in=lines).values_list("line", flat=True))
    return [line for line in lines if line.pk in known]


def _facts_since(line: Line) -> datetime | None:
    """When the line was first seen; before that there is nothing to account for."""
    first: datetime | None = StateEdge.objects.filter(equipment__line=line).aggregate(first=Min("at"))["first"]
    return first


def _today(site: Site, now: datetime) -> date:
    return now.astimezone(site.zone).date()


def _told(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"
