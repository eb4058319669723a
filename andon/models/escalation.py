"""The plan by which a call moves on when nobody answers or nothing is put right."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from andon.domain.call import Priority
from andon.domain.escalation import STANDARD_RULES, Clock, Rule, Step
from andon.models.calls import Call, CallQuerySet
from andon.models.words import PRIORITIES, check_roles, roles_field

# A rule waits for an answer or for the remedy; that a shift inherits a call needs no rule.
CLOCKS = [(Clock.ACK.value, "until acknowledged"), (Clock.RESOLVE.value, "until resolved")]
STEP_CLOCKS = [*CLOCKS, (Clock.SHIFT.value, "until the next shift")]


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
            rules = EscalationRule.objects.filter(priority=self.priority, clock=self.clock).exclude(pk=self.pk)
            others = [rule for rule in rules.in_force(self.valid_from) if rule.level != self.level]
            self._check_order(others)
            self._check_goes_on(others)

    def _check_goes_on(self, others: Sequence["EscalationRule"]) -> None:
        """Whichever level is the last one then, it has to remind, or the call would be forgotten."""
        last = max([*others, self], key=lambda rule: (rule.enabled, rule.level))
        if not last.enabled:
            raise ValidationError({"enabled": "This is the only level that is on; nobody would be told any more."})
        if last.repeat_s is None:
            which = "The last level" if last is self else f"Level {last.level}, then the last one,"
            raise ValidationError({"repeat_s": f"{which} must remind again and again, or the call would be forgotten."})

    def _check_order(self, others: Sequence["EscalationRule"]) -> None:
        for other in others:
            is_after = other.level > self.level
            if other.enabled and self.enabled and (other.after_s > self.after_s) != is_after:
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


def calls_due(now: datetime) -> CallQuerySet:
    """Calls with a step that waits to be taken."""
    return Call.objects.filter(models.Exists(EscalationStep.objects.due(now).filter(call=models.OuterRef("pk"))))
