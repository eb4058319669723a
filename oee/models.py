"""Stops, the ledger and its totals (derived, may be dropped and rebuilt), and what people said (kept for ever)."""

import uuid
from datetime import datetime
from typing import Self
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models import F, Func, Q

from floor.models import Equipment, Line
from oee.domain.clock import to_ms
from oee.domain.ledger import Ledger, Planned

STOP_NAMES = uuid.UUID("6b0b1d8e-0e4e-5a0e-9a53-9d0a3f6c2f11")


def stop_key(equipment_id: UUID, started_ms: int) -> UUID:
    """The same stop keeps its name however often it is derived."""
    return uuid.uuid5(STOP_NAMES, f"{equipment_id}:{started_ms}")


class TsTzRange(Func):
    function = "TSTZRANGE"
    output_field = DateTimeRangeField()


class StopReason(models.Model):
    """A reason in the operator's words. Never deleted, only disabled: the past refers to it."""

    class LossClass(models.TextChoices):
        UNPLANNED = "availability_unplanned", "Unplanned stop"
        PLANNED = "planned", "Planned stop"

    code = models.CharField(max_length=40, primary_key=True)
    label = models.CharField(max_length=60)
    group = models.CharField(max_length=30)
    loss_class = models.CharField(max_length=30, choices=LossClass, default=LossClass.UNPLANNED)
    position = models.PositiveSmallIntegerField(default=0)
    enabled = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="loss_class_known", condition=Q(loss_class__in=["availability_unplanned", "planned"])
            )
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def is_planned(self) -> bool:
        return self.loss_class == self.LossClass.PLANNED


class LinePolicy(models.Model):
    """How a line is judged from `valid_from` on, until the next policy."""

    line = models.ForeignKey(Line, on_delete=models.CASCADE, related_name="policies")
    valid_from = models.DateTimeField()
    micro_stop_s = models.PositiveIntegerField(
        default=120, help_text="Shorter stops are minor stops: lost speed, not lost availability."
    )
    slow_below = models.FloatField(default=0.9, help_text="Share of the ideal speed below which a line is slow.")
    planned_stops_reduce_availability = models.BooleanField(
        default=True, help_text="Off: planned stops are taken out of the planned time."
    )
    target_availability = models.FloatField(default=0.90)
    target_performance = models.FloatField(default=0.85)
    target_quality = models.FloatField(default=0.95)

    class Meta:
        verbose_name_plural = "line policies"
        constraints = [
            models.UniqueConstraint(name="one_policy_at_a_time", fields=["line", "valid_from"]),
            models.CheckConstraint(name="slow_below_is_a_share", condition=Q(slow_below__gt=0) & Q(slow_below__lte=1)),
        ]


class StopCoding(models.Model):
    """What a person said about a stop. Append-only: a correction is a new row that paints over the old one.

    It belongs to the stop of this machine in which `covers` begins; an open end is the end of that stop.
    """

    equipment = models.ForeignKey(Equipment, on_delete=models.PROTECT, related_name="stop_codings")
    covers = DateTimeRangeField()
    reason = models.ForeignKey(StopReason, on_delete=models.PROTECT, related_name="codings")
    comment = models.CharField(max_length=1000, blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="stop_codings")
    made_at = models.DateTimeField()
    request_id = models.UUIDField(unique=True)
    replaces = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaced_by")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="coding_covers_something", condition=Q(covers__isempty=False) & Q(covers__startswith__isnull=False)
            )
        ]
        indexes = [models.Index(Func(F("covers"), function="lower"), F("equipment"), name="coding_start")]


class StopQuerySet(models.QuerySet["Stop"]):
    def touching(self, start: datetime, end: datetime) -> Self:
        return self.filter(Q(ended_at=None) | Q(ended_at__gt=start), started_at__lt=end)

    def with_words(self) -> Self:
        return self.select_related("proposed_reason", "coding__reason", "coding__author", "equipment")


class Stop(models.Model):
    """One standstill of a machine, however many shifts it crosses. Derived."""

    id = models.UUIDField(primary_key=True)
    equipment = models.ForeignKey(Equipment, on_delete=models.PROTECT, related_name="stops")
    line = models.ForeignKey(Line, on_delete=models.PROTECT, related_name="stops")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    is_minor = models.BooleanField(default=False)
    proposed_reason = models.ForeignKey(StopReason, on_delete=models.PROTECT, null=True, related_name="+")
    proposed_why = models.CharField(max_length=300, blank=True)
    fault_text = models.CharField(max_length=200, blank=True)
    coding = models.ForeignKey(StopCoding, on_delete=models.PROTECT, null=True, related_name="+")

    objects = StopQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_stop_start", fields=["equipment", "started_at"]),
            models.UniqueConstraint(name="one_open_stop", fields=["equipment"], condition=Q(ended_at=None)),
            models.CheckConstraint(
                name="stop_ends_after_it_begins", condition=Q(ended_at=None) | Q(ended_at__gt=F("started_at"))
            ),
        ]
        indexes = [
            models.Index(name="stop_line_time", fields=["line", "-started_at"]),
            models.Index(name="stop_end", fields=["equipment", "ended_at"]),
        ]


