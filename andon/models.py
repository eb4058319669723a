"""Calls for help, the plan by which each moves on, and the messages that leave the house."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from andon.domain.call import LIVE, OVER, Priority, Status
from andon.domain.escalation import STANDARD_RULES, Clock, Rule, Step
from floor.models import Equipment, Line, User
from floor.models.people import Role

PRIORITIES = [(p.value, p.word) for p in Priority]
STATUSES = [(s.value, s.value) for s in Status]
# A rule waits for an answer or for the remedy; that a shift inherits a call needs no rule.
CLOCKS = [(Clock.ACK.value, "until acknowledged"), (Clock.RESOLVE.value, "until resolved")]
STEP_CLOCKS = [*CLOCKS, (Clock.SHIFT.value, "until the next shift")]


def roles_field(help_text: str) -> Any:
    return ArrayField(models.CharField(max_length=20, choices=Role), help_text=help_text)


def check_roles(field: str, roles: Sequence[str] | None) -> None:
    if not roles:
        raise ValidationError({field: "Name at least one role; a call must reach somebody."})
    if unknown := sorted(set(roles) - set(Role.values)):
        raise ValidationError({field: f"{', '.join(unknown)} is not a role; choose from {', '.join(Role.values)}."})


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


class EscalationRuleQuerySet(models.QuerySet["EscalationRule"]):
    def in_force(self, at: datetime) -> Self:
        """The newest version of each level that has begun by `at`."""
        begun = self.filter(valid_from__lte=at).order_by("priority", "clock", "level", "-valid_from")
        return begun.distinct("priority", "clock", "level")


class EscalationRule(models.Model):
    """Who is told when a call of this priority has waited that long. A later version begins at its `valid_from`."""

    priority = models.PositiveSmallIntegerField(choices=PRIORITIES)
    clock = models.CharField(max_length=8, choices=CLOCKS)
    level = models.PositiveSmallIntegerField(help_text="1 is told first.")
    after_s = models.PositiveIntegerField(help_text="Seconds since the call was raised.")
    recipients = roles_field("Roles told, separated by commas.")
    repeat_s = models.PositiveIntegerField(
        null=True, blank=True, help_text="Remind again every so many seconds; empty: tell once."
    )
    enabled = models.BooleanField(default=True, help_text="Off: from its date on this level is left out.")
    valid_from = models.DateTimeField()

    objects = EscalationRuleQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_rule_version_at_a_time", fields=["priority", "clock", "level", "valid_from"]
            ),
            models.CheckConstraint(name="rule_priority_known", condition=Q(priority__in=list(Priority))),
            models.CheckConstraint(name="rule_clock_known", condition=Q(clock__in=[clock for clock, _ in CLOCKS])),
            models.CheckConstraint(name="rule_level_from_1", condition=Q(level__gte=1)),
            models.CheckConstraint(name="rule_waits", condition=Q(after_s__gt=0)),
            models.CheckConstraint(name="rule_reminds_once_a_minute", condition=Q(repeat_s=None) | Q(repeat_s__gte=60)),
            models.CheckConstraint(name="rule_has_recipients", condition=Q(recipients__len__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{Priority(self.priority).word} {self.get_clock_display()}, level {self.level}"

    def clean(self) -> None:
        check_roles("recipients", self.recipients)
        if self.repeat_s is not None and self.repeat_s < 60:
            raise ValidationError({"repeat_s": "Remind at most once a minute; nobody reads more."})
        if None not in (self.priority, self.after_s, self.level, self.valid_from):
            self._check_order()

    def _check_order(self) -> None:
        rules = EscalationRule.objects.filter(priority=self.priority, clock=self.clock).exclude(pk=self.pk)
        for other in rules.in_force(self.valid_from):
            is_after = other.level > self.level
            if other.enabled and other.level != self.level and (other.after_s > self.after_s) != is_after:
                raise ValidationError(
                    {"after_s": f"Level {other.level} comes after {other.after_s} s; levels must follow each other."}
                )

    def value(self) -> Rule:
        return Rule(
            Priority(self.priority), Clock(self.clock), self.level, self.after_s, tuple(self.recipients), self.repeat_s
        )


def rules_in_force(at: datetime) -> tuple[Rule, ...]:
    """The plant's rules; the standard ones for a priority that has none, because a call must never get stuck."""
    rules = tuple(row.value() for row in EscalationRule.objects.in_force(at) if row.enabled)
    ruled = {rule.priority for rule in rules}
    return rules + tuple(rule for rule in STANDARD_RULES if rule.priority not in ruled)


