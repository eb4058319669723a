"""Ideal cycles from a moment on: a change ends one standard and begins the next, so the past keeps its own."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q

from floor import audit, live
from floor.models import Equipment, IdealCycle, Job, Line, LineState, Product, User
from floor.models.plant import LONGEST_CYCLE_MS, IdealCycleQuerySet

ALWAYS = datetime(2000, 1, 1, tzinfo=UTC)


class PastIsJudged(ValueError):
    """The past keeps the standard it was judged by."""


class ImpossibleStandard(ValueError):
    """A standard that cannot be meant."""


class Scope(NamedTuple):
    """What an ideal cycle holds for; None is any."""

    line: Line | None = None
    equipment: Equipment | None = None
    product: Product | None = None
    job: Job | None = None

    def __str__(self) -> str:
        if self.job:
            return str(self.job)
        place = self.equipment or self.line
        words = [str(self.product)] if self.product else []
        return " on ".join([*words, str(place)] if place else words)

    @property
    def its_line(self) -> Line | None:
        if self.job:
            return self.job.line
        return self.equipment.line if self.equipment else self.line

    @property
    def judges_nothing(self) -> bool:
        """A job that was never started: no part was judged by it, whatever its line has made."""
        return self.job is not None and not self.job.runs.exists()


def scope_of(row: IdealCycle) -> Scope:
    return Scope(row.line, row.equipment, row.product, row.job)


def has_facts(line: Line | None) -> bool:
    """Whether anything was ever recorded of this line; None: of any line."""
    states = LineState.objects.filter(facts_version__gt=0)
    return (states if line is None else states.filter(line=line)).exists()


def refuse_judged(scope: Scope, start: datetime, now: datetime) -> None:
    """Raises PastIsJudged."""
    if not scope.judges_nothing:
        refuse_past(scope.its_line, start, now)


def is_in_force(line: Line | None, valid_from: datetime, now: datetime) -> bool:
    """Whether something may have been judged by a standard of this line that holds from `valid_from` on."""
    return valid_from <= now and has_facts(line)


def refuse_past(line: Line | None, start: datetime, now: datetime) -> None:
    """Raises PastIsJudged for a change that would judge recorded time otherwise without leaving a mark."""
    if start < now and has_facts(line):
        raise PastIsJudged(
            "The past keeps the standard it was judged by. Choose a moment from now on; "
            "to judge the past anew, change the standard first and then use “Restate” on the line's standards page."
        )


@transaction.atomic
def change_ideal_cycle(
    scope: Scope, ideal_cycle_ms: int, *, by: User | None, now: datetime, starts_at: datetime | None = None
) -> IdealCycle:
    """From `starts_at` (None: now) on this ideal cycle holds. Raises PastIsJudged and ImpossibleStandard."""
    start = starts_at or now
    refuse_impossible(scope, ideal_cycle_ms)
    refuse_judged(scope, start, now)
    before = of_scope(scope).in_force(start).first()
    row = _insert(scope, ideal_cycle_ms, start)
    _record(row, before, ideal_cycle_ms, start, by, now)
    return row


@transaction.atomic
def correct_ideal_cycle(row: IdealCycle, ideal_cycle_ms: int, *, by: User | None, now: datetime) -> IdealCycle:
    """Write another value into a standard that nothing was judged by yet. Raises PastIsJudged, ImpossibleStandard."""
    scope = scope_of(row)
    refuse_impossible(scope, ideal_cycle_ms)
    refuse_judged(scope, row.valid_from, now)
    before = IdealCycle.objects.select_for_update().get(pk=row.pk)
    IdealCycle.objects.filter(pk=row.pk).update(ideal_cycle_ms=ideal_cycle_ms)
    _record(row, before, ideal_cycle_ms, row.valid_from, by, now)
    return IdealCycle.objects.get(pk=row.pk)


@transaction.atomic
def take_back_ideal_cycle(row: IdealCycle, *, by: User | None, now: datetime) -> None:
    """A standard that was to begin later does not; the one before it goes on."""
    scope = scope_of(row)
    refuse_judged(scope, row.valid_from, now)
    of_scope(scope).filter(pk=row.pk).delete()
    of_scope(scope).filter(valid_to=row.valid_from).update(valid_to=row.valid_to)
    _tell(row, by, now, scope=scope, before=f"{row.ideal_cycle_ms} ms", after="taken back", since=row.valid_from)


def put_ideal_cycle(scope: Scope, ideal_cycle_ms: int, start: datetime) -> IdealCycle:
    """Begin a standard at `start`; what was to begin later gives way. The caller says who and why."""
    end_ideal_cycle(scope, start)
    return IdealCycle.objects.create(**scope._asdict(), ideal_cycle_ms=ideal_cycle_ms, valid_from=start)


def _insert(scope: Scope, ideal_cycle_ms: int, start: datetime) -> IdealCycle:
    """Begin a standard at `start`; what is planned for later stays planned."""
    rows = of_scope(scope)
    later = rows.filter(valid_from__gt=start).order_by("valid_from").values_list("valid_from", flat=True).first()
    rows.filter(valid_from=start).delete()
    rows.in_force(start).update(valid_to=start)
    return IdealCycle.objects.create(**scope._asdict(), ideal_cycle_ms=ideal_cycle_ms, valid_from=start, valid_to=later)


def end_ideal_cycle(scope: Scope, end: datetime) -> None:
    rows = of_scope(scope)
    rows.filter(valid_from__gte=end).delete()
    rows.filter(Q(valid_to=None) | Q(valid_to__gt=end)).update(valid_to=end)


def of_scope(scope: Scope) -> IdealCycleQuerySet:
    return IdealCycle.objects.filter(**scope._asdict())


def refuse_impossible(scope: Scope, ideal_cycle_ms: int) -> None:
    """Raises ImpossibleStandard."""
    if scope == Scope():
        raise ImpossibleStandard("Name a line, a machine, a product or a job for which this ideal cycle holds.")
    if scope.job is not None and scope != Scope(job=scope.job):
        raise ImpossibleStandard("A job has its line and its product already. Leave the others empty.")
    if scope.line is not None and scope.equipment is not None:
        raise ImpossibleStandard("A machine has its line already. Leave the line empty.")
    if not 0 < ideal_cycle_ms <= LONGEST_CYCLE_MS:
        raise ImpossibleStandard("An ideal cycle is more than 0 ms and at most one hour (3 600 000 ms) per unit.")


def _record(
    row: IdealCycle, before: IdealCycle | None, after_ms: int, start: datetime, by: User | None, now: datetime
) -> None:
    told = None if before is None else f"{before.ideal_cycle_ms} ms"
    _tell(row, by, now, scope=scope_of(row), before=told, after=f"{after_ms} ms", since=start)


def _tell(
    row: IdealCycle, by: User | None, now: datetime, *, scope: Scope, before: str | None, after: str, since: datetime
) -> None:
    line = scope.its_line
    audit.record(
        by, "standard.ideal_cycle", row, now, what=f"Ideal cycle of {scope}",
        line=line.code if line else "", before=before, after=after, since=since.isoformat(),
    )  # fmt: skip
    for its in _lines(line):
        live.changed(its.id, "pace", "rate")


def _lines(line: Line | None) -> Iterable[Line]:
    return Line.objects.enabled() if line is None else [line]
