"""Orders that a line works off, and when each of them ran."""

import uuid
from datetime import datetime
from typing import Self

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q

from floor.models.people import User
from floor.models.plant import Line, Product, TsTzRange


class Job(models.Model):
    """So many units of a product to be made on a line. An ideal cycle of its own is an `IdealCycle` of this job."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.CharField(max_length=40, unique=True, help_text="The number of the order, as it is on paper.")
    line = models.ForeignKey(Line, on_delete=models.PROTECT, related_name="jobs")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="jobs")
    planned_quantity = models.PositiveIntegerField(
        validators=[MinValueValidator(1)], help_text="Good units to be made."
    )
    due_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    request_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="job_on_its_line", fields=["id", "line"]),  # runs refer to both
            models.CheckConstraint(name="job_plans_something", condition=Q(planned_quantity__gt=0)),
            models.CheckConstraint(name="job_has_a_number", condition=~Q(number="")),
        ]
        indexes = [models.Index(name="jobs_by_due", fields=["line", "due_at"])]

    def __str__(self) -> str:
        return f"job {self.number}"


class JobRunQuerySet(models.QuerySet["JobRun"]):
    def open(self) -> Self:
        return self.filter(ended_at=None)

    def touching(self, start: datetime | None, end: datetime | None) -> Self:
        """Those that overlap [start, end); None is without limit."""
        found = self if start is None else self.filter(Q(ended_at=None) | Q(ended_at__gt=start))
        return found if end is None else found.filter(started_at__lt=end)


class JobRun(models.Model):
    """A job on its line on [started_at, ended_at), open while it runs. One that was interrupted has several.

    `line` is that of the job, which the database sees to: it is here for the constraint.
    """

    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="runs")
    line = models.ForeignKey(Line, on_delete=models.PROTECT, related_name="job_runs")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    started_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    ended_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    request_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)

    objects = JobRunQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="job_run_ends_after_it_starts", condition=Q(ended_at=None) | Q(ended_at__gt=F("started_at"))
            ),
            ExclusionConstraint(
                name="one_job_at_a_time",
                expressions=[
                    ("line", RangeOperators.EQUAL),
                    (TsTzRange("started_at", "ended_at"), RangeOperators.OVERLAPS),
                ],
                violation_error_message="Another job ran on this line at that time.",
            ),
        ]
        indexes = [models.Index(name="job_runs_by_time", fields=["line", "-started_at"])]

    def __str__(self) -> str:
        return str(self.job)
