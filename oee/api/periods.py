"""What questions about longer times share: which days, in what portions, and how a portion is printed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from floor.domain.fold import NO_PRODUCT
from floor.models import Equipment, Line, ProductNumber
from floor.rest import PlantDate, PlantTime, Query, local
from oee.api.rows import FiguresRow, figures_row
from oee.periods import MOST_DAYS, Days, Granularity, Period, production_day

MOST, USUAL = 0, 1


class DaysQuery(Query):
    """`by` is the portion whose bounds hold where a question has no granularity of its own."""

    by = Granularity.DAY

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python's own and cannot be written as a class attribute.
        days = {
            "from": PlantDate(required=False, help_text="First production day."),
            "to": PlantDate(required=False, help_text="Last production day, included; without it today."),
        }
        return {**super().get_fields(), **days}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        most = MOST_DAYS[self.granularity(attrs)][MOST]
        if {"from", "to"} <= set(attrs):
            if attrs["to"] < attrs["from"]:
                raise ValidationError({"to": ["The last day must not be before the first."]})
            if (attrs["to"] - attrs["from"]).days >= most:
                raise ValidationError({"to": [f"Ask for at most {most} days at once."]})
        return attrs

    @classmethod
    def granularity(cls, asked: dict[str, Any]) -> Granularity:
        return Granularity(asked.get("granularity", cls.by))


class PeriodQuery(DaysQuery):
    def get_fields(self) -> dict[str, Any]:
        choices = [granularity.value for granularity in Granularity]
        words = "Portions; hours for at most 7 days, shifts 92, days and products 366, weeks 732, months 1464."
        return {
            **super().get_fields(),
            "granularity": serializers.ChoiceField(choices, required=False, help_text=words),
        }


def days_of(asked: dict[str, Any], line: Line, now: datetime, by: Granularity) -> Days:
    """What was asked for; without a first or a last day as many as are usual."""
    usual = timedelta(days=MOST_DAYS[by][USUAL] - 1)
    if "to" in asked:
        return Days(asked.get("from", asked["to"] - usual), asked["to"])
    today = production_day(line, now)
    if "from" not in asked:
        return Days(today - usual, today)
    most = timedelta(days=MOST_DAYS[by][MOST] - 1)
    return Days(asked["from"], max(asked["from"], min(today, asked["from"] + most)))


class DaysRow(serializers.Serializer[Any]):
    first = serializers.DateField()
    last = serializers.DateField(help_text="Included.")


class PeriodRow(FiguresRow):
    period = serializers.CharField(help_text="2026-11-20, 2026-11-20 Day, 2026-W47, 2026-11, or a product's code.")
    starts_at = PlantTime(allow_null=True, help_text="Of an hour or a shift.")
    work_date = serializers.DateField(allow_null=True, help_text="Production day; of a week or month the first.")
    shift = serializers.CharField(allow_null=True)
    product = serializers.CharField(allow_null=True)


Products = dict[tuple[Any, int], str]


def product_codes(machines: Sequence[Equipment], found: Sequence[Period]) -> Products:
    """By line and number, one query; none when no period is a product's."""
    numbers = {period.product_number for period in found if period.product_number is not None}
    if not numbers:
        return {}
    rows = ProductNumber.objects.filter(line__in={machine.line_id for machine in machines}, number__in=numbers)
    return {(line, number): code for line, number, code in rows.values_list("line", "number", "product__code")}


def period_row(period: Period, line: Line, products: Products) -> dict[str, Any]:
    product = _product(period, line, products)
    return {
        "period": product or period.label,
        "starts_at": local(period.starts_at, line.site.zone),
        "work_date": period.work_date,
        "shift": period.shift,
        "product": product,
        **figures_row(period.totals),
    }


def _product(period: Period, line: Line, products: Products) -> str | None:
    if period.product_number is None:
        return None
    if period.product_number == NO_PRODUCT:
        return "unknown"
    return products.get((line.pk, period.product_number), str(period.product_number))
