"""Who works which shift."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from floor.domain.roster import Duty, is_there
from floor.domain.shifts import Calendar, ShiftWindow
from floor.models.people import User
from floor.models.plant import Line, Site
from floor.models.shifts import ALWAYS, calendar, site_calendar

IsThere = Callable[[UUID], bool]
"""Whether a person is there now."""


class Roster(models.Model):
    """A person works a shift, or belongs to a team, at a line or at the whole site. Who has no row is always there."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="duties")
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="duties")
    line = models.ForeignKey(
        Line, on_delete=models.CASCADE, null=True, blank=True, related_name="duties",
        help_text="Empty: there for every line of the site.",
    )  # fmt: skip
    shift = models.CharField(
        max_length=40, blank=True, help_text="Name of the shift, such as Night. Empty: every shift of the team."
    )
    team = models.CharField(
        max_length=40, blank=True, help_text="Team of the rotation, such as A. Empty: everybody of the shift."
    )
    valid_from = models.DateField(default=ALWAYS, help_text="First day, by the start of the shift.")
    valid_to = models.DateField(null=True, blank=True, help_text="First day on which it no longer holds.")

    class Meta:
        verbose_name = "place in the roster"
        verbose_name_plural = "roster"
        ordering = ("site", "line", "shift", "team", "person")
        constraints = [
            models.CheckConstraint(
                name="roster_names_shift_or_team",
                condition=~Q(shift="", team=""),
                violation_error_message="Name a shift or a team.",
            ),
            models.CheckConstraint(
                name="roster_ends_after_it_begins",
                condition=Q(valid_to=None) | Q(valid_to__gt=F("valid_from")),
                violation_error_message="It must end after it begins.",
            ),
            models.UniqueConstraint(
                name="rostered_once",
                fields=["person", "site", "line", "shift", "team", "valid_from"],
                nulls_distinct=False,
                violation_error_message="This stands in the roster already.",
            ),
        ]

    def __str__(self) -> str:
        what = " ".join(filter(None, (self.shift, f"team {self.team}" if self.team else "")))
        return f"{self.person}: {what} at {self.line or self.site}"

    def clean(self) -> None:
        if self.site_id is None:
            return
        if self.line is not None and self.line.site_id != self.site_id:
            raise ValidationError({"line": "This line belongs to another site."})
        self._check_known("shift", self.shift, self._names())
        self._check_known("team", self.team, self._teams())

    def _check_known(self, field: str, word: str, known: set[str]) -> None:
        if word and known and word not in known:
            raise ValidationError({field: f"No {field} is called {word} here; there are {', '.join(sorted(known))}."})

    def _names(self) -> set[str]:
        return {name for one in self._calendars() for plan in one.patterns for name in plan.shift_names} | {
            special.shift for one in self._calendars() for special in one.special_days if special.shift
        }

    def _teams(self) -> set[str]:
        """Teams of every rotation concerned; whole sites name those of their lines too."""
        rotations = self.site.rotations.filter(Q(line=None) | Q(line=self.line) if self.line else Q())
        return {team.name for rotation in rotations for team in rotation.value().teams}

    def _calendars(self) -> list[Calendar]:
        lines = [self.line] if self.line else list(self.site.lines.select_related("site"))
        return [site_calendar(self.site), *calendar.answer_all(lines).values()]

    def value(self) -> Duty:
        return Duty(self.shift, self.team, self.valid_from, self.valid_to)


def there_at(lines: Iterable[Line], moment: datetime) -> Mapping[UUID, IsThere]:
    """By line: whether a person is there for it. A site's people work by the shifts of the line or of the site."""
    lines = list({line.pk: line for line in lines}.values())
    rows = list(Roster.objects.all())
    if not rows:
        return {line.pk: _always for line in lines}
    calendars = calendar.answer_all(lines)
    of_site = {line.site_id: site_calendar(line.site).at(moment) for line in {ln.site_id: ln for ln in lines}.values()}
    return {line.pk: _there(line, rows, calendars[line].at(moment), of_site[line.site_id], moment) for line in lines}


def _always(_: UUID) -> bool:
    return True


def _there(
    line: Line, rows: Sequence[Roster], of_line: ShiftWindow | None, of_site: ShiftWindow | None, moment: datetime
) -> IsThere:
    here, elsewhere = defaultdict[UUID, list[Duty]](list), defaultdict[UUID, list[Duty]](list)
    for row in rows:
        is_here = row.site_id == line.site_id and row.line_id in (None, line.pk)
        (here if is_here else elsewhere)[row.person_id].append(row.value())
    windows = [window for window in (of_line, of_site) if window]
    today = moment.astimezone(line.site.zone).date()
    return lambda person: is_there(here.get(person, ()), windows, today, elsewhere.get(person, ()))