class CallQuerySet(models.QuerySet["Call"]):
    def live(self) -> Self:
        """Neither resolved nor cancelled."""
        return self.filter(status__in=LIVE)

    def counted(self) -> Self:
        """Calls that were meant and told: those taken back at once never were, those shelved reached nobody."""
        return self.exclude(status__in=[Status.CANCELLED, Status.SHELVED])

    def with_due_steps(self, now: datetime) -> Self:
        return self.filter(models.Exists(EscalationStep.objects.due(now).filter(call=models.OuterRef("pk"))))

    def for_screen(self) -> Self:
        return self.select_related("line__site", "equipment", "kind", "raised_by", "responder")


def person(related_name: str = "+", **options: Any) -> Any:
    options |= {"on_delete": models.PROTECT, "null": True, "blank": True, "related_name": related_name}
    return models.ForeignKey(User, **options)


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
    round = models.PositiveSmallIntegerField(default=0, help_text="How often it was reopened.")
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


class EscalationStepQuerySet(models.QuerySet["EscalationStep"]):
    def ahead(self) -> Self:
        return self.filter(taken_at=None, cancelled_at=None)

    def due(self, now: datetime) -> Self:
        return self.ahead().filter(Q(postponed_until=None) | Q(postponed_until__lte=now), due_at__lte=now)

    def overdue(self, now: datetime) -> Self:
        """Due and not taken, whatever the reason; what the watchdog looks for."""
        return self.ahead().filter(due_at__lt=now)


class EscalationStep(models.Model):
    """At `due_at` this call moves on. Written when it is planned, taken or cancelled once."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="steps")
    round = models.PositiveSmallIntegerField(default=0, help_text="Of the call, when it was planned.")
    clock = models.CharField(max_length=8, choices=STEP_CLOCKS)
    level = models.PositiveSmallIntegerField()
    reminder = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField()
    recipients = roles_field("Roles told.")
    repeat_s = models.PositiveIntegerField(null=True)
    taken_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    postponed_until = models.DateTimeField(null=True, help_text="It failed and waits, so that others can go on.")
    failures = models.PositiveIntegerField(default=0)

    objects = EscalationStepQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_step_per_level", fields=["call", "round", "clock", "level", "reminder"]),
            models.CheckConstraint(name="step_taken_or_cancelled", condition=Q(taken_at=None) | Q(cancelled_at=None)),
        ]
        indexes = [
            models.Index(name="step_due", fields=["due_at"], condition=Q(taken_at=None, cancelled_at=None)),
            models.Index(name="step_ahead", fields=["call"], condition=Q(taken_at=None, cancelled_at=None)),
        ]

    def value(self) -> Step:
        return Step(Clock(self.clock), self.level, self.due_at, tuple(self.recipients), self.repeat_s, self.reminder)


class CallEvent(models.Model):
    """One line of a call's history. Only ever added."""

    class What(models.TextChoices):
        RAISED = "raised"
        ACKNOWLEDGED = "acknowledged"
        TRANSFERRED = "transferred"
        ARRIVED = "arrived"
        NOTED = "noted"
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
    step = models.OneToOneField(EscalationStep, on_delete=models.PROTECT, null=True, related_name="event")
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
            models.Index(name="message_person", fields=["recipient", "created_at"]),
        ]
