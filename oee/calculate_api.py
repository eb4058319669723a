"""OEE of figures that somebody writes down, so that anyone can check the arithmetic. Nothing is stored."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from floor.rest import Asked
from floor.roles import Capability
from oee.api import PARTS, SECONDS
from oee.domain.declared import Contradiction, Declared, DeclaredLedger, Judged, Product, remaining
from oee.domain.factors import Policy, Ratio
from oee.domain.losses import Factor, Loss
from oee.domain.readings import company, readings

MAX_SECONDS = 10**10  # three centuries
MAX_CYCLE_S = 10**7
MAX_PARTS = 10**12
MAX_PRODUCTS = 200
MAX_DECIMALS = 20


class Strict(serializers.Serializer[Any]):
    """A key that is not known is refused: a mistyped name must not count as 0."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(str(key) for key in set(data) - set(self.fields)) if isinstance(data, dict) else []
        if unknown:
            words = f"Unknown name. Known are {', '.join(self.fields)}."
            raise ValidationError({name[:100]: [words] for name in unknown[:20]})
        return super().to_internal_value(data)


def number(value: Any, most: int, what: str) -> Fraction:
    """The number exactly as it was written."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValidationError(f"Write {what} as a number, without quotes.")
    written = value if isinstance(value, int) else Decimal(str(value))
    if isinstance(written, Decimal) and not written.is_finite():
        raise ValidationError(f"Write {what} as a number.")
    if written < 0:
        raise ValidationError(f"There cannot be less than 0 {what}.")
    if written > most:
        raise ValidationError(f"More than {most} {what} cannot be right.")
    if isinstance(written, Decimal) and -int(written.as_tuple().exponent) > MAX_DECIMALS:
        raise ValidationError(f"Write {what} with at most {MAX_DECIMALS} decimals.")
    return Fraction(written)


@extend_schema_field({"type": "number", "format": "double", "minimum": 0, "maximum": MAX_SECONDS})
class Seconds(serializers.Field[Any, Any, Any, Any]):
    def to_internal_value(self, data: Any) -> Fraction:
        return number(data, MAX_SECONDS, "seconds")


@extend_schema_field({"type": "number", "format": "double", "minimum": 0, "exclusiveMinimum": True, "nullable": True})
class IdealCycle(serializers.Field[Any, Any, Any, Any]):
    def to_internal_value(self, data: Any) -> Fraction:
        cycle = number(data, MAX_CYCLE_S, "seconds per part")
        if not cycle:
            raise ValidationError("An ideal cycle of 0 s is no standard; write null if there is none.")
        return cycle


@extend_schema_field({"type": "integer", "minimum": 0, "maximum": MAX_PARTS})
class Parts(serializers.Field[Any, Any, Any, Any]):
    def to_internal_value(self, data: Any) -> int:
        parts = number(data, MAX_PARTS, "parts")
        if parts.denominator != 1:
            raise ValidationError("Parts are counted in whole numbers.")
        return int(parts)


@extend_schema_field({"type": "boolean"})
class YesNo(serializers.Field[Any, Any, Any, Any]):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise ValidationError("Write true or false, without quotes.")
        return data


class ProductIn(Strict):
    """Counts that are left out are 0; null is not known. `good` is total − scrap − rework unless it is given."""

    ideal_cycle_s = IdealCycle(allow_null=True, required=False, help_text="Seconds per part; null: no standard.")
    total = Parts(allow_null=True, required=False, help_text="Parts made, good or not.")
    good = Parts(allow_null=True, required=False, help_text="Good at the first try.")
    scrap = Parts(allow_null=True, required=False)
    rework = Parts(allow_null=True, required=False)


class LedgerIn(Strict):
    """Seconds of one stretch of time; what is left out is 0. No second may be given twice."""

    scheduled_s = Seconds(required=False, help_text="The shift with its breaks.")
    breaks_s = Seconds(required=False)
    planned_stops_s = Seconds(required=False, help_text="Cleaning, maintenance; changeovers too if `setup_s` is 0.")
    setup_s = Seconds(required=False, help_text="Changeover and adjustment.")
    idle_s = Seconds(required=False, help_text="Nothing to make: left out of planned time.")
    unplanned_stops_s = Seconds(required=False)
    minor_stops_s = Seconds(required=False, help_text="Short stops: lost speed unless the policy says otherwise.")
    no_data_s = Seconds(required=False, help_text="Time nobody saw: left out of planned time.")
    calendar_s = Seconds(required=False, allow_null=True, help_text="All time, for TEEP.")
    products = ProductIn(many=True, required=False, max_length=MAX_PRODUCTS)


class PolicyIn(Strict):
    planned_stops_reduce_availability = YesNo(
        required=False, help_text="True unless given. False: setup and planned stops are left out of planned time."
    )
    minor_stops_reduce_availability = YesNo(required=False, help_text="False unless given.")
    no_data_is_lost = YesNo(required=False, help_text="False unless given.")


class CalculateIn(Strict):
    ledger = LedgerIn()
    policy = PolicyIn(required=False)
    calendar_s = Seconds(required=False, allow_null=True, help_text="As in the ledger; give it in one place.")


class CalculatedRatio(serializers.Serializer[Any]):
    value = serializers.FloatField(allow_null=True, help_text="Not rounded; null: not known.")
    numerator = serializers.FloatField(allow_null=True)
    denominator = serializers.FloatField(allow_null=True)
    unit = serializers.ChoiceField(choices=[SECONDS, PARTS], help_text="Unit of numerator and denominator.")


class CalculatedLoss(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField()
    big_loss = serializers.IntegerField(allow_null=True, help_text="1 to 6: which of the six big losses.")
    factor = serializers.ChoiceField(choices=[factor.value for factor in Factor])
    lost_s = serializers.FloatField(allow_null=True, help_text="null: not known.")


class CalculatedTimes(serializers.Serializer[Any]):
    """Planned time less every loss is productive time; what is left over is 0."""

    calendar_s = serializers.FloatField()
    planned_s = serializers.FloatField()
    operating_s = serializers.FloatField()
    ideal_s = serializers.FloatField(allow_null=True, help_text="Ideal time of all parts.")
    productive_s = serializers.FloatField(allow_null=True, help_text="Ideal time of the good parts.")
    remainder_s = serializers.FloatField()


class CalculatedReading(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField()
    source = serializers.CharField()
    availability = CalculatedRatio()
    performance = CalculatedRatio()
    quality = CalculatedRatio()
    oee = CalculatedRatio()


class CalculatedRow(serializers.Serializer[Any]):
    availability = CalculatedRatio()
    performance = CalculatedRatio()
    quality = CalculatedRatio()
    oee = CalculatedRatio()
    teep = CalculatedRatio(required=False, help_text="Only where calendar_s is known.")
    times = CalculatedTimes()
    losses = CalculatedLoss(many=True)
    flags = serializers.ListField(child=serializers.CharField())
    readings = CalculatedReading(many=True, help_text="The same figures as each standard reads them.")


# ---------------------------------------------------------------- from the body to a ledger


def ledger_of(asked: dict[str, Any]) -> DeclaredLedger:
    times = dict(asked["ledger"])
    products = tuple(_product(row) for row in times.pop("products", ()))
    calendars = {found for found in (times.pop("calendar_s", None), asked.get("calendar_s")) if found is not None}
    if len(calendars) > 1:
        raise ValidationError({"calendar_s": ["Given twice with different values."]})
    return DeclaredLedger(**times, calendar_s=next(iter(calendars), None), products=products)


def _product(row: dict[str, Any]) -> Product:
    total, scrap, rework = (row.get(name, 0) for name in ("total", "scrap", "rework"))
    good = row.get("good")
    # "good": null alone is not known; beside scrap or rework it is merely not written out.
    if good is None and ("good" not in row or "scrap" in row or "rework" in row):
        good = remaining(total, scrap, rework)
    return Product(row.get("ideal_cycle_s"), total, good, scrap, rework)


def declared(asked: dict[str, Any]) -> Declared:
    try:
        return Declared(ledger_of(asked))
    except Contradiction as refusal:
        details: Any = [str(refusal)]
        for step in reversed(("ledger", *refusal.place)):
            details = {str(step): details}
        raise ValidationError(details) from refusal


# ---------------------------------------------------------------- from figures to the answer


def calculated_row(ledger: Declared, policy: Policy, *, has_calendar: bool) -> dict[str, Any]:
    found, per_s = ledger.read(company(policy)), ledger.ticks_per_s
    return {
        **_factor_rows(found, per_s),
        **({"teep": _row(found, "teep", found.figures.teep, per_s)} if has_calendar else {}),
        "times": _times(found, per_s),
        "losses": [_loss_row(loss, per_s) for loss in found.waterfall.losses],
        "flags": found.flags,
        "readings": [_reading_row(ledger.read(reading), per_s) for reading in readings(policy)],
    }


def _factor_rows(found: Judged, per_s: int) -> dict[str, Any]:
    factors, totals = found.figures.factors, found.figures.totals
    by_time = totals.unrated_made == 0 and totals.ideal_made_ms > 0
    quality_in = (per_s, SECONDS) if by_time else (1, PARTS)
    names = ("availability", "performance", "oee")
    rows = {name: _row(found, name, getattr(factors, name), per_s) for name in names}
    return {**rows, "quality": _row(found, "quality", factors.quality, *quality_in)}


def _row(found: Judged, name: str, ratio: Ratio, per_unit: int, unit: str = SECONDS) -> dict[str, Any]:
    """Divides once, at the very end."""
    if name in found.uncounted:
        return {"value": None, "numerator": None, "denominator": None, "unit": unit}
    exact = ratio.exact
    return {
        "value": None if exact is None else float(exact),
        "numerator": _amount(ratio.numerator, per_unit),
        "denominator": _amount(ratio.denominator, per_unit),
        "unit": unit,
    }


def _amount(ticks: int | None, per_unit: int) -> float | None:
    return None if ticks is None else float(Fraction(ticks, per_unit))


def _times(found: Judged, per_s: int) -> dict[str, Any]:
    fall = found.waterfall
    ticks = {
        "calendar_s": found.figures.totals.calendar_ms,
        "planned_s": fall.planned_ms,
        "operating_s": fall.operating_ms,
        "ideal_s": fall.ideal_ms,
        "productive_s": fall.productive_ms,
        "remainder_s": fall.remainder_ms,
    }
    return {name: _amount(length, per_s) for name, length in ticks.items()}


def _loss_row(loss: Loss, per_s: int) -> dict[str, Any]:
    lost_s = _amount(loss.lost_ms, per_s)
    return {"code": loss.code, "name": loss.name, "big_loss": loss.number, "factor": loss.factor, "lost_s": lost_s}


def _reading_row(found: Judged, per_s: int) -> dict[str, Any]:
    reading = found.figures.reading
    words = {"code": reading.code, "name": reading.name, "source": reading.source}
    return {**words, **_factor_rows(found, per_s)}


class Calculate(Asked):
    """Numbers must arrive as they were written: the route parses them with ms5.api.ExactJSON."""

    capability = Capability.VIEW_FLOOR
    serializer_class = CalculatedRow

    @extend_schema(operation_id="oee_calculate", request=CalculateIn)
    def post(self, request: Request) -> Response:
        """Availability, performance, quality, OEE and the losses of a ledger in the body. Nothing is stored."""
        given = CalculateIn(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        ledger = declared(asked)
        has_calendar = ledger.ledger.calendar_s is not None
        return self.answer(calculated_row(ledger, Policy(**asked.get("policy", {})), has_calendar=has_calendar))
