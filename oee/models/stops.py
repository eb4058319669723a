"""Stops, the ledger and its totals. All derived: they may be dropped and rebuilt."""

import uuid
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeBoundary, RangeOperators
from django.db import models
from django.db.models import F, Q, Value

from floor.models import Equipment, Job, Line
from floor.models.plant import TsTzRange
from oee.domain.clock import to_ms
from oee.domain.factors import TIME_COLUMNS
from oee.domain.ledger import PLANNED_KINDS, Kind, Ledger
from oee.models.notes import PlannedStop, StopCoding
from oee.models.reasons import StopReason

KINDS = [(kind.value, kind.value) for kind in Kind if kind]
STOP_NAMES = uuid.UUID("6b0b1d8e-0e4e-5a0e-9a53-9d0a3f6c2f11")


def stop_key(equipment_id: UUID, started_ms: int) -> UUID:
    """The same stop keeps its name however often it is derived."""
    return uuid.uuid5(STOP_NAMES, f"{equipment_id}:{started_ms}")


class StopQuerySet(models.QuerySet["Stop"]):
    def touching(self, start: datetime, end: datetime) -> Self:
        return self.filter(Q(ended_at=None) | Q(ended_at__gt=start), started_at__lt=end)

    def with_words(self) -> Self:
        return self.select_related(
            "proposed_reason", "coding__reason", "coding__author", "planned_stop__reason", "equipment", "caused_by"
        )


class Stop(models.Model):
    """One standstill of a machine, however many shifts it crosses. Derived."""

    id = models.UUIDField(primary_key=True)
    equipment = models.ForeignKey(Equipment, on_delete=models.PROTECT, related_name="stops")
    line = models.ForeignKey(Line, on_delete=models.PROTECT, related_name="stops")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    is_minor = models.BooleanField(default=False)
    kind = models.CharField(
        max_length=8, choices=KINDS, default=Kind.FAILURE.value, help_text="What its last part is taken for."
    )
    proposed_reason = models.ForeignKey(StopReason, on_delete=models.PROTECT, null=True, related_name="+")
    proposed_why = models.CharField(max_length=300, blank=True)
    fault_text = models.CharField(max_length=200, blank=True)
    caused_by = models.ForeignKey(
        Equipment,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        help_text="The machine that starved or blocked this one, found by walking along the line.",
    )
    coding = models.ForeignKey(
        StopCoding, on_delete=models.PROTECT, null=True, related_name="+", help_text="The last thing said about it."
    )
    planned_stop = models.ForeignKey(PlannedStop, on_delete=models.PROTECT, null=True, related_name="+")

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
            models.Index(name="stop_with_culprit", fields=["started_at"], condition=Q(caused_by__isnull=False)),
        ]

    @property
    def reason(self) -> StopReason | None:
        """What was said about it last, else what the planned stop it fell into says."""
        if self.coding is not None:
            return self.coding.reason
        return None if self.planned_stop is None else self.planned_stop.reason

    @property
    def is_planned(self) -> bool:
        return Kind(self.kind) in PLANNED_KINDS


class LedgerQuerySet(models.QuerySet["LedgerEntry"]):
    def inside(self, start: datetime, end: datetime) -> Self:
        return self.filter(ended_at__gt=start, started_at__lt=end)

    def uncoded(self) -> Self:
        """Lost time that nobody has explained yet."""
        return self.filter(state=Ledger.STOP, reason=None).exclude(kind=Kind.MINOR)


