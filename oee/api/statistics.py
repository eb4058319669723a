"""Stops in figures: how many, how long, of which sort, for which reasons, day by day."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from floor.models import Equipment, Line
from floor.rest import Asked, find_machine
from floor.roles import Capability
from oee.analysis import Days, Lost, Step, lost, lost_by_day
from oee.api.machines import LINE_WORDS, DaysRow, asked_lines, days_row, speakers
from oee.api.periods import DaysQuery, asked_scope, days_of
from oee.domain.clock import SECOND_MS
from oee.domain.ledger import Kind
from oee.models.reasons import LOSS_CLASS_CHOICES

TOP = 10
CATEGORIES = {Kind.MINOR.value: "Minor stop", **{value: str(label) for value, label in LOSS_CLASS_CHOICES}}


class LostRow(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=list(CATEGORIES))
    category = serializers.CharField(help_text="The kind in words.")
    reason_code = serializers.CharField(allow_null=True, help_text="null: nobody has given a reason.")
    reason = serializers.CharField(allow_null=True)
    events = serializers.IntegerField()
    lost_s = serializers.FloatField()


class SumRow(serializers.Serializer[Any]):
    events = serializers.IntegerField()
    lost_s = serializers.FloatField()
    average_s = serializers.FloatField(allow_null=True)


class CategoryRow(SumRow):
    kind = serializers.ChoiceField(choices=list(CATEGORIES))
    category = serializers.CharField()


class DailyLossRow(SumRow):
    work_date = serializers.DateField()


class StatisticsRow(SumRow):
    """`events` are the parts of stops that began in these days; minor stops are counted in `categories` only."""

    days = DaysRow()
    lost_min = serializers.FloatField()
    lost_h = serializers.FloatField()
    categories = CategoryRow(many=True)
    top_reasons = LostRow(many=True, help_text="The ten largest, minor stops left out.")
    daily = DailyLossRow(many=True)


class StatisticsQuery(DaysQuery):
    line = serializers.CharField(required=False, help_text=LINE_WORDS)
    equipment = serializers.CharField(required=False, help_text="One machine instead of those that speak for lines.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        if {"line", "equipment"} <= set(attrs):
            raise ValidationError({"equipment": ["Give a line or a machine, not both."]})
        return attrs


def lost_row(loss: Lost) -> dict[str, Any]:
    return {
        "kind": loss.kind,
        "category": CATEGORIES[loss.kind],
        "reason_code": loss.reason,
        "reason": loss.label or None,
        "events": loss.events,
        "lost_s": loss.lost_ms / SECOND_MS,
    }


def _sum_row(lost_ms: int, events: int) -> dict[str, Any]:
    lost_s = lost_ms / SECOND_MS
    return {"events": events, "lost_s": lost_s, "average_s": lost_s / events if events else None}


def added(rows: Iterable[tuple[Any, int, int]]) -> dict[Any, tuple[int, int]]:
    """(lost_ms, events) by key."""
    found: dict[Any, list[int]] = defaultdict(lambda: [0, 0])
    for key, lost_ms, events in rows:
        found[key][0] += lost_ms
        found[key][1] += events
    return {key: (lost_ms, events) for key, (lost_ms, events) in found.items()}


def statistics_row(machines: Sequence[Equipment], days: Days) -> dict[str, Any]:
    """Two queries, however long the time and however many the lines."""
    scope = asked_scope(machines, days)
    found = lost(scope)
    longer = [loss for loss in found if loss.kind != Kind.MINOR]
    lost_ms, events = sum(loss.lost_ms for loss in longer), sum(loss.events for loss in longer)
    categories = added((loss.kind, loss.lost_ms, loss.events) for loss in found)
    daily = _daily(lost_by_day(scope))
    return {
        "days": days_row(days),
        **_sum_row(lost_ms, events),
        "lost_min": lost_ms / SECOND_MS / 60,
        "lost_h": lost_ms / SECOND_MS / 3600,
        "categories": [
            {"kind": kind, "category": CATEGORIES[kind], **_sum_row(*categories[kind])}
            for kind in CATEGORIES
            if kind in categories
        ],
        "top_reasons": [lost_row(loss) for loss in longer[:TOP]],
        "daily": [{"work_date": day, **_sum_row(*daily[day])} for day in sorted(daily)],
    }


def _daily(rows: list[tuple[date, str, int, int]]) -> dict[date, tuple[int, int]]:
    return added((day, lost_ms, events) for day, kind, lost_ms, events in rows if kind != Kind.MINOR)


class Statistics(Asked):
    capability = Capability.VIEW_FLOOR
    serializer_class = StatisticsRow
    query = StatisticsQuery

    @extend_schema(operation_id="downtime_statistics", parameters=[StatisticsQuery])
    def get(self, request: Request) -> Response:
        """Standstill of a line, a machine or the plant: sums, categories, the ten largest reasons, day by day."""
        lines, machines = _asked_for(self.asked)
        if not lines:
            return self.answer(statistics_row([], _today(self.asked)))
        return self.answer(statistics_row(machines, days_of(self.asked, lines[0], timezone.now(), Step.DAY)))


def _asked_for(asked: dict[str, Any]) -> tuple[list[Line], list[Equipment]]:
    if "equipment" in asked:
        machine = find_machine(asked["equipment"])
        return [machine.line], [machine]
    lines = asked_lines(asked)
    return lines, speakers(lines)


def _today(asked: dict[str, Any]) -> Days:
    """A plant without lines has no production day."""
    last: date = asked.get("to", timezone.now().date())
    return Days(asked.get("from", last), last)
