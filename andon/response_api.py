"""How calls were answered, over the API: a summary for a few days, and everything there is."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response as Answer

from andon.domain.call import Priority
from andon.models import Call, CallKind
from andon.response import Again, Period, Response, Responses, Spread, Stretch, Wanted, called_again, response
from floor.domain.shifts import instant
from floor.models import Equipment, Line
from floor.rest import Asked, PlantDate, PlantTime, Query, find_line, local
from floor.roles import Capability

DAY = timedelta(days=1)
USUAL_DAYS, MOST_DAYS = 7, 366


class DaysQuery(Query):
    line = serializers.CharField(required=False, help_text="A line's id or code; without it every line.")
    equipment = serializers.CharField(required=False, max_length=50)
    event_type = serializers.CharField(required=False, max_length=30)
    priority = serializers.ChoiceField(required=False, choices=[one.word for one in Priority])

    def get_fields(self) -> dict[str, Any]:
        # These names mean something else to Python or to every serializer, and cannot be class attributes.
        named = {
            "source": serializers.ChoiceField(required=False, choices=Call.Source.values),
            "from": PlantDate(required=False, help_text=f"First day; without it the last {USUAL_DAYS} days."),
            "to": PlantDate(required=False, help_text="Last day, included; without it today."),
        }
        return {**super().get_fields(), **named}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        if "event_type" in attrs and not CallKind.objects.filter(code=attrs["event_type"]).exists():
            raise ValidationError({"event_type": ["There is no such type of call."]})
        if "equipment" in attrs and not Equipment.objects.filter(code=attrs["equipment"]).exists():
            raise ValidationError({"equipment": ["There is no such machine."]})
        if {"from", "to"} <= set(attrs):
            _check_days(attrs["from"], attrs["to"])
        return attrs


def _check_days(first: date, last: date) -> None:
    if last < first:
        raise ValidationError({"to": ["The last day must not be before the first."]})
    if (last - first).days >= MOST_DAYS:
        raise ValidationError({"to": [f"Ask for at most {MOST_DAYS} days at once."]})


class SpreadRow(serializers.Serializer[Any]):
    """Seconds from the call; null without any. `within_share`: of those that have a limit."""

    n = serializers.IntegerField()
    median_s = serializers.FloatField(allow_null=True)
    p90_s = serializers.FloatField(allow_null=True)
    min_s = serializers.FloatField(allow_null=True)
    max_s = serializers.FloatField(allow_null=True)
    within = serializers.IntegerField()
    limited = serializers.IntegerField()
    within_share = serializers.FloatField(allow_null=True)


class ResponsesRow(serializers.Serializer[Any]):
    calls = serializers.IntegerField()
    by_machine = serializers.IntegerField(help_text="Raised by a machine.")
    critical = serializers.IntegerField()
    rejected = serializers.IntegerField()
    reopened = serializers.IntegerField()
    repeated = serializers.IntegerField(help_text="The same was called for within the hour before.")
    escalated = serializers.IntegerField()
    resolved = serializers.IntegerField()
    left_work = serializers.IntegerField(help_text="Resolved calls that suggest a work order.")
    escalated_share = serializers.FloatField(allow_null=True)
    first_time_share = serializers.FloatField(
        allow_null=True, help_text="Of the resolved ones: neither reopened nor called again within the hour."
    )
    acknowledge = SpreadRow()
    arrive = SpreadRow()
    resolve = SpreadRow(help_text="Without rejected calls.")
    waited_s = serializers.FloatField(help_text="Until somebody arrived, of calls raised while the machine stood.")
    repaired_s = serializers.FloatField(help_text="From then on until it was resolved, of the same calls.")


COUNTED = ("calls", "by_machine", "critical", "rejected", "reopened", "repeated", "escalated", "resolved", "left_work")


def _row(found: Responses) -> dict[str, Any]:
    return {
        **{name: getattr(found, name) for name in (*COUNTED, "escalated_share", "first_time_share")},
        "acknowledge": _spread(found.answered),
        "arrive": _spread(found.arrived),
        "resolve": _spread(found.remedied),
        "waited_s": found.waited_s,
        "repaired_s": found.repaired_s,
    }


def _spread(spread: Spread) -> dict[str, Any]:
    return {
        "n": spread.n,
        "median_s": spread.median_s,
        "p90_s": spread.p90_s,
        "min_s": spread.least_s,
        "max_s": spread.most_s,
        "within": spread.within,
        "limited": spread.limited,
        "within_share": spread.within_share,
    }


class Asking(Asked):
    capability = Capability.VIEW_FLOOR
    query = DaysQuery

    @property
    def lines(self) -> list[Line]:
        if "line" in self.asked:
            return [find_line(self.asked["line"])]
        if lines := list(Line.objects.on_screen().select_related("site")):
            return lines
        raise ValidationError({"line": ["There is no line yet."]})

    def found(self, lines: list[Line]) -> tuple[date, date, Wanted]:
        """The days asked for, by the clock of the first line's site, and the calls of them and of as many before."""
        zone = lines[0].site.zone
        last = self.asked.get("to") or timezone.now().astimezone(zone).date()
        first = self.asked.get("from") or last - (USUAL_DAYS - 1) * DAY
        _check_days(first, last)
        count = (last - first).days + 1
        edges = [instant(zone, datetime.combine(day, time())) for day in (first - count * DAY, first, last + DAY)]
        stretches = [
            Stretch(line.pk, period, edges[at], edges[at + 1])
            for line in lines
            for at, period in enumerate((Period.BEFORE, Period.NOW))
        ]
        priority = self.asked.get("priority")
        return first, last, Wanted(
            tuple(stretches), zone.key, self.asked.get("equipment", ""), self.asked.get("event_type", ""),
            Priority[priority.upper()] if priority else None, self.asked.get("source", ""),
        )  # fmt: skip


