"""What a line does about its hours."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from floor import audit
from floor.models import Line, User
from floor.roles import Capability, can
from oee.actions.refusals import ImpossibleTime, NeedsSupervisor
from oee.actions.stops import once
from oee.models import Countermeasure, HourSignOff


def write_countermeasure(
    line: Line, hour: datetime, text: str, *, by: User, now: datetime, request_id: UUID, who: str = ""
) -> Countermeasure:
    """Why an hour missed its target and what is done about it."""

    def write() -> Countermeasure:
        if hour > now:
            raise ImpossibleTime("This hour has not begun.")
        if not text.strip():
            raise ImpossibleTime("Write what is done about it.")
        row = Countermeasure.objects.create(
            line=line, hour=hour, text=text.strip(), who=who, author=by, made_at=now, request_id=request_id
        )
        audit.record(by, "hour.countermeasure", row, now, hour=hour.isoformat(), text=text, who=who)
        return row

    return once(Countermeasure, request_id, write)


@transaction.atomic
def sign_off_hour(line: Line, hour: datetime, *, by: User, now: datetime) -> HourSignOff:
    """A supervisor has seen the hour; signing twice is signing once."""
    if not can(by, Capability.CONFIRM_STOP):
        raise NeedsSupervisor("Hours are signed off by a supervisor.")
    if hour > now:
        raise ImpossibleTime("This hour has not begun.")
    signed, is_new = HourSignOff.objects.get_or_create(line=line, hour=hour, defaults={"author": by, "made_at": now})
    if is_new:
        audit.record(by, "hour.sign_off", signed, now, hour=hour.isoformat())
    return signed
