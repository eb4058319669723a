"""When a line works, as people plan it."""

import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, NamedTuple

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connection, models
from django.db.models import F, Q

from floor.domain import rotations, shifts
from floor.domain.rotations import misfits, read_sequence, read_shifts, read_teams, span, write_breaks
from floor.domain.shifts import BadCalendar, Break, Calendar, Pattern, ShiftWindow, Special, lies_inside
from floor.glance import AskedForMany
from floor.models.plant import Line, Site

ALWAYS = date(2000, 1, 1)
DAYS_OF_THE_WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LONGEST_SPECIAL_DAYS = 366
FOR_THE_SITE = "Empty: for every line of the site that has no shifts of its own."


def every_day() -> list[int]:
    return [1, 2, 3, 4, 5, 6, 7]


def _check_line(row: "ShiftPattern | Rotation | SpecialDay") -> None:
    if row.line is not None and row.line.site_id != row.site_id:
        raise ValidationError({"line": "This line belongs to another site."})


class ShiftPattern(models.Model):
    """One shift on days of the week. A line that has shifts of its own does not follow those of its site."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="shift_patterns")
    line = models.ForeignKey(
        Line, on_delete=models.CASCADE, null=True, blank=True, related_name="shift_patterns", help_text=FOR_THE_SITE
    )
    name = models.CharField(max_length=40)
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(7)]),
        default=every_day,
        help_text="Days on which the shift starts, 1 = Monday to 7 = Sunday.",
    )
    starts_at = models.TimeField()
    ends_at = models.TimeField(help_text="At or before the start: the shift ends the next day.")
    valid_from = models.DateField(default=ALWAYS)
    valid_to = models.DateField(null=True, blank=True, help_text="First day on which it no longer holds.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="shift_pattern_ends_after_it_begins",
                condition=Q(valid_to=None) | Q(valid_to__gt=F("valid_from")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {span(self.starts_at, self.ends_at)}"

    def clean(self) -> None:
        _check_line(self)

    def told(self, breaks: Iterable[Break]) -> str:
        """The whole of it in one line, for the audit log."""
        days = " ".join(DAYS_OF_THE_WEEK[day - 1] for day in sorted(self.weekdays))
        return ", ".join(filter(None, (str(self), days, write_breaks(list(breaks)))))

    def break_values(self) -> tuple[Break, ...]:
        return tuple(sorted((rest.value() for rest in self.breaks.all()), key=lambda rest: rest.starts_at))


class ShiftBreak(models.Model):
    """A planned pause inside a shift, by the plant's clock."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    pattern = models.ForeignKey(ShiftPattern, on_delete=models.CASCADE, related_name="breaks")
    name = models.CharField(max_length=40, default="Break")
    starts_at = models.TimeField()
    ends_at = models.TimeField()

    def __str__(self) -> str:
        return f"{self.name} {span(self.starts_at, self.ends_at)}"

    def value(self) -> Break:
        return Break(self.name, self.starts_at, self.ends_at)


