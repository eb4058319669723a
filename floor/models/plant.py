"""The plant as people describe it. Nothing here is written by machines."""

import uuid
import zoneinfo
from datetime import datetime
from typing import Self

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Func, Q, Value
from django.db.models.functions import Coalesce


def is_zone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError(f"{name} is not a time zone; use a name such as Europe/London.")


class Site(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    code = models.CharField(max_length=50, unique=True)
    name = models.CharField(max_length=100)
    time_zone = models.CharField(max_length=64, validators=[is_zone])

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.time_zone)


class LineQuerySet(models.QuerySet["Line"]):
    def enabled(self) -> Self:
        return self.filter(enabled=True)

    def on_screen(self) -> Self:
        """Enabled lines in the order the plant gave them, with what every page prints."""
        return self.enabled().select_related("site").order_by("position", "code")


class Line(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="lines")
    code = models.CharField(max_length=50, unique=True)
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=500, blank=True)
    position = models.PositiveSmallIntegerField(default=0)
    enabled = models.BooleanField(default=True)
    target_rate = models.FloatField(
        help_text="Good units per minute the plan counts on where a product has no ideal cycle; "
        "ordinary stops included."
    )

    objects = LineQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="line_target_rate_positive", condition=Q(target_rate__gt=0)),
        ]

    def __str__(self) -> str:
        return self.code


class Equipment(models.Model):
    class Kind(models.TextChoices):
        PRODUCTION = "production"
        PACKAGING = "packaging"
        CONVEYOR = "conveyor"
        UTILITY = "utility"
        SUPPORT = "support"
        SAFETY = "safety"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    line = models.ForeignKey(Line, on_delete=models.PROTECT, related_name="equipment")
    code = models.CharField(max_length=50, unique=True)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.PRODUCTION)
    position = models.PositiveSmallIntegerField(default=1, help_text="Place along the line, 1 = first.")
    is_primary = models.BooleanField(default=False, help_text="The constraint: line figures come from this machine.")
    criticality = models.PositiveSmallIntegerField(default=3)
    enabled = models.BooleanField(default=True)

    class Meta:
        verbose_name_plural = "equipment"
        constraints = [
            models.UniqueConstraint(name="one_primary_per_line", fields=["line"], condition=Q(is_primary=True)),
            models.UniqueConstraint(name="one_machine_per_place", fields=["line", "position"]),
            models.CheckConstraint(name="criticality_1_to_5", condition=Q(criticality__gte=1) & Q(criticality__lte=5)),
        ]

    def __str__(self) -> str:
        return self.code


class Product(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    code = models.CharField(max_length=50, unique=True)
    name = models.CharField(max_length=100)
    enabled = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name


class ProductNumber(models.Model):
    """The number under which a line's controller knows a product."""

    line = models.ForeignKey(Line, on_delete=models.CASCADE, related_name="product_numbers")
    number = models.IntegerField()
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="numbers")

    class Meta:
        constraints = [models.UniqueConstraint(name="one_product_per_number", fields=["line", "number"])]


LONGEST_CYCLE_MS = 3_600_000
# Stands for "any" where a constraint compares keys: to PostgreSQL two NULLs are never equal.
ANY = uuid.UUID(int=0)


class TsTzRange(Func):
    """[from, to), the end may be open."""

    function = "TSTZRANGE"
    output_field = DateTimeRangeField()


class IdealCycleQuerySet(models.QuerySet["IdealCycle"]):
    def in_force(self, at: datetime) -> Self:
        return self.filter(Q(valid_to=None) | Q(valid_to__gt=at), valid_from__lte=at)


def is_possible_cycle(ms: int) -> None:
    if not 0 < ms <= LONGEST_CYCLE_MS:
        raise ValidationError("An ideal cycle is more than 0 ms and at most one hour (3 600 000 ms) per unit.")


class IdealCycle(models.Model):
    """Shortest time for one unit, in milliseconds, on [valid_from, valid_to).

    The most particular standard wins: the job that ran, then product on a machine, then product, then machine, then
    line. Written by floor/actions/standards.py, so that the past keeps what it was judged by.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    line = models.ForeignKey(Line, on_delete=models.CASCADE, null=True, blank=True, related_name="ideal_cycles")
    equipment = models.ForeignKey(
        Equipment, on_delete=models.CASCADE, null=True, blank=True, related_name="ideal_cycles"
    )
    product = models.ForeignKey(Product, on_delete=models.CASCADE, null=True, blank=True, related_name="ideal_cycles")
    job = models.ForeignKey(
        "floor.Job",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="ideal_cycles",
        help_text="Only while this job runs, and for its product. It has its line already.",
    )
    ideal_cycle_ms = models.PositiveIntegerField(
        validators=[is_possible_cycle],
        help_text="Shortest time for one unit, in ms; the speed at which nothing is lost.",
    )
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, blank=True)

    objects = IdealCycleQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="ideal_cycle_possible",
                condition=Q(ideal_cycle_ms__gt=0) & Q(ideal_cycle_ms__lte=LONGEST_CYCLE_MS),
                violation_error_message="An ideal cycle is more than 0 ms and at most one hour per unit.",
            ),
            models.CheckConstraint(
                name="ideal_cycle_ends_after_it_begins",
                condition=Q(valid_to=None) | Q(valid_to__gt=models.F("valid_from")),
            ),
            models.CheckConstraint(
                name="ideal_cycle_of_a_job_is_its_own",
                condition=Q(job=None) | Q(line=None, equipment=None, product=None),
                violation_error_message="A job has its line and its product already. Leave the others empty.",
            ),
            ExclusionConstraint(
                name="one_ideal_cycle_at_a_time",
                expressions=[
                    *(
                        (Coalesce(key, Value(ANY, models.UUIDField())), "=")
                        for key in ("line", "equipment", "product", "job")
                    ),
                    (TsTzRange("valid_from", "valid_to"), RangeOperators.OVERLAPS),
                ],
                violation_error_message="Another ideal cycle holds for the same at the same time.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ideal_cycle_ms} ms"
