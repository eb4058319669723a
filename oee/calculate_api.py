"""OEE of figures that somebody writes down, so that anyone can check the arithmetic, and of a machine's own time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.core.exceptions import PermissionDenied
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from floor.models import Equipment
from floor.rest import Asked, PlantTime, find_line, find_machine, local
from floor.roles import Capability, can
from oee.api import PARTS, SECONDS
from oee.api.machines import speaking
from oee.domain.clock import SECOND_MS
from oee.domain.declared import Contradiction, Declared, DeclaredLedger, Judged, Product, remaining
from oee.domain.factors import Policy, Ratio, Totals
from oee.domain.losses import Factor, Loss, Waterfall, together, waterfall
from oee.domain.readings import STANDARDS, Figures, Reading, company, figures, read, readings
from oee.stretch import DetailsGone, stretch

MAX_SECONDS = 10**10  # three centuries
MAX_CYCLE_S = 10**7
MAX_PARTS = 10**12
MAX_PRODUCTS = 200
MAX_DECIMALS = 20
SHORTEST, LONGEST = timedelta(hours=1), timedelta(hours=168)


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
    products = serializers.ListField(child=ProductIn(), required=False, max_length=MAX_PRODUCTS)


class PolicyIn(Strict):
    planned_stops_reduce_availability = YesNo(
        required=False, help_text="True unless given. False: setup and planned stops are left out of planned time."
    )
    minor_stops_reduce_availability = YesNo(required=False, help_text="False unless given.")
    no_data_is_lost = YesNo(required=False, help_text="False unless given.")


class CalculateIn(Strict):
    """Either a ledger, or a line or a machine with a start and an end."""

    ledger = LedgerIn(required=False)
    policy = PolicyIn(required=False)
    calendar_s = Seconds(required=False, allow_null=True, help_text="As in the ledger; give it in one place.")
    line_id = serializers.CharField(required=False, help_text="A line's id or code: the machine that speaks for it.")
    equipment_code = serializers.CharField(required=False)
    start = PlantTime(required=False, help_text="A whole minute: parts are counted by the minute.")
    end = PlantTime(required=False, help_text="1 to 168 hours after the start.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        machine = {"line_id", "equipment_code"} & attrs.keys()
        if ("ledger" in attrs) == bool(machine):
            raise ValidationError("Give a ledger, or a line_id or equipment_code with start and end.")
        if machine:
            _check_window(attrs)
        elif {"start", "end"} & attrs.keys():
            raise ValidationError("A ledger has no start and end; its times are durations.")
        return attrs


def _check_window(attrs: dict[str, Any]) -> None:
    if {"line_id", "equipment_code"} <= attrs.keys():
        raise ValidationError({"equipment_code": ["Give the line or the machine, not both."]})
    if {"policy", "calendar_s"} & attrs.keys():
        raise ValidationError("A line's own time is judged by its own policy and calendar.")
    if missing := [name for name in ("start", "end") if name not in attrs]:
        raise ValidationError({name: ["This field is required."] for name in missing})
    for name in ("start", "end"):
        if attrs[name].second or attrs[name].microsecond:
            raise ValidationError({name: ["Give a whole minute: parts are counted by the minute."]})
    if not SHORTEST <= attrs["end"] - attrs["start"] <= LONGEST:
        raise ValidationError({"end": ["The end must be 1 to 168 hours after the start."]})


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
    source = serializers.CharField()  # type: ignore[assignment]
    availability = CalculatedRatio()
    performance = CalculatedRatio()
    quality = CalculatedRatio()
    oee = CalculatedRatio()


class CalculatedWindow(serializers.Serializer[Any]):
    """Whose time it was, and how much of it is known."""

    line = serializers.CharField()
    equipment = serializers.CharField()
    start = PlantTime()
    end = PlantTime()
    as_of = PlantTime(help_text="Up to when the figures hold.")
    completeness = serializers.FloatField(allow_null=True, help_text="Share of the elapsed scheduled time observed.")


class CalculatedRow(serializers.Serializer[Any]):
    availability = CalculatedRatio()
    performance = CalculatedRatio()
    quality = CalculatedRatio()
    oee = CalculatedRatio()
    teep = CalculatedRatio(required=False, help_text="Only where calendar time is known.")
    times = CalculatedTimes()
    losses = CalculatedLoss(many=True)
    flags = serializers.ListField(child=serializers.CharField())
    readings = CalculatedReading(many=True, help_text="The same figures as each standard reads them.")
    window = CalculatedWindow(required=False, help_text="Only for a line's or a machine's own time.")


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


def declared_row(ledger: Declared, policy: Policy) -> dict[str, Any]:
    found = [ledger.read(reading) for reading in readings(policy)]
    row = calculated_row(found, ledger.ticks_per_s)
    if ledger.ledger.calendar_s is None:
        del row["teep"]
    return row


def calculated_row(found: Sequence[Judged], per_s: int) -> dict[str, Any]:
    """The first reading is the company's own."""
    own = found[0]
    return {
        **_factor_rows(own, per_s),
        "teep": _row(own, "teep", own.figures.teep, per_s),
        "times": _times(own, per_s),
        "losses": [_loss_row(loss, per_s) for loss in own.waterfall.losses],
        "flags": own.flags,
        "readings": [_reading_row(judged, per_s) for judged in found],
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


# ---------------------------------------------------------------- a machine's own time


def stored_row(machine: Equipment, start: datetime, end: datetime, now: datetime) -> dict[str, Any]:
    found, zone = stretch(machine, start, end, now=now), machine.line.site.zone
    judged = [_own(found.totals), *(_read(sum(found.totals.values(), Totals()), standard) for standard in STANDARDS)]
    totals = judged[0].figures.totals
    window = {
        "line": machine.line.code,
        "equipment": machine.code,
        "start": local(start, zone),
        "end": local(end, zone),
        "as_of": local(found.until, zone),
        "completeness": totals.observed_ms / totals.scheduled_ms if totals.scheduled_ms else None,
    }
    return {**calculated_row(judged, SECOND_MS), "window": window}


def _own(totals: dict[Policy, Totals]) -> Judged:
    """Every hour by the policy of its own time; a reading has one name, so the last policy gives it."""
    by_policy = totals or {Policy(): Totals()}
    fall = together([waterfall(part, company(policy)) for policy, part in by_policy.items()])
    own = figures(sum(by_policy.values(), Totals()), company(list(by_policy)[-1]))
    return Judged(own, fall, _flags(own, fall), frozenset())


def _read(totals: Totals, standard: Reading) -> Judged:
    found, fall = read(totals, standard), waterfall(totals, standard)
    return Judged(found, fall, _flags(found, fall), frozenset())


def _flags(found: Figures, fall: Waterfall) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*found.factors.flags, *fall.flags)))


def _machine(asked: dict[str, Any]) -> Equipment:
    if "equipment_code" in asked:
        return find_machine(asked["equipment_code"])
    return speaking(find_line(asked["line_id"]))


class Calculate(Asked):
    """Numbers must arrive as they were written: the route parses them with ms5.api.ExactJSON."""

    capability = Capability.VIEW_FLOOR
    serializer_class = CalculatedRow

    @extend_schema(operation_id="oee_calculate", request=CalculateIn)
    def post(self, request: Request) -> Response:
        """Availability, performance, quality, OEE and the losses of figures in the body, or of a machine's own time.

        Figures in the body are arithmetic that everybody may check; nothing is stored and no line is looked at.
        A machine's own time asks for the right to calculate OEE.
        """
        given = CalculateIn(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        if "ledger" in asked:
            return self.answer(declared_row(declared(asked), Policy(**asked.get("policy", {}))))
        if not can(request.user, Capability.CALCULATE_OEE):
            raise PermissionDenied(f"Your role may not {Capability.CALCULATE_OEE}.")
        try:
            return self.answer(stored_row(_machine(asked), asked["start"], asked["end"], timezone.now()))
        except DetailsGone as refusal:
            raise ValidationError({"start": [str(refusal)]}) from refusal
