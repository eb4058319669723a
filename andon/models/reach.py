"""Who is told beside or instead of those on shift, when mail waits, and which ways a person wants."""

from datetime import datetime
from typing import Any, Self

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Greatest, Least

from andon.domain.call import Priority
from andon.domain.quiet import Quiet
from andon.domain.reach import Way, closes_circle
from andon.models.words import PRIORITIES
from floor.models import Line, Site, User
from floor.models.people import Role
from floor.models.plant import TsTzRange
from floor.models.shifts import DAYS_OF_THE_WEEK, every_day
from floor.roles import Capability, can

BELOW_CRITICAL = [(value, word) for value, word in PRIORITIES if value < Priority.CRITICAL]


def somebody(related_name: str, help_text: str = "") -> Any:
    return models.ForeignKey(User, on_delete=models.CASCADE, related_name=related_name, help_text=help_text)


def check_answers(field: str, person: User | None) -> None:
    """A call must come to people who can take it."""
    if person is None:
        return
    if not person.is_active:
        raise ValidationError({field: f"{person} is switched off and would not be told."})
    if not can(person, Capability.ANSWER_QUALITY_CALL):
        raise ValidationError({field: f"The role of {person} does not answer calls. Choose somebody who does."})


class SpanQuerySet(models.QuerySet[Any]):
    def at(self, moment: datetime) -> Self:
        return self.filter(starts_at__lte=moment, ends_at__gt=moment)


def ends_after_it_begins(name: str) -> models.CheckConstraint:
    return models.CheckConstraint(
        name=name, condition=Q(ends_at__gt=F("starts_at")), violation_error_message="It must end after it begins."
    )


class OnCall(models.Model):
    """Told of calls for a role while nobody of it is on shift, on [starts_at, ends_at)."""

    role = models.CharField(max_length=20, choices=Role, help_text="For calls that go to this role.")
    person = somebody("on_call")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    objects = SpanQuerySet.as_manager()

    class Meta:
        verbose_name = "on-call duty"
        verbose_name_plural = "on-call duties"
        ordering = ("-starts_at",)
        constraints = [
            models.CheckConstraint(name="on_call_role_known", condition=Q(role__in=Role.values)),
            ends_after_it_begins("on_call_ends_after_it_begins"),
        ]

    def __str__(self) -> str:
        return f"{self.person} for {self.get_role_display().lower()}"

    def clean(self) -> None:
        if self.person_id:
            check_answers("person", self.person)


class Delegation(models.Model):
    """Instead of a person a deputy is told, on [starts_at, ends_at)."""

    person = somebody("deputies", "Who is away.")
    deputy = somebody("stands_in_for", "Who is told instead.")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    objects = SpanQuerySet.as_manager()

    class Meta:
        ordering = ("-starts_at",)
        constraints = [
            models.CheckConstraint(
                name="nobody_is_their_own_deputy",
                condition=~Q(person=F("deputy")),
                violation_error_message="Nobody stands in for themselves.",
            ),
            ends_after_it_begins("delegation_ends_after_it_begins"),
            ExclusionConstraint(
                name="one_deputy_at_a_time",
                expressions=[
                    ("person", RangeOperators.EQUAL),
                    (TsTzRange("starts_at", "ends_at"), RangeOperators.OVERLAPS),
                ],
                violation_error_message="This person has another deputy at the same time.",
            ),
            # Longer circles are refused by clean; telling people knows what to do if one came in all the same.
            ExclusionConstraint(
                name="no_two_stand_in_for_each_other",
                expressions=[
                    (Least("person", "deputy"), RangeOperators.EQUAL),
                    (Greatest("person", "deputy"), RangeOperators.EQUAL),
                    (TsTzRange("starts_at", "ends_at"), RangeOperators.OVERLAPS),
                ],
                violation_error_message="These two would stand in for each other, and nobody would be told.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.deputy} for {self.person}"

    def clean(self) -> None:
        if not (self.person_id and self.deputy_id):
            return
        if self.person_id == self.deputy_id:
            raise ValidationError({"deputy": "Nobody stands in for themselves."})
        check_answers("deputy", self.deputy)
        if self.starts_at and self.ends_at:
            self._check_circle()

    def _check_circle(self) -> None:
        """Whoever stands in at any moment of the span counts: circles that never meet in time are rare, and no loss."""
        others = Delegation.objects.exclude(pk=self.pk).filter(starts_at__lt=self.ends_at, ends_at__gt=self.starts_at)
        if closes_circle(self.person_id, self.deputy_id, dict(others.values_list("person", "deputy"))):
            raise ValidationError(
                {"deputy": f"{self.deputy} is away then, too, and {self.person} would be told again in the end."}
            )


class QuietPeriod(models.Model):
    """Mail and webhooks of less urgent calls wait until it ends or the next shift begins. The bell rings at once."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    line = models.ForeignKey(
        Line, on_delete=models.CASCADE, null=True, blank=True, related_name="+",
        help_text="Empty: for every line of the site.",
    )  # fmt: skip
    up_to = models.PositiveSmallIntegerField(
        "up to priority", choices=BELOW_CRITICAL, default=Priority.LOW,
        help_text="Calls of this priority and below wait. Critical calls never do.",
    )  # fmt: skip
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(7)]),
        default=every_day,
        help_text="Days on which it begins, 1 = Monday to 7 = Sunday.",
    )
    starts_at = models.TimeField(help_text="By the plant's clock.")
    ends_at = models.TimeField(help_text="At or before the start: it ends the next day.")
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ("site", "line", "starts_at")
        constraints = [
            models.CheckConstraint(
                name="quiet_period_never_for_critical",
                condition=Q(up_to__gte=Priority.LOW, up_to__lt=Priority.CRITICAL),
            ),
            models.CheckConstraint(name="quiet_period_has_days", condition=Q(weekdays__len__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.line or self.site} {self.starts_at:%H:%M}–{self.ends_at:%H:%M}, up to {self.get_up_to_display()}"

    def clean(self) -> None:
        if self.line is not None and self.line.site_id != self.site_id:
            raise ValidationError({"line": "This line belongs to another site."})

    def days(self) -> str:
        return " ".join(DAYS_OF_THE_WEEK[day - 1] for day in sorted(self.weekdays))

    def value(self) -> Quiet:
        return Quiet(
            self.site_id, self.line_id, Priority(self.up_to), frozenset(self.weekdays), self.starts_at, self.ends_at
        )


class PersonalWay(models.Model):
    """A way by which a person wants to be told, and from which priority on. Critical calls use every way there is."""

    person = somebody("ways")
    channel = models.CharField(max_length=8, choices=[("email", "e-mail"), ("webhook", "webhook")])
    position = models.PositiveSmallIntegerField(help_text="1 is tried first.")
    least = models.PositiveSmallIntegerField(choices=PRIORITIES, default=Priority.LOW)

    class Meta:
        ordering = ("person", "position")
        constraints = [
            models.UniqueConstraint(name="one_wish_per_way", fields=["person", "channel"]),
            models.CheckConstraint(name="way_is_known", condition=Q(channel__in=["email", "webhook"])),
            models.CheckConstraint(name="critical_uses_every_way", condition=Q(least__in=list(Priority))),
        ]

    def value(self) -> Way:
        return Way(self.channel, Priority(self.least))
