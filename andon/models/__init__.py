"""Calls for help, the plan by which each moves on, and the messages that leave the house."""

from andon.models.calls import Call, CallEvent, CallKind, CallPhoto, CallQuerySet
from andon.models.escalation import EscalationRule, EscalationStep, calls_due, rules_in_force
from andon.models.machine_calls import MachineCallRule
from andon.models.notifications import Notification
from andon.models.reach import Delegation, OnCall, PersonalWay, QuietPeriod
from andon.models.shelves import Shelf
from andon.models.webhooks import WebhookTarget

__all__ = [
    "Call",
    "CallEvent",
    "CallKind",
    "CallPhoto",
    "CallQuerySet",
    "Delegation",
    "EscalationRule",
    "EscalationStep",
    "MachineCallRule",
    "Notification",
    "OnCall",
    "PersonalWay",
    "QuietPeriod",
    "Shelf",
    "WebhookTarget",
    "calls_due",
    "rules_in_force",
]