class Rotation(models.Model):
    """Shifts that teams work in turn, as a person writes them down. `floor.domain.rotations` reads the three texts."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="rotations")
    line = models.ForeignKey(
        Line, on_delete=models.CASCADE, null=True, blank=True, related_name="rotations", help_text=FOR_THE_SITE
    )
    name = models.CharField(max_length=40)
    shifts = models.TextField(
        max_length=2000,
        help_text="One shift on each line: Day 06:00–18:00 breaks 09:30–10:00 Tea, 13:00–13:30. "
        "At or before its start, a shift ends the next day.",
    )
    sequence = models.TextField(
        max_length=4000,
        help_text="One word for each day: Day Day Night Night off off off off. A number repeats a word: 4 off.",
    )
    first_day = models.DateField(help_text="Any day on which a team with 0 begins the sequence.")
    teams = models.TextField(
        max_length=1000, help_text="Each team, and how many days after the first day it begins: A 0, B 2, C 4, D 6."
    )
    valid_from = models.DateField(default=ALWAYS)
    valid_to = models.DateField(null=True, blank=True, help_text="First day on which it no longer holds.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="rotation_ends_after_it_begins",
                condition=Q(valid_to=None) | Q(valid_to__gt=F("valid_from")),
            ),
            models.CheckConstraint(
                name="rotation_has_shifts_days_and_teams",
                condition=Q(shifts__regex=r"\d:\d") & Q(sequence__regex=r"\S") & Q(teams__regex=r"\S\s+\d"),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        _check_line(self)
        wrong = self._unreadable()
        if not wrong and self.first_day:
            for where, sentence in misfits(self.value()):
                wrong.setdefault(where, []).append(sentence)
        if wrong:
            raise ValidationError(wrong)

    def _unreadable(self) -> dict[str, list[str]]:
        readers: dict[str, Callable[[str], object]] = {
            "shifts": read_shifts,
            "teams": read_teams,
            "sequence": lambda text: read_sequence(text, ()),
        }
        wrong: dict[str, list[str]] = {}
        for where, read in readers.items():
            try:
                read(getattr(self, where))
            except BadCalendar as error:
                wrong[where] = [str(error)]
        return wrong

    def told(self, breaks: Iterable[Break] = ()) -> str:
        """The whole of it in one line, for the audit log."""
        texts = (self.shifts.replace("\n", "; "), self.sequence, self.teams)
        return f"{self.name}: {' | '.join(texts)} | from {self.first_day}"

    def value(self) -> rotations.Rotation:
        its = read_shifts(self.shifts)
        return rotations.Rotation(
            its,
            read_sequence(self.sequence, its),
            self.first_day,
            read_teams(self.teams),
            self.valid_from,
            self.valid_to,
        )


class SpecialDay(models.Model):
    """Days that differ from the plan: holidays, overtime, other hours. What is said of a line beats its site."""

    class Kind(models.TextChoices):
        CLOSED = Special.CLOSED.value, "closed"
        CHANGED = Special.CHANGED.value, "other hours"
        EXTRA = Special.EXTRA.value, "extra shift"
        USUAL = Special.USUAL.value, "works as usual"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="special_days")
    line = models.ForeignKey(
        Line, on_delete=models.CASCADE, null=True, blank=True, related_name="special_days",
        help_text="Empty: for every line of the site.",
    )  # fmt: skip
    note = models.CharField(max_length=80, blank=True, help_text="Such as Christmas.")
    kind = models.CharField(max_length=8, choices=Kind)
    first_day = models.DateField(help_text="Day on which the shift starts.")
    last_day = models.DateField(help_text="The last of the days, included.")
    shift = models.CharField(
        max_length=40, blank=True, help_text="Which shift; empty: all of them. An extra shift gets this name."
    )
    starts_at = models.TimeField(null=True, blank=True, help_text="Of an extra shift, or instead of the usual time.")
    ends_at = models.TimeField(null=True, blank=True, help_text="At or before the start: the next day.")

    class Meta:
        ordering = ("first_day", "site", "line")
        constraints = [
            models.CheckConstraint(
                name="special_day_ends_after_it_begins", condition=Q(last_day__gte=F("first_day"))
            ),
            models.CheckConstraint(
                name="special_day_says_which_hours",
                condition=Q(kind__in=["closed", "usual"], starts_at=None, ends_at=None)
                | (Q(kind="changed") & ~Q(shift="") & (Q(starts_at__isnull=False) | Q(ends_at__isnull=False)))
                | (Q(kind="extra") & ~Q(shift="") & Q(starts_at__isnull=False, ends_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="special_day_as_usual_is_of_a_line", condition=~Q(kind="usual") | Q(line__isnull=False)
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        days = f"{self.first_day}" if self.first_day == self.last_day else f"{self.first_day} to {self.last_day}"
        hours = f"{_or_usual(self.starts_at)}–{_or_usual(self.ends_at)}" if self.starts_at or self.ends_at else ""
        return " ".join(filter(None, (days, self.get_kind_display(), self.shift, hours, self.note)))

    def clean(self) -> None:
        _check_line(self)
        if self.first_day and self.last_day:
            self._check_days()
        wrong = _HOURS_OF[self.kind](self) if self.kind in _HOURS_OF else {}
        if wrong:
            raise ValidationError(wrong)

    def _check_days(self) -> None:
        if self.last_day < self.first_day:
            raise ValidationError({"last_day": "The last day lies before the first."})
        if (self.last_day - self.first_day).days >= LONGEST_SPECIAL_DAYS:
            raise ValidationError({"last_day": "More than a year is not special; end the shifts instead."})


def _or_usual(at: Any) -> str:
    return f"{at:%H:%M}" if at else "usual"


def _of_closed(day: SpecialDay) -> dict[str, str]:
    if day.kind == SpecialDay.Kind.USUAL and day.line is None:
        return {"line": "Which line works as usual? A site does so by having no special day."}
    return {"starts_at": "Only other hours and extra shifts have times."} if day.starts_at or day.ends_at else {}


def _of_changed(day: SpecialDay) -> dict[str, str]:
    if not day.shift:
        return {"shift": "Which shift has other hours?"}
    return {} if day.starts_at or day.ends_at else {"ends_at": "When does the shift start or end on these days?"}


def _of_extra(day: SpecialDay) -> dict[str, str]:
    wrong = {} if day.shift else {"shift": "Give the extra shift a name."}
    if day.starts_at is None:
        wrong["starts_at"] = "When does the extra shift start?"
    if day.ends_at is None:
        wrong["ends_at"] = "When does the extra shift end?"
    return wrong


_HOURS_OF = {
    Special.CLOSED.value: _of_closed,
    Special.USUAL.value: _of_closed,
    Special.CHANGED.value: _of_changed,
    Special.EXTRA.value: _of_extra,
}


def misplaced(breaks: Iterable[Break], pattern: ShiftPattern) -> list[str]:
    """A sentence for each break that is not inside the shift."""
    return [
        f"{rest.name} {span(rest.starts_at, rest.ends_at)} lies outside the shift."
        for rest in breaks
        if not lies_inside(rest, pattern.starts_at, pattern.ends_at)
    ]


@AskedForMany
def calendar(lines: Sequence[Line]) -> dict[Line, Calendar]:
    """Every shift of a line, past and planned (1 query, one more for each line whose site is not loaded)."""
    rows = _rows(lines, {line.site_id for line in lines})
    return {line: _calendar(line.site, [row for row in rows if row.concerns(line)]) for line in lines}


def site_calendar(site: Site) -> Calendar:
    """What holds for a line of the site that has nothing of its own, whether there is such a line or not."""
    return _calendar(site, _rows((), [site.pk]))


def _calendar(site: Site, rows: "Sequence[_Row]") -> Calendar:
    plans = [row for row in rows if row.what != "special_day"]
    own = [row for row in plans if row.line_id is not None]
    special_days = (_special_day(row) for row in rows if row.what == "special_day")
    return Calendar(tuple(_PLANS[row.what](row.told) for row in own or plans), site.zone, tuple(special_days))


class _Row(NamedTuple):
    """One row of a calendar as the database tells it; `told` are its columns, times and dates as ISO texts."""

    site_id: uuid.UUID
    line_id: uuid.UUID | None
    what: str
    told: dict[str, Any]

    def concerns(self, line: Line) -> bool:
        return self.line_id == line.pk or (self.line_id is None and self.site_id == line.site_id)


# Every page asks for calendars, so the three tables are one statement, and not put together anew each time: that takes
# the ORM 5 ms. Its plan: three scans of a few dozen rows each, and the index on a break's pattern.
# In an order that does not change: equal calendars are remembered as one.
_CALENDARS = """
WITH concerned AS (SELECT %(lines)s::uuid[] AS lines, %(sites)s::uuid[] AS sites)
SELECT site_id, line_id, 'pattern' AS what, id, to_jsonb(p) || jsonb_build_object('breaks', (
    SELECT coalesce(jsonb_agg(to_jsonb(b) ORDER BY b.starts_at, b.name), '[]')
    FROM floor_shiftbreak b WHERE b.pattern_id = p.id)) AS told
