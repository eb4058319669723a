from andon.actions.calls import acknowledge, arrive, cancel, raise_call, resolve
from andon.actions.escalation import escalate_due
from andon.actions.notifications import deliver_pending
from andon.actions.past import import_calls
from andon.actions.refusals import (
    AlreadyAcknowledged,
    AlreadyOpen,
    CallRefused,
    NoSuchKind,
    NoteMissing,
    NotPossible,
    TooLate,
    WrongMachine,
)
from andon.actions.rules import seed_rules

__all__ = [
    "AlreadyAcknowledged",
    "AlreadyOpen",
    "CallRefused",
    "NoSuchKind",
    "NotPossible",
    "NoteMissing",
    "TooLate",
    "WrongMachine",
    "acknowledge",
    "arrive",
    "cancel",
    "deliver_pending",
    "escalate_due",
    "import_calls",
    "raise_call",
    "resolve",
    "seed_rules",
]
