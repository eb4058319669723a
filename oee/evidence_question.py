"""How a person or a program asks what is behind a figure."""

from datetime import datetime
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from floor.models import Equipment, Line
from floor.models.shifts import calendar
from floor.rest import PlantDate, PlantTime, Query
from oee.analysis import Days
from oee.evidence import NoSuchScope, Scope, scope_of_days, scope_of_hours, scope_of_shift
from oee.rows import primary_machine


class WindowQuery(Query):
    """A shift, production days or a stretch of hours; without any of them the shift that is on, or the last one."""

    equipment = serializers.CharField(required=False, help_text="A machine's code; without it the line's primary one.")
    shift = PlantTime(required=False, help_text="When the shift began.")
    date = PlantDate(required=False, help_text="A production day, or the first of several.")
    until = PlantDate(required=False, help_text="The last of several production days, at most the seventh.")

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python's own and cannot be written as a class attribute.
        moments = {
            "from": PlantTime(required=False, help_text="Begin of a stretch, widened to whole hours."),
            "to": PlantTime(required=False, help_text="End of the stretch, at most 168 hours later."),
        }
        return {**super().get_fields(), **moments}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        if ("from" in attrs) != ("to" in attrs):
            raise ValidationError({"from": ["Give the begin and the end of the stretch."]})
        if "until" in attrs and "date" not in attrs:
            raise ValidationError({"date": ["Give the first day too."]})
        if len({"shift", "date", "from"} & set(attrs)) > 1:
            raise ValidationError({"shift": ["Ask for a shift, for days or for a stretch, not for several of them."]})
        return attrs


def asked_scope(line: Line, asked: dict[str, Any], now: datetime) -> Scope:
    """Raises NoSuchScope."""
    machine = _machine(line, asked.get("equipment"))
    if "date" in asked:
        return scope_of_days(line, machine, Days(asked["date"], asked.get("until", asked["date"])), now)
    if "from" in asked:
        return scope_of_hours(line, machine, asked["from"], asked["to"], now)
    return scope_of_shift(line, machine, asked.get("shift") or _last_shift(line, now), now)


def _machine(line: Line, code: str | None) -> Equipment:
    if code is None:
        machine = primary_machine(line)
    else:
        machine = line.equipment.select_related("machine_state").filter(code=code).first()
    if machine is None:
        raise NoSuchScope(f"{line.code} has no such machine.")
    return machine


def _last_shift(line: Line, now: datetime) -> datetime:
    shifts = calendar(line)
    window = shifts.at(now) or shifts.last_finished(now)
    if window is None:
        raise NoSuchScope("This line has had no shift yet.")
    return window.starts_at
