"""When a line works, as people plan it."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from floor.domain.shifts import Break, Calendar, Pattern, ShiftsOverlap, ShiftWindow, check_overlap
from floor.glance import AskedForMany
from floor.models.plant import Line, Site


def every_day() -> list[int]:
    return [1, 2, 3, 4, 5, 6, 7]


class ShiftPatternQuerySet(models.QuerySet["ShiftPattern"]):
    def for_lines(self, lines: Sequence[Line]) -> Self:
        """The lines' own patterns, and those of their sites that hold for every line."""
        sites = {line.site_id for line in lines}
        return self.filter(Q(line__in=lines) | Q(line=None, site__in=sites)).prefetch_related("breaks")


class ShiftPattern(models.Model):
    """One shift. A line that has patterns of its own does not follow those of its site."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="shift_patterns")
    line = models.ForeignKey(
        Line,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="shift_patterns",
        help_text="Empty: for every line of the site that has no shifts of its own.",
    )
    name = models.CharField(max_length=40)
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(7)]),
        default=every_day,
        help_text="Days on which the shift starts, 1 = Monday to 7 = Sunday.",
    )
    starts_at = models.TimeField()
    ends_at = models.TimeField(help_text="At or before the start: the shift ends the next day.")
    valid_from = models.DateField(default=date(2000, 1, 1))
    valid_to = models.DateField(null=True, blank=True, help_text="First day on which it no longer holds.")

    objects = ShiftPatternQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="shift_pattern_ends_after_it_begins",
                condition=Q(valid_to=None) | Q(valid_to__gt=F("valid_from")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.starts_at:%H:%M}–{self.ends_at:%H:%M}"

    def clean(self) -> None:
        if self.line is not None and self.line.site_id != self.site_id:
            raise ValidationError({"line": "This line belongs to another site."})
        others = ShiftPattern.objects.filter(site_id=self.site_id, line=self.line).exclude(pk=self.pk)
        try:
            check_overlap(
                [self.value(with_breaks=False), *(p.value(with_breaks=False) for p in others)], self.site.zone
            )
        except ShiftsOverlap as overlap:
            raise ValidationError(str(overlap)) from overlap

    def value(self, *, with_breaks: bool = True) -> Pattern:
        return Pattern(
            self.name,
            frozenset(self.weekdays),
            self.starts_at,
            self.ends_at,
            self.valid_from,
            self.valid_to,
            tuple(rest.value() for rest in self.breaks.all()) if with_breaks else (),
        )


class ShiftBreak(models.Model):
    """A planned pause inside a shift, by the plant's clock."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    pattern = models.ForeignKey(ShiftPattern, on_delete=models.CASCADE, related_name="breaks")
    name = models.CharField(max_length=40, default="Break")
    starts_at = models.TimeField()
    ends_at = models.TimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.starts_at:%H:%M}–{self.ends_at:%H:%M}"

    def value(self) -> Break:
        return Break(self.name, self.starts_at, self.ends_at)


@AskedForMany
def calendar(lines: Sequence[Line]) -> dict[Line, Calendar]:
    """Every shift of a line, past and planned (2 queries, one more for each line whose site is not loaded)."""
    patterns = list(ShiftPattern.objects.for_lines(lines))
    found = {}
    for line in lines:
        own = [p for p in patterns if p.line_id == line.pk]
        shared = [p for p in patterns if p.line_id is None and p.site_id == line.site_id]
        found[line] = Calendar(tuple(p.value() for p in own or shared), line.site.zone)
    return found


def shift_at(line: Line, moment: datetime) -> ShiftWindow | None:
    return calendar(line).at(moment)
