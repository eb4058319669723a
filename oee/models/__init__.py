from floor.models.plant import TsTzRange
from oee.models.counts import CountEntry, DefectReason, QuarantineDecision
from oee.models.hour_board import Countermeasure, HourSignOff
from oee.models.notes import ManualStop, PlannedStop, StopCoding, StopConfirmation, StopMerge
from oee.models.policy import LinePolicy, Restatement
from oee.models.reasons import ReasonClass, StopReason
from oee.models.stops import HourLoss, HourTotals, LedgerEntry, LineDerived, Stop, stop_key, to_stop_key

__all__ = [
    "CountEntry",
    "Countermeasure",
    "DefectReason",
    "HourLoss",
    "HourSignOff",
    "HourTotals",
    "LedgerEntry",
    "LineDerived",
    "LinePolicy",
    "ManualStop",
    "PlannedStop",
    "QuarantineDecision",
    "ReasonClass",
    "Restatement",
    "Stop",
    "StopCoding",
    "StopConfirmation",
    "StopMerge",
    "StopReason",
    "TsTzRange",
    "stop_key",
    "to_stop_key",
]
