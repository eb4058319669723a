"""Whose figures are asked for, and how an answer says it: one machine, or the one that speaks for its line."""

from collections.abc import Sequence
from typing import Any

from django.http import Http404
from rest_framework import serializers

from floor.models import Equipment, Line
from floor.rest import find_line
from oee.analysis import Days
from oee.rows import primary_machine

LINE_WORDS = "A line's id or code; without it every line."


class DaysRow(serializers.Serializer[Any]):
    first = serializers.DateField()
    last = serializers.DateField(help_text="Included.")


class MachineHead(serializers.Serializer[Any]):
    line = serializers.CharField()
    equipment = serializers.CharField()


class MachineDaysHead(MachineHead):
    days = DaysRow()


def days_row(days: Days) -> dict[str, Any]:
    return {"first": days.first, "last": days.last}


def head(machine: Equipment, days: Days | None = None) -> dict[str, Any]:
    """With days for a `MachineDaysHead`."""
    whose = {"line": machine.line.code, "equipment": machine.code}
    return whose if days is None else {**whose, "days": days_row(days)}


def asked_lines(asked: dict[str, Any]) -> list[Line]:
    return [find_line(asked["line"])] if "line" in asked else list(Line.objects.on_screen())


def speakers(lines: Sequence[Line]) -> list[Equipment]:
    """The machines that speak for these lines, in their order; one query."""
    found = primary_machine.answer_all(lines)
    machines = []
    for line in lines:
        if (machine := found[line]) is not None:
            machine.line = line
            machines.append(machine)
    return machines


def speaking(line: Line) -> Equipment:
    machines = speakers([line])
    if not machines:
        raise Http404(f"Line {line.code} has no machine that speaks for it.")
    return machines[0]
