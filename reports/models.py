"""Reports that were asked for, and the finished ones, frozen."""

import uuid
from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from floor.models import Line

# A worker that took a report and fell silent is given up after this; another takes it.
GIVE_UP_AFTER = timedelta(minutes=3)
TRIES = 3


class ReportQuerySet(models.QuerySet["Report"]):
    def finished(self) -> Self:
        return self.filter(status=Report.Status.DONE)

    def waiting(self, now: datetime) -> Self:
        """Asked for and not begun, or begun by a worker that fell silent."""
        abandoned = Q(status=Report.Status.MAKING, started_at__lt=now - GIVE_UP_AFTER)
        return self.filter(Q(status=Report.Status.ASKED) | abandoned, tries__lt=TRIES)


class Report(models.Model):
    """One report on one shift of one line. A correction after the fact is a new revision, never a new file in place."""

    class Status(models.TextChoices):
        ASKED = "asked"
        MAKING = "making"
        DONE = "done"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    line = models.ForeignKey(Line, on_delete=models.PROTECT, related_name="reports")
    work_date = models.DateField()
    shift = models.CharField(max_length=40)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    revision = models.PositiveSmallIntegerField(default=1)
    status = models.CharField(max_length=8, choices=Status, default=Status.ASKED)
    asked_at = models.DateTimeField()
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)
    figures = models.JSONField(default=dict, blank=True, help_text="The figures as printed.")
    pdf = models.BinaryField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)

    objects = ReportQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_report_per_shift_and_revision", fields=["line", "work_date", "shift", "revision"]
            ),
            models.CheckConstraint(
                name="finished_report_has_its_file", condition=~Q(status="done") | Q(pdf__isnull=False)
            ),
        ]
        indexes = [
            models.Index(name="report_latest", fields=["line", "-starts_at"]),
            models.Index(name="report_waiting", fields=["asked_at"], condition=Q(status__in=["asked", "making"])),
        ]

    def __str__(self) -> str:
        return f"{self.line} {self.shift} {self.work_date}"

    @property
    def file_name(self) -> str:
        return f"{self.line.code}_{self.work_date}_{self.shift.lower()}_r{self.revision}.pdf"

    @property
    def good(self) -> int | None:
        found: int | None = self.figures.get("good")
        return found

    @property
    def target(self) -> int | None:
        found: int | None = self.figures.get("target")
        return found

    @property
    def oee(self) -> float | None:
        found: float | None = self.figures.get("oee", {}).get("value")
        return found

    @property
    def is_final(self) -> bool:
        """Every stop of the shift had its reason when the report was made."""
        return bool(self.figures.get("is_final"))
