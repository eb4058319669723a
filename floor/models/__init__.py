from floor.models.audit import AuditEntry
from floor.models.jobs import Job, JobRun
from floor.models.machine import (
    CounterEvent,
    CounterEventTally,
    FactsChange,
    FaultDefinition,
    FaultEvent,
    Heartbeat,
    LineState,
    MachineMinute,
    MachineState,
    Reading,
    Reconciliation,
    RetentionMark,
    StateEdge,
)
from floor.models.people import User
from floor.models.plant import Equipment, IdealCycle, Line, Product, ProductNumber, Site
from floor.models.roster import Roster
from floor.models.screens import Screen
from floor.models.shifts import Rotation, ShiftBreak, ShiftPattern, SpecialDay

__all__ = [
    "AuditEntry",
    "CounterEvent",
    "CounterEventTally",
    "Equipment",
    "FactsChange",
    "FaultDefinition",
    "FaultEvent",
    "Heartbeat",
    "IdealCycle",
    "Job",
    "JobRun",
    "Line",
    "LineState",
    "MachineMinute",
    "MachineState",
    "Product",
    "ProductNumber",
    "Reading",
    "Reconciliation",
    "RetentionMark",
    "Roster",
    "Rotation",
    "Screen",
    "ShiftBreak",
    "ShiftPattern",
    "Site",
    "SpecialDay",
    "StateEdge",
    "User",
]
