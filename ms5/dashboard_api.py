"""What a wall board or another system wants to know at a glance: a line's state, its pace, the plant's sum."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from andon.models import Call
from floor.models import Line
from floor.models.shifts import calendar
from floor.rest import Asked, AskedList, PlantTime, find_line, local
from floor.roles import Capability
from oee.api import RatioRow, ReasonRow, ratio_row
from oee.domain.clock import SECOND_MS
from oee.domain.factors import Ratio
from oee.overview import overview
from oee.shift import Shift
from oee.tiles import StateTile, state_tile

STATES = ("run", "slow", "stop", "planned", "nodata", "off")


class StatusRow(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    line = serializers.CharField()
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    word = serializers.CharField(help_text="The state as the screen says it.")
    since = PlantTime(allow_null=True)
    why = serializers.CharField()
    equipment = serializers.CharField(help_text="The machine that speaks for the line.")
    product = serializers.CharField(allow_null=True)
    observed_until = PlantTime(allow_null=True, help_text="Time of the last good reading.")
    reading_age_s = serializers.FloatField(allow_null=True)
    stop_id = serializers.UUIDField(allow_null=True, help_text="The stop that lacks its reason.")
    suggestion = ReasonRow(allow_null=True)
    shift = serializers.CharField(allow_null=True)
    good = serializers.IntegerField(allow_null=True)
    rejected = serializers.IntegerField(allow_null=True)
    target_now = serializers.IntegerField(allow_null=True)
    difference = serializers.IntegerField(allow_null=True)
    oee = serializers.FloatField(allow_null=True)
    completeness = serializers.FloatField(allow_null=True)
    open_calls = serializers.IntegerField()


class SummaryRow(serializers.Serializer[Any]):
    as_of = PlantTime()
    lines = serializers.IntegerField()
    states = serializers.DictField(child=serializers.IntegerField(), help_text="How many lines are in each state.")
    open_calls = serializers.IntegerField()
    uncoded_stops = serializers.IntegerField()
    good = serializers.IntegerField()
    rejected = serializers.IntegerField()
    stop_s = serializers.FloatField(help_text="Lost to stops in the shifts that are on now.")
    oee = RatioRow(help_text="Of all lines together: sums divided once, never an average of ratios.")


@dataclass(frozen=True, slots=True)
class Status:
    """A line at one moment. `shift` None: the line is not scheduled."""

    line: Line
    tile: StateTile
    shift: Shift | None
    open_calls: int


def status(line: Line, now: datetime, open_calls: int) -> Status:
    window = calendar(line).at(now)
    return Status(line, state_tile(line, now), Shift(line, window, now) if window else None, open_calls)


def statuses(lines: list[Line], now: datetime) -> list[Status]:
    calls = Counter(Call.objects.live().values_list("line_id", flat=True))
    return [status(line, now, calls[line.pk]) for line in lines]


def status_row(found: Status, now: datetime) -> dict[str, Any]:
    line, tile, shift = found.line, found.tile, found.shift
    zone = line.site.zone
    return {
        "id": line.pk,
        "line": line.code,
        "name": line.name,
        "state": tile.state,
        "word": tile.word,
        "since": local(tile.since, zone),
        "why": tile.why,
        "equipment": tile.equipment_code,
        "product": tile.product,
        "observed_until": local(tile.as_of, zone),
        "reading_age_s": max(0.0, (now - tile.as_of).total_seconds()) if tile.as_of else None,
        "stop_id": tile.stop_id,
        "suggestion": tile.suggestion,
        "open_calls": found.open_calls,
        **(_figures(shift) if shift and shift.machine else NOT_SCHEDULED),
    }


NOT_SCHEDULED = dict.fromkeys(("shift", "good", "rejected", "target_now", "difference", "oee", "completeness"))


def _figures(shift: Shift) -> dict[str, Any]:
    good, rejected = shift.counted
    target_now = shift.target(shift.start, shift.elapsed)
    return {
        "shift": shift.window.label(shift.line.site.zone),
        "good": good,
        "rejected": rejected,
        "target_now": target_now,
        "difference": good - target_now,
        "oee": shift.factors.oee.value,
        "completeness": shift.completeness,
    }


class DashboardLines(AskedList):
    """Every line that is switched on, and where it stands."""

    capability = Capability.VIEW_FLOOR
    serializer_class = StatusRow

    def get_queryset(self) -> QuerySet[Line]:
        return Line.objects.on_screen()

    def rows(self, page: list[Line]) -> list[dict[str, Any]]:
        now = timezone.now()
        with overview(page, now):
            return [status_row(found, now) for found in statuses(page, now)]


class LineStatus(Asked):
    capability = Capability.VIEW_FLOOR
    serializer_class = StatusRow

    @extend_schema(operation_id="line_status")
    def get(self, request: Request, line: str) -> Response:
        """Where one line stands now."""
        now = timezone.now()
        lines = [find_line(line)]
        with overview(lines, now):
            return self.answer(status_row(statuses(lines, now)[0], now))


class Summary(Asked):
    capability = Capability.VIEW_FLOOR
    serializer_class = SummaryRow

    @extend_schema(operation_id="summary")
    def get(self, request: Request) -> Response:
        """The plant in a few figures."""
        now = timezone.now()
        lines = list(Line.objects.on_screen())
        zone = lines[0].site.zone if lines else timezone.get_default_timezone()
        with overview(lines, now):
            return self.answer({"as_of": now.astimezone(zone), **summary_row(statuses(lines, now))})


def summary_row(found: list[Status]) -> dict[str, Any]:
    shifts = [one.shift for one in found if one.shift and one.shift.machine]
    counted = [shift.counted for shift in shifts]
    states = Counter(one.tile.state for one in found)
    return {
        "lines": len(found),
        "states": {state: states[state] for state in STATES},
        "open_calls": sum(one.open_calls for one in found),
        "uncoded_stops": sum(shift.uncoded for shift in shifts),
        "good": sum(good for good, _ in counted),
        "rejected": sum(rejected for _, rejected in counted),
        "stop_s": sum(shift.totals.unplanned_ms for shift in shifts) / SECOND_MS,
        "oee": ratio_row(plant_oee(shifts)),
    }


def plant_oee(shifts: list[Shift]) -> Ratio:
    """Good parts' ideal time over busy time, of all lines whose OEE is known."""
    known = [shift for shift in shifts if shift.factors.oee.denominator]
    busy = sum(shift.totals.busy_ms for shift in known)
    return Ratio(sum(shift.totals.ideal_good_ms for shift in known), busy or None)
