"""The catalogue of stop reasons, and what each of them does to the figures, from a date on."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import OuterRef, Q, Subquery

from oee.domain.ledger import LOSS_CLASSES, PLANNED_KINDS, Kind

LOSS_CLASS_CHOICES = [
    (Kind.FAILURE.value, "Unplanned stop"),
    (Kind.EXTERNAL.value, "Starved or blocked"),
    (Kind.SETUP.value, "Changeover or adjustment"),
    (Kind.PLANNED.value, "Planned stop"),
    (Kind.IDLE.value, "Nothing to make"),
]


class StopReasonQuerySet(models.QuerySet["StopReason"]):
    def offered(self) -> Self:
        """What a person may choose from, in the order of the screens."""
        return self.filter(enabled=True).order_by("position", "label")

    def with_class(self, at: datetime) -> Self:
        """Each with `class_now`, its loss class at that moment."""
        classes = ReasonClass.objects.filter(reason=OuterRef("pk"), valid_from__lte=at).order_by("-valid_from")
        return self.annotate(class_now=Subquery(classes.values("loss_class")[:1]))

    def unplanned(self, at: datetime) -> Self:
        """Those that are failures at that moment."""
        return self.with_class(at).filter(Q(class_now=Kind.FAILURE) | Q(class_now=None))


class StopReason(models.Model):
    """A reason in the operator's words. Never deleted, only disabled: the past refers to it."""

    code = models.CharField(max_length=40, primary_key=True)
    label = models.CharField(max_length=60)
    group = models.CharField(max_length=30, help_text="Reasons of one group stand together; at most eight groups.")
    position = models.PositiveSmallIntegerField(default=0, help_text="Place on the screens, smallest first.")
    enabled = models.BooleanField(default=True, help_text="Off: it is not offered any more; the past keeps it.")

    objects = StopReasonQuerySet.as_manager()

    def __str__(self) -> str:
        return self.label


class ReasonClass(models.Model):
    """From `valid_from` on stops with this reason are a loss of this class, until the next row."""

    reason = models.ForeignKey(StopReason, on_delete=models.CASCADE, related_name="classes")
    loss_class = models.CharField(max_length=10, choices=LOSS_CLASS_CHOICES)
    valid_from = models.DateTimeField()

    class Meta:
        verbose_name = "loss class of a reason"
        verbose_name_plural = "loss classes of reasons"
        constraints = [
            models.UniqueConstraint(name="one_class_at_a_time", fields=["reason", "valid_from"]),
            models.CheckConstraint(
                name="loss_class_known", condition=Q(loss_class__in=[k.value for k in LOSS_CLASSES])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reason}: {self.get_loss_class_display()}"

    @property
    def is_planned(self) -> bool:
        return Kind(self.loss_class) in PLANNED_KINDS
