"""Standards with a date: a change ends one row and begins another, so the past keeps what it was judged by."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Q

from floor.actions.standards import ALWAYS, Scope, end_ideal_cycle, has_facts, put_ideal_cycle, scope_of
from floor.domain import rotations
from floor.domain.rotations import write_shifts, write_teams
from floor.domain.shifts import BadCalendar, check_overlap
from floor.models import (
    IdealCycle,
    Line,
    Rotation,
    ShiftBreak,
    ShiftPattern,
    Site,
    SpecialDay,
)
from floor.models.shifts import calendar, site_calendar
from ms5.plant_file.changes import Changes
from ms5.plant_file.document import Problem, Refused
from ms5.plant_file.schema import CycleEntry, PolicyEntry, RotationEntry, ShiftEntry, SpecialDayEntry
from oee.models import LinePolicy

LONG_AGO = date(2000, 1, 1)

Cycles = dict[Scope, CycleEntry]


def put_shifts(
    changes: Changes, site: Site, line: Line | None, wanted: Mapping[str, ShiftEntry], now: datetime, *, is_new: bool
) -> None:
    """Shifts change with the next calendar day; where none were planned (`is_new`) they hold for all time."""
    rows = ShiftPattern.objects.filter(site=site, line=line)
    tomorrow = now.astimezone(site.zone).date() + timedelta(days=1)
    usual_start = LONG_AGO if is_new else tomorrow
    current = {row.name: row for row in rows.filter(valid_to=None).prefetch_related("breaks")}
    where = f"shift {line or site}"
    for name, row in current.items():
        if name not in wanted:
            changes.removed.append(f"{where} {name}")
            _end_plan(row, tomorrow)
    for name, entry in wanted.items():
        start = entry.valid_from or usual_start
        before = current.get(name)
        if before is None or _told(before) != _wanted(entry):
            _restate_lines(changes, site, line, start, now)
        if before is None:
            changes.added.append(f"{where} {name}")
            _begin_shift(site, line, name, entry, start)
        elif _told(before) != _wanted(entry):
            changes.changed.append(f"{where} {name}, from {start}")
            _end_plan(before, start)
            _begin_shift(site, line, name, entry, start)


def _restate_lines(changes: Changes, site: Site, line: Line | None, start: date, now: datetime) -> None:
    moment = datetime.combine(start, time(), site.zone).astimezone(UTC)
    if moment <= now:
        for its in [line] if line else site.lines.all():
            changes.restate(its, moment)


def has_plans(site: Site, line: Line | None) -> bool:
    return any(model.objects.filter(site=site, line=line).exists() for model in (ShiftPattern, Rotation))


def _told(row: ShiftPattern) -> tuple[Any, ...]:
    breaks = sorted((rest.name, rest.starts_at, rest.ends_at) for rest in row.breaks.all())
    return row.starts_at, row.ends_at, sorted(row.weekdays), breaks


def _wanted(entry: ShiftEntry) -> tuple[Any, ...]:
    breaks = sorted((rest.name, rest.starts_at, rest.ends_at) for rest in entry.breaks)
    return entry.starts_at, entry.ends_at, entry.days, breaks


def _begin_shift(site: Site, line: Line | None, name: str, entry: ShiftEntry, start: date) -> None:
    row = ShiftPattern.objects.create(
        site=site,
        line=line,
        name=name,
        weekdays=entry.days,
        starts_at=entry.starts_at,
        ends_at=entry.ends_at,
        valid_from=start,
    )
    for rest in entry.breaks:
        ShiftBreak.objects.create(pattern=row, name=rest.name, starts_at=rest.starts_at, ends_at=rest.ends_at)


def _end_plan(row: ShiftPattern | Rotation, end: date) -> None:
    if row.valid_from >= end:
        row.delete()
    else:
        type(row).objects.filter(pk=row.pk).update(valid_to=end)


def put_rotations(
    changes: Changes, site: Site, line: Line | None, wanted: Mapping[str, RotationEntry], now: datetime, *, is_new: bool
) -> None:
    """Rotations change with the next calendar day, as shifts do."""
    rows = Rotation.objects.filter(site=site, line=line)
    tomorrow = now.astimezone(site.zone).date() + timedelta(days=1)
    usual_start = LONG_AGO if is_new else tomorrow
    current = {row.name: row for row in rows.filter(valid_to=None)}
    where = f"rotation {line or site}"
    for name in current.keys() - wanted.keys():
        changes.removed.append(f"{where} {name}")
        _end_plan(current[name], tomorrow)
    for name, entry in wanted.items():
        before, start = current.get(name), entry.valid_from or usual_start
        if before is not None and _as_wanted(before) == entry.value():
            continue
        _restate_lines(changes, site, line, start, now)
        if before is None:
            changes.added.append(f"{where} {name}")
        else:
            changes.changed.append(f"{where} {name}, from {start}")
            _end_plan(before, start)
        _begin_rotation(site, line, name, entry, start)


def _as_wanted(row: Rotation) -> rotations.Rotation:
    return replace(row.value(), valid_from=date.min, valid_to=None)


def _begin_rotation(site: Site, line: Line | None, name: str, entry: RotationEntry, start: date) -> None:
    value = entry.value()
    Rotation.objects.create(
        site=site,
        line=line,
        name=name,
        shifts=write_shifts(value.shifts),
        sequence=" ".join(value.sequence),
        first_day=value.first_day,
        teams=write_teams(value.teams),
        valid_from=start,
    )


def put_special_days(
    changes: Changes, site: Site, line: Line | None, wanted: Sequence[SpecialDayEntry], now: datetime
) -> None:
    """Those that the file does not name stay: overtime and corrections are entered in the administration."""
    for entry in wanted:
        values = entry.values()
        names = ("kind", "first_day", "shift")
        key = {"site": site, "line": line, **{name: values.pop(name) for name in names}}
        told = changes.count()
        changes.put(f"special day {line or site} {entry.first_day} {entry.kind}", SpecialDay, key, values)
        if changes.count() != told:
            _restate_lines(changes, site, line, entry.first_day, now)


def refuse_overlap(site: Site, line: Line | None) -> None:
    """Whatever holds after the file may not contradict itself, nor what was planned before or in the administration."""
    its = calendar.answer_all([line])[line] if line else site_calendar(site)
    try:
        check_overlap(its.patterns, its.zone, its.special_days)
    except BadCalendar as bad:
        path = ("lines", line.code, "shifts") if line else ("shifts",)
        hint = "Give the new shift a valid_from on which no old one still holds."
        raise Refused([Problem(0, path, f"{bad} {hint}")]) from bad


def put_cycles(changes: Changes, lines: list[Line], wanted: Cycles, now: datetime) -> None:
    its = Q(line__in=lines) | Q(equipment__line__in=lines) | Q(line=None, equipment=None, job=None)
    current = {
        scope_of(row): row
        for row in IdealCycle.objects.filter(its, valid_to=None).select_related("line", "equipment__line", "product")
    }
    for scope in current:
        # Standards for a product on any machine may belong to another site's file.
        if scope not in wanted and scope[:2] != (None, None):
            changes.removed.append(f"ideal cycle of {scope}")
            end_ideal_cycle(scope, now)
    for scope, entry in wanted.items():
        _put_cycle(changes, scope, entry, current.get(scope), lines, now)


def _put_cycle(
    changes: Changes, scope: Scope, entry: CycleEntry, before: IdealCycle | None, lines: list[Line], now: datetime
) -> None:
    if before is not None and before.ideal_cycle_ms == entry.ms:
        return
    concerned = [scope.its_line] if scope.its_line else lines
    is_judged = before is not None or any(has_facts(line) for line in concerned)
    start = entry.valid_from or (now if is_judged else ALWAYS)
    _refuse_past(_path(scope), concerned, start, now)
    if before is None:
        changes.added.append(f"ideal cycle of {scope}: {entry.ms} ms")
    else:
        since = f"{start:%Y-%m-%d %H:%M} UTC"
        changes.changed.append(f"ideal cycle of {scope}: {before.ideal_cycle_ms} → {entry.ms} ms, from {since}")
    put_ideal_cycle(scope, entry.ms, start)


def _path(scope: Scope) -> tuple[str, ...]:
    """Where the file says it."""
    if scope.equipment is not None:
        machine = ("lines", scope.equipment.line.code, "machines", scope.equipment.code)
        return (*machine, "ideal_cycles_ms", scope.product.code) if scope.product else (*machine, "ideal_cycle_ms")
    if scope.line is not None:
        return "lines", scope.line.code, "ideal_cycle_ms"
    return ("products", scope.product.code, "ideal_cycle_ms") if scope.product else ("products",)


def _refuse_past(path: tuple[str, ...], lines: list[Line], start: datetime, now: datetime) -> None:
    """Hours that were judged keep their standard; judging them anew is a decision of its own, and leaves a mark."""
    if start < now and any(has_facts(line) for line in lines):
        raise Refused(
            [
                Problem(
                    0,
                    path,
                    f"{start:%Y-%m-%d} has been judged already, and the past keeps its standard. Leave valid_from out "
                    "or choose a moment from now on; then use “Restate” on the standards page of the line.",
                )
            ]
        )


def put_policy(changes: Changes, line: Line, entry: PolicyEntry | None, now: datetime) -> None:
    before = LinePolicy.objects.filter(line=line).order_by("-valid_from").first()
    if before is not None and entry is None:
        return
    values = (entry or PolicyEntry()).model_dump(exclude={"valid_from"})
    if before is not None and all(getattr(before, name) == value for name, value in values.items()):
        return
    is_judged = before is not None or (entry is not None and has_facts(line))
    start = (entry.valid_from if entry else None) or (now if is_judged else ALWAYS)
    if entry is not None:
        _refuse_past(("lines", line.code, "policy"), [line], start, now)
    (changes.added if before is None else changes.changed).append(f"policy of {line}")
    LinePolicy.objects.filter(line=line, valid_from__gt=start).delete()  # planned before the file said otherwise
    LinePolicy.objects.update_or_create(line=line, valid_from=start, defaults=values)
