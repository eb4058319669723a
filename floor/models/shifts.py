"""When a line is meant to run, in plant time, as people describe it."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from floor.models.plant import Line, Site


class ShiftPattern(models.Model):
    """A shift that comes back on some weekdays. `ends_at` at or before `starts_at` means the next morning.

    `weekdays` are ISO numbers, 1 = Monday, of the day the shift starts. `line` None: every line of the site that
    has no pattern of its own.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="shift_patterns")
    line = models.ForeignKey(Line, on_delete=models.CASCADE, null=True, blank=True, related_name="shift_patterns")
    name = models.CharField(max_length=40)
    weekdays = ArrayField(models.PositiveSmallIntegerField())
    starts_at = models.TimeField()
    ends_at = models.TimeField()
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="shift_pattern_ends_after_it_begins",
                condition=Q(valid_to=None) | Q(valid_to__gte=models.F("valid_from")),
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.starts_at:%H:%M}–{self.ends_at:%H:%M}"


class ShiftBreak(models.Model):
    """A break inside a shift, in plant time."""

    pattern = models.ForeignKey(ShiftPattern, on_delete=models.CASCADE, related_name="breaks")
    name = models.CharField(max_length=40, default="Break")
    starts_at = models.TimeField()
    ends_at = models.TimeField()
