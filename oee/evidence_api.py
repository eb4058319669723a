"""What is behind a figure, over the API: the same panel as on the screen."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from floor.rest import Asked, PlantTime, find_line, local
from floor.roles import Capability
from oee.api.restatements import RestatementRow, restatement_row
from oee.api.rows import RatioRow, ratio_row
from oee.domain.clock import SECOND_MS
from oee.domain.factors import COLUMNS
from oee.domain.kpis import Unit
from oee.evidence import CODES, Evidence, NoSuchScope, NoTarget, evidence
from oee.evidence.count import CountLine, StandardUsed
from oee.evidence.history import Change
from oee.evidence.interval import Interval
from oee.evidence.panel import Listed, PolicyUsed, Side, TargetStep
from oee.evidence_question import WindowQuery, asked_scope

SORTS = [name.removesuffix("_ms") for name in COLUMNS.values()]
UNITS = ["s" if unit is Unit.MS else unit.value for unit in Unit if unit is not Unit.MS_SQUARED]


class EvidenceQuery(WindowQuery):
    line = serializers.CharField(help_text="A line's id or code.")
    kpi = serializers.ChoiceField(choices=CODES)


class SideRow(serializers.Serializer[Any]):
    """The numerator or the denominator. `of_intervals` and `of_counts`: what the rows below add to it."""

    words = serializers.CharField()
    amount = serializers.FloatField()
    unit = serializers.ChoiceField(choices=UNITS)
    of_intervals = serializers.FloatField(allow_null=True)
    of_counts = serializers.FloatField(allow_null=True)


class SaidRow(serializers.Serializer[Any]):
    what = serializers.CharField()
    by = serializers.CharField()
    at = PlantTime()
    comment = serializers.CharField()


class IntervalRow(serializers.Serializer[Any]):
    starts_at = PlantTime()
    ends_at = PlantTime()
    lasted_s = serializers.FloatField()
    sort = serializers.ChoiceField(choices=SORTS)
    reason = serializers.CharField(allow_null=True)
    stop = serializers.UUIDField(allow_null=True)
    said = SaidRow(many=True)
    is_sum = serializers.BooleanField(help_text="The ledger of that hour is not kept any more, only its totals.")
    numerator = serializers.FloatField(allow_null=True, help_text="What it adds; null: intervals have no part in it.")
    denominator = serializers.FloatField(allow_null=True)


class CountedRow(serializers.Serializer[Any]):
    hour = PlantTime()
    product_number = serializers.IntegerField(help_text="-1: none was read.")
    product = serializers.CharField(allow_null=True)
    source = serializers.CharField(  # type: ignore[assignment]
        help_text="The machine's counter, or what sort of entry a person made."
    )
    by = serializers.CharField(allow_null=True)
    made_at = PlantTime(allow_null=True, help_text="When the person entered it.")
    comment = serializers.CharField()
    made = serializers.IntegerField()
    rejected = serializers.IntegerField()
    reworked = serializers.IntegerField(help_text="Of the rejected ones.")
    unobserved_made = serializers.IntegerField(help_text="Found after a gap: parts that carry no performance.")
    unobserved_rejected = serializers.IntegerField()
    ideal_cycle_s = serializers.FloatField(allow_null=True)
    numerator = serializers.FloatField(allow_null=True)
    denominator = serializers.FloatField(allow_null=True)


class StepRow(serializers.Serializer[Any]):
    starts_at = PlantTime()
    ends_at = PlantTime()
    planned_s = serializers.FloatField()
    per_min = serializers.FloatField()
    parts = serializers.FloatField()


class PolicyRow(serializers.Serializer[Any]):
    valid_from = PlantTime(allow_null=True, help_text="null: the line has never been given a policy.")
    micro_stop_s = serializers.IntegerField()
    planned_stops_reduce_availability = serializers.BooleanField()
    minor_stops_reduce_availability = serializers.BooleanField()
    no_data_is_lost = serializers.BooleanField()
    words = serializers.ListField(child=serializers.CharField())


class StandardRow(serializers.Serializer[Any]):
    product_number = serializers.IntegerField()
    product = serializers.CharField(allow_null=True)
    parts = serializers.IntegerField()
    ideal_cycle_s = serializers.FloatField(allow_null=True, help_text="null: none was known.")
    standard_of = serializers.CharField(allow_null=True)
    valid_from = PlantTime(allow_null=True)


class ChangedRow(serializers.Serializer[Any]):
    at = PlantTime()
    by = serializers.CharField()
    what = serializers.CharField()
    about = PlantTime(help_text="The moment that it speaks about.")
    before = serializers.CharField()
    after = serializers.CharField()
    comment = serializers.CharField()
    stop = serializers.UUIDField(allow_null=True)


class EvidenceRow(serializers.Serializer[Any]):
    line = serializers.CharField()
    equipment = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    starts_at = PlantTime()
    ends_at = PlantTime()
    as_of = PlantTime(help_text="Up to when something is known.")
    kpi = serializers.CharField()
    name = serializers.CharField()
    formula = serializers.CharField()
    formula_source = serializers.CharField()
    note = serializers.CharField()
    value = serializers.FloatField(allow_null=True)
    unit = serializers.ChoiceField(choices=UNITS)
    numerator = SideRow(allow_null=True)
    denominator = SideRow(allow_null=True)
    adds_up = serializers.BooleanField(help_text="The rows are the figure, to the millisecond and the part.")
    intervals = IntervalRow(many=True)
    counts = CountedRow(many=True)
    target_steps = StepRow(many=True)
    policies = PolicyRow(many=True)
    standards = StandardRow(many=True)
    completeness = RatioRow()
    restatements = RestatementRow(many=True)
    changes = ChangedRow(many=True)
    flags = serializers.ListField(child=serializers.CharField())


def evidence_row(found: Evidence) -> dict[str, Any]:
    scope, zone = found.scope, found.scope.zone
    return {
        "line": scope.line.code,
        "equipment": scope.machine.code,
        "label": scope.label,
        "starts_at": local(scope.start, zone),
        "ends_at": local(scope.end, zone),
        "as_of": local(scope.as_of, zone),
        "kpi": found.code,
        "name": found.name,
        "formula": found.words,
        "formula_source": found.source,
        "note": found.note,
        "value": None if found.value is None else float(found.value),
        "unit": _unit(found.unit),
        "numerator": _side(found.above),
        "denominator": _side(found.below),
        "adds_up": found.adds_up,
        "intervals": [_interval(listed, found, zone) for listed in found.intervals],
        "counts": [_count(listed, found, zone) for listed in found.counts],
        "target_steps": [_step(step, zone) for step in found.steps],
        "policies": [_policy(used, zone) for used in found.policies],
        "standards": [_standard(used, found.products, zone) for used in found.standards],
        "completeness": ratio_row(found.completeness),
        "restatements": [restatement_row(mark) for mark in found.restatements],
        "changes": [_change(change, zone) for change in found.changes],
        "flags": found.flags,
    }


def _unit(unit: Unit) -> str:
    return "s" if unit is Unit.MS else unit.value


def _scaled(value: int | None, side: Side | None) -> float | None:
    if value is None or side is None:
        return None
    return value / SECOND_MS if side.unit is Unit.MS else float(value)


def _side(side: Side | None) -> dict[str, Any] | None:
    if side is None:
        return None
    amounts = {name: _scaled(getattr(side, name), side) for name in ("amount", "of_intervals", "of_counts")}
    return {"words": side.words, "unit": _unit(side.unit), **amounts}


def _sides(listed: Listed[Any], found: Evidence) -> dict[str, float | None]:
    return {"numerator": _scaled(listed.above, found.above), "denominator": _scaled(listed.below, found.below)}


def _interval(listed: Listed[Interval], found: Evidence, zone: ZoneInfo) -> dict[str, Any]:
    row = listed.row
    return {
        "starts_at": local(row.starts_at, zone),
        "ends_at": local(row.ends_at, zone),
        "lasted_s": row.lasted_ms / SECOND_MS,
        "sort": row.column.removesuffix("_ms"),
        "reason": row.reason,
        "stop": row.stop,
        "said": [{"what": s.what, "by": s.by, "at": local(s.at, zone), "comment": s.comment} for s in row.said],
        "is_sum": row.is_sum,
        **_sides(listed, found),
    }


PARTS = ("made", "rejected", "reworked", "unobserved_made", "unobserved_rejected")


def _count(listed: Listed[CountLine], found: Evidence, zone: ZoneInfo) -> dict[str, Any]:
    row = listed.row
    return {
        "hour": local(row.hour, zone),
        "product_number": row.product_number,
        "product": found.products.get(row.product_number),
        "source": row.source,
        "by": row.by,
        "made_at": local(row.at, zone),
        "comment": row.comment,
        "ideal_cycle_s": None if row.cycle_ms is None else row.cycle_ms / SECOND_MS,
        **{name: getattr(row, name) for name in PARTS},
        **_sides(listed, found),
    }


def _step(step: TargetStep, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "starts_at": local(step.starts_at, zone),
        "ends_at": local(step.ends_at, zone),
        "planned_s": step.planned_ms / SECOND_MS,
        "per_min": step.per_min,
        "parts": step.parts,
    }


RULES = (
    "micro_stop_s",
    "planned_stops_reduce_availability",
    "minor_stops_reduce_availability",
    "no_data_is_lost",
)


def _policy(used: PolicyUsed, zone: ZoneInfo) -> dict[str, Any]:
    rules = {name: getattr(used.policy, name) for name in RULES}
    return {"valid_from": local(used.policy.valid_from if used.is_given else None, zone), "words": used.words, **rules}


def _standard(used: StandardUsed, products: dict[int, str], zone: ZoneInfo) -> dict[str, Any]:
    standard = used.standard
    since: datetime | None = None if standard is None else standard.valid_from
    return {
        "product_number": used.product_number,
        "product": products.get(used.product_number),
        "parts": used.parts,
        "ideal_cycle_s": None if standard is None else standard.ideal_cycle_ms / SECOND_MS,
        "standard_of": None if standard is None else standard.words,
        "valid_from": local(since, zone),
    }


def _change(change: Change, zone: ZoneInfo) -> dict[str, Any]:
    same = ("by", "what", "before", "after", "comment", "stop")
    told = {name: getattr(change, name) for name in same}
    return {"at": local(change.at, zone), "about": local(change.about, zone), **told}


class EvidenceView(Asked):
    capability = Capability.VIEW_FLOOR
    serializer_class = EvidenceRow
    query = EvidenceQuery

    @extend_schema(operation_id="oee_evidence", parameters=[EvidenceQuery])
    def get(self, request: Request) -> Response:
        """What is behind a figure: formula, intervals, counts, policy, standards, restatements and corrections."""
        asked, now = self.asked, timezone.now()
        try:
            scope = asked_scope(find_line(asked["line"]), asked, now)
            return self.answer(evidence_row(evidence(scope, asked["kpi"])))
        except NoSuchScope as refusal:
            raise Http404(str(refusal)) from refusal
        except NoTarget as refusal:
            raise ValidationError({"kpi": [str(refusal)]}) from refusal
