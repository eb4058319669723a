"""Calls for help and their history."""

import uuid
from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q

from andon.domain.call import LIVE, OVER, Priority, Status
from andon.models.words import PRIORITIES, check_roles, person, roles_field
from floor.models import Equipment, Line

STATUSES = [(s.value, s.value) for s in Status]


class CallKind(models.Model):
    """A kind of help that can be called, and who comes."""

    code = models.SlugField(max_length=30, primary_key=True)
    label = models.CharField(max_length=40)
    hint = models.CharField(max_length=80, blank=True, help_text="When to choose it, in the operator's words.")
    responders = roles_field("Roles told at once, separated by commas.")
    priority = models.PositiveSmallIntegerField(choices=PRIORITIES, default=Priority.HIGH)
    suggests_work_order = models.BooleanField(default=False, help_text="A resolved call leaves work to do.")
    position = models.PositiveSmallIntegerField(default=0)
    enabled = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="call_kind_has_responders", condition=Q(responders__len__gt=0)),
            models.CheckConstraint(name="call_kind_priority_known", condition=Q(priority__in=list(Priority))),
        ]

    def __str__(self) -> str:
        return self.label

    def clean(self) -> None:
        check_roles("responders", self.responders)


class CallQuerySet(models.QuerySet["Call"]):
    def live(self) -> Self:
        """Neither resolved nor cancelled."""
        return self.filter(status__in=LIVE)

    def counted(self) -> Self:
        """Calls that were meant and told: those taken back at once never were, those shelved reached nobody."""
        return self.exclude(status__in=[Status.CANCELLED, Status.SHELVED])

    def for_screen(self) -> Self:
        return self.select_related("line__site", "equipment", "kind", "raised_by", "responder")


class Call(models.Model):
    """Somebody, or a machine, asks for help at a line."""

    class Source(models.TextChoices):
        PERSON = "person"
        MACHINE = "machine"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    line = models.ForeignKey(Line, on_delete=models.PROTECT, related_name="calls")
    equipment = models.ForeignKey(Equipment, on_delete=models.PROTECT, null=True, blank=True, related_name="calls")
    kind = models.ForeignKey(CallKind, on_delete=models.PROTECT, related_name="calls")
    priority = models.PositiveSmallIntegerField(choices=PRIORITIES)
    status = models.CharField(max_length=12, choices=STATUSES, default=Status.OPEN)
    level = models.PositiveSmallIntegerField(default=0, help_text="How far it was escalated; 0 = not yet.")
    source = models.CharField(max_length=8, choices=Source, default=Source.PERSON)
    raised_at = models.DateTimeField()
    raised_by = person()
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = person()
    responder = person(help_text="Who is coming, or is there.")
    arrived_at = models.DateTimeField(null=True, blank=True)
    arrived_by = person()
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = person()
    resolution = models.CharField(max_length=1000, blank=True, help_text="What was done, or why nothing was.")
    work_order_suggested = models.BooleanField(default=False, help_text="Something is left for maintenance to do.")
    reopened_at = models.DateTimeField(null=True, blank=True, help_text="From here its clocks run.")
    round = models.PositiveSmallIntegerField(default=0, help_text="How often its plan was made anew.")
    stopped_since = models.DateTimeField(
        null=True, blank=True, help_text="When the stop began during which it was raised; empty: the machine ran."
    )
    cleared_at = models.DateTimeField(
        null=True, blank=True, help_text="The machine that called runs again; the call waits to be resolved."
    )
    repeats = models.PositiveIntegerField(default=0, help_text="How often the same was called again while it was open.")
    note = models.CharField(max_length=500, blank=True)
    request_id = models.UUIDField(unique=True, default=uuid.uuid4)

    objects = CallQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_open_call",
                fields=["line", "equipment", "kind"],
                condition=Q(status__in=LIVE),
                nulls_distinct=False,
            ),
            models.CheckConstraint(name="call_status_known", condition=Q(status__in=list(Status))),
            models.CheckConstraint(name="call_priority_known", condition=Q(priority__in=list(Priority))),
            models.CheckConstraint(
                name="call_answered_by_somebody",
                condition=Q(status__in=[Status.OPEN, Status.CANCELLED, Status.SHELVED])
                | Q(acknowledged_at__isnull=False, acknowledged_by__isnull=False),
            ),
            models.CheckConstraint(
                name="call_resolved_in_words",
                condition=~Q(status__in=OVER)
                | (Q(resolved_at__isnull=False, resolved_by__isnull=False) & ~Q(resolution="")),
            ),
            models.UniqueConstraint(
                name="one_machine_call_per_stop",
                fields=["equipment", "kind", "stopped_since"],
                condition=Q(source="machine", stopped_since__isnull=False),
            ),
        ]
        indexes = [
            models.Index(name="call_live", fields=["line"], condition=Q(status__in=LIVE)),
            models.Index(name="call_line_time", fields=["line", "raised_at"]),
            models.Index(name="call_time", fields=["raised_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind_id} on {self.line}"

    @property
    def place(self) -> str:
        return f"{self.line.code} {self.equipment.code}" if self.equipment else self.line.code

    @property
    def caller(self) -> str:
        return str(self.raised_by) if self.raised_by else "the machine"

    @property
    def since(self) -> datetime:
        """Where its clocks run from."""
        return self.reopened_at or self.raised_at


class CallEvent(models.Model):
    """One line of a call's history. Only ever added."""

    class What(models.TextChoices):
        RAISED = "raised"
        ACKNOWLEDGED = "acknowledged"
        TRANSFERRED = "transferred"
        ARRIVED = "arrived"
        NOTED = "noted"
        PRIORITY = "priority"  # another priority was set
        PHOTO = "photo"
        RESOLVED = "resolved"
        REJECTED = "rejected"
        REOPENED = "reopened"
        CANCELLED = "cancelled"
        ESCALATED = "escalated"
        REMINDED = "reminded"
        INHERITED = "inherited"  # the next shift was told
        REPEATED = "repeated"  # the same was called again
        CLEARED = "cleared"  # the machine that called runs again
        SHELVED = "shelved"
        UNSHELVED = "unshelved"

    call = models.ForeignKey(Call, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField()
    what = models.CharField(max_length=12, choices=What)
    by = person()
    step = models.OneToOneField("andon.EscalationStep", on_delete=models.PROTECT, null=True, related_name="event")
    level = models.PositiveSmallIntegerField(default=0)
    text = models.CharField(max_length=1000, blank=True)
    request_id = models.UUIDField(null=True, unique=True)

    class Meta:
        indexes = [models.Index(name="call_history", fields=["call", "at"])]


class CallPhoto(models.Model):
    """A picture taken at the machine, made small and without what cameras write into their files."""

    event = models.OneToOneField(CallEvent, on_delete=models.CASCADE, primary_key=True, related_name="photo")
    jpeg = models.BinaryField()
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()
