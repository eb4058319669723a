"""What a person at the screen is told when a call cannot be raised or answered."""

from datetime import datetime

from andon.domain.call import Deed, Priority, Status
from andon.models import Call


def plant_time(call: Call, moment: datetime | None) -> str:
    return f"{moment.astimezone(call.line.site.zone):%H:%M}" if moment else "–"


class CallRefused(Exception):
    """Nothing was changed; the message says why, and `code` says it to programs."""

    code = "CALL_REFUSED"


class NoSuchKind(CallRefused):
    code = "CALL_KIND_UNKNOWN"


class WrongMachine(CallRefused):
    code = "CALL_WRONG_EQUIPMENT"


class LineOff(CallRefused):
    code = "CALL_LINE_OFF"


class NotAnswering(CallRefused):
    code = "CALL_PERSON_DOES_NOT_ANSWER"


class NotAPhoto(CallRefused):
    code = "CALL_PHOTO_UNREADABLE"


class NoteMissing(CallRefused):
    code = "CALL_NOTE_MISSING"


class TooSoon(CallRefused):
    code = "CALL_TOO_SOON"


class IdTaken(CallRefused):
    code = "REQUEST_ID_TAKEN"


class TooLate(CallRefused):
    code = "CALL_TOO_LATE"


class StaysUrgent(CallRefused):
    code = "CALL_STAYS_URGENT"


class NotShelvable(CallRefused):
    code = "CALL_NOT_SHELVABLE"


class TooLong(CallRefused):
    code = "SHELF_TOO_LONG"


class AlreadyShelved(CallRefused):
    code = "CALL_ALREADY_SHELVED"


class ShelfOver(CallRefused):
    code = "SHELF_OVER"


class AlreadyOpen(CallRefused):
    """`call` is the one that is open; `is_more_urgent`: it has become so by being called again."""

    code = "CALL_ALREADY_OPEN"

    def __init__(self, call: Call, *, is_more_urgent: bool = False) -> None:
        at = plant_time(call, call.raised_at)
        now = f" It is {Priority(call.priority).word} now." if is_more_urgent else ""
        super().__init__(f"{call.kind.label} was already called at {at} by {call.caller}.{now}")
        self.call = call


class AlreadyAcknowledged(CallRefused):
    code = "CALL_ALREADY_ACKNOWLEDGED"

    def __init__(self, call: Call, at: datetime | None) -> None:
        super().__init__(f"{call.responder or call.acknowledged_by} acknowledged this call at {plant_time(call, at)}.")


class NotPossible(CallRefused):
    code = "CALL_NOT_POSSIBLE"

    def __init__(self, call: Call, deed: Deed | str) -> None:
        super().__init__(f"{_state(call)} Nothing is left to {deed}.")


def _state(call: Call) -> str:
    match call.status:
        case Status.RESOLVED:
            return f"{call.resolved_by} resolved this call at {plant_time(call, call.resolved_at)}."
        case Status.REJECTED:
            return f"{call.resolved_by} rejected this call at {plant_time(call, call.resolved_at)}."
        case Status.SHELVED:
            return "This call is shelved."
        case Status.ARRIVED:
            return f"{call.arrived_by} arrived at {plant_time(call, call.arrived_at)}."
        case Status.CANCELLED:
            return "This call was taken back."
    return f"This call is {call.status}."
