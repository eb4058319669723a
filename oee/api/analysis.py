"""Lines against each other, against their targets and against the world; how reliable a machine is."""

from datetime import datetime
from fractions import Fraction
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from floor.glance import one_glance
from floor.models import Line
from floor.models.shifts import calendar
from floor.rest import Asked, AskedList, Query, find_machine, local
from floor.roles import Capability
from oee.analysis import Step, lost
from oee.api.line import FACTORS, TRENDS, ChangeRow, changes
from oee.api.machines import LINE_WORDS, MachineDaysHead, MachineHead, asked_lines, head, speakers
from oee.api.periods import DaysQuery, PeriodRow, asked_scope, days_of, period_rows, portions, whole
from oee.api.rows import FiguresRow, TotalsRow, figures_row, totals_row
from oee.api.statistics import TOP, LostRow, lost_row
from oee.domain.benchmarks import BENCHMARKS, INDUSTRY_AVERAGE, LEVELS, WORLD_CLASS
from oee.domain.clock import SECOND_MS
from oee.domain.kpis import RATINGS, Kpi, Unit, every_kpi, rating
from oee.domain.readings import company, figures
from oee.models import LinePolicy
from oee.setup import judging_of, policies_of, policy_at, reading


class LinesQuery(DaysQuery):
    line = serializers.CharField(required=False, help_text=LINE_WORDS)


class AnalysisQuery(LinesQuery):
    def get_fields(self) -> dict[str, Any]:
        steps = [Step.DAY.value, Step.SHIFT.value, Step.PRODUCT.value, Step.JOB.value]
        return {**super().get_fields(), "by": serializers.ChoiceField(steps, required=False, help_text="day")}

    @classmethod
    def granularity(cls, asked: dict[str, Any]) -> Step:
        return Step(asked.get("by", cls.by))


class AnalysisRow(PeriodRow, MachineHead):
    pass


class Analysis(AskedList):
    """Totals and factors by line and day, shift, product or job: lines in their order, each in time order."""

    capability = Capability.VIEW_FLOOR
    serializer_class = AnalysisRow
    query = AnalysisQuery

    @extend_schema(operation_id="oee_analysis", parameters=[AnalysisQuery])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        lines, now = asked_lines(self.asked), timezone.now()
        return analysis_rows(lines, self.asked, now) if lines else []


def analysis_rows(lines: list[Line], asked: dict[str, Any], now: datetime) -> list[dict[str, Any]]:
    """The same number of queries for one line as for all."""
    by = AnalysisQuery.granularity(asked)
    found = portions(speakers(lines), days_of(asked, lines[0], now, by), by)
    return [{**row, **head(one.machine)} for one, row in zip(found, period_rows(found), strict=True)]


# ---------------------------------------------------------------- reliability of a machine


