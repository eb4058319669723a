"""What every answer about OEE is made of: ratios with their evidence, totals, shifts."""

from typing import Any

from rest_framework import serializers

from floor.domain.shifts import ShiftWindow
from floor.models import Line
from floor.rest import PlantTime, local
from oee.domain.clock import SECOND_MS
from oee.domain.factors import FIELDS, Ratio, Totals, factors

SECONDS, PARTS = "s", "parts"
TIMES = tuple(name for name in FIELDS if name.endswith("_ms"))
COUNTS = tuple(name for name in FIELDS if not name.endswith("_ms"))


class RatioRow(serializers.Serializer[Any]):
    value = serializers.FloatField(allow_null=True, help_text="0..1, may exceed 1; null: not known.")
    numerator = serializers.FloatField()
    denominator = serializers.FloatField(allow_null=True)
    unit = serializers.ChoiceField(choices=[SECONDS, PARTS], help_text="Unit of numerator and denominator.")


class ShiftRow(serializers.Serializer[Any]):
    name = serializers.CharField()
    work_date = serializers.DateField(help_text="The day on which the shift began.")
    label = serializers.CharField()  # type: ignore[assignment]
    starts_at = PlantTime()
    ends_at = PlantTime()


def _totals_fields() -> dict[str, serializers.Field[Any, Any, Any, Any]]:
    seconds = {f"{name.removesuffix('_ms')}_s": serializers.FloatField() for name in TIMES}
    return {**seconds, **{name: serializers.IntegerField() for name in COUNTS}}


TotalsRow = type("TotalsRow", (serializers.Serializer,), _totals_fields())


def seconds(ms: int) -> float:
    return ms / SECOND_MS


def ratio_row(ratio: Ratio, unit: str = SECONDS) -> dict[str, Any]:
    scale = seconds if unit == SECONDS else float
    denominator = None if ratio.denominator is None else scale(ratio.denominator)
    return {"value": ratio.value, "numerator": scale(ratio.numerator), "denominator": denominator, "unit": unit}


def totals_row(totals: Totals) -> dict[str, Any]:
    times = {f"{name.removesuffix('_ms')}_s": seconds(getattr(totals, name)) for name in TIMES}
    return {**times, **{name: getattr(totals, name) for name in COUNTS}}


def shift_row(line: Line, window: ShiftWindow) -> dict[str, Any]:
    zone = line.site.zone
    return {
        "name": window.name,
        "work_date": window.work_date,
        "label": window.label(zone),
        "starts_at": local(window.starts_at, zone),
        "ends_at": local(window.ends_at, zone),
    }


class FiguresRow(serializers.Serializer[Any]):
    """Factors of a stretch of time with their evidence. Add totals of several rows first, divide last."""

    availability = RatioRow()
    performance = RatioRow()
    quality = RatioRow()
    oee = RatioRow()
    completeness = RatioRow(help_text="Time that was observed over time that was meant for production.")
    good = serializers.IntegerField()
    rejected = serializers.IntegerField()
    totals = TotalsRow()
    flags = serializers.ListField(child=serializers.CharField())


def factor_rows(totals: Totals) -> dict[str, Any]:
    """Of totals that have been judged."""
    found = factors(totals)
    return {
        "availability": ratio_row(found.availability),
        "performance": ratio_row(found.performance),
        "quality": ratio_row(found.quality, quality_unit(totals)),
        "oee": ratio_row(found.oee),
    }


def quality_unit(totals: Totals) -> str:
    return SECONDS if totals.ideal_made_ms > 0 and not totals.unrated_made else PARTS


def figures_row(totals: Totals) -> dict[str, Any]:
    return {
        **factor_rows(totals),
        "completeness": ratio_row(Ratio(totals.observed_ms, totals.scheduled_ms or None)),
        "good": totals.good,
        "rejected": totals.all_rejected,
        "totals": totals_row(totals),
        "flags": factors(totals).flags,
    }
