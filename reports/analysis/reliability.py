"""How reliable each machine of the lines is, and how long its people waited for an answer."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import NamedTuple
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Q, Subquery, Sum

from andon.models import Call, CallQuerySet
from floor.models import Equipment, Line, ProductNumber
from oee.analysis import Scope
from oee.domain.factors import Ratio, Totals
from oee.models import HourTotals
from reports.analysis.asked import Asked, Span

NUMBER = re.compile(r"-?[0-9]{1,9}")
NOBODY_CALLED = (0, timedelta())
Answers = Mapping[tuple[UUID, UUID | None], tuple[int, timedelta]]


class Reliable(NamedTuple):
    """`is_speaker`: its line is shown by this machine, and the calls without a machine are counted here."""

    line: str
    machine: Equipment
    is_speaker: bool
    totals: Totals
    answered: int
    waited_ms: int

    @property
    def mtbf(self) -> Ratio:
        return Ratio(self.totals.operating_ms, self.totals.failures or None)

    @property
    def mttr(self) -> Ratio:
        return Ratio(self.totals.stop_ms, self.totals.failures or None)

    @property
    def mtta(self) -> Ratio:
        return Ratio(self.waited_ms, self.answered or None)


def reliability(asked: Asked, made: Mapping[UUID, Totals], read: Callable[[Totals], Totals]) -> list[Reliable]:
    """Every machine of the lines; `made` are their totals, `read` judges them."""
    answers, speakers = _answers(asked), {machine.line: machine for machine in asked.speakers}
    found = []
    for machine in asked.every_machine:
        if machine.line not in speakers:
            continue
        is_speaker = speakers[machine.line] == machine
        count, waited = _answered(answers, machine, is_speaker)
        waited_ms = waited // timedelta(milliseconds=1)
        totals = read(made.get(machine.id, Totals()))
        found.append(Reliable(machine.line.code, machine, is_speaker, totals, count, waited_ms))
    return found


def _answered(answers: Answers, machine: Equipment, is_speaker: bool) -> tuple[int, timedelta]:
    count, waited = answers.get((machine.line_id, machine.id), NOBODY_CALLED)
    others, they_waited = answers.get((machine.line_id, None), NOBODY_CALLED) if is_speaker else NOBODY_CALLED
    return count + others, waited + they_waited


def _answers(asked: Asked) -> Answers:
    """By line and machine: calls that were answered, and how long they waited together."""
    if not asked.spans:
        return {}
    calls = Call.objects.counted().filter(_raised_in(asked.spans), acknowledged_at__isnull=False)
    if asked.narrowed_to:
        calls = _of_hours(calls, asked)
    waited = Sum(F("acknowledged_at") - F("raised_at"))
    sums = calls.values_list("line", "equipment").annotate(count=Count("pk"), waited=waited)
    return {(line, machine): (count, waited) for line, machine, count, waited in sums}


def _raised_in(spans: Mapping[Line, Span]) -> Q:
    """Lines mostly share one span."""
    lines: dict[tuple[datetime, datetime], list[Line]] = defaultdict(list)
    for line, span in spans.items():
        lines[span.since, span.until].append(line)
    raised = (Q(line__in=of, raised_at__gte=since, raised_at__lt=until) for (since, until), of in lines.items())
    return reduce(or_, raised)


def _of_hours(calls: CallQuerySet, asked: Asked) -> CallQuerySet:
    """Those raised in the hours that are meant, by what the machine that speaks for the line did then."""
    speaker = Equipment.objects.filter(line=OuterRef("line"), pk__in=asked.scope.speakers).values("pk")[:1]
    # Hours do not overlap: only the last that began can hold the moment.
    before = HourTotals.objects.filter(equipment=OuterRef("speaker"), starts_at__lte=OuterRef("raised_at"))
    hour = HourTotals.objects.filter(_kept(asked.scope), pk=OuterRef("hour"), ends_at__gt=OuterRef("raised_at"))
    calls = calls.alias(speaker=Subquery(speaker)).alias(hour=Subquery(before.order_by("-starts_at").values("pk")[:1]))
    return calls.filter(Exists(hour))


def _kept(scope: Scope) -> Q:
    """The rows of hour totals of this shift, team, product and job; of all that are not given."""
    asked = (("shift_name", scope.shift), ("team", scope.team), ("job__number", scope.job))
    named = {name: value for name, value in asked if value}
    if not scope.product:
        return Q(**named)
    if scope.product.startswith("#"):
        number = scope.product.removeprefix("#")
        return Q(**named, product_number__in=[int(number)] if NUMBER.fullmatch(number) else [])
    numbers = ProductNumber.objects.filter(
        line=OuterRef("line"), number=OuterRef("product_number"), product__code=scope.product
    )
    return Q(Exists(numbers), **named)
