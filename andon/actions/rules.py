"""The standard kinds of call, escalation rules and rules of machines, as a plant starts with them."""

from datetime import UTC, datetime

from django.db import transaction

from andon.domain import machine_calls
from andon.domain.call import Priority
from andon.domain.escalation import STANDARD_RULES
from andon.models import CallKind, EscalationRule, MachineCallRule

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)

# code, label, hint, who comes, how urgent
STANDARD_KINDS = (
    ("maintenance", "Maintenance", "something is broken", ["maintenance"], Priority.HIGH),
    ("quality", "Quality", "the product is not right", ["quality"], Priority.MEDIUM),
    ("material", "Material", "something is running out", ["shift_manager"], Priority.MEDIUM),
    ("stop", "Line stopped", "the line stands and we need help", ["shift_manager", "maintenance"], Priority.HIGH),
    ("safety", "Safety", "somebody could get hurt", ["shift_manager"], Priority.CRITICAL),
)


@transaction.atomic
def seed_rules() -> int:
    """Add what is missing of the standard kinds and rules; what people changed stays. Return how many were added."""
    added = 0
    for place, (code, label, hint, responders, priority) in enumerate(STANDARD_KINDS, 1):
        values = {
            "label": label, "hint": hint, "responders": responders, "priority": priority, "position": place,
            "suggests_work_order": code == "maintenance",
        }  # fmt: skip
        added += CallKind.objects.get_or_create(code=code, defaults=values)[1]
    known = set(EscalationRule.objects.values_list("priority", "clock", "level"))
    missing = [rule for rule in STANDARD_RULES if (rule.priority, rule.clock, rule.level) not in known]
    EscalationRule.objects.bulk_create(
        EscalationRule(
            priority=rule.priority, clock=rule.clock, level=rule.level, after_s=rule.after_s,
            recipients=list(rule.recipients), repeat_s=rule.repeat_s, valid_from=BEGINNING,
        )
        for rule in missing
    )  # fmt: skip
    return added + len(missing) + _seed_machine_call_rules()


def _seed_machine_call_rules() -> int:
    whole_plant = MachineCallRule.objects.filter(line=None, equipment=None)
    known = set(whole_plant.values_list("trigger", "about"))
    missing = [rule for rule in machine_calls.STANDARD_RULES if (rule.trigger, rule.about) not in known]
    MachineCallRule.objects.bulk_create(
        MachineCallRule(
            trigger=rule.trigger, about=rule.about, at_least=rule.at_least, after_s=rule.after_s, kind_id=rule.kind,
            priority=rule.priority, enabled=rule.enabled, valid_from=BEGINNING,
        )
        for rule in missing
    )  # fmt: skip
    return len(missing)
