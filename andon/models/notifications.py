"""The messages that leave the house."""

import uuid
from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q

from andon.domain.call import OVER
from andon.models.calls import Call, CallEvent
from andon.models.webhooks import WebhookTarget
from floor.models import User


class NotificationQuerySet(models.QuerySet["Notification"]):
    def pending(self) -> Self:
        """Still to be handed over; those given up are not."""
        return self.filter(sent_at=None, failed_at=None, cancelled_at=None)

    def due(self, now: datetime) -> Self:
        return self.pending().filter(next_try_at__lte=now)

    def overtaken(self) -> Self:
        """Held back, and the call was over before it could leave."""
        return self.pending().filter(held_until__isnull=False, tries=0, call__status__in=OVER)

    def joinable(self) -> Self:
        """Summaries that have not left yet."""
        return self.pending().filter(is_summary=True, tries=0)

    def to_pass_on(self, now: datetime) -> Self:
        """Not handed over in time: the next way is tried."""
        return self.filter(pass_on_at__lte=now, sent_at=None, cancelled_at=None)

    def in_trouble(self) -> Self:
        """Given up, or tried in vain so far; what a summary carries shows with the summary."""
        return self.filter(sent_at=None, cancelled_at=None, bundled_into=None).filter(
            Q(failed_at__isnull=False) | Q(tries__gt=0, error__gt="")
        )

    def bell(self, person: User) -> Self:
        return self.filter(recipient=person, channel=Notification.Channel.IN_APP, cancelled_at=None)

    def unread(self, person: User) -> Self:
        return self.bell(person).filter(read_at=None)

    def for_delivery(self) -> Self:
        people = ("recipient", "target", "call__raised_by", "call__responder")
        return self.select_related(*people, "event", "call__line__site", "call__equipment", "call__kind")


class Notification(models.Model):
    """One message by one way: to one person, or to one of the plant's webhooks.

    `sent_at` means handed over; `delivered_at` and `read_at` are known by some ways only.
    """

    class Channel(models.TextChoices):
        IN_APP = "in_app", "bell"
        EMAIL = "email", "e-mail"
        WEBHOOK = "webhook", "webhook"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="notifications")
    event = models.ForeignKey(CallEvent, on_delete=models.CASCADE, related_name="notifications")
    recipient = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="notifications")
    target = models.ForeignKey(WebhookTarget, on_delete=models.PROTECT, null=True, related_name="notifications")
    channel = models.CharField(max_length=8, choices=Channel)
    created_at = models.DateTimeField()
    held_until = models.DateTimeField(null=True, help_text="It was quiet: not before then.")
    next_try_at = models.DateTimeField(null=True)
    pass_on_at = models.DateTimeField(null=True, help_text="Not handed over by then: the next way is tried.")
    bundled_into = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="bundled", db_index=False,
        help_text="The summary that tells it; empty: it goes by itself.",
    )  # fmt: skip
    is_summary = models.BooleanField(default=False, help_text="Others may join it until it leaves.")
    tries = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)
    sent_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True, help_text="The other side says that it arrived.")
    read_at = models.DateTimeField(null=True, help_text="The person opened the bell or the call.")
    failed_at = models.DateTimeField(null=True, help_text="Given up.")
    cancelled_at = models.DateTimeField(null=True, help_text="The call was taken back, or over, before it was sent.")

    objects = NotificationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_message_per_channel", fields=["event", "recipient", "channel"]),
            models.UniqueConstraint(
                name="one_message_per_target", fields=["event", "target"], condition=Q(target__isnull=False)
            ),
            models.CheckConstraint(
                name="message_to_a_person_or_a_target",
                condition=Q(recipient__isnull=False, target=None)
                | Q(recipient=None, target__isnull=False, channel="webhook"),
            ),
            models.CheckConstraint(
                name="message_not_bundled_into_itself", condition=Q(bundled_into=None) | ~Q(bundled_into=F("id"))
            ),
        ]
        indexes = [
            models.Index(
                name="message_due",
                fields=["next_try_at"],
                condition=Q(sent_at=None, failed_at=None, cancelled_at=None),
            ),
            models.Index(name="message_given_up", fields=["failed_at"], condition=Q(failed_at__isnull=False)),
            models.Index(name="message_person", fields=["recipient", "created_at"]),
            models.Index(name="message_pass_on", fields=["pass_on_at"], condition=Q(pass_on_at__isnull=False)),
            models.Index(name="message_bundle", fields=["bundled_into"], condition=Q(bundled_into__isnull=False)),
            models.Index(
                name="message_unread",
                fields=["recipient"],
                condition=Q(channel="in_app", read_at=None, cancelled_at=None),
            ),
        ]

    @property
    def receiver(self) -> str:
        return str(self.recipient or self.target)

    @property
    def state(self) -> str:
        """How far it came, in a word or two."""
        for reached, word in (
            (self.cancelled_at, "not sent, overtaken"),
            (self.read_at, "read"),
            (self.delivered_at, "delivered"),
            (self.sent_at, "handed over"),
            (self.failed_at, "given up"),
        ):
            if reached:
                return word
        return "on its way"
