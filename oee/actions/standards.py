"""Standards people change, from a date on; and the past, judged anew by what holds today."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction

from floor import audit, live
from floor.actions.once import once
from floor.actions.retention import detail_horizon
from floor.actions.standards import PastIsJudged, refuse_past
from floor.models import Line, User
from oee.actions.rebuild import lock_line, rederive
from oee.actions.refusals import ImpossibleTime
from oee.domain.factors import FIELDS, Totals, added, factors
from oee.models import LinePolicy, PlannedStop, Restatement
from oee.rows import primary_machine
from oee.stretch import stretch

__all__ = ["PastIsJudged", "change_policy", "correct_policy", "preview", "restate", "take_back_policy"]

POLICY_FIELDS = (
    "micro_stop_s",
    "slow_below",
    "planned_stops_reduce_availability",
    "minor_stops_reduce_availability",
    "no_data_is_lost",
    "target_availability",
    "target_performance",
    "target_quality",
)


# ---------------------------------------------------------------- policies


@transaction.atomic
def change_policy(
    line: Line, rules: Mapping[str, Any], *, by: User | None, now: datetime, starts_at: datetime | None = None
) -> LinePolicy:
    """Judge the line by these rules (POLICY_FIELDS) from `starts_at` (None: now) on. Raises PastIsJudged.

    A shift is judged by the policy under which it began; stops by the one under which they began.
    """
    start = starts_at or now
    refuse_past(line, start, now)
    before = LinePolicy.objects.filter(line=line, valid_from__lte=start).order_by("-valid_from").first()
    row, _ = LinePolicy.objects.update_or_create(line=line, valid_from=start, defaults=dict(rules))
    _record(row, before, by, now)
    return row


@transaction.atomic
def correct_policy(row: LinePolicy, rules: Mapping[str, Any], *, by: User | None, now: datetime) -> LinePolicy:
    """Write other rules into a policy that nothing was judged by yet. Raises PastIsJudged."""
    refuse_past(row.line, row.valid_from, now)
    before = LinePolicy.objects.select_for_update().get(pk=row.pk)
    LinePolicy.objects.filter(pk=row.pk).update(**rules)
    row = LinePolicy.objects.select_related("line").get(pk=row.pk)
    _record(row, before, by, now)
    return row


@transaction.atomic
def take_back_policy(row: LinePolicy, *, by: User | None, now: datetime) -> None:
    """A policy that was to begin later does not. Raises PastIsJudged."""
    refuse_past(row.line, row.valid_from, now)
    audit.record(
        by, "standard.policy", row, now, what=f"Policy of {row.line}", line=row.line.code,
        before=told(row, None), after="taken back", since=row.valid_from.isoformat(),
    )  # fmt: skip
    LinePolicy.objects.filter(pk=row.pk).delete()


def _record(row: LinePolicy, before: LinePolicy | None, by: User | None, now: datetime) -> None:
    audit.record(
        by, "standard.policy", row, now, what=f"Policy of {row.line}", line=row.line.code,
        before=None if before is None else told(before, row), after=told(row, before), since=row.valid_from.isoformat(),
    )  # fmt: skip
    live.changed(row.line_id, "pace", "oee")


def told(row: LinePolicy, other: LinePolicy | None) -> str:
    """The rules of a policy, or only those that differ from the other."""
    fields = [f for f in POLICY_FIELDS if other is None or getattr(row, f) != getattr(other, f)]
    return ", ".join(f"{field.replace('_', ' ')} {_word(getattr(row, field))}" for field in fields)


def _word(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


# ---------------------------------------------------------------- the past, judged anew


@dataclass(frozen=True, slots=True)
class Preview:
    """Figures of the line's primary machine in the stretch; ratios 0..1, None where nothing can be told."""

    before: dict[str, float | int | None]
    after: dict[str, float | int | None]


def restate(
    line: Line,
    start: datetime,
    end: datetime,
    *,
    by: User,
    now: datetime,
    reason: str,
    request_id: UUID | None = None,
) -> Restatement:
    """Judge [start, end) of a line (with its site loaded) by today's standards; the totals before and after are kept.

    An hour is read by today's policy when its beginning lies in the stretch. Raises ImpossibleTime.
    """

    def write() -> Restatement:
        _refuse_impossible(line, start, end, now)
        if not reason.strip():
            raise ImpossibleTime("Say why the past is judged anew; everybody who sees the figures will see it.")
        restatement = _restate(line, start, end, by, now, reason.strip(), request_id)
        audit.record(by, "oee.restate", restatement, now, reason=reason, start=start.isoformat(), end=end.isoformat())
        return restatement

    return once(Restatement, request_id or uuid4(), write)


def preview(line: Line, start: datetime, end: datetime, *, by: User, now: datetime) -> Preview:
    """What restating would change; nothing is written. Raises ImpossibleTime."""
    _refuse_impossible(line, start, end, now)
    with transaction.atomic():
        found = _restate(line, start, end, by, now, "", None)
        transaction.set_rollback(True)
    return Preview(found.before, found.after)


def _restate(
    line: Line, start: datetime, end: datetime, by: User, now: datetime, reason: str, request_id: UUID | None
) -> Restatement:
    lock_line(line.id)
    before = _totals(line, start, end, now)
    restatement = Restatement.objects.create(
        line=line,
        starts_at=start,
        ends_at=end,
        as_of=now,
        reason=reason,
        author=by,
        made_at=now,
        request_id=request_id,
        before=_told(before),
    )
    rederive(line, start=start, end=_reach(line, start, end))
    restatement.after = _told(_totals(line, start, end, now))
    restatement.save(update_fields=["after"])
    return restatement


def _refuse_impossible(line: Line, start: datetime, end: datetime, now: datetime) -> None:
    if end <= start:
        raise ImpossibleTime("The end must be later than the start.")
    if end > now:
        raise ImpossibleTime("Only what has happened can be restated. Choose an end that is not in the future.")
    kept_since = detail_horizon(now)
    if start < kept_since:
        since = f"{kept_since.astimezone(line.site.zone):%d %b %Y %H:%M}"
        raise ImpossibleTime(f"The details from which figures are made are kept since {since}. Choose a later start.")


def _reach(line: Line, start: datetime, end: datetime) -> datetime | None:
    """A planned stop is one thing, judged by when it began: what is left of it after the stretch is taken along."""
    begun = PlannedStop.objects.standing().filter(line=line, starts_at__gte=start, starts_at__lt=end)
    ends = [end, *begun.values_list("ends_at", flat=True)]
    return None if None in ends else max(moment for moment in ends if moment is not None)


def _totals(line: Line, start: datetime, end: datetime, now: datetime) -> Totals:
    """Of the line's primary machine in [start, end), to the minute, by the policies that judge its hours."""
    machine = primary_machine(line)
    return Totals() if machine is None else added(stretch(machine, start, end, now=now).totals.values())


def _told(totals: Totals) -> dict[str, float | int | None]:
    found = factors(totals)
    return {
        "oee": found.oee.value,
        "availability": found.availability.value,
        "performance": found.performance.value,
        "quality": found.quality.value,
        **{name: getattr(totals, name) for name in FIELDS},
    }
