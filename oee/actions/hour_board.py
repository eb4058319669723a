"""What a line does about its hours."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from floor import audit, live
from floor.actions.once import once
from floor.models import Line, User
from floor.roles import Capability, can
from oee.actions.refusals import ImpossibleTime, NeedsSupervisor
from oee.hour_board import end_of_hour
from oee.models import Countermeasure, HourSignOff


def write_countermeasure(
    line: Line, hour: datetime, text: str, *, by: User, now: datetime, request_id: UUID, who: str = ""
) -> Countermeasure:
    """Why an hour missed its target and what is done about it. `line` comes with its site."""

    def write() -> Countermeasure:
        _refuse_no_hour(line, hour)
        if hour > now:
            raise ImpossibleTime("This hour has not begun.")
        if not text.strip():
            raise ImpossibleTime("Write what is done about it.")
        row = Countermeasure.objects.create(
            line=line, hour=hour, text=text.strip(), who=who.strip(), author=by, made_at=now, request_id=request_id
        )
        audit.record(by, "hour.countermeasure", row, now, hour=hour.isoformat(), text=text, who=who)
        live.changed(line.id, "hours")
        return row

    return once(Countermeasure, request_id, write)


@transaction.atomic
def sign_off_hour(line: Line, hour: datetime, *, by: User, now: datetime) -> HourSignOff:
    """A supervisor has seen the hour; signing twice is signing once. `line` comes with its site."""
    if not can(by, Capability.CONFIRM_STOP):
        raise NeedsSupervisor("Hours are signed off by a supervisor.")
    if _refuse_no_hour(line, hour) > now:
        raise ImpossibleTime("This hour is not over yet. Sign it off when it is.")
    signed, is_new = HourSignOff.objects.get_or_create(line=line, hour=hour, defaults={"author": by, "made_at": now})
    if is_new:
        audit.record(by, "hour.sign_off", signed, now, hour=hour.isoformat())
        live.changed(line.id, "hours")
    return signed


def _refuse_no_hour(line: Line, hour: datetime) -> datetime:
    """The end of the hour that begins then."""
    end = end_of_hour(line, hour)
    if end is None:
        raise ImpossibleTime("No hour of a shift begins at that time.")
    return end