class KpiRow(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField()
    value = serializers.FloatField(allow_null=True, help_text="null: not known; `note` says why.")
    unit = serializers.ChoiceField(choices=[unit.value for unit in Unit])
    numerator = serializers.FloatField(help_text="Times in seconds.")
    denominator = serializers.FloatField(allow_null=True)
    words = serializers.CharField(help_text="The formula.")
    source = serializers.CharField()  # type: ignore[assignment]
    note = serializers.CharField()


class ReliabilityRow(MachineDaysHead):
    failures = serializers.IntegerField()
    minor_stops = serializers.IntegerField()
    mtbf_h = serializers.FloatField(allow_null=True, help_text="Mean operating time between failures.")
    mttr_h = serializers.FloatField(allow_null=True, help_text="Mean time to restoration, waiting included.")
    kpis = KpiRow(many=True)
    top_losses = LostRow(many=True)
    totals = TotalsRow()


SCALE = {Unit.MS: SECOND_MS, Unit.MS_SQUARED: SECOND_MS**2}


def kpi_row(kpi: Kpi) -> dict[str, Any]:
    above, below = SCALE.get(kpi.numerator_unit, 1), SCALE.get(kpi.denominator_unit, 1)
    return {
        "code": kpi.code,
        "name": kpi.name,
        "value": None if kpi.value is None else float(kpi.value),
        "unit": kpi.unit.value,
        "numerator": kpi.numerator / above,
        "denominator": None if kpi.denominator is None else kpi.denominator / below,
        "words": kpi.words,
        "source": kpi.source,
        "note": kpi.note,
    }


class Reliability(Asked):
    capability = Capability.VIEW_ANALYTICS
    serializer_class = ReliabilityRow
    query = DaysQuery

    @extend_schema(operation_id="oee_analytics_equipment", parameters=[DaysQuery])
    def get(self, request: Request, code: str) -> Response:
        """How reliable a machine is: MTBF, MTTR, failures, every other KPI, and where its time went."""
        machine, now = find_machine(code), timezone.now()
        days = days_of(self.asked, machine.line, now, Step.DAY)
        totals = whole([machine], days)[machine.id]
        own = company(reading(policy_at(machine.line, now)))  # its name; the hours stay as they were judged
        kpis = {kpi.code: kpi for kpi in every_kpi(figures(totals, own))}
        return self.answer(
            {
                **head(machine, days),
                "failures": totals.failures,
                "minor_stops": totals.minor_stops,
                "mtbf_h": _float(kpis["mtbf"].value),
                "mttr_h": _float(kpis["mttr"].value),
                "kpis": [kpi_row(kpi) for kpi in kpis.values()],
                "top_losses": [lost_row(loss) for loss in lost(asked_scope([machine], days))[:TOP]],
                "totals": totals_row(totals),
            }
        )


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


# ---------------------------------------------------------------- lines against their targets


class TargetsRow(serializers.Serializer[Any]):
    availability = serializers.FloatField()
    performance = serializers.FloatField()
    quality = serializers.FloatField()
    oee = serializers.FloatField()


class PerformanceRow(FiguresRow, MachineDaysHead):
    rating = serializers.CharField(allow_null=True, help_text="excellent, good, fair or poor")
    targets = TargetsRow()
    missed = serializers.ListField(child=serializers.ChoiceField(choices=FACTORS), help_text="Factors below target.")
    change = ChangeRow(help_text="OEE against as many days before.")


def targets_row(policy: LinePolicy) -> dict[str, float]:
    found = {name: getattr(policy, f"target_{name}") for name in FACTORS[:3]}
    return {**found, "oee": found["availability"] * found["performance"] * found["quality"]}


class Performance(AskedList):
    """Every line against its targets and its own past, the one that needs most first."""

    capability = Capability.VIEW_ANALYTICS
    serializer_class = PerformanceRow
    query = LinesQuery

    @extend_schema(operation_id="oee_analytics_performance", parameters=[LinesQuery])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        lines = asked_lines(self.asked)
        with one_glance():
            return performance_rows(lines, self.asked, timezone.now()) if lines else []


def performance_rows(lines: list[Line], asked: dict[str, Any], now: datetime) -> list[dict[str, Any]]:
    """The same number of queries for one line as for all."""
    for question in (calendar, policies_of, judging_of):
        question.foresee(lines)
    machines = speakers(lines)
    days = days_of(asked, lines[0], now, Step.DAY)
    totals, before = whole(machines, days), whole(machines, days.before)
    rows = []
    for machine in machines:
        figures, targets = figures_row(totals[machine.id]), targets_row(policy_at(machine.line, now))
        rows.append(
            {
                **figures,
                **head(machine, days),
                "rating": rating(figures["oee"]["value"]),
                "targets": targets,
                "missed": [name for name in FACTORS if _is_below(figures[name]["value"], targets[name])],
                "change": changes(totals[machine.id], before[machine.id])["oee"],
            }
        )
    return sorted(rows, key=_need)


def _is_below(value: float | None, target: float) -> bool:
    return value is not None and value < target


def _need(row: dict[str, Any]) -> tuple[bool, float]:
    value = row["oee"]["value"]
    return value is None, 0.0 if value is None else value - row["targets"]["oee"]


# ---------------------------------------------------------------- and against the world


class LevelsRow(serializers.Serializer[Any]):
    excellent = serializers.FloatField()
    good = serializers.FloatField()
    fair = serializers.FloatField()
    poor = serializers.FloatField()


class LineTargetsRow(TargetsRow):
    line = serializers.CharField()
    valid_from = serializers.CharField(allow_null=True, help_text="null: what a line has before anybody set targets.")


class RatingWord(serializers.Serializer[Any]):
    word = serializers.CharField()
    at_least = serializers.FloatField()


class BenchmarksRow(serializers.Serializer[Any]):
    world_class_oee = serializers.FloatField()
    industry_average_oee = serializers.FloatField()
    ratings = RatingWord(many=True, help_text="OEE in one word.")
    trends = serializers.ListField(child=serializers.CharField())
    oee = LevelsRow()
    availability = LevelsRow()
    performance = LevelsRow()
    quality = LevelsRow()
    targets = LineTargetsRow(many=True, help_text="What each line is measured by now.")


class Benchmarks(Asked):
    capability = Capability.VIEW_ANALYTICS
    serializer_class = BenchmarksRow
    query = Query

    @extend_schema(operation_id="oee_analytics_benchmarks")
    def get(self, request: Request) -> Response:
        """Common benchmarks, the words for them, and the targets of each line."""
        now = timezone.now()
        words = [*((word, float(at_least)) for at_least, word in RATINGS), ("poor", 0.0)]
        return self.answer(
            {
                "world_class_oee": WORLD_CLASS,
                "industry_average_oee": INDUSTRY_AVERAGE,
                "ratings": [{"word": word, "at_least": at_least} for word, at_least in words],
                "trends": TRENDS,
                **{name: dict(zip(LEVELS, levels, strict=True)) for name, levels in BENCHMARKS.items()},
                "targets": _targets(list(Line.objects.on_screen()), now),
            }
        )


def _targets(lines: list[Line], now: datetime) -> list[dict[str, Any]]:
    with one_glance():
        for question in (policies_of, judging_of):
            question.foresee(lines)
        return [_target(line, policy_at(line, now)) for line in lines]


def _target(line: Line, policy: LinePolicy) -> dict[str, Any]:
    since = local(policy.valid_from, line.site.zone) if policy.pk else None
    return {"line": line.code, "valid_from": since and since.isoformat(), **targets_row(policy)}
