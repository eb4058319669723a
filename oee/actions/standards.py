"""Standards people change, from a date on; and the past, judged anew by what holds today."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Sum

from floor import audit
from floor.models import Line, User
from oee.actions.rebuild import lock_line, rederive
from oee.actions.refusals import ImpossibleTime
from oee.actions.stops import refuse_forgotten
from oee.domain.factors import FIELDS, Totals, factors
from oee.models import HourTotals, Restatement
from oee.rows import primary_machine


@transaction.atomic
def restate(line: Line, start: datetime, end: datetime, *, by: User, now: datetime, reason: str) -> Restatement:
    """Judge [start, end) of a line (with its site loaded) by today's standards; the totals before and after are kept.

    Raises ImpossibleTime.
    """
    if end <= start:
        raise ImpossibleTime("The end must be later than the start.")
    if end > now:
        raise ImpossibleTime("Only what has happened can be restated. Choose an end that is not in the future.")
    if not reason.strip():
        raise ImpossibleTime("Say why the past is judged anew; everybody who sees the figures will see it.")
    refuse_forgotten(line, start, now)
    lock_line(line.id)
    before = stretch_totals(line, start, end)
    restatement = Restatement.objects.create(
        line=line, starts_at=start, ends_at=end, as_of=now, reason=reason, author=by, made_at=now, before=_told(before)
    )
    rederive(line, start=start, end=end)
    restatement.after = _told(stretch_totals(line, start, end))
    restatement.save(update_fields=["after"])
    audit.record(by, "oee.restate", restatement, now, reason=reason, start=start.isoformat(), end=end.isoformat())
    return restatement


def stretch_totals(line: Line, start: datetime, end: datetime) -> Totals:
    """Of the line's primary machine, in whole rows of hours that begin in the stretch."""
    rows = HourTotals.objects.filter(equipment=primary_machine(line), starts_at__gte=start, starts_at__lt=end)
    sums: dict[str, Any] = rows.aggregate(**{name: Sum(name) for name in FIELDS})
    return Totals(**{name: sums[name] or 0 for name in FIELDS})


def _told(totals: Totals) -> dict[str, float | int | None]:
    found = factors(totals)
    return {
        "oee": found.oee.value,
        "availability": found.availability.value,
        "performance": found.performance.value,
        "quality": found.quality.value,
        **{name: getattr(totals, name) for name in FIELDS},
    }