FROM floor_shiftpattern p, concerned WHERE line_id = ANY(lines) OR (line_id IS NULL AND site_id = ANY(sites))
UNION ALL
SELECT site_id, line_id, 'rotation', id, to_jsonb(r)
FROM floor_rotation r, concerned WHERE line_id = ANY(lines) OR (line_id IS NULL AND site_id = ANY(sites))
UNION ALL
SELECT site_id, line_id, 'special_day', id, to_jsonb(s)
FROM floor_specialday s, concerned WHERE line_id = ANY(lines) OR (line_id IS NULL AND site_id = ANY(sites))
ORDER BY what, id
"""


def _rows(lines: Sequence[Line], sites: Iterable[uuid.UUID]) -> list[_Row]:
    with connection.cursor() as cursor:
        cursor.execute(_CALENDARS, {"lines": [line.pk for line in lines], "sites": list(sites)})
        return [_Row(site, line, what, json.loads(told)) for site, line, what, _, told in cursor.fetchall()]


def _pattern(told: Mapping[str, Any]) -> Pattern:
    return Pattern(
        told["name"],
        frozenset(told["weekdays"]),
        time.fromisoformat(told["starts_at"]),
        time.fromisoformat(told["ends_at"]),
        date.fromisoformat(told["valid_from"]),
        _date(told["valid_to"]),
        tuple(Break(r["name"], *map(time.fromisoformat, (r["starts_at"], r["ends_at"]))) for r in told["breaks"]),
    )


def _rotation(told: Mapping[str, Any]) -> rotations.Rotation:
    its = read_shifts(told["shifts"])
    return rotations.Rotation(
        its,
        read_sequence(told["sequence"], its),
        date.fromisoformat(told["first_day"]),
        read_teams(told["teams"]),
        date.fromisoformat(told["valid_from"]),
        _date(told["valid_to"]),
    )


def _special_day(row: _Row) -> shifts.SpecialDay:
    told = row.told
    return shifts.SpecialDay(
        Special(told["kind"]),
        date.fromisoformat(told["first_day"]),
        date.fromisoformat(told["last_day"]),
        told["shift"],
        _time(told["starts_at"]),
        _time(told["ends_at"]),
        row.line_id is not None,
    )


_PLANS: dict[str, Callable[[Mapping[str, Any]], shifts.Plan]] = {"pattern": _pattern, "rotation": _rotation}


def _date(told: str | None) -> date | None:
    return date.fromisoformat(told) if told else None


def _time(told: str | None) -> time | None:
    return time.fromisoformat(told) if told else None


def shift_at(line: Line, moment: datetime) -> ShiftWindow | None:
    return calendar(line).at(moment)
