from andon.actions.answers import (
    acknowledge,
    add_note,
    add_photo,
    arrive,
    escalate,
    reject,
    reopen,
    resolve,
    transfer,
)
from andon.actions.calls import cancel, raise_call
from andon.actions.details import name_machine, set_priority
from andon.actions.escalation import escalate_due
from andon.actions.notifications import deliver_pending
from andon.actions.past import import_calls
from andon.actions.photos import Picture, read_picture
from andon.actions.refusals import (
    AlreadyAcknowledged,
    AlreadyOpen,
    CallRefused,
    LineOff,
    NoSuchKind,
    NotAnswering,
    NotAPhoto,
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
    "LineOff",
    "NoSuchKind",
    "NotAPhoto",
    "NotAnswering",
    "NotPossible",
    "NoteMissing",
    "Picture",
    "TooLate",
    "WrongMachine",
    "acknowledge",
    "add_note",
    "add_photo",
    "arrive",
    "cancel",
    "deliver_pending",
    "escalate",
    "escalate_due",
    "import_calls",
    "name_machine",
    "raise_call",
    "read_picture",
    "reject",
    "reopen",
    "resolve",
    "seed_rules",
    "set_priority",
    "transfer",
]