class LedgerEntry(models.Model):
    """What a machine's time was, once. Cut at every clock hour, shift change, change of product and job. Derived."""

    equipment = models.ForeignKey(Equipment, on_delete=models.PROTECT, related_name="ledger")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=[(s.value, s.value) for s in Ledger])
    kind = models.CharField(max_length=8, blank=True, choices=KINDS)
    stop = models.ForeignKey(Stop, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="ledger")
    reason = models.ForeignKey(StopReason, on_delete=models.PROTECT, null=True, related_name="+")
    coding = models.ForeignKey(StopCoding, on_delete=models.PROTECT, null=True, related_name="+")
    planned_stop = models.ForeignKey(PlannedStop, on_delete=models.PROTECT, null=True, related_name="+")

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
    """What one machine did in one clock hour of one shift with one product and job; `shift_name` is empty outside
    shifts, `job` where none ran.

    `calendar_ms` is how much of [starts_at, ends_at) has been accounted for; `oee.domain.factors.Totals` explains the
    other columns. `product_number` -1: none was read. Derived.
    """

    follows = True  # the machine was seen before this row; only rows of `oee.rows.hours_of` know when it was not
    equipment = models.ForeignKey(Equipment, on_delete=models.PROTECT, related_name="hours")
    line = models.ForeignKey(Line, on_delete=models.PROTECT, related_name="hours")
    work_date = models.DateField()
    shift_name = models.CharField(max_length=40, blank=True)
    shift_starts_at = models.DateTimeField(null=True)
    team = models.CharField(max_length=40, blank=True)
    product_number = models.IntegerField(default=-1)
    job = models.ForeignKey(Job, on_delete=models.PROTECT, null=True, db_index=False, related_name="hours")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    calendar_ms = models.IntegerField(default=0)
    off_shift_ms = models.IntegerField(default=0)
    no_data_ms = models.IntegerField(default=0)
    break_ms = models.IntegerField(default=0)
    idle_ms = models.IntegerField(default=0)
    planned_stop_ms = models.IntegerField(default=0)
    setup_ms = models.IntegerField(default=0)
    stop_ms = models.IntegerField(default=0)
    external_stop_ms = models.IntegerField(default=0)
    minor_stop_ms = models.IntegerField(default=0)
    run_ms = models.IntegerField(default=0)
    busy_ms = models.IntegerField(default=0)
    operating_ms = models.IntegerField(default=0)
    failures = models.IntegerField(default=0)
    minor_stops = models.IntegerField(default=0)
    made = models.IntegerField(default=0)
    rejected = models.IntegerField(default=0)
    reworked = models.IntegerField(default=0)
    unobserved_made = models.IntegerField(default=0)
    unobserved_rejected = models.IntegerField(default=0)
    unrated_made = models.IntegerField(default=0)
    ideal_made_ms = models.BigIntegerField(default=0)
    ideal_good_ms = models.BigIntegerField(default=0)
    ideal_startup_ms = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_row_per_hour_and_shift", fields=["equipment", "starts_at"]),
            models.CheckConstraint(
                name="hour_is_accounted_for",
                condition=Q(calendar_ms=sum((F(name) for name in TIME_COLUMNS[1:]), start=F(TIME_COLUMNS[0]))),
            ),
            models.CheckConstraint(
                name="hour_holds_its_time",
                condition=Q(calendar_ms__gte=0)
                & Q(ends_at__gte=F("starts_at") + F("calendar_ms") * Value(timedelta(milliseconds=1))),
            ),
        ]
        indexes = [
            models.Index(name="hours_by_shift", fields=["equipment", "shift_starts_at"]),
            models.Index(name="hours_by_day", fields=["line", "work_date"]),
            models.Index(name="hours_of_machine", fields=["equipment", "work_date"]),
            models.Index(name="hours_of_job", fields=["job", "equipment"], condition=Q(job__isnull=False)),
        ]


class HourLoss(models.Model):
    """Standstill of one sort and reason in one row of hour totals; `events` are those that began in it. Derived.

    What Paretos are made of, also for times whose ledger has been dropped.
    """

    equipment = models.ForeignKey(Equipment, on_delete=models.PROTECT, related_name="losses")
    line = models.ForeignKey(Line, on_delete=models.PROTECT, related_name="losses")
    work_date = models.DateField()
    starts_at = models.DateTimeField(help_text="Of the hour totals that it is part of.")
    kind = models.CharField(max_length=8, choices=KINDS)
    reason = models.ForeignKey(StopReason, on_delete=models.PROTECT, null=True, related_name="+")
    lost_ms = models.IntegerField()
    events = models.IntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_loss_per_hour_and_reason",
                fields=["equipment", "starts_at", "kind", "reason"],
                nulls_distinct=False,
            )
        ]
        indexes = [
            models.Index(name="losses_by_day", fields=["line", "work_date"]),
            models.Index(name="losses_of_machine", fields=["equipment", "work_date"]),
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