class LedgerQuerySet(models.QuerySet["LedgerEntry"]):
    def inside(self, start: datetime, end: datetime) -> Self:
        return self.filter(ended_at__gt=start, started_at__lt=end)

    def uncoded(self) -> Self:
        """Lost time that nobody has explained yet."""
        return self.filter(state=Ledger.STOP, is_minor=False, reason=None)


class LedgerEntry(models.Model):
    """What a machine's time was, once. Cut at every clock hour and shift change. Derived."""

    equipment = models.ForeignKey(Equipment, on_delete=models.PROTECT, related_name="ledger")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=[(s.value, s.value) for s in Ledger])
    planned = models.CharField(max_length=5, blank=True, choices=[(p.value, p.value) for p in Planned if p])
    is_minor = models.BooleanField(default=False)
    stop = models.ForeignKey(Stop, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="ledger")
    reason = models.ForeignKey(StopReason, on_delete=models.PROTECT, null=True, related_name="+")
    coding = models.ForeignKey(StopCoding, on_delete=models.PROTECT, null=True, related_name="+")

    objects = LedgerQuerySet.as_manager()

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="ledger_never_overlaps",
                expressions=[
                    ("equipment", RangeOperators.EQUAL),
                    (TsTzRange("started_at", "ended_at", RangeBoundary()), RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(name="ledger_entry_has_time", condition=Q(ended_at__gt=F("started_at"))),
        ]
        indexes = [models.Index(name="ledger_time", fields=["equipment", "started_at"])]


class HourTotals(models.Model):
    """What one machine did in one clock hour of one shift; `shift_name` is empty outside shifts. Derived.

    `calendar_ms` is how much of [starts_at, ends_at) has been accounted for.
    """

    equipment = models.ForeignKey(Equipment, on_delete=models.PROTECT, related_name="hours")
    line = models.ForeignKey(Line, on_delete=models.PROTECT, related_name="hours")
    work_date = models.DateField()
    shift_name = models.CharField(max_length=40, blank=True)
    shift_starts_at = models.DateTimeField(null=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    calendar_ms = models.IntegerField(default=0)
    off_shift_ms = models.IntegerField(default=0)
    no_data_ms = models.IntegerField(default=0)
    break_ms = models.IntegerField(default=0)
    planned_stop_ms = models.IntegerField(default=0)
    stop_ms = models.IntegerField(default=0)
    minor_stop_ms = models.IntegerField(default=0)
    run_ms = models.IntegerField(default=0)
    made = models.IntegerField(default=0)
    rejected = models.IntegerField(default=0)
    unobserved_made = models.IntegerField(default=0)
    unobserved_rejected = models.IntegerField(default=0)
    unrated_made = models.IntegerField(default=0)
    ideal_made_ms = models.BigIntegerField(default=0)
    ideal_good_ms = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_row_per_hour_and_shift", fields=["equipment", "starts_at"]),
            models.CheckConstraint(
                name="hour_is_accounted_for",
                condition=Q(
                    calendar_ms=F("off_shift_ms")
                    + F("no_data_ms")
                    + F("break_ms")
                    + F("planned_stop_ms")
                    + F("stop_ms")
                    + F("minor_stop_ms")
                    + F("run_ms")
                ),
            ),
        ]
        indexes = [
            models.Index(name="hours_by_shift", fields=["equipment", "shift_starts_at"]),
            models.Index(name="hours_by_day", fields=["line", "work_date"]),
        ]


class LineDerived(models.Model):
    """Up to which version of the facts a line's rows have been derived; its lock admits one writer at a time."""

    line = models.OneToOneField(Line, on_delete=models.CASCADE, primary_key=True, related_name="derived")
    seen_version = models.BigIntegerField(default=0)
    is_silent = models.BooleanField(default=False, help_text="The screens were told that no data arrive.")
    error = models.CharField(max_length=500, blank=True)
    retry_at = models.DateTimeField(null=True)


def to_stop_key(equipment_id: UUID, started_at: datetime) -> UUID:
    return stop_key(equipment_id, to_ms(started_at))
