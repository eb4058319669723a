"""The rules by which machines call for help."""

from datetime import datetime
from typing import Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from andon.domain.call import Priority
from andon.domain.machine_calls import MINUTE, Category, Place, Rule, Trigger
from andon.models.calls import CallKind
from andon.models.words import PRIORITIES
from floor.models import Equipment, Line

TRIGGERS = [(Trigger.FAULTS.value, "faults stand"), (Trigger.STOP.value, "a stop lasts")]
PLACE_AND_SUBJECT = ("line", "equipment", "trigger", "about")


class MachineCallRuleQuerySet(models.QuerySet["MachineCallRule"]):
    def in_force(self, at: datetime) -> Self:
        """The newest version of each rule that has begun by `at`."""
        begun = self.filter(valid_from__lte=at).order_by(*PLACE_AND_SUBJECT, "-valid_from")
        return begun.distinct(*PLACE_AND_SUBJECT)


class MachineCallRule(models.Model):
    """When a machine that stands calls for help. A later version begins at its `valid_from`.

    A rule for a machine beats one for its line, and that one a rule for the whole plant; at the same place a rule about
    one category or reason beats the one about all of them. A rule that is off silences those it beats.
    """

    line = models.ForeignKey(
        Line, on_delete=models.CASCADE, null=True, blank=True, related_name="+", help_text="Empty: the whole plant."
    )
    equipment = models.ForeignKey(
        Equipment, on_delete=models.CASCADE, null=True, blank=True, related_name="+",
        help_text="Only this machine. Off and about everything: it never calls.",
    )  # fmt: skip
    trigger = models.CharField(max_length=6, choices=TRIGGERS)
    about = models.CharField(
        max_length=40, blank=True,
        help_text="Category of faults, or reason of a stop (MECH_FAULT). Empty: all others here.",
    )  # fmt: skip
    at_least = models.PositiveSmallIntegerField(
        default=1, help_text="So many different faults of the category together; of a stop always 1."
    )
    after_s = models.PositiveIntegerField(
        "after (s)", help_text="Seconds that the faults stand or the stop lasts; planned time is not counted."
    )
    kind = models.ForeignKey(CallKind, on_delete=models.PROTECT, related_name="+", help_text="What help is called.")
    priority = models.PositiveSmallIntegerField(choices=PRIORITIES)
    enabled = models.BooleanField(default=True, help_text="Off: from its date on nothing calls by this rule.")
    valid_from = models.DateTimeField()

    objects = MachineCallRuleQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_machine_call_rule_at_a_time", fields=[*PLACE_AND_SUBJECT, "valid_from"], nulls_distinct=False
            ),
            models.CheckConstraint(
                name="machine_call_rule_of_one_place", condition=Q(line__isnull=True) | Q(equipment__isnull=True)
            ),
            models.CheckConstraint(
                name="machine_call_rule_trigger_known", condition=Q(trigger__in=[trigger for trigger, _ in TRIGGERS])
            ),
            models.CheckConstraint(
                name="machine_call_rule_category_known",
                condition=~Q(trigger=Trigger.FAULTS) | Q(about__in=["", *(category.value for category in Category)]),
            ),
            models.CheckConstraint(
                name="machine_call_rule_of_a_stop_counts_one", condition=~Q(trigger=Trigger.STOP) | Q(at_least=1)
            ),
            models.CheckConstraint(name="machine_call_rule_counts_faults", condition=Q(at_least__gte=1)),
            models.CheckConstraint(name="machine_call_rule_waits_a_minute", condition=Q(after_s__gte=MINUTE)),
            models.CheckConstraint(
                name="machine_call_rule_priority_known", condition=Q(priority__in=list(Priority))
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        about = self.about or ("any fault" if self.trigger == Trigger.FAULTS else "any reason")
        return f"{self.place}: {self.get_trigger_display()}, {about}"

    @property
    def place(self) -> str:
        return str(self.equipment or self.line or "plant")

    def clean(self) -> None:
        wrong = {}
        if self.line is not None and self.equipment is not None:
            wrong["line"] = f"{self.equipment} is a machine of one line already. Choose the line or the machine."
        if self.after_s is not None and self.after_s < MINUTE:
            wrong["after_s"] = "Wait at least a minute (60 s): a shorter stop is over before anybody comes."
        if self.kind_id and not self.kind.enabled:
            wrong["kind"] = f"{self.kind} is switched off; nobody could be called."
        wrong |= self._wrong_subject()
        if wrong:
            raise ValidationError(wrong)

    def _wrong_subject(self) -> dict[str, str]:
        if self.trigger == Trigger.FAULTS and self.about not in ("", *Category):
            return {"about": f"{self.about} is no category of faults; choose from {', '.join(Category)}."}
        if self.trigger == Trigger.FAULTS and not self.at_least:
            return {"at_least": "At least one fault must stand."}
        if self.trigger == Trigger.STOP and self.at_least != 1:
            return {"at_least": "A stop is one. Only faults are counted."}
        return {}

    def value(self) -> Rule:
        place = Place.MACHINE if self.equipment_id else Place.LINE if self.line_id else Place.PLANT
        return Rule(
            Trigger(self.trigger), self.about, self.after_s, self.kind_id, Priority(self.priority), self.at_least,
            self.enabled and self.kind.enabled, place,
        )  # fmt: skip

    def concerns(self, equipment: Equipment) -> bool:
        if self.equipment_id is not None:
            return self.equipment_id == equipment.pk
        return self.line_id in (None, equipment.line_id)
