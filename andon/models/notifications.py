"""The messages that leave the house."""

import uuid
from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q

from andon.models.calls import Call, CallEvent
from floor.models import User


class NotificationQuerySet(models.QuerySet["Notification"]):
    def pending(self) -> Self:
        """Still to be handed over; those given up are not."""
        return self.filter(sent_at=None, failed_at=None, cancelled_at=None)

    def due(self, now: datetime) -> Self:
        return self.pending().filter(next_try_at__lte=now)


class Notification(models.Model):
    """One message to one person by one channel. `sent_at` means handed over, not read."""

    class Channel(models.TextChoices):
        IN_APP = "in_app"
        EMAIL = "email"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="notifications")
    event = models.ForeignKey(CallEvent, on_delete=models.CASCADE, related_name="notifications")
    recipient = models.ForeignKey(User, on_delete=models.PROTECT, related_name="notifications")
    channel = models.CharField(max_length=8, choices=Channel)
    created_at = models.DateTimeField()
    next_try_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)
    sent_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True, help_text="Given up.")
    cancelled_at = models.DateTimeField(null=True, help_text="The call was taken back before it was sent.")

    objects = NotificationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_message_per_channel", fields=["event", "recipient", "channel"]),
        ]
        indexes = [
            models.Index(
                name="message_due",
                fields=["next_try_at"],
                condition=Q(sent_at=None, failed_at=None, cancelled_at=None),
            ),
            models.Index(name="message_given_up", fields=["failed_at"], condition=Q(failed_at__isnull=False)),
            models.Index(name="message_person", fields=["recipient", "created_at"]),
        ]
