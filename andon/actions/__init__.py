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
from andon.actions.delivery import Lane, deliver_pending
from andon.actions.details import name_machine, set_priority
from andon.actions.escalation import escalate_due
from andon.actions.machine_calls import notice
from andon.actions.past import import_calls
from andon.actions.photos import Picture, read_picture
from andon.actions.refusals import (
    AlreadyAcknowledged,
    AlreadyOpen,
    AlreadyShelved,
    CallRefused,
    LineOff,
    NoSuchKind,
    NotAnswering,
    NotAPhoto,
    NoteMissing,
    NotPossible,
    NotShelvable,
    ShelfOver,
    StaysUrgent,
    TooLate,
    TooLong,
    WrongMachine,
)
from andon.actions.rules import seed_rules
from andon.actions.shelving import shelve_fault, shelve_kind, unshelve

__all__ = [
    "AlreadyAcknowledged",
    "AlreadyOpen",
    "AlreadyShelved",
    "CallRefused",
    "Lane",
    "LineOff",
    "NoSuchKind",
    "NotAPhoto",
    "NotAnswering",
    "NotPossible",
    "NotShelvable",
    "NoteMissing",
    "Picture",
    "ShelfOver",
    "StaysUrgent",
    "TooLate",
    "TooLong",
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
    "notice",
    "raise_call",
    "read_picture",
    "reject",
    "reopen",
    "resolve",
    "seed_rules",
    "set_priority",
    "shelve_fault",
    "shelve_kind",
    "transfer",
    "unshelve",
]