class CallStatisticsRow(ResponsesRow):
    from_day = serializers.DateField()
    to_day = serializers.DateField()
    by_status = serializers.DictField(child=serializers.IntegerField())
    by_priority = serializers.DictField(child=ResponsesRow())
    by_type = serializers.DictField(child=ResponsesRow())
    before = ResponsesRow(help_text="As many days before.")


class Statistics(Asking):
    """Calls of some days by status, priority and type, with medians instead of means."""

    serializer_class = CallStatisticsRow

    @extend_schema(operation_id="andon_statistics", parameters=[DaysQuery])
    def get(self, request: Request) -> Answer:
        """Calls of the last seven days, or of others."""
        lines = self.lines
        first, last, wanted = self.found(lines)
        return self.answer(_summary(first, last, response(wanted)))


class EscalationStatistics(Statistics):
    @extend_schema(operation_id="andon_escalations_statistics", parameters=[DaysQuery])
    def get(self, request: Request) -> Answer:
        """The same as `andon/statistics`."""
        return super().get(request)


def _statuses(found: Responses) -> dict[str, int]:
    closed = found.resolved + found.rejected
    return {"resolved": found.resolved, "rejected": found.rejected, "open": found.calls - closed}


def _summary(first: date, last: date, found: Response) -> dict[str, Any]:
    return {
        "from_day": first,
        "to_day": last,
        "by_status": _statuses(found.now),
        **_row(found.now),
        "by_priority": {key: _row(its) for key, its in found.by_priority.items()},
        "by_type": {key: _row(its) for key, its in found.by_kind.items()},
        "before": _row(found.before),
    }


class AgainRow(serializers.Serializer[Any]):
    line = serializers.CharField()
    equipment = serializers.CharField(allow_null=True)
    event_type = serializers.CharField()
    times = serializers.IntegerField()
    last_at = PlantTime()


class CallReportRow(CallStatisticsRow):
    by_line = serializers.DictField(child=ResponsesRow())
    by_equipment = serializers.DictField(child=ResponsesRow(), help_text="Calls that named no machine are not here.")
    by_day = serializers.DictField(child=ResponsesRow())
    by_hour = serializers.DictField(child=ResponsesRow(), help_text="Hours 0 to 23 of the plant's clock.")
    called_again = AgainRow(many=True, help_text="Where the same help was needed again within the hour.")


class Report(Asking):
    """Everything the page of answers shows."""

    serializer_class = CallReportRow

    @extend_schema(operation_id="andon_analytics_report", parameters=[DaysQuery])
    def get(self, request: Request) -> Answer:
        """How calls were answered: whole, by priority, type, line, machine, day and hour."""
        lines = self.lines
        first, last, wanted = self.found(lines)
        found, zone = response(wanted), lines[0].site.zone
        return self.answer(
            {
                **_summary(first, last, found),
                "by_line": {key: _row(its) for key, its in found.by_line.items()},
                "by_equipment": {key: _row(its) for key, its in found.by_machine.items() if key},
                "by_day": {day.isoformat(): _row(its) for day, its in found.by_day.items()},
                "by_hour": {str(hour): _row(its) for hour, its in found.by_hour.items()},
                "called_again": [_again(one, zone) for one in called_again(wanted)],
            }
        )


def _again(one: Again, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "line": one.line,
        "equipment": one.machine or None,
        "event_type": one.kind,
        "times": one.times,
        "last_at": local(one.last_at, zone),
    }
